"""A mixture of Gaussians with full covariances, fitted by maximum likelihood."""

from typing import Any

import numpy as np
from sklearn.utils.validation import validate_data

from ..kernels.estimator import Density


class GaussianMixture(Density):
    """minimise −mean log Σₖ πₖ N(xᵢ; μₖ, Σₖ) + ½ρ Σₖ tr Σₖ⁻¹, in units in which every column has variance 1.

    The last term keeps a component from collapsing onto few rows. Starts from the clusters that k-means finds.
    """

    statement = """\
given X (n, d)
given reg nonnegative
find pi_ (k) positive simplex
find mu (k, d)
find Sigma (k, d, d) pd
minimize -mean(logsumexp(log(pi_) - logdet(Sigma)/2 - d/2*log(2*pi) - einsum("nka,kab,nkb->nk", \
X[:, None, :] - mu, inv(Sigma), X[:, None, :] - mu)/2, axis=1)) + reg/2*einsum("kaa->", inv(Sigma))
"""
    densities = (
        "log(pi_) - logdet(Sigma)/2 - d/2*log(2*pi)"
        ' - einsum("nka,kab,nkb->nk", X[:, None, :] - mu, inv(Sigma), X[:, None, :] - mu)/2'
    )

    def __init__(self, *, n_components: int = 1, reg: float = 1e-6, seed: int = 0) -> None:
        self.n_components = n_components
        self.reg = reg
        self.seed = seed

    def fit(self, X: Any, y: Any = None) -> Any:
        """Fit to rows X (n, d)."""
        from scipy.cluster.vq import kmeans2

        k, reg = self._count("n_components"), self._number("reg")
        X = validate_data(self, X, dtype=np.float64, ensure_min_samples=max(2, k))
        centre, spread = X.mean(axis=0), X.std(axis=0)
        spread = np.where(spread > 1e-12 * np.maximum(np.abs(centre), 1.0), spread, 1.0)
        Z = (X - centre) / spread
        rng = np.random.default_rng(self.seed)
        label = np.zeros(len(Z), dtype=int)
        if k > 1:
            label = kmeans2(Z, k, minit="++", seed=rng)[1]
        whole = np.cov(Z, rowvar=False, bias=True).reshape(Z.shape[1], -1)
        floor = ((0.01 if k > 1 else 0.0) + reg) * np.eye(Z.shape[1])
        groups = [Z[label == j] for j in range(k)]
        start = {
            "pi_": np.array([max(len(g), 1) for g in groups]) / sum(max(len(g), 1) for g in groups),
            "mu": np.stack([g.mean(axis=0) if len(g) else Z[rng.integers(len(Z))] for g in groups]),
            "Sigma": np.stack([
                (np.cov(g, rowvar=False, bias=True).reshape(whole.shape) if len(g) > 1 else whole) + floor
                for g in groups
            ]),
        }  # fmt: skip
        found = self._solve({"X": Z, "reg": reg}, start)
        self.weights_ = self.pi__ = found["pi_"]
        self.means_ = self.mu_ = centre + spread * found["mu"]
        self.covariances_ = self.Sigma_ = found["Sigma"] * np.outer(spread, spread)
        return self

    def _log_densities(self, X: Any) -> Any:
        return self._evaluate(self.densities, self._checked(X))

    def score_samples(self, X: Any) -> Any:
        """The logarithm of the density at every row."""
        return np.logaddexp.reduce(self._log_densities(X), axis=1)

    def score(self, X: Any, y: Any = None) -> float:
        """The mean logarithm of the density."""
        return float(self.score_samples(X).mean())

    def predict_proba(self, X: Any) -> Any:
        """The probability of every component, row by row."""
        found = self._log_densities(X)
        return np.exp(found - np.logaddexp.reduce(found, axis=1, keepdims=True))

    def predict(self, X: Any) -> Any:
        """The most probable component of every row."""
        return self._log_densities(X).argmax(axis=1)
