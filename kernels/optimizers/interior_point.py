"""A primal–dual interior-point method for smooth problems with equalities and inequalities.

    minimise f(z)   subject to   e(z) = 0,  c(z) ≥ 0

With slacks s > 0, c(z) − s = 0, Newton's method is applied to the perturbed conditions

    ∇f − Eᵀν − Cᵀλ = 0,   e = 0,   c − s = 0,   s ∘ λ = μ,

Δs and Δλ eliminated, μ → 0. Steps keep s, λ > 0 (fraction to the boundary) and are shortened until the merit
f − μ Σ log s + ρ(‖e‖₁ + ‖c − s‖₁) or the error of the conditions falls; the Hessian is shifted until the
reduced system has the inertia of a minimum.
Sources: Nocedal & Wright, Numerical Optimization (2nd ed.), ch. 19; Wächter & Biegler, Math. Program. 106
(2006), for the update of μ, the scaling of the errors and the inertia correction.

At the end the active constraints are taken as equalities and Newton's method is repeated on them (`polish`):
multipliers of inactive ones become exactly 0, active ones hold to the last digit.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import scipy.linalg

from ..oracle import Array
from .saddle_point import by_complement

Vector = Array  # one axis
Matrix = Array  # two axes

CONVERGED, STALLED, STOPPED, UNBOUNDED, NOT_FINITE, LIMIT = range(6)


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
    """The point, its multipliers, why the run ended, and the history of errors and values."""

    z: Vector
    nu: Vector
    lam: Vector
    status: int
    iterations: int
    errors: list[float] = field(default_factory=list)
    objective: list[float] = field(default_factory=list)


def error(v: Values, s: Vector, nu: Vector, lam: Vector, mu: float) -> float:
    """The scaled error of the perturbed conditions (Wächter & Biegler, eq. 5)."""
    m = nu.size + lam.size
    size = max(100.0, (np.abs(nu).sum() + np.abs(lam).sum()) / m) / 100.0 if m else 1.0
    dual = v.g - v.E.T @ nu - v.C.T @ lam
    parts = [
        np.abs(dual).max(initial=0.0) / size,
        np.abs(v.e).max(initial=0.0),
        np.abs(v.c - s).max(initial=0.0),
        np.abs(s * lam - mu).max(initial=0.0) / size,
    ]
    return float(max(parts))


def step_within(x: Vector, dx: Vector, keep: float) -> float:
    """The longest step that leaves the given share of every entry."""
    falling = dx < 0
    if not falling.any():
        return 1.0
    return float(min(1.0, keep * (-x[falling] / dx[falling]).min()))


def factorised(h: Matrix, E: Matrix, last: float, least: float = 0.0) -> tuple[Any, float]:
    """A factorisation of [[H + δI, Eᵀ], [E, −ε]], δ ≥ least, with as many negative eigenvalues as equalities."""
    n, m = h.shape[0], E.shape[0]
    size = max(float(np.abs(np.diagonal(h)).max(initial=0.0)), 1e-8)
    shift = least
    for _ in range(60):
        k = np.zeros((n + m, n + m))
        k[:n, :n] = h + shift * np.eye(n)
        k[:n, n:], k[n:, :n] = E.T, E
        if m == 0:
            try:
                return scipy.linalg.cho_factor(k), shift
            except np.linalg.LinAlgError:
                pass
        else:
            k[n:, n:] = -1e-15 * min(size, 1.0) * np.eye(m)
            _, d, _ = scipy.linalg.ldl(k)
            if _negative(d) == m:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", scipy.linalg.LinAlgWarning)
                    return scipy.linalg.lu_factor(k), shift
        start = last / 3 if last > 0 else 1e-12 * size
        shift = start if shift == 0.0 else (8.0 if last > 0 else 100.0) * shift
    raise np.linalg.LinAlgError("no shift of the Hessian gives a descent direction")


def _negative(d: Matrix) -> int:
    """The number of negative eigenvalues of a block-diagonal matrix with blocks of size 1 and 2."""
    n, i, count = d.shape[0], 0, 0
    while i < n:
        if i + 1 < n and d[i, i + 1] != 0.0:
            count += int((np.linalg.eigvalsh(d[i : i + 2, i : i + 2]) < 0).sum())
            i += 2
        else:
            count += int(d[i, i] < 0)
            i += 1
    return count


def newton_direction(
    solve: Callable[[Vector], Vector], v: Values, s: Vector, nu: Vector, lam: Vector, mu: float
) -> tuple[Vector, Vector, Vector, Vector]:
    """Newton's step in z, s, ν and λ towards s ∘ λ = μ."""
    rest = mu / s - lam - (lam / s) * (v.c - s)
    right = np.concatenate([-(v.g - v.C.T @ lam - v.E.T @ nu) + v.C.T @ rest, -v.e])
    n = v.g.size
    step = solve(right)
    dz, dnu = step[:n], -step[n:]
    ds = v.C @ dz + (v.c - s)
    return dz, ds, dnu, mu / s - lam - (lam / s) * ds


def merit(v: Values, s: Vector, mu: float, penalty: float) -> float:
    """f − μ Σ log s + ρ(‖e‖₁ + ‖c − s‖₁)"""
    return v.f - mu * float(np.log(s).sum()) + penalty * float(np.abs(v.e).sum() + np.abs(v.c - s).sum())


def solve(
    functions: Functions,
    z: Vector,
    *,
    tol: float = 1e-11,
    max_iterations: int = 400,
    watch: Callable[[int, Vector, float, float], bool] | None = None,
) -> Answer:
    """From a point that need not be feasible. `watch(iteration, z, f, error)` ends the run by returning true."""
    v = functions.values(z)
    if not v.finite():
        return Answer(z, np.zeros(v.e.size), np.zeros(v.c.size), NOT_FINITE, 0)
    scale = 1.0 / max(1.0, float(np.abs(v.g).max(initial=0.0)) / 10.0)
    s = np.where(v.c > 1e-3, v.c, np.maximum(0.1, np.abs(v.c)))
    mu = 0.1 if s.size else 0.0
    lam = mu / s
    nu = np.linalg.lstsq(v.E.T, scale * v.g - v.C.T @ lam, rcond=None)[0] if v.e.size else np.zeros(0)
    if nu.size and np.abs(nu).max() > 1e3:
        nu = np.zeros(nu.size)
    last, least, penalty, stall, lowest = 0.0, 0.0, 1.0, 0, v.f
    best: tuple[float, Vector, Vector, Vector] | None = None
    answer = Answer(z, nu, lam, LIMIT, 0)

    def scaled(raw: Values) -> Values:
        return Values(scale * raw.f, scale * raw.g, raw.e, raw.E, raw.c, raw.C)

    v = scaled(v)
    for iteration in range(max_iterations + 1):
        total = error(v, s, nu, lam, 0.0)
        answer.errors.append(total)
        answer.objective.append(v.f / scale)
        infeasible = max(np.abs(v.e).max(initial=0.0), np.abs(v.c - s).max(initial=0.0))
        if (
            best is not None
            and last > 0.0
            and infeasible <= 1e-6
            and v.f < lowest - 1e-6 * max(1.0, abs(v.f))
        ):
            best = None  # it leaves a saddle, near which the error was less
        if best is None or total < best[0]:
            lowest = v.f
            stall = 0 if best is None or total < 0.9 * best[0] else stall + 1
            best = (total, z, nu, lam)
        else:
            stall += 1
        answer.iterations = iteration
        if total <= tol:
            answer.status = CONVERGED
            break
        if watch is not None and watch(iteration, z, v.f / scale, total):
            answer.status = STOPPED
            break
        if stall > 40:
            answer.status = STALLED
            break
        if v.f / scale < -1e20 or not np.abs(z).max(initial=0.0) < 1e14:
            answer.status = UNBOUNDED
            break
        while s.size and error(v, s, nu, lam, mu) <= 10.0 * mu and mu > tol / 20.0:
            mu = max(tol / 20.0, min(0.2 * mu, mu**1.5))
        h = scale * functions.hessian(z, nu / scale, lam / scale)
        if not np.isfinite(h).all():
            answer.status = NOT_FINITE
            break
        ratio = lam / s
        reduced = h + v.C.T @ (ratio[:, None] * v.C)
        try:
            direct = by_complement(reduced, v.E) if v.e.size and last == least == 0.0 else None
            if direct is None:
                factor, last = factorised(reduced, v.E, last, least)
                direct = partial(scipy.linalg.lu_solve if v.e.size else scipy.linalg.cho_solve, factor)
        except (np.linalg.LinAlgError, ValueError):
            answer.status = STALLED
            break
        dz, ds, dnu, dlam = newton_direction(direct, v, s, nu, lam, mu)
        keep = max(0.99, 1.0 - mu)
        alpha, beta = step_within(s, ds, keep), step_within(lam, dlam, keep)
        penalty = max(
            penalty, 2.0 * float(max(np.abs(nu + dnu).max(initial=0.0), np.abs(lam + dlam).max(initial=0.0)))
        )
        penalty = min(penalty, 1e8)

        now, before = merit(v, s, mu, penalty), error(v, s, nu, lam, mu)
        gain = 1e-9 * max(1.0, abs(now))
        accepted = False
        step_z = alpha
        for _ in range(40):
            z_try, s_try = z + step_z * dz, s + step_z * ds
            w = functions.values(z_try)
            if w.finite():
                w = scaled(w)
                nu_try, lam_try = nu + step_z * dnu, lam + beta * dlam
                noise = 1e-12 * max(1.0, abs(now)) if step_z > 1e-3 else 0.0
                ahead = merit(w, s_try, mu, penalty) - now
                after = error(w, s_try, nu_try, lam_try, mu)
                # Where the merit hardly changes, a step may lead far along a flat direction: the error tells.
                if ahead < -gain or after < 0.9999 * before or (ahead < noise and after < 10.0 * before):
                    accepted = True
                    break
            step_z *= 0.5
        if not accepted:
            if mu > tol / 20.0 and s.size and stall < 35:
                mu = max(tol / 20.0, 0.1 * mu)
                stall += 5
                continue
            # Where H vanishes, as that of x⁴ at 0, the step is too long for any share of it: shorter by a larger δ.
            steepest = float(np.abs(v.g).max(initial=0.0))
            if least < 1e4 * max(1.0, steepest):
                least = max(
                    100.0 * least, 1e-6 * max(1.0, float(np.abs(np.diagonal(reduced)).max(initial=0.0)))
                )
                continue
            answer.status = STALLED
            break
        z, s, nu, lam, v, least = z_try, s_try, nu_try, lam_try, w, 0.1 * least if least > 1e-12 else 0.0
        # multipliers stay within a factor of μ/s (Wächter & Biegler, eq. 16)
        if s.size:
            lam = np.clip(lam, mu / (1e10 * s), 1e10 * mu / s) if mu > 0 else lam
    assert best is not None
    if answer.status in (CONVERGED, STALLED, LIMIT, STOPPED):
        _, z, nu, lam = best
    answer.z, answer.nu, answer.lam = z, nu / scale, lam / scale
    return answer


def polish(functions: Functions, answer: Answer, rounds: int = 6) -> Answer:
    """Newton's method on the active constraints taken as equalities; kept only if it is no worse."""
    z, nu, lam = answer.z, answer.nu, answer.lam
    v = functions.values(z)
    if not v.finite():
        return answer
    size = max(1.0, float(np.abs(v.g).max(initial=0.0)))
    active = lam / size > np.maximum(v.c, 0.0)
    measure = violation(v, nu, lam)
    systems = z.size + nu.size + int(active.sum())
    if systems > 5000 or (max(z.size, systems - z.size) > 1000 and measure <= 1e-9):
        return answer  # the systems of all active constraints would cost more than the run
    best = answer
    for _ in range(rounds):
        lam_now = np.where(active, lam, 0.0)
        try:
            h = functions.hessian(z, nu, lam_now)
            A = np.vstack([v.E, v.C[active]])
            n, m = z.size, A.shape[0]
            k = np.zeros((n + m, n + m))
            k[:n, :n], k[:n, n:], k[n:, :n] = h, -A.T, A
            right = np.concatenate([-(v.g), -v.e, -v.c[active]])
            step = _least_squares(k, right)
        except np.linalg.LinAlgError:
            break
        z_new = z + step[:n]
        nu_new = step[n : n + nu.size]
        lam_new = np.zeros(lam.size)
        lam_new[active] = step[n + nu.size :]
        w = functions.values(z_new)
        if not w.finite():
            break
        found = violation(w, nu_new, lam_new)
        z, nu, lam, v = z_new, nu_new, lam_new, w
        if not found < measure:
            break
        measure = found
        best = Answer(
            z, nu, np.maximum(lam, 0.0), answer.status, answer.iterations, answer.errors, answer.objective
        )
        if found <= 1e-14:
            break
    return best


def _least_squares(k: Matrix, right: Vector) -> Vector:
    """A solution of a symmetric system that may be singular; of large ones only where it is not."""
    if not (np.isfinite(k).all() and np.isfinite(right).all()):
        raise np.linalg.LinAlgError("not finite")
    if right.size <= 300:
        factors, order, singular = scipy.linalg.lapack.dgetrf(k)
        regular = scipy.linalg.lapack.dgecon(factors, np.abs(k).sum(axis=0).max(initial=0.0))[0]
        if singular or not regular > 1e-10:
            return np.asarray(np.linalg.lstsq(k, right, rcond=1e-14)[0])
        return np.asarray(scipy.linalg.lapack.dgetrs(factors, order, right)[0])
    found = np.linalg.solve(k, right)
    if not np.isfinite(found).all():
        raise np.linalg.LinAlgError("singular")
    return np.asarray(found)


def violation(v: Values, nu: Vector, lam: Vector) -> float:
    """The largest violation of the conditions of an optimum, in units of the objective."""
    size = max(1.0, float(np.abs(v.g).max(initial=0.0)))
    parts = [
        np.abs(v.g - v.E.T @ nu - v.C.T @ lam).max(initial=0.0) / size,
        np.abs(v.e).max(initial=0.0),
        np.maximum(-v.c, 0.0).max(initial=0.0),
        np.maximum(-lam, 0.0).max(initial=0.0) / size,
        np.abs(v.c * lam).max(initial=0.0) / size,
    ]
    return float(max(parts))


def snapped(functions: Functions, answer: Answer) -> Vector:
    """The point with entries at rounding level set to 0, where no condition is the worse for it."""
    z = answer.z
    rounded = np.where(np.abs(z) < 1e-12 * max(float(np.abs(z).max(initial=0.0)), 1e-300), 0.0, z)
    before, after = functions.values(z), functions.values(rounded)
    if not before.finite() or not after.finite():
        return z
    worse = violation(after, answer.nu, answer.lam)
    return rounded if worse <= max(1e-12, violation(before, answer.nu, answer.lam)) else z
