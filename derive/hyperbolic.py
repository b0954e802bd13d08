"""Hyperbolic functions of large arguments, and of small ones: rewrite rules `Node -> Node | None`.

cosh and sinh overflow from 711 on, where the logarithm of the one and the quotient of both are ordinary numbers.
"""

from __future__ import annotations

from collections.abc import Callable

import sympy

from .build import add, constant_value, einsum, number, power, scale, split_power
from .exponentials import argument
from .node import Apply, Einsum, Node, Sum
from .operators import apply
from .sizes import ONE

MINUS, TWO = sympy.S.NegativeOne, sympy.Integer(2)


def log_of_cosh(node: Node) -> Node | None:
    """log cosh z -> softplus(2z) − z − log 2, where cosh would overflow"""
    inside = argument(node, "log")
    z = argument(inside, "cosh") if inside is not None else None
    if z is None:
        return None
    half = apply("log", number(sympy.S.Half, z.shape))
    return add([(ONE, apply("softplus", scale(TWO, z))), (MINUS, z), (ONE, half)])


def one_minus_tanh_squared(node: Node) -> Node | None:
    """1 − tanh² z -> 4 σ(2z) σ(−2z), where the difference would cancel"""
    if not isinstance(node, Sum) or len(node.operands) != 2:
        return None
    for (a, t), (b, one) in (node.terms, node.terms[::-1]):
        base, exponent = split_power(t)
        z = argument(base, "tanh")
        if z is not None and exponent == 2 and a == -b and constant_value(one) == 1:
            labels = tuple(range(node.order))
            up = apply("sigmoid", scale(TWO, z))
            down = apply("sigmoid", scale(-TWO, z))
            return scale(4 * b, einsum([(up, labels), (down, labels)], labels))
    return None


def sinh_over_cosh(node: Node) -> Node | None:
    """sinh(z)ᵖ / cosh(z)ᵖ -> tanh(z)ᵖ"""

    def merged(z: Node, p: sympy.Expr, k: sympy.Expr) -> tuple[Node, sympy.Expr] | None:
        return (power(apply("tanh", z), p), k + p) if p.is_Integer and 0 < p <= -k else None

    return pair_of_factors(node, "sinh", "cosh", merged)


def pair_of_factors(
    node: Node,
    first: str,
    second: str,
    merged: Callable[[Node, sympy.Expr, sympy.Expr], tuple[Node, sympy.Expr] | None],
) -> Node | None:
    """first(z)ᵖ second(z)ᵏ with the same axes, replaced by what `merged(z, p, k)` says: (factor, new k)."""
    if not isinstance(node, Einsum):
        return None
    factors = list(node.factors)
    for a, (s, ls) in enumerate(factors):
        s, p = split_power(s)
        if not isinstance(s, Apply) or s.op != first:
            continue
        for b, (m, lm) in enumerate(factors):
            base, exponent = split_power(m)
            same = lm == ls and isinstance(base, Apply) and base.op == second
            found = merged(s.operands[0], p, exponent) if same and base.operands[0] is s.operands[0] else None
            if found is not None:
                factors[a] = (found[0], ls)
                factors[b] = (power(base, found[1]), lm)
                return einsum(factors, node.output)
    return None
