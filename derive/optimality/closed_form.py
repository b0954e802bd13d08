"""Closed forms: the derived stationarity matched against a table of patterns, one unknown at a time, or jointly.

Nothing here knows a model: each pattern looks at the derived gradient and the constraints, and proves what it
says by substitution or by multiplying out, for all sizes. With several unknowns each is solved for with the
others held fixed: the steps of an alternating scheme. Where substituting one solution after the other resolves
all unknowns, that is the joint optimum (partial minimisation).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ..build import is_zero, negate
from ..convexity.certificate import convexity
from ..differentiate import substitute
from ..domains import Array
from ..errors import UnsupportedError
from ..node import Node, Variable, depends_on, variable
from ..operators import apply
from ..simplify import simplify
from ..sizes import Binding
from ..stable import recognise
from ..verify.canonical import canonical
from .case import Case
from .entrywise import entrywise
from .lagrangian import Condition, Lagrangian
from .linear import linear
from .scatter import scatter
from .solutions import ClosedForm
from .spectral import eigenvectors, quotient

#: The table: each takes a case and returns a closed form, or raises why there is none of its kind.
PATTERNS: tuple[Callable[[Case], ClosedForm], ...] = (linear, entrywise, scatter, eigenvectors, quotient)
#: Derivatives of more parts than this, written out, are not matched: the patterns multiply them out. What has a
#: closed form has tens of parts; a rational function from which some parameters were eliminated has thousands.
MOST_PARTS = 600


def closed_form(
    objective: Node, unknown: Variable, conditions: Sequence[Condition] = (), fixed: Sequence[Variable] = ()
) -> ClosedForm:
    """The stationary point of `objective`, to be minimised, in one unknown.

    Raises `UnsupportedError` where no pattern matches the derived stationarity.
    """
    own = [c for c in conditions if depends_on(c.residual, unknown)]
    case = Case.of(objective, unknown, own, fixed)
    if is_zero(case.slope):
        raise UnsupportedError(f"the objective does not depend on {unknown.name}")
    if case.slope.weight > MOST_PARTS:
        raise UnsupportedError(
            f"no closed form in {unknown.name} is looked for: written out, the derivative has {case.slope.weight} parts"
            f" (at most {MOST_PARTS} are matched)"
        )
    reasons: list[UnsupportedError] = []
    for pattern in PATTERNS:
        try:
            return _judged(case, pattern(case))
        except UnsupportedError as error:
            reasons.append(error)
    raise reasons[0]


def _judged(case: Case, form: ClosedForm) -> ClosedForm:
    """The closed form with what is known of it: a minimum, or no more than stationary."""
    if not isinstance(form.solution, Node):
        where = "all that satisfy the constraint" if case.binding else f"all {case.unknown.name}"
        return replace(form, kind=f"a minimum over {where}")
    if form.kind:
        return form
    if convexity(case.objective, [case.unknown], look=False).status == "convex":
        return replace(form, kind=f"a minimum, since the objective is convex in {case.unknown.name}")
    if convexity(negate(case.objective), [case.unknown], look=False).status == "convex":
        raise UnsupportedError(
            f"the objective is concave in {case.unknown.name}: its only stationary point is a maximum"
        )
    if "pd" in case.unknown.facts:
        inverse = variable("_inverse", case.unknown.shape, ["pd"])
        turned = canonical(substitute(case.objective, {case.unknown: apply("inv", inverse)}))
        if convexity(turned, [inverse], look=False).status == "convex":
            return replace(form, kind=f"a minimum, since the objective is convex in inv({case.unknown.name})")
    return replace(form, kind="a stationary point; that it is a minimum is not proved")


def _turned(form: ClosedForm) -> ClosedForm:
    """The closed form of a maximum, found as that of the minimum of the negative."""
    kind = form.kind.replace("minimum", "maximum").replace("convex", "concave")
    return replace(form, kind=kind.replace("with a positive", "with a negative"))


def closed_forms(stated: Lagrangian) -> dict[Variable, ClosedForm]:
    """The closed forms of a problem, one unknown at a time with the others held fixed.

    Raises `UnsupportedError` where there is none.
    """
    objective = minimised(stated)
    found: dict[Variable, ClosedForm] = {}
    reasons: list[UnsupportedError] = []
    for v in stated.unknowns:
        others = [u for u in stated.unknowns if u is not v]
        try:
            form = closed_form(objective, v, stated.conditions, others)
            found[v] = form if stated.sense == "minimize" else _turned(form)
        except UnsupportedError as error:
            reasons.append(error)
    if not found:
        raise reasons[0]
    return found


def minimised(stated: Lagrangian) -> Node:
    """What is to be minimised: the objective, or its negative."""
    return stated.objective if stated.sense == "minimize" else negate(stated.objective)


def joint_closed_form(stated: Lagrangian) -> dict[Variable, ClosedForm]:
    """The optimum in all unknowns together, in the order in which they are to be evaluated.

    One unknown after the other is eliminated: its solution, in terms of the rest, is put into the objective,
    so that each form holds data and unknowns before it. Raises `UnsupportedError` where the unknowns do not
    resolve, or an unknown that is eliminated is not at a proved minimum.
    """
    objective = recognise(minimised(stated))
    conditions = list(stated.conditions)
    left = list(stated.unknowns)
    ready: list[ClosedForm] = []
    eliminated: list[ClosedForm] = []
    while left:
        form = _first(objective, left, conditions)
        left.remove(form.unknown)
        if not _others(form, left):
            ready.append(form)
            continue
        eliminated.append(form)
        objective = simplify(recognise(substitute(objective, {form.unknown: form.node})))
        conditions = [c for c in conditions if not depends_on(c.residual, form.unknown)]
    forms = [*ready, *reversed(eliminated)]
    turn = (lambda f: f) if stated.sense == "minimize" else _turned
    return {form.unknown: turn(form) for form in forms}


def _others(form: ClosedForm, left: Sequence[Variable]) -> list[Variable]:
    """The unknowns still sought on which the form depends."""
    return [u for u in left if any(depends_on(n, u) for n in form.needs())]


def _first(objective: Node, left: Sequence[Variable], conditions: Sequence[Condition]) -> ClosedForm:
    """The closed form that depends on the fewest other unknowns; among those, of the smallest unknown."""
    reasons: list[UnsupportedError] = []
    forms: list[ClosedForm] = []
    for v in sorted(left, key=lambda v: (v.order, v.name)):
        others = [u for u in left if u is not v]
        tied = [c for c in conditions if depends_on(c.residual, v)]
        if any(depends_on(c.residual, u) for c in tied for u in others):
            reasons.append(UnsupportedError(f"a constraint ties {v.name} to other unknowns"))
            continue
        try:
            form = closed_form(objective, v, conditions, others)
            if _others(form, others) and not isinstance(form.solution, Node):
                raise UnsupportedError(f"{v.name} = {form.solution} cannot be put into the objective")
            forms.append(form)
        except UnsupportedError as error:
            reasons.append(error)
    if not forms:
        raise reasons[0]
    return min(forms, key=lambda form: len(_others(form, left)))


def evaluate_closed_form(
    forms: Mapping[Variable, ClosedForm], arrays: Mapping[str, Any], binding: Binding
) -> dict[str, Array]:
    """The optimum in numbers by the forms of `joint_closed_form`, one unknown after the other.

    `arrays` are the data, checked and bound to sizes. Raises `UnsupportedError` where a condition fails.
    """
    known = dict(arrays)
    found: dict[str, Array] = {}
    for v, form in forms.items():
        found[v.name] = known[v.name] = form.at(known, binding)
    return found


__all__ = [
    "PATTERNS",
    "ClosedForm",
    "closed_form",
    "closed_forms",
    "evaluate_closed_form",
    "joint_closed_form",
    "minimised",
]
