"""Gradient descent with a fixed length: x₊ = x − α∇f.

With α ≤ 1/L, L a bound on the curvature, values fall at every step and, for convex f, f(x_k) − f* ≤ ‖x₀ − x*‖² / (2αk).
L is hardly ever known: α starts from an estimate, and is halved for good whenever the value would rise.
Source: Nesterov, Lectures on Convex Optimization (2nd ed., 2018), theorem 2.1.14.
"""

from __future__ import annotations

import numpy as np

from .lengths import LengthState, start
from .state import NOISE, RUNNING, STALLED, UNBOUNDED, ValueGradient, all_finite

__all__ = ["start", "step"]


def step(state: LengthState, value_gradient: ValueGradient) -> LengthState:
    """One iteration."""
    x, f, g, alpha = state.x, state.f, state.g, state.alpha
    evaluations = state.evaluations
    for _ in range(100):
        x_new = x - alpha * g
        if np.all(x_new == x):
            break
        f_new, g_new = value_gradient(x_new)
        evaluations += 1
        if f_new == -np.inf:
            return LengthState(x_new, f_new, g_new, UNBOUNDED, evaluations, 0.0, alpha)
        if all_finite(f_new, g_new) and f_new <= f + NOISE * abs(f):
            length = alpha * np.sqrt(np.dot(g, g))
            return LengthState(x_new, f_new, g_new, RUNNING, evaluations, length, alpha)
        alpha *= 0.5
    return LengthState(x, f, g, STALLED, evaluations, 0.0, alpha)
