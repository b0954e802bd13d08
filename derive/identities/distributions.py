"""Softmaxes and points of the simplex: they sum to one, and do not see what is added to all their entries."""

from __future__ import annotations

import sympy

from ..build import add, einsum, split_scale
from ..node import Apply, Einsum, Node, Ones, Sum, ones
from ..operators import apply

#: Inner products of more factors stay closed: a deep network would otherwise become one product of hundreds.
MOST_FACTORS = 10


def open_all(node: Einsum) -> bool:
    """Whether an inner product of that many factors is opened."""
    return len(node.operands) <= MOST_FACTORS


def softmax_sums_to_one(node: Node) -> Node | None:
    """Σ softmax(z) over its axes -> 1"""
    if not isinstance(node, Einsum):
        return None
    factors = list(node.factors)
    for k, (s, labels) in enumerate(factors):
        if not isinstance(s, Apply) or s.op != "softmax":
            continue
        own = [labels[i] for i in s.param("axes")]
        elsewhere = {i for j, (_, ls) in enumerate(factors) if j != k for i in ls} | set(node.output)
        if own and len(set(labels)) == len(labels) and elsewhere.isdisjoint(own):
            kept = [i for i in labels if i not in own]
            bare = [(ones((s.shape[labels.index(i)],)), (i,)) for i in kept]
            return einsum([*factors[:k], *factors[k + 1 :], *bare], node.output)
    return None


def constants_out_of_mean(node: Node) -> Node | None:
    """Σ p (a + c 1) -> Σ p a + c, where p is a softmax or on the simplex, so that c may cancel"""
    if not isinstance(node, Einsum):
        return None
    factors = list(node.factors)
    for k, (p, labels) in enumerate(factors):
        if not labels or len(set(labels)) != len(labels):
            continue
        if isinstance(p, Apply) and p.op == "softmax":
            own = {labels[i] for i in p.param("axes")}
        elif "simplex" in p.facts:
            own = {labels[-1]}
        else:
            continue
        for j, (inner, theirs) in enumerate(factors):
            rest = [f for m, f in enumerate(factors) if m != j]
            elsewhere = {i for m, (_, ls) in enumerate(factors) if m not in (j, k) for i in ls}
            if j == k or not isinstance(inner, Sum) or not own <= set(theirs) - elsewhere - set(node.output):
                continue
            places = {theirs.index(i) for i in own}
            still = [(c, t) for c, t in inner.terms if not repeats(t, places)]
            if len(still) < len(inner.operands):
                apart = [(c, t) for c, t in inner.terms if repeats(t, places)]
                pieces = [(c, einsum([(t, theirs), *rest], node.output, open_all)) for c, t in apart]
                done = [(c, softmax_sums_to_one(t) or simplex_sums_to_one(t) or t) for c, t in pieces]
                kept = einsum([(add(still, inner.shape), theirs), *rest], node.output)
                return add([(sympy.S.One, kept), *done], node.shape)
    return None


def repeats(node: Node, places: set[int]) -> bool:
    """Whether the node only repeats along those of its axes."""
    if isinstance(node, Ones):
        return True
    if not isinstance(node, Einsum):
        return False
    gone = {node.output[a] for a in places}
    return all(isinstance(o, Ones) or gone.isdisjoint(ls) for o, ls in node.factors)


def simplex_sums_to_one(node: Node) -> Node | None:
    """Σ p over the last axis of a variable on the simplex -> 1"""
    if not isinstance(node, Einsum):
        return None
    factors = list(node.factors)
    for k, (p, labels) in enumerate(factors):
        if "simplex" not in p.facts or not labels or len(set(labels)) != len(labels):
            continue
        elsewhere = {i for j, (_, ls) in enumerate(factors) if j != k for i in ls} | set(node.output)
        if labels[-1] not in elsewhere:
            bare = [(ones((s,)), (i,)) for s, i in zip(p.shape[:-1], labels[:-1], strict=True)]
            return einsum([*factors[:k], *factors[k + 1 :], *bare], node.output)
    return None


def sums_to_one(node: Node) -> Node | None:
    """Σ softmax(z) -> 1, Σ p -> 1"""
    return softmax_sums_to_one(node) or simplex_sums_to_one(node)


def softmax_of_shifted(node: Node) -> Node | None:
    """softmax(z + c 1) -> softmax(z), where c is the same all along its axes"""
    if not isinstance(node, Apply) or node.op != "softmax":
        return None
    axes = node.param("axes")
    front, inside = split_scale(node.operands[0])  # c (z + …)
    terms = [(front * c, t) for c, t in inside.terms] if isinstance(inside, Sum) else []
    kept = [(c, t) for c, t in terms if not repeats(t, set(axes))]
    if len(kept) == len(terms) or not kept:
        return None
    return apply("softmax", add(kept, inside.shape), axes=axes)
