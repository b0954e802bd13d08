"""RMSprop: mini-batch steps divided by a running root mean square of the gradient's entries.

    m₊ = ρm + (1 − ρ)ĝ²,   x₊ = x − η_t ĝ / (√m₊ + ε)

One step of the optimizer is one epoch, as in `sgd`.
Source: Tieleman & Hinton, Lecture 6.5 of Neural Networks for Machine Learning (2012).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .sgd import BatchGradient, Run, epoch_ended, rate_of
from .state import NOT_FINITE, RUNNING, ValueGradient, Vector, all_finite

EPSILON = 1e-8


class RmspropState(NamedTuple):
    """The common fields, then the mean squares m, their decay ρ, epoch and the run."""

    x: Vector
    f: float
    g: Vector
    status: int
    evaluations: int
    length: float
    m: Vector
    decay: float
    epoch: int
    run: Run


def start(x: Vector, f: float, g: Vector, run: Run, decay: float) -> RmspropState:
    """The state at the first point."""
    status = RUNNING if all_finite(f, g) else NOT_FINITE
    return RmspropState(x, f, g, status, 1, 0.0, np.zeros(x.size), decay, 0, run)


def step(state: RmspropState, value_gradient: ValueGradient, batch_gradient: BatchGradient) -> RmspropState:
    """One epoch."""
    run, epoch, decay = state.run, state.epoch, state.decay
    x, m = state.x.copy(), state.m
    for k in range(run.batches):
        eta = rate_of(run, epoch, k)
        g = batch_gradient(x, epoch, k)
        m = decay * m + (1.0 - decay) * g * g
        x = x - eta * g / (np.sqrt(m) + EPSILON)
    f, g, status, length = epoch_ended(run, epoch, state.x, x, value_gradient)
    return RmspropState(x, f, g, status, state.evaluations + 2, length, m, decay, epoch + 1, run)
