"""Elimination against NumPy."""

from __future__ import annotations

import numpy as np
import pytest
from numba import njit

from derive.kernels.lapack import eliminate


def test_elimination() -> None:
    """Inverse, determinant and its logarithm by one elimination; singular matrices are seen."""

    @njit
    def run(a, columns):  # type: ignore[no-untyped-def]
        work, inverse = np.empty(a.shape), np.eye(a.shape[0])
        det, logarithm = eliminate(a, work, inverse, columns)
        return det, logarithm, inverse

    rng = np.random.default_rng(3)
    for size in (1, 2, 5, 20):
        a = rng.standard_normal((size, size))
        det, logarithm, inverse = run(a, size)
        assert det == pytest.approx(np.linalg.det(a), rel=1e-10)
        assert logarithm == pytest.approx(np.linalg.slogdet(a)[1], rel=1e-10, abs=1e-12)
        assert np.allclose(inverse @ a, np.eye(size), atol=1e-9)
    det, logarithm, inverse = run(np.array([[0.0, 1.0], [0.0, 2.0]]), 2)
    assert det == 0.0
    assert logarithm == -np.inf
    assert np.isnan(inverse).all()
