"""Convex quadratics with ℓ₁ weights and bounds: coordinate descent that ends with an exact solve.

    minimise ½ xᵀGx − cᵀx + Σᵢ λᵢ|xᵢ|    subject to   lowᵢ ≤ xᵢ ≤ highᵢ         (G positive semidefinite)

Coordinate descent keeps q = c − Gx and minimises over one entry at a time,

    xᵢ ← clip(S(qᵢ + Gᵢᵢxᵢ, λᵢ) / Gᵢᵢ, lowᵢ, highᵢ),      S(t, λ) = sign(t) max(|t| − λ, 0),

and soon finds which entries are zero, which are at a bound and which are free. With signs s of the free entries F
the optimum then solves a linear system, G_FF x_F = c_F − G_FB x_B − λ_F s_F; its solution is taken as far as signs
and bounds allow. When nothing stops it and the other entries satisfy their conditions, it is the optimum to
rounding. Lasso, elastic net, nonnegative least squares and support vector machines in dual form are all of this
kind, and so are the steps of a proximal Newton method.
Sources: Friedman, Hastie & Tibshirani, J. Stat. Softw. 33 (2010), § 2, for covariance updates; Bertsekas, SIAM J.
Control Optim. 20 (1982), and Lawson & Hanson, Solving Least Squares Problems (1974), ch. 23, for solves on the
free set.
"""

from __future__ import annotations

import numpy as np

from ..apart import apart
from ..oracle import Array
from ..special import compiled

OPTIMAL, UNFINISHED, NO_MINIMUM = 0, 1, 2
EPS = 2.220446049250313e-16
#: The share of curvature by which singular systems are bent, what bends less taking more steps than one, and from how
#: many sweeps between solves on; never with weights, which soon leave no more entries free than there are directions.
BEND, LATE = 1e-10, 4


@apart
def cholesky_solve(a: Array, b: Array, n: int) -> bool:
    """Overwrite b with A⁻¹b; False where A is not definite.

    Only the lower triangle of the leading n×n part is used, and overwritten with the Cholesky factor, inverse pivots
    on its diagonal: quotients that wait for one another take three times as long as products. A pivot that has lost
    all digits to cancellation counts as zero.
    """
    for j in range(n):
        whole = a[j, j]
        s = whole
        for k in range(j):
            s -= a[j, k] * a[j, k]
        if not s > 16.0 * n * EPS * whole:
            return False
        share = 1.0 / np.sqrt(s)
        a[j, j] = share
        for i in range(j + 1, n):
            t = a[i, j]
            row, pivot = a[i], a[j]
            for k in range(j):
                t -= row[k] * pivot[k]
            a[i, j] = t * share
    for i in range(n):
        t = b[i]
        for k in range(i):
            t -= a[i, k] * b[k]
        b[i] = t * a[i, i]
    for i in range(n - 1, -1, -1):
        t = b[i] * a[i, i]
        b[i] = t
        for k in range(i):
            b[k] -= a[i, k] * t
    return True


@compiled
def sweep(
    g: Array, inverse: Array, unit: Array, l1: Array, low: Array, high: Array, x: Array, q: Array
) -> tuple[float, int]:
    """One pass over all entries: the largest change of a slope in its unit, and how many entries changed their state.

    `inverse` holds 1/Gᵢᵢ: each entry waits for the one before, and a quotient takes three times as long as a product.
    """
    n = x.size
    largest, changes = 0.0, 0
    for i in range(n):
        old, curve = x[i], g[i, i]
        slope, weight = q[i], l1[i]
        if curve > 0.0:
            t, share = slope + curve * old, inverse[i]
            # t − t is 0, but NaN where t is
            new = (t - weight) * share if t > weight else (t + weight) * share if t < -weight else t - t
        elif slope > weight:
            new = np.inf
        elif slope < -weight:
            new = -np.inf
        elif abs(slope) < weight:
            new = 0.0
        else:
            new = old
        if new < low[i]:
            new = low[i]
        if new > high[i]:
            new = high[i]
        if new != old:
            if not abs(new) < np.inf:
                return np.inf, changes
            step = new - old
            x[i] = new
            row = g[i]
            for k in range(n):
                q[k] -= step * row[k]
            moved = abs(step) * (curve if curve > 1e-300 else 1e-300) * unit[i]
            if moved > largest:
                largest = moved
            before = 1 * (old > 0.0) - (old < 0.0) + 4 * (old == low[i]) + 8 * (old == high[i])
            after = 1 * (new > 0.0) - (new < 0.0) + 4 * (new == low[i]) + 8 * (new == high[i])
            changes += before != after
    return largest, changes


@compiled
def violation(unit: Array, l1: Array, low: Array, high: Array, x: Array, q: Array) -> float:
    """The largest distance of q to the subdifferential of penalty and bounds, each in its unit."""
    worst = 0.0
    for i in range(x.size):
        # slopes to the right of 0 and to the left
        up, down = (q[i] - l1[i]) * unit[i], (q[i] + l1[i]) * unit[i]
        if x[i] > 0.0:
            down = up
        elif x[i] < 0.0:
            up = down
        if x[i] < high[i] and up > worst:
            worst = up
        if x[i] > low[i] and -down > worst:
            worst = -down
    return worst


@compiled
def residual(g: Array, c: Array, x: Array, q: Array) -> None:
    """q = c − Gx, only the nonzero entries of x."""
    n = x.size
    for k in range(n):
        q[k] = c[k]
    for i in range(n):
        if x[i] != 0.0:
            row, t = g[i], x[i]
            for k in range(n):
                q[k] -= t * row[k]


@apart
def exact(
    g: Array,
    l1: Array,
    low: Array,
    high: Array,
    x: Array,
    q: Array,
    free: Array,
    a: Array,
    b: Array,
    bend: float,
) -> int:
    """Newton's step on the free entries, as far as their signs and bounds allow. A singular system takes a step of the
    proximal point method (Rockafellar, SIAM J. Control Optim. 14, 1976), a share `bend` of its diagonal, if any, added.

    1: it was taken whole, 0: it was stopped, −1: the system is singular all the same.
    """
    n, count = x.size, 0
    for i in range(n):
        if low[i] < x[i] < high[i] and (x[i] != 0.0 or l1[i] == 0.0):
            free[count] = i
            count += 1
    if count == 0:
        return 1
    shift, found = 0.0, False
    while not found:
        for r in range(count):
            i = free[r]
            b[r] = q[i] - l1[i] * (1 * (x[i] > 0.0) - (x[i] < 0.0))
            for k in range(r + 1):
                a[r, k] = g[i, free[k]]
            a[r, r] *= 1.0 + shift
        found = cholesky_solve(a, b, count)
        if not found and shift == bend:
            return -1
        shift = bend
    longest, first = 1.0, -1
    for r in range(count):
        i = free[r]
        edge = np.inf
        if b[r] > 0.0:
            edge = 0.0 if x[i] < 0.0 and l1[i] > 0.0 else high[i]
        elif b[r] < 0.0:
            edge = 0.0 if x[i] > 0.0 and l1[i] > 0.0 else low[i]
        if abs(edge) < np.inf and abs(b[r]) * longest > abs(edge - x[i]):
            longest, first = abs(edge - x[i]) / abs(b[r]), r
    for r in range(count):
        i = free[r]
        new = x[i] + longest * b[r]
        if r == first:
            edge = high[i] if b[r] > 0.0 else low[i]
            if l1[i] > 0.0 and x[i] * b[r] < 0.0:
                edge = 0.0
            new = edge
        new = min(max(new, low[i]), high[i])
        b[r] = new - x[i]
        x[i] = new
    if first < 0:
        return 1  # q is computed anew
    for r in range(count):
        row, step = g[free[r]], b[r]
        for k in range(n):
            q[k] -= step * row[k]
    return 0


@apart
def box_quadratic(
    g: Array, c: Array, l1: Array, low: Array, high: Array, x: Array, tol: float, most: int
) -> tuple[int, int]:
    """(status, sweeps); `x` holds the start and then the minimiser. `tol` bounds the violation relative to |c|.

    Slopes are measured in units of √Gᵢᵢ, in which half their squares are what a step of one entry gains.
    """
    n = x.size
    work, free = np.empty((n + 4, n)), np.empty(n, np.int64)
    a, b, q, inverse, unit = work[:n], work[n], work[n + 1], work[n + 2], work[n + 3]
    size = 1e-300
    for i in range(n):
        inverse[i] = 1.0 / g[i, i]
        unit[i] = np.sqrt(inverse[i]) if g[i, i] > 0.0 else 0.0
        if x[i] < low[i]:
            x[i] = low[i]
        if x[i] > high[i]:
            x[i] = high[i]
        for edge in (abs(c[i]), l1[i]):
            if edge * unit[i] > size:
                size = edge * unit[i]
    residual(g, c, x, q)
    wait, patience, late = 0, 1, most if l1.max() > 0.0 else LATE
    for k in range(most):
        largest, changes = sweep(g, inverse, unit, l1, low, high, x, q)
        if not largest < np.inf:
            return NO_MINIMUM, k + 1
        wait += 1
        # Solves cost as much as many sweeps: only once the states have settled, and more rarely if in vain.
        if (changes == 0 or wait >= 8) and wait >= patience:
            wait = 0
            bend = BEND if changes == 0 and patience >= late else 0.0
            for _ in range(1 + n):
                taken = exact(g, l1, low, high, x, q, free, a, b, bend)
                if taken != 0:
                    break
            if taken == 1:
                residual(g, c, x, q)
                worst = violation(unit, l1, low, high, x, q)
                if worst <= 16.0 * n * EPS * size or worst <= tol * size:
                    return OPTIMAL, k + 1
            elif taken < 0:
                patience = min(2 * patience, 64)
        if largest <= 0.01 * tol * size:
            residual(g, c, x, q)
            if violation(unit, l1, low, high, x, q) <= tol * size:
                return OPTIMAL, k + 1
    return UNFINISHED, most
