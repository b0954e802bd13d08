"""Makers of display trees that keep them in normal form: transposes inwards, signs absorbed, like terms collected."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sympy

from ..sizes import ONE, is_negative, tidy
from .means import with_means
from .numerals import number_cost
from .term_order import by_number, is_late, matrices_first, minus_identity
from .tree import Tree, call, make, num, parts, rendering


def transpose(a: Tree) -> Tree:
    """Aᵀ, moved inwards where that is no longer."""
    if a.order < 2 or a.op in ("eye",):
        return a
    if a.op == "T":
        return a.args[0]
    if a.op == "diag" or a in rendering.symmetric:
        return a
    if a.op == "outer":
        return make("outer", a.args[1], a.args[0], order=2)
    if a.op in ("ones", "zeros"):
        return make(a.op, data=a.data[::-1], order=2)
    if a.op == "index" and a.data in ("None, :", ":, None"):
        turned = "None, :" if a.data == ":, None" else ":, None"
        return make("index", a.args[0], data=turned, order=2)
    if a.op == "spread" and a.args[0].order == 1:
        return make("spread", a.args[0], data=a.data[::-1], order=2)
    known = rendering.transposes.get(a)
    if known is None:
        known = rendering.transposes[a] = _transposed(a)
    return known


def _transposed(a: Tree) -> Tree:
    outside = make("T", a, order=2)
    if a.op == "chain":
        inside = make("chain", *(transpose(x) for x in reversed(a.args)), order=2)
    elif a.op == "sum":
        inside = total([transpose(x) for x in a.args])
        return (
            inside if inside.cost + 2 < outside.cost + _rows(a) else outside
        )  # a sum is nearly always wrapped
    elif a.op == "mul":
        coefficient, nums, dens = parts(a)
        inside = mul(coefficient, [transpose(x) for x in nums], [transpose(x) for x in dens])
        if coefficient != 1 and inside.cost >= outside.cost:  # keep numbers in front: −(…)ᵀ
            body = mul(sympy.S.One, nums, dens)
            return mul(coefficient, [transpose(body)])
    elif a.op == "pow":
        inside = make("pow", transpose(a.args[0]), transpose(a.args[1]), order=2)
    else:
        return outside
    turned = sum((x.args[0] if x.op == "pow" else x).op == "T" for x in inside.args)
    wrapped = 2 if a.op == "mul" and turned > 1 else 0  # (A ∘ B)ᵀ C
    return inside if inside.cost + wrapped <= outside.cost + _rows(a) else outside


def _rows(t: Tree) -> int:
    """What Aᵀ B − 1 rᵀ may be longer than its transpose: [:, None] is no more to read than a transpose."""
    if t.op == "mul":
        return max(map(_rows, t.args), default=0)
    return 7 if t.op == "sum" and any(x.op == "spread" for a in t.args for x in parts(a)[1]) else 0


def mul(coefficient: sympy.Expr, nums: Sequence[Tree], dens: Sequence[Tree] = ()) -> Tree:
    """An elementwise product: nested ones opened, scalars first, signs absorbed where that is shorter."""
    if coefficient is ONE and len(nums) == 1 and not dens and nums[0].op != "mul":
        return nums[0]
    return rendering.once(_mul, coefficient, tuple(nums), tuple(dens))


def _mul(coefficient: sympy.Expr, nums: tuple[Tree, ...], dens: tuple[Tree, ...]) -> Tree:
    above: list[Tree] = []
    below: list[Tree] = []
    for source, into, other, sign in ((nums, above, below, 1), (dens, below, above, -1)):
        for t in source:
            c, a, b = parts(t)
            if c is not ONE:  # arithmetic on SymPy's numbers is what takes time here
                coefficient = coefficient * c if sign == 1 else coefficient / c
            into += a
            other += b
    order = max((t.order for t in (*above, *below)), default=0)
    if coefficient.free_symbols:
        coefficient, above = with_means(coefficient, above)
    if coefficient == 0 or any(t.op == "zero" for t in above):
        return make("zero", order=order) if order else num(sympy.S.Zero)
    if below:
        above, below = _cancelled(above, below, order)
    below = _clear_fractions(_gathered(below))
    above, below = _clear_in_products(_gathered(above), below)
    if below:
        above, below = _quotients_of_roots(above, below)
    above.sort(key=lambda t: (t.order > 0, t.op != "var"))  # y ∘ f(x), not f(x) ∘ y
    below.sort(key=lambda t: t.order > 0)
    if order and any(t.op == "ones" for t in above) and sum(bool(t.order) for t in (*above, *below)) > 1:
        above = [t for t in above if t.op != "ones"]
    if is_negative(coefficient):
        coefficient, above, below = _absorb_sign(coefficient, above, below)
    if coefficient == 1 and len(above) == 1 and not below:
        return above[0]
    if not above and not below:
        return num(coefficient)
    return make("mul", *above, *below, data=(coefficient, len(above)), order=order)


def _cancelled(above: list[Tree], below: list[Tree], order: int) -> tuple[list[Tree], list[Tree]]:
    """x / x -> 1,  x² / x -> x,  x / x² -> 1/x, where what is left carries the shape"""
    for t in list(below):
        others = max((o.order for o in (*above, *below) if o is not t), default=0)
        if t in above and others == order:
            above.remove(t)
            below.remove(t)
    up, down = powers(above), powers(below)
    both = [b for b in down if b in up and (b.order < order or not order)]
    for base in both:
        k = min(up[base], down[base])
        up[base], down[base] = up[base] - k, down[base] - k
    return (unpowers(up), unpowers(down)) if both else (above, below)


def _quotients_of_roots(above: list[Tree], below: list[Tree]) -> tuple[list[Tree], list[Tree]]:
    """√a / √b -> √(a/b)"""
    for a in above:
        for b in below:
            if a.op == b.op == "call" and a.data == b.data == ("sqrt", ()) and a.order == b.order:
                root = call("sqrt", mul(ONE, [a.args[0]], [b.args[0]]), order=a.order)
                return [root if t is a else t for t in above], [t for t in below if t is not b]
    return above, below


def _gathered(items: list[Tree]) -> list[Tree]:
    """x · x -> x²,  x √x -> x^(3/2)"""
    found = powers(items)
    return items if len(found) == len(items) else unpowers(found)


def powers(items: list[Tree]) -> dict[Tree, sympy.Rational]:
    """Factors with their exponents, roots included."""
    found: dict[Tree, sympy.Rational] = {}
    for t in items:
        base, k = t, sympy.S.One
        if t.op == "pow" and t.args[1].op == "num" and t.args[1].data.is_Rational and t.args[1].data > 0:
            base, k = t.args[0], t.args[1].data
        elif t.op == "call" and t.data[0] == "sqrt":
            base, k = t.args[0], sympy.S.Half
        found[base] = found.get(base, 0) + k
    return found


def unpowers(exponents: dict[Tree, sympy.Rational]) -> list[Tree]:
    """The factors again."""
    return [_power(t, k) for t, k in exponents.items() if k > 0]


def _power(base: Tree, exponent: sympy.Rational) -> Tree:
    if exponent == 1:
        return base
    if exponent == sympy.S.Half:
        return call("sqrt", base, order=base.order)
    if exponent == 2 and base.op == "call" and base.data[0] == "norm":
        return squared_norm(base.args[0])
    return make("pow", base, num(exponent), order=base.order)


def inverse(a: Tree) -> Tree:
    """A⁻¹; −(I − B)⁻¹ for (B − I)⁻¹, the transpose outside."""
    if a.op == "T":
        return transpose(inverse(a.args[0]))
    if a.op == "sum" and (any(map(minus_identity, a.args)) or all(is_negative(parts(t)[0]) for t in a.args)):
        flipped = flip(a)
        if flipped is not None and not any(map(minus_identity, flipped.args)):
            if a in rendering.symmetric:
                rendering.symmetric.add(flipped)
            return mul(-sympy.S.One, [call("inv", flipped, order=2)])
    return call("inv", a, order=2)


def squared_norm(v: Tree) -> Tree:
    """The sum of the squares of the entries: x @ x for a named vector."""
    v = even(v)
    return make("chain", v, v) if v.op == "var" and v.order == 1 else call("sumsq", v)


def squared_norm_of(t: Tree) -> Tree | None:
    """v when the tree is v @ v or sumsq(v)."""
    if t.op == "chain" and len(t.args) == 2 and t.args[0] is t.args[1] and t.args[0].order == 1:
        return t.args[0]
    if t.op == "call" and t.data[0] == "sumsq":
        return t.args[0]
    return None


def outer(u: Tree, v: Tree) -> Tree:
    """u vᵀ; (A u)(B v)ᵀ as A u vᵀ Bᵀ where that is shorter, ones as the matrix of ones, numbers in front."""
    (c, *left), (k, *right) = parts(u), parts(v)
    if c * k != 1 and c != -1 and k != -1:
        return mul(c * k, [outer(mul(ONE, *left), mul(ONE, *right))])
    if u.op == "ones" and v.op == "ones":
        return make("ones", data=(*u.data, *v.data), order=2)
    plain = make("outer", u, v, order=2)
    opened = opened_outer(plain)
    return opened if opened is not None and opened.cost < plain.cost else plain


def opened_outer(t: Tree) -> Tree | None:
    """(A u)(B v)ᵀ as A u vᵀ Bᵀ."""
    u, v = t.args
    left = u.args[:-1] if u.op == "chain" and u.args[0].order == 2 and u.args[-1].order == 1 else ()
    right = v.args[:-1] if v.op == "chain" and v.args[0].order == 2 and v.args[-1].order == 1 else ()
    if not left and not right:
        return None
    first, last = u.args[-1] if left else u, v.args[-1] if right else v
    if first is last:
        first = last = even(first)
    core = make("outer", first, last, order=2)
    return make("chain", *left, core, *(transpose(x) for x in reversed(right)), order=2)


def even(t: Tree) -> Tree:
    """t or −t, for places that do not tell them apart: as it stands elsewhere, a Greek name behind."""
    if t.op != "sum" or t in rendering.kept:
        return t
    flipped = flip(t)
    if flipped is None or flipped.cost > t.cost:
        return t
    if flipped in rendering.kept:
        return flipped
    first, last = t.args[0], flipped.args[0]
    greek = first.op == "var" and len(first.data) > 1 and last.op == "var" and len(last.data) == 1
    return flipped if greek and len(t.args) == 2 else t


def _clear_fractions(below: list[Tree]) -> list[Tree]:
    """ν (1 + t/ν) -> ν + t, among denominators"""
    for s in below:
        for k, q in enumerate(below):
            if q.op == "sum" and q.order >= s.order and any(s in parts(a)[2] for a in q.args):
                cleared = total([mul(parts(a)[0], [*parts(a)[1], s], parts(a)[2]) for a in q.args])
                if cleared.cost <= q.cost and cleared.order == q.order:
                    rest = [*below[:k], cleared, *below[k + 1 :]]
                    rest.remove(s)
                    return rest
    return below


def _clear_in_products(above: list[Tree], below: list[Tree]) -> tuple[list[Tree], list[Tree]]:
    """The same where the denominator stands inside a matrix product."""
    for s in [t for t in below if not t.order]:
        for k, product in enumerate(above):
            summed = product.op == "chain" or (product.op == "call" and product.data[0] in ("sum", "mean"))
            for j, f in enumerate(product.args if summed else ()):
                c, nums, dens = parts(f)
                cleared = _clear_fractions([*dens, s])
                if dens and len(cleared) == len(dens):
                    args = [*product.args[:j], mul(c, nums, cleared), *product.args[j + 1 :]]
                    rest = list(below)
                    rest.remove(s)
                    new = make(product.op, *args, data=product.data, order=product.order)
                    return _clear_in_products([*above[:k], new, *above[k + 1 :]], rest)
    return above, below


def _absorb_sign(
    coefficient: sympy.Expr, above: list[Tree], below: list[Tree]
) -> tuple[sympy.Expr, list[Tree], list[Tree]]:
    """−(a − b) -> (b − a), also inside a matrix product, where it saves the minus."""
    if (flipped := _one_flipped(above)) is not None:
        return -coefficient, flipped, below
    if (flipped := _one_flipped(below)) is not None:
        return -coefficient, above, flipped
    return coefficient, above, below


def _one_flipped(trees: Sequence[Tree]) -> list[Tree] | None:
    """The trees with the sign of the first turned for which that is no longer; None where it would be of each."""
    for k in by_number(trees):
        flipped = flip(trees[k])
        if flipped is not None and flipped.cost <= trees[k].cost:
            return [*trees[:k], flipped, *trees[k + 1 :]]
    return None


def flip(t: Tree) -> Tree | None:
    """−t written without a minus in front, or None."""
    if t in rendering.kept:
        return None
    if t.op == "sum":
        terms = [
            mul(-parts(a)[0], *_both(a))
            if is_negative(parts(a)[0])
            else flip(a) or mul(-parts(a)[0], *_both(a))
            for a in t.args
        ]
        return total(terms) if any(not is_negative(parts(a)[0]) for a in terms) else None
    if t.op == "chain":
        for k in by_number(t.args):
            f = t.args[k]
            if f.order == 1 and len(t.args) > 1 and t.args[-1 - k] is f:
                continue  # vᵀ A v stays as it is
            if f.order == 2 and any(transpose(x) is f for j, x in enumerate(t.args) if j != k):
                continue  # and so does Aᵀ A
            flipped = flip(f)
            if flipped is not None and flipped.cost <= f.cost:
                return make("chain", *t.args[:k], flipped, *t.args[k + 1 :], order=t.order)
    if t.op == "mul":
        c, nums, dens = parts(t)
        if (turned := _one_flipped(nums)) is not None:
            return mul(c, turned, dens)
        if (turned := _one_flipped(dens)) is not None:
            return mul(c, nums, turned)
    if t.op in ("T", "diag", "diagonal"):
        inner = flip(t.args[0])
        return make(t.op, inner, order=t.order) if inner is not None else None
    if t.op == "outer" and t.args[0] is not t.args[1]:
        turned = _one_flipped(t.args)
        if turned is not None:
            return outer(*turned)
    if t.op == "call" and t.data[0] in ("sum", "mean", "tr"):
        inner = flip(t.args[0])
        return make("call", inner, data=t.data, order=t.order) if inner is not None else None
    return None


def _both(t: Tree) -> tuple[list[Tree], list[Tree]]:
    return parts(t)[1:]


def _scalar(c: sympy.Expr, above: list[Tree], below: list[Tree]) -> sympy.Expr:
    """A coefficient in its short form; one that stands alone is opened: ν − n − 1, not ν − (n + 1)."""
    c = tidy(c)
    if above or below or not c.has(sympy.Add):
        return c
    return min(c, sympy.expand(c, log=False), key=number_cost)


def total(terms: Sequence[Tree]) -> Tree:
    """A sum: nested sums opened, like terms collected, a positive term first."""
    return rendering.once(_total, *terms)


def _total(*terms: Tree) -> Tree:
    found: dict[Any, list[Any]] = {}
    stack = list(reversed(terms))
    while stack:
        t = stack.pop()
        if t.op == "sum":
            stack += reversed(t.args)
            continue
        if t.op == "zero":
            continue
        c, nums, dens = parts(t)
        if len(nums) == 1 and nums[0].op == "sum" and not dens and (c == 1 or (len(terms) > 1 and c == -1)):
            stack += [mul(c * parts(a)[0], *_both(a)) for a in reversed(nums[0].args)]
            continue
        key = (tuple(sorted(map(id, nums))), tuple(sorted(map(id, dens))))
        if key in found:
            found[key][0] = found[key][0] + c
        else:
            found[key] = [c, nums, dens]
    kept = [mul(_scalar(c, a, b), a, b) for c, a, b in found.values() if c != 0]
    order = max((t.order for t in terms), default=0)
    if not kept:
        return make("zero", order=order)
    if len(kept) == 1:
        return kept[0]
    if order == 2:
        kept = matrices_first(kept)
    if rendering.late:
        kept.sort(key=is_late)
    early = [k for k, t in enumerate(kept) if not rendering.late or not is_late(t)] or range(len(kept))
    positive = [k for k in early if not is_negative(parts(kept[k])[0])]
    numbers = [k for k in positive if kept[k].op == "num" and kept[k].data.is_number]
    first = (numbers or positive or [0])[0]
    kept.insert(0, kept.pop(first))
    for k in range(len(kept)):  # A + Aᵀ, not Aᵀ + A
        for j in range(k + 1, len(kept)):
            if kept[k].op == "T" and kept[k].args[0] is kept[j]:
                kept[k], kept[j] = kept[j], kept[k]
    return make("sum", *kept, order=order)
