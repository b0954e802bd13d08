"""One pass over rows that are somewhere else: in another layout, in a file, on another machine.

The rows are cut into the same chunks as in compiled code. The sums over one chunk are `chunk_sums`, whoever has the
rows: the caller, a thread of a pool, or a worker of a cluster (`cluster`); they are added in the same tree
(`threads.combined`). A chunk is read in spans of a few blocks: a span that is not what compiled code reads (other
order, other kind of number, strides) is copied, and checked while it is in cache. An array whose rows are added up
with weights needs no look: a sum that is finite had no entries that were not. So memory is bounded by the
span, whatever the number of rows, and all results have the same bits.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator, Mapping, Sequence
from types import ModuleType
from typing import Any

import numpy as np

from ..domains import Array
from ..evaluate import check_entries
from ..node import Variable
from .program import LINE
from .threads import combined, mapped, together

#: Rows per chunk at least, and chunks at most; the generated driver says the same.
CHUNK_ROWS, CHUNKS = 1024, 64
#: Entries of the widest array in a span.
SPAN = 1 << 17


def chunk_starts(rows: int) -> range:
    """The first row of every chunk; the step is the rows of a chunk, a multiple of eight.

    An even number of them, or a multiple of eight: threads then get equal shares.
    """
    count = max(1, min(CHUNKS, rows // CHUNK_ROWS))
    count -= count % (8 if count > 15 else 2 if count > 1 else 1)
    return range(0, rows, -(-rows // (8 * count)) * 8)


def is_native(array: Any, dtype: np.dtype[Any]) -> bool:
    """Whether compiled code can read the array as it is."""
    return bool(array.dtype == dtype and array.flags.c_contiguous and array.flags.aligned)


def is_read(module: ModuleType, k: int, array: Any, dtype: np.dtype[Any]) -> bool:
    """Whether compiled code can read an input as it is: also one in single precision, if only products of rows do."""
    return is_native(array, dtype) or (k in module.SINGLES and is_native(array, np.dtype(np.float32)))


def readable(array: Array) -> Array:
    """The same memory, not marked read-only: else numba would compile once more for it. Nothing writes there."""
    if array.flags.writeable or not array.flags.c_contiguous:
        return array
    memory: Any = (ctypes.c_char * array.nbytes).from_address(array.ctypes.data)
    memory.owner = array
    return np.frombuffer(memory, array.dtype).reshape(array.shape)


def spans(
    module: ModuleType,
    lo: int,
    hi: int,
    inputs: Sequence[Any],
    dtype: np.dtype[Any],
    block: int,
    checks: Mapping[int, Variable],
    first: int,
) -> Iterator[tuple[int, list[Any]]]:
    """The rows lo to hi, some blocks at a time: their number, and the inputs with those rows only."""
    width = max(inputs[k][0].size for k in module.BLOCKS)
    step = max(block, SPAN // width // block * block)
    for start in range(lo, hi, step):
        stop = min(hi, start + step)
        found = list(inputs)
        for k in module.BLOCKS:
            found[k] = np.require(inputs[k][start:stop], dtype, ["C", "A"])
            if k in checks:
                check_entries(checks[k], found[k], first=first + start)
            found[k] = readable(found[k])
        yield stop - start, found


def chunk_sums(
    module: ModuleType,
    lo: int,
    hi: int,
    state: Sequence[Any],
    sizes: Sequence[int],
    inputs: Sequence[Any],
    dtype: np.dtype[Any],
    checks: Mapping[int, Variable] | None = None,
    first: int = 0,
) -> Array:
    """The sums over rows lo to hi.

    state   what `begin` of the module gave
    checks  variables by the position of the input whose entries are checked on the way
    first   the number of row 0 in all the data, for messages
    """
    width, block = module.room(*sizes, *inputs)
    acc: Array = np.zeros(width)
    told = {k: v for k, v in (checks or {}).items() if k in module.CARRIES and not v.facts}
    direct = {k: v for k, v in (checks or {}).items() if k not in told}
    if all(is_read(module, k, inputs[k], dtype) for k in module.BLOCKS or ()):
        for k, v in direct.items():
            check_entries(v, inputs[k][lo:hi], first=first + lo)
        module.part(lo, hi, acc, state, *sizes, *inputs)
    else:
        for count, found in spans(module, lo, hi, inputs, dtype, block, direct, first):
            module.part(0, count, acc, state, *sizes, *found)
    if told and not np.isfinite(acc).all():  # an entry, or an overflow
        for k, v in told.items():
            check_entries(v, inputs[k][lo:hi], first=first + lo)
    return acc


def _on_lines(rows: int, columns: int) -> Array:
    """A matrix of doubles that begins on the boundary of a cache line."""
    room = np.empty(rows * columns + LINE - 1)
    start = -(room.ctypes.data // room.itemsize) % LINE
    return room[start : start + rows * columns].reshape(rows, columns)


def streamed(
    module: ModuleType,
    rows: int,
    sizes: Sequence[int],
    inputs: Sequence[Any],
    dtype: np.dtype[Any],
    *,
    threads: int = 1,
    checks: Mapping[int, Variable] | None = None,
) -> Sequence[Any]:
    """The results, from all rows."""
    state = module.begin(*sizes, *inputs)
    starts = chunk_starts(rows)

    def sums(lo: int) -> Array:
        return chunk_sums(module, lo, min(rows, lo + starts.step), state, sizes, inputs, dtype, checks)

    if threads == 1:
        found = combined(map(sums, starts), len(starts))
    elif checks or not all(is_read(module, k, inputs[k], dtype) for k in module.BLOCKS or ()):
        found = combined(mapped(sums, starts, threads), len(starts))
    else:  # threads take turns inside compiled code, and meet the interpreter once each
        people = min(threads, len(starts))
        parts = _on_lines(len(starts), module.room(*sizes, *inputs)[0])
        # counted in every stretch of chunks; who comes; whether all is added up; the halves of every sum
        turns = np.zeros(people + 2 + len(starts), np.int64)

        def share(patience: int) -> bool:
            module.spread(turns, parts, starts.step, rows, patience, state, *sizes, *inputs)
            return bool(turns[people + 1])

        together(share, people)
        found = parts[0].copy()  # the others need not live as long as the results
    results: Sequence[Any] = module.finish(found, state, *sizes, *inputs)
    return results
