"""Small problems of every kind against optima found by another program: value to 1e-8, and certified."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

import derive as dv

from .cases import CASES, DECLARED, Case, data
from .reference import TARGET

OPTIMA = json.loads(TARGET.read_text(encoding="utf-8"))


def posed(c: Case) -> tuple[Any, dict[str, Any]]:
    """The problem and its data."""
    text = " ".join([c.objective, *c.conditions])
    given = {k: v for k, v in data(c).items() if k in _words(text) and k != c.unknown}
    shapes = {k: DECLARED[k] for k in [*given, c.unknown]}
    make = dv.minimize if c.sense == "min" else dv.maximize
    problem = make(
        c.objective, over=c.unknown, subject_to=list(c.conditions), variables=shapes, facts=c.facts
    )
    known = {s for k in given for s in DECLARED[k]}
    sizes = {s: {"n": c.n, "d": c.d}[s] for s in DECLARED[c.unknown] if isinstance(s, str) and s not in known}
    return problem, {**given, **sizes}


def _words(text: str) -> set[str]:
    return set("".join(ch if ch.isalnum() or ch == "_" else " " for ch in text).split())


@pytest.mark.parametrize("c", CASES, ids=[c.name for c in CASES])
def test_optimum(c: Case) -> None:
    """The optimal value to 1e-8, certified."""
    problem, given = posed(c)
    result = problem.solve(given, backend="numpy")
    assert result.success, result.message
    assert abs(result.fun - OPTIMA[c.name]) <= 1e-8 * max(1.0, abs(OPTIMA[c.name]))
    assert np.isfinite(result[c.unknown]).all()


class Tensor:
    """An array of another library, whose size is asked for by a call."""

    def __init__(self, array: Any) -> None:
        self.array = np.asarray(array, dtype=np.float64)

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        return np.array(self.array, dtype=dtype)

    def size(self) -> tuple[int, ...]:
        return self.array.shape


def test_arrays_of_other_libraries() -> None:
    """They are data and starts like any other."""
    problem = dv.minimize("sumsq(X @ w - y)", over="w", variables={"X": ("n", "d"), "y": ("n",), "w": ("d",)})
    X, y = np.random.default_rng(0).standard_normal((7, 3)), np.arange(7.0)
    expected = problem.solve(X=X, y=y)
    found = problem.solve(X=Tensor(X), y=Tensor(y), start={"w": Tensor(np.ones(3))})
    np.testing.assert_allclose(found["w"], expected["w"], rtol=1e-12)
    np.testing.assert_allclose(problem.prepare(X=Tensor(X), y=Tensor(y))()["w"], expected["w"], rtol=1e-10)
