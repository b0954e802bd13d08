"""Quadratic programs with sparse matrices: factors in a fixed order, and the loop on them against the dense one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.sparse

import derive as dv
from derive.kernels.apart import apart
from derive.kernels.optimizers import (
    program_arranged,
    program_vectors,
    quadratic_program,
    sparse_core,
    sparse_order,
    sparse_system,
)
from derive.kernels.optimizers.interior_point import Functions, Values
from derive.kernels.optimizers.quasidefinite import (
    above_in_loops,
    entries,
    factor_above,
    factor_sparse,
    nearly_full,
    solve_sparse,
    symbols,
)
from derive.kernels.optimizers.sparse_order import rows_of, sparse_arranged, split

Array = np.ndarray


def _factors(A: Array, r: int) -> tuple[bool, Array]:
    """Whether A has factors in the order given, H being its first r rows; and A⁻¹ by them."""
    begins, places, values = rows_of(scipy.sparse.csr_array(np.tril(A, -1)))
    end = nearly_full(begins, places)
    kept = symbols(begins, places, np.array([end, max(r - len(A) + end, 0), r]), 10**6)
    L, D = entries(kept, begins, places, values), np.diagonal(A).copy()
    stands = factor_sparse(kept, L, D)
    found = np.eye(len(A))
    for row in found:
        solve_sparse(kept, L, D, row)
    return stands, found


@pytest.mark.parametrize(
    ("n", "m", "share"), [(1, 0, 1.0), (1, 1, 1.0), (5, 3, 0.5), (40, 25, 0.05), (30, 12, 0.4)]
)
def test_factors_of_quasi_definite_matrices(n: int, m: int, share: float):
    rng = np.random.default_rng(n + m)
    R, B = (
        np.where(rng.random(shape) < share, rng.standard_normal(shape), 0.0) for shape in ((n, n), (m, n))
    )
    A = np.block([[np.eye(n) + R @ R.T, B.T], [B, -np.diag(rng.random(m) + 0.1)]])
    stands, found = _factors(A, n)
    assert stands
    np.testing.assert_allclose(found @ A, np.eye(n + m), atol=1e-11)


def test_rows_that_depend_on_others_are_left_out():
    """Of two equal equalities the second has no multiplier; solutions of what is consistent are right."""
    B = np.array([[1.0, 2.0, 0.0], [1.0, 2.0, 0.0]])
    A = np.block([[np.diag([2.0, 1.0, 3.0]), B.T], [B, np.diag([-1e-300, -1e-300])]])
    stands, found = _factors(A, 3)
    assert stands
    x = found @ np.array([0.0, 0.0, 3.0, 4.0, 4.0])
    np.testing.assert_allclose(B @ x[:3], 4.0)
    np.testing.assert_allclose(x[2], 1.0)
    assert x[4] == 0.0


def test_a_matrix_that_is_not_definite_is_found_out():
    assert not _factors(np.array([[1.0, 2.0], [2.0, 1.0]]), 2)[0]
    assert not _factors(np.diag([1.0, -1.0, 1.0]), 3)[0]


def _program(H: Array, g: Array, E: Array, e: Array, C: Array, c: Array) -> Functions:
    def values(z: Array) -> Values:
        return Values(float(0.5 * z @ H @ z + g @ z), H @ z + g, E @ z + e, E, C @ z + c, C)

    return Functions(len(g), values, lambda z, nu, lam: H)


def _random(rng: np.random.Generator, n: int) -> Functions:
    """Chains and loose rows under a chain of equalities, some of them twice; a point and multipliers fit."""
    H = np.diag(np.where(rng.random(n) < 0.7, rng.random(n) + 0.1, 0.0))
    D = np.diff(np.eye(n), axis=0)
    H += 0.3 * D.T @ D if rng.random() < 0.5 else 0.0
    C = np.vstack([D, np.eye(n), -2.0 * np.eye(n)[: n // 2], np.where(rng.random((5, n)) < 3 / n, 1.0, 0.0)])
    E = np.where(rng.random((n // 6, n)) < 2 / n, rng.standard_normal((n // 6, n)), 0.0)
    E = np.vstack([E, E[:1] + E[1:2]])
    z, active = rng.standard_normal(n), rng.random(len(C)) < 0.3
    g = C.T @ np.where(active, rng.random(len(C)), 0.0) + E.T @ rng.standard_normal(len(E)) - H @ z
    return _program(H, g, E, -E @ z, C, np.where(active, 0.0, rng.random(len(C))) - C @ z)


def test_the_loop_on_sparse_matrices_is_the_dense_one():
    rng, tried = np.random.default_rng(0), 0
    for _ in range(12):
        n = int(rng.integers(40, 90))
        functions, z = _random(rng, n), np.zeros(n)
        made = list(sparse_arranged(functions, z))
        assert made
        for order, parts, _ in made:
            x, _, _, status, _ = sparse_system.interior(*parts, z[order].copy(), 1e-10, 100)
            if status == 0:
                break
        dense = program_arranged.as_stated(functions, z)
        assert dense is not None
        y, _, _, other, _ = quadratic_program.interior(*dense[1], z[dense[0]].copy(), 1e-10, 100)
        if status == 0 and other == 0:
            tried += 1
            found, wanted = (functions.values(at[np.argsort(o)]) for at, o in ((x, order), (y, dense[0])))
            assert abs(found.f - wanted.f) <= 1e-8 * (1.0 + abs(wanted.f))
            assert np.abs(found.e).max() <= 1e-8 and found.c.min() >= -1e-8
    assert tried >= 11


def test_slacks_are_those_of_one_direction():
    """Absolute values of differences have slacks, variables between two rows have none."""
    n = 40
    D = np.diff(np.eye(n), axis=0)
    H = np.diag(np.r_[np.ones(n), np.zeros(n - 1)])
    C = np.block([[D, np.eye(n - 1)], [-2.0 * D, 2.0 * np.eye(n - 1)], [np.zeros((n - 1, n)), np.eye(n - 1)]])
    E = np.zeros((0, 2 * n - 1))
    order, r, rows = split(*(scipy.sparse.csr_array(A) for A in (H, E, C)))
    (starts, _, _), place, share, own, owner, line, _ = rows
    assert r == n and sorted(order) == list(range(2 * n - 1))
    assert starts.size - 1 == n - 1  # one direction for the rows of a slack
    assert (line == place[: n - 1]).all() and (owner[: n - 1] == np.arange(n - 1)).all()
    np.testing.assert_array_equal(share[n - 1 : 2 * n - 2], -2.0)
    np.testing.assert_array_equal(own[n - 1 : 2 * n - 2], 2.0)
    np.testing.assert_array_equal(place[2 * n - 2 :], line)  # 0 times the direction of the others
    np.testing.assert_array_equal(share[2 * n - 2 :], 0.0)
    order, r, _ = split(*(scipy.sparse.csr_array(A) for A in (np.eye(n), np.zeros((0, n)), D)))
    assert r == n


def test_prepared_signals_transports_and_chains():
    """Isotonic, fused and convex fits, a transport: the prepared answers are certified, also when data change."""
    rng = np.random.default_rng(1)
    n = 60
    y, first, second = rng.standard_normal(n), np.diff(np.eye(n), axis=0), np.diff(np.eye(n), n=2, axis=0)
    shapes = {"D": ("m", "n"), "x": ("n",), "y": ("n",)}
    for text, conditions, D in (
        ("sumsq(x - y)/2", ["D @ x >= 0"], first),
        ("sumsq(x - y)/2 + norm(D @ x, 1)", [], first),
        ("sumsq(x - y)/2 + norm(D @ x, 1)", [], second),
        ("sumsq(x - y)/2", ["D @ x >= 0"], second),
    ):
        fast = dv.minimize(text, over="x", subject_to=conditions, variables=shapes).prepare(D=D, y=y)
        assert fast._solver.form.loop is sparse_system.interior
        assert fast.certify(fast()).ok()
        assert fast.certify(fast(y=y[::-1].copy())).ok()
    M, a, b = rng.random((9, 12)), np.full(9, 1 / 9), np.full(12, 1 / 12)
    fast = dv.minimize(
        "sum(M*P)",
        over="P",
        subject_to=["P >= 0", "sum(P, axis=1) == a", "sum(P, axis=0) == b"],
        variables={"M": ("p", "q"), "P": ("p", "q"), "a": ("p",), "b": ("q",)},
    ).prepare(M=M, a=a, b=b)
    assert fast._solver.form.loop is sparse_system.interior
    assert fast.certify(fast()).ok()


def test_variables_that_only_a_row_holds(monkeypatch: pytest.MonkeyPatch):
    """Σ xᵢ ≥ 1 at least cost Σ xᵢ, and nothing else: K has rank one, and is made definite by rounding."""
    monkeypatch.setattr(sparse_order, "FEWEST", 1)
    monkeypatch.setattr(sparse_core, "sparse_cost", lambda *_: 0)
    n = 12
    row = np.zeros((1, n))
    row[0, :3] = 1.0
    functions = _program(np.zeros((n, n)), row[0], np.zeros((0, n)), np.zeros(0), row, np.array([-1.0]))
    made = next(sparse_arranged(functions, np.zeros(n)), None)
    assert made is not None
    x, _, lam, status, _ = sparse_system.interior(*made[1], np.zeros(n), 1e-10, 100)
    assert status == 0
    np.testing.assert_allclose([functions.values(x).f, lam[0]], 1.0)


def test_variables_that_meet_no_other_are_eliminated_at_once():
    """A chain of states and controls under bounds: nothing is left to factorise but its equalities."""
    rng, steps = np.random.default_rng(0), 20
    n = 3 * steps
    E = np.zeros((2 * steps, n))
    for k in range(steps):
        E[2 * k : 2 * k + 2, 2 * k : 2 * k + 2] = np.eye(2)
        E[2 * k : 2 * k + 2, 2 * steps + k] = -rng.random(2)
        if k:
            E[2 * k : 2 * k + 2, 2 * k - 2 : 2 * k] = -np.eye(2) - 0.1 * np.eye(2, k=1)
    e, bounds = np.where(np.arange(2 * steps) < 2, 0.9, 0.0), np.vstack([np.eye(n), -np.eye(n)])
    functions = _program(np.eye(n), np.zeros(n), E, -e, bounds, np.ones(2 * n))
    made = next(sparse_arranged(functions, np.zeros(n)), None)
    assert made is not None
    node = made[1][0][3]
    assert (node[:n] < 0).all() and sorted(node[n:]) == list(range(2 * steps))
    x, nu, lam, status, _ = sparse_system.interior(*made[1], np.zeros(n), 1e-10, 100)
    assert status == 0
    np.testing.assert_allclose(E @ x, e, atol=1e-9)
    np.testing.assert_allclose(x - E.T @ nu - bounds.T @ lam, 0.0, atol=1e-8)


@apart
def _sums(E: Any, x: Any, y: Any, found: Any, less: Any) -> None:
    sparse_system.sums(E, x, found)
    sparse_system.less_multiples(E, y, less)


def test_sums_along_axes():
    """Rows of one number at places of one distance, of one entry, of none, and any others: as SciPy has them."""
    rng = np.random.default_rng(2)
    ones = np.ones(4)
    E = scipy.sparse.csr_array(
        np.vstack(
            [
                np.kron(2.0 * np.eye(3), ones),
                np.kron(np.ones(3), np.eye(4)),
                np.eye(12)[5],
                np.zeros(12),
                rng.standard_normal((2, 12)) * (rng.random((2, 12)) < 0.5),
            ]
        )
    )
    lines = sparse_core.lines_of(E)
    np.testing.assert_array_equal(lines[3], [1, 1, 1, 4, 4, 4, 4, 0, 0, 0, 0])
    x, y, found, less = rng.standard_normal(13), rng.standard_normal(11), np.empty(11), np.zeros(13)
    _sums(lines, x, y, found, less)
    np.testing.assert_allclose(found, E @ x[:12], atol=1e-14)
    np.testing.assert_allclose(less[:12], -(E.T @ y), atol=1e-14)


def test_smoothed_pairs() -> None:
    """Both positive, their product as asked for, their difference in these units what it was; sides are counted."""
    rng = np.random.default_rng(4)
    s, lam, unit = rng.standard_normal(9), rng.standard_normal(9), np.exp(rng.standard_normal(9))
    before = s / unit - lam * unit
    program_vectors.smoothed.py_func(s, lam, unit, 1e-6)
    assert (s > 0.0).all() and (lam > 0.0).all()
    np.testing.assert_allclose(s * lam, 1e-6)
    np.testing.assert_allclose(s / unit - lam * unit, before, atol=1e-14)
    side, ds = np.zeros(9), np.where(np.arange(9) < 4, 1.0, -1.0)
    assert program_vectors.turned.py_func(s, lam, ds, np.zeros(9), side) == 9
    ds[2] = -1.0
    assert program_vectors.turned.py_func(s, lam, ds, np.zeros(9), side) == 1


def _in_place(factor: Any) -> Any:
    """A way in from Python."""

    @apart
    def run(a, least):
        factor(a, least)

    return run


@pytest.mark.parametrize("factor", [factor_above, above_in_loops])
def test_columns_left_out_of_a_factor(factor: Any):
    """Of rows that depend on others nothing is left: their pivots count as infinite, by tiles and in loops alike."""
    rng = np.random.default_rng(6)
    for n, more in ((3, 1), (19, 2), (40, 9)):
        B = rng.standard_normal((n, n))
        B = np.vstack([B, B[:more] + B[more : 2 * more]])
        A, b = B @ B.T, B @ rng.standard_normal(n)
        L, least = np.tril(A), 1e-9 * np.diagonal(A)
        _in_place(factor)(L, least)
        out = np.isinf(np.diagonal(L))
        assert out.sum() == more
        x = b.copy()
        for i in range(n + more):
            x[i] = (x[i] - L[i, :i] @ x[:i]) / L[i, i]
        for i in range(n + more - 1, -1, -1):
            x[i] /= L[i, i]
            x[:i] -= L[i, :i] * x[i]
        assert (x[out] == 0.0).all()
        np.testing.assert_allclose(A @ x, b, rtol=1e-6, atol=1e-6)


def _chain(steps: int, bounded: bool) -> tuple[Functions, int]:
    """Two states and a control of a chain, whose controls change by at most 0.1 a step; states have bounds or none."""
    rng = np.random.default_rng(3)
    n, first = 3 * steps, np.arange(2 * steps, 3 * steps)
    E, e = np.zeros((2 * steps, n)), np.zeros(2 * steps)
    for k in range(steps):
        here = slice(2 * k, 2 * k + 2)
        E[here, here], E[here, first[k]] = np.eye(2), -rng.random(2)
        if k:
            E[here, 2 * k - 2 : 2 * k] = -np.eye(2) - 0.1 * np.eye(2, k=1)
    e[:2] = -1.0
    D = np.zeros((steps - 1, n))
    D[:, first] = np.diff(np.eye(steps), axis=0)
    C = np.vstack([D, -D, np.eye(n)[:: 1 if bounded else n]])
    c = np.r_[np.full(2 * steps - 2, 0.1), np.full(len(C) - 2 * steps + 2, 3.0)]
    return _program(np.eye(n), np.zeros(n), E, e, C, c), n


@pytest.mark.parametrize("bounded", [True, False])
def test_equalities_are_eliminated_among_the_variables(bounded: bool):
    """Those of states without bounds at once, others after their variables: a band, where variables first fill."""
    functions, n = _chain(25, bounded)
    forms = list(sparse_arranged(functions, np.zeros(n)))
    node, kept = forms[0][1][0][3], forms[0][1][0][7]
    assert kept[3][2] < 0 <= forms[1][1][0][7][3][2]
    assert kept[2].size + int(kept[3][0]) ** 3 / 6 < 0.3 * int(forms[1][1][0][7][3][0]) ** 3 / 6
    assert sorted(node[node >= 0]) == list(range(np.count_nonzero(node >= 0)))
    E = functions.values(np.zeros(n)).E
    found = []
    for order, parts, _ in forms:
        x, nu, _, status, _ = sparse_system.interior(*parts, np.zeros(n), 1e-10, 100)
        assert status == 0
        np.testing.assert_allclose(E[:, order] @ x, -parts[4], atol=1e-9)
        found.append(np.r_[x[np.argsort(order)], nu])
    np.testing.assert_allclose(found[0], found[1], atol=1e-6)


def test_equalities_that_depend_on_others_leave_the_order_in_turn():
    """The later of two that say the same has no pivot there: the form fails, and the next one solves."""
    functions, n = _chain(25, False)
    v = functions.values(np.zeros(n))
    E, e = np.vstack([v.E, v.E[:2]]), np.r_[v.e, v.e[:2]]
    forms = list(sparse_arranged(_program(np.eye(n), np.zeros(n), E, e, v.C, v.c), np.zeros(n)))
    status = [sparse_system.interior(*parts, np.zeros(n), 1e-10, 100)[3] for _, parts, _ in forms]
    assert status[-1] == 0


def test_slacks_in_equalities():
    """Σ |xᵢ₊₁ − xᵢ| ≤ r: the absolute values are slacks of one equality, nothing but x and that is factorised."""
    rng, n = np.random.default_rng(4), 70
    y, D = np.cumsum(rng.standard_normal(n)), np.diff(np.eye(n), n=2, axis=0)
    fast = dv.minimize(
        "sumsq(x - y)/2",
        over="x",
        subject_to=["norm(D @ x, 1) <= r"],
        variables={"D": ("m", "n"), "x": ("n",), "y": ("n",), "r": ()},
    ).prepare(D=D, y=y, r=2.0)
    core, slacks = fast._solver.form.parts[0], fast._solver.form.parts[1]
    assert np.count_nonzero(core[3] >= 0) == n + 1 and slacks.size == n - 2
    x = fast()
    assert fast.certify(x).ok()
    np.testing.assert_allclose(np.abs(D @ x["x"]).sum(), 2.0, rtol=1e-9)
    assert fast.certify(fast(r=0.5)).ok()


def test_slacks_of_bounds_are_no_slacks_to_equalities():
    """Σ |xᵢ| ≤ r: x are the slacks, whose weights leave one row to factorise."""
    rng, n = np.random.default_rng(5), 80
    fast = dv.minimize(
        "sumsq(x - y)/2", over="x", subject_to=["norm(x, 1) <= 1"], variables={"x": ("n",), "y": ("n",)}
    ).prepare(y=rng.standard_normal(n))
    assert np.count_nonzero(fast._solver.form.parts[0][3] >= 0) == 1
    assert fast.certify(fast()).ok()
