"""Ridge regression with an intercept that is not penalised (Hoerl & Kennard 1970)."""

from ..kernels.estimator import Regressor


class Ridge(Regressor):
    """minimise ½‖Xw + b − y‖² + ½λ‖w‖²; `Ridge(alpha=lam)` of scikit-learn is the same problem."""

    statement = """\
given X (n, d)
given y (n)
given lam nonnegative
find w (d)
find b
minimize sumsq(X @ w + b - y)/2 + lam/2*sumsq(w)
"""

    def __init__(self, *, lam: float = 1.0) -> None:
        self.lam = lam
