"""Functions that act entry by entry: the registry's elementwise operators, and formulas over them."""

from __future__ import annotations

from collections.abc import Callable

import sympy

from ..build import is_zero, number
from ..errors import ArgumentError
from ..node import Node
from ..operators import Elementwise, Operator, apply, on_register
from ..sizes import HALF
from . import arithmetic as ar
from .conditions import Comparison, choose
from .signature import function


def _as_function(operator: Operator) -> None:
    """Elementwise operators are functions under their own names, as soon as they are registered."""
    if isinstance(operator, Elementwise) and not operator.settings and operator.name not in ("pow", "where"):
        names = ("x", "y", "z")[: operator.arity]
        meaning = _entrywise(operator.name, operator.arity)
        meaning.__name__ = operator.name
        meaning.__doc__ = f"{operator.name}({', '.join(names)}), entry by entry."
        function()(meaning)


def _entrywise(name: str, arity: int) -> Callable[..., Node]:
    """The elementwise operator as a function of that many nodes."""
    if arity == 1:
        return lambda x: apply(name, x)
    if arity == 2:
        return lambda x, y: ar.elementwise(name, x, y)
    return lambda x, y, z: ar.elementwise(name, x, y, z)


on_register(_as_function)


@function()
def sqrt(x: Node) -> Node:
    """The square root, entry by entry: x ** (1/2)."""
    return ar.pow(x, number(HALF))


@function()
def square(x: Node) -> Node:
    """x ** 2, entry by entry."""
    return ar.pow(x, number(2))


@function()
def power(x: Node, y: Node) -> Node:
    """x ** y, entry by entry."""
    return ar.pow(x, y)


@function(order="number")
def polygamma(order: sympy.Expr, x: Node) -> Node:
    """The derivative of that order of digamma, entry by entry: polygamma(1, x) is trigamma(x)."""
    if not (order.is_Integer and order >= 0):
        raise ArgumentError(f"polygamma: the order must be a whole number ≥ 0, not {order}")
    return apply(("digamma", "trigamma")[int(order)], x) if order < 2 else apply("polygamma", x, order=order)


@function(condition="condition")
def where(condition: Node | Comparison, x: Node, y: Node) -> Node:
    """x where the condition holds (an array: where it is not 0), else y, entry by entry: where(x > 0, a, b)."""
    return choose(condition, x, y)


@function()
def logaddexp(x: Node, y: Node) -> Node:
    """log(exp x + exp y), entry by entry, without overflow."""
    x, y = ar.broadcast("logaddexp", x, y)
    if is_zero(x):
        x, y = y, x
    return ar.add(y, apply("softplus", ar.sub(x, y)))


@function()
def clip(x: Node, low: Node, high: Node) -> Node:
    """x cut off below `low` and above `high`: minimum(maximum(x, low), high)."""
    return ar.elementwise("minimum", ar.elementwise("maximum", x, low), high)


@function()
def sec(x: Node) -> Node:
    """The secant 1/cos x, entry by entry."""
    return _reciprocal("cos", x)


@function()
def csc(x: Node) -> Node:
    """The cosecant 1/sin x, entry by entry."""
    return _reciprocal("sin", x)


@function()
def cot(x: Node) -> Node:
    """The cotangent 1/tan x, entry by entry."""
    return _reciprocal("tan", x)


@function()
def sech(x: Node) -> Node:
    """The hyperbolic secant 1/cosh x, entry by entry."""
    return _reciprocal("cosh", x)


@function()
def csch(x: Node) -> Node:
    """The hyperbolic cosecant 1/sinh x, entry by entry."""
    return _reciprocal("sinh", x)


@function()
def coth(x: Node) -> Node:
    """The hyperbolic cotangent 1/tanh x, entry by entry."""
    return _reciprocal("tanh", x)


def _reciprocal(name: str, x: Node) -> Node:
    return ar.div(number(1), apply(name, x))
