"""Triangular parts of matrices, on the last two axes.

tril_k(A)_{ij} = A_{ij} if j − i ≤ k, else 0. The map is linear and its own adjoint:
⟨G, tril_k A⟩ = ⟨tril_k G, A⟩.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import final

import numpy as np

from ..build import is_zero, scale, split_scale, zero
from ..domains import Array, Domain
from ..errors import SizeError
from ..node import Apply, Delta, Node, Params
from ..sizes import Shape, show_shape
from .base import Operator, Option, apply, param, register


@final
class LowerTriangle(Operator):
    """The entries on and below the k-th diagonal, on the last two axes; 0 is the main one, -1 the one below."""

    name = "tril"
    options = (Option("k", "integer", 0),)
    linear = True
    source = "{m}.tril({0}, {k})"

    def shape(self, operands: Sequence[Node], params: Params) -> Shape:
        if operands[0].order < 2:
            raise SizeError(f"tril needs a matrix, got sizes {show_shape(operands[0].shape)}")
        return operands[0].shape

    def facts(self, operands: Sequence[Node], params: Params) -> Iterable[str]:
        kept = operands[0].facts & {"nonnegative", "integer"}
        return kept

    def rewrite(self, operands: Sequence[Node], params: Params) -> Node | None:
        """tril_k(cA) → c tril_k A, tril_k(tril_m A) → tril_{min(k, m)} A, tril_k I → I or 0."""
        k = param(params, "k", 0)
        c, node = split_scale(operands[0])
        if is_zero(operands[0]):
            return operands[0]
        if isinstance(node, Delta):
            return operands[0] if k >= 0 else zero(node.shape)
        if isinstance(node, Apply) and node.op == "tril":
            lower = min(k, node.param("k", 0))
            return scale(c, apply("tril", node.operands[0], k=lower))
        if c != 1:
            return scale(c, apply("tril", node, k=k))
        return None

    def value(self, arrays: list[Array], params: Params, domain: Domain) -> Array:
        x = arrays[0]
        keep = np.tri(x.shape[-2], x.shape[-1], param(params, "k", 0), dtype=bool)
        nothing = domain.array(np.zeros((), dtype=int))
        return np.asarray(np.where(keep, x, nothing), dtype=x.dtype)

    def vjp(self, node: Apply, index: int, adjoint: Node) -> Node:
        return apply("tril", adjoint, k=node.param("k", 0))


register(LowerTriangle())
