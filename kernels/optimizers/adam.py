"""Adam: mini-batch steps along a running mean of gradients, divided by the root of that of their squares.

    m₊ = β₁m + (1 − β₁)ĝ,   v₊ = β₂v + (1 − β₂)ĝ²,   x₊ = x − η_t m̂ / (√v̂ + ε),   m̂ = m₊/(1 − β₁ᵗ),  v̂ = v₊/(1 − β₂ᵗ)

One step of the optimizer is one epoch, as in `sgd`.
Source: Kingma & Ba, Adam: a method for stochastic optimization, ICLR 2015, algorithm 1.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .sgd import BatchGradient, Run, epoch_ended, rate_of
from .state import NOT_FINITE, RUNNING, ValueGradient, Vector, all_finite

EPSILON = 1e-8


class AdamState(NamedTuple):
    """The common fields, then the means m and v, their decays β₁ and β₂, epoch and the run."""

    x: Vector
    f: float
    g: Vector
    status: int
    evaluations: int
    length: float
    m: Vector
    v: Vector
    beta1: float
    beta2: float
    epoch: int
    run: Run


def start(x: Vector, f: float, g: Vector, run: Run, beta1: float, beta2: float) -> AdamState:
    """The state at the first point."""
    status = RUNNING if all_finite(f, g) else NOT_FINITE
    zero = np.zeros(x.size)
    return AdamState(x, f, g, status, 1, 0.0, zero, zero.copy(), beta1, beta2, 0, run)


def step(state: AdamState, value_gradient: ValueGradient, batch_gradient: BatchGradient) -> AdamState:
    """One epoch."""
    run, epoch, b1, b2 = state.run, state.epoch, state.beta1, state.beta2
    x, m, v = state.x.copy(), state.m, state.v
    for k in range(run.batches):
        t = epoch * run.batches + k
        eta = rate_of(run, epoch, k)
        g = batch_gradient(x, epoch, k)
        m = b1 * m + (1.0 - b1) * g
        v = b2 * v + (1.0 - b2) * g * g
        root = np.sqrt(v / (1.0 - b2 ** (t + 1.0))) + EPSILON
        x = x - (eta / (1.0 - b1 ** (t + 1.0))) * m / root
    f, g, status, length = epoch_ended(run, epoch, state.x, x, value_gradient)
    return AdamState(x, f, g, status, state.evaluations + 2, length, m, v, b1, b2, epoch + 1, run)
