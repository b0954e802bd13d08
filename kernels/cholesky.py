"""Cholesky factors as LLVM vectors: A = LLᵀ, sixteen columns at a time, with rows below that become B L⁻ᵀ.

Of every sixteen columns what the columns before leave is one product of `smallproducts`, by tiles in registers. The
corner on the diagonal is eliminated in registers together with a unit matrix, which becomes its inverse, so that all
below it is one more product instead of substitutions that wait for one another. Inverses of triangles that small lose
no digits to scale: rows and columns that are of very different sizes are so in the inverse as well.
LAPACK's routine takes 1.3 to 3 times as long for up to a thousand columns, most of it in substitutions.
"""

from __future__ import annotations

import math
from typing import Any

from llvmlite import ir

from .machine import BYTES, DOUBLE, DOUBLES, LINE, WHOLE, Body
from .vectors import LANES

NAME = "derive_cholesky"
#: Columns at a time: two vectors.
STRIPE = 2 * LANES

_D, _I = DOUBLE, WHOLE
_ONE = _I(1)


def add_cholesky(module: ir.Module, outer: Any, depth: int) -> None:
    """The function NAME(n, m, a, least) for m ≥ n rows of n columns, without gaps; NaN in its first entry where A is
    not definite. Of the other triangle what lies in a corner on the diagonal changes.

    Where `least` is given, no null, it has a number for each column: those whose pivot is not above it are left out,
    with ∞ on the diagonal and zeros below, so that solutions have zeros there.

    outer, depth  a product of `smallproducts`, and how many of its summed entries are packed at a time
    """
    f = Body(module, NAME, [_I, _I, DOUBLES, DOUBLES], "n m a least")
    b, v, g = f.b, f.v, f.given
    n, m, a = g["n"], g["m"], g["a"]
    packed, inverse, corner = (b.alloca(_D, _I(STRIPE * k)) for k in (depth, STRIPE, STRIPE))
    bounds, cursor = b.alloca(_D, _I(STRIPE)), b.alloca(BYTES)
    for room in (packed, inverse, corner):
        room.align = LINE
    for k in range(0, STRIPE, LANES):  # below all pivots: none is left out
        v.store(ir.Constant(v.kind, [_D(-math.inf)] * LANES), bounds, _I(k))
    drops = b.icmp_unsigned("!=", g["least"], ir.Constant(DOUBLES, None))
    b.store(ir.Constant(BYTES, None), cursor)

    def product(rows: Any, columns: Any, k: Any, left: Any, right: Any, out: Any, adds: bool) -> None:
        arguments = [rows, columns, k, left, n, _ONE, right, _I(STRIPE), out, n, _ONE, ir.IntType(1)(adds)]
        b.call(outer, [*arguments, cursor, _I(0)])

    with v.loop(_I(0), n, STRIPE) as j:
        size = f.least(_I(STRIPE), b.sub(n, j))
        row = b.mul(j, n)
        here, last = f.at(a, row, j), b.add(j, size)
        with v.loop(_I(0), j, depth) as k:
            count = f.least(_I(depth), b.sub(j, k))
            left = f.at(a, row, k)
            _pack_turned(f, left, n, size, count, packed)
            product(b.sub(m, j), size, count, left, packed, here, True)
        with b.if_then(drops):
            v.along(size, lambda c, mask: v.store(v.load(g["least"], b.add(j, c), mask), bounds, c, mask))
        _corner(f, here, n, size, bounds, corner, inverse)
        below = f.at(a, b.mul(last, n), j)
        with b.if_then(b.icmp_signed(">", m, last)):
            product(b.sub(m, last), size, size, below, inverse, below, False)
    with b.if_then(b.icmp_signed(">", n, _I(0))):
        end = b.load(f.at(a, b.sub(b.mul(n, n), _ONE)))
        with b.if_then(b.fcmp_unordered("<=", end, _D(0.0))):  # NaN has come down to it
            b.store(_D(math.nan), a)
    b.ret_void()


def _pack_turned(f: Body, given: Any, distance: Any, size: Any, count: Any, to: Any) -> None:
    """to[k·STRIPE + i] = −given[i·distance + k] for i < size, k < count; count is a multiple of LANES."""
    b, v = f.b, f.v
    last = b.sub(size, _ONE)
    for first in range(0, STRIPE, LANES):
        # rows behind the last one are the last one again
        lines = [f.at(given, b.mul(f.least(_I(first + r), last), distance)) for r in range(LANES)]
        with v.loop(_I(0), count, LANES) as k:
            columns = v.turned([v.load(line, k) for line in lines])
            for c, column in enumerate(columns):
                place = b.mul(b.add(k, _I(c)), _I(STRIPE))
                v.store(b.fsub(ir.Constant(v.kind, [-0.0] * LANES), column), to, b.add(place, _I(first)))


def _corner(f: Body, here: Any, distance: Any, size: Any, least: Any, room: Any, inverse: Any) -> None:
    """The corner at `here` becomes L, `inverse` L⁻ᵀ by rows; one of less than STRIPE rows in the unit matrix.

    A pivot not above its number in `least` counts as infinite.
    """
    b, v = f.b, f.v
    whole = b.icmp_signed("==", size, _I(STRIPE))
    base, step = b.select(whole, here, room), b.select(whole, distance, _I(STRIPE))
    with b.if_then(b.not_(whole)):
        for i in range(STRIPE):
            for h in range(0, STRIPE, LANES):
                line = [_D(float(i == h + c)) for c in range(LANES)]
                v.store(ir.Constant(v.kind, line), room, _I(i * STRIPE + h))
        with v.loop(_I(0), size) as i:
            line, to = f.at(here, b.mul(i, distance)), f.at(room, b.mul(i, _I(STRIPE)))
            v.along(b.add(i, _ONE), lambda c, mask: v.store(v.load(line, c, mask), to, c, mask))
    lines = [f.at(base, b.mul(step, _I(i))) for i in range(STRIPE)]
    halves = range(STRIPE // LANES)
    # rows of U = Lᵀ: what lies before the diagonal is never looked at
    upper: dict[tuple[int, int], Any] = {}
    unit: dict[tuple[int, int], Any] = {}
    for h in halves:
        for w in range(h + 1):
            block = [v.load(lines[h * LANES + r], _I(w * LANES)) for r in range(LANES)]
            for r, column in enumerate(v.turned(block)):
                upper[w * LANES + r, h] = column
        for r in range(LANES):
            for w in range(h + 1):
                ones = [_D(float(w == h and c == r)) for c in range(LANES)]
                unit[h * LANES + r, w] = ir.Constant(v.kind, ones)
    ends: list[Any] = []
    for k in range(STRIPE):
        own, lane = divmod(k, LANES)
        pivot = b.extract_element(upper[k, own], ir.IntType(32)(lane))
        kept = b.fcmp_unordered(">", pivot, b.load(f.at(least, _I(k))))
        root = b.call(b.module.declare_intrinsic("llvm.sqrt", [_D]), [pivot])
        share = v.spread(b.select(kept, b.fdiv(_D(1.0), root), _D(0.0)))
        ends.append(b.select(kept, root, _D(math.inf)))
        for h in halves[own:]:
            upper[k, h] = b.fmul(upper[k, h], share)
        for w in halves[: own + 1]:
            unit[k, w] = b.fmul(unit[k, w], share)
        for i in range(k + 1, STRIPE):
            mine, at = divmod(i, LANES)
            times = b.fneg(v.shuffled(upper[k, mine], upper[k, mine], [at] * LANES))
            for h in halves[mine:]:
                upper[i, h] = v.fma(times, upper[k, h], upper[i, h])
            for w in halves[: own + 1]:
                unit[i, w] = v.fma(times, unit[k, w], unit[i, w])
    for k, end in enumerate(ends):
        own, lane = divmod(k, LANES)
        upper[k, own] = b.insert_element(upper[k, own], end, ir.IntType(32)(lane))
    for h in halves:
        for w in range(h + 1):
            for r, line in enumerate(v.turned([upper[w * LANES + r, h] for r in range(LANES)])):
                bits = [ir.IntType(1)(c <= r or w < h) for c in range(LANES)]
                mask = None if w < h else ir.Constant(ir.VectorType(ir.IntType(1), LANES), bits)
                v.store(line, lines[h * LANES + r], _I(w * LANES), mask)
            for r, line in enumerate(v.turned([unit[h * LANES + r, w] for r in range(LANES)])):
                v.store(line, inverse, _I((w * LANES + r) * STRIPE + h * LANES))
                if w < h:  # the other side of it
                    v.store(v.zero, inverse, _I((h * LANES + r) * STRIPE + w * LANES))
    with b.if_then(b.not_(whole)), v.loop(_I(0), size) as i:
        line, to = f.at(room, b.mul(i, _I(STRIPE))), f.at(here, b.mul(i, distance))
        v.along(b.add(i, _ONE), lambda c, mask: v.store(v.load(line, c, mask), to, c, mask))
