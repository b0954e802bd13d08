"""The augmented Lagrangian method for equalities and inequalities.

    L(z) = f − νᵀe + ½ρ‖e‖² + (‖max(0, λ − ρc)‖² − ‖λ‖²) / 2ρ

is minimised by Newton's method in a trust region (`newton`); then ν ← ν − ρe and λ ← max(0, λ − ρc). ρ grows tenfold
where the violation has not fallen to a quarter. The Hessian of L is that of the Lagrangian at the new multipliers plus
ρEᵀE and ρCᵀC over the active inequalities.
Sources: Hestenes (1969), Powell (1969) and Rockafellar (1973); Nocedal & Wright, Numerical Optimization (2nd ed.),
algorithm 17.4; Andreani, Birgin, Martínez & Schuverdt, SIAM J. Optim. 18 (2007), algorithm 3.1.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from . import newton
from .interior_point import (
    CONVERGED,
    LIMIT,
    NOT_FINITE,
    STALLED,
    STOPPED,
    UNBOUNDED,
    Answer,
    Functions,
    Vector,
)
from .polish import violation
from .state import RUNNING

INNER = 200


def solve(
    functions: Functions,
    z: Vector,
    *,
    tol: float = 1e-10,
    max_iterations: int = 100,
    watch: Callable[[int, Vector, float, float], bool] | None = None,
) -> Answer:
    """From a point that need not be feasible. `watch(iteration, z, f, error)` ends the run by returning true."""
    v = functions.values(z)
    nu, lam = np.zeros(v.e.size), np.zeros(v.c.size)
    answer = Answer(z, nu, lam, LIMIT, 0)
    if not v.finite():
        answer.status = NOT_FINITE
        return answer
    broken = float(v.e @ v.e + np.minimum(v.c, 0.0) @ np.minimum(v.c, 0.0))
    rho = min(max(10.0 * max(1.0, abs(v.f)) / max(broken, 1e-12), 1e-3), 10.0)
    before = np.inf

    def updated(w: object) -> tuple[Vector, Vector]:
        return nu - rho * w.e, np.maximum(0.0, lam - rho * w.c)  # type: ignore[attr-defined]

    def value_gradient(x: Vector) -> tuple[float, Vector]:
        w = functions.values(x)
        if not w.finite():
            return np.nan, np.full(x.size, np.nan)
        first, second = updated(w)
        value = w.f - nu @ w.e + 0.5 * rho * (w.e @ w.e) + (second @ second - lam @ lam) / (2.0 * rho)
        return float(value), w.g - w.E.T @ first - w.C.T @ second

    def hessian(x: Vector) -> Vector:
        w = functions.values(x)
        if not w.finite():
            return np.full((x.size, x.size), np.nan)
        first, second = updated(w)
        active = w.C[second > 0.0]
        found = functions.hessian(x, first, second) + rho * (w.E.T @ w.E + active.T @ active)
        return np.asarray(found)

    best = (np.inf, z, nu, lam)
    for iteration in range(max_iterations + 1):
        error = violation(v, nu, lam)
        answer.errors.append(error)
        answer.objective.append(v.f)
        answer.iterations = iteration
        if error < best[0]:
            best = (error, z, nu, lam)
        if error <= tol:
            answer.status = CONVERGED
            break
        if watch is not None and watch(iteration, z, v.f, error):
            answer.status = STOPPED
            break
        if v.f < -1e20 or not np.abs(z).max(initial=0.0) < 1e14:
            answer.status = UNBOUNDED
            break
        if rho > 1e12:
            answer.status = STALLED
            break
        f, g = value_gradient(z)
        state = newton.start(z, f, g, hessian(z))
        accuracy = max(1e-12, 1e-2 * 0.1**iteration) * max(1.0, float(np.abs(v.g).max(initial=0.0)))
        for _ in range(INNER):
            if state.status != RUNNING or np.abs(state.g).max(initial=0.0) <= accuracy:
                break
            state = newton.step(state, value_gradient, hessian)
        z = state.x
        v = functions.values(z)
        if not v.finite():
            answer.status = NOT_FINITE
            break
        broken = max(
            float(np.abs(v.e).max(initial=0.0)),
            float(np.abs(np.minimum(v.c, lam / rho)).max(initial=0.0)),
        )
        nu, lam = updated(v)
        if broken > 0.25 * before:
            rho *= 10.0
        before = broken
    _, answer.z, answer.nu, answer.lam = best
    return answer
