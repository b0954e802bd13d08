"""A line search for the strong Wolfe conditions that keeps working at rounding level.

Along φ(α) = f(x + αd) with φ'(0) < 0 it looks for α with

    φ(α) ≤ φ(0) + δαφ'(0)   and   |φ'(α)| ≤ σ|φ'(0)|            (strong Wolfe)

or, where values can no longer be told apart, φ(α) ≤ φ(0) + ε and φ'(α) ≤ (2δ − 1)φ'(0) in place of the
first: for a quadratic the two are the same, but slopes keep their digits where differences of values have
lost them.
Source: Hager & Zhang, A new conjugate gradient method with guaranteed descent and an efficient line
search, SIAM J. Optim. 16 (2005), eqs. (4.1)–(4.5), interval rules U0–U3; expansion and safeguards as in
Nocedal & Wright, Numerical Optimization (2nd ed.), algorithms 3.5 and 3.6.
"""

from __future__ import annotations

import numpy as np

from .state import NOISE, RUNNING, STALLED, UNBOUNDED, ValueGradient, Vector, all_finite
from .vectors import along, dot, norm, same

DELTA = 1e-4
LONGEST = 60  # trials; an interval shrinks at least by half in every two


def first_length(diagonal: Vector, d: Vector) -> float:
    """The first trial before any curvature is known: a step of length at most 1.

    When the diagonal is that of a Hessian (it is not the identity) d is in the units of x and is tried whole.
    """
    if not same(diagonal, np.ones(diagonal.size)):
        return 1.0
    return min(1.0, 1.0 / max(norm(d), 1e-300))


def wolfe(
    value_gradient: ValueGradient,
    x: Vector,
    f: float,
    g: Vector,
    d: Vector,
    first: float,
    sigma: float,
) -> tuple[Vector, float, Vector, float, int, int]:
    """`(x_new, f_new, g_new, α, evaluations, status)`; on STALLED the point is the old one."""
    slope = dot(g, d)
    noise = NOISE * abs(f)
    # low: φ' < 0 and φ ≤ φ(0) + ε.   high: φ' ≥ 0, or φ > φ(0) + ε, or not finite.
    low, f_low, s_low = 0.0, f, slope
    x_low, g_low = x, g
    high, s_high, f_high = 0.0, 0.0, 0.0
    bracketed, high_has_slope, high_is_finite = False, False, False
    older, s_older = 0.0, slope  # the trial before `low`, for extrapolation
    width = 0.0  # of the interval two trials ago
    alpha = first
    count = 0
    for trial in range(LONGEST):
        x_new = along(x, alpha, d)
        f_new, g_new = value_gradient(x_new)
        count += 1
        if f_new == -np.inf:
            return x_new, f_new, g_new, alpha, count, UNBOUNDED
        finite = all_finite(f_new, g_new)
        s_new = dot(g_new, d) if finite else 0.0
        if finite:
            enough = f_new <= f + DELTA * alpha * slope
            nearly = f_new <= f + noise and s_new <= (2.0 * DELTA - 1.0) * slope
            if (enough or nearly) and abs(s_new) <= -sigma * slope:
                return x_new, f_new, g_new, alpha, count, RUNNING
        if finite and s_new < 0.0 and f_new <= f + noise:
            older, s_older = low, s_low
            low, f_low, s_low = alpha, f_new, s_new
            x_low, g_low = x_new, g_new
        else:
            high, f_high, s_high, bracketed = alpha, f_new, s_new, True
            high_is_finite = finite
            high_has_slope = finite and s_new >= 0.0
        if not bracketed:
            # Extrapolate the slope to zero, but go at least twice and at most ten times as far.
            bend = s_low - s_older
            ahead = low - s_low * (low - older) / bend if bend > 0.0 else 10.0 * low
            alpha = min(max(ahead, 2.0 * low), 10.0 * low)
            if not np.isfinite(alpha):
                break
            continue
        gap = high - low
        if gap <= 1e-15 * high or high == 0.0:
            break
        if high_has_slope:
            alpha = low - s_low * gap / (s_high - s_low)
            edge = 0.05 * gap
        elif high_is_finite:
            rise = f_high - f_low - s_low * gap
            alpha = low - 0.5 * s_low * gap * gap / rise if rise > 0.0 else low + 0.5 * gap
            alpha = min(alpha, low + 0.5 * gap)
            edge = 0.05 * gap
        else:
            alpha = low + 0.2 * gap
            edge = 0.05 * gap
        if trial % 2 == 1:
            if width > 0.0 and gap > 0.5 * width:
                alpha = low + 0.5 * gap
            width = gap
        alpha = min(max(alpha, low + edge), high - edge)
    if low > 0.0 and (f_low < f or abs(s_low) < abs(slope)):
        return x_low, f_low, g_low, low, count, RUNNING
    return x, f, g, 0.0, count, STALLED
