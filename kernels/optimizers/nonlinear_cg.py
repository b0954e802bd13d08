"""Nonlinear conjugate gradients of Hager and Zhang (CG_DESCENT).

    d₊ = −∇f₊ + β d,   β = max(β_HZ, η),   β_HZ = (y − 2d‖y‖²/(dᵀy))ᵀ∇f₊ / (dᵀy),   η = −1 / (‖d‖ min(0.01, ‖∇f‖))

with y = ∇f₊ − ∇f. Every direction descends, whatever the line search: ∇fᵀd ≤ −⅞‖∇f‖².
Source: Hager & Zhang, A new conjugate gradient method with guaranteed descent and an efficient line search,
SIAM J. Optim. 16 (2005), eqs. (1.3)–(1.7).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .line_search import wolfe
from .state import NOT_FINITE, RUNNING, ValueGradient, Vector, all_finite

SIGMA, LOOSE = 0.1, 0.9


class NonlinearCgState(NamedTuple):
    """The common fields, then the direction d and the last length α."""

    x: Vector
    f: float
    g: Vector
    status: int
    evaluations: int
    length: float
    d: Vector
    alpha: float


def start(x: Vector, f: float, g: Vector, alpha: float) -> NonlinearCgState:
    """The state at the first point."""
    return NonlinearCgState(x, f, g, RUNNING if all_finite(f, g) else NOT_FINITE, 1, 0.0, -g, alpha)


def step(state: NonlinearCgState, value_gradient: ValueGradient) -> NonlinearCgState:
    """One iteration. When the direction leads nowhere, −∇f is tried."""
    x, f, g, d = state.x, state.f, state.g, state.d
    evaluations = state.evaluations
    x_new, f_new, g_new, alpha, count, status = wolfe(value_gradient, x, f, g, d, state.alpha, SIGMA)
    evaluations += count
    if status != RUNNING:
        d = -g
        x_new, f_new, g_new, alpha, count, status = wolfe(value_gradient, x, f, g, d, state.alpha, LOOSE)
        evaluations += count
    y = g_new - g
    bend = np.dot(d, y)
    d_new = -g_new
    if bend > 0.0:
        norm, size = np.sqrt(np.dot(d, d)), np.sqrt(np.dot(g, g))
        least = -1.0 / (norm * min(0.01, size))
        beta = np.dot(y - 2.0 * d * np.dot(y, y) / bend, g_new) / bend
        d_new = -g_new + max(beta, least) * d
        if not np.dot(d_new, g_new) < 0.0:
            d_new = -g_new
    slope, slope_new = np.dot(g, d), np.dot(g_new, d_new)
    following = state.alpha
    if alpha > 0.0 and slope_new < 0.0:
        following = min(alpha * slope / slope_new, 10.0 * alpha)
    s = x_new - x
    return NonlinearCgState(x_new, f_new, g_new, status, evaluations, np.sqrt(np.dot(s, s)), d_new, following)
