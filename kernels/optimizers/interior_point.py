"""A primal–dual interior-point method for smooth problems with equalities and inequalities.

    minimise f(z)   subject to   e(z) = 0,  c(z) ≥ 0

With slacks s > 0, c(z) − s = 0, Newton's method is applied to the perturbed conditions

    ∇f − Eᵀν − Cᵀλ = 0,   e = 0,   c − s = 0,   s ∘ λ = μ,

Δs and Δλ eliminated, μ → 0. Steps keep s, λ > 0 (fraction to the boundary) and are shortened until the merit
f − μ Σ log s + ρ(‖e‖₁ + ‖c − s‖₁) or the error of the conditions falls; the Hessian is shifted until the
reduced system has the inertia of a minimum.
Sources: Nocedal & Wright, Numerical Optimization (2nd ed.), ch. 19; Wächter & Biegler, Math. Program. 106
(2006), for the update of μ, the scaling of the errors and the inertia correction.

The loop is one text. Under Python it is called with any functions, and what a step is made of is NumPy
(`interior_vectors`). For small problems it is compiled with their kernels (`joined`, and solver files), and steps are
made of plain loops (`interior_loops`). All that it knows is in its arrays, so that a run may go on where it was left:
a run that is watched is one step after another, and the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..oracle import Array
from .interior_vectors import (
    error,
    finite,
    finite_matrix,
    first_multipliers,
    first_slacks,
    greatest,
    infeasible,
    lagrangian_slope,
    merit,
    reduced,
    scaled_by,
    shares,
    step_within,
    stepped,
    stored,
    toward,
    within_reach,
)

Vector = Array  # one axis
Matrix = Array  # two axes

CONVERGED, STALLED, STOPPED, UNBOUNDED, NOT_FINITE, LIMIT = range(6)
#: What a run keeps in numbers: the factor of the objective, 0 before it begins; μ; the shift of the Hessian in the last
#: step, and the least one for the next; ρ; steps without gain; the objective at the best point and the error there;
#: both at this point; how many steps were made.
SCALE, MU, LAST, LEAST, PENALTY, STALL, LOWEST, BEST, HERE, TOTAL, COUNT = range(11)
#: And of the step: how long it may be, for z, s, ν and for λ; the merit and the error before it; the largest entry
#: on the diagonal of its matrix.
ALPHA, BETA, NOW, BEFORE, SIZE = range(11, 16)
NUMBERS = 16


@dataclass(frozen=True)
class Values:
    """Everything at one point: f, ∇f, e, its Jacobian, c, its Jacobian."""

    f: float
    g: Vector
    e: Vector
    E: Matrix
    c: Vector
    C: Matrix

    def finite(self) -> bool:
        return all(np.isfinite(part).all() for part in (self.f, self.g, self.e, self.c, self.E, self.C))


@dataclass(frozen=True)
class Functions:
    """The problem as functions of a flat vector; `hessian(z, nu, lam)` is that of the Lagrangian."""

    size: int
    values: Callable[[Vector], Values]
    hessian: Callable[[Vector, Vector, Vector], Matrix]


@dataclass
class Answer:
    """The point, its multipliers, why the run ended, and the history of errors and values.

    shift  what was added to the Hessian in the last step, 0 where it was that of a minimum
    """

    z: Vector
    nu: Vector
    lam: Vector
    status: int
    iterations: int
    errors: list[float] = field(default_factory=list)
    objective: list[float] = field(default_factory=list)
    shift: float = 0.0


#: An objective of this size or less has an aim of its own, but no smaller one than of that size.
LITTLE, TINY = 0.1, 1e-6
#: f, ∇f, e, E, c, C
Place = tuple[float, Vector, Vector, Matrix, Vector, Matrix]
#: z, s, ν, λ, or a step in them; multipliers are those of f times its factor.
Point = tuple[Vector, Vector, Vector, Vector]
#: z, ν, λ
Best = tuple[Vector, Vector, Vector]


def interior_point(
    conditions: Callable[[Vector], Place],
    curvature: Callable[[Vector, Vector, Vector], Matrix],
    point: Point,
    best: Best,
    dual: Vector,
    numbers: Vector,
    tol: float,
    most: int,
) -> int:
    """Up to `most` steps from a point that need not be feasible, or from where the run was left; why they ended.

    conditions  f, ∇f, e, E, c, C at z;  curvature  the Hessian of the Lagrangian at z, ν, λ
    point, best, dual, numbers  the state of the run, changed in place: where it is, the best point, ∇f − Eᵀν − Cᵀλ,
                                and what else it knows, zeros where it begins
    """
    z, s, nu, lam = point
    f, g, e, E, c, C = conditions(z)
    if not finite(f, g, e, E, c, C):
        return NOT_FINITE
    if numbers[SCALE] == 0.0:
        begin((f, g, e, E, c, C), point, best, dual, numbers)
    scale = numbers[SCALE]
    dz, ds, dnu, dlam = np.empty(z.size), np.empty(s.size), np.empty(nu.size), np.empty(lam.size)
    status = LIMIT
    for _ in range(most):
        status = ended(e, c, point, dual, numbers, tol)
        if status != LIMIT:
            break
        H = curvature(z, scaled_by(1.0 / scale, nu), scaled_by(1.0 / scale, lam))
        status = aimed(H, e, E, c, C, point, (dz, ds, dnu, dlam), dual, numbers)
        if status != LIMIT:
            break
        there, share = False, numbers[ALPHA]
        for _ in range(40):
            z_try = stepped(z, share, dz)
            f_try, g_try, e_try, E_try, c_try, C_try = conditions(z_try)
            there = accepted(
                (f_try, g_try, e_try, E_try, c_try, C_try), point, (dz, ds, dnu, dlam), share, dual, numbers
            )
            if there:
                f, g, e, E, c, C = f_try, g_try, e_try, E_try, c_try, C_try
                break
            share *= 0.5
        status = moved_on(there, f, g, e, c, point, best, dual, numbers, tol)
        if status != LIMIT:
            break
    if status == LIMIT and numbers[TOTAL] <= tol:
        status = CONVERGED
    return status


def begin(place: Place, point: Point, best: Best, dual: Vector, numbers: Vector) -> None:
    """Slacks, multipliers, barrier and units at the start."""
    f, g, e, E, c, C = place
    _, s, nu, lam = point
    scale = 1.0 / max(1.0, greatest(g) / 10.0)
    numbers[SCALE], numbers[MU], numbers[PENALTY] = scale, 0.1 if c.size > 0 else 0.0, 1.0
    numbers[LOWEST], numbers[BEST] = scale * f, np.inf
    first_slacks(c, s)
    shares(numbers[MU], s, lam)
    lagrangian_slope(scale, g, E, nu, C, lam, dual)
    first_multipliers(E, dual, nu)
    lagrangian_slope(scale, g, E, nu, C, lam, dual)
    noted(scale * f, e, c, point, best, dual, numbers)


def noted(f: float, e: Vector, c: Vector, point: Point, best: Best, dual: Vector, numbers: Vector) -> None:
    """A new point: its error, whether it is the best, and how long none was better."""
    z, s, nu, lam = point
    total, least = error(dual, e, c, s, nu, lam, 0.0), numbers[BEST]
    away = numbers[LAST] > 0.0 and infeasible(e, c, s) <= 1e-6
    if away and f < numbers[LOWEST] - 1e-6 * max(1.0, abs(f)):
        least = np.inf  # it leaves a saddle, near which the error was less
    if total < least:
        numbers[LOWEST] = f
        numbers[STALL] = 0.0 if least == np.inf or total < 0.9 * least else numbers[STALL] + 1.0
        least = total
        best_z, best_nu, best_lam = best
        stored(z, best_z)
        stored(nu, best_nu)
        stored(lam, best_lam)
    else:
        numbers[STALL] += 1.0
    numbers[BEST], numbers[HERE], numbers[TOTAL] = least, f, total


def ended(e: Vector, c: Vector, point: Point, dual: Vector, numbers: Vector, tol: float) -> int:
    """Why the run is over, or `LIMIT`: then the barrier is lowered as far as its own problem is solved."""
    z, s, nu, lam = point
    if numbers[TOTAL] <= tol:
        return CONVERGED
    if numbers[STALL] > 40.0:
        return STALLED
    if numbers[HERE] / numbers[SCALE] < -1e20 or not greatest(z) < 1e14:
        return UNBOUNDED
    mu = numbers[MU]
    while c.size > 0 and mu > tol / 20.0 and error(dual, e, c, s, nu, lam, mu) <= 10.0 * mu:
        mu = max(tol / 20.0, min(0.2 * mu, mu * np.sqrt(mu)))
    numbers[MU] = mu
    return LIMIT


def aimed(
    H: Matrix,
    e: Vector,
    E: Matrix,
    c: Vector,
    C: Matrix,
    point: Point,
    step: Point,
    dual: Vector,
    numbers: Vector,
) -> int:
    """Newton's step, and how long it may be; `LIMIT` if there is one."""
    z, s, nu, lam = point
    dz, ds, dnu, dlam = step
    if not finite_matrix(H):
        return NOT_FINITE
    M, mu = reduced(numbers[SCALE], H, C, s, lam), numbers[MU]
    numbers[SIZE] = 0.0
    for i in range(z.size):
        numbers[SIZE] = max(numbers[SIZE], abs(M[i, i]))
    there, shift = toward(M, E, dual, e, c, C, s, lam, mu, numbers[LAST], numbers[LEAST], dz, ds, dnu, dlam)
    if not there:
        return STALLED
    numbers[LAST] = shift
    numbers[COUNT] += 1.0
    keep = max(0.99, 1.0 - mu)
    numbers[ALPHA], numbers[BETA] = step_within(s, ds, keep), step_within(lam, dlam, keep)
    pressing = max(greatest(stepped(nu, 1.0, dnu)), greatest(stepped(lam, 1.0, dlam)))
    numbers[PENALTY] = min(max(numbers[PENALTY], 2.0 * pressing), 1e8)
    numbers[NOW] = merit(numbers[HERE], e, c, s, mu, numbers[PENALTY])
    numbers[BEFORE] = error(dual, e, c, s, nu, lam, mu)
    return LIMIT


def accepted(place: Place, point: Point, step: Point, share: float, dual: Vector, numbers: Vector) -> bool:
    """Whether a share of the step leads on; the state is then that of the new place."""
    f, g, e, E, c, C = place
    z, s, nu, lam = point
    dz, ds, dnu, dlam = step
    if not finite(f, g, e, E, c, C):
        return False
    mu, now, before, scale = numbers[MU], numbers[NOW], numbers[BEFORE], numbers[SCALE]
    s_new, nu_new, lam_new = (
        stepped(s, share, ds),
        stepped(nu, share, dnu),
        stepped(lam, numbers[BETA], dlam),
    )
    slope = np.empty(dual.size)
    lagrangian_slope(scale, g, E, nu_new, C, lam_new, slope)
    gain = 1e-9 * max(1.0, abs(now))
    noise = 1e-12 * max(1.0, abs(now)) if share > 1e-3 else 0.0
    ahead = merit(scale * f, e, c, s_new, mu, numbers[PENALTY]) - now
    after = error(slope, e, c, s_new, nu_new, lam_new, mu)
    # Where the merit hardly changes, a step may lead far along a flat direction: the error tells, unless it is short.
    if share * greatest(dz) <= 1e-2 * max(1.0, greatest(z)):
        gain *= 1e-5
    if not (ahead < -gain or after < 0.9999 * before or (ahead < noise and after < 10.0 * before)):
        return False
    stored(stepped(z, share, dz), z)
    stored(s_new, s)
    stored(nu_new, nu)
    stored(lam_new, lam)
    within_reach(s, lam, mu)
    lagrangian_slope(scale, g, E, nu, C, lam, dual)
    return True


def moved_on(
    there: bool,
    f: float,
    g: Vector,
    e: Vector,
    c: Vector,
    point: Point,
    best: Best,
    dual: Vector,
    numbers: Vector,
    tol: float,
) -> int:
    """After a step that was accepted, or that was not at any length: then the next one is to be another."""
    mu, least = numbers[MU], numbers[LEAST]
    if there:
        numbers[LEAST] = 0.1 * least if least > 1e-12 else 0.0
    elif mu > tol / 20.0 and c.size > 0 and numbers[STALL] < 35.0:
        numbers[MU] = max(tol / 20.0, 0.1 * mu)
        numbers[STALL] += 5.0
    elif least < 1e4 * max(1.0, numbers[SCALE] * greatest(g)):
        # Where H vanishes, as that of x⁴ at 0, the step is too long for any share of it: shorter by a larger δ.
        numbers[LEAST] = max(100.0 * least, 1e-6 * max(1.0, numbers[SIZE]))
    else:
        return STALLED
    noted(numbers[SCALE] * f, e, c, point, best, dual, numbers)
    return LIMIT


def solve(
    functions: Functions,
    z: Vector,
    *,
    tol: float = 1e-11,
    max_iterations: int = 400,
    watch: Callable[[int, Vector, float, float], bool] | None = None,
) -> Answer:
    """The best point of a run. `watch(iteration, z, f, error)` ends it by returning true."""
    place, v = z.copy(), functions.values(z)

    def conditions(z: Vector) -> Place:
        nonlocal place, v
        if not np.array_equal(place, z):
            place, v = z.copy(), functions.values(z)
        return v.f, v.g, v.e, v.E, v.c, v.C

    def loop(*state: Any) -> int:
        return interior_point(conditions, functions.hessian, *state)

    return run(loop, z, v.e.size, v.c.size, tol, max_iterations, watch)


def run(
    loop: Callable[..., int],
    z: Vector,
    equalities: int,
    inequalities: int,
    tol: float = 1e-11,
    most: int = 400,
    watch: Callable[[int, Vector, float, float], bool] | None = None,
    stride: int = 1,
) -> Answer:
    """The answer of a loop from z; it takes what `interior_point` takes after its functions.

    stride  the steps between two looks at the run; the last error is that of the answer
    """
    n, q, m = z.size, equalities, inequalities
    numbers, best = np.zeros(NUMBERS), (z.copy(), np.zeros(q), np.zeros(m))
    here = z.copy(), np.zeros(m), np.zeros(q), np.zeros(m)
    state = here, best, np.zeros(n), numbers
    answer = Answer(z, best[1], best[2], LIMIT, 0)
    steps = most if watch is None else 0
    while True:
        answer.status = loop(*state, tol, steps)
        scale, answer.iterations = numbers[SCALE], int(numbers[COUNT])
        if scale == 0.0:
            return answer  # nothing is known at the start
        value, total = float(numbers[HERE] / scale), float(numbers[TOTAL])
        answer.errors.append(total)
        answer.objective.append(value)
        steps = min(stride, most - answer.iterations)
        if watch is None or answer.status != LIMIT or steps <= 0:
            break
        if watch(answer.iterations, here[0].copy(), value, total):
            answer.status = STOPPED
            break
    if answer.status == CONVERGED and abs(value) < LITTLE:  # errors are to be small beside the objective
        loop(*state, tol * max(abs(value), TINY), most - answer.iterations)
        answer.iterations = int(numbers[COUNT])
    lost = answer.status in (UNBOUNDED, NOT_FINITE)
    z, nu, lam = (here[0], here[2], here[3]) if lost else best
    answer.errors.append(np.inf if lost else float(numbers[BEST]))
    answer.z, answer.nu, answer.lam, answer.shift = z, nu / scale, lam / scale, float(numbers[LAST])
    return answer
