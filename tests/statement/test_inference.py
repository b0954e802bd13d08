"""Undeclared names: the habit of the field decides the kind, the formula decides the sizes."""

from __future__ import annotations

import pytest

from derive.errors import SizeError, UnknownNameError
from derive.statement.inference import infer

from .corpus import cases


def shapes(text: str, **declared: list[object]) -> dict[str, str]:
    """Name -> shape, as text."""
    found, _ = infer(text, declared)
    return {name: " ".join(map(str, v.shape)) for name, v in found.items()}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("sumsq(X @ w - y)", {"X": "n d", "w": "d", "y": "n"}),
        ("sumsq(X @ w - y)/n + lam*sumsq(w)", {"X": "n d", "w": "d", "y": "n", "lam": ""}),
        ("x @ A @ x", {"x": "n", "A": "n n"}),
        ("tr(A @ X @ B)", {"A": "n d", "X": "d m", "B": "m n"}),
        ("dot(a, x)", {"a": "n", "x": "n"}),
        ("a * x", {"a": "", "x": "n"}),
        ("X @ b", {"X": "n d", "b": "d"}),
        ("logdet(S)", {"S": "n n"}),
        ("sum(log(b - A @ x))", {"b": "", "A": "n d", "x": "d"}),
        ("norm(x - a)", {"x": "n", "a": ""}),
        ('einsum("kab,ikb->ika", L, D)', {"L": "n d m", "D": "k n m"}),
        ("sigma * sum(x)", {"sigma": "", "x": "n"}),
        ("tanh(W1 @ x1 + b1)", {"W1": "n d", "x1": "d", "b1": ""}),
        ("k * x", {"k": "", "x": "n"}),
    ],
)
def test_kinds_and_sizes(text: str, expected: dict[str, str]) -> None:
    """Unification gives the sizes; a kind that cannot be is changed."""
    assert shapes(text) == expected


def test_what_cannot_be_read() -> None:
    """Declared sizes are never made equal."""
    with pytest.raises(SizeError, match="do not fit"):
        infer("sumsq(X @ w - y)", {"X": ["n", "d"], "w": ["n"]})


def test_what_is_declared_stays() -> None:
    """Undeclared names take the sizes of declared ones."""
    found = shapes("sumsq(X @ w - y)", X=["p", "q"])
    assert found == {"X": "p q", "w": "q", "y": "p"}


def test_facts_decide_the_kind() -> None:
    """A positive definite name is a square matrix."""
    found, told = infer("x @ inv(s) @ x", {}, {"s": ["pd"]})
    assert "pd" in found["s"].facts and found["s"].order == 2
    assert "s is a matrix of sizes (n, n)" in told


def test_a_misspelt_name_is_no_new_variable() -> None:
    """lamda beside lam is an error, w2 beside w1 is not."""
    with pytest.raises(UnknownNameError, match="did you mean `lam`"):
        infer("lamda * sum(w)", {"lam": [], "w": ["d"]})
    assert shapes("sum(beta1) + sum(beta2)", beta1=["d"])["beta2"] == ""


@pytest.mark.parametrize("case", cases("textbook"), ids=lambda c: c["id"])
def test_inference_of_known_objectives(case: dict) -> None:  # type: ignore[type-arg]
    """Left undeclared, the objectives of the literature can still be read."""
    if any(len(shape) > 2 for shape in case["declare"].values()):
        return
    facts = {k: v for k, v in case["facts"].items() if k in case["objective"]}
    found, told = infer(case["objective"], {}, facts)
    assert found and told
