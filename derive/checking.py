"""Hand derivations checked: the public face of `verify` and of claims about optimality."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import sympy

from . import notation
from .build import zero
from .errors import ArgumentError
from .expression import Expression, as_expression
from .node import Node, made
from .operations import find_variable
from .stable import recognise
from .statement.declarations import declare

_ORDERS = {1: "gradient", 2: "hessian", "1": "gradient", "2": "hessian"}


def check(
    expression: Any,
    wrt: Any = None,
    claim: Any = None,
    order: Any = 1,
    *,
    kind: str | None = None,
    assuming: Sequence[Any] | str = (),
    subject_to: Sequence[str] | str = (),
    symbols: Mapping[str, str] | None = None,
    seed: int = 0,
) -> Any:
    """Is the claim the derivative? Proved, refuted with a counterexample and a diagnosis, or agreeing to 40 digits.

    claim       text, LaTeX, an expression, SymPy, or a function of the arrays by name (in double precision);
                for the kinds "lines" and "kkt" a list of them
    order       1 (gradient), 2 (Hessian) or "jacobian"
    kind        instead of an order: "gradient", "hessian", "jacobian", "minimiser" (a closed form at which the
                gradient vanishes), "step" or "update" (the next iterate: of gradient descent, or of an alternating
                scheme such as EM, where it is a stationary point), "value" (the objective in other words), "lines" (a
                derivation that starts at the objective), "kkt" (a system of conditions)
    assuming    conditions, as `["sum(y) == 1"]`
    subject_to  the constraints, for the kind "kkt"
    symbols     LaTeX symbols under other declared names, as `{"\\\\Sigma": "S"}`

    >>> import derive as dv
    >>> loss = dv.parse("sumsq(X @ w - y)/2", variables={"X": ("n", "d"), "y": ("n",), "w": ("d",)})
    >>> dv.check(loss, "w", claim="X.T @ (X @ w + y)").status
    'refuted'
    >>> dv.check(loss, "w", claim=r"X^\\top (Xw - y)").status
    'proved'
    >>> conditions = ["X.T @ (X @ w - y) - mu == 0", "w >= 0", "mu >= 0", "mu * w == 0"]
    >>> dv.check(loss, "w", claim=conditions, kind="kkt", subject_to=["w >= 0"]).status
    'proved'
    """
    from .verify.assumptions import read
    from .verify.defined import with_domain
    from .verify.kinds import check_kind, check_lines
    from .verify.style import in_style
    from .verify.verdict import About

    expression = as_expression(expression)
    if claim is None:
        raise ArgumentError("there is no claim to check: give claim=…")
    words = kind or _ORDERS.get(order, order)
    names = {v.name: v for v in expression.declared}
    conditions = read([assuming] if isinstance(assuming, str) else assuming, names)
    statement = recognise(expression.node)
    if words == "lines":
        steps = [_claimed(line, expression, symbols, statement.shape) for line in claim]
        found = check_lines([statement, *steps], seed, name=notation.text, assuming=conditions)[0]
        return _worded(
            found,
            claim[0] if claim else "",
            symbols,
            About(statement, None, "lines", None, "\n".join(map(str, claim))),
        )
    if wrt is None and words != "value":
        raise ArgumentError("say which variable the claim is about")
    if words == "kkt":
        found = _kkt(expression, wrt, claim, subject_to, seed, conditions)
        source = claim if isinstance(claim, str) else "\n".join(map(str, claim))
        return dataclasses.replace(found, about=About(statement, None, "kkt", None, source))
    target = find_variable(expression, wrt) if wrt is not None else next(iter(expression.declared))
    shape = (
        (*statement.shape, *target.shape)
        if words == "jacobian"
        else target.shape * (2 if words == "hessian" else 1)
    )
    with made() as built:
        stated = _claimed(claim, expression, symbols, statement.shape if words == "value" else shape)

    def name(node: Any) -> str:
        return in_style(claim, node, symbols) or notation.text(node)

    verdict = check_kind(statement, target, stated, words, seed, name=name, assuming=conditions)
    if isinstance(stated, Node) and words in ("gradient", "hessian", "jacobian", "value"):
        other = [n for n in (expression.node, statement, verdict.right) if n is not None]
        verdict = with_domain(verdict, (("the claim", [stated, *built]), ("the objective", other)))
    formula = None if callable(stated) else stated
    source = claim if isinstance(claim, str) else "" if formula is None else str(claim)
    return _worded(verdict, claim, symbols, About(statement, target, words, formula, source))


def check_equal(
    left: Any,
    right: Any,
    *,
    variables: Mapping[str, Sequence[Any]] | None = None,
    facts: Mapping[str, Sequence[str]] | None = None,
    assuming: Sequence[Any] | str = (),
    seed: int = 0,
) -> Any:
    """Are the two expressions equal, for all sizes and data? A verdict like that of `check`.

    >>> import derive as dv
    >>> x = dv.vector("x", "n")
    >>> dv.check_equal(1 - dv.sigmoid(x), dv.sigmoid(-x)).status
    'proved'
    """
    from .verify.assumptions import read
    from .verify.check import check_same
    from .verify.defined import with_domain

    declared = declare(variables or {}, facts or {})
    for side in (left, right):
        if isinstance(side, Expression):
            declared.update({v.name: v for v in side.declared})
    known = Expression(zero(()), declared.values())
    with made() as built_first:
        first = _claimed(left, known, None, None)
    with made() as built_second:
        second = _claimed(right, known, None, None)
    if callable(first) or callable(second):
        raise ArgumentError("functions are compared with check_gradient; check_equal compares expressions")
    conditions = read([assuming] if isinstance(assuming, str) else assuming, declared)
    found = check_same(first, second, seed, name=notation.text, assuming=conditions, both_ways=True)
    sides = ("the left side", [first, *built_first]), ("the right side", [second, *built_second])
    return with_domain(found, sides, both_ways=True)


def _kkt(expression: Expression, wrt: Any, claim: Any, subject_to: Any, seed: int, conditions: Any) -> Any:
    from .optimality import KKT, Relation, lagrangian
    from .optimality.claims import check_kkt
    from .statement.text import parse_constraint

    names = {v.name: v for v in expression.declared}
    stated = [subject_to] if isinstance(subject_to, str) else [str(c) for c in subject_to]
    relations = [Relation(c.left, c.sign, c.right) for text in stated for c in parse_constraint(text, names)]
    unknowns = [find_variable(expression, w) for w in (wrt if isinstance(wrt, list | tuple) else [wrt])]

    def system(given: Any) -> KKT:
        return KKT(lagrangian(expression.node, unknowns, relations, "minimize", given))

    return check_kkt(system, claim, expression.declared, seed, assuming=conditions)


def _worded(verdict: Any, claim: Any, symbols: Mapping[str, str] | None, about: Any) -> Any:
    """The verdict with what it is about, and the right formula in the notation of the claim."""
    from .verify.style import in_style

    formula = verdict.formula
    if verdict.right is not None and not formula:
        formula = in_style(claim, verdict.right, symbols)
    return dataclasses.replace(verdict, formula=formula, about=about)


def _claimed(claim: Any, known: Expression, symbols: Mapping[str, str] | None, shape: Any) -> Any:
    """A claim as a node, or as it is when it is a function."""
    names = {v.name: v for v in known.declared}
    if isinstance(claim, str):
        from .verify.notes import formula_node

        return formula_node(claim, names, symbols, shape)
    if isinstance(claim, Expression):
        return claim.node
    if isinstance(claim, sympy.Basic | sympy.MatrixBase) or not callable(claim):  # a Symbol is callable
        return as_expression(claim, known.declared).node
    return claim


__all__ = ["check", "check_equal"]
