"""A constrained problem in units of its own, for data of any size.

A solver's first barrier, its limits and its tests of progress are numbers, and numbers suit problems whose entries
are about 1. Here z = D u, the objective is taken over σ and constraint k over ρₖ, with

    D_j = least of   max_i |gᵢ|/√hᵢᵢ / √h_jj           a step of Newton's method, in the metric of the diagonal
                     √(σ / h_jj)                        how far z_j changes the objective by its size
                     mean of mₖ/|∂ⱼcₖ| over rows k      how far z_j changes constraints by as much as they hold
                     1/√|Σₖ ∂ⱼⱼcₖ/cₖ|                   the same where their slopes vanish

(a geometric mean, over rows that belong together; mₖ the larger of |cₖ| and Σ |∂ⱼcₖ z_j|), and σ = max |D g|,
ρₖ = max(|cₖ|, |∂ⱼcₖ D_j|), all at one point.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..oracle import Array, Layout
from .interior_point import Answer, Functions, Values

Watch = Callable[[int, Array, float, float], bool]
Solver = Callable[[Functions, Array, Watch], Answer]


def unusual(functions: Functions, z: Array) -> bool:
    """Whether an answer and its objective are so large or small that units are worth a look."""
    value, reach = abs(functions.values(z).f), float(np.abs(z).max(initial=0.0))
    return not (3e-3 < reach < 1e4 and 1e-6 < value < 1e6)


@dataclass(frozen=True)
class Units:
    """Lengths of the unknowns and the sizes of objective, equalities and inequalities."""

    unknowns: Array
    objective: float
    equalities: Array
    inequalities: Array

    @classmethod
    def at(cls, functions: Functions, z: Array, groups: Sequence[int] = ()) -> Units | None:
        """Those at a point; None where it is not finite. `groups` counts the rows that belong together."""
        v = functions.values(z)
        if not v.finite():
            return None
        A, b = np.vstack([v.E, v.C]), np.abs(np.concatenate([v.e, v.c]))
        none, one = np.zeros(b.size), 1.0 / np.where(b > 0.0, b, np.inf)
        H, both = (functions.hessian(z, y[: v.e.size], y[v.e.size :]) for y in (none, one))
        if not (np.isfinite(H).all() and np.isfinite(both).all()):
            return None
        bend, turn = np.abs(np.diagonal(H)), np.abs(np.diagonal(both - H))
        D = np.full(z.size, np.inf)
        at = 0
        for count in groups or [b.size]:
            rows, sizes = np.abs(A[at : at + count]), b[at : at + count]
            at += count
            sizes = np.maximum(sizes, rows @ np.abs(z))
            known = (rows > 0.0) & (sizes[:, None] > 0.0)
            ratio = np.log(np.where(known, sizes[:, None] / np.where(known, rows, 1.0), 1.0))
            times = known.sum(axis=0)
            D = np.where(times > 0, np.minimum(D, np.exp(ratio.sum(axis=0) / np.maximum(times, 1))), D)
        bent = turn > 1e-10 * bend  # by the constraints
        D[bent] = np.minimum(D[bent], 1.0 / np.sqrt(turn[bent]))
        bent = bend > 1e-300
        roots = np.sqrt(np.where(bent, bend, 1.0))
        step = float((np.abs(v.g) / roots)[bent].max(initial=0.0))
        if step > 0.0:
            D[bent] = np.minimum(D, step / roots)[bent]
        sizes = np.abs(v.g) * np.where(np.isfinite(D), D, 0.0)
        if sizes.any():
            D[bent] = np.minimum(D, np.sqrt(sizes.max()) / roots)[bent]
        D = np.where(np.isfinite(D), D, np.maximum(np.abs(z), 1.0))
        rows = np.maximum(b, np.abs(A * D).max(axis=1, initial=0.0))
        rows[rows == 0.0] = 1.0
        size = float(np.abs(D * v.g).max(initial=0.0)) or max(abs(v.f), 1.0)
        return cls(D, size, rows[: v.e.size], rows[v.e.size :])

    def measured(self, functions: Functions) -> Functions:
        """The problem in these units."""
        D, size, e, c = self.unknowns, self.objective, self.equalities, self.inequalities

        def values(u: Array) -> Values:
            v = functions.values(D * u)
            return Values(
                v.f / size,
                D * v.g / size,
                v.e / e,
                v.E * D / e[:, None],
                v.c / c,
                v.C * D / c[:, None],
            )

        def hessian(u: Array, nu: Array, lam: Array) -> Array:
            found = functions.hessian(D * u, size * nu / e, size * lam / c)
            return np.asarray(D[:, None] * found * D / size)

        return Functions(functions.size, values, hessian)

    def are_strange(self) -> bool:
        """Whether they are so far from 1 that what is small in them is not small in numbers, or the reverse."""
        longest = float(self.unknowns.max())
        return not (3e-3 < longest < 1e4 and 1e-6 < self.objective < 1e12)

    def solve(self, functions: Functions, z: Array, solver: Solver, watch: Watch) -> Answer:
        """What a solver finds in these units, in those of the statement."""

        def seen(iteration: int, u: Array, value: float, error: float) -> bool:
            return watch(iteration, self.unknowns * u, self.objective * value, error)

        found = solver(self.measured(functions), z / self.unknowns, seen)
        return replace(
            found,
            z=self.unknowns * found.z,
            nu=self.objective * found.nu / self.equalities,
            lam=self.objective * found.lam / self.inequalities,
        )

    def certify(
        self,
        functions: Functions,
        layout: Layout,
        answer: Answer,
        *,
        statement_value: float,
        tolerance: float,
    ) -> Any:
        """The certificate of an answer, its conditions in these units."""
        from ..kkt import certify_kkt

        proof = certify_kkt(
            self.measured(functions),
            layout,
            answer.z / self.unknowns,
            answer.nu * self.equalities / self.objective,
            answer.lam * self.inequalities / self.objective,
            statement_value=statement_value / self.objective,
            tolerance=tolerance,
        )
        return replace(proof, value=statement_value)
