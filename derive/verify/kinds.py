"""Claims of every kind: derivatives, closed-form minimisers, steps, lines of a derivation.

Each is brought to one question, "are these two expressions equal?", and answered by `check`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import mpmath
import sympy

from ..build import add, einsum, full, multiply, number, zero
from ..differentiate import gradient, substitute
from ..errors import ArgumentError, DeriveError
from ..node import Node, Variable, variables
from ..notation import text
from ..second import hessian
from ..sizes import ONE, same_shape, show_shape
from .assumptions import Assumptions
from .check import check_claim, check_same
from .numbers import NotFinite, values
from .points import Points
from .ratios import DIGITS, one_formula, ratios
from .verdict import Diagnosis, Verdict
from .wording import Formulas

MINUS = sympy.S.NegativeOne
KINDS = ("gradient", "hessian", "jacobian", "minimiser", "step", "update", "value")
Name = Callable[[Node], str]


def check_kind(
    objective: Node,
    wrt: Variable,
    claim: Node | Callable[..., Any],
    kind: str,
    seed: int = 0,
    *,
    name: Name = text,
    assuming: Assumptions | None = None,
) -> Verdict:
    """The verdict on a claim of this kind about an objective and one of its variables.

    gradient, hessian, jacobian   the derivative
    minimiser                     a closed form at which the gradient vanishes
    step, update                  the next iterate of gradient descent, w − η ∇f; an update without w in it is the
                                  exact minimiser in w, as in EM
    value                         another way to write the objective
    """
    if kind in ("gradient", "hessian", "jacobian"):
        return check_claim(objective, wrt, claim, kind, seed, name=name, assuming=assuming)  # type: ignore[arg-type]
    if kind not in KINDS:
        raise ArgumentError(f"kind must be one of {', '.join(KINDS)}, not {kind!r}")
    if not isinstance(claim, Node):
        return Verdict("unsupported", f"a Python function cannot be a claim of kind {kind}")
    if kind == "value":
        return check_same(claim, objective, seed, name=name, assuming=assuming, subject="the objective")
    if not same_shape(claim.shape, wrt.shape):
        reason = (
            f"the claim has shape {show_shape(claim.shape)}, but {wrt.name} has shape {show_shape(wrt.shape)}"
        )
        return Verdict("refuted", reason, diagnosis=Diagnosis("shape", reason))
    # The update of an alternating scheme holds all but one unknown fixed, and is a closed form for that one.
    if kind == "minimiser" or (kind == "update" and wrt not in variables(claim)):
        return _minimiser(objective, wrt, claim, seed, name, assuming)
    return _step(objective, wrt, claim, seed, name, assuming)


def _minimiser(
    objective: Node, wrt: Variable, claim: Node, seed: int, name: Name, assuming: Assumptions | None
) -> Verdict:
    if wrt in variables(claim):
        return Verdict("unsupported", f"a closed form for {wrt.name} must not contain {wrt.name}")
    slope = gradient(objective, wrt)
    if "simplex" in wrt.facts:
        slope = _along_simplex(slope)
        inside = check_same(
            _sums(claim),
            _sums(wrt),
            seed,
            name=name,
            assuming=assuming,
            subject="1, the sum of a point of the simplex",
        )
        if not inside.ok:
            reason = f"the claimed {wrt.name} does not sum to 1"
            return Verdict("refuted", reason, inside.counterexample, Diagnosis("normalisation", reason))
    at_claim = substitute(slope, {wrt: claim})
    subject = f"zero, the gradient at a stationary point {wrt.name}"
    found = check_same(at_claim, zero(wrt.shape), seed, name=name, assuming=assuming, subject=subject)
    reason = found.reason
    if found.status == "refuted":
        at = found.counterexample.sizes if found.counterexample is not None else {}
        where = ", ".join(f"{k} = {v}" for k, v in at.items())
        reason = f"the gradient does not vanish at the claimed {wrt.name}" + (
            f", for example at {where}" if where else ""
        )
        slip = _closest_minimiser(objective, wrt, claim, seed, name, assuming)
        return Verdict("refuted", reason, found.counterexample, slip)
    reason = reason.replace("the claim is zero, the gradient at", "the claim makes the gradient zero, as at")
    reason = reason.replace("claim and zero, the gradient at", "the gradient at the claim and zero, as at")
    return Verdict(found.status, reason + "; a stationary point is a minimiser where the objective is convex")


def _sums(node: Node) -> Node:
    """Σ over the last axis; 1 for a variable on the simplex."""
    if "simplex" in node.facts:
        return full(node.shape[:-1])
    return einsum([(node, tuple(range(node.order)))], tuple(range(node.order - 1)))


def _along_simplex(slope: Node) -> Node:
    """The gradient without its mean over the last axis: zero where the objective is stationary on Σ w = 1."""
    labels, size = tuple(range(slope.order)), slope.shape[-1]
    mean = einsum([(slope, (*labels[:-1], slope.order)), (full((size,)), (labels[-1],))], labels)
    return add([(ONE, slope), (-1 / size, mean)])


def _closest_minimiser(
    objective: Node, wrt: Variable, claim: Node, seed: int, name: Name, assuming: Assumptions | None
) -> Diagnosis | None:
    """The claim with a constant factor, a sign or one edit that makes it stationary."""
    import numpy as np

    from .edits import edits, pool
    from .quick import Quick

    slope = gradient(objective, wrt)
    if "simplex" in wrt.facts:
        slope = _along_simplex(slope)
    change = assuming.apply if assuming is not None else None
    points = list(Points([objective, claim], seed, {}, change).generic(2))[:4]
    points = [p for p in points if any(n > 1 for n in p.binding.values.values())] or points
    quick = Quick(points)
    for edit in sorted(edits(claim, pool(objective, claim)), key=lambda e: e.cost)[:400]:
        candidate = edit.of(claim)
        if candidate is None or wrt in variables(candidate):
            continue
        try:
            found = substitute(slope, {wrt: candidate})
        except DeriveError:
            continue
        at = [quick.value(found, k) for k in range(len(points))]
        size = [quick.value(candidate, k) for k in range(len(points))]
        if all(
            a is not None
            and s is not None
            and float(np.abs(a).max()) <= 1e-9 * max(1.0, float(np.abs(s).max()))
            for a, s in zip(at, size, strict=True)
        ):
            formulas = Formulas(name)
            words = f"{formulas(edit.before)} should be {formulas(edit.after)}"
            return formulas.spoken(Diagnosis(edit.kind, words))
    return None


def _step(
    objective: Node, wrt: Variable, claim: Node, seed: int, name: Name, assuming: Assumptions | None
) -> Verdict:
    """w − claim = η ∇f for one step length η: a scalar of the claim, or a positive number."""
    moved = add([(ONE, wrt), (MINUS, claim)])
    slope = gradient(objective, wrt)
    known = {v.name: v for v in variables(claim, objective) if v.order == 0}
    own = [v for v in known.values() if v not in variables(objective)]
    length = _ratio(moved, slope, objective, seed)
    eta: Node = own[0] if own else number(1)
    words = own[0].name if own else "1"
    if length is not None and length.is_Symbol and str(length) in known:
        eta, words = known[str(length)], str(length)
    elif length is not None and length.is_Rational and length > 0 and not own:
        eta, words = number(length), str(length)
    step = add([(ONE, wrt), (MINUS, multiply(slope, eta))])
    subject = f"a gradient step of length {words}"
    found = check_same(claim, step, seed, name=name, assuming=assuming, subject=subject)
    return _other_step(objective, wrt, moved, slope, found, seed) if found.status == "refuted" else found


def _ratio(moved: Node, slope: Node, objective: Node, seed: int) -> sympy.Expr | None:
    pairs = []
    for point in Points([moved, slope, objective], seed, {}).generic(2):
        try:
            a, b = values([moved, slope], point, DIGITS + 10)
        except (NotFinite, DeriveError):
            return None
        pairs.append((point, a, b))
    scalars = [v.name for v in variables(moved, slope) if v.order == 0]
    with mpmath.workdps(DIGITS + 10):
        return one_formula(ratios(pairs), scalars)


def _other_step(
    objective: Node, wrt: Variable, moved: Node, slope: Node, found: Verdict, seed: int
) -> Verdict:
    """A refuted step: is it a gradient step of another length, or up the hill, or a Newton step?"""
    length = _ratio(moved, slope, objective, seed)
    if length is not None and length != 0:
        sign = length.as_coeff_Mul()[0]
        if sign < 0:
            words = f"the step goes up the gradient: {wrt.name} moves by {-length} times the gradient"
            return Verdict("refuted", found.reason, found.counterexample, Diagnosis("sign", words))
        words = f"this is a gradient step of length {length}"
        return Verdict("refuted", found.reason, found.counterexample, Diagnosis("factor", words))
    if wrt.order == 1:
        from ..build import matmul
        from ..operators import apply

        newton = matmul(apply("inv", hessian(objective, wrt)), slope)
        length = _ratio(moved, newton, objective, seed)
        if length is not None and length != 0:
            words = f"this is a Newton step of length {length}, not a gradient step"
            return Verdict("refuted", found.reason, found.counterexample, Diagnosis("objective", words))
    return found


def check_lines(
    lines: Sequence[Node],
    seed: int = 0,
    *,
    name: Name = text,
    assuming: Assumptions | None = None,
    labels: Sequence[str] | None = None,
) -> tuple[Verdict, list[Verdict]]:
    """A derivation line by line: each line equals the next. The first broken line decides the verdict.

    Returns the verdict on the whole and those on the single steps.
    """
    if len(lines) < 2:
        raise ArgumentError("a derivation has at least two lines")
    called = list(labels or [f"line {k + 1}" for k in range(len(lines))])
    steps = [
        check_same(b, a, seed, name=name, assuming=assuming, subject=called[k])
        for k, (a, b) in enumerate(pairwise(lines))
    ]
    for k, step in enumerate(steps):
        if step.status == "refuted":
            reason = f"{called[k + 1]} does not follow from {called[k]}"
            return Verdict("refuted", reason, step.counterexample, step.diagnosis), steps
    worst = next((s for s in steps if s.status == "unsupported"), None)
    if worst is not None:
        return worst, steps
    if all(s.status == "proved" for s in steps):
        return Verdict("proved", f"each of the {len(lines)} lines is proved equal to the next"), steps
    return Verdict(
        "agrees", f"each of the {len(lines)} lines agrees with the next; not every step is proved"
    ), steps


__all__ = ["KINDS", "check_kind", "check_lines"]
