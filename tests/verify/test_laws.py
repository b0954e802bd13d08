"""Identities of textbooks that normal form and exact test have to prove, for all sizes."""

from __future__ import annotations

import pytest

import derive as dv
from derive.build import add, is_zero
from derive.sizes import ONE
from derive.verify.canonical import canonical

VARIABLES: dict[str, tuple[object, ...]] = {
    **dict.fromkeys("xyupq", ("n",)),
    **dict.fromkeys("stl", ()),
    **dict.fromkeys("ABCG", ("d", "d")),
    "X": ("n", "d"),
    "Z": ("n", "k"),
    "w": ("d",),
    "b": ("d",),
    "W": ("d", "k"),
    "U": ("d", "k"),
    "T": ("k", "k"),
    "lam": (),
}
FACTS = {
    **dict.fromkeys(("p", "q", "l", "lam"), ("positive",)),
    **dict.fromkeys(("G", "T"), ("pd",)),
}

INVERSES = [
    ("inv(X.T @ X + lam*eye(d)) @ X.T", "X.T @ inv(X @ X.T + lam*eye(n))"),
    ("inv(eye(d) + A @ B) @ A", "A @ inv(eye(d) + B @ A)"),
    ("A @ inv(A + B) @ B", "inv(inv(A) + inv(B))"),
    ("inv(A + B)", "inv(A) - inv(A) @ inv(inv(A) + inv(B)) @ inv(A)"),
    ("inv(A + outer(w, b))", "inv(A) - outer(inv(A) @ w, b @ inv(A))/(1 + b @ inv(A) @ w)"),
    ("inv(A + W @ T @ U.T)", "inv(A) - inv(A) @ W @ inv(inv(T) + U.T @ inv(A) @ W) @ U.T @ inv(A)"),
    ("inv(lam*eye(d) + A) @ A", "eye(d) - lam*inv(lam*eye(d) + A)"),
    ("inv(X.T @ diag(p) @ X + lam*eye(d)) @ X.T @ diag(p)", "X.T @ inv(X @ X.T + lam*diag(1/p))"),
    ("inv(A) @ inv(eye(d) + A)", "inv(eye(d) + A) @ inv(A)"),
]
ROWS = [
    ("sum(X/sum(X, axis=1)[:, None], axis=1)", "ones(n)"),
    ("sum((X/sqrt(sum(X**2, axis=1))[:, None])**2, axis=1)", "ones(n)"),
    ("softmax(Z, axis=1)", "exp(Z - logsumexp(Z, axis=1)[:, None])"),
    ("logsumexp(x + s)", "logsumexp(x) + s"),
]
FRACTIONS = [
    ("X.T @ (x/(1 + x**2/l**2))", "l**2 * X.T @ (x/(l**2 + x**2))"),
    ("1/(1 + x/p)/p", "1/(x + p)"),
    ("(1 + s)/(l + (x/p)**2)", "(1 + s)*p**2/(l*p**2 + x**2)"),
]
DETERMINANTS = [
    ("logdet(l*A)", "d*log(l) + logdet(A)"),
    ("logdet(eye(d) + W @ W.T)", "logdet(eye(k) + W.T @ W)"),
    ("det(eye(d) + outer(w, b))", "1 + w @ b"),
    ("logdet(X.T @ X + lam*eye(d))", "logdet(X @ X.T + lam*eye(n)) + (d - n)*log(lam)"),
]
SIGNS = [
    ("log(x**2)", "2*log(abs(x))"),
    ("log(abs(x/y))", "log(abs(x)) - log(abs(y))"),
    ("sqrt(x**2*y**2)", "abs(x*y)"),
    ("sqrt(p**2*q)", "p*sqrt(q)"),
    ("(x**6)**(1/2)", "abs(x)**3"),
    ("norm(s*x)", "abs(s)*norm(x)"),
    ("sign(x*y)", "sign(x)*sign(y)"),
    ("relu(l*x)", "l*relu(x)"),
    ("relu(x)**2", "x*relu(x)"),
    ("abs(x - y)", "maximum(x, y) - minimum(x, y)"),
    ("exp(log(p)/2)", "sqrt(p)"),
    ("where(x > 0, x, -x)", "abs(x)"),
    ("where(x < y, 1, 0)*(y - x)", "relu(y - x)"),
    ("exp(-softplus(x))", "1/(1 + exp(x))"),
]
PARTS = [
    ("(A @ w)[0]", "A[0] @ w"),
    ("exp(x[1:] + y[1:])", "exp(x)[1:]*exp(y)[1:]"),
    ("sumsq(x[1:] - x[:-1])", "sumsq(x[1:]) - 2*x[1:] @ x[:-1] + sumsq(x[:-1])"),
    ("cumsum(x + 2*y)", "cumsum(x) + 2*cumsum(y)"),
    ("tril(A) + tril(B)", "tril(A + B)"),
]


@pytest.mark.parametrize(
    "equation", INVERSES + ROWS + FRACTIONS + DETERMINANTS + SIGNS + PARTS, ids=" = ".join
)
def test_is_proved(equation: tuple[str, str]) -> None:
    found = dv.check_equal(*equation, variables=VARIABLES, facts=FACTS)
    assert found.status == "proved", found


def test_clearing_a_singular_denominator_proves_nothing() -> None:
    """0 E = 0 says nothing of E."""
    found = dv.check_equal("inv(A - A.T - A + A.T)", "A", variables=VARIABLES)
    assert found.status != "proved"


def test_signs_of_what_vanishes_on_an_open_set() -> None:
    """sign(relu(x))² is 0 for x < 0, so it is no 1, and step(relu(x)) is no (1 + sign(relu(x)))/2."""
    for left, right in (
        ("sign(relu(x))**2", "ones(n)"),
        ("step(relu(x))", "(1 + sign(relu(x)))/2"),
        ("sign(maximum(x, y) - y)**2", "ones(n)"),
    ):
        a, b = (dv.parse(side, variables=VARIABLES).node for side in (left, right))
        assert not is_zero(canonical(add([(ONE, a), (-ONE, b)])))


def test_branches_that_differ_where_the_choice_changes() -> None:
    """1 for x < 0 and 0 for x > 0, both: they differ at x = 0."""
    found = dv.check_equal("where(x < 0, 1, 0)", "where(x > 0, 0, 1)", variables=VARIABLES)
    assert found.status == "refuted"
