"""Estimators: scikit-learn's own checks, and its own fits where the problem is the same."""

from __future__ import annotations

import pickle
import re
import warnings
from typing import Any

import numpy as np
import pytest

import derive as dv
from derive.errors import ArgumentError, ParseError

sklearn = pytest.importorskip("sklearn")
from sklearn import linear_model, mixture, svm  # noqa: E402
from sklearn.base import clone  # noqa: E402
from sklearn.decomposition import PCA as TheirPCA  # noqa: E402
from sklearn.utils.estimator_checks import check_estimator  # noqa: E402

from derive import estimators  # noqa: E402
from derive.estimators import ESTIMATORS  # noqa: E402

RNG = np.random.default_rng(0)
X = RNG.standard_normal((60, 4)) * [1.0, 2.0, 0.5, 1.0] + 1.0
Y = X @ [1.0, 0.0, -2.0, 0.5] + 3.0 + 0.3 * RNG.standard_normal(60)
LABELS = np.where(Y + RNG.standard_normal(60) > np.median(Y), "yes", "no")
THREE = np.digitize(Y + RNG.standard_normal(60), np.quantile(Y, [0.33, 0.67]))
COUNTS = RNG.poisson(np.exp(0.3 * X[:, 0]))

RIDGE = dv.minimize(
    "sumsq(y - X @ w)/2 + lam/2*sumsq(w)",
    over="w",
    variables={"X": ("n", "d"), "y": ("n",), "w": ("d",), "lam": ()},
    facts={"lam": ("nonnegative",)},
)
SETTINGS: dict[str, dict[str, Any]] = {"MLPClassifier": {"max_iterations": 15}}
ALL = [e(**SETTINGS.get(e.__name__, {})) for e in ESTIMATORS] + [dv.estimator(RIDGE, lam=0.1)]


@pytest.mark.parametrize("estimator", ALL, ids=lambda e: type(e).__name__)
def test_check_estimator(estimator: Any) -> None:
    """All of scikit-learn's checks."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = check_estimator(estimator, on_fail=None)
    failed = [(r["check_name"], r["exception"]) for r in found if r["status"] not in ("passed", "skipped")]
    assert not failed
    assert sum(r["status"] == "passed" for r in found) > 30


@pytest.mark.parametrize(
    ("ours", "theirs", "y"),
    [
        (estimators.Ridge(lam=3.0), linear_model.Ridge(alpha=3.0), Y),
        (estimators.Lasso(lam=0.2), linear_model.Lasso(alpha=0.2, tol=1e-12, max_iter=10**5), Y),
        (
            estimators.ElasticNet(lam=0.2, rho=0.3),
            linear_model.ElasticNet(alpha=0.2, l1_ratio=0.3, tol=1e-12, max_iter=10**5),
            Y,
        ),
        (
            estimators.LogisticRegression(lam=0.5),
            linear_model.LogisticRegression(C=2.0, tol=1e-10, max_iter=10**4),
            LABELS,
        ),
        (
            estimators.PoissonRegressor(lam=0.1),
            linear_model.PoissonRegressor(alpha=0.1, tol=1e-10, max_iter=10**4),
            COUNTS,
        ),
        (estimators.LinearSVM(C=0.7), svm.SVC(kernel="linear", C=0.7, tol=1e-10), LABELS),
    ],
    ids=lambda e: type(e).__name__,
)
def test_fits_are_those_of_scikit_learn(ours: Any, theirs: Any, y: Any) -> None:
    """The same problem has the same solution."""
    ours.fit(X, y)
    theirs.fit(X, y)
    np.testing.assert_allclose(ours.w_, np.ravel(theirs.coef_), rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(ours.b_, np.ravel(theirs.intercept_)[0], rtol=1e-6, atol=1e-6)
    if y.dtype.kind == "U":
        assert (ours.predict(X) == theirs.predict(X)).all()
    else:
        np.testing.assert_allclose(ours.predict(X), theirs.predict(X), rtol=1e-5)


def test_softmax_probabilities() -> None:
    """Three classes; intercepts are unique but for a constant, probabilities are unique."""
    ours = estimators.SoftmaxRegression(lam=0.5).fit(X, THREE)
    theirs = linear_model.LogisticRegression(C=2.0, tol=1e-10, max_iter=10**4).fit(X, THREE)
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=1e-6)
    np.testing.assert_allclose(np.exp(ours.predict_log_proba(X)), ours.predict_proba(X), rtol=1e-12)


def test_mixture_likelihood() -> None:
    """Two clusters: the likelihood that EM finds."""
    Z = np.vstack([RNG.standard_normal((80, 2)), RNG.standard_normal((60, 2)) * 0.5 + 4.0])
    ours = estimators.GaussianMixture(n_components=2, reg=0.0).fit(Z)
    theirs = mixture.GaussianMixture(2, tol=1e-12, max_iter=1000, reg_covar=0.0, random_state=0).fit(Z)
    assert ours.score(Z) == pytest.approx(theirs.score(Z), rel=1e-6)
    assert len(set(ours.predict(Z))) == 2


def test_components() -> None:
    """Principal components, but for their signs."""
    ours, theirs = estimators.PCA(n_components=2).fit(X), TheirPCA(2).fit(X)
    np.testing.assert_allclose(np.abs(ours.components_ @ theirs.components_.T), np.eye(2), atol=1e-6)
    np.testing.assert_allclose(ours.explained_variance_, theirs.explained_variance_, rtol=1e-6)
    assert ours.certificate_.startswith("certified")


def test_network_learns() -> None:
    """A circle in a square, which no line divides."""
    Z = RNG.uniform(-1, 1, (150, 2))
    y = (Z**2).sum(axis=1) < 0.5
    assert estimators.MLPClassifier(hidden=6, lam=1e-2).fit(Z, y).score(Z, y) > 0.9


def test_estimator_of_a_problem() -> None:
    """Numbers become parameters, the prediction is read off, copies and pickles are whole."""
    made = dv.estimator(RIDGE, lam=2.0)
    assert made.get_params() == {"lam": 2.0}
    fitted = clone(made).set_params(lam=5.0).fit(X, Y)
    np.testing.assert_allclose(fitted.w_, np.linalg.solve(X.T @ X + 5.0 * np.eye(4), X.T @ Y), rtol=1e-9)
    again = pickle.loads(pickle.dumps(fitted))
    assert (again.predict(X) == fitted.predict(X)).all() and again.lam == 5.0
    bounded = dv.minimize(
        "sumsq(X @ w - y)", over="w", variables={"X": ("n", "d"), "y": ("n",), "w": ("d",)}, subject_to=["w >= 0"]
    )  # fmt: skip
    assert dv.estimator(bounded).fit(X, Y).w_.min() >= 0


def test_what_is_no_estimator() -> None:
    shapes = {"X": ("n", "d"), "y": ("n",), "w": ("d",), "A": ("d", "d")}
    with pytest.raises(ArgumentError, match="A has no place"):
        dv.estimator(dv.minimize("sumsq(X @ A @ w - y)", over="w", variables=shapes))
    del shapes["A"]
    poisson = dv.minimize("sum(exp(X @ w)) - y @ X @ w", over="w", variables=shapes)
    with pytest.raises(ArgumentError, match="say how"):
        dv.estimator(poisson)
    with pytest.raises(ParseError):
        dv.estimator(poisson, predict="exp(X @ v)")
    with pytest.raises(ArgumentError, match="mu is no number of this problem"):
        dv.estimator(RIDGE, mu=1.0)
    assert dv.estimator(poisson, predict="exp(X @ w)").fit(X / 4, COUNTS).predict(X / 4).min() > 0


def test_components_have_names() -> None:
    """`set_output` and pipelines ask what the columns that come out are called."""
    from derive.estimators import PCA

    rows = np.random.default_rng(0).standard_normal((12, 4))
    fitted = PCA(n_components=2).fit(rows)
    assert list(fitted.get_feature_names_out()) == ["pca0", "pca1"]
    pandas = pytest.importorskip("pandas")
    assert isinstance(PCA().set_output(transform="pandas").fit(rows).transform(rows), pandas.DataFrame)


@pytest.mark.parametrize(
    ("estimator", "words"),
    [
        (estimators.PCA(n_components=0), "n_components is a whole number from 1, not 0"),
        (estimators.PCA(n_components=2.5), "n_components is a whole number from 1, not 2.5"),
        (estimators.GaussianMixture(n_components=0), "n_components is a whole number from 1, not 0"),
        (estimators.GaussianMixture(n_components=2.0), "n_components is a whole number from 1, not 2.0"),
        (estimators.GaussianMixture(reg=None), "reg is a number, not None"),
        (estimators.MLPClassifier(hidden=0), "hidden is a whole number from 1, not 0"),
        (estimators.MLPClassifier(lam="weak"), "lam is a number, not 'weak'"),
        (estimators.Ridge(lam="weak"), "lam is a number, not 'weak'"),
    ],
)
def test_parameters_that_are_none(estimator: Any, words: str) -> None:
    """An error that names the parameter, as scikit-learn's users expect it: when fitting, and a ValueError."""
    with pytest.raises(ValueError, match=re.escape(words)):
        estimator.fit(X, THREE)
    assert isinstance(clone(estimator), type(estimator))
