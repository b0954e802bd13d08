"""Limited-memory BFGS.

The direction is d = −H∇f, where H is the inverse-Hessian estimate from the last m pairs
s = x₊ − x, y = ∇f₊ − ∇f, started from γP with a positive diagonal P (the identity, or the inverse of the
Hessian's diagonal, which makes the method indifferent to the units of the unknowns) and
γ = sᵀy / yᵀPy; the length satisfies the strong Wolfe conditions.
Source: Nocedal & Wright, Numerical Optimization (2nd ed.), algorithms 7.4, 7.5 and eq. 7.20.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .line_search import first_length, wolfe
from .state import NOT_FINITE, RUNNING, STALLED, Matrix, ValueGradient, Vector, all_finite
from .vectors import along, dot, norm, product, put, scaled, zeros

SIGMA = 0.9
#: What is left is known up to about this factor where the metric is made of a few pairs.
DOUBT = 100.0


class LbfgsState(NamedTuple):
    """The common fields, then the memory: rows of S and Y are pairs, `used` of them, the newest at `last`."""

    x: Vector
    f: float
    g: Vector
    status: int
    evaluations: int
    length: float
    s: np.ndarray[tuple[int, int], np.dtype[np.float64]]
    y: np.ndarray[tuple[int, int], np.dtype[np.float64]]
    rho: Vector
    used: int
    last: int
    diagonal: Vector


def start(x: Vector, f: float, g: Vector, diagonal: Vector, memory: int) -> LbfgsState:
    """The state at the first point; `diagonal` is P."""
    status = RUNNING if all_finite(f, g) else NOT_FINITE
    pairs = np.zeros((memory, x.size))
    return LbfgsState(x, f, g, status, 1, 0.0, pairs, pairs.copy(), np.zeros(memory), 0, -1, diagonal)


def direction(g: Vector, s: Matrix, y: Matrix, rho: Vector, used: int, last: int, diagonal: Vector) -> Vector:
    """−H∇f by the two-loop recursion."""
    m = rho.size
    q = scaled(-1.0, g)
    weights = zeros(m)
    for k in range(used):
        i = (last - k) % m
        weights[i] = rho[i] * dot(s[i], q)
        q = along(q, -weights[i], y[i])
    gamma = 1.0
    if used > 0:
        gamma = 1.0 / (rho[last] * dot(y[last], product(diagonal, y[last])))
    q = scaled(gamma, product(diagonal, q))
    for k in range(used):
        i = (last - used + 1 + k) % m
        q = along(q, weights[i] - rho[i] * dot(y[i], q), s[i])
    return q


def step(state: LbfgsState, value_gradient: ValueGradient) -> LbfgsState:
    """One iteration. When the direction leads nowhere the memory is dropped and −P∇f tried."""
    x, f, g = state.x, state.f, state.g
    used, last = state.used, state.last
    evaluations = state.evaluations
    steepest = scaled(-1.0, product(state.diagonal, g))
    d = direction(g, state.s, state.y, state.rho, used, last, state.diagonal)
    if not dot(g, d) < 0.0:
        used = 0
        d = steepest
    first = 1.0 if used > 0 else first_length(state.diagonal, d)
    x_new, f_new, g_new, _, count, status = wolfe(value_gradient, x, f, g, d, first, SIGMA)
    evaluations += count
    if status != RUNNING and used > 0:
        used = 0
        d = steepest
        first = first_length(state.diagonal, d)
        x_new, f_new, g_new, _, count, status = wolfe(value_gradient, x, f, g, d, first, SIGMA)
        evaluations += count
    s = along(x_new, -1.0, x)
    y = along(g_new, -1.0, g)
    curvature = dot(s, y)
    m = state.rho.size
    if status == RUNNING and curvature > 1e-14 * norm(s) * norm(y):
        last = (last + 1) % m
        used = min(used + 1, m)
        put(state.s, last, s)
        put(state.y, last, y)
        state.rho[last] = 1.0 / curvature
    length = norm(s)
    return LbfgsState(
        x_new,
        f_new,
        g_new,
        status,
        evaluations,
        length,
        state.s,
        state.y,
        state.rho,
        used,
        last,
        state.diagonal,
    )


def descend(
    value_gradient: ValueGradient, x: Vector, tol: float, most: int, memory: int = 10
) -> tuple[LbfgsState, float, bool, int]:
    """`(state, f at the start, whether it ended, steps)`.

    Ends where two directions running promise less than the share `tol` of the objective, with a margin, or where no
    step improves on the point.
    """
    f, g = value_gradient(x)
    first, small = f, 0
    state = start(x, f, g, np.ones(x.size), memory)
    for k in range(most):
        d = direction(state.g, state.s, state.y, state.rho, state.used, state.last, state.diagonal)
        promised = -dot(state.g, d) / 2.0
        scale = max(abs(state.f), min(1.0, first - state.f))
        small = small + 1 if state.used > 0 and DOUBT * promised <= tol * scale else 0
        if small == 2 or not promised > 0.0:
            return state, first, promised >= 0.0, k
        moved = step(state, value_gradient)
        if moved.status != RUNNING:
            return state, first, moved.status == STALLED and small > 0, k
        state = moved
    return state, first, False, most
