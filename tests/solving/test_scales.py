"""Problems in other units: data, unknowns, levels of constraints and objective multiplied by powers of ten.

What a statement is equivariant to is known: the optimum at other units is that at units of 1, multiplied. Certified
answers must be that optimum, relative to its own size, and feasible relative to the size of the constraint.
"""

from __future__ import annotations

import re
from typing import Any

import mpmath
import numpy as np
import pytest

import derive as dv

SHAPES = {"X": ("n", "d"), "y": ("n",), "w": ("d",), "r": (), "lam": (), "c": ("d",)}
RNG = np.random.default_rng(11)
X = RNG.standard_normal((12, 4))
W = RNG.standard_normal(4)
Y = X @ W + 0.3 * RNG.standard_normal(12)
LEVEL = 0.6 * float(np.linalg.norm(W))
#: of data and of what is fitted
UNITS = [
    (1e4, 1e-7),
    (1.0, 1e-4),
    (1e-8, 1e-9),
    (1e7, 1e-1),
    (1e-7, 1e8),
    (1e-3, 1e5),
    (1e-4, 1e-9),
    (1e9, 1e-3),
]


def stated(objective: str, subject_to: list[str]) -> Any:
    """The problem over w with the arrays that its text names."""
    named = set(re.findall(r"[A-Za-z]+", " ".join([objective, *subject_to])))
    shapes = {name: shape for name, shape in SHAPES.items() if name in named}
    return dv.minimize(objective, over="w", subject_to=subject_to, variables=shapes)


def solved(problem: Any, sx: float, sy: float, degree: int) -> tuple[Any, float]:
    """The answer at these units, and its objective in units of 1."""
    names = {v.name for v in problem._posed.given}
    data = {"X": X * sx, "y": Y * sy, "r": LEVEL * sy / sx, "lam": 0.7 * (sx * sy if degree == 2 else sx)}
    found = problem.solve({k: a for k, a in data.items() if k in names})
    return found, found.fun / sy**degree


@pytest.mark.parametrize(
    ("objective", "subject_to", "degree"),
    [
        ("sumsq(X @ w - y)/2", ["norm(w) <= r"], 2),
        ("sumsq(X @ w - y)/2", ["sumsq(w) <= r**2"], 2),
        ("sumsq(X @ w - y)/2", ["norm(w, 1) <= r", "w[0] >= 0"], 2),
        ("sumsq(X @ w - y)/2", ["w >= 0", "sum(w) <= r"], 2),
        ("sumsq(X @ w - y)/2", ["w >= 0", "sum(w) == r"], 2),
        ("sumsq(X @ w - y)/2 + lam*norm(diff(w), 1)", [], 2),
        ("max(abs(X @ w - y))", [], 1),
        ("norm(X @ w - y) + lam*norm(w, 1)", [], 1),
        ("sum(maximum(X @ w - y, 0.2*(y - X @ w)))", ["norm(w, 1) <= r"], 1),
    ],
)
def test_certified_answers_are_the_optimum_in_any_units(
    objective: str, subject_to: list[str], degree: int
) -> None:
    """f(sx X, sy y) = sy^degree f(X, y) at w sx/sy."""
    problem = stated(objective, subject_to)
    plain, value = solved(problem, 1.0, 1.0, degree)
    assert plain.success
    for sx, sy in UNITS:
        found, fun = solved(problem, sx, sy, degree)
        assert found.success, (sx, sy, found.message)
        assert fun == pytest.approx(value, rel=1e-8), (sx, sy)


@pytest.mark.parametrize("size", [1e-7, 1e-5, 1e5, 1e8])
def test_matrices_in_any_units(size: float) -> None:
    """The nearest positive semidefinite matrix, and the nearest of low rank."""
    A = RNG.standard_normal((4, 4))
    A = (A + A.T) / 2
    values, singular = np.linalg.eigvalsh(A), np.linalg.svd(A)[1]
    problem = dv.minimize(
        "sumsq(Z - A)/2", over="Z", variables={"A": ("n", "n"), "Z": ("n", "n")}, facts={"Z": ("psd",)}
    )
    found = problem.solve(A=size * A)
    assert found.success, found.message
    assert found.fun == pytest.approx(size**2 * (np.minimum(values, 0.0) ** 2).sum() / 2, rel=1e-8)
    problem = dv.minimize(
        "sumsq(Z - A)/2 + lam*nuclear_norm(Z)",
        over="Z",
        variables={"A": ("n", "n"), "Z": ("n", "n"), "lam": ()},
    )
    found = problem.solve(A=size * A, lam=0.3 * size)
    least = (np.minimum(singular, 0.3) ** 2 / 2 + 0.3 * np.maximum(singular - 0.3, 0.0)).sum()
    assert found.success and found.fun == pytest.approx(size**2 * least, rel=1e-8)


def test_a_point_far_from_the_optimum_is_not_certified_in_small_units() -> None:
    """Tiny data make every number small; it is not small beside what the problem holds."""
    from derive.kernels.natural import units_of
    from derive.kernels.optimizers.interior_point import Values

    H, z, C = np.diag([2e-18, 8e-18]), np.array([1e-9, -3e-9]), np.array([[1.0, 0.0]])
    v = Values(4e-36, H @ z, np.zeros(0), np.zeros((0, 2)), z[:1] + 1e-9, C)
    small = units_of(v, z, H, np.zeros(2), 0.0, [slice(0, 2)])
    scale = 1e12
    w = Values(v.f * scale**2, v.g * scale**2, v.e, v.E, v.c, v.C)
    large = units_of(w, z, H * scale**2, np.zeros(2), 0.0, [slice(0, 2)])
    np.testing.assert_allclose(large.lengths, small.lengths)
    np.testing.assert_allclose(large.inequalities, small.inequalities)
    assert large.objective == pytest.approx(small.objective * scale**2)


def test_zero_is_the_optimum_where_all_that_pulls_is_balanced() -> None:
    """max(Xw) + ½‖w‖² with 0 inside the hull of the rows: nothing has a size at the optimum."""
    rows = np.vstack([X, -X])
    problem = stated("max(X @ w) + sumsq(w)/2", [])
    found = problem.solve(X=rows)
    assert found.success and abs(found.fun) <= 1e-12
    pinned = stated("sum(exp(w)) - dot(c, w)", ["w == 0", "w >= 0"])
    found = pinned.solve(c=np.array([2.0, -1.0]))
    assert found.success and found.fun == pytest.approx(2.0)


@pytest.mark.parametrize("size", [1e-6, 1.0, 1e6])
def test_quadratics_without_end_are_not_certified_far_away(size: float) -> None:
    """½‖Xw‖² − vᵀw with fewer rows than unknowns bends by rounding alone where it falls."""
    shapes = {"X": ("n", "d"), "c": ("d",), "w": ("d",)}
    problem = dv.minimize("sumsq(X @ w)/2 - dot(c, w)", over="w", variables=shapes)
    rng = np.random.default_rng(3)
    for d in (3, 8):
        rows, slope = size * rng.standard_normal((2, d)), size * rng.standard_normal(d)
        found = problem.solve(X=rows, c=slope)
        assert not found.success and "unbounded" in found.message


def test_small_columns_of_many_weights_do_not_hide_the_slope() -> None:
    """Without a Hessian a point near 0 is judged by how far a step along the slope would lead."""
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((40, 450))
    y = rows @ rng.standard_normal(450)
    problem = stated("sumsq(X @ w - y)/2", ["w >= 0"])
    found = problem.solve(X=1e-9 * rows, y=1e2 * y)
    assert not found.success or found.fun <= 1e-8 * float(1e4 * y @ y)


@pytest.mark.parametrize(
    ("text", "conditions"),
    [("sum(w**3)", ["w <= 2"]), ("w[0]**3 + w[1]**2", ["w <= 2"]), ("sum(w**3)", ["w[0] + w[1] <= 5"])],
)
def test_an_inflection_is_no_minimum(text: str, conditions: list[str]) -> None:
    """Where nothing bends the objective under linear conditions, slopes on both sides tell."""
    result = dv.minimize(text, over="w", subject_to=conditions, variables={"w": (2,)}).solve()
    assert not result.success


def uneven(rng: np.random.Generator, m: int, n: int) -> tuple[Any, Any]:
    """Equations whose columns are in units from 10⁻⁴ to 10⁴."""
    rows = rng.standard_normal((m, n)) * np.logspace(-4.0, 4.0, n)
    return rows, rows @ np.abs(rng.standard_normal(n))


@pytest.mark.parametrize("objective", ["norm(w)", "sumsq(w)/2", "norm(w, 1)", "max(abs(w))"])
@pytest.mark.parametrize("conditions", [["A @ w == b"], ["A @ w == b", "w >= 0"]])
def test_equations_in_very_different_units(objective: str, conditions: list[str]) -> None:
    """Prepared answers are certified as well, a point determined by its equations, and a column of zeros."""
    rng = np.random.default_rng(5)
    problem = dv.minimize(
        objective,
        over="w",
        subject_to=conditions,
        variables={"A": ("m", "n"), "b": ("m",), "w": ("n",)},
    )
    for m, n in ((1, 2), (2, 6), (7, 8), (6, 6), (9, 12)):
        rows, right = uneven(rng, m, n)
        if m == 7:
            rows[:, 3] = 0.0
            right = rows @ np.ones(n)
        result = problem.solve(A=rows, b=right)
        prepared = problem.prepare(A=rows, b=right)
        answer = prepared()
        assert result.success, (m, n, result.message)
        assert prepared.certify(answer).ok(), (m, n, prepared.certify(answer).reason())
        assert problem.objective.evaluate(A=rows, b=right, **answer) == pytest.approx(result.fun, rel=1e-8)
        if objective == "norm(w)" and len(conditions) == 1:
            exact = exact_norm(rows, right)
            assert result.fun == pytest.approx(exact, rel=2e-8)


def exact_norm(rows: Any, right: Any) -> float:
    """‖Aᵀ(AAᵀ)⁺b‖ in many digits."""
    kept = np.flatnonzero(np.abs(rows).sum(axis=0))
    with mpmath.workdps(60):
        A, b = mpmath.matrix(rows[:, kept].tolist()), mpmath.matrix(right.tolist())
        w = A.T * mpmath.lu_solve(A * A.T, b)
        return float(mpmath.norm(w))


@pytest.mark.parametrize("rows", [30, 150])
def test_hinge_losses_of_separable_data(rows: int) -> None:
    """The optimum is 0, and nothing has a size to be small beside; with many rows by sparse factors."""
    rng = np.random.default_rng(4)
    X = rng.standard_normal((rows, 8))
    problem = dv.minimize(
        "sum(maximum(0, 1 - y * (X @ w)))",
        over="w",
        variables={"X": ("n", "d"), "y": ("n",), "w": ("d",)},
    )
    result = problem.solve(X=X, y=np.sign(X @ rng.standard_normal(8)))
    assert result.success and result.fun < 1e-12


def test_rounding_of_data_is_no_gap() -> None:
    """Residuals of 10⁶ that cancel leave 10⁻⁸, and that is the optimum."""
    rng = np.random.default_rng(0)
    X, w = 1e3 * rng.standard_normal((82, 11)), 1e3 * rng.standard_normal(11)
    problem = dv.minimize(
        "sum(abs(X @ w - y))", over="w", variables={"X": ("n", "d"), "y": ("n",), "w": ("d",)}
    )
    assert problem.solve(X=X, y=X @ w).success
    assert not problem.prepare(X=X, y=X @ w).certify({"w": w * (1.0 + 1e-9)}).ok()


def test_losses_that_vanish_of_data_that_cancel() -> None:
    """The optimum is 0 whatever the units: of one class, with a column of zeros, under a metric of low rank."""
    rng = np.random.default_rng(3)
    rows = rng.standard_normal((8, 13))
    rows[:, 0] = 0.0
    simplex = dv.minimize(
        "sumsq(X @ w - y)",
        over="w",
        subject_to=["w >= 0", "sum(w) == 1"],
        variables={"X": ("n", "d"), "y": ("n",), "w": ("d",)},
    )
    for size in (1.0, 1e-3):
        units = rows * np.logspace(-3.0, 3.0, 13)
        inside = size * rng.dirichlet(np.ones(13))
        inside[0] += 1.0 - size
        assert simplex.solve(X=units, y=units @ inside).success

    one = dv.minimize(
        "sum(logsumexp(X @ W, axis=1)) - sum(Y * (X @ W)) + lam/2 * sumsq(W)",
        over="W",
        variables={"X": ("n", "d"), "Y": ("n", "k"), "W": ("d", "k"), "lam": ()},
    )
    for seed in range(4):
        row = 3e4 * np.random.default_rng(seed).standard_normal((1, 20))
        assert one.solve(X=row, Y=np.ones((1, 1)), lam=2e-3).success

    metric = dv.minimize(
        "dot(X @ w - y, P @ (X @ w - y))",
        over="w",
        variables={"X": ("n", "d"), "y": ("n",), "w": ("d",), "P": ("n", "n")},
        facts={"P": ("psd",)},
    )
    for seed in range(6):
        rng = np.random.default_rng(seed)
        way = rng.standard_normal(13)
        X = rng.standard_normal((13, 5))
        X[:, 0] = 0.0
        assert metric.solve(X=X, y=rng.standard_normal(13), P=np.outer(way, way)).success


@pytest.mark.parametrize("seed", [55, 101, 104, 114, 137])
def test_log_sum_exp_of_large_numbers(seed: int) -> None:
    """A maximum with rounded corners: a path of softer ones leads there, within the log of the rows of the maximum."""
    rng = np.random.default_rng(seed)
    m, n = int(rng.integers(1, 40)), int(rng.integers(1, 12))
    size, lam = 10.0 ** rng.uniform(4, 9), 10.0 ** rng.uniform(-3, 1)
    shapes = {"A": ("m", "n"), "b": ("m",), "x": ("n",), "lam": ()}
    problem = dv.minimize("logsumexp(A @ x + b) + lam*sumsq(x)", over="x", variables=shapes)
    data = {"A": size * rng.standard_normal((m, n)), "b": rng.standard_normal(m), "lam": lam}
    if rng.integers(2):
        data["b"] *= size
    found = problem.solve(data)
    assert found.success and found.nit < 200
    corners = dv.minimize("max(A @ x + b) + lam*sumsq(x)", over="x", variables=shapes).solve(data)
    assert corners.success and -1e-9 * abs(corners.fun) <= found.fun - corners.fun
    assert found.fun - corners.fun <= np.log(m) + 1e-9 * abs(corners.fun)
