"""Statements and data that have no optimum, or from which one is hard to reach: each is named, nothing is lost."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import derive as dv
from derive.errors import DataError, SizeError

RNG = np.random.default_rng(0)
X = RNG.standard_normal((20, 3))
SHAPES = {"X": ("n", "d"), "y": ("n",), "w": ("d",)}
DATA = {"X": X, "y": X[:, 0]}


def solve(objective: str, shapes: Any, data: Any, **settings: Any) -> Any:
    return dv.minimize(objective, over="w", variables=shapes).solve(data, backend="numpy", **settings)


@pytest.mark.parametrize(
    ("start", "error", "words"),
    [
        (np.zeros(4), SizeError, "axis 0 has length 4"),
        (np.full(3, np.nan), DataError, "not finite"),
        (np.zeros((3, 1)), SizeError, "w"),
    ],
)
def test_wrong_start(start: Any, error: Any, words: str) -> None:
    """A warm start of a wrong size, or with holes, is an error that names the unknown."""
    with pytest.raises(error, match=words):
        solve("sumsq(X @ w - y)", SHAPES, DATA, start={"w": start})


@pytest.mark.parametrize(
    ("objective", "shapes", "data", "words"),
    [
        ("log(w) - w", {"w": ()}, {}, "unbounded|no minimum"),
        ("-log(w)", {"w": ()}, {}, "unbounded|no minimum"),
        ("w[0]**2 - w[1]**2", {"w": (2,)}, {}, "unbounded"),
        ("sum(softplus(w*y))", {"w": (), "y": ("n",)}, {"y": np.ones(3)}, "no minimum is attained"),
        ("sumsq(exp(w*y))", {"w": (), "y": ("n",)}, {"y": np.ones(3)}, "no minimum is attained"),
        ("log(-1 - w**2)", {"w": ()}, {}, "not finite at the start"),
    ],
)
def test_no_minimum(objective: str, shapes: Any, data: Any, words: str) -> None:
    """What has no minimum is said to have none."""
    import re

    result = solve(objective, shapes, data)
    assert not result.success
    assert re.search(words, result.message), result.message


@pytest.mark.parametrize(
    ("objective", "shape", "optimum"),
    [("w[0]**2 - w[1]**2 + w[1]**4", (2,), -0.25), ("sumsq(w**2 - 1)", (2,), 0.0)],
)
def test_saddle_start(objective: str, shape: Any, optimum: float) -> None:
    """A start at a saddle or a maximum, where the gradient vanishes, is left along negative curvature."""
    result = solve(objective, {"w": shape}, {}, start={"w": np.zeros(2)})
    assert result.success, result.message
    assert result.fun == pytest.approx(optimum, abs=1e-12)


@pytest.mark.parametrize(("objective", "optimum"), [("w - log(w)", 1.0), ("(w - 5)**2 + 0*sqrt(w - 2)", 0.0)])
def test_start_outside_the_domain(objective: str, optimum: float) -> None:
    """Without a start of the user's, one is found where the objective is defined."""
    result = solve(objective, {"w": ()}, {})
    assert result.success, result.message
    assert result.fun == pytest.approx(optimum, abs=1e-12)


def test_singular_system() -> None:
    """Repeated columns: one of the many minimisers."""
    result = solve("sumsq(X @ w - y)", SHAPES, {"X": np.hstack([X, X]), "y": X[:, 0] + 1})
    assert result.success, result.message


def test_limits_of_a_run() -> None:
    """Time and iterations that ran out are named."""
    growth = ("sumsq(y - exp(w*y))", {"w": (), "y": ("n",)}, {"y": np.arange(1.0, 5.0)})
    assert "max_time" in solve(*growth, max_time=1e-9).message
    assert "1 iterations" in solve(*growth, max_iterations=1).message
