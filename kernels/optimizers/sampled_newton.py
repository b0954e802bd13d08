"""Quasi-Newton in the metric of a Hessian from a sample of the rows, started at the optimum of the sample.

An objective that is a sum over many rows has a Hessian that a few thousand of them know well enough: the eigenvalues
of H_sample⁻¹H lie within (1 ± √(N/m))² for N unknowns and m rows, whatever the condition of H. So a step costs one
read of the data, and their number depends on the sample and not on the condition. Likewise the sample's own optimum,
which costs a few reads of the sample, is above the optimum by a share of about N/m of the objective: further steps on
the sample are in vain, and none are made where the start is as good already. Samples grow; the last one's Hessian
serves for all rows, refreshed while the steps are long; pairs (s, y) correct it as in L-BFGS. All rows may be there
twice, first as a copy in single precision, which takes half as long to read: the last step alone is taken on the data.
Everything but that may be computed in single precision too, as long as what Cholesky's method leaves of the diagonal
is far above its rounding errors.

A step that is shorter than its predecessor by the factor c (in gᵀH⁻¹g) leaves about the share c of what it gains: the
step after which less than the tolerance is left is taken, but no longer evaluated.
Sources: Byrd, Chin, Neveitt & Nocedal, SIAM J. Optim. 21 (2011), for Hessians of samples; Nocedal & Wright, Numerical
Optimization (2nd ed.), algorithm 7.4, with H₀ that of the sample.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from ..apart import apart, inner
from ..oracle import Array
from .normal_matrix import factor, substitute
from .program_vectors import product

CONVERGED, STEPS, NO_MODEL, NOT_FINITE, NO_DESCENT = 0, 1, 2, 3, 4
MEMORY = 12
#: The rows of `work`; the moves and then the changes of the pairs are behind them.
TRIAL, HERE, SLOPE, STEP, PAIRS = range(5)
#: The Hessian is computed again as long as steps promise more than this share of the objective.
REFRESH = 0.3
#: It is computed again as well where decrements shrink by no more than this factor and much is left to gain.
STALE, MUCH = 0.2, 100.0
#: The first step on the data may promise so many times what the last one on their copy should have left.
AGREES = 4.0
#: A descent that wants more Hessians than so many has no use for those of samples.
RENEWALS = 8
#: In units of N/m of the objective: steps on a sample that promise less than the first are not begun, than the second
#: the last.
WORTH, ENOUGH = 3.0, 1.5
#: What is not taken for true of all but the data: differences of values, as a share of them; pivots, as a share of the
#: diagonal; gains of steps, as a share of the value.
EXACT, SINGLE = (1e-15, 0.0, 0.0), (1e-8, 1e-3, 1e-12)


def sampled_newton(
    estimate: Callable[[Array, int], tuple[float, Array]],
    model: Callable[[Array, int], tuple[float, Array, Array]],
    rows: Array,
    blurred: Array,
    x: Array,
    tol: float,
    most: int,
) -> tuple[float, float, int, int, int]:
    """`(f, f at the start, status, steps, evaluations)`; `x` holds the start and then the best point.

    rows      how many rows there are in each set of data: samples, from small to large, and then all, perhaps twice
    blurred   `EXACT`, or `SINGLE` where all sets but the last are read in single precision
    estimate  value and gradient from set k
    model     these with the Hessian, from a sample
    """
    n, last, samples = x.size, rows.size - 1, 0
    while rows[samples] < rows[last]:
        samples += 1
    work, lower = np.empty((PAIRS + 2 * MEMORY, n)), np.empty((n, n))
    trial, here, p = work[TRIAL], work[HERE], work[STEP]
    known, count, rate, before = False, 0, 1.0, 0.0
    least = n / rows[samples - 1]  # a step that shrank by more was lucky
    f, first, status, step, evaluations = 0.0, 0.0, STEPS, 0, 0
    for k in range(last + 1):
        if k < samples:
            share = n / rows[k]
            enough, worth, limit, known = ENOUGH * share, WORTH * share, 20, False
        else:
            enough, worth, limit = 2.0 * tol if k == last else max(2.0 * tol, blurred[2]), 0.0, most
        noise = EXACT[0] if k == last else blurred[0]
        if k <= samples or status != CONVERGED:
            rate, before = min(1.0, 4.0 * least), 0.0
        for i in range(n):
            trial[i] = x[i]
        begun, long = False, not known
        start, decrement, scale, t = 0.0, 0.0, 1.0, 1.0
        end, status, halvings, renewals = TRIAL, STEPS, 0, 0
        if k <= samples:
            step, evaluations = 0, 0
        while True:
            h = lower
            if long and k < samples:
                f_new, g, h = model(trial, k)
            else:
                f_new, g = estimate(trial, k)
                if long:
                    h = model(trial, samples - 1)[2]
            evaluations += 1
            if begun and not f_new <= f - 1e-4 * t * decrement + noise * abs(f):
                halvings += 1
                if halvings == 30:
                    end, status = HERE, NO_DESCENT
                    break
                t *= 0.5
                for i in range(n):
                    trial[i] = here[i] + t * p[i]
                continue
            f, halvings, t = f_new, 0, 1.0
            if not begun:
                start = f
            if step == limit:
                break
            if long:
                renewals += 1
                if renewals > RENEWALS:
                    break
                if not math.isfinite(f):
                    status = NOT_FINITE
                    break
                lower, known, count, rate = h, True, 0, 1.0
                if not definite(lower, blurred[1]):
                    status, known = NO_MODEL, False
                    break
            count, decrement = advance(lower, work, count, g, begun and not long)
            if not math.isfinite(f + decrement):
                end, status = HERE, NOT_FINITE
                break
            if not decrement > 0.0:
                end, status = HERE, CONVERGED if decrement == 0.0 else NO_DESCENT
                break
            scale = max(abs(f), min(1.0, max(start - f, 0.0)))
            if not begun and decrement <= worth * scale:
                end, status = HERE, CONVERGED
                break
            if before > 0.0 and not long:
                # Where the data promise much more than their copy left, its optimum is another one.
                agrees = begun or decrement <= AGREES * rate * before
                rate = min(1.0, max(least, decrement / before)) if agrees else 1.0
            step += 1
            # one more step follows on the data themselves
            if decrement * rate * (rate if samples <= k < last else 1.0) <= enough * scale:
                f, before, status = f - decrement / 2.0, decrement, CONVERGED
                break
            # Third derivatives matter while a step promises more than a small share of the objective; on a sample that
            # is not the last, where a step has shown it.
            stale = not long and rate > STALE and decrement * rate > MUCH * enough * scale
            bent = k >= samples - 1 or (begun and rate > STALE)
            long = stale or (decrement > REFRESH * scale and bent)
            before, begun = decrement, True
        if k == 0:
            first = start
        if k == last or status == CONVERGED:
            for i in range(n):
                x[i] = work[end, i]
        else:
            known = False
    return f, first, status, step, evaluations


@apart
def definite(matrix: Array, least: float) -> bool:
    """The lower triangle becomes its Cholesky factor; False where the matrix is not finite or not definite.

    least  the share of each entry of the diagonal that has to be left when it is the pivot
    """
    n, total = matrix.shape[0], 0.0
    diagonal = np.empty(n)
    for i in range(n):
        diagonal[i] = matrix[i, i]
        for k in range(n):
            total += matrix[i, k]
    if not (abs(total) < np.inf and factor(matrix)):
        return False
    worst = 1.0
    for i in range(n):
        worst = min(worst, matrix[i, i] * matrix[i, i] / diagonal[i])
    return worst >= least


@apart
def advance(lower: Array, work: Array, count: int, g: Array, pair: bool) -> tuple[int, float]:
    """From the trial point, where the slope is g, to the next: how many pairs there are, and gᵀH⁻¹g.

    pair  whether the move to the point and the change of the slope on the way are a pair
    """
    n = g.size
    trial, here, slope, p = work[TRIAL], work[HERE], work[SLOPE], work[STEP]
    moves, changes = work[PAIRS : PAIRS + MEMORY], work[PAIRS + MEMORY :]
    if pair:
        count = remember(moves, changes, count, trial, here, g, slope)
    for i in range(n):
        here[i] = trial[i]
        slope[i] = g[i]
        p[i] = -g[i]
    weights, curved = np.empty(MEMORY), np.empty(MEMORY)
    for k in range(count - 1, -1, -1):
        curved[k] = product(moves[k], changes[k])
        weights[k] = product(moves[k], p) / curved[k]
        for i in range(n):
            p[i] -= weights[k] * changes[k, i]
    substitute(lower, p)
    for k in range(count):
        weight = weights[k] - product(changes[k], p) / curved[k]
        for i in range(n):
            p[i] += weight * moves[k, i]
    for i in range(n):
        trial[i] += p[i]
    return count, -product(g, p)


@inner
def remember(
    moves: Array, changes: Array, count: int, point: Array, before: Array, g: Array, slope: Array
) -> int:
    """The pair put behind the others, of which the oldest goes where there is no room: how many there are."""
    n, along = g.size, 0.0
    for i in range(n):
        along += (point[i] - before[i]) * (g[i] - slope[i])
    if not along > 0.0:
        return count
    if count == MEMORY:
        count -= 1
        for k in range(count):
            for i in range(n):
                moves[k, i] = moves[k + 1, i]
                changes[k, i] = changes[k + 1, i]
    for i in range(n):
        moves[count, i] = point[i] - before[i]
        changes[count, i] = g[i] - slope[i]
    return count + 1
