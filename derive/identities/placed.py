"""Entries put into zeros: sums over their axes, parts that are the whole when put side by side, reversed order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sympy

from ..build import add, einsum, full, scale
from ..node import Apply, Einsum, Node, Sum
from ..operators import apply
from ..operators.access import Index
from ..sizes import ONE, ZERO


def sum_of_placed(node: Node) -> Node | None:
    """Σₖ place(a)ₖ -> Σ a,  Σₖ scatter_add(a, J)ₖ -> Σ a, where nothing else has the axis"""
    if not isinstance(node, Einsum):
        return None
    factors = list(node.factors)
    for k, (part, labels) in enumerate(factors):
        if not isinstance(part, Apply) or part.op not in ("place", "scatter_add"):
            continue
        for axis, i in enumerate(labels):
            if i in node.output or node.uses[i] != 1:
                continue
            summed = _summed(part, axis)
            if summed is not None:
                rest = (summed, (*labels[:axis], *labels[axis + 1 :]))
                return einsum([*factors[:k], rest, *factors[k + 1 :]], node.output)
    return None


def _summed(part: Apply, axis: int) -> Node | None:
    """The sum over an axis; None where that axis is one of those that are only carried along."""
    inner = part.operands[0]
    if part.op == "scatter_add":
        if axis != part.param("axis"):
            return None
        gone = range(axis, axis + part.operands[1].order)
        return einsum(
            [(inner, tuple(range(inner.order)))], tuple(a for a in range(inner.order) if a not in gone)
        )
    index, shape = part.param("index"), part.param("shape")
    if index[axis][0] != "at":
        place = sum(entry[0] != "at" for entry in index[:axis])
        axes = tuple(range(inner.order))
        inner = einsum([(inner, axes)], (*axes[:place], *axes[place + 1 :]))
    left = (*index[:axis], *index[axis + 1 :])
    return apply("place", inner, index=left, shape=(*shape[:axis], *shape[axis + 1 :])) if left else inner


def reversed_order(node: Node) -> Node | None:
    """place(a) in reversed order, all along its axes -> a in reversed order"""
    if not isinstance(node, Apply) or node.op != "place" or node.shape != node.operands[0].shape:
        return None
    return apply("slice", node.operands[0], index=node.param("index"))


def placed_side_by_side(node: Node) -> Node | None:
    """Parts that are put one behind the other along an axis, all of it -> these parts joined"""
    if not isinstance(node, Sum):
        return None
    placed = [(k, *found) for k, term in enumerate(node.terms) if (found := _placed(*term)) is not None]
    if not 2 <= len(placed) <= 12:
        return None
    whole = tuple(("range", ZERO, s, ONE) for s in node.shape)
    for axis in range(node.order):
        rest = (*whole[:axis], *whole[axis + 1 :])
        alike = [
            (index[axis], part, k) for k, part, index in placed if (*index[:axis], *index[axis + 1 :]) == rest
        ]
        ordered = _one_behind_the_other(alike, node.shape[axis])
        if ordered is not None:
            taken = {k for _, _, k in alike}
            parts = [_with_axis(part, entry, axis) for entry, part, _ in ordered]
            others = [t for k, t in enumerate(node.terms) if k not in taken]
            return add([*others, (ONE, apply("concatenate", *parts, axis=axis))], node.shape)
    return None


def _placed(c: sympy.Expr, term: Node) -> tuple[Node, Index] | None:
    """What is put somewhere by a term, a number times it or scalars times it, and where."""
    if isinstance(term, Apply) and term.op == "place":
        return scale(c, term.operands[0]), term.param("index")
    if not isinstance(term, Einsum):
        return None
    arrays = [f for f in term.factors if f[1]]
    if len(arrays) != 1 or arrays[0][1] != term.output:
        return None
    (place, _) = arrays[0]
    if not isinstance(place, Apply) or place.op != "place":
        return None
    inner = place.operands[0]
    axes = tuple(range(inner.order))
    scalars = [f for f in term.factors if not f[1]]
    return scale(c, einsum([*scalars, (inner, axes)], axes)), place.param("index")


Part = tuple[tuple[Any, ...], Node, int]


def _one_behind_the_other(placed: Sequence[Part], size: sympy.Expr) -> list[Part] | None:
    """The parts in the order in which they stand; None where they are not all of the axis."""
    left, at, found = list(placed), ZERO, list[Part]()
    while left:
        here = next((p for p in left if sympy.expand(p[0][1] - at) == 0), None)
        if here is None or (here[0][0] == "range" and here[0][3] != 1):
            return None
        left.remove(here)
        found.append(here)
        at = sympy.expand(at + (1 if here[0][0] == "at" else here[0][2]))
    return found if len(found) > 1 and sympy.expand(at - size) == 0 else None


def _with_axis(part: Node, entry: tuple[Any, ...], axis: int) -> Node:
    """The part with the axis along which it is one entry long."""
    if entry[0] == "range":
        return part
    labels = tuple(range(part.order + 1))
    bare = (full((ONE,)), (axis,))
    return einsum([(part, (*labels[:axis], *labels[axis + 1 :])), bare], labels)


__all__ = ["placed_side_by_side", "reversed_order", "sum_of_placed"]
