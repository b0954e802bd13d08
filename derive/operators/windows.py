"""Sliding windows and their adjoint, the overlap-add: what convolutions and poolings are made of.

    windows(A)_{i, r} = A_{s·i + r},     i = 0 … ⌊(n − k)/s⌋,     r = 0 … k − 1

for windows of length k at a stride s. The axis becomes the axis of the windows; the place within a window is a
new last axis, as in NumPy's `sliding_window_view`. The adjoint adds every entry back where it came from:

    overlap_add(G)_m = Σ_{s·i + r = m} G_{i, r}.

The index s·i + r is affine in two axes, which no einsum can say; everything around it is an einsum.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import final

import numpy as np
import sympy

from ..domains import Array, Domain
from ..errors import SizeError
from ..node import Apply, Node, Params
from ..sizes import ONE, Shape, Size, same_size, show_shape
from .base import Operator, Option, apply, param, register, spelled
from .linear import taken_out

_WINDOWS = '''def windows(x, axis, size, stride=1):
    """Sliding windows along an axis, their entries along a new last axis."""
    starts = {m}.arange(0, x.shape[axis] - size + 1, stride)
    places = starts[:, None] + {m}.arange(size)
    return {m}.moveaxis(x[(slice(None),) * axis + (places,)], axis + 1, -1)'''

_OVERLAP_ADD = '''def overlap_add(x, axis, size, stride=1):
    """Windows added back along the axis, which gets that size."""
    z = {zeros}((*x.shape[:axis], size, *x.shape[axis + 1 : -1]){dtype})
    for r in range(x.shape[-1]):
        places = (slice(None),) * axis + (slice(r, r + stride * x.shape[axis], stride),)
        <add>
    return z'''


def window_count(length: Size, size: Size, stride: Size) -> Size:
    """⌊(n − k)/s⌋ + 1, the number of windows; a `SizeError` naming both where none fits."""
    gap = sympy.expand(length - size)
    if gap.is_negative:
        raise SizeError(f"a window of size {size} does not fit an axis of size {length}")
    count: Size = (gap if stride == 1 else sympy.floor(sympy.expand(gap / stride))) + 1
    return sympy.expand(count)


def windows(node: Node, size: Size, axis: int, stride: Size = ONE) -> Node:
    """Sliding windows along an axis, their entries along a new last axis."""
    return apply("windows", node, axis=axis, size=size, stride=stride)


def overlap_add(node: Node, size: Size, axis: int, stride: Size = ONE) -> Node:
    """The adjoint of windows: the last axis added back along the axis, which gets that size."""
    return apply("overlap_add", node, axis=axis, size=size, stride=stride)


def _settings(params: Params) -> tuple[int, Size, Size]:
    """(axis, size, stride)."""
    return param(params, "axis"), param(params, "size"), param(params, "stride", ONE)


@final
class Windows(Operator):
    """Sliding windows along an axis, their entries along a new last axis: W[i, r] = A[stride*i + r]."""

    name = "windows"
    options = (Option("size", "size"), Option("axis", "axis", -1), Option("stride", "size", ONE))
    linear = True
    source = "windows({0}, axis={axis_value}, size={size}{stride})"
    helper = _WINDOWS

    def shape(self, operands: Sequence[Node], params: Params) -> Shape:
        shape = operands[0].shape
        axis, size, stride = _settings(params)
        if not 0 <= axis < len(shape):
            raise SizeError(f"windows along axis {axis} of an array of sizes {show_shape(shape)}")
        return (*shape[:axis], window_count(shape[axis], size, stride), *shape[axis + 1 :], size)

    def facts(self, operands: Sequence[Node], params: Params) -> Iterable[str]:
        return operands[0].facts & {"positive", "nonnegative", "nonzero", "integer"}

    def rewrite(self, operands: Sequence[Node], params: Params) -> Node | None:
        """Coefficients and factors without the axis go outside."""
        node = operands[0]
        axis, size, stride = _settings(params)
        places = [(k, node.order) if k == axis else (k,) for k in range(node.order)]
        shape = self.shape(operands, params)
        return taken_out(node, (axis,), shape, places, lambda a, at: windows(a, size, at[0], stride))

    def value(self, arrays: list[Array], params: Params, domain: Domain) -> Array:
        (x,), (axis, size, stride) = arrays, _settings(params)
        if int(size) > x.shape[axis]:
            raise SizeError(f"a window of size {size} does not fit axis {axis} of length {x.shape[axis]}")
        view = np.lib.stride_tricks.sliding_window_view(x, int(size), axis)
        picks = (*(slice(None),) * axis, slice(None, None, int(stride)))
        return np.array(view[picks], dtype=x.dtype)

    def check(self, shapes: Sequence[tuple[int, ...]], data: Sequence[Array | None], params: Params) -> None:
        axis, size, _ = _settings(params)
        if int(size) > shapes[0][axis]:
            raise SizeError(f"a window of size {size} does not fit axis {axis} of length {shapes[0][axis]}")

    def vjp(self, node: Apply, index: int, adjoint: Node) -> Node:
        axis, _, stride = _settings(node.params)
        lead = adjoint.order - node.order
        return overlap_add(adjoint, node.operands[0].shape[axis], lead + axis, stride)


@final
class OverlapAdd(Operator):
    """The adjoint of windows: the last axis added back along an axis, which gets that size."""

    name = "overlap_add"
    options = (Option("size", "size"), Option("axis", "axis", -2), Option("stride", "size", ONE))
    linear = True
    source = "overlap_add({0}, axis={axis_value}, size={size}{stride})"
    helper = spelled(
        _OVERLAP_ADD.replace("<add>", "z[places] += x[..., r]"),
        jax=_OVERLAP_ADD.replace("<add>", "z = z.at[places].add(x[..., r])"),
    )

    def shape(self, operands: Sequence[Node], params: Params) -> Shape:
        shape = operands[0].shape
        axis, size, stride = _settings(params)
        if not 0 <= axis < len(shape) - 1:
            raise SizeError(f"overlap_add along axis {axis} of an array of sizes {show_shape(shape)}")
        if not same_size(window_count(size, shape[-1], stride), shape[axis]):
            raise SizeError(
                f"overlap_add: {shape[axis]} windows of size {shape[-1]} at stride {stride} "
                f"do not make an axis of size {size}"
            )
        return (*shape[:axis], size, *shape[axis + 1 : -1])

    def facts(self, operands: Sequence[Node], params: Params) -> Iterable[str]:
        return operands[0].facts & {"nonnegative", "integer"}

    def rewrite(self, operands: Sequence[Node], params: Params) -> Node | None:
        """Coefficients and factors without the two axes go outside."""
        node = operands[0]
        axis, size, stride = _settings(params)
        last = node.order - 1
        places = [() if k == last else (k,) for k in range(node.order)]
        shape = self.shape(operands, params)
        return taken_out(node, (axis, last), shape, places, lambda a, at: overlap_add(a, size, at[0], stride))

    def value(self, arrays: list[Array], params: Params, domain: Domain) -> Array:
        (g,), (axis, size, stride) = arrays, _settings(params)
        moved = np.moveaxis(g, axis, -2)
        out = domain.array(np.zeros((*moved.shape[:-2], int(size)), dtype=int))
        count, step = moved.shape[-2], int(stride)
        for r in range(moved.shape[-1]):
            out[..., r : r + (count - 1) * step + 1 : step] += moved[..., r]
        return np.asarray(np.moveaxis(out, -1, axis), dtype=g.dtype)

    def vjp(self, node: Apply, index: int, adjoint: Node) -> Node:
        axis, _, stride = _settings(node.params)
        lead = adjoint.order - node.order
        return windows(adjoint, node.operands[0].shape[-1], lead + axis, stride)


register(Windows())
register(OverlapAdd())
