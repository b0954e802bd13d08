"""Gradient descent with a fixed length: x₊ = x − α∇f.

With α ≤ 1/L, L a bound on the curvature, values fall at every step and, for convex f, f(x_k) − f* ≤ ‖x₀ − x*‖² / (2αk).
L is hardly ever known: α starts from an estimate, and is halved for good whenever the value would rise.
Source: Nesterov, Lectures on Convex Optimization (2nd ed., 2018), theorem 2.1.14.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .state import NOISE, NOT_FINITE, RUNNING, STALLED, UNBOUNDED, ValueGradient, Vector, all_finite


class FixedStepState(NamedTuple):
    """The common fields, then the length α."""

    x: Vector
    f: float
    g: Vector
    status: int
    evaluations: int
    length: float
    alpha: float


def start(x: Vector, f: float, g: Vector, alpha: float) -> FixedStepState:
    """The state at the first point."""
    return FixedStepState(x, f, g, RUNNING if all_finite(f, g) else NOT_FINITE, 1, 0.0, alpha)


def step(state: FixedStepState, value_gradient: ValueGradient) -> FixedStepState:
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
            return FixedStepState(x_new, f_new, g_new, UNBOUNDED, evaluations, 0.0, alpha)
        if all_finite(f_new, g_new) and f_new <= f + NOISE * abs(f):
            length = alpha * np.sqrt(np.dot(g, g))
            return FixedStepState(x_new, f_new, g_new, RUNNING, evaluations, length, alpha)
        alpha *= 0.5
    return FixedStepState(x, f, g, STALLED, evaluations, 0.0, alpha)
