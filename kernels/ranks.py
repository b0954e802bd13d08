"""Hessians that are a diagonal and squares of factors with few columns: D + Σ c LLᵀ, never built.

That of ½‖Xᵀ(a ∘ t)‖² is Σₖ tᵢxᵢₖ xⱼₖtⱼ: what meets the row axes and what meets the column axes are the same array,
joined by axes that are summed over.
"""

from __future__ import annotations

from typing import NamedTuple

import sympy

from ..build import add, einsum, scale
from ..node import Einsum, Node, Sum, ones
from ..sizes import Coefficient
from .structure import diagonal, split


class Squares(NamedTuple):
    """The diagonal, None where there is none; of each square c as a number and L, the unknown's axes ahead."""

    diagonal: Node | None
    parts: tuple[tuple[Node, Node], ...]


def squares(node: Node) -> Squares | None:
    """A Hessian in this form; None where its structure does not show one."""
    half, tied = node.order // 2, False
    parts: dict[Node, Coefficient] = {}
    for term in split(node):
        if len(term.tied) == half:
            tied = True
            continue
        if term.tied or len(term.cores) > 1 or term.labels != (tuple(range(2 * half)),):
            return None
        for c, core in _terms(term.cores[0], sympy.S.One):
            factor = _factor(core, half)
            if factor is None:
                return None
            parts[factor] = parts.get(factor, sympy.S.Zero) + c
    found = tuple((scale(c, ones(())), factor) for factor, c in parts.items())
    return Squares(_diagonal(node, half) if tied else None, found) if found else None


def _diagonal(node: Node, half: int) -> Node:
    """The diagonal terms alone."""
    every = [(c, diagonal(term)) for c, term in _terms(node, sympy.S.One)]
    return add([(c, part) for c, part in every if part is not None], node.shape[:half])


def _terms(node: Node, coefficient: Coefficient) -> list[tuple[Coefficient, Node]]:
    if not isinstance(node, Sum):
        return [(coefficient, node)]
    return [t for c, term in node.terms for t in _terms(term, coefficient * c)]


def _factor(node: Node, half: int) -> Node | None:
    """L of a product LLᵀ, products inside it opened."""
    if isinstance(node, Einsum):
        node = einsum(node.factors, node.output, lambda _: True)
    if not isinstance(node, Einsum):
        return None
    rows, columns = node.output[:half], node.output[half:]
    left = [f for f in node.factors if set(f[1]) & set(rows)]
    right = [f for f in node.factors if set(f[1]) & set(columns)]
    if len(left) + len(right) != len(node.factors) or any(f in right for f in left):
        return None
    joined = {i for _, labels in left for i in labels} & {i for _, labels in right for i in labels}
    inner = tuple(sorted(joined))
    first, second = einsum(left, (*rows, *inner)), einsum(right, (*columns, *inner))
    return first if first is second else None
