"""Bounds guessed from an interior point: the exact answer, or nothing changed."""

from __future__ import annotations

import numpy as np
import pytest

import derive as dv
from derive.kernels.optimizers.active_bounds import all_bounds, by_active_bounds
from derive.kernels.optimizers.program_arranged import slacks_apart
from derive.kernels.optimizers.quadratic_program import interior

RNG = np.random.default_rng(0)


def _planted(n: int, repeat: bool, diagonal: bool) -> tuple[np.ndarray, ...]:
    """H, g, E, e, C, c of a dense program in known bounds, the optimum x, and the multipliers of its bounds.

    A third of the x is at a lower bound, a third at an upper, one is fixed, one has no bounds, one is bounded twice.
    """
    A = RNG.standard_normal((n, n))
    H = np.diag(0.5 + RNG.random(n)) if diagonal else A @ A.T + np.eye(n)
    low, high = -1.0 - RNG.random(n), 1.0 + RNG.random(n)
    kind = np.arange(n) % 3
    x = np.where(kind == 0, low, np.where(kind == 1, high, RNG.uniform(-0.9, 0.9, n)))
    high[0] = low[0]
    C = np.vstack([np.eye(n), -2.0 * np.eye(n), 3.0 * np.eye(n)[:1]])
    c = np.concatenate([-low, 2.0 * high, -3.0 * (low[:1] - 0.5)])
    keep = np.delete(np.arange(len(c)), [2, n + 2])  # the third variable has none
    force = np.concatenate([(kind == 0) * 1.0, (kind == 1) * 1.0, [0.0]])[keep] * (
        0.5 + RNG.random(len(keep))
    )
    E = RNG.standard_normal((2, n))
    E = np.vstack([E, E[:1]]) if repeat else E
    g = E.T @ RNG.standard_normal(len(E)) + C[keep].T @ force - H @ x
    return H, g, E, -E @ x, np.ascontiguousarray(C[keep]), c[keep], x, force


@pytest.mark.parametrize("n", [3, 10, 40])
@pytest.mark.parametrize("repeat", [False, True])
@pytest.mark.parametrize("diagonal", [False, True])
def test_the_answer_is_exact(n: int, repeat: bool, diagonal: bool) -> None:
    """Points and multipliers to rounding, and long before an interior point alone has them."""
    H, g, E, e, C, c, x, force = _planted(n, repeat, diagonal)
    order, parts = slacks_apart(H, g, E, C)
    core, h, slope, equal, rows = parts
    z, nu, lam, status, count = interior(core, h, slope, equal, e, rows, c, 0.0, 0, np.zeros(n), 1e-10, 100)
    assert status == 0 and count <= 7
    np.testing.assert_allclose(z, x[order], atol=1e-13)
    assert np.abs(nu).max() < 1e3
    assert (lam >= 0.0).all() and (lam[C @ x + c > 1e-9] == 0.0).all()
    np.testing.assert_allclose(H @ x + g - E.T @ nu - C.T @ lam, 0.0, atol=1e-11 * n)
    if n > 3:  # else they are not unique
        np.testing.assert_allclose(lam, force, atol=1e-10)
    assert (z == x[order]).sum() >= 2 * n // 3  # at bounds to the last bit


def _stieltjes(n: int) -> np.ndarray:
    """A matrix for which sets of bounds settle from any first guess: no entry off the diagonal is positive."""
    H = -np.abs(RNG.standard_normal((n, n)))
    H = H + H.T
    return H + np.diag(0.1 - H.sum(axis=1))


@pytest.mark.parametrize("n", [1, 2, 30])
def test_any_guess_settles_where_the_theory_says(n: int) -> None:
    """From slacks and multipliers at random: violators are put at bounds, wrong signs are freed."""
    for _ in range(5):
        H, low = _stieltjes(n), RNG.standard_normal(n)
        bound = RNG.random(n) < 0.6
        x = np.where(bound, low, low + RNG.random(n))
        force = np.where(bound, RNG.random(n), 0.0)
        g, E, C = force - H @ x, np.zeros((0, n)), np.eye(n)
        rows = slacks_apart(H + 1e-300, g, E, C)[1][-1] if n > 1 else slacks_apart(H, g, E, C)[1][-1]
        core, h = (H, np.zeros(0)) if n > 1 else (np.zeros((0, 0)), H[0])
        z, nu, lam = np.append(RNG.standard_normal(n), 0.0), np.zeros(0), RNG.random(n)
        found = by_active_bounds(
            core, h, g, np.zeros((0, n + 1)), np.zeros(0), rows, -low, 0, 1e-10, z, nu, RNG.random(n), lam
        )
        assert found
        np.testing.assert_allclose(z[:-1], x, atol=1e-11)
        np.testing.assert_allclose(lam, force, atol=1e-11)


def test_a_singular_guess_meets_bounds_one_by_one() -> None:
    """Rank four, of which three variables are free in the answer and six in the guess: mostly they are found."""
    n, d, found = 40, 4, 0
    for _ in range(30):
        A = RNG.standard_normal((d, n))
        H, free = A.T @ A, np.arange(n) < 3
        x = np.where(free, 1.0 + RNG.random(n), 0.0)
        force = np.where(free, 0.0, 0.5 + RNG.random(n))
        g, rows = force - H @ x, slacks_apart(H, np.zeros(n), np.zeros((0, n)), np.eye(n))[1][-1]
        near = np.arange(n) < 6
        z, nu = np.append(x + 0.01 * near * RNG.random(n), 0.0), np.zeros(0)
        s, lam = np.where(near, 1.0, 1e-9), np.where(near, 1e-9, 1.0)
        E, c = np.zeros((0, n + 1)), np.zeros(n)
        if by_active_bounds(H, np.zeros(0), g, E, np.zeros(0), rows, c, 0, 1e-10, z, nu, s, lam):
            found += 1
            np.testing.assert_allclose(z[:-1], x, atol=1e-10)
            np.testing.assert_allclose(lam, force, atol=1e-10)
    assert found >= 15


def test_nothing_is_changed_where_it_gives_up() -> None:
    """An objective that falls forever; equalities that bounds do not allow."""
    n = 4
    A = RNG.standard_normal((n, n))
    H, g = A @ A.T + np.eye(n), RNG.standard_normal(n)
    none, far = np.zeros((0, n)), np.ones((1, n))
    cases = [
        (np.ones((n, n)) * 1e-300, -np.ones(n), none, np.zeros(0), np.eye(n), np.zeros(n)),
        (H, g, far, np.ones(1), np.eye(n), np.zeros(n)),
    ]
    for H, g, E, e, C, c in cases:
        _, (core, h, slope, equal, rows) = slacks_apart(H, g, E, C)
        z, nu = np.append(RNG.random(n), 0.0), RNG.standard_normal(len(e))
        s, lam = RNG.random(len(c)), RNG.random(len(c))
        before = z.copy(), nu.copy(), lam.copy()
        wide = np.hstack([equal, np.zeros((len(e), 1))])
        assert not by_active_bounds(core, h, slope, wide, e, rows, c, 0, 1e-10, z, nu, s, lam)
        for old, new in zip(before, (z, nu, lam), strict=True):
            np.testing.assert_array_equal(old, new)


def test_what_is_a_bound() -> None:
    """One entry in every row, whether its variable is coupled in H or alone, and nothing else."""
    eye, full = np.eye(3), np.ones((3, 3)) + np.eye(3)
    kinks = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.5], [0.0, -1.0, 0.5]])
    cases = [
        (full, eye, True),
        (full, np.vstack([-2.0 * eye, eye[1:]]), True),
        (eye, np.vstack([eye, -eye]), True),
        (0.0 * eye, eye, True),
        (full, np.vstack([eye, full[:1]]), False),
        (eye, np.vstack([eye, full[:1]]), False),
        (np.diag([1.0, 1.0, 0.0]), kinks, False),
    ]
    for H, C, expected in cases:
        rows = slacks_apart(H, np.zeros(3), np.zeros((0, 3)), np.ascontiguousarray(C))[1][-1]
        assert all_bounds(rows) == expected


@pytest.mark.parametrize("equal", [False, True])
def test_bounds_without_force(equal: bool) -> None:
    """Half of the bounds that hold are not needed, and columns repeat: the objective is that of the interior point."""
    shapes = {"X": ("n", "d"), "y": ("n",), "w": ("d",)}
    X = np.abs(RNG.standard_normal((30, 6)))
    X = np.hstack([X, X])
    w = np.where(np.arange(12) % 4 == 0, RNG.random(12), 0.0)
    y = X @ w  # no multiplier at all, and no curvature between equal columns
    conditions = ["w >= 0", "sum(w) == b"] if equal else ["w >= 0"]
    data = {"X": X, "y": y, "b": w.sum()} if equal else {"X": X, "y": y}
    problem = dv.minimize(
        "sumsq(X @ w - y)/2",
        over="w",
        subject_to=conditions,
        variables={**shapes, "b": ()} if equal else shapes,
    )
    answer = problem.solve(data)
    assert answer.success and abs(answer.fun) <= 1e-12
    found = problem.prepare(data)()["w"]
    assert (found >= 0.0).all() and problem.objective.evaluate(**data, w=found) <= 1e-9


def test_projections_on_the_simplex() -> None:
    """x = max(y − τ, 0) with τ from sorted entries: what is 0 is so exactly."""
    problem = dv.minimize(
        "sumsq(x - y)/2", over="x", variables={"x": ("n",), "y": ("n",)}, subject_to=["x >= 0", "sum(x) == 1"]
    )
    for n in (2, 7, 50):
        y = RNG.standard_normal(n)
        u = np.sort(y)[::-1]
        tau = (np.cumsum(u) - 1.0) / np.arange(1, n + 1)
        expected = np.maximum(y - tau[(u > tau).sum() - 1], 0.0)
        found = problem.prepare(y=y)()["x"]
        np.testing.assert_allclose(found, expected, atol=1e-14)
        np.testing.assert_array_equal(found == 0.0, expected == 0.0)


def test_low_rank_with_two_bounds() -> None:
    """Support vectors: those at 0 and C are so exactly, and the same as of the interior point alone."""
    n, d = 150, 4
    X = RNG.standard_normal((n, d))
    t = np.where(X[:, 0] + 0.7 * RNG.standard_normal(n) > 0, 1.0, -1.0)
    problem = dv.minimize(
        "sumsq(X.T @ (a*t))/2 - sum(a)",
        over="a",
        subject_to=["a >= 0", "a <= C", "t @ a == 0"],
        variables={"X": ("n", "d"), "t": ("n",), "a": ("n",), "C": ()},
    )
    fast = problem.prepare(X=X, t=t, C=2.0)
    assert len(fast._solver.form.parts[0]) == d
    found = fast()["a"]
    assert ((found > 0.0) & (found < 2.0)).sum() <= d + 1
    assert abs(t @ found) <= 1e-12
    assert fast.certify({"a": found}).ok()
