"""Claims about stacked entries: ∂vec F/∂vec W, a Hessian as one matrix, where vec puts columns one below the other.

    ∇²_{vec W} ½‖A W B − C‖²  =  (B Bᵀ) ⊗ (Aᵀ A)

With rows stacked instead, as NumPy's `ravel` does, the factors change places: a convention that is named.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import sympy

from ..build import transpose
from ..node import Node
from ..operators import apply
from ..sizes import product, same_shape
from .verdict import Diagnosis, Verdict

Compared = Callable[[Node, Node, str], Verdict]


def check_stacked(
    claim: Node, right: Node, groups: Sequence[int], subject: str, same: Compared
) -> Verdict | None:
    """The verdict on a claim whose axes are the stacked ones of the right derivative; None where they are not.

    groups   how many axes each argument of the derivative has: (2, 2) for the Hessian by a matrix
    same     compares two nodes of one shape, the second under a name
    """
    columns = _stacked(right, groups, True)
    if max(groups) < 2 or not same_shape(claim.shape, columns.shape):
        return None
    found = same(claim, columns, f"{subject}, with columns stacked")
    if found.status != "refuted":
        return found
    rows = same(claim, _stacked(right, groups, False), subject)
    if rows.status in ("proved", "agrees"):
        words = "the claim is right where rows are stacked (NumPy's ravel); vec stacks columns here"
        return replace(found, diagnosis=Diagnosis("convention", words))
    return found


def _stacked(node: Node, groups: Sequence[int], columns: bool) -> Node:
    """Every group of axes as one, the first running fastest (columns) or the last."""
    order: list[int] = []
    sizes: list[sympy.Expr] = []
    start = 0
    for count in groups:
        axes = list(range(start, start + count))
        order += reversed(axes) if columns else axes
        sizes += [sympy.expand(product(node.shape[a] for a in axes))] if count else []
        start += count
    return apply("reshape", transpose(node, order), shape=tuple(sizes))
