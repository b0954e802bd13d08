"""The active constraints of an answer taken as equalities, and Newton's method on them; entries that are 0 to rounding.

Multipliers of inactive constraints become exactly 0, and active ones hold to the last digit. What is found is kept only
if it is no worse.
Source: Nocedal & Wright, Numerical Optimization (2nd ed.), section 18.1.
"""

from __future__ import annotations

import numpy as np
import scipy.linalg

from ..oracle import Matrix, Vector
from .interior_point import Answer, Functions, Values


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
    """A solution of a symmetric system that may be singular; of large ones only where it is not.

    Rows and columns are scaled to entries of like sizes, lest units decide what is singular, and it is refined once.
    """
    if not (np.isfinite(k).all() and np.isfinite(right).all()):
        raise np.linalg.LinAlgError("not finite")
    scale = np.ones(right.size)
    for _ in range(3):  # Ruiz's equilibration
        largest = np.abs(k * scale[:, None] * scale[None, :]).max(axis=1, initial=0.0)
        scale /= np.sqrt(np.where(largest > 0.0, largest, 1.0))
    k, right = k * scale[:, None] * scale[None, :], right * scale
    found = _solved(k, right)
    return np.asarray(scale * (found + _solved(k, right - k @ found)))


def _solved(k: Matrix, right: Vector) -> Vector:
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
