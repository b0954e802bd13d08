"""Principal components as least reconstruction error."""

from typing import Any

import numpy as np
from sklearn.utils.validation import validate_data

from ..kernels.estimator import Transformer


class PCA(Transformer):
    """minimise ‖X − XWWᵀ‖²/(2n) over W (d, r), columns centred (Deisenroth, Faisal & Ong 2020, eq. 10.29).

    The error has a minimiser for every rotation of W; `components_` are those along which variances fall. The start
    comes from a singular value decomposition, and the certificate says that it is stationary.
    """

    statement = """\
given X (n, d)
find W (d, r)
minimize sumsq(X - X @ W @ W.T)/(2*n)
"""

    def __init__(self, *, n_components: int = 2) -> None:
        self.n_components = n_components

    def fit(self, X: Any, y: Any = None) -> Any:
        """Fit to rows X (n, d)."""
        X = validate_data(self, X, dtype=np.float64, ensure_min_samples=2)
        self.mean_ = X.mean(axis=0)
        centred = X - self.mean_
        r = min(self._count("n_components"), *X.shape)
        size = max(float(np.abs(centred).max()), 1e-300)
        directions = np.linalg.svd(centred / size, full_matrices=False)[2][:r]
        result = self._solve({"X": centred / size}, {"W": directions.T})
        basis = np.linalg.qr(result["W"])[0]
        _, s, turn = np.linalg.svd(centred @ basis, full_matrices=False)
        found = (basis @ turn.T).T
        signs = np.sign(found[np.arange(r), np.abs(found).argmax(axis=1)])
        self.components_ = found * np.where(signs == 0, 1.0, signs)[:, None]
        self.explained_variance_ = s**2 / (len(X) - 1)
        return self

    def transform(self, X: Any) -> Any:
        """The coordinates of rows along the components."""
        return (self._checked(X) - self.mean_) @ self.components_.T

    def inverse_transform(self, X: Any) -> Any:
        """Rows from their coordinates."""
        return np.asarray(X) @ self.components_ + self.mean_

    @property
    def _n_features_out(self) -> int:
        return len(self.components_)
