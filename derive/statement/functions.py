"""The functions of the language, as formulas on nodes.

Elementwise operators of the registry are functions under their own names; all others are stated here, one
small function each. None of them knows anything about parsing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sympy

from ..build import einsum, full, is_zero, number, scale, zero
from ..build import transpose as permuted
from ..errors import ArgumentError, SizeError
from ..node import Node, delta
from ..operators import REGISTRY, Elementwise, apply, normal_axes
from ..sizes import HALF, Shape, Size, product, same_size, show_shape
from . import arithmetic as ar
from .einsum_text import contract
from .indexing import Span, index
from .signature import FUNCTIONS, Function, alias, bounded, function

Axes = int | tuple[int, ...] | None

# ---------------------------------------------------------------- elementwise


def _register_elementwise() -> None:
    for operator in REGISTRY.values():
        if isinstance(operator, Elementwise) and operator.name not in ("power", "pow", "where", "polygamma"):
            names = ("x", "y", "z")[: operator.arity]
            meaning = _entrywise(operator.name, operator.arity)
            meaning.__name__ = operator.name
            meaning.__doc__ = f"{operator.name}({', '.join(names)}), entry by entry."
            function()(meaning)


def _entrywise(name: str, arity: int) -> Callable[..., Node]:
    """The elementwise operator as a function of that many nodes."""
    if arity == 1:
        return lambda x: apply(name, x)
    return lambda x, y: ar.elementwise(name, x, y)


_register_elementwise()


@function()
def sqrt(x: Node) -> Node:
    """The square root, entry by entry: x ** (1/2)."""
    return ar.pow(x, number(HALF))


@function()
def square(x: Node) -> Node:
    """x ** 2, entry by entry."""
    return ar.pow(x, number(2))


@function()
def power(x: Node, y: Node) -> Node:
    """x ** y, entry by entry."""
    return ar.pow(x, y)


@function(order="number")
def polygamma(order: sympy.Expr, x: Node) -> Node:
    """The derivative of that order of digamma, entry by entry: polygamma(1, x) is trigamma(x)."""
    if not (order.is_Integer and order >= 0):
        raise ArgumentError(f"polygamma: the order must be a whole number ≥ 0, not {order}")
    return apply(("digamma", "trigamma")[int(order)], x) if order < 2 else apply("polygamma", x, order=order)


@function()
def where(condition: Node, x: Node, y: Node) -> Node:
    """x where the condition is not 0, else y, entry by entry."""
    return ar.elementwise("where", condition, x, y)


# ---------------------------------------------------------------- reductions


def _reduced(A: Node, axes: tuple[int, ...], keepdims: bool) -> Node:
    """The sum over axes."""
    labels = tuple(range(A.order))
    kept = tuple(i for i in labels if i not in axes)
    return _kept(einsum([(A, labels)], kept), A, axes, keepdims)


def _kept(reduced: Node, A: Node, axes: tuple[int, ...], keepdims: bool) -> Node:
    """A reduced array, with the reduced axes put back with size 1 if wanted."""
    if not keepdims:
        return reduced
    return index(reduced, [None if k in axes else Span() for k in range(A.order)])


def _spread(reduced: Node, A: Node, axes: tuple[int, ...]) -> Node:
    """A reduced array repeated along the reduced axes."""
    return ar.broadcast_to(_kept(reduced, A, axes, True), A.shape)


@function(axis="axes", keepdims="flag")
def sum(A: Node, axis: Axes = None, keepdims: bool = False) -> Node:
    """The sum of all entries, or over axes."""
    return _reduced(A, normal_axes(axis, A.order, "sum"), keepdims)


@function(axis="axes", keepdims="flag")
def mean(A: Node, axis: Axes = None, keepdims: bool = False) -> Node:
    """The mean of all entries, or over axes: the sum divided by the exact number of entries."""
    axes = normal_axes(axis, A.order, "mean")
    return scale(1 / product(A.shape[k] for k in axes), _reduced(A, axes, keepdims))


def _along(name: str) -> Callable[..., Node]:
    def meaning(A: Node, axis: Axes = None, keepdims: bool = False) -> Node:
        axes = normal_axes(axis, A.order, name)
        if not axes:
            return A
        return _kept(apply(name, A, axes=axes), A, axes, keepdims)

    meaning.__name__ = name
    return meaning


for _name, _doc in (
    ("max", "The largest entry of all, or along axes."),
    ("min", "The smallest entry of all, or along axes."),
    ("logsumexp", "log Σ exp over all entries, or along axes."),
):
    _meaning = _along(_name)
    _meaning.__doc__ = _doc
    function(axis="axes", keepdims="flag")(_meaning)


def _same_shape(name: str) -> Callable[..., Node]:
    def meaning(A: Node, axis: Axes = None) -> Node:
        axes = normal_axes(axis, A.order, name)
        return apply(name, A, axes=axes) if axes else full(A.shape)

    meaning.__name__ = name
    return meaning


for _name, _doc in (
    ("softmax", "exp A / Σ exp A over all entries, or along axes."),
    ("max_share", "The subgradient of max: 1/k at each of the k largest entries, else 0."),
    ("min_share", "The subgradient of min: 1/k at each of the k smallest entries, else 0."),
):
    _meaning = _same_shape(_name)
    _meaning.__doc__ = _doc
    function(axis="axes")(_meaning)


@function(axis="axes")
def log_softmax(A: Node, axis: Axes = None) -> Node:
    """log softmax = A − logsumexp(A), without overflow."""
    axes = normal_axes(axis, A.order, "log_softmax")
    if not axes:
        return zero(A.shape)
    return ar.sub(A, _spread(apply("logsumexp", A, axes=axes), A, axes))


@function(axis="axes", keepdims="flag")
def sumsq(A: Node, axis: Axes = None, keepdims: bool = False) -> Node:
    """The sum of the squared entries."""
    return _reduced(ar.pow(A, number(2)), normal_axes(axis, A.order, "sumsq"), keepdims)


@function(ord="number", axis="axes", keepdims="flag")
def norm(A: Node, ord: sympy.Expr | None = None, axis: Axes = None, keepdims: bool = False) -> Node:
    """The Euclidean (Frobenius) norm; `norm(A, 1)` is the sum of the absolute values, entrywise."""
    axes = normal_axes(axis, A.order, "norm")
    if ord == 1:
        return _reduced(apply("abs", A), axes, keepdims)
    if ord is None or (ord == 2 and len(axes) <= 1):
        return ar.pow(_reduced(ar.pow(A, number(2)), axes, keepdims), number(HALF))
    if ord == 2:
        raise ArgumentError(
            "norm(A, 2) of a matrix is the largest singular value to some and the root of the sum of squares "
            "to others; write norm(A) for the latter"
        )
    raise ArgumentError(f"norm: the order must be 1 or 2, not {ord}")


# ---------------------------------------------------------------- products


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
def tril(A: Node, k: int = 0) -> Node:
    """The entries on and below the k-th diagonal, on the last two axes."""
    return apply("tril", A, k=k)


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


# ---------------------------------------------------------------- arrays from sizes, shapes


def _one_shape(sizes: tuple[Shape, ...]) -> Shape:
    if not sizes:
        raise ArgumentError("at least one size is needed, such as ones(n) or ones(n, d)")
    return tuple(size for part in sizes for size in part)


@function(n="size")
def eye(n: Size) -> Node:
    """The identity matrix of size n."""
    return delta(n)


@function(sizes="sizes")
def ones(*sizes: Shape) -> Node:
    """The array of ones of the sizes."""
    return full(_one_shape(sizes))


@function(sizes="sizes")
def zeros(*sizes: Shape) -> Node:
    """The array of zeros of the sizes."""
    return zero(_one_shape(sizes))


@function(x="number")
def ceiling(x: sympy.Expr) -> Node:
    """The least whole number ≥ x, for sizes: X[::2] has ceiling(n / 2) rows."""
    return number(sympy.ceiling(x))


def reshaped(A: Node, shape: Shape) -> Node:
    """The entries in row-major order under another shape."""
    return apply("reshape", bounded(A, "reshape"), shape=shape)


@function(sizes="sizes")
def reshape(A: Node, *sizes: Shape) -> Node:
    """The entries in row-major order under the sizes: reshape(A, n, d) or reshape(A, (n, d))."""
    return reshaped(A, _one_shape(sizes))


@function(axes="axes")
def transpose(A: Node, *axes: Axes) -> Node:
    """The axes reversed, or in the order given."""
    if not axes:
        return permuted(A)
    flat = [k for part in axes for k in (part if isinstance(part, tuple) else (part,)) if k is not None]
    order = [k % A.order if A.order and -A.order <= k < A.order else -1 for k in flat]
    if sorted(order) != list(range(A.order)):
        raise ArgumentError(f"transpose: {tuple(flat)} does not name each of the {A.order} axes once")
    return permuted(A, order)


@function(arrays="arrays", axis="integer")
def concatenate(*arrays: tuple[Node, ...], axis: int = 0) -> Node:
    """Arrays joined along an axis: concatenate(a, b, axis=0) or concatenate((a, b))."""
    parts = [a for group in arrays for a in group]
    if not parts or not all(a.order for a in parts):
        raise ArgumentError("concatenate needs arrays with at least one axis")
    (where_,) = normal_axes(axis, parts[0].order, "concatenate")
    return apply("concatenate", *parts, axis=where_)


@function(shape="sizes", index="entry")
def place(A: Node, shape: Shape, *index: Any) -> Node:
    """The adjoint of a slice: A put into zeros of a shape; per axis a position or (start, count, step)."""
    picks: list[tuple[Any, ...]] = []
    for entry in index:
        if not isinstance(entry, tuple):
            picks.append(("at", entry))
        elif len(entry) == 3:
            picks.append(("range", *entry))
        else:
            raise ArgumentError("place: an entry is a position or (start, count, step)")
    counts = tuple(entry[2] for entry in picks if entry[0] == "range")
    if len(picks) != len(shape) or len(counts) != A.order:
        raise SizeError(f"place: {show_shape(A.shape)} does not fit into {show_shape(shape)} at that index")
    for size, count in zip(A.shape, counts, strict=True):
        if not same_size(size, count):
            raise SizeError(f"place: sizes {show_shape(A.shape)} and {show_shape(counts)} do not fit")
    return zero(shape) if is_zero(A) else apply("place", A, index=tuple(picks), shape=shape)


alias("trace", tr)

from . import layers as _layers  # noqa: E402, F401  (they register the rest of the language)
from . import parts as _parts  # noqa: E402, F401

__all__ = ["FUNCTIONS", "Function", "index"]
