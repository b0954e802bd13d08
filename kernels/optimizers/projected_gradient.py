"""Spectral projected gradient for bounds and simplexes.

    d = P(x − αg) − x,   x₊ = x + θd

P projects onto {l ≤ x ≤ u, aᵀx = b on some groups of x ≥ 0}; α is the Barzilai–Borwein length, θ is halved or found by
quadratic interpolation until f(x₊) ≤ max of the last ten values + δθgᵀd. The constraints are read off their
Jacobians: a row with one entry is a bound, equalities with equal positive entries on disjoint groups of nonnegative
unknowns are simplexes. Anything else is refused.
Sources: Birgin, Martínez & Raydan, Nonmonotone spectral projected gradient methods on convex sets, SIAM J.
Optim. 10 (2000), algorithm 2.2; Held, Wolfe & Crowder, Validation of subgradient optimization, Math. Program. 6
(1974), for the projection onto a simplex.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from derive.errors import UnsupportedError

from .interior_point import (
    CONVERGED,
    LIMIT,
    NOT_FINITE,
    STALLED,
    STOPPED,
    UNBOUNDED,
    Answer,
    Functions,
    Values,
    Vector,
)
from .penalties import onto_simplex

DELTA = 1e-4
RECENT = 10


@dataclass(frozen=True)
class Simple:
    """Bounds, and groups of unknowns whose sum is fixed; which constraint is a bound of which unknown."""

    low: Vector
    high: Vector
    groups: tuple[tuple[Vector, float], ...]  # places, and their sum
    column: Vector  # the unknown of every inequality
    weight: Vector  # its coefficient there

    def project(self, x: Vector) -> Vector:
        """The nearest point that satisfies all constraints."""
        found = np.clip(x, self.low, self.high)
        for places, total in self.groups:
            found[places] = onto_simplex(x[places], total)
        return found


def read_off(v: Values, z: Vector) -> Simple:
    """The constraints at a point as bounds and simplexes; `UnsupportedError` where they are more than that."""
    low, high = np.full(z.size, -np.inf), np.full(z.size, np.inf)
    column, weight = np.zeros(v.c.size, dtype=int), np.zeros(v.c.size)
    for i in range(v.c.size):
        places = np.flatnonzero(v.C[i])
        if places.size != 1:
            raise UnsupportedError(
                f"projected-gradient takes bounds and simplexes alone; inequality {i} couples {places.size} unknowns "
                "(slack variables of kinks included): use interior-point"
            )
        j = int(places[0])
        column[i], weight[i] = j, v.C[i, j]
        edge = z[j] - v.c[i] / v.C[i, j]
        if v.C[i, j] > 0:
            low[j] = max(low[j], edge)
        else:
            high[j] = min(high[j], edge)
    groups: list[tuple[Vector, float]] = []
    taken = np.zeros(z.size, dtype=bool)
    for i in range(v.e.size):
        places = np.flatnonzero(v.E[i])
        row = v.E[i, places]
        plain = places.size > 0 and np.allclose(row, row[0], rtol=1e-12) and not taken[places].any()
        total = float(z[places].sum() - v.e[i] / row[0]) if plain else 0.0
        if not plain or not total > 0 or (low[places] != 0).any() or np.isfinite(high[places]).any():
            raise UnsupportedError(
                f"projected-gradient takes bounds and simplexes alone; equality {i} is no simplex: use interior-point"
            )
        taken[places] = True
        groups.append((places, total))
    return Simple(low, high, tuple(groups), column, weight)


def multipliers(simple: Simple, v: Values, z: Vector) -> tuple[Vector, Vector]:
    """ν and λ ≥ 0 that fit ∇f = Eᵀν + Cᵀλ best: on a simplex ν is the slope of its largest entry."""
    nu, rest = np.zeros(v.e.size), v.g.copy()
    for k, (places, _) in enumerate(simple.groups):
        free = places[z[places] > 1e-9 * z[places].max()]
        nu[k] = v.g[free].mean() / v.E[k, places[0]]
        rest -= nu[k] * v.E[k]
    lam = np.zeros(v.c.size)
    for i, (j, a) in enumerate(zip(simple.column, simple.weight, strict=True)):
        at_edge = v.c[i] <= 1e-10 * max(1.0, abs(a * z[j]))
        if at_edge and rest[j] / a > 0 and not lam[(simple.column == j)].any():
            lam[i] = rest[j] / a
    return nu, lam


def solve(
    functions: Functions,
    z: Vector,
    *,
    tol: float = 1e-11,
    max_iterations: int = 2000,
    watch: Callable[[int, Vector, float, float], bool] | None = None,
) -> Answer:
    """From any point. `watch(iteration, z, f, error)` ends the run by returning true."""
    v = functions.values(z)
    if not v.finite():
        return Answer(z, np.zeros(v.e.size), np.zeros(v.c.size), NOT_FINITE, 0)
    simple = read_off(v, z)
    if (simple.low > simple.high).any():
        return Answer(z, np.zeros(v.e.size), np.zeros(v.c.size), STALLED, 0)
    x = simple.project(z)
    v = functions.values(x)
    if not v.finite():
        return Answer(x, np.zeros(v.e.size), np.zeros(v.c.size), NOT_FINITE, 0)
    alpha = 1.0 / max(1e-300, float(np.abs(simple.project(x - v.g) - x).max(initial=0.0)))
    recent = [v.f]
    answer = Answer(x, np.zeros(v.e.size), np.zeros(v.c.size), LIMIT, 0)
    for iteration in range(max_iterations + 1):
        size = max(1.0, float(np.abs(v.g).max(initial=0.0)))
        error = float(np.abs(simple.project(x - v.g / size) - x).max(initial=0.0))
        answer.errors.append(error)
        answer.objective.append(v.f)
        answer.iterations = iteration
        if error <= tol:
            answer.status = CONVERGED
            break
        if watch is not None and watch(iteration, x, v.f, error):
            answer.status = STOPPED
            break
        if v.f < -1e20 or not np.abs(x).max(initial=0.0) < 1e14:
            answer.status = UNBOUNDED
            break
        d = simple.project(x - min(max(alpha, 1e-30), 1e30) * v.g) - x
        slope = float(v.g @ d)
        theta, bound, moved = 1.0, max(recent) + 1e-12 * abs(v.f), False
        for _ in range(60):
            w = functions.values(x + theta * d)
            if w.finite() and w.f <= bound + DELTA * theta * slope:
                moved = bool(np.any(theta * d))
                break
            bend = w.f - v.f - theta * slope
            shorter = -0.5 * slope * theta * theta / bend if w.finite() and bend > 0 else 0.1 * theta
            theta = min(max(shorter, 0.1 * theta), 0.5 * theta)
        if not moved:
            answer.status = STALLED
            break
        s, y = theta * d, w.g - v.g
        bend = float(s @ y)
        alpha = float(s @ s) / bend if bend > 0 else 10.0 * alpha
        x, v = x + theta * d, w
        recent = [*recent[1 - RECENT :], v.f]
    answer.z = x
    answer.nu, answer.lam = multipliers(simple, v, x)
    return answer
