"""Poisson regression: counts with a logarithmic link (McCullagh & Nelder 1989, ch. 6)."""

from typing import Any

from ..kernels.estimator import Regressor


class PoissonRegressor(Regressor):
    """minimise mean(exp(z) − y∘z) + ½λ‖w‖², z = Xw + b; scikit-learn's alpha is λ."""

    statement = """\
given X (n, d)
given y (n) nonnegative
given lam nonnegative
find w (d)
find b
minimize mean(exp(X @ w + b) - y*(X @ w + b)) + lam/2*sumsq(w)
"""
    prediction = "exp(X @ w + b)"

    def __init__(self, *, lam: float = 1.0) -> None:
        self.lam = lam

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.positive_only = True
        return tags

    def _check_target(self, y: Any) -> None:
        if y.min() < 0:
            raise ValueError("y holds counts, and one of them is negative")
