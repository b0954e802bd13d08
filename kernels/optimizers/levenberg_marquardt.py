"""Levenberg–Marquardt in a trust region, for sums of squares f = ½‖r(x)‖².

The step minimises ‖r + Jp‖ within ‖Dp‖ ≤ Δ, with D the largest column lengths of J so far, so that it does not
depend on the units of the unknowns. From the singular value decomposition J D⁻¹ = U S Vᵀ (of the triangular
factor of J, where J is tall)

    Dp = −V diag(s / (s² + μ)) Uᵀ r,

with μ = 0, or the root of ‖Dp‖ = Δ. The squares JᵀJ are never formed, so that the condition is that of J. A
constant Jacobian makes the first full step the answer; further ones are its iterative refinement.
Source: Moré, The Levenberg–Marquardt algorithm: implementation and theory, Lecture Notes in Mathematics 630
(1978); Nocedal & Wright, Numerical Optimization (2nd ed.), section 10.3.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from .state import NOISE, NOT_FINITE, RUNNING, STALLED, Matrix, Vector, all_finite
from .vectors import (
    along,
    columns_divided,
    distance,
    dot,
    finite_entries,
    greater,
    norm,
    product,
    quotient,
    same,
    turned_times,
)

ResidualJacobian = Callable[[Vector], tuple[Vector, Matrix]]
EPS = 2.220446049250313e-16


class LevenbergMarquardtState(NamedTuple):
    """The common fields, then residual, Jacobian, scales D and radius Δ (0: not yet known)."""

    x: Vector
    f: float
    g: Vector
    status: int
    evaluations: int
    length: float
    r: Vector
    J: Matrix
    scale: Vector
    radius: float


def start(x: Vector, residual_jacobian: ResidualJacobian) -> LevenbergMarquardtState:
    """The state at the first point."""
    r, J = residual_jacobian(x)
    f = 0.5 * dot(r, r)
    finite = all_finite(f, r) and finite_entries(J)
    scale = lengths(J)
    g = turned_times(J, r)
    return LevenbergMarquardtState(x, f, g, RUNNING if finite else NOT_FINITE, 1, 0.0, r, J, scale, 0.0)


def lengths(J: Matrix) -> Vector:
    """The lengths of the columns, 1 for a column of zeros."""
    found = np.sqrt(np.sum(J * J, axis=0))
    return np.where(found > 0.0, found, 1.0)


def angle(r: Vector, J: Matrix) -> float:
    """The largest cosine between the residual and a column of the Jacobian: 0 at a stationary point."""
    size = np.sqrt(np.dot(r, r))
    if size == 0.0:
        return 0.0
    return float(np.max(np.abs(J.T @ r) / lengths(J)) / size)


def damping(s: Vector, a: Vector, radius: float) -> float:
    """μ ≥ 0 with ‖s a / (s² + μ)‖ = Δ, by Newton's method on 1/Δ − 1/‖·‖."""
    tiny = EPS * s[0] * s.size
    kept = s > tiny
    size = np.sqrt(np.sum(np.where(kept, a / np.where(kept, s, 1.0), 0.0) ** 2))
    if size <= radius:
        return 0.0
    low, high = 0.0, np.sqrt(np.sum((s * a) ** 2)) / radius
    mu = max(1e-3 * high, low)
    for _ in range(60):
        weight = s * s + mu
        p = s * a / weight
        norm = np.sqrt(np.dot(p, p))
        if abs(norm - radius) <= 0.05 * radius:
            break
        if norm > radius:
            low = mu
        else:
            high = mu
        slope = -np.sum(p * p / weight) / norm
        mu = mu - (norm / radius) * (norm - radius) / slope
        if not low < mu < high:
            mu = max(1e-3 * high, np.sqrt(low * high))
    return float(mu)


def undamped(s: Vector, a: Vector, tiny: float) -> Vector:
    """−a / s where s is above `tiny`, else 0."""
    kept = s > tiny
    return -np.where(kept, a / np.where(kept, s, 1.0), 0.0)


def damped(s: Vector, a: Vector, mu: float) -> Vector:
    """−s a / (s² + μ)"""
    return -s * a / (s * s + mu)


def step(state: LevenbergMarquardtState, residual_jacobian: ResidualJacobian) -> LevenbergMarquardtState:
    """One accepted step; the radius shrinks inside until the model is believed."""
    x, f, r, J = state.x, state.f, state.r, state.J
    scale = greater(state.scale, lengths(J))
    u, s, vt = np.linalg.svd(columns_divided(J, scale), full_matrices=False)
    a = turned_times(u, r)
    tiny = EPS * s[0] * max(s.size, 10)
    radius, evaluations = state.radius, state.evaluations
    for _ in range(60):
        mu = damping(s, a, radius) if radius > 0.0 else 0.0
        q = damped(s, a, mu) if mu > 0.0 else undamped(s, a, tiny)
        size = norm(q)
        if radius == 0.0:
            reach = max(norm(product(scale, x)), 1e-3)
            if size > 10.0 * reach:
                radius = 10.0 * reach
                continue
        along_s = product(s, q)
        gain = -(dot(along_s, a) + 0.5 * dot(along_s, along_s))
        x_try = along(x, 1.0, quotient(turned_times(vt, q), scale))
        if not gain > 0.0 or same(x_try, x):
            break
        r_try, J_try = residual_jacobian(x_try)
        evaluations += 1
        f_try = 0.5 * dot(r_try, r_try)
        if not (all_finite(f_try, r_try) and finite_entries(J_try)):
            radius = 0.1 * size
            continue
        if gain <= NOISE * f:
            good = 1.0 if angle(r_try, J_try) < 0.9 * angle(r, J) else 0.0
            if good == 0.0:
                break
        else:
            good = (f - f_try) / gain
        if good < 0.25:
            radius = 0.25 * size
        elif good > 0.75:
            radius = max(radius, 2.0 * size)
        if good > 1e-4:
            length = distance(x_try, x)
            g = turned_times(J_try, r_try)
            return LevenbergMarquardtState(
                x_try, f_try, g, RUNNING, evaluations, length, r_try, J_try, scale, max(radius, size)
            )
    return LevenbergMarquardtState(x, f, state.g, STALLED, evaluations, 0.0, r, J, scale, radius)
