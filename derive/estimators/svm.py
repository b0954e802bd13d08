"""The linear support vector machine with an intercept (Cortes & Vapnik 1995)."""

from ..kernels.estimator import Classifier


class LinearSVM(Classifier):
    """minimise ½‖w‖² + C Σ max(0, 1 − yᵢ(wᵀxᵢ + b)), y = ±1; scikit-learn's `SVC(kernel="linear", C=C)`."""

    statement = """\
given X (n, d)
given y (n)
given C positive
find w (d)
find b
minimize sumsq(w)/2 + C*sum(relu(1 - y*(X @ w + b)))
"""
    signed = True

    def __init__(self, *, C: float = 1.0) -> None:
        self.C = C
