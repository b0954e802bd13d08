"""Softmax regression: any number of classes (Bishop 2006, eq. 4.108)."""

from typing import Any

from ..kernels.estimator import Classifier, Probabilities


class SoftmaxRegression(Probabilities, Classifier):
    """minimise Σᵢ logsumexp(zᵢ) − ⟨yᵢ, zᵢ⟩ + ½λ‖W‖², z = XW + b; scikit-learn's multinomial C is 1/λ."""

    statement = """\
given X (n, d)
given Y (n, k)
given lam nonnegative
find W (d, k)
find b (k)
minimize sum(logsumexp(X @ W + b, axis=1)) - sum(Y*(X @ W + b)) + lam/2*sumsq(W)
"""
    score_formula = "X @ W + b"
    binary = False

    def __init__(self, *, lam: float = 1.0) -> None:
        self.lam = lam

    def _how(self) -> dict[str, Any]:
        return {"backend": None}  # of many classes a Hessian costs much: the plan knows when compiling pays
