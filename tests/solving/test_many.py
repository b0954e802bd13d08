"""Many unknowns: which method comes first, and that the other takes over where it has to."""

import numpy as np
import pytest

import derive as dv
from derive.kernels.certificate import curvature_by_differences
from derive.solving import costs

SOFTMAX = "sum(logsumexp(X @ W, axis=1)) - sum(Y*(X @ W)) + lam/2*sumsq(W)"
SHAPES = {"X": ("n", "d"), "Y": ("n", "k"), "W": ("d", "k"), "lam": ()}


def softmax(n, d, k, condition=1.0):
    """A softmax regression and data, with features of that condition."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n, d)) * np.geomspace(1.0, 1.0 / condition, d)
    Y = np.eye(k)[rng.integers(0, k, n)]
    problem = dv.minimize(SOFTMAX, over="W", variables=SHAPES, facts={"lam": ("positive",)})
    return problem, {"X": X, "Y": Y, "lam": 1.0 / condition}


def test_newtons_method_is_worth_more_gradients_the_more_unknowns_there_are():
    worth = [costs.gradients_for_newton([(d, 3)], 100 * d) for d in (10, 30, 100, 400)]
    assert worth == sorted(worth)
    assert costs.quasi_newton_first([(10, 3)], 1000) == 0
    assert costs.quasi_newton_first([(400, 3)], 40_000) > costs.GRADIENTS
    assert costs.quasi_newton_first([(4000, 3)], 40_000) == 0  # no Hessian at all


def test_many_unknowns_begin_with_a_quasi_newton_method_and_the_plan_says_so():
    problem, data = softmax(60, 70, 3)
    result = problem.solve(data)
    assert result.success and result.method == "lbfgs"
    assert "gradients" in str(problem.plan(data)).splitlines()[0]
    slope = dv.gradient(problem.objective, "W").evaluate({**data, "W": result["W"]})
    assert np.abs(slope).max() < 1e-6


def test_newtons_method_takes_over_where_the_condition_is_bad():
    problem, data = softmax(60, 70, 3, condition=1e4)
    result = problem.solve(data)
    assert result.success and result.method == "newton"
    few = problem.solve(data, method="lbfgs", backend="numpy", max_iterations=5000)
    assert result.fun <= few.fun + 1e-9 * abs(few.fun)


def test_curvature_is_left_to_kernels_only_where_they_agree():
    H = np.diag([3.0, 1.0, -0.5, 2.0])
    asked = []

    def right(x):
        asked.append(x)
        return H @ x

    x = np.ones(4)
    alone = curvature_by_differences(right, x)
    slow = len(asked)
    assert curvature_by_differences(right, x, lambda point: H @ point) == pytest.approx(alone)
    assert len(asked) == slow + 2
    assert curvature_by_differences(right, x, lambda point: np.abs(H) @ point) == alone
