"""Second derivatives: the Jacobian of a gradient, which is symmetric.

Several unknowns are often laid out in one vector, θ = (A, b, …), and read back as slices of it. The gradient is then a
sum of parts, each put into zeros where its slice lies, and the Hessian is a table of blocks

    ∂²f/∂θ² = Σₐ P(Hₐₐ) + Σ_{a<b} (P(Hₐ_b) + P(Hₐ_b)ᵀ),      P puts a block where rows of a and columns of b lie.

Each block is derived by itself, with the slices as unknowns of their own, and of the two blocks of a pair one.
Differentiating by the whole of θ instead would carry arrays as wide as θ through every product.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import sympy

from .build import add, transpose
from .differentiate import gradient, jacobian, reverse, substitute
from .node import Apply, Node, Variable, topological, variable
from .operators import apply
from .operators.access import Index, apart
from .sizes import Coefficient, same_shape
from .sums import flat_terms

#: More parts than this would be more blocks than anybody reads or compiles.
MOST_PARTS = 12


def hessian(output: Node, wrt: Variable, other: Variable | None = None) -> Node:
    """Second derivatives; axes of `wrt`, then of `other` (by default `wrt` again)."""
    return second_derivative(gradient(output, wrt), wrt, wrt if other is None else other)


def second_derivative(slope: Node, wrt: Variable, other: Variable) -> Node:
    """The Jacobian by `other` of a gradient by `wrt`, block by block where both are one array read in slices."""
    found = _by_blocks(slope, wrt) if wrt is other and "symmetric" not in wrt.facts else None
    return jacobian(slope, other) if found is None else found


@final
@dataclass
class _Part:
    """A slice of the array: where it lies, its part of the gradient, and the unknown that stands for it."""

    index: Index
    slope: Node
    unknown: Variable
    read: Node  # what the unknown stands for: the slice, or the slice in another shape


def _by_blocks(slope: Node, whole: Variable) -> Node | None:
    terms = flat_terms(slope)
    placed: dict[Index, list[tuple[Coefficient, Node]]] = {}
    rest: list[tuple[Coefficient, Node]] = []
    for c, term in terms:
        if isinstance(term, Apply) and term.op == "place":
            placed.setdefault(term.param("index"), []).append((c, term.operands[0]))
        else:
            rest.append((c, term))
    if not 2 <= len(placed) <= MOST_PARTS or not any(e[0] == "range" for index in placed for e in index):
        return None
    slopes = {index: _in_its_shape(parts) for index, parts in placed.items()}
    reads = _reads(list(slopes.values()), whole)
    if reads is None or not apart([*placed, *(i for i in reads if i not in placed)]):
        return None
    parts = _parts(slopes, reads)
    exchange: dict[Node, Node] = {part.read: part.unknown for part in parts}
    back: dict[Node, Node] = {part.unknown: part.read for part in parts}
    for part in parts:
        part.slope = substitute(part.slope, exchange)
    if any(node is whole for node in topological([part.slope for part in parts])):
        return None  # a slice that is no part, or the whole: what it adds has no block of its own
    blocks: list[tuple[Coefficient, Node]] = []
    parts.sort(key=lambda p: p.slope.weight)  # the lightest gradient of a pair is differentiated
    for k, a in enumerate(parts):
        across = parts[k:]
        for b, block in zip(across, reverse(a.slope, [p.unknown for p in across]), strict=True):
            found = substitute(block, back)
            blocks += [(sympy.S.One, piece) for piece in _put(found, a, b, whole)]
    if rest:
        blocks.append((sympy.S.One, jacobian(add(rest), whole)))
    return add(blocks, (*whole.shape, *whole.shape))


def _in_its_shape(terms: Sequence[tuple[Coefficient, Node]]) -> Node:
    """A part of the gradient before it was brought into the shape of its slice."""
    inner = [t.operands[0] for _, t in terms if isinstance(t, Apply) and t.op == "reshape"]
    if len(inner) == len(terms) and all(same_shape(o.shape, inner[0].shape) for o in inner):
        return add([(c, o) for (c, _), o in zip(terms, inner, strict=True)])
    return add(terms)


def _reads(slopes: Sequence[Node], whole: Variable) -> dict[Index, Node] | None:
    """What is read of the array, by place; a slice that is only read in one other shape counts as that."""
    users: dict[Node, list[Node]] = {}
    for node in topological(slopes):
        for operand in node.operands:
            if operand is whole or (isinstance(operand, Apply) and operand.operands[:1] == (whole,)):
                users.setdefault(operand, []).append(node)
    found: dict[Index, Node] = {}
    for node in users.get(whole, []):
        if not (isinstance(node, Apply) and node.op == "slice"):
            return None
        above = users.get(node, [])
        (only,) = above if len(above) == 1 and node not in slopes else (None,)
        shaped = isinstance(only, Apply) and only.op == "reshape"
        found[node.param("index")] = only if shaped and only is not None else node
    return found


def _parts(slopes: dict[Index, Node], reads: dict[Index, Node]) -> list[_Part]:
    """The slices that both the array and its gradient have. All others have no second derivatives."""
    found = []
    for k, (index, slope) in enumerate(slopes.items()):
        if index in reads:
            read = reads[index]
            found.append(_Part(index, slope, variable(f"_part{k}", read.shape, read.facts), read))
    return found


def _put(block: Node, a: _Part, b: _Part, whole: Variable) -> list[Node]:
    """The block where it lies, and mirrored."""
    shape = (*whole.shape, *whole.shape)
    rows, columns = (tuple(e[2] for e in p.index if e[0] == "range") for p in (a, b))
    flat = apply("reshape", block, shape=(*rows, *columns))
    if a is b:
        return [apply("place", flat, index=(*a.index, *a.index), shape=shape)]
    k, order = len(rows), len(rows) + len(columns)
    mirrored = transpose(flat, (*range(k, order), *range(k)))
    return [
        apply("place", flat, index=(*a.index, *b.index), shape=shape),
        apply("place", mirrored, index=(*b.index, *a.index), shape=shape),
    ]
