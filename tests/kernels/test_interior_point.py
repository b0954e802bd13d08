"""The interior point and the cone program: one loop under Python and compiled, and factors of indefinite matrices."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import derive as dv
from derive.kernels.apart import apart
from derive.kernels.optimizers import cone_loops, cone_program, interior_loops, interior_vectors
from derive.kernels.optimizers import interior_point as ip
from derive.kernels.optimizers.cone_problem import ConeProgram
from derive.kernels.optimizers.envelope import factor_envelope, solve_envelope
from derive.kernels.optimizers.indefinite import factor_indefinite, solve_indefinite
from derive.kernels.optimizers.second_order import Cones
from derive.solving.instance import Instance
from derive.solving.placed import Placed
from derive.solving.starts import default_start


def placed(problem: Any, data: dict[str, Any]) -> tuple[Any, Any, Any, tuple[int, int]]:
    """The compiled loop, the functions by the interpreter, the start, and how many rows conditions have."""
    instance = Instance(problem.posed, data, {})
    place = Placed(problem.posed.constrained, instance.numbers, instance.binding)
    point = place.start(default_start(problem.posed.unknowns, instance.shapes, 0), False)
    functions, z = place.functions(point, "numpy"), place.layout.pack(point)
    v = functions.values(z)
    return place.joined(), functions, z, (v.e.size, v.c.size)


RNG = np.random.default_rng(8)
A, Q = RNG.standard_normal((2, 5)), RNG.standard_normal((5, 5))
#: Two unknowns, one a number, all kinds of conditions, not convex: every block of the flat functions.
MIXED = dv.minimize(
    "x @ Q @ x/2 + sum(exp(A @ x)) + t*x[0] + t**4",
    over=["x", "t"],
    subject_to=["sumsq(x) <= r", "A @ x == b", "t + sum(x) <= 1", "t >= -2"],
    variables={"x": ("n",), "t": (), "Q": ("n", "n"), "A": ("k", "n"), "b": ("k",), "r": ()},
)
DATA = {"Q": Q + Q.T, "A": A, "b": A @ np.full(5, 0.1), "r": 2.0}


@pytest.mark.parametrize("name", ["mixed", "one unknown"])
def test_the_compiled_loop_makes_the_steps_of_python(name: str) -> None:
    """z, ν and λ to rounding, and as many steps; the indefinite case shifts its Hessian on the way."""
    shapes = {"w": ("d",), "c": ("d",)}
    least = dv.minimize("sum(exp(w)) - dot(c, w)", over="w", subject_to=["sumsq(w) <= 1"], variables=shapes)
    problem, data = (MIXED, DATA) if name == "mixed" else (least, {"c": np.array([3.0])})
    loop, functions, z, rows = placed(problem, data)
    compiled, python = ip.run(loop, z, *rows), ip.solve(functions, z)
    assert compiled.status == python.status == ip.CONVERGED
    assert compiled.iterations == python.iterations
    for mine, theirs in ((compiled.z, python.z), (compiled.nu, python.nu), (compiled.lam, python.lam)):
        np.testing.assert_allclose(mine, theirs, atol=1e-9)


def test_a_watched_run_makes_the_same_steps() -> None:
    """Step after step, to the last bit; the run ends where the watch says so."""
    _, functions, z, _ = placed(MIXED, DATA)
    seen: list[int] = []

    def watch(iteration: int, *others: Any) -> bool:
        seen.append(iteration)
        return False

    alone, watched = ip.solve(functions, z), ip.solve(functions, z, watch=watch)
    np.testing.assert_array_equal(alone.z, watched.z)
    assert seen == list(range(alone.iterations))
    stopped = ip.solve(functions, z, watch=lambda iteration, *others: iteration == 3)
    assert (stopped.status, stopped.iterations) == (ip.STOPPED, 3)


@pytest.mark.parametrize("n", [1, 2, 3, 8, 15])
def test_indefinite_matrices(n: int) -> None:
    """PAPᵀ = LDLᵀ: the solution, and the number of negative eigenvalues; zeros on the diagonal, the zero matrix."""
    rng = np.random.default_rng(n)
    for k in range(20):
        a = rng.standard_normal((n, n))
        a = a + a.T
        if k % 3 == 0:
            np.fill_diagonal(a, 0.0 if n > 1 else 1.0)
        factors, order, beside = a.copy(), np.empty(n, np.int64), np.empty(n)
        assert factor_indefinite(factors, order, beside) == (np.linalg.eigvalsh(a) < 0.0).sum()
        right = rng.standard_normal(n)
        x = right.copy()
        solve_indefinite(factors, order, beside, x)
        np.testing.assert_allclose(a @ x, right, atol=1e-8 * max(1.0, np.abs(x).max()))
    zero = np.zeros((n, n))
    assert factor_indefinite(zero, order, beside) == 0


def test_factors_inside_the_envelope() -> None:
    """Diagonal, arrow (slacks behind what they bound), banded and dense matrices; what is not definite is refused."""
    rng = np.random.default_rng(5)
    for n in (1, 2, 9, 30):
        dense = rng.standard_normal((n, n))
        dense = dense @ dense.T + np.eye(n)
        arrow, band = np.diag(np.diagonal(dense)).copy(), np.triu(np.tril(dense, 1), -1) + n * np.eye(n)
        arrow[:2, :] = dense[:2, :] / n
        arrow[:, :2] = dense[:, :2] / n
        arrow += n * np.eye(n)
        for a in (dense, arrow, band, np.diag(np.diagonal(dense)).copy()):
            L, first = np.empty((n, n)), np.empty(n, np.int64)
            assert factor_envelope(a, L, first)
            right = rng.standard_normal(n)
            x = right.copy()
            solve_envelope(L, first, x)
            np.testing.assert_allclose(a @ x, right, atol=1e-9)
            assert not factor_envelope(a - 1e3 * np.eye(n), L, first)


def cone_problem(rng: Any, n: int, equalities: int, orthant: int, sizes: list[int]) -> Any:
    """A random feasible and bounded one, some columns of G empty in most cones."""
    cones = Cones(orthant, sizes)
    root, x = rng.standard_normal((n, n)), rng.standard_normal(n)
    E = rng.standard_normal((equalities, n))
    G = rng.standard_normal((cones.size, n)) * (rng.random((cones.size, n)) < 0.6)
    inside = 0.1 * rng.standard_normal(cones.size) + cones.unit
    return ConeProgram(root @ root.T, rng.standard_normal(n), 0.5, E, -E @ x, G, inside - G @ x, cones)


def test_the_compiled_cone_loop_makes_the_steps_of_numpy() -> None:
    """Orthant, cones of several lengths, equalities or none, one unknown; the same points, the same steps."""
    rng = np.random.default_rng(3)
    for n, equalities, orthant, sizes in (
        (4, 1, 3, [3, 2]),
        (1, 0, 0, [2]),
        (6, 2, 0, [4, 1, 5]),
        (5, 0, 7, []),
    ):
        program = cone_problem(rng, n, equalities, orthant, sizes)
        solvers = (
            cone_program.ConeSolver(program, compiled=cone_loops.on_program),
            cone_program.ConeSolver(program),
        )
        compiled, numpy = (solver.restored(solver.solve()) for solver in solvers)
        assert compiled.status == numpy.status == cone_program.CONVERGED
        assert abs(compiled.iterations - numpy.iterations) <= 3  # the last ones move in rounding
        np.testing.assert_allclose(compiled.x, numpy.x, atol=1e-6)
        np.testing.assert_allclose(compiled.z, numpy.z, atol=1e-5)


def stated_cones(rng: Any, n: int, rows: int, curved: bool) -> ConeProgram:
    """‖Ax − b‖ + Σ|xⱼ| where ‖x‖ ≤ 2 + dᵀx and 2‖Bx‖ ≤ 0.4, with a slack for each kink and a head for each norm."""
    A, B, d = rng.standard_normal((rows, n)), rng.standard_normal((2, n)), 0.3 * rng.standard_normal(n)
    size, head = 2 * n + 3, 2 * n
    unit = np.eye(size)
    linear = [unit[n + j] + sign * unit[j] for j in range(n) for sign in (-1.0, 1.0)]
    linear += [np.concatenate([d, np.zeros(n), [0.0, -1.0, 0.0]]), -2.0 * unit[head + 2]]
    wide = np.zeros((rows, n + 3)), np.zeros((2, n + 3))
    cones = [
        unit[head],
        np.hstack([A, wide[0]]),
        unit[head + 1],
        unit[:n],
        unit[head + 2],
        np.hstack([B, wide[1]]),
    ]
    G = np.vstack([*linear, *cones])
    g = np.zeros(len(G))
    g[2 * n : 2 * n + 2] = 2.0, 0.4
    g[2 * n + 3 : 2 * n + 3 + rows] = -rng.standard_normal(rows)
    Q = np.diag([0.5 * curved] * size) * (np.arange(size) != head + 1) * (np.arange(size) != head + 2)
    c = np.concatenate([np.zeros(n), np.full(n, 0.1), [1.0, 0.0, 0.0]])
    E = np.zeros((0, size))
    return ConeProgram(Q, c, 0.0, E, np.zeros(0), G, g, Cones(2 * n + 2, [1 + rows, 1 + n, 3]))


@pytest.mark.parametrize(("n", "rows"), [(1, 4), (3, 12), (5, 3)])
@pytest.mark.parametrize("curved", [False, True])
def test_smaller_programs_over_cones_have_the_same_optimum(n: int, rows: int, curved: bool) -> None:
    """Bounds of heads, triangles of long cones, private unknowns; the conditions hold in the program as stated."""
    program = stated_cones(np.random.default_rng(n), n, rows, curved)
    answers = []
    for compiled in (None, cone_loops.on_program):
        solver = cone_program.ConeSolver(program, compiled=compiled)
        small = solver.program
        assert (small.c.size, small.slacks, small.heads) == (2 * n + 1, n, 1)
        assert small.cones.sizes.tolist() == [1 + min(rows, n + 1), 1 + n, 1 + min(2, n)]
        with np.errstate(all="ignore"):
            found = solver.solve()
        answer = solver.restored(found)
        assert answer.status == cone_program.CONVERGED
        s, slope = program.G @ answer.x + program.g, program.Q @ answer.x + program.c
        np.testing.assert_allclose(slope - program.G.T @ answer.z, 0.0, atol=1e-9)
        assert program.cones.depth(s) > -1e-9 and program.cones.depth(answer.z) > -1e-9
        assert abs(s @ answer.z) < 1e-9
        np.testing.assert_allclose(solver.point(found.x)[: 2 * n], answer.x[: 2 * n])
        answers.append(answer.x)
    np.testing.assert_allclose(*answers, atol=1e-6)


def test_one_bound_of_two_heads_and_two_bounds_of_one() -> None:
    """A row takes the place of one head, a head the place of one row: ‖x‖ ≤ 1 and ‖x‖ ≤ 2; ‖x‖ + ‖x − a‖ ≤ r."""
    shapes = {"x": ("n",), "v": ("n",), "a": ("n",), "r": ()}
    v, a = np.array([1.0, 2.0]), np.array([1.0, 0.0])
    twice = dv.minimize(
        "dot(v, x)",
        over="x",
        subject_to=["norm(x) <= 2", "norm(x) <= 1"],
        variables={name: shapes[name] for name in ("x", "v")},
    )
    np.testing.assert_allclose(twice.prepare(v=v)()["x"], -v / np.linalg.norm(v), atol=1e-8)
    ellipse = dv.minimize("dot(v, x)", over="x", subject_to=["norm(x) + norm(x - a) <= r"], variables=shapes)
    fast = ellipse.prepare(v=np.array([0.0, 1.0]), a=a, r=2.0)
    np.testing.assert_allclose(fast()["x"], [0.5, -np.sqrt(0.75)], atol=1e-5)
    assert fast.certify(fast()).ok()
    single = dv.minimize(
        "dot(v, x)", over="x", subject_to=["norm(x) <= r", "norm(x - a) <= r"], variables=shapes
    )
    np.testing.assert_allclose(single.prepare(v=np.ones(1), a=np.ones(1), r=0.75)()["x"], [0.25], atol=1e-8)


@apart
def _reduced(scale: float, H: Any, C: Any, s: Any, lam: Any) -> Any:
    return interior_loops.reduced(scale, H, C, s, lam)


def test_reduced_systems_of_loops() -> None:
    """Bounds, empty and long rows, more than a block of them: as NumPy has it, symmetric to the last bit."""
    rng = np.random.default_rng(3)
    for rows in (0, 3, 70):
        n = 5
        A = rng.standard_normal((n, n))
        C = np.vstack([np.eye(n), np.zeros((1, n)), rng.standard_normal((rows, n)), -np.eye(n)])
        s, lam = rng.random(len(C)) + 0.1, rng.random(len(C))
        found = _reduced(0.5, A + A.T, C, s, lam)
        np.testing.assert_allclose(found, interior_vectors.reduced(0.5, A + A.T, C, s, lam), atol=1e-12)
        np.testing.assert_array_equal(found, found.T)
