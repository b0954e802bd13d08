"""Differences that stand in a result both ways round, x − m and m − x: one of them is kept.

Signs are absorbed where that saves the minus, one product at a time; so the two may meet in one result,
which then is read more easily, and has fewer names, with one of them.
"""

from __future__ import annotations

from .makers import flip
from .tree import Tree


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
