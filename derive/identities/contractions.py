"""Inner products that stand opened beside powers of themselves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..build import einsum, power, split_power
from ..factors import Factor, swappable, swapped
from ..node import Einsum, Labels, Node


def contraction_over_itself(node: Node) -> Node | None:
    """Σⱼ aᵢⱼ bⱼ (A b)ᵢᵏ -> (A b)ᵢᵏ⁺¹ for k < 0:  X∘(W H) / (W H)² -> X / (W H),  p·p / (p·p)² -> 1 / (p·p)"""
    if not isinstance(node, Einsum):
        return None
    factors = list(node.factors)
    for k, (factor, labels) in enumerate(factors):
        base, exponent = split_power(factor)
        if not exponent.is_negative or not isinstance(base, Einsum) or not base.summed:
            continue
        others = factors[:k] + factors[k + 1 :]
        for taken, names in _found(base.factors, others, dict(enumerate(labels)), ()):
            rest = [f for j, f in enumerate(others) if j not in taken]
            inner = [names[i] for i in base.summed]
            used = {i for _, ls in rest for i in ls} | set(labels) | set(node.output)
            if len(set(inner)) == len(inner) and used.isdisjoint(inner):
                return einsum([*rest, (power(base, exponent + 1), labels)], node.output)
    return None


def scalar_out_of_power(node: Node) -> Node | None:
    """(t A b)ᵏ -> tᵏ (A b)ᵏ entry by entry, for a scalar t and whole k, so that A b may cancel"""
    base, exponent = split_power(node)
    if not exponent.is_Integer or exponent == 1 or not isinstance(base, Einsum):
        return None
    scalars = [f for f in base.factors if not f[1]]
    rest = [f for f in base.factors if f[1]]
    if not scalars or not rest:
        return None
    axes = tuple(range(base.order))
    inner = power(einsum(rest, base.output), exponent)
    return einsum([(inner, axes), *((power(s, exponent), ()) for s, _ in scalars)], axes)


def _found(
    wanted: Sequence[Factor], factors: Sequence[Factor], names: dict[int, int], taken: tuple[int, ...]
) -> Iterator[tuple[tuple[int, ...], dict[int, int]]]:
    """The ways to find all wanted factors among the factors: their places, and what the labels are called there."""
    if not wanted:
        yield taken, names
        return
    (node, labels), *rest = wanted
    for k, (other, theirs) in enumerate(factors):
        if other is not node or k in taken:
            continue
        for ls in _ways(other, theirs):
            pairs = list(zip(labels, ls, strict=True))
            if all(names.get(i, j) == j for i, j in pairs):
                yield from _found(rest, factors, names | dict(pairs), (*taken, k))


def _ways(node: Node, labels: Labels) -> list[Labels]:
    """The labels, and those of the transpose where the factor is symmetric."""
    return [labels, swapped(labels)] if swappable(node, labels) else [labels]
