"""Slips of hand derivations all over machine learning: refuted, and named in words that help."""

from __future__ import annotations

import pytest

import derive as dv
from derive.verify.diagnosis import terms
from derive.verify.style import as_printed

SHAPES: dict[str, tuple[object, ...]] = {
    **dict.fromkeys("yaz", ("n",)),
    **dict.fromkeys(("lam",), ()),
    **dict.fromkeys("KM", ("n", "n")),
    **dict.fromkeys("XZU", ("n", "d")),
    **{"w": ("d",), "mu": ("d",), "S": ("d", "d"), "W": ("d", "h"), "V": ("h", "k"), "Y": ("n", "k")},
    **{"A": ("m", "d"), "b": ("m",), "G": ("p", "d"), "R": ("n", "m"), "B": ("m", "m"), "E": ("d", "h")},
    **{"D": ("h", "d"), "P": ("d", "n"), "Q": ("n", "q"), "C": ("q", "n")},
}
FACTS = {"K": ("psd",), "S": ("pd",), "lam": ("positive",)}

#: objective, unknown, wrong claim, kind of the slip, words of the sentence
CASES = [
    ("sum(exp(X @ w) - y*(X @ w))", "w", "X.T @ (X @ w - y)", "function", "should be exp(X @ w)"),
    (
        "sumsq(A @ w - b) + lam*sumsq(G @ w)",
        "w",
        "2*A.T @ (A @ w - b) + 2*lam*w",
        "missing factor",
        "G.T @ G @ w",
    ),
    (
        "sumsq(sigmoid(X @ W) @ V - Y)/2",
        "V",
        "(X @ W).T @ (sigmoid(X @ W) @ V - Y)",
        "function",
        "sigmoid(X @ W).T",
    ),
    ("sumsq(X - X @ E @ D)", "E", "-2*X.T @ (X - X @ E @ D) @ E", "operand", "@ D.T should"),
    ("sumsq(a - K @ z)/2 + lam/2*(z @ K @ z)", "z", "K @ z - a + lam*z", "missing factor", "the factor K"),
    (
        "sumsq(a - K @ z)/2 + lam/2*(z @ K @ z)",
        "z",
        "K @ (K @ z - a) + lam*z",
        "missing factor",
        "lam * K @ z",
    ),
    ("sumsq(a - K @ z)/2 + lam/2*(z @ K @ z)", "z", "K @ (K @ z - a)", "missing term", "lam * z is missing"),
    ("sumsq(Z - U)/2 + tr(Z.T @ M @ Z)", "Z", "Z - U + 2*M @ Z", "transpose", "only if M is symmetric"),
    (
        "sumsq(X @ w)/(w @ w)",
        "w",
        "2*X.T @ X @ w/(w @ w) - 2*sumsq(X @ w)/(w @ w)*w",
        "missing factor",
        "the factor 1 / (w @ w)",
    ),
    (
        "n/2*logdet(S) + tr((X - mu) @ inv(S) @ (X - mu).T)/2",
        "S",
        "n/2*inv(S) - (X - mu).T @ (X - mu)/2",
        "missing factor",
        "the factor inv(S)",
    ),
    ("sum(softplus(X @ w))", "w", "X.T @ ones(n)", "missing factor", "sigmoid(X @ w)"),
    ("tr(P @ Q @ C @ X)", "X", "C.T @ Q.T @ P.T + X", "extra term", "X does not belong there"),
    (
        "-sum(log(1 + erf(y*(X @ w))))",
        "w",
        "-2/sqrt(pi)*X.T @ (exp(-(y*(X @ w))**2)/(1 + erf(y*(X @ w))))",
        "missing factor",
        "the factor y",
    ),
    (
        "tr(inv(B) @ R.T @ M @ R) + sumsq(R)/2",
        "R",
        "2*M @ R @ inv(B) + R",
        "condition",
        "only if B and M are symmetric",
    ),
]


def statement(text: str) -> dv.Expression:
    names = {n: s for n, s in SHAPES.items() if n in _words(text)}
    return dv.parse(text, variables=names, facts={n: f for n, f in FACTS.items() if n in names})


def _words(text: str) -> set[str]:
    return set("".join(c if c.isalnum() else " " for c in text).split())


@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c[0]}: {c[2]}")
def test_a_slip_is_named(case: tuple[str, str, str, str, str]) -> None:
    objective, unknown, claim, kind, words = case
    verdict = dv.check(statement(objective), unknown, claim=claim)
    assert verdict.status == "refuted"
    assert verdict.diagnosis is not None
    assert verdict.diagnosis.kind == kind, verdict.diagnosis
    assert words in verdict.diagnosis.sentence


@pytest.mark.parametrize(
    ("claim", "words"),
    [
        ("X.T @ diag(sigmoid(X @ w)) @ X", "the factor 1 - sigmoid(X @ w)"),
        ("X.T @ X", "the factor sigmoid(X @ w) * (1 - sigmoid(X @ w))"),
    ],
)
def test_a_factor_of_the_logistic_hessian(claim: str, words: str) -> None:
    """X^T diag(σ(1 − σ)) X with parts of the weight forgotten."""
    verdict = dv.check(statement("sum(softplus(X @ w))"), "w", claim=claim, order=2)
    assert verdict.diagnosis.kind == "missing factor"
    assert words in verdict.diagnosis.sentence


def test_an_entrywise_product_for_a_matrix_product() -> None:
    """tr(A B X) has the gradient (A B)ᵀ; with * for @."""
    given = dict.fromkeys("ABX", ("n", "n"))
    verdict = dv.check(dv.parse("tr(A @ B @ X)", variables=given), "X", claim="(A*B).T")
    assert verdict.diagnosis.kind == "product"


def test_halves_of_a_term_are_one_term() -> None:
    """zᵀKz with a symmetric K has the terms Kz/2 twice: read as printed they are one."""
    loss = statement("sumsq(a - K @ z)/2 + lam/2*(z @ K @ z)")
    printed = as_printed(dv.gradient(loss, "z").node)
    assert len(list(terms(printed))) == 1


def test_formulas_of_a_sentence_are_kept_as_formulas() -> None:
    verdict = dv.check(statement("sumsq(X @ w - y)/2 + lam/2*sumsq(w)"), "w", claim="X.T @ (X @ w - y)")
    assert verdict.diagnosis.sentence == "the term lam * w is missing"
    assert [p for p in verdict.diagnosis.pieces if isinstance(p, str)] == ["the term ", " is missing"]
    assert r"the term $\lambda w$ is missing" in verdict.latex()
    assert 'alt="\\lambda w"' in verdict.html()
