"""Functions that move entries about: running sums, padding, joining, and picking by whole numbers.

Each is one linear operator of the registry or a few slices; none has a derivative of its own here.
"""

from __future__ import annotations

from collections.abc import Callable

import sympy

from ..build import constant_value, is_zero, number, zero
from ..build import transpose as permuted
from ..errors import ArgumentError, SizeError, UnsupportedError
from ..node import Node
from ..operators import apply, cumulative, normal_axes
from ..sizes import ONE, ZERO, Size, product, same_shape, show_shape
from . import arithmetic as ar
from .indexing import Span, index
from .signature import alias, bounded, function


def one_axis(axis: int, order: int, name: str) -> int:
    """One axis as a nonnegative number."""
    (found,) = normal_axes(axis, order, name)
    return found


def _flat(A: Node, axis: int | None, name: str) -> tuple[Node, int]:
    """(array, axis); without an axis all entries in one row, as NumPy takes them."""
    if axis is None:
        return apply("reshape", bounded(A, name), shape=(sympy.expand(product(A.shape)),)), 0
    return A, one_axis(axis, A.order, name)


def along(A: Node, axis: int, span: Span) -> Node:
    """A part along one axis."""
    return index(A, [span if k == axis else Span() for k in range(A.order)])


# ---------------------------------------------------------------- running sums, differences


@function(axis="axes", reverse="flag")
def cumsum(A: Node, axis: int | None = None, reverse: bool = False) -> Node:
    """The running sum along an axis (of all entries in one row without one); `reverse` sums from the end."""
    return cumulative.cumsum(*_flat(A, axis, "cumsum"), reverse)


@function(axis="integer")
def diff(A: Node, axis: int = -1) -> Node:
    """The differences of neighbours along an axis: A[1:] − A[:-1]."""
    where = one_axis(axis, A.order, "diff")
    return ar.sub(along(A, where, Span(start=ONE)), along(A, where, Span(stop=-ONE)))


# ---------------------------------------------------------------- order of axes and entries


@function(axis="axes")
def flip(A: Node, axis: int | tuple[int, ...] | None = None) -> Node:
    """The entries in reverse order along all axes, or along some."""
    for k in normal_axes(axis, A.order, "flip"):
        A = along(A, k, Span(step=-ONE))
    return A


@function(shift="integer", axis="integer")
def roll(A: Node, shift: int, axis: int = -1) -> Node:
    """The entries moved along an axis by `shift` places; what leaves at one end comes back at the other."""
    where = one_axis(axis, A.order, "roll")
    size = A.shape[where]
    if size.is_Integer:
        shift %= int(size)
    if shift == 0:
        return A
    cut = -sympy.Integer(shift)
    parts = along(A, where, Span(start=cut)), along(A, where, Span(stop=cut))
    return apply("concatenate", *parts, axis=where)


@function(axis1="integer", axis2="integer")
def swapaxes(A: Node, axis1: int, axis2: int) -> Node:
    """Two axes exchanged; swapaxes(A, -1, -2) transposes every matrix of a batch."""
    order = list(range(A.order))
    i, j = (one_axis(axis, A.order, "swapaxes") for axis in (axis1, axis2))
    order[i], order[j] = j, i
    return permuted(A, order)


# ---------------------------------------------------------------- joining and padding


@function(arrays="arrays", axis="integer")
def stack(*arrays: tuple[Node, ...], axis: int = 0) -> Node:
    """Arrays of one shape joined along a new axis."""
    parts = [a for group in arrays for a in group]
    if not parts:
        raise ArgumentError("stack needs at least one array")
    for other in parts[1:]:
        if not same_shape(other.shape, parts[0].shape):
            raise SizeError(f"stack: sizes {show_shape(parts[0].shape)} and {show_shape(other.shape)} differ")
    where = one_axis(axis, parts[0].order + 1, "stack")
    entries = [None if k == where else Span() for k in range(parts[0].order + 1)]
    return apply("concatenate", *(index(a, entries) for a in parts), axis=where)


@function(given="rows")
def block(*given: tuple[tuple[Node, ...], ...]) -> Node:
    """A matrix put together from blocks, given row by row: block((A, B), (C, D)) or block([[A, B], [C, D]])."""
    rows = [row for group in given for row in group]
    if not rows or any(a.order < 2 for row in rows for a in row):
        raise ArgumentError("block needs rows of matrices, such as block((A, B), (C, D))")
    joined = [apply("concatenate", *row, axis=row[0].order - 1) for row in rows]
    return apply("concatenate", *joined, axis=joined[0].order - 2)


@function(before="number", after="number", axis="integer")
def pad(A: Node, before: sympy.Expr, after: sympy.Expr, axis: int = -1) -> Node:
    """Zeros put in front of an axis and behind it."""
    where = one_axis(axis, A.order, "pad")
    for count in (before, after):
        if not count.is_integer or count.is_negative:
            raise ArgumentError(f"pad: the number of zeros must be a whole number ≥ 0, not {count}")
    if before == 0 and after == 0:
        return A
    shape = [*A.shape]
    shape[where] = sympy.expand(before + A.shape[where] + after)
    places = tuple(("range", before if k == where else ZERO, s, ONE) for k, s in enumerate(A.shape))
    return zero(tuple(shape)) if is_zero(A) else apply("place", A, index=places, shape=tuple(shape))


# ---------------------------------------------------------------- picking by whole numbers


def _whole(name: str, indices: Node) -> None:
    if "integer" not in indices.facts:
        raise ArgumentError(f"{name}: the indices must be whole numbers; declare them with the fact integer")


@function(axis="axes")
def take(A: Node, indices: Node, axis: int | None = None) -> Node:
    """Entries along an axis picked by whole numbers from 0 on; without an axis, of all entries in one row."""
    _whole("take", indices)
    source, where = _flat(A, axis, "take")
    return apply("take", source, indices, axis=where)


@function(axis="integer", size="size")
def scatter_add(A: Node, indices: Node, size: Size, axis: int = 0) -> Node:
    """The adjoint of take: entries added up where whole numbers say, along an axis of that size."""
    _whole("scatter_add", indices)
    where = one_axis(axis, A.order + (0 if indices.order else 1), "scatter_add")
    return apply("scatter_add", A, indices, axis=where, size=size)


# ---------------------------------------------------------------- rounded sizes


def _rounded(name: str, x: Node, rule: Callable[[sympy.Expr], sympy.Expr]) -> Node:
    value = constant_value(x) if not x.order else None
    if value is None:
        raise UnsupportedError(
            f"{name} of an array (np.{name}) has no symbolic form; "
            f"{name} is for arithmetic over sizes, such as {name}(n / 2)"
        )
    return number(rule(value))


@function()
def floor(x: Node) -> Node:
    """The largest whole number ≤ x, for arithmetic over sizes such as floor(n / 2)."""
    return _rounded("floor", x, sympy.floor)


@function()
def ceiling(x: Node) -> Node:
    """The smallest whole number ≥ x, for arithmetic over sizes such as ceiling(n / 2)."""
    return _rounded("ceiling", x, sympy.ceiling)


alias("ceil", ceiling)
