"""Quadratic programs whose Hessian is of low rank, as dual support vector machines and factor models have it.

With H = LᵀSL, L of k rows and S diagonal, ½zᵀHz is ½uᵀSu under the equalities Lz − u = 0. The z then meet no other
variable in a Hessian, and are eliminated like slacks (`normal_matrix`): a step takes n k² operations, not n³/3. The
rows of L are of size 1, whatever the units of H, like those of other equalities.
Source: Ferris & Munson, Interior-point methods for massive support vector machines, SIAM J. Optim. 13 (2002).
"""

from __future__ import annotations

import numpy as np

from ..oracle import Array

#: Variables, without slacks, from which on it may pay; and the part of them that the rank may be.
MANY, PART = 32, 4


def low_rank(H: Array, most: int) -> Array | None:
    """L with LᵀL = H to rounding, of at most so many rows, by Cholesky's method with pivots; None if there is none."""
    left = np.diagonal(H).copy()
    enough = 1e-14 * len(H) * left.max(initial=0.0)
    L = np.empty((most, len(H)))
    for k in range(most + 1):
        pivot = int(left.argmax())
        if not left[pivot] > enough:
            return L[:k] if np.abs(left).max() <= 10.0 * enough else None
        if k < most:
            L[k] = (H[pivot] - L[:k, pivot] @ L[:k]) / np.sqrt(left[pivot])
            left -= L[k] ** 2
    return None


def thinned(H: Array, g: Array, E: Array, C: Array, core: int) -> tuple[Array, Array, Array, Array] | None:
    """H, g, E, C with the u behind the other variables; None where the rank is no small part of `core` variables."""
    n = len(H)
    L = low_rank(H, core // PART) if core >= MANY else None
    if L is None or not len(L):
        return None
    k, size = len(L), np.abs(L).max(axis=1)
    wide = np.zeros((n + k, n + k))
    wide[n:, n:] = np.diag(size**2)
    rows = np.zeros((len(E) + k, n + k))
    rows[: len(E), :n], rows[len(E) :, :n], rows[len(E) :, n:] = E, L / size[:, None], -np.eye(k)
    return wide, np.append(g, np.zeros(k)), rows, np.hstack([C, np.zeros((len(C), k))])
