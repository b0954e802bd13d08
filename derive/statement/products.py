"""Products of arrays, Einstein summation, and linear algebra on the last two axes."""

from __future__ import annotations

import sympy

from ..build import einsum
from ..build import transpose as permuted
from ..errors import LimitError, SizeError
from ..node import Node, delta, ones
from ..operators import apply
from ..sizes import product, same_size, show_shape
from . import arithmetic as ar
from .einsum_text import contract
from .shapes import reshaped
from .signature import Function, alias, function


def _vector(name: str, *nodes: Node) -> None:
    for node in nodes:
        if node.order != 1:
            shapes = " and ".join(show_shape(n.shape) for n in nodes)
            raise SizeError(f"{name} takes vectors, but got sizes {shapes}")


@function()
def dot(a: Node, b: Node) -> Node:
    """The inner product of two vectors, Σ aᵢ bᵢ."""
    if a.order != 1 or b.order != 1:
        raise SizeError(
            f"dot takes two vectors, but got sizes {show_shape(a.shape)} and {show_shape(b.shape)}; "
            "write A @ B for a matrix product and sum(A * B) for the sum of all products"
        )
    if not same_size(a.shape[0], b.shape[0]):
        raise ar.misfit(a.shape, b.shape, "dot", a.shape[0], b.shape[0])
    return einsum([(a, (0,)), (b, (0,))], ())


@function()
def outer(a: Node, b: Node) -> Node:
    """The outer product a bᵀ of two vectors."""
    _vector("outer", a, b)
    return einsum([(a, (0,)), (b, (1,))], (0, 1))


@function()
def kron(A: Node, B: Node) -> Node:
    """The Kronecker product: the blocks A_ij B."""
    if A.order != B.order or A.order not in (1, 2):
        raise SizeError(
            f"kron takes two matrices or two vectors, but got sizes {show_shape(A.shape)} "
            f"and {show_shape(B.shape)}"
        )
    shape = tuple(sympy.expand(p * q) for p, q in zip(A.shape, B.shape, strict=True))
    if A.order == 1:
        return reshaped(einsum([(A, (0,)), (B, (1,))], (0, 1)), shape)
    return reshaped(einsum([(A, (0, 2)), (B, (1, 3))], (0, 1, 2, 3)), shape)


def _einsum_meaning(subscripts: str, *operands: Node) -> Node:
    """Einstein summation over labelled axes, as NumPy writes it: einsum("kab,ikb->ika", L, D)."""
    return contract(subscripts, operands)


_einsum_meaning.__name__ = "einsum"
einsum_function: Function = function(subscripts="text")(_einsum_meaning)


# ---------------------------------------------------------------- linear algebra


def _square(name: str, A: Node) -> None:
    message = f"{name} needs a square matrix, but got sizes {show_shape(A.shape)}"
    if A.order < 2:
        raise SizeError(message)
    if not same_size(A.shape[-1], A.shape[-2]):
        raise ar.unequal(message, A.shape[-1], A.shape[-2])


@function()
def tr(A: Node) -> Node:
    """The trace Σ A_ii, on the last two axes."""
    _square("tr", A)
    batch = tuple(range(A.order - 2))
    return einsum([(A, (*batch, 50, 50))], batch)


@function()
def det(A: Node) -> Node:
    """The determinant, on the last two axes."""
    _square("det", A)
    return apply("det", A)


@function()
def logdet(A: Node) -> Node:
    """log |det A|, on the last two axes."""
    _square("logdet", A)
    return apply("logdet", A)


@function()
def inv(A: Node) -> Node:
    """The inverse, on the last two axes."""
    _square("inv", A)
    return apply("inv", A)


@function()
def solve(A: Node, b: Node) -> Node:
    """A⁻¹ b."""
    _square("solve", A)
    if b.order == 0:
        raise SizeError(f"solve needs a vector or a matrix, but got sizes {show_shape(b.shape)}")
    rows = b.shape[-2] if b.order > 1 else b.shape[0]
    if not same_size(A.shape[-1], rows):
        raise ar.misfit(A.shape, b.shape, "solve", A.shape[-1], rows)
    return ar.matmul(apply("inv", A), b)


@function()
def cholesky(A: Node) -> Node:
    """The lower triangular L with A = L Lᵀ, on the last two axes; only the lower triangle of A is read."""
    _square("cholesky", A)
    return apply("cholesky", A)


@function()
def diag(A: Node) -> Node:
    """The diagonal matrix of a vector; the diagonal of a square matrix."""
    if A.order == 1:
        return einsum([(A, (0,)), (delta(A.shape[0]), (0, 1))], (0, 1))
    if A.order != 2:
        raise SizeError(f"diag takes a vector or a square matrix, but got sizes {show_shape(A.shape)}")
    _square("diag", A)
    return einsum([(A, (0, 0))], (0,))


@function(k="integer")
def triu(A: Node, k: int = 0) -> Node:
    """The entries on and above the k-th diagonal, on the last two axes."""
    return ar.sub(A, apply("tril", A, k=k - 1))


@function()
def vec(A: Node) -> Node:
    """The columns of a matrix, one below the other."""
    if A.order == 1:
        return A
    if A.order != 2:
        raise SizeError(f"vec takes a matrix, but got sizes {show_shape(A.shape)}")
    return reshaped(permuted(A), (sympy.expand(product(A.shape)),))


#: The largest power of a matrix that is written out as a product.
POWER = 32


@function(n="integer")
def matrix_power(A: Node, n: int) -> Node:
    """The matrix product of n copies of A; of its inverse for negative n."""
    _square("matrix_power", A)
    if abs(n) > POWER:
        raise LimitError(f"matrix_power: the power {n} is beyond ±{POWER}")
    if n == 0:
        batch = [(ones((s,)), (k,)) for k, s in enumerate(A.shape[:-2])]
        labels = tuple(range(A.order))
        return einsum([(delta(A.shape[-1]), labels[-2:]), *batch], labels)
    base = apply("inv", A) if n < 0 else A
    found = base
    for _ in range(abs(n) - 1):
        found = ar.matmul(found, base)
    return found


alias("trace", tr)
