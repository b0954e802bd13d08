"""A constant Hessian: one solve, in compiled code from the data to the minimiser.

    minimise ½ xᵀHx + gᵀx + Σᵢ λᵢ|xᵢ|    subject to   low ≤ x ≤ high

`moments()` gives H and g, the gradient at 0, in one pass over the data. With neither weights nor bounds the answer is
that of Cholesky's factorisation, refined once with the residual; else `box.box_quadratic` finds it. A path solves for
many values of a number on which H, g and λ depend affinely, each from the one before.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..apart import apart
from ..oracle import Array
from ..special import compiled
from .box import NO_MINIMUM, OPTIMAL, UNFINISHED, box_quadratic, cholesky_solve


def solve_quadratic(
    moments: Callable[[], tuple[Array, Array]],
    limits: Array,
    x: Array,
    tol: float,
    most: int,
) -> int:
    """The status; `x` holds the start and then the minimiser, `limits` has the rows λ, low and high.

    On small data every array that comes from Python costs as much as a sweep.
    """
    g, h = moments()
    found: int = minimum(h, g, limits[0], limits[1], limits[2], x, tol, most)
    return found


@apart
def minimum(h: Array, g: Array, l1: Array, low: Array, high: Array, x: Array, tol: float, most: int) -> int:
    """The status; `x` holds the start and then the minimiser."""
    n = x.size
    p, free = np.empty(n), True
    for i in range(n):
        p[i] = -g[i]
        free = free and l1[i] == 0.0 and low[i] == -np.inf and high[i] == np.inf
    if not free:
        status, _ = box_quadratic(h, p, l1, low, high, x, tol, most)
        return int(status)
    a, r = np.empty((n, n)), np.empty(n)
    for i in range(n):
        for k in range(i + 1):
            a[i, k] = h[i, k]
    if not cholesky_solve(a, p, n):
        return NO_MINIMUM
    for i in range(n):
        x[i] = p[i]
        r[i] = -g[i]
        for k in range(n):
            r[i] -= h[i, k] * p[k]
        for k in range(i + 1):
            a[i, k] = h[i, k]
    total = 0.0
    again = cholesky_solve(a, r, n)
    for i in range(n):
        if again:
            x[i] += r[i]
        total += x[i]
    return OPTIMAL if abs(total) < np.inf else UNFINISHED


@compiled
def path(
    values: Array,
    h: tuple[Array, Array],
    g: tuple[Array, Array],
    l1: tuple[Array, Array],
    low: Array,
    high: Array,
    x: Array,
    tol: float,
    most: int,
) -> tuple[Array, int]:
    """The minimisers for all values t, with H = h[0] + t h[1] and so on; the worst status."""
    n, worst = x.size, OPTIMAL
    table = np.empty((values.size, n))
    x = x.copy()
    for k in range(values.size):
        t = values[k]
        status = minimum(h[0] + t * h[1], g[0] + t * g[1], l1[0] + t * l1[1], low, high, x, tol, most)
        worst = max(worst, status)
        table[k] = x
    return table, worst
