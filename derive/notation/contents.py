"""Numbers that the normal form took out of sums, put back: √1000 / √(1 + 1000 v) as 1 / √(v + 1/1000).

A sum is kept without what its coefficients have in common, so that v + 1/1000 is 1/1000 times 1 + 1000 v, and a root
of it or a quotient by it has a power of 1/1000 in front. Where a result is no longer with these numbers inside, all of
them go back.
"""

from __future__ import annotations

import sympy

from ..sizes import ONE
from .makers import mul
from .tree import Tree, make, num, parts


def content(base: Tree) -> sympy.Expr:
    """What the coefficients of a sum have in common, but for one number in it that is no multiple of that."""
    if base.op != "sum":
        return ONE
    numbers = [a.data for a in base.args if a.op == "num"]
    others = [parts(a)[0].as_coeff_Mul()[0] for a in base.args if a.op != "num"]  # 100 of 100/d
    if len(numbers) != 1 or not others or not all(c.is_Rational for c in (*numbers, *others)):
        return ONE
    q = sympy.ilcm(1, *(c.q for c in others))
    found = sympy.Rational(sympy.igcd(0, *(int(c * q) for c in others)), q)
    return found if abs(numbers[0]) * 5 <= found else ONE  # a small number, such as guards a quotient


def without_content(base: Tree, number: sympy.Expr) -> Tree:
    """The sum divided by a number, its own number behind: v + 1/1000."""
    terms = [
        num(a.data / number) if a.op == "num" else mul(parts(a)[0] / number, *parts(a)[1:]) for a in base.args
    ]
    terms.sort(key=lambda a: a.op == "num")
    return make("sum", *terms, order=base.order)
