"""The public face of an expression: a bare node inside, methods that delegate to the layers below.

An `Expression` remembers which variables were declared with it, so that arrays for variables that have
dropped out of a derivative are still accepted, and a wrong name is still refused.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from fractions import Fraction
from typing import Any, final

import numpy as np
import sympy

from . import differentiate, notation
from .build import number, transpose
from .errors import ArgumentError, DeclarationError, DeriveError, UnsupportedError
from .evaluate import evaluate as _evaluate
from .node import Node, Variable, size_symbols, variables
from .simplify import expand, simplify
from .sizes import Shape, as_coefficient, show_shape
from .stable import recognise
from .statement import functions
from .statement.declarations import declare
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
        return Expression(functions.binary(symbol, a, b), declared)

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
        return Expression(functions.index(self._node, key), self._declared)

    def __iter__(self) -> Any:
        raise TypeError("a symbolic array cannot be iterated over: its sizes are symbols")

    # ------------------------------------------------------------ constraints

    def __le__(self, other: Any) -> Constraint:  # type: ignore[override]
        return Constraint(self, "<=", as_expression(other))

    def __ge__(self, other: Any) -> Constraint:  # type: ignore[override]
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
        if name not in functions.FUNCTIONS:
            raise UnsupportedError(f"np.{ufunc.__name__} has no symbolic form")
        return call(name, *inputs)

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        module = getattr(func, "__module__", "")
        name = func.__name__
        if module.startswith("numpy.linalg"):
            return _linalg(name, args, kwargs)
        name = _FUNCTION_NAMES.get(name, name)
        if name not in functions.FUNCTIONS:
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
            raise UnsupportedError(f"np.linalg.norm(A, {ord_}) of a matrix is an operator norm, which is not supported")
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
    words: list[Any] = []
    for a in args:
        if isinstance(a, Expression):
            declared += a.declared
            words.append(a.node)
        else:
            words.append(a)
    return Expression(functions.apply_function(name, words, settings), declared)


def function(name: str) -> Callable[..., Expression]:
    """The language's function of that name, on expressions: what `dv.sumsq`, `dv.logdet`, … are."""

    def on_expressions(*args: Any, **settings: Any) -> Expression:
        return call(name, *args, **settings)

    on_expressions.__name__ = on_expressions.__qualname__ = name
    on_expressions.__doc__ = functions.FUNCTIONS[name].__doc__
    return on_expressions


def merge_arrays(arrays: Mapping[str, Any] | None, more: Mapping[str, Any]) -> dict[str, Any]:
    """Arrays given as one mapping and by keyword."""
    twice = set(arrays or {}) & set(more)
    if twice:
        raise ArgumentError(f"{', '.join(sorted(twice))} is given twice")
    return {**(arrays or {}), **more}


def _symbols(v: Variable) -> set[sympy.Symbol]:
    return {s for size in v.shape for s in size.free_symbols}


# ---------------------------------------------------------------- derivatives


Wrt = "Expression | str | Sequence[Expression | str]"


def find_variable(expression: Expression, wanted: Any) -> Variable:
    """The variable meant by an expression or a name; it need not occur."""
    if isinstance(wanted, Expression):
        if isinstance(wanted.node, Variable):
            return wanted.node
        raise ArgumentError(f"derivatives are taken with respect to variables, and {wanted} is none")
    names = {v.name: v for v in expression.declared}
    if wanted in names:
        return names[wanted]
    close = difflib.get_close_matches(str(wanted), names, n=1)
    hint = f"; did you mean {close[0]}?" if close else f"; the statement has {', '.join(names) or 'none'}"
    raise DeclarationError(f"no variable is called {wanted!r}{hint}")


def _several(wrt: Any) -> bool:
    return isinstance(wrt, list | tuple)


def gradient(expression: Expression, wrt: Any) -> Any:
    """The gradient of a scalar expression; it has the shape of the variable.

    `wrt` is a variable, its name, or a list of them (then a list of gradients is returned).
    For a symmetric unknown it is the gradient in the space of symmetric matrices.

    >>> import derive as dv
    >>> x = dv.vector("x", "n")
    >>> dv.gradient(dv.logsumexp(x), x)
    softmax(x)
    """
    many = list(wrt) if _several(wrt) else [wrt]
    targets = [find_variable(expression, w) for w in many]
    found = differentiate.gradients(recognise(expression.node), targets)
    results = [Expression(g, expression.declared) for g in found]
    return results if _several(wrt) else results[0]


def jacobian(expression: Expression, wrt: Any) -> Any:
    """The Jacobian: axes of the expression, then axes of the variable.

    >>> import derive as dv
    >>> A, x = dv.matrix("A", "m", "n"), dv.vector("x", "n")
    >>> dv.jacobian(A @ x, x)
    A
    """
    many = list(wrt) if _several(wrt) else [wrt]
    node = recognise(expression.node)
    results = [
        Expression(differentiate.jacobian(node, find_variable(expression, w)), expression.declared) for w in many
    ]
    return results if _several(wrt) else results[0]


def hessian(expression: Expression, wrt: Any) -> Any:
    """The Hessian: axes of the variable, twice. A list of variables gives the table of blocks.

    >>> import derive as dv
    >>> A, x = dv.matrix("A", "m", "n"), dv.vector("x", "n")
    >>> dv.hessian(dv.sumsq(A @ x) / 2, x)
    A.T @ A
    """
    node = recognise(expression.node)
    many = list(wrt) if _several(wrt) else [wrt]
    targets = [find_variable(expression, w) for w in many]
    firsts = differentiate.gradients(node, targets)
    table = [
        [Expression(differentiate.jacobian(g, v), expression.declared) for v in targets] for g in firsts
    ]
    return table if _several(wrt) else table[0][0]


def hvp(expression: Expression, wrt: Any, direction: Expression) -> Expression:
    """Hessian times a direction, without the Hessian; the shape of the variable.

    >>> import derive as dv
    >>> A, x, v = dv.matrix("A", "m", "n"), dv.vector("x", "n"), dv.vector("v", "n")
    >>> dv.hvp(dv.sumsq(A @ x) / 2, x, v)
    A.T @ A @ v
    """
    target = find_variable(expression, wrt)
    found = differentiate.hvp(recognise(expression.node), target, direction.node)
    return Expression(found, (*expression.declared, *direction.declared))


def jvp(expression: Expression, wrt: Any, tangent: Expression) -> Expression:
    """Jacobian times a tangent; the shape of the expression."""
    target = find_variable(expression, wrt)
    found = differentiate.jvp(recognise(expression.node), target, tangent.node)
    return Expression(found, (*expression.declared, *tangent.declared))


def vjp(expression: Expression, wrt: Any, cotangent: Expression) -> Expression:
    """Cotangent times Jacobian; the shape of the variable."""
    target = find_variable(expression, wrt)
    found = differentiate.vjp(recognise(expression.node), target, cotangent.node)
    return Expression(found, (*expression.declared, *cotangent.declared))


def check(
    expression: Expression, wrt: Any, claim: Any, order: Any = 1, *, seed: int = 0
) -> Any:
    """Is the claim the derivative? A verdict with a counterexample, or agreement to 40 digits.

    claim   text, an expression, or a function of the arrays by name
    order   1 (gradient), 2 (Hessian) or "jacobian"

    >>> import derive as dv
    >>> loss = dv.parse("sumsq(X @ w - y)/2", variables={"X": ("n", "d"), "y": ("n",), "w": ("d",)})
    >>> dv.check(loss, "w", claim="X.T @ (X @ w + y)").status
    'refuted'
    """
    from .verify.check import check_claim

    if isinstance(claim, str):
        named = {v.name: v for v in expression.declared}
        claim = parse_node(claim, named)
    elif isinstance(claim, Expression):
        claim = claim.node
    elif not callable(claim):
        claim = as_expression(claim).node
    return check_claim(
        recognise(expression.node), find_variable(expression, wrt), claim, order, seed, name=notation.text
    )


def compile(
    outputs: Expression | Mapping[str, Expression], *, backend: str = "numba", dtype: Any = np.float64
) -> Any:
    """A compiled kernel for one expression, or for several that share their work.

    One expression gives a kernel that returns its value; a mapping gives one that returns a dict.
    `kernel(X=…, w=…)` checks data at every call; `kernel.bind(X=…)` checks once and gives the fast path.
    """
    from .kernels.compile import compile_expression

    single = isinstance(outputs, Expression)
    table = {"value": outputs} if isinstance(outputs, Expression) else dict(outputs)
    declared = {v.name: v for e in table.values() for v in e.declared}
    return compile_expression(
        {k: e.node for k, e in table.items()}, declared=declared, single=single, backend=backend, dtype=dtype
    )


def state(numpy_function: Callable[..., Any], **shapes: Sequence[Any]) -> Expression:
    """A NumPy function of arrays becomes a statement, by calling it on symbolic variables.

    >>> import numpy as np
    >>> import derive as dv
    >>> def loss(X, w):
    ...     return np.sum((X @ w) ** 2)
    >>> dv.state(loss, X=("n", "d"), w=("d",))
    sumsq(X @ w)
    """
    declared = declare({k: list(v) for k, v in shapes.items()}, {})
    try:
        result = numpy_function(**{k: Expression(v) for k, v in declared.items()})
    except DeriveError:
        raise
    except TypeError as error:
        raise UnsupportedError(f"the function does something that has no symbolic form: {error}") from error
    found = as_expression(result)
    return Expression(recognise(found.node), declared.values())


__all__ = [
    "Constraint",
    "Expression",
    "check",
    "compile",
    "function",
    "gradient",
    "hessian",
    "hvp",
    "jacobian",
    "jvp",
    "matrix",
    "parse",
    "scalar",
    "show_shape",
    "state",
    "tensor",
    "vector",
    "vjp",
]
