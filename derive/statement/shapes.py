"""Arrays from sizes, other shapes for the same entries, and arrays joined or put into a larger one."""

from __future__ import annotations

from typing import Any

import sympy

from ..build import full, is_zero, zero
from ..build import transpose as permuted
from ..errors import ArgumentError, SizeError
from ..node import Node, delta
from ..operators import apply, normal_axes
from ..sizes import Shape, Size, product, same_size, show_shape
from . import arithmetic as ar
from .indexing import Span, index
from .signature import bounded, function

Axes = int | tuple[int, ...] | None


def _one_shape(sizes: tuple[Shape, ...]) -> Shape:
    if not sizes:
        raise ArgumentError("at least one size is needed, such as ones(n) or ones(n, d)")
    return tuple(size for part in sizes for size in part)


@function(n="size")
def eye(n: Size) -> Node:
    """The identity matrix of size n."""
    return delta(n)


@function(sizes="sizes")
def ones(*sizes: Shape) -> Node:
    """The array of ones of the sizes."""
    return full(_one_shape(sizes))


@function(sizes="sizes")
def zeros(*sizes: Shape) -> Node:
    """The array of zeros of the sizes."""
    return zero(_one_shape(sizes))


def reshaped(A: Node, shape: Shape) -> Node:
    """The entries in row-major order under another shape."""
    return apply("reshape", bounded(A, "reshape"), shape=shape)


@function(sizes="open sizes")
def reshape(A: Node, *sizes: tuple[Size | None, ...]) -> Node:
    """The entries in row-major order under the sizes: reshape(A, n, d); -1 stands for the size that is left."""
    wanted = [size for part in sizes for size in part]
    left_open = [k for k, size in enumerate(wanted) if size is None]
    if len(left_open) > 1:
        raise ArgumentError("reshape: only one size can be left open")
    for k in left_open:
        rest = product(size for size in wanted if size is not None)
        size = sympy.cancel(product(A.shape) / rest)
        wanted[k] = size
        if size.is_integer is not True:
            raise SizeError(
                f"reshape: {show_shape(A.shape)} has {product(A.shape)} entries, not a multiple of {rest}"
            )
    return reshaped(A, _one_shape((tuple(size for size in wanted if size is not None),)))


@function(axis="axes")
def expand_dims(A: Node, axis: int | tuple[int, ...]) -> Node:
    """The array with new axes of size 1, at those places of the result."""
    count = 1 if isinstance(axis, int) else len(axis)
    chosen = normal_axes(axis, A.order + count, "expand_dims")
    return index(A, [None if k in chosen else Span() for k in range(A.order + count)])


@function(axis="axes")
def squeeze(A: Node, axis: Axes = None) -> Node:
    """The array without its axes of size 1, or without those named."""
    if axis is None:
        chosen = tuple(k for k, size in enumerate(A.shape) if size == 1)
    else:
        chosen = normal_axes(axis, A.order, "squeeze")
    for k in chosen:
        if A.shape[k] != 1:
            raise SizeError(f"squeeze: axis {k} has size {A.shape[k]}, not 1")
    return index(A, [sympy.S.Zero if k in chosen else Span() for k in range(A.order)])


@function(sizes="sizes")
def broadcast_to(A: Node, *sizes: Shape) -> Node:
    """The array repeated along new axes and axes of size 1, as NumPy's broadcasting does it."""
    shape = _one_shape(sizes)
    ar.common_shape(A.shape, shape, "broadcast_to")
    if A.order > len(shape):
        raise SizeError(f"broadcast_to: {show_shape(A.shape)} has more axes than {show_shape(shape)}")
    return ar.broadcast_to(A, shape)


@function(axes="axes")
def transpose(A: Node, *axes: Axes) -> Node:
    """The axes reversed, or in the order given."""
    if not axes:
        return permuted(A)
    flat = [k for part in axes for k in (part if isinstance(part, tuple) else (part,)) if k is not None]
    order = [k % A.order if A.order and -A.order <= k < A.order else -1 for k in flat]
    if sorted(order) != list(range(A.order)):
        raise ArgumentError(f"transpose: {tuple(flat)} does not name each of the {A.order} axes once")
    return permuted(A, order)


@function(arrays="arrays", axis="integer")
def concatenate(*arrays: tuple[Node, ...], axis: int = 0) -> Node:
    """Arrays joined along an axis: concatenate(a, b, axis=0) or concatenate((a, b))."""
    parts = [a for group in arrays for a in group]
    if not parts or not all(a.order for a in parts):
        raise ArgumentError("concatenate needs arrays with at least one axis")
    (where_,) = normal_axes(axis, parts[0].order, "concatenate")
    return apply("concatenate", *parts, axis=where_)


@function(shape="sizes", index="entry")
def place(A: Node, shape: Shape, *index: Any) -> Node:
    """The adjoint of a slice: A put into zeros of a shape; per axis a position or (start, count, step)."""
    picks: list[tuple[Any, ...]] = []
    for entry in index:
        if not isinstance(entry, tuple):
            picks.append(("at", entry))
        elif len(entry) == 3:
            picks.append(("range", *entry))
        else:
            raise ArgumentError("place: an entry is a position or (start, count, step)")
    counts = tuple(entry[2] for entry in picks if entry[0] == "range")
    if len(picks) != len(shape) or len(counts) != A.order:
        raise SizeError(f"place: {show_shape(A.shape)} does not fit into {show_shape(shape)} at that index")
    for size, count in zip(A.shape, counts, strict=True):
        if not same_size(size, count):
            raise SizeError(f"place: sizes {show_shape(A.shape)} and {show_shape(counts)} do not fit")
    return zero(shape) if is_zero(A) else apply("place", A, index=tuple(picks), shape=shape)
