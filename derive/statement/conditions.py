"""Comparisons as the condition of a choice: `where(x > 0, a, b)`.

A comparison is no number and no array; it stands only where one of two values is chosen. It becomes one in terms of
`step(t)`, 1 for t > 0 and else 0, so that a choice by comparison and one by an array are one operator:

    where(a > b, x, y)  = where(step(a − b), x, y)        where(a >= b, x, y) = where(step(b − a), y, x)
    where(a != b, x, y) = where(a − b, x, y)              where(a == b, x, y) = where(a − b, y, x)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from ..build import number
from ..node import Node
from ..operators import apply
from . import arithmetic as ar


@final
@dataclass(frozen=True)
class Comparison:
    """`a < b`, or `a < b < c`: sides and the signs between them."""

    sides: tuple[Node, ...]
    signs: tuple[str, ...]


def choose(condition: Node | Comparison, x: Node, y: Node) -> Node:
    """x where the condition holds (an array: where it is not 0), else y."""
    if isinstance(condition, Node):
        return ar.elementwise("where", condition, x, y)
    chosen = x
    for k, sign in enumerate(condition.signs):
        chosen = _choose(condition.sides[k], sign, condition.sides[k + 1], chosen, y)
    return chosen


def indicator(a: Node, sign: str, b: Node) -> Node:
    """1 where the relation holds, else 0, by the step function (step(0) = 0)."""
    if sign in ("<", "<="):
        a, b, sign = b, a, {"<": ">", "<=": ">="}[sign]
    one = number(1)
    if sign in ("==", "!="):
        equal, other = (one, number(0)) if sign == "==" else (number(0), one)
        return ar.elementwise("where", ar.sub(a, b), other, equal)
    if sign == ">":
        return apply("step", ar.sub(a, b))
    return ar.sub(one, apply("step", ar.sub(b, a)))


def _choose(a: Node, sign: str, b: Node, x: Node, y: Node) -> Node:
    ar.common_shape(a.shape, b.shape, sign)
    if sign in ("<", "<="):
        a, b, sign = b, a, {"<": ">", "<=": ">="}[sign]
    if sign == ">":
        return ar.elementwise("where", apply("step", ar.sub(a, b)), x, y)
    if sign == ">=":
        return ar.elementwise("where", apply("step", ar.sub(b, a)), y, x)
    x, y = (y, x) if sign == "==" else (x, y)
    return ar.elementwise("where", ar.sub(a, b), x, y)
