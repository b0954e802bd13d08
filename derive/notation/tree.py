"""Display trees: what a person would write, before it is spelled as text or LaTeX.

A tree has one of a few kinds (`op`):

    var name | num value | ones, eye, zeros sizes | T a | chain a b …  (matrix products)
    mul coefficient · numerators / denominators (elementwise, scalars included)
    sum a b … | pow base exponent | call name args | diag v | diagonal A | outer u v
    spread a (repeated along the axes that its mask leaves out, within a sum) | index a key (a slice) | einsum spec args

`order` is the number of axes. `cost` counts the tokens of the text form; all choices between equal forms
are made by it, so that the printed result is the short one.
"""

from __future__ import annotations

from typing import Any, final

import sympy

from ..sizes import tidy

SUM, PRODUCT, NEGATIVE, POWER, ATOM = 1, 2, 2, 3, 4


@final
class Tree:
    """One display tree; build with `make`, compare with `is`."""

    __slots__ = ("args", "cost", "data", "level", "op", "order")

    def __init__(self, op: str, args: tuple[Tree, ...], data: Any, order: int) -> None:
        self.op, self.args, self.data, self.order = op, args, data, order
        self.level = _level(self)
        self.cost = _cost(self)

    def __repr__(self) -> str:
        from .text import write

        return f"<{write(self)}>"


_made: dict[Any, Tree] = {}


def make(op: str, *args: Tree, data: Any = None, order: int = 0) -> Tree:
    """The tree of that kind; equal trees are one object."""
    key = (op, args, data, order)
    found = _made.get(key)
    if found is None:
        if len(_made) > 200_000:
            _made.clear()
        found = _made[key] = Tree(op, args, data, order)
    return found


def var(name: str, order: int) -> Tree:
    """A name."""
    return make("var", data=name, order=order)


def num(value: sympy.Expr) -> Tree:
    """A scalar number or size expression."""
    return make("num", data=sympy.sympify(value))


def call(name: str, *args: Tree, data: Any = (), order: int = 0) -> Tree:
    """A function call; `data` holds its keyword settings as pairs."""
    return make("call", *args, data=(name, tuple(data)), order=order)


# ---------------------------------------------------------------- normalising makers


def transpose(a: Tree) -> Tree:
    """Aᵀ, moved inwards where that is no longer."""
    if a.order < 2 or a.op in ("eye",):
        return a
    if a.op == "T":
        return a.args[0]
    if a.op == "diag" or a in symmetric:
        return a
    if a.op == "outer":
        return make("outer", a.args[1], a.args[0], order=2)
    outside = make("T", a, order=2)
    if a.op == "chain":
        inside = make("chain", *(transpose(x) for x in reversed(a.args)), order=2)
    elif a.op == "sum":
        inside = total([transpose(x) for x in a.args])
        return inside if inside.cost + 2 < outside.cost else outside  # a sum is nearly always wrapped
    elif a.op == "mul":
        coefficient, nums, dens = parts(a)
        inside = mul(coefficient, [transpose(x) for x in nums], [transpose(x) for x in dens])
        if coefficient != 1 and inside.cost >= outside.cost:  # keep numbers in front: −(…)ᵀ
            body = mul(sympy.S.One, nums, dens)
            return mul(coefficient, [transpose(body)])
    elif a.op == "pow":
        inside = make("pow", transpose(a.args[0]), a.args[1], order=2)
    else:
        return outside
    return inside if inside.cost <= outside.cost else outside


#: Trees that are known to be symmetric; filled for the time of one rendering from the facts on the nodes.
symmetric: set[Tree] = set()
#: The number of terms of each `sum(…)`, for the same time: a sum over its number of terms is a mean.
lengths: dict[Tree, sympy.Expr] = {}


def chain(*factors: Tree) -> Tree:
    """A matrix product; inner products flattened, identities dropped, scalars and numbers in front."""
    flat: list[Tree] = []
    coefficient: sympy.Expr = sympy.S.One
    scalars: list[Tree] = []
    below: list[Tree] = []
    for f in factors:
        c, nums, dens = parts(f)
        inner = [x for x in nums if x.order]
        if f.op == "mul" and not any(x.order for x in dens) and len(inner) == 1:
            coefficient = coefficient * c
            scalars += [x for x in nums if not x.order]
            below += dens
            f = inner[0]
        flat += list(f.args) if f.op == "chain" else [f]
    order = (flat[0].order - 1) + (flat[-1].order - 1)
    if len(flat) > 1:
        kept = [f for f in flat if f.op != "eye"]
        flat = kept or flat[:1]
    body = flat[0] if len(flat) == 1 else make("chain", *_merge_diagonals(flat), order=order)
    if body.op == "chain" and len(body.args) == 1:
        body = body.args[0]
    if body.op == "chain" and order == 2:
        outside = make("chain", *(transpose(x) for x in reversed(body.args)), order=2)
        if make("T", outside, order=2).cost < body.cost:
            body = make("T", outside, order=2)
    return mul(coefficient, [*scalars, body], below)


def _merge_diagonals(flat: list[Tree]) -> list[Tree]:
    """diag(u) diag(v) -> diag(u∘v);  diag(u) v -> u∘v at an end of the product"""
    out: list[Tree] = []
    for f in flat:
        if out and out[-1].op == "diag" and f.op == "diag":
            out[-1] = make("diag", mul(sympy.S.One, [out[-1].args[0], f.args[0]]), order=2)
        elif out and out[-1].op == "diag" and f.order == 1:
            out[-1] = mul(sympy.S.One, [out[-1].args[0], f])
        elif out and out[-1].order == 1 and f.op == "diag" and len(out) == 1:
            out[-1] = mul(sympy.S.One, [out[-1], f.args[0]])
        else:
            out.append(f)
    return out


def parts(t: Tree) -> tuple[sympy.Expr, list[Tree], list[Tree]]:
    """(coefficient, numerators, denominators) of any tree."""
    if t.op == "mul":
        coefficient, split = t.data
        return coefficient, list(t.args[:split]), list(t.args[split:])
    if t.op == "num":
        return t.data, [], []
    return sympy.S.One, [t], []


def mul(coefficient: sympy.Expr, nums: list[Tree], dens: list[Tree] | None = None) -> Tree:
    """An elementwise product: nested ones opened, scalars first, signs absorbed where that is shorter."""
    above: list[Tree] = []
    below: list[Tree] = []
    for source, into, other, sign in ((nums, above, below, 1), (dens or [], below, above, -1)):
        for t in source:
            c, a, b = parts(t)
            coefficient = coefficient * c**sign
            into += a
            other += b
    if coefficient == 0:
        return num(coefficient)
    for t in list(below):
        if t in above:
            above.remove(t)
            below.remove(t)
    below = _clear_fractions(below)
    above, below = _clear_in_products(above, below)
    order = max((t.order for t in (*above, *below)), default=0)
    above.sort(key=lambda t: (t.order > 0, t.op != "var"))  # y ∘ f(x), not f(x) ∘ y
    below.sort(key=lambda t: t.order > 0)
    if order and any(t.op == "ones" for t in above) and sum(bool(t.order) for t in (*above, *below)) > 1:
        above = [t for t in above if t.op != "ones"]
    if _negative(coefficient):
        coefficient, above, below = _absorb_sign(coefficient, above, below)
    if coefficient == 1 and len(above) == 1 and not below:
        return above[0]
    if not above and not below:
        return num(coefficient)
    return make("mul", *above, *below, data=(coefficient, len(above)), order=order)


def _clear_fractions(below: list[Tree]) -> list[Tree]:
    """ν (1 + t/ν) -> ν + t, among denominators"""
    for s in [t for t in below if not t.order]:
        for k, q in enumerate(below):
            if q.op == "sum" and any(s in parts(a)[2] for a in q.args):
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
            for j, f in enumerate(product.args if product.op == "chain" else ()):
                c, nums, dens = parts(f)
                cleared = _clear_fractions([*dens, s])
                if dens and len(cleared) == len(dens):
                    args = [*product.args[:j], mul(c, nums, cleared), *product.args[j + 1 :]]
                    rest = list(below)
                    rest.remove(s)
                    return [*above[:k], make("chain", *args, order=product.order), *above[k + 1 :]], rest
    return above, below


def _absorb_sign(
    coefficient: sympy.Expr, above: list[Tree], below: list[Tree]
) -> tuple[sympy.Expr, list[Tree], list[Tree]]:
    """−(a − b) -> (b − a), also inside a matrix product, where it saves the minus."""
    for k, t in enumerate(above):
        flipped = _flip(t)
        if flipped is not None and flipped.cost <= t.cost:
            return -coefficient, [*above[:k], flipped, *above[k + 1 :]], below
    for k, t in enumerate(below):
        flipped = _flip(t)
        if flipped is not None and flipped.cost <= t.cost:
            return -coefficient, above, [*below[:k], flipped, *below[k + 1 :]]
    return coefficient, above, below


def _flip(t: Tree) -> Tree | None:
    """−t written without a minus in front, or None."""
    if t.op == "sum":
        terms = [
            mul(-parts(a)[0], *_both(a))
            if _negative(parts(a)[0])
            else _flip(a) or mul(-parts(a)[0], *_both(a))
            for a in t.args
        ]
        return total(terms) if any(not _negative(parts(a)[0]) for a in terms) else None
    if t.op == "chain":
        for k, f in enumerate(t.args):
            flipped = _flip(f)
            if flipped is not None and flipped.cost <= f.cost:
                return make("chain", *t.args[:k], flipped, *t.args[k + 1 :], order=t.order)
    if t.op == "mul":
        c, nums, dens = parts(t)
        for k, f in enumerate(nums):
            flipped = _flip(f)
            if flipped is not None and flipped.cost <= f.cost:
                return mul(c, [*nums[:k], flipped, *nums[k + 1 :]], dens)
        for k, f in enumerate(dens):
            flipped = _flip(f)
            if flipped is not None and flipped.cost <= f.cost:
                return mul(c, nums, [*dens[:k], flipped, *dens[k + 1 :]])
    if t.op in ("T", "diag", "diagonal"):
        inner = _flip(t.args[0])
        return make(t.op, inner, order=t.order) if inner is not None else None
    if t.op == "call" and t.data[0] in ("sum", "mean", "tr"):
        inner = _flip(t.args[0])
        return make("call", inner, data=t.data, order=t.order) if inner is not None else None
    return None


def _both(t: Tree) -> tuple[list[Tree], list[Tree]]:
    _, nums, dens = parts(t)
    return nums, dens


def _negative(coefficient: sympy.Expr) -> bool:
    if coefficient.is_number:
        return bool(coefficient < 0)
    return bool(coefficient.could_extract_minus_sign())


def total(terms: list[Tree]) -> Tree:
    """A sum: nested sums opened, like terms collected, a positive term first."""
    found: dict[Any, list[Any]] = {}
    stack = list(reversed(terms))
    while stack:
        t = stack.pop()
        if t.op == "sum":
            stack += reversed(t.args)
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
    kept = [mul(tidy(c), a, b) for c, a, b in found.values() if c != 0]
    order = max((t.order for t in terms), default=0)
    if not kept:
        return make("zero", order=order)
    if len(kept) == 1:
        return kept[0]
    first = next(
        (k for k, t in enumerate(kept) if t.op == "num" and t.data.is_number and t.data > 0),
        next((k for k, t in enumerate(kept) if not _negative(parts(t)[0])), 0),
    )
    kept.insert(0, kept.pop(first))
    for k in range(len(kept)):  # A + Aᵀ, not Aᵀ + A
        for j in range(k + 1, len(kept)):
            if kept[k].op == "T" and kept[k].args[0] is kept[j]:
                kept[k], kept[j] = kept[j], kept[k]
    return make("sum", *kept, order=order)


# ---------------------------------------------------------------- levels and lengths


def spread_key(mask: tuple[bool, ...]) -> str:
    """What stands in brackets behind an array that broadcasts to the axes of the mask; "" where nothing must."""
    words = [":" if keep else "None" for keep in mask]
    while words and words[0] == "None":
        words.pop(0)  # leading axes are added by themselves
    return ", ".join(words) if "None" in words else ""


def stands_bare(a: Tree, nums: tuple[Tree, ...]) -> bool:
    """Whether a factor of an elementwise product needs no parentheses."""
    tensors = sum(1 for b in nums if b.order)
    alone = a.op == "chain" and ((a.order > 0 and tensors == 1) or len(nums) == 1)
    return a.level >= POWER or alone


def _level(t: Tree) -> int:
    if t.op == "sum":
        return SUM
    if t.op == "mul":
        return PRODUCT
    if t.op == "chain":
        return PRODUCT
    if t.op == "num":
        v = t.data
        if (v.is_Integer and v >= 0) or v.is_Symbol or isinstance(v, sympy.Function) or v in (sympy.pi,):
            return ATOM
        if v.is_Pow and v.exp == sympy.S.Half:
            return ATOM
        if v.is_Add:
            return SUM
        return POWER if v.is_Pow and not v.exp.is_negative else PRODUCT
    if t.op == "pow":
        return POWER
    if t.op == "spread" and t.data == (False,) * (len(t.data) - t.args[0].order) + (True,) * t.args[0].order:
        return t.args[0].level
    return ATOM


def _wrapped(t: Tree, level: int) -> int:
    return t.cost + (2 if t.level < level else 0)


def number_cost(value: sympy.Expr) -> int:
    """Tokens of a coefficient written out."""
    if value.is_Integer or value.is_Symbol:
        return 1 + int(bool(value.is_number and value < 0))
    if value.is_Rational:
        return 3 + int(bool(value < 0))
    if value.is_Pow and value.exp == sympy.S.Half:
        return 3 + number_cost(value.base)
    if value.is_Atom:
        return 1
    inner = sum(number_cost(a) for a in value.args)
    return int(inner + len(value.args) - 1 + (2 if isinstance(value, sympy.Function) else 0))


def _cost(t: Tree) -> int:
    args = t.args
    if t.op == "var":
        return 1
    if t.op == "num":
        return number_cost(t.data)
    if t.op in ("ones", "eye", "zeros"):
        return 3 + 2 * len(t.data) - 1
    if t.op == "zero":
        return 1
    if t.op == "T":
        return _wrapped(args[0], ATOM) + 1
    if t.op == "chain":
        return sum(_wrapped(a, POWER) for a in args) + len(args) - 1
    if t.op == "sum":
        cost = args[0].cost
        for a in args[1:]:
            cost += 1 + a.cost - (1 if _negative(parts(a)[0]) else 0)
        return cost
    if t.op == "mul":
        coefficient, split = t.data
        nums, dens = args[:split], args[split:]
        p, q = sympy.fraction(coefficient)
        cost = 1 if _negative(p) else 0
        p = -p if cost else p
        items = [number_cost(p) + (2 if p.is_Add else 0)] if p != 1 or not nums else []
        items += [a.cost + (0 if stands_bare(a, nums) else 2) for a in nums]
        cost += sum(items) + len(items) - 1
        under = [number_cost(q)] if q != 1 else []
        under += [_wrapped(a, POWER) for a in dens]
        if under:
            cost += 1 + sum(under) + len(under) - 1 + (2 if len(under) > 1 or q.is_Add or q.is_Mul else 0)
        return cost
    if t.op == "pow":
        return _wrapped(args[0], ATOM) + 1 + _wrapped(args[1], POWER)
    if t.op in ("outer",):
        return 3 + args[0].cost + 1 + args[1].cost
    if t.op in ("diag", "diagonal"):
        return 3 + args[0].cost
    if t.op == "spread":
        key = spread_key(t.data)
        return args[0].cost if not key else _wrapped(args[0], ATOM) + 2 + len(key.split(",")) * 2 - 1
    if t.op == "call":
        _, settings = t.data
        return 3 + sum(a.cost for a in args) + max(0, len(args) - 1) + 4 * len(settings)
    if t.op == "index":
        return _wrapped(args[0], ATOM) + 2 + len(t.data.replace(",", " , ").replace(":", " : ").split())
    if t.op == "einsum":
        return 5 + sum(a.cost for a in args) + len(args)
    return 2 + sum(a.cost for a in args)
