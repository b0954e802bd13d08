"""Arrays that are zero off a diagonal, because a Kronecker delta is a factor of every term.

Second derivatives are full of them: a row of the data touches its own unknowns and no others. A loop over such an array
needs to visit the diagonal only, and zeros for the rest are written in one sweep.
"""

from __future__ import annotations

from ..node import Delta, Einsum, Node, Sum

Tie = tuple[int, int]
_DEPTH = 4  # how far down products and sums are looked into


def ties(node: Node, depth: int = _DEPTH) -> frozenset[Tie]:
    """The pairs of axes off whose diagonal all entries are zero, the smaller axis first."""
    if isinstance(node, Delta):
        return frozenset({(0, 1)})
    if not depth or node.order < 2:
        return frozenset()
    if isinstance(node, Sum):
        found = [ties(o, depth - 1) for o in node.operands]
        return frozenset.intersection(*found) if found else frozenset()
    if isinstance(node, Einsum):
        pairs = (
            (labels[a], labels[b]) for operand, labels in node.factors for a, b in ties(operand, depth - 1)
        )
        return frozenset((min(p), max(p)) for p in pairs if max(p) < node.order and p[0] != p[1])
    return frozenset()
