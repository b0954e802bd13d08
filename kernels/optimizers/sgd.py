"""Stochastic gradient descent in mini-batches, with momentum.

    v₊ = βv − η_t ĝ,   x₊ = x + v₊,   ĝ the gradient estimated from one batch of rows

One step of the optimizer is one epoch: every row once, in an order that depends on seed and epoch alone.
The full value and gradient are computed after it, so that history and certificate are those of the problem, not of a
batch. With a rate that falls (`inverse`, `cosine`) the iterates converge; with a constant one they end in a
neighbourhood whose size is proportional to the rate.
Source: Robbins & Monro, A stochastic approximation method, Ann. Math. Stat. 22 (1951); Bottou, Curtis & Nocedal,
Optimization methods for large-scale machine learning, SIAM Review 60 (2018), theorems 4.6 and 4.7.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from .schedules import rate_at
from .state import FINISHED, NOT_FINITE, RUNNING, ValueGradient, Vector, all_finite

#: (x, epoch, batch) -> an unbiased estimate of the gradient
BatchGradient = Callable[[Vector, int, int], Vector]


class Run(NamedTuple):
    """What stays the same during a run of mini-batches."""

    batches: int
    epochs: int
    rate: float
    schedule: int
    warmup: float


def rate_of(run: Run, epoch: int, batch: int) -> float:
    """The learning rate of a batch."""
    t = epoch * run.batches + batch
    return rate_at(run.schedule, run.rate, run.warmup, t, run.epochs * run.batches)


def epoch_ended(
    run: Run, epoch: int, before: Vector, x: Vector, value_gradient: ValueGradient
) -> tuple[float, Vector, int, float]:
    """Value, gradient, status and the length of the way behind the batches of an epoch."""
    f, g = value_gradient(x)
    move = x - before
    status = FINISHED if epoch + 1 >= run.epochs else RUNNING
    if not all_finite(f, g):
        status = NOT_FINITE
    return f, g, status, np.sqrt(np.dot(move, move))


class SgdState(NamedTuple):
    """The common fields, then velocity v, friction β, epoch and the run."""

    x: Vector
    f: float
    g: Vector
    status: int
    evaluations: int
    length: float
    v: Vector
    beta: float
    epoch: int
    run: Run


def start(x: Vector, f: float, g: Vector, run: Run, beta: float) -> SgdState:
    """The state at the first point."""
    status = RUNNING if all_finite(f, g) else NOT_FINITE
    return SgdState(x, f, g, status, 1, 0.0, np.zeros(x.size), beta, 0, run)


def step(state: SgdState, value_gradient: ValueGradient, batch_gradient: BatchGradient) -> SgdState:
    """One epoch."""
    run, epoch = state.run, state.epoch
    x, v = state.x.copy(), state.v
    for k in range(run.batches):
        eta = rate_of(run, epoch, k)
        v = state.beta * v - eta * batch_gradient(x, epoch, k)
        x = x + v
    f, g, status, length = epoch_ended(run, epoch, state.x, x, value_gradient)
    return SgdState(x, f, g, status, state.evaluations + 2, length, v, state.beta, epoch + 1, run)
