"""Results are as short in print as a textbook's, over 421 results with their textbook forms."""

from __future__ import annotations

import statistics
from functools import cache

import numpy as np
import pytest

import derive as dv
from tests.fuzz.round_trip import TOKEN
from tests.statement.corpus import Case, cases, draw

CASES = [*cases("textbook"), *cases("results")]


def derived(case: Case) -> dv.Expression:
    """Our result."""
    expression = dv.parse(case["objective"], variables=case["declare"], facts=case["facts"])
    derive = {1: dv.gradient, 2: dv.hessian}.get(case["order"], dv.jacobian)
    return derive(expression, case["wrt"])


@cache
def ratios() -> dict[str, float]:
    """Our tokens over the fewest known, by case."""
    return {c["id"]: len(TOKEN.findall(str(derived(c)))) / c["tokens_min"] for c in CASES}


def test_most_are_as_short() -> None:
    """90 % within 1.25 times the textbook, half no longer than it."""
    found = sorted(ratios().items(), key=lambda item: -item[1])
    values = [ratio for _, ratio in found]
    worst = ", ".join(f"{name} {ratio:.2f}" for name, ratio in found[:8])
    assert sum(v <= 1.25 for v in values) >= 0.98 * len(values), worst
    assert statistics.median(values) <= 1.0, worst
    assert statistics.mean(values) <= 1.005, worst


@pytest.mark.parametrize("case", CASES, ids=[c["id"] for c in CASES])
def test_none_is_wrong(case: Case) -> None:
    """What is printed, read again, has the value of the textbook's answer."""
    arrays = draw(case, case["sizes"][0], seed=1)
    known = {**arrays, **{k: v for k, v in case["sizes"][0].items() if k not in arrays}}
    variables = {name: tuple(shape) for name, shape in case["declare"].items()}
    printed = dv.parse(str(derived(case)), variables=variables, facts=case["facts"])
    answer = dv.parse(case["answer"], variables=variables, facts=case["facts"])
    found, expected = printed.evaluate(known), answer.evaluate(known)
    assert np.abs(found - expected).max() <= 1e-9 * (1 + np.abs(expected).max())
