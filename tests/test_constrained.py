"""Problems with constraints and kinks: the corpus, textbook optima, and statements that have no optimum.

Every answer is certified from the statement by the interpreter; the optima here are known independently.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.optimize

import derive as dv
from derive.errors import UnsupportedError
from derive.kernels.optimizers import CONSTRAINED
from derive.kernels.optimizers.projected_gradient import onto_simplex

CASES = json.loads((Path(__file__).parent / "data" / "problems.json").read_text(encoding="utf-8"))
RNG = np.random.default_rng(0)
N, D = 30, 6
X = RNG.standard_normal((N, D))
C = RNG.standard_normal(D)
Y = X @ RNG.standard_normal(D) + 0.3 * RNG.standard_normal(N)
SHAPES = {"X": ("n", "d"), "y": ("n",), "w": ("d",), "c": ("d",)}
DATA = {"X": X, "y": Y, "c": C}


def solve(
    objective: str, *conditions: str, facts: Any = None, sense: Any = dv.minimize, **settings: Any
) -> Any:
    words = " ".join([objective, *conditions, "w"])
    shapes = {k: v for k, v in SHAPES.items() if k in words}
    problem = sense(objective, over="w", subject_to=list(conditions), variables=shapes, facts=facts)
    return problem.solve({k: v for k, v in DATA.items() if k in shapes}, backend="numpy", **settings)


@pytest.mark.parametrize("case", CASES, ids=[c["id"] for c in CASES])
def test_corpus(case: dict[str, Any]) -> None:
    """Small problems with known optima: value to 1e-8, the minimiser where it is unique, certified."""
    scope: dict[str, Any] = {"np": np}
    exec(case["data"], scope)  # seeded NumPy statements of the test data
    problem = (dv.minimize if case["sense"] == "min" else dv.maximize)(
        case["objective"],
        over=list(case["variables"]),
        subject_to=case["constraints"],
        variables={**case["declare"], **case["variables"]},
        facts=case["facts"],
    )
    given = {size for shape in case["declare"].values() for size in shape}
    sizes = {k: v for k, v in case["sizes"].items() if k not in given}
    result = problem.solve({**{k: scope[k] for k in case["declare"]}, **sizes}, backend="numpy")
    assert result.success, result.message
    assert result.fun == pytest.approx(case["optimal_value"], abs=1e-8, rel=1e-8)
    if case["argmin_unique"]:
        for name, value in case["argmin"].items():
            np.testing.assert_allclose(result[name], value, atol=1e-6)


@pytest.mark.parametrize("name", [n for n in CONSTRAINED if n != "interior-point"])
@pytest.mark.parametrize("case", CASES, ids=[c["id"] for c in CASES])
def test_every_method_for_constraints(case: dict[str, Any], name: str) -> None:
    """The same optimum by every registered method; bounds and simplexes alone for projections."""
    scope: dict[str, Any] = {"np": np}
    exec(case["data"], scope)  # seeded NumPy statements of the test data
    problem = (dv.minimize if case["sense"] == "min" else dv.maximize)(
        case["objective"],
        over=list(case["variables"]),
        subject_to=case["constraints"],
        variables={**case["declare"], **case["variables"]},
        facts=case["facts"],
    )
    given = {size for shape in case["declare"].values() for size in shape}
    data = {k: scope[k] for k in case["declare"]}
    data |= {k: v for k, v in case["sizes"].items() if k not in given}
    simple = case["kind"] in ("unconstrained", "bound", "simplex")
    if name == "projected-gradient" and not simple:
        with pytest.raises(UnsupportedError, match="bounds and simplexes alone"):
            problem.solve(data, backend="numpy", method=name)
        return
    result = problem.solve(data, backend="numpy", method=name)
    assert result.success and result.method == name, result.message
    assert result.fun == pytest.approx(case["optimal_value"], abs=1e-8, rel=1e-8)


def test_projection_onto_the_simplex() -> None:
    """The nearest point: KKT conditions of the projection."""
    for _ in range(20):
        x = 3 * RNG.standard_normal(7)
        p = onto_simplex(x, 2.0)
        assert p.min() >= 0 and p.sum() == pytest.approx(2.0)
        inside = p > 0
        shift = (x - p)[inside]
        np.testing.assert_allclose(shift, shift[0])
        assert (x[~inside] <= shift[0] + 1e-12).all()


def test_constraints_and_other_methods() -> None:
    """A method without constraints says which there are; SciPy's spellings are understood."""
    with pytest.raises(dv.errors.ArgumentError, match="interior-point, augmented-lagrangian"):
        solve("sumsq(X @ w - y)", "w >= 0", method="BFGS")
    for name in ("SLSQP", "trust-constr", "TNC", "alm"):
        assert solve("sumsq(X @ w - y)", "w >= 0", method=name).success
    with pytest.raises(dv.errors.ArgumentError, match="uses no derivatives"):
        solve("sumsq(X @ w - y)", "w >= 0", method="COBYLA")


def test_l_bfgs_b_keeps_bounds() -> None:
    """With bounds SciPy's name means the method for bounds, without them the one without."""
    bounded, wanted = (solve("sumsq(X @ w - y)", "w >= 0.1", method=m) for m in ("L-BFGS-B", None))
    assert bounded.success and bounded.method == "projected-gradient"
    assert bounded.fun == pytest.approx(wanted.fun, rel=1e-9)
    assert solve("sumsq(X @ w - y)", method="l_bfgs_b").method == "lbfgs"


def test_least_absolute_deviations_is_a_linear_program() -> None:
    """min ‖Xw − y‖₁ = min Σt, −t ≤ Xw − y ≤ t"""
    eye = np.eye(N)
    known = scipy.optimize.linprog(
        np.r_[np.zeros(D), np.ones(N)],
        A_ub=np.block([[X, -eye], [-X, -eye]]),
        b_ub=np.r_[Y, -Y],
        bounds=(None, None),
    )
    result = solve("norm(X @ w - y, 1)")
    assert result.success, result.message
    assert result.fun == pytest.approx(known.fun, abs=1e-8)
    assert "slack" in str(result.plan)


@pytest.mark.parametrize(
    ("objective", "conditions", "optimum"),
    [
        ("dot(c, w)", ["norm(w) <= 1"], -np.linalg.norm(C)),
        ("dot(c, w)", ["w >= 0", "sum(w) == 1"], C.min()),
        ("dot(c, w)", ["-2 <= w", "w <= 1"], float(np.where(C > 0, -2 * C, C).sum())),
        ("sumsq(w - 3*c)", ["sumsq(w) <= 1"], (3 * np.linalg.norm(C) - 1) ** 2),
        ("sumsq(w - c)", ["sum(w) == 1", "2*sum(w) == 2"], (C.sum() - 1) ** 2 / D),
        ("max(abs(w - c)) + 0*sum(w)", [], 0.0),
        ("sumsq(w - c)/2 + 100*norm(w)", [], float(C @ C) / 2),
        ("dot(c, w)", ["sumsq(w) == 1"], -np.linalg.norm(C)),
        ("dot(w, w)", ["dot(c, w) >= 1"], 1 / float(C @ C)),
        ("norm(w - c, 1)", [], 0.0),
    ],
)
def test_textbook_optima(objective: str, conditions: list[str], optimum: float) -> None:
    """Optima in closed form."""
    result = solve(objective, *conditions)
    assert result.success, result.message
    assert result.fun == pytest.approx(optimum, abs=1e-8, rel=1e-8)


@pytest.mark.parametrize("fact", ["nonnegative", "positive"])
def test_facts_are_constraints(fact: str) -> None:
    """An unknown declared nonnegative is one with w ≥ 0, also where the optimum lies on the boundary."""
    result = solve("sumsq(X @ w - y)", facts={"w": (fact,)})
    assert result.success, result.message
    assert result.fun == pytest.approx(scipy.optimize.nnls(X, Y)[1] ** 2, abs=1e-8)


def test_maximum_entropy() -> None:
    """max −Σ p log p over the simplex is log d."""
    result = solve("dot(c, w)*0 - sum(w*log(w))", "sum(w) == 1", "w >= 0", sense=dv.maximize)
    assert result.success, result.message
    assert result.fun == pytest.approx(np.log(D), abs=1e-9)


def test_lasso_optimality() -> None:
    """|Xᵀ(y − Xw)| ≤ λ, with equality and the sign of w where w ≠ 0."""
    w = solve("sumsq(X @ w - y)/2 + 8*norm(w, 1)")["w"]
    correlation = X.T @ (Y - X @ w)
    assert np.abs(correlation).max() <= 8 + 1e-9
    np.testing.assert_allclose(correlation[w != 0], 8 * np.sign(w[w != 0]), atol=1e-9)


@pytest.mark.parametrize(
    ("objective", "conditions", "words"),
    [
        ("sumsq(w - c)", ["w >= 1", "sum(w) <= 0"], "infeasible"),
        ("sumsq(w - c)", ["sumsq(w) <= -1"], "infeasible"),
        ("dot(c, w)", ["w <= 1"], "unbounded"),
        ("dot(c, w)", [], "unbounded"),
    ],
)
def test_no_optimum_is_named(objective: str, conditions: list[str], words: str) -> None:
    """Infeasible and unbounded problems come back as such."""
    result = solve(objective, *conditions)
    assert not result.success
    assert words in result.message


def test_group_lasso_optimality() -> None:
    """‖X_j r‖ ≤ λ for the rows that vanish, X_jᵀr = λ W_j/‖W_j‖ for the others."""
    target = np.stack([Y, Y[::-1]], axis=1)
    problem = dv.minimize(
        "sumsq(X @ W - Y)/2 + lam*sum(sqrt(sum(W**2, axis=1)))",
        over="W",
        variables={"X": ("n", "d"), "Y": ("n", "k"), "W": ("d", "k"), "lam": ()},
    )
    result = problem.solve(X=X, Y=target, lam=25.0, backend="numpy")
    assert result.success, result.message
    slopes = X.T @ (target - X @ result["W"])
    norms = np.linalg.norm(result["W"], axis=1)
    kept = norms > 1e-6
    assert 0 < kept.sum() < D
    assert np.linalg.norm(slopes[~kept], axis=1).max() <= 25 + 1e-6
    np.testing.assert_allclose(slopes[kept], 25 * result["W"][kept] / norms[kept, None], atol=1e-6)


def test_several_starts() -> None:
    """(w² − 1)² + w/4 has two minima; several starts find the lower, and the same one again."""
    problem = dv.minimize("(w**2 - 1)**2 + w/4", over="w", variables={"w": ()})
    high = problem.solve(start={"w": 1.0}, backend="numpy")
    best, again = (problem.solve(start={"w": 1.0}, starts=6, backend="numpy") for _ in range(2))
    assert high.success and best.success
    assert best["w"] < 0 < high["w"] and best.fun < high.fun
    assert best["w"] == again["w"] and len(best.runs) == 6


@pytest.mark.parametrize(
    "objective", ["norm(X @ w - y, 1)", "sumsq(X @ w - y)", "sum(exp(w)) - dot(c, w)**2*0 + sumsq(w)"]
)
def test_plot(objective: str) -> None:
    """Every result draws its convergence on the Axes it is given."""
    from matplotlib.figure import Figure

    axes = Figure().subplots()
    assert solve(objective).plot(axes) is axes
    assert axes.lines and axes.get_xlabel() == "iteration"


def test_time_and_interrupt() -> None:
    """A time-out and Ctrl-C keep the latest point."""

    def interrupt(_: Any) -> None:
        raise KeyboardInterrupt

    late = solve("sum(exp(X @ w)) - y @ X @ w", "sum(w) == 1", max_time=1e-9)
    assert not late.success and "max_time" in late.message and late["w"].shape == (D,)
    broken = solve("norm(X @ w - y, 1)", callback=interrupt)
    assert not broken.success and "interrupted" in broken.message and broken["w"].shape == (D,)


def test_concave_kink_under_constraints_is_refused() -> None:
    """−‖w‖₁ has no epigraph form."""
    with pytest.raises(UnsupportedError, match="kink"):
        solve("sumsq(w - c) - norm(w, 1)", "w <= 1")


def test_starts_deep_inside_linear_constraints() -> None:
    """A logarithm that is not defined at the usual starts is at a point in the middle of the constraints."""
    G = np.array([[-0.9, 0.1, 0.4], [0.2, -0.8, 0.3], [0.5, 0.5, -0.9], [-0.3, 0.4, 0.1]])
    found = dv.minimize(
        "-mean(log(1 + G @ w))", over="w", subject_to=["w >= 0", "sum(w) == 1"],
        variables={"G": ("n", "d"), "w": ("d",)},
    ).solve(G=3.0 * G)  # fmt: skip
    assert found.success, found.message


def test_where_the_hessian_vanishes() -> None:
    """Σx⁴ has no curvature at the start, so that Newton's step there is of any length."""
    A, b, c = np.array([[1.0, 2.0, -1.0, 0.5]]), np.array([0.3]), np.array([1.0, -0.5, 0.2, 0.7])
    found = dv.minimize(
        "sum(w**4) - dot(c, w)", over="w", subject_to=["A @ w == b"],
        variables={"A": ("m", "d"), "b": ("m",), "c": ("d",), "w": ("d",)},
    ).solve(A=A, b=b, c=c)  # fmt: skip
    assert found.success, found.message


@pytest.mark.parametrize("seed", [0, 3])
def test_a_saddle_between_bounds_is_left(seed: int) -> None:
    """Non-negative factors: the run passes a saddle, and W S, S⁻¹ H are as good as W, H."""
    rng = np.random.default_rng(seed)
    rng.random((10, 8))
    A = rng.random((30, 20))
    problem = dv.minimize(
        "sumsq(A - W @ H)",
        over=["W", "H"],
        subject_to=["W >= 0", "H >= 0"],
        variables={"A": ("n", "m"), "W": ("n", 3), "H": (3, "m")},
    )
    result = problem.solve(A=A)
    assert result.success, result.message
    assert result.fun < 33.5  # the saddle of equal components: 44 and more
    assert min(result["W"].min(), result["H"].min()) >= -1e-12


def on_the_ball(X: Any, y: Any, r: float) -> float:
    """min ½‖Xw − y‖² over ‖w‖ ≤ r, active, by the secular equation."""
    U, s, _ = np.linalg.svd(X, full_matrices=False)
    b = U.T @ y

    def beyond(m: float) -> float:
        return float(np.sqrt(((s * b / (s**2 + m)) ** 2).sum())) - r

    m = scipy.optimize.brentq(beyond, 0.0, s[0] * np.linalg.norm(b) / r, xtol=1e-300, rtol=1e-14)
    w = s * b / (s**2 + m)
    return float((s * w - b) @ (s * w - b) + y @ y - b @ b) / 2


@pytest.mark.parametrize("ball", ["sumsq(w) <= r**2", "norm(w) <= r"])
def test_data_of_any_size(ball: str) -> None:
    """A problem in other units has the same answer in those units, and no other point is certified."""
    rng = np.random.default_rng(4)
    X, y = rng.standard_normal((12, 4)), rng.standard_normal(12)
    shapes = {"X": ("n", "d"), "y": ("n",), "w": ("d",), "r": ()}
    problem = dv.minimize("sumsq(X @ w - y)/2", over="w", subject_to=ball, variables=shapes)
    for of_x, of_y in ((1.0, 1e3), (1e-3, 1e-3), (1e-3, 1.0), (1e3, 1.0), (1e6, 1e6), (1e-6, 1e-6)):
        A, b, r = of_x * X, of_y * y, 0.2 * of_y / of_x
        result = problem.solve(X=A, y=b, r=r)
        assert result.success, result.message
        assert result.fun == pytest.approx(on_the_ball(A, b, r), rel=1e-7, abs=1e-12)


@pytest.mark.parametrize("loss", ["sum(abs(X @ w - y))", "max(abs(X @ w - y))"])
def test_columns_of_very_different_sizes(loss: str) -> None:
    """Columns in other units change unknowns, not the optimum."""
    rng = np.random.default_rng(3)
    X, y = rng.standard_normal((30, 6)), rng.standard_normal(30)
    problem = dv.minimize(loss, over="w", variables={"X": ("n", "d"), "y": ("n",), "w": ("d",)})
    plain, other = (problem.solve(X=X * size, y=y) for size in (1.0, np.logspace(-6, 6, 6)))
    assert plain.success and other.success, other.message
    assert other.fun == pytest.approx(plain.fun, rel=1e-9)


@pytest.mark.parametrize(
    ("conditions", "facts"), [([], {"s": ("positive",)}), (["s >= 0"], {}), (["s >= 0.01"], {})]
)
def test_kinks_weighted_by_an_unknown(conditions: list[str], facts: Any) -> None:
    """Laplace's likelihood: s = mean |r|, the slope 1/s of the kinks is positive because s is."""
    shapes = {"X": ("n", "d"), "y": ("n",), "w": ("d",)}
    least = dv.minimize("sum(abs(y - X @ w))", over="w", variables=shapes).solve(X=X, y=Y).fun / N
    problem = dv.minimize(
        "n*log(2*s) + sum(abs(y - X @ w))/s",
        over=["w", "s"],
        subject_to=conditions,
        variables={**shapes, "s": ()},
        facts=facts,
    )
    result = problem.solve(X=X, y=Y)
    assert result.success, result.message
    assert result["s"] == pytest.approx(least, rel=1e-9)
    assert result.fun == pytest.approx(N * np.log(2 * least) + N, rel=1e-9)
