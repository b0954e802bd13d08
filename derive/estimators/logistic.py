"""Logistic regression for two classes, with an intercept that is not penalised."""

from ..kernels.estimator import Classifier, Probabilities


class LogisticRegression(Probabilities, Classifier):
    """minimise Σ log(1 + exp(zᵢ)) − yᵢzᵢ + ½λ‖w‖², z = Xw + b; scikit-learn's C is 1/λ."""

    statement = """\
given X (n, d)
given y (n)
given lam nonnegative
find w (d)
find b
minimize sum(softplus(X @ w + b) - y*(X @ w + b)) + lam/2*sumsq(w)
"""

    def __init__(self, *, lam: float = 1.0) -> None:
        self.lam = lam
