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

import numpy as np

from ..oracle import Array
from .halves import Block
from .interior_point import Answer, Functions, Values

Watch = Callable[[int, Array, float, float], bool]
Solver = Callable[[Functions, Array, Watch], Answer]


@dataclass(frozen=True)
class Units:
    """Lengths of the unknowns and the sizes of objective, equalities and inequalities."""

    unknowns: Array
    objective: float
    equalities: Array
    inequalities: Array

    @classmethod
    def at(
        cls, functions: Functions, z: Array, groups: Sequence[int] = (), matrices: Sequence[Block] = ()
    ) -> Units | None:
        """Those at a point; None where it is not finite.

        groups    counts the rows that belong together
        matrices  those that stay positive semidefinite: one length for all entries of each
        """
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
        D = _through_rows(np.where(np.isfinite(D), D, np.abs(z)), np.abs(A))
        for start, side in matrices:
            D[start : start + side**2] = np.exp(np.log(D[start : start + side**2]).mean())
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

    def within(self, z: Array) -> Array:
        """The point with no entry larger than its length."""
        return np.asarray(np.clip(z, -self.unknowns, self.unknowns))

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


def _through_rows(D: Array, A: Array) -> Array:
    """Lengths that are 0 from those of other unknowns in the same rows, as far as these lead; the others are 1."""
    for _ in range(2):
        reached = (A * D).max(axis=1, initial=0.0)[:, None]
        known = (A > 0.0) & (reached > 0.0)
        least = np.where(known, reached / np.where(known, A, 1.0), np.inf).min(axis=0, initial=np.inf)
        D = np.where((D == 0.0) & np.isfinite(least), least, D)
    return np.where(D > 0.0, D, 1.0)
