"""NumPy's functions on arrays: reductions, diagonals, products, choices and constants."""

from __future__ import annotations

from typing import Any

from ..build import einsum, number, scale
from ..errors import SizeError, UnsupportedError
from ..node import Node
from ..operators import normal_axes
from ..sizes import (
    HALF,
    Shape,
    Size,
    product,
    same_shape,
    same_size,
    show_shape,
)
from . import arithmetic as ar
from .functions import FUNCTIONS
from .numpy_shapes import ravel
from .numpy_table import NUMPY, Meaning, as_node, call, numpy_function


def _reduction(name: str) -> Meaning:
    return lambda a, axis=None, keepdims=False: call(name, a, axis=axis, keepdims=keepdims)


for _name, _ours in (
    ("sum", "sum"),
    ("mean", "mean"),
    ("max", "max"),
    ("amax", "max"),
    ("min", "min"),
    ("amin", "min"),
    ("prod", "prod"),
):
    NUMPY[_name] = _reduction(_ours)


@numpy_function()
def var(a: Node, axis: Any = None, ddof: int = 0, keepdims: bool = False) -> Node:
    """Σ (a − mean)² / (count − ddof)"""
    centred = ar.sub(a, call("mean", a, axis=axis, keepdims=True))
    count = product(a.shape[k] for k in normal_axes(axis, a.order, "var"))
    return scale(1 / (count - ddof), call("sumsq", centred, axis=axis, keepdims=keepdims))


@numpy_function()
def std(a: Node, axis: Any = None, ddof: int = 0, keepdims: bool = False) -> Node:
    """The square root of the variance."""
    return ar.pow(var(a, axis=axis, ddof=ddof, keepdims=keepdims), number(HALF))


@numpy_function()
def average(a: Node, axis: Any = None, weights: Any = None, keepdims: bool = False) -> Node:
    """Σ w a / Σ w"""
    if weights is None:
        return call("mean", a, axis=axis, keepdims=keepdims)
    if weights.order != a.order:
        raise UnsupportedError("np.average with weights of another shape than the array has no symbolic form")
    top = call("sum", ar.mul(a, weights), axis=axis, keepdims=keepdims)
    return ar.div(top, call("sum", weights, axis=axis, keepdims=keepdims))


@numpy_function()
def trace(a: Node, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Node:
    """The sum of the diagonal."""
    return call("sum", diagonal(a, offset, axis1, axis2), axis=-1)


@numpy_function()
def diagonal(a: Node, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Node:
    """The diagonal along two axes, put last."""
    main_diagonal_only("diagonal", offset)
    p, q = (normal_axes(k, a.order, "diagonal")[0] for k in (axis1, axis2))
    if p == q or not same_size(a.shape[p], a.shape[q]):
        raise SizeError(f"the diagonal needs two axes of one size, not those of {show_shape(a.shape)}")
    labels = [min(p, q) if k == max(p, q) else k for k in range(a.order)]
    return einsum([(a, tuple(labels))], (*(k for k in range(a.order) if k not in (p, q)), min(p, q)))


def main_diagonal_only(name: str, offset: Any) -> None:
    if offset != 0:
        raise UnsupportedError(f"np.{name} off the main diagonal has no symbolic form")


@numpy_function()
def diag(v: Node, k: int = 0) -> Node:
    """The diagonal matrix of a vector; the diagonal of a square matrix."""
    main_diagonal_only("diag", k)
    return call("diag", v)


@numpy_function("diagflat")
def _diagflat(v: Node, k: int = 0) -> Node:
    main_diagonal_only("diagflat", k)
    return call("diag", ravel(v))


@numpy_function()
def tril(m: Node, k: int = 0) -> Node:
    return call("tril", m, k)


@numpy_function()
def triu(m: Node, k: int = 0) -> Node:
    return call("triu", m, k)


# ---------------------------------------------------------------- products


@numpy_function()
def dot(a: Any, b: Any) -> Node:
    """NumPy's dot: a product with a scalar, an inner product, or the last axis of `a` with the last but one of `b`."""
    a, b = as_node(a), as_node(b)
    if not a.order or not b.order:
        return ar.mul(a, b)
    if b.order <= 2:
        return ar.matmul(a, b) if b.order == 1 or a.order <= 2 else tensordot(a, b, ([-1], [0]))
    return tensordot(a, b, ([-1], [-2]))


@numpy_function()
def inner(a: Any, b: Any) -> Node:
    """The sum of products over the last axes."""
    a, b = as_node(a), as_node(b)
    return ar.mul(a, b) if not a.order or not b.order else tensordot(a, b, ([-1], [-1]))


@numpy_function()
def vdot(a: Any, b: Any) -> Node:
    """The sum of all products of entries."""
    a, b = as_node(a), as_node(b)
    if not same_shape(a.shape, b.shape):
        raise SizeError(f"vdot: sizes {show_shape(a.shape)} and {show_shape(b.shape)} do not fit")
    labels = tuple(range(a.order))
    return einsum([(a, labels), (b, labels)], ())


@numpy_function()
def outer(a: Any, b: Any) -> Node:
    return einsum([(ravel(as_node(a)), (0,)), (ravel(as_node(b)), (1,))], (0, 1))


@numpy_function()
def tensordot(a: Any, b: Any, axes: Any = 2) -> Node:
    """The sum of products over pairs of axes."""
    a, b = as_node(a), as_node(b)
    if isinstance(axes, int):
        left, right = list(range(a.order - axes, a.order)), list(range(axes))
    else:
        left, right = ([p] if isinstance(p, int) else list(p) for p in axes)
    left = [normal_axes(k, a.order, "tensordot")[0] for k in left]
    right = [normal_axes(k, b.order, "tensordot")[0] for k in right]
    for p, q in zip(left, right, strict=True):
        if not same_size(a.shape[p], b.shape[q]):
            raise SizeError(ar.misfit(a.shape, b.shape, "tensordot", a.shape[p], b.shape[q]))
    la, lb = list(range(a.order)), list(range(100, 100 + b.order))
    for p, q in zip(left, right, strict=True):
        lb[q] = la[p]
    output = [k for j, k in enumerate(la) if j not in left] + [k for j, k in enumerate(lb) if j not in right]
    return einsum([(a, tuple(la)), (b, tuple(lb))], tuple(output))


def _letters(labels: Any) -> str:
    """Whole numbers as letters."""
    return "".join(chr(97 + k) if k < 26 else chr(65 + k - 26) for k in labels)


@numpy_function("einsum")
def _einsum(subscripts: Any, *operands: Any) -> Node:
    """Einstein summation, by subscripts or by lists of labels."""
    if isinstance(subscripts, str):
        return call("einsum", subscripts, *operands)
    words = [subscripts, *operands]
    output = words.pop() if len(words) % 2 else None
    text = ",".join(_letters(labels) for labels in words[1::2]) + (
        "" if output is None else "->" + _letters(output)
    )
    return call("einsum", text, *words[::2])


@numpy_function()
def kron(a: Node, b: Node) -> Node:
    return call("kron", a, b)


@numpy_function()
def matmul(a: Node, b: Node) -> Node:
    return ar.matmul(a, b)


# ---------------------------------------------------------------- choices and constants


@numpy_function()
def where(condition: Any, x: Any = None, y: Any = None) -> Node:
    """x where the condition is not 0, else y."""
    if x is None or y is None:
        raise UnsupportedError("np.where(condition) alone gives positions, which have no symbolic form")
    return call("where", as_node(condition), as_node(x), as_node(y))


@numpy_function()
def clip(a: Node, a_min: Any = None, a_max: Any = None, **more: Any) -> Node:
    """Not below `a_min`, not above `a_max`."""
    low, high = more.pop("min", a_min), more.pop("max", a_max)
    if more:
        raise UnsupportedError(f"np.clip with {', '.join(more)}=… has no symbolic form")
    found = a if low is None else ar.elementwise("maximum", a, as_node(low))
    return found if high is None else ar.elementwise("minimum", found, as_node(high))


@numpy_function("zeros_like")
def _zeros_like(a: Node) -> Node:
    return number(0, a.shape)


@numpy_function("ones_like")
def _ones_like(a: Node) -> Node:
    return number(1, a.shape)


@numpy_function("full_like")
def _full_like(a: Node, fill_value: Any) -> Node:
    return ar.broadcast_to(as_node(fill_value), a.shape)


@numpy_function("shape")
def _shape(a: Node) -> Shape:
    return a.shape


@numpy_function("ndim")
def _ndim(a: Node) -> int:
    return a.order


@numpy_function("size")
def _count(a: Node, axis: int | None = None) -> Size:
    return product(a.shape) if axis is None else a.shape[axis]


@numpy_function("copy", "real")
def _same(a: Node) -> Node:
    return a


@numpy_function("diff")
def _diff(a: Node, n: int = 1, axis: int = -1) -> Node:
    for _ in range(n):
        a = call("diff", a, axis=axis)
    return a


@numpy_function("cumsum")
def _cumsum(a: Node, axis: Any = None) -> Node:
    if "cumsum" not in FUNCTIONS:
        raise UnsupportedError("np.cumsum has no symbolic form")
    return call("cumsum", ravel(a) if axis is None else a, axis=0 if axis is None else axis)
