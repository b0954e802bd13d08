"""The systems of Newton's method with equalities.

    [ H  Eᵀ ] [ x ]   [ p ]
    [ E  0  ] [ y ] = [ q ]

Where H ≻ 0 by the Cholesky factor of H and that of the Schur complement: E H⁻¹ Eᵀ y = E H⁻¹ p − q, x = H⁻¹ (p − Eᵀ y).
Both factors together cost a quarter of a symmetric indefinite one, and that they exist says that the system has the
inertia of a minimum. Otherwise a multiple of the identity is added to H until it has.
Sources: Nocedal & Wright, Numerical Optimization (2nd ed.), sections 16.2 and 19.3; Wächter & Biegler, Math. Program.
106 (2006), section 3.1.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

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


def factorised(h: Matrix, E: Matrix, last: float, least: float = 0.0) -> tuple[Any, float]:
    """A factorisation of [[H + δI, Eᵀ], [E, −ε]], δ ≥ least, with as many negative eigenvalues as equalities."""
    n, m = h.shape[0], E.shape[0]
    size = max(float(np.abs(np.diagonal(h)).max(initial=0.0)), 1e-8)
    shift = least
    for _ in range(60):
        k = np.zeros((n + m, n + m))
        k[:n, :n] = h + shift * np.eye(n)
        k[:n, n:], k[n:, :n] = E.T, E
        if m == 0:
            try:
                return scipy.linalg.cho_factor(k), shift
            except np.linalg.LinAlgError:
                pass
        else:
            k[n:, n:] = -1e-15 * min(size, 1.0) * np.eye(m)
            if _negative(np.asarray(scipy.linalg.ldl(k)[1], dtype=np.float64)) == m:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", scipy.linalg.LinAlgWarning)
                    return scipy.linalg.lu_factor(k), shift
        shift = next_shift(shift, last, size)
    raise np.linalg.LinAlgError("no shift of the Hessian gives a descent direction")


def next_shift(shift: float, last: float, size: float) -> float:
    """The δ to be tried after one that is too small; the size is that of H, `last` the δ of the step before."""
    if shift == 0.0:
        return last / 3.0 if last > 0.0 else 1e-12 * size
    return (8.0 if last > 0.0 else 100.0) * shift


def _negative(d: Matrix) -> int:
    """The number of negative eigenvalues of a block-diagonal matrix with blocks of size 1 and 2."""
    n, i, count = d.shape[0], 0, 0
    while i < n:
        if i + 1 < n and d[i, i + 1] != 0.0:
            count += int((np.linalg.eigvalsh(d[i : i + 2, i : i + 2]) < 0).sum())
            i += 2
        else:
            count += int(d[i, i] < 0)
            i += 1
    return count
