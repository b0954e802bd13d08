"""Sums of exponentials, and quotients by them: softmax, and the sigmoid of a difference."""

from __future__ import annotations

import sympy

from .build import add, einsum, split_power
from .node import Apply, Einsum, Labels, Node, Ones, Sum
from .operators import apply
from .shifting import largest_taken_off, spread
from .sizes import ONE

MINUS = sympy.S.NegativeOne


def argument(node: Node, op: str) -> Node | None:
    """The operand when `node` is that operator."""
    return node.operands[0] if isinstance(node, Apply) and node.op == op else None


def sum_of_exponentials(node: Node) -> tuple[Node, tuple[int, ...]] | None:
    """(z, axes) when the node is Σ exp(z) over some axes, the others in their order."""
    if not isinstance(node, Einsum) or len(node.operands) != 1:
        return None
    z = argument(node.operands[0], "exp")
    labels = node.inputs[0]
    kept = [i for i in labels if i in node.output]
    if z is None or len(set(labels)) != len(labels) or kept != sorted(kept):
        return None
    return z, tuple(k for k, i in enumerate(labels) if i not in node.output)


def stands_along(labels: Labels, output: Labels) -> bool:
    """Whether every axis of a factor is one of the product's, and none stands twice."""
    return set(labels) <= set(output) and len(set(labels)) == len(labels)


def two_exponents(node: Node) -> list[Node]:
    """[y, z] where the node is e^y + e^z, entry by entry; else nothing."""
    if not isinstance(node, Sum) or len(node.operands) != 2 or any(c != 1 for c in node.coefficients):
        return []
    found: list[Node] = []
    for term in node.operands:
        output = tuple(range(term.order))
        factors = list(term.factors) if isinstance(term, Einsum) else [(term, output)]
        bare = [z if (z := argument(f, "exp")) is not None else f for f, _ in factors]
        rest = [f for f in bare if not isinstance(f, Ones)]
        alone = len(rest) == 1 and all(
            a is not b for (a, _), b in zip(factors, bare, strict=True) if b in rest
        )
        if not alone or (isinstance(term, Einsum) and (term.summed or term.output != output)):
            return []
        found.append(einsum([(b, ls) for (_, ls), b in zip(factors, bare, strict=True)], output))
    return found


def log_of_two(y: Node, z: Node) -> Node:
    """log(e^y + e^z) = z + softplus(y − z)"""
    return add([(ONE, z), (ONE, apply("softplus", add([(ONE, y), (MINUS, z)])))])


def _opened(node: Node) -> Einsum | None:
    """A product that divides by a sum of exponentials, elementwise products within it opened."""
    if not isinstance(node, Einsum) or not any(_divides_by_exponentials(o) for o in node.operands):
        return None
    flat = einsum(node.factors, node.output, inline=lambda product: not product.summed)
    return flat if isinstance(flat, Einsum) else node


def _divides_by_exponentials(node: Node) -> bool:
    base, exponent = split_power(node)
    if exponent == -1:
        return sum_of_exponentials(base) is not None or bool(two_exponents(base))
    return isinstance(node, Einsum) and not node.summed and any(map(_divides_by_exponentials, node.operands))


def exp_over_sum(node: Node) -> Node | None:
    """exp(z) / Σ exp(z) -> softmax(z)"""
    flat = _opened(node)
    factors = list(flat.factors) if flat is not None else []
    for k, (a, la) in enumerate(factors):
        if argument(a, "exp") is None:
            continue
        for m, (b, lb) in enumerate(factors):
            base, exponent = split_power(b)
            found = sum_of_exponentials(base)
            if exponent != -1 or found is None or found[0] is not a.operands[0]:
                continue
            if lb == tuple(i for j, i in enumerate(la) if j not in found[1]):
                softmax = apply("softmax", found[0], axes=found[1])
                factors[k] = (largest_taken_off(softmax) or softmax, la)
                del factors[m]
                return einsum(factors, flat.output if flat is not None else ())
    return None


def exp_over_two(node: Node) -> Node | None:
    """e^z / (e^y + e^z) -> σ(z − y), within an elementwise product"""
    flat = _opened(node)
    factors = list(flat.factors) if flat is not None else []
    for k, (a, la) in enumerate(factors):
        z = argument(a, "exp")
        for m, (b, lb) in enumerate(factors):
            base, exponent = split_power(b)
            pair = two_exponents(base) if z is not None and exponent == -1 and stands_along(la, lb) else []
            wanted = spread(z, la, lb, base.shape) if pair and z is not None else None
            if wanted in pair and stands_along(lb, lb):
                other = pair[1 - pair.index(wanted)]
                factors[m] = (apply("sigmoid", add([(ONE, wanted), (MINUS, other)])), lb)
                del factors[k]
                return einsum(factors, flat.output if flat is not None else ())
    return None
