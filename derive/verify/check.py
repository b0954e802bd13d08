"""Is this formula the derivative? Decided by numbers: refuted at a point, or agreeing to 40 digits.

A refutation shows a point at which the derived derivative, confirmed by central differences in 60 digits,
differs from the claim. Points at which differences do not confirm it (kinks, where the derivative is a
convention) accuse nobody. "agrees" is not a proof and says so.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from typing import Any, Literal

import mpmath
import numpy as np
import sympy

from ..differentiate import gradient, hessian, jacobian
from ..domains import Array
from ..errors import DeriveError, SizeError
from ..node import Node, Variable, variables
from ..notation import text
from ..simplify import simplify
from ..sizes import same_shape, show_shape
from . import diagnosis
from .assumptions import Assumptions
from .diagnosis import Evidence
from .differences import compare, differences
from .numbers import NotFinite, largest, relative_gap, same_value, values
from .points import Points
from .proof import proof
from .sampling import Point
from .verdict import Counterexample, Diagnosis, Verdict

Order = Literal[1, 2, "gradient", "hessian", "jacobian"]
DIGITS = 40  # to which an agreeing claim agrees
SHOWN = 50  # digits of a counterexample
_FLOAT = 1e-7  # relative difference that a callable in double precision is allowed
_WORDS = {1: "gradient", "gradient": "gradient", 2: "Hessian", "hessian": "Hessian", "jacobian": "Jacobian"}


def check_claim(
    objective: Node,
    wrt: Variable,
    claim: Node | Callable[..., Any],
    order: Order = 1,
    seed: int = 0,
    *,
    sizes: Mapping[sympy.Symbol, int] | None = None,
    name: Callable[[Node], str] = text,
    assuming: Assumptions | None = None,
) -> Verdict:
    """The verdict on a claimed derivative.

    objective   the statement; a scalar unless `order` is "jacobian"
    claim       a formula, or a function of the arrays by name (checked in double precision)
    order       1 or "gradient", 2 or "hessian", "jacobian"
    sizes       numbers for sizes that are fixed
    name        how a term is written in a diagnosis
    assuming    conditions that the data satisfy
    """
    assumed = assuming or Assumptions()
    objective, target = assumed.declare([objective, wrt])
    assert isinstance(target, Variable)
    right = derivative(objective, target, order)
    fixed = dict(sizes or {})
    if not isinstance(claim, Node):
        return _check_callable(objective, target, claim, right, order, seed, fixed, assumed)
    (claim,) = assumed.declare([claim])
    if not same_shape(claim.shape, right.shape):
        return _wrong_shape(claim, right, target, order)
    base = objective if order in (1, "gradient", "jacobian") else gradient(objective, target)
    subject = f"the {_WORDS[order]} with respect to {target.name}"
    return _Check(objective, target, claim, right, order, subject, base, seed, fixed, name, assumed).verdict()


def check_same(
    left: Node,
    right: Node,
    seed: int = 0,
    *,
    sizes: Mapping[sympy.Symbol, int] | None = None,
    name: Callable[[Node], str] = text,
    assuming: Assumptions | None = None,
    subject: str = "the right side",
) -> Verdict:
    """The verdict on `left = right`; `subject` is what the right one is called."""
    assumed = assuming or Assumptions()
    left, right = assumed.declare([left, right])
    if not same_shape(left.shape, right.shape):
        reason = f"one side has shape {show_shape(left.shape)}, {subject} has shape {show_shape(right.shape)}"
        return Verdict("refuted", reason, diagnosis=Diagnosis("shape", reason))
    some = next(iter(variables(right, left)), None)
    return _Check(
        right, some, left, right, "value", subject, None, seed, dict(sizes or {}), name, assumed
    ).verdict()


def derivative(objective: Node, wrt: Variable, order: Order) -> Node:
    """The derivative that a claim of that order is about."""
    if order in (1, "gradient"):
        return gradient(objective, wrt)
    if order in (2, "hessian"):
        return hessian(objective, wrt)
    if order == "jacobian":
        return jacobian(objective, wrt)
    raise SizeError(f"order must be 1, 2 or 'jacobian', not {order!r}")


def _wrong_shape(claim: Node, right: Node, wrt: Variable, order: Order) -> Verdict:
    reason = (
        f"the claim has shape {show_shape(claim.shape)}, "
        f"but the {_WORDS[order]} with respect to {wrt.name} has shape {show_shape(right.shape)}"
    )
    hint = diagnosis.layout(claim.shape, right.shape, right.order - wrt.order)
    return Verdict("refuted", reason, diagnosis=Diagnosis("convention" if hint else "shape", hint or reason))


class _Check:
    """The work of one symbolic claim: is `claim` what `right` is?

    base   whose differences have to confirm the right formula before a claim is refuted; None where the right
           formula is no derivative
    """

    def __init__(
        self,
        objective: Node,
        wrt: Variable | None,
        claim: Node,
        right: Node,
        order: object,
        subject: str,
        base: Node | None,
        seed: int,
        fixed: dict[sympy.Symbol, int],
        name: Callable[[Node], str],
        assumed: Assumptions,
    ) -> None:
        self.objective, self.wrt, self.claim, self.right = objective, wrt, claim, right
        self.order, self.name, self.subject, self.base = order, name, subject, base
        self.assumed = assumed
        self.points = Points([objective, right, claim], seed, fixed, assumed.apply)

    def verdict(self) -> Verdict:
        try:
            agreeing, differing, kinks = self._try_generic()
        except DeriveError as error:
            return Verdict("unsupported", f"the claim could not be evaluated: {error}")
        if differing:
            return self._refute(differing, agreeing)
        if not agreeing:
            if kinks:
                return Verdict("unsupported", f"{self.subject} exists at none of the points tried")
            return self._undefined()
        under = self.assumed.under()
        reason = proof(self.claim, self.right, self.assumed.sums)
        if reason is not None:
            return Verdict("proved", f"the claim is {self.subject}: {reason}{under}")
        sizes = len({tuple(p.sizes.items()) for p in agreeing})
        return Verdict(
            "agrees",
            f"claim and {self.subject.removeprefix('the ')} are equal to {DIGITS} digits at {len(agreeing)} random "
            f"points ({sizes} choice{'s' if sizes > 1 else ''} of sizes{under}); this is no proof",
        )

    def _try_generic(self) -> tuple[list[Point], list[Point], int]:
        agreeing: list[Point] = []
        differing: list[Point] = []
        kinks = 0
        for point in self.points.generic(2):
            try:
                if same_value(self.claim, self.right, point, DIGITS):
                    agreeing.append(point)
                elif differing or self._confirmed(point):  # one witness is enough to refute
                    differing.append(point)
                else:
                    kinks += 1
            except NotFinite:
                continue
        return agreeing, differing, kinks

    def _confirmed(self, point: Point) -> bool:
        """Whether differences agree with the derived derivative here: a second, independent witness."""
        if self.base is None or self.wrt is None:
            return True
        try:
            (right,) = values([self.right], point, 60)
            measured = differences(self.base, self.wrt, point.arrays, point.binding, digits=60)
            with mpmath.workdps(60):
                return bool(compare(right, measured, 1e-6, mpmath.mpf(10) ** -25)[0] < 1e-15)
        except (NotFinite, DeriveError, TypeError):
            return False

    def _undefined(self) -> Verdict:
        """No point where objective, right formula and claim are finite: is it the claim's fault alone?"""
        own = Points([self.objective, self.right], self.points.seed, self.points.fixed, self.assumed.apply)
        found = [p for p in own.generic(2) if self._confirmed(p)]
        if not found:
            return Verdict("unsupported", "no point was found at which the objective is finite")
        where = f", for example at sizes {found[0].sizes}" if found[0].sizes else ""
        reason = (
            f"the claim has no finite value at any of the points tried, where {self.subject} has one{where}"
        )
        return Verdict("refuted", reason, diagnosis=Diagnosis("undefined", "the claim is nowhere defined"))

    def _refute(self, differing: list[Point], agreeing: list[Point]) -> Verdict:
        evidence = []
        # Points at which the claim happens to be right are evidence too: a mean is a sum at size 1.
        for point in differing + agreeing:
            try:
                claimed, right = values([self.claim, self.right], point, 70)
            except NotFinite:  # a singular matrix that fewer digits did not show
                continue
            evidence.append(Evidence(point, claimed, right))
        first = next((e.point for e in evidence if e.point in differing), None)
        if first is None:
            return Verdict("unsupported", "claim and right formula have no finite values where they differ")
        found = diagnosis.diagnose(
            self.objective, self.wrt, self.claim, simplify(self.right), evidence, self.order, self.name
        )
        example = counterexample(self.claim, self.right, self._small_point() or first)
        at = ", ".join(f"{k} = {v}" for k, v in example.sizes.items())
        reason = f"the claim is not {self.subject}" + (f"; they differ already at {at}" if at else "")
        return Verdict("refuted", reason, example, found)

    def _small_point(self) -> Point | None:
        for point in self.points.small():
            try:
                if not same_value(self.claim, self.right, point, DIGITS) and self._confirmed(point):
                    return point
            except (NotFinite, DeriveError):
                continue
        return None


def counterexample(claim: Node, right: Node, point: Point) -> Counterexample:
    """The two values at a point at which they differ."""
    claimed, correct = values([claim, right], point, SHOWN + 10)
    with mpmath.workdps(SHOWN + 10):
        return _counterexample(claimed, correct, point, mpmath.mpf(10) ** -DIGITS, SHOWN)


def _counterexample(
    claimed: Array, right: Array, point: Point, tolerance: Any, digits: int
) -> Counterexample:
    scale = max(largest(claimed), largest(right))
    differing = tuple(i for i in np.ndindex(right.shape) if abs(claimed[i] - right[i]) > tolerance * scale)
    return Counterexample(
        point.sizes,
        dict(point.arrays),
        claimed,
        right,
        differing,
        float(relative_gap(claimed, right)),
        digits,
    )


def _check_callable(
    objective: Node,
    wrt: Variable,
    claim: Callable[..., Any],
    right: Node,
    order: Order,
    seed: int,
    fixed: dict[sympy.Symbol, int],
    assumed: Assumptions,
) -> Verdict:
    """A Python function of the arrays by name, in double precision."""
    points = Points([objective, right], seed, fixed, assumed.apply)
    tried = 0
    for point in itertools.chain(points.small(), points.generic(2)):
        try:
            (correct,) = values([right], point, 30)
            values([objective], point, 20)
        except NotFinite:
            continue
        arguments = {v.name: np.asarray(point.arrays[v.name], dtype=float) for v in points.variables}
        try:
            answer = np.asarray(claim(**arguments), dtype=float)
        except Exception as error:  # anything may go wrong in somebody else's function
            return Verdict("unsupported", f"the function failed: {type(error).__name__}: {error}")
        if answer.shape != correct.shape:
            return Verdict(
                "refuted",
                f"the function returned an array of shape {answer.shape}, "
                f"but the {_WORDS[order]} with respect to {wrt.name} has shape {correct.shape} there",
                diagnosis=Diagnosis("shape", "the shapes differ"),
            )
        expected = np.asarray(correct, dtype=float)
        scale = max(float(np.abs(expected).max()), 1e-300)
        if not np.isfinite(answer).all() or float(np.abs(answer - expected).max()) > _FLOAT * scale:
            example = _counterexample(answer, expected, point, _FLOAT, 17)
            return Verdict("refuted", f"the function is not the {_WORDS[order]} of the objective", example)
        tried += 1
        if tried >= 20:
            break
    if not tried:
        return Verdict("unsupported", "no point was found at which the objective is finite")
    return Verdict(
        "agrees",
        f"the function agrees with the {_WORDS[order]} to 7 digits at {tried} points; this is no proof",
    )


__all__ = ["Order", "check_claim", "check_same", "counterexample", "derivative"]
