"""The clock of runs: it stands while kernels are made, in this thread alone."""

from __future__ import annotations

import threading
import time

import numba

from derive.kernels import clock
from derive.kernels.special import compiled


def test_it_stands_while_kernels_are_made() -> None:
    """Nested makings count once; a clock that goes does not go back."""
    before = clock.now()
    with clock.standing():
        inside = clock.now()
        with clock.standing():
            time.sleep(0.01)
        assert clock.now() == inside
    assert before <= inside <= clock.now() < inside + 0.01


def test_compiling_is_a_making() -> None:
    """What numba does at a first call is not time of the run."""

    @compiled
    def twice(x: float) -> float:
        return 2.0 * x

    assert numba.__version__
    wall, run = time.perf_counter(), clock.now()
    assert twice(1.5) == 3.0
    assert clock.now() - run < 0.7 * (time.perf_counter() - wall)


def test_other_threads_go_on() -> None:
    """A kernel made here does not stop the clock of a run there."""
    seen: list[float] = []

    def run() -> None:
        first = clock.now()
        time.sleep(0.01)
        seen.append(clock.now() - first)

    with clock.standing():
        other = threading.Thread(target=run)
        other.start()
        other.join()
    assert seen[0] >= 0.005
