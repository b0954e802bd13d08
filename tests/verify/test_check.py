"""Verdicts: right claims are never refuted, wrong ones always, with the reason."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sympy

import derive as dv
from derive.build import add, einsum, inner, matmul, multiply, negate, scale, total, transpose
from derive.differentiate import gradient, jacobian
from derive.node import Node, delta, variable
from derive.operators import apply
from derive.second import hessian
from derive.sizes import sizes
from derive.verify import check_claim

n, d = sizes("n d")
ONE, HALF = sympy.S.One, sympy.S.Half
X = variable("X", (n, d))
y = variable("y", (n,))
w = variable("w", (d,))
lam = variable("lam", (), ("positive",))
A = variable("A", (d, d))
P = variable("P", (d, d), ("pd",))
Xt = transpose(X)
residual = add([(ONE, matmul(X, w)), (-ONE, y)])
ridge = add([(HALF, inner(residual, residual)), (HALF, multiply(lam, inner(w, w)))])
fit, shrink = matmul(Xt, residual), multiply(lam, w)


def combine(*terms: tuple[Any, Node]) -> Node:
    return add([(sympy.sympify(c), t) for c, t in terms])


RIGHT = {
    "as derived": combine((1, fit), (1, shrink)),
    "multiplied out": combine((1, matmul(matmul(Xt, X), w)), (-1, matmul(Xt, y)), (1, shrink)),
    "factored": combine(
        (1, matmul(combine((1, matmul(Xt, X)), (1, multiply(lam, delta(d)))), w)), (-1, matmul(Xt, y))
    ),
}


@pytest.mark.parametrize("name", RIGHT)
def test_right_claims_agree(name: str) -> None:
    """The same gradient in other words."""
    verdict = check_claim(ridge, w, RIGHT[name])
    assert verdict.status in ("agrees", "proved")
    assert verdict.ok
    assert "no proof" in verdict.reason or verdict.status == "proved"


WRONG = {
    "factor 2": (combine((2, fit), (2, shrink)), "factor", "2 times"),
    "factor 1/n": (combine((1 / n, fit), (1 / n, shrink)), "factor", "multiply it by n"),
    "opposite sign": (combine((-1, fit), (-1, shrink)), "sign", "opposite sign"),
    "regulariser dropped": (fit, "missing term", "lam * w is missing"),
    "data term dropped": (shrink, "missing term", "is missing"),
    "regulariser doubled": (combine((1, fit), (2, shrink)), "term factor", "2 times the term lam * w"),
    "mean in one term": (combine((1 / n, fit), (1, shrink)), "term factor", "1/n times"),
    "sign of one term": (combine((1, fit), (-1, shrink)), "sign", "lam * w has the wrong sign"),
    "sign inside": (
        combine((1, matmul(Xt, combine((1, matmul(X, w)), (1, y)))), (1, shrink)),
        "sign",
        "wrong sign",
    ),
    "extra term": (combine((1, fit), (1, shrink), (1, apply("sin", w))), "extra term", "does not belong"),
    "zero": (scale(sympy.S.Zero, w), "zero", "is zero"),
    "a relative error of a millionth": (
        combine((1, fit), (sympy.Rational(1000001, 1000000), shrink)),
        "term factor",
        "1000001/1000000",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_claims_are_refuted_and_diagnosed(name: str) -> None:
    claim, kind, words = WRONG[name]
    verdict = check_claim(ridge, w, claim)
    assert verdict.status == "refuted"
    assert not verdict.ok
    assert verdict.counterexample is not None
    assert verdict.counterexample.differing
    assert verdict.diagnosis is not None
    assert verdict.diagnosis.kind == kind
    assert words in verdict.diagnosis.sentence


def test_the_counterexample_can_be_recomputed() -> None:
    """Smallest sizes, small whole numbers, exact values: redo it with NumPy."""
    verdict = check_claim(ridge, w, fit)
    example = verdict.counterexample
    assert example is not None
    assert example.sizes == {"n": 1, "d": 1}
    data = {k: np.asarray(a, dtype=float) for k, a in example.data.items()}
    r = data["X"] @ data["w"] - data["y"]
    assert np.allclose(np.asarray(example.claimed, dtype=float), data["X"].T @ r)
    right = data["X"].T @ r + data["lam"] * data["w"]
    assert np.allclose(np.asarray(example.right, dtype=float), right)
    text = str(verdict)
    assert text.startswith("refuted: ")
    for part in ("diagnosis:", "counterexample:", "claimed value = [", "right value = [", "lam = "):
        assert part in text


def test_a_wrong_shape_names_both() -> None:
    verdict = check_claim(ridge, w, residual)
    assert verdict.status == "refuted"
    assert "(n,)" in verdict.reason
    assert "(d,)" in verdict.reason


def test_transposes() -> None:
    f = total(apply("sin", matmul(A, matmul(A, A))))
    verdict = check_claim(f, A, transpose(gradient(f, A)))
    assert verdict.diagnosis is not None
    assert verdict.diagnosis.kind == "transpose"


def test_conventions_are_no_mistakes() -> None:
    """2G − diag G, independent entries, denominator layout: named, not called wrong mathematics."""
    f = apply("logdet", P)
    G = gradient(f, P)
    doubled = combine((2, G), (-1, einsum([(G, (0, 1)), (delta(d), (0, 1))], (0, 1))))
    independent = A
    B = matmul(X, w)
    for objective, wrt, claim, order in (
        (f, P, doubled, 1),
        (inner(A, P), P, independent, 1),
        (B, w, transpose(jacobian(B, w)), "jacobian"),
    ):
        verdict = check_claim(objective, wrt, claim, order)  # type: ignore[arg-type]
        assert verdict.status == "refuted"
        assert verdict.diagnosis is not None
        assert verdict.diagnosis.kind == "convention"


def test_hessians_and_jacobians() -> None:
    H = combine((1, matmul(Xt, X)), (1, multiply(lam, delta(d))))
    assert check_claim(ridge, w, H, 2).ok
    wrong = check_claim(ridge, w, matmul(Xt, X), 2)
    assert wrong.diagnosis is not None
    assert wrong.diagnosis.kind == "missing term"
    assert check_claim(matmul(X, w), w, X, "jacobian").ok


def test_functions_can_be_checked() -> None:
    """Anybody's NumPy function of the arrays by name; the verdict says to how many digits."""
    right = check_claim(ridge, w, lambda X, w, y, lam: X.T @ (X @ w - y) + lam * w)
    assert right.status == "agrees"
    assert "7 digits" in right.reason
    wrong = check_claim(ridge, w, lambda X, w, y, lam: X.T @ (X @ w - y))
    assert wrong.status == "refuted"
    assert wrong.counterexample is not None
    failing = check_claim(ridge, w, lambda X, w, y, lam: X @ X @ w)
    assert failing.status in ("refuted", "unsupported")
    shape = check_claim(ridge, w, lambda X, w, y, lam: X @ w)
    assert shape.status == "refuted"


def test_logarithms_are_checked_inside_their_domain() -> None:
    """Σ log w: points with negative entries are redrawn."""
    f = total(apply("log", w))
    assert check_claim(f, w, apply("power", w, exponent=-ONE)).ok
    assert check_claim(f, w, negate(apply("power", w, exponent=-ONE))).status == "refuted"


def test_a_statement_without_a_domain_is_unsupported() -> None:
    """log(−1 − w²) is nowhere real: no verdict, and the reason."""
    square = apply("power", w, exponent=sympy.Integer(2))
    f = total(apply("log", add([(-ONE, square), (-ONE, apply("exp", w))])))
    verdict = check_claim(f, w, w)
    assert verdict.status == "unsupported"
    assert "finite" in verdict.reason


def test_subgradients_accuse_nobody() -> None:
    """∇ Σ|w| = sign w: at w = 0 any value in [−1, 1] is defensible, elsewhere the sign must be right."""
    f = total(apply("abs", w))
    assert check_claim(f, w, apply("sign", w)).ok
    other = add([(ONE, apply("step", w)), (-ONE, apply("step", negate(w)))])
    assert check_claim(f, w, other).ok


def test_verdicts_are_reproducible() -> None:
    """Same seed, same text."""
    assert str(check_claim(ridge, w, fit, seed=3)) == str(check_claim(ridge, w, fit, seed=3))


def test_fixed_sizes_are_kept() -> None:
    verdict = check_claim(ridge, w, fit, sizes={n: 4})
    assert verdict.counterexample is not None
    assert verdict.counterexample.sizes["n"] == 4


def test_right_claims_with_facts() -> None:
    """Positive definite, simplex, orthogonal, diagonal data satisfy their facts."""
    for facts in (("pd",), ("psd",), ("symmetric",), ("orthogonal",), ("diagonal",), ("invertible",)):
        M = variable("M", (d, d), facts)
        f = inner(w, matmul(M, w))
        assert check_claim(f, w, matmul(add([(ONE, M), (ONE, transpose(M))]), w)).ok
    p = variable("p", (d,), ("simplex", "positive"))
    f = inner(p, apply("log", p))
    assert check_claim(
        f, p, add([(ONE, apply("log", p)), (ONE, einsum([(gradient(total(p), p), (0,))], (0,)))])
    ).ok


def test_hessian_of_the_wrong_layout_is_named() -> None:
    M = variable("M", (n, d))
    f = total(apply("sin", matmul(M, w)))
    H = hessian(f, M)
    flat = apply("reshape", H, shape=(n * d, n * d))
    verdict = check_claim(f, M, flat, 2)
    assert verdict.status == "refuted"
    assert verdict.diagnosis is not None
    assert verdict.diagnosis.kind == "convention"


def test_large_values_are_values() -> None:
    """A factor of 10²⁰ is no singular matrix."""
    large = scale(sympy.Integer(10) ** 20, inner(w, w))
    assert check_claim(large, w, scale(2 * sympy.Integer(10) ** 20, w)).status == "proved"
    assert check_claim(large, w, scale(3 * sympy.Integer(10) ** 20, w)).status == "refuted"
    assert check_claim(inner(w, w), w, scale(sympy.Integer(10) ** 20, w)).status == "refuted"


def test_a_claim_that_is_nowhere_defined_is_refuted() -> None:
    nowhere = apply("log", negate(apply("exp", w)))
    verdict = check_claim(inner(w, w), w, nowhere)
    assert verdict.status == "refuted"
    assert verdict.diagnosis is not None
    assert verdict.diagnosis.kind == "undefined"


FIT = {"X": ("n", "d"), "W": ("d", "k"), "Y": ("n", "k")}
SANDWICH = {"A": ("m", "n"), "X": ("n", "p"), "B": ("p", "q")}


@pytest.mark.parametrize(
    ("text", "shapes", "wrt", "order", "claim", "status", "kind"),
    [
        ("sumsq(X @ W - Y)/2", FIT, "W", 2, "kron(eye(k), X.T @ X)", "proved", ""),
        ("sumsq(X @ W - Y)/2", FIT, "W", 2, "kron(X.T @ X, eye(k))", "refuted", "convention"),
        ("sumsq(X @ W - Y)/2", FIT, "W", 2, r"\nabla^2 f = I \otimes (X^\top X)", "proved", ""),
        ("sumsq(X @ W - Y)/2", FIT, "W", 2, r"\nabla^2 f = (X^\top X) \otimes I", "refuted", "convention"),
        ("sumsq(X @ W - Y)/2", FIT, "W", 2, "2*kron(eye(k), X.T @ X)", "refuted", "factor"),
        ("sumsq(X @ W - Y)/2", FIT, "W", 1, "vec(X.T @ (X @ W - Y))", "proved", ""),
        ("sumsq(X @ W - Y)/2", FIT, "W", 1, "vec((X @ W - Y).T @ X)", "refuted", "convention"),
        ("A @ X @ B", SANDWICH, "X", "jacobian", "kron(B.T, A)", "proved", ""),
        ("A @ X @ B", SANDWICH, "X", "jacobian", "kron(A, B.T)", "refuted", "convention"),
        ("A @ X @ B", SANDWICH, "X", "jacobian", "kron(B, A)", "refuted", ""),
    ],
)
def test_stacked_entries(
    text: str, shapes: Any, wrt: str, order: Any, claim: str, status: str, kind: str
) -> None:
    """Hessians and Jacobians as one matrix on vec, as they are printed; with rows stacked it is another convention."""
    found = dv.check(dv.parse(text, variables=shapes), wrt, claim=claim, order=order)
    assert found.status == status
    assert not kind or found.diagnosis.kind == kind


LOGIT = {"X": ("n", "d"), "w": ("d",), "y": ("n",)}
WITH_SIGNS = "X.T @ diag(sigmoid(X @ w)*(1 - sigmoid(X @ w))) @ X"
MASKED = {"U": ("n", "k"), "V": ("m", "k"), "R": ("n", "m"), "M": ("n", "m")}


@pytest.mark.parametrize(
    ("text", "shapes", "wrt", "order", "claim", "assuming"),
    [
        # 1 - sigmoid(400) is 0 in a hundred digits: that accuses nobody
        ("sum(log(1 + exp(-y*(X @ w))))", LOGIT, "w", 2, WITH_SIGNS, "y**2 == 1"),
        (
            "sum(log(1 + exp(-y*(X @ w))))",
            LOGIT,
            "w",
            1,
            "X.T @ (sigmoid(X @ w) - (1 + y)/2)",
            "y**2 == 1",
        ),
        ("sum(exp(-y*(X @ w)))", LOGIT, "w", 2, "X.T @ diag(exp(-y*(X @ w))) @ X", "y**2 == 1"),
        ("sumsq(M*(R - U @ V.T))/2", MASKED, "V", 1, "-(M*(R - U @ V.T)).T @ U", "M**2 == M"),
        ("norm(x)", {"x": ("n",)}, "x", 2, "eye(n) - outer(x, x)", "sumsq(x) == 1"),
        (
            "sumsq(X - X @ W @ W.T)",
            {"X": ("n", "d"), "W": ("d", "k")},
            "W",
            1,
            "-2*(eye(d) - W @ W.T) @ X.T @ X @ W",
            "W.T @ W == eye(k)",
        ),
    ],
)
def test_conditions_serve_proofs(
    text: str, shapes: Any, wrt: str, order: Any, claim: str, assuming: str
) -> None:
    """Right under the condition, with a proof; refuted without it."""
    loss = dv.parse(text, variables=shapes)
    assert dv.check(loss, wrt, claim=claim, order=order, assuming=[assuming]).status == "proved"
    assert dv.check(loss, wrt, claim=claim, order=order).status == "refuted"


@pytest.mark.parametrize("claim", ["X.T @ (y*sigmoid(X @ w))", "-X.T @ (y*sigmoid(X @ w))"])
def test_wrong_claims_under_conditions(claim: str) -> None:
    loss = dv.parse("sum(log(1 + exp(-y*(X @ w))))", variables=LOGIT)
    assert dv.check(loss, "w", claim=claim, assuming=["y**2 == 1"]).status == "refuted"
