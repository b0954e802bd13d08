"""Quadratic programs over second-order cones: Mehrotra's predictor and corrector with Nesterov and Todd's scaling.

    minimise ½xᵀQx + cᵀx   subject to   Ex + e = 0,   s = Gx + g in a product of cones

With multipliers ν and z, z in the same cones, Newton's method is applied to Qx + c − Eᵀν − Gᵀz = 0, the two linear
conditions, and λ ∘ λ = σμe in the scaled space, λ = Wz = W⁻¹s. Eliminating Δs and Δz leaves (Q + GᵀW⁻²G, E).
The loop is one text, as that of `interior_point` is: under Python its steps are NumPy (`cone_vectors`); for small
programs that are prepared it is compiled, with plain loops (`cone_loops`).
Source: Vandenberghe, The CVXOPT linear and quadratic cone program solvers (2010), sections 4 to 6.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from ..oracle import Matrix, Vector
from .cone_vectors import (
    affine_target,
    copied,
    corrected_target,
    degree,
    factors,
    first_point,
    largest,
    longest_step,
    moved,
    newton_step,
    normal_matrix,
    product,
    residuals,
    rooms,
    scaling,
)
from .second_order import Cones

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


#: An objective that is smaller, in balanced units, counts as nothing beside a gap.
LEAST = 1e-2

#: Shares of the largest: how deep a point is inside a cone, and what presses by rounding alone.
INSIDE, ROUNDING = 1e-4, 1e-7
#: Passes that balance the sizes of rows and columns at most, and what is balanced.
PASSES, BALANCED = 12, 2.0
#: Rounds of a fit of logarithms.
FITTED = 40


@dataclass(frozen=True)
class Balanced:
    """A program in units in which its rows and columns have like sizes, and these units."""

    program: ConeProgram
    column: Vector
    equal: Vector
    row: Vector
    one: float
    share: float

    @classmethod
    def of(cls, program: ConeProgram, column: Vector | None = None) -> Balanced:
        """Ruiz' scaling (RAL-TR-2001-034), one number for all rows of a cone; the objective of size 1.

        The constants e and g are a column as well, whose unit is that of all unknowns together. Where `column` gives
        the units of the unknowns, they are left.
        """
        Q, E, G, cones = program.Q, program.E, program.G, program.cones
        given, column = column is not None, np.ones(program.c.size) if column is None else column
        equal, row = np.ones(program.e.size), np.ones(program.g.size)
        one = 1.0
        for _ in range(PASSES):
            q, a, b = (np.abs(M) * column for M in (Q, E, G))
            q, a, b = q * column[:, None], a * equal[:, None], b * row[:, None]
            c, e, g = (
                one * np.abs(v) * scale
                for v, scale in ((program.c, column), (program.e, equal), (program.g, row))
            )
            share = _inverse(q, c)
            tall = np.max(np.vstack([share * q, a, b]), axis=0, initial=0.0)
            wide, level = (np.maximum(np.max(M, axis=1, initial=0.0), v) for M, v in ((b, g), (a, e)))
            wide[cones.orthant :] = cones.largest(wide[cones.orthant :])[cones.owner]
            last = max(float(v.max(initial=0.0)) for v in (e, g)) or share * float(c.max(initial=0.0))
            sizes = [np.where(size > 0.0, size, 1.0) for size in (tall, level, wide, np.asarray(last))]
            if given:
                sizes[0], sizes[3] = np.ones(tall.size), np.ones(())
            column, equal, row = (
                old / np.sqrt(size) for old, size in zip((column, equal, row), sizes, strict=False)
            )
            one = float(one / np.sqrt(sizes[3]))
            if all(((size < BALANCED) & (size > 1.0 / BALANCED)).all() for size in sizes):
                break
        curved, slope = Q * column * column[:, None], one * program.c * column
        share = _inverse(curved, slope)
        scaled = ConeProgram(
            share * curved,
            share * slope,
            share * one**2 * program.f0,
            E * column * equal[:, None],
            one * program.e * equal,
            G * column * row[:, None],
            one * program.g * row,
            cones,
        )
        return cls(scaled, column, equal, row, one, share)

    def solve(
        self,
        watch: Callable[[int, Vector, float, float], bool] | None = None,
        loop: Callable[..., int] | None = None,
        tol: float = TOLERANCE,
    ) -> ConeAnswer:
        """The best point of a run.

        loop  `cone_loop` on this program, with steps made otherwise
        """

        def seen(iteration: int, x: Vector, f: float, error: float) -> bool:
            assert watch is not None
            return watch(iteration, self.column * x / self.one, f / (self.share * self.one**2), error)

        found = _run(self.program, loop, None if watch is None else seen, tol)
        share = self.share * self.one
        return ConeAnswer(
            self.column * found.x / self.one,
            self.equal * found.nu / share,
            self.row * found.z / share,
            found.status,
            found.iterations,
        )


def _inverse(*parts: Any) -> float:
    """One over the largest entry; 1 where all vanish."""
    largest = max(float(np.abs(a).max(initial=0.0)) for a in parts)
    return 1.0 / largest if largest > 0.0 else 1.0


def geometric_units(program: ConeProgram) -> Vector:
    """Units of the unknowns in which the entries of all rows, the slope and the constants among them, are nearest to 1.

    The logarithms are fitted by least squares, rows and columns in turn (Curtis and Reid, J. Inst. Math. Appl. 10
    (1972)): where the largest entries of columns are alike and all the others tiny, these count too.
    """
    cones, p = program.cones, program.e.size
    A = np.abs(np.vstack([program.E, program.G, program.c]))
    A = np.hstack([A, np.abs(np.concatenate([program.e, program.g, [0.0]]))[:, None]])
    there = A > 0.0
    logs = np.log(np.where(there, A, 1.0))
    m = p + cones.orthant
    group = np.concatenate([np.arange(m), m + cones.owner, [m + cones.sizes.size]])
    across, down = np.maximum(np.bincount(group, there.sum(axis=1)), 1.0), np.maximum(there.sum(axis=0), 1)
    column, row = np.zeros(A.shape[1]), np.zeros(group.max() + 1)
    for _ in range(FITTED):
        row = -np.bincount(group, (there * (logs + column)).sum(axis=1)) / across
        column = -(there * (logs + row[group][:, None])).sum(axis=0) / down
    return np.asarray(np.exp(column[:-1] - column[-1]))


def cleared(program: ConeProgram, answer: ConeAnswer) -> ConeAnswer:
    """The answer with multipliers of exactly 0 for rows and cones in whose inside the point lies.

    They press by rounding alone, which has no size of its own: no residual beside it would be small.
    """
    cones, m, z = program.cones, program.cones.orthant, answer.z
    s, rows = program.G @ answer.x + program.g, np.abs(program.G)
    press = rows.max(axis=1, initial=0.0) * np.abs(z)
    press = np.concatenate([press[:m], cones.largest(press[m:])])
    forces = np.abs(program.Q) @ np.abs(answer.x) + np.abs(program.c) + rows.T @ np.abs(z)
    inside = cones.depths(s) > INSIDE * float(np.abs(s).max(initial=0.0))
    free = inside & (press < ROUNDING * float(forces.max(initial=0.0)))
    return replace(answer, z=np.where(np.concatenate([free[:m], free[m:][cones.owner]]), 0.0, z))


def solve_cone_program(
    program: ConeProgram,
    watch: Callable[[int, Vector, float, float], bool] | None = None,
    column: Vector | None = None,
) -> ConeAnswer:
    """The best point of a run in balanced units."""
    return cleared(program, Balanced.of(program, column).solve(watch))


#: What a run keeps in numbers: whether it has begun; the sizes of c, e, g; sᵀz, the objective and the error here; the
#: error at the best point; steps without gain; steps.
BEGUN, OF_C, OF_E, OF_G, GAP, HERE, WORST, BEST, STALL, COUNT = range(10)
NUMBERS = 10
#: Q, c, E, e, g
Matrices = tuple[Matrix, Vector, Matrix, Vector, Vector]
#: x, ν, s, z
Point = tuple[Vector, Vector, Vector, Vector]
#: x, ν, z
Best = tuple[Vector, Vector, Vector]


def cone_loop(
    matrices: Matrices,
    G: Any,
    cones: Any,
    f0: float,
    point: Point,
    best: Best,
    numbers: Vector,
    tol: float,
    steps: int,
) -> int:
    """Up to so many steps from where a run begins, or was left; why they ended. All of its state is in the arrays.

    G, cones  a matrix and `Cones`, or what `cone_loops` has for them
    """
    Q, c, E, e, g = matrices
    x, nu, s, z = point
    rx, ry, rs, target = np.empty(x.size), np.empty(nu.size), np.empty(s.size), np.empty(s.size)
    dx, dnu, ds, dz = np.empty(x.size), np.empty(nu.size), np.empty(s.size), np.empty(s.size)
    roots, mean, eta, lam = rooms(cones, s)
    if numbers[BEGUN] == 0.0:
        if not first_point(Q, c, E, e, G, g, cones, x, nu, s, z):
            return STALLED
        numbers[BEGUN], numbers[BEST] = 1.0, np.inf
        numbers[OF_C], numbers[OF_E], numbers[OF_G] = (
            max(1.0, largest(c)),
            max(1.0, largest(e)),
            max(1.0, largest(g)),
        )
    f = f0 + residuals(Q, c, E, e, G, g, cones, x, nu, s, z, rx, ry, rs)
    if numbers[BEST] == np.inf:
        noted(f, rx, ry, rs, point, best, numbers)
    for _ in range(steps):
        if ends(numbers, tol):
            break
        scaling(cones, s, z, roots, mean, eta, lam)
        there, M, L, S = factors(normal_matrix(Q, G, cones, roots, mean, eta), E)
        if not there:
            numbers[STALL] = np.inf
            break
        affine_target(cones, lam, target)
        newton_step(G, M, E, L, S, cones, roots, mean, eta, lam, target, 1.0, 1, rx, ry, rs, dx, dnu, ds, dz)
        reach = min(1.0, min(longest_step(cones, s, ds), longest_step(cones, z, dz)))
        sigma = (1.0 - reach) * (1.0 - reach) * (1.0 - reach)
        mu = numbers[GAP] / degree(cones)
        corrected_target(cones, roots, mean, eta, lam, ds, dz, sigma * mu, target)
        newton_step(
            G, M, E, L, S, cones, roots, mean, eta, lam, target, 1.0 - sigma, 2, rx, ry, rs, dx, dnu, ds, dz
        )
        t = min(1.0, 0.99 * min(longest_step(cones, s, ds), longest_step(cones, z, dz)))
        if not abs(t) < np.inf:
            numbers[STALL] = np.inf
            break
        moved(x, t, dx)
        moved(nu, t, dnu)
        moved(s, t, ds)
        moved(z, t, dz)
        numbers[COUNT] += 1.0
        f = f0 + residuals(Q, c, E, e, G, g, cones, x, nu, s, z, rx, ry, rs)
        noted(f, rx, ry, rs, point, best, numbers)
    if ends(numbers, tol):
        return CONVERGED if numbers[BEST] <= GOOD else STALLED
    return LIMIT


def noted(f: float, rx: Vector, ry: Vector, rs: Vector, point: Point, best: Best, numbers: Vector) -> None:
    """A new point: how far it is from the conditions, whether it is the best, and how long none was much better."""
    x, nu, s, z = point
    gap = product(s, z)
    worst = max(
        max(largest(rx) / numbers[OF_C], largest(ry) / numbers[OF_E]),
        max(largest(rs) / numbers[OF_G], gap / max(LEAST, abs(f))),
    )
    numbers[GAP], numbers[HERE], numbers[WORST] = gap, f, worst
    numbers[STALL] = 0.0 if worst < 0.5 * numbers[BEST] else numbers[STALL] + 1.0
    if worst < numbers[BEST]:
        numbers[BEST] = worst
        best_x, best_nu, best_z = best
        copied(x, best_x)
        copied(nu, best_nu)
        copied(z, best_z)


def ends(numbers: Vector, tol: float) -> bool:
    """Whether the run is over."""
    worst = numbers[WORST]
    if worst <= tol or not abs(worst) < np.inf:
        return True
    return bool(numbers[STALL] >= (2.0 if numbers[BEST] <= GOOD else PATIENCE) or numbers[COUNT] >= MOST)


def _run(
    program: ConeProgram,
    loop: Callable[..., int] | None,
    watch: Callable[[int, Vector, float, float], bool] | None,
    tol: float,
) -> ConeAnswer:
    """The best point of a run in the units of the program."""
    cones, n, q, m = program.cones, program.c.size, program.e.size, program.g.size
    point = np.zeros(n), np.zeros(q), np.zeros(m), np.zeros(m)
    best, numbers = (np.zeros(n), np.zeros(q), cones.unit.copy()), np.zeros(NUMBERS)
    if loop is None:
        matrices = program.Q, program.c, program.E, program.e, program.g
        loop = partial(cone_loop, matrices, program.G, cones, program.f0)
    status, steps = LIMIT, 0 if watch is not None else MOST + 1
    while status == LIMIT:
        status = loop(point, best, numbers, tol, steps)
        if watch is None or numbers[BEGUN] == 0.0:
            break
        if watch(int(numbers[COUNT]), point[0].copy(), numbers[HERE], numbers[WORST]):
            status = STOPPED
        steps = 1
    return ConeAnswer(*best, status, int(numbers[COUNT]))
