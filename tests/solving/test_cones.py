"""Norms as second-order cones: the algebra of cones, and answers that are known or satisfy known conditions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import derive as dv
from derive.kernels.cones import along_active
from derive.kernels.natural import Natural
from derive.kernels.optimizers import cone_program
from derive.kernels.optimizers.cone_loops import on_program
from derive.kernels.optimizers.cone_problem import ConeProgram
from derive.kernels.optimizers.cone_program import ConeSolver
from derive.kernels.optimizers.second_order import Cones, Gram, Scaling
from derive.solving.prepared_constraints import PreparedCones

RNG = np.random.default_rng(6)
SHAPES: dict[str, tuple[str, ...]] = {
    **{"X": ("n", "d"), "y": ("n",), "w": ("d",), "v": ("d",), "A": ("p", "d"), "b": ("p",)},
    **{"lam": (), "r": (), "W": ("n", "d")},
}


def solved(objective: str, over: str = "w", subject_to: Any = (), **data: Any) -> Any:
    facts = {v: ("positive",) for v in ("lam", "r") if v in data}
    shapes = {v: SHAPES[v] for v in (*data, over)}
    problem = dv.minimize(objective, over=over, subject_to=list(subject_to), variables=shapes, facts=facts)
    result = problem.solve(data)
    assert result.success and "second-order cones" in str(result.plan), (result.message, result.plan)
    return result


@pytest.mark.parametrize(("orthant", "sizes"), [(3, [3, 1, 4]), (0, [2]), (2, []), (1, [1])])
def test_algebra(orthant: int, sizes: list[int]) -> None:
    """W z = W⁻¹ s, x ∘ (x \\ d) = d, GᵀW⁻²G, and the longest step ends on the boundary."""
    cones = Cones(orthant, sizes)

    def inside() -> Any:
        x = RNG.standard_normal(cones.size)
        return x + (abs(cones.depth(x)) + RNG.random() + 0.1) * cones.unit

    for _ in range(20):
        s, z, x, d = inside(), inside(), inside(), 3.0 * RNG.standard_normal(cones.size)
        scaling = Scaling.at(cones, s, z)
        assert np.allclose(scaling.times(z), scaling.times(s, inverse=True))
        assert np.allclose(scaling.times(scaling.times(d), inverse=True), d)
        assert np.allclose(cones.product(x, cones.quotient(d, x)), d)
        G = RNG.standard_normal((cones.size, 2))
        scaled = scaling.times(G, inverse=True)
        assert np.allclose(Gram(G, cones).scaled(scaling), scaled.T @ scaled)
        t = cones.longest(x, d)
        if np.isfinite(t):
            assert cones.depth(x + 0.9999 * t * d) > -1e-9 and cones.depth(x + 1.001 * t * d) < 1e-9
        else:
            assert cones.depth(x + 1e6 * d) > 0.0
        # both inside, their product 0.1 e and their difference what it was
        other, own = d.copy(), x.copy()
        cones.smooth(other, own, 0.1)
        assert cones.depth(other) > 0.0 and cones.depth(own) > 0.0
        np.testing.assert_allclose(other - own, d - x, atol=1e-12)
        np.testing.assert_allclose(cones.product(other, own), 0.1 * cones.unit, atol=1e-12)


def test_smoothed_steps_end_a_run() -> None:
    """Norms at zero and away from it, bounds: fewer steps than without, the same optimum, in loops and in NumPy."""
    rng = np.random.default_rng(3)
    n, k = 6, 9
    U = np.where(rng.random((k, 2, n)) < 0.5, 0.0, rng.standard_normal((k, 2, n)))
    G = np.zeros((n + 3 * k, n + k))
    G[:n, :n] = np.eye(n)
    for i in range(k):
        G[n + 3 * i, n + i] = 1.0
        G[n + 3 * i + 1 : n + 3 * i + 3, :n] = U[i]
    c = np.concatenate([rng.standard_normal(n), np.ones(k)])
    g, E = np.concatenate([np.ones(n), np.zeros(3 * k)]), np.zeros((0, n + k))
    program = ConeProgram(
        np.diag(np.arange(n + k) < n) * 1.0, c, 0.0, E, np.zeros(0), G, g, Cones(n, [3] * k)
    )
    loops, arrays = ConeSolver(program, None, on_program), ConeSolver(program)
    found, same = loops.solve(tol=1e-10), arrays.solve(tol=1e-10)
    assert found.status == same.status == 0 and found.iterations == same.iterations
    np.testing.assert_allclose(found.x, same.x, atol=1e-9)
    early, cone_program.EARLY = cone_program.EARLY, 0.0
    try:
        slow = arrays.solve(tol=1e-10)
    finally:
        cone_program.EARLY = early
    assert same.iterations < slow.iterations - 1
    np.testing.assert_allclose(same.x, slow.x, atol=1e-6)


def test_where_norms_vanish() -> None:
    """A geometric median that is one of the points; rows of a signal that fuse; a residual that is zero."""
    X = np.array([[0.0, 0.0], [1.0, 0.2], [-1.0, 0.1], [0.1, 1.0], [0.0, -1.0]])
    r = solved("sum(sqrt(sum((X - w)**2, axis=1)))", X=X)
    assert np.allclose(r["w"], 0.0, atol=1e-8)
    X = np.repeat([[1.0, 2.0], [4.0, -1.0]], 3, axis=0) + 0.01 * RNG.standard_normal((6, 2))
    r = solved("sumsq(W - X)/2 + lam*sum(sqrt(sum((W[1:] - W[:-1])**2, axis=1)))", over="W", X=X, lam=0.3)
    assert np.allclose(np.diff(r["W"], axis=0)[[0, 1, 3, 4]], 0.0, atol=1e-8)
    r = solved("norm(A @ w - b) + lam*norm(w)", A=np.eye(2), b=np.array([3.0, 4.0]), lam=0.5)
    assert np.allclose(r["w"], [3.0, 4.0], atol=1e-7) and np.isclose(r.fun, 2.5)
    r = solved("norm(A @ w - b) + lam*norm(w)", A=np.eye(2), b=np.array([3.0, 4.0]), lam=2.0)
    assert np.allclose(r["w"], 0.0, atol=1e-7) and np.isclose(r.fun, 5.0)


def test_conditions_on_norms() -> None:
    """Linear functions on balls, a ball around an affine function, an equation, and one unknown of size 1."""
    v = RNG.standard_normal(5)
    r = solved("dot(v, w)", subject_to=["norm(w) <= r"], v=v, r=2.0)
    assert np.allclose(r["w"], -2.0 * v / np.linalg.norm(v), atol=1e-7)
    A, b = RNG.standard_normal((2, 4)), RNG.standard_normal(2)
    r = solved("norm(w)", subject_to=["A @ w == b"], A=A, b=b)
    assert np.allclose(r["w"], np.linalg.pinv(A) @ b, atol=1e-7)
    r = solved(
        "sumsq(w)/2 - dot(v, w)",
        subject_to=["norm(A @ w - b) <= r"],
        v=np.array([3.0]),
        A=np.ones((1, 1)),
        b=np.zeros(1),
        r=1.0,
    )
    assert np.isclose(r["w"][0], 1.0, atol=1e-8)
    rounded, positive = r.multipliers["inequality"][-2:]
    assert (
        np.isclose(sum(float(np.sum(a)) for a in r.multipliers["inequality"]), 3.0, atol=1e-6)
        and not positive.any()
    )
    assert np.isclose(float(np.sum(rounded)), 1.0, atol=1e-6)  # half of what presses on the slack


def test_square_root_lasso() -> None:
    """The slope of the norm of the residual against the weights, beside kinks by the dozen."""
    X, lam = RNG.standard_normal((30, 6)), 0.8
    y = X @ [2.0, -1.0, 0.0, 0.0, 0.0, 0.0] + 0.2 * RNG.standard_normal(30)
    w = solved("norm(X @ w - y) + lam*norm(w, 1)", X=X, y=y, lam=lam)["w"]
    rest = X @ w - y
    slope = X.T @ rest / np.linalg.norm(rest)
    assert (np.abs(slope) <= lam + 1e-5).all()  # of an objective within 1e-12, which is flat there
    assert np.allclose(slope[np.abs(w) > 1e-6], -lam * np.sign(w[np.abs(w) > 1e-6]), atol=1e-5)


@pytest.mark.parametrize("penalty", ["norm(w)", "norm(w, 1)"])
def test_where_everything_vanishes(penalty: str) -> None:
    """Beside an objective of 0 no rounding is small: the point is 0 itself."""
    found = solved(f"norm(X @ w - y) + {penalty}", X=np.eye(4)[:, :3], y=np.zeros(4))
    assert found.success and found.fun == 0.0 and not found["w"].any()


def test_a_clock_for_cones() -> None:
    """Time that runs out among cones is not given once more to another method."""
    rows = np.random.default_rng(0).standard_normal((40, 6))
    shapes = {"X": ("n", "d"), "y": ("n",), "w": ("d",)}
    late = dv.minimize("norm(X @ w - y) + norm(w)", over="w", variables=shapes).solve(
        X=rows[:, 1:], y=rows[:, 0], max_time=1e-9
    )
    assert not late.success and "max_time" in late.message and "second-order" in str(late.plan)


def test_what_it_leaves_to_others() -> None:
    """Infeasible and unbounded problems, and objectives that are no quadratics, go the other ways and are named."""
    shapes = {"w": ("d",), "v": ("d",)}
    problem = dv.minimize("dot(v, w)", over="w", subject_to=["norm(w) <= -1"], variables=shapes)
    with pytest.warns(dv.errors.NotCertifiedWarning, match="infeasible"):
        assert not problem.solve(v=np.ones(3)).success
    problem = dv.minimize("dot(v, w) - norm(w)", over="w", subject_to=["w >= 0"], variables=shapes)
    with pytest.raises(dv.DeriveError, match="falls with a convex kink"):
        problem.solve(v=np.ones(3))
    problem = dv.minimize("sum(exp(w)) + norm(w - v)", over="w", variables=shapes)
    result = problem.solve(v=np.array([1.0, -2.0]))
    assert result.success and "cones" not in str(result.plan)


def test_prepared() -> None:
    """Matrices are evaluated once; other data give other answers; what is not convex is refused."""
    problem = dv.minimize(
        "sum(maximum(0, 1 - y*(X @ w))) + lam*norm(w)",
        over="w",
        variables={v: SHAPES[v] for v in ("X", "y", "w", "lam")},
    )
    X = RNG.standard_normal((25, 4))
    y = np.where(X[:, 0] + 0.5 * RNG.standard_normal(25) > 0, 1.0, -1.0)
    prepared = problem.prepare(X=X, y=y, lam=1.0)
    for lam in (1.0, 4.0):
        found = prepared(lam=lam)["w"]
        assert np.allclose(found, problem.solve(X=X, y=y, lam=lam)["w"], atol=1e-6)
    problem = dv.minimize("norm(w) - sumsq(w)", over="w", subject_to=["norm(w) <= 1"], variables={"w": (3,)})
    with pytest.raises(dv.DeriveError, match="not convex"):
        problem.prepare()


def test_prepared_in_other_units() -> None:
    """Two small norms in one condition, two rows of them alike: balanced units end at 3·10⁻⁹, geometric ones do not."""
    rng = np.random.default_rng(0)
    shapes = {"A": ("m", "n"), "B": ("k", "n"), "c": ("n",), "x": ("n",), "r": ()}
    problem = dv.minimize(
        "sumsq(x - c)", over="x", subject_to=["norm(A @ x) + norm(B @ x) <= r", "x >= -1"], variables=shapes
    )
    A, B, c = (
        1e-3 * rng.standard_normal((41, 20)),
        2e-4 * rng.standard_normal((2, 20)),
        rng.standard_normal(20),
    )
    A[0], B[0] = A[-1], B[-1]
    fast = problem.prepare(A=A, B=B, c=c, r=2e-3)
    for _ in range(2):
        found = fast()
        assert fast.certify(found).ok()
        x = found["x"]
        assert np.linalg.norm(A @ x) + np.linalg.norm(B @ x) <= 2e-3 * (1 + 1e-8) and (x >= -1 - 1e-8).all()


def least_norm(conditions: list[str], objective: str = "2*norm(X @ w-y)") -> Any:
    return dv.minimize(objective, over="w", subject_to=conditions, variables=SHAPES)


def test_one_norm_by_its_square() -> None:
    """The least norm under equations in closed form, in any units; under bounds as the cone has it, certified."""
    rng = np.random.default_rng(7)
    A, b = rng.standard_normal((3, 7)), rng.standard_normal(3)
    for unit in (1e-6, 1.0, 1e5):
        fast = dv.minimize("norm(w)", over="w", subject_to=["A @ w == b"], variables=SHAPES).prepare(
            A=A, b=unit * b
        )
        answer = fast()
        np.testing.assert_allclose(answer["w"], unit * np.linalg.pinv(A) @ b, rtol=1e-9, atol=1e-12 * unit)
        assert type(fast._solver).__name__ == "SquaredNorm" and fast.certify(answer).ok()
    X, y = rng.standard_normal((9, 7)), rng.standard_normal(9)
    problem = least_norm(["w >= 0", "sum(w) == 1"])
    for unit in (1e-3, 1.0, 1e3):
        fast = problem.prepare(X=unit * X, y=unit * y)
        answer, result = fast(), problem.solve(X=unit * X, y=unit * y)
        np.testing.assert_allclose(answer["w"], result["w"], atol=1e-6)
        assert result.success and fast.certify(answer).ok()
    # a least norm of 0 has multipliers that the square does not know
    fast = problem.prepare(X=X, y=X @ np.full(7, 1 / 7))
    answer = fast()
    np.testing.assert_allclose(answer["w"], np.full(7, 1 / 7), atol=1e-7)
    assert type(fast._solver).__name__ == "ConeSolver"
    np.testing.assert_allclose(fast(y=y)["w"], problem.solve(X=X, y=y)["w"], atol=1e-7)
    assert type(fast._solver).__name__ == "SquaredNorm"


def test_norms_that_are_not_alone_stay_cones() -> None:
    """Two norms, a slope beside the norm, and a norm that is minimised and bounded."""
    rng = np.random.default_rng(7)  # its own, whatever ran before
    X, y, v = rng.standard_normal((9, 4)), rng.standard_normal(9), rng.standard_normal(4)
    for objective, conditions in (
        ("norm(X @ w-y)+norm(w)", ["w >= 0"]),
        ("norm(X @ w-y)+dot(v,w)/9", ["w >= 0"]),
        ("norm(X @ w-y)", ["norm(w) <= 0.1"]),
    ):
        given = {"X": X, "y": y, **({"v": v} if "v" in objective else {})}
        problem = least_norm(conditions, objective)
        fast = problem.prepare(given)
        answer = fast()
        assert type(fast._solver).__name__ == "ConeSolver" and fast.certify(answer).ok()
        np.testing.assert_allclose(answer["w"], problem.solve(given)["w"], atol=1e-6)


@pytest.mark.parametrize(("count", "size"), [(1, 4), (8, 2), (17, 3), (40, 20)])
@pytest.mark.parametrize("heads", ["private", "level", "shared"])
def test_groups_of_cones(count: int, size: int, heads: str) -> None:
    """Cones of one size side by side, beside one of another size: the loop's answer is that of NumPy's."""
    rng = np.random.default_rng(count)
    n, k = 6, count if heads == "private" else 0
    G, g, c = [np.zeros((0, n + k))], [np.zeros(0)], np.concatenate([rng.standard_normal(n), np.ones(k)])
    for i in range(count):
        rows, constants = np.zeros((size, n + k)), rng.standard_normal(size)
        rows[1:, :n] = rng.standard_normal((size - 1, n)) * (
            rng.random((size - 1, n)) < (0.3 if i % 2 else 1.0)
        )
        constants[0] = 0.0 if k else np.linalg.norm(constants[1:]) + 1.0
        if k:
            rows[0, n + i] = 2.0
        if heads == "shared":
            rows[0, :n] = 0.1 * rng.standard_normal(n)
        G.append(rows)
        g.append(constants)
    ball = np.vstack([np.zeros(n + k), np.eye(n, n + k)])
    cones = Cones(0, [*[size] * count, n + 1])
    constants = np.concatenate([*g, [3.0], np.zeros(n)])
    program = ConeProgram(
        np.diag(np.arange(n + k) < 2.0), c, 0.0, np.ones((1, n + k)) * (np.arange(n + k) < n), np.zeros(1),
        np.vstack([*G, ball]), constants, cones,
    )  # fmt: skip
    solver, other = ConeSolver(program, None, on_program), ConeSolver(program)
    found, expected = solver.restored(solver.solve()), other.restored(other.solve())
    assert found.status == expected.status == 0
    assert program.value(found.x) == pytest.approx(program.value(expected.x), abs=1e-8)
    np.testing.assert_allclose(found.x[:n], expected.x[:n], atol=1e-5)
    slope = program.Q @ found.x + c - program.E.T @ found.nu - program.G.T @ found.z
    np.testing.assert_allclose(slope, 0.0, atol=1e-7)
    assert (
        cones.depths(found.z).min() >= -1e-9 and cones.depths(program.G @ found.x + program.g).min() >= -1e-8
    )


def test_a_diagonal_beside_ranks() -> None:
    """Projections to balls and cones, a norm under bounds and equations: as whole matrices have them."""
    y, w = RNG.standard_normal(40), RNG.standard_normal(40)
    shapes = {"x": ("n",), "y": ("n",), "w": ("n",), "t": (), "A": ("k", "n")}
    ball = dv.minimize("sumsq(x - y)/2", over="x", subject_to=["norm(x) <= 1"], variables=shapes)
    fast = ball.prepare(y=y)
    np.testing.assert_allclose(fast()["x"], y / np.linalg.norm(y), atol=1e-9)
    assert fast._solver._loop.args[0][8].size == 0 and fast.certify(fast()).ok()
    cone = dv.minimize(
        "sumsq(x - y)/2 + (t - 1)**2/2", over=["x", "t"], subject_to=["norm(x) <= t"], variables=shapes
    )
    fast, length = cone.prepare(y=y), np.linalg.norm(y)
    np.testing.assert_allclose(fast()["t"], (1.0 + length) / 2, atol=1e-8)
    np.testing.assert_allclose(fast()["x"], (1.0 + length) / 2 * y / length, atol=1e-8)
    A = RNG.standard_normal((3, 40))
    problem = dv.minimize(
        "w @ x + 5*norm(x)", over="x", subject_to=["x >= -1", "x <= 2", "A @ x == 0"], variables=shapes
    )
    fast = problem.prepare(w=w, A=A)
    found, result = fast()["x"], problem.solve(w=w, A=A)
    assert fast._solver._loop.args[0][8].size == 0 and fast.certify({"x": found}).ok()
    np.testing.assert_allclose(found, result.x, atol=1e-6)
    whole = ConeSolver(fast._program, None, lambda program: on_program(program, whole=True))
    assert whole._loop.args[0][8].size == 40
    np.testing.assert_allclose(whole.point(whole.solve().x)[:40], found, atol=1e-6)


def test_columns_end_where_they_end() -> None:
    """Rows that fuse meet their neighbours: a factor along the diagonal, the same answer as NumPy has; and without."""
    rng = np.random.default_rng(1)
    Y, D = np.repeat(rng.standard_normal((4, 2)), 3, axis=0), np.diff(np.eye(12), axis=0)
    Y += 0.1 * rng.standard_normal(Y.shape)
    shapes = {"X": ("n", "d"), "Y": ("n", "d"), "D": ("m", "n")}
    problem = dv.minimize(
        "sumsq(X - Y)/2 + 0.5*sum(norm(D @ X, axis=1))", over="X", subject_to=[], variables=shapes
    )
    fast = problem.prepare(Y=Y, D=D)
    last = fast._solver._loop.args[0][8]
    np.testing.assert_array_equal(last[:6], [3, 3, 5, 5, 7, 7])
    found = fast()
    assert fast.certify(found).ok()
    arrays = ConeSolver(fast._program)
    np.testing.assert_allclose(arrays.point(arrays.solve().x)[:24], found["X"].ravel(), atol=1e-7)
    whole = problem.prepare(Y=Y, D=np.tril(np.ones((11, 12))))
    assert whole._solver._loop.args[0][8][0] == -1 and whole.certify(whole()).ok()


@pytest.mark.parametrize(
    ("condition", "more"),
    [
        ("norm(x, 1) + dot(x, S @ x)/2 <= 2", []),  # beside kinks
        ("dot(x, S @ x)/2 - dot(c, x) <= 3", ["sum(x) == 1"]),  # a slope that S reaches, as S is definite
        ("sumsq(x[1:])/2 + x[0] <= 1", ["x >= -2"]),  # one that it does not
        ("sum((A @ x)**2, axis=1) <= b", ["x <= 1"]),  # several at once, of low rank
    ],
)
def test_quadratic_conditions_are_cones(condition: str, more: list[str]):
    """Prepared programs with convex quadratic conditions run over cones, and reach what `solve` reaches."""
    rng = np.random.default_rng(4)
    shapes = {"x": ("n",), "y": ("n",), "c": ("n",), "S": ("n", "n"), "A": ("k", "m", "n"), "b": ("k",)}
    problem = dv.minimize(
        "sumsq(x - y)/2 + dot(c, x)",
        over="x",
        subject_to=[condition, *more],
        variables=shapes,
        facts={"S": ("psd",)},
    )
    R = rng.standard_normal((7, 5))
    data = {
        "y": 3 * rng.standard_normal(5),
        "c": rng.standard_normal(5),
        "S": R.T @ R / 7,
        "A": rng.standard_normal((2, 3, 5)),
        "b": np.array([1.0, 2.0]),
    }
    given = {name: data[name] for name in data if name in {v.name for v in problem.posed.given}}
    fast = problem.prepare(given)
    assert isinstance(fast, PreparedCones)
    found = fast()
    assert fast.certify(found).ok()
    np.testing.assert_allclose(found["x"], problem.solve(given).x, atol=1e-6)
    assert not fast.certify({"x": found["x"] + 0.01}).ok()


def test_quadratic_conditions_that_are_not_convex_are_no_cones():
    """Data tell: outside of a ball there is no program over cones."""
    problem = dv.minimize(
        "sumsq(x - y)",
        over="x",
        subject_to=["s*sumsq(x) >= s"],
        variables={"x": ("n",), "y": ("n",), "s": ()},
    )
    y = np.array([0.3, 0.1, -0.2])
    inside, outside = (problem.prepare(y=y, s=s) for s in (-1.0, 1.0))
    assert isinstance(inside, PreparedCones)
    assert not isinstance(outside, PreparedCones)
    np.testing.assert_allclose(inside()["x"], y, atol=1e-7)
    np.testing.assert_allclose(outside()["x"], y / np.linalg.norm(y), atol=1e-6)


def test_curvature_of_cones_that_press() -> None:
    """The Lagrangian bends with the norm of a cone at its surface; at the apex every row is held; none with room."""
    rng = np.random.default_rng(5)
    G, g, x = rng.standard_normal((10, 3)), rng.standard_normal(10), rng.standard_normal(3)
    cones = Cones(2, [4, 4])
    program = ConeProgram(np.eye(3), np.zeros(3), 0.0, np.zeros((0, 3)), np.zeros(0), G, g, cones)
    s = G @ x + g
    s[2], s[0], s[6:] = np.linalg.norm(s[3:6]), 0.0, 0.0
    z = np.array([0.7, 0.0, 1.5, 0.0, 0.0, 0.0, 0.3, 0.1, 0.0, 0.0])
    units = Natural(2.0, np.ones(3), np.ones(3), np.ones(0), rng.uniform(0.5, 2.0, 10))
    H, rows = along_active(program, s / units.inequalities, z * units.inequalities / 2.0, units)

    def slope(x: Any) -> Any:
        u = G[3:6] @ x + g[3:6]
        return G[3:6].T @ u / np.linalg.norm(u)

    bent = np.column_stack([(slope(x + h) - slope(x - h)) / 2e-6 for h in 1e-6 * np.eye(3)])
    np.testing.assert_allclose(H, np.eye(3) + 1.5 * bent, atol=1e-8)
    np.testing.assert_allclose(rows, np.vstack([G[0], G[2] - slope(x), G[6:]]), atol=1e-12)
    shapes, X, y = (
        {"X": ("n", "d"), "y": ("n",), "w": ("d",)},
        rng.standard_normal((9, 3)),
        rng.standard_normal(9),
    )
    found = dv.minimize("norm(X @ w - y) + sum(w)/8", over="w", variables=shapes).solve(X=X, y=y).certificate
    assert found.condition is not None and found.curvature > 0.0 and "condition number" in str(found)
