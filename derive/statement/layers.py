"""Convolutions, poolings and moments: compositions of windows, products and reductions.

A convolution here is what neural networks call one, the cross-correlation over the positions where the whole
kernel fits ("valid"); `pad` first for any other border. With W the windows of x,

    conv1d(x, w)_i = Σ_r W_{i r} w_r          conv1d(x, w)_{b o i} = Σ_{c r} W_{b c i r} w_{o c r}.
"""

from __future__ import annotations

import sympy

from ..build import einsum, number, scale
from ..errors import ArgumentError, SizeError
from ..node import Node
from ..operators import apply, normal_axes
from ..operators.windows import windows
from ..sizes import HALF, ONE, Size, product, same_size, show_shape
from . import arithmetic as ar
from .indexing import Span, index
from .signature import function

Axes = int | tuple[int, ...] | None

# ---------------------------------------------------------------- convolutions


def _convolution(name: str, x: Node, w: Node, stride: Size, spatial: int) -> Node:
    """The cross-correlation over the last `spatial` axes; channels in front of them, a batch in front of those."""
    shapes = f"sizes {show_shape(x.shape)} and {show_shape(w.shape)}"
    channels = w.order == spatial + 2
    if w.order not in (spatial, spatial + 2) or x.order < spatial + channels:
        plain, deep = ("(n,) and (k,)", "(…, c, n) and (o, c, k)")
        if spatial == 2:
            plain, deep = "(h, w) and (p, q)", "(…, c, h, w) and (o, c, p, q)"
        raise SizeError(f"{name} takes {plain}, or with channels {deep}, but got {shapes}")
    if channels and not same_size(x.shape[-spatial - 1], w.shape[1]):
        raise ar.misfit(x.shape, w.shape, name, x.shape[-spatial - 1], w.shape[1])
    first = x.order - spatial
    for k in range(spatial):
        x = windows(x, w.shape[k - spatial], first + k, stride)
    places = tuple(range(1000, 1000 + spatial))
    front = tuple(range(x.order - 2 * spatial - channels))
    if not channels:
        over = tuple(range(len(front), len(front) + spatial))
        return einsum([(x, (*front, *over, *places)), (w, places)], (*front, *over))
    out, channel = len(front), 900
    over = tuple(range(out + 1, out + 1 + spatial))
    return einsum(
        [(x, (*front, channel, *over, *places)), (w, (out, channel, *places))], (*front, out, *over)
    )


@function(stride="size")
def conv1d(x: Node, w: Node, stride: Size = ONE) -> Node:
    """Cross-correlation: x (n,), w (k,) give (n − k + 1,); with channels x (…, c, n), w (o, c, k)."""
    return _convolution("conv1d", x, w, stride, 1)


@function(stride="size")
def conv2d(x: Node, w: Node, stride: Size = ONE) -> Node:
    """Cross-correlation over the last two axes: x (h, w), kernel (p, q); with channels (…, c, h, w), (o, c, p, q)."""
    return _convolution("conv2d", x, w, stride, 2)


# ---------------------------------------------------------------- pooling


def _windowed(
    name: str, A: Node, size: Size, stride: Size | None, axis: Axes
) -> tuple[Node, tuple[int, ...]]:
    """Windows along the axes, and the axes that their entries lie along."""
    axes = normal_axes(axis, A.order, name)
    first = A.order
    for k in axes:
        A = windows(A, size, k, size if stride is None else stride)
    return A, tuple(range(first, first + len(axes)))


@function(size="size", stride="size", axis="axes")
def max_pool(A: Node, size: Size, stride: Size | None = None, axis: Axes = -1) -> Node:
    """The largest entry of every window along one axis or several; windows side by side without a stride."""
    found, axes = _windowed("max_pool", A, size, stride, axis)
    return apply("max", found, axes=axes)


@function(size="size", stride="size", axis="axes")
def avg_pool(A: Node, size: Size, stride: Size | None = None, axis: Axes = -1) -> Node:
    """The mean of every window along one axis or several; windows side by side without a stride."""
    found, axes = _windowed("avg_pool", A, size, stride, axis)
    labels = tuple(range(found.order))
    return scale(size ** -sympy.Integer(len(axes)), einsum([(found, labels)], labels[: axes[0]]))


# ---------------------------------------------------------------- moments


@function(axis="axes", ddof="number", keepdims="flag")
def var(A: Node, axis: Axes = None, ddof: sympy.Expr = sympy.S.Zero, keepdims: bool = False) -> Node:
    """The mean squared deviation from the mean; the divisor is the number of entries less `ddof`."""
    axes = normal_axes(axis, A.order, "var")
    count = product(A.shape[k] for k in axes)
    labels = tuple(range(A.order))
    kept = tuple(i for i in labels if i not in axes)

    def with_ones(a: Node) -> Node:
        return index(a, [None if k in axes else Span() for k in labels])

    centred = ar.sub(A, with_ones(scale(1 / count, einsum([(A, labels)], kept))))
    if count == ddof:
        raise ArgumentError(f"var: {count} entries less ddof {ddof} leave nothing to divide by")
    found = scale(1 / (count - ddof), einsum([(centred, labels), (centred, labels)], kept))
    return with_ones(found) if keepdims else found


@function(axis="axes", ddof="number", keepdims="flag")
def std(A: Node, axis: Axes = None, ddof: sympy.Expr = sympy.S.Zero, keepdims: bool = False) -> Node:
    """The square root of the variance."""
    return ar.pow(var(A, axis=axis, ddof=ddof, keepdims=keepdims), number(HALF))
