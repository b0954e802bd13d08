"""Newton's method in a trust region, the subproblem solved exactly.

Each step minimises the quadratic model m(p) = gᵀp + ½pᵀHp over ‖Dp‖ ≤ Δ, where D² follows the largest
diagonal of the Hessian seen so far, which makes the method indifferent to the units of the unknowns.
With D⁻¹HD⁻¹ = QΛQᵀ the solution is Dp = −Q(Λ + σI)⁻¹Qᵀ D⁻¹g for the σ ≥ max(0, −λ₁) that satisfies
‖Dp‖ = Δ (σ = 0 when Newton's step lies inside); in the hard case a multiple of the eigenvector of λ₁ < 0
is added, by which saddle points are left. Near the solution, where differences of f are rounding errors,
a step counts as good when it shrinks the gradient.
Sources: Moré & Sorensen, Computing a trust region step, SIAM J. Sci. Stat. Comput. 4 (1983), § 3;
Moré, The Levenberg–Marquardt algorithm: implementation and theory (1978), § 6, for D;
Conn, Gould & Toint, Trust-Region Methods (2000), § 17.4.2, for rounding.
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
    HessianOf,
    Matrix,
    ValueGradient,
    Vector,
    all_finite,
)
from .trust import believed, indistinct, next_radius
from .vectors import (
    along,
    distance,
    divided,
    dot,
    finite_entries,
    norm,
    product,
    quotient,
    same,
    times,
    turned_times,
    zeros,
)

EPS = 2.220446049250313e-16
#: A point is a minimum where no eigenvalue is below minus this share of the largest, and Newton's step promises less
#: than that share of the objective.
FLAT, ROUNDING = 1e-7, 1e-11


class NewtonState(NamedTuple):
    """The common fields, then the Hessian at x, the diagonal of D and the radius Δ (0: not yet known)."""

    x: Vector
    f: float
    g: Vector
    status: int
    evaluations: int
    length: float
    h: Matrix
    scale: Vector
    radius: float


def start(x: Vector, f: float, g: Vector, h: Matrix) -> NewtonState:
    """The state at the first point."""
    finite = all_finite(f, g) and finite_entries(h)
    status = RUNNING if finite else NOT_FINITE
    return NewtonState(x, f, g, status, 1, 0.0, h, widened(zeros(x.size), h), 0.0)


def widened(scale: Vector, h: Matrix) -> Vector:
    """D with every entry at least √|hᵢᵢ|; 1 where nothing is known yet."""
    found = scale.copy()
    for i in range(found.size):
        found[i] = max(found[i], np.sqrt(abs(h[i, i])))
        if not found[i] > 0.0:
            found[i] = 1.0
    return found


def secular(values: Vector, a: Vector, radius: float) -> float:
    """σ > max(0, −λ₁) with ‖(Λ + σI)⁻¹a‖ = Δ, by Newton on 1/‖p‖ − 1/Δ kept inside a bracket.

    For a point where even σ = max(0, −λ₁) gives a shorter step (the hard case) this is that σ.
    """
    low = max(0.0, -values[0])
    high = low + norm(a) / radius  # ‖p(high)‖ ≤ ‖a‖/(λ₁ + high) ≤ Δ
    sigma = high
    for _ in range(100):
        if values[0] + sigma <= 0.0:
            sigma = 0.5 * (low + high)
            if sigma <= low or sigma >= high:
                break
            continue
        length, rate = shifted_length(values, a, sigma)
        if abs(length - radius) <= 1e-10 * radius:
            break
        if length > radius:
            low = max(low, sigma)
        else:
            high = min(high, sigma)
        sigma = sigma + length * length / rate * (length - radius) / radius if rate > 0.0 else low
        if not low < sigma < high:
            sigma = 0.5 * (low + high)
            if sigma <= low or sigma >= high:
                break
    return float(max(sigma, low))


def shifted_length(values: Vector, a: Vector, sigma: float) -> tuple[float, float]:
    """‖p‖ and pᵀ(Λ + σI)⁻¹p for p = (Λ + σI)⁻¹a."""
    square, rate = 0.0, 0.0
    for i in range(values.size):
        shifted = values[i] + sigma
        p = a[i] / shifted
        square += p * p
        rate += p * p / shifted
    return float(np.sqrt(square)), float(rate)


def model_step(values: Vector, a: Vector, radius: float, negligible: float) -> Vector:
    """The minimiser of aᵀp + ½pᵀΛp over ‖p‖ ≤ Δ; Δ = 0 stands for "as far as Newton's step".

    Directions of no curvature in which the model gains less than `negligible` are left alone.
    """
    n = values.size
    largest = max(abs(values[0]), abs(values[n - 1]))
    tiny = n * EPS * largest
    if values[0] >= -tiny:
        p = zeros(n)
        for i in range(n):
            if values[i] > tiny:
                p[i] = -a[i] / values[i]
            elif tiny > 0.0 and a[i] * a[i] > 2.0 * tiny * negligible:
                p[i] = -a[i] / tiny
            elif largest == 0.0:  # a linear model: as far as the region goes
                p[i] = -a[i] * (radius / max(norm(a), 1e-300) if radius > 0.0 else 1.0)
        if radius == 0.0 or norm(p) <= radius * (1.0 + 1e-12):
            return p
    if radius == 0.0:
        radius = max(norm(a) / max(largest, 1e-300), 0.1)
    sigma = secular(values, a, radius)
    p = zeros(n)
    for i in range(n):
        shifted = values[i] + sigma
        if shifted > tiny:
            p[i] = -a[i] / shifted
    missing = radius * radius - dot(p, p)
    if values[0] < -tiny and missing > 1e-6 * radius * radius:
        p[0] += np.sqrt(missing) if a[0] <= 0.0 else -np.sqrt(missing)
    return p


def curved_step(values: Vector, a: Vector) -> Vector:
    """Newton's step in the directions whose curvature is positive by more than 10⁻⁷ of the largest."""
    p = zeros(values.size)
    for i in range(values.size):
        if values[i] > 1e-7 * values[values.size - 1]:
            p[i] = -a[i] / values[i]
    return p


def step(state: NewtonState, value_gradient: ValueGradient, hessian: HessianOf) -> NewtonState:
    """One accepted step; the radius shrinks inside until the model is believed."""
    x, f, g, h, scale = state.x, state.f, state.g, state.h, state.scale
    radius = state.radius
    evaluations = state.evaluations
    values, vectors = np.linalg.eigh(divided(h, scale))
    g_scaled = quotient(g, scale)
    a = turned_times(vectors, g_scaled)
    noise = NOISE * abs(f)
    status = STALLED
    x_new, f_new, g_new = x, f, g
    for _ in range(60):
        q = model_step(values, a, radius, 1e-4 * noise)
        size = norm(q)
        gain = -(dot(a, q) + 0.5 * dot(q, product(values, q)))
        x_try = along(x, 1.0, quotient(times(vectors, q), scale))
        if not gain > 0.0 or same(x_try, x):
            break
        f_try, g_try = value_gradient(x_try)
        evaluations += 1
        if f_try == -np.inf:
            x_new, f_new, g_new, status = x_try, f_try, g_try, UNBOUNDED
            break
        if not all_finite(f_try, g_try):
            radius = 0.1 * size
            continue
        if indistinct(f, f_try, gain, noise):
            # Values say nothing here: let the gradient decide, in the norm of the model.
            after = model_norm(values, turned_times(vectors, quotient(g_try, scale)))
            good = 1.0 if after < 0.9 * model_norm(values, a) else 0.0
        else:
            good = believed(f, f_try, gain, noise)
        radius = next_radius(radius, good, size)
        if good > 1e-4:
            x_new, f_new, g_new, status = x_try, f_try, g_try, RUNNING
            break
        if indistinct(f, f_try, gain, noise):
            # A shorter step would be worse by the same measure. What may have misled is a direction that is
            # all but flat, as along a family of minimisers: leave those directions alone, and try once more.
            x_try = along(x, 1.0, quotient(times(vectors, curved_step(values, a)), scale))
            f_try, g_try = value_gradient(x_try)
            evaluations += 1
            lower = norm(quotient(g_try, scale)) < 0.9 * norm(g_scaled)
            if all_finite(f_try, g_try) and abs(f_try - f) <= 10.0 * noise and lower:
                x_new, f_new, g_new, status = x_try, f_try, g_try, RUNNING
            break
    if status == STALLED:
        return NewtonState(x, f, g, STALLED, evaluations, 0.0, h, scale, radius)
    length = distance(x_new, x)
    if status == UNBOUNDED:
        return NewtonState(x_new, f_new, g_new, status, evaluations, length, h, scale, radius)
    h_new = hessian(x_new)
    if not finite_entries(h_new):
        return NewtonState(x_new, f_new, g_new, NOT_FINITE, evaluations, length, h, scale, radius)
    return NewtonState(x_new, f_new, g_new, status, evaluations, length, h_new, widened(scale, h_new), radius)


def model_norm(values: Vector, a: Vector) -> float:
    """√(gᵀ|H|⁻¹g) in the eigenbasis, directions without curvature left out."""
    tiny = values.size * EPS * max(abs(values[0]), abs(values[values.size - 1]))
    total = 0.0
    for i in range(values.size):
        if abs(values[i]) > tiny:
            total += a[i] * a[i] / abs(values[i])
    return float(np.sqrt(total))


def arrive(value_gradient: ValueGradient, hessian: HessianOf, x: Vector, most: int) -> bool:
    """Steps from `x`, which then holds where they have led, until none improves on it; whether that is a minimum as far
    as rounding can tell."""
    f, g = value_gradient(x)
    state = start(x.copy(), f, g, hessian(x))
    for _ in range(most):
        if state.status != RUNNING:
            break
        state = step(state, value_gradient, hessian)
    x[:] = state.x
    if state.status != STALLED:
        return False
    values, vectors = np.linalg.eigh(divided(state.h, state.scale))
    promised = 0.5 * model_norm(values, turned_times(vectors, quotient(state.g, state.scale))) ** 2
    return bool(
        values[0] >= -FLAT * abs(values[-1])
        and promised <= ROUNDING * max(abs(state.f), min(1.0, f - state.f))
    )
