"""Problems with constraints prepared once: the answers of `solve`, for new data and starts too, and certified."""

from __future__ import annotations

import time
import tracemalloc
from typing import Any

import numpy as np
import pytest

import derive as dv
from derive.errors import DataError, NotCertifiedWarning, UnsupportedError
from derive.solving.instance import Instance
from derive.solving.prepared_constraints import PreparedProgram

RNG = np.random.default_rng(12)
ENTROPY = dv.minimize(
    "sum(p*log(p))",
    over="p",
    subject_to=["A @ p == b", "sum(p) == 1"],
    variables={"p": ("n",), "A": ("k", "n"), "b": ("k",)},
)
A = RNG.standard_normal((2, 7))


def mean(weights: Any) -> Any:
    return A @ (np.asarray(weights) / np.sum(weights))


def test_maximum_entropy() -> None:
    """p is the exponential of a combination of the moments' functions; for other moments too."""
    fast = ENTROPY.prepare(A=A, b=mean(np.arange(1.0, 8.0)))
    for weights in (np.arange(1.0, 8.0), np.ones(7), [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 20.0]):
        p = fast(b=mean(weights))["p"]
        np.testing.assert_allclose(A @ p, mean(weights), atol=1e-9)
        basis = np.vstack([A, np.ones(7)]).T
        fitted = basis @ np.linalg.lstsq(basis, np.log(p), rcond=None)[0]
        np.testing.assert_allclose(np.log(p), fitted, atol=1e-7)
        assert fast.certify({"p": p}).ok()
    assert not fast.certify({"p": np.full(7, 1 / 7)}).ok()
    with pytest.raises(DataError, match=r"`solve` none: .*(infeasible|unbounded)"):
        fast(b=np.array([1e3, 1e3]))


def test_a_start_decides_between_minima() -> None:
    """Two wells beside one another: the answer is the one on the side of the start."""
    shapes = {"x": ("n",), "r": ()}
    wells = dv.minimize(
        "sum((x**2 - 1)**2) + x[0]/10", over="x", subject_to=["sumsq(x) <= r"], variables=shapes
    )
    fast = wells.prepare(start={"x": np.array([0.9])}, r=4.0)
    right, left = fast(start={"x": np.array([0.5])})["x"][0], fast(start={"x": np.array([-0.5])})["x"][0]
    assert left < -0.9 and right > 0.9
    assert fast()["x"][0] == pytest.approx(right)
    with pytest.raises(DataError, match="y is no unknown of this problem: x"):
        fast(start={"y": np.zeros(1)})
    edge = fast(r=0.25, start={"x": np.array([-0.1])})["x"][0]
    assert edge == pytest.approx(-0.5, abs=1e-9)
    result = wells.solve(n=1, r=4.0, start={"x": np.array([-0.5])}, backend="numba")
    assert result.success and result["x"][0] == pytest.approx(left)
    assert np.diff(wells.solve(n=1, r=0.25, backend="numba", max_time=60.0).history.time).min() >= 0.0


def test_facts_are_constraints() -> None:
    """A normal likelihood, whose variance is positive: mean and mean square; weights on a simplex."""
    shapes = {"y": ("n",), "m": (), "s": ()}
    normal = dv.maximize(
        "-n/2*log(s) - sumsq(y - m)/(2*s)", over=["m", "s"], variables=shapes, facts={"s": ("positive",)}
    )
    y = RNG.standard_normal(30) * 2.0 + 1.0
    found = normal.prepare(y=y)()
    assert found["m"] == pytest.approx(y.mean()) and found["s"] == pytest.approx(y.var())
    weights = dv.minimize(
        "sum(p*log(p)) + dot(c, p)", over="p", variables={"p": ("n",), "c": ("n",)}, facts={"p": ("simplex",)}
    )
    c = np.array([0.0, 1.0, 2.0])
    np.testing.assert_allclose(weights.prepare(c=c)()["p"], np.exp(-c) / np.exp(-c).sum(), atol=1e-9)


def test_saddles_are_left() -> None:
    """The product of two unknowns, whose start is a saddle; and where it has no minimum."""
    product = dv.minimize("w[0]*w[1]", over="w", variables={"w": (2,)}, subject_to=["w >= -1", "sum(w) <= 1"])
    fast = product.prepare()
    found = fast()
    assert sorted(found["w"].round(8).tolist()) == [-1.0, 2.0] and fast.certify(found).ok()
    number = dv.minimize("exp(x) - 5*x", over="x", subject_to=["log(x) <= 0"], variables={"x": ()})
    assert number.prepare()()["x"] == pytest.approx(1.0, abs=1e-9)  # no data, no lengths
    endless = dv.minimize("w[0]*w[1]", over="w", variables={"w": (2,)}, subject_to=["sum(w) == 0"])
    with pytest.raises(DataError, match=r"`solve` none: .*(infeasible|unbounded)"):
        endless.prepare()()


def test_programs_over_cones_certify_their_answers() -> None:
    """The certificate over cones for the last answer; other points are judged in the smooth form."""
    shapes = {"X": ("n", "d"), "y": ("n",), "w": ("d",), "r": ()}
    problem = dv.minimize("sumsq(X @ w - y)/2", over="w", subject_to=["norm(w) <= r"], variables=shapes)
    X, y = RNG.standard_normal((9, 3)), 3.0 * RNG.standard_normal(9)
    fast = problem.prepare(X=X, y=y, r=0.5)
    for r in (0.5, 0.1):
        found = fast(r=r)
        assert fast.certify(found).ok()
        np.testing.assert_allclose(found["w"], problem.solve(X=X, y=y, r=r)["w"], atol=1e-5)
    assert not fast.certify({"w": np.array([0.1, 0.0, 0.0])}).ok()
    loose = fast(r=50.0)  # nothing presses on a ball that is not reached
    assert fast.certify(loose).ok()
    np.testing.assert_allclose(loose["w"], np.linalg.lstsq(X, y, rcond=None)[0], atol=1e-5)


def test_corners_outside_the_constraints_are_left() -> None:
    """A circle beside a half-plane that cuts it where the start does not lead: another start does, or is told."""
    shapes = {"x": (2,), "b": ()}
    problem = dv.minimize(
        "sin(x[0])*cos(x[1]) + 0.1*sumsq(x)",
        over="x",
        subject_to=["sumsq(x - 1) <= 4", "x[0]*x[1] >= b", "x[0] + x[1] <= -1/4"],
        variables=shapes,
    )
    assert problem.solve(b=0.0).success
    with pytest.warns(NotCertifiedWarning):
        assert not problem.solve(b=3.0).success


@pytest.mark.parametrize("conditions", [["diag(S) == 1", "sumsq(S) <= 10"], ["S[0, 1] <= 0.1", "tr(S) <= 1"]])
def test_symmetric_unknowns_stay_symmetric(conditions: list[str]) -> None:
    """The nearest matrix to a symmetric one is symmetric, as the certificate has to know; a maximum beside it."""
    shapes = {"S": ("n", "n"), "A": ("n", "n")}
    root = np.random.default_rng(3).standard_normal((3, 3))
    data = {"A": root + root.T}
    plain = dv.minimize("sumsq(S - A)", over="S", subject_to=conditions, variables=shapes).solve(data)
    stated = dv.maximize(
        "-sumsq(S - A)", over="S", subject_to=conditions, variables=shapes, facts={"S": ("symmetric",)}
    )
    result, fast = stated.solve(data), stated.prepare(data)
    assert result.success and result.fun == pytest.approx(-plain.fun, rel=1e-9)
    for S in (result["S"], fast()["S"]):
        np.testing.assert_array_equal(S, S.T)
        np.testing.assert_allclose(S, plain["S"], atol=1e-6)
    proof = fast.certify(fast())
    assert proof.ok() and proof.value == pytest.approx(result.fun, rel=1e-8)


def test_symmetric_unknowns_under_norms_stay_symmetric() -> None:
    """Programs over cones know nothing of what is not symmetric, and leave it as it came."""
    shapes = {"S": ("n", "n"), "A": ("n", "n")}
    root = np.random.default_rng(3).standard_normal((3, 3))
    data = {"A": root + root.T}
    problem = dv.minimize(
        "norm(S - A) + norm(S[0])",
        over="S",
        subject_to=["S[0, 1] <= 0.1"],
        variables=shapes,
        facts={"S": ("symmetric",)},
    )
    fast = problem.prepare(data)
    for S in (problem.solve(data)["S"], fast()["S"]):
        np.testing.assert_array_equal(S, S.T)
    assert fast.certify(fast()).ok()


@pytest.mark.parametrize(
    ("objective", "bounds", "value"),
    [
        ("w[0]*w[1]", ["w >= -1", "w <= 1"], -1.0),
        ("-sumsq(w)", ["w >= -1", "w <= 1"], -2.0),
        ("sumsq(w*w - 1)", ["w >= -1", "w <= 1"], 0.0),
        ("sumsq(w*w - 1)", [], 0.0),
        ("sum(w**4) - sumsq(w)", ["w >= 0"], -0.5),
    ],
)
def test_saddles_under_bounds_are_left(objective: str, bounds: list[str], value: float) -> None:
    """The start is a saddle: the prepared solver goes on from elsewhere, at last by the interior point."""
    fast = dv.minimize(objective, over="w", subject_to=bounds, variables={"w": (2,)}).prepare()
    proof = fast.certify(fast())
    assert proof.ok() and proof.value == pytest.approx(value, abs=1e-8)


def test_no_minimum_under_bounds_is_an_error() -> None:
    """Nothing is returned where the objective falls for ever."""
    fast = dv.minimize("-sumsq(w)", over="w", subject_to=["w >= 0"], variables={"w": (2,)}).prepare()
    with pytest.raises(DataError, match=r"`solve` none: .*(infeasible|unbounded)"):
        fast()


def test_one_point_is_feasible() -> None:
    """The multipliers of a run that has nothing to choose need not fit: those that do are found."""
    problem = dv.minimize(
        "sumsq(X @ w - y)",
        over="w",
        subject_to=["w >= 0", "sum(w) == 1"],
        variables={"X": ("n", "d"), "y": ("n",), "w": ("d",)},
    )
    fast = problem.prepare(X=RNG.standard_normal((5, 1)), y=RNG.standard_normal(5))
    assert fast.certify(fast()).ok()


@pytest.mark.parametrize("columns", [15, 3])
def test_singular_hessians_are_prepared(columns: int) -> None:
    """Fewer rows than unknowns, and a column of zeros: some minimiser of many."""
    X, y = RNG.standard_normal((8, columns)), RNG.standard_normal(8)
    X[:, 0] = 0.0
    shapes = {"X": ("n", "d"), "y": ("n",), "w": ("d",)}
    fast = dv.minimize("sum(sqrt(1 + (X @ w - y)**2) - 1)", over="w", variables=shapes).prepare(X=X, y=y)
    assert fast.certify(fast()).ok()


def test_quadratic_programs_of_low_rank_are_no_plateaus():
    """Derivatives of a quadratic vanish nowhere by lack of digits: whole sets of minima are certified."""
    n = 12
    problem = dv.minimize(
        "dot(x, H @ x)/2 + dot(g, x)",
        over="x",
        subject_to=["x >= l", "E @ x == e"],
        variables={"H": ("n", "n"), "g": ("n",), "l": ("n",), "E": ("q", "n"), "e": ("q",), "x": ("n",)},
        facts={"H": ("psd",)},
    )
    for seed in (2, 8, 21):
        rng = np.random.default_rng(seed)
        R, E, low = rng.standard_normal((2, n)), rng.standard_normal((3, n)), -rng.random(n)
        E[2] = E[0]
        x = np.where(rng.random(n) < 0.5, low, low + 0.1)
        fast = problem.prepare(H=R.T @ R, g=-R.T @ (R @ x), l=low, E=E, e=E @ x)
        assert fast.certify(fast()).ok()


LOGS: dict[str, Any] = {"x": ("positive",)}
#: Smooth objectives under linear conditions: what the structure of their Hessians and rows is, statement, unknowns,
#: conditions, shapes, facts.
SMOOTH: list[tuple[str, str, list[str], list[str], dict[str, tuple[str, ...]], dict[str, Any]]] = [
    ("a diagonal", "-sum(a*log(x))", ["x"], ["dot(p, x) <= 1", "x <= 1/2"],
     {"a": ("n",), "p": ("n",), "x": ("n",)}, LOGS),
    ("a diagonal of two axes", "sum(M*x) + sum(x*log(x))/9", ["x"], ["sum(x, axis=1) == p/sum(p)", "sum(x) <= 2"],
     {"M": ("n", "k"), "x": ("n", "k"), "p": ("n",)}, LOGS),
    ("two diagonals", "sum(x*log(x)) + sum(exp(-b*v)) + v[0]/9", ["x", "v"], ["A @ x >= v", "sum(x) == 1"],
     {"x": ("n",), "v": ("k",), "A": ("k", "n"), "b": ()}, LOGS),
    ("few long rows", "sum(x*log(x/p))", ["x"], ["A @ x <= 1", "sum(x) == 2"],
     {"x": ("n",), "p": ("n",), "A": ("k", "n")}, LOGS),
    ("many long rows", "-sum(log(x))", ["x"], ["M @ x <= a/1000"], {"x": ("k",), "M": ("n", "k"), "a": ("n",)}, LOGS),
    ("dense, and kinks", "sum(log(1 + exp(M @ w))) + norm(w - 1, 1)", ["w"], ["sum(w) == 1", "w <= 2"],
     {"M": ("n", "k"), "w": ("k",)}, {}),
    ("dense, and a diagonal", "sum(log(1 + exp(M @ w + c))) + sumsq(w)/9 + exp(s) - s", ["w", "c", "s"],
     ["w >= 0", "sum(w) + c + s == 1"], {"M": ("n", "k"), "w": ("k",), "c": (), "s": ()}, {}),
]  # fmt: skip


@pytest.mark.parametrize("case", SMOOTH, ids=lambda c: c[0])
@pytest.mark.parametrize("sizes", [{"n": 40, "k": 3}, {"n": 5, "k": 4}, {"n": 3, "k": 1}], ids=str)
def test_smooth_objectives_under_linear_conditions(case: Any, sizes: dict[str, int]) -> None:
    """The loop on the Hessian's structure ends where that for all problems does, in fewer steps."""
    _, objective, unknowns, conditions, shapes, facts = case
    rng = np.random.default_rng(sizes["n"])
    data = {v: rng.random([sizes[s] for s in axes]) + 0.1 for v, axes in shapes.items() if v not in unknowns}
    problem = dv.minimize(objective, over=unknowns, subject_to=conditions, variables=shapes, facts=facts)
    fast = problem.prepare(data)
    found = fast()
    inside: Any = fast
    steps, start = inside._answer.iterations, inside._start
    assert inside._linear and inside._reaches(inside._program[0], start, 1e-10, 1)
    proof = fast.certify(found)
    assert proof.ok()
    assert inside._reaches(inside._by_interior_point, start, 1e-10, 1)
    other = inside._layout.unpack(inside._answer.z)
    value = float(problem.objective.evaluate({**data, **{v: other[v] for v in unknowns}}))
    assert proof.value == pytest.approx(value, rel=1e-8, abs=1e-8)
    assert steps <= inside._answer.iterations
    for v in unknowns:
        np.testing.assert_allclose(found[v], other[v], atol=1e-5)


def test_what_the_loop_for_linear_conditions_leaves() -> None:
    """Where the Hessian is indefinite the loop for all problems goes on, and entries without numbers end in words."""
    wells = dv.minimize(
        "sum((x**2 - 1)**2) + x[0]/10", over="x", subject_to=["x <= 2"], variables={"x": (3,)}
    )
    fast = wells.prepare()
    assert fast.certify(fast()).ok()
    with pytest.raises(DataError, match=r"`solve` none: infeasible"):
        dv.minimize(
            "sum(x*log(x))",
            over="x",
            subject_to=["sum(x) == 1", "x >= 3/4"],
            variables={"x": (3,)},
            facts={"x": ("positive",)},
        ).prepare()()


def test_columns_of_different_units_are_solved_alike() -> None:
    """Slopes are measured in the units of their columns: what is small beside a large one may be far off elsewhere."""
    rng = np.random.default_rng(1)
    X = rng.standard_normal((3, 5)) * np.logspace(0, 4, 5)
    y = X @ np.array([-100.0, 3000.0, 600.0, -2000.0, 200.0])
    shapes = {"X": ("n", "d"), "y": ("n",), "w": ("d",), "lam": ()}
    problem = dv.minimize("sumsq(X @ w - y)/2 + lam*norm(w, 1) + lam/2*sumsq(w)", over="w", variables=shapes)
    fast = problem.prepare(X=X, y=y, lam=0.1)
    found = fast.certify(fast())
    assert found.ok() and found.value == pytest.approx(problem.solve(X=X, y=y, lam=0.1).fun, rel=1e-9)
    rows, signs = X.T, np.array([1.0, -1.0, 1.0, -1.0, 1.0])
    dual = dv.minimize(
        "sumsq(transpose(X) @ (a*t))/2 - sum(a)",
        over="a",
        subject_to=["a >= 0", "a <= 1"],
        variables={"X": ("n", "d"), "t": ("n",), "a": ("n",)},
    )
    given = {"X": np.vstack([rows, 1e4 * rng.standard_normal((3, 3))]) @ np.diag([1.0, 1e2, 1e4])}
    given["t"] = np.concatenate([signs, [1.0, 1.0, -1.0]])
    assert value(dual, given) == pytest.approx(dual.solve(given).fun, rel=1e-8)


def value(problem: dv.Problem, given: dict[str, np.ndarray]) -> float:
    """The objective that a prepared solver ends at."""
    fast = problem.prepare(given)
    return float(fast.certify(fast()).value)


def test_nothing_presses_inside() -> None:
    """Multipliers that are rounding have no size of their own: the certificate holds without them."""
    X = np.array([[1.0, 0.0], [2.0, 0.0], [0.5, 0.0]])
    problem = dv.minimize(
        "sumsq(X @ w - y)",
        over="w",
        subject_to=["norm(w, 1) <= lam"],
        variables={"X": ("n", "d"), "y": ("n",), "w": ("d",), "lam": ()},
    )
    for size in (1.0, 1e-3):
        fast = problem.prepare(X=X, y=size * np.array([1.0, 2.5, 1.0]), lam=5.0)
        assert fast.certify(fast()).ok()


def test_points_that_vanish_are_certified() -> None:
    """Where all unknowns are rounding, that says nothing of how large they might be."""
    X, y = np.array([[0.4, -0.7, 1.1, 0.9]]), np.array([2.1e-2])
    problem = dv.minimize(
        "sumsq(X @ w - y) + lam*norm(w, 1)",
        over="w",
        subject_to=["sum(w) == 0"],
        variables={"X": ("n", "d"), "y": ("n",), "w": ("d",), "lam": ()},
    )
    fast = problem.prepare(X=X, y=y, lam=0.1)
    assert fast.certify(fast()).ok()


@pytest.mark.parametrize("n", [1, 3, 600])
def test_water_filling(n: int) -> None:
    """xᵢ = max(level − aᵢ, 0), of more unknowns than the loop for all problems takes as well."""
    shapes = {"a": ("n",), "x": ("n",), "P": ()}
    filling = dv.maximize(
        "sum(log(a + x))",
        over="x",
        subject_to=["x >= 0", "sum(x) == P"],
        variables=shapes,
        facts={"a": ("positive",)},
    )
    a = np.random.default_rng(n).random(n) + 0.1
    fast = filling.prepare(a=a, P=2.0)
    found = fast()
    under = found["x"] > 1e-6
    level = (2.0 + a[under].sum()) / under.sum()
    np.testing.assert_allclose(found["x"], np.maximum(level - a, 0.0), atol=1e-8)
    assert fast.certify(found).ok()


def test_large_programs_are_certified_without_their_zeros() -> None:
    """Three thousand kinks, each with a slack: no matrix of nine million numbers, whatever multipliers are tried."""
    n, d = 3000, 4
    X, t = RNG.standard_normal((n, d)), np.where(RNG.random(n) < 0.5, -1.0, 1.0)
    problem = dv.minimize(
        "sum(relu(1 - t*(X @ w))**2) + lam/2*sumsq(w)",
        over="w",
        variables={"X": ("n", "d"), "t": ("n",), "w": ("d",), "lam": ()},
    )
    fast = problem.prepare(X=X, t=t, lam=1.0)
    found = fast()
    tracemalloc.start()
    try:
        assert fast.certify(found).ok()
        assert not fast.certify({"w": found["w"] + 1.0}).ok()
        assert tracemalloc.get_traced_memory()[1] < 8 * n * n / 2
    finally:
        tracemalloc.stop()


def test_dense_programs_beyond_memory_are_refused_before_they_are_made(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The error says how large the matrices would be, and what to do."""
    problem = dv.minimize(
        "sumsq(x - y)",
        over="x",
        subject_to=["A @ x <= b"],
        variables={"x": (3,), "y": (3,), "A": (5, 3), "b": (5,)},
    )
    given = {"y": np.ones(3), "A": RNG.standard_normal((5, 3)), "b": np.ones(5)}
    instance = Instance(problem.posed, given, {})
    assert PreparedProgram(instance)()["x"].shape == (3,)
    monkeypatch.setattr("derive.solving.placed.MOST", 14)
    with pytest.raises(UnsupportedError, match=r"dense matrices of 3 unknowns .* and 5 conditions .* GB"):
        PreparedProgram(instance)


@pytest.mark.parametrize("objective", ["sum(p*log(p))", "-sum(log(c + p))"])
def test_many_unknowns_that_are_alone(objective: str):
    """Entropies and channels of more unknowns than dense matrices are made for: as for few, and certified."""
    rng = np.random.default_rng(2)
    shapes = {"p": ("n",), "c": ("n",), "A": ("k", "n"), "b": ("k",)}
    problem = dv.minimize(
        objective, over="p", subject_to=["sum(p) == 1", "A @ p == b", "p >= 0"], variables=shapes
    )
    for n in (60, 2600):
        A = rng.standard_normal((3, n))
        data = {"A": A, "b": A @ rng.dirichlet(np.ones(n)), "c": 0.1 + rng.random(n)}
        given = {k: v for k, v in data.items() if k != "c" or "c" in objective.split("(", 1)[1]}
        fast = problem.prepare(given)
        found = fast()
        assert fast.certify(found).ok() and abs(found["p"].sum() - 1.0) < 1e-9
    assert fast._placed.sparse is not None
    result = problem.solve(given)
    np.testing.assert_allclose(found["p"], result.x, atol=1e-6)


def test_many_unknowns_under_long_rows():
    """Few inequalities of all unknowns are equalities with a variable each, also where conditions are sparse."""
    rng = np.random.default_rng(0)
    shapes = {"p": ("n",), "r": ("n",), "A": ("k", "n"), "b": ("k",)}
    positive = {"p": ("positive",), "r": ("positive",)}
    problem = dv.minimize(
        "sum(p*log(p/r))",
        over="p",
        subject_to=["A @ p <= b", "sum(p) == 1"],
        variables=shapes,
        facts=positive,
    )
    n = 2600
    A, r = rng.random((10, n)), rng.dirichlet(np.ones(n))
    fast = problem.prepare({"A": A, "b": A @ rng.dirichlet(np.ones(n)) + 0.01, "r": r})
    found = fast()
    assert fast.certify(found).ok() and abs(found["p"].sum() - 1.0) < 1e-9
    assert fast._answer.iterations < 30


def test_fits_that_vanish_under_bounds():
    """More unknowns than rows, and an optimum of 0: slopes end in rounding, which a prepared run sees."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((20, 2100))
    problem = dv.minimize(
        "sumsq(X @ w - y)",
        over="w",
        subject_to=["w >= 0"],
        variables={"X": ("n", "d"), "y": ("n",), "w": ("d",)},
    )
    fast = problem.prepare(X=X, y=X @ np.abs(rng.standard_normal(2100)))
    begun = time.process_time()
    found = fast()
    assert fast.certify(found).ok() and time.process_time() - begun < 8.0


def test_points_outside_are_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """No multipliers are fitted to them: of large programs that took up to fifteen seconds."""
    from derive.solving import reasons

    n = 300
    y = np.linspace(0.0, 3.0, n) + np.random.default_rng(0).standard_normal(n)
    problem = dv.minimize(
        "sumsq(x - y)/2", over="x", subject_to=["x[1:] - x[:-1] >= 0"], variables={"x": ("n",), "y": ("n",)}
    )
    fast = problem.prepare(y=y)
    assert fast.certify(fast()).ok()

    def asked(*given: Any, **more: Any) -> Any:
        raise AssertionError("multipliers are fitted")

    monkeypatch.setattr(reasons, "fitted", asked)
    proof = fast.certify({"x": y})
    assert not proof.ok() and "constraints are violated" in proof.reason()


def test_unknowns_that_equalities_alone_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    """The value of a flow has no curvature and meets no row: the loop solves, without `solve`."""
    from derive.solving import prepared_constraints

    rng, n, m = np.random.default_rng(1), 10, 30
    N = np.zeros((n, m))
    for e in range(m):
        i, j = (e, e + 1) if e < n - 1 else rng.choice(n, 2, replace=False)
        N[i, e], N[j, e] = -1.0, 1.0
    ends = np.zeros(n)
    ends[0], ends[-1] = -1.0, 1.0
    fast = dv.maximize(
        "v",
        over=["f", "v"],
        subject_to=["N @ f == s*v", "f >= 0", "f <= u"],
        variables={"N": ("n", "m"), "s": ("n",), "f": ("m",), "u": ("m",), "v": ()},
    ).prepare(N=N, s=ends, u=rng.random(m))
    monkeypatch.setattr(prepared_constraints, "by_solve", lambda *_: pytest.fail("the loop fails"))
    assert fast.certify(fast()).ok()


def test_small_objectives_in_their_own_digits() -> None:
    """A stopband of 10⁻⁷ under conditions of size 1: a gap of 10⁻¹² beside 1 would be 3 ⋅ 10⁻⁶ of it."""
    n, frequency = 25, np.linspace(0.0, np.pi, 200)
    C = np.cos(np.outer(frequency, np.arange(n)))
    fast = dv.minimize(
        "max(abs(S @ h))",
        over="h",
        subject_to=["P @ h <= 1.1", "P @ h >= 0.9"],
        variables={"S": ("a", "n"), "P": ("b", "n"), "h": ("n",)},
    ).prepare(S=C[frequency >= 0.45 * np.pi], P=C[frequency <= 0.3 * np.pi])
    answer = fast()
    assert fast.certify(answer).ok()
    np.testing.assert_allclose(
        np.abs(C[frequency >= 0.45 * np.pi] @ answer["h"]).max(), 2.8337341917e-07, rtol=1e-7
    )


def test_conditions_in_which_all_unknowns_cancel() -> None:
    """Subgradients of a convex function at their own points: what rounding leaves there violates nothing."""
    rng = np.random.default_rng(1)
    X = rng.standard_normal((20, 2))
    problem = dv.minimize(
        "sumsq(f - y)/2 + 0.001*sumsq(G)",
        over=["f", "G"],
        subject_to=["f[None,:] >= f[:,None] + G @ X.T - sum(G*X, axis=1)[:,None]"],
        variables={"X": ("n", "d"), "y": ("n",), "f": ("n",), "G": ("n", "d")},
    )
    data = {"X": X, "y": (X**2).sum(axis=1) + 0.1 * rng.standard_normal(20)}
    fast = problem.prepare(data)
    assert fast.certify(fast()).ok() and problem.solve(data).success
    broken = dv.minimize("sumsq(x)", over="x", subject_to=["x - x >= b"], variables={"x": ("n",), "b": ()})
    assert not broken.solve(n=2, b=1e-6).success


def test_runs_that_begin_far_out_have_not_converged() -> None:
    """Weights on a nuclear norm where few entries are seen: Newton's method leaves for 10²², which is no answer."""
    rng, m, n = np.random.default_rng(1), 8, 6
    F = rng.standard_normal((m, 2)) @ rng.standard_normal((2, n))
    seen = (rng.random((m, n)) < 0.6).astype(float)
    problem = dv.minimize(
        "sumsq(M*(X - F))/2 + nuclear_norm(X)",
        over="X",
        variables={"M": ("m", "n"), "F": ("m", "n"), "X": ("m", "n")},
    )
    answer = problem.prepare(M=seen, F=F)()
    np.testing.assert_allclose(
        problem.objective.evaluate({"M": seen, "F": F, **answer}), 6.674139858642, rtol=1e-9
    )


def test_few_long_rows_leave_a_diagonal() -> None:
    """Twenty-five rows of eighty unknowns are equalities of variables of their own: nothing but these is factorised."""
    rng, n, m = np.random.default_rng(1), 80, 25
    fast = dv.minimize(
        "dot(c, x)",
        over="x",
        subject_to=["A @ x >= b", "x >= 0"],
        variables={"A": ("m", "n"), "b": ("m",), "c": ("n",), "x": ("n",)},
    ).prepare(A=rng.random((m, n)), b=3.0 * rng.random(m), c=rng.random(n) + 0.1)
    assert len(fast._solver.form.parts[0]) == 0 and len(fast._solver.form.parts[3]) == m
    assert fast.certify(fast()).ok()
