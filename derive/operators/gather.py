"""Entries picked by an array of whole numbers, and the adjoint that puts them back.

    take(A, J)_{…, j, …} = A_{…, J_j, …}          scatter_add(G, J)_{…, i, …} = Σ_{j : J_j = i} G_{…, j, …}

along one axis of A, which the axes of J replace. The numbers are 0 … size − 1; anything else is an error when
the statement is evaluated. Both are linear in their first operand and piecewise constant in the numbers, which
carry no derivative.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, final

import numpy as np

from ..build import is_zero, zero
from ..domains import Array, Domain
from ..errors import DataError, SizeError
from ..node import Apply, Node, Params
from ..sizes import Shape, Size, same_shape, show_shape
from .base import Operator, apply, param, register, spelled
from .linear import taken_out


def whole_numbers(index: Array, size: int, what: str = "take") -> Array:
    """The index as whole numbers, or a `DataError` naming the first entry that is none of 0 … size − 1."""
    if index.dtype != object:
        with np.errstate(invalid="ignore"):
            quick = index.astype(np.int64)
        if ((quick == index) & (quick >= 0) & (quick < size)).all():
            return quick
    found = np.empty(index.shape, dtype=np.int64)
    for place in np.ndindex(index.shape):
        entry: Any = index[place]
        try:
            number = int(entry)
        except (TypeError, ValueError, OverflowError):
            raise DataError(f"{what}: the index {entry}{_place(place)} is not a number") from None
        if number != entry or not 0 <= number < size:
            raise DataError(
                f"{what}: the index {_shown(entry)}{_place(place)} is not one of 0 to {size - 1} "
                f"(the axis has length {size})"
            )
        found[place] = number
    return found


def _place(place: tuple[int, ...]) -> str:
    if not place:
        return ""
    return f" at entry {place[0] if len(place) == 1 else place}"


def _shown(entry: Any) -> str:
    number = float(entry)
    return str(int(number)) if number == int(number) else f"{number:g}"


_TAKE = '''def take(x, places, axis):
    """Entries along an axis, picked by whole numbers."""
    return x[(slice(None),) * axis + (<whole>,)]'''

_PLACES = "(slice(None),) * axis + ({m}.asarray(places, dtype=int),)"
_SCATTER_ADD = '''def scatter_add(x, places, axis, size):
    """Entries along an axis added up at their places on one of that size."""
    more = axis + places.ndim
    z = {zeros}((*x.shape[:axis], size, *x.shape[more:]){dtype})
    <add>
    return z'''


@final
class Take(Operator):
    """Entries along an axis, picked by whole numbers."""

    name = "take"
    linear = True
    source = "take({0}, {1}, axis={axis_value})"
    helper = spelled(
        _TAKE.replace("<whole>", "{m}.asarray(places, dtype=int)"),
        torch=_TAKE.replace("<whole>", "places.long()"),
    )
    arity = 2

    def shape(self, operands: Sequence[Node], params: Params) -> Shape:
        (source, index), axis = operands, param(params, "axis")
        if not 0 <= axis < source.order:
            raise SizeError(f"take along axis {axis} of an array of sizes {show_shape(source.shape)}")
        return (*source.shape[:axis], *index.shape, *source.shape[axis + 1 :])

    def facts(self, operands: Sequence[Node], params: Params) -> Iterable[str]:
        return operands[0].facts & {"positive", "nonnegative", "nonzero", "integer"}

    def rewrite(self, operands: Sequence[Node], params: Params) -> Node | None:
        """Coefficients and factors of the source without the axis go outside."""
        (source, index), axis = operands, param(params, "axis")
        more = index.order - 1
        places = [
            tuple(range(axis, axis + index.order)) if k == axis else (k if k < axis else k + more,)
            for k in range(source.order)
        ]
        shape = self.shape(operands, params)
        return taken_out(source, (axis,), shape, places, lambda a, at: apply("take", a, index, axis=at[0]))

    def differentiable(self, index: int) -> bool:
        return index == 0

    def value(self, arrays: list[Array], params: Params, domain: Domain) -> Array:
        (source, index), axis = arrays, param(params, "axis")
        picked = np.take(source, whole_numbers(index, source.shape[axis]), axis=axis)
        return np.asarray(picked, dtype=source.dtype)

    def check(self, shapes: Sequence[tuple[int, ...]], data: Sequence[Array | None], params: Params) -> None:
        if data[1] is not None:
            whole_numbers(data[1], shapes[0][param(params, "axis")])

    def vjp(self, node: Apply, index: int, adjoint: Node) -> Node:
        source, picks = node.operands
        axis: int = node.param("axis")
        lead = adjoint.order - node.order
        return apply("scatter_add", adjoint, picks, axis=lead + axis, size=source.shape[axis])


@final
class ScatterAdd(Operator):
    """The adjoint of `take`: entries added up where their whole numbers say."""

    name = "scatter_add"
    linear = True
    source = "scatter_add({0}, {1}, axis={axis_value}, size={size})"
    helper = spelled(
        numpy=_SCATTER_ADD.replace("<add>", f"np.add.at(z, {_PLACES}, x)"),
        jax=_SCATTER_ADD.replace("<add>", f"z = z.at[{_PLACES}].add(x)"),
        torch=_SCATTER_ADD.replace(
            "<add>",
            "z.index_add_(axis, places.long().reshape(-1), x.reshape(*x.shape[:axis], -1, *x.shape[more:]))",
        ),
    )
    arity = 2

    def shape(self, operands: Sequence[Node], params: Params) -> Shape:
        (source, index), axis = operands, param(params, "axis")
        size: Size = param(params, "size")
        stop = axis + index.order
        if axis < 0 or stop > source.order or not same_shape(source.shape[axis:stop], index.shape):
            raise SizeError(
                f"scatter_add: an index of sizes {show_shape(index.shape)} does not fit the axes from {axis} on "
                f"of an array of sizes {show_shape(source.shape)}"
            )
        return (*source.shape[:axis], size, *source.shape[stop:])

    def facts(self, operands: Sequence[Node], params: Params) -> Iterable[str]:
        return operands[0].facts & {"nonnegative", "integer"}

    def rewrite(self, operands: Sequence[Node], params: Params) -> Node | None:
        """Coefficients and factors without the axes of the index go outside."""
        (source, index), axis, size = operands, param(params, "axis"), param(params, "size")
        count = index.order
        if not count:
            return zero(self.shape(operands, params)) if is_zero(source) else None
        touched = tuple(range(axis, axis + count))
        places = [
            (k,) if k <= axis else () if k in touched else (k - count + 1,) for k in range(source.order)
        ]

        def again(a: Node, at: tuple[int, ...]) -> Node:
            return apply("scatter_add", a, index, axis=at[0], size=size)

        return taken_out(source, touched, self.shape(operands, params), places, again)

    def differentiable(self, index: int) -> bool:
        return index == 0

    def value(self, arrays: list[Array], params: Params, domain: Domain) -> Array:
        (source, index), axis, size = arrays, param(params, "axis"), int(param(params, "size"))
        picks = whole_numbers(index, size, "scatter_add").ravel()
        rest = (*source.shape[:axis], picks.size, *source.shape[axis + index.ndim :])
        moved = np.moveaxis(np.reshape(source, rest), axis, 0)
        out = domain.array(np.zeros((size, *moved.shape[1:]), dtype=int))
        for row, place in enumerate(picks):
            out[place] += moved[row]
        return np.asarray(np.moveaxis(out, 0, axis), dtype=source.dtype)

    def check(self, shapes: Sequence[tuple[int, ...]], data: Sequence[Array | None], params: Params) -> None:
        if data[1] is not None:
            whole_numbers(data[1], int(param(params, "size")), "scatter_add")

    def vjp(self, node: Apply, index: int, adjoint: Node) -> Node:
        lead = adjoint.order - node.order
        return apply("take", adjoint, node.operands[1], axis=lead + node.param("axis"))


register(Take())
register(ScatterAdd())
