"""Structure read off the statement, and the solvers that use it: against each other, SciPy and closed forms."""

from __future__ import annotations

import doctest
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.optimize

import derive as dv
from derive.errors import ArgumentError, DataError, UnsupportedError
from derive.kernels.optimizers.box import NO_MINIMUM, OPTIMAL, box_quadratic
from derive.solving.separable import separable

RNG = np.random.default_rng(11)
N, D = 40, 7
X = RNG.standard_normal((N, D))
Y = X @ np.array([2.0, 0, 0, -1, 0, 0.5, 0]) + 0.3 * RNG.standard_normal(N)
SHAPES: dict[str, Any] = {"X": ("n", "d"), "y": ("n",), "w": ("d",), "lam": (), "c": ("d",)}


def posed(text: str, *conditions: str) -> Any:
    words = " ".join([text, *conditions])
    shapes = {k: v for k, v in SHAPES.items() if k in words}
    return dv.minimize(text, over="w", subject_to=list(conditions), variables=shapes)


LASSO = "sumsq(X @ w - y)/2 + lam*norm(w, 1)"


@pytest.mark.parametrize(
    ("text", "conditions", "weights", "bounds"),
    [
        (LASSO, (), ["lam * ones(d)"], 0),
        ("mean((X @ w - y)**2) + 2*sum(c*abs(w))", (), ["2 * c"], 0),
        ("sumsq(X @ w - y)", ("w >= 0", "w <= c"), [], 2),
        ("sumsq(X @ w - y)", ("3 - 2*w >= c",), [], 1),
        ("sumsq(X @ w - y)", ("abs(w) <= 1",), [], 2),
    ],
)
def test_what_is_recognised(text: str, conditions: Any, weights: list[str], bounds: int) -> None:
    """Weights of |w| and bounds, in whatever way they are written."""
    p = posed(text, *conditions)._posed
    found = separable(p.minimised, p.unknowns, p.equalities, p.inequalities)
    assert found is not None
    assert [str(dv.Expression(w)) for w in found.weights.values()] == weights
    assert len(found.bounds) == bounds


@pytest.mark.parametrize(
    ("text", "conditions"),
    [
        ("sumsq(X @ w - y) + norm(w, 1)**2", ()),  # the weight of |w| moves with w
        ("sumsq(X @ w - y) + norm(w - c, 1)", ()),
        ("sumsq(X @ w - y)", ("X @ w <= y",)),
        ("sumsq(X @ w - y)", ("w**2 <= 1",)),
        ("sumsq(X @ w - y)", ("sum(w) == 1",)),
    ],
)
def test_what_is_not(text: str, conditions: Any) -> None:
    """Other kinks and constraints are left to other methods."""
    assert posed(text, *conditions)._posed.composite is None


@pytest.mark.parametrize("seed", range(6))
def test_box_quadratic_against_scipy(seed: int) -> None:
    """Random quadratics with bounds, also singular ones: the same values as bounded least squares."""
    rng = np.random.default_rng(seed)
    n, d = (12, 5) if seed % 2 else (4, 9)
    A, b = rng.standard_normal((n, d)), rng.standard_normal(n)
    low, high = -rng.random(d), rng.random(d) + 0.1
    x = np.zeros(d)
    status, _ = box_quadratic(A.T @ A, A.T @ b, np.zeros(d), low, high, x, 1e-12, 5000)
    best = scipy.optimize.lsq_linear(A, b, (low, high), tol=1e-14)
    assert status == OPTIMAL
    assert 0.5 * np.sum((A @ x - b) ** 2) == pytest.approx(best.cost, rel=1e-9, abs=1e-14)


@pytest.mark.parametrize("seed", [18, 20, 32, 58, 99])
def test_singular_systems_under_bounds_take_few_sweeps(seed: int) -> None:
    """Data of low rank, as many as not fitted exactly: sweeps alone took hundreds, and ended at 10⁻³ of the slope."""
    rng = np.random.default_rng(seed)
    rank, d = 20, 60
    A, w = rng.standard_normal((66, rank)) @ rng.standard_normal((rank, d)), rng.standard_normal(d)
    b = A @ w + rng.standard_normal(66) * (seed % 2)
    problem = posed("sumsq(X @ w - y)/2", "w >= 0")
    fast = problem.prepare(X=A, y=b)
    assert fast.certify(fast()).ok()
    x = np.zeros(d)
    status, sweeps = box_quadratic(
        A.T @ A, A.T @ b, np.zeros(d), np.zeros(d), np.full(d, np.inf), x, 1e-15, 5000
    )
    assert status == OPTIMAL and sweeps < 100


def test_weights_without_curvature() -> None:
    """Where the smooth part is level, any weight pulls to 0, from whatever start."""
    x = np.array([1.0, -2.0, 3.0])
    l1, edge = np.array([1.0, 0.5, 0.0]), np.full(3, np.inf)
    status, _ = box_quadratic(np.zeros((3, 3)), np.zeros(3), l1, -edge, edge, x, 1e-12, 100)
    assert status == OPTIMAL and x.tolist() == [0.0, 0.0, 3.0]
    shapes = {"X": ("n", "d"), "W": ("d", 1)}
    problem = dv.minimize(
        "sum(logsumexp(X @ W, axis=1)) - sum(X @ W) + norm(W, 1)", over="W", variables=shapes
    )
    fast = problem.prepare(X=np.array([[1.0, 0.0], [2.0, 0.0]]))
    assert not fast()["W"].any()


def test_box_quadratic_unbounded() -> None:
    """A direction of no curvature along which the objective falls has no minimum."""
    infinite = np.full(2, np.inf)
    status, _ = box_quadratic(
        np.diag([1.0, 0.0]), np.ones(2), np.zeros(2), -infinite, infinite, np.zeros(2), 1e-12, 100
    )
    assert status == NO_MINIMUM


@pytest.mark.parametrize("method", ["coordinate-descent", "fista", "interior-point"])
def test_lasso_three_ways(method: str) -> None:
    """Coordinate descent, FISTA and the interior point give one certified answer."""
    found = posed(LASSO).solve(X=X, y=Y, lam=4.0, method=method, backend="numpy")
    assert found.success, found.message
    w = found["w"]
    g = X.T @ (X @ w - Y)
    np.testing.assert_allclose(g[w != 0], -4.0 * np.sign(w[w != 0]), rtol=1e-6)
    assert (np.abs(g[w == 0]) <= 4.0 + 1e-6).all()
    best = posed(LASSO).solve(X=X, y=Y, lam=4.0, backend="numpy")
    assert found.fun == pytest.approx(best.fun, rel=1e-9)


def test_many_unknowns_are_solved_on_working_sets() -> None:
    """More unknowns than a Hessian is formed for: on the few that are not zero, or first-order; certified alike."""
    n, d = 15, 1600
    A, b = RNG.standard_normal((n, d)), RNG.standard_normal(n)
    lam = 0.5 * float(np.abs(A.T @ b).max())
    problem = posed(LASSO)
    found = problem.solve(X=A, y=b, lam=lam, backend="numpy")
    assert found.success, found.message
    assert found.method == problem.plan(n=n, d=d).method == "coordinate-descent"
    assert "working sets" in found.plan.reason
    first = problem.solve(X=A, y=b, lam=lam, backend="numpy", method="fista")
    assert first.success and first.method == "fista"
    np.testing.assert_allclose(found["w"], first["w"], atol=1e-7)


def test_multipliers_of_bounds() -> None:
    """One nonnegative multiplier per bound, zero where the bound is not active; they balance the gradient."""
    found = posed("sumsq(X @ w - y)/2", "w >= 0", "2*w <= 1").solve(X=X, y=Y, backend="numpy")
    low, high = found.multipliers["inequality"]
    g = X.T @ (X @ found["w"] - Y)
    assert low.min() >= 0.0
    assert high.min() >= 0.0
    assert (low > 0).any()
    assert (high > 0).any()
    np.testing.assert_allclose(g, low - 2 * high, atol=1e-8)


def test_maximum() -> None:
    """A concave quadratic within bounds is maximised."""
    p = dv.maximize(
        "sum(w) - sumsq(w)", over="w", subject_to=["w <= c"], variables={"w": ("d",), "c": ("d",)}
    )
    found = p.solve(c=[0.25, 2.0, -1.0], backend="numpy")
    assert found.success
    assert found["w"].tolist() == [0.25, 0.5, -1.0]
    assert found.fun == pytest.approx(0.1875 + 0.25 - 2.0)


def test_prepared() -> None:
    """The compiled loop gives the certified answer, for new numbers too, and along a path."""
    problem = posed(LASSO)
    fast = problem.prepare(X=X, y=Y, lam=4.0)
    lams = [8.0, 4.0, 1.0]
    table = fast.path("lam", lams)["w"]
    for lam, row in zip(lams, table, strict=True):
        best = problem.solve(X=X, y=Y, lam=lam, backend="numpy")
        np.testing.assert_allclose(fast(lam=lam)["w"], best["w"], atol=1e-10)
        np.testing.assert_allclose(row, best["w"], atol=1e-10)
    assert fast.certify(fast(lam=4.0)).ok()
    assert not fast.certify({"w": np.ones(D)}).ok()
    with pytest.raises(DataError, match="no data of this problem"):
        fast(mu=1.0)
    with pytest.raises(DataError, match="lam is nan"):
        fast(lam=np.nan)
    with pytest.raises(ArgumentError, match="a number among the data"):
        fast.path("X", lams)


def test_prepared_newton() -> None:
    """A logistic loss with ridge and ℓ₁ weights, compiled whole."""
    text = "sum(softplus(X @ w)) - dot(y, X @ w) + lam*norm(w, 1) + sumsq(w)/2"
    labels = (Y > 0).astype(float)
    fast = posed(text).prepare(X=X, y=labels, lam=0.5)
    best = posed(text).solve(X=X, y=labels, lam=0.5, backend="numpy")
    assert best.method == "proximal-newton"
    np.testing.assert_allclose(fast()["w"], best["w"], atol=1e-9)


@pytest.mark.parametrize(
    ("text", "conditions"),
    [
        ("sumsq(X @ w - y)/2", ("w >= 0", "sum(w) == 1")),
        ("sum(abs(X @ w - y)) + lam*sumsq(w)", ()),
        ("sumsq(w - c)", ("w[1:] >= w[:-1]",)),
        ("dot(c, w)", ("abs(w) <= 2", "X @ w <= abs(y)")),
    ],
)
def test_prepared_programs(text: str, conditions: Any) -> None:
    """Quadratic and linear programs, kinks as slacks included: the answers of `solve`."""
    data = {"X": X, "y": Y, "lam": 0.7, "c": np.linspace(1.0, -1.0, D) ** 3}
    problem = posed(text, *conditions)
    given = {k: v for k, v in data.items() if k in {v.name for v in problem._posed.given}}
    best = problem.solve(given, backend="numpy")
    fast = problem.prepare(given)
    assert best.success
    assert problem.objective.evaluate({**given, "w": fast()["w"]}) == pytest.approx(
        best.fun, rel=1e-8, abs=1e-9
    )


def test_what_cannot_be_prepared() -> None:
    """Matrices in cones are refused with the remedy."""
    nearest = dv.minimize(
        "norm(S - A)", over="S", variables={"S": (3, 3), "A": (3, 3)}, facts={"S": ("psd",)}
    )
    with pytest.raises(UnsupportedError, match="use solve"):
        nearest.prepare(A=np.eye(3))


def test_the_page_on_solving() -> None:
    """The examples of docs/solving.md run."""
    page = Path(__file__).resolve().parents[2] / "docs" / "solving.md"
    failed, tried = doctest.testfile(str(page), module_relative=False, encoding="utf-8")
    assert tried > 5
    assert failed == 0
