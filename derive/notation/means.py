"""Sums over their number of terms."""

from __future__ import annotations

import sympy

from ..sizes import tidy
from .numerals import number_cost
from .tree import Tree, call, make, rendering


def with_means(coefficient: sympy.Expr, above: list[Tree]) -> tuple[sympy.Expr, list[Tree]]:
    """A sum over its number of terms as a mean, a mean times it as a sum."""
    for k, t in enumerate(above):
        if t.op == "spread":
            coefficient, inner = with_means(coefficient, [t.args[0]])
            above = [*above[:k], make("spread", *inner, data=t.data, order=t.order), *above[k + 1 :]]
        if t.op != "call" or t.data[0] not in ("sum", "mean"):
            continue
        name = "mean" if t.data[0] == "sum" else "sum"
        length = rendering.lengths.get(call("sum", *t.args, data=t.data[1], order=t.order))
        if length is None:
            continue
        rest = tidy(coefficient * length if name == "mean" else coefficient / length)
        new = sympy.fraction(rest)[0].free_symbols - sympy.fraction(coefficient)[0].free_symbols
        if number_cost(rest) < number_cost(coefficient) and not new:
            return rest, [*above[:k], call(name, *t.args, data=t.data[1], order=t.order), *above[k + 1 :]]
    return coefficient, above
