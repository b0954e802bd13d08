"""Nesterov's accelerated gradient with backtracking and restart.

    y = x + β_k (x − x₋),   x₊ = y − α∇f(y),   β_k = (t_k − 1)/t_{k+1},   t_{k+1} = (1 + √(1 + 4t_k²))/2

α is halved until f(x₊) ≤ f(y) − ½α‖∇f(y)‖², and tried a tenth longer at the next step. When ∇f(y)ᵀ(x₊ − x) > 0 the
momentum points uphill: t starts again at 1, which makes the rate linear where f is strongly convex.
Sources: Nesterov, A method of solving a convex programming problem with convergence rate O(1/k²), Soviet
Math. Dokl. 27 (1983); O'Donoghue & Candès, Adaptive restart for accelerated gradient schemes, Found. Comput. Math. 15
(2015), section 3.2.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .state import NOISE, NOT_FINITE, RUNNING, STALLED, UNBOUNDED, ValueGradient, Vector, all_finite


class NesterovState(NamedTuple):
    """The common fields, then the point before, t_k and the length α."""

    x: Vector
    f: float
    g: Vector
    status: int
    evaluations: int
    length: float
    before: Vector
    t: float
    alpha: float


def start(x: Vector, f: float, g: Vector, alpha: float) -> NesterovState:
    """The state at the first point."""
    return NesterovState(x, f, g, RUNNING if all_finite(f, g) else NOT_FINITE, 1, 0.0, x, 1.0, alpha)


def step(state: NesterovState, value_gradient: ValueGradient) -> NesterovState:
    """One iteration."""
    x, f, g, t = state.x, state.f, state.g, state.t
    evaluations = state.evaluations
    t_new = 0.5 * (1.0 + np.sqrt(1.0 + 4.0 * t * t))
    y = x + (t - 1.0) / t_new * (x - state.before)
    f_y, g_y = f, g
    if t > 1.0:
        f_y, g_y = value_gradient(y)
        evaluations += 1
        if not all_finite(f_y, g_y):
            y, f_y, g_y, t_new = x, f, g, 1.0
    else:
        y = x
    squared = np.dot(g_y, g_y)
    alpha = state.alpha
    for trial in range(100):
        x_new = y - alpha * g_y
        if np.all(x_new == y):
            break
        f_new, g_new = value_gradient(x_new)
        evaluations += 1
        if f_new == -np.inf:
            return NesterovState(x_new, f_new, g_new, UNBOUNDED, evaluations, 0.0, x, 1.0, alpha)
        if all_finite(f_new, g_new):
            enough = f_new <= f_y - 0.5 * alpha * squared
            nearly = f_new <= f_y + NOISE * abs(f_y) and np.dot(g_new, g_y) >= 0.0
            if enough or nearly:
                move = x_new - x
                following = 1.0 if np.dot(g_y, move) > 0.0 else t_new
                longer = 1.1 * alpha if trial == 0 else alpha
                length = np.sqrt(np.dot(move, move))
                return NesterovState(x_new, f_new, g_new, RUNNING, evaluations, length, x, following, longer)
        alpha *= 0.5
    return NesterovState(x, f, g, STALLED, evaluations, 0.0, x, 1.0, alpha)
