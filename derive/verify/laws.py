"""Laws of signs, absolute values, logarithms, roots and determinants, as rewrite rules for proofs.

They hold where both sides are defined, away from zeros of the arguments of `sign` (|x| is written x sign(x) here).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import sympy

from ..build import add, einsum, full, inner, multiply, negate, power, scale, split_scale
from ..node import Apply, Delta, Einsum, Labels, Node, Ones, Sum, topological
from ..operators import apply
from ..sizes import ONE, Coefficient, is_negative

Factor = tuple[Node, Labels]
#: Operators whose results can be zero on an open set, without being zero everywhere.
BROKEN = frozenset("abs sign relu step maximum minimum where max min max_share min_share".split())
_MINUS = sympy.S.NegativeOne


def is_op(node: Node, *names: str) -> bool:
    """Whether the node applies one of these operators."""
    return isinstance(node, Apply) and node.op in names


def smooth(node: Node) -> bool:
    """Whether an argument is analytic: then it is zero at single points, or everywhere."""
    return not any(is_op(n, *BROKEN) for n in topological([node]))


def spread(part: Node, labels: Labels, whole: Node) -> Node:
    """A part with these output labels, repeated along the other axes of the whole."""
    bare = [(full((s,)), (i,)) for i, s in enumerate(whole.shape) if i not in labels]
    return einsum([(part, labels), *bare], tuple(range(whole.order)))


def components(node: Einsum) -> list[tuple[Node, Labels]] | None:
    """The factors of a product, those that share a summed axis as one; None where an identity matrix is among them."""
    if any(isinstance(o, Delta) or len(set(ls)) != len(ls) for o, ls in node.factors):
        return None
    groups: list[list[Factor]] = []
    for o, ls in node.factors:
        inside = set(ls) - set(node.output)
        joined = [g for g in groups if any(inside & set(other) for _, other in g)]
        groups = [g for g in groups if g not in joined] + [[f for g in joined for f in g] + [(o, ls)]]
    found = []
    for group in groups:
        if len(group) == 1 and isinstance(group[0][0], Ones):
            continue
        labels = tuple(sorted({i for _, ls in group for i in ls} & set(node.output)))
        change = {i: k for k, i in enumerate(labels)}
        fresh = {i: len(labels) + 100 + i for _, ls in group for i in ls if i not in change}
        names = {**change, **fresh}
        part = einsum([(o, tuple(names[i] for i in ls)) for o, ls in group], tuple(range(len(labels))))
        found.append((part, labels))
    return found


# ---------------------------------------------------------------- signs


def sign_of_product(node: Node) -> Node | None:
    """sign(c u v) -> sign(c) sign(u) sign(v); sign(u^2k) -> 1; sign(−a + b) -> −sign(a − b)"""
    if not is_op(node, "sign"):
        return None
    c, core = split_scale(node.operands[0])
    if "positive" in core.facts and c.is_positive:
        return full(node.shape)
    if isinstance(core, Einsum):
        parts = components(core)
        if parts is not None and len(parts) > 1:
            signs = [spread(apply("sign", p), ls, core) for p, ls in parts]
            return _signed(c, multiply(*signs))
    if isinstance(core, Apply) and core.op == "power":
        k, base = core.param("exponent"), core.operands[0]
        if k.is_Integer and k % 2:
            return _signed(c, apply("sign", base))
        if smooth(base):
            return _signed(c, full(node.shape))
    if isinstance(core, Sum) and is_negative(core.coefficients[0]):
        return _signed(-c, apply("sign", negate(core)))
    return _signed(c, apply("sign", core)) if c != 1 else None


def _signed(c: Coefficient, node: Node) -> Node | None:
    if c.is_positive:
        return node
    return negate(node) if c.is_negative else None


def power_of_signs(node: Node) -> Node | None:
    """(a + b sign x)^k multiplied out for k ≤ 4, where the powers of the sign are simpler"""
    if not isinstance(node, Apply) or node.op != "power":
        return None
    k, base = node.param("exponent"), node.operands[0]
    if not (k.is_Integer and 2 <= k <= 4 and isinstance(base, Sum) and len(base.operands) <= 4):
        return None
    if not any(is_op(n, "sign") for n in topological([base])):
        return None
    terms: list[tuple[Coefficient, Node]] = [(ONE, full(node.shape))]
    for _ in range(int(k)):
        terms = [(c * d, multiply(t, u)) for c, t in terms for d, u in base.terms]
    return add(terms, node.shape)


# ---------------------------------------------------------------- logarithms and roots


def _absolute(node: Node) -> tuple[list[tuple[Node, Coefficient, Labels]], bool] | None:
    """A product as Π |u|^k: (u, k, its labels), and whether nothing is left to be done; None where a factor may be
    negative."""
    if isinstance(node, Einsum):
        parts = components(node)
    else:
        parts = [(node, tuple(range(node.order)))]
    if parts is None:
        return None
    signs = {(p.operands[0], ls) for p, ls in parts if is_op(p, "sign")}
    found: list[tuple[Node, Coefficient, Labels]] = []
    for p, ls in parts:
        if is_op(p, "sign"):
            continue
        base, k = (
            (p.operands[0], p.param("exponent")) if isinstance(p, Apply) and p.op == "power" else (p, ONE)
        )
        if "positive" in base.facts:
            found.append((base, k, ls))
        elif k.is_Integer and k % 2 == 0:
            found.append((_with_sign(base), k, ls))
        elif k.is_Integer and (base, ls) in signs:
            signs.discard((base, ls))
            found.append((_with_sign(base), k, ls))
        elif "nonnegative" in p.facts:
            found.append((p, ONE, ls))
        else:
            return None
    if signs:
        return None
    done = len(found) <= 1 and all(k == 1 for _, k, _ in found)
    return found, done


def _with_sign(u: Node) -> Node:
    return multiply(u, apply("sign", u))


def log_of_product(node: Node) -> Node | None:
    """log(c u v^2 |w|^k …) -> log c + log u + 2 log |v| + k log |w| …, u positive"""
    if not is_op(node, "log"):
        return None
    c, core = split_scale(node.operands[0])
    if not c.is_positive:
        return None
    found = _absolute(core) if not isinstance(core, Sum) else None
    if found is None or found[1]:
        if c == 1:
            return None
        return add([(ONE, apply("log", core)), (sympy.log(c), full(node.shape))], node.shape)
    terms = [(k, spread(apply("log", u), ls, core)) for u, k, ls in found[0]]
    if c != 1:
        terms.append((sympy.log(c), full(node.shape)))
    return add(terms, node.shape)


def root_of_product(node: Node) -> Node | None:
    """(u v^2 …)^r -> u^r |v|^2r … for a fraction r, u nonnegative"""
    if not isinstance(node, Apply) or node.op != "power" or node.param("exponent").is_Integer:
        return None
    r, (c, core) = node.param("exponent"), split_scale(node.operands[0])
    if isinstance(core, Sum) or not c.is_positive:
        return None
    found = _absolute(core)
    if found is None or found[1]:
        return None
    parts = [spread(power(u, k * r), ls, core) for u, k, ls in found[0]]
    return scale(c**r, multiply(*parts))


def fraction_in_divisor(node: Node) -> Node | None:
    """(a + b/s)^−k -> s^k (s a + b)^−k, entry by entry; other powers where s > 0"""
    if not isinstance(node, Apply) or node.op != "power":
        return None
    exponent, base = node.param("exponent"), node.operands[0]
    if not isinstance(base, Sum) or not exponent.is_negative:
        return None
    plain = tuple(range(node.order))
    for _, term in base.terms:
        whole = (term, plain)
        for f, labels in term.factors if isinstance(term, Einsum) and term.output == plain else [whole]:
            if not isinstance(f, Apply) or f.op != "power" or not f.param("exponent").is_negative:
                continue
            if not set(labels) <= set(plain) or len(set(labels)) != len(labels):
                continue
            s, m = f.operands[0], -f.param("exponent")
            if not (exponent.is_Integer or "positive" in s.facts):
                continue
            above = spread(power(s, m), labels, node)
            cleared = add([(c, multiply(above, t)) for c, t in base.terms], node.shape)
            return multiply(spread(power(s, -m * exponent), labels, node), power(cleared, exponent))
    return None


def exp_of_log(node: Node) -> Node | None:
    """exp(r log u + z) -> u^r exp(z) for a fraction r"""
    if not is_op(node, "exp"):
        return None
    z = node.operands[0]
    terms = list(z.terms) if isinstance(z, Sum) else [(ONE, z)]
    for k, (c, t) in enumerate(terms):
        if isinstance(t, Apply) and t.op == "log" and c.is_Rational and not c.is_Integer:
            rest = add(terms[:k] + terms[k + 1 :], node.shape)
            return multiply(power(t.operands[0], c), apply("exp", rest))
    return None


def shift_of_logsumexp(node: Node) -> Node | None:
    """logsumexp(z + s) -> logsumexp(z) + s for s that is the same along the axes summed over"""
    if not isinstance(node, Apply) or node.op != "logsumexp" or not isinstance(node.operands[0], Sum):
        return None
    z, axes = node.operands[0], node.param("axes")
    constant = {k: s for k, (c, t) in enumerate(z.terms) if (s := _along(t, axes)) is not None}
    if not constant or len(constant) == len(z.operands):
        return None
    rest = add([p for k, p in enumerate(z.terms) if k not in constant], z.shape)
    shifts = [(z.coefficients[k], s) for k, s in constant.items()]
    return add([(ONE, apply("logsumexp", rest, axes=axes)), *shifts], node.shape)


def _along(term: Node, axes: Sequence[int]) -> Node | None:
    """The term without these axes, when it is the same along them."""
    if isinstance(term, Ones):
        return full(tuple(s for k, s in enumerate(term.shape) if k not in axes))
    if not isinstance(term, Einsum):
        return None
    pairs = list(term.factors)
    if any(set(ls) & set(axes) and not isinstance(o, Ones) for o, ls in pairs):
        return None
    kept = [i for i in range(term.order) if i not in axes]
    change = {i: k for k, i in enumerate(kept)}
    names = {i: change.get(i, i + 100) for _, ls in pairs for i in ls}
    factors = [(o, tuple(names[i] for i in ls)) for o, ls in pairs if not set(ls) & set(axes)]
    return einsum(factors, tuple(range(len(kept)))) if factors else None


# ---------------------------------------------------------------- determinants


def determinant_of_multiple(node: Node) -> Node | None:
    """det(s A) -> s^d det A, log|det(s A)| -> d log|s| + log|det A| for a number s"""
    if not is_op(node, "det", "logdet") or node.operands[0].order != 2:
        return None
    matrix = node.operands[0]
    if not isinstance(matrix, Einsum):
        return None
    pairs = list(matrix.factors)
    numbers = [o for o, _ in pairs if not o.order]
    rest = [f for f in pairs if f[0].order]
    if not numbers or not rest:
        return None
    return _scaled(node, multiply(*numbers), einsum(rest, matrix.output))  # type: ignore[arg-type]


def _scaled(node: Apply, s: Node, matrix: Node, size: Coefficient | None = None) -> Node | None:
    d = matrix.shape[0] if size is None else size
    found = apply(node.op, matrix)
    if node.op == "logdet":
        return add([(ONE, found), (d, _log_absolute(s))])
    return multiply(found, power(s, d)) if d.is_Integer or s.facts & {"positive"} else None


def _log_absolute(s: Node) -> Node:
    return apply("log", s if "positive" in s.facts else _with_sign(s))


def determinant_of_update(node: Node) -> Node | None:
    """det(αI + U V) -> α^(d−k) det(αI + V U), the smallest of all ways to divide the product; U V = u vᵀ is a number"""
    if not is_op(node, "det", "logdet") or not isinstance(node.operands[0], Sum):
        return None
    matrix = node.operands[0]
    alpha, chains = _update(matrix)
    if alpha is None or len(chains) != 1:
        return None
    (c, term), d = chains[0], matrix.shape[0]
    pairs = list(term.factors) if isinstance(term, Einsum) else []
    vectors = [f for f in pairs if f[0].order == 1]
    if (
        len(vectors) == 2
        and all(o.order < 2 for o, _ in pairs)
        and {vectors[0][1], vectors[1][1]} == {(0,), (1,)}
    ):
        numbers = [o for o, _ in pairs if not o.order]
        small = add([(ONE, alpha), (c, multiply(inner(vectors[0][0], vectors[1][0]), *numbers))])
        if node.op == "logdet":  # type: ignore[attr-defined]
            return add([(d - 1, _log_absolute(alpha)), (ONE, _log_absolute(small))])
        return small if alpha is full(()) else None
    best = min(_rotations(term), key=lambda t: t[0].digest, default=None)
    if best is None or best[0] is term:
        return None
    turned, k = best
    eye = einsum([(alpha, ()), (_delta(k), (0, 1))], (0, 1))
    return _scaled(node, alpha, add([(ONE, eye), (c, turned)]), d - k) if _needs(node, alpha, d - k) else None  # type: ignore[arg-type]


def _needs(node: Node, alpha: Node, power_: Coefficient) -> bool:
    return is_op(node, "logdet") or alpha is full(()) or "positive" in alpha.facts or bool(power_.is_Integer)


def _delta(size: Coefficient) -> Node:
    from ..node import delta

    return delta(size)


def _update(matrix: Sum) -> tuple[Node | None, list[tuple[Coefficient, Node]]]:
    """α and the other terms of αI + ….."""
    alpha: list[tuple[Coefficient, Node]] = []
    rest: list[tuple[Coefficient, Node]] = []
    for c, t in matrix.terms:
        if isinstance(t, Delta):
            alpha.append((c, full(())))
        elif isinstance(t, Einsum) and all(isinstance(o, Delta) or not o.order for o in t.operands):
            alpha.append((c, multiply(*(o for o in t.operands if not o.order))))
        else:
            rest.append((c, t))
    return (add(alpha) if alpha else None), rest


def _rotations(term: Node) -> Iterator[tuple[Node, Coefficient]]:
    """All products V U for U V = term, and their transposes, with their sizes."""
    from .canonical import matrix_chain

    chain = matrix_chain(term) if isinstance(term, Einsum) else None
    if chain is None:
        return
    for links in (chain, [(o, not flipped) for o, flipped in reversed(chain)]):
        for k in range(len(links)):
            turned = links[k:] + links[:k]
            factors = [
                (o, (j, i) if flipped else (i, j))
                for (o, flipped), i, j in zip(
                    turned,
                    [0, *range(2, len(links) + 1)],
                    [*range(2, len(links) + 1), 1],
                    strict=True,
                )
            ]
            found = einsum(factors, (0, 1))
            yield found, found.shape[0]


LAWS = (
    sign_of_product,
    power_of_signs,
    log_of_product,
    root_of_product,
    fraction_in_divisor,
    exp_of_log,
    shift_of_logsumexp,
    determinant_of_multiple,
    determinant_of_update,
)

__all__ = ["BROKEN", "LAWS", "smooth", "spread"]
