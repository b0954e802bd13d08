"""How expressions are made: declared variables, the text language, LaTeX, SymPy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .expression import Expression
from .sizes import as_shape
from .stable import recognise
from .statement import sympy_in
from .statement.declarations import declare
from .statement.text import parse_node


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
    return Expression(recognise(node), declared)


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
