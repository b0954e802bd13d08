"""How a sum of parts that lie in a larger array is computed: every part where it lies.

A joint Hessian is such a sum. Its blocks are products that hold deltas, in another shape, and sums of those:

    δᵢₖ (VᵀV)ₐᵦ                    entries on a diagonal of the block, the rest of it is zero
    (UVᵀ − T)ᵢⱼ δₐᵦ + Uᵢᵦ Vⱼₐ      an outer product, and what is added on a diagonal

Nothing of the size of a block is made before it is put in its place: outer products are computed there, terms with
deltas are added along their diagonals only, and axes that a reshape takes together are counted as one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, final

import sympy

from ..node import Apply, Delta, Einsum, Labels, Node, Ones, Sum
from ..operators.access import apart, tiles
from ..sizes import Coefficient, Shape, product
from .contraction import view_of
from .scalars import coefficient
from .statements import Piece, Statement, label
from .ties import ties

if TYPE_CHECKING:
    from .lowering import Lowering


def put_together(work: Lowering, node: Sum) -> Statement | None:
    """A sum of parts put into zeros, each written where it lies: nobody asks for the zeros around it."""
    parts = [t for t in node.operands if isinstance(t, Apply) and t.op == "place"]
    if work.row is not None or len(parts) < 2:
        return None
    lie = [part.param("index") for part in parts]
    alone = len(parts) == len(node.operands) and apart(lie)
    pieces: list[Piece] = []
    for factor, term in node.terms:
        if isinstance(term, Apply) and term.op == "place":
            pieces += _placed(work, factor, term)
        else:
            labels = work.fresh(node.shape)
            entries = tuple(label(i) for i in labels)
            pieces.append(
                Piece(labels, entries, _times(work, factor, work.read(term, entries)), adds=not alone)
            )
    if not alone:  # parts that meet are added up, those that leave gaps lie in zeros
        pieces = [Piece(p.labels, p.places, p.template, adds=True) for p in pieces if p.template != "0.0"]
    how = "" if not alone else "tiles" if tiles(lie, node.shape) else "apart"
    return work.make("pieces", "", "parts put together", op=how, pieces=tuple(pieces))


def _times(work: Lowering, factor: Coefficient, text: str) -> str:
    return text if factor == 1 else f"{coefficient(factor, work.rows.sizes)} * {text}"


@final
@dataclass
class _Part:
    """A node read over labels, and which labels those of the part's own axes are counted by."""

    node: Node
    axes: Labels
    factor: Coefficient
    counted: dict[int, Labels] = field(default_factory=dict)


def _placed(work: Lowering, factor: Coefficient, term: Apply) -> list[Piece]:
    """The pieces of one part: what is everywhere in it, then what is added along diagonals."""
    operand, index = term.operands[0], term.param("index")
    axes = work.fresh(operand.shape)

    def places(counted: dict[int, Labels], merged: dict[int, int]) -> tuple[str, ...]:
        free = iter(axes)
        found = []
        for entry in index:
            if entry[0] == "at":
                found.append(work.number(entry[1]))
                continue
            own = next(free)
            labels = tuple(merged.get(i, i) for i in counted.get(own, (own,)))
            found.append(work.affine(_counted(work, labels), entry[1], entry[3]))
        return tuple(found)

    part = _opened(work, _Part(operand, axes, factor))
    terms = _flat(part.node, part.factor)
    tied = [bool(ties(t)) for _, t in terms]
    if not all(is_tied or _is_outer(t) for is_tied, (_, t) in zip(tied, terms, strict=True)):
        text = work.read(operand, tuple(label(i) for i in axes))
        return [Piece(axes, places({}, {}), _times(work, factor, text))]
    labels = tuple(i for own in axes for i in part.counted.get(own, (own,)))
    texts = [
        _times(work, c, _product(work, t, part.axes))
        for is_tied, (c, t) in zip(tied, terms, strict=True)
        if not is_tied
    ]
    pieces = [Piece(labels, places(part.counted, {}), " + ".join(texts))]
    if not texts:  # zeros, whose columns are counted by one loop
        rows = {axes[0]: part.counted[axes[0]]} if axes and axes[0] in part.counted else {}
        own = (*rows.get(axes[0], axes[:1]), *axes[1:]) if axes else ()
        pieces = [Piece(own, places(rows, {}), "0.0")]
    for c, t in (pair for is_tied, pair in zip(tied, terms, strict=True) if is_tied):
        merged: dict[int, int] = {}
        for p, q in sorted(ties(t)):
            first, second = (merged.get(part.axes[k], part.axes[k]) for k in (p, q))
            if first != second:
                early, late = sorted((first, second), key=labels.index)
                merged = {i: early if j == late else j for i, j in merged.items()} | {late: early}
        own = tuple(merged.get(i, i) for i in part.axes)
        text = _times(work, c, _product(work, t, own))
        kept = tuple(i for i in labels if i not in merged)
        pieces.append(Piece(kept, places(part.counted, merged), text, adds=True))
    return pieces


def _counted(work: Lowering, labels: Labels) -> str:
    """The number of an entry along axes that are taken together."""
    text = label(labels[0])
    for i in labels[1:]:
        text = f"({text} * {work.number(work.sizes[i])} + {label(i)})"
    return text


def _opened(work: Lowering, part: _Part) -> _Part:
    """Behind views, factors and other shapes."""
    while True:
        node, view = part.node, view_of(part.node)
        if view is not None:
            part.node, part.axes = view[0], tuple(part.axes[i] for i in view[1])
        elif isinstance(node, Sum) and len(node.operands) == 1:
            part.node, part.factor = node.operands[0], part.factor * node.coefficients[0]
        elif isinstance(node, Apply) and node.op == "reshape":
            inner = node.operands[0]
            groups = _groups(inner.shape, node.shape)
            if groups is None or len(set(part.axes)) < node.order or part.counted:
                return part
            found: list[int] = []
            for own, sizes in zip(part.axes, groups, strict=True):
                labels = work.fresh(sizes)
                part.counted[own] = labels
                found += labels
            part.node, part.axes = inner, tuple(found)
        else:
            return part


def _groups(inner: Shape, outer: Shape) -> list[Shape] | None:
    """The axes of the first that each axis of the second takes together, at least one each."""
    found: list[Shape] = []
    rest = list(inner)
    for size in outer:
        own: list[sympy.Expr] = []
        while rest and (not own or sympy.expand(product(own) - size) != 0):
            own.append(rest.pop(0))
        if not own or sympy.expand(product(own) - size) != 0:
            return None
        found.append(tuple(own))
    return None if rest else found


def _flat(node: Node, factor: Coefficient) -> list[tuple[Coefficient, Node]]:
    """The terms of a sum, those of sums inside it too."""
    if not isinstance(node, Sum) or not node.operands:
        return [(factor, node)]
    return [t for c, term in node.terms for t in _flat(term, factor * c)]


def _is_outer(node: Node) -> bool:
    """Whether an entry is a product of entries of smaller arrays."""
    return isinstance(node, Einsum) and not node.summed and all(o.order < node.order for o in node.operands)


def _product(work: Lowering, node: Node, axes: Labels) -> str:
    """The text for one entry; deltas along whose diagonal the loops go are 1."""
    if not isinstance(node, Einsum) or node.summed:
        return work.read(node, tuple(label(i) for i in axes))
    texts = []
    for operand, own in node.factors:
        at = tuple(axes[i] for i in own)
        if isinstance(operand, Ones) or (isinstance(operand, Delta) and at[0] == at[1]):
            continue
        texts.append(work.read(operand, tuple(label(i) for i in at)))
    return " * ".join(texts) or "1.0"
