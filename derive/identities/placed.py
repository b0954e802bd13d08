"""Sums over an axis into which entries were put: zeros add nothing."""

from __future__ import annotations

from ..build import einsum
from ..node import Apply, Einsum, Node
from ..operators import apply


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


__all__ = ["sum_of_placed"]
