"""Functions of the entries of one array, as SymPy expressions in one number z.

Σ w log(1 + x²/c)   has the weights w and the function log(1 + z²/c), with a symbol for c
"""

from __future__ import annotations

from collections.abc import Callable

import sympy

from .. import notation
from ..build import Factor, constant_value, einsum
from ..errors import UnsupportedError
from ..node import Apply, Einsum, Labels, Node, Ones, Variable, depends_on, ones
from ..operators import lookup
from ..operators.elementwise import Elementwise
from ..shifting import repeated
from ..sizes import ONE
from ..sums import flat_terms

REAL, POSITIVE = sympy.Symbol("z", real=True), sympy.Symbol("z", positive=True)


def entry(unknown: Variable) -> sympy.Symbol:
    """The symbol for one entry of the unknown, with its sign."""
    return POSITIVE if unknown.facts & {"positive", "nonnegative"} else REAL


def factors_of(node: Node) -> list[Factor]:
    """The factors of a product with their labels; a node that is no product is its own factor."""
    if isinstance(node, Einsum):
        return list(node.factors)
    return [(node, tuple(range(node.order)))]


def scalar_function(
    node: Node, unknown: Variable, parameter: Callable[[Node], sympy.Expr] | None = None
) -> sympy.Expr:
    """An array whose entries are functions of the entries of the unknown, as a SymPy expression in z.

    `parameter` gives the symbol for an entry of an array without the unknown. Raises `UnsupportedError` where
    there is no such function.
    """
    if node is unknown:
        return entry(unknown)
    number = constant_value(node)
    if number is not None:
        return number
    if parameter is not None and not depends_on(node, unknown):
        return parameter(node)
    if isinstance(node, Apply):
        operator = lookup(node.op)
        if isinstance(operator, Elementwise) and all(o.shape == unknown.shape for o in node.operands):
            inside = (scalar_function(o, unknown, parameter) for o in node.operands)
            return operator.scalar(node.params)(*inside)
    if node.order == unknown.order and not depends_on(node, unknown):
        raise UnsupportedError("an operator of two arrays has no inverse here")
    total, axes = sympy.S.Zero, tuple(range(unknown.order))
    for c, t in flat_terms(node):
        part, beside = c, list[Factor]()
        for n, labels in factors_of(t):
            if n is node:
                raise UnsupportedError(f"{notation.text(node)} is no function of single entries")
            if not depends_on(n, unknown):
                beside.append((n, labels))
            elif labels != axes:
                raise UnsupportedError(f"the entries of {unknown.name} are coupled in {notation.text(node)}")
            else:
                part = part * scalar_function(n, unknown, parameter)
        if any(not isinstance(n, Ones) for n, _ in beside):
            if parameter is None or not {i for _, ls in beside for i in ls} <= set(axes):
                raise UnsupportedError(f"{notation.text(node)} is no function of single entries")
            part = part * parameter(repeated(beside, axes, unknown.shape))
        total += part
    return total


def weighted(term: Node, v: Variable, parameter: Callable[[Node], sympy.Expr]) -> tuple[Node, sympy.Expr]:
    """A term Σ w φ(v) as the weights w, in the shape of v, and φ, whose parameters have symbols."""
    factors = factors_of(term) if isinstance(term, Einsum) else [(term, tuple(range(term.order)))]
    own: Labels | None = None
    phi: sympy.Expr = ONE
    rest: list[Factor] = []
    for node, labels in factors:
        if not depends_on(node, v):
            rest.append((node, labels))
            continue
        if len(set(labels)) != len(labels) or (own is not None and labels != own) or len(labels) != v.order:
            raise UnsupportedError(f"the entries of {v.name} are coupled in {notation.text(term)}")
        own = labels
        phi = phi * scalar_function(node, v, parameter)
    assert own is not None
    place = {i: k for k, i in enumerate(own)}
    if any(i not in place for _, ls in rest for i in ls):
        rest = [
            (
                einsum(rest, tuple(i for i in own if any(i in ls for _, ls in rest))),
                tuple(i for i in own if any(i in ls for _, ls in rest)),
            )
        ]
    moved = [(n, tuple(place[i] for i in ls)) for n, ls in rest]
    used = {i for _, ls in moved for i in ls}
    fill: list[Factor] = [(ones((s,)), (k,)) for k, s in enumerate(v.shape) if k not in used]
    return einsum([*moved, *fill], tuple(range(v.order))), phi


__all__ = ["POSITIVE", "REAL", "entry", "factors_of", "scalar_function", "weighted"]
