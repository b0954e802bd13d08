"""Quasi-Newton in the metric of a Hessian that was computed from a sample of the rows.

An objective that is a sum over many rows has a Hessian that a few thousand of them know well enough: the eigenvalues
of H_sample⁻¹H lie within (1 ± √(N/m))² for N unknowns and m rows, whatever the condition of H. So a step costs one
read of the data, and their number depends on the sample and not on the condition. The sampled Hessian is refreshed
while the steps are long; afterwards pairs (s, y) correct it as in L-BFGS.
Sources: Byrd, Chin, Neveitt & Nocedal, SIAM J. Optim. 21 (2011), for Hessians of samples; Nocedal & Wright, Numerical
Optimization (2nd ed.), algorithm 7.4, with H₀ that of the sample.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.linalg

from ..oracle import Matrix, Vector

CONVERGED, STEPS, NO_MODEL, NOT_FINITE, NO_DESCENT = 0, 1, 2, 3, 4
MEMORY = 12


def sampled_newton(
    value_gradient: Callable[[Vector], tuple[float, Vector]],
    sampled_hessian: Callable[[Vector, bool], Matrix],
    x: Vector,
    tol: float,
    most: int,
) -> tuple[Vector, float, float, int, int, int]:
    """`(x, f, f at the start, status, steps, evaluations)`."""
    f, g = value_gradient(x)
    first, evaluations = f, 1
    factor: Any = None
    pairs: list[tuple[Vector, Vector, float]] = []
    long = True
    for step in range(most):
        if not (np.isfinite(f) and np.isfinite(g).all()):
            return x, f, first, NOT_FINITE, step, evaluations
        if long:
            # the first step is long whatever the metric: a quarter of the sample will do
            h = sampled_hessian(x, step == 0)
            if not np.isfinite(h).all():
                return x, f, first, NO_MODEL, step, evaluations
            try:
                factor = scipy.linalg.cho_factor(h, lower=True, check_finite=False)
            except np.linalg.LinAlgError:
                return x, f, first, NO_MODEL, step, evaluations
            pairs = []
        p = direction(factor, pairs, g)
        slope = float(g @ p)
        if not slope < 0.0:
            return x, f, first, NO_DESCENT, step, evaluations
        scale = max(abs(f), min(1.0, max(first - f, 0.0)))
        if -slope <= tol * scale:
            return x + p, f + slope / 2, first, CONVERGED, step + 1, evaluations
        t = 1.0
        for _ in range(30):
            x_new = x + t * p
            f_new, g_new = value_gradient(x_new)
            evaluations += 1
            if f_new <= f + 1e-4 * t * slope + 1e-15 * abs(f):
                break
            t *= 0.5
        else:
            return x, f, first, NO_DESCENT, step, evaluations
        s, y = x_new - x, g_new - g
        curvature = float(s @ y)
        if curvature > 0.0:
            pairs = [*pairs[1 - MEMORY :], (s, y, curvature)]
        # Third derivatives matter while a step promises more than a small share of the objective.
        long = -slope > REFRESH * scale
        x, f, g = x_new, f_new, g_new
    return x, f, first, STEPS, most, evaluations


#: The sampled Hessian is computed again as long as steps promise more than this share of the objective.
REFRESH = 0.2


def direction(factor: Any, pairs: list[tuple[Vector, Vector, float]], g: Vector) -> Vector:
    """−H⁻¹g, H⁻¹ the sampled one corrected by the pairs."""
    q = -g
    weights = []
    for s, y, curvature in reversed(pairs):
        a = float(s @ q) / curvature
        weights.append(a)
        q = q - a * y
    p = scipy.linalg.cho_solve(factor, q, check_finite=False)
    for (s, y, curvature), a in zip(pairs, reversed(weights), strict=True):
        p = p + (a - float(y @ p) / curvature) * s
    return np.asarray(p)
