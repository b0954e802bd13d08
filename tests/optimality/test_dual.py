"""Duals: the textbook's text, strong duality on random instances, weak duality at any feasible point."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

import derive as dv
from derive.errors import DataError, DeclarationError, UnsupportedError
from derive.optimality.gap import bound, candidate, recover, violation

SHAPES: dict[str, tuple[str, ...]] = {
    "X": ("n", "d"),
    "y": ("n",),
    "w": ("d",),
    "b": (),
    "C": (),
    "lam": (),
    "mu": (),
    "P": ("d", "d"),
    "q": ("d",),
    "A": ("m", "d"),
    "h": ("m",),
    "c": ("d",),
    "p": ("d",),
    "x": ("d",),
    "s": ("d",),
    "W": ("d", "k"),
    "Y": ("n", "k"),
    "S": ("d", "d"),
    "M": ("d", "d"),
    "xi": ("n",),
    "tau": (),
    "ins": (),
}
FACTS = {
    "ins": ["positive"],
    "C": ["positive"],
    "lam": ["positive"],
    "mu": ["positive"],
    "P": ["pd"],
    "M": ["pd"],
    "S": ["pd"],
    "p": ["simplex"],
    "x": ["positive"],
    "s": ["nonnegative"],
}
SIZES = {"n": 8, "d": 3, "m": 2, "k": 2}
SVM = "sumsq(w)/2 + C*sum(maximum(0, 1 - y*(X @ w + b)))"


def problem(objective: str, over: Any, conditions: Sequence[str] = (), sense: str = "minimize") -> dv.Problem:
    text = " ".join([objective, *conditions])
    import re

    used = [v for v in SHAPES if re.search(rf"(?<!\w){v}(?![\w(])", text)]
    loss = dv.parse(
        objective, variables={v: SHAPES[v] for v in used}, facts={v: FACTS[v] for v in used if v in FACTS}
    )
    return getattr(dv, sense)(loss, over=over, subject_to=list(conditions))


def data(stated: dv.Problem, seed: int = 0) -> dict[str, Any]:
    """Data for which the constraints can be met and the optimum is finite."""
    rng = np.random.default_rng(seed)
    found: dict[str, Any] = {}
    for name, shape in SHAPES.items():
        a = np.asarray(rng.standard_normal(tuple(SIZES[i] for i in shape)))
        facts = FACTS.get(name, [])
        if "pd" in facts:
            a = a @ a.T + np.eye(len(a))
        found[name] = np.abs(a) + 0.2 if "positive" in facts else a
    found["lam"], found["mu"], found["C"] = 0.3, 0.7, 0.8
    found["tau"], found["ins"] = 0.3, 0.2
    found["h"] = found["A"] @ np.full(3, 1 / 3)
    found["b"] = float(np.mean(found["q"]) * 0.7 + 0.3 * found["q"].max())
    found["c"] = found["A"].T @ np.array([-1.0, -0.5]) + np.array([0.1, 0.2, 0.3])
    if "1 - y*" in str(stated) or "y * (X" in str(stated):
        found["y"] = np.sign(found["y"])
    if "logsumexp(X @ W" in str(stated):
        found["Y"] = np.abs(found["Y"]) / np.abs(found["Y"]).sum(1, keepdims=True)
    needed = {v.name for v in stated.objective.declared} - set(stated.unknowns)
    return {k: a for k, a in found.items() if k in needed}


#: Objective, unknowns, constraints, the dual as text.
DUALS = [
    ("c @ s", "s", ["A @ s == h"], "maximize -nu_1 @ h\n  over nu_1\n  subject to A.T @ nu_1 + c >= 0"),
    (
        "c @ w",
        "w",
        ["A @ w == h", "w >= 0"],
        "maximize -nu_1 @ h\n  over nu_1\n  subject to A.T @ nu_1 + c >= 0",
    ),
    ("sumsq(w)/2", "w", ["A @ w == h"], "maximize -sumsq(A.T @ nu_1) / 2 - nu_1 @ h\n  over nu_1"),
    (
        "w @ P @ w/2 + q @ w",
        "w",
        ["A @ w <= h"],
        "maximize -(A.T @ lambda_1 + q) @ inv(P) @ (A.T @ lambda_1 + q) / 2 - lambda_1 @ h\n"
        "  over lambda_1 (nonnegative)",
    ),
    (
        "sum(x*log(x)) + c @ x",
        "x",
        ["A @ x == h", "sum(x) == 1"],
        "maximize -logsumexp(-A.T @ nu_1 - c) - nu_1 @ h\n  over nu_1",
    ),
    (
        "sum(x*log(x))",
        "x",
        ["q @ x == b", "sum(x) == 1"],
        "maximize -logsumexp(-nu_1 * q) - b * nu_1\n  over nu_1",
    ),
    (
        "sumsq(X @ w - y)/2 + lam/2*sumsq(w)",
        "w",
        [],
        "maximize -(sumsq(X.T @ alpha) / lam + 2 * y @ alpha + alpha @ alpha) / 2\n  over alpha",
    ),
    (
        "sumsq(X @ w - y)/2 + lam*norm(w, 1)",
        "w",
        [],
        "maximize -y @ alpha - alpha @ alpha / 2\n  over alpha\n  subject to X.T @ alpha <= lam\n"
        "  subject to X.T @ alpha >= -lam",
    ),
    ("sumsq(X @ w - y)/2 + lam*norm(w, 1) + mu/2*sumsq(w)", "w", [], ""),
    (
        "sumsq(X @ w - y)/2 + lam*norm(w)",
        "w",
        [],
        "maximize -y @ alpha - alpha @ alpha / 2\n  over alpha\n  subject to norm(X.T @ alpha) <= lam",
    ),
    (
        SVM,
        ["w", "b"],
        [],
        "maximize sum(alpha) - sumsq(X.T @ (alpha * y)) / 2\n  over alpha (nonnegative)\n"
        "  subject to alpha <= C\n  subject to y @ alpha == 0",
    ),
    ("sumsq(w)/2 + C*sum(xi)", ["w", "b", "xi"], ["y*(X @ w + b) >= 1 - xi", "xi >= 0"], ""),
    ("sum(log(1 + exp(-y*(X @ w)))) + lam/2*sumsq(w)", "w", [], ""),
    ("sum(logsumexp(X @ W, axis=1)) - sum(Y*(X @ W)) + lam/2*sumsq(W)", "W", [], ""),
    (
        "sumsq(X @ w - y)/2",
        "w",
        ["w >= 0"],
        "maximize -y @ alpha - alpha @ alpha / 2\n  over alpha\n  subject to X.T @ alpha >= 0",
    ),
    (
        "sumsq(X @ p - y)/2",
        "p",
        [],
        "maximize min(X.T @ alpha) - y @ alpha - alpha @ alpha / 2\n  over alpha",
    ),
    ("sum(abs(X @ w - y))", "w", [], ""),
    ("sum(sqrt(1 + (X @ w - y)**2)) + lam/2*sumsq(w)", "w", [], ""),
    ("sumsq(w - q)/2 + lam*norm(w, 1)", "w", ["A @ w == h"], ""),
    (
        "-sum(log(w + x))",
        "w",
        ["sum(w) == 1", "w >= 0"],
        "maximize sum(1 + x * (lambda_1 - nu_1) + log(nu_1 - lambda_1)) - nu_1\n"
        "  over nu_1, lambda_1 (nonnegative)\n  subject to nu_1 >= lambda_1",
    ),
    (
        "-sum(log(s + x))",
        "s",
        ["sum(s) == 1"],
        "maximize sum(x * relu(1 / x - nu_1) + log(1 / x - relu(1 / x - nu_1))) - nu_1\n  over nu_1 (nonnegative)",
    ),
    ("-sum(log(p + x))", "p", [], ""),
    ("sum(1/(w + x))", "w", ["sum(w) == 1", "w >= 0"], ""),
    ("sum((w + x)*log(w + x))", "w", ["sum(w) == 1", "w >= 0"], ""),
    ("sumsq(p - q)/2", "p", [], ""),
    (
        "sum(x*log(x) + (1 - x)*log(1 - x))",
        "x",
        ["A @ x == h"],
        "maximize -sum(softplus(-A.T @ nu_1)) - nu_1 @ h\n  over nu_1",
    ),
    (
        "-logdet(S)",
        "S",
        ["tr(M @ S) <= 1"],
        "maximize d * log(lambda_1) - lambda_1 + logdet(M) + d\n  over lambda_1 (nonnegative)",
    ),
]


@pytest.mark.parametrize(("objective", "over", "conditions", "text"), DUALS, ids=lambda x: str(x)[:40])
def test_dual(objective: str, over: Any, conditions: list[str], text: str) -> None:
    """The text, f* = g* to 1e-8 with both certified, and the primal recovered from the dual optimum."""
    stated = problem(objective, over, conditions)
    found = stated.dual()
    if text:
        assert str(found) == text
    arrays = data(stated)
    primal, dual = stated.solve(arrays, backend="numpy"), found.solve(arrays, backend="numpy")
    assert primal.success and dual.success
    assert primal.fun == pytest.approx(dual.fun, abs=1e-8 * (1 + abs(primal.fun)))
    assert found.derivation is not None
    multipliers = {v: dual[v] for v in found.unknowns}
    for name, value in recover(found.derivation, {**arrays, **multipliers}).items():
        assert np.abs(value - primal[name]).max() < 1e-5
    assert found.convexity().status == "convex"


#: Kinks of kinks, kinks at parameters, roots of either sign: objective, unknowns, constraints, the dual as text.
KINKED = [
    (
        "sumsq(w)/2 + C*sum(maximum(abs(X @ w + b - y) - ins, 0))",
        ["w", "b"],
        [],
        "maximize -ins * sum(abs(alpha)) - sumsq(X.T @ alpha) / 2 - y @ alpha\n  over alpha\n"
        "  subject to alpha >= -C\n  subject to alpha <= C\n  subject to sum(alpha) == 0",
    ),
    (
        "sum(maximum(tau*(y - X @ w), (tau - 1)*(y - X @ w))) + lam/2*sumsq(w)",
        "w",
        [],
        "maximize -sumsq(X.T @ alpha) / (2 * lam) - y @ alpha\n  over alpha\n"
        "  subject to alpha >= -tau\n  subject to alpha <= 1 - tau",
    ),
    (
        "max(abs(X @ w - y)) + lam/2*sumsq(w)",
        "w",
        [],
        "maximize -sumsq(X.T @ alpha) / (2 * lam) - y @ alpha\n  over alpha\n  subject to sum(abs(alpha)) <= 1",
    ),
    (
        "max(abs(w))",
        "w",
        ["A @ w == h"],
        "maximize -nu_1 @ h\n  over nu_1\n  subject to sum(abs(A.T @ nu_1)) <= 1",
    ),
    (
        "sum(w**4)",
        "w",
        ["A @ w == h"],
        "maximize -3 * 2 ** (1 / 3) * sum(abs(A.T @ nu_1) ** (4 / 3)) / 8 - nu_1 @ h\n  over nu_1",
    ),
    (
        "sum(abs(w)**3)/3",
        "w",
        ["A @ w == h"],
        "maximize -nu_1 @ h - 2 * sum(abs(A.T @ nu_1) ** (3 / 2)) / 3\n  over nu_1",
    ),
    (
        "sum((s + x)*log((s + x)/x))",
        "s",
        ["A @ s == h"],
        "maximize x @ (1 + relu(-1 - A.T @ nu_1) - exp(relu(-1 - A.T @ nu_1))) - nu_1 @ h\n  over nu_1",
    ),
    ("sumsq(w)/2 + C/2*sum(relu(abs(X @ w + b - y) - ins)**2)", ["w", "b"], [], ""),
    (
        "sum(where(abs(X @ w - y) <= ins, (X @ w - y)**2/2, ins*(abs(X @ w - y) - ins/2))) + lam/2*sumsq(w)",
        "w",
        [],
        "maximize -(sumsq(X.T @ alpha) / lam + 2 * y @ alpha + alpha @ alpha) / 2\n  over alpha\n"
        "  subject to alpha >= -ins\n  subject to alpha <= ins",
    ),
    ("sum(where(y > X @ w, 3/4, 1/4)*(y - X @ w)**2) + lam/2*sumsq(w)", "w", [], ""),
]


@pytest.mark.parametrize(("objective", "over", "conditions", "text"), KINKED, ids=lambda x: str(x)[:40])
def test_kinked(objective: str, over: Any, conditions: list[str], text: str) -> None:
    """The text, and f* = g*: no kink is left out, and no root is taken of a negative number."""
    stated = problem(objective, over, conditions)
    found = stated.dual()
    if text:
        assert str(found) == text
    arrays = data(stated)
    primal, dual = stated.solve(arrays, backend="numpy"), found.solve(arrays, backend="numpy")
    assert primal.success
    assert primal.fun == pytest.approx(dual.fun, abs=1e-6 * (1 + abs(primal.fun)))


@pytest.mark.parametrize(
    ("norm", "dual"), [("nuclear_norm", "spectral_norm"), ("spectral_norm", "nuclear_norm")]
)
def test_norms_of_singular_values(norm: str, dual: str) -> None:
    """The two are dual to each other, also beside others: low rank plus sparse."""
    shapes = dict.fromkeys("XSAM", ("n", "m"))
    found = dv.minimize(f"{norm}(X)", over="X", subject_to=["M * X == A"], variables=shapes).dual()
    text = f"maximize -sum(A * nu_1)\n  over nu_1\n  subject to {dual}(M * nu_1) <= 1"
    assert str(found) == text
    apart = dv.minimize(
        f"{norm}(X) + lam*norm(S, 1)",
        over=["X", "S"],
        subject_to=["X + S == A"],
        variables={**shapes, "lam": ()},
        facts={"lam": ["positive"]},
    )
    assert f"subject to {dual}(nu_1) <= 1\n  subject to nu_1 <= lam" in str(apart.dual())
    rng = np.random.default_rng(0)
    A = rng.standard_normal((4, 3))
    slopes = {"nuclear_norm": lambda U, V: U @ V, "spectral_norm": lambda U, V: np.outer(U[:, 0], V[0])}
    U, values, V = np.linalg.svd(A, full_matrices=False)
    best = float(found.objective.evaluate(A=A, nu_1=-slopes[norm](U, V)))
    assert best == pytest.approx(values.sum() if norm == "nuclear_norm" else values.max())


def test_equations_have_their_numbers_on_the_right() -> None:
    """Σλ = 1, not Σλ − 1 = 0."""
    found = problem("sumsq(w)/2 - b + C*sum(xi)", ["w", "b", "xi"], ["X @ w >= b - xi", "xi >= 0"]).dual()
    assert "subject to sum(lambda_1) == 1" in str(found)


@pytest.mark.parametrize(
    "objective", [o for o, _, c, _ in DUALS if not c and "X" in o and "abs(X" not in o and o != SVM]
)
def test_weak_duality_at_random_points(objective: str) -> None:
    """A scaled dual point from any primal one bounds the optimum; at the optimum it closes the gap."""
    over = "W" if " W" in objective else "p" if " p " in objective else "w"
    stated = problem(objective, over)
    arrays = data(stated, 1)
    derivation = stated.dual().derivation
    assert derivation is not None
    best = stated.solve(arrays, backend="numpy")
    rng = np.random.default_rng(2)
    for _ in range(5):
        noise = rng.standard_normal(np.shape(best[over]))
        point = np.abs(noise) / np.abs(noise).sum() if over == "p" else noise
        multipliers = candidate(derivation, {**arrays, over: point})
        assert multipliers is not None
        assert bound(derivation, {**arrays, **multipliers}) <= best.fun + 1e-9
    closing = candidate(derivation, {**arrays, over: best[over]})
    assert closing is not None
    assert bound(derivation, {**arrays, **closing}) == pytest.approx(best.fun, abs=1e-6)


def test_kernels() -> None:
    """The SVM and ridge regression in terms of a Gram matrix."""
    svm = problem(SVM, ["w", "b"]).dual(kernels={"X": "K"}, names=["a"])
    assert str(svm).splitlines()[0] == "maximize sum(a) - (a * y) @ K @ (a * y) / 2"
    ridge = problem("sumsq(X @ w - y)/2 + lam/2*sumsq(w)", "w")
    kernel = ridge.dual(kernels={"X": "K"})
    arrays = data(ridge)
    fitted = kernel.solve(K=arrays["X"] @ arrays["X"].T, y=arrays["y"], lam=0.3, backend="numpy")
    assert fitted.fun == pytest.approx(ridge.solve(arrays, backend="numpy").fun, abs=1e-8)
    with pytest.raises(UnsupportedError, match="other than through"):
        problem("sumsq(X @ w - y)/2 + lam*norm(w, 1)", "w").dual(kernels={"X": "K"})


def test_maximum_has_a_minimum_for_its_dual() -> None:
    """max cᵀw, Aw ≤ h, w ≥ 0 and min hᵀλ, Aᵀλ ≥ c."""
    found = problem("c @ w", "w", ["A @ w <= h", "w >= 0"], sense="maximize").dual()
    assert (
        str(found) == "minimize lambda_1 @ h\n  over lambda_1 (nonnegative)\n  subject to c <= A.T @ lambda_1"
    )


def test_the_dual_of_the_dual_of_least_norm_is_least_norm() -> None:
    """The dual can be solved for in closed form, like any problem."""
    found = problem("sumsq(w)/2", "w", ["A @ w == h"]).dual()
    assert found.closed_form()["nu_1"].lines()[0] == "nu_1 = -inv(A @ A.T) @ h"


def test_infeasible_points_bound_nothing() -> None:
    """A dual point off its constraints has no value as a bound."""
    stated = problem("sumsq(X @ w - y)/2 + lam*norm(w, 1)", "w")
    derivation = stated.dual().derivation
    assert derivation is not None
    point = {**data(stated), "alpha": np.full(8, 100.0)}
    assert violation(derivation, point) > 1
    with pytest.raises(DataError, match="violates"):
        bound(derivation, point)


def test_what_has_no_dual() -> None:
    """Not convex, nothing to dualise, coupled blocks, names in use."""
    with pytest.raises(UnsupportedError, match="not proved to be convex"):
        problem("-sumsq(w)", "w", ["A @ w == h"]).dual()
    with pytest.raises(UnsupportedError, match="nothing to dualise"):
        problem("sumsq(w)", "w").dual()
    with pytest.raises(DeclarationError, match="taken"):
        problem("sumsq(X @ w - y)/2 + lam/2*sumsq(w)", "w").dual(names=["y"])
