"""Weighted Gram matrices Σᵢ sᵢ xᵢ xᵢᵀ, the Hessians of generalised linear models: half the work of a product.

The two sides of the product are one and the same array but for weights of the rows. The rows are scaled by
√|sᵢ|, those with negative weights packed behind the others, and two symmetric rank-k updates of BLAS add the
lower triangle to the sum, one of them with a minus sign: so weights need not be of one sign. The other
triangle is filled in at the end. Sums are in double precision whatever the data. What it looks like as text
is in `symmetric`.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import final

from ..node import Einsum, Labels, Node, Sum
from .contraction import view_of
from .scalars import Sizes, coefficient
from .statements import Statement, plain_label

#: Up to so many columns own code is quicker than BLAS.
NARROW = 48


@final
@dataclass
class Side:
    """One factor: an array over (rows, columns), and what multiplies its rows."""

    node: Node
    labels: Labels
    weights: list[tuple[Node, Labels]] = field(default_factory=list)
    numbers: list[str] = field(default_factory=list)


def side_of(node: Node, labels: Labels, row: int, sizes: Sizes) -> Side:
    """The factor without its weights: diag(s) X -> X, s."""
    side = Side(node, labels)
    while True:
        view = view_of(side.node)
        if view is not None:
            side.node, side.labels = view[0], tuple(side.labels[i] for i in view[1])
            continue
        inner = side.node
        if isinstance(inner, Sum) and len(inner.operands) == 1:
            side.numbers.append(coefficient(inner.coefficients[0], sizes))
            side.node = inner.operands[0]
            continue
        if not isinstance(inner, Einsum) or inner.summed or len(inner.operands) < 2:
            return side
        outside = dict(zip(inner.output, side.labels, strict=True))
        factors = [(o, tuple(outside[i] for i in ls)) for o, ls in inner.factors]
        arrays = [f for f in factors if f[0].order == 2]
        others = [f for f in factors if f[0].order != 2]
        if len(arrays) != 1 or any(ls not in ((), (row,)) for _, ls in others):
            return side
        side.node, side.labels = arrays[0]
        side.weights += others


def gram_sides(node: Einsum, row: int, sizes: Sizes) -> tuple[Side, Side] | None:
    """Both sides if the node is Σ over `row` of two factors that differ in their weights only."""
    if node.order != 2 or len(node.operands) != 2 or set(node.summed) != {row}:
        return None
    if len(set(node.output)) != 2 or any(o.order != 2 for o in node.operands):
        return None
    a, b = (side_of(o, ls, row, sizes) for o, ls in node.factors)
    if a.node is not b.node or a.node.order != 2 or row not in a.labels or row not in b.labels:
        return None
    if a.labels.index(row) != b.labels.index(row) or len({*a.labels, *b.labels}) != 3:
        return None
    return a, b


def rows_first(statement: Statement) -> bool:
    """Whether the array of a Gram matrix is a block stored with its rows first, and weights are per row."""
    array = statement.reads[0]
    if array.item.row is None or array.item.turned or plain_label(array.stored[0]) != statement.row:
        return False
    return all(
        r.item.node.order == 0 or (r.item.row == 0 and r.labels == (statement.row,))
        for r in statement.reads[1:]
    )


def symmetric_labels(node: Einsum) -> tuple[int, int] | None:
    """Two labels of the result that may be exchanged: Σᵢ rᵢₖ xᵢₖₐ xᵢₖ_b is symmetric in a and b."""
    factors: list[tuple[Node, Labels]] = []
    todo = list(node.factors)
    while todo:
        operand, labels = todo.pop()
        if isinstance(operand, Einsum) and not operand.summed:
            todo += [(o, tuple(labels[i] for i in ls)) for o, ls in operand.factors]
        else:
            factors.append((operand, labels))
    sizes = node.label_sizes()
    for a in node.output:
        for b in node.output[a + 1 :]:
            if sizes[a] == sizes[b]:
                swap = {a: b, b: a}
                turned = [(o, tuple(swap.get(i, i) for i in ls)) for o, ls in factors]
                if Counter(turned) == Counter(factors):
                    return a, b
    return None
