"""What is proved where both sides have values says where that is."""

from __future__ import annotations

import pytest

import derive as dv

SHAPES = {"x": ("n",), "y": ("n",), "t": (), "A": ("d", "d"), "p": ("n",)}
FACTS = {"p": ("positive",)}

CASES = [
    ("x/x", "ones(n)", "where no entry of x is zero: elsewhere the left side has no value"),
    ("1", "t/t", "where t is not zero: elsewhere the right side has no value"),
    ("sqrt(t)**2", "t", "where t is not negative: elsewhere the left side"),
    ("(x**2 - y**2)/(x - y)", "x + y", "where no entry of x - y is zero: elsewhere the left side"),
    ("A @ inv(A)", "eye(d)", "where A is invertible: elsewhere the left side"),
    ("log(x) - log(x)", "0*x", "where every entry of x is positive: elsewhere the left side"),
]


@pytest.mark.parametrize("case", CASES, ids=" = ".join)
def test_a_proof_names_the_smaller_domain(case: tuple[str, str, str]) -> None:
    left, right, words = case
    found = dv.check_equal(left, right, variables=SHAPES, facts=FACTS)
    assert found.status == "proved"
    assert words in found.reason


@pytest.mark.parametrize(
    "case", [("p/p", "ones(n)"), ("sqrt(p)**2", "p"), ("x/y", "x*y**(-1)"), ("norm(x)**2", "x @ x")]
)
def test_a_proof_on_the_same_domain_does_not(case: tuple[str, str]) -> None:
    found = dv.check_equal(*case, variables=SHAPES, facts=FACTS)
    assert found.status == "proved"
    assert "no value" not in found.reason


def test_the_claim_of_a_derivative() -> None:
    """d Σ x²/2 = x, written as x²/x."""
    loss = dv.parse("sumsq(x)/2", variables={"x": ("n",)})
    found = dv.check(loss, "x", claim="x**2/x")
    assert "where no entry of x is zero: elsewhere the claim has no value" in found.reason
    assert "no value" not in dv.check(loss, "x", claim="x").reason
