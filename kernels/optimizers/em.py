"""Expectation–maximisation for mixtures, from the gradient of the log-likelihood alone.

For L = Σₙ log Σₖ exp ℓₙₖ(θ) the responsibilities of the E-step are the gradient of the log-sum-exp, rₙₖ = ∂L/∂ℓₙₖ, so
that ∇L = Σ rₙₖ∇ℓₙₖ is also the gradient of the bound that the M-step maximises (Fisher's identity). For weights πₖ,
means μₖ and covariances Σₖ, ℓₙₖ = log πₖ + log N(xₙ; μₖ, Σₖ), its maximiser is

    Nₖ = πₖ ∂L/∂πₖ,   πₖ⁺ = Nₖ / Σⱼ Nⱼ,   μₖ⁺ = μₖ + Σₖ (∂L/∂μₖ) / Nₖ,
    Σₖ⁺ = Σₖ + 2 Σₖ (∂L/∂Σₖ) Σₖ / Nₖ − (μₖ⁺ − μₖ)(μₖ⁺ − μₖ)ᵀ,

one read of the data for each iteration, which is the read for value and gradient. That these are the maximisers for
the statement at hand is checked, not assumed, by whoever uses them.
Sources: Dempster, Laird & Rubin, J. R. Stat. Soc. B 39 (1977); Xu & Jordan, On convergence properties of the EM
algorithm for Gaussian mixtures, Neural Computation 8 (1996), theorem 1.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from ..oracle import Array

Arrays = dict[str, Any]


class Roles(NamedTuple):
    """Which unknown is what."""

    weights: str
    means: str
    covariances: str


def update(point: Mapping[str, Any], slopes: Mapping[str, Any], roles: Roles, scale: float) -> Arrays | None:
    """θ⁺, from the gradient of `scale`·L; None where a component has died or a covariance is lost."""
    pi, mu, sigma = roles
    gw, gm, gS = (np.asarray(slopes[a]) for a in roles)
    alive, *found = maximised(point[pi], point[mu], point[sigma], gw, gm, gS, scale)
    return {**point, **dict(zip(roles, found, strict=True))} if alive else None


def maximised(
    weights: Array, means: Array, covariances: Array, gw: Array, gm: Array, gS: Array, scale: float
) -> tuple[bool, Array, Array, Array]:
    """Whether all components are alive, and the maximiser of the bound: weights, means, covariances."""
    counts = weights * gw / scale
    new_means, new_covariances = np.empty_like(means), np.empty_like(covariances)
    for k in range(counts.size):
        if not counts[k] > 0.0:
            return False, weights, means, covariances
        S = covariances[k]
        move = np.dot(S, gm[k]) / (scale * counts[k])
        turned = np.dot(np.dot(S, gS[k]), S)
        new = S + (2.0 / (scale * counts[k])) * turned - move.reshape(-1, 1) * move
        np.add(means[k], move, new_means[k])  # an assignment would take seconds to compile
        np.multiply(0.5, new + new.T, new_covariances[k])
    return True, counts / np.sum(counts), new_means, new_covariances


class State(NamedTuple):
    """A point of the run: f, the unknowns, its slopes in them, and what the last step was worth; see `climb`."""

    f: float
    weights: Array
    means: Array
    covariances: Array
    gw: Array
    gm: Array
    gS: Array
    fall: float


#: What `State.fall` is where no step is possible.
ENDED = -1.0


def climb(likelihood: Callable[..., Any], s: State, scale: float, tol: float, most: int) -> tuple[State, int]:
    """Up to `most` steps, fewer where f falls by less than `tol`, relatively, or no step is possible.

    `likelihood(weights, means, covariances)` gives f and its slopes. A covariance may be lost to rounding: then f is
    not finite or rises, and the point before is kept.
    """
    taken = 0
    while taken < most:
        alive, w, m, S = maximised(s.weights, s.means, s.covariances, s.gw, s.gm, s.gS, scale)
        f, gw, gm, gS = s.f, s.gw, s.gm, s.gS
        if alive:
            f, gw, gm, gS = likelihood(w, m, S)
        if not alive or not np.isfinite(f) or f > s.f + 1e-10 * abs(s.f):
            s = State(s.f, s.weights, s.means, s.covariances, s.gw, s.gm, s.gS, ENDED)
            break
        fall = max(s.f - f, 0.0)
        s = State(f, w, m, S, gw, gm, gS, fall)
        taken += 1
        if fall <= tol * abs(f):
            break
    return s, taken


def expectation_maximisation(
    value_gradient: Callable[[Mapping[str, Any]], tuple[float, Arrays]],
    point: Mapping[str, Any],
    roles: Roles,
    scale: float,
    *,
    tol: float,
    most: int,
    watch: Callable[[int, float], bool] | None = None,
) -> tuple[Arrays, list[float]]:
    """The last point whose value is known, and the values; ends when they fall by less than `tol`, relatively."""

    def likelihood(*parts: Any) -> Any:
        f, slopes = value_gradient({**point, **dict(zip(roles, parts, strict=True))})
        return (f, *(slopes[a] for a in roles))

    pi, mu, sigma = (np.asarray(point[a]) for a in roles)
    f, gw, gm, gS = likelihood(pi, mu, sigma)
    state = State(f, pi, mu, sigma, gw, gm, gS, np.inf)
    values = [f]
    for k in range(most):
        state, taken = climb(likelihood, state, scale, tol, 1)
        if not taken:
            break
        values.append(state.f)
        if (watch is not None and watch(k + 1, state.f)) or state.fall <= tol * abs(state.f):
            break
    found = dict(zip(roles, (state.weights, state.means, state.covariances), strict=True))
    return {**point, **found}, values
