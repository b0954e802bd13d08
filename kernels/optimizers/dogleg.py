"""Powell's dogleg: a trust region whose step bends from the steepest descent to Newton's.

Within ‖Dp‖ ≤ Δ the step lies on the path 0 → p_C → p_N, p_C = −(∇fᵀ∇f / ∇fᵀB∇f) ∇f the minimiser along the
gradient and p_N = −B⁻¹∇f; B is the Hessian, shifted where it is not positive definite, in units D in which its
diagonal is 1.
Source: Powell, A hybrid method for nonlinear equations (1970); Nocedal & Wright, Numerical Optimization
(2nd ed.), section 4.1, eq. 4.16.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .newton_cholesky import factor, solved
from .state import (
    NOISE,
    NOT_FINITE,
    RUNNING,
    STALLED,
    UNBOUNDED,
    HessianOf,
    Matrix,
    ValueGradient,
    Vector,
    all_finite,
)
from .trust import believed, indistinct, next_radius


class DoglegState(NamedTuple):
    """The common fields, then the Hessian and the radius Δ (0: not yet known)."""

    x: Vector
    f: float
    g: Vector
    status: int
    evaluations: int
    length: float
    h: Matrix
    radius: float


def start(x: Vector, f: float, g: Vector, h: Matrix) -> DoglegState:
    """The state at the first point."""
    finite = all_finite(f, g) and np.isfinite(np.sum(h))
    return DoglegState(x, f, g, RUNNING if finite else NOT_FINITE, 1, 0.0, h, 0.0)


def shifted(h: Matrix) -> tuple[Matrix, Matrix]:
    """B and its Cholesky factor: h, or h with the least of the tried shifts that makes it positive definite."""
    shift = 0.0
    for _ in range(40):
        b = h + shift * np.eye(h.shape[0])
        l, good = factor(b)
        if good:
            return b, l
        shift = max(10.0 * shift, 1e-10)
    return np.eye(h.shape[0]), np.eye(h.shape[0])


def bent(g: Vector, b: Matrix, newton: Vector, radius: float) -> Vector:
    """The point of the dogleg path at distance Δ, or its end."""
    if radius == 0.0 or np.dot(newton, newton) <= radius * radius:
        return newton
    squared = np.dot(g, g)
    cauchy = -(squared / np.dot(g, np.dot(b, g))) * g
    size = np.sqrt(np.dot(cauchy, cauchy))
    if size >= radius:
        return (radius / size) * cauchy  # type: ignore[no-any-return]
    d = newton - cauchy
    a, half, c = np.dot(d, d), np.dot(cauchy, d), size * size - radius * radius
    tau = -c / (half + np.sqrt(max(half * half - a * c, 0.0)))
    return cauchy + tau * d  # type: ignore[no-any-return]


def step(state: DoglegState, value_gradient: ValueGradient, hessian: HessianOf) -> DoglegState:
    """One accepted step; the radius shrinks inside until the model is believed."""
    x, f, g, h, radius = state.x, state.f, state.g, state.h, state.radius
    evaluations = state.evaluations
    d = np.sqrt(np.abs(np.diag(h)))
    d = np.where(d > 0.0, d, max(np.max(d), 1.0))
    b, l = shifted(h / np.outer(d, d))
    slope = g / d
    newton = -solved(l, slope)
    norm = np.sqrt(np.dot(slope, slope))
    noise = NOISE * abs(f)
    for _ in range(60):
        p = bent(slope, b, newton, radius)
        size = np.sqrt(np.dot(p, p))
        gain = -(np.dot(slope, p) + 0.5 * np.dot(p, np.dot(b, p)))
        x_new = x + p / d
        if not gain > 0.0 or np.all(x_new == x):
            break
        f_new, g_new = value_gradient(x_new)
        evaluations += 1
        if f_new == -np.inf:
            return DoglegState(x_new, f_new, g_new, UNBOUNDED, evaluations, 0.0, h, radius)
        if not all_finite(f_new, g_new):
            radius = 0.1 * size
            continue
        quiet = indistinct(f, f_new, gain, noise)
        if quiet:  # values say nothing here: let the gradient decide
            after = g_new / d
            good = 1.0 if np.sqrt(np.dot(after, after)) < 0.9 * norm else 0.0
        else:
            good = believed(f, f_new, gain, noise)
        radius = next_radius(radius, good, size)
        if good > 1e-4:
            h_new = hessian(x_new)
            status = RUNNING if np.isfinite(np.sum(h_new)) else NOT_FINITE
            move = x_new - x
            length = np.sqrt(np.dot(move, move))
            return DoglegState(x_new, f_new, g_new, status, evaluations, length, h_new, radius)
        if quiet:
            break
    return DoglegState(x, f, g, STALLED, evaluations, 0.0, h, radius)
