"""Convex quadratic programs of moderate size, compiled from start to end.

    minimise ½ zᵀHz + gᵀz    subject to   Ez + e = 0,  Cz + c ≥ 0

Mehrotra's predictor–corrector: the affine step decides how far the barrier is lowered, its second-order error is put
on the right-hand side, and both use one Cholesky factor of K = H + Cᵀ diag(λ/s) C + δI without its slacks
(`normal_matrix`), equalities through the Schur complement E K⁻¹ Eᵀ. δ is at rounding level and makes linear programs
regular. Under bounds alone an active set ends the run (`active_bounds`). What does not converge is left to
`interior_point`, which also polishes the answer.
Sources: Mehrotra, SIAM J. Optim. 2 (1992); Nocedal & Wright, Numerical Optimization (2nd ed.), algorithm 16.4.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..apart import apart
from ..oracle import Array
from .active_bounds import all_bounds, by_active_bounds
from .interior_point import CONVERGED, LIMIT, Answer, Functions
from .polish import violation
from .program_arranged import arranged_program, as_stated, padded, restored
from .program_factors import direction, factored, rounding
from .program_system import (
    begun,
    conditions,
    curved,
    equalities,
    has_flat,
    height_of,
    holds_digits,
    measures,
    pressed,
    refined,
    rooms,
    steepest,
)
from .program_vectors import (
    ahead,
    centred,
    copied,
    corrected,
    largest,
    lifted,
    longest,
    missing,
    moved,
    product,
    smoothed,
    steps,
    turned,
    weights,
)
from .slacks import Directions, backward, gathered

#: Slopes and conditions are to be small beside an objective that is small, but not beside one of less than this size.
LOW = 1e-2
#: What is accepted where rounding stops the iteration before the tolerance is met.
NEAR = 1e-8
#: What the answer may lack where variables stand for the rank of H. Where units of the variables differ by far, these
#: systems lose digits.
EXACT = 1e-9
#: What is added to a Hessian without bounds that is singular, beside its largest entry.
SINGULAR = 1e-9
#: A step that is tried again with the barrier halved and nothing else.
SHORT = 0.1
#: The gap below which directions are refined, once a step did not lower residuals as far as it should.
FINE = 1e-4
#: The gap below which an active set is tried, earlier where a step costs more than that; and how much it has to fall
#: before the next one is.
EARLY, ENDING, LATER = 1e-2, 1e-3, 0.03
#: The least share of their mean that a product of slack and multiplier may have.
CENTRAL = 1e-4
#: The error that the first smoothed step may leave, and the share of it that each after it may, below where they began;
#: the share of that below which they begin anew once they have failed.
START, FALLING, AGAIN = 3e-2, 0.3, 3e-5
#: The share of the gap's tolerance that is aimed at.
AIM = 0.03


@apart
def interior(
    H: Array,
    h: Array,
    g: Array,
    E: Array,
    e: Array,
    rows: Directions,
    c: Array,
    rest: float,
    own: int,
    start: Array,
    tol: float,
    most: int,
) -> tuple[Array, Array, Array, int, int]:
    """z, ν, λ, 0 if they have converged, iterations; with the slacks last: Hessian H of the others, h of the slacks.

    `rest` is the constant of the objective, in units of which the gap is measured. The last `own` equalities say what
    the first variables are, which they hold with −1. For the rest see `normal_matrix`.
    """
    n, m, q = start.size, c.size, e.size
    z, dz, push, rd, more = (
        np.empty(n + 1), np.empty(n + 1), np.empty(n + 1), np.empty(n + 1), np.empty(n + 1),
    )  # fmt: skip
    nu, dnu, re = np.empty(q), np.empty(q), np.empty(q)
    s, lam, ds, dlam = np.empty(m), np.empty(m), np.empty(m), np.empty(m)
    rc, ratio, inverse, u = np.empty(m), np.empty(m), np.empty(m), np.empty(m)
    kept_z, kept_nu, kept_lam = np.empty(n), np.empty(q), np.empty(m)
    from_z, from_nu = np.empty(n + 1), np.empty(q)
    from_s, from_lam, unit, side = np.empty(m), np.empty(m), np.empty(m), np.zeros(m)
    leaps, known, limit, origin = 0, False, 0.0, 0.0
    copied(start, z[:n])
    copied(start, kept_z)
    z[n] = 0.0
    for i in range(q):
        nu[i], kept_nu[i] = 0.0, 0.0
    size = max(1.0, largest(g))
    top = max(steepest(H), largest(h))
    delta = 1e-14 * (1.0 + top)
    linear = top == 0.0
    early = 1.0 if m > 0 and not linear and holds_digits(H) else 0.0
    before, wanted = np.inf, np.inf
    rough: bool = has_flat(H)
    ending = 0.0
    if m > 0 and all_bounds(rows):
        ending = EARLY if own == 0 else ENDING
    dual = 1e-300
    system, held, b = rooms(H, h, E, rows, n, size + top)
    equal, firm = system[1], held[1]
    conditions(rows, b, z, rc)
    measures(rows, b, u)
    for p in range(m):
        s[p] = max(rc[p] + c[p], u[p])
        kept_lam[p] = size / u[p]
    for it in range(most + 1):
        equalities(equal, e, z, re)
        for i in range(own):
            z[i] += re[q - own + i]
            re[q - own + i] = 0.0
        value = curved(H, h, g, equal, z, nu, push) + rest
        if it == 0:
            begun(equal, own, push, nu, size, u, lam)
        backward(rows, lam, b, rd)
        for i in range(n):
            rd[i] = push[i] - rd[i]
        conditions(rows, b, z, rc)
        for p in range(m):
            rc[p] += c[p] - s[p]
        gap = product(s, lam)
        mu = gap / max(m, 1)
        reach = 1.0 + largest(z)
        slope, off = largest(rd[:n]) / size, largest(rc) + largest(re)
        height = height_of(value, H)
        share = max(gap, missing(s, rc, lam)) / height
        if leaps == 0 and not slope + off + share < np.inf:
            return kept_z, kept_nu, kept_lam, 1 if before > NEAR else 0, it
        error = max(max(slope, off / reach) / min(max(height, LOW), 1.0), share)
        # steps that do not hold what they promise
        rough = rough or max(slope, off / reach) > max(3.0 * wanted, 0.1 * tol)
        if error <= tol:
            return z[:n], nu, lam, 0, it
        if leaps > 0 and not error < limit:  # back to where they began
            if before <= 10.0 * tol:
                return kept_z, kept_nu, kept_lam, 0, it
            copied(from_z, z)
            copied(from_nu, nu)
            copied(from_s, s)
            copied(from_lam, lam)
            early = origin if leaps == 1 else AGAIN * origin
            known, leaps, before = leaps == 1, 0, np.inf
            continue
        limit = min(FALLING * error, origin) if leaps > 0 else 0.0
        if leaps == 0 and error < ending:
            ending = LATER * error
            if by_active_bounds(H, h, g, equal, e, rows, c, own, tol, z, nu, s, lam):
                return z[:n], nu, lam, 0, it
        # rounding may end progress before the tolerance is met, or undo it
        if before <= NEAR and not error < 0.5 * before:
            return kept_z, kept_nu, kept_lam, 0, it
        end = 0 if error <= NEAR else 1
        if error <= NEAR:
            copied(z, kept_z)
            copied(nu, kept_nu)
            copied(lam, kept_lam)
        if it == most or not reach < 1e12 or not largest(lam) < 1e14 * size:
            return z[:n], nu, lam, end, it
        before = error
        if m == 0 and it == 2:  # mostly one step is enough; here something is singular
            delta = SINGULAR * (1.0 + top)
        if not known:
            weights(s, lam, inverse, ratio)
            if not factored(h, system, held, ratio, b, delta, dual):
                return z[:n], nu, lam, end, it
        if it == 0:
            dual = rounding(system)
        pressed(equal, firm, re, push)
        aim = AIM * tol * height / max(m, 1)
        if leaps > 0:
            centred(ratio, rc, inverse, aim, u)
        else:
            for p in range(m):
                u[p] = ratio[p] * rc[p]
        direction(system, push, u, re, b, dz, dnu)
        gathered(rows, b, dz, ds)
        steps(ratio, u, lam, rc, ds, dlam)
        if leaps > 0 or (not known and error < early and turned(s, lam, ds, dlam, side) == 0):
            if leaps == 0:  # a whole step, with what it lacks to second order
                origin, limit = error, START
                copied(z, from_z)
                copied(nu, from_nu)
                copied(s, from_s)
                copied(lam, from_lam)
                for p in range(m):
                    unit[p] = np.sqrt(s[p] / lam[p])
                corrected(ratio, rc, inverse, ds, dlam, aim, u)
                direction(system, push, u, re, b, dz, dnu)
                gathered(rows, b, dz, ds)
                steps(ratio, u, lam, rc, ds, dlam)
            moved(z, 1.0, dz)
            moved(nu, 1.0, dnu)
            moved(s, 1.0, ds)
            moved(lam, 1.0, dlam)
            smoothed(s, lam, unit, aim)
            leaps += 1
            continue
        known = False
        if m > 0:
            sigma = (ahead(s, lam, ds, dlam, longest(s, ds), longest(lam, dlam)) / gap) ** 3
            goal = max(sigma * mu, aim)
            corrected(ratio, rc, inverse, ds, dlam, goal, u)
            direction(system, push, u, re, b, dz, dnu)
        if share < FINE and rough:
            refined(
                H, h, system, firm, push, ratio, u, re, b, dz, dnu, 0.1 * tol * size, ds, rd, more,
            )  # fmt: skip
        gathered(rows, b, dz, ds)
        steps(ratio, u, lam, rc, ds, dlam)
        keep = max(0.995, 1.0 - mu / size)
        ahead_s, ahead_lam = keep * longest(s, ds), keep * longest(lam, dlam)
        if min(ahead_s, ahead_lam) < SHORT:  # what was seen ahead is out of reach: back to the middle
            centred(ratio, rc, inverse, 0.5 * mu, u)
            direction(system, push, u, re, b, dz, dnu)
            gathered(rows, b, dz, ds)
            steps(ratio, u, lam, rc, ds, dlam)
            ahead_s, ahead_lam = keep * longest(s, ds), keep * longest(lam, dlam)
        if not largest(dz) < np.inf or not largest(dlam) < np.inf:
            return z[:n], nu, lam, end, it
        if not linear:  # one step for both: the dual residual of a quadratic couples them
            ahead_s = min(ahead_s, ahead_lam)
            ahead_lam = ahead_s
        wanted = (1.0 - min(ahead_s, ahead_lam)) * max(slope, off / reach)
        moved(z, ahead_s, dz)
        moved(s, ahead_s, ds)
        moved(nu, ahead_lam, dnu)
        moved(lam, ahead_lam, dlam)
        lifted(s, lam, CENTRAL * product(s, lam) / max(m, 1))
    return z[:n], nu, lam, 1, most


def solve_program(
    functions: Functions,
    z: Array,
    *,
    arranged: Callable[[Functions, Array], tuple[Array, tuple[Any, ...]] | None] = arranged_program,
    tol: float = 1e-10,
    max_iterations: int = 60,
    watch: Callable[[int, Array, float, float], bool] | None = None,
) -> Answer:
    """Of a problem with constant Hessian and Jacobians; `LIMIT` where it is not for this code or does not converge."""
    v = functions.values(z)
    made = arranged(functions, z)
    if made is None:
        return Answer(z, np.zeros(v.e.size), np.zeros(v.c.size), LIMIT, 0)
    order, parts = made
    found, nu, lam, status, count = interior(*parts, padded(z, order), tol, max_iterations)
    end = restored(found, order, z.size)
    answer = Answer(end, nu[: v.e.size], lam, CONVERGED if status == 0 else LIMIT, int(count))
    if order.size > z.size:
        missed = violation(functions.values(end), answer.nu, lam) if status == 0 else np.inf
        if not missed <= EXACT and arranged is arranged_program:
            return solve_program(
                functions, z, arranged=as_stated, tol=tol, max_iterations=max_iterations, watch=watch
            )
    if watch is not None and status == 0:  # both ends of the run
        answer.objective = [v.f, functions.values(end).f]
        watch(0, z, answer.objective[0], np.inf)
        watch(int(count), end, answer.objective[1], tol)
    return answer
