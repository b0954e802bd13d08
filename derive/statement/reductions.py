"""Functions along axes: sums, means, extremes, log-sum-exp, norms."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import sympy

from ..build import einsum, full, number, scale, zero
from ..errors import ArgumentError, UnsupportedError
from ..node import Node
from ..operators import apply, normal_axes
from ..sizes import HALF, ONE, product
from . import arithmetic as ar
from .indexing import Span, index
from .signature import function

Axes = int | tuple[int, ...] | None

#: The most factors that a product of a fixed number of entries is written out with.
FACTORS = 64


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


@function(axis="axes", keepdims="flag")
def prod(A: Node, axis: Axes = None, keepdims: bool = False) -> Node:
    """The product of all entries, or over axes: exp Σ log of positive entries, else one factor after the other."""
    axes = normal_axes(axis, A.order, "prod")
    if "positive" in A.facts:
        return apply("exp", _reduced(apply("log", A), axes, keepdims))
    sizes = [A.shape[k] for k in axes]
    if not all(s.is_Integer for s in sizes) or product(sizes) > FACTORS:
        raise UnsupportedError(
            f"prod: the entries are not known to be positive, and {product(sizes)} is no fixed number of factors "
            f"up to {FACTORS}; declare the fact positive, or write exp(sum(log(...)))"
        )
    found = full(tuple(s for k, s in enumerate(A.shape) if k not in axes))
    for places in itertools.product(*(range(int(s)) for s in sizes)):
        at = dict(zip(axes, places, strict=True))
        entry = index(A, [sympy.Integer(at[k]) if k in at else Span() for k in range(A.order)])
        found = ar.mul(found, entry)
    return _kept(found, A, axes, keepdims)


@function(ord="order", axis="axes", keepdims="flag")
def norm(A: Node, ord: sympy.Expr | str | None = None, axis: Axes = None, keepdims: bool = False) -> Node:
    """(Σ |A|^ord)^(1/ord), entry by entry; without `ord` the Euclidean (Frobenius) norm; "nuc" of a matrix."""
    axes = normal_axes(axis, A.order, "norm")
    if ord == "nuc":
        if axes != tuple(range(A.order))[-2:] or keepdims:
            raise ArgumentError('norm(A, "nuc") is the sum of the singular values on the last two axes')
        return apply("nuclear_norm", A)
    if isinstance(ord, str):
        if ord != "fro":
            raise ArgumentError(f'norm: the order is a number, "fro" or "nuc", not {ord!r}')
        ord = None
    if ord == 1:
        return _reduced(apply("abs", A), axes, keepdims)
    if ord is None or (ord == 2 and len(axes) <= 1):
        return ar.pow(_reduced(ar.pow(A, number(2)), axes, keepdims), number(HALF))
    if ord == 2:
        raise ArgumentError(
            "norm(A, 2) of a matrix is the largest singular value to some and the root of the sum of squares "
            "to others; write spectral_norm(A) for the former, norm(A) for the latter"
        )
    if ord.is_number and not ord > 0:
        raise ArgumentError(f"norm: the order must be above 0, not {ord}")
    if len(axes) > 1:
        raise ArgumentError(
            f"norm(A, {ord}) of a matrix has several meanings; write sum(abs(A)**{ord})**(1/{ord})"
        )
    powers = ar.pow(apply("abs", A), number(ord))
    return ar.pow(_reduced(powers, axes, keepdims), number(ONE / ord))
