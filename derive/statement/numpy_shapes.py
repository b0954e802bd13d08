"""NumPy's functions that rearrange: axes, shapes, joins."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sympy

from ..build import transpose as permuted
from ..errors import ArgumentError, SizeError, UnsupportedError
from ..node import Node
from ..operators import normal_axes
from ..sizes import (
    as_coefficient,
    as_size,
    product,
)
from .indexing import Span, index
from .numpy_table import as_node, call, numpy_function
from .shapes import reshaped

# ---------------------------------------------------------------- shapes


@numpy_function()
def transpose(a: Node, axes: Any = None) -> Node:
    """Axes permuted, reversed by default."""
    return permuted(a) if axes is None else call("transpose", a, tuple(axes))


@numpy_function()
def swapaxes(a: Node, axis1: int, axis2: int) -> Node:
    """Two axes exchanged."""
    (p,), (q,) = normal_axes(axis1, a.order, "swapaxes"), normal_axes(axis2, a.order, "swapaxes")
    order = list(range(a.order))
    order[p], order[q] = q, p
    return permuted(a, order)


@numpy_function()
def moveaxis(a: Node, source: Any, destination: Any) -> Node:
    """Axes moved to other places, the others in their order."""
    starts = [
        normal_axes(k, a.order, "moveaxis")[0] for k in ([source] if isinstance(source, int) else source)
    ]
    ends = [
        normal_axes(k, a.order, "moveaxis")[0]
        for k in ([destination] if isinstance(destination, int) else destination)
    ]
    order = [k for k in range(a.order) if k not in starts]
    for end, start in sorted(zip(ends, starts, strict=True)):
        order.insert(end, start)
    return permuted(a, order)


@numpy_function("matrix_transpose")
def _matrix_transpose(x: Node) -> Node:
    return swapaxes(x, -1, -2)


@numpy_function()
def reshape(a: Node, shape: Any, order: str = "C", **more: Any) -> Node:
    """The entries in row-major (or column-major) order under another shape; -1 stands for the size that is left."""
    if more or order not in ("C", "F"):
        raise UnsupportedError("np.reshape with these arguments has no symbolic form")
    wanted = list(shape) if isinstance(shape, tuple | list) else [shape]
    open_axes = [k for k, s in enumerate(wanted) if s == -1]
    if len(open_axes) > 1:
        raise ArgumentError("reshape: only one size can be left open")
    for k in open_axes:
        rest = product(as_coefficient(s) for j, s in enumerate(wanted) if j != k)
        wanted[k] = sympy.cancel(product(a.shape) / rest)
    if order == "F":
        return permuted(reshaped(permuted(a), tuple(as_size(s) for s in reversed(wanted))))
    return reshaped(a, tuple(as_size(s) for s in wanted))


@numpy_function("ravel")
def ravel(a: Node, order: str = "C") -> Node:
    """All entries in one row."""
    return reshape(a, -1, order=order) if a.order != 1 else a


@numpy_function("squeeze")
def _squeeze(a: Node, axis: Any = None) -> Node:
    """Without axes of size 1."""
    chosen = (
        [k for k, s in enumerate(a.shape) if s == 1]
        if axis is None
        else normal_axes(axis, a.order, "squeeze")
    )
    for k in chosen:
        if a.shape[k] != 1:
            raise SizeError(f"squeeze: axis {k} has size {a.shape[k]}, not 1")
    return index(a, [sympy.S.Zero if k in chosen else Span() for k in range(a.order)])


@numpy_function("expand_dims")
def _expand_dims(a: Node, axis: Any) -> Node:
    """With new axes of size 1."""
    count = 1 if isinstance(axis, int) else len(axis)
    chosen = normal_axes(axis, a.order + count, "expand_dims")
    return index(a, [None if k in chosen else Span() for k in range(a.order + count)])


@numpy_function("broadcast_to")
def _broadcast_to(array: Any, shape: Any) -> Node:
    sizes = shape if isinstance(shape, tuple | list) else (shape,)
    return call("broadcast_to", as_node(array), tuple(as_size(s) for s in sizes))


@numpy_function("flip")
def _flip(m: Node, axis: Any = None) -> Node:
    return call("flip", m, axis=axis)


@numpy_function("flipud")
def _flipud(m: Node) -> Node:
    return call("flip", m, axis=0)


@numpy_function("fliplr")
def _fliplr(m: Node) -> Node:
    return call("flip", m, axis=1)


@numpy_function("roll")
def _roll(a: Node, shift: Any, axis: Any = None) -> Node:
    if isinstance(shift, tuple | list) or (axis is None and a.order != 1):
        raise UnsupportedError("np.roll of several axes at once has no symbolic form; name one axis")
    return call("roll", a, shift, axis=-1 if axis is None else axis)


@numpy_function("pad")
def _pad(array: Node, pad_width: Any, mode: str = "constant", constant_values: Any = 0) -> Node:
    """Zeros around: one number for all sides, or (before, after) for all axes or per axis."""
    if mode != "constant" or constant_values != 0:
        raise UnsupportedError("np.pad with anything but zeros has no symbolic form")
    widths = pad_width if isinstance(pad_width, tuple | list) else (pad_width, pad_width)
    if len(widths) == 1:
        widths = widths[0] if isinstance(widths[0], tuple | list) else (widths[0], widths[0])
    pairs = list(widths) if isinstance(widths[0], tuple | list) else [widths] * array.order
    if len(pairs) != array.order or any(len(p) != 2 for p in pairs):
        raise UnsupportedError("np.pad: the widths do not name each axis")
    for axis, (before, after) in enumerate(pairs):
        array = call("pad", array, before, after, axis=axis)
    return array


@numpy_function("concatenate")
def _concatenate(arrays: Sequence[Any], axis: int | None = 0) -> Node:
    parts = [as_node(a) for a in arrays]
    return (
        call("concatenate", tuple(map(ravel, parts)), axis=0)
        if axis is None
        else call("concatenate", tuple(parts), axis=axis)
    )


@numpy_function()
def stack(arrays: Sequence[Any], axis: int = 0) -> Node:
    """Arrays of one shape along a new axis."""
    return _concatenate([_expand_dims(as_node(a), axis) for a in arrays], axis)


@numpy_function()
def hstack(tup: Sequence[Any]) -> Node:
    """Joined along the second axis, vectors along their only one."""
    parts = [_at_least(as_node(a), 1) for a in tup]
    return _concatenate(parts, 0 if parts[0].order == 1 else 1)


@numpy_function("vstack", "row_stack")
def vstack(tup: Sequence[Any]) -> Node:
    """Joined along the first axis, vectors as rows."""
    return _concatenate([_at_least(as_node(a), 2) for a in tup], 0)


@numpy_function()
def column_stack(tup: Sequence[Any]) -> Node:
    """Joined along the second axis, vectors as columns."""
    parts = [as_node(a) for a in tup]
    return _concatenate([index(a, [Span(), None]) if a.order == 1 else a for a in parts], 1)


def _at_least(a: Node, order: int) -> Node:
    """With new axes in front."""
    return index(a, [*(None for _ in range(order - a.order)), *(Span() for _ in range(a.order))])
