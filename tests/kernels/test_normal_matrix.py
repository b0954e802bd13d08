"""Slack variables eliminated before factorisation: the same solutions as of the whole matrix, at any weights."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.optimize import linprog

import derive as dv
from derive.kernels.apart import apart
from derive.kernels.optimizers import sparse_system, thin_program
from derive.kernels.optimizers.normal_matrix import (
    BLOCK,
    eliminate_slacks,
    extended,
    factor,
    factor_rows,
    reduced_by_slacks,
    substitute,
)
from derive.kernels.optimizers.program_arranged import slacks_apart
from derive.kernels.optimizers.program_factors import direction, factored
from derive.kernels.optimizers.program_system import pressed, rooms
from derive.kernels.optimizers.slacks import arranged, backward, directions, gathered
from derive.kernels.optimizers.thin_program import diagonal_and_rank, low_rank


def _program(n: int, d: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Slacks above ±xᵢᵀw, above two rows of different directions, above ±wⱼ and 0; bounds on w: H and C."""
    X, Y = rng.standard_normal((n, d)), rng.standard_normal((n, d))
    k = 2 * n + d
    H = np.diag(np.r_[np.ones(d), np.where(np.arange(k) % 2, 0.5, 0.0)])
    slack = np.eye(k)
    first, second, third = slack[:n], slack[n : 2 * n], slack[2 * n :]
    C = np.block(
        [
            [-0.3 * X, first],
            [0.7 * X, 2 * first],
            [X, second],
            [Y, second],
            [np.eye(d), third],
            [-np.eye(d), third],
            [np.zeros((d, d)), third],
            [3 * np.eye(d), np.zeros((d, k))],
            [X, np.zeros((n, k))],
        ]
    )
    return H, C


@apart
def _solved(normal: Any, x: Any, u: Any, b: Any) -> None:
    """x becomes K⁻¹(x − Cᵀu)."""
    reduced_by_slacks(normal, x, u, b)
    substitute(normal[0], x)
    extended(normal, x, b)


@apart
def _step(H: Any, h: Any, E: Any, rows: Any, D: Any, push: Any, u: Any, re: Any, dz: Any, dnu: Any) -> bool:
    """A step of a program, weights of equalities included."""
    n = dz.size - 1
    system, held, b = rooms(H, h, E, rows, n, 1.0)
    found = factored(h, system, held, D, b, 0.0, 1e-300)
    pressed(system[1], held[1], re, push)
    direction(system, push, u, re, b, dz, dnu)
    return bool(found)


@pytest.mark.parametrize("kind", ["coupled", "diagonal", "slacks"])
@pytest.mark.parametrize("q", [0, 1, 4])
@pytest.mark.parametrize("meets", [True, False])
def test_steps_with_equalities_that_meet_slacks(kind: str, q: int, meets: bool):
    """Those of the whole quasi-definite matrix: slacks above one direction, above several, above bounds."""
    rng = np.random.default_rng(q)
    n, d = 6, 4
    H, C = _program(n, d, rng)
    if kind == "coupled":
        H[:d, :d] += 0.1
    else:
        slack, zero = np.eye(d), np.zeros((d, d))
        C = np.block([[np.eye(d), slack], [-2.0 * np.eye(d), slack], [np.eye(d), zero], [zero, slack]])
        H = np.diag(np.r_[np.ones(d), 0.5, np.zeros(d - 1)])
    if kind == "slacks":
        H, C = np.eye(d), np.vstack([np.eye(d), -np.eye(d)])
    size = len(H)
    E = rng.standard_normal((q, size)) * (rng.random((q, size)) < 0.7)
    if not meets:
        E[:, d if kind != "slacks" else 0 :] = 0.0
        E[:, :d] += 0.1 * rng.standard_normal((q, d)) if kind != "slacks" else 0.0
    order, (core, h, _, equal, rows) = slacks_apart(H, np.zeros(size), E, C)
    assert (core.shape[1] < len(core)) == (kind == "diagonal") and (len(core) == 0) == (kind == "slacks")
    D, push = 10.0 ** rng.uniform(-2, 2, len(C)), np.r_[rng.standard_normal(size), 0.0]
    u, re, dz, dnu = rng.standard_normal(len(C)), rng.standard_normal(q), np.empty(size + 1), np.empty(q)
    if kind == "slacks" and not meets:
        equal[:, 0] = 1.0
        equal, re, dnu = equal[:1], re[:1], dnu[:1]
    K = (H + C.T @ (D[:, None] * C))[np.ix_(order, order)]
    k = len(equal)
    whole = np.block([[K, -equal.T], [equal, np.zeros((k, k))]])
    wanted = np.linalg.solve(whole, np.r_[-push[:-1] - C[:, order].T @ u, -re])
    assert _step(core, h, equal, rows, D, push.copy(), u, re, dz, dnu)
    np.testing.assert_allclose(np.r_[dz[:-1], dnu], wanted, rtol=1e-7, atol=1e-7)


def test_solutions_are_those_of_the_whole_matrix():
    """K⁻¹b by elimination; all slacks are found, and only they."""
    rng = np.random.default_rng(0)
    for n, d in ((1, 1), (5, 2), (9, 4)):
        H, C = _program(n, d, rng)
        size = len(H)
        H[:d, :d] += 0.1  # the unknowns are coupled, so that none is a slack
        order, r, owner = arranged(H, C)
        assert r == d and sorted(order) == list(range(size))
        core, main = H[np.ix_(order[:r], order[:r])], np.ascontiguousarray(C[:, order[:r]])
        h = np.diagonal(H)[order[r:]].copy()
        own = np.where(owner >= 0, C[np.arange(len(C)), order[owner]], 0.0)
        D, b = 10.0 ** rng.uniform(-3, 3, len(C)), rng.standard_normal(size)
        rows = directions(main, own, owner, h.size)
        line = rows[5]
        assert (line < 0).sum() == (n if d > 1 else 0)  # with one unknown all directions are the same
        M, W, products = np.empty((r, r)), np.empty((BLOCK, r)), np.empty(len(rows[0]) + r + 1)
        rho, wide, kappa = np.empty(h.size + 1), np.empty((h.size, r)), np.empty(h.size + 1)
        normal = M, rows, rho, wide, kappa
        eliminate_slacks(core.copy(), h, normal, D, W, products)
        assert factor(M)
        K = (H + C.T @ (D[:, None] * C))[np.ix_(order, order)]
        for u in (np.zeros(0), rng.standard_normal(len(C))):
            found, right = np.r_[b, 0.0], b - C[: u.size, order].T @ u
            _solved(normal, found, u, products)
            np.testing.assert_allclose(K @ found[:-1], right, rtol=1e-8, atol=1e-6)
            got = np.empty(len(C))
            gathered(rows, products, found, got)
            np.testing.assert_allclose(got, C[:, order] @ found[:-1], rtol=1e-12, atol=1e-12)
        back, y = np.empty(size + 1), rng.standard_normal(len(C))
        backward(rows, y, products, back)
        np.testing.assert_allclose(back[:-1], C[:, order].T @ y, rtol=1e-12, atol=1e-12)


def test_rows_below_a_factor():
    """B below A becomes B L⁻ᵀ, in loops and in stripes of sixteen columns; nothing outside their corners is touched."""
    rng = np.random.default_rng(7)
    for n in (1, 2, 12, 20, 21, 29, 33, 90, 275):
        for q in (0, 1, 5, 21):
            A, B = rng.standard_normal((n, n)), rng.standard_normal((q, n))
            whole = A @ A.T + np.eye(n)
            given = np.vstack([np.tril(whole) + np.triu(np.full((n, n), 7.0), 1), B])
            assert factor_rows(given)
            L = np.linalg.cholesky(whole)
            np.testing.assert_allclose(np.tril(given[:n]), L, rtol=1e-9, atol=1e-9)
            np.testing.assert_allclose(given[n:] @ L.T, B, rtol=1e-9, atol=1e-9)
            i, j = np.triu_indices(n, 1)
            assert (given[i, j][i // 16 < j // 16] == 7.0).all()
        whole[0, 0] -= 2.0 * np.linalg.eigvalsh(whole)[0] + whole[0, 0]
        assert not factor_rows(whole)


def test_units_cost_a_factor_no_digits():
    """Where rows and columns are of very different sizes the factor of each is as exact as without."""
    rng = np.random.default_rng(3)
    n = 50
    A = rng.standard_normal((n, n))
    A = A @ A.T + np.eye(n)
    unit = 10.0 ** rng.uniform(-8, 8, n)
    plain, scaled = A.copy(), unit[:, None] * A * unit
    assert factor_rows(plain) and factor_rows(scaled)
    assert np.abs(np.tril(scaled) / unit[:, None] - np.tril(plain)).max() < 1e-12


def test_large_programs_have_all_digits():
    """Where first factors are of single precision the answer is as exact as ever, with rows that are no bounds too."""
    rng = np.random.default_rng(8)
    n = 130
    A = rng.standard_normal((2 * n, n))
    S, mu = A.T @ A / n, rng.random(n)
    problem = dv.minimize(
        "dot(w, S @ w) - dot(mu, w)",
        over="w",
        subject_to=["w >= 0", "sum(w) == 1", "dot(mu, w) >= r"],
        variables={"S": ("n", "n"), "mu": ("n",), "w": ("n",), "r": ()},
        facts={"S": ("psd",)},
    )
    fast = problem.prepare(S=S, mu=mu, r=0.97)
    answer = fast()
    assert fast.certify(answer).ok()
    assert abs(answer["w"].sum() - 1.0) <= 1e-10 and abs(mu @ answer["w"] - 0.97) <= 1e-9


def test_least_absolute_deviations_prepared():
    """The prepared program reaches the optimum that `solve` certifies, with and without curvature in w."""
    rng = np.random.default_rng(1)
    X = rng.standard_normal((60, 4))
    y = X @ rng.standard_normal(4) + rng.standard_t(2, 60)
    for text in ("sum(abs(X @ w - y)) + sumsq(w)/2", "sum(abs(X @ w - y))"):
        problem = dv.minimize(text, over="w", variables={"X": ("n", "d"), "y": ("n",), "w": ("d",)})
        fast, whole = problem.prepare(X=X, y=y), problem.solve(X=X, y=y)
        assert whole.success
        value = problem.objective.evaluate(X=X, y=y, w=fast()["w"])
        assert abs(value - whole.fun) <= 1e-9 * abs(whole.fun)


def test_slacks_do_not_limit_a_prepared_program():
    """Quantile regression with more rows than a dense matrix of all unknowns would be allowed."""
    rng = np.random.default_rng(2)
    X = rng.standard_normal((3000, 2))
    y = X @ [1.0, -2.0] + rng.standard_t(2, 3000)
    problem = dv.minimize(
        "sum(maximum(0.3*(y - X @ w), -0.7*(y - X @ w)))",
        over="w",
        variables={"X": ("n", "d"), "y": ("n",), "w": ("d",)},
    )
    fast, whole = problem.prepare(X=X, y=y), problem.solve(X=X, y=y)
    assert whole.success
    value = problem.objective.evaluate(X=X, y=y, w=fast()["w"])
    assert abs(value - whole.fun) <= 1e-8 * whole.fun
    again = problem.objective.evaluate(X=X, y=-y, w=fast(y=-y)["w"])
    assert abs(again - problem.solve(X=X, y=-y).fun) <= 1e-8 * again


def test_a_variable_in_many_rows_is_no_slack():
    """Every variable of a linear program is alone in H; one of them would take the place of a slack in all rows."""
    C = np.random.default_rng(3).standard_normal((40, 3))
    for rows, expected in ((40, 3), (20, 2)):
        _, r, owner = arranged(np.zeros((3, 3)), C[:rows])
        assert r == expected and (owner >= 0).sum() == rows * (3 - r)


def _degenerate(seed: int) -> dict[str, np.ndarray]:
    """A linear program of whole numbers: its optimum is a vertex of too many conditions, and equalities repeat."""
    rng = np.random.default_rng(seed)
    d, m, k = (int(rng.integers(*ends)) for ends in ((4, 12), (5, 30), (1, 4)))
    G, x = rng.integers(-2, 3, (m, d)).astype(float), rng.integers(0, 3, d).astype(float)
    A = rng.integers(-1, 2, (k, d)).astype(float)
    A = np.vstack([A, A[:1]])
    multipliers = np.abs(rng.standard_normal(m)) * (rng.random(m) < 0.5)
    c = A.T @ rng.standard_normal(k + 1) - G.T @ multipliers
    return {"c": c, "G": G, "h": G @ x + (rng.random(m) < 0.3), "A": A, "b": A @ x}


def test_degenerate_linear_programs():
    """The optimum of HiGHS, prepared and certified; multipliers are not unique, and slacks run ahead of each other."""
    shapes = {"c": ("d",), "G": ("m", "d"), "h": ("m",), "A": ("k", "d"), "b": ("k",), "w": ("d",)}
    problem = dv.minimize(
        "dot(c, w)", over="w", variables=shapes, subject_to=["G @ w <= h", "A @ w == b", "w >= 0"]
    )
    for seed in range(12):
        data = _degenerate(seed)
        best = linprog(data["c"], data["G"], data["h"], data["A"], data["b"])
        if best.status:  # no vertex: the program is unbounded
            continue
        answer = problem.solve(data)
        assert answer.success, (seed, answer.message)
        size = 1.0 + abs(best.fun)
        assert abs(answer.fun - best.fun) <= 1e-8 * size
        assert abs(data["c"] @ problem.prepare(data)()["w"] - best.fun) <= 1e-8 * size


def test_features_of_very_different_sizes():
    """Support vectors where columns of the data are between 0.01 and 100: no more iterations than with equal ones."""
    rng = np.random.default_rng(1)
    X = rng.standard_normal((300, 8))
    y = np.sign(X @ rng.standard_normal(8) + 2 * rng.standard_normal(300))
    problem = dv.minimize(
        "sum(maximum(0, 1 - y*(X @ w))) + norm(w, 1)", over="w", variables={"X": ("n", "d"), "y": ("n",), "w": ("d",)}
    )  # fmt: skip
    for scale in (1.0, 100.0):
        answer = problem.solve(X=X * scale ** rng.uniform(-1, 1, 8), y=y)
        assert answer.success and answer.nit <= 20


def test_many_rows_and_few_unknowns():
    """The largest of 4100 deviations: 8200 conditions, of five unknowns each."""
    rng = np.random.default_rng(4)
    X = rng.standard_normal((4100, 4))
    y = X @ rng.standard_normal(4) + rng.standard_normal(4100)
    problem = dv.minimize(
        "max(abs(X @ w - y))", over="w", variables={"X": ("n", "d"), "y": ("n",), "w": ("d",)}
    )
    answer = problem.solve(X=X, y=y)
    assert answer.success
    assert abs(np.abs(X @ problem.prepare(X=X, y=y)()["w"] - y).max() - answer.fun) <= 1e-8 * answer.fun


def test_complementarity_is_that_of_the_point():
    """Total variation of a walk: the constant of the objective is large, and what rows lack is not in their slacks."""
    problem = dv.minimize(
        "sumsq(x - y)/2 + 3*norm(x[1:] - x[:-1], 1)", over="x", variables={"x": ("n",), "y": ("n",)}
    )
    for seed, n in ((9, 150), (5, 200), (10, 200)):
        answer = problem.solve(y=np.cumsum(np.random.default_rng(seed).standard_normal(n)))
        assert answer.success, answer.message


def test_factors_of_low_rank():
    """L with LᵀL = H at any scale; None beyond the rank that is asked for, and of what is not semidefinite."""
    rng = np.random.default_rng(5)
    for scale in (1e-8, 1.0, 1e8):
        A = scale * rng.standard_normal((4, 60)) * np.geomspace(1e-3, 1.0, 60)
        L = low_rank(A.T @ A, 4)
        assert L.shape == (4, 60)
        np.testing.assert_allclose(L.T @ L, A.T @ A, atol=1e-12 * scale**2)
        assert low_rank(A.T @ A, 3) is None
    A = rng.standard_normal((2, 60))
    assert low_rank(np.outer(A[0], A[0]) - np.outer(A[1], A[1]), 4) is None
    assert low_rank(np.zeros((60, 60)), 4).shape == (0, 60)


def test_a_diagonal_beside_a_low_rank():
    """D and L with D + LᵀL = H, zeros in D too; None beyond the rank, of a negative D, and without any rank."""
    rng = np.random.default_rng(5)
    for scale in (1e-8, 1.0, 1e8):
        A, D = scale * rng.standard_normal((4, 40)), scale**2 * rng.random(40) * (rng.random(40) < 0.8)
        H = A.T @ A + np.diag(D)
        found, L = diagonal_and_rank(H, 6)
        assert len(L) == 4
        np.testing.assert_allclose(found, D, atol=1e-11 * scale**2)
        np.testing.assert_allclose(L.T @ L + np.diag(found), H, atol=1e-11 * scale**2)
        assert diagonal_and_rank(H, 3) is None
        assert diagonal_and_rank(H - np.diag(2.0 * D + scale**2), 6) is None
    assert diagonal_and_rank(np.diag(rng.random(40)), 6) is None
    B = rng.standard_normal((40, 40))
    assert diagonal_and_rank(B.T @ B, 8) is None


def test_factor_models_and_long_rows():
    """Portfolios of factors under limits for sectors, projections to a ball of Σ|x|: a diagonal is left; certified."""
    rng = np.random.default_rng(7)
    n, k = 60, 3
    F, D, mu = rng.standard_normal((k, n)), 0.01 + rng.random(n), rng.random(n)
    A, u = np.kron(np.eye(3), np.ones(n // 3)), np.array([0.5, 0.4, 0.3])
    shapes = {"F": ("k", "n"), "D": ("n",), "mu": ("n",), "w": ("n",), "A": ("s", "n"), "u": ("s",), "r": ()}
    problem = dv.minimize(
        "sumsq(F @ w) + sum(D*w**2) - mu @ w",
        over="w",
        subject_to=["w >= 0", "sum(w) == 1", "A @ w <= u"],
        variables=shapes,
    )
    data = {"F": F, "D": D, "mu": mu, "A": A, "u": u}
    fast, result = problem.prepare(data), problem.solve(data)
    assert fast._solver.form.parts[0].shape == (k, 1) and result.success
    np.testing.assert_allclose(fast()["w"], result.w, atol=1e-7)
    assert fast.certify(fast()).ok()
    ball = dv.minimize(
        "sum(D*(w - mu)**2)",
        over="w",
        subject_to=["norm(w, 1) <= r"],
        variables=shapes,
        facts={"D": "positive"},
    )
    for size in (50, n):  # dense and sparse
        given = {"D": D[:size], "mu": mu[:size] - 0.3, "r": 0.7}
        fast = ball.prepare(given)
        w = fast()["w"]
        sparse = fast._solver.form.loop is sparse_system.interior
        assert sparse or fast._solver.form.parts[0].shape == (size, 1)
        assert np.abs(w).sum() == pytest.approx(0.7) and fast.certify({"w": w}).ok()
        shift = given["D"] * np.abs(given["mu"] - w)  # the same for all that are not 0
        np.testing.assert_allclose(shift[np.abs(w) > 1e-6], shift.max(), atol=1e-6)


def test_dual_support_vector_machine_with_intercept(monkeypatch):
    """The Hessian is XXᵀ, X of three columns: a small system with the same answer and multipliers as the large one."""
    rng = np.random.default_rng(6)
    n = thin_program.MANY + 2
    X = rng.standard_normal((n, 3))
    t = np.where(X[:, 0] + 0.5 * rng.standard_normal(n) > 0, 1.0, -1.0)
    shapes = {"X": ("n", "d"), "t": ("n",), "a": ("n",), "C": ()}
    problem = dv.minimize(
        "sumsq(X.T @ (a*t))/2 - sum(a)",
        over="a",
        subject_to=["a >= 0", "a <= C", "t @ a == 0"],
        variables=shapes,
    )
    found = []
    for many in (thin_program.MANY, 1000):
        monkeypatch.setattr(thin_program, "MANY", many)
        fast = problem.prepare(X=X, t=t, C=2.0)
        r = problem.solve(X=X, t=t, C=2.0)
        assert r.success and fast.certify(fast(tolerance=1e-12)).ok()
        assert len(fast._solver.form.parts[0]) == (3 if many < n else n)
        found.append((fast(tolerance=1e-12)["a"], r.a, r.multipliers["equality"][0]))
    for a in (found[0][1], found[1][0], found[1][1]):
        np.testing.assert_allclose(found[0][0], a, atol=1e-7)
    np.testing.assert_allclose(found[0][2], found[1][2], rtol=1e-6)


def test_programs_with_equalities_alone():
    """Least squares under equations, a repeated one among them, in closed form; unknowns without curvature as well."""
    rng = np.random.default_rng(4)
    shapes = {"X": ("n", "d"), "y": ("n",), "w": ("d",), "A": ("q", "d"), "b": ("q",)}
    A, b = rng.standard_normal((3, 6)), rng.standard_normal(3)
    A, b = np.vstack([A, A[0] + A[1]]), np.append(b, b[0] + b[1])
    short = dv.minimize("sumsq(w)/2", over="w", subject_to=["A @ w == b"], variables=shapes)
    fast = short.prepare(A=A, b=b)
    assert len(fast._solver.form.parts[0]) == 0  # nothing is factorised but the equations
    np.testing.assert_allclose(fast()["w"], np.linalg.pinv(A) @ b, atol=1e-12)
    assert fast.certify(fast()).ok()
    X, y = rng.standard_normal((9, 6)), rng.standard_normal(9)
    fit = dv.minimize("sumsq(X @ w-y)/2", over="w", subject_to=["A @ w == b"], variables=shapes)
    fast = fit.prepare(X=X, y=y, A=A, b=b)
    found = fast()["w"]
    null = np.eye(6) - np.linalg.pinv(A) @ A
    np.testing.assert_allclose(A @ found, b, atol=1e-11)
    np.testing.assert_allclose(null @ (X.T @ (X @ found - y)), 0.0, atol=1e-10)
    assert fast.certify({"w": found}).ok() and fit.solve(X=X, y=y, A=A, b=b).success
    A, b = rng.standard_normal((5, 6)), rng.standard_normal(5)
    some = dv.minimize("sumsq(w[:2])/2", over="w", subject_to=["A @ w == b"], variables=shapes)
    fast = some.prepare(A=A, b=b)
    found = fast()["w"]
    line = np.linalg.svd(A)[2][5]
    assert fast.certify({"w": found}).ok() and abs(line[:2] @ found[:2]) < 1e-9


@pytest.mark.parametrize(("q", "n"), [(20, 60), (3, 80), (1, 2)])
def test_absolute_values_under_equations(q: int, n: int) -> None:
    """Without curvature a diagonal is left all the same; where few unknowns are not zero, digits are refined."""
    rng = np.random.default_rng(n)
    shapes = {"A": ("q", "n"), "b": ("q",), "x": ("n",), "w": ("n",)}
    problem = dv.minimize(
        "sum(w*abs(x))", over="x", subject_to=["A @ x == b"], variables=shapes, facts={"w": ("nonnegative",)}
    )
    A, w = rng.standard_normal((q, n)), rng.random(n) + 0.01
    b = A @ (rng.standard_normal(n) * (rng.random(n) < 0.2))
    fast = problem.prepare(A=A, b=b, w=w)
    found = fast()
    assert fast._solver.form.parts[0].shape[1] == 1
    wanted = linprog(np.append(w, w), A_eq=np.hstack([A, -A]), b_eq=b, method="highs").fun
    proof = fast.certify(found)
    assert proof.ok() and proof.value == pytest.approx(wanted, rel=1e-9)


def test_runs_of_rows():
    """Rows whose directions and slacks follow one another give the same as one by one; none where they are short."""
    rng = np.random.default_rng(5)
    n, r = 30, 4
    U = rng.standard_normal((n, r))
    own = np.concatenate([np.ones(2 * n), np.ones(n), np.zeros(n)])
    owner = np.concatenate([np.tile(r + np.arange(n), 3), np.full(n, -1)])
    C = np.vstack(
        [U, -2.0 * U, np.zeros((n, r)), rng.standard_normal((n, r))]
    )  # two branches, t ≥ 0, rows alone
    rows = directions(C, own, owner, n)
    assert rows[6].tolist() == [[0, n, 0, 0], [n, 2 * n, 0, 0], [2 * n, 3 * n, 0, 0], [3 * n, 4 * n, n, -1]]
    plain = (*rows[:6], rows[6][:0])
    D, h = 10.0 ** rng.uniform(-2, 2, 4 * n), rng.random(n)
    b, z, y = (
        rng.standard_normal(2 * n + r + 1),
        np.append(rng.standard_normal(r + n), 0.0),
        rng.standard_normal(4 * n),
    )
    found = []
    for given in (rows, plain):
        Cz, back = np.empty(4 * n), np.empty(r + n + 1)
        gathered(given, b, z, Cz)
        backward(given, y, b.copy(), back)
        M, W, weight = np.empty((r, r)), np.empty((BLOCK, r)), np.empty(2 * n + r + 1)
        rho, kappa = np.empty(n + 1), np.empty(n + 1)
        eliminate_slacks(np.eye(r), h, (M, given, rho, np.empty((0, r)), kappa), D, W, weight)
        found.append((Cz, back[:-1], np.tril(M), rho, kappa[:-1]))
    for one, other in zip(*found, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-12)
    assert directions(C[::7], own[::7], owner[::7], n)[6].size == 0
