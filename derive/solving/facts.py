"""What a statement implies about its optimum, as far as solver and certificate use it: derived once, when asked for.

    is it convex                    then a stationary point is a global minimum, and one start is enough
    μ ≤ ∇²f ≤ L                     step lengths, condition L/μ, distance to the optimum
    a closed form                   the optimum itself
    the dual                        a lower bound of the optimum

Nothing here decides anything; a fact that cannot be derived is None.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, final

import numpy as np

from .. import notation
from ..build import add, einsum
from ..convexity import Convexity, convexity, problem_convexity
from ..convexity.bounds import matrix_of, spherical
from ..domains import Float
from ..errors import DeriveError
from ..evaluate import planned
from ..node import Delta, Einsum, Node, Sum, Variable, variables
from ..optimality import ClosedForm, Dual, Lagrangian, dual, joint_closed_form, lagrangian
from ..sizes import ONE
from ..stable import stabilise

if TYPE_CHECKING:
    from .instance import Instance
    from .posed import Posed

#: Eigenvalues of dense matrices are computed up to this many unknowns; above, Lanczos' method finds the largest.
DENSE = 1500
EPS = float(np.finfo(np.float64).eps)


@final
@dataclass(frozen=True)
class Constants:
    """μ and L with μ ≤ ∇²f ≤ L on these data, and the matrices whose extreme eigenvalues they are, as text."""

    strong: float | None = None
    smooth: float | None = None
    strong_from: str = ""
    smooth_from: str = ""

    @property
    def condition(self) -> float | None:
        """L/μ, a bound of the condition number of every Hessian."""
        if not self.strong or self.smooth is None:
            return None
        return self.smooth / self.strong

    def lines(self) -> list[str]:
        """The constants that are known."""
        found = []
        if self.strong is not None and self.strong > 0.0:
            found.append(f"  strong convexity     {self.strong:.4g}   (μ = λ_min of {self.strong_from})")
        if self.smooth is not None:
            found.append(f"  smoothness           {self.smooth:.4g}   (L = λ_max of {self.smooth_from})")
        return found


@final
class Facts:
    """The facts of one posed problem."""

    def __init__(self, posed: Posed) -> None:
        self.posed = posed

    @cached_property
    def stated(self) -> Lagrangian:
        """The problem in standard form, as it is minimised."""
        return lagrangian(self.posed.minimised, self.posed.unknowns, self.posed.relations)

    @cached_property
    def convexity(self) -> Convexity | None:
        """The verdict on the whole problem, without a search for counterexamples."""
        relations = [(r.left, r.sign, r.right) for r in self.posed.relations]
        try:
            return problem_convexity(
                self.posed.minimised, self.posed.unknowns, "minimize", relations, look=False
            )
        except DeriveError:
            return None

    @property
    def is_convex(self) -> bool:
        """Whether the problem is proved to be convex."""
        return self.convexity is not None and self.convexity.status == "convex"

    def holds(self, arrays: Mapping[str, Any]) -> bool:
        """Whether that is so for these data: numbers have the signs that the proof needs."""
        numbers = [v for v in self.posed.given if not v.order]
        return self.is_convex and all(
            (arrays[v.name] > 0.0 or "positive" not in v.facts)
            and (arrays[v.name] >= 0.0 or "nonnegative" not in v.facts)
            for v in numbers
        )

    @cached_property
    def smooth_part(self) -> Convexity | None:
        """The verdict on the part of the objective that has a gradient: the weights on |x| left out."""
        composite = self.posed.composite
        if composite is None or not composite.structure.weights:
            return self.convexity
        try:
            return convexity(composite.structure.smooth, self.posed.unknowns, look=False, bounded=True)
        except DeriveError:
            return None

    @cached_property
    def spheres(self) -> dict[Variable, Node] | None:
        """c_v with Σ c_v ‖v‖² below the second derivative; as a rule numbers of the statement, free of arrays."""
        if not self.is_convex or self.convexity is None or self.convexity.bounds[0] is None:
            return None
        return spherical(self.convexity.bounds[0], self.convexity.directions)

    @cached_property
    def stationary_forms(self) -> dict[Variable, ClosedForm] | DeriveError:
        """The stationary point in all unknowns by formulas and decompositions, or why there is none."""
        try:
            posed = self.posed
            return joint_closed_form(
                lagrangian(posed.objective, posed.unknowns, posed.relations, posed.sense)
            )
        except DeriveError as error:
            return error

    @property
    def closed_forms(self) -> dict[Variable, ClosedForm] | None:
        """The same where each is proved to be the minimum, or maximum, that is asked for."""
        found = self.stationary_forms
        if isinstance(found, DeriveError) or set(found) != set(self.posed.unknowns):
            return None
        wanted = "a maximum" if self.posed.sign < 0.0 else "a minimum"
        return found if all(form.kind.startswith(wanted) for form in found.values()) else None

    @cached_property
    def dual(self) -> Dual | None:
        """The Lagrange dual."""
        try:
            return dual(self.stated)
        except DeriveError:
            return None

    # ------------------------------------------------------------------ numbers

    def sphere(self, instance: Instance) -> float:
        """A constant of strong convexity that costs nothing on data; 0 where there is none."""
        if not self.spheres:
            return 0.0
        nodes = list(self.spheres.values())
        if any(v.order for v in variables(*nodes)):
            return 0.0
        found = planned(stabilise(nodes), instance.binding, Float())(instance.numbers)
        least = min(float(a) for a in found)
        return least if np.isfinite(least) and least > 0.0 else 0.0

    def constants(self, instance: Instance) -> Constants:
        """μ of the objective and L of its smooth part, as far as they are derived."""
        strong = smooth = None
        low = high = ""
        whole, part = self.convexity, self.smooth_part
        dense = instance.count <= DENSE
        with np.errstate(all="ignore"):
            if self.is_convex and whole is not None and whole.bounds[0] is not None:
                if dense:
                    values = np.linalg.eigvalsh(_matrix(whole, whole.bounds[0], instance))
                    noise = 4.0 * EPS * values.size * float(np.abs(values).max())
                    strong = max(float(values[0]) - noise, 0.0)
                else:
                    strong = self.sphere(instance)
                low = _shown(whole, 0)
            if part is not None and part.status == "convex" and part.bounds[1] is not None:
                if dense:
                    values = np.linalg.eigvalsh(_matrix(part, part.bounds[1], instance))
                    smooth = float(values[-1]) * (1.0 + 4.0 * EPS * values.size)
                else:
                    smooth = _largest(part, part.bounds[1], instance)
                high = _shown(part, 1)
        if smooth is not None and not (np.isfinite(smooth) and smooth > 0.0):
            smooth = None
        return Constants(strong, smooth, low, high)


def _shown(verdict: Convexity, side: int) -> str:
    matrix = (verdict.lower, verdict.upper)[side]
    bound = verdict.bounds[side]
    assert bound is not None
    if matrix is None:
        return f"the form {notation.text(bound)}"
    return notation.text(_without_identities(matrix))


def _without_identities(matrix: Node) -> Node:
    """A for I ⊗ A, which has the same eigenvalues."""
    half = matrix.order // 2
    terms = matrix.terms if isinstance(matrix, Sum) else ((ONE, matrix),)
    free: set[int] = set(range(half))
    for _, term in terms:
        free &= {a for a in free if _is_identity_in(term, a, half)}
    if not free or len(free) == half:
        return matrix
    return add([(c, _without(term, free, half)) for c, term in terms])


def _is_identity_in(term: Node, axis: int, half: int) -> bool:
    """Whether the term is δ of this axis and its partner, times something free of both."""
    if not isinstance(term, Einsum):
        return False
    pair = {term.output[axis], term.output[axis + half]}
    holders = [(n, ls) for n, ls in term.factors if pair & set(ls)]
    return len(holders) == 1 and isinstance(holders[0][0], Delta) and set(holders[0][1]) == pair


def _without(term: Node, axes: set[int], half: int) -> Node:
    assert isinstance(term, Einsum)
    gone = {term.output[a + shift] for a in axes for shift in (0, half)}
    rest = [(n, ls) for n, ls in term.factors if not gone & set(ls)]
    return einsum(rest, tuple(i for i in term.output if i not in gone))


def _matrix(verdict: Convexity, bound: Node, instance: Instance) -> Any:
    """The matrix of a bound over all entries of the unknowns."""
    along = verdict.directions
    nodes = [matrix_of(bound, d, e) for d in along for e in along]
    if len(along) == 1:
        nodes = [_without_identities(nodes[0])]
    values = planned(stabilise(nodes), instance.binding, Float())(instance.numbers)
    if len(along) == 1:
        found = np.broadcast_to(values[0], instance.binding.shape(nodes[0].shape))
        side = int(np.prod(found.shape[: found.ndim // 2], dtype=np.int64))
        found = found.reshape(side, side)
        return (found + found.T) / 2
    counts = [int(np.prod(instance.binding.shape(d.shape), dtype=np.int64)) for d in along]
    k = len(along)
    table = [
        [
            np.broadcast_to(values[i * k + j], instance.binding.shape(nodes[i * k + j].shape)).reshape(
                counts[i], counts[j]
            )
            for j in range(k)
        ]
        for i in range(k)
    ]
    found = np.block(table)
    return (found + found.T) / 2


def _largest(verdict: Convexity, bound: Node, instance: Instance) -> float:
    """The largest eigenvalue of a bound by Lanczos' method, from products alone."""
    from scipy.sparse.linalg import LinearOperator, eigsh

    from ..differentiate import gradients
    from ..kernels.oracle import Layout

    shapes = {d.name: instance.binding.shape(d.shape) for d in verdict.directions}
    layout = Layout.of(shapes)
    slopes = gradients(bound, verdict.directions)
    evaluate = planned(stabilise(slopes), instance.binding, Float())
    arrays = instance.numbers

    def product(v: Any) -> Any:
        found = evaluate({**arrays, **layout.unpack(np.asarray(v, dtype=np.float64).reshape(-1))})
        parts = zip(found, shapes.values(), strict=True)
        return np.concatenate([np.broadcast_to(a, s).reshape(-1) for a, s in parts]) / 2

    start = np.random.default_rng(0).standard_normal(layout.size)
    operator = LinearOperator((layout.size, layout.size), matvec=product, dtype=np.float64)
    found = eigsh(operator, k=1, which="LA", tol=1e-3, v0=start, return_eigenvectors=False)
    return 1.01 * float(found[0])


__all__ = ["Constants", "Facts"]
