"""Limited-memory BFGS in one plain loop, made to be compiled whole.

The method of `lbfgs`, whose steps are for runs under Python: d = −H∇f with H from the last pairs s = x₊ − x,
y = ∇f₊ − ∇f, started from γ = sᵀy/yᵀy. A length is accepted where f falls by a share of the slope and the slope has
risen to a share of what it was; near the optimum, where values are equal to rounding, slopes alone decide. Brackets are
halved, or cut where the parabola through f, its slope and the new f has its least. For objectives that are not proved
to be convex: Newton's method on a Hessian would stop where it is not definite.
Sources: Nocedal & Wright, Numerical Optimization (2nd ed.), algorithms 7.4 and 7.5; Hager & Zhang, SIAM J. Optim. 16
(2005), eq. 1.5 and 2.3, for lengths near the optimum.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..oracle import Array

CONVERGED, STEPS, NOT_FINITE, NO_DESCENT = 0, 1, 3, 4
#: Where no length is accepted, the point is the answer if its slope promises less than this share of the objective.
ROUNDING = 1e-11


def descent(
    value_gradient: Callable[[Array], tuple[float, Array]],
    l1: Array,
    low: Array,
    high: Array,
    x: Array,
    tol: float,
    most: int,
) -> tuple[float, int, int, int]:
    """`(f at the start, status, steps, evaluations)`; `x` holds the start and then the answer.

    In the form of loops with weights and bounds, which are none here. Ends where two directions running promise less
    than a hundredth of the share `tol` of the objective.
    """
    n, memory = x.size, 10
    s, y = np.zeros((memory, n)), np.zeros((memory, n))
    rho, weights = np.zeros(memory), np.zeros(memory)
    d, g, x_new = np.empty(n), np.empty(n), np.empty(n)
    f, slope = value_gradient(x)
    for i in range(n):
        g[i] = slope[i]
    first, evaluations, used, last, small, gamma = f, 1, 0, 0, 0, 1.0
    for step in range(most):
        seen = f
        for i in range(n):
            seen += g[i]
            d[i] = -g[i]
        if not abs(seen) < np.inf:
            return first, NOT_FINITE, step, evaluations
        for k in range(used):
            j = (last - k) % memory
            w = 0.0
            for i in range(n):
                w += s[j, i] * d[i]
            w *= rho[j]
            weights[j] = w
            for i in range(n):
                d[i] -= w * y[j, i]
        for i in range(n):
            d[i] *= gamma
        for k in range(used):
            j = (last - used + 1 + k) % memory
            w = 0.0
            for i in range(n):
                w += y[j, i] * d[i]
            w = weights[j] - rho[j] * w
            for i in range(n):
                d[i] += w * s[j, i]
        along, steep = 0.0, 0.0
        for i in range(n):
            along += g[i] * d[i]
            steep = max(steep, abs(g[i]))
        scale = max(abs(f), min(1.0, max(first - f, 0.0)))
        if steep == 0.0:
            return first, CONVERGED, step, evaluations
        if used > 0 and along <= 0.0 and -50.0 * along <= tol * scale:
            small += 1
        else:
            small = 0
        if small == 2:
            return first, CONVERGED, step, evaluations
        if not along < 0.0:  # the pairs are of no use
            used, gamma, along = 0, 1.0, 0.0
            for i in range(n):
                d[i] = -g[i]
                along -= g[i] * g[i]
        t = 1.0 if used > 0 else min(1.0, 1.0 / steep)
        least, most_t, accepted, f_new = 0.0, np.inf, False, f
        for _ in range(40):
            for i in range(n):
                x_new[i] = x[i] + t * d[i]
            f_new, slope = value_gradient(x_new)
            evaluations += 1
            ahead = 0.0
            for i in range(n):
                ahead += slope[i] * d[i]
            close = f_new <= f + 1e-14 * abs(f) and ahead <= -0.8 * along
            if not abs(f_new + ahead) < np.inf or not (f_new <= f + 1e-4 * t * along or close):
                most_t = t
                bend = f_new - f - t * along
                cut = -0.5 * along * t * t / bend if bend > 0.0 and bend < np.inf else 0.0
                t = min(max(cut, least + 0.1 * (most_t - least)), least + 0.5 * (most_t - least))
            elif ahead < 0.9 * along:
                least = t
                t = 0.5 * (least + most_t) if most_t < np.inf else 2.0 * t
            else:
                accepted = True
                break
        if not accepted:
            if used > 0:
                used, gamma = 0, 1.0
                continue
            return first, CONVERGED if -along <= ROUNDING * scale else NO_DESCENT, step, evaluations
        j = (last + 1) % memory
        bend, square = 0.0, 0.0
        for i in range(n):
            s[j, i] = x_new[i] - x[i]
            y[j, i] = slope[i] - g[i]
            bend += s[j, i] * y[j, i]
            square += y[j, i] * y[j, i]
            x[i] = x_new[i]
            g[i] = slope[i]
        f = f_new
        if bend > 1e-14 * square:
            last, used = j, min(used + 1, memory)
            rho[j] = 1.0 / bend
            gamma = bend / square
    return first, STEPS, most, evaluations
