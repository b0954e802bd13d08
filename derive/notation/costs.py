"""How tightly a display tree binds, and how many tokens its text takes.

`cost` is exact: it equals the number of tokens that `text.write` gives.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import sympy

from ..sizes import is_negative
from .numerals import count, divisor, factored, factors, in_product, is_atomic, number_cost, number_text

if TYPE_CHECKING:
    from .tree import Tree

SUM, PRODUCT, POWER, ATOM = 1, 2, 3, 4


def spread_key(mask: tuple[bool, ...]) -> str:
    """What stands in brackets behind an array that broadcasts to the axes of the mask; "" where nothing must."""
    words = [":" if keep else "None" for keep in mask]
    while words and words[0] == "None":
        words.pop(0)  # leading axes are added by themselves
    return ", ".join(words) if "None" in words else ""


def summed_axes(t: Tree) -> tuple[int, ...] | None:
    """The axes along which a product of labelled axes sums its one array, in their order; None for other products."""
    letters, output = t.data.split("->")
    if (
        len(t.args) != 1
        or len(set(letters)) != len(letters)
        or [i for i in letters if i in output] != list(output)
    ):
        return None
    return tuple(k for k, i in enumerate(letters) if i not in output)


def same_axes(t: Tree) -> bool:
    """Whether all factors of a product of labelled axes have the axes of the result: it is the one entry by entry."""
    letters, output = t.data.split("->")
    return len(t.args) > 1 and set(letters.split(",")) == {output}


def sum_setting(t: Tree, axes: tuple[int, ...]) -> str:
    """What stands behind the array in a sum over axes."""
    return f", axis={axes[0] if len(axes) == 1 else axes}" if t.order else ""


def stands_bare(a: Tree, nums: tuple[Tree, ...]) -> bool:
    """Whether a factor of an elementwise product needs no parentheses."""
    tensors = sum(1 for b in nums if b.order)
    alone = a.op == "chain" and ((a.order > 0 and tensors == 1) or len(nums) == 1)
    return a.level >= POWER or alone


def level_of(t: Tree) -> int:
    """How tightly the text of a tree binds."""
    if t.op in ("sum", "compare"):
        return SUM
    if t.op in ("mul", "chain"):
        return PRODUCT
    if t.op == "num":
        v = factored(t.data)
        if is_atomic(v):
            return ATOM
        if v.is_Add:
            return SUM
        return POWER if v.is_Pow and not is_negative(v.exp) else PRODUCT
    if t.op == "pow":
        return POWER
    if t.op == "spread" and not spread_key(t.data):
        return t.args[0].level
    if t.op == "einsum" and same_axes(t):
        return PRODUCT
    if t.op == "einsum" and summed_axes(t) == ():
        return t.args[0].level
    return ATOM


@lru_cache(maxsize=4096)
def quotient(coefficient: sympy.Expr) -> tuple[bool, sympy.Expr, sympy.Expr]:
    """(whether there is a minus, numerator, denominator) of a coefficient."""
    p, q = sympy.fraction(factored(coefficient))
    return (True, -p, q) if is_negative(p) else (False, p, q)


def below(q: sympy.Expr) -> list[str]:
    """The factors of the denominator of a coefficient, each as it stands in a product."""
    return [divisor(f) for f in factors(q)] if q != 1 else []


def setting(key: str, value: object) -> str:
    """A keyword setting of a call; without a key it stands as it is."""
    words = number_text(value) if isinstance(value, sympy.Expr) else str(value)
    return f"{key}={words}" if key else words


def _wrapped(t: Tree, level: int) -> int:
    return t.cost + (2 if t.level < level else 0)


def cost_of(t: Tree) -> int:
    """The number of tokens of the text of a tree, from those of its parts."""
    args = t.args
    match t.op:
        case "var" | "zero" | "entry":
            return 1
        case "num":
            return number_cost(t.data)
        case "ones" | "zeros" | "eye":
            return 2 + sum(number_cost(s) + 1 for s in t.data)
        case "T":
            return _wrapped(args[0], ATOM) + 1
        case "chain":
            return sum(_wrapped(a, POWER) for a in args) + len(args) - 1
        case "sum":
            return args[0].cost + sum(a.cost + (0 if starts_negative(a) else 1) for a in args[1:])
        case "mul":
            return _product(t)
        case "pow":
            return _wrapped(args[0], ATOM) + 1 + _wrapped(args[1], POWER)
        case "outer":
            return 4 + args[0].cost + args[1].cost
        case "diag" | "diagonal":
            return 3 + args[0].cost
        case "spread":
            key = spread_key(t.data)
            return _wrapped(args[0], ATOM) + 2 + count(key) if key else args[0].cost
        case "call":
            name, settings = t.data
            words = [a.cost for a in args] + [count(setting(k, v)) for k, v in settings]
            return 2 + count(name) + sum(words) + max(0, len(words) - 1)
        case "index":
            return _wrapped(args[0], ATOM) + 2 + count(t.data)
        case "compare":
            return args[0].cost + 1 + args[1].cost
        case "einsum" if same_axes(t):
            return sum(_wrapped(a, POWER) for a in args) + len(args) - 1
        case "einsum" if (axes := summed_axes(t)) is not None:
            return args[0].cost + (3 + count(sum_setting(t, axes)) if axes else 0)
        case "einsum":
            return 5 + count(t.data) + sum(a.cost + 1 for a in args)
    raise AssertionError(f"no length for a tree of kind {t.op}")


def starts_negative(t: Tree) -> bool:
    """Whether the text of a term of a sum starts with a minus."""
    if t.op == "mul":
        return is_negative(t.data[0])
    return t.op == "num" and number_text(t.data).startswith("-")


def _product(t: Tree) -> int:
    coefficient, split = t.data
    nums, dens = t.args[:split], t.args[split:]
    minus, p, q = quotient(coefficient)
    over = [count(in_product(p))] if p != 1 or not nums else []
    over += [a.cost + (0 if stands_bare(a, nums) else 2) for a in nums]
    under = [count(word) for word in below(q)] + [_wrapped(a, POWER) for a in dens]
    cost = int(minus) + sum(over) + len(over) - 1
    if under:
        cost += 1 + sum(under) + len(under) - 1 + (2 if len(under) > 1 else 0)
    return cost
