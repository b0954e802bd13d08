"""Quadratic programs that have a diagonal Hessian, and bounds alone, once there are some more variables.

*Low rank*, as dual support vector machines and models of factors have it. With H = D + LᵀSL, L of k rows, D and S
diagonal, ½zᵀHz is ½zᵀDz + ½uᵀSu under the equalities Lz − u = 0. The z then meet no other variable in a Hessian, and
are eliminated like slacks (`normal_matrix`): a step takes n k² operations, not n³/3. The rows of L are of size 1,
whatever the units of H, like those of other equalities.

*Long rows*, cᵀz + c₀ ≥ 0 of many variables, as Σ|zᵢ| ≤ r, join all of them in Cᵀ diag(λ/s) C. With cᵀz + c₀ = v they
are equalities and v ≥ 0.

Source: Ferris & Munson, Interior-point methods for massive support vector machines, SIAM J. Optim. 13 (2002).
"""

from __future__ import annotations

import numpy as np

from ..oracle import Array

#: Variables, without slacks, from which on it may pay; and the part of them that the rank may be.
MANY, PART = 32, 3
#: A row is long with more variables than this, and rows are few if there are so many variables for each.
LONG, FEW = 4, 3
#: What is lost of entries that are found as differences, beside the largest.
LOST = 1e-12


def low_rank(H: Array, most: int, rounding: float = 1e-14) -> Array | None:
    """L with LᵀL = H to rounding, of at most so many rows, by Cholesky's method with pivots; None if there is none."""
    left = np.diagonal(H).copy()
    enough = rounding * len(H) * left.max(initial=0.0)
    L = np.empty((most, len(H)))
    for k in range(most + 1):
        pivot = int(left.argmax())
        if not left[pivot] > enough:
            return L[:k] if np.abs(left).max() <= 10.0 * enough else None
        if k < most:
            L[k] = (H[pivot] - L[:k, pivot] @ L[:k]) / np.sqrt(left[pivot])
            left -= L[k] ** 2
    return None


def crossed(H: Array, rows: Array, columns: Array, most: int) -> tuple[Array, Array] | None:
    """Rows and columns of this block of H whose products are all of it, as far as its crosses tell; None if many.

    Source: Bebendorf, Numer. Math. 86 (2000), adaptive cross approximation.
    """
    U, V = np.empty((rows.size, most + 1)), np.empty((most + 1, columns.size))
    free, enough, i = np.ones(rows.size, bool), LOST * np.abs(H).max(initial=0.0), 0
    I: list[int] = []
    J: list[int] = []
    while len(I) <= min(most, rows.size - 1):
        k = len(I)
        V[k] = H[rows[i], columns] - U[i, :k] @ V[:k]
        j = int(np.abs(V[k]).argmax())
        if not abs(V[k, j]) > enough:
            return (rows[I], columns[J]) if I else None
        U[:, k] = (H[rows, columns[j]] - U[:, :k] @ V[:k, j]) / V[k, j]
        I.append(i)
        J.append(j)
        free[i] = False
        i = int(np.where(free, np.abs(U[:, k]), -1.0).argmax())
    return None


def own_diagonal(H: Array, most: int) -> Array | None:
    """D with H − D of low rank, as entries beside the diagonal have it; None if there is none.

    Of a low rank the entry at i, j is H[i, J] H[I, J]⁻¹ H[I, j], which for i = j outside I and J needs no entry of the
    diagonal. Those inside are known by another such pair.
    """
    every = np.arange(len(H))
    first = crossed(H, every[::2], every[1::2], most)
    if first is None:
        return None
    taken = np.concatenate(first)
    left = np.setdiff1d(every, taken)
    second = crossed(H, left[::2], left[1::2], most)
    if second is None:
        return None
    found = np.diagonal(H).copy()
    for (I, J), here in ((first, left), (second, taken)):
        inside = np.linalg.solve(H[np.ix_(I, J)], H[np.ix_(I, here)])
        found[here] -= np.einsum("ij,ji->i", H[np.ix_(here, J)], inside)
    return found


def diagonal_and_rank(H: Array, most: int) -> tuple[Array, Array] | None:
    """D ≥ 0 and L with H = D + LᵀL to rounding, L of at most so many rows; None if there are none."""
    L = low_rank(H, most)
    if L is not None:
        return np.zeros(len(H)), L
    D = own_diagonal(H, most)
    L = None if D is None else low_rank(H - np.diag(D), most, LOST)
    if L is None:
        return None
    size = np.abs(H).max(initial=0.0)
    D = np.diagonal(H) - (L**2).sum(axis=0)
    lost = np.abs(H - L.T @ L - np.diag(D)).max(initial=0.0)
    return (np.maximum(D, 0.0), L) if lost <= LOST * size and D.min() >= -LOST * size else None


def long_rows(C: Array, lone: Array, few: int) -> Array:
    """The rows of C that are long in variables which would be slacks without them, where these rows are few."""
    found = np.flatnonzero(np.count_nonzero(C[:, lone], axis=1) > LONG)
    return found if few * found.size <= np.count_nonzero(lone) else found[:0]


def widened(
    H: Array, g: Array, E: Array, e: Array, C: Array, c: Array, core: int, few: int = FEW
) -> tuple[int, tuple[Array, Array, Array, Array, Array, Array]] | None:
    """The rank k, and H, g, E, e, C, c with v and then the u behind the other variables, of which `core` are no slacks.

    None where the rank is no small part of `core`, and no row is long; long ones are few if there are `few` variables
    for each. Rows keep their places, new equalities are last.
    """
    n = len(H)
    made = diagonal_and_rank(H, core // PART) if core >= MANY else None
    if made is None or not len(made[1]):
        D, L, others = np.diagonal(H).copy(), np.zeros((0, n)), H - np.diag(np.diagonal(H))
    else:
        (D, L), others = made, np.zeros((n, n))
    long = long_rows(C, np.logical_not(others.any(axis=0)), few)
    k, q, v = len(L), len(E), long.size
    if k + v == 0:
        return None
    size = np.abs(L).max(axis=1, initial=0.0)
    wide, rows, above = (
        np.zeros((n + v + k, n + v + k)),
        np.zeros((q + v + k, n + v + k)),
        np.zeros((len(C), n + v + k)),
    )
    wide[:n, :n], wide[n + v :, n + v :] = others + np.diag(D), np.diag(size**2)
    rows[:, :n] = np.vstack([E, C[long], L / size[:, None]])
    rows[q:, n:] = -np.eye(v + k)
    above[:, :n], rest = C, c.copy()
    above[long], rest[long] = np.eye(n + v + k)[n : n + v], 0.0
    equal = np.concatenate([e, c[long], np.zeros(k)])
    return k, (wide, np.append(g, np.zeros(v + k)), rows, equal, above, rest)
