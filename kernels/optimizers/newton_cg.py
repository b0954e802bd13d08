"""Newton's method with conjugate gradients in a trust region, from Hessian–vector products.

The model m(p) = gᵀp + ½pᵀHp is reduced by conjugate gradients from p = 0 until ‖Hp + g‖ ≤ η‖g‖ with
η = min(½, √‖g‖ / √‖g₀‖), stopped at the boundary ‖p‖ = Δ and on directions of negative curvature, which are
followed to the boundary.
Source: Steihaug, The conjugate gradient method and trust regions in large scale optimization, SIAM J.
Numer. Anal. 20 (1983); Nocedal & Wright, Numerical Optimization (2nd ed.), algorithm 7.2.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .state import (
    NOISE,
    NOT_FINITE,
    RUNNING,
    STALLED,
    UNBOUNDED,
    HessianProduct,
    ValueGradient,
    Vector,
    all_finite,
)
from .trust import believed, indistinct, next_radius


class NewtonCgState(NamedTuple):
    """The common fields, then the radius Δ (0: not yet known) and ‖∇f‖ at the first point."""

    x: Vector
    f: float
    g: Vector
    status: int
    evaluations: int
    length: float
    radius: float
    first_norm: float


def start(x: Vector, f: float, g: Vector) -> NewtonCgState:
    """The state at the first point."""
    status = RUNNING if all_finite(f, g) else NOT_FINITE
    return NewtonCgState(x, f, g, status, 1, 0.0, 0.0, np.sqrt(np.dot(g, g)))


def to_boundary(p: Vector, d: Vector, radius: float) -> float:
    """τ ≥ 0 with ‖p + τd‖ = Δ."""
    a, b, c = np.dot(d, d), np.dot(p, d), np.dot(p, p) - radius * radius
    root = np.sqrt(max(b * b - a * c, 0.0))
    return -c / (b + root) if b > 0.0 else (root - b) / a  # type: ignore[no-any-return]


def reduce_model(
    x: Vector, g: Vector, hvp: HessianProduct, radius: float, eta: float
) -> tuple[Vector, Vector]:
    """An approximate minimiser p of the model inside the region, and Hp; Δ = 0 means no boundary yet."""
    n = x.size
    p, hp = np.zeros(n), np.zeros(n)
    r, d = g.copy(), -g
    rr = np.dot(r, r)
    target = eta * eta * rr
    for _ in range(2 * n + 10):
        hd = hvp(x, d)
        bend = np.dot(d, hd)
        if not np.isfinite(bend):
            break
        if bend <= 0.0:
            edge = radius if radius > 0.0 else max(1.0, 2.0 * np.sqrt(np.dot(p, p)))
            tau = to_boundary(p, d, edge)
            return p + tau * d, hp + tau * hd
        alpha = rr / bend
        p_new = p + alpha * d
        if radius > 0.0 and np.dot(p_new, p_new) >= radius * radius:
            tau = to_boundary(p, d, radius)
            return p + tau * d, hp + tau * hd
        p, hp = p_new, hp + alpha * hd
        r = r + alpha * hd
        rr_new = np.dot(r, r)
        if rr_new <= target:
            break
        d = -r + (rr_new / rr) * d
        rr = rr_new
    return p, hp


def step(state: NewtonCgState, value_gradient: ValueGradient, hvp: HessianProduct) -> NewtonCgState:
    """One accepted step; the radius shrinks inside until the model is believed."""
    x, f, g = state.x, state.f, state.g
    radius, evaluations = state.radius, state.evaluations
    norm = np.sqrt(np.dot(g, g))
    eta = min(0.5, np.sqrt(norm / max(state.first_norm, 1e-300)))
    noise = NOISE * abs(f)
    status = STALLED
    x_new, f_new, g_new = x, f, g
    for _ in range(60):
        p, hp = reduce_model(x, g, hvp, radius, eta)
        size = np.sqrt(np.dot(p, p))
        gain = -(np.dot(g, p) + 0.5 * np.dot(p, hp))
        x_try = x + p
        if not gain > 0.0 or np.all(x_try == x):
            break
        f_try, g_try = value_gradient(x_try)
        evaluations += 1
        if f_try == -np.inf:
            x_new, f_new, g_new, status = x_try, f_try, g_try, UNBOUNDED
            break
        if not all_finite(f_try, g_try):
            radius = 0.1 * size
            continue
        quiet = indistinct(f, f_try, gain, noise)
        if quiet:  # values say nothing here: let the gradient decide
            good = 1.0 if np.sqrt(np.dot(g_try, g_try)) < 0.9 * norm else 0.0
        else:
            good = believed(f, f_try, gain, noise)
        radius = next_radius(radius, good, size)
        if good > 1e-4:
            x_new, f_new, g_new, status = x_try, f_try, g_try, RUNNING
            break
        if quiet:
            break  # a shorter step would be worse by the same measure
    length = np.sqrt(np.dot(x_new - x, x_new - x))
    return NewtonCgState(x_new, f_new, g_new, status, evaluations, length, radius, state.first_norm)
