"""Kronecker products: inverses and determinants factor by factor, products with a vector as products of matrices.

kron(A, B) is the reshape of Aᵢₖ Bⱼₗ, and kron(A, B) v is A V Bᵀ, row after row, with V = reshape(v).
"""

from __future__ import annotations

import sympy

from ..build import add, einsum, scale, split_scale, swap_last
from ..node import Apply, Einsum, Node, Sum
from ..operators import apply
from ..sizes import Shape, same_shape, same_size
from .distributions import open_all

Pair = tuple[sympy.Expr, Node, Node]


def _pair(node: Node) -> Pair | None:
    """(c, A, B) where the node is c kron(A, B)."""
    if not isinstance(node, Apply) or node.op != "reshape" or node.order != 2:
        return None
    c, inner = split_scale(node.operands[0])
    if not isinstance(inner, Einsum) or inner.order != 4 or inner.summed or len(inner.operands) != 2:
        return None
    i, j, k, l = inner.output
    found: dict[tuple[int, int], Node] = {}
    for o, ls in inner.factors:
        if len(ls) != 2:
            return None
        found[min(ls), max(ls)] = o if inner.output.index(ls[0]) < inner.output.index(ls[1]) else swap_last(o)
    ends = [(min(p), max(p)) for p in ((i, k), (j, l))]
    if set(found) != set(ends):
        return None
    left, right = found[ends[0]], found[ends[1]]
    shape = (left.shape[0] * right.shape[0], left.shape[1] * right.shape[1])
    return (c, left, right) if all(map(same_size, shape, node.shape)) else None


def _square(node: Node) -> bool:
    return same_size(node.shape[0], node.shape[1])


def _kron(left: Node, right: Node) -> Node:
    product = einsum([(left, (0, 2)), (right, (1, 3))], (0, 1, 2, 3))
    rows, columns = (sympy.expand(left.shape[k] * right.shape[k]) for k in (0, 1))
    return apply("reshape", product, shape=(rows, columns))


def inverse_of_kronecker(node: Node) -> Node | None:
    """(A ⊗ B)⁻¹ -> A⁻¹ ⊗ B⁻¹,  log det (A ⊗ B) -> m log det A + n log det B, for square A and B"""
    if not isinstance(node, Apply) or node.op not in ("inv", "logdet"):
        return None
    front, inside = split_scale(node.operands[0])
    found = _pair(inside)
    if found is None or not _square(found[1]) or not _square(found[2]):
        return None
    c, left, right = found
    if node.op == "inv":
        return scale(1 / (front * c), _kron(apply("inv", left), apply("inv", right)))
    if front * c != 1:
        return None
    return add([(right.shape[0], apply("logdet", left)), (left.shape[0], apply("logdet", right))], node.shape)


def kronecker_times_vector(node: Node) -> Node | None:
    """(A ⊗ B) v -> A V Bᵀ, row after row, with V = reshape(v)"""
    if not isinstance(node, Einsum):
        return None
    factors = list(node.factors)
    for k, (matrix, labels) in enumerate(factors):
        found = _pair(matrix) if len(set(labels)) == 2 else None
        for j, (vector, (*at,)) in enumerate(factors) if found is not None else ():
            if vector.order != 1 or at[0] not in labels or at[0] in node.output or node.uses[at[0]] != 2:
                continue
            c, left, right = found  # type: ignore[misc]
            rows = labels[1] == at[0]
            left, right = (left, right) if rows else (swap_last(left), swap_last(right))
            wide = apply("reshape", vector, shape=(left.shape[1], right.shape[1]))
            product = einsum([(left, (0, 2)), (wide, (2, 3)), (right, (1, 3))], (0, 1))
            flat = apply("reshape", scale(c, product), shape=(sympy.expand(left.shape[0] * right.shape[0]),))
            rest = [f for m, f in enumerate(factors) if m not in (j, k)]
            return einsum([*rest, (flat, (labels[0] if rows else labels[1],))], node.output)
    return None


def inner_product_of_reshaped(node: Node) -> Node | None:
    """Σ reshape(A) reshape(B) -> Σ A ∘ B, for vectors that are matrices row after row"""
    if not isinstance(node, Einsum):
        return None
    factors = list(node.factors)
    for k, (u, labels) in enumerate(factors):
        if len(labels) != 1 or labels[0] in node.output or node.uses[labels[0]] != 2:
            continue
        if not isinstance(u, Apply) or u.op != "reshape" or u.operands[0].order != 2:
            continue
        for j, (v, others) in enumerate(factors):
            if j != k and others == labels:
                matrix = u.operands[0]
                wide = apply("reshape", v, shape=matrix.shape)
                both = einsum([(matrix, (0, 1)), (wide, (0, 1))], ())
                return einsum(
                    [*(f for m, f in enumerate(factors) if m not in (j, k)), (both, ())], node.output
                )
    return None


def reshape_of_products(node: Node) -> Node | None:
    """reshape(A + B) -> reshape(A) + reshape(B),  reshape(u vᵀ) of order four -> U ⊗ V, entry by entry"""
    if not isinstance(node, Apply) or node.op != "reshape":
        return None
    c, inside = split_scale(node.operands[0])
    if isinstance(inside, Sum) and (node.order == 4 or any(_undone(t, node.shape) for t in inside.operands)):
        return add([(c * b, apply("reshape", t, shape=node.shape)) for b, t in inside.terms], node.shape)
    if node.order != 4 or not isinstance(inside, Einsum) or inside.order != 2 or inside.summed:
        return None
    halves: tuple[Shape, Shape] = node.shape[:2], node.shape[2:]
    sizes = [sympy.expand(a * b) for a, b in halves]
    if not all(map(same_size, sizes, inside.shape)) or any(len(ls) > 1 for _, ls in inside.factors):
        return None
    factors = []
    for o, ls in inside.factors:
        if not ls:
            factors.append((o, ls))
            continue
        k = inside.output.index(ls[0])
        factors.append((apply("reshape", o, shape=halves[k]), (2 * k, 2 * k + 1)))
    return scale(c, einsum(factors, (0, 1, 2, 3)))


def _undone(node: Node, shape: Shape) -> bool:
    return isinstance(node, Apply) and node.op == "reshape" and same_shape(node.operands[0].shape, shape)


def products_of_matrices_opened(node: Node) -> Node | None:
    """Σ (Aᵢₖ Bⱼₗ − Cᵢₖ Dⱼₗ) Gₖₗ -> A G Bᵀ − C G Dᵀ: a sum of products with more axes than the result, opened"""
    if not isinstance(node, Einsum) or node.order > 2:
        return None
    factors = list(node.factors)
    for k, (inner, labels) in enumerate(factors):
        if not isinstance(inner, Sum) or inner.order < 4 or len(inner.operands) > 4:
            continue
        if all(isinstance(t, Einsum) and all(o.order <= 2 for o in t.operands) for t in inner.operands):
            rest = factors[:k] + factors[k + 1 :]
            pieces = [(c, einsum([(t, labels), *rest], node.output, open_all)) for c, t in inner.terms]
            return add(pieces, node.shape)
    return None


def transposed_kronecker(node: Node) -> Node | None:
    """(A ⊗ B)ᵀ -> Aᵀ ⊗ Bᵀ"""
    if not isinstance(node, Einsum) or len(node.operands) != 1 or node.order != 2 or node.summed:
        return None
    found = _pair(node.operands[0])
    if found is None or node.inputs[0] == node.output:
        return None
    c, left, right = found
    return scale(c, _kron(swap_last(left), swap_last(right)))


__all__ = [
    "inner_product_of_reshaped",
    "inverse_of_kronecker",
    "kronecker_times_vector",
    "products_of_matrices_opened",
    "reshape_of_products",
    "transposed_kronecker",
]
