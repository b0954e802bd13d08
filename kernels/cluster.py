"""Rows in Dask: arrays and delayed blocks, on threads, processes or machines.

Every chunk of rows is one task, `worker_sums`, which takes the kernel's source with its hash, plain numbers and
arrays, and the chunk's rows. So a worker needs this package and nothing of the caller's: it writes the source into
its own cache and compiles it once. The tasks are what a thread does locally (`streams.chunk_sums`) and their sums
are added here in the same tree: the result has the bits of the local one, on like processors.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..domains import Array
from ..errors import DataError, SizeError
from ..node import variable
from .cache import load
from .streams import chunk_starts, chunk_sums, readable
from .threads import combined, single_blas_thread

#: What a worker is told of an input whose entries it checks: name, sizes' names, facts.
Checked = tuple[str, tuple[str, ...], tuple[str, ...]]


def is_lazy(value: Any) -> bool:
    """Whether the value is a Dask array, or a list of delayed blocks of rows. Dask is not loaded for this."""
    if isinstance(value, list | tuple) and value:
        return all(_is_delayed(block) for block in value)
    array = sys.modules.get("dask.array")
    return array is not None and isinstance(value, array.Array)


def _is_delayed(value: Any) -> bool:
    delayed = sys.modules.get("dask.delayed")
    return delayed is not None and isinstance(value, delayed.Delayed)


def as_rows(name: str, value: Any) -> Any:
    """A Dask array of known shape; of delayed blocks the shapes are asked for first."""
    import dask
    import dask.array

    if isinstance(value, list | tuple):
        heads = dask.compute(*[dask.delayed(_described)(block) for block in value])
        blocks = [
            dask.array.from_delayed(block, shape, dtype)
            for block, (shape, dtype) in zip(value, heads, strict=True)
        ]
        value = dask.array.concatenate(blocks, axis=0)
    if any(length != length for length in value.shape):
        raise SizeError(f"{name} has unknown lengths; call its compute_chunk_sizes() first")
    if value.dtype.kind not in "fiub":
        raise DataError(f"{name} has entries of type {value.dtype}, not real numbers")
    return value


def _described(block: Any) -> tuple[tuple[int, ...], np.dtype[Any]]:
    array = np.asarray(block)
    return array.shape, array.dtype


def stand_in(array: Any) -> Array:
    """Zeros of the same shape that take no memory: sizes are learnt from them."""
    return np.broadcast_to(np.zeros((), array.dtype), array.shape)


def worker_sums(
    source: str,
    digest: str,
    lo: int,
    sizes: Sequence[int],
    inputs: Sequence[Any],
    dtype: str,
    checked: Mapping[int, Checked],
    *blocks: Any,
) -> Array:
    """The sums over one chunk, on a worker: `blocks` are the rows from `lo` on, in the order of `BLOCKS`."""
    if hashlib.sha256(source.encode()).hexdigest() != digest:
        raise DataError("the source of a kernel was damaged on its way to a worker")
    module = load(source)
    found = [readable(a) if isinstance(a, np.ndarray) else a for a in inputs]
    for k, rows in zip(module.BLOCKS, blocks, strict=True):
        found[k] = np.asarray(rows)
    import sympy

    checks = {
        k: variable(name, tuple(sympy.Symbol(s, integer=True, positive=True) for s in axes), facts)
        for k, (name, axes, facts) in checked.items()
    }
    with single_blas_thread():
        state = module.begin(*sizes, *found)
        count = len(found[module.BLOCKS[0]])
        return chunk_sums(module, 0, count, state, sizes, found, np.dtype(dtype), checks, lo)


def clustered(
    source: str,
    rows: int,
    sizes: Sequence[int],
    inputs: Sequence[Any],
    dtype: np.dtype[Any],
    checked: Mapping[int, Checked],
) -> Sequence[Any]:
    """The results from rows that are Dask arrays, or local ones, in whole chunks."""
    import dask

    module = load(source)
    digest = hashlib.sha256(source.encode()).hexdigest()
    small = [None if k in module.BLOCKS else a for k, a in enumerate(inputs)]
    starts = chunk_starts(rows)
    task = dask.delayed(worker_sums, pure=False)
    tasks = [
        task(
            source,
            digest,
            lo,
            tuple(sizes),
            small,
            dtype.name,
            dict(checked),
            *(inputs[k][lo : lo + starts.step] for k in module.BLOCKS),
        )
        for lo in starts
    ]
    parts = dask.compute(*tasks)
    own = [a if a is not None else np.empty((0,), dtype) for a in small]
    with single_blas_thread():
        state = module.begin(*sizes, *own)
        results: Sequence[Any] = module.finish(combined(parts), state, *sizes, *own)
    return results
