"""Gradient descent with momentum, the heavy ball: v₊ = βv − α∇f(x), x₊ = x + v₊.

On a quadratic it converges for every 0 ≤ β < 1 and α < 2(1 + β)/L. Values need not fall at every step. When one
rises above where the run began, the ball is stopped and α halved for good.
Source: Polyak, Some methods of speeding up the convergence of iteration methods, USSR Comput. Math. Math.
Phys. 4 (1964), eq. (9).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .state import NOISE, NOT_FINITE, RUNNING, STALLED, UNBOUNDED, ValueGradient, Vector, all_finite


class MomentumState(NamedTuple):
    """The common fields, then velocity v, length α, friction β and the first value."""

    x: Vector
    f: float
    g: Vector
    status: int
    evaluations: int
    length: float
    v: Vector
    alpha: float
    beta: float
    first: float


def start(x: Vector, f: float, g: Vector, alpha: float, beta: float) -> MomentumState:
    """The state at the first point."""
    status = RUNNING if all_finite(f, g) else NOT_FINITE
    return MomentumState(x, f, g, status, 1, 0.0, np.zeros(x.size), alpha, beta, f)


def step(state: MomentumState, value_gradient: ValueGradient) -> MomentumState:
    """One iteration."""
    x, f, g, v = state.x, state.f, state.g, state.v
    alpha, beta, first = state.alpha, state.beta, state.first
    evaluations = state.evaluations
    highest = first + NOISE * abs(first)
    for _ in range(100):
        v_new = beta * v - alpha * g
        x_new = x + v_new
        f_new, g_new = value_gradient(x_new)
        evaluations += 1
        if f_new == -np.inf:
            return MomentumState(x_new, f_new, g_new, UNBOUNDED, evaluations, 0.0, v_new, alpha, beta, first)
        if all_finite(f_new, g_new) and f_new <= highest:
            length = np.sqrt(np.dot(v_new, v_new))
            return MomentumState(x_new, f_new, g_new, RUNNING, evaluations, length, v_new, alpha, beta, first)
        v = np.zeros(x.size)
        alpha *= 0.5
    return MomentumState(x, f, g, STALLED, evaluations, 0.0, v, alpha, beta, first)
