"""Claims of every kind, conditions, and ways to state a claim."""

from __future__ import annotations

from typing import Any

import pytest

import derive as dv
from derive.errors import ArgumentError, UnsupportedError

NAMES = {"X": ("n", "d"), "y": ("n",), "w": ("d",), "lam": (), "eta": ()}
RIDGE = dv.parse("sumsq(X @ w - y)/2 + lam/2*sumsq(w)", variables=NAMES, facts={"lam": ("positive",)})
LOSS = dv.parse("sumsq(X @ w - y)/2", variables=NAMES)
CROSS = dv.parse("-sum(y*log(softmax(z)))", variables={"y": ("k",), "z": ("k",)})
QUADRATIC = dv.parse("dot(x, A@x)", variables={"x": ("n",), "A": ("n", "n")})
GRADIENT = "(X.T@(X@w - y) + lam*w)"


@pytest.mark.parametrize(
    ("kind", "claim", "status", "diagnosed"),
    [
        ("minimiser", "inv(X.T@X + lam*eye(d)) @ X.T @ y", "proved", None),
        ("minimiser", "inv(X.T@X + 2*lam*eye(d)) @ X.T @ y", "refuted", "term factor"),
        ("minimiser", "inv(X.T@X - lam*eye(d)) @ X.T @ y", "refuted", "sign"),
        ("minimiser", "w", "unsupported", None),
        ("step", f"w - eta*{GRADIENT}", "proved", None),
        ("update", f"w - 0.1*{GRADIENT}", "proved", None),
        ("step", f"w + eta*{GRADIENT}", "refuted", "sign"),
        ("step", f"w - eta*{GRADIENT}/n", "refuted", None),
        ("step", f"w - inv(X.T@X + lam*eye(d))@{GRADIENT}", "refuted", "objective"),
        ("hessian", "X.T@X + lam*eye(d)", "proved", None),
        ("value", "(w@(X.T@X)@w - 2*y@X@w + y@y)/2 + lam*sum(w**2)/2", "proved", None),
    ],
)
def test_kinds(kind: str, claim: str, status: str, diagnosed: str | None) -> None:
    verdict = dv.check(RIDGE, "w", claim=claim, kind=kind)
    assert verdict.status == status
    if diagnosed is not None:
        assert verdict.diagnosis is not None
        assert verdict.diagnosis.kind == diagnosed


def test_the_first_broken_line_is_named() -> None:
    lines = ["dot(X@w - y, X@w - y)/2 + lam*dot(w, w)/2", "(w@X.T@X@w - 2*y@X@w + y@y)/2 + lam*dot(w, w)/2"]
    assert dv.check(RIDGE, claim=lines, kind="lines").status == "proved"
    broken = dv.check(RIDGE, claim=[lines[0], lines[1].replace("2*y", "y"), lines[0]], kind="lines")
    assert broken.status == "refuted"
    assert "line 3 does not follow from line 2" in broken.reason


def test_a_condition_that_is_not_given_is_named() -> None:
    """softmax(z) − y needs Σ y = 1; 2 A x a symmetric A."""
    without = dv.check(CROSS, "z", claim="softmax(z) - y")
    assert without.status == "refuted"
    assert "sum to 1" in str(without.diagnosis)
    assert dv.check(CROSS, "z", claim="softmax(z) - y", assuming=["sum(y) == 1"]).status == "proved"
    assert "symmetric" in str(dv.check(QUADRATIC, "x", claim="2*A@x").diagnosis)
    assert dv.check(QUADRATIC, "x", claim="2*A@x", assuming="A == A.T").status == "proved"
    with pytest.raises(UnsupportedError, match="not understood"):
        dv.check(QUADRATIC, "x", claim="2*A@x", assuming="A @ x == x")


def test_row_sums() -> None:
    names = {"X": ("n", "d"), "W": ("d", "k"), "Y": ("n", "k")}
    loss = dv.parse("-sum(Y*log_softmax(X@W, axis=1))", variables=names)
    claim = "X.T@(softmax(X@W, axis=1) - Y)"
    assert dv.check(loss, "W", claim=claim, assuming=["sum(Y, axis=1) == 1"]).status == "proved"
    assert dv.check(loss, "W", claim=claim).status == "refuted"


@pytest.mark.parametrize(
    ("claim", "status"),
    [
        (r"\nabla_w f = (X^\top X + \lambda I) w - X^\top y", "proved"),
        (r"X^\top (Xw - y)", "refuted"),
        (lambda X, w, y, lam, **rest: X.T @ (X @ w - y) + lam * w, "agrees"),
        (lambda X, w, y, lam, **rest: X.T @ (X @ w - y), "refuted"),
        (dv.gradient(RIDGE, "w"), "proved"),
    ],
)
def test_ways_to_state_a_claim(claim: Any, status: str) -> None:
    assert dv.check(RIDGE, "w", claim=claim, symbols={r"\lambda": "lam"}).status == status


def test_equal_expressions() -> None:
    x = dv.vector("x", "n")
    assert dv.check_equal(1 - dv.tanh(x) ** 2, 4 * dv.sigmoid(2 * x) * dv.sigmoid(-2 * x)).status == "proved"
    assert dv.check_equal("A @ B", "B @ A", variables={"A": ("n", "n"), "B": ("n", "n")}).status == "refuted"
    with pytest.raises(ArgumentError):
        dv.check_equal(x, lambda x: x)


KKT = ["X.T @ (X @ w - y) - mu == 0", "w >= 0", "mu >= 0", "mu*w == 0"]


@pytest.mark.parametrize(
    "claim",
    [
        KKT,
        ["2*mu == 2*X.T @ (X @ w - y)", "0 <= w", "mu >= 0", "mu @ w == 0"],
        "\n".join(reversed(KKT)),
    ],
    ids=["as derived", "moved about", "text, in another order"],
)
def test_kkt_systems(claim: object) -> None:
    found = dv.check(LOSS, "w", claim=claim, kind="kkt", subject_to=["w >= 0"])
    assert found.status == "proved", found


@pytest.mark.parametrize(
    ("claim", "kind"),
    [
        (KKT[:3], "missing condition"),
        ([KKT[0].replace("- mu", "+ mu"), *KKT[1:]], "sign"),
        ([KKT[0].replace("- y", "+ y"), *KKT[1:]], "sign"),
        ([*KKT[:2], "mu <= 0", KKT[3]], "sign"),
        ([*KKT, "sum(w) == 1"], "extra condition"),
    ],
)
def test_wrong_kkt_systems(claim: list[str], kind: str) -> None:
    found = dv.check(LOSS, "w", claim=claim, kind="kkt", subject_to=["w >= 0"])
    assert found.status == "refuted"
    assert found.diagnosis is not None
    assert found.diagnosis.kind == kind, found


def test_the_multiplier_of_an_equation_has_either_sign() -> None:
    for sign in "+-":
        claim = [f"X.T @ (X @ w - y) {sign} nu == 0", "sum(w) == 1"]
        assert dv.check(LOSS, "w", claim=claim, kind="kkt", subject_to="sum(w) == 1").status == "proved"


def test_em_updates_are_stationary_points() -> None:
    """The M-step of a mixture: weights on the simplex, means, with the responsibilities R held fixed."""
    shapes = {"R": ("n", "k"), "X": ("n", "d"), "mu": ("k", "d"), "p": ("k",)}
    facts = {"R": ("simplex",), "p": ("simplex", "positive")}
    weights = dv.parse("-sum(R @ log(p))", variables=shapes, facts=facts)
    means = dv.parse("sum(R*sum((X[:, None, :] - mu)**2, axis=2))/2", variables=shapes, facts=facts)
    assert dv.check(weights, "p", claim="mean(R, axis=0)", kind="update").status == "proved"
    assert dv.check(weights, "p", claim="sum(R, axis=0)/k", kind="update").status == "refuted"
    assert dv.check(means, "mu", claim="R.T @ X/sum(R, axis=0)[:, None]", kind="update").status == "proved"
    assert dv.check(means, "mu", claim="R.T @ X/n", kind="update").status == "refuted"


def test_index_notation() -> None:
    for claim, status in (
        (r"\frac{\partial f}{\partial w_j} = \sum_i X_{ij}(\sum_k X_{ik}w_k - y_i)", "proved"),
        (r"\frac{\partial f}{\partial w_j} = \sum_i X_{ij}(\sum_k X_{ik}w_k + y_i)", "refuted"),
    ):
        assert dv.check(LOSS, "w", claim=claim).status == status
