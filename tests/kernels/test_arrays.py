"""Room for arrays and other shapes, compiled and under Python."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from derive.kernels.arrays import accumulate, assign, clear, empty, shaped, take, taken
from derive.kernels.special import compiled


@compiled
def _filled(n, m):  # type: ignore[no-untyped-def]
    made = empty((n, m), np.float32)
    for i in range(n):
        for j in range(m):
            made[i, j] = 10 * i + j
    return made


@compiled
def _part_of_a_new_array(n):  # type: ignore[no-untyped-def]
    total = empty((2 * n + 1,), np.float64)
    for i in range(2 * n + 1):
        total[i] = i
    return shaped(total[1 : 2 * n + 1], (2, n))


@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (5, 1)])
def test_new_arrays(shape: tuple[int, int]) -> None:
    """In row order, of the kind that was asked for, on a boundary of a cache line."""
    found = _filled(*shape)
    assert (found.shape, found.dtype, found.flags.c_contiguous) == (shape, np.float32, True)
    assert found.ctypes.data % 64 == 0
    assert np.array_equal(found, np.add.outer(10 * np.arange(shape[0]), np.arange(shape[1])))


def test_other_shapes_keep_their_memory() -> None:
    """A part in another shape outlives the name of the whole."""
    kept = [_part_of_a_new_array(k) for k in (1, 4, 1000)]
    for found, k in zip(kept, (1, 4, 1000), strict=True):
        assert np.array_equal(found, np.arange(1, 2 * k + 1).reshape(2, k))


@compiled
def _summed(total, part, out):  # type: ignore[no-untyped-def]
    accumulate(total, part)
    assign(out, total)
    clear(total)


@pytest.mark.parametrize("size", [1, 7, 8, 9, 16, 31, 100])
def test_whole_arrays(size: int) -> None:
    """Added, copied and cleared, and nothing beyond their ends."""
    rng = np.random.default_rng(size)
    room = rng.standard_normal((3, size + 3))
    before = room.copy()
    _summed(*(row[1 : size + 1] for row in room))
    inside = slice(1, size + 1)
    assert np.array_equal(room[2, inside], before[0, inside] + before[1, inside])
    assert np.array_equal(room[1], before[1])
    assert not room[0, inside].any()
    room[:, inside] = before[:, inside]
    assert np.array_equal(room, before)


@compiled
def _turns(turns, mine):  # type: ignore[no-untyped-def]
    count = 0
    k = take(turns, 1)
    while k < mine.shape[0]:
        mine[k] += 1
        count += 1
        take(turns, 0)
        k = take(turns, 1)
    while taken(turns, 0) < mine.shape[0]:
        pass
    return count


def test_every_turn_is_taken_once() -> None:
    """Two threads without the interpreter's lock; every number goes to one of them."""
    turns, mine = np.zeros(2, np.int64), np.zeros(200_000, np.int64)
    _turns(np.full(2, 9), mine[:9])
    with ThreadPoolExecutor(2) as pool:
        counts = list(pool.map(lambda _: _turns(turns, mine), range(2)))
    assert sum(counts) == mine.size
    assert np.all(mine == 1)
    assert turns.tolist() == [mine.size, mine.size + 2]


def test_the_same_under_python() -> None:
    def under_python(n: int) -> Any:
        return shaped(empty((2 * n,), np.float64), (2, n))

    assert under_python(3).shape == (2, 3)
