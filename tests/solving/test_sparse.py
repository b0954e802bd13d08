"""Problems of many unknowns whose matrices are mostly zeros: the same matrices as dense ones, the same optima."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.optimize

import derive as dv
from derive.evaluate import bind, evaluate_bound
from derive.kernels.sparse import Blocks
from derive.node import size_symbols, variables

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("sizes", [(2, 3), (1, 4), (5, 1), (1, 1)])
@pytest.mark.parametrize(
    ("function", "wrt"),
    [
        ("t - X @ w", "t"),
        ("t - X @ w", "w"),
        ("sum(T, axis=0)", "T"),
        ("sum(T, axis=1) * t", "T"),
        ("T * X", "T"),
        ("exp(T) / t[:, None]", "T"),
        ("exp(T) / t[:, None]", "t"),
        ("X @ T.T", "T"),
        ("outer(t, w)", "w"),
        ("3 * t + t**2", "t"),
        ("sum(t)", "t"),
        ("w[0] + 2", "w"),
        ("t[::2] + sum(w)", "t"),
    ],
)
def test_matrices_without_their_zeros(function: str, wrt: str, sizes: tuple[int, int]) -> None:
    """A Jacobian put together from its cores is the Jacobian."""
    _check(function, wrt, *sizes)


@pytest.mark.parametrize("sizes", [(2, 3), (3, 1), (7, 2)])
@pytest.mark.parametrize(
    ("function", "wrt", "stored"),
    [
        ("t[:-1] - 2*t[1:]", "t", lambda n, d: 2 * (n - 1)),
        ("T[1:, 0] * t[1:] - T[:-1, 0]", "T", lambda n, d: 2 * (n - 1)),
        ("T[1:] - T[:-1] + t[0]", "T", lambda n, d: 2 * (n - 1) * d),
        ("(T[1:])[:-1] - T[1:-1]", "T", lambda n, d: 0),
        ("2 * T[1:, 0]", "T", lambda n, d: n - 1),
    ],
)
def test_slices_without_their_zeros(function: str, wrt: str, stored: Any, sizes: tuple[int, int]) -> None:
    """What slices read has as many entries as they read, wherever they lie in one another."""
    if function.count(":-1") > 1 and "(T[1:])" in function and sizes[0] < 3:
        pytest.skip("nothing is left of so few rows")
    assert _check(function, wrt, *sizes) == stored(*sizes)


def _check(function: str, wrt: str, n: int, d: int) -> int:
    """That the Jacobian is right; how many entries are stored."""
    shapes = {"X": ("n", "d"), "T": ("n", "d"), "t": ("n",), "w": ("d",)}
    words = {k: s for k, s in shapes.items() if k in function}
    statement = dv.parse(function, variables=words)
    slope = dv.jacobian(statement, wrt).node
    rows = slope.order - len(shapes[wrt])
    blocks = Blocks({"b": slope}, {"b": rows})
    given = {k: RNG.uniform(0.5, 2.0, [{"n": n, "d": d}[i] for i in s]) for k, s in words.items()}
    data, binding = bind(variables(statement.node), given, sizes=size_symbols(statement.node))
    whole, *cores = evaluate_bound([slope, *blocks.cores.values()], data, binding)
    shape = np.shape(whole)
    found = blocks.matrix(dict(zip(blocks.cores, cores, strict=True)), "b", shape[:rows], shape[rows:])
    np.testing.assert_allclose(found.toarray(), np.asarray(whole).reshape(found.shape), rtol=1e-13)
    stored = blocks.size("b", shape[:rows], shape[rows:])
    assert found.nnz <= stored
    return stored


def quantiles(n: int, d: int) -> tuple[Any, dict[str, Any], float]:
    """Quantile regression, and its optimum as a linear program of SciPy's."""
    X, y, tau = RNG.standard_normal((n, d)), RNG.standard_normal(n), 0.3
    shapes = {"X": ("n", "d"), "y": ("n",), "w": ("d",)}
    problem = dv.minimize("sum(maximum(3/10*(y - X @ w), -7/10*(y - X @ w)))", over="w", variables=shapes)
    eye = np.eye(n)
    found = scipy.optimize.linprog(
        np.concatenate([np.zeros(d), np.full(n, tau), np.full(n, 1 - tau)]),
        A_eq=np.hstack([X, eye, -eye]),
        b_eq=y,
        bounds=[(None, None)] * d + [(0, None)] * (2 * n),
    )
    return problem, {"X": X, "y": y}, found.fun


def transport(p: int, q: int) -> tuple[Any, dict[str, Any], float]:
    """Optimal transport, and its optimum by SciPy's."""
    C = RNG.random((p, q))
    a, b = np.full(p, 1 / p), np.full(q, 1 / q)
    problem = dv.minimize(
        "sum(C * T)",
        over="T",
        subject_to=["sum(T, axis=1) == a", "sum(T, axis=0) == b", "T >= 0"],
        variables={"C": ("p", "q"), "T": ("p", "q"), "a": ("p",), "b": ("q",)},
    )
    sums = np.vstack([np.kron(np.eye(p), np.ones(q)), np.kron(np.ones(p), np.eye(q))])
    found = scipy.optimize.linprog(C.reshape(-1), A_eq=sums, b_eq=np.concatenate([a, b]))
    return problem, {"C": C, "a": a, "b": b}, found.fun


def entropic(p: int, q: int) -> tuple[Any, dict[str, Any], float]:
    """The same with an entropy, and its optimum by Sinkhorn's scaling."""
    C = RNG.random((p, q))
    a, b, eps = np.full(p, 1 / p), np.full(q, 1 / q), 0.25
    problem = dv.minimize(
        "sum(C * T) + sum(T * log(T))/4",
        over="T",
        subject_to=["sum(T, axis=1) == a", "sum(T, axis=0) == b"],
        variables={"C": ("p", "q"), "T": ("p", "q"), "a": ("p",), "b": ("q",)},
    )
    K, v = np.exp(-C / eps), np.ones(q)
    for _ in range(500):
        u = a / (K @ v)
        v = b / (K.T @ u)
    T = u[:, None] * K * v
    return problem, {"C": C, "a": a, "b": b}, float((C * T).sum() + eps * (T * np.log(T)).sum())


def monotone(n: int, _: int) -> tuple[Any, dict[str, Any], float]:
    """Isotonic regression through a matrix of differences: zeros of the data, not of the structure."""
    y = np.linspace(0, 2, n) + RNG.standard_normal(n)
    D = np.eye(n)[1:] - np.eye(n)[:-1]
    problem = dv.minimize(
        "sumsq(x - y)/2",
        over="x",
        subject_to=["D @ x >= 0"],
        variables={"x": ("n",), "y": ("n",), "D": ("m", "n")},
    )
    best = scipy.optimize.isotonic_regression(y).x
    return problem, {"y": y, "D": D}, float(((best - y) ** 2).sum() / 2)


@pytest.mark.parametrize(
    ("case", "size"),
    [(quantiles, (150, 3)), (transport, (12, 15)), (entropic, (12, 15)), (monotone, (250, 0))],
    ids=lambda c: getattr(c, "__name__", ""),
)
def test_optima_of_large_problems(case: Any, size: tuple[int, int]) -> None:
    """Certified, at the optimum that somebody else finds."""
    problem, data, best = case(*size)
    result = problem.solve(data, backend="numpy")
    assert result.success, result.message
    assert abs(result.fun - best) <= 1e-8 * max(1.0, abs(best))
    assert len(result.history.objective) >= 2


def test_a_large_problem_that_cannot_be_solved_is_named() -> None:
    """Row sums and column sums of a plan that do not add up to the same."""
    problem, data, _ = transport(12, 15)
    result = problem.solve({**data, "a": 2 * data["a"]}, backend="numpy")
    assert not result.success
    assert "infeasible" in result.message


def test_nested_kinks_take_one_slack() -> None:
    """max(|u| − ε, 0): the inner kink is two conditions on the slack of the outer one."""
    from derive.smoothing import smooth

    statement = dv.parse("sum(maximum(abs(X @ w) - 1/5, 0))", variables={"X": ("n", "d"), "w": ("d",)})
    (w,) = (v for v in variables(statement.node) if v.name == "w")
    found = smooth(statement.node, [w], (), ())
    assert [v.name for v in found.unknowns] == ["w", "slack_0"]
    assert len(found.inequalities) == 3
