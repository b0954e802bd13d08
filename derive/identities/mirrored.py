"""Differences of all pairs, Yᵢ − Yⱼ, and functions of them: arrays whose first two axes change places.

    Σₘ Rₘᵢ (Yₘ − Yᵢ)  =  −Σₘ Rᵢₘ (Yᵢ − Yₘ)        for R with Rᵢₘ = Rₘᵢ

so that the two halves of a gradient over pairs (t-SNE, scaling of distances) fall together.
"""

from __future__ import annotations

from ..build import add, einsum, negate, scale
from ..node import Apply, Einsum, Labels, Node, Ones, Sum, Variable
from ..operators import Elementwise, apply, lookup
from ..sizes import ONE

_MINUS = -ONE


def differences_turned(node: Node) -> Node | None:
    """Σₘ Rₘᵢ (Yₘ − Yᵢ) -> −Σₘ Rᵢₘ (Yᵢ − Yₘ), where R is the same mirrored"""
    if not isinstance(node, Einsum) or not any(o.order > 2 and isinstance(o, Sum) for o in node.operands):
        return None
    sign, changed = ONE, False
    factors: list[tuple[Node, Labels]] = []
    for factor, labels in node.factors:
        turn = len(labels) > 1 and labels[1] in node.output and labels[0] not in node.output
        image = mirrored(factor) if turn else None
        if image is not None and (image is factor or image is negate(factor)):
            sign = sign if image is factor else sign * _MINUS
            labels, changed = (labels[1], labels[0], *labels[2:]), changed or factor.order > 2
        factors.append((factor, labels))
    return scale(sign, einsum(factors, node.output)) if changed else None


def mirrored(node: Node) -> Node | None:
    """The array with its first two axes exchanged, in normal form; None where it cannot be told."""
    if node.order < 2:
        return None
    if node.order == 2 and "symmetric" in node.facts:
        return node
    if isinstance(node, Sum):
        terms = [mirrored(t) for t in node.operands]
        known = [(c, t) for c, t in zip(node.coefficients, terms, strict=True) if t is not None]
        return (
            add(known, (node.shape[1], node.shape[0], *node.shape[2:])) if len(known) == len(terms) else None
        )
    if isinstance(node, Apply) and isinstance(lookup(node.op), Elementwise):
        inside = [mirrored(o) for o in node.operands]
        whole = [o for o in inside if o is not None]
        return apply(node.op, *whole, **dict(node.params)) if len(whole) == len(inside) else None
    if isinstance(node, Einsum):
        first, second, *rest = node.output
        factors = []
        for factor, labels in node.factors:
            image = mirrored(factor) if labels[:2] == (first, second) else None
            factors.append((image, (second, first, *labels[2:])) if image is not None else (factor, labels))
        return einsum(factors, (second, first, *rest))
    if isinstance(node, Variable | Ones):
        return einsum([(node, tuple(range(node.order)))], (1, 0, *range(2, node.order)))
    return None


__all__ = ["differences_turned", "mirrored"]
