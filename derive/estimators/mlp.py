"""A network of one hidden layer for classes (Goodfellow, Bengio & Courville 2016, ch. 6)."""

from typing import Any

import numpy as np

from ..kernels.estimator import Classifier, Probabilities
from ..solving import costs


class MLPClassifier(Probabilities, Classifier):
    """minimise mean(logsumexp(z) − ⟨y, z⟩) + ½λ(‖W₁‖² + ‖W₂‖²), z = tanh(X W₁ + b₁) W₂ + b₂; found by L-BFGS.

    Rows are centred and divided by the standard deviations of their columns.
    """

    statement = """\
given X (n, d)
given Y (n, k)
given lam nonnegative
find W1 (d, h)
find b1 (h)
find W2 (h, k)
find b2 (k)
minimize mean(logsumexp(tanh(X @ W1 + b1) @ W2 + b2, axis=1)) - sum(Y*(tanh(X @ W1 + b1) @ W2 + b2))/n \
+ lam/2*(sumsq(W1) + sumsq(W2))
"""
    score_formula = "tanh(X @ W1 + b1) @ W2 + b2"
    binary = False

    def __init__(
        self, *, hidden: int = 16, lam: float = 1e-3, max_iterations: int = 500, seed: int = 0
    ) -> None:
        self.hidden = hidden
        self.lam = lam
        self.max_iterations = max_iterations
        self.seed = seed

    def fit(self, X: Any, y: Any) -> Any:
        """Fit to rows X (n, d) and labels y (n,)."""
        hidden, lam = self._count("hidden"), self._number("lam")
        X, places = self._labels(X, y)
        self.mean_, spread = X.mean(axis=0), X.std(axis=0)
        self.scale_ = np.where(spread > 0, spread, 1.0)
        k, rng = len(self.classes_), np.random.default_rng(self.seed)
        start = {
            "W1": rng.standard_normal((X.shape[1], hidden)) / np.sqrt(X.shape[1]),
            "b1": np.zeros(hidden),
            "W2": rng.standard_normal((hidden, k)) / np.sqrt(hidden),
            "b2": np.zeros(k),
        }
        data = {"X": (X - self.mean_) / self.scale_, "Y": np.eye(k)[places], "lam": lam}
        shapes = [np.shape(a) for a in start.values()]
        dear = costs.gradient(shapes, X.size + data["Y"].size) >= costs.WORTH_COMPILING
        how = {"max_iterations": self.max_iterations, "method": "lbfgs"}
        self._solve(data, start, backend=None if dear else "numpy", **how)
        return self

    def _checked(self, X: Any) -> Any:
        return (super()._checked(X) - self.mean_) / self.scale_
