"""What follows from conditions on data, as rules for proofs: y² = 1, y² = y, WᵀW = I.

With y² = 1 a function of y u is taken apart into an even and an odd part in y: tanh(y u) = y tanh u, and so on.
"""

from __future__ import annotations

from collections.abc import Callable

import sympy

from ..build import add, einsum, full, multiply, power, scale, split_power, split_scale
from ..node import Apply, Einsum, Node, Variable, delta
from ..operators import REGISTRY, Elementwise, apply
from ..sizes import ONE

Rule = Callable[[Node], Node | None]
HALF, MINUS = sympy.S.Half, sympy.S.NegativeOne


def of_signs(name: str) -> Rule:
    """yᵏ -> 1 or y, f(y u) -> f(u) or y f(u), for entries of y that are −1 or 1"""

    def rule(node: Node) -> Node | None:
        base, k = split_power(node)
        if _named(base, name) and k.is_Integer and k != 1:
            return full(node.shape) if k.is_even else base
        if isinstance(node, Apply) and node.op in REGISTRY and len(node.operands) == 1:
            found = _sign_inside(node.operands[0], name)
            return None if found is None else _taken_apart(node, *found)
        return None

    return rule


def of_zeros_and_ones(name: str) -> Rule:
    """yᵏ -> y for entries of y that are 0 or 1"""

    def rule(node: Node) -> Node | None:
        base, k = split_power(node)
        return base if _named(base, name) and k.is_Integer and k > 1 else None

    return rule


def of_orthonormal_columns(name: str) -> Rule:
    """Wᵀ W -> I"""

    def rule(node: Node) -> Node | None:
        if not isinstance(node, Einsum):
            return None
        factors = list(node.factors)
        mine = [k for k, (o, ls) in enumerate(factors) if _named(o, name) and len(set(ls)) == 2]
        for a in mine:
            for b in mine:
                rows = factors[a][1][0]
                if a >= b or factors[b][1][0] != rows or rows in node.output:
                    continue
                rest = [f for k, f in enumerate(factors) if k not in (a, b)]
                if any(rows in ls for _, ls in rest):
                    continue
                tie = (delta(factors[a][0].shape[1]), (factors[a][1][1], factors[b][1][1]))
                return einsum([*rest, tie], node.output)
        return None

    return rule


def _named(node: Node, name: str) -> bool:
    return isinstance(node, Variable) and node.name == name


def _sign_inside(argument: Node, name: str) -> tuple[Node, Node] | None:
    """(y, u) where the argument is y u entry by entry: y as an array of its shape."""
    c, inside = split_scale(argument)
    if not isinstance(inside, Einsum):
        return None
    for k, (y, labels) in enumerate(inside.factors):
        if not _named(y, name) or len(set(labels)) != len(labels) or not set(labels) <= set(inside.output):
            continue
        sizes = inside.label_sizes()
        bare = [(full((sizes[i],)), (i,)) for i in inside.output]
        rest = [f for j, f in enumerate(inside.factors) if j != k]
        spread = einsum([(y, labels), *bare], inside.output)
        return spread, scale(c, einsum([*rest, *bare], inside.output))
    return None


def _taken_apart(node: Apply, y: Node, u: Node) -> Node | None:
    """f(y u), for entries of y that are −1 or 1, as a(u) + y b(u)."""
    operator = REGISTRY[node.op]
    if not isinstance(operator, Elementwise):
        return None
    if operator.even or operator.odd:
        inner = apply(node.op, u, **dict(node.params))
        return inner if operator.even else multiply(y, inner)
    if node.op == "sigmoid":  # 1/2 + y (σ(u) − 1/2)
        half = scale(HALF, full(node.shape))
        return add([(ONE, half), (ONE, multiply(y, add([(ONE, apply("sigmoid", u)), (MINUS, half)])))])
    if node.op == "softplus":  # softplus(u) + (y − 1) u/2
        return add([(ONE, apply("softplus", u)), (HALF, multiply(y, u)), (-HALF, u)])
    if node.op == "exp":
        up, down = apply("exp", u), power(apply("exp", u), MINUS)
        odd = add([(HALF, up), (-HALF, down)])
        return add([(HALF, up), (HALF, down), (ONE, multiply(y, odd))])
    return None


__all__ = ["of_orthonormal_columns", "of_signs", "of_zeros_and_ones"]
