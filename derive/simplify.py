"""The normal form in which results are shown: products opened up, and the table of identities applied.

Only for print and for comparing expressions; what is computed keeps the form in which it was derived.
"""

from __future__ import annotations

from .identities import RULES, Rule, multiplied_out, opened
from .node import Node, transform

#: What nodes were rewritten to by the whole table: the gradients of one network share most of their parts.
_known: dict[Node, Node] = {}
_MOST_KNOWN = 20_000


def simplify(root: Node, rules: tuple[Rule, ...] = RULES) -> Node:
    """The normal form for display."""

    def rewrite(node: Node, operands: tuple[Node, ...]) -> Node:
        current = opened(node, operands)
        for _ in range(30):
            for rule in rules:
                better = rule(current)
                if better is not None and better is not current:
                    current = better
                    break
            else:
                return current
        return current

    global _known
    if len(_known) > _MOST_KNOWN:
        _known = {}  # not cleared: another thread may be in the midst of it
    memo = _known if rules is RULES else {}
    (root,) = transform(
        [root], opened
    )  # first: products that are alike as a whole need not be so once parts are rewritten
    for _ in range(4):
        (better,) = transform([root], rewrite, memo)
        if better is root:
            break
        root = better
    return root


def expand(root: Node, most: int = 400) -> Node:
    """The normal form with every product of sums multiplied out, for comparing two expressions.

    A product that would have more than `most` terms is left as it is.
    """
    return multiplied_out(simplify(root), most)
