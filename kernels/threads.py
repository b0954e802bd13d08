"""Threads: a pool for chunks of rows, sums in a fixed order, and BLAS kept to one thread meanwhile.

Compiled kernels release the interpreter's lock, so plain threads are enough. Nothing here decides what a
chunk is.
"""

from __future__ import annotations

import itertools
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import lru_cache
from queue import SimpleQueue
from typing import Any

import numpy as np

from ..domains import Array
from ..errors import ArgumentError


def thread_count(threads: int) -> int:
    """A number of threads; 0 stands for as many as there are processors."""
    if isinstance(threads, bool) or not isinstance(threads, int) or threads < 0:
        raise ArgumentError(f"threads is a whole number ≥ 0 (0: one per processor), not {threads!r}")
    return threads or os.cpu_count() or 1


@lru_cache(maxsize=4)
def _pool(threads: int, process: int) -> ThreadPoolExecutor:
    """One pool per size, and per process: threads do not survive a fork."""
    return ThreadPoolExecutor(threads, thread_name_prefix="derive")


def mapped(task: Callable[[int], Array], items: Iterable[int], threads: int) -> list[Array]:
    """The results in the order of the items, whoever computed them. An error in one is raised here.

    The caller works too. Whoever is done takes the next item: a task per item would cost more than a short chunk.
    """
    todo = list(items)
    results: list[Array | None] = [None] * len(todo)
    turns = itertools.count()  # taking the next number is one step of the interpreter: no two get the same
    failed: list[BaseException] = []

    def work() -> None:
        while not failed and (k := next(turns)) < len(todo):
            try:
                results[k] = task(todo[k])
            except BaseException as error:
                failed.append(error)

    others = [_pool(threads, os.getpid()).submit(work) for _ in range(min(threads, len(todo)) - 1)]
    work()
    for other in others:
        other.result()
    if failed:
        raise failed[0]
    return [r for r in results if r is not None]


@lru_cache(maxsize=4)
def _crew(threads: int, process: int) -> SimpleQueue[Any]:
    """Threads that wait for work, and the queue they wait at: quicker to call than a pool, which keeps more books."""
    queue: SimpleQueue[Any] = SimpleQueue()

    def serve() -> None:
        while True:
            work, answers = queue.get()
            try:
                work(0)
                answers.put(None)
            except BaseException as error:
                answers.put(error)
            del work, answers  # or the data would live until there is work again

    for k in range(threads):
        threading.Thread(target=serve, name=f"derive-{k}", daemon=True).start()
    return queue


#: How often a thread asks whether the others are done before it goes to sleep: a tenth of a millisecond.
PATIENCE = 10_000


def together(work: Callable[[int], bool], threads: int) -> None:
    """The same on every thread, the caller's included, until all is done. An error in one is raised here.

    work  is told how long to wait for the others, and says whether nothing is left to do, whoever did it
    """
    answers: SimpleQueue[BaseException | None] = SimpleQueue()
    for _ in range(threads - 1):
        _crew(threads - 1, os.getpid()).put((work, answers))
    whole = False
    try:
        whole = work(PATIENCE)
    finally:
        errors = [] if whole else [e for _ in range(threads - 1) if (e := answers.get()) is not None]
    if errors:
        raise errors[0]


def combined(parts: Iterable[Array], count: int | None = None) -> Array:
    """The sum of parts, in the order of a binary tree: the same for the same parts, whoever computed them.

    count  how many there are, where parts come one by one: then only a few are kept at a time
    """
    if count is None:
        parts = list(parts)
        count = len(parts)
    tree: list[Array] = []
    for k, part in enumerate(parts):
        tree.append(np.array(part, dtype=np.float64))
        pairs = k + 1
        while len(tree) > 1 and (pairs % 2 == 0 or k == count - 1):
            last = tree.pop()
            tree[-1] += last
            pairs //= 2
    return tree[0]


_lock = threading.Lock()
_inside = 0
_before: list[tuple[Any, int]] = []


@lru_cache(maxsize=1)
def _libraries() -> Any:
    """The BLAS libraries of this process, found once."""
    import scipy.linalg.cython_blas  # noqa: F401  the one that kernels call; it must be loaded to be found
    from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]

    return ThreadpoolController().select(user_api="blas").lib_controllers


@contextmanager
def single_blas_thread() -> Iterator[None]:
    """BLAS on one thread inside; as it was when the last of several concurrent users leaves."""
    global _inside, _before
    with _lock:
        if _inside == 0:
            # asking takes a microsecond, setting what is set already ten
            _before = [(library, n) for library in _libraries() if (n := library.get_num_threads()) != 1]
            for library, _ in _before:
                library.set_num_threads(1)
        _inside += 1
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if _inside == 0:
                for library, n in _before:
                    library.set_num_threads(n)
