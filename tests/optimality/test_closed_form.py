"""Closed forms: exact text, and stationarity of the solution on numbers."""

from __future__ import annotations

import numpy as np
import pytest

import derive as dv
from derive.errors import UnsupportedError

VARIABLES: dict[str, tuple[str, ...]] = {
    "X": ("n", "d"),
    "y": ("n",),
    "w": ("d",),
    "A": ("m", "d"),
    "b": ("m",),
    "W": ("d", "k"),
    "U": ("n", "k"),
    "S": ("d", "d"),
    "Y": ("n", "k"),
    "lam": (),
    "c": ("n",),
    "mu": ("d",),
    "M": ("n", "d"),
    "t": (),
    "P": ("d", "d"),
}
FACTS = {"lam": ["positive"], "c": ["positive"], "S": ["pd"], "P": ["symmetric"]}
SIZES = {"n": 7, "d": 3, "k": 2, "m": 2}

CASES = [
    ("sumsq(X @ w - y)/2", "w", [], {"w": "inv(X.T @ X) @ X.T @ y"}),
    ("sumsq(X @ w - y)/2 + lam/2*sumsq(w)", "w", [], {"w": "inv(X.T @ X + lam * eye(d)) @ X.T @ y"}),
    ("(X @ w - y) @ diag(c) @ (X @ w - y)", "w", [], {"w": "inv(X.T @ diag(c) @ X) @ X.T @ (c * y)"}),
    ("sumsq(X @ W - Y) + lam*sumsq(W)", "W", [], {"W": "inv(X.T @ X + lam * eye(d)) @ X.T @ Y"}),
    ("sumsq(M - mu[None, :])", "mu", [], {"mu": "mean(M, axis=0)"}),
    ("sum((M - mu) @ S @ (M - mu).T * eye(n))", "mu", [], {"mu": "mean(M, axis=0)"}),
    ("sumsq(y - t)", "t", [], {"t": "mean(y)"}),
    ("sumsq(w)/2", "w", ["A @ w == b"], {"w": "A.T @ inv(A @ A.T) @ b"}),
    ("w @ S @ w/2", "w", ["sum(w) == 1"], {"w": "sum(inv(S), axis=1) / sum(inv(S))"}),
    ("sumsq(w - mu)/2", "w", ["sum(w) == 1"], {"w": "mu + (1 - sum(mu)) / d"}),
    ("sumsq(X @ w - y)/2", "w", ["A @ w == b"], {}),
    (
        "sumsq(X - U @ W.T) + lam*sumsq(U) + lam*sumsq(W)",
        ["U", "W"],
        [],
        {"U": "X @ W @ inv(W.T @ W + lam * eye(k))", "W": "X.T @ U @ inv(U.T @ U + lam * eye(k))"},
    ),
]


def problem(objective: str, over: object, conditions: list[str]) -> dv.Problem:
    return dv.minimize(
        dv.parse(objective, variables=VARIABLES, facts=FACTS), over=over, subject_to=conditions
    )


@pytest.mark.parametrize(("objective", "over", "conditions", "expected"), CASES)
def test_closed_form(objective: str, over: object, conditions: list[str], expected: dict[str, str]) -> None:
    """The textbook's formula, and zero gradient of the Lagrangian on numbers."""
    stated = problem(objective, over, conditions)
    found = stated.closed_form()
    for name, text in expected.items():
        assert (
            found[name]
            .lines()[0]
            .split(" = ", 1)[1]
            .removesuffix(" for fixed W" if name == "U" else " for fixed U")
            == text
        )
    rng = np.random.default_rng(1)
    arrays = {}
    for v in stated.objective.declared:
        a = np.asarray(rng.standard_normal(tuple(SIZES[str(s)] for s in v.shape)))
        if "psd" in v.facts:
            a = a @ a.T + np.eye(len(a))
        elif "symmetric" in v.facts:
            a = a + a.T
        arrays[v.name] = np.abs(a) + 0.1 if "positive" in v.facts else a
    kkt = stated.kkt()
    for name, form in found.items():
        solution = dv.Expression(form.solution, stated.objective.declared)
        point = {**arrays, name: solution.evaluate(arrays)}
        if form.multiplier is not None:
            point["nu_1"] = dv.Expression(form.multiplier, stated.objective.declared).evaluate(arrays)
        (slope,) = [g for v, g in kkt.stationarity.items() if v.name == name]
        assert np.abs(dv.Expression(slope, stated.lagrangian().declared).evaluate(point)).max() < 1e-9
        for c in stated.constraints:
            residual = c.left - c.right
            gap = residual.evaluate({k: point[k] for k in residual.variables})
            assert np.abs(gap).max() < 1e-10


def test_condition_and_proof_are_printed() -> None:
    """What has to be invertible is named."""
    lines = problem("sumsq(X @ w - y)/2", "w", []).closed_form()["w"].lines()
    assert lines[1] == "  if X.T @ X is invertible"
    assert lines[2].startswith("  otherwise w = pinv(X.T @ X) @ X.T @ y, of least norm")
    assert "by multiplying out for all sizes" in lines[3]
    assert lines[4] == "  a minimum, since the objective is convex in w"
    assert problem("sumsq(y - t)", "t", []).closed_form()["t"].condition == ""


@pytest.mark.parametrize(
    ("objective", "over", "conditions"),
    [
        ("sum(exp(X @ w))", "w", []),
        ("sumsq(X @ w - y)", "w", ["w >= 0"]),
        ("sumsq(X @ w - y)", "w", ["sumsq(w) == 1"]),
        ("sumsq(X @ P - X)", "P", []),
        ("tr(P @ W @ W.T) + tr(W @ W.T @ S @ W @ W.T)", "W", []),
        ("sum(w)", "w", []),
        ("sum(maximum(w, 0)**2) + sumsq(w - mu)", "w", []),
        ("sum(abs(w)**(3/2)) - mu @ w", "w", []),
    ],
)
def test_no_closed_form(objective: str, over: str, conditions: list[str]) -> None:
    """Where stationarity is not linear, nothing is claimed."""
    with pytest.raises(UnsupportedError):
        problem(objective, over, conditions).closed_form()


def test_long_derivatives_are_not_multiplied_out() -> None:
    """A rational model: eliminating b1 and b2 leaves thousands of products, in which nothing is looked for."""
    model = "(b1 + b2*x + b3*x**2 + b4*x**3) / (1 + b5*x + b6*x**2 + b7*x**3)"
    names = [f"b{k}" for k in range(1, 8)]
    shapes = {"x": ("n",), "y": ("n",), **dict.fromkeys(names, ())}
    asked = dv.minimize(f"sumsq(y - {model})", over=names, variables=shapes)
    with pytest.raises(UnsupportedError, match="parts"):
        asked.closed_form(joint=True)


def test_odd_roots_have_a_sign() -> None:
    """w³ = μ has a root for negative μ, too."""
    form = problem("sum(w**4)/4 - mu @ w", "w", []).closed_form()["w"]
    assert form.lines()[0] == "w = abs(mu) ** (1 / 3) * sign(mu)"
    assert np.allclose(form.evaluate(mu=np.array([-8.0, 27.0])), [-2, 3])
