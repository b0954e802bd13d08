"""Parts of arrays: of parts, of arrays joined, of multiples, of what was put there, and in reversed order."""

from __future__ import annotations

from typing import Any

import sympy

from ..build import einsum, scale, split_scale
from ..node import Apply, Einsum, Node
from ..operators import apply
from ..operators.access import Index
from ..sizes import ONE, ZERO


def part_of_part(node: Node) -> Node | None:
    """A[a:][b:] -> A[a + b:],  A[::-1][::-1] -> A,  (c A)[i] -> c A[i]"""
    if not isinstance(node, Apply) or node.op != "slice":
        return None
    index = node.param("index")
    c, inner = split_scale(node.operands[0])
    if c != 1:
        return scale(c, apply("slice", inner, index=index))
    if isinstance(inner, Einsum) and not inner.summed:  # (t A)[i] -> t A[i]
        scalars = [f for f in inner.factors if not f[1]]
        rest = [f for f in inner.factors if f[1]]
        if not scalars or not rest:
            return None
        part = apply("slice", einsum(rest, inner.output), index=index)
        axes = tuple(range(part.order))
        return einsum([*scalars, (part, axes)], axes)
    if not isinstance(inner, Apply):
        return None
    if inner.op == "slice":
        return apply("slice", inner.operands[0], index=_composed(inner.param("index"), index))
    if inner.op == "place" and inner.param("index") == index:
        return inner.operands[0]
    return None


def _composed(first: Index, second: Index) -> Index:
    """The index that picks at once what two pick one after the other."""
    rest = iter(second)
    found: list[tuple[Any, ...]] = []
    for entry in first:
        if entry[0] == "at":
            found.append(entry)
            continue
        _, start, _, step = entry
        then = next(rest)
        at = sympy.expand(start + then[1] * step)
        found.append(("at", at) if then[0] == "at" else ("range", at, then[2], step * then[3]))
    return tuple(found)


def part_of_joined(node: Node) -> Node | None:
    """concatenate(A, B)[:n] -> A, and any part that lies within one of the arrays joined"""
    if not isinstance(node, Apply) or node.op != "slice":
        return None
    joined, index = node.operands[0], node.param("index")
    if not isinstance(joined, Apply) or joined.op != "concatenate":
        return None
    axis = joined.param("axis")
    entry = index[axis]
    first = entry[1]
    last = first if entry[0] == "at" else first + (entry[2] - 1) * entry[3]
    low, high = (first, last) if entry[0] == "at" or entry[3] > 0 else (last, first)
    start = ZERO
    for part in joined.operands:
        stop = start + part.shape[axis]
        if _at_least(low, start) and _at_least(stop - 1, high):
            moved = (entry[0], sympy.expand(first - start), *entry[2:])
            return apply("slice", part, index=(*index[:axis], moved, *index[axis + 1 :]))
        start = stop
    return None


def _at_least(a: sympy.Expr, b: sympy.Expr) -> bool:
    return bool(sympy.expand(a - b).is_nonnegative)


def sum_of_one_entry(node: Node) -> Node | None:
    """Σ A[k:k+1] -> A[k], where nothing else has the axis"""
    if not isinstance(node, Einsum):
        return None
    factors = list(node.factors)
    for k, (part, labels) in enumerate(factors):
        if not isinstance(part, Apply) or part.op != "slice":
            continue
        kept = [a for a, e in enumerate(part.param("index")) if e[0] == "range"]
        for axis, i in enumerate(labels):
            if part.shape[axis] != 1 or i in node.output or node.uses[i] != 1:
                continue
            index = list(part.param("index"))
            index[kept[axis]] = ("at", index[kept[axis]][1])
            picked = apply("slice", part.operands[0], index=tuple(index))
            rest = (picked, (*labels[:axis], *labels[axis + 1 :]))
            return einsum([*factors[:k], rest, *factors[k + 1 :]], node.output)
    return None


def sums_from_the_end(node: Node) -> Node | None:
    """cumsum(A[::-1])[::-1] -> cumsum(A) from the end"""
    if not isinstance(node, Apply) or node.op != "slice":
        return None
    running = node.operands[0]
    if not isinstance(running, Apply) or running.op != "cumsum":
        return None
    axis, inside = running.param("axis"), running.operands[0]
    turned = [("range", ZERO, s, ONE) for s in running.shape]
    turned[axis] = ("range", sympy.expand(running.shape[axis] - 1), running.shape[axis], -ONE)
    if node.param("index") != tuple(turned):
        return None
    straight = apply("slice", inside, index=tuple(turned))
    return apply("cumsum", straight, axis=axis, reverse=not running.param("reverse", False))


__all__ = ["part_of_joined", "part_of_part", "sum_of_one_entry", "sums_from_the_end"]
