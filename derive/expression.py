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
from .operators import apply
from .simplify import expand, simplify
from .sizes import Shape, as_coefficient, as_shape, product
from .stable import recognise
from .statement import numpy_in, sympy_in
from .statement.arithmetic import binary, elementwise
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
        """An array's method, with the meaning of NumPy's function of that name."""
        return _traced(numpy_in.function, name, False, (self, *args), kwargs)

    def sum(self, axis: Any = None, keepdims: bool = False) -> Expression:
        """The sum of the entries, along axes if given."""
        return call("sum", self, axis=axis, keepdims=keepdims)

    def mean(self, axis: Any = None, keepdims: bool = False) -> Expression:
        """The mean of the entries, along axes if given."""
        return call("mean", self, axis=axis, keepdims=keepdims)

    def max(self, axis: Any = None, keepdims: bool = False) -> Expression:
        """The largest entry, along axes if given."""
        return call("max", self, axis=axis, keepdims=keepdims)

    def min(self, axis: Any = None, keepdims: bool = False) -> Expression:
        """The smallest entry, along axes if given."""
        return call("min", self, axis=axis, keepdims=keepdims)

    def var(self, axis: Any = None, ddof: int = 0, keepdims: bool = False) -> Any:
        """The variance, along axes if given."""
        return self._method("var", axis=axis, ddof=ddof, keepdims=keepdims)

    def std(self, axis: Any = None, ddof: int = 0, keepdims: bool = False) -> Any:
        """The standard deviation, along axes if given."""
        return self._method("std", axis=axis, ddof=ddof, keepdims=keepdims)

    def dot(self, other: Any) -> Any:
        """`np.dot(self, other)`."""
        return self._method("dot", other)

    def trace(self) -> Any:
        """The sum of the diagonal of the first two axes."""
        return self._method("trace")

    def diagonal(self) -> Any:
        """The diagonal of the first two axes."""
        return self._method("diagonal")

    def reshape(self, *shape: Any) -> Any:
        """The entries in row-major order under another shape; -1 stands for what is left."""
        return self._method("reshape", shape[0] if len(shape) == 1 else shape)

    def ravel(self) -> Any:
        """All entries in one row."""
        return self._method("ravel")

    flatten = ravel

    def transpose(self, *axes: Any) -> Any:
        """Axes permuted, reversed by default."""
        return self._method(
            "transpose", (axes[0] if isinstance(axes[0], tuple | list) else axes) if axes else None
        )

    def swapaxes(self, axis1: int, axis2: int) -> Any:
        """Two axes exchanged."""
        return self._method("swapaxes", axis1, axis2)

    def squeeze(self, axis: Any = None) -> Any:
        """Without axes of size 1."""
        return self._method("squeeze", axis)

    def clip(self, min: Any = None, max: Any = None) -> Any:
        """Not below `min`, not above `max`."""
        return self._method("clip", min, max)

    @property
    def mT(self) -> Any:
        """The last two axes exchanged."""
        return self._method("swapaxes", -1, -2)

    @property
    def size(self) -> sympy.Expr:
        """The number of entries."""
        return product(self.shape)

    def __len__(self) -> int:
        if self.ndim and self.shape[0].is_Integer:
            return int(self.shape[0])
        if self.ndim:
            raise TypeError(f"len({self}) is the symbol {self.shape[0]}; write {self}.shape[0]")
        raise TypeError(f"{self} is a scalar and has no length")


@final
class Constraint:
    """`left <= right`, `left >= right` or `left == right`, entry by entry.

    `<` and `>` make conditions for `np.where`; an optimisation problem refuses them.
    """

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

    def indicator(self) -> Expression:
        """1 where the relation holds, else 0: what a comparison is as a number, and as a condition of `np.where`."""
        declared = (*self.left.declared, *self.right.declared)
        return Expression(_indicator(self.left.node, self.relation, self.right.node), declared)

    def __mul__(self, other: Any) -> Any:
        return self.indicator() * other

    __rmul__ = __mul__

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        return _traced(numpy_in.ufunc, ufunc.__name__, method, inputs, kwargs)

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return _traced(numpy_in.function, func.__name__, False, args, kwargs)


def _indicator(left: Node, relation: str, right: Node) -> Node:
    """1 where the relation holds, else 0, by the step function (step(0) = 0)."""
    if relation in ("<", ">="):
        left, right = right, left
    difference = binary("-", left, right)
    if relation == "==":
        return elementwise("where", difference, number(0), number(1))
    strict = apply("step", difference)
    return strict if relation in ("<", ">") else binary("-", number(1), strict)


# ---------------------------------------------------------------- making expressions


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


def _traced(meaning: Callable[..., Any], *words: Any) -> Any:
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

    return faced(meaning(*(bare(w) for w in words)))


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


def as_expression(value: Any, declared: Iterable[Variable] = ()) -> Expression:
    """A number, a size or a SymPy expression as an expression; its symbols mean the declared variables."""
    if isinstance(value, Expression):
        return value
    known = tuple(declared)
    node = _as_node(value, known)
    if node is None:
        raise ArgumentError(f"{value!r} is not an expression or a number")
    return Expression(node, known)


def from_sympy(expression: Any, facts: Mapping[str, Sequence[str]] | None = None) -> Expression:
    """A SymPy expression as a statement: matrix expressions, scalars, and sums over indices.

    An n×1 `MatrixSymbol` is a vector; a `Symbol` that is no size is a scalar. `facts` are given by name.

    >>> import sympy, derive as dv
    >>> n, d = sympy.symbols("n d")
    >>> X, w = sympy.MatrixSymbol("X", n, d), sympy.MatrixSymbol("w", d, 1)
    >>> dv.gradient(dv.from_sympy(sympy.Trace((X * w).T * X * w)), w)
    2 * X.T @ X @ w
    """
    node, declared = sympy_in.read(expression, facts=facts)
    return Expression(node, declared)


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
    infer: bool = False,
) -> Expression:
    """An expression from the text language.

    variables   name → sizes, `()` for a scalar; without it, or with `infer`, kinds and sizes of undeclared
                names follow from convention and use, and `.assumptions` says what was assumed
    facts       name → facts, as `{"lam": ["positive"]}`

    >>> import derive as dv
    >>> loss = dv.parse("sumsq(X @ w - y)", variables={"X": ("n", "d"), "y": ("n",), "w": ("d",)})
    >>> print(dv.gradient(loss, "w"))
    2 * X.T @ (X @ w - y)
    """
    if infer or variables is None:
        from .statement.inference import infer as inferred

        found, assumed = inferred(text, variables or {}, facts)
        return Expression(parse_node(text, found), found.values(), assumed)
    declared = declare(variables, facts or {})
    return Expression(parse_node(text, declared), declared.values())


def parse_latex(
    text: str,
    variables: Mapping[str, Sequence[Any]] | None = None,
    facts: Mapping[str, Sequence[str]] | None = None,
    symbols: Mapping[str, str] | None = None,
    shape: Sequence[Any] | None = None,
) -> Expression:
    r"""An expression from LaTeX as papers write it; a left side such as `\nabla_w f =` is taken off.

    Vectors are columns and products conform as matrices do. What could be read in two ways is an
    `AmbiguityError` that shows the readings.

    variables   name → sizes, `()` for a scalar
    facts       name → facts
    symbols     LaTeX symbols under other declared names, as `{"\\Sigma": "S"}`
    shape       the sizes of the result, which decide those of a lone `I` or `\mathbf 1`

    >>> import derive as dv
    >>> sizes = {"X": ("n", "d"), "y": ("n",), "w": ("d",)}
    >>> loss = dv.parse_latex(r"f(w) = \tfrac12\lVert Xw-y\rVert_2^2", variables=sizes)
    >>> print(dv.gradient(loss, "w"))
    X.T @ (X @ w - y)
    """
    from .statement.latex import parse_latex_node

    declared = declare(variables or {}, facts or {})
    known = None if shape is None else as_shape(shape)
    return Expression(parse_latex_node(text, declared, symbols, shape=known), declared.values())


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
