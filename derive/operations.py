"""What is done with expressions: derivatives, expansions, source code, and statements from NumPy functions."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import sympy

from . import differentiate, notation
from .build import add
from .errors import ArgumentError, DeclarationError, DeriveError, SizeError, UnsupportedError
from .expression import Expression, as_expression
from .node import Node, Variable, variable
from .second import second_derivative
from .sizes import Shape, same_shape, show_shape
from .stable import recognise
from .statement.arithmetic import broadcast_to
from .statement.declarations import declare
from .steps import Derivation, derive_steps
from .together import Together


def find_variable(expression: Expression, wanted: Any) -> Variable:
    """The variable meant by an expression or a name; it need not occur."""
    if isinstance(wanted, Expression):
        if isinstance(wanted.node, Variable):
            return wanted.node
        raise ArgumentError(f"derivatives are taken with respect to variables, and {wanted} is none")
    if isinstance(wanted, sympy.Symbol | sympy.MatrixSymbol | sympy.IndexedBase):
        wanted = str(wanted.name)
    names = {v.name: v for v in expression.declared}
    if wanted is None:
        raise ArgumentError(f"say which variable is meant; the statement has {', '.join(names) or 'none'}")
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
    expression = as_expression(expression)
    many = list(wrt) if _several(wrt) else [wrt]
    targets = [find_variable(expression, w) for w in many]
    found = differentiate.gradients(recognise(expression.node), targets)
    results = [Expression(g, expression.declared) for g in found]
    return Together(results, [v.name for v in targets]) if _several(wrt) else results[0]


def jacobian(expression: Expression, wrt: Any) -> Any:
    """The Jacobian: axes of the expression, then axes of the variable.

    >>> import derive as dv
    >>> A, x = dv.matrix("A", "m", "n"), dv.vector("x", "n")
    >>> dv.jacobian(A @ x, x)
    A
    """
    expression = as_expression(expression)
    many = list(wrt) if _several(wrt) else [wrt]
    node = recognise(expression.node)
    results = [
        Expression(differentiate.jacobian(node, find_variable(expression, w)), expression.declared)
        for w in many
    ]
    return results if _several(wrt) else results[0]


def hessian(expression: Expression, wrt: Any) -> Any:
    """The Hessian: axes of the variable, twice. A list of variables gives the table of blocks.

    >>> import derive as dv
    >>> A, x = dv.matrix("A", "m", "n"), dv.vector("x", "n")
    >>> dv.hessian(dv.sumsq(A @ x) / 2, x)
    A.T @ A
    """
    expression = as_expression(expression)
    node = recognise(expression.node)
    many = list(wrt) if _several(wrt) else [wrt]
    targets = [find_variable(expression, w) for w in many]
    firsts = differentiate.gradients(node, targets)
    table = [
        [Expression(second_derivative(g, u, v), expression.declared) for v in targets]
        for g, u in zip(firsts, targets, strict=True)
    ]
    return table if _several(wrt) else table[0][0]


def hvp(expression: Any, wrt: Any, direction: Any) -> Any:
    """Hessian times a direction, without the Hessian; the shape of the variable.

    For a list of variables, a list of directions gives the list of the products.

    >>> import derive as dv
    >>> A, x, v = dv.matrix("A", "m", "n"), dv.vector("x", "n"), dv.vector("v", "n")
    >>> dv.hvp(dv.sumsq(A @ x) / 2, x, v)
    A.T @ A @ v
    """
    expression = as_expression(expression)
    targets, directions = _directions(expression, wrt, direction, "direction")
    slopes = differentiate.gradients(recognise(expression.node), targets)
    results = [_along(slope, targets, directions, expression) for slope in slopes]
    return results if _several(wrt) else results[0]


def jvp(expression: Any, wrt: Any, tangent: Any) -> Expression:
    """Jacobian times a tangent; the shape of the expression. Several variables have a tangent each.

    >>> import derive as dv
    >>> x, v = dv.vector("x", "n"), dv.vector("v", "n")
    >>> dv.jvp(dv.exp(x), x, v)
    v * exp(x)
    """
    expression = as_expression(expression)
    targets, tangents = _directions(expression, wrt, tangent, "tangent")
    return _along(recognise(expression.node), targets, tangents, expression)


def vjp(expression: Any, wrt: Any, cotangent: Any) -> Any:
    """Cotangent times Jacobian; the shape of the variable, or a list for several.

    >>> import derive as dv
    >>> x, u = dv.vector("x", "n"), dv.vector("u", "n")
    >>> dv.vjp(dv.exp(x), x, u)
    u * exp(x)
    """
    expression = as_expression(expression)
    known = _of_shape(cotangent, expression.shape, expression, "the cotangent", "the expression")
    declared = (*expression.declared, *known.declared)
    node = recognise(expression.node)
    results = [
        Expression(differentiate.vjp(node, find_variable(expression, w), known.node), declared)
        for w in (wrt if _several(wrt) else [wrt])
    ]
    return results if _several(wrt) else results[0]


def _directions(
    expression: Expression, wrt: Any, directions: Any, word: str
) -> tuple[list[Variable], list[Expression]]:
    """The variables, and a direction of the shape of each."""
    if _several(wrt) != _several(directions) or (_several(wrt) and len(wrt) != len(directions)):
        raise ArgumentError(f"give one {word} for each variable: a list of variables takes a list as long")
    targets = [find_variable(expression, w) for w in (wrt if _several(wrt) else [wrt])]
    given = directions if _several(directions) else [directions]
    return targets, [
        _of_shape(d, v.shape, expression, f"the {word}", v.name) for d, v in zip(given, targets, strict=True)
    ]


def _of_shape(value: Any, shape: Shape, known: Expression, word: str, like: str) -> Expression:
    """A value of that shape; a number stands for an array filled with it."""
    found = as_expression(value, known.declared)
    if found.ndim == 0 and shape:
        return Expression(broadcast_to(found.node, shape), found.declared)
    if not same_shape(found.shape, shape):
        raise SizeError(
            f"{word} {found} has sizes {show_shape(found.shape)}, but {like} has {show_shape(shape)}"
        )
    return found


def _along(
    node: Node, targets: Sequence[Variable], directions: Sequence[Expression], source: Expression
) -> Expression:
    """The derivative of a node along directions of several variables."""
    terms = [
        (sympy.S.One, differentiate.jvp(node, v, d.node)) for v, d in zip(targets, directions, strict=True)
    ]
    declared = (*source.declared, *(v for d in directions for v in d.declared))
    return Expression(add(terms, node.shape), declared)


def derivation(expression: Any, wrt: Any) -> Derivation:
    """The derivative as a worked solution: the differential first, then one named rule per line.

    >>> import derive as dv
    >>> loss = dv.parse("sumsq(X @ w - y) / 2", variables={"X": ("n", "d"), "y": ("n",), "w": ("d",)})
    >>> print(dv.derivation(loss, "w"))
         L = r @ r / 2
    where r = X @ w - y
        dL = d(r @ r) / 2    [linearity: d(A @ u + b) = A @ du]
           = r @ dr    [squared norm: d(u @ u) = 2 * u @ du]
           = r @ X @ dw    [linearity: dr = X @ dw]
           = (X.T @ r) @ dw    [collect dw]
    grad_w = X.T @ r    [the gradient is what multiplies the differential: dL = <grad, dw>]
           = X.T @ (X @ w - y)    [insert r]
    """
    expression = as_expression(expression)
    return derive_steps(recognise(expression.node), find_variable(expression, wrt))


def code(expression: Any, target: str = "numpy", name: str = "f") -> str:
    """The expression as the source of a plain function: `target` is "numpy", "jax" or "torch".

    The arguments are the variables that occur, by name; sizes are read off their shapes.

    >>> import derive as dv
    >>> loss = dv.parse("sumsq(X @ w - y) / 2", variables={"X": ("n", "d"), "y": ("n",), "w": ("d",)})
    >>> print(dv.code(dv.gradient(loss, "w"), name="gradient"))
    def gradient(X, w, y):
        \"\"\"X.T @ (X @ w - y).
    <BLANKLINE>
        X : (n, d)
        w : (d,)
        y : (n,)
        \"\"\"
        return X.T @ (X @ w - y)
    <BLANKLINE>
    """
    return notation.code(as_expression(expression).node, target, name)


def taylor(expression: Any, wrt: Any, at: Any, order: int = 2) -> Expression:
    """The Taylor polynomial in a variable about a point, to first or second order.

    f(a) + J(a)·(w − a) + ½ (w − a)ᵀ H(a) (w − a); for an array each entry is expanded.

    >>> import derive as dv
    >>> x, a = dv.vector("x", "n"), dv.vector("a", "n")
    >>> dv.taylor(dv.sumsq(x), x, a, order=1)
    2 * a @ (x - a) + a @ a
    """
    expression = as_expression(expression)
    if order not in (0, 1, 2):
        raise ArgumentError(f"an expansion is made to order 0, 1 or 2, not {order!r}")
    w = find_variable(expression, wrt)
    point = _of_shape(at, w.shape, expression, "the point", w.name)
    centre = point.node
    step = variable("_step", w.shape, w.facts & {"symmetric"})
    node = recognise(expression.node)
    terms = [(sympy.S.One, node)]
    slope = node
    for k in range(1, order + 1):
        slope = differentiate.jvp(slope, w, step)
        terms.append((1 / sympy.factorial(k), slope))
    here = differentiate.substitute(add(terms, node.shape), {w: centre})
    away = add([(sympy.S.One, w), (sympy.S.NegativeOne, centre)])
    return Expression(differentiate.substitute(here, {step: away}), (*expression.declared, *point.declared))


def state(
    numpy_function: Callable[..., Any],
    /,
    *,
    facts: Mapping[str, Iterable[str]] | None = None,
    **shapes: Sequence[Any],
) -> Expression:
    """A NumPy function of arrays becomes a statement, by calling it on symbolic variables; `facts` are about them.

    >>> import numpy as np
    >>> import derive as dv
    >>> def loss(X, w):
    ...     return np.sum((X @ w) ** 2)
    >>> dv.state(loss, X=("n", "d"), w=("d",))
    sumsq(X @ w)
    >>> dv.gradient(dv.state(lambda p: -np.sum(p * np.log(p)), p=("k",), facts={"p": ["simplex"]}), "p")
    -1 - log(p)
    """
    declared = declare({k: list(v) for k, v in shapes.items()}, facts or {})
    try:
        result = numpy_function(**{k: Expression(v) for k, v in declared.items()})
    except DeriveError:
        raise
    except TypeError as error:
        problem = f"the function does something that has no symbolic form: {error}"
        if "Symbol" in str(error):
            problem += "; sizes are symbols here: write X.shape[1] ** 0.5 for np.sqrt(X.shape[1]), and "
            problem += "dv.eye, dv.ones or dv.zeros for np.eye, np.ones or np.zeros of a size"
        raise UnsupportedError(problem) from error
    found = as_expression(result)
    return Expression(recognise(found.node), declared.values())
