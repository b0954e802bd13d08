"""Gram matrices of few columns, summed in registers.

    narrow_gram: out += factor · blockᵀ block, the lower triangle

BLAS packs its arguments before it multiplies, which takes longer than the products where columns are few. Here eight
sums stay in registers while all rows go by: those of eight columns, or of four, two or one where fewer are left, each
for several rows in turn, so that eight independent sums hide the latency of a multiply-add.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import cgutils

from .vectors import LANES, I, V, Vectors

_TILES = (8, 4, 2, 1)


def narrow_gram(builder: Any, block: Any, out: Any, rows: Any, columns: Any, factor: Any) -> None:
    """Emit it; `block` and `out` are pointers to doubles in row order."""
    v = Vectors(builder)
    scale = v.spread(factor)
    done = builder.and_(columns, I(-_TILES[0]))
    with v.loop(I(0), done, _TILES[0]) as j:
        _tile(v, block, out, rows, columns, scale, j, _TILES[0])
    for size in _TILES[1:]:
        with builder.if_then(builder.icmp_signed("!=", builder.and_(columns, I(size)), I(0))):
            _tile(v, block, out, rows, columns, scale, done, size)
        done = builder.add(done, builder.and_(columns, I(size)))


def _tile(v: Vectors, block: Any, out: Any, rows: Any, columns: Any, scale: Any, j: Any, size: int) -> None:
    """The rows j to j + size of the result, eight columns at a time, up to the diagonal."""
    b, end = v.b, v.b.add(j, I(size))
    turns = _TILES[0] // size
    sums = [[cgutils.alloca_once(b, V) for _ in range(size)] for _ in range(turns)]
    with v.loop(I(0), end, LANES) as k:
        mask = v.first(b.sub(end, k))
        for total in (s for row in sums for s in row):
            b.store(ir.Constant(V, None), total)

        def add(i: Any, totals: list[Any]) -> None:
            start = b.mul(i, columns)
            x = v.load(block, b.add(start, k), mask)
            for c, total in enumerate(totals):
                y = v.spread(v.number(block, b.add(start, b.add(j, I(c)))))
                b.store(v.fma(x, y, b.load(total)), total)

        whole = b.and_(rows, I(-turns))
        with v.loop(I(0), whole, turns) as i:
            for t in range(turns):
                add(b.add(i, I(t)), sums[t])
        with v.loop(whole, rows) as i:
            add(i, sums[0])
        for c in range(size):
            parts = [b.load(row[c]) for row in sums]
            while len(parts) > 1:
                parts = [b.fadd(p, q) for p, q in zip(parts[::2], parts[1::2], strict=True)]
            place = b.add(b.mul(b.add(j, I(c)), columns), k)
            v.store(v.fma(parts[0], scale, v.load(out, place, mask)), out, place, mask)
