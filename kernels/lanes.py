"""Products over blocks that are stored with their rows last, eight rows to an LLVM vector.

    mix_rows(P, V, m, out)      outᵢᵣ = Σⱼ Pᵢⱼ Vⱼᵣ                for the first m rows r
    cross_rows(A, B, m, out)    outᵢⱼ += Σᵣ Aᵢᵣ Bⱼᵣ              B may be a vector, out then is one
    cross_rows_symmetric        the same for a symmetric result, of which half is computed
    moments_rows(V, w, m, out)  outᵢⱼ += Σᵣ wᵣ Vᵢᵣ Vⱼᵣ
    turn_rows(X, out)           outⱼᵣ = Xᵣⱼ
    form_rows(P, V, m, out)     outᵣ = Σᵢⱼ Pᵢⱼ Vᵢᵣ Vⱼᵣ            P symmetric, of which half is read

`form_rows_about(P, V, c, m, out)`, `moments_rows_about(V, c, w, m, out)` and `cross_rows_about(V, c, w, m, out)`, its
result a vector, take Vⱼᵣ − cⱼ for Vⱼᵣ: as many differences as there are centres are then never stored.

Written as loops they would load and store each sum at each addition. Here the sums of a tile stay in registers: of four
rows of P and sixteen rows of the data, of four rows of A and four of B. Tiles at the edge repeat the last row and drop
what it gives. Everything is in doubles.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np.arrayobj import make_array

from .vectors import LANES, I, V, Vectors

_WIDE, _SIDE = 4, 4
_ZERO = ir.Constant(V, None)


class _Matrix:
    """An array of two axes, or a vector as its only row; turned where numba calls its layout F."""

    def __init__(self, v: Vectors, context: Any, kind: Any, value: Any) -> None:
        array = make_array(kind)(context, v.b, value)
        shape = cgutils.unpack_tuple(v.b, array.shape)
        self.v, self.data = v, array.data
        self.rows, self.columns = shape if len(shape) == 2 else (I(1), shape[0])
        turned = kind.layout == "F"
        self.steps = (I(1), self.rows) if turned else (self.columns, I(1))

    def place(self, i: Any, j: Any) -> Any:
        b = self.v.b
        return b.add(b.mul(i, self.steps[0]), b.mul(j, self.steps[1]))

    def last(self, i: Any) -> Any:
        """The number i, or that of the last row where there is no row i."""
        b = self.v.b
        return b.select(b.icmp_signed("<", i, self.rows), i, b.sub(self.rows, I(1)))

    def row(self, i: Any) -> Any:
        """Where row i starts, or the last one where there is no such row."""
        return self.v.b.gep(self.data, [self.v.b.mul(self.last(i), self.steps[0])])

    def add(self, i: Any, j: Any, value: Any) -> None:
        """To one entry, if there is such an entry."""
        b = self.v.b
        inside = b.and_(b.icmp_signed("<", i, self.rows), b.icmp_signed("<", j, self.columns))
        with b.if_then(inside):
            place = b.gep(self.data, [self.place(i, j)])
            b.store(b.fadd(b.load(place), value), place)


def _blocks(v: Vectors, m: Any, wide: int, body: Callable[[Any, int, Any], None]) -> None:
    """Rows of the data: body(first, vectors, mask), the mask None but for the last."""
    most, whole = v.b.and_(m, I(-wide * LANES)), v.b.and_(m, I(-LANES))
    with v.loop(I(0), most, wide * LANES) as r:
        body(r, wide, None)
    if wide > 1:
        with v.loop(most, whole, LANES) as r:
            body(r, 1, None)
    with v.b.if_then(v.b.icmp_signed(">", m, whole)):
        body(whole, 1, v.first(v.b.sub(m, whole)))


def _zeros(v: Vectors, count: int) -> list[Any]:
    return [cgutils.alloca_once(v.b, V) for _ in range(count)]


@intrinsic
def mix_rows(typing_context: Any, matrix: Any, block: Any, m: Any, out: Any) -> Any:
    """outᵢᵣ = Σⱼ Pᵢⱼ Vⱼᵣ."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        v = Vectors(builder)
        b = builder
        P, V, O = (_Matrix(v, context, signature.args[k], args[k]) for k in (0, 1, 3))
        sums = _zeros(v, _SIDE * _WIDE)

        def body(r: Any, wide: int, mask: Any) -> None:
            with v.loop(I(0), P.rows, _SIDE) as i:
                for total in sums:
                    b.store(_ZERO, total)
                last = b.sub(P.rows, I(1))
                rows = []
                for a in range(_SIDE):
                    place = b.add(i, I(a))
                    rows.append(b.select(b.icmp_signed("<", place, P.rows), place, last))
                with v.loop(I(0), P.columns) as j:
                    x = [v.load(V.row(j), b.add(r, I(LANES * k)), mask) for k in range(wide)]
                    for a, row in enumerate(rows):
                        weight = v.spread(v.number(P.data, P.place(row, j)))
                        for k in range(wide):
                            total = sums[a * _WIDE + k]
                            b.store(v.fma(x[k], weight, b.load(total)), total)
                for a, row in enumerate(rows):  # the last row again and again: the same numbers
                    for k in range(wide):
                        place = b.add(r, I(LANES * k))
                        v.store(b.load(sums[a * _WIDE + k]), O.row(row), place, mask)

        _blocks(v, args[2], _WIDE, body)
        return context.get_dummy_value()

    return types.void(matrix, block, types.int64, out), generate


def _form(context: Any, builder: Any, signature: Any, args: Any, about: bool) -> Any:
    v = Vectors(builder)
    b = builder
    P, V, *centre, O = (
        _Matrix(v, context, signature.args[k], args[k]) for k in ((0, 1, 2, 4) if about else (0, 1, 3))
    )
    sums, forms = _zeros(v, _SIDE * _WIDE), _zeros(v, _WIDE)
    two = v.spread(ir.Constant(ir.DoubleType(), 2.0))

    def values(j: Any, places: Sequence[Any], mask: Any) -> list[Any]:
        """Row j, from its centre."""
        x = [v.load(V.row(j), place, mask) for place in places]
        if not about:
            return x
        c = v.spread(v.number(centre[0].data, V.last(j)))
        return [b.fsub(each, c) for each in x]

    def body(r: Any, wide: int, mask: Any) -> None:
        places = [b.add(r, I(LANES * k)) for k in range(wide)]
        for form in forms:
            b.store(_ZERO, form)
        with v.loop(I(0), P.rows, _SIDE) as i:
            for total in sums:
                b.store(_ZERO, total)
            inside = [b.icmp_signed("<", b.add(i, I(a)), P.rows) for a in range(_SIDE)]
            rows = [P.last(b.add(i, I(a))) for a in range(_SIDE)]

            def multiplied(start: Any, stop: Any) -> None:
                with v.loop(start, stop) as j:
                    x = values(j, places, mask)
                    for a, row in enumerate(rows):
                        weight = v.spread(v.number(P.data, P.place(row, j)))
                        for k in range(wide):
                            total = sums[a * _WIDE + k]
                            b.store(v.fma(x[k], weight, b.load(total)), total)

            # left of the tile on the diagonal every product occurs twice
            multiplied(I(0), i)
            for total in sums:
                b.store(b.fmul(b.load(total), two), total)
            end = b.add(i, I(_SIDE))
            multiplied(i, b.select(b.icmp_signed("<", end, P.rows), end, P.rows))
            for a, (row, there) in enumerate(zip(rows, inside, strict=True)):
                for k, x in enumerate(values(row, places, mask)):
                    x = b.select(there, x, _ZERO)
                    b.store(v.fma(x, b.load(sums[a * _WIDE + k]), b.load(forms[k])), forms[k])
        for place, form in zip(places, forms, strict=False):
            v.store(b.load(form), O.data, place, mask)

    _blocks(v, args[3 if about else 2], _WIDE, body)
    return context.get_dummy_value()


@intrinsic
def form_rows(typing_context: Any, matrix: Any, block: Any, m: Any, out: Any) -> Any:
    """outᵣ = Σᵢⱼ Pᵢⱼ Vᵢᵣ Vⱼᵣ."""
    return types.void(matrix, block, types.int64, out), lambda c, b, s, a: _form(c, b, s, a, False)


@intrinsic
def form_rows_about(typing_context: Any, matrix: Any, block: Any, centre: Any, m: Any, out: Any) -> Any:
    """outᵣ = Σᵢⱼ Pᵢⱼ (Vᵢᵣ − cᵢ)(Vⱼᵣ − cⱼ)."""
    return types.void(matrix, block, centre, types.int64, out), lambda c, b, s, a: _form(c, b, s, a, True)


def _cross(
    context: Any,
    builder: Any,
    signature: Any,
    args: Any,
    symmetric: bool,
    weighted: bool = False,
    about: bool = False,
) -> Any:
    v = Vectors(builder)
    b = builder
    other, end = (2, 4) if about else (1, 3)
    A, B, O = (_Matrix(v, context, signature.args[k], args[k]) for k in (0, 0 if weighted else other, end))
    weights = _Matrix(v, context, signature.args[other], args[other]) if weighted else None
    centre = _Matrix(v, context, signature.args[1], args[1]) if about else None
    vector = not weighted and signature.args[other].ndim == 1
    tall, broad = (2 * _SIDE, 1) if vector else (_SIDE, _SIDE)
    if vector:
        O.steps, O.rows, O.columns = (I(1), I(1)), O.columns, I(1)
    sums = _zeros(v, tall * broad)
    with v.loop(I(0), A.rows, tall) as i:
        stop = b.add(i, I(1)) if symmetric else B.rows
        with v.loop(I(0), stop, broad) as j:
            left = [A.row(b.add(i, I(k))) for k in range(tall)]
            right = [B.row(b.add(j, I(k))) for k in range(broad)]
            middles = [] if centre is None else [(i, tall)] if vector else [(i, tall), (j, broad)]
            means = [
                [v.spread(v.number(centre.data, A.last(b.add(start, I(k))))) for k in range(count)]
                for start, count in middles
                if centre is not None
            ]
            for total in sums:
                b.store(_ZERO, total)

            def body(
                r: Any,
                wide: int,
                mask: Any,
                left: Sequence[Any] = left,
                right: Sequence[Any] = right,
                means: Sequence[Sequence[Any]] = means,
            ) -> None:
                x, y = ([v.load(row, r, mask) for row in rows] for rows in (left, right))
                if means:
                    x = [b.fsub(each, c) for each, c in zip(x, means[0], strict=True)]
                if len(means) > 1:
                    y = [b.fsub(each, c) for each, c in zip(y, means[1], strict=True)]
                if weights is not None:
                    scale = v.load(weights.data, r, mask)
                    x = [b.fmul(each, scale) for each in x]
                for k, total in enumerate(sums):
                    b.store(v.fma(x[k // broad], y[k % broad], b.load(total)), total)

            _blocks(v, args[end - 1], 1, body)
            found = [b.load(total) for total in sums]
            below = b.icmp_signed("<", j, i)
            for start in range(0, len(found), LANES):
                totals = v.sums(found[start : start + LANES])
                for lane in range(LANES):
                    value = b.extract_element(totals, ir.IntType(32)(lane))
                    k = start + lane
                    p, q = b.add(i, I(k // broad)), b.add(j, I(k % broad))
                    O.add(p, q, value)
                    if symmetric:
                        with b.if_then(below):
                            O.add(q, p, value)
    return context.get_dummy_value()


@intrinsic
def cross_rows(typing_context: Any, left: Any, right: Any, m: Any, out: Any) -> Any:
    """outᵢⱼ += Σᵣ Aᵢᵣ Bⱼᵣ."""
    return types.void(left, right, types.int64, out), lambda c, b, s, a: _cross(c, b, s, a, False)


@intrinsic
def cross_rows_symmetric(typing_context: Any, left: Any, right: Any, m: Any, out: Any) -> Any:
    """The same where the result is known to be symmetric."""
    return types.void(left, right, types.int64, out), lambda c, b, s, a: _cross(c, b, s, a, True)


@intrinsic
def moments_rows(typing_context: Any, block: Any, weights: Any, m: Any, out: Any) -> Any:
    """outᵢⱼ += Σᵣ wᵣ Vᵢᵣ Vⱼᵣ."""
    return types.void(block, weights, types.int64, out), lambda c, b, s, a: _cross(c, b, s, a, True, True)


@intrinsic
def cross_rows_about(typing_context: Any, block: Any, centre: Any, weights: Any, m: Any, out: Any) -> Any:
    """outᵢ += Σᵣ wᵣ (Vᵢᵣ − cᵢ)."""
    signature = types.void(block, centre, weights, types.int64, out)
    return signature, lambda c, b, s, a: _cross(c, b, s, a, False, about=True)


@intrinsic
def moments_rows_about(typing_context: Any, block: Any, centre: Any, weights: Any, m: Any, out: Any) -> Any:
    """outᵢⱼ += Σᵣ wᵣ (Vᵢᵣ − cᵢ)(Vⱼᵣ − cⱼ)."""
    signature = types.void(block, centre, weights, types.int64, out)
    return signature, lambda c, b, s, a: _cross(c, b, s, a, True, True, True)


@intrinsic
def turn_rows(typing_context: Any, block: Any, out: Any) -> Any:
    """outⱼᵣ = blockᵣⱼ, in squares of eight by eight."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        v = Vectors(builder)
        b = builder
        X, O = (_Matrix(v, context, signature.args[k], args[k]) for k in (0, 1))
        whole = b.and_(X.rows, I(-LANES))
        with v.loop(I(0), whole, LANES) as r, v.loop(I(0), X.columns, LANES) as j:
            mask = v.first(b.sub(X.columns, j))
            square = v.turned([v.load(X.row(b.add(r, I(k))), j, mask) for k in range(LANES)])
            for k, column in enumerate(square):
                place = b.add(j, I(k))
                with b.if_then(b.icmp_signed("<", place, X.columns)):
                    v.store(column, O.row(place), r)
        with v.loop(whole, X.rows) as r, v.loop(I(0), X.columns) as j:
            b.store(v.number(X.data, X.place(r, j)), b.gep(O.data, [O.place(j, r)]))
        return context.get_dummy_value()

    return types.void(block, out), generate
