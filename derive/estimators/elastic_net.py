"""The elastic net with an intercept (Zou & Hastie 2005)."""

from ..kernels.estimator import Regressor


class ElasticNet(Regressor):
    """minimise ‖Xw + b − y‖²/(2n) + λ(ρ‖w‖₁ + ½(1 − ρ)‖w‖²); scikit-learn's alpha is λ, its l1_ratio ρ."""

    statement = """\
given X (n, d)
given y (n)
given lam nonnegative
given rho nonnegative
find w (d)
find b
minimize sumsq(X @ w + b - y)/(2*n) + lam*(rho*sum(abs(w)) + (1 - rho)/2*sumsq(w))
"""

    def __init__(self, *, lam: float = 0.1, rho: float = 0.5) -> None:
        self.lam = lam
        self.rho = rho
