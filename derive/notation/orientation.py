"""Differences that stand in a result both ways round, x − m and m − x: one of them is kept.

Signs are absorbed where that saves the minus, one product at a time; so the two may meet in one result,
which then is read more easily, and has fewer names, with one of them.
"""

from __future__ import annotations

from collections.abc import Sequence

import sympy

from ..sizes import ONE
from .makers import flip
from .tree import Tree, make


def turned_alike(factors: Sequence[Tree], among: Sequence[Tree]) -> tuple[sympy.Expr, list[Tree]]:
    """The factors of a product with x − y for y − x where the other product has x − y, and the sign that this takes."""
    inner = (y for x in among for y in (x, *(x.args if x.op in ("chain", "outer", "T") else ())))
    known = {frozenset(y.args): y for y in inner if y.op == "sum"}  # in whatever order their terms stand
    sign: sympy.Expr = ONE

    def turned(t: Tree) -> Tree:
        nonlocal sign
        if t.op in ("chain", "outer"):
            args = tuple(map(turned, t.args))
            return t if args == t.args else make(t.op, *args, data=t.data, order=t.order)
        if t.op != "sum" or not known:
            return t
        if (same := known.get(frozenset(t.args))) is not None:
            return same
        other = flip(t)
        if other is None or frozenset(other.args) not in known:
            return t
        sign = -sign
        return known[frozenset(other.args)]

    found = [turned(t) for t in factors]
    return sign, found


def both_ways(root: Tree) -> set[Tree]:
    """Of each pair s, −s of sums in the tree the one that occurs more often, or first."""
    uses: dict[Tree, int] = {}
    stack = [root]
    while stack:
        t = stack.pop()
        if t not in uses:
            uses[t] = 0
            stack.extend(reversed(t.args))
    for t in uses:
        for a in t.args:
            uses[a] += 1
    kept: set[Tree] = set()
    for t in uses:
        if t.op == "sum":
            other = flip(t)
            if other in uses and other is not t and other not in kept:
                assert other is not None
                kept.add(t if uses[t] >= uses[other] else other)
    return kept
