"""Gaussian mixture with full covariances: the negative log-likelihood per observation.

Weights on the simplex, means and positive definite covariances are stated as themselves;
`reparametrise` derives the unconstrained form that an optimizer sees.
"""

from __future__ import annotations

import numpy as np

from .model import Arrays, Model

_COMPONENTS = 3


def _start(arrays: Arrays, rng: np.random.Generator) -> Arrays:
    """Means at spread-out observations (k-means++), common covariance."""
    X = arrays["X"]
    centres = [X[rng.integers(len(X))]]
    while len(centres) < _COMPONENTS:
        gap = np.min([((X - c) ** 2).sum(axis=1) for c in centres], axis=0)
        centres.append(X[rng.choice(len(X), p=gap / gap.sum())])
    covariance = np.cov(X, rowvar=False) / 2
    return {
        "pi_": np.full(_COMPONENTS, 1 / _COMPONENTS),
        "mu": np.array(centres),
        "Sigma": np.stack([covariance] * _COMPONENTS),
    }


MODEL = Model(
    name="gaussian_mixture",
    title="Gaussian mixture",
    statement=(
        "-mean(logsumexp(log(pi_) - logdet(Sigma)/2 - d/2*log(2*pi)"
        ' - einsum("nka,kab,nkb->nk", X[:, None, :] - mu, inv(Sigma), X[:, None, :] - mu)/2, axis=1))'
    ),
    variables={"X": ("n", "d"), "pi_": ("k",), "mu": ("k", "d"), "Sigma": ("k", "d", "d")},
    facts={"pi_": ("positive", "simplex"), "Sigma": ("pd",)},
    unknowns=("pi_", "mu", "Sigma"),
    data_set="iris",
    prepare=lambda raw: {"X": raw["X"]},
    start=_start,
    source="Bishop, Pattern Recognition and Machine Learning, eq. 9.14",
)
