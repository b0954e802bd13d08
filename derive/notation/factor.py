"""The shortest way to write a sum: common factors taken out where that saves tokens."""

from __future__ import annotations

import sympy

from ..sizes import ONE
from .tree import Tree, chain, make, mul, parts, total, transpose


def shortest(terms: list[Tree], constants: list[Tree]) -> Tree:
    """The sum of the terms, factored greedily as long as it becomes shorter.

    `constants` are scalars that broadcast; they take no part in factoring.
    """
    current = list(terms)
    while len(current) > 1:
        best: list[Tree] | None = None
        cost = sum(t.cost + 1 for t in current)
        for a in range(len(current)):
            for b in range(a + 1, len(current)):
                for merged in _merges(current[a], current[b]):
                    candidate = [*current[:a], merged, *current[a + 1 : b], *current[b + 1 :]]
                    new = sum(t.cost + 1 for t in candidate)
                    if new < cost or (new == cost and best is None):
                        best, cost = candidate, new
        if best is None:
            break
        current = best
    plain = total([*current, *constants])
    return _common(current, constants, plain)


def _common(terms: list[Tree], constants: list[Tree], plain: Tree) -> Tree:
    """Scalar factors common to all terms in front, if that is shorter."""
    if plain.op != "sum":
        return plain
    split = [parts(t) for t in plain.args]
    first = split[0]
    nums = [x for x in first[1] if all(x in s[1] for s in split)]
    dens = [x for x in first[2] if all(x in s[2] for s in split)]
    coefficients = [s[0] for s in split]
    common: sympy.Expr = ONE
    if all(c.is_Rational for c in coefficients):
        q = sympy.ilcm(*(int(c.q) for c in coefficients))
        p = sympy.igcd(*(int(c * q) for c in coefficients))
        common = sympy.Rational(p, q)
    else:
        ratios = [sympy.cancel(c / coefficients[0]) for c in coefficients]
        if all(r.is_Rational for r in ratios):
            common = coefficients[0]
        else:
            denominator = sympy.fraction(sympy.together(sympy.Add(*coefficients)))[1]
            common = 1 / denominator
    best = plain
    for c in {common, ONE}:
        rest = [mul(sympy.cancel(s[0] / c), _without(s[1], nums), _without(s[2], dens)) for s in split]
        candidate = mul(c, [*nums, total(rest)], dens)
        if candidate.cost < best.cost and candidate.order == plain.order:
            best = candidate
    return best


def _without(items: list[Tree], removed: list[Tree]) -> list[Tree]:
    left = list(items)
    for r in removed:
        left.remove(r)
    return left


def _merges(a: Tree, b: Tree) -> list[Tree]:
    """Ways to write a + b as one product."""
    found: list[Tree] = []
    ca, na, da = parts(a)
    cb, nb, db = parts(b)
    found += _elementwise(ca, na, da, cb, nb, db)
    sa = [x for x in na if not x.order], [x for x in na if x.order]
    sb = [x for x in nb if not x.order], [x for x in nb if x.order]
    if len(sa[1]) == 1 and len(sb[1]) == 1 and not any(x.order for x in (*da, *db)):
        x, y = sa[1][0], sb[1][0]
        forms_a = [x] if x.op != "T" else [x, _open(x)]
        forms_b = [y] if y.op != "T" else [y, _open(y)]
        for p in forms_a:
            for q in forms_b:
                found += _matrix_factors(mul(ca, sa[0], da), p, mul(cb, sb[0], db), q)
        if x.op == "T" and y.op == "T" and x is not y:
            inner = total([mul(ca, [*sa[0], x.args[0]], da), mul(cb, [*sb[0], y.args[0]], db)])
            found.append(transpose(inner))
    return found


def _open(t: Tree) -> Tree:
    """(A B)ᵀ as Bᵀ Aᵀ."""
    inner = t.args[0]
    if inner.op != "chain":
        return t
    return make("chain", *(transpose(x) for x in reversed(inner.args)), order=2)


def _elementwise(
    ca: sympy.Expr, na: list[Tree], da: list[Tree], cb: sympy.Expr, nb: list[Tree], db: list[Tree]
) -> list[Tree]:
    """a∘c + b∘c -> (a + b)∘c, denominators likewise; scalars are taken out too."""
    nums = _shared(na, nb)
    dens = _shared(da, db)
    if not nums and not dens:
        return []
    found = []
    order = max((t.order for t in (*na, *da)), default=0)
    rest_a, rest_b = (
        mul(ca, _without(na, nums), _without(da, dens)),
        mul(cb, _without(nb, nums), _without(db, dens)),
    )
    if rest_a.order == rest_b.order or max(t.order for t in (*nums, *dens)) == order:
        inner = total([rest_a, rest_b])
        if inner.op != "zero":
            found.append(mul(ONE, [*nums, inner], dens))
    return found


def _shared(a: list[Tree], b: list[Tree]) -> list[Tree]:
    left = list(b)
    found = []
    for t in a:
        if t in left:
            left.remove(t)
            found.append(t)
    return found


def _factors(t: Tree) -> tuple[Tree, ...]:
    return t.args if t.op == "chain" else (t,)


def _matrix_factors(sa: Tree, a: Tree, sb: Tree, b: Tree) -> list[Tree]:
    """A B + A C -> A (B + C);  B A + C A -> (B + C) A;  outer products likewise."""
    found: list[Tree] = []
    if a.op == "outer" and b.op == "outer":
        for k in (0, 1):
            if a.args[k] is b.args[k]:
                inner = total([mul(ONE, [sa, a.args[1 - k]]), mul(ONE, [sb, b.args[1 - k]])])
                pair = (a.args[k], inner) if k == 0 else (inner, a.args[k])
                found.append(make("outer", *pair, order=2))
        return found
    fa, fb = _factors(a), _factors(b)
    left = 0
    while left < min(len(fa), len(fb)) and fa[left] is fb[left]:
        left += 1
    right = 0
    while right < min(len(fa), len(fb)) and fa[-1 - right] is fb[-1 - right]:
        right += 1
    for k in range(1, left + 1):
        ra, rb = fa[k:], fb[k:]
        inner_a = _rest(ra, fa[k - 1], fa[-1], "left")
        inner_b = _rest(rb, fb[k - 1], fb[-1], "left")
        if inner_a is not None and inner_b is not None:
            found.append(chain(*fa[:k], total([mul(ONE, [sa, inner_a]), mul(ONE, [sb, inner_b])])))
    for k in range(1, right + 1):
        inner_a = _rest(fa[: len(fa) - k], fa[-k], fa[0], "right")
        inner_b = _rest(fb[: len(fb) - k], fb[-k], fb[0], "right")
        if inner_a is not None and inner_b is not None:
            found.append(chain(total([mul(ONE, [sa, inner_a]), mul(ONE, [sb, inner_b])]), *fa[len(fa) - k :]))
    return found


def _rest(factors: tuple[Tree, ...], neighbour: Tree, end: Tree, side: str) -> Tree | None:
    """What is left of a product when the common part is taken off; None where it would be an identity."""
    if not factors:
        return None
    if neighbour.order != 2:  # a vector at the cut: taking it out would leave a scalar product
        return None
    return factors[0] if len(factors) == 1 else chain(*factors)
