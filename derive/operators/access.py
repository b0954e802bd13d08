"""Access to parts of arrays: reshape, slices, their adjoints, and concatenation.

Indices are affine in symbolic sizes, so a slice is a statement about every size at once.
A slice `index` has one entry per axis: `("at", k)` drops the axis, `("range", start, count, step)` keeps it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, final

import numpy as np
import sympy

from ..build import is_zero, zero
from ..domains import Array, Domain
from ..errors import SizeError
from ..node import Apply, Node, Params
from ..sizes import ZERO, Shape, product, same_shape, same_size, show_shape
from .base import Operator, apply, param, register, spelled

_SIGNS = frozenset({"positive", "nonnegative", "nonzero", "integer"})


@final
class Reshape(Operator):
    """The same entries in row-major order under another shape."""

    name = "reshape"
    source = "{m}.reshape({0}, {shape})"

    def shape(self, operands: Sequence[Node], params: Params) -> Shape:
        wanted: Shape = param(params, "shape")
        if not same_size(sympy.expand(product(wanted)), sympy.expand(product(operands[0].shape))):
            raise SizeError(f"cannot reshape {show_shape(operands[0].shape)} to {show_shape(wanted)}")
        return wanted

    def facts(self, operands: Sequence[Node], params: Params) -> Iterable[str]:
        return operands[0].facts & _SIGNS

    def rewrite(self, operands: Sequence[Node], params: Params) -> Node | None:
        node, wanted = operands[0], param(params, "shape")
        if same_shape(node.shape, wanted):
            return node
        if is_zero(node):
            return zero(wanted)
        if isinstance(node, Apply) and node.op == "reshape":
            return apply("reshape", node.operands[0], shape=wanted)
        return None

    def value(self, arrays: list[Array], params: Params, domain: Domain) -> Array:
        return np.reshape(arrays[0], [int(s) for s in param(params, "shape")])

    def vjp(self, node: Apply, index: int, adjoint: Node) -> Node:
        lead = adjoint.shape[: adjoint.order - node.order]
        return apply("reshape", adjoint, shape=(*lead, *node.operands[0].shape))


def _selection(index: tuple[tuple[Any, ...], ...], shape: Sequence[int]) -> tuple[Any, ...]:
    """The NumPy index that a bound slice stands for; NumPy would cut a slice short, here it is an error."""
    picks: list[Any] = []
    for axis, entry in enumerate(index):
        if entry[0] == "at":
            if not 0 <= int(entry[1]) < shape[axis]:
                raise SizeError(f"index {entry[1]} is out of range for axis {axis} of length {shape[axis]}")
            picks.append(int(entry[1]))
        else:
            start, count, step = (int(v) for v in entry[1:])
            if count < 1 or not all(0 <= k < shape[axis] for k in (start, start + (count - 1) * step)):
                raise SizeError(
                    f"a slice of {count} entries from {start} does not fit axis {axis} of length {shape[axis]}"
                )
            stop = start + count * step
            picks.append(slice(start, stop if stop >= 0 else None, step))
    return tuple(picks)


def _full_index(shape: Shape) -> tuple[tuple[Any, ...], ...]:
    return tuple(("range", ZERO, s, sympy.S.One) for s in shape)


@final
class Slice(Operator):
    """A rectangular part of an array."""

    name = "slice"

    def shape(self, operands: Sequence[Node], params: Params) -> Shape:
        index = param(params, "index")
        if len(index) != operands[0].order:
            raise SizeError(f"{len(index)} indices for an array of sizes {show_shape(operands[0].shape)}")
        return tuple(entry[2] for entry in index if entry[0] == "range")

    def facts(self, operands: Sequence[Node], params: Params) -> Iterable[str]:
        return operands[0].facts & _SIGNS

    def rewrite(self, operands: Sequence[Node], params: Params) -> Node | None:
        node, index = operands[0], param(params, "index")
        if is_zero(node):
            return zero(self.shape(operands, params))
        return node if index == _full_index(node.shape) else None

    def value(self, arrays: list[Array], params: Params, domain: Domain) -> Array:
        found = arrays[0][_selection(param(params, "index"), arrays[0].shape)]
        return np.asarray(found, dtype=arrays[0].dtype)

    def check(self, shapes: Sequence[tuple[int, ...]], data: Sequence[Array | None], params: Params) -> None:
        _selection(param(params, "index"), shapes[0])

    def vjp(self, node: Apply, index: int, adjoint: Node) -> Node:
        lead = adjoint.shape[: adjoint.order - node.order]
        inner = node.param("index")
        return apply(
            "place",
            adjoint,
            index=(*_full_index(lead), *inner),
            shape=(*lead, *node.operands[0].shape),
        )


_ADD = "z[places] = values\n    return z"
_PLACE = '''def place(x, shape, *entries):
    """x within zeros of that shape: per axis at a position, or at (start, count, step)."""
    picks = [(e, 1, 1) if isinstance(e, int) else e for e in entries]
    places = <grid>(*(start + step * {m}.arange(count) for start, count, step in picks))
    values = x.reshape([count for _, count, _ in picks])
    z = {zeros}(shape{dtype})
    <add>'''


@final
class Place(Operator):
    """The adjoint of a slice: the entries put into an array of zeros."""

    name = "place"
    source = "place({all})"
    helper = spelled(
        numpy=_PLACE.replace("<grid>", "np.ix_").replace("<add>", _ADD),
        jax=_PLACE.replace("<grid>", "jnp.ix_").replace("<add>", "return z.at[places].set(values)"),
        torch=_PLACE.replace("<grid>(", "torch.meshgrid(")
        .replace("picks))", 'picks), indexing="ij")')
        .replace("<add>", _ADD),
    )

    def shape(self, operands: Sequence[Node], params: Params) -> Shape:
        shape: Shape = param(params, "shape")
        return shape

    def facts(self, operands: Sequence[Node], params: Params) -> Iterable[str]:
        return operands[0].facts & {"nonnegative", "integer"}

    def rewrite(self, operands: Sequence[Node], params: Params) -> Node | None:
        return zero(param(params, "shape")) if is_zero(operands[0]) else None

    def value(self, arrays: list[Array], params: Params, domain: Domain) -> Array:
        out = domain.array(np.zeros([int(s) for s in param(params, "shape")], dtype=int))
        source = arrays[0]  # [()]: an array of objects would otherwise hold an array as one entry
        out[_selection(param(params, "index"), out.shape)] = source if source.ndim else source[()]
        return out

    def check(self, shapes: Sequence[tuple[int, ...]], data: Sequence[Array | None], params: Params) -> None:
        _selection(param(params, "index"), [int(s) for s in param(params, "shape")])

    def vjp(self, node: Apply, index: int, adjoint: Node) -> Node:
        lead = adjoint.shape[: adjoint.order - node.order]
        return apply("slice", adjoint, index=(*_full_index(lead), *node.param("index")))


@final
class Concatenate(Operator):
    """Arrays joined along one axis."""

    name = "concatenate"
    source = spelled(
        "{m}.concatenate(({all}), axis={axis_value})",
        torch="torch.cat(({all}), dim={axis_value})",
    )
    arity = -1

    def shape(self, operands: Sequence[Node], params: Params) -> Shape:
        axis: int = param(params, "axis")
        first = operands[0].shape
        for other in operands[1:]:
            if other.order != len(first) or not same_shape(
                other.shape[:axis] + other.shape[axis + 1 :], first[:axis] + first[axis + 1 :]
            ):
                raise SizeError(
                    f"cannot join {show_shape(first)} and {show_shape(other.shape)} on axis {axis}"
                )
        joined = sympy.expand(sympy.Add(*(o.shape[axis] for o in operands)))
        return (*first[:axis], joined, *first[axis + 1 :])

    def facts(self, operands: Sequence[Node], params: Params) -> Iterable[str]:
        return frozenset.intersection(*(o.facts for o in operands)) & _SIGNS

    def rewrite(self, operands: Sequence[Node], params: Params) -> Node | None:
        return operands[0] if len(operands) == 1 else None

    def value(self, arrays: list[Array], params: Params, domain: Domain) -> Array:
        return np.concatenate(arrays, axis=param(params, "axis"))

    def vjp(self, node: Apply, index: int, adjoint: Node) -> Node:
        axis: int = node.param("axis")
        lead = adjoint.order - node.order
        start = sympy.expand(sympy.Add(*(o.shape[axis] for o in node.operands[:index])))
        picks = list(_full_index(adjoint.shape))
        picks[lead + axis] = ("range", start, node.operands[index].shape[axis], sympy.S.One)
        return apply("slice", adjoint, index=tuple(picks))


for _operator in (Reshape(), Slice(), Place(), Concatenate()):
    register(_operator)
