"""A clock that stands still while kernels are made, by which `max_time` is measured.

What is allowed to a run is allowed to its iterations: code is made, or read from disk, once for a statement, and takes
seconds when the cache is empty and none afterwards. A limit that counted it would end the same run at different points
from one day to the next. What one thread makes does not stop the clock of another.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager


class _Making(threading.local):
    """Seconds spent by this thread so far, how deep it is in the making, and since when."""

    spent = 0.0
    depth = 0
    since = 0.0


_making = _Making()


def now() -> float:
    """Seconds, without those in which this thread made kernels."""
    still = _making.since if _making.depth else time.perf_counter()
    return still - _making.spent


def begin() -> None:
    """The clock stops; calls may be nested."""
    if _making.depth == 0:
        _making.since = time.perf_counter()
    _making.depth += 1


def end() -> None:
    """It goes on where it stopped."""
    _making.depth -= 1
    if _making.depth == 0:
        _making.spent += time.perf_counter() - _making.since


@contextmanager
def standing() -> Iterator[None]:
    """The clock stands inside."""
    begin()
    try:
        yield
    finally:
        end()
