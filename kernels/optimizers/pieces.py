"""Descent on objectives with kinks inside: smooth functions of max(u(x), 0), as networks of rectified units are.

With a side s of each kink, max(u, 0) = s u, and F(x; s) is smooth. At a point kinks that a step would pass, and with
which F rises (c = ∂F/∂max(u, 0) > 0), are held open in the model

    min_d  gᵀd + ½dᵀ(H + μI)d + Σⱼ max(bⱼ + aⱼᵀd, 0)    with b = c u, a = c ∇u,

g being the gradient without them. Its dual is a quadratic program over weights 0 ≤ θ ≤ 1, those of Clarke's
subgradients; H is that of F(x; θ), the Lagrangian's. Where θ ends between 0 and 1 the kink is active: steps are then
those of Newton's method on the manifold of active kinks, and the error squares. A step counts if F itself falls, or
does so after one back to active kinks that are curved; else μ grows. Kinks with which F falls are no place to stay.
Sources: Lewis & Wright, Math. Program. 158 (2016), for the model with a proximal term; Lewis, SIAM J. Optim. 13
(2002), for active manifolds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import scipy.linalg

from ..oracle import Array
from .box import box_quadratic

CONVERGED, STEPS, NO_DESCENT, NOT_FINITE = range(4)
#: What a step promises over the objective where the run ends; the share of it that has to come true.
AIM, SHARE = 1e-20, 1e-4
#: μ over the mean curvature: at first, least, and where the run gives up.
FIRST, LEAST, MOST = 1e-3, 1e-14, 1e12
#: Rounds in which a step is told of the kinks that it passes.
ROUNDS = 8
#: Steps in turn that lower nothing but rounding.
IDLE = 4
#: Weights between this and 1 minus this belong to active kinks.
INSIDE = 1e-9


class Pieces(Protocol):
    """F(x; s), s being a weight for each kink."""

    def sides(self, x: Array) -> Array:
        """The arguments u of all kinks."""

    def at(self, x: Array, s: Array) -> tuple[float, Array, Array]:
        """F, its gradient, and c."""

    def hessian(self, x: Array, s: Array) -> Array:
        """∇²F in x."""


@dataclass
class Found:
    """Where a run has led: the point, F there, how the run ended, steps and evaluations."""

    x: Array
    f: float
    status: int
    steps: int
    evaluations: int


def slopes_of(p: Pieces, x: Array, s: Array, kinks: Array) -> Array:
    """a = c ∇u of some kinks, one below the other: by what their sides change the gradient."""
    rows = np.empty((kinks.size, x.size))
    for k, j in enumerate(kinks):
        on, off = s.copy(), s.copy()
        on[j], off[j] = 1.0, 0.0
        rows[k] = p.at(x, on)[1] - p.at(x, off)[1]
    return rows


def descend(p: Pieces, x: Array, most: int, told: Any = None, ticks: Any = None) -> Found:
    """From `x` to where no step helps. `told(x, F, g)` hears of each step, `ticks()` of each trial; both may raise to
    end the run."""
    x, n = x.copy(), x.size
    u = p.sides(x)
    side = (u > 0.0) * 1.0
    f, g, c = p.at(x, side)
    held, theta, mu, evaluations, idle = np.zeros(0, dtype=np.int64), np.zeros(0), FIRST, 1, 0
    if not (np.isfinite(f) and np.isfinite(g).all()):
        return Found(x, f, NOT_FINITE, 0, 1)
    for step in range(most):
        weights = side.copy()
        weights[held] = theta
        base, slope, c = p.at(x, weights)
        bend = p.hessian(x, weights)
        if not (np.isfinite(base) and np.isfinite(slope).all() and np.isfinite(bend).all()):
            return Found(x, f, NOT_FINITE, step, evaluations)
        kept = c[held] > 0.0
        if not kept.all():  # F falls with these by now
            held, theta, weights = held[kept], theta[kept], side.copy()
            weights[held] = theta
            base, slope, c = p.at(x, weights)
        rows = slopes_of(p, x, weights, held)
        evaluations += 2 + 2 * held.size
        unit = float(np.abs(np.diagonal(bend)).mean()) or 1.0
        rounds, accepted, tied = 0, False, True
        while mu <= MOST:
            if ticks is not None:
                ticks()
            made = _model(slope, bend, rows, c[held] * u[held], weights[held], mu * unit, tied)
            if made is None:
                mu *= 10.0
                continue
            d, weight, promised = made
            if not promised > AIM * max(abs(f), 1e-300):
                return Found(x, f, CONVERGED, step, evaluations)
            there = p.sides(x + d)
            beyond = (there > 0.0) * 1.0
            passed = np.setdiff1d(np.flatnonzero((beyond != side) & (c > 0.0)), held)
            f_new, g_new, _ = p.at(x + d, beyond)
            evaluations += 1
            few = 0 < passed.size <= n and held.size + passed.size <= 2 * n
            if few and rounds < ROUNDS:
                rounds += 1
                held = np.concatenate([held, passed])
                rows = np.vstack([rows, slopes_of(p, x, weights, passed)])
                evaluations += 2 * passed.size
                continue
            if f_new > f - SHARE * promised:  # active kinks are curved
                bent = _back(c[held] * there[held], rows, weight)
                if bent is not None:
                    further = p.sides(x + d + bent)
                    f_bent, g_bent, _ = p.at(x + d + bent, (further > 0.0) * 1.0)
                    evaluations += 1
                    if f_bent < f_new:
                        d, there, f_new, g_new = d + bent, further, f_bent, g_bent
                        beyond = (there > 0.0) * 1.0
            if f_new <= f - SHARE * promised:
                accepted = True
                break
            if mu * unit * float(d @ d) <= 1e-18 * abs(f) and abs(f_new - f) <= 1e-14 * abs(f):
                accepted = bool(f_new <= f + 1e-15 * abs(f))  # all that is left is rounding
                break
            mu, tied = max(10.0 * mu, 1e-9), tied and rounds == 0 and mu < FIRST
            held, rows, rounds = held[: theta.size], rows[: theta.size], 0
        if not accepted:
            return Found(x, f, NO_DESCENT, step, evaluations)
        idle = idle + 1 if f - f_new <= 1e-15 * abs(f) else 0
        mu = max(mu / 10.0, LEAST) if f_new <= f - 0.1 * promised else mu
        inside = (weight > INSIDE) & (weight < 1.0 - INSIDE)
        x, u, side, f, g = x + d, there, beyond, f_new, g_new
        held, theta = held[inside], weight[inside]
        if told is not None:
            told(x, f, g)
        if idle == IDLE:
            return Found(x, f, CONVERGED, step + 1, evaluations)
    return Found(x, f, STEPS, most, evaluations)


def _model(g: Array, h: Array, a: Array, b: Array, theta: Array, mu: float, tied: bool) -> Any:
    """The step to the model's minimum, the weights there and what it promises; None where it has none.

    Where active kinks are `tied`, H is raised by (aᵀd + b)², which vanishes while they are active: across them it may
    bend down, or hardly, and digits would be lost.
    """
    slope, bend = g - a.T @ theta, h + mu * np.eye(g.size)
    strict = (theta > INSIDE) & (theta < 1.0 - INSIDE)
    if tied and strict.any():
        rows = a[strict]
        rho = float(np.abs(h).max()) / np.maximum((rows**2).sum(axis=1), 1e-300)
        bend, slope = bend + rows.T @ (rho[:, None] * rows), slope + rows.T @ (rho * b[strict])
    try:
        factor = scipy.linalg.cho_factor(bend)
    except np.linalg.LinAlgError:
        return None
    weight = theta.copy()
    if a.size:
        across = scipy.linalg.cho_solve(factor, a.T)
        gram = a @ across
        gram[np.diag_indices_from(gram)] *= 1.0 + 1e-14
        aim, k = b - across.T @ slope, b.size
        box_quadratic(gram, aim, np.zeros(k), np.zeros(k), np.ones(k), weight, 1e-14, 200 + 10 * k)
    d = -scipy.linalg.cho_solve(factor, slope + a.T @ weight)
    if not np.isfinite(d).all():
        return None
    now, then = np.maximum(b, 0.0).sum(), np.maximum(b + a @ d, 0.0).sum()
    return d, weight, float(now - then - slope @ d - 0.5 * d @ bend @ d)


def _back(b: Array, a: Array, theta: Array) -> Array | None:
    """The shortest step back to the active kinks, as far as they are straight; None where there are none."""
    strict = (theta > INSIDE) & (theta < 1.0 - INSIDE)
    if not strict.any() or not np.isfinite(b).all():
        return None
    return np.asarray(np.linalg.lstsq(a[strict], -b[strict], rcond=1e-10)[0])


__all__ = ["CONVERGED", "Found", "NO_DESCENT", "Pieces", "STEPS", "descend", "slopes_of"]
