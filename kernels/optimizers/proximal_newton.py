"""Newton's method for a smooth convex function with ℓ₁ weights and bounds, made to be compiled whole.

    minimise F(x) = f(x) + Σᵢ λᵢ|xᵢ|    subject to   low ≤ x ≤ high

Each step minimises the quadratic model f + gᵀp + ½pᵀHp with weights and bounds kept as they are
(`box.box_quadratic`; without any, by Cholesky), and is halved until F falls by a share of what the model promised,

    Δ = gᵀp + Σᵢ λᵢ(|xᵢ + pᵢ| − |xᵢ|) ≤ 0.

The step whose |Δ| is below the tolerance is still taken, but no longer evaluated: near the optimum the error squares.
`oracle(x)` gives value, gradient and Hessian together, which share one read of the data. Where H is not positive
definite or nothing helps, the status says so, and a more careful method takes over from the best point. Under Python,
with an oracle that tells somebody of each point, the loop makes the same steps: all that takes long is compiled.
Sources: Lee, Sun & Saunders, SIAM J. Optim. 24 (2014), algorithm 1; Boyd & Vandenberghe (2004), § 9.5, for the
stopping rule by the Newton decrement.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..apart import apart
from ..oracle import Array
from .box import NO_MINIMUM, box_quadratic, cholesky_solve

CONVERGED, STEPS, NO_MODEL, NOT_FINITE, NO_DESCENT = 0, 1, 2, 3, 4


def proximal_newton(
    oracle: Callable[[Array], tuple[float, Array, Array]],
    l1: Array,
    low: Array,
    high: Array,
    x: Array,
    tol: float,
    most: int,
) -> tuple[float, float, int, int, int]:
    """`(F, F at the start, status, steps, evaluations)`; `x` holds the start and then the best point."""
    x_new, p, z = np.empty(x.size), np.empty(x.size), np.empty(x.size)
    plain = begun(l1, low, high, x)
    f, g, h = oracle(x)
    evaluations = 1
    first = np.inf
    for step in range(most):
        total = f + weighted(l1, x)
        if step == 0:
            first = total
        status, model = direction(total, g, h, l1, low, high, x, p, z, plain)
        if status != CONVERGED:
            return total, first, status, step, evaluations
        gained = max(first - total, 0.0)
        scale = max(abs(total), min(1.0, gained))
        if -model <= tol * scale:
            # Δ is twice the fall for a quadratic without weights
            move(x, 1.0, p, x)
            return total + 0.5 * model, first, CONVERGED, step + 1, evaluations
        t, accepted = 1.0, False
        for _ in range(40):
            move(x, t, p, x_new)
            f_new, g_new, h_new = oracle(x_new)
            evaluations += 1
            if f_new + weighted(l1, x_new) <= total + 1e-4 * t * model + 1e-15 * abs(total):
                accepted = True
                move(x, t, p, x)
                f, g, h = f_new, g_new, h_new
                break
            t *= 0.5
        if not accepted:
            return total, first, NO_DESCENT, step, evaluations
    return f, first, STEPS, most, evaluations


@apart
def begun(l1: Array, low: Array, high: Array, x: Array) -> bool:
    """The start moved within the bounds; whether there are neither bounds nor weights."""
    plain = True
    for i in range(x.size):
        x[i] = min(max(x[i], low[i]), high[i])
        plain = plain and l1[i] == 0.0 and low[i] == -np.inf and high[i] == np.inf
    return plain


@apart
def weighted(l1: Array, x: Array) -> float:
    """Σᵢ λᵢ|xᵢ|."""
    total = 0.0
    for i in range(x.size):
        total += l1[i] * abs(x[i])
    return total


@apart
def move(x: Array, t: float, p: Array, out: Array) -> None:
    """out = x + t p, which may be x."""
    for i in range(x.size):
        out[i] = x[i] + t * p[i]


@apart
def direction(
    total: float,
    g: Array,
    h: Array,
    l1: Array,
    low: Array,
    high: Array,
    x: Array,
    p: Array,
    z: Array,
    plain: bool,
) -> tuple[int, float]:
    """The step to the model's minimum, which is left in p, and Δ; h is overwritten, z is room."""
    n = x.size
    seen = total  # NaN or infinite where anything is
    for i in range(n):
        p[i] = -g[i]
        row = h[i]
        seen += g[i]
        for k in range(n):
            seen += row[k]
    if not abs(seen) < np.inf:
        return NOT_FINITE, 0.0
    if plain:
        for i in range(n):
            z[i] = h[i, i]
        if not cholesky_solve(h, p, n):  # singular, or not convex: once more with a little on the diagonal
            for i in range(n):
                p[i] = -g[i]
                for k in range(i):
                    h[i, k] = h[k, i]
                h[i, i] = z[i] * (1.0 + 1e-10) if z[i] != 0.0 or g[i] != 0.0 else 1.0
            if not cholesky_solve(h, p, n):
                return NO_MODEL, 0.0
    else:
        # coordinate descent needs curvature, which rounding must not turn negative
        for i in range(n):
            if h[i, i] < 0.0:
                return NO_MODEL, 0.0
        for i in range(n):
            z[i] = x[i]
            if x[i] != 0.0:
                row, t = h[i], x[i]
                for k in range(n):
                    p[k] += t * row[k]
        status, _ = box_quadratic(h, p, l1, low, high, z, 1e-13, 200 + 10 * n)
        if status == NO_MINIMUM:
            return NO_MODEL, 0.0
        for i in range(n):
            p[i] = z[i] - x[i]
    model = 0.0
    for i in range(n):
        model += g[i] * p[i] + l1[i] * (abs(x[i] + p[i]) - abs(x[i]))
    return CONVERGED, model
