"""The functions of `numpy.linalg`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ..build import number
from ..errors import UnsupportedError
from ..node import Node
from ..operators import apply, normal_axes
from ..sizes import (
    ONE,
    as_coefficient,
)
from . import arithmetic as ar
from .functions import FUNCTIONS
from .numpy_arrays import diagonal, main_diagonal_only
from .numpy_shapes import ravel
from .numpy_table import as_node, call, linalg_function

# ---------------------------------------------------------------- linear algebra


@linalg_function()
def norm(x: Node, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Node:
    """NumPy's norm: of vectors along an axis in any order, of matrices the Frobenius, nuclear and spectral norms."""
    axes = normal_axes(axis, x.order, "norm")
    if ord is None or (ord == "fro" and len(axes) == 2):
        return call("norm", x, axis=axes, keepdims=keepdims)
    singular = {"nuc": "nuclear_norm", 2: "spectral_norm"}.get(ord) if len(axes) == 2 else None
    if singular is not None and axes == (x.order - 2, x.order - 1) and not keepdims:
        return apply(singular, x)
    if len(axes) != 1:
        what = "a matrix is an operator norm, which" if len(axes) == 2 else "such an array"
        raise UnsupportedError(
            f"np.linalg.norm of order {ord} of {what} has no symbolic form; np.sum(np.abs(A)) is the entrywise norm"
        )
    size = apply("abs", x)
    if isinstance(ord, float) and math.isinf(ord):
        return call("max" if ord > 0 else "min", size, axis=axes, keepdims=keepdims)
    if isinstance(ord, str) or ord == 0:
        raise UnsupportedError(f"np.linalg.norm of order {ord!r} has no symbolic form")
    p = as_coefficient(ord)
    if p == 2:
        return call("norm", x, axis=axes, keepdims=keepdims)
    total = call("sum", ar.pow(size, number(p)), axis=axes, keepdims=keepdims)
    return ar.pow(total, number(ONE / p))


@linalg_function("vector_norm")
def _vector_norm(x: Node, axis: Any = None, ord: Any = 2, keepdims: bool = False) -> Node:
    if axis is None and x.order != 1:
        if keepdims:
            raise UnsupportedError("np.linalg.vector_norm of all axes with keepdims has no symbolic form")
        return norm(ravel(x), ord)
    return norm(x, ord, -1 if axis is None else axis, keepdims)


@linalg_function("inv")
def _inv(a: Node) -> Node:
    return call("inv", a)


@linalg_function("det")
def _det(a: Node) -> Node:
    return call("det", a)


@linalg_function("slogdet")
def _slogdet(a: Node) -> tuple[Node, Node]:
    return apply("sign", call("det", a)), call("logdet", a)


@linalg_function()
def solve(a: Node, b: Any) -> Node:
    """A⁻¹ b"""
    return call("solve", a, b)


@linalg_function("trace")
def _trace_last(x: Node, offset: int = 0) -> Node:
    main_diagonal_only("linalg.trace", offset)
    return call("tr", x)


@linalg_function("diagonal")
def _diagonal_last(x: Node, offset: int = 0) -> Node:
    return diagonal(x, offset, -2, -1)


@linalg_function()
def multi_dot(arrays: Sequence[Any]) -> Node:
    """The matrix product of all."""
    found = as_node(arrays[0])
    for other in arrays[1:]:
        found = ar.matmul(found, as_node(other))
    return found


@linalg_function()
def matrix_power(a: Node, n: Any) -> Node:
    """The matrix product of n copies; of the inverse for negative n."""
    if isinstance(n, bool) or not isinstance(n, int):
        raise UnsupportedError("np.linalg.matrix_power needs a whole number")
    return call("matrix_power", a, n)


@linalg_function("cholesky")
def _cholesky(a: Node) -> Node:
    if "cholesky" not in FUNCTIONS:
        raise UnsupportedError("np.linalg.cholesky has no symbolic form")
    return call("cholesky", a)
