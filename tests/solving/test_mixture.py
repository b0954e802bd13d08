"""Expectation–maximisation derived from the statement of a mixture."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import derive as dv
from derive.errors import ArgumentError, UnsupportedError
from derive.kernels.optimizers.em import update
from derive.models.gaussian_mixture import MODEL
from derive.solving import Instance

RNG = np.random.default_rng(3)
N, D, K = 60, 2, 3
X = np.concatenate(
    [RNG.standard_normal((N // K, D)) + 4 * k * np.array([1.0, (-1.0) ** k]) for k in range(K)]
)
START = {"pi_": np.full(K, 1 / K), "mu": X[[0, 25, 50]], "Sigma": np.stack([np.eye(D)] * K)}


def mixture(statement: str = MODEL.statement) -> Any:
    return dv.minimize(statement, over=list(MODEL.unknowns), variables=MODEL.variables, facts=MODEL.facts)


def textbook_step(point: dict[str, Any]) -> dict[str, Any]:
    """One iteration as in Bishop, Pattern Recognition and Machine Learning, eqs. 9.23–9.27."""
    density = np.empty((N, K))
    for k in range(K):
        r, S = X - point["mu"][k], point["Sigma"][k]
        power = np.einsum("na,ab,nb->n", r, np.linalg.inv(S), r)
        density[:, k] = point["pi_"][k] * np.exp(-power / 2) / np.sqrt(np.linalg.det(2 * np.pi * S))
    shares = density / density.sum(axis=1, keepdims=True)
    counts = shares.sum(axis=0)
    mu = shares.T @ X / counts[:, None]
    Sigma = np.stack([((X - m).T * s) @ (X - m) / c for m, s, c in zip(mu, shares.T, counts, strict=True)])
    return {"pi_": counts / N, "mu": mu, "Sigma": Sigma}


def test_a_step_is_the_textbook_one() -> None:
    """π⁺, μ⁺, Σ⁺ from the gradient alone equal the weighted averages."""
    posed = mixture()._posed
    instance = Instance(posed, {"X": X}, START)
    value_gradient = posed.mixture.bind(instance, "numpy")
    _, slopes = value_gradient(START)
    found = update(START, slopes, posed.mixture.roles, posed.mixture.scale(instance))
    assert found is not None
    for name, expected in textbook_step(START).items():
        np.testing.assert_allclose(found[name], expected, rtol=1e-11, atol=1e-12)
    assert posed.mixture.is_step(instance, START, value_gradient)


def test_it_is_certified() -> None:
    """EM ends at a stationary point that the interpreter certifies, at the same optimum as L-BFGS from there."""
    found = mixture().solve(X=X, start=START, method="em", backend="numpy")
    assert found.success, found.message
    assert found.method == "em"
    again = mixture().solve(X=X, start={k: found[k] for k in START}, method="lbfgs", backend="numpy")
    assert found.fun == pytest.approx(again.fun, rel=1e-12)


def test_a_wrong_bound_is_noticed() -> None:
    """Where the covariance is used twice as precise as stated, the closed form is not the M-step: refused."""
    other = mixture(MODEL.statement.replace("logdet(Sigma)/2", "logdet(Sigma)"))
    with pytest.raises(UnsupportedError, match="M-step"):
        other.solve(X=X, start=START, method="em", backend="numpy")


def test_no_mixture() -> None:
    """Anything else is told what the method is for."""
    problem = dv.minimize("sumsq(X @ w)", over="w", variables={"X": ("n", "d"), "w": ("d",)})
    with pytest.raises(ArgumentError, match="mixture likelihoods"):
        problem.solve(X=X, method="em")
