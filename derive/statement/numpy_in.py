"""NumPy's functions on nodes, with NumPy's own parameters: what `__array_ufunc__` and `__array_function__` call.

A function keeps NumPy's meaning or is refused by name; settings that have no symbolic meaning
(`out`, `where`, `dtype`, …) are refused too. Nothing here knows the public face of an expression.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import sympy

from ..build import einsum, number, scale
from ..build import transpose as permuted
from ..errors import ArgumentError, SizeError, UnsupportedError
from ..node import Node, delta
from ..operators import apply, normal_axes
from ..sizes import HALF, ONE, Shape, Size, as_coefficient, product, same_shape, same_size, show_shape
from . import arithmetic as ar
from .functions import FUNCTIONS, reshaped
from .indexing import Span, index

Meaning = Callable[..., Any]


def _node(value: Any) -> Node:
    return value if isinstance(value, Node) else number(as_coefficient(value))


def _call(name: str, *args: Any, **settings: Any) -> Node:
    return FUNCTIONS[name](*args, **{k: v for k, v in settings.items() if v is not None})


# ---------------------------------------------------------------- ufuncs

#: NumPy's and SciPy's ufuncs that are binary operators of the language.
_OPERATORS = {
    "add": "+",
    "subtract": "-",
    "multiply": "*",
    "divide": "/",
    "true_divide": "/",
    "matmul": "@",
    "power": "**",
    "float_power": "**",
    "pow": "**",
}
#: Those that are functions of the language under another name.
_RENAMED = {
    "absolute": "abs",
    "fabs": "abs",
    "fmax": "maximum",
    "fmin": "minimum",
    "asin": "arcsin",
    "acos": "arccos",
    "atan": "arctan",
    "asinh": "arcsinh",
    "acosh": "arccosh",
    "atanh": "arctanh",
    "expit": "sigmoid",
    "psi": "digamma",
    "gammaln": "lgamma",
}
_COMPOSED: dict[str, Meaning] = {
    "negative": lambda x: ar.neg(x),
    "positive": lambda x: x,
    "conjugate": lambda x: x,
    "reciprocal": lambda x: ar.div(number(1), x),
    "exp2": lambda x: ar.pow(number(2), x),
    "log2": lambda x: scale(1 / sympy.log(2), apply("log", x)),
    "log10": lambda x: scale(1 / sympy.log(10), apply("log", x)),
    "hypot": lambda x, y: ar.pow(ar.add(ar.pow(x, number(2)), ar.pow(y, number(2))), number(HALF)),
    "logaddexp": lambda x, y: ar.add(y, apply("softplus", ar.sub(x, y))),
    "log_expit": lambda x: ar.neg(apply("softplus", ar.neg(x))),
    "heaviside": lambda x, h: _heaviside(x, h),
    "vecdot": lambda a, b: _call("sum", ar.mul(a, b), axis=-1),
}
#: Reductions by a ufunc, `np.add.reduce(X)`; NumPy takes axis 0 when none is given.
_REDUCTIONS = {"add": "sum", "maximum": "max", "minimum": "min", "logaddexp": "logsumexp"}


def ufunc(name: str, method: str, inputs: Sequence[Any], settings: Mapping[str, Any]) -> Node:
    """A ufunc of NumPy (or SciPy) on nodes and numbers, or one of its methods."""
    wanted = _without_refused(name, settings)
    if method == "reduce" and name in _REDUCTIONS:
        return _call(_REDUCTIONS[name], inputs[0], axis=wanted.pop("axis", 0), **wanted)
    if method == "outer" and name == "multiply":
        return _outer(*inputs)
    if method != "__call__":
        raise UnsupportedError(f"np.{name}.{method} has no symbolic form")
    if wanted:
        raise UnsupportedError(f"np.{name} with {', '.join(wanted)}=… has no symbolic form")
    nodes = [_node(x) for x in inputs]
    if name in _OPERATORS:
        return ar.binary(_OPERATORS[name], nodes[0], nodes[1])
    if name in _COMPOSED:
        found: Node = _COMPOSED[name](*nodes)
        return found
    name = _RENAMED.get(name, name)
    if name not in FUNCTIONS:
        raise UnsupportedError(f"np.{name} has no symbolic form")
    return FUNCTIONS[name](*nodes)


def _heaviside(x: Node, at_zero: Node) -> Node:
    """0 below 0, 1 above, `at_zero` at 0."""
    return ar.elementwise("where", x, apply("step", x), at_zero)


_NEUTRAL: dict[str, tuple[Any, ...]] = {
    "where": (True,),
    "order": ("K", "C"),
    "optimize": (True, False, "greedy", "optimal"),
    "casting": ("same_kind", "unsafe", "safe"),
    "subok": (True, False),
    "dtype": (float, "float", "float64"),
}


def _without_refused(name: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that matter; those that are NumPy's defaults are dropped, others of that kind refused."""
    kept = {}
    for key, value in settings.items():
        if key in ("out", "initial", *_NEUTRAL):
            known = key in _NEUTRAL and any(value is v or value == v for v in _NEUTRAL[key])
            if value is not None and not known and value != (None,):
                raise UnsupportedError(f"np.{name} with {key}=… has no symbolic form")
        else:
            kept[key] = value
    return kept


# ---------------------------------------------------------------- functions

_FUNCTIONS: dict[str, Meaning] = {}
_LINALG: dict[str, Meaning] = {}


def function(name: str, linalg: bool, args: Sequence[Any], settings: Mapping[str, Any]) -> Any:
    """A function of NumPy on nodes and numbers: a node, a tuple of nodes, or a shape."""
    shown = f"np.linalg.{name}" if linalg else f"np.{name}"
    table = _LINALG if linalg else _FUNCTIONS
    meaning = table.get(name) or (_FUNCTIONS.get(name) if linalg else None)
    if meaning is None:
        raise UnsupportedError(f"{shown} has no symbolic form")
    wanted = settings if name in ("where", "reshape", "ravel") else _without_refused(shown[3:], settings)
    try:
        return meaning(*args, **wanted)
    except TypeError as error:
        if "argument" not in str(error) or isinstance(error, ArgumentError):
            raise
        raise UnsupportedError(f"{shown} with these arguments has no symbolic form: {error}") from None


def _numpy(*names: str) -> Callable[[Meaning], Meaning]:
    def record(meaning: Meaning) -> Meaning:
        for name in names or (meaning.__name__.strip("_"),):
            _FUNCTIONS[name] = meaning
        return meaning

    return record


def _linalg(*names: str) -> Callable[[Meaning], Meaning]:
    def record(meaning: Meaning) -> Meaning:
        for name in names or (meaning.__name__.strip("_"),):
            _LINALG[name] = meaning
        return meaning

    return record


def _reduction(name: str) -> Meaning:
    return lambda a, axis=None, keepdims=False: _call(name, a, axis=axis, keepdims=keepdims)


for _name, _ours in (("sum", "sum"), ("mean", "mean"), ("max", "max"), ("amax", "max"), ("min", "min"), ("amin", "min")):
    _FUNCTIONS[_name] = _reduction(_ours)


@_numpy()
def var(a: Node, axis: Any = None, ddof: int = 0, keepdims: bool = False) -> Node:
    """Σ (a − mean)² / (count − ddof)"""
    centred = ar.sub(a, _call("mean", a, axis=axis, keepdims=True))
    count = product(a.shape[k] for k in normal_axes(axis, a.order, "var"))
    return scale(1 / (count - ddof), _call("sumsq", centred, axis=axis, keepdims=keepdims))


@_numpy()
def std(a: Node, axis: Any = None, ddof: int = 0, keepdims: bool = False) -> Node:
    """The square root of the variance."""
    return ar.pow(var(a, axis=axis, ddof=ddof, keepdims=keepdims), number(HALF))


@_numpy()
def average(a: Node, axis: Any = None, weights: Any = None, keepdims: bool = False) -> Node:
    """Σ w a / Σ w"""
    if weights is None:
        return _call("mean", a, axis=axis, keepdims=keepdims)
    if weights.order != a.order:
        raise UnsupportedError("np.average with weights of another shape than the array has no symbolic form")
    top = _call("sum", ar.mul(a, weights), axis=axis, keepdims=keepdims)
    return ar.div(top, _call("sum", weights, axis=axis, keepdims=keepdims))


@_numpy()
def trace(a: Node, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Node:
    """The sum of the diagonal."""
    return _call("sum", diagonal(a, offset, axis1, axis2), axis=-1)


@_numpy()
def diagonal(a: Node, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Node:
    """The diagonal along two axes, put last."""
    _no_offset("diagonal", offset)
    p, q = (normal_axes(k, a.order, "diagonal")[0] for k in (axis1, axis2))
    if p == q or not same_size(a.shape[p], a.shape[q]):
        raise SizeError(f"the diagonal needs two axes of one size, not those of {show_shape(a.shape)}")
    labels = [min(p, q) if k == max(p, q) else k for k in range(a.order)]
    return einsum([(a, tuple(labels))], tuple(k for k in range(a.order) if k not in (p, q)) + (min(p, q),))


def _no_offset(name: str, offset: Any) -> None:
    if offset != 0:
        raise UnsupportedError(f"np.{name} off the main diagonal has no symbolic form")


@_numpy()
def diag(v: Node, k: int = 0) -> Node:
    """The diagonal matrix of a vector; the diagonal of a square matrix."""
    _no_offset("diag", k)
    return _call("diag", v)


@_numpy("diagflat")
def _diagflat(v: Node, k: int = 0) -> Node:
    _no_offset("diagflat", k)
    return _call("diag", ravel(v))


@_numpy()
def tril(m: Node, k: int = 0) -> Node:
    return _call("tril", m, k)


@_numpy()
def triu(m: Node, k: int = 0) -> Node:
    return _call("triu", m, k)


# ---------------------------------------------------------------- products


@_numpy()
def dot(a: Any, b: Any) -> Node:
    """NumPy's dot: a product with a scalar, an inner product, or the last axis of `a` with the last but one of `b`."""
    a, b = _node(a), _node(b)
    if not a.order or not b.order:
        return ar.mul(a, b)
    if b.order <= 2:
        return ar.matmul(a, b) if b.order == 1 or a.order <= 2 else tensordot(a, b, ([-1], [0]))
    return tensordot(a, b, ([-1], [-2]))


@_numpy()
def inner(a: Any, b: Any) -> Node:
    """The sum of products over the last axes."""
    a, b = _node(a), _node(b)
    return ar.mul(a, b) if not a.order or not b.order else tensordot(a, b, ([-1], [-1]))


@_numpy()
def vdot(a: Any, b: Any) -> Node:
    """The sum of all products of entries."""
    a, b = _node(a), _node(b)
    if not same_shape(a.shape, b.shape):
        raise SizeError(f"vdot: sizes {show_shape(a.shape)} and {show_shape(b.shape)} do not fit")
    labels = tuple(range(a.order))
    return einsum([(a, labels), (b, labels)], ())


@_numpy("outer")
def _outer(a: Any, b: Any) -> Node:
    return einsum([(ravel(_node(a)), (0,)), (ravel(_node(b)), (1,))], (0, 1))


@_numpy()
def tensordot(a: Any, b: Any, axes: Any = 2) -> Node:
    """The sum of products over pairs of axes."""
    a, b = _node(a), _node(b)
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


@_numpy("einsum")
def _einsum(subscripts: Any, *operands: Any) -> Node:
    """Einstein summation, by subscripts or by lists of labels."""
    if isinstance(subscripts, str):
        return _call("einsum", subscripts, *operands)
    words = [subscripts, *operands]
    output = words.pop() if len(words) % 2 else None
    letter = lambda labels: "".join(chr(97 + k) if k < 26 else chr(65 + k - 26) for k in labels)
    text = ",".join(letter(labels) for labels in words[1::2]) + ("" if output is None else "->" + letter(output))
    return _call("einsum", text, *words[::2])


@_numpy()
def kron(a: Node, b: Node) -> Node:
    return _call("kron", a, b)


@_numpy()
def matmul(a: Node, b: Node) -> Node:
    return ar.matmul(a, b)


# ---------------------------------------------------------------- shapes


@_numpy()
def transpose(a: Node, axes: Any = None) -> Node:
    """Axes permuted, reversed by default."""
    return permuted(a) if axes is None else _call("transpose", a, tuple(axes))


@_numpy()
def swapaxes(a: Node, axis1: int, axis2: int) -> Node:
    """Two axes exchanged."""
    (p,), (q,) = normal_axes(axis1, a.order, "swapaxes"), normal_axes(axis2, a.order, "swapaxes")
    order = list(range(a.order))
    order[p], order[q] = q, p
    return permuted(a, order)


@_numpy()
def moveaxis(a: Node, source: Any, destination: Any) -> Node:
    """Axes moved to other places, the others in their order."""
    starts = [normal_axes(k, a.order, "moveaxis")[0] for k in ([source] if isinstance(source, int) else source)]
    ends = [normal_axes(k, a.order, "moveaxis")[0] for k in ([destination] if isinstance(destination, int) else destination)]
    order = [k for k in range(a.order) if k not in starts]
    for end, start in sorted(zip(ends, starts, strict=True)):
        order.insert(end, start)
    return permuted(a, order)


@_numpy("matrix_transpose")
def _matrix_transpose(x: Node) -> Node:
    return swapaxes(x, -1, -2)


@_numpy()
def reshape(a: Node, shape: Any, order: str = "C", **more: Any) -> Node:
    """The entries in row-major (or column-major) order under another shape; -1 stands for the size that is left."""
    if more or order not in ("C", "F"):
        raise UnsupportedError("np.reshape with these arguments has no symbolic form")
    wanted = list(shape) if isinstance(shape, tuple | list) else [shape]
    open_axes = [k for k, s in enumerate(wanted) if s == -1]
    if len(open_axes) > 1:
        raise ArgumentError("reshape: only one size can be left open")
    for k in open_axes:
        rest = product(as_coefficient(s) for j, s in enumerate(wanted) if j != k)
        wanted[k] = sympy.cancel(product(a.shape) / rest)
    if order == "F":
        return permuted(reshaped(permuted(a), tuple(_size(s) for s in reversed(wanted))))
    return reshaped(a, tuple(_size(s) for s in wanted))


def _size(value: Any) -> Size:
    from ..sizes import as_size

    return as_size(value)


@_numpy("ravel")
def ravel(a: Node, order: str = "C") -> Node:
    """All entries in one row."""
    return reshape(a, -1, order=order) if a.order != 1 else a


@_numpy("squeeze")
def _squeeze(a: Node, axis: Any = None) -> Node:
    """Without axes of size 1."""
    chosen = [k for k, s in enumerate(a.shape) if s == 1] if axis is None else normal_axes(axis, a.order, "squeeze")
    for k in chosen:
        if a.shape[k] != 1:
            raise SizeError(f"squeeze: axis {k} has size {a.shape[k]}, not 1")
    return index(a, [sympy.S.Zero if k in chosen else Span() for k in range(a.order)])


@_numpy("expand_dims")
def _expand_dims(a: Node, axis: Any) -> Node:
    """With new axes of size 1."""
    count = 1 if isinstance(axis, int) else len(axis)
    chosen = normal_axes(axis, a.order + count, "expand_dims")
    return index(a, [None if k in chosen else Span() for k in range(a.order + count)])


@_numpy("broadcast_to")
def _broadcast_to(array: Any, shape: Any) -> Node:
    sizes = shape if isinstance(shape, tuple | list) else (shape,)
    return ar.broadcast_to(_node(array), tuple(_size(s) for s in sizes))


@_numpy("concatenate")
def _concatenate(arrays: Sequence[Any], axis: int | None = 0) -> Node:
    parts = [_node(a) for a in arrays]
    return _call("concatenate", tuple(map(ravel, parts)), axis=0) if axis is None else _call("concatenate", tuple(parts), axis=axis)


@_numpy()
def stack(arrays: Sequence[Any], axis: int = 0) -> Node:
    """Arrays of one shape along a new axis."""
    return _concatenate([_expand_dims(_node(a), axis) for a in arrays], axis)


@_numpy()
def hstack(tup: Sequence[Any]) -> Node:
    """Joined along the second axis, vectors along their only one."""
    parts = [_at_least(_node(a), 1) for a in tup]
    return _concatenate(parts, 0 if parts[0].order == 1 else 1)


@_numpy("vstack", "row_stack")
def vstack(tup: Sequence[Any]) -> Node:
    """Joined along the first axis, vectors as rows."""
    return _concatenate([_at_least(_node(a), 2) for a in tup], 0)


@_numpy()
def column_stack(tup: Sequence[Any]) -> Node:
    """Joined along the second axis, vectors as columns."""
    parts = [_node(a) for a in tup]
    return _concatenate([index(a, [Span(), None]) if a.order == 1 else a for a in parts], 1)


def _at_least(a: Node, order: int) -> Node:
    """With new axes in front."""
    return index(a, [*(None for _ in range(order - a.order)), *(Span() for _ in range(a.order))])


# ---------------------------------------------------------------- choices and constants


@_numpy()
def where(condition: Any, x: Any = None, y: Any = None) -> Node:
    """x where the condition is not 0, else y."""
    if x is None or y is None:
        raise UnsupportedError("np.where(condition) alone gives positions, which have no symbolic form")
    return _call("where", _node(condition), _node(x), _node(y))


@_numpy()
def clip(a: Node, a_min: Any = None, a_max: Any = None, **more: Any) -> Node:
    """Not below `a_min`, not above `a_max`."""
    low, high = more.pop("min", a_min), more.pop("max", a_max)
    if more:
        raise UnsupportedError(f"np.clip with {', '.join(more)}=… has no symbolic form")
    found = a if low is None else ar.elementwise("maximum", a, _node(low))
    return found if high is None else ar.elementwise("minimum", found, _node(high))


@_numpy("zeros_like")
def _zeros_like(a: Node) -> Node:
    return number(0, a.shape)


@_numpy("ones_like")
def _ones_like(a: Node) -> Node:
    return number(1, a.shape)


@_numpy("full_like")
def _full_like(a: Node, fill_value: Any) -> Node:
    return ar.broadcast_to(_node(fill_value), a.shape)


@_numpy("shape")
def _shape(a: Node) -> Shape:
    return a.shape


@_numpy("ndim")
def _ndim(a: Node) -> int:
    return a.order


@_numpy("size")
def _count(a: Node, axis: int | None = None) -> Size:
    return product(a.shape) if axis is None else a.shape[axis]


@_numpy("copy", "real")
def _same(a: Node) -> Node:
    return a


@_numpy("cumsum")
def _cumsum(a: Node, axis: Any = None) -> Node:
    if "cumsum" not in FUNCTIONS:
        raise UnsupportedError("np.cumsum has no symbolic form")
    return _call("cumsum", ravel(a) if axis is None else a, axis=0 if axis is None else axis)


# ---------------------------------------------------------------- linear algebra


@_linalg()
def norm(x: Node, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Node:
    """NumPy's norm: of vectors along an axis in any order, of matrices the Frobenius norm only."""
    axes = normal_axes(axis, x.order, "norm")
    if ord is None or (ord == "fro" and len(axes) == 2):
        return _call("norm", x, axis=axes, keepdims=keepdims)
    if len(axes) != 1:
        what = "a matrix is an operator norm, which" if len(axes) == 2 else "such an array"
        raise UnsupportedError(
            f"np.linalg.norm of order {ord} of {what} has no symbolic form; np.sum(np.abs(A)) is the entrywise norm"
        )
    size = apply("abs", x)
    if isinstance(ord, float) and math.isinf(ord):
        return _call("max" if ord > 0 else "min", size, axis=axes, keepdims=keepdims)
    if isinstance(ord, str) or ord == 0:
        raise UnsupportedError(f"np.linalg.norm of order {ord!r} has no symbolic form")
    p = as_coefficient(ord)
    if p == 2:
        return _call("norm", x, axis=axes, keepdims=keepdims)
    total = _call("sum", ar.pow(size, number(p)), axis=axes, keepdims=keepdims)
    return ar.pow(total, number(ONE / p))


@_linalg("vector_norm")
def _vector_norm(x: Node, axis: Any = None, ord: Any = 2, keepdims: bool = False) -> Node:
    if axis is None and x.order != 1:
        if keepdims:
            raise UnsupportedError("np.linalg.vector_norm of all axes with keepdims has no symbolic form")
        return norm(ravel(x), ord)
    return norm(x, ord, -1 if axis is None else axis, keepdims)


@_linalg("inv")
def _inv(a: Node) -> Node:
    return _call("inv", a)


@_linalg("det")
def _det(a: Node) -> Node:
    return _call("det", a)


@_linalg("slogdet")
def _slogdet(a: Node) -> tuple[Node, Node]:
    return apply("sign", _call("det", a)), _call("logdet", a)


@_linalg()
def solve(a: Node, b: Any) -> Node:
    """A⁻¹ b"""
    return _call("solve", a, b)


@_linalg("trace")
def _trace_last(x: Node, offset: int = 0) -> Node:
    _no_offset("linalg.trace", offset)
    return _call("tr", x)


@_linalg("diagonal")
def _diagonal_last(x: Node, offset: int = 0) -> Node:
    return diagonal(x, offset, -2, -1)


@_linalg()
def multi_dot(arrays: Sequence[Any]) -> Node:
    """The matrix product of all."""
    found = _node(arrays[0])
    for other in arrays[1:]:
        found = ar.matmul(found, _node(other))
    return found


@_linalg()
def matrix_power(a: Node, n: Any) -> Node:
    """The matrix product of n copies; of the inverse for negative n."""
    if not isinstance(n, int) or abs(n) > 32:
        raise UnsupportedError("np.linalg.matrix_power needs a whole number between -32 and 32")
    if a.order != 2 or not same_size(*a.shape):
        raise SizeError(f"matrix_power needs a square matrix, got sizes {show_shape(a.shape)}")
    base = _call("inv", a) if n < 0 else a
    found: Node = delta(a.shape[0])
    for _ in range(abs(n)):
        found = ar.matmul(found, base)
    return found


@_linalg("cholesky")
def _cholesky(a: Node) -> Node:
    if "cholesky" not in FUNCTIONS:
        raise UnsupportedError("np.linalg.cholesky has no symbolic form")
    return _call("cholesky", a)


__all__ = ["function", "ufunc"]
