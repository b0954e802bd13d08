"""The public face of an expression: a bare node inside, methods that delegate to the layers below.

An `Expression` remembers which variables were declared with it, so that arrays for variables that have
dropped out of a derivative are still accepted, and a wrong name is still refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from fractions import Fraction
from typing import Any, final

import numpy as np
import sympy

from . import notation
from .array_methods import ArrayMethods
from .build import number, transpose
from .constraint import Constraint
from .errors import ArgumentError, UnsupportedError
from .evaluate import evaluate as _evaluate
from .given import merge_arrays, relevant
from .node import Node, Variable, size_symbols, variables
from .simplify import expand, simplify
from .sizes import Shape, as_coefficient
from .stable import recognise
from .statement import numpy_in, sympy_in
from .statement.arithmetic import binary
from .statement.functions import FUNCTIONS
from .statement.indexing import Span, index

_NUMBERS = (int, float, Fraction, sympy.Expr, np.integer, np.floating)


@final
class Expression(ArrayMethods):
    """A symbolic array. Build with `variables`, `parse` and operators; never changes.

    >>> import derive as dv
    >>> n, d = dv.sizes("n d")
    >>> X, w = dv.matrix("X", n, d), dv.vector("w", d)
    >>> dv.gradient(dv.sumsq(X @ w), w)
    2 * X.T @ X @ w
    """

    __slots__ = ("_assumptions", "_declared", "_node")
    __array_priority__ = 1000

    def __init__(
        self, node: Node, declared: Iterable[Variable] = (), assumptions: Iterable[str] = ()
    ) -> None:
        self._node = node
        self._assumptions = tuple(assumptions)
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
    def assumptions(self) -> tuple[str, ...]:
        """What was assumed of names that nobody declared, a sentence each."""
        return self._assumptions

    @property
    def shape(self) -> Shape:
        """The symbolic sizes of the axes."""
        return self._node.shape

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

    def to_sympy(self) -> sympy.Expr:
        """SymPy: a matrix expression up to order two, index notation beyond; `from_sympy` reads it back.

        >>> import derive as dv
        >>> X, w = dv.matrix("X", "n", "d"), dv.vector("w", "d")
        >>> dv.gradient(dv.sumsq(X @ w), w).to_sympy()
        2*X.T*X*w
        """
        return notation.to_sympy(self._node)

    # ------------------------------------------------------------ numbers

    def evaluate(
        self, arrays: Mapping[str, Any] | None = None, /, *, digits: int | None = None, **more: Any
    ) -> Any:
        """The value on data, by the NumPy interpreter; with `digits`, in mpmath.

        Arrays come by keyword or as one mapping. A size is learnt from any array that shows it, also from one that
        dropped out of the expression; sizes that no array shows are given by name.
        """
        data = merge_arrays(arrays, more)
        wanted = {v.name for v in variables(self._node)} | {s.name for s in size_symbols(self._node)}
        value = _evaluate(self._node, self._relevant(data, wanted), digits=digits)
        return value.item() if digits is not None and value.ndim == 0 else value[()]

    def _relevant(self, data: Mapping[str, Any], wanted: set[str]) -> dict[str, Any]:
        """The arrays that occur; those of the statement that dropped out are passed over, others refused."""
        return relevant(self._declared, data, wanted)

    # ------------------------------------------------------------ algebra

    def _binary(self, symbol: str, other: Any, swapped: bool = False) -> Any:
        node = _as_node(other, self._declared)
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

    def __abs__(self) -> Any:
        return call("abs", self)

    def __neg__(self) -> Expression:
        return -1 * self  # type: ignore[no-any-return]

    def __pos__(self) -> Expression:
        return self

    @property
    def T(self) -> Expression:
        """All axes reversed."""
        return Expression(transpose(self._node), self._declared)

    def __getitem__(self, key: Any) -> Expression:
        entries = key if isinstance(key, tuple) else (key,)
        inside = [v for e in entries if isinstance(e, Expression) for v in e.declared]
        return Expression(index(self._node, _entries(key)), (*self._declared, *inside))

    def __iter__(self) -> Any:
        if not self.ndim or not self.shape[0].is_Integer:
            raise TypeError("a symbolic array cannot be iterated over: its sizes are symbols")
        return (self[k] for k in range(int(self.shape[0])))

    # ------------------------------------------------------------ constraints

    def __le__(self, other: Any) -> Constraint:
        return Constraint(self, "<=", as_expression(other))

    def __ge__(self, other: Any) -> Constraint:
        return Constraint(self, ">=", as_expression(other))

    def __lt__(self, other: Any) -> Constraint:
        return Constraint(self, "<", as_expression(other))

    def __gt__(self, other: Any) -> Constraint:
        return Constraint(self, ">", as_expression(other))

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
        return _traced(numpy_in.ufunc, ufunc.__name__, method, inputs, kwargs)

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        linalg = getattr(func, "__module__", "").startswith("numpy.linalg")
        return _traced(numpy_in.function, func.__name__, linalg, args, kwargs)

    def _method(self, name: str, *args: Any, **kwargs: Any) -> Any:
        return _traced(numpy_in.function, name, False, (self, *args), kwargs)


# ---------------------------------------------------------------- from values to nodes and back


def _as_node(value: Any, declared: Iterable[Variable] = ()) -> Node | None:
    """The node of an expression, a number, a condition, or a SymPy expression over the declared variables."""
    if isinstance(value, Expression):
        return value.node
    if isinstance(value, Constraint):
        return value.indicator().node
    if isinstance(value, sympy.Basic | sympy.MatrixBase) and not _is_coefficient(value):
        return sympy_in.read(value, declared)[0]
    if isinstance(value, _NUMBERS) and not isinstance(value, bool):
        return number(as_coefficient(value))
    if isinstance(value, np.ndarray):
        if value.ndim == 0:
            return number(as_coefficient(value))
        raise UnsupportedError(
            f"an array of shape {value.shape} cannot stand in a statement; declare a variable and give it as data"
        )
    return None


def _is_coefficient(value: Any) -> bool:
    """Whether a SymPy object is a number, or arithmetic over sizes."""
    return (
        isinstance(value, sympy.Expr)
        and all(s.is_integer and s.is_positive for s in value.free_symbols)
        and not value.has(sympy.MatrixExpr, sympy.Sum)
        and not isinstance(value, sympy.MatrixBase)
    )


def _traced(meaning: Callable[..., Any], *words: Any, **settings: Any) -> Any:
    """A function on nodes, called with expressions: they are opened on the way in and made anew on the way out."""
    declared: list[Variable] = []

    def bare(value: Any) -> Any:
        if isinstance(value, list | tuple):
            return type(value)(bare(v) for v in value)
        if isinstance(value, Mapping):
            return {k: bare(v) for k, v in value.items()}
        if isinstance(value, Constraint):
            value = value.indicator()
        if isinstance(value, Expression):
            declared.extend(value.declared)
            return value.node
        return _as_node(value) if isinstance(value, np.ndarray) else value

    def faced(value: Any) -> Any:
        if isinstance(value, Node):
            return Expression(value, declared)
        return tuple(faced(v) for v in value) if isinstance(value, tuple) else value

    return faced(meaning(*(bare(w) for w in words), **{k: bare(v) for k, v in settings.items()}))


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
        elif entry is None or entry is ...:
            found.append(entry)
        elif isinstance(entry, (int, np.integer, sympy.Expr)) and not isinstance(entry, bool):
            found.append(as_coefficient(entry))
        elif isinstance(entry, Expression) and entry.ndim:
            found.append(entry.node)
        else:
            raise UnsupportedError(f"an index is a whole number, a slice, None or `...`, not {entry!r}")
    return found


def as_expression(value: Any, declared: Iterable[Variable] = ()) -> Expression:
    """A number, a size or a SymPy expression as an expression; its symbols mean the declared variables."""
    if isinstance(value, Expression):
        return value
    known = tuple(declared)
    node = _as_node(value, known)
    if node is None:
        hint = "; dv.parse reads text" if isinstance(value, str) else ""
        raise ArgumentError(f"{value!r} is not an expression or a number{hint}")
    return Expression(node, known)


def call(name: str, *args: Any, **settings: Any) -> Expression:
    """A function of the language on expressions."""
    found: Expression = _traced(FUNCTIONS[name], *args, **settings)
    return found


def function(name: str) -> Callable[..., Expression]:
    """The language's function of that name, on expressions: what `dv.sumsq`, `dv.logdet`, … are."""

    def on_expressions(*args: Any, **settings: Any) -> Expression:
        return call(name, *args, **settings)

    on_expressions.__name__ = on_expressions.__qualname__ = name
    on_expressions.__doc__ = FUNCTIONS[name].__doc__
    return on_expressions
