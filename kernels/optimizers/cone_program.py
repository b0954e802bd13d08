"""Quadratic programs over second-order cones: Mehrotra's predictor and corrector with Nesterov and Todd's scaling.

    minimise ½xᵀQx + cᵀx   subject to   Ex + e = 0,   s = Gx + g in a product of cones

With multipliers ν and z, z in the same cones, Newton's method is applied to Qx + c − Eᵀν − Gᵀz = 0, the two linear
conditions, and λ ∘ λ = σμe in the scaled space, λ = Wz = W⁻¹s. Eliminating Δs and Δz leaves (Q + GᵀW⁻²G, E).
Source: Vandenberghe, The CVXOPT linear and quadratic cone program solvers (2010), sections 4 to 6.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..oracle import Matrix, Vector
from .saddle_point import by_complement
from .second_order import Cones, Gram, Scaling

CONVERGED, LIMIT, STALLED, STOPPED = 0, 1, 2, 3
#: Where the residuals and the gap are below this share, a run ends; also after so many steps, or after some that gain
#: nothing, fewer of them where the point is good enough.
TOLERANCE, GOOD, MOST, PATIENCE = 3e-12, 1e-9, 80, 12


@dataclass(frozen=True)
class ConeProgram:
    """The matrices; `f0` is the constant of the objective."""

    Q: Matrix
    c: Vector
    f0: float
    E: Matrix
    e: Vector
    G: Matrix
    g: Vector
    cones: Cones

    def value(self, x: Vector) -> float:
        """The objective."""
        return float(self.f0 + x @ (self.c + 0.5 * (self.Q @ x)))


@dataclass(frozen=True)
class ConeAnswer:
    """x and its multipliers: ν of the equalities, z of the cones."""

    x: Vector
    nu: Vector
    z: Vector
    status: int
    iterations: int


#: Passes that balance the sizes of rows and columns.
BALANCED = 3


def solve_cone_program(
    program: ConeProgram, watch: Callable[[int, Vector, float, float], bool] | None = None
) -> ConeAnswer:
    """The best point of a run, in units in which rows and columns have like sizes (Ruiz, RAL-TR-2001-034)."""
    Q, E, G, cones = program.Q, program.E, program.G, program.cones
    column, equal, row = np.ones(program.c.size), np.ones(program.e.size), np.ones(program.g.size)
    for _ in range(BALANCED):
        q, a, b = (np.abs(M) * column for M in (Q, E, G))
        q, a, b = q * column[:, None], a * equal[:, None], b * row[:, None]
        tall = np.max(np.vstack([q, a, b]), axis=0, initial=0.0)
        wide, level = np.max(b, axis=1, initial=0.0), np.max(a, axis=1, initial=0.0)
        wide[cones.orthant :] = cones.largest(wide[cones.orthant :])[cones.owner]
        column, equal, row = (
            old / np.sqrt(np.where(size > 0.0, size, 1.0))
            for old, size in ((column, tall), (equal, level), (row, wide))
        )
    curved, slope = Q * column * column[:, None], program.c * column
    unit = max(float(np.abs(curved).max(initial=0.0)), float(np.abs(slope).max(initial=0.0)))
    share = 1.0 / unit if unit > 0.0 else 1.0
    inner = ConeProgram(
        share * curved,
        share * slope,
        share * program.f0,
        E * column * equal[:, None],
        program.e * equal,
        G * column * row[:, None],
        program.g * row,
        cones,
    )

    def seen(iteration: int, x: Vector, f: float, error: float) -> bool:
        return watch is not None and watch(iteration, column * x, f / share, error)

    found = _solve(inner, seen)
    return ConeAnswer(
        column * found.x, equal * found.nu / share, row * found.z / share, found.status, found.iterations
    )


def _solve(program: ConeProgram, watch: Callable[[int, Vector, float, float], bool]) -> ConeAnswer:
    """The best point of a run in the units of the program."""
    Q, c, E, e, G, g, cones = (
        program.Q, program.c, program.E, program.e, program.G, program.g, program.cones
    )  # fmt: skip
    n, rows = c.size, e.size
    start = _solver(Q + G.T @ G, E)
    if start is None:
        return ConeAnswer(np.zeros(n), np.zeros(rows), cones.unit.copy(), STALLED, 0)
    found = start(np.concatenate([-c - G.T @ g, -e]))
    x, nu = found[:n], -found[n:]
    s = G @ x + g
    z = -s
    s, z = (a if (depth := cones.depth(a)) > 1e-2 else a + (1.0 - depth) * cones.unit for a in (s, z))
    gram = Gram(G, cones)
    sizes = [max(1.0, float(np.abs(v).max(initial=0.0))) for v in (c, e, g)]
    best, status, stall = (np.inf, x, nu, z), LIMIT, 0
    iteration = 0
    for iteration in range(MOST + 1):
        bent = Q @ x
        rx, ry, rs = bent + c - E.T @ nu - G.T @ z, E @ x + e, s - G @ x - g
        gap, f = float(s @ z), float(program.f0 + x @ (c + 0.5 * bent))
        worst = max(
            float(np.abs(rx).max(initial=0.0)) / sizes[0],
            float(np.abs(ry).max(initial=0.0)) / sizes[1],
            float(np.abs(rs).max(initial=0.0)) / sizes[2],
            gap / max(1.0, abs(f)),
        )
        stall = 0 if worst < 0.5 * best[0] else stall + 1
        if worst < best[0]:
            best = (worst, x, nu, z)
        if watch(iteration, x, f, worst):
            status = STOPPED
            break
        if (
            worst <= TOLERANCE
            or not np.isfinite(worst)
            or stall >= (2 if best[0] <= GOOD else PATIENCE)
            or iteration == MOST
        ):
            status = CONVERGED if best[0] <= GOOD else STALLED
            break
        try:
            scaling = Scaling(cones, s, z)
            solve = _solver(Q + gram.scaled(scaling), E)
        except (np.linalg.LinAlgError, ValueError, FloatingPointError):
            solve = None
        if solve is None:
            status = CONVERGED if best[0] <= GOOD else STALLED
            break
        lam = scaling.times(z)

        newton = _Newton(program, scaling, solve, lam, rx, ry, rs)
        _, _, ds, dz = newton.step(-cones.product(lam, lam), 1.0)
        reach = min(1.0, cones.longest(s, ds), cones.longest(z, dz))
        sigma = (1.0 - reach) ** 3
        second = cones.product(scaling.times(ds, inverse=True), scaling.times(dz))
        mu = gap / cones.degree
        target = sigma * mu * cones.unit - cones.product(lam, lam) - second
        dx, dnu, ds, dz = newton.step(target, 1.0 - sigma)
        t = min(1.0, 0.99 * min(cones.longest(s, ds), cones.longest(z, dz)))
        if not np.isfinite(t):
            status = STALLED
            break
        x, nu, s, z = x + t * dx, nu + t * dnu, s + t * ds, z + t * dz
    _, x, nu, z = best
    return ConeAnswer(x, nu, z, status, iteration)


@dataclass(frozen=True)
class _Newton:
    """The linear system at one point: its factor, the scaled point λ, and the residuals."""

    program: ConeProgram
    scaling: Scaling
    solve: Callable[[Vector], Vector]
    lam: Vector
    rx: Vector
    ry: Vector
    rs: Vector

    def step(self, target: Vector, share: float) -> tuple[Vector, Vector, Vector, Vector]:
        """Δx, Δν, Δs, Δz for λ ∘ (WΔz + W⁻¹Δs) = target, the residuals lowered by a share."""
        G, times, n = self.program.G, self.scaling.times, self.rx.size
        q = self.program.cones.quotient(target, self.lam)
        rest = times(q + share * times(self.rs, inverse=True), inverse=True)
        found = self.solve(np.concatenate([-share * self.rx + G.T @ rest, -share * self.ry]))
        dx, dnu = found[:n], -found[n:]
        ds = G @ dx - share * self.rs
        return dx, dnu, ds, times(q - times(ds, inverse=True), inverse=True)


def _solver(M: Matrix, E: Matrix) -> Callable[[Vector], Vector] | None:
    """(p, q) ↦ (x, y) with Mx + Eᵀy = p, Ex = q; M is lifted by rounding where it is singular."""
    if not np.isfinite(M).all():
        return None
    found = by_complement(M, E)
    if found is None:
        lift = 1e-13 * np.maximum(np.diagonal(M), 1e-3 * float(np.diagonal(M).max(initial=1.0)))
        found = by_complement(M + np.diag(lift), E)
    return found
