"""The public face of an expression: a bare node inside, methods that delegate to the layers below.

An `Expression` remembers which variables were declared with it, so that arrays for variables that have
dropped out of a derivative are still accepted, and a wrong name is still refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from fractions import Fraction
from typing import Any, final

import numpy as np
import sympy

from . import notation
from .build import number, transpose
from .errors import ArgumentError, UnsupportedError
from .evaluate import evaluate as _evaluate
from .node import Node, Variable, size_symbols, variables
from .simplify import expand, simplify
from .sizes import Shape, as_coefficient
from .stable import recognise
from .statement.arithmetic import binary
from .statement.declarations import declare
from .statement.functions import FUNCTIONS
from .statement.indexing import Span, index
from .statement.text import parse_node

_NUMBERS = (int, float, Fraction, sympy.Expr, np.integer, np.floating)


@final
class Expression:
    """A symbolic array. Build with `variables`, `parse` and operators; never changes.

    >>> import derive as dv
    >>> n, d = dv.sizes("n d")
    >>> X, w = dv.matrix("X", n, d), dv.vector("w", d)
    >>> dv.gradient(dv.sumsq(X @ w), w)
    2 * X.T @ X @ w
    """

    __slots__ = ("_declared", "_node")
    __array_priority__ = 1000

    def __init__(self, node: Node, declared: Iterable[Variable] = ()) -> None:
        self._node = node
        self._declared = tuple(sorted({*variables(node), *declared}, key=lambda v: v.name))

    # ------------------------------------------------------------ what it is

    @property
    def node(self) -> Node:
        """The bare node."""
        return self._node

    @property
    def declared(self) -> tuple[Variable, ...]:
        """All variables declared with the statement this came from."""
        return self._declared

    @property
    def shape(self) -> Shape:
        """The symbolic sizes of the axes."""
        return self._node.shape

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return self._node.order

    @property
    def name(self) -> str:
        """The name of a variable; an error for anything else."""
        if isinstance(self._node, Variable):
            return self._node.name
        raise ArgumentError(f"{self} is not a variable")

    @property
    def facts(self) -> frozenset[str]:
        """What is known of the value."""
        return self._node.facts

    @property
    def variables(self) -> tuple[str, ...]:
        """The names of the variables that occur."""
        return tuple(v.name for v in variables(self._node))

    def same_as(self, other: Expression) -> bool:
        """Whether both have the same normal form (equal expressions need not; see `check_equal`)."""
        a, b = recognise(self._node), recognise(other._node)
        return a is b or simplify(a) is simplify(b) or expand(a) is expand(b)

    # ------------------------------------------------------------ ways out

    def __str__(self) -> str:
        return notation.text(self._node)

    __repr__ = __str__

    def __format__(self, spec: str) -> str:
        return format(str(self), spec)

    def latex(self, named: bool = True) -> str:
        """LaTeX; with `named`, repeated parts of a long result are named and listed behind it."""
        return notation.latex(self._node, named)

    def _repr_latex_(self) -> str:
        return f"$\\displaystyle {self.latex()}$"

    def lines(self) -> list[str]:
        """The terminal form: index notation beyond two axes, repeated parts named below."""
        return notation.lines(self._node)

    # ------------------------------------------------------------ numbers

    def evaluate(
        self, arrays: Mapping[str, Any] | None = None, /, *, digits: int | None = None, **more: Any
    ) -> Any:
        """The value on data, by the NumPy interpreter; with `digits`, in mpmath.

        Arrays come by keyword or as one mapping; sizes that no array shows are given by name.
        """
        data = merge_arrays(arrays, more)
        wanted = {v.name for v in variables(self._node)} | {s.name for s in size_symbols(self._node)}
        value = _evaluate(self._node, self._relevant(data, wanted), digits=digits)
        return value.item() if digits is not None and value.ndim == 0 else value[()]

    def _relevant(self, data: Mapping[str, Any], wanted: set[str]) -> dict[str, Any]:
        """The arrays that occur; those of the statement that dropped out are passed over, others refused."""
        known = {v.name for v in self._declared} | {s.name for v in self._declared for s in _symbols(v)}
        return {k: a for k, a in data.items() if k in wanted or k not in known}

    # ------------------------------------------------------------ algebra

    def _binary(self, symbol: str, other: Any, swapped: bool = False) -> Any:
        node = _as_node(other)
        if node is None:
            return NotImplemented
        a, b = (node, self._node) if swapped else (self._node, node)
        declared = (*self._declared, *(other._declared if isinstance(other, Expression) else ()))
        return Expression(binary(symbol, a, b), declared)

    def __add__(self, other: Any) -> Any:
        return self._binary("+", other)

    def __radd__(self, other: Any) -> Any:
        return self._binary("+", other, True)

    def __sub__(self, other: Any) -> Any:
        return self._binary("-", other)

    def __rsub__(self, other: Any) -> Any:
        return self._binary("-", other, True)

    def __mul__(self, other: Any) -> Any:
        return self._binary("*", other)

    def __rmul__(self, other: Any) -> Any:
        return self._binary("*", other, True)

    def __truediv__(self, other: Any) -> Any:
        return self._binary("/", other)

    def __rtruediv__(self, other: Any) -> Any:
        return self._binary("/", other, True)

    def __matmul__(self, other: Any) -> Any:
        return self._binary("@", other)

    def __rmatmul__(self, other: Any) -> Any:
        return self._binary("@", other, True)

    def __pow__(self, other: Any) -> Any:
        return self._binary("**", other)

    def __rpow__(self, other: Any) -> Any:
        return self._binary("**", other, True)

    def __neg__(self) -> Expression:
        return -1 * self  # type: ignore[no-any-return]

    def __pos__(self) -> Expression:
        return self

    @property
    def T(self) -> Expression:
        """All axes reversed."""
        return Expression(transpose(self._node), self._declared)

    def __getitem__(self, key: Any) -> Expression:
        return Expression(index(self._node, _entries(key)), self._declared)

    def __iter__(self) -> Any:
        raise TypeError("a symbolic array cannot be iterated over: its sizes are symbols")

    # ------------------------------------------------------------ constraints

    def __le__(self, other: Any) -> Constraint:
        return Constraint(self, "<=", as_expression(other))

    def __ge__(self, other: Any) -> Constraint:
        return Constraint(self, ">=", as_expression(other))

    def __eq__(self, other: Any) -> Constraint:  # type: ignore[override]
        return Constraint(self, "==", as_expression(other))

    def __ne__(self, other: Any) -> Any:
        raise TypeError("!= is no constraint; compare expressions with a.same_as(b)")

    def __hash__(self) -> int:
        return hash(self._node)

    def __bool__(self) -> bool:
        raise TypeError("a symbolic array has no truth value")

    # ------------------------------------------------------------ NumPy protocol

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        raise TypeError(f"{self} is symbolic and cannot become an array; use .evaluate(…)")

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if method != "__call__" or kwargs:
            return NotImplemented
        symbol = _UFUNC_OPERATORS.get(ufunc.__name__)
        if symbol is not None:
            a, b = (as_expression(x) for x in inputs)
            return a._binary(symbol, b)
        if ufunc.__name__ == "negative":
            return -self
        if ufunc.__name__ == "square":
            return self**2
        name = _UFUNC_NAMES.get(ufunc.__name__, ufunc.__name__)
        if name not in FUNCTIONS:
            raise UnsupportedError(f"np.{ufunc.__name__} has no symbolic form")
        return call(name, *inputs)

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        module = getattr(func, "__module__", "")
        name = func.__name__
        if module.startswith("numpy.linalg"):
            return _linalg(name, args, kwargs)
        name = _FUNCTION_NAMES.get(name, name)
        if name not in FUNCTIONS:
            raise UnsupportedError(f"np.{func.__name__} has no symbolic form")
        return call(name, *args, **{k: v for k, v in kwargs.items() if v is not None})

    def sum(self, axis: Any = None) -> Expression:
        """The sum of the entries, along axes if given."""
        return call("sum", self, axis=axis)

    def mean(self, axis: Any = None) -> Expression:
        """The mean of the entries, along axes if given."""
        return call("mean", self, axis=axis)


_UFUNC_OPERATORS = {
    "add": "+",
    "subtract": "-",
    "multiply": "*",
    "divide": "/",
    "true_divide": "/",
    "matmul": "@",
    "power": "**",
    "float_power": "**",
}
_UFUNC_NAMES = {"absolute": "abs", "fabs": "abs"}
_FUNCTION_NAMES = {"trace": "tr", "amax": "max", "amin": "min", "vdot": "dot", "inner": "dot"}


def _linalg(name: str, args: Any, kwargs: Any) -> Any:
    if name == "norm":
        ord_ = kwargs.get("ord", args[1] if len(args) > 1 else None)
        x = as_expression(args[0])
        if x.ndim == 2 and ord_ in (1, 2, np.inf):
            raise UnsupportedError(
                f"np.linalg.norm(A, {ord_}) of a matrix is an operator norm, which is not supported"
            )
        if kwargs.get("axis") is not None or ord_ not in (None, 1, 2, "fro"):
            raise UnsupportedError("np.linalg.norm is supported without axis, and with ord 1, 2 or 'fro'")
        return call("norm", x) if ord_ in (None, 2, "fro") else call("norm", x, 1)
    if name in ("inv", "det", "solve"):
        return call(name, *args)
    if name == "slogdet":
        return (call("sign", call("det", *args)), call("logdet", *args))
    raise UnsupportedError(f"np.linalg.{name} has no symbolic form")


@final
class Constraint:
    """`left <= right`, `left >= right` or `left == right`, entry by entry."""

    __slots__ = ("left", "relation", "right")

    def __init__(self, left: Expression, relation: str, right: Expression) -> None:
        self.left, self.relation, self.right = left, relation, right

    def __str__(self) -> str:
        return f"{self.left} {self.relation} {self.right}"

    __repr__ = __str__

    def __bool__(self) -> bool:
        raise TypeError(
            f"the constraint {self} has no truth value; compare expressions with a.same_as(b), "
            "and write two-sided bounds as two constraints"
        )


# ---------------------------------------------------------------- making expressions


def _as_node(value: Any) -> Node | None:
    if isinstance(value, Expression):
        return value.node
    if isinstance(value, _NUMBERS) and not isinstance(value, bool):
        return number(as_coefficient(value))
    if isinstance(value, np.ndarray):
        if value.ndim == 0:
            return number(as_coefficient(value))
        raise UnsupportedError(
            f"an array of shape {value.shape} cannot stand in a statement; declare a variable and give it as data"
        )
    return None


def _entries(key: Any) -> list[Any]:
    """What stands between brackets, as the language's index entries."""
    found: list[Any] = []
    for entry in key if isinstance(key, tuple) else (key,):
        if isinstance(entry, slice):
            found.append(
                Span(
                    *(None if v is None else as_coefficient(v) for v in (entry.start, entry.stop, entry.step))
                )
            )
        elif entry is None:
            found.append(None)
        elif isinstance(entry, (int, np.integer, sympy.Expr)) and not isinstance(entry, bool):
            found.append(as_coefficient(entry))
        else:
            raise UnsupportedError(f"an index is a whole number, a slice or None, not {entry!r}")
    return found


def as_expression(value: Any) -> Expression:
    """A number or size as a constant expression."""
    if isinstance(value, Expression):
        return value
    node = _as_node(value)
    if node is None:
        raise ArgumentError(f"{value!r} is not an expression or a number")
    return Expression(node)


def _declare_one(name: str, shape: Sequence[Any], facts: Mapping[str, Any]) -> Expression:
    wanted = [fact for fact, on in facts.items() if on]
    found = declare({name: list(shape)}, {name: wanted} if wanted else {})
    return Expression(found[name])


def scalar(name: str, **facts: bool) -> Expression:
    """A named number. Facts: `positive`, `nonnegative`, `integer`, …"""
    return _declare_one(name, (), facts)


def vector(name: str, size: Any, **facts: bool) -> Expression:
    """A named vector of one size."""
    return _declare_one(name, (size,), facts)


def matrix(name: str, rows: Any, columns: Any, **facts: bool) -> Expression:
    """A named matrix. Facts: `symmetric`, `psd`, `pd`, `diagonal`, `positive`, …"""
    return _declare_one(name, (rows, columns), facts)


def tensor(name: str, *sizes: Any, **facts: bool) -> Expression:
    """A named array of any order; matrix facts are about the last two axes."""
    return _declare_one(name, sizes, facts)


def parse(
    text: str,
    variables: Mapping[str, Sequence[Any]] | None = None,
    facts: Mapping[str, Sequence[str]] | None = None,
) -> Expression:
    """An expression from the text language.

    variables   name → sizes, `()` for a scalar
    facts       name → facts, as `{"lam": ["positive"]}`

    >>> import derive as dv
    >>> loss = dv.parse("sumsq(X @ w - y)", variables={"X": ("n", "d"), "y": ("n",), "w": ("d",)})
    >>> print(dv.gradient(loss, "w"))
    2 * X.T @ (X @ w - y)
    """
    declared = declare(variables or {}, facts or {})
    return Expression(parse_node(text, declared), declared.values())


def call(name: str, *args: Any, **settings: Any) -> Expression:
    """A function of the language on expressions."""
    declared: list[Variable] = []

    def bare(value: Any) -> Any:
        if isinstance(value, Expression):
            declared.extend(value.declared)
            return value.node
        return type(value)(bare(v) for v in value) if isinstance(value, list | tuple) else value

    words = [bare(a) for a in args]
    settings = {key: bare(value) for key, value in settings.items()}
    return Expression(FUNCTIONS[name](*words, **settings), declared)


def function(name: str) -> Callable[..., Expression]:
    """The language's function of that name, on expressions: what `dv.sumsq`, `dv.logdet`, … are."""

    def on_expressions(*args: Any, **settings: Any) -> Expression:
        return call(name, *args, **settings)

    on_expressions.__name__ = on_expressions.__qualname__ = name
    on_expressions.__doc__ = FUNCTIONS[name].__doc__
    return on_expressions


def merge_arrays(arrays: Mapping[str, Any] | None, more: Mapping[str, Any]) -> dict[str, Any]:
    """Arrays given as one mapping and by keyword."""
    twice = set(arrays or {}) & set(more)
    if twice:
        raise ArgumentError(f"{', '.join(sorted(twice))} is given twice")
    return {**(arrays or {}), **more}


def _symbols(v: Variable) -> set[sympy.Symbol]:
    return {s for size in v.shape for s in size.free_symbols}
