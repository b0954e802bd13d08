"""Factors that every term of a stationarity condition has, taken off: they are invertible or not zero.

Σᵢ rᵢ S⁻¹(xᵢ − μ) = 0  is  Σᵢ rᵢ (xᵢ − μ) = 0, and so for a batch of matrices S[k].
"""

from __future__ import annotations

from ..build import Factor, add, einsum, split_scale
from ..convexity.entry_functions import factors_of
from ..node import Apply, Labels, Node, Ones, ones
from ..simplify import expand
from ..sums import flat_terms


def without_common_factor(slope: Node) -> Node:
    """The condition multiplied from the left by the inverse of what stands in front of every term."""
    c, core = split_scale(slope)
    if c.is_number and c > 0:
        slope = core
    terms = flat_terms(expand(slope))
    if not terms:
        return slope
    for candidate, labels in factors_of(terms[0][1]):
        weighs = set(labels) <= set(range(slope.order)) and len(set(labels)) == len(labels)
        if weighs and candidate.facts & {"positive", "nonzero"} and not isinstance(candidate, Ones):
            bare = [_lighter(term, candidate, labels, slope.order) for _, term in terms]
            if all(b is not None for b in bare):
                found = [(c, b) for (c, _), b in zip(terms, bare, strict=True) if b is not None]
                return without_common_factor(add(found, slope.shape))
        if isinstance(candidate, Apply) and candidate.op == "inv" and "symmetric" in candidate.facts:
            stripped = [_without(term, candidate, slope.order) for _, term in terms]
            if all(s is not None for s in stripped):
                pairs = [(c, s) for (c, _), s in zip(terms, stripped, strict=True) if s is not None]
                return add(pairs, slope.shape)
    return slope


def _lighter(term: Node, weight: Node, labels: Labels, order: int) -> Node | None:
    """The term without a factor that weighs the entries of the result."""
    factors = factors_of(term)
    for k, (node, ls) in enumerate(factors):
        if node is weight and ls == labels:
            rest: list[Factor] = [f for m, f in enumerate(factors) if m != k]
            used = {i for _, each in rest for i in each}
            fill: list[Factor] = [(ones((term.shape[i],)), (i,)) for i in range(order) if i not in used]
            return einsum([*rest, *fill], tuple(range(order)))
    return None


def _without(term: Node, matrix: Node, order: int) -> Node | None:
    """The term without its factor `matrix[…, i, j]`, i being the last axis of the result and j summed over."""
    factors = factors_of(term)
    plain: Labels = tuple(range(order))
    last = order - 1
    for k, (node, labels) in enumerate(factors):
        if node is not matrix or len(set(labels)) != len(labels) or last not in labels[-2:]:
            continue
        inner = labels[-2] if labels[-1] == last else labels[-1]
        lead = labels[:-2]
        rest: list[Factor] = [f for m, f in enumerate(factors) if m != k]
        if inner in plain or lead != plain[: len(lead)] or any(last in ls for _, ls in rest):
            continue
        moved: list[Factor] = [(n, tuple(last if i == inner else i for i in ls)) for n, ls in rest]
        used = {i for _, ls in moved for i in ls}
        fill: list[Factor] = [(ones((term.shape[i],)), (i,)) for i in plain if i not in used]
        return einsum([*moved, *fill], plain)
    return None
