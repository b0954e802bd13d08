"""Gradient descent whose lengths satisfy Armijo's condition, by backtracking.

    f(x − α∇f) ≤ f(x) − δα‖∇f‖²

α starts at twice the last accepted length and is halved until the condition holds; where values can no
longer be told apart, until the slope along the step has not turned by more than the condition allows.
Source: Armijo, Minimization of functions having Lipschitz continuous first partial derivatives, Pacific J.
Math. 16 (1966); Nocedal & Wright, Numerical Optimization (2nd ed.), algorithm 3.1.
"""

from __future__ import annotations

import numpy as np

from .lengths import LengthState, start
from .state import NOISE, RUNNING, STALLED, UNBOUNDED, ValueGradient, all_finite

__all__ = ["start", "step"]

DELTA = 0.25


def step(state: LengthState, value_gradient: ValueGradient) -> LengthState:
    """One iteration."""
    x, f, g = state.x, state.f, state.g
    slope = -np.dot(g, g)
    noise = NOISE * abs(f)
    alpha = 2.0 * state.alpha
    evaluations = state.evaluations
    for _ in range(100):
        x_new = x - alpha * g
        if np.all(x_new == x):
            break
        f_new, g_new = value_gradient(x_new)
        evaluations += 1
        if f_new == -np.inf:
            return LengthState(x_new, f_new, g_new, UNBOUNDED, evaluations, 0.0, alpha)
        if all_finite(f_new, g_new):
            enough = f_new <= f + DELTA * alpha * slope
            # for a quadratic the same condition, in slopes
            nearly = f_new <= f + noise and -np.dot(g_new, g) <= (2.0 * DELTA - 1.0) * slope
            if enough or nearly:
                length = alpha * np.sqrt(-slope)
                return LengthState(x_new, f_new, g_new, RUNNING, evaluations, length, alpha)
        alpha *= 0.5
    return LengthState(x, f, g, STALLED, evaluations, 0.0, alpha)
