"""Newton's systems with equalities by two Cholesky factors, and the curvature of semidefinite unknowns in halves."""

from __future__ import annotations

import numpy as np

from derive.kernels.optimizers.halves import Halves
from derive.kernels.optimizers.saddle_point import by_complement


def test_solutions_are_those_of_the_whole_system() -> None:
    """[[H, Eᵀ], [E, 0]] (x, y) = (p, q); nothing where H is indefinite."""
    rng = np.random.default_rng(0)
    for n, m in ((1, 0), (1, 1), (6, 2), (5, 5)):
        root, E, right = rng.standard_normal((n, n)), rng.standard_normal((m, n)), rng.standard_normal(n + m)
        H = root @ root.T + np.eye(n)
        solve = by_complement(H, E)
        assert solve is not None
        whole = np.block([[H, E.T], [E, np.zeros((m, m))]])
        np.testing.assert_allclose(solve(right), np.linalg.solve(whole, right), rtol=1e-9, atol=1e-9)
    assert by_complement(H - 100 * np.eye(n), E) is None


def test_symmetric_kronecker_products_in_halves() -> None:
    """½(A⊗B + B⊗A) restricted to symmetric matrices, of two blocks between other entries."""
    rng = np.random.default_rng(1)
    halves = Halves.of(3 + 9 + 1 + 4, [(3, 3), (13, 2)])
    for start, side in ((3, 3), (13, 2)):
        a, b = rng.standard_normal((2, side, side))
        a, b = a + a.T, b + b.T
        whole = np.zeros((17, 17))
        inside = slice(start, start + side * side)
        whole[inside, inside] = (np.kron(a, b) + np.kron(b, a)) / 2
        place, form = halves.kronecker((start, side), a, b)
        expected = halves.square(whole)
        np.testing.assert_allclose(form, expected[place, place], atol=1e-12)
        assert np.count_nonzero(expected) == np.count_nonzero(expected[place, place])
