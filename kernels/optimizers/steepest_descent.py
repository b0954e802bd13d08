"""Steepest descent: gradient descent whose lengths satisfy the strong Wolfe conditions.

The search is `line_search.wolfe` with a demanding σ, so that every step goes nearly to the minimum along −∇f.
Source: Nocedal & Wright, Numerical Optimization (2nd ed.), section 3.3 and eq. 3.7; first length as in eq. 3.60.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .line_search import wolfe
from .state import NOT_FINITE, RUNNING, ValueGradient, Vector, all_finite

SIGMA = 0.1


class SteepestDescentState(NamedTuple):
    """The common fields, then the last length α and ‖∇f‖² before the last step."""

    x: Vector
    f: float
    g: Vector
    status: int
    evaluations: int
    length: float
    alpha: float
    before: float


def start(x: Vector, f: float, g: Vector, alpha: float) -> SteepestDescentState:
    """The state at the first point."""
    status = RUNNING if all_finite(f, g) else NOT_FINITE
    return SteepestDescentState(x, f, g, status, 1, 0.0, alpha, np.dot(g, g))


def step(state: SteepestDescentState, value_gradient: ValueGradient) -> SteepestDescentState:
    """One iteration."""
    x, f, g = state.x, state.f, state.g
    squared = np.dot(g, g)
    first = min(state.alpha * state.before / max(squared, 1e-300), 10.0 * state.alpha)
    x_new, f_new, g_new, alpha, count, status = wolfe(value_gradient, x, f, g, -g, first, SIGMA)
    length = alpha * np.sqrt(squared)
    kept = alpha if alpha > 0.0 else state.alpha
    return SteepestDescentState(x_new, f_new, g_new, status, state.evaluations + count, length, kept, squared)
