"""Linear algebra on the last two axes: inverse, determinant, log-determinant.

`solve(A, b)` is stated as `inv(A) @ b`, as a textbook writes it; kernels turn that back into a solve.
Rules: d(A⁻¹) = −A⁻¹ dA A⁻¹, d det A = det A tr(A⁻¹ dA), d log|det A| = tr(A⁻¹ dA)
(Petersen & Pedersen, The Matrix Cookbook, eqs. 40, 46, 43).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import final

import sympy

from ..build import add, einsum, number, power, scale, split_scale, swap_last, total
from ..domains import Array, Domain
from ..errors import SizeError
from ..node import Apply, Delta, Einsum, Node, Params, delta
from ..sizes import Shape, same_size, show_shape, tidy
from .base import Operator, apply, register


def _square(name: str, node: Node) -> Shape:
    if node.order < 2 or not same_size(node.shape[-1], node.shape[-2]):
        raise SizeError(f"{name} needs a square matrix, got sizes {show_shape(node.shape)}")
    return node.shape


def diagonal_of(node: Node) -> Node | None:
    """v when the matrix is visibly diag(v), by a delta between its axes."""
    if isinstance(node, Einsum) and node.order == 2 and any(isinstance(o, Delta) for o in node.operands):
        (tie,) = [ls for o, ls in node.factors if isinstance(o, Delta)]
        if set(tie) == {0, 1}:
            return einsum([(node, (0, 0))], (0,))
    return None


def _adjoint_labels(node: Apply, adjoint: Node, keep: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """(labels of the leading axes of the adjoint, labels of the batch axes)."""
    batch = node.operands[0].order - 2
    lead = tuple(range(adjoint.order - node.order))
    return lead, tuple(range(50, 50 + batch))


@final
class Inverse(Operator):
    """A⁻¹."""

    name = "inv"
    source = "{m}.linalg.inv({0})"

    def shape(self, operands: Sequence[Node], params: Params) -> Shape:
        return _square("inv", operands[0])

    def facts(self, operands: Sequence[Node], params: Params) -> Iterable[str]:
        found = operands[0].facts & {"symmetric", "diagonal", "pd", "orthogonal"}
        return found | {"invertible"} | ({"psd"} if "pd" in found else set())

    def rewrite(self, operands: Sequence[Node], params: Params) -> Node | None:
        """(A⁻¹)⁻¹ → A, I⁻¹ → I, (cA)⁻¹ → A⁻¹/c, diag(v)⁻¹ → diag(1/v)."""
        c, node = split_scale(operands[0])
        if isinstance(node, Delta):
            return scale(tidy(1 / c), node)
        if isinstance(node, Apply) and node.op == "inv":
            return scale(tidy(1 / c), node.operands[0])
        entries = diagonal_of(node)
        if entries is not None:
            inverse = power(entries, sympy.S.NegativeOne)
            return scale(tidy(1 / c), einsum([(inverse, (0,)), (delta(node.shape[0]), (0, 1))], (0, 1)))
        if c != 1:
            return scale(tidy(1 / c), apply("inv", node))
        return None

    def value(self, arrays: list[Array], params: Params, domain: Domain) -> Array:
        return domain.inv(arrays[0])

    def vjp(self, node: Apply, index: int, adjoint: Node) -> Node:
        lead, batch = _adjoint_labels(node, adjoint, 2)
        i, j, k, m = 90, 91, 92, 93  # −(A⁻ᵀ)_{ij} G_{jk} (A⁻ᵀ)_{km}
        product = einsum(
            [(node, (*batch, j, i)), (adjoint, (*lead, *batch, j, k)), (node, (*batch, m, k))],
            (*lead, *batch, i, m),
        )
        return scale(sympy.S.NegativeOne, product)


@final
class Determinant(Operator):
    """det A."""

    name = "det"
    everywhere = True
    latex = "\\det"
    source = "{m}.linalg.det({0})"

    def shape(self, operands: Sequence[Node], params: Params) -> Shape:
        return _square("det", operands[0])[:-2]

    def facts(self, operands: Sequence[Node], params: Params) -> Iterable[str]:
        if "pd" in operands[0].facts:
            return ("positive", "nonnegative", "nonzero")
        return ("nonnegative",) if "psd" in operands[0].facts else ()

    def rewrite(self, operands: Sequence[Node], params: Params) -> Node | None:
        """det(cA) → cⁿ det A, det I → 1."""
        c, node = split_scale(operands[0])
        if isinstance(node, Delta):
            return number(tidy(c ** node.shape[0]))
        if c != 1:
            return scale(tidy(c ** node.shape[-1]), apply("det", node))
        return None

    def value(self, arrays: list[Array], params: Params, domain: Domain) -> Array:
        return domain.det(arrays[0])

    def vjp(self, node: Apply, index: int, adjoint: Node) -> Node:
        lead, batch = _adjoint_labels(node, adjoint, 0)
        inverse = swap_last(apply("inv", node.operands[0]))
        return einsum(
            [(adjoint, (*lead, *batch)), (node, batch), (inverse, (*batch, 90, 91))], (*lead, *batch, 90, 91)
        )


@final
class LogDeterminant(Operator):
    """log |det A|."""

    name = "logdet"
    source = "{m}.linalg.slogdet({0})[1]"

    def shape(self, operands: Sequence[Node], params: Params) -> Shape:
        return _square("logdet", operands[0])[:-2]

    def rewrite(self, operands: Sequence[Node], params: Params) -> Node | None:
        """log|det cA| → n log|c| + log|det A|, log|det A⁻¹| → −log|det A|, log|det diag v| → Σ log|v|."""
        c, node = split_scale(operands[0])
        if isinstance(node, Delta):
            return number(tidy(node.shape[0] * sympy.log(sympy.Abs(c))))
        if c != 1 and c.is_number:
            shift = number(tidy(node.shape[-1] * sympy.log(sympy.Abs(c))), node.shape[:-2])
            return add([(sympy.S.One, shift), (sympy.S.One, apply("logdet", node))])
        if isinstance(node, Apply) and node.op == "inv":
            return scale(sympy.S.NegativeOne, apply("logdet", node.operands[0]))
        entries = diagonal_of(operands[0])
        if entries is not None:
            return total(apply("log", apply("abs", entries)))
        return None

    def value(self, arrays: list[Array], params: Params, domain: Domain) -> Array:
        return domain.logdet(arrays[0])

    def vjp(self, node: Apply, index: int, adjoint: Node) -> Node:
        lead, batch = _adjoint_labels(node, adjoint, 0)
        inverse = swap_last(apply("inv", node.operands[0]))
        return einsum([(adjoint, (*lead, *batch)), (inverse, (*batch, 90, 91))], (*lead, *batch, 90, 91))


register(Inverse())
register(Determinant())
register(LogDeterminant())
