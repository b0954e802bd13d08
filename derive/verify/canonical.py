"""Elementwise identities that bring two spellings of one formula together, for proofs only.

Each rule is a function `Node -> Node | None` with its identity in the docstring. They hold wherever both
sides are defined; those for |x|, relu, max and min hold away from the kinks, and a proof that used them
says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import sympy

from ..build import add, einsum, full, multiply, negate, power, scale, split_scale, swap_last
from ..node import (
    Apply,
    Einsum,
    Node,
    Sum,
    Variable,
    delta,
    topological,
    transform,
    variable,
)
from ..operators import apply, rebuild
from ..simplify import expand
from ..sizes import ONE, is_negative
from ..stable import recognise
from .access import ACCESS
from .cancelling import inverse_of_sum, reciprocal_of_sum
from .conditional import Rule
from .laws import LAWS, smooth

HALF, MINUS = sympy.S.Half, sympy.S.NegativeOne
#: Operators that have no value for some numbers.
PARTIAL = frozenset("log log1p pow arcsin arccos arccosh arctanh logdet cholesky".split())
#: Operators that have kinks and are written with the sign of their argument.
KINKED = frozenset("abs sign relu step maximum minimum".split())


def _is(node: Node, *names: str) -> bool:
    return isinstance(node, Apply) and node.op in names


def softplus_of_negative(node: Node) -> Node | None:
    """softplus(−z) -> softplus(z) − z"""
    if _is(node, "softplus") and is_negative(split_scale(node.operands[0])[0]):
        z = negate(node.operands[0])
        return add([(ONE, apply("softplus", z)), (MINUS, z)])
    return None


def absolute_value(node: Node) -> Node | None:
    """|x| -> x sign(x)"""
    if not _is(node, "abs"):
        return None
    x = node.operands[0]
    return multiply(x, apply("sign", x))


def step_function(node: Node) -> Node | None:
    """step(x) -> (1 + sign x)/2 for x ≠ 0"""
    if not _is(node, "step") or not smooth(node.operands[0]):
        return None
    x = node.operands[0]
    return add([(HALF, full(x.shape)), (HALF, apply("sign", x))])


def choice(node: Node) -> Node | None:
    """where(u > 0, a, b) -> b + step(u) (a − b), for a and b that have values everywhere"""
    if not isinstance(node, Apply) or node.op != "where":
        return None
    chosen, a, b = node.operands
    if not _is_step(chosen) or not (_everywhere(a) and _everywhere(b)):
        return None
    return add([(ONE, b), (ONE, multiply(chosen, add([(ONE, a), (MINUS, b)], node.shape)))], node.shape)


def _is_step(node: Node) -> bool:
    """step(u), or (1 ± sign u)/2 as it is written here."""
    core = split_scale(node)[1]
    signs = [t for t in core.operands if _is(t, "sign")] if isinstance(core, Sum) else []
    one = (HALF, full(node.shape))
    return _is(node, "step") or any(node is add([one, (c, s)]) for s in signs for c in (HALF, -HALF))


def _everywhere(node: Node) -> bool:
    """Whether a formula has values for all data: the branch that is not taken may have none."""
    return not any(
        n.op in PARTIAL or (n.op in ("inv", "power") and not _is_square(n))
        for n in topological([node])
        if isinstance(n, Apply)
    )


def _is_square(n: Apply) -> bool:
    exponent = n.param("exponent") if n.op == "power" else None
    return exponent is not None and exponent.is_Integer and bool(exponent.is_positive)


def rectifier(node: Node) -> Node | None:
    """relu(x) -> (x + x sign x)/2"""
    if not _is(node, "relu"):
        return None
    x = node.operands[0]
    return add([(HALF, x), (HALF, multiply(x, apply("sign", x)))])


def larger_and_smaller(node: Node) -> Node | None:
    """max(x, y), min(x, y) -> (x + y ± (x − y) sign(x − y))/2"""
    if not isinstance(node, Apply) or node.op not in ("maximum", "minimum"):
        return None
    x, y = node.operands
    gap = add([(ONE, x), (MINUS, y)])
    half = HALF if node.op == "maximum" else -HALF
    return add([(HALF, x), (HALF, y), (half, multiply(gap, apply("sign", gap)))])


def power_of_sign(node: Node) -> Node | None:
    """sign(x)^k -> 1 or sign(x), for x ≠ 0"""
    if not _is(node, "power") or not _is(node.operands[0], "sign"):
        return None
    if not smooth(node.operands[0].operands[0]):
        return None
    k = node.param("exponent")  # type: ignore[attr-defined]
    if not k.is_Integer:
        return None
    return full(node.shape) if k % 2 == 0 else node.operands[0]


def inverse_of_product(node: Node) -> Node | None:
    """(A B … C)⁻¹ -> C⁻¹ … B⁻¹ A⁻¹ for square factors, (Aᵀ)⁻¹ -> (A⁻¹)ᵀ"""
    if not isinstance(node, Apply) or node.op != "inv" or not isinstance(node.operands[0], Einsum):
        return None
    product = node.operands[0]
    chain = matrix_chain(product)
    if chain is None or any(o.shape[0] != o.shape[1] for o, _ in chain):
        return None
    factors = [
        (apply("inv", o), (k + 1, k) if not flipped else (k, k + 1)) for k, (o, flipped) in enumerate(chain)
    ]
    return einsum([(o, ls) for o, ls in factors], (len(chain), 0))


def determinant_of_product(node: Node) -> Node | None:
    """det(A B) -> det A det B, log|det(A B)| -> log|det A| + log|det B| for square factors; det A⁻¹ -> 1/det A"""
    if not isinstance(node, Apply) or node.op not in ("det", "logdet"):
        return None
    inside = node.operands[0]
    if _is(inside, "inv") and inside.order == 2:
        found = apply(node.op, inside.operands[0])
        return negate(found) if node.op == "logdet" else power(found, MINUS)
    chain = matrix_chain(inside) if isinstance(inside, Einsum) else None
    if chain is None or any(o.shape[0] != o.shape[1] for o, _ in chain):
        return None
    parts = [apply(node.op, o) for o, _ in chain]
    return add([(ONE, p) for p in parts]) if node.op == "logdet" else multiply(*parts)


def matrix_chain(product: Einsum) -> list[tuple[Node, bool]] | None:
    """The factors of a plain matrix product, in order, each with whether it is transposed."""
    if product.order != 2 or any(o.order != 2 for o in product.operands):
        return None
    rest = list(product.factors)
    at, chain = 0, []
    while rest:
        hits = [k for k, (_, ls) in enumerate(rest) if at in ls]
        if len(hits) != 1 or len(set(rest[hits[0]][1])) != 2:
            return None
        operand, labels = rest.pop(hits[0])
        flipped = labels[1] == at
        at = labels[0] if flipped else labels[1]
        chain.append((operand, flipped))
    return chain if at == 1 else None


def gelu(node: Node) -> Node | None:
    """gelu(x) -> x (1 + erf(x/√2))/2"""
    if not _is(node, "gelu"):
        return None
    x = node.operands[0]
    e = apply("erf", scale(1 / sympy.sqrt(2), x))
    return add([(HALF, x), (HALF, multiply(x, e))])


def complementary_error(node: Node) -> Node | None:
    """erfc(x) -> 1 − erf(x)"""
    if not _is(node, "erfc"):
        return None
    return add([(ONE, full(node.shape)), (MINUS, apply("erf", node.operands[0]))])


def variable_power(node: Node) -> Node | None:
    """x^y -> exp(y log x) for x > 0"""
    if not _is(node, "pow") or "positive" not in node.operands[0].facts:
        return None
    x, y = node.operands
    return apply("exp", multiply(y, apply("log", x)))


def square_in_exponent(node: Node) -> Node | None:
    """exp((a + b)²) -> exp(a² + 2ab + b²), √(Σ (x − x̄)²) -> √(Σ x² − n x̄²), where terms inside are told apart"""
    root = isinstance(node, Apply) and node.op == "power" and not node.param("exponent").is_Integer
    if not isinstance(node, Apply) or not (root or node.op in _EXPONENTIAL):
        return None
    opened = transform([node.operands[0]], _open_square)[0]
    return apply(node.op, expand(opened), **dict(node.params)) if opened is not node.operands[0] else None


def size_out_of_root(node: Node) -> Node | None:
    """√(a/n − b/n²) -> √(a − b/n) / √n: the size in front of the first term"""
    if not isinstance(node, Apply) or node.op != "power" or node.param("exponent").is_Integer:
        return None
    front, base = split_scale(node.operands[0])
    if not isinstance(base, Sum) or not base.operands:
        return None
    first = front * base.coefficients[0]
    size = first if first.is_positive else -first
    if not size.is_positive or size.is_number:
        return None
    rest = add([(front * c / size, t) for c, t in base.terms], base.shape)
    return scale(size ** node.param("exponent"), power(rest, node.param("exponent")))


def _open_square(node: Node, operands: tuple[Node, ...]) -> Node:
    current = rebuild(node, operands)
    if not isinstance(current, Apply) or current.op != "power" or current.param("exponent") != 2:
        return current
    base = current.operands[0]
    if not isinstance(base, Sum) or not 2 <= len(base.operands) <= 4:
        return current
    parts = base.terms
    found = [(c * c, power(t, sympy.Integer(2))) for c, t in parts]
    for k, (c, t) in enumerate(parts):
        found += [(2 * c * b, multiply(t, u)) for b, u in parts[:k]]
    return add(found)


def orthogonal_product(node: Node) -> Node | None:
    """Qᵀ Q -> I, Q Qᵀ -> I, Q⁻¹ -> Qᵀ"""
    if isinstance(node, Apply) and node.op == "inv" and "orthogonal" in node.operands[0].facts:
        return swap_last(node.operands[0])
    if not isinstance(node, Einsum):
        return None
    factors = list(node.factors)
    for k, (q, la) in enumerate(factors):
        if "orthogonal" not in q.facts or q.order != 2 or len(set(la)) != 2:
            continue
        for m in range(k):
            other, lb = factors[m]
            if other is not q:
                continue
            for side in (0, 1):
                shared = la[side]
                uses = sum(shared in ls for _, ls in factors)
                if lb[side] == shared and uses == 2 and shared not in node.output:
                    rest = [f for j, f in enumerate(factors) if j not in (k, m)]
                    tie = (delta(q.shape[0]), (la[1 - side], lb[1 - side]))
                    return einsum([*rest, tie], node.output)
    return None


_EXPONENTIAL = "log exp expm1 sigmoid tanh sinh cosh sin cos tan softmax logsumexp softplus".split()
RULES: tuple[Rule, ...] = (
    variable_power,
    square_in_exponent,
    size_out_of_root,
    orthogonal_product,
    inverse_of_sum,
    reciprocal_of_sum,
    determinant_of_product,
    softplus_of_negative,
    absolute_value,
    choice,
    step_function,
    rectifier,
    larger_and_smaller,
    power_of_sign,
    *LAWS,
    *ACCESS,
    inverse_of_product,
    gelu,
    complementary_error,
)


def _diagonal_variables(root: Node) -> Node:
    """A diagonal matrix as diag(v), so that what its entries off the diagonal do is visible."""
    found: dict[Node, Node] = {}
    for v in topological([root]):
        if isinstance(v, Variable) and "diagonal" in v.facts and v.order == 2:
            signs = v.facts & {"integer"} | ({"positive"} if "pd" in v.facts else set())
            entries = variable(f"{v.name}_diagonal", v.shape[:1], signs)
            found[v] = einsum([(entries, (0,)), (delta(v.shape[0]), (0, 1))], (0, 1))
    return transform([root], rebuild, found)[0] if found else root


def normal_sums(conditions: Mapping[Node, sympy.Expr]) -> Rule:
    """Σ y -> c over the axes for which that is assumed; `conditions` holds Σ y, a node, and its value c."""

    def rule(node: Node) -> Node | None:
        for total, value in conditions.items():
            if node is total:
                return scale(value, full(node.shape))
            if isinstance(node, Einsum) and isinstance(total, Einsum) and len(total.operands) == 1:
                found = _sum_inside(node, total, value)
                if found is not None:
                    return found
        return None

    return rule


def _sum_inside(node: Einsum, total: Einsum, value: sympy.Expr) -> Node | None:
    """A product in which one factor is summed over just the axes of `total`, and nothing else has them."""
    (y,), (own,) = total.operands, total.inputs
    factors = list(node.factors)
    for k, (o, ls) in enumerate(factors):
        if o is not y or len(set(ls)) != len(ls):
            continue
        gone = {ls[a] for a, i in enumerate(own) if i not in total.output}
        elsewhere = {i for j, (_, other) in enumerate(factors) if j != k for i in other} | set(node.output)
        if gone and elsewhere.isdisjoint(gone):
            bare = [(full((s,)), (i,)) for i, s in zip(ls, y.shape, strict=True) if i not in gone]
            return scale(value, einsum([*factors[:k], *factors[k + 1 :], *bare], node.output))
    return None


def canonical(
    root: Node, conditions: Mapping[Node, sympy.Expr] | None = None, more: Sequence[Rule] = ()
) -> Node:
    """The expression with every identity above applied, products multiplied out where they can be."""
    rules = (*more, *RULES, normal_sums(conditions)) if conditions else (*more, *RULES)

    def rewrite(node: Node, operands: tuple[Node, ...]) -> Node:
        current = rebuild(node, operands)
        for _ in range(20):
            for rule in rules:
                better = rule(current)
                if better is not None and better is not current:
                    # What a rule builds may hold new places for the rules.
                    current = _inside(better)
                    break
            else:
                return current
        return current

    def _inside(node: Node) -> Node:
        if isinstance(node, Sum | Einsum):
            fresh = tuple(rewrite(o, o.operands) if isinstance(o, Apply) else o for o in node.operands)
            return rebuild(node, fresh)
        return node

    root = recognise(_diagonal_variables(root))
    for _ in range(4):
        (better,) = transform([root], rewrite)
        better = expand(better)
        if better is root:
            break
        root = better
    return root


__all__ = ["KINKED", "canonical", "matrix_chain"]
