"""Gradient descent with Barzilai–Borwein lengths and a non-monotone Armijo rule.

    x₊ = x − αP∇f,   α = sᵀP⁻¹s / sᵀy  from the last step (s = x − x₋, y = ∇f − ∇f₋),

shortened by half or by quadratic interpolation until f(x₊) ≤ max of the last ten values − δα∇fᵀP∇f.
P is a positive diagonal (the identity, or the inverse of the Hessian's diagonal).
Sources: Barzilai & Borwein, Two-point step size gradient methods, IMA J. Numer. Anal. 8 (1988), eq. (5);
Raydan, The Barzilai and Borwein gradient method for the large scale unconstrained minimization problem,
SIAM J. Optim. 7 (1997), algorithm GBB.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .line_search import first_length
from .state import NOISE, NOT_FINITE, RUNNING, STALLED, UNBOUNDED, ValueGradient, Vector, all_finite

DELTA = 1e-4
RECENT = 10
SHORTEST, LONGEST = 1e-30, 1e30


class GradientDescentState(NamedTuple):
    """The common fields, then the next trial length α, the last values of f, and P."""

    x: Vector
    f: float
    g: Vector
    status: int
    evaluations: int
    length: float
    alpha: float
    recent: Vector
    made: int
    diagonal: Vector


def start(x: Vector, f: float, g: Vector, diagonal: Vector) -> GradientDescentState:
    """The state at the first point; `diagonal` is P."""
    status = RUNNING if all_finite(f, g) else NOT_FINITE
    d = diagonal * g
    alpha = first_length(diagonal, d)
    return GradientDescentState(x, f, g, status, 1, 0.0, alpha, np.full(RECENT, f), 1, diagonal)


def step(state: GradientDescentState, value_gradient: ValueGradient) -> GradientDescentState:
    """One iteration."""
    x, f, g = state.x, state.f, state.g
    d = -state.diagonal * g
    slope = np.dot(g, d)
    bound = np.max(state.recent) + NOISE * abs(f)
    alpha = state.alpha
    evaluations = state.evaluations
    status = STALLED
    x_new, f_new, g_new = x, f, g
    for _ in range(80):
        x_try = x + alpha * d
        f_try, g_try = value_gradient(x_try)
        evaluations += 1
        if f_try == -np.inf:
            x_new, f_new, g_new, status = x_try, f_try, g_try, UNBOUNDED
            break
        if all_finite(f_try, g_try) and f_try <= bound + DELTA * alpha * slope:
            x_new, f_new, g_new, status = x_try, f_try, g_try, RUNNING
            break
        shorter = 0.1 * alpha
        if np.isfinite(f_try):
            rise = f_try - f - alpha * slope
            if rise > 0.0:
                shorter = -0.5 * slope * alpha * alpha / rise
        alpha = min(max(shorter, 0.1 * alpha), 0.5 * alpha)
    s = x_new - x
    y = g_new - g
    length = np.sqrt(np.dot(s, s))
    if status == RUNNING and length == 0.0:
        status = STALLED
    bend = np.dot(s, y)
    following = 10.0 * alpha
    if bend > 0.0:
        following = np.dot(s / state.diagonal, s) / bend
    state.recent[state.made % RECENT] = f_new
    return GradientDescentState(
        x_new,
        f_new,
        g_new,
        status,
        evaluations,
        length,
        min(max(following, SHORTEST), LONGEST),
        state.recent,
        state.made + 1,
        state.diagonal,
    )
