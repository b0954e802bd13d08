"""Data that enter through their inner products alone: X Xᵀ by a name, as of a Gram matrix or any kernel matrix."""

from __future__ import annotations

from ..build import einsum
from ..convexity.entry_functions import factors_of
from ..node import Einsum, Node, Variable
from ..operators import rewritten
from ..simplify import expand
from .spectral import squares_multiplied_out


def kernelised(root: Node, data: Variable, gram: Variable) -> Node:
    """X Xᵀ -> K in every product."""
    return rewritten(
        expand(squares_multiplied_out(expand(root))), lambda node: _gram_inside(node, data, gram)
    )


def _gram_inside(node: Node, data: Variable, gram: Variable) -> Node | None:
    """One pair of X that meet in their columns as K."""
    if not isinstance(node, Einsum):
        return None
    factors = factors_of(node)
    places = [k for k, (n, _) in enumerate(factors) if n is data]
    for a in places:
        for b in places:
            la, lb = factors[a][1], factors[b][1]
            if a < b and la[1] == lb[1] and la[1] not in node.output:
                uses = sum(ls.count(la[1]) for _, ls in factors)
                if uses == 2:
                    rest = [f for k, f in enumerate(factors) if k not in (a, b)]
                    return einsum([*rest, (gram, (la[0], lb[0]))], node.output)
    return None
