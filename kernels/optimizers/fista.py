"""Accelerated proximal gradient (FISTA) with backtracking and restart.

    x⁺ = prox_{φ/L}(z − ∇f(z)/L),      z⁺ = x⁺ + ((t − 1)/t⁺)(x⁺ − x),      t⁺ = (1 + √(1 + 4t²))/2

L is doubled until f(x⁺) lies below its quadratic upper bound at z, and momentum is dropped (t = 1) whenever it points
uphill, (z − x⁺)ᵀ(x⁺ − x) > 0, which makes the method linear where f is strongly convex without knowing how strongly.
Where a constant of the gradient is known that holds everywhere, L begins there, and no trial with it is refused; it
still falls from step to step, for along the way the curvature is often much less (fixed, it took up to four times as
many iterations).
Only values and gradients are needed: for so many unknowns that no Hessian is formed. The end is the optimality distance
of the penalty, scaled as in the certificate.
Sources: Beck & Teboulle, SIAM J. Imaging Sci. 2 (2009); O'Donoghue & Candès, Found. Comput. Math. 15 (2015), § 3.2.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..oracle import Vector
from .penalties import Penalty
from .state import falls_for_ever

CONVERGED, STEPS, NOT_FINITE, NO_DESCENT, UNBOUNDED = 0, 1, 3, 4, 6
#: Iterations after which it is looked whether there is a minimum at all, then each time ten times as many.
FIRST = 100
#: Where the error is never half of the least before for so many iterations, and as many as had led there, it is
#: rounding; what is accepted then. A run ends after twice as many.
PATIENCE, NEAR = 500, 1e-10


def fista(
    value_gradient: Callable[[Vector], tuple[float, Vector]],
    penalty: Penalty,
    x: Vector,
    *,
    tol: float,
    most: int,
    watch: Callable[[int, Vector, float, float], bool] | None = None,
    lipschitz: float = np.inf,
) -> tuple[Vector, float, int, int, int]:
    """`(x, f + φ at the start, status, iterations, evaluations)`; the penalty has its parameters.

    `watch(iteration, x, F, error)` ends the run by returning true. `lipschitz` is a constant of the gradient that is
    known to hold everywhere.
    """
    x = penalty.prox(x, 1e-300)
    f, g = value_gradient(x)
    evaluations, first = 1, f + penalty.value(x)
    if not np.isfinite(first) or not np.isfinite(g).all():
        return x, first, NOT_FINITE, 0, evaluations
    curvature = lipschitz if np.isfinite(lipschitz) else max(float(np.abs(g).max()), 1e-8)
    z, fz, gz, t, looked = x, f, g, 1.0, FIRST
    least, since = np.inf, 0
    for k in range(most):
        for _ in range(60):
            x_new = penalty.prox(z - gz / curvature, 1.0 / curvature)
            step = x_new - z
            f_new, g_new = value_gradient(x_new)
            evaluations += 1
            bound = fz + float(gz @ step) + 0.5 * curvature * float(step @ step)
            if np.isfinite(f_new) and (f_new <= bound + 1e-14 * abs(fz) or curvature >= lipschitz):
                break
            curvature = min(2.0 * curvature, lipschitz) if np.isfinite(f_new) else 2.0 * curvature
        else:
            return x, first, NO_DESCENT, k, evaluations
        total = f_new + penalty.value(x_new)
        error = float((penalty.distance(g_new, x_new) * np.maximum(1.0, np.abs(x_new))).max())
        stop = watch is not None and watch(k + 1, x_new, total, error)
        if error < 0.5 * least:
            least, since = error, k
        idle = k > 2 * since + PATIENCE
        if error <= (max(tol, NEAR) if idle else tol) * max(1.0, abs(total)):
            return x_new, first, CONVERGED, k + 1, evaluations
        if stop or k > 2 * (2 * since + PATIENCE):
            return x_new, first, STEPS, k + 1, evaluations
        if k + 1 == looked:
            looked *= 10
            if falls_for_ever(lambda u: value_gradient(u)[0] + penalty.value(u), x_new):
                return x_new, first, UNBOUNDED, k + 1, evaluations
        uphill = float((z - x_new) @ (x_new - x)) > 0.0
        longer = 0.5 * (1.0 + np.sqrt(1.0 + 4.0 * t * t))
        if uphill:
            z, fz, gz, t = x_new, f_new, g_new, 1.0
        else:
            z = x_new + ((t - 1.0) / longer) * (x_new - x)
            t = longer
            fz, gz = value_gradient(z)
            evaluations += 1
        x, f, g = x_new, f_new, g_new
        curvature *= 0.9  # the bound may have been needed far away only
    return x, first, STEPS, most, evaluations
