"""Principal components as least reconstruction error: minimise ‖X − X W Wᵀ‖² over W."""

from __future__ import annotations

import numpy as np

from .model import Arrays, Claim, Model, standardised


def _start(arrays: Arrays, rng: np.random.Generator) -> Arrays:
    d = arrays["X"].shape[1]
    return {"W": np.linalg.qr(rng.standard_normal((d, 2)))[0]}


MODEL = Model(
    name="pca",
    title="PCA reconstruction error",
    statement="sumsq(X - X @ W @ W.T)/(2*n)",
    variables={"X": ("n", "d"), "W": ("d", "r")},
    unknowns=("W",),
    data_set="wine",
    prepare=lambda raw: {"X": standardised(raw["X"])},
    start=_start,
    claims=(
        Claim("gradient", "W", "(X.T @ X @ W @ W.T @ W + W @ W.T @ X.T @ X @ W - 2*X.T @ X @ W)/n"),
        Claim(
            "hessian",
            "W",
            '(einsum("ab,sr->arbs", X.T @ X, W.T @ W) + einsum("as,br->arbs", X.T @ X @ W, W)'
            ' + einsum("ab,rs->arbs", X.T @ X @ W @ W.T + W @ W.T @ X.T @ X - 2*X.T @ X, eye(r))'
            ' + einsum("ab,sr->arbs", eye(d), W.T @ X.T @ X @ W) + einsum("as,br->arbs", W, X.T @ X @ W))/n',
        ),
    ),
    source="Deisenroth, Faisal, Ong, Mathematics for Machine Learning, eq. 10.29",
)
