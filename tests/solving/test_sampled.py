"""Hessians and first points from samples of the rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import derive as dv
from derive.expression import Expression
from derive.kernels.compile import compile_nodes
from derive.kernels.optimizers.sampled_newton import CONVERGED, EXACT, NO_MODEL, sampled_newton
from derive.solving.instance import Instance
from derive.solving.sampled import Sampled, _spread

RNG = np.random.default_rng(3)
N, D = 4000, 6
X = RNG.standard_normal((N, D)) * np.geomspace(1.0, 1e-3, D)
T = np.where(X @ np.full(D, 3.0) + RNG.standard_normal(N) > 0, 1.0, -1.0)
SHAPES: dict[str, Any] = {"X": ("n", "d"), "t": ("n",), "w": ("d",), "lam": ()}


@pytest.mark.parametrize(
    ("text", "share"),
    [
        ("sum(softplus(-t*(X @ w))) + lam/2*sumsq(w)", 3.0),
        ("sumsq(w)*lam/2 + sum(softplus(-t*(X @ w)))/2 + sumsq(X @ w - t)/2", 3.0),
        ("mean(softplus(-t*(X @ w))) + lam/2*sumsq(w)", 1.0),
    ],
)
def test_terms_without_data_are_kept_whole(text: str, share: float) -> None:
    """Rows that are there three times: Σ over all of them is three times Σ over one of each, a penalty stays."""
    posed = dv.minimize(text, over="w", variables=SHAPES).posed
    sampled = Sampled(posed.composite.structure.smooth, posed.unknowns, posed.given)
    assert sampled.scaled is not None
    assert sampled.mean == (share == 1.0)
    w, few = RNG.standard_normal(D), slice(0, 9)
    whole = Expression(sampled.objective).evaluate(
        X=np.tile(X[few], (3, 1)), t=np.tile(T[few], 3), w=w, lam=0.7
    )
    part = Expression(sampled.scaled).evaluate(X=X[few], t=T[few], w=w, lam=0.7, _share=share)
    assert part == pytest.approx(whole, rel=1e-14)


@pytest.mark.parametrize(("n", "m"), [(5, 1), (1000, 333), (99_991, 33_330)])
def test_rows_of_a_sample(n: int, m: int) -> None:
    """No row twice, and any number of the first ones spread evenly: none misses a stretch longer than 3n/m."""
    rows = _spread(n, m)
    assert len(set(rows)) == m
    assert 0 <= rows.min() <= rows.max() < n
    for k in (m, m // 2 + 1):
        gaps = np.diff(np.sort(np.concatenate([[0], rows[:k], [n]])))
        assert gaps.max() <= 3 * n / k + 1


def _logistic(rows: Any, counts: list[int], data: Any = X) -> tuple[Any, Any]:
    def value_gradient(w: Any) -> Any:
        z = -T[rows] * (data[rows] @ w)
        share = N / len(z)
        slope = share * data[rows].T @ (-T[rows] / (1.0 + np.exp(-z)))
        counts.append(len(z))
        return share * float(np.logaddexp(0.0, z).sum()) + 0.5 * float(w @ w), slope + w

    def model(w: Any) -> Any:
        s = 1.0 / (1.0 + np.exp(-T[rows] * (X[rows] @ w)))
        share = N / len(s)
        return *value_gradient(w), share * (X[rows].T * (s * (1.0 - s))) @ X[rows] + np.eye(D)

    return value_gradient, model


def test_few_reads_of_all_rows() -> None:
    """At condition 10⁶ of the Hessian the optimum takes a handful of reads, and from it none but one."""
    counts: list[int] = []
    made = [_logistic(_spread(N, m), counts) for m in (200, 800)] + [_logistic(slice(None), counts)]

    def run(x: Any, tol: float) -> Any:
        return sampled_newton(
            lambda x, k: made[k][0](x),
            lambda x, k: made[k][1](x),
            np.array([200.0, 800.0, N]),
            np.array(EXACT),
            x,
            tol,
            50,
        )

    x = np.zeros(D)
    f, _, status, _, evaluations = run(x, 1e-12)
    assert status == CONVERGED
    assert counts.count(N) == evaluations <= 7
    value, slope = made[-1][0](x)
    assert value == pytest.approx(f, rel=1e-11)
    assert np.abs(slope).max() < 1e-3
    counts.clear()
    again = x.copy()
    assert run(again, 1e-9)[2] == CONVERGED
    assert np.abs(again - x).max() <= 1e-4
    assert counts.count(N) == 1


@pytest.mark.parametrize(("off", "most"), [(0.0, 3), (1e-3, 5)])
def test_all_rows_in_single_precision_first(off: float, most: int) -> None:
    """Few reads of the data where their copy agrees; where its optimum is another one, as many as it takes."""
    counts: list[int] = []
    made = [_logistic(_spread(N, m), counts) for m in (200, 800)]
    noise = np.random.default_rng(1).standard_normal(X.shape)  # RNG is where other tests have left it
    copy = np.float64(np.float32(X)) * (1.0 + off * noise)
    made += [_logistic(slice(None), [], copy), _logistic(slice(None), counts)]
    rows, x = np.array([200.0, 800.0, N, N]), np.zeros(D)
    status, _, evaluations = sampled_newton(
        lambda x, k: made[k][0](x), lambda x, k: made[k][1](x), rows, np.array(EXACT), x, 1e-9, 50
    )[2:]
    assert status == CONVERGED
    assert counts.count(N) <= most < evaluations
    exact = np.zeros(D)
    sampled_newton(
        lambda x, k: made[k + k // 2][0](x),
        lambda x, k: made[k][1](x),
        rows[:3],
        np.array(EXACT),
        exact,
        1e-14,
        50,
    )
    assert made[-1][0](x)[0] == pytest.approx(made[-1][0](exact)[0], rel=4e-9)


def test_no_metric() -> None:
    """Where the Hessian is not positive definite, the status says so."""

    def concave(x: Any, k: int) -> Any:
        return float(-x @ x), -2 * x

    def model(x: Any, k: int) -> Any:
        return *concave(x, k), -2 * np.eye(2)

    assert (
        sampled_newton(concave, model, np.array([10.0, 20.0]), np.array(EXACT), np.ones(2), 1e-9, 10)[2]
        == NO_MODEL
    )


def test_compiled_with_its_kernels() -> None:
    """The same steps as under Python, for unknowns of several shapes."""
    problem = dv.minimize(
        "mean(softplus(-t*(X @ w + b))) + lam/2*sumsq(w) + (b - 1)**2",
        over=["w", "b"],
        variables={**SHAPES, "b": ()},
    )
    n = 34_000
    t = np.where(RNG.random(n) < 0.1, -1.0, 1.0) * T[np.arange(n) % N]
    instance = Instance(problem.posed, {"X": X[np.arange(n) % N], "t": t, "lam": 0.3}, {})
    size = problem.posed.composite.layout(instance).size
    answers = []
    for whole in (False, True):
        x, nothing = np.zeros(size), np.zeros(size)
        loop = problem.posed.loops.sampling(instance, instance.numbers, whole)
        answers.append((x, *loop(nothing, nothing, nothing, x, 1e-12, 50)))
    (slow, _, status, *counts), (fast, *others) = answers
    assert status == CONVERGED
    assert others[1] == CONVERGED
    assert all(
        one <= other <= one + 1 for one, other in zip(counts, others[2:], strict=True)
    )  # those of the copy too
    np.testing.assert_allclose(fast, slow, atol=1e-6 * np.abs(slow).max())


def test_single_precision_where_it_is_enough() -> None:
    """Prepared solvers take rough kernels where Cholesky's pivots allow it, and else, once and for all, exact ones."""
    problem = dv.minimize("sum(softplus(-t*(X @ w))) + lam/2*sumsq(w)", over="w", variables=SHAPES)
    rng = np.random.default_rng(6)
    n, d = 24_000, 60
    for condition, left in ((1.0, 2), (1e5, 1)):
        data = rng.standard_normal((n, d)) * np.geomspace(1.0, 1.0 / condition, d)
        data = data @ np.linalg.qr(rng.standard_normal((d, d)))[0]
        t = np.where(data[:, 0] + rng.standard_normal(n) > 0, 1.0, -1.0)
        instance = Instance(problem.posed, {"X": data, "t": t, "lam": 1e-3}, {})
        loops = problem.posed.loops
        descents = loops._descents(instance, instance.numbers, True, None)
        assert len(descents) == 2
        nothing, x = np.zeros(d), np.zeros(d)
        loop = loops.sampling(instance, instance.numbers, True)
        assert loop(nothing, nothing, nothing, x, 1e-9, 100)[1] == CONVERGED
        exact = np.zeros(d)
        descents[1](*[nothing] * 3, exact, 1e-13, 100)
        values = [float(np.logaddexp(0.0, -t * (data @ w)).sum() + 5e-4 * w @ w) for w in (x, exact)]
        assert values[0] == pytest.approx(values[1], rel=2e-9)
        status = descents[0](*[nothing] * 3, np.zeros(d), 1e-9, 100)[2]
        assert status == (CONVERGED if left == 2 else NO_MODEL)


def test_rough_kernels_agree_with_exact_ones_in_single_precision() -> None:
    """Value, gradient and Hessian to six digits, and not by exact arithmetic."""
    loss = dv.parse("sum(softplus(-t*(X @ w)))", variables=SHAPES)
    outputs = {"value": loss, "gradient": dv.gradient(loss, "w"), "hessian": dv.hessian(loss, "w")}
    nodes = {name: e.node for name, e in outputs.items()}
    w = 0.1 * RNG.standard_normal(D)
    exact, rough = (compile_nodes(nodes, unknowns=["w"], rough=r)(X=X, t=T, w=w) for r in (False, True))
    for name in outputs:
        size = np.abs(exact[name]).max()
        assert 0.0 < np.abs(rough[name] - exact[name]).max() < 1e-5 * size
    assert np.array_equal(rough["hessian"], rough["hessian"].T)


@pytest.mark.parametrize(("rows", "method"), [(20_000, "newton"), (6000, "lbfgs")])
def test_samples_come_before_a_quasi_newton_method_where_rows_are_many(rows: int, method: str) -> None:
    """Where a sample has twenty rows per unknown no steps of L-BFGS are made first."""
    problem = dv.minimize(
        "sum(softplus(-t*(X @ w))) + lam/2*sumsq(w)", over="w", variables=SHAPES, facts={"lam": ("positive",)}
    )
    assert problem.plan(n=rows, d=200).method == method


def test_samples_may_be_few_rows_per_unknown() -> None:
    """At 17 rows per unknown, with repeated and wildly scaled columns, a read leaves at most a third of the error."""
    n, d = 4000, 80
    rng = np.random.default_rng(4)
    X = rng.standard_normal((n, d)) * np.geomspace(1e-3, 1e3, d)
    X[:, d // 2 :] = X[:, : d // 2]
    t = np.where(X[:, 0] * 1e3 + X[:, -1] + rng.standard_normal(n) > 0, 1.0, -1.0)
    problem = dv.minimize("sum(softplus(-t*(X @ w))) + lam/2*sumsq(w)", over="w", variables=SHAPES)
    fast = problem.prepare(X=X, t=t, lam=1e-2)
    assert fast.certify(fast(tolerance=1e-17), 1e-6).ok()
    # separable but for a few rows: no sample has one of them, and the loop goes on with whole Hessians
    t = np.where(X[:, 0] > 0, 1.0, -1.0)
    t[:3] = -t[:3]
    found = fast(t=t, lam=1e-9, tolerance=1e-17)
    assert fast.certify(found, 1e-6).ok()
