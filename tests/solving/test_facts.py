"""What a statement implies about its optimum, where `solve` uses it: closed forms, constants, gaps.

μ ≤ ∇²f ≤ L,   ‖x − x*‖ ≤ ‖g‖/μ,   f(x) − f* ≤ f(x) − g(α):  each against optima that are known otherwise.
"""

from __future__ import annotations

import pickle
import re

import numpy as np
import pytest

import derive as dv
from derive.errors import ArgumentError, UnsupportedError

RNG = np.random.default_rng(7)
X, Y = RNG.standard_normal((30, 4)), RNG.standard_normal((30, 3))
y = X @ np.array([1.0, -2.0, 0.0, 0.5]) + RNG.standard_normal(30)
SIGNS = np.sign(y)
SHAPES = {"X": ("n", "d"), "y": ("n",), "w": ("d",), "lam": ()}
POSITIVE = {"lam": ("positive",)}
LOGISTIC = "sum(log(1 + exp(-y*(X @ w)))) + lam/2*sumsq(w)"


def logistic() -> dv.Problem:
    return dv.minimize(LOGISTIC, over="w", variables=SHAPES, facts=POSITIVE)


CLOSED = {
    "ridge of several outputs": (
        lambda: dv.minimize(
            "sumsq(X @ W - Y)/2 + lam/2*sumsq(W)",
            over="W",
            variables={"X": ("n", "d"), "Y": ("n", "k"), "W": ("d", "k"), "lam": ()},
            facts=POSITIVE,
        ),
        {"X": X, "Y": Y, "lam": 0.7},
        lambda: {"W": np.linalg.solve(X.T @ X + 0.7 * np.eye(4), X.T @ Y)},
    ),
    "covariance and mean": (
        lambda: dv.minimize(
            "n*logdet(S) + tr(inv(S) @ (X - mu).T @ (X - mu))",
            over=["mu", "S"],
            variables={"X": ("n", "d"), "S": ("d", "d"), "mu": ("d",)},
            facts={"S": ("pd",)},
        ),
        {"X": X},
        lambda: {"mu": X.mean(axis=0), "S": np.cov(X.T, bias=True)},
    ),
    "least norm": (
        lambda: dv.minimize(
            "sumsq(w)",
            over="w",
            subject_to=["A @ w == b"],
            variables={"A": ("m", "d"), "b": ("m",), "w": ("d",)},
        ),
        {"A": X[:2], "b": y[:2]},
        lambda: {"w": np.linalg.pinv(X[:2]) @ y[:2]},
    ),
    "proportions": (
        lambda: dv.maximize(
            "c @ log(p)",
            over="p",
            variables={"c": ("k",), "p": ("k",)},
            facts={"p": ("simplex",), "c": ("positive",)},
        ),
        {"c": np.array([1.0, 2.0, 5.0])},
        lambda: {"p": np.array([1.0, 2.0, 5.0]) / 8.0},
    ),
}


@pytest.mark.parametrize("name", CLOSED)
def test_closed_form_is_the_method(name: str) -> None:
    """The plan chooses it, the result says which, and the certificate is that of any other method."""
    make, data, known = CLOSED[name]
    problem = make()
    assert problem.plan().method == "closed-form"
    result = problem.solve(data)
    assert result.success and result.method == "closed-form", result.message
    for unknown, expected in known().items():
        np.testing.assert_allclose(result[unknown], expected, atol=1e-12)
        assert f"{unknown} = " in str(result.plan)
    assert "global optimum       proved" in str(result.certificate)


@pytest.mark.parametrize(
    ("text", "shapes", "data", "solved"),
    [
        (
            "sumsq(X - X @ W @ W.T)",
            {"X": ("n", "d"), "W": ("d", "k")},
            {"X": X, "k": 2},
            lambda: np.sort(np.linalg.eigvalsh(X.T @ X))[:2].sum(),
        ),
        (
            "sumsq(X @ W - Z)",
            {"X": ("n", "k"), "Z": ("n", "k"), "W": ("k", "k")},
            {"X": X, "Z": X[::-1].copy()},
            lambda: 2 * (X**2).sum() - 2 * np.linalg.svd(X.T @ X[::-1])[1].sum(),
        ),
    ],
    ids=["principal components", "procrustes"],
)
def test_decompositions_are_solutions(text: str, shapes: dict, data: dict, solved: object) -> None:
    """Under WᵀW = I the value is the one that linear algebra knows, and the KKT conditions hold."""
    result = dv.minimize(text, over="W", subject_to=["W.T @ W == eye(k)"], variables=shapes).solve(data)
    assert result.success and result.method == "closed-form"
    assert result.fun == pytest.approx(solved(), rel=1e-12)  # type: ignore[operator]
    assert "over all that satisfy the constraint" in str(result.certificate)


def test_closed_form_where_its_condition_fails() -> None:
    """Asked for, it says so; chosen by the plan, another method goes on."""
    scarce = dv.minimize(
        "logdet(S) + tr(inv(S) @ X.T @ X)/n",
        over="S",
        variables={"X": ("n", "d"), "S": ("d", "d")},
        facts={"S": ("pd",)},
    )
    with pytest.raises(UnsupportedError, match="positive definite"):
        scarce.solve(X=X[:2], method="closed-form")
    assert not scarce.solve(X=X[:2], backend="numpy", max_iterations=30).success
    with pytest.raises(UnsupportedError, match="no closed form"):
        logistic().solve(X=X, y=SIGNS, lam=1.0, method="closed-form")


def test_constants_hold_and_bound_the_distance() -> None:
    """λ ≤ ∇²f ≤ λ + λ_max(XᵀX)/4; the answer is nearer to a finer one than it says."""
    problem = logistic()
    result = problem.solve(X=X, y=SIGNS, lam=0.5)
    constants = result.certificate.guarantee.constants
    assert constants.strong == pytest.approx(0.5)
    assert constants.smooth == pytest.approx(0.5 + np.linalg.eigvalsh(X.T @ X)[-1] / 4)
    finer = problem.solve(X=X, y=SIGNS, lam=0.5, tolerance=1e-14)
    assert np.linalg.norm(result["w"] - finer["w"]) <= result.certificate.distance <= 1e-8
    text = str(problem.plan(X=X, y=SIGNS, lam=0.5))
    assert "proved convex" in text and "λ_min of lam * eye(d)" in text and "condition" in text
    assert "smoothness: Hessian <= X.T @ diag(y ** 2) @ X / 4 + lam * eye(d)" in str(problem.plan(n=9, d=2))
    with pytest.raises(ArgumentError, match="neither a size nor data"):
        problem.plan(m=3)


GAPS = {
    "lasso": ("sumsq(X @ w - y)/2 + lam*norm(w, 1)", ["w"], [], "the slope of the loss"),
    "logistic": (LOGISTIC, ["w"], [], "the slope of the loss"),
    "hinge": ("lam/2*sumsq(w) + sum(maximum(0, 1 - y*(X @ w)))", ["w"], [], "solved"),
    "margin": ("sumsq(w)/2", ["w", "b"], ["y*(X @ w + b) >= 1"], "multipliers"),
    "program": ("y @ X @ w", ["w"], ["w <= 1", "w >= -lam"], "multipliers"),
}


@pytest.mark.parametrize("name", GAPS)
def test_gap_from_the_derived_dual(name: str) -> None:
    """Weak duality certifies the value, and says whence; the multipliers of the solver serve as dual points."""
    text, over, conditions, source = GAPS[name]
    labels = np.sign(X @ np.array([1.0, -1.0, 0.5, 2.0])) if name == "margin" else SIGNS
    words = set(re.findall(r"\w+", " ".join([text, *conditions])))
    shapes = {k: v for k, v in {**SHAPES, "b": ()}.items() if k in words}
    facts = {k: f for k, f in POSITIVE.items() if k in words}
    problem = dv.minimize(text, over=over, subject_to=conditions, variables=shapes, facts=facts)
    data = {"X": X, "y": labels, "lam": 2.0}
    result = problem.solve({k: a for k, a in data.items() if k in words})
    assert result.success, result.message
    proof = result.certificate
    assert 0.0 < proof.gap <= 1e-9 * max(1.0, abs(result.fun))
    assert source in proof.guarantee.source and source in str(proof)


def test_gap_is_honest_at_a_poor_point() -> None:
    """The bound is below the optimum wherever the answer stands, and the gap above what is missing."""
    problem = logistic()
    best = problem.solve(X=X, y=SIGNS, lam=0.5)
    rough = problem.solve(X=X, y=SIGNS, lam=0.5, tolerance=1e-2, method="lbfgs", backend="numpy")
    assert rough.success
    bound = rough.certificate.guarantee.bound
    assert bound <= best.fun * (1 + 1e-14) and rough.certificate.gap >= rough.fun - best.fun


def test_maximum_has_the_value_as_stated() -> None:
    """Signs are those of the statement in result, certificate and bound."""
    problem = dv.maximize("-sumsq(X @ w - y) - lam*sumsq(w)", over="w", variables=SHAPES, facts=POSITIVE)
    result = problem.solve(X=X, y=y, lam=1.0)
    assert result.certificate.value == result.fun < 0.0
    assert "the objective is concave" in str(result.certificate)
    assert result.certificate.guarantee.bound == pytest.approx(result.fun, rel=1e-12)


def test_guarantee_travels_and_notices_changed_data() -> None:
    """Pickled, it keeps its words; with other data in the same array, it says nothing."""
    data = X.copy()
    result = logistic().solve(X=data, y=SIGNS, lam=0.5)
    again = pickle.loads(pickle.dumps(result))
    assert (
        str(again.certificate) == str(result.certificate) and again.certificate.gap == result.certificate.gap
    )
    result = logistic().solve(X=data, y=SIGNS, lam=0.5)
    data *= 2.0
    assert "have been changed" in str(result.certificate) and result.certificate.gap is None


def test_one_start_is_enough_for_a_convex_problem() -> None:
    """No other run ends lower than a certified one."""
    result = logistic().solve(X=X, y=SIGNS, lam=0.5, starts=5)
    assert result.success and len(result.runs) == 1


def test_large_convex_problems_need_no_hessian() -> None:
    """The interpreter recomputes value and gradient; μ stands in for the curvature."""
    wide = RNG.standard_normal((25_000, 9))
    labels = np.sign(wide @ RNG.standard_normal(9) + RNG.standard_normal(25_000))
    proof = logistic().solve(X=wide, y=labels, lam=1.0, backend="numpy").certificate
    assert proof.ok() and proof.proved and proof.curvature is None
    assert proof.distance < 1e-4 and proof.gap < 1e-8 * proof.value


@pytest.mark.parametrize(
    ("method", "text", "step", "friction"),
    [
        ("gradient-descent-fixed", LOGISTIC, lambda L, mu: 2 / (L + mu), ""),
        ("nesterov-fixed", LOGISTIC, lambda L, mu: 1 / L, "(√κ − 1)/(√κ + 1)"),
        ("nesterov", LOGISTIC, lambda L, mu: 1 / L, ""),
        (
            "momentum",
            "sumsq(X @ w - y)/2 + lam/2*sumsq(w)",
            lambda L, mu: 4 / (np.sqrt(L) + np.sqrt(mu)) ** 2,
            "((√κ − 1)/(√κ + 1))²",
        ),
        ("fista", "sumsq(X @ w - y)/2 + lam*norm(w, 1)", lambda L, mu: 1 / L, ""),
    ],
)
def test_step_lengths_follow_from_the_constants(method: str, text: str, step: object, friction: str) -> None:
    """The length is the formula's value on the data; plan and result say so; the caller's choice goes first."""
    problem = dv.minimize(text, over="w", variables=SHAPES, facts=POSITIVE)
    data = {"X": X, "y": SIGNS, "lam": 2.0}
    result = problem.solve(data, method=method, backend="numpy")
    assert result.success, result.message
    constants = result.certificate.guarantee.constants
    smooth, strong = constants.smooth, constants.strong
    assert result.step == pytest.approx(step(smooth, strong), rel=1e-12)  # type: ignore[operator]
    assert "L = " in str(result.plan) and friction in str(result.plan)
    if method != "fista":
        chosen = problem.solve(data, method=method, backend="numpy", options={"learning_rate": 1e-3})
        assert chosen.success and "step" not in chosen


def test_guaranteed_length_is_never_shortened() -> None:
    """With α = 2/(L + μ) every value falls, without a trial that is refused: one evaluation for a step."""
    result = logistic().solve(X=X, y=SIGNS, lam=2.0, method="gradient-descent-fixed", backend="numpy")
    values = np.array(result.history.objective)
    assert (np.diff(values) <= 1e-12 * values[:-1]).all()
    assert result.history.evaluations[-1] == len(values)


def test_signs_of_numbers_among_the_data() -> None:
    """½λ‖w‖² is convex for the λ at hand, whatever was stated of λ; for a negative one nothing is proved."""
    from derive.solving.instance import Instance

    rng = np.random.default_rng(5)
    X, t = rng.standard_normal((30, 3)), np.where(rng.standard_normal(30) > 0, 1.0, -1.0)
    problem = dv.minimize(
        "sum(softplus(-t*(X @ w))) + lam/2*sumsq(w)",
        over="w",
        variables={"X": ("n", "d"), "t": ("n",), "w": ("d",), "lam": ()},
    )
    assert not problem.posed.facts.is_convex
    for lam, convex in ((1.0, True), (0.0, True), (-1.0, False)):
        assert Instance(problem.posed, {"X": X, "t": t, "lam": lam}, {}).facts.is_convex is convex
    found = problem.solve(X=X, t=t, lam=2.0)
    assert "proved: the objective is convex for lam > 0" in str(found.certificate)
    assert found.certificate.gap < 1e-10
    assert found.certificate.guarantee.constants.strong == pytest.approx(2.0)


@pytest.mark.parametrize(("n", "d"), [(2000, 20), (300, 40), (50, 60)])
def test_slopes_that_cancel_have_no_size(n: int, d: int) -> None:
    """Principal components are stationary without their conditions too: multipliers are rounding, and no Hessian tells
    of lengths, which were 10¹⁷; the closed form was refused, and an interior point took 14 s in its place."""
    shapes = {"X": ("n", "d"), "W": ("d", "r")}
    problem = dv.minimize(
        "sumsq(X - X @ W @ W.T)/(2*n)", over="W", subject_to=["W.T @ W == eye(r)"], variables=shapes
    )
    X = np.random.default_rng(0).standard_normal((n, d))
    for scale in (1.0, 1e-6, 1e6):
        found = problem.solve(X=scale * X, r=2)
        assert found.success and found.method == "closed-form", found.message
    best = np.linalg.svd(X, compute_uv=False)[2:]
    assert found.fun == pytest.approx(scale**2 * float(best @ best) / (2 * n), rel=1e-12)
