"""Gauss–Newton for sums of squares f = ½‖r(x)‖², with a backtracking line search.

    d = −J⁺r,   the least-squares solution of Jd = −r of least length, columns of J scaled to length 1

The length starts at 1 and is halved until Armijo's condition holds. Fast where residuals are small or the model is
nearly linear; Levenberg–Marquardt is the safer choice elsewhere.
Source: Björck, Numerical Methods for Least Squares Problems (1996), section 9.2.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .levenberg_marquardt import EPS, ResidualJacobian, angle, lengths
from .state import NOISE, NOT_FINITE, RUNNING, STALLED, Matrix, Vector, all_finite

DELTA = 1e-4


class GaussNewtonState(NamedTuple):
    """The common fields, then residual and Jacobian."""

    x: Vector
    f: float
    g: Vector
    status: int
    evaluations: int
    length: float
    r: Vector
    J: Matrix


def start(x: Vector, residual_jacobian: ResidualJacobian) -> GaussNewtonState:
    """The state at the first point."""
    r, J = residual_jacobian(x)
    f = 0.5 * np.dot(r, r)
    finite = all_finite(f, np.sum(J, axis=0))
    return GaussNewtonState(x, f, J.T @ r, RUNNING if finite else NOT_FINITE, 1, 0.0, r, J)


def step(state: GaussNewtonState, residual_jacobian: ResidualJacobian) -> GaussNewtonState:
    """One iteration."""
    x, f, r, J = state.x, state.f, state.r, state.J
    evaluations = state.evaluations
    scale = lengths(J)
    u, s, vt = np.linalg.svd(J / scale, full_matrices=False)
    kept = s > EPS * s[0] * max(s.size, 10)
    q = -np.where(kept, (u.T @ r) / np.where(kept, s, 1.0), 0.0)
    d = (vt.T @ q) / scale
    slope = -np.dot(s * q, s * q)
    noise = NOISE * f
    alpha = 1.0
    for _ in range(60):
        x_new = x + alpha * d
        if np.all(x_new == x):
            break
        r_new, J_new = residual_jacobian(x_new)
        evaluations += 1
        f_new = 0.5 * np.dot(r_new, r_new)
        if all_finite(f_new, np.sum(J_new, axis=0)):
            enough = f_new <= f + DELTA * alpha * slope
            quiet = -slope <= noise and f_new <= f + noise
            if enough or (quiet and angle(r_new, J_new) < 0.9 * angle(r, J)):
                length = alpha * np.sqrt(np.dot(d, d))
                g = J_new.T @ r_new
                return GaussNewtonState(x_new, f_new, g, RUNNING, evaluations, length, r_new, J_new)
            if quiet:
                break
        alpha *= 0.5
    return GaussNewtonState(x, f, state.g, STALLED, evaluations, 0.0, r, J)
