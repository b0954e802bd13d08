"""Products with an inverse become solves: A⁻¹ B is worked out by a factor of A, without A⁻¹.

Statements say `inv(A) @ b`, and derivatives are full of inverses. Here every product of two factors, one of them
an inverse that meets the other along one axis, becomes the operator `solve` of kernels (the interpreter has none).
All that is asked of one matrix, its inverse, determinants and solves, is then done with one factorisation; see
`matrices`. An inverse that many rows of data are multiplied with stays: one product per row is cheaper
than two triangular solves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

from ..node import Apply, Einsum, Labels, Node, Ones, raw_apply, raw_einsum, topological, transform
from ..sizes import Size
from .contraction import same_over

SOLVE = "solve"


@final
@dataclass(frozen=True)
class _Product:
    """A product with an inverse, and the solve that is the same; `vectors`: one right-hand side per matrix."""

    inverse: Node
    solve: Node
    vectors: bool


def with_solves(roots: Sequence[Node], data_size: Size | None) -> list[Node]:
    """The expressions, planned in products of two, with solves for inverses.

    Where an inverse is wanted for itself as well, only vectors are solved for: with the inverse at hand a solve for a
    matrix would be a second cube of work.
    """
    wanted = set(roots)
    for node in topological(roots):
        product = _product(node, data_size)
        wanted |= {o for o in node.operands if product is None or o is not product.inverse}

    def rule(node: Node, operands: tuple[Node, ...]) -> Node:
        before, found = _product(node, data_size), same_over(node, operands)
        if before is None or (before.inverse in wanted and not before.vectors):
            return found
        after = _product(found, data_size)
        return found if after is None else after.solve

    return transform(roots, rule)


def _product(node: Node, data_size: Size | None) -> _Product | None:
    if not isinstance(node, Einsum) or len(node.operands) != 2:
        return None
    factors = list(node.factors)
    for (inverse, own), (other, labels) in (factors, factors[::-1]):
        if isinstance(inverse, Apply) and inverse.op == "inv" and not isinstance(other, Ones):
            found = _solve(node, inverse.operands[0], own, other, labels, data_size)
            if found is not None:
                return _Product(inverse, found, other.order < inverse.order)
    return None


def _solve(
    node: Einsum, matrix: Node, own: Labels, other: Node, labels: Labels, data_size: Size | None
) -> Node | None:
    """A⁻¹ B over a common batch, if the product is one."""
    *front, i, j = own
    if j not in labels and "symmetric" in matrix.facts:
        i, j = j, i
    if len(set(own)) != len(own) or len(set(labels)) != len(labels):
        return None
    batch = tuple(front)
    if node.summed != (j,) or i in labels or not {*batch, j} <= set(labels):
        return None
    sizes = node.label_sizes()
    rest = tuple(k for k in labels if k != j and k not in batch)
    if data_size is not None and data_size in (sizes[k] for k in rest) and sizes[j] != data_size:
        return None
    order = (*batch, j, *rest)
    if labels != order:
        place = {k: labels.index(k) for k in order}
        arranged = {place[k]: position for position, k in enumerate(order)}
        turned = tuple(arranged[axis] for axis in range(other.order))
        other = raw_einsum(tuple(sizes[k] for k in order), (other,), (turned,))
    result = (*batch, i, *rest)
    solved = raw_apply(SOLVE, tuple(sizes[k] for k in result), (matrix, other), (), frozenset())
    if result == node.output:
        return solved
    return raw_einsum(node.shape, (solved,), (result,))
