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

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..oracle import Array, Matrix, Vector
from ..special import compiled
from .normal_matrix import factor, substitute

CONVERGED, STEPS, NO_MODEL, NOT_FINITE, NO_DESCENT = 0, 1, 2, 3, 4
MEMORY = 12
#: The rows of `Metric.work`; the moves and then the changes of the pairs are behind them.
TRIAL, HERE, SLOPE, STEP, PAIRS = range(5)
#: The Hessian is computed again as long as steps promise more than this share of the objective.
REFRESH = 0.3
#: It is computed again as well where decrements shrink by no more than this factor and much is left to gain.
STALE, MUCH = 0.2, 100.0
#: A descent that wants more Hessians than so many has no use for those of samples.
RENEWALS = 8
#: In units of N/m of the objective: steps on a sample that promise less than the first are not begun, than the second
#: the last.
WORTH, ENOUGH = 3.0, 0.5


#: Value and gradient at a point, and these with a Hessian or an estimate of it.
First = Callable[[Vector], tuple[float, Vector]]
Second = Callable[[Vector], tuple[float, Vector, Matrix]]


class Sample(NamedTuple):
    """Estimates from some of the rows: value and gradient, the two with the Hessian in one read, and how many rows."""

    value_gradient: First
    model: Second
    rows: int


def sampled_newton(
    value_gradient: First,
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
        found = _descent(sample.value_gradient, sample.model, metric, x, ENOUGH * share, WORTH * share, 20)
        first = found[2] if first is None else first
        if found[3] == CONVERGED:
            x = found[0]
        else:
            metric.lower = None
    metric.least = x.size / samples[-1].rows  # a step that shrank by more was lucky
    metric.rate = min(1.0, 4.0 * metric.least)

    def model(x: Vector) -> tuple[float, Vector, Matrix]:
        return *value_gradient(x), samples[-1].model(x)[2]

    found = _descent(value_gradient, model, metric, x, 2.0 * tol, 0.0, most)
    return found if first is None else (*found[:2], first, *found[3:])


class Metric:
    """The factor of a Hessian, the pairs that correct it, and how decrements shrink, at least and from step to step.

    The rows of `work` are points and slopes (`TRIAL`, `HERE`, `SLOPE`, `STEP`), then the pairs.
    """

    def __init__(self, size: int) -> None:
        self.lower: Matrix | None = None
        self.work, self.count = np.zeros((PAIRS + 2 * MEMORY, size)), 0
        self.rate, self.least = 1.0, 0.0

    def renew(self, hessian: Matrix) -> bool:
        """Whether the matrix is positive definite."""
        self.lower, self.count, self.rate = hessian, 0, 1.0
        return bool(definite(hessian))


def _descent(
    value_gradient: First,
    model: Second,
    metric: Metric,
    x: Vector,
    enough: float,
    worth: float,
    most: int,
) -> tuple[Vector, float, float, int, int, int]:
    """`(x, f, f at the start, status, steps, evaluations)`.

    Ends where a step leaves less than `enough` of the objective, without any step where it promises less than `worth`.
    Behind a read of all data the caches hold nothing of Python's, so between two reads there is one call.
    """
    work = metric.work
    trial, here, p = work[TRIAL], work[HERE], work[STEP]
    trial[:] = x
    long, pair, renewals = metric.lower is None, False, 0
    evaluate: Any = model if long else value_gradient
    f, g, *hessian = evaluate(trial)
    first, evaluations, before = f, 1, 0.0
    for step in range(most):
        if long:
            renewals += 1
            if renewals > RENEWALS:
                return trial.copy(), f, first, STEPS, step, evaluations
            if not math.isfinite(f):
                return trial.copy(), f, first, NOT_FINITE, step, evaluations
            if not metric.renew(*hessian):
                return trial.copy(), f, first, NO_MODEL, step, evaluations
        metric.count, decrement = advance(metric.lower, work, metric.count, g, pair and not long)
        if not (math.isfinite(f) and math.isfinite(decrement)):
            return here.copy(), f, first, NOT_FINITE, step, evaluations
        if not decrement > 0.0:
            return here.copy(), f, first, CONVERGED if decrement == 0.0 else NO_DESCENT, step, evaluations
        scale = max(abs(f), min(1.0, max(first - f, 0.0)))
        if step == 0 and decrement <= worth * scale:
            return here.copy(), f, first, CONVERGED, step, evaluations
        if before > 0.0 and not long:
            metric.rate = min(1.0, max(metric.least, decrement / before))
        if decrement * metric.rate <= enough * scale:
            return trial.copy(), f - decrement / 2, first, CONVERGED, step + 1, evaluations
        # Third derivatives matter while a step promises more than a small share of the objective.
        stale = not long and metric.rate > STALE and decrement * metric.rate > MUCH * enough * scale
        long, before, t = stale or decrement > REFRESH * scale, decrement, 1.0
        evaluate = model if long else value_gradient
        for _ in range(30):
            f_new, g, *hessian = evaluate(trial)
            evaluations += 1
            if f_new <= f - 1e-4 * t * decrement + 1e-15 * abs(f):
                break
            t *= 0.5
            trial[:] = here + t * p
        else:
            return here.copy(), f, first, NO_DESCENT, step, evaluations
        pair, f = True, f_new
    return trial.copy(), f, first, STEPS, most, evaluations


@compiled
def definite(matrix: Array) -> bool:
    """The lower triangle becomes its Cholesky factor; False where the matrix is not finite or not definite."""
    total = 0.0
    for row in matrix:
        for entry in row:
            total += entry
    return abs(total) < np.inf and factor(matrix)


@compiled
def advance(lower: Array, work: Array, count: int, g: Array, pair: bool) -> tuple[int, float]:
    """From the trial point, where the slope is g, to the next: how many pairs there are, and gᵀH⁻¹g.

    pair  whether the move to the point and the change of the slope on the way are a pair
    """
    trial, here, slope, p = work[TRIAL], work[HERE], work[SLOPE], work[STEP]
    moves, changes = work[PAIRS : PAIRS + MEMORY], work[PAIRS + MEMORY :]
    if pair:
        count = remember(moves, changes, count, trial - here, g - slope)
    here[:] = trial
    slope[:] = g
    p[:] = -g
    weights = np.empty(MEMORY)
    for i in range(count):
        k = count - 1 - i
        weights[k] = np.dot(moves[k], p) / np.dot(moves[k], changes[k])
        p -= weights[k] * changes[k]
    substitute(lower, p)
    for k in range(count):
        p += (weights[k] - np.dot(changes[k], p) / np.dot(moves[k], changes[k])) * moves[k]
    trial += p
    return count, -np.dot(g, p)


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
