"""Hessians of low rank that are not built: their form by structure, and programs of many rows on them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import derive as dv
from derive.kernels.optimizers.sparse_program import Ranked
from derive.kernels.ranks import squares
from derive.solving.inside import numbers

RNG = np.random.default_rng(8)
SHAPES = {"X": ("n", "d"), "t": ("n",), "a": ("n",), "D": ("n",), "U": ("n", "k"), "Y": ("d", "k")}


def hessian(objective: str, over: str) -> Any:
    problem = dv.minimize(objective, over=over, subject_to=[f"{over} >= 0"], variables=SHAPES)
    return problem._posed.constrained.second[f"hessian {over} {over}"]


@pytest.mark.parametrize(
    ("objective", "over", "count"),
    [
        ("sumsq(X.T @ (a*t))/2 - sum(a)", "a", 1),
        ("dot(a, diag(t) @ X @ X.T @ diag(t) @ a)", "a", 1),
        ("sumsq(X.T @ a) + sum(D*a**2) + 3*sumsq(X.T @ (a*t))", "a", 2),
    ],
)
def test_squares(objective: str, over: str, count: int) -> None:
    """The diagonal and the factors are the Hessian."""
    block = hessian(objective, over)
    found = squares(block)
    assert found is not None and len(found.parts) == count
    data = {"X": RNG.standard_normal((7, 2)), "t": RNG.standard_normal(7), "D": RNG.random(7)}

    def value(node: Any) -> Any:
        return np.asarray(numbers([node], data)[0])

    total = np.diag(value(found.diagonal)) if found.diagonal is not None else np.zeros((7, 7))
    for weight, factor in found.parts:
        L = value(factor).reshape(7, -1)
        assert L.shape[1] == 2
        total = total + value(weight) * L @ L.T
    np.testing.assert_allclose(total, value(block), atol=1e-12)


def test_what_has_no_such_form() -> None:
    assert squares(hessian("sumsq(a) + sum(a)**2", "a")) is None
    assert squares(hessian("sumsq(U.T @ X - Y.T)", "U")) is None  # an identity in other axes


def test_ranked() -> None:
    H = Ranked(RNG.random(5), RNG.standard_normal((2, 5)), np.array([1.0, 3.0]))
    z = RNG.standard_normal(5)
    np.testing.assert_allclose(H @ z, H.toarray() @ z)
    assert (abs(H).toarray() >= abs(H.toarray()) - 1e-14).all()


@pytest.mark.parametrize("sectors", [False, True])
def test_many_rows(sectors: bool) -> None:
    """A dual support vector machine and a model of factors, certified; prepared and solved alike."""
    n, d = 1500, 4
    X = RNG.standard_normal((n, d))
    t = np.sign(X[:, 0] + 0.5 * RNG.standard_normal(n))
    if sectors:
        shapes = {"F": ("k", "n"), "D": ("n",), "m": ("n",), "w": ("n",), "A": ("s", "n"), "u": ("s",)}
        problem = dv.minimize(
            "sumsq(F @ w) + sum(D*w**2) - dot(m, w)",
            over="w",
            subject_to=["w >= 0", "sum(w) == 1", "A @ w <= u"],
            variables=shapes,
            facts={"D": ("positive",)},
        )
        data = {"F": X.T / 50, "D": 0.01 + RNG.random(n) / 10, "m": RNG.random(n) / 10}
        data |= {"A": np.kron(np.eye(5), np.ones(n // 5)), "u": np.full(5, 0.25)}
    else:
        problem = dv.minimize(
            "sumsq(X.T @ (a*t))/2 - sum(a)",
            over="a",
            subject_to=["a >= 0", "a <= C", "dot(a, t) == 0"],
            variables={**SHAPES, "C": ()},
        )
        data = {"X": X, "t": t, "C": 1.0}
    result = problem.solve(data)
    assert result.success
    fast = problem.prepare(data)
    found = fast()
    assert fast.certify(found).ok()
    assert problem.objective.evaluate({**data, **found}) == pytest.approx(result.fun, rel=1e-7)
