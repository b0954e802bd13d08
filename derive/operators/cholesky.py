"""The Cholesky factor on the last two axes: A = L Lᵀ with L lower triangular, its diagonal positive.

Only the lower triangle of A is read, as NumPy does. With Φ(M) the lower triangle of M, its diagonal halved,

    dL = L Φ(L⁻¹ dA L⁻ᵀ)          S = L⁻ᵀ Φ(Lᵀ L̄) L⁻¹

and the adjoint of a symmetric A is (S + Sᵀ)/2; of an A that is not known to be symmetric, of which only the
lower triangle counts, it is 2Φ((S + Sᵀ)/2) (Murray, Differentiation of the Cholesky decomposition, 2016,
eqs. 8 and 10).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, final

import numpy as np
import sympy

from ..build import add, einsum, power, scale, split_scale, swap_last
from ..domains import Array, Domain
from ..errors import SizeError
from ..node import Apply, Delta, Node, Params, delta
from ..sizes import HALF, ONE, Shape, same_size, show_shape, tidy
from .base import Operator, apply, register, spelled
from .linalg import diagonal_of


def half_lower(node: Node) -> Node:
    """Φ(M): the lower triangle with half the diagonal, on the last two axes."""
    labels = tuple(range(node.order))
    diagonal = einsum([(node, labels), (delta(node.shape[-1]), labels[-2:])], labels)
    return add([(ONE, apply("tril", node, k=0)), (-HALF, diagonal)])


@final
class Cholesky(Operator):
    """L with A = L Lᵀ."""

    name = "cholesky"
    latex = "\\operatorname{chol}"
    source = spelled(
        numpy="np.linalg.cholesky({0})",
        jax="jnp.linalg.cholesky({0}, symmetrize_input=False)",
        torch="torch.linalg.cholesky({0})",
    )

    def shape(self, operands: Sequence[Node], params: Params) -> Shape:
        shape = operands[0].shape
        if len(shape) < 2 or not same_size(shape[-1], shape[-2]):
            raise SizeError(f"cholesky needs a square matrix, got sizes {show_shape(shape)}")
        return shape

    def facts(self, operands: Sequence[Node], params: Params) -> Iterable[str]:
        return (
            "invertible",
            *(operands[0].facts & {"diagonal", "symmetric"} if "diagonal" in operands[0].facts else ()),
        )

    def rewrite(self, operands: Sequence[Node], params: Params) -> Node | None:
        """chol(cA) → √c chol(A) where c > 0, chol I → I, chol diag(v) → diag(√v)."""
        c, node = split_scale(operands[0])
        if c != 1 and c.is_positive:
            return scale(tidy(sympy.sqrt(c)), apply("cholesky", node))
        if isinstance(node, Delta) and c == 1:
            return node
        entries = diagonal_of(node) if c == 1 else None
        if entries is not None:
            return einsum([(power(entries, HALF), (0,)), (delta(node.shape[0]), (0, 1))], (0, 1))
        return None

    def value(self, arrays: list[Array], params: Params, domain: Domain) -> Array:
        (a,) = arrays
        if domain.name == "float":
            return np.asarray(np.linalg.cholesky(a))
        out = np.empty(a.shape, dtype=object)
        for index in np.ndindex(a.shape[:-2]):
            out[index] = _factor(a[index], domain)
        return out

    def vjp(self, node: Apply, index: int, adjoint: Node) -> Node:
        lead = tuple(range(adjoint.order - node.order))
        batch = tuple(range(50, 50 + node.order - 2))
        i, j, k, m = 90, 91, 92, 93
        front = (*lead, *batch)
        product = einsum([(node, (*batch, k, i)), (adjoint, (*front, k, j))], (*front, i, j))
        both = product  # Φ(P) + Φ(P)ᵀ is P itself when P is symmetric
        if "symmetric" not in product.facts:
            lower = half_lower(product)
            both = add([(ONE, lower), (ONE, swap_last(lower))])
        inverse = apply("inv", node)
        symmetric = scale(
            HALF,
            einsum(
                [(inverse, (*batch, k, i)), (both, (*front, k, m)), (inverse, (*batch, m, j))], (*front, i, j)
            ),
        )
        if "symmetric" in node.operands[0].facts:
            return symmetric
        return scale(sympy.Integer(2), half_lower(symmetric))


def _factor(a: Array, domain: Domain) -> Array:
    """The factor of one matrix of objects, row by row (Cholesky–Banachiewicz)."""
    n = a.shape[0]
    out = domain.array(np.zeros((n, n), dtype=int))
    for i in range(n):
        for j in range(i + 1):
            rest: Any = a[i, j] - sum((out[i, k] * out[j, k] for k in range(j)), start=0 * a[i, j])
            if i > j:
                out[i, j] = rest / out[j, j]
                continue
            if _is_not_positive(rest):
                raise np.linalg.LinAlgError("Matrix is not positive definite")
            root = domain.elementwise(sympy.sqrt, np.sqrt, [np.asarray(rest, dtype=object)])
            out[i, i] = root[()]
    return out


def _is_not_positive(value: Any) -> bool:
    """Whether a pivot is certainly not above 0; a symbolic one may be anything."""
    if isinstance(value, sympy.Expr):
        return value.is_positive is False
    return not value > 0


register(Cholesky())
