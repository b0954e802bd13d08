"""Access to parts of arrays: reshape, slices, their adjoints, and concatenation.

Indices are affine in symbolic sizes, so a slice is a statement about every size at once.
A slice `index` has one entry per axis: `("at", k)` drops the axis, `("range", start, count, step)` keeps it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, final

import numpy as np
import sympy

from ..build import add, einsum, full, is_zero, scale, split_scale, zero
from ..domains import Array, Domain
from ..errors import SizeError
from ..node import Apply, Delta, Einsum, Node, Ones, Params, Sum
from ..sizes import ONE, ZERO, Shape, product, same_shape, same_size, show_shape
from .base import Operator, apply, param, register, spelled

_SIGNS = frozenset({"positive", "nonnegative", "nonzero", "integer"})


@final
class Reshape(Operator):
    """The same entries in row-major order under another shape."""

    name = "reshape"
    linear = True
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


def _dropped(node: Node, axis: int, index: tuple[tuple[Any, ...], ...]) -> Node | None:
    """A product without an axis of length 1: the axis goes from the factors that hold it, and the rest is sliced."""
    c, core = split_scale(node)
    if isinstance(core, Sum):
        parts = [(a, _dropped(term, axis, index)) for a, term in core.terms]
        if all(part is not None for _, part in parts):
            return scale(c, add([(a, part) for a, part in parts if part is not None]))
    factors = []
    if not isinstance(core, Einsum):
        # The only row of a matrix is the sum over the rows, and is printed as a row.
        others = tuple(e for k, e in enumerate(index) if k != axis)
        row = einsum([(node, tuple(range(node.order)))], tuple(k for k in range(node.order) if k != axis))
        return row if node.order == 2 and others == _full_index(row.shape) else None
    for o, labels in core.factors:
        if axis not in labels:
            factors.append((o, labels))
            continue
        rest = tuple(i for i in labels if i != axis)
        if isinstance(o, Delta | Ones):
            factors.append((full(tuple(s for s, i in zip(o.shape, labels, strict=True) if i != axis)), rest))
            continue
        picks = [("at", ZERO) if i == axis else e for i, e in zip(labels, _full_index(o.shape), strict=True)]
        factors.append((apply("slice", o, index=tuple(picks)), rest))
    found = scale(c, einsum(factors, tuple(i for i in core.output if i != axis)))
    others = tuple(e for k, e in enumerate(index) if k != axis)
    return found if others == _full_index(found.shape) else apply("slice", found, index=others)


@final
class Slice(Operator):
    """A rectangular part of an array."""

    name = "slice"
    linear = True

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
        if index == _full_index(node.shape):
            return node
        only = next((k for k, e in enumerate(index) if e[0] == "at" and node.shape[k] == 1), None)
        return None if only is None else _dropped(node, only, index)

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
    x = 1.0 * {m}.asarray(x)  # it may be a whole number
    picks = [(e, 1, 1) if isinstance(e, int) else e for e in entries]
    places = <grid>(*(start + step * {m}.arange(count) for start, count, step in picks))
    values = x.reshape([count for _, count, _ in picks])
    z = {zeros}(shape{dtype})
    <add>'''


@final
class Place(Operator):
    """The adjoint of a slice: the entries put into an array of zeros."""

    name = "place"
    linear = True
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
        """Zeros stay zeros, numbers go outside; into an axis of length 1 everything goes: the axis is added."""
        node, shape, index = operands[0], param(params, "shape"), param(params, "index")
        if is_zero(node):
            return zero(shape)
        if index == _full_index(shape):
            return node
        c, core = split_scale(node)
        if c != 1:
            return scale(c, apply("place", core, index=index, shape=shape))
        only = [k for k, e in enumerate(index) if e[0] == "at" and shape[k] == 1]
        if not only:
            return None
        kept = tuple(k for k in range(len(shape)) if k not in only)
        inner = apply("place", node, index=tuple(index[k] for k in kept), shape=tuple(shape[k] for k in kept))
        return einsum([(inner, kept), *((full((ONE,)), (k,)) for k in only)], tuple(range(len(shape))))

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
    linear = True
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


#: A slice: for every axis ("at", place) or ("range", start, count, step).
Index = tuple[tuple[Any, ...], ...]


def apart(places: Sequence[Index]) -> bool:
    """Whether no two of the slices share an entry, whatever the sizes."""
    pairs = ((a, b) for k, a in enumerate(places) for b in places[k + 1 :])
    return all(any(_disjoint(p, q) for p, q in zip(a, b, strict=True)) for a, b in pairs)


@lru_cache(maxsize=4096)  # the blocks of a matrix meet along an axis in the same few pairs
def _disjoint(p: tuple[Any, ...], q: tuple[Any, ...]) -> bool:
    (p0, p1), (q0, q1) = _ends(p), _ends(q)
    return bool(sympy.expand(q0 - p1).is_nonnegative) or bool(sympy.expand(p0 - q1).is_nonnegative)


def _ends(entry: tuple[Any, ...]) -> tuple[sympy.Expr, sympy.Expr]:
    """The first place, and the one behind the last."""
    if entry[0] == "at":
        return entry[1], entry[1] + 1
    start, count, step = entry[1:]
    last = start + (count - 1) * step
    return (start, last + 1) if step.is_positive else (last, start + 1)


def tiles(places: Sequence[Index], shape: Shape) -> bool:
    """Whether slices that are `apart` are all of an array of that shape, whatever the sizes."""
    counts = [product(tuple(e[2] for e in index if e[0] == "range")) for index in places]
    return bool(sympy.expand(sum(counts, -product(shape))) == 0)
