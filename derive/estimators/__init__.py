"""Estimators that ship with the project: scikit-learn's interface, one statement each (extra `[sklearn]`).

>>> from derive.estimators import Ridge
>>> Ridge(lam=0.0).fit([[0.0], [1.0], [2.0]], [1.0, 3.0, 5.0]).w_.round(6)
array([2.])
"""

from .elastic_net import ElasticNet
from .gaussian_mixture import GaussianMixture
from .lasso import Lasso
from .logistic import LogisticRegression
from .mlp import MLPClassifier
from .pca import PCA
from .poisson import PoissonRegressor
from .ridge import Ridge
from .softmax import SoftmaxRegression
from .svm import LinearSVM

#: All of them: tests discover new ones here.
ESTIMATORS = (
    Ridge,
    Lasso,
    ElasticNet,
    LogisticRegression,
    SoftmaxRegression,
    PoissonRegressor,
    LinearSVM,
    GaussianMixture,
    PCA,
    MLPClassifier,
)

__all__ = [*(e.__name__ for e in ESTIMATORS), "ESTIMATORS"]
