"""Unknowns in terms of others: the gradient of the Lagrangian stays what it was."""

from __future__ import annotations

import numpy as np
import pytest

from derive.kernels.optimizers.free_unknowns import determined


@pytest.mark.parametrize("bends", [False, True])
def test_slopes_of_what_is_left(bends: bool) -> None:
    """Random points and multipliers: slopes by the others agree, those by the chosen vanish, their equalities hold."""
    rng = np.random.default_rng(0)
    n, m, k, given = 9, 6, 4, 5
    E = np.where(rng.random((m, n)) < 0.5, rng.standard_normal((m, n)), 0.0)
    E[5] = 0.0
    E[:2, :given] = 0.0
    E[0, 0] = E[1, 1] = 1.0  # two rows that give an unknown by one other
    root = rng.standard_normal((n, n)) * (np.arange(n) < (n if bends else given))
    C = rng.standard_normal((k, n)) * (np.arange(n) < (n if bends else given))
    whole = root.T @ root, rng.standard_normal(n), E, rng.standard_normal(m), C, rng.standard_normal(k)
    made = determined(whole, np.arange(n) >= given)
    assert 0 < made.chosen.size <= n - given and not set(made.chosen) & set(range(given))
    Q, c, E1, e1, C1, r1 = made.program
    y, mu, lam = rng.standard_normal(Q.shape[0]), rng.standard_normal(e1.size), rng.random(k)
    x, nu = made.back(y, mu, lam)
    np.testing.assert_allclose(x[made.rest], y)
    np.testing.assert_allclose(C1 @ y + r1, whole[4] @ x + whole[5], atol=1e-12)
    slope = whole[0] @ x + whole[1] - whole[2].T @ nu - whole[4].T @ lam
    np.testing.assert_allclose(slope[made.chosen], 0.0, atol=1e-11)
    np.testing.assert_allclose(slope[made.rest], Q @ y + c - E1.T @ mu - C1.T @ lam, atol=1e-11)
    broken = whole[2] @ x + whole[3]
    np.testing.assert_allclose(made.left @ broken, E1 @ y + e1, atol=1e-12)
    np.testing.assert_allclose(made.own @ broken, 0.0, atol=1e-12)
    assert made.spread(y)[made.chosen].tolist() == [0.0] * made.chosen.size


def test_nothing_to_choose() -> None:
    """Without equalities, or without free unknowns, the program is as it was."""
    whole = np.eye(2), np.ones(2), np.zeros((0, 2)), np.zeros(0), np.eye(2), np.zeros(2)
    made = determined(whole, np.ones(2, bool))
    np.testing.assert_array_equal(made.program[0], np.eye(2))
    none = determined(
        (np.eye(2), np.ones(2), np.eye(2), np.ones(2), np.eye(2), np.zeros(2)), np.zeros(2, bool)
    )
    assert none.chosen.size == 0 and none.program[2].shape == (2, 2)
