"""BFGS: a quasi-Newton method with a dense inverse of the Hessian.

    d = −H∇f,   H₊ = (I − ρsyᵀ) H (I − ρysᵀ) + ρssᵀ,   ρ = 1/(yᵀs),   s = x₊ − x,  y = ∇f₊ − ∇f

H starts as a positive diagonal (the inverse of the Hessian's, where that is known) and is scaled by sᵀy/yᵀHy
before the first update; lengths satisfy the strong Wolfe conditions, so that H stays positive definite.
Source: Nocedal & Wright, Numerical Optimization (2nd ed.), algorithm 6.1, eqs. 6.17 and 6.20.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .line_search import first_length, wolfe
from .state import NOT_FINITE, RUNNING, Matrix, ValueGradient, Vector, all_finite

SIGMA = 0.9


class BfgsState(NamedTuple):
    """The common fields, then H, the diagonal it starts from, and how many updates it has had."""

    x: Vector
    f: float
    g: Vector
    status: int
    evaluations: int
    length: float
    h: Matrix
    diagonal: Vector
    updates: int


def start(x: Vector, f: float, g: Vector, diagonal: Vector) -> BfgsState:
    """The state at the first point."""
    status = RUNNING if all_finite(f, g) else NOT_FINITE
    return BfgsState(x, f, g, status, 1, 0.0, np.diag(diagonal), diagonal, 0)


def step(state: BfgsState, value_gradient: ValueGradient) -> BfgsState:
    """One iteration. When the direction leads nowhere H starts anew."""
    x, f, g, h, updates = state.x, state.f, state.g, state.h, state.updates
    evaluations = state.evaluations
    d = -np.dot(h, g)
    if not np.dot(g, d) < 0.0:
        h, updates = np.diag(state.diagonal), 0
        d = -state.diagonal * g
    first = 1.0 if updates > 0 else first_length(state.diagonal, d)
    x_new, f_new, g_new, _, count, status = wolfe(value_gradient, x, f, g, d, first, SIGMA)
    evaluations += count
    if status != RUNNING and updates > 0:
        h, updates = np.diag(state.diagonal), 0
        d = -state.diagonal * g
        first = first_length(state.diagonal, d)
        x_new, f_new, g_new, _, count, status = wolfe(value_gradient, x, f, g, d, first, SIGMA)
        evaluations += count
    s, y = x_new - x, g_new - g
    bend = np.dot(s, y)
    if status == RUNNING and bend > 1e-14 * np.sqrt(np.dot(s, s) * np.dot(y, y)):
        hy = np.dot(h, y)
        if updates == 0:
            factor = bend / np.dot(y, hy)
            h, hy = factor * h, factor * hy
        h = h + ((1.0 + np.dot(y, hy) / bend) * np.outer(s, s) - np.outer(hy, s) - np.outer(s, hy)) / bend
        updates += 1
    length = np.sqrt(np.dot(s, s))
    return BfgsState(x_new, f_new, g_new, status, evaluations, length, h, state.diagonal, updates)
