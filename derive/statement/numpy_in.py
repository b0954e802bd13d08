"""NumPy's functions on nodes, with NumPy's own parameters: what `__array_ufunc__` and `__array_function__` call.

A function keeps NumPy's meaning or is refused by name; settings that have no symbolic meaning
(`out`, `where`, `dtype`, …) are refused too. Nothing here knows the public face of an expression.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sympy

from ..build import number, scale
from ..errors import ArgumentError, UnsupportedError
from ..node import Node
from ..operators import apply
from ..sizes import HALF
from . import arithmetic as ar
from . import numpy_linalg  # noqa: F401  (its functions register themselves)
from .conditions import choose
from .functions import FUNCTIONS
from .numpy_arrays import outer
from .numpy_table import LINALG, NUMPY, Meaning, as_node, call

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
    "cbrt": lambda x: ar.mul(apply("sign", x), ar.pow(apply("abs", x), number(sympy.Rational(1, 3)))),
    "exp2": lambda x: ar.pow(number(2), x),
    "log2": lambda x: scale(1 / sympy.log(2), apply("log", x)),
    "log10": lambda x: scale(1 / sympy.log(10), apply("log", x)),
    "hypot": lambda x, y: ar.pow(ar.add(ar.pow(x, number(2)), ar.pow(y, number(2))), number(HALF)),
    "log_expit": lambda x: ar.neg(apply("softplus", ar.neg(x))),
    "heaviside": lambda x, h: _heaviside(x, h),
    "logical_and": lambda x, y: choose(x, choose(y, number(1), number(0)), number(0)),
    "logical_or": lambda x, y: choose(x, number(1), choose(y, number(1), number(0))),
    "logical_not": lambda x: choose(x, number(0), number(1)),
    "vecdot": lambda a, b: call("sum", ar.mul(a, b), axis=-1),
}
#: Reductions by a ufunc, `np.add.reduce(X)`; NumPy takes axis 0 when none is given.
_REDUCTIONS = {"add": "sum", "multiply": "prod", "maximum": "max", "minimum": "min", "logaddexp": "logsumexp"}


def ufunc(name: str, method: str, inputs: Sequence[Any], settings: Mapping[str, Any]) -> Node:
    """A ufunc of NumPy (or SciPy) on nodes and numbers, or one of its methods."""
    wanted = _without_refused(name, settings)
    if method == "reduce" and name in _REDUCTIONS:
        return call(_REDUCTIONS[name], inputs[0], axis=wanted.pop("axis", 0), **wanted)
    if method == "outer" and name == "multiply":
        return outer(*inputs)
    if method != "__call__":
        raise UnsupportedError(f"np.{name}.{method} has no symbolic form")
    if wanted:
        raise UnsupportedError(f"np.{name} with {', '.join(wanted)}=… has no symbolic form")
    nodes = [as_node(x) for x in inputs]
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


def function(name: str, linalg: bool, args: Sequence[Any], settings: Mapping[str, Any]) -> Any:
    """A function of NumPy on nodes and numbers: a node, a tuple of nodes, or a shape."""
    shown = f"np.linalg.{name}" if linalg else f"np.{name}"
    table = LINALG if linalg else NUMPY
    meaning = table.get(name) or (NUMPY.get(name) if linalg else None)
    if meaning is None:
        raise UnsupportedError(f"{shown} has no symbolic form")
    wanted = settings if name in ("where", "reshape", "ravel") else _without_refused(shown[3:], settings)
    try:
        return meaning(*args, **wanted)
    except TypeError as error:
        if "argument" not in str(error) or isinstance(error, ArgumentError):
            raise
        raise UnsupportedError(f"{shown} with these arguments has no symbolic form: {error}") from None


__all__ = ["function", "ufunc"]
