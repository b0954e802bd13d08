"""Nesterov's accelerated gradient with a fixed length: one gradient for a step, and no trial.

    x₊ = y − α∇f(y),   y₊ = x₊ + β (x₊ − x),   α = 1/L

With μ ≤ ∇²f ≤ L and β = (√κ − 1)/(√κ + 1), κ = L/μ, the error falls by 1 − 1/√κ at every step. Where no β is given,
it is (t − 1)/t₊ with t₊ = (1 + √(1 + 4t²))/2, and t starts again at 1 where momentum points uphill. Where a value rises
above the first one, the length was too long: it is halved for good, and momentum starts afresh.
Source: Nesterov, Lectures on Convex Optimization (2nd ed., 2018), scheme 2.2.22 and theorem 2.2.3.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .state import NOISE, NOT_FINITE, RUNNING, STALLED, UNBOUNDED, ValueGradient, Vector, all_finite


class NesterovFixedState(NamedTuple):
    """The common fields at y, then the last x, t, the length α, β (negative: from t) and the first value."""

    x: Vector
    f: float
    g: Vector
    status: int
    evaluations: int
    length: float
    before: Vector
    t: float
    alpha: float
    beta: float
    first: float


def start(x: Vector, f: float, g: Vector, alpha: float, beta: float | None) -> NesterovFixedState:
    """The state at the first point; without β the momentum grows from 0."""
    status = RUNNING if all_finite(f, g) else NOT_FINITE
    friction = -1.0 if beta is None else float(beta)
    return NesterovFixedState(x, f, g, status, 1, 0.0, x, 1.0, alpha, friction, f)


def step(state: NesterovFixedState, value_gradient: ValueGradient) -> NesterovFixedState:
    """One iteration."""
    y, f, g, t, alpha = state.x, state.f, state.g, state.t, state.alpha
    beta, first, before = state.beta, state.first, state.before
    evaluations = state.evaluations
    for _ in range(100):
        x_new = y - alpha * g
        if np.all(x_new == y):
            break
        move = x_new - before
        t_new = 0.5 * (1.0 + np.sqrt(1.0 + 4.0 * t * t))
        weight = beta if beta >= 0.0 else (t - 1.0) / t_new
        if np.dot(g, move) > 0.0 and beta < 0.0:
            weight, t_new = 0.0, 1.0
        y_new = x_new + weight * move
        f_new, g_new = value_gradient(y_new)
        evaluations += 1
        if f_new == -np.inf:
            return NesterovFixedState(
                y_new, f_new, g_new, UNBOUNDED, evaluations, 0.0, x_new, t_new, alpha, beta, first
            )
        if all_finite(f_new, g_new) and f_new <= first + NOISE * abs(first):
            change = y_new - y
            length = np.sqrt(np.dot(change, change))
            return NesterovFixedState(
                y_new, f_new, g_new, RUNNING, evaluations, length, x_new, t_new, alpha, beta, first
            )
        alpha *= 0.5
        before, t = y, 1.0
    return NesterovFixedState(y, f, g, STALLED, evaluations, 0.0, before, t, alpha, beta, first)
