"""Convex quadratics with norms of groups: block coordinate descent, compiled.

    minimise ½ xᵀGx − cᵀx + Σ λᵢ|xᵢ| + Σ_g ω_g ‖x_g‖₂            (G positive semidefinite)

It keeps q = c − Gx and makes one proximal step per block, with L_g at least the largest eigenvalue of G_gg,

    u = S(x_g + q_g/L_g, λ_g/L_g),      x_g ← max(1 − ω_g/(L_g‖u‖), 0) u,

S the soft threshold. Entries of no group are blocks of one. It finds which groups are zero; the last digits are left to
Newton's method on the others (`active_groups.newton`).
Sources: Tseng & Yun, Math. Program. 117 (2009), for the descent; Simon, Friedman, Hastie & Tibshirani, J. Comput.
Graph. Stat. 22 (2013), for λ and ω together.
"""

from __future__ import annotations

import numpy as np

from ..oracle import Array
from ..special import compiled


def blocks(group: Array, weights: Array) -> tuple[Array, Array, Array]:
    """Entries by block, where each block starts, and the weight of each; `group` is −1 for entries of no group."""
    alone = np.flatnonzero(group < 0)
    number = group.copy()
    number[alone] = weights.size + np.arange(alone.size)
    members = np.argsort(number, kind="stable")
    ordered = number[members]
    first = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1]))
    return members, np.append(first, members.size), np.append(weights, np.zeros(alone.size))[ordered[first]]


@compiled
def descend(
    g: Array,
    c: Array,
    l1: Array,
    members: Array,
    starts: Array,
    weights: Array,
    x: Array,
    tol: float,
    most: int,
) -> int:
    """Sweeps until one of them gains less than `tol`: how many; x holds the start and then the point."""
    n, count = x.size, starts.size - 1
    q, step, bounds = np.empty(n), np.empty(n), np.empty(count)
    for i in range(n):
        q[i] = c[i]
        for k in range(n):
            q[i] -= g[i, k] * x[k]
    for b in range(count):
        largest = 0.0
        for i in members[starts[b] : starts[b + 1]]:
            total = 0.0
            for k in members[starts[b] : starts[b + 1]]:
                total += abs(g[i, k])
            largest = max(largest, total)
        bounds[b] = largest
    for sweep in range(most):
        gained = 0.0
        for b in range(count):
            curve = bounds[b]
            if not curve > 0.0:
                continue
            mine = members[starts[b] : starts[b + 1]]
            size = 0.0
            for i in mine:
                v, t = x[i] + q[i] / curve, l1[i] / curve
                u = v - t if v > t else v + t if v < -t else 0.0
                step[i] = u
                size += u * u
            share = 1.0
            if weights[b] > 0.0:
                size = np.sqrt(size)
                share = max(1.0 - weights[b] / (curve * size), 0.0) if size > 0.0 else 0.0
            for i in mine:
                new = share * step[i]
                moved = new - x[i]
                if moved != 0.0:
                    x[i] = new
                    gained += curve * moved * moved
                    row = g[i]
                    for k in range(n):
                        q[k] -= moved * row[k]
        if not gained > tol:
            return sweep + 1
    return most
