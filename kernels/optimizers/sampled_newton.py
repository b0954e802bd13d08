"""Quasi-Newton in the metric of a Hessian from a sample of the rows, started at the optimum of the sample.

An objective that is a sum over many rows has a Hessian that a few thousand of them know well enough: the eigenvalues
of H_sample⁻¹H lie within (1 ± √(N/m))² for N unknowns and m rows, whatever the condition of H. So a step costs one
read of the data, and their number depends on the sample and not on the condition. Likewise the sample's own optimum,
which costs a few reads of the sample, is above the optimum by a share of about N/m of the objective: further steps on
the sample are in vain, and none are made where the start is as good already. Samples grow; the last one's Hessian
serves for all rows, refreshed while the steps are long; pairs (s, y) correct it as in L-BFGS.

A step that is shorter than its predecessor by the factor c (in gᵀH⁻¹g) leaves about the share c of what it gains: the
step after which less than the tolerance is left is taken, but no longer evaluated.
Sources: Byrd, Chin, Neveitt & Nocedal, SIAM J. Optim. 21 (2011), for Hessians of samples; Nocedal & Wright, Numerical
Optimization (2nd ed.), algorithm 7.4, with H₀ that of the sample.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from ..oracle import Array, Matrix, Vector
from ..special import compiled
from .normal_matrix import factor, substitute

CONVERGED, STEPS, NO_MODEL, NOT_FINITE, NO_DESCENT = 0, 1, 2, 3, 4
MEMORY = 12
#: The Hessian is computed again as long as steps promise more than this share of the objective.
REFRESH = 0.3
#: It is computed again as well where decrements shrink by no more than this factor and much is left to gain.
STALE, MUCH = 0.2, 100.0
#: In units of N/m of the objective: steps on a sample that promise less than the first are not begun, than the second
#: the last.
WORTH, ENOUGH = 3.0, 0.5


class Sample(NamedTuple):
    """Estimates from some of the rows: `value_gradient(x)`, `hessian(x)`, and the numbers of rows behind the two."""

    value_gradient: Callable[[Vector], tuple[float, Vector]]
    hessian: Callable[[Vector], Matrix]
    rows: int
    curved: int


def sampled_newton(
    value_gradient: Callable[[Vector], tuple[float, Vector]],
    samples: Sequence[Sample],
    x: Vector,
    tol: float,
    most: int,
) -> tuple[Vector, float, float, int, int, int]:
    """`(x, f, f at the start, status, steps, evaluations)`; samples from small to large."""
    metric = Metric(x.size)
    first: float | None = None
    for sample in samples:
        metric.lower = None
        share = x.size / sample.rows
        found = _descent(sample.value_gradient, sample.hessian, metric, x, ENOUGH * share, WORTH * share, 20)
        first = found[2] if first is None else first
        if found[3] == CONVERGED:
            x = found[0]
        else:
            metric.lower = None
    metric.rate = min(1.0, 4.0 * x.size / samples[-1].curved)
    found = _descent(value_gradient, samples[-1].hessian, metric, x, 2.0 * tol, 0.0, most)
    return found if first is None else (*found[:2], first, *found[3:])


class Metric:
    """The factor of a Hessian, the pairs that correct it, and by how much decrements shrink from step to step."""

    def __init__(self, size: int) -> None:
        self.lower: Matrix | None = None
        self.moves, self.changes, self.count = np.empty((MEMORY, size)), np.empty((MEMORY, size)), 0
        self.rate = 1.0

    def renew(self, hessian: Matrix) -> bool:
        """Whether the matrix is positive definite."""
        self.lower, self.count, self.rate = hessian, 0, 1.0
        return bool(np.isfinite(hessian).all()) and bool(factor(hessian))


def _descent(
    value_gradient: Callable[[Vector], tuple[float, Vector]],
    hessian: Callable[[Vector], Matrix],
    metric: Metric,
    x: Vector,
    enough: float,
    worth: float,
    most: int,
) -> tuple[Vector, float, float, int, int, int]:
    """`(x, f, f at the start, status, steps, evaluations)`.

    Ends where a step leaves less than `enough` of the objective, without any step where it promises less than `worth`.
    """
    f, g = value_gradient(x)
    first, evaluations, before = f, 1, 0.0
    long = metric.lower is None
    for step in range(most):
        if not (np.isfinite(f) and np.isfinite(g).all()):
            return x, f, first, NOT_FINITE, step, evaluations
        if long and not metric.renew(hessian(x)):
            return x, f, first, NO_MODEL, step, evaluations
        p, decrement = direction(metric.lower, metric.moves, metric.changes, metric.count, g)
        if not decrement > 0.0:
            return x, f, first, CONVERGED if decrement == 0.0 else NO_DESCENT, step, evaluations
        scale = max(abs(f), min(1.0, max(first - f, 0.0)))
        if step == 0 and decrement <= worth * scale:
            return x, f, first, CONVERGED, step, evaluations
        if before > 0.0 and not long:
            metric.rate = min(1.0, decrement / before)
        if decrement * metric.rate <= enough * scale:
            return x + p, f - decrement / 2, first, CONVERGED, step + 1, evaluations
        t = 1.0
        for _ in range(30):
            x_new = x + t * p
            f_new, g_new = value_gradient(x_new)
            evaluations += 1
            if f_new <= f - 1e-4 * t * decrement + 1e-15 * abs(f):
                break
            t *= 0.5
        else:
            return x, f, first, NO_DESCENT, step, evaluations
        metric.count = remember(metric.moves, metric.changes, metric.count, x_new - x, g_new - g)
        # Third derivatives matter while a step promises more than a small share of the objective.
        stale = not long and metric.rate > STALE and decrement * metric.rate > MUCH * enough * scale
        long, before = stale or decrement > REFRESH * scale, decrement
        x, f, g = x_new, f_new, g_new
    return x, f, first, STEPS, most, evaluations


@compiled
def remember(moves: Array, changes: Array, count: int, move: Array, change: Array) -> int:
    """The pair put behind the others, of which the oldest goes where there is no room: how many there are."""
    if not np.dot(move, change) > 0.0:
        return count
    if count == moves.shape[0]:
        for k in range(1, count):
            moves[k - 1] = moves[k]
            changes[k - 1] = changes[k]
        count -= 1
    moves[count] = move
    changes[count] = change
    return count + 1


@compiled
def direction(lower: Array, moves: Array, changes: Array, count: int, g: Array) -> tuple[Array, float]:
    """`(−H⁻¹g, gᵀH⁻¹g)`, H the matrix of this factor corrected by the pairs."""
    p = -g
    weights = np.empty(count)
    for i in range(count):
        k = count - 1 - i
        weights[k] = np.dot(moves[k], p) / np.dot(moves[k], changes[k])
        p -= weights[k] * changes[k]
    substitute(lower, p)
    for k in range(count):
        p += (weights[k] - np.dot(changes[k], p) / np.dot(moves[k], changes[k])) * moves[k]
    return p, -np.dot(g, p)
