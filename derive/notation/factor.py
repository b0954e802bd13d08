"""The shortest way to write a sum: common factors taken out where that saves tokens."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import lru_cache

import sympy

from ..sizes import ONE, tidy
from .chains import chain, diagonal_matrix
from .makers import mul, opened_outer, outer, powers, total, transpose, unpowers
from .opening import multiplied_out, over_one_denominator
from .orientation import turned_alike
from .tree import Tree, make, parts, rendering


def shortest(terms: list[Tree], constants: list[Tree]) -> Tree:
    """The sum of the terms, factored greedily as long as it becomes shorter.

    `constants` are scalars that broadcast; they take no part in factoring. What is left of a sum behind a common factor
    is asked for again and again, so every answer is kept.
    """
    return rendering.once(_shortest, tuple(terms), tuple(constants))


def _shortest(terms: Sequence[Tree], constants: Sequence[Tree]) -> Tree:
    terms, constants = list(terms), list(constants)
    found = _factored(terms, constants)
    for other in (multiplied_out(terms, constants), over_one_denominator(terms, constants)):
        if other is not None:
            order = max((t.order for t in terms), default=0)
            again = _factored([t for t in other if t.order == order], [t for t in other if t.order != order])
            if again.cost < found.cost and again.order == found.order:
                found = again
    return found


def _factored(terms: list[Tree], constants: list[Tree]) -> Tree:
    opened = total(terms)
    current = list(opened.args) if opened.op == "sum" else [opened]
    if len(current) > 12:  # quadratic in the number of terms
        return _common(total([*current, *constants]))
    current = _identity_left(current)
    while len(current) > 1:
        best: list[Tree] | None = None
        cost = sum(t.cost + 1 for t in current)
        for a in range(len(current)):
            for b in range(a + 1, len(current)):
                for merged in _merges(current[a], current[b]):
                    candidate = [*current[:a], merged, *current[a + 1 : b], *current[b + 1 :]]
                    new = sum(t.cost + 1 for t in candidate) + _nesting(merged)
                    if new < cost or (new == cost and best is None):
                        best, cost = candidate, new
        if best is None:
            break
        current = best
    plain = total([*current, *constants])
    return _common(plain)


def _nesting(product: Tree) -> int:
    """What a product of named things with a sum that holds them again has to save: x³ − 2x², not x² (x − 2)."""
    _, nums, _ = parts(product)
    bases = {b for b in powers(nums) if b.op == "var"}
    inner = [powers(parts(a)[1]) for t in nums if t.op == "sum" for a in t.args]
    return 3 if any(not bases.isdisjoint(p) for p in inner) else 0


def _identity_left(terms: list[Tree]) -> list[Tree]:
    """A (u − v) + u − v -> (A + I)(u − v), where the terms hold the factor of one of them, written out."""
    best = terms
    for k, t in enumerate(terms):
        c, nums, dens = parts(t)
        product = nums[-1] if nums else t
        if product.op != "chain" or product.order != 1 or any(x.order for x in (*nums[:-1], *dens)):
            continue
        common = product.args[-1]
        size = rendering.sizes.get(common)
        if common.op != "sum" or common.order != 1 or size is None:
            continue
        others = [a for j, a in enumerate(terms) if j != k]
        for sign in (1, -1):
            signed = total([mul(sympy.Integer(sign), [a]) for a in common.args])
            wanted = list(signed.args) if signed.op == "sum" else [signed]
            rest = [a for a in others if a not in wanted]
            if len(rest) + len(wanted) != len(others):
                continue
            eye = make("eye", data=(size,), order=2)
            front = mul(c, [*nums[:-1], chain(*product.args[:-1])], dens)
            merged = chain(total([mul(sympy.Integer(sign), [eye]), front]), common)
            candidate = [*rest, merged]
            if sum(a.cost + 1 for a in candidate) < sum(a.cost + 1 for a in best):
                best = candidate
    return best


def _common(plain: Tree, within: bool = False, turn: bool = True) -> Tree:
    """Scalar factors common to all terms in front, if that is shorter; `within` a product there are brackets anyway.

    With `turn` the transpose of the sum of transposes is tried as well.
    """
    if plain.op != "sum":
        return plain
    split = [parts(t) for t in plain.args]
    nums = _shared(*(s[1] for s in split))
    dens = _shared(*(s[2] for s in split))
    coefficients = [s[0] for s in split]
    candidates: list[sympy.Expr] = [ONE] if nums or dens else []
    numbers = [c.as_coeff_Mul()[0] for c in coefficients]
    if all(c.is_Rational for c in numbers):
        q = sympy.ilcm(1, *(int(c.q) for c in numbers))
        candidates.append(sympy.Rational(sympy.igcd(0, *(int(c * q) for c in numbers)), q))
    first = coefficients[0]
    if first.is_number and not first.is_Rational and all((c / first).is_Rational for c in coefficients):
        candidates.append(first)  # √10 a + 3 √10 b
    if all(c.is_Rational for c in coefficients):
        candidates.append(sympy.Integer(sympy.igcd(*map(_content, plain.args))))
    else:
        # a size that one term alone has would only come back as a quotient in the others
        held = Counter(s for c in coefficients for s in c.free_symbols)
        candidates += [c for c in coefficients if any(held[s] > 1 for s in c.free_symbols)]
        candidates.append(1 / _denominator(tuple(coefficients)))
    best = plain
    for c in dict.fromkeys(candidates):
        if c == 1 and not nums and not dens:
            continue
        rest = [_quotient(s[0], _without(s[1], nums), _without(s[2], dens), c) for s in split]
        candidate = mul(c, [*nums, total(rest)], dens)
        wrapped = 2 if within and best is plain else 0
        shorter = candidate.cost + _nesting(candidate) < best.cost + wrapped
        even = candidate.cost == best.cost and best is plain and len({s[0] ** 2 for s in split}) == 1
        if (shorter or even) and candidate.order == plain.order:
            best = candidate
    if plain.order == 2 and turn:
        turned = transpose(_common(total([transpose(t) for t in plain.args]), turn=False))
        if turned.cost + 3 * _turns(turned) < best.cost + 3 * _turns(best):
            best = turned
    return best


def _turns(t: Tree) -> int:
    """How many transposes are written: they are more to read than one token each."""
    return (t.op == "T") + sum(map(_turns, t.args))


def _content(t: Tree) -> int:
    """The largest whole number by which a term can be divided, the coefficients of a sum in it included; else 1."""
    c, nums, _ = parts(t)
    if not c.is_Integer:
        return 1
    inner = next((x for x in nums if x.op == "sum"), None)
    return abs(int(c)) * (sympy.igcd(*map(_content, inner.args)) if inner is not None else 1)


def _quotient(c: sympy.Expr, nums: list[Tree], dens: list[Tree], by: sympy.Expr) -> Tree:
    """A term divided by a number: its coefficient, or what that leaves over in a sum in it."""
    k = next((k for k, x in enumerate(nums) if x.op == "sum"), None)
    if not by.is_Integer or (c / by).is_Integer or not c.is_Integer or k is None:
        return mul(tidy(c / by), nums, dens)
    outside = sympy.Integer(sympy.igcd(c, by))
    inner = total([_quotient(*parts(a), by / outside) for a in nums[k].args])
    return mul(c / outside, [*nums[:k], inner, *nums[k + 1 :]], dens)


@lru_cache(maxsize=1024)
def _denominator(coefficients: tuple[sympy.Expr, ...]) -> sympy.Expr:
    """The least common denominator."""
    whole, highest = sympy.Integer(1), dict[sympy.Expr, sympy.Expr]()
    for q in {sympy.fraction(c)[1] for c in coefficients}:
        number, rest = q.as_coeff_Mul()
        whole = sympy.ilcm(whole, number)
        for base, k in rest.as_powers_dict().items():
            highest[base] = sympy.Max(k, highest[base]) if base in highest else k
    return whole * sympy.Mul(*(base**k for base, k in highest.items()))


def _shared(first: list[Tree], *others: list[Tree]) -> list[Tree]:
    """The factors that all the products have, with their lowest exponents."""
    common = powers(first)
    for other in others:
        have = powers(other)
        common = {t: min(k, have[t]) for t, k in common.items() if t in have}
    return unpowers(common)


def _without(items: list[Tree], removed: list[Tree]) -> list[Tree]:
    left = powers(items)
    for t, k in powers(removed).items():
        left[t] -= k
    return unpowers(left)


def _merges(a: Tree, b: Tree) -> list[Tree]:
    """Ways to write a + b as one product."""
    found: list[Tree] = []
    ca, na, da = parts(a)
    cb, nb, db = parts(b)
    sign, nb = turned_alike(nb, na)
    cb = cb * sign
    found += _elementwise(ca, na, da, cb, nb, db)
    order = min(a.order, b.order, 1)  # two numbers: the products that they are of, uᵀ r − vᵀ r -> (u − v)ᵀ r
    if not order and (len(na) + len(da) != 1 or len(nb) + len(db) != 1):
        return found
    sa = [x for x in na if not _arrays(x, order)], [x for x in na if _arrays(x, order)]
    sb = [x for x in nb if not _arrays(x, order)], [x for x in nb if _arrays(x, order)]
    if len(sa[1]) == 1 and len(sb[1]) == 1 and not any(x.order for x in (*da, *db)):
        x, y = sa[1][0], sb[1][0]
        forms_a, forms_b = _forms(x), _forms(y)
        for p in forms_a:
            for q in forms_b:
                found += _matrix_factors(mul(ca, sa[0], da), p, mul(cb, sb[0], db), q)
        if x.op == y.op == "einsum":
            found += _same_pattern(mul(ca, sa[0], da), x, mul(cb, sb[0], db), y)
        if x.op == "T" and y.op == "T" and x is not y:
            inner = shortest([mul(ca, [*sa[0], x.args[0]], da), mul(cb, [*sb[0], y.args[0]], db)], [])
            found.append(transpose(inner))
    return found


def _arrays(x: Tree, order: int) -> bool:
    """Whether a factor of a term is made of arrays: has axes, or in a number is a product of them; vᵀ A v stays."""
    return bool(x.order) if order else x.op == "chain" and x.args[0] is not x.args[-1]


def _same_pattern(sa: Tree, a: Tree, sb: Tree, b: Tree) -> list[Tree]:
    """Aᵢₖ Dⱼₗ + Bᵢₖ Dⱼₗ -> (A + B)ᵢₖ Dⱼₗ"""
    inputs, output = a.data.split("->")
    letters = inputs.split(",")
    other_inputs, other_output = b.data.split("->")
    others = dict(zip(other_inputs.split(","), b.args, strict=True))
    if output != other_output or len(others) != len(b.args) or sorted(letters) != sorted(others):
        return []
    differ = [k for k, word in enumerate(letters) if others[word] is not a.args[k]]
    if len(differ) != 1:
        return []
    k = differ[0]
    inner = shortest([mul(ONE, [sa, a.args[k]]), mul(ONE, [sb, others[letters[k]]])], [])
    if inner.op in ("zero", "num") or inner.order != a.args[k].order:
        return []
    return [make("einsum", *a.args[:k], inner, *a.args[k + 1 :], data=a.data, order=a.order)]


def _forms(t: Tree) -> list[Tree]:
    """Other ways to write a product, for the sake of a common factor: (A B)ᵀ = Bᵀ Aᵀ,  (A u)(B v)ᵀ = A u vᵀ Bᵀ."""
    if t.op == "T" and t.args[0].op == "chain":
        return [t, make("chain", *(transpose(x) for x in reversed(t.args[0].args)), order=2)]
    if t.op == "outer":
        opened = opened_outer(t)
        return [t] if opened is None else [t, opened]
    if t.op == "chain" and not t.order:  # uᵀ A v = vᵀ Aᵀ u
        return [t, make("chain", *(transpose(x) for x in reversed(t.args)))]
    return [t]


def _elementwise(
    ca: sympy.Expr, na: list[Tree], da: list[Tree], cb: sympy.Expr, nb: list[Tree], db: list[Tree]
) -> list[Tree]:
    """a∘c + b∘c -> (a + b)∘c, denominators likewise; scalars are taken out too."""
    nums = _shared(na, nb)
    dens = _shared(da, db)
    found = _rows_scaled(ca, na, da, cb, nb, db) + _rows_scaled(cb, nb, db, ca, na, da)
    if not nums and not dens:
        return found
    order = max((t.order for t in (*na, *da)), default=0)
    rest_a, rest_b = (
        mul(ca, _without(na, nums), _without(da, dens)),
        mul(cb, _without(nb, nums), _without(db, dens)),
    )
    if rest_a.order == rest_b.order or max(t.order for t in (*nums, *dens)) == order:
        rest = [rest_a, rest_b]
        inner = total(rest)
        if (flat := multiplied_out(rest, [])) is not None:  # h (2 (h − y) + h) -> h (3 h − 2 y)
            inner = min(inner, total(flat), key=lambda t: (t.order != inner.order, t.cost))
        if any(d.op == "sum" for x in rest for d in parts(x)[2]):
            one = over_one_denominator(rest, [])
            inner = (
                inner
                if one is None
                else min(inner, total(one), key=lambda t: (t.order != inner.order, t.cost))
            )
        if inner.op != "zero":
            found.append(mul(ONE, [*nums, _common(inner, within=True)], dens))
    return found


def _rows_scaled(
    ca: sympy.Expr, na: list[Tree], da: list[Tree], cb: sympy.Expr, nb: list[Tree], db: list[Tree]
) -> list[Tree]:
    """P∘G + diag(v) P -> P∘(G + v 1ᵀ),  P∘G + P diag(v) -> P∘(G + 1 vᵀ)"""
    tensors = [x for x in nb if x.order]
    if len(tensors) != 1 or tensors[0].op != "chain" or tensors[0].order != 2 or any(x.order for x in db):
        return []
    product = tensors[0]
    found = []
    for end, mask in ((0, (True, False)), (-1, (False, True))):
        if product.args[end].op != "diag":
            continue
        body = chain(*(product.args[1:] if end == 0 else product.args[:-1]))
        left = _without(na, [body]) if body in na else []
        if not any(x.order for x in left) or any(x.order for x in da):
            continue
        c, above, below = parts(product.args[end].args[0])
        if any(x.order for x in below) or sum(1 for x in above if x.order) != 1:
            v = make("spread", product.args[end].args[0], data=mask, order=2)
        else:
            v = mul(c, [x if not x.order else make("spread", x, data=mask, order=2) for x in above], below)
        scalars = [x for x in nb if not x.order]
        inner = total([mul(ca, left, da), mul(cb, [*scalars, v], db)])
        found.append(mul(ONE, [body, inner]))
    return found


def _factors(t: Tree) -> tuple[Tree, ...]:
    return t.args if t.op == "chain" else (t,)


def _matrix_factors(sa: Tree, a: Tree, sb: Tree, b: Tree) -> list[Tree]:
    """A B + A C -> A (B + C);  B A + C A -> (B + C) A;  outer products likewise."""
    found: list[Tree] = []
    if a.op == "outer" and b.op == "outer":
        for k in (0, 1):
            if a.args[k] is b.args[k]:
                inner = shortest([mul(ONE, [sa, a.args[1 - k]]), mul(ONE, [sb, b.args[1 - k]])], [])
                pair = (a.args[k], inner) if k == 0 else (inner, a.args[k])
                found.append(outer(*pair))
        return found
    if a.op == "diag" and b.op == "diag":
        inner = shortest([mul(ONE, [sa, a.args[0]]), mul(ONE, [sb, b.args[0]])], [])
        if inner.order:
            return [diagonal_matrix(inner)] if inner.op != "zero" else []
        size = rendering.sizes.get(a.args[0], rendering.sizes.get(b.args[0]))  # diag(t) − diag(t − 1) -> I
        return [] if size is None else [mul(ONE, [inner, make("eye", data=(size,), order=2)])]
    fa, fb = _factors(a), _factors(b)
    left = 0
    while left < min(len(fa), len(fb)) and fa[left] is fb[left]:
        left += 1
    right = 0
    while right < min(len(fa), len(fb)) and fa[-1 - right] is fb[-1 - right]:
        right += 1
    found += _between(sa, fa, sb, fb, left, right) + _between(sb, fb, sa, fa, left, right)
    splits = [(fa[:k], fa[k:], fb[k:], True) for k in range(1, left + 1)]
    splits += [(fa[len(fa) - k :], fa[: len(fa) - k], fb[: len(fb) - k], False) for k in range(1, right + 1)]
    for common, rest_a, rest_b, in_front in splits:
        if not rest_a or not rest_b:
            continue  # one product is the common part itself: an identity would be left
        inner_a, inner_b = (r[0] if len(r) == 1 else chain(*r) for r in (rest_a, rest_b))
        if inner_a.order == inner_b.order:
            inner = shortest([mul(ONE, [sa, inner_a]), mul(ONE, [sb, inner_b])], [])
            if inner.op == "zero":
                continue
            found.append(chain(*common, inner) if in_front else chain(inner, *common))
    return found


def _between(
    sa: Tree, fa: tuple[Tree, ...], sb: Tree, fb: tuple[Tree, ...], left: int, right: int
) -> list[Tree]:
    """A B + A diag(u) B -> A diag(1 + u) B,  A B + A u vᵀ B -> A (I + u vᵀ) B

    where so many factors are alike on the left and on the right.
    """
    before = min(left, len(fa))
    after = len(fa) - before
    if len(fb) != len(fa) + 1 or after > right:
        return []
    middle = fb[before]
    if middle.op == "diag":
        inner = total([sa, mul(ONE, [sb, middle.args[0]])])
        return [chain(*fa[:before], diagonal_matrix(inner), *fa[before:])] if inner.order else []
    size = rendering.sizes.get(middle.args[0]) if middle.op == "outer" else None
    if size is None or rendering.sizes.get(middle.args[1]) != size:
        return []
    inner = total([mul(ONE, [sa, make("eye", data=(size,), order=2)]), mul(ONE, [sb, middle])])
    return [chain(*fa[:before], inner, *fa[before:])]
