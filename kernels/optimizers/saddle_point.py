"""The systems of Newton's method with equalities, where the curvature is positive definite.

    [ H  Eᵀ ] [ x ]   [ p ]
    [ E  0  ] [ y ] = [ q ],      H ≻ 0

by the Cholesky factor of H and that of the Schur complement: E H⁻¹ Eᵀ y = E H⁻¹ p − q, x = H⁻¹ (p − Eᵀ y). Both factors
together cost a quarter of a symmetric indefinite one, and that they exist says that H has the inertia of a minimum.
Source: Nocedal & Wright, Numerical Optimization (2nd ed.), section 16.2.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import scipy.linalg

from ..oracle import Matrix, Vector


def by_complement(H: Matrix, E: Matrix) -> Callable[[Vector], Vector] | None:
    """(p, q) ↦ (x, y) as one vector; None where H is not definite or the rows of E are not independent."""
    n, m = H.shape[0], E.shape[0]
    try:
        factor = scipy.linalg.cho_factor(H, lower=True)
        if not m:
            return lambda right: np.asarray(scipy.linalg.cho_solve(factor, right))
        half = scipy.linalg.solve_triangular(factor[0], E.T, lower=True)
        small = half.T @ half
        inner = scipy.linalg.cho_factor(small + 1e-15 * np.diag(np.diagonal(small)), lower=True)
    except (np.linalg.LinAlgError, ValueError):
        return None

    def once(right: Vector) -> Vector:
        first = scipy.linalg.cho_solve(factor, right[:n])
        y = scipy.linalg.cho_solve(inner, E @ first - right[n:])
        return np.concatenate([scipy.linalg.cho_solve(factor, right[:n] - E.T @ y), y])

    def solve(right: Vector) -> Vector:
        found = once(right)
        rest = right - np.concatenate([H @ found[:n] + E.T @ found[n:], E @ found[:n]])
        return found + once(rest)  # one step of refinement: H is ill-conditioned near the boundary

    return solve
