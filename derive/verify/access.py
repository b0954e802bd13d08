"""Slices and other linear operators on arrays, moved inwards until they stand at variables, for proofs.

(A + B)[i] -> A[i] + B[i]      f(x)[1:] -> f(x[1:])      (A x)[i] -> A[i] x
"""

from __future__ import annotations

from typing import Any

import sympy

from ..build import add, einsum, full, zero
from ..node import Apply, Einsum, Node, Ones, Sum
from ..operators import Elementwise, apply, is_linear, lookup
from ..operators.access import apart
from ..sizes import ONE, ZERO

#: Each entry of the result is one entry of the operand.
GATHERS = frozenset("slice reshape windows".split())


def linear_of_sum(node: Node) -> Node | None:
    """f(a A + b B) -> a f(A) + b f(B); f(s A) -> s f(A) for a number s"""
    if not isinstance(node, Apply) or not is_linear(node) or _moving(node) != [0]:
        return None
    first, rest, params = node.operands[0], node.operands[1:], dict(node.params)
    if isinstance(first, Sum):
        return add([(c, apply(node.op, t, *rest, **params)) for c, t in first.terms], node.shape)
    if isinstance(first, Einsum):
        pairs = list(first.factors)
        numbers = [(o, ls) for o, ls in pairs if not ls]
        arrays = [f for f in pairs if f[1]]
        if numbers and arrays:
            inside = apply(node.op, einsum(arrays, first.output), *rest, **params)
            own = tuple(range(node.order))
            return einsum([(inside, own), *numbers], own)
    return None


def _moving(node: Apply) -> list[int]:
    """The operands that carry derivatives."""
    return [k for k in range(len(node.operands)) if lookup(node.op).differentiable(k)]


def gather_of_function(node: Node) -> Node | None:
    """f(x, y)[i] -> f(x[i], y[i])"""
    if not isinstance(node, Apply) or node.op not in GATHERS or not isinstance(node.operands[0], Apply):
        return None
    inside = node.operands[0]
    if inside.op != "power" and not isinstance(lookup(inside.op), Elementwise):
        return None
    moved = [apply(node.op, o, **dict(node.params)) for o in inside.operands]
    return apply(inside.op, *moved, **dict(inside.params))


def slice_of_product(node: Node) -> Node | None:
    """(Σ_k A_ik B_kj)[i0, j0] -> Σ_k A[i0]_k B[:, j0]_k"""
    if not isinstance(node, Apply) or node.op != "slice" or not isinstance(node.operands[0], Einsum):
        return None
    product, index = node.operands[0], node.param("index")
    sizes = product.label_sizes()
    chosen = dict(enumerate(index))
    dropped = [k for k, entry in chosen.items() if entry[0] == "at"]
    kept = [k for k in chosen if k not in dropped]
    names = {old: new for new, old in enumerate(kept)}
    used: set[int] = set()
    factors: list[tuple[Node, tuple[int, ...]]] = []
    for o, ls in product.factors:
        labels = tuple(names.get(i, i + 1000) for i in ls if i not in dropped)
        used |= set(labels)
        if isinstance(o, Ones):
            shape = tuple(chosen[i][2] if i in chosen else sizes[i] for i in ls if i not in dropped)
            factors.append((full(shape), labels))
            continue
        entries: tuple[Any, ...] = tuple(
            chosen[i] if i in chosen else ("range", ZERO, sizes[i], ONE) for i in ls
        )
        factors.append((apply("slice", o, index=entries) if o.order else o, labels))
    if not set(range(len(kept))) <= used:
        return None
    return einsum(factors, tuple(range(len(kept))))


def joined_arrays(node: Node) -> Node | None:
    """concatenate(A, B) -> A and zeros + zeros and B"""
    if not isinstance(node, Apply) or node.op != "concatenate":
        return None
    axis, start, terms = node.param("axis"), ZERO, []
    for part in node.operands:
        index = [("range", ZERO, s, ONE) for s in node.shape]
        index[axis] = ("range", start, part.shape[axis], ONE)
        terms.append((ONE, apply("place", part, index=tuple(index), shape=node.shape)))
        start = sympy.expand(start + part.shape[axis])
    return add(terms, node.shape)


def product_with_placed(node: Node) -> Node | None:
    """Σᵢ place(A)ᵢ Bᵢ -> Σᵢ Aᵢ B[…]ᵢ: where zeros are summed against something, only what is placed counts"""
    if not isinstance(node, Einsum):
        return None
    factors = list(node.factors)
    for k, (placed, labels) in enumerate(factors):
        if not isinstance(placed, Apply) or placed.op != "place" or len(set(labels)) != len(labels):
            continue
        index, shape = placed.param("index"), placed.param("shape")
        for axis, i in enumerate(labels):
            entry = index[axis]
            if i in node.output or entry[0] == "at" or entry[1:] == (ZERO, shape[axis], ONE):
                continue
            if any(ls.count(i) > 1 for _, ls in factors):
                continue
            sizes = tuple(entry[2] if a == axis else s for a, s in enumerate(shape))
            whole = tuple(("range", ZERO, entry[2], ONE) if a == axis else e for a, e in enumerate(index))
            inner = apply("place", placed.operands[0], index=whole, shape=sizes)
            others = [(_part(o, ls, i, entry), ls) for j, (o, ls) in enumerate(factors) if j != k]
            return einsum([(inner, labels), *others], node.output)
    return None


def _part(node: Node, labels: tuple[int, ...], label: int, entry: tuple[Any, ...]) -> Node:
    """The part of a factor that an entry of an index picks along the axis with the label."""
    if label not in labels:
        return node
    if isinstance(node, Ones):
        return full(tuple(entry[2] if i == label else s for i, s in zip(labels, node.shape, strict=True)))
    index = tuple(
        entry if i == label else ("range", ZERO, s, ONE) for i, s in zip(labels, node.shape, strict=True)
    )
    return apply("slice", node, index=index)


def slice_of_placed(node: Node) -> Node | None:
    """place(A)[i:j] -> A where it is placed just there, 0 where it is placed elsewhere"""
    if not isinstance(node, Apply) or node.op != "slice":
        return None
    inner, index = node.operands[0], node.param("index")
    if not isinstance(inner, Apply) or inner.op != "place":
        return None
    where = inner.param("index")
    if where == index:
        return inner.operands[0]
    return zero(node.shape) if apart([where, index]) else None


ACCESS = (
    linear_of_sum,
    gather_of_function,
    slice_of_product,
    joined_arrays,
    product_with_placed,
    slice_of_placed,
)

__all__ = ["ACCESS"]
