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

Arrays = dict[str, Any]


class Roles(NamedTuple):
    """Which unknown is what; None where a mixture has no such unknown."""

    weights: str | None
    means: str | None
    covariances: str | None


def update(point: Mapping[str, Any], slopes: Mapping[str, Any], roles: Roles, scale: float) -> Arrays | None:
    """θ⁺, from the gradient of `scale`·L; None where a component has died or a covariance is lost."""
    found: Arrays = dict(point)
    g = {name: np.asarray(slope) / scale for name, slope in slopes.items()}
    if roles.weights is None:
        return None
    counts = point[roles.weights] * g[roles.weights]
    if not (counts > 0.0).all():
        return None
    found[roles.weights] = counts / counts.sum()
    move: Any = None
    if roles.means is not None:
        slope = g[roles.means]
        if roles.covariances is None:
            return None
        move = np.einsum("kab,kb->ka", point[roles.covariances], slope) / counts[:, None]
        found[roles.means] = point[roles.means] + move
    if roles.covariances is not None:
        S = point[roles.covariances]
        new = S + 2.0 * (S @ g[roles.covariances] @ S) / counts[:, None, None]
        if move is not None:
            new = new - move[:, :, None] * move[:, None, :]
        found[roles.covariances] = (new + np.swapaxes(new, -1, -2)) / 2
    return found


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
    now = dict(point)
    f, slopes = value_gradient(now)
    values = [f]
    for k in range(most):
        following = update(now, slopes, roles, scale)
        if following is None:
            break
        f_new, slopes_new = value_gradient(following)
        if not np.isfinite(f_new) or f_new > f + 1e-10 * abs(f):
            break
        fall = f - f_new
        now, f, slopes = following, f_new, slopes_new
        values.append(f)
        if watch is not None and watch(k + 1, f):
            break
        if fall <= tol * abs(f):
            break
    return now, values
