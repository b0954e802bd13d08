"""Functions of entries: sigmoids, exponentials, signs, and branches on one condition."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import sympy

from ..build import add, constant_value, einsum, full, is_zero, negate, power, scale, split_power, split_scale
from ..hyperbolic import pair_of_factors
from ..node import Apply, Einsum, Node, Sum, topological, transform
from ..operators import apply, rebuild
from ..sizes import is_negative, product
from .products import multiplied_out


def softmax_of_equal_entries(node: Node) -> Node | None:
    """softmax(c 1) -> 1/n,  log-sum-exp(c 1) -> c + log n"""
    if not isinstance(node, Apply) or node.op not in ("softmax", "logsumexp"):
        return None
    inside = node.operands[0]
    value = constant_value(inside)
    if value is None:
        return None
    count = product(inside.shape[k] for k in node.param("axes"))
    return scale(1 / count if node.op == "softmax" else value + sympy.log(count), full(node.shape))


def double_logistic_is_tanh(node: Node) -> Node | None:
    """2 σ(2z) − 1 -> tanh(z)"""
    if not isinstance(node, Sum):
        return None
    for k, (a, s) in enumerate(node.terms):
        if not isinstance(s, Apply) or s.op != "sigmoid":
            continue
        z = s.operands[0]
        for j, (b, one) in enumerate(node.terms):
            if j == k or constant_value(one) != 1 or a != -2 * b:
                continue
            half = scale(sympy.S.Half, z)
            if half.weight > z.weight:
                continue
            rest = [t for i, t in enumerate(node.terms) if i not in (j, k)]
            return add([*rest, (-b, apply("tanh", half))], node.shape)
    return None


def one_minus_sigmoid_of_negative(node: Node) -> Node | None:
    """1 − σ(−z) -> σ(z), where z is written without the minus"""
    if not isinstance(node, Sum) or len(node.operands) != 2:
        return None
    for (a, s), (b, one) in (node.terms, node.terms[::-1]):
        if isinstance(s, Apply) and s.op == "sigmoid" and a == -b and constant_value(one) == 1:
            c, _ = split_scale(s.operands[0])
            if is_negative(c):
                return scale(b, apply("sigmoid", negate(s.operands[0])))
    return None


def softplus_of_both_signs(node: Node) -> Node | None:
    """softplus(z) − softplus(−z) -> z, also as the same factor of two products"""
    if not isinstance(node, Sum):
        return None
    for k, (a, term) in enumerate(node.terms):
        for z, put in _softplus_in(term):
            other = put(apply("softplus", negate(z)))
            for j, (b, t) in enumerate(node.terms):
                if t is other and a == -b:
                    rest = [term for i, term in enumerate(node.terms) if i not in (j, k)]
                    return add([*rest, (a, put(z))], node.shape)
    return None


def _softplus_in(term: Node) -> Iterator[tuple[Node, Callable[[Node], Node]]]:
    """The argument of each softplus that the term is or has for a factor, and the term with something else for it."""
    if isinstance(term, Apply) and term.op == "softplus":
        yield term.operands[0], lambda new: new
    if isinstance(term, Einsum):
        for k, (f, _) in enumerate(term.factors):
            if isinstance(f, Apply) and f.op == "softplus":
                yield f.operands[0], partial(_with_factor, term, k)


def _with_factor(product: Einsum, k: int, new: Node) -> Node:
    """The product with another k-th factor."""
    factors = [(new if j == k else f, ls) for j, (f, ls) in enumerate(product.factors)]
    return einsum(factors, product.output)


def complementary_sigmoids(node: Node) -> Node | None:
    """a σ(z) + b σ(−z) -> a σ(z) + b (1 − σ(z)), where multiplying out then makes it shorter"""
    if not isinstance(node, Sum):
        return None
    found = {n for n in topological([node]) if isinstance(n, Apply) and n.op == "sigmoid"}
    pairs: dict[Node, Node] = {}
    for s in sorted(found, key=lambda n: n.sort_key):
        mirror = apply("sigmoid", negate(s.operands[0]))
        if mirror in found and mirror not in pairs and is_negative(split_scale(mirror.operands[0])[0]):
            pairs[mirror] = add([(sympy.S.One, full(s.shape)), (sympy.S.NegativeOne, s)], s.shape)
    if not pairs:
        return None
    (replaced,) = transform([node], rebuild, dict(pairs))
    better = min(multiplied_out(replaced, 60), replaced, key=lambda n: n.weight)
    return better if better.weight < node.weight else None


def exp_of_log(node: Node) -> Node | None:
    """exp(log x) -> x"""
    if isinstance(node, Apply) and node.op == "exp":
        inside = node.operands[0]
        if isinstance(inside, Apply) and inside.op == "log":
            return inside.operands[0]
    return None


def sign_squared(node: Node) -> Node | None:
    """sign(x) |x|ᵏ -> xᵏ for odd k: x, and 1/x;  sign(x)² |x| -> |x|"""

    def merged(z: Node, p: sympy.Expr, k: sympy.Expr) -> tuple[Node, sympy.Expr] | None:
        if p.is_even and k.is_positive:
            return full(z.shape), k
        return (power(z, k), sympy.S.Zero) if k.is_odd and p == 1 else None

    return pair_of_factors(node, "sign", "abs", merged)


def powers_of_one_base(node: Node) -> Node | None:
    """xᵖ x -> xᵖ⁺¹, where the exponent p is an expression"""
    if not isinstance(node, Einsum):
        return None
    factors = list(node.factors)
    for k, (one, labels) in enumerate(factors):
        if not isinstance(one, Apply) or one.op != "pow":
            continue
        base, exponent = one.operands
        for j, (other, others) in enumerate(factors):
            if j == k or others != labels:
                continue
            if isinstance(other, Apply) and other.op == "pow" and other.operands[0] is base:
                more = other.operands[1]
            elif split_power(other)[0] is base:
                more = scale(split_power(other)[1], full(base.shape))
            else:
                continue
            merged = apply("pow", base, add([(sympy.S.One, exponent), (sympy.S.One, more)]))
            rest = [f for m, f in enumerate(factors) if m not in (j, k)]
            return einsum([*rest, (merged, labels)], node.output)
    return None


def branches_together(node: Node) -> Node | None:
    """where(c, a, 0) x + where(c, 0, b) y -> where(c, a x, b y)"""
    if not isinstance(node, Sum) or not node.order or len(node.operands) > 6:
        return None
    axes = tuple(range(node.order))
    by_condition: dict[Node, list[tuple[int, list[Node]]]] = {}
    for k, term in enumerate(node.operands):
        factors, output = [(term, axes)], axes
        if isinstance(term, Einsum):
            factors, output = list(term.factors), term.output
        for j, (mask, labels) in enumerate(factors):
            if not isinstance(mask, Apply) or mask.op != "where" or labels != output:
                continue
            condition, *branches = mask.operands
            if sum(map(is_zero, branches)) == 1:
                rest = [*factors[:j], *factors[j + 1 :], (full(node.shape), output)]
                pair = [einsum([*rest, (b, output)], output) for b in branches]
                by_condition.setdefault(condition, []).append((k, pair))
                break
    for condition, found in by_condition.items():
        if len(found) < 2:
            continue
        sides = (
            add([(node.coefficients[k], pair[side]) for k, pair in found], node.shape) for side in (0, 1)
        )
        taken = {k for k, _ in found}
        others = [t for k, t in enumerate(node.terms) if k not in taken]
        return add([*others, (sympy.S.One, apply("where", condition, *sides))], node.shape)
    return None
