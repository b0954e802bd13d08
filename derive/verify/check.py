"""Is this formula the derivative? Refuted at a point, proved by `proof`, or agreeing to 40 digits.

A refutation shows a point at which the derived derivative, confirmed by central differences in 60 digits,
differs from the claim, or at which the claim has no value where the derivative has one. Points at which differences
do not confirm it (kinks, where the derivative is a convention) accuse nobody. What is not proved is tried at harder
points before it is said to agree; "agrees" is not a proof and says so.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from itertools import chain
from typing import Any, Literal

import mpmath
import numpy as np
import sympy

from ..differentiate import gradient, jacobian
from ..errors import DeriveError, SizeError
from ..node import Apply, Node, Variable, topological, variables
from ..notation import text
from ..second import hessian
from ..sizes import same_shape, show_shape
from . import conditions, diagnosis
from .assumptions import Assumptions
from .callables import check_callable
from .diagnosis import Evidence
from .differences import compare, directional_difference
from .harder import at_kink, harder_points, in_the_noise, narrower
from .numbers import NotFinite, largest, same_value, values
from .points import Points
from .proof import proof
from .sampling import Point, distinct_sizes
from .stacked import check_stacked
from .style import as_printed
from .verdict import Counterexample, Diagnosis, Verdict, differing_values

Order = Literal[1, 2, "gradient", "hessian", "jacobian"]
DIGITS = 40  # to which an agreeing claim agrees
SHOWN = 50  # digits of a counterexample
MANY_DIGITS = 200  # to which it agrees at two of the points
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
        called = f"the {_WORDS[order]} with respect to {target.name}"
        return check_callable(
            objective, claim, right, called, Points([objective, right], seed, fixed, assumed.apply)
        )
    (claim,) = assumed.declare([claim])
    if not same_shape(claim.shape, right.shape):
        outer = right.order - target.order
        groups = (outer, target.order) if order in (2, "hessian", "jacobian") else (target.order,)

        def same(a: Node, b: Node, called: str) -> Verdict:
            return check_same(a, b, seed, sizes=sizes, name=name, assuming=assumed, subject=called)

        subject = f"the {_WORDS[order]} with respect to {target.name}"
        stacked = check_stacked(claim, right, groups, subject, same)
        return stacked or _wrong_shape(claim, right, target, order)
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
    both_ways: bool = False,
) -> Verdict:
    """The verdict on `left = right`; `subject` is what the right one is called.

    With `both_ways` the right side, too, must have a value wherever the left one has.
    """
    assumed = assuming or Assumptions()
    left, right = assumed.declare([left, right])
    if not same_shape(left.shape, right.shape):
        reason = f"one side has shape {show_shape(left.shape)}, {subject} has shape {show_shape(right.shape)}"
        return Verdict("refuted", reason, diagnosis=Diagnosis("shape", reason), right=right)
    some = next(iter(variables(right, left)), None)
    found = _Check(right, some, left, right, "value", subject, None, seed, dict(sizes or {}), name, assumed)
    if both_ways:
        back = _Check(
            left, some, right, left, "value", "the left side", None, seed, found.points.fixed, name, assumed
        )
        narrow = back.undefined_where_right("the right side")
        if narrow is not None and found.points_exist():
            return narrow
    return found.verdict()


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
    found = Diagnosis("convention" if hint else "shape", hint or reason)
    return Verdict("refuted", reason, diagnosis=found, right=right)


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
            agreeing, differing, kinks = self._try(self.points.generic(2))
            if not differing and agreeing:
                if self._only_numbers(agreeing):
                    return self._undefined("for arrays of more than one entry")
                restricted = self.undefined_where_right()
                if restricted is not None:
                    return restricted
        except DeriveError as error:
            return Verdict("unsupported", f"the claim could not be evaluated: {error}")
        if differing:
            return self._refute(differing, agreeing)
        if not agreeing:
            if kinks:
                return Verdict("unsupported", f"{self.subject} exists at none of the points tried")
            return self._undefined()
        under = self.assumed.under()
        reason = proof(self.claim, self.right, self.assumed.sums, self.assumed.rules)
        if reason is not None and not self._chooses():
            return Verdict("proved", f"the claim is {self.subject}: {reason}{under}", right=self.right)
        more, differing = self._try_harder(agreeing)
        if differing:
            return self._refute(differing, agreeing)
        if reason is not None:
            return Verdict("proved", f"the claim is {self.subject}: {reason}{under}", right=self.right)
        sizes = len({tuple(p.sizes.items()) for p in agreeing})
        return Verdict(
            "agrees",
            f"claim and {self.subject.removeprefix('the ')} are equal to {DIGITS} digits at {len(agreeing) + more} "
            f"points ({sizes} choice{'s' if sizes > 1 else ''} of sizes{under}); this is no proof",
            right=self.right,
        )

    def _try(self, points: Iterable[Point], digits: int = DIGITS) -> tuple[list[Point], list[Point], int]:
        """Points at which claim and right formula agree, at which they differ, and how many were kinks."""
        agreeing: list[Point] = []
        differing: list[Point] = []
        kinks = 0
        for point in points:
            try:
                if in_the_noise([self.claim, self.right], point):
                    kinks += 1
                elif same_value(self.claim, self.right, point, digits):
                    agreeing.append(point)
                elif differing or self._confirmed(point):  # one witness is enough to refute
                    differing.append(point)
                else:
                    kinks += 1
            except NotFinite:
                continue
        return agreeing, differing, kinks

    def _try_harder(self, agreeing: list[Point]) -> tuple[int, list[Point]]:
        """How many more points agree, and those that do not."""
        count = 0
        try:
            for point in agreeing[:1] + agreeing[-1:]:
                if not same_value(self.claim, self.right, point, MANY_DIGITS) and self._confirmed(point):
                    return count, [point]
            for point in harder_points(self.points, [self.claim, self.right]):
                same, differing, _ = self._try([point])
                count += len(same)
                if differing:
                    return count, differing
        except (DeriveError, NotFinite):
            pass
        return count, []

    def _chooses(self) -> bool:
        """Whether there are branches: two may differ just where the choice changes, and proofs do not speak of that."""
        return any(isinstance(n, Apply) and n.op == "where" for n in topological([self.claim, self.right]))

    def points_exist(self) -> bool:
        """Whether there are points at which both sides have values."""
        return any(True for _ in self.points.generic(1))

    def undefined_where_right(self, called: str = "the claim") -> Verdict | None:
        """Refuted: the claim holds an operator with a smaller domain, and has no value at points at which the right
        formula has one. (At sizes at which it has none at all it is taken for a claim about other sizes.)"""
        if not narrower(self.claim, [self.right, self.objective]):
            return None
        own = Points([self.objective, self.right], self.points.seed, self.points.fixed, self.assumed.apply)
        without: list[Point] = []
        ones = distinct_sizes(own.symbols, own.derived, own.fixed)[-1]
        for point in chain(own.at(ones, ("generic",), 16, "domain"), own.generic(2, styles=("generic",))):
            try:
                values([self.objective, self.right], point, 20)
            except NotFinite:
                continue
            try:
                values([self.claim], point, 20)
            except NotFinite:
                if self._confirmed(point):
                    without.append(point)
        if len(without) < 2:
            return None
        point = next((p for p in own.small() if self._is_undefined(p)), without[0])
        needed = conditions.needed(self.claim, self.right, without, only="positive")
        (right,) = values([self.right], point, SHOWN + 10)
        nowhere = np.full(right.shape, mpmath.nan, dtype=object)
        where = tuple(np.ndindex(right.shape))
        example = Counterexample(point.sizes, dict(point.arrays), nowhere, right, where, math.inf, SHOWN)
        return Verdict(
            "refuted",
            f"{called} has no value at points at which {self.subject} has one",
            example,
            Diagnosis(*needed) if needed else Diagnosis("domain", f"{called} is defined for fewer data"),
            right=self.right,
        )

    def _is_undefined(self, point: Point) -> bool:
        try:
            values([self.objective, self.right], point, 20)
        except NotFinite:
            return False
        try:
            values([self.claim], point, 20)
        except NotFinite:
            return self._confirmed(point)
        return False

    def _confirmed(self, point: Point) -> bool:
        """Whether differences agree with the derived derivative here: a second, independent witness."""
        if self.base is None or self.wrt is None:
            return True
        if at_kink([self.base], point):
            return False
        rng = np.random.default_rng(len(point.arrays))
        shape = point.binding.shape(self.wrt.shape)
        try:
            (right,) = values([self.right], point, 60)
            for _ in range(2):
                v = rng.integers(1, 1000, shape) / 256.0 * rng.choice([-1, 1], shape)
                if "symmetric" in self.wrt.facts and v.ndim >= 2:
                    v = (v + np.swapaxes(v, -1, -2)) / 2
                measured = directional_difference(
                    self.base, self.wrt, point.arrays, point.binding, v, digits=60
                )
                with mpmath.workdps(60):
                    along = np.asarray(np.tensordot(right, v.astype(object), v.ndim), dtype=object)
                    rounding = mpmath.mpf(10) ** -19 * max(1, largest(right))
                    if compare(along, measured, 1e-6, rounding)[0] >= 1e-15:
                        return False
        except (NotFinite, DeriveError, TypeError):
            return False
        return True

    def _only_numbers(self, agreeing: list[Point]) -> bool:
        """Whether claim and right formula have values together only where all sizes are 1."""
        return all(p.sizes and set(p.sizes.values()) == {1} for p in agreeing)

    def _undefined(self, where: str = "") -> Verdict:
        """No point where objective, right formula and claim are finite: is it the claim's fault alone?"""
        own = Points([self.objective, self.right], self.points.seed, self.points.fixed, self.assumed.apply)
        found = [p for p in own.generic(2) if self._confirmed(p) and not (where and self._only_numbers([p]))]
        if not found:
            return Verdict("unsupported", "no point was found at which the objective is finite")
        at = f", for example at sizes {found[0].sizes}" if found[0].sizes else ""
        reason = (
            f"the claim has no finite value at any of the points tried {where or ''}, where {self.subject} has one{at}"
        ).replace(" ,", ",")
        undefined = Diagnosis("undefined", f"the claim is nowhere defined {where}".rstrip())
        return Verdict("refuted", reason, diagnosis=undefined, right=self.right)

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
            self.objective,
            self.wrt,
            self.claim,
            as_printed(self.right),
            evidence,
            self.order,
            self.name,
            self.right,
        )
        example = counterexample(self.claim, self.right, self._small_point() or first)
        at = ", ".join(f"{k} = {v}" for k, v in example.sizes.items())
        reason = f"the claim is not {self.subject}" + (f"; they differ already at {at}" if at else "")
        return Verdict("refuted", reason, example, found, right=self.right)

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
        tolerance = mpmath.mpf(10) ** -DIGITS
        return differing_values(claimed, correct, point.sizes, point.arrays, tolerance, SHOWN)


__all__ = ["Order", "check_claim", "check_same", "counterexample", "derivative"]
