"""Naive spellings become stable operators: named rewrite rules `Node -> Node | None`.

`recognise` is applied to every statement, so that `log(1 + exp(z))`, `log(sum(exp(z)))`,
`1/(1 + exp(-z))` and `exp(z)/sum(exp(z))` *are* softplus, log-sum-exp, sigmoid and softmax before anything
is derived. `stabilise` adds what matters only to numbers (1 − σ(z) = σ(−z), expm1, log1p) and is applied
before evaluation and compilation, never before printing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache

import sympy

from .build import Factor, add, constant_value, einsum, negate, number, power, scale, split_power, split_scale
from .exponentials import (
    argument,
    exp_over_sum,
    exp_over_two,
    log_of_two,
    stands_along,
    sum_of_exponentials,
    two_exponents,
)
from .hyperbolic import log_of_cosh, one_minus_tanh_squared, sinh_over_cosh
from .node import Apply, Einsum, Node, Sum, topological, transform
from .operators import apply, rebuild
from .shifting import (
    exponential_over_more,
    exponential_over_sum,
    largest_taken_off,
    log_of_exponential_factor,
    log_of_one_plus,
    log_of_sum_of_exponentials,
    repeated,
    spread,
)
from .sizes import ONE
from .sums import flat_terms

Rule = Callable[[Node], Node | None]
MINUS = sympy.S.NegativeOne


def _one_plus(node: Node) -> Node | None:
    """`t` when the node is 1 + t, entry by entry."""
    factor, core = split_scale(node)  # 1 − σ is kept as −(σ − 1)
    if not isinstance(core, Sum) or len(core.operands) < 2:
        return None
    terms = [(factor * c, term) for c, term in core.terms]
    for k, (c, term) in enumerate(terms):
        if constant_value(scale(c, term)) == 1:
            return add([t for j, t in enumerate(terms) if j != k], node.shape)
    return None


def log_of_exp(node: Node) -> Node | None:
    """log(exp z) -> z"""
    inside = argument(node, "log")
    return argument(inside, "exp") if inside is not None else None


def log_one_plus_exp(node: Node) -> Node | None:
    """log(1 + exp z), log1p(exp z) -> softplus(z)"""
    inside = argument(node, "log")
    rest = argument(node, "log1p") if inside is None else _one_plus(inside)
    exponent = argument(rest, "exp") if rest is not None else None
    return apply("softplus", exponent) if exponent is not None else None


def log_of_sigmoid(node: Node) -> Node | None:
    """log σ(z) -> −softplus(−z);  log(1 − σ(z)) -> −softplus(z)"""
    inside = argument(node, "log")
    if inside is None:
        return None
    z = argument(inside, "sigmoid")
    if z is not None:
        return negate(apply("softplus", negate(z)))
    rest = _one_plus(inside)
    if rest is not None:
        c, core = split_scale(rest)
        z = argument(core, "sigmoid")
        if z is not None and c == -1:
            return negate(apply("softplus", z))
    return None


def log_of_softmax(node: Node) -> Node | None:
    """log softmax(z) -> z − logsumexp(z)"""
    inside = argument(node, "log")
    if inside is None or not isinstance(inside, Apply) or inside.op != "softmax":
        return None
    z, axes = inside.operands[0], inside.param("axes")
    kept = tuple(i for i in range(z.order) if i not in axes)
    total = spread(apply("logsumexp", z, axes=axes), kept, range(z.order), z.shape)
    return add([(ONE, z), (MINUS, total)])


def log_of_part_of_softmax(node: Node) -> Node | None:
    """log softmax(z)[i] -> z[i] − logsumexp(z)"""
    part = argument(node, "log")
    if not isinstance(part, Apply) or part.op not in ("slice", "take"):
        return None
    inside = log_of_softmax(apply("log", part.operands[0]))
    return rebuild(part, (inside, *part.operands[1:])) if inside is not None else None


def log_sum_exp(node: Node) -> Node | None:
    """log Σ exp z -> logsumexp(z)"""
    inside = argument(node, "log")
    found = sum_of_exponentials(inside) if inside is not None else None
    return apply("logsumexp", found[0], axes=found[1]) if found else None


def log_of_two_exponentials(node: Node) -> Node | None:
    """log(e^y + e^z) -> z + softplus(y − z)"""
    inside = argument(node, "log")
    found = two_exponents(inside) if inside is not None else []
    return log_of_two(*found) if found else None


def log_of_factors(node: Node) -> Node | None:
    """log(a / Σ exp z) -> log a − logsumexp(z), so e^y + e^z;  log(det A / det B) -> log |det A| − log |det B|

    A sum of exponentials is positive, so it comes out of any product; determinants do where they stand alone.
    """
    inside = argument(node, "log")
    if inside is None:
        return None
    output = tuple(range(inside.order))
    c, core = split_scale(einsum([(inside, output)], output, inline=lambda product: not product.summed))
    factors = [(core, output)]
    if isinstance(core, Einsum):
        factors, output = _sum_apart(core), core.output
    above = [(argument(f, "exp"), along) for f, along in factors]
    beside = [
        spread(z, along, output, core.shape)
        for z, along in above
        if z is not None and stands_along(along, output)
    ]
    taken: list[tuple[sympy.Expr, Node]] = []
    rest: list[tuple[Node, tuple[int, ...]]] = []
    for factor, along in factors:
        base, exponent = split_power(factor)
        found = sum_of_exponentials(base) if stands_along(along, output) else None
        pair = two_exponents(base) if found is None and tuple(along) == tuple(output) else []
        if pair:
            pair.sort(key=lambda z: z in beside)  # log(e^z / (e^y + e^z)) -> −softplus(y − z)
            taken.append((exponent, log_of_two(*pair)))
        elif (
            found is None
            and exponent.is_negative
            and _adds_exponentials(base)
            and stands_along(along, output)
        ):
            taken.append((exponent, spread(apply("log", base), along, output, core.shape)))
        elif found is None:
            rest.append((factor, along))
        else:
            total = apply("logsumexp", found[0], axes=found[1])
            taken.append((exponent, spread(total, along, output, core.shape)))
    dets = [(split_power(factor), along) for factor, along in rest]
    alone = c.is_positive and all(argument(base, "det") is not None for (base, _), _ in dets)
    plain = len(dets) == 1 and c == 1 and not taken and dets[0][0][1] == 1  # see `log_of_determinant`
    if dets and alone and not plain:
        for (base, exponent), along in dets:
            taken.append((exponent, spread(apply("logdet", *base.operands), along, output, core.shape)))
        rest = []
    if not taken:
        return None
    if not rest and c != 1 and (1 / c).is_integer:  # log(Σ exp z / n) -> logsumexp(z) − log n
        taken.append((MINUS, apply("log", number(1 / c, core.shape))))
    elif rest or c != 1:
        below = scale(c, repeated(rest, output, core.shape))
        taken.append((ONE, apply("log", below)))
    return add(taken, core.shape)


def _sum_apart(product: Einsum) -> list[Factor]:
    """The factors of a product, those that are summed over together as one: s Σ exp z of Σ s exp z."""
    summed = [(n, ls) for n, ls in product.factors if not set(ls) <= set(product.output)]
    if not summed:
        return list(product.factors)
    kept = tuple(i for i in product.output if any(i in ls for _, ls in summed))
    return [(einsum(summed, kept), kept), *(f for f in product.factors if f not in summed)]


def _adds_exponentials(node: Node) -> bool:
    """Whether the node is a sum of positive terms, one of them a sum of exponentials."""
    alone = isinstance(node, Sum) and "positive" in node.facts
    return alone and any(argument(t, "exp") is not None or sum_of_exponentials(t) for t in node.operands)


def log_of_reciprocal(node: Node) -> Node | None:
    """log(1/x) -> −log x, and of other negative powers that are defined for x > 0 alone"""
    inside = argument(node, "log")
    base, exponent = split_power(inside) if inside is not None else (node, ONE)
    if not exponent.is_negative or exponent.is_even:
        return None
    return scale(exponent, apply("log", base))


def log_of_determinant(node: Node) -> Node | None:
    """log det A -> log |det A|, which is the same wherever the former is defined"""
    inside = argument(node, "log")
    matrix = argument(inside, "det") if inside is not None else None
    return apply("logdet", matrix) if matrix is not None else None


def reciprocal_one_plus_exp(node: Node) -> Node | None:
    """(1 + exp z)^(−k) -> σ(−z)^k"""
    base, exponent = split_power(node)
    if not exponent.is_Integer or exponent >= 0:
        return None
    rest = _one_plus(base)
    z = argument(rest, "exp") if rest is not None else None
    return power(apply("sigmoid", negate(z)), -exponent) if z is not None else None


def exp_times_sigmoid(node: Node) -> Node | None:
    """exp(z) σ(−z) -> σ(z), within an elementwise product"""
    if not isinstance(node, Einsum):
        return None
    factors = list(node.factors)
    for k, (a, la) in enumerate(factors):
        z = argument(a, "exp")
        if z is None:
            continue
        partner = apply("sigmoid", negate(z))
        for m, (b, lb) in enumerate(factors):
            base, exponent = split_power(b)
            if lb == la and base is partner and exponent >= 1:
                factors[k] = (apply("sigmoid", z), la)
                factors[m] = (power(partner, exponent - 1), lb)
                return einsum(factors, node.output)
    return None


def one_minus_sigmoid(node: Node) -> Node | None:
    """1 − σ(z) -> σ(−z), where the difference would cancel"""
    if not isinstance(node, Sum) or len(node.operands) != 2:
        return None
    (a, s), (b, one) = node.terms
    z = argument(s, "sigmoid")
    if z is None:
        (a, s), (b, one) = (b, one), (a, s)
        z = argument(s, "sigmoid")
    if z is None or a != -b or constant_value(one) != 1:
        return None
    return scale(b, apply("sigmoid", negate(z)))


def one_minus_twice_sigmoid(node: Node) -> Node | None:
    """1 − 2σ(z) -> −tanh(z/2), where the difference would cancel around 0"""
    if not isinstance(node, Sum) or len(node.operands) != 2:
        return None
    for (a, s), (b, one) in (node.terms, node.terms[::-1]):
        z = argument(s, "sigmoid")
        if z is not None and a == -2 * b and constant_value(one) == 1:
            return scale(-b, apply("tanh", scale(sympy.S.Half, z)))
    return None


def exp_minus_one(node: Node) -> Node | None:
    """exp(z) − 1 -> expm1(z)"""
    if not isinstance(node, Sum) or len(node.operands) != 2:
        return None
    for (a, e), (b, one) in (node.terms, node.terms[::-1]):
        z = argument(e, "exp")
        if z is not None and constant_value(one) == 1 and a == -b:
            return scale(a, apply("expm1", z))
    return None


def log_one_plus(node: Node) -> Node | None:
    """log(1 + t) -> log1p(t)"""
    inside = argument(node, "log")
    rest = _one_plus(inside) if inside is not None else None
    return apply("log1p", rest) if rest is not None else None


def log_one_plus_exponentials(node: Node) -> Node | None:
    """log(1 + Σ c exp z) -> m + log1p(expm1(−m) + Σ c exp(z − m)), right for small and for large z"""
    inside = argument(node, "log")
    rest = argument(node, "log1p") if inside is None else _one_plus(inside)
    return log_of_one_plus(rest) if rest is not None else None


#: Applied to statements: the derived formulas are those of the stable operators.
RECOGNISE: tuple[Rule, ...] = (
    largest_taken_off,
    log_of_exp,
    log_one_plus_exp,
    log_of_sigmoid,
    log_of_softmax,
    log_of_part_of_softmax,
    log_sum_exp,
    log_of_two_exponentials,
    log_of_factors,
    log_of_determinant,
    log_of_reciprocal,
    log_of_exponential_factor,
    reciprocal_one_plus_exp,
    exp_times_sigmoid,
    exp_over_sum,
    exp_over_two,
)
#: Applied before numbers only.
NUMERIC: tuple[Rule, ...] = (
    one_minus_sigmoid,
    one_minus_twice_sigmoid,
    sinh_over_cosh,
    one_minus_tanh_squared,
    exp_minus_one,
    log_of_cosh,
    log_one_plus_exponentials,
    log_one_plus,
    log_of_sum_of_exponentials,
    exponential_over_sum,
)


def _rewriter(rules: Sequence[Rule]) -> Callable[[Node, tuple[Node, ...]], Node]:
    def _anew(term: Node) -> tuple[Node, ...]:
        """The operands of a new term; those of a product may be new as well."""
        if isinstance(term, Einsum):
            return tuple(rewrite(o, o.operands) for o in term.operands)
        return term.operands

    def rewrite(node: Node, operands: tuple[Node, ...]) -> Node:
        current = rebuild(node, operands)
        for _ in range(20):
            for rule in rules:
                better = rule(current)
                if better is not None and better is not current:
                    if isinstance(better, Sum):  # the logarithm of what is left over may come apart too
                        terms = [(c, rewrite(term, _anew(term))) for c, term in flat_terms(better)]
                        better = add(terms, better.shape)
                    current = better
                    break
            else:
                return current
        return current

    return rewrite


def recognise(root: Node) -> Node:
    """The statement with naive spellings replaced by stable operators."""
    return transform([root], _rewriter(RECOGNISE))[0]


def for_derivatives(root: Node) -> Node:
    """The same where derivatives are computed, not printed: log cosh is spelled by softplus."""
    return transform([root], _rewriter((*RECOGNISE, log_of_cosh)))[0]


def stabilise(roots: Sequence[Node]) -> list[Node]:
    """The expressions in the form in which they are computed."""
    return list(_stabilised(tuple(roots)))


@lru_cache(maxsize=64)
def _stabilised(roots: tuple[Node, ...]) -> tuple[Node, ...]:
    """Kept for a while, because every certificate asks for the same again."""
    return tuple(_outermost(transform(roots, _rewriter(RECOGNISE + NUMERIC)), exponential_over_more))


def _outermost(roots: list[Node], rule: Rule) -> list[Node]:
    """The rule at the outermost products to which it applies: within them factors have degrees of their own."""
    for _ in range(20):
        found = ((n, better) for n in reversed(list(topological(roots))) if (better := rule(n)) is not None)
        node, better = next(found, (None, None))
        if node is None or better is None:
            break
        roots = transform(roots, rebuild, {node: better})
    return roots
