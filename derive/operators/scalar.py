"""From an operator's SymPy statement to its derivative, and from SymPy scalars back to nodes.

`derivative` lets SymPy differentiate the statement and then brings the result into a shape that the
registry knows: if it *is* the statement of another operator it becomes that operator
(softplus′ → sigmoid, |x|′ → sign), and a rational function of eˣ that is a polynomial in the sigmoid
is written in it (sigmoid′ → σ(1−σ)). Nothing here knows an operator by name except `sigmoid`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sympy

from ..build import add, einsum, full, negate, number, power, scale
from ..errors import UnsupportedError
from ..node import Node, Params
from ..sizes import Shape
from .base import REGISTRY, Operator, apply, on_register
from .elementwise import ONE_SIDED, Elementwise

_E = sympy.Symbol("_E", positive=True)
_S = sympy.Symbol("_S", positive=True)
_known: dict[sympy.Expr, str] = {}
_derivatives: dict[tuple[str, int, Params], tuple[sympy.Expr, tuple[sympy.Symbol, ...]]] = {}

#: The place holder for "this registered operator, applied to …" inside a SymPy expression.
_Op = sympy.Function


def _symbols(arity: int) -> tuple[sympy.Symbol, ...]:
    return tuple(sympy.Symbol(f"x{i}", real=True) for i in range(arity))


def _rational(expression: sympy.Expr, x: sympy.Symbol) -> sympy.Expr:
    """The expression with e^{kx} written as a power of one symbol, cancelled."""
    expression = expression.replace(
        lambda e: isinstance(e, sympy.exp) and (e.args[0] / x).is_Integer, lambda e: _E ** (e.args[0] / x)
    )
    if expression.has(sympy.Piecewise) or not expression.has(_E):
        return expression  # nothing to cancel; `cancel` costs milliseconds
    return sympy.cancel(expression)


def _table() -> dict[sympy.Expr, str]:
    """Normal forms of the unary statements, to recognise an operator by its statement."""
    if not _known:
        (x,) = _symbols(1)
        for operator in REGISTRY.values():
            if isinstance(operator, Elementwise) and operator.arity == 1 and not operator.settings:
                _known.setdefault(_rational(operator.statement(x), x), operator.name)
    return _known


def _forget(_: Operator) -> None:
    """A new operator may be the derivative of an old one."""
    _known.clear()


on_register(_forget)


def _recognise(expression: sympy.Expr, x: sympy.Symbol) -> sympy.Expr | None:
    """The expression as ± one registered operator, or as a polynomial in the sigmoid."""
    normal = _rational(expression, x)
    table = _table()
    name = table.get(normal)
    if name is not None:
        return _Op(name)(x)
    if not normal.has(sympy.Piecewise):
        name = table.get(sympy.cancel(-normal) if normal.has(_E) else -normal)
        if name is not None:
            return -_Op(name)(x)
    if normal.has(_E) and normal.free_symbols == {_E}:
        in_sigmoid = sympy.factor(sympy.cancel(normal.subs(_E, _S / (1 - _S))))
        if in_sigmoid.is_polynomial(_S):
            return in_sigmoid.subs(_S, _Op("sigmoid")(x))
    return None


def _stable(expression: sympy.Expr) -> sympy.Expr:
    """log(1 + eᵃ) as softplus(a), eᵃ/(1 + eᵃ) as σ(a), 1/(1 + eᵃ) as σ(−a): what does not overflow."""
    expression = expression.replace(
        lambda e: isinstance(e, sympy.log) and _exponent(e.args[0]) is not None,
        lambda e: _Op("softplus")(_exponent(e.args[0])),
    )
    expression = expression.replace(lambda e: e.is_Mul, _with_sigmoids)  # powers that stand alone come after
    return expression.replace(lambda e: e.is_Pow, _with_sigmoids)


def _exponent(expression: sympy.Expr) -> sympy.Expr | None:
    """a when the expression is 1 + eᵃ."""
    rest = expression - 1 if expression.is_Add else None
    return rest.args[0] if isinstance(rest, sympy.exp) else None


def _with_sigmoids(product: sympy.Expr) -> sympy.Expr:
    factors = list(sympy.Mul.make_args(product))
    for k, factor in enumerate(factors):
        base, exponent = factor.args if factor.is_Pow and len(factor.args) == 2 else (factor, sympy.S.One)
        a = _exponent(base)
        if a is None or not exponent.is_Integer or exponent > 0:
            continue
        count, up = -exponent, sympy.S.Zero
        for j, other in enumerate(factors):
            ratio = other.args[0] / a if isinstance(other, sympy.exp) else sympy.S.Zero
            if ratio.is_Integer and ratio > 0:
                up = min(ratio, count)
                factors[j] = sympy.exp(a * (ratio - up))
                break
        sigmoid = _Op("sigmoid")
        factors[k] = sigmoid(a) ** up * sigmoid(-a) ** (count - up)
    return sympy.Mul(*factors)


def derivative(
    operator: Elementwise, index: int, params: Params
) -> tuple[sympy.Expr, tuple[sympy.Symbol, ...]]:
    """SymPy's derivative of the statement, in terms of registered operators where it can be."""
    key = (operator.name, index, params)
    found = _derivatives.get(key)
    if found is None:
        symbols = _symbols(operator.arity)
        statement = operator.one_sided if index == ONE_SIDED else None
        slope = _slope((statement or operator.scalar(params))(*symbols), symbols[max(index, 0)])
        slope = slope.replace(lambda e: isinstance(e, sympy.Piecewise), lambda e: _fold_cases(e))
        if operator.arity == 1:
            slope = _recognise(slope, symbols[0]) or _stable(slope)
        elif not slope.has(sympy.Piecewise):
            slope = sympy.powsimp(slope)
        found = _derivatives[key] = (slope, symbols)
    return found


def _slope(statement: sympy.Expr, x: sympy.Symbol) -> sympy.Expr:
    """SymPy's derivative; of one of its functions of x, that function's own rule, which asks no questions."""
    if isinstance(statement, sympy.Function) and statement.args == (x,):
        return statement.fdiff(1)
    return sympy.diff(statement, x)


def _fold_cases(cases: sympy.Expr) -> sympy.Expr:
    """A case distinction on the sign of one expression, as sign(·) or step(·) of it."""
    if not isinstance(cases, sympy.Piecewise):
        return cases
    subjects = [c.lhs - c.rhs for _, c in cases.args if isinstance(c, sympy.core.relational.Relational)]
    if any(isinstance(c, sympy.Eq) for _, c in cases.args):
        return cases  # `where` says this as it stands
    for subject in subjects:
        if not all(v.is_number for v, _ in cases.args):
            continue
        below, at, above = (_case_at(cases, subject, probe) for probe in (-1, 0, 1))
        if below is None or at is None or above is None:
            continue
        if at == (below + above) / 2:
            return at + (above - below) / 2 * _Op("sign")(subject)
        if at == below:
            return below + (above - below) * _Op("step")(subject)
        if at == above:
            return above + (below - above) * _Op("step")(-subject)
        return below + (at - below) * (1 - _Op("step")(-subject)) + (above - at) * _Op("step")(subject)
    if all(v == cases.args[0][0] for v, _ in cases.args):
        return cases.args[0][0]
    return cases


def _case_at(cases: sympy.Expr, subject: sympy.Expr, sign: int) -> sympy.Expr | None:
    """The value of the cases where `subject` has that sign; None where it does not decide."""
    t = sympy.Symbol("_t", real=True)
    for value, condition in cases.args:
        if condition == sympy.true:
            return value
        ratio = sympy.cancel((condition.lhs - condition.rhs) / subject)
        if not ratio.is_number:
            return None
        if condition.func(ratio * t, 0).subs(t, sign) == sympy.true:
            return value
    return None


#: SymPy's functions of numbers, and what they are called here.
ENTRYWISE: dict[Any, str] = {
    sympy.exp: "exp",
    sympy.log: "log",
    sympy.sin: "sin",
    sympy.cos: "cos",
    sympy.tan: "tan",
    sympy.sinh: "sinh",
    sympy.cosh: "cosh",
    sympy.tanh: "tanh",
    sympy.asin: "arcsin",
    sympy.acos: "arccos",
    sympy.atan: "arctan",
    sympy.asinh: "arcsinh",
    sympy.acosh: "arccosh",
    sympy.atanh: "arctanh",
    sympy.erf: "erf",
    sympy.erfc: "erfc",
    sympy.loggamma: "lgamma",
    sympy.Abs: "abs",
    sympy.sign: "sign",
    sympy.Max: "maximum",
    sympy.Min: "minimum",
}
SYMPY_FUNCTIONS = {name: function for function, name in ENTRYWISE.items()}


def to_node(expression: sympy.Expr, bindings: Mapping[sympy.Symbol, Node], shape: Shape) -> Node:
    """A SymPy scalar expression as nodes of one shape, entry by entry."""
    expression = sympy.sympify(expression)
    if expression in bindings:
        return bindings[expression]
    if not expression.free_symbols & set(bindings):
        return scale(expression, full(shape))
    labels = tuple(range(len(shape)))
    args = expression.args
    if expression.is_Add:
        return add([(sympy.S.One, to_node(a, bindings, shape)) for a in args], shape)
    if expression.is_Mul:
        return einsum([(to_node(a, bindings, shape), labels) for a in args], labels)
    if expression.is_Pow:
        base, exponent = args
        if base is sympy.S.Exp1:
            return apply("exp", to_node(exponent, bindings, shape))
        if not exponent.free_symbols & set(bindings):
            return power(to_node(base, bindings, shape), exponent)
        return apply("pow", to_node(base, bindings, shape), to_node(exponent, bindings, shape))
    if isinstance(expression, sympy.polygamma) and args[0].is_Integer:
        order, argument = args[0], to_node(args[1], bindings, shape)
        if order < 2:
            return apply(("digamma", "trigamma")[int(order)], argument)
        return apply("polygamma", argument, order=order)
    name = ENTRYWISE.get(expression.func)
    if name is None and isinstance(expression, sympy.core.function.AppliedUndef):
        name = expression.func.__name__
    if name is not None and name in REGISTRY:
        nodes = [to_node(a, bindings, shape) for a in args]
        while len(nodes) > 2 and name in ("maximum", "minimum"):
            nodes = [apply(name, nodes[0], nodes[1]), *nodes[2:]]
        return apply(name, *nodes)
    if isinstance(expression, sympy.Piecewise) and args[-1][1] == sympy.true:
        found = to_node(args[-1][0], bindings, shape)
        for value, condition in reversed(args[:-1]):
            found = _where(condition, to_node(value, bindings, shape), found, bindings, shape)
        return found
    raise UnsupportedError(
        f"SymPy gave {expression}, for which there is no operator; register one whose statement it is"
    )


def _where(condition: Any, yes: Node, no: Node, bindings: Mapping[sympy.Symbol, Node], shape: Shape) -> Node:
    """One case of a case distinction; a comparison is a `step` of the difference of its sides."""
    if isinstance(condition, sympy.And | sympy.Or):
        first, rest = condition.args[0], condition.func(*condition.args[1:])
        inner = _where(rest, yes, no, bindings, shape)
        pair = (inner, no) if isinstance(condition, sympy.And) else (yes, inner)
        return _where(first, *pair, bindings, shape)
    if not isinstance(condition, sympy.core.relational.Relational):
        raise UnsupportedError(f"the condition {condition} has no form in the language")
    gap = to_node(condition.gts - condition.lts, bindings, shape) if hasattr(condition, "gts") else None
    if gap is None:
        gap = to_node(condition.lhs - condition.rhs, bindings, shape)
        return (
            apply("where", gap, no, yes) if isinstance(condition, sympy.Eq) else apply("where", gap, yes, no)
        )
    if isinstance(condition, sympy.StrictGreaterThan | sympy.StrictLessThan):
        return apply("where", apply("step", gap), yes, no)
    return apply("where", apply("step", negate(gap)), no, yes)  # a ≥ b unless b > a


__all__ = ["derivative", "number", "to_node"]
