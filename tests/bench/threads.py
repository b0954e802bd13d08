"""Two threads against one, beside what the machine itself has to give.

The limit is measured in the same turns: two copies of the kernel, one thread each, that know nothing of each other.
Where they take longer side by side than one takes alone, the cores share something (memory, the clock, other
processes), and no way of sharing out the work can make up for that.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from . import compute, rows
from .kernels import interleaved
from .table import RESULTS, Table, duration

CHOSEN = (
    "logistic 200000 × 100",
    "logistic 20000 × 1000",
    "softmax regression 100000 × 50 → 10",
    "network 10000, 64-128-10",
    "mixture, variances 200000 × 8, k = 5",
    "PCA 50000 × 100, rank 10",
)
#: Calls of each copy in a row, so that waking the second thread does not count.
ROW = 3
#: Where two copies gain less than this, the cores were not ours alone: the case is measured again, at most so often,
#: after so many seconds in which nothing is done. A host may put two virtual cores that have long been busy on one way
#: to memory, and apart again when they wake.
WHOLE, TURNS, PAUSE = 1.85, 4, 25.0


def cases() -> list[compute.Case]:
    """The cases, each long enough on one thread; the mixture has four times its rows for that."""
    found = [*rows.cases(), *compute.CASES]
    (small,) = (c for c in found if c.name == "mixture, variances")
    found.append(
        replace(small, size="200000 × 8, k = 5", arrays=lambda: compute._mixture(200_000, 8, 5, "diagonal")())
    )
    return [c for c in found if f"{c.name} {c.size}" in CHOSEN]


class Companion:
    """A thread that calls a function some times in a row when it is told to."""

    def __init__(self, call: Callable[[], Any]) -> None:
        self.call, self.told, self.done = call, threading.Semaphore(0), threading.Semaphore(0)
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            self.told.acquire()
            for _ in range(ROW):
                self.call()
            self.done.release()

    def beside(self, call: Callable[[], Any]) -> None:
        """The same calls by this thread and by the caller's at once."""
        self.told.release()
        for _ in range(ROW):
            call()
        self.done.acquire()


def _measured(calls: dict[str, Callable[[], Any]], quick: bool) -> dict[str, float]:
    """The times of the turn in which two copies gained most: what our threads make of it has no say."""
    turns = []
    for turn in range(1 if quick else TURNS):
        if turn:
            time.sleep(PAUSE)
        found = interleaved(calls, 0.5 if quick else 2.0, time.perf_counter, share=0.1)
        found["both"] /= ROW
        turns.append(found)
        if _limit(found) >= WHOLE:
            break
    return max(turns, key=_limit)


def _limit(found: dict[str, float]) -> float:
    """What two copies side by side gain over one."""
    return 2 * found["one"] / found["both"]


def table(quick: bool) -> Table:
    """One thread's time over two's; the results have the same bits."""
    found_rows = []
    for case in cases():
        arrays = case.arrays()
        point = {k: a for k, a in arrays.items() if k in case.unknowns}
        one: Any = compute.kernel(case).bind({k: a for k, a in arrays.items() if k not in point})
        two = one.kernel.bind(one.arrays, threads=2)
        # with data of its own: what one of two copies reads, the other would find in a cache that they share
        copy = one.kernel.bind({k: np.array(a) for k, a in one.arrays.items()})
        for a, b in zip(one(point).values(), two(point).values(), strict=True):
            if not np.array_equal(a, b):
                raise AssertionError(f"{case.name}: two threads and one differ")
        copy(point)
        companion = Companion(lambda f=copy, p=point: f(p))  # type: ignore[misc]
        calls: dict[str, Callable[[], Any]] = {
            "one": lambda f=one, p=point: f(p),  # type: ignore[misc]
            "two": lambda f=two, p=point: f(p),  # type: ignore[misc]
            "both": lambda f=one, p=point, c=companion: c.beside(lambda: f(p)),  # type: ignore[misc]
        }
        found = _measured(calls, quick)
        RESULTS[f"threads, {case.name} {case.size}"] = found
        gain, limit = found["one"] / found["two"], _limit(found)
        found_rows.append(
            [
                f"{case.name}, {case.size}",
                duration(found["one"]),
                f"{gain:.2f}",
                f"{limit:.2f}",
                f"{100 * gain / limit:.0f} %",
            ]
        )
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    return Table(
        "Two threads against one (wall time)",
        ["case", "one thread", "one / two", "two copies at once", "share of that"],
        found_rows,
        "The same results, bit for bit. `two copies at once`: how much more two independent copies of the kernel "
        "with one thread each get done side by side than one alone, in the same turns; 2 on a machine whose cores "
        "share nothing, less where they share memory, the clock or other processes. A tenth of the calls was quicker "
        f"than the times given. Where two copies gain less than {WHOLE}, the case is measured up to {TURNS} times, "
        f"{PAUSE:.0f} s apart (virtual cores that have been busy for long may be put on one way to memory), and the "
        "turn in which they gained most is given, whatever our threads did in it. "
        f"{load:.1f} processes were running on {os.cpu_count()} cores.",
    )
