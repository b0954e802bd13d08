"""The lasso with an intercept (Tibshirani 1996)."""

from ..kernels.estimator import Regressor


class Lasso(Regressor):
    """minimise ‖Xw + b − y‖²/(2n) + λ‖w‖₁; `Lasso(alpha=lam)` of scikit-learn is the same problem."""

    statement = """\
given X (n, d)
given y (n)
given lam nonnegative
find w (d)
find b
minimize sumsq(X @ w + b - y)/(2*n) + lam*sum(abs(w))
"""

    def __init__(self, *, lam: float = 0.1) -> None:
        self.lam = lam
