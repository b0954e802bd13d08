"""The normal matrix of an interior point, with slack variables eliminated before anything is factorised.

    K = H + Cᵀ D C,   D ≥ 0 diagonal

Variables that are alone in H and of which every row of C has at most one (the slacks of |u|, max(u, 0) and the like)
make a diagonal block of K. With the rows p of one slack s, Cₚ = (rₚ, aₚ), eliminating it leaves on the others

    Σₚ Dₚ (rₚ − aₚρ)(rₚ − aₚρ)ᵀ + hρρᵀ,    ρ = Σₚ Dₚ aₚ rₚ / κ,    κ = h + Σₚ Dₚ aₚ²,

a sum of squares, which loses no digits where the D are of very different sizes, as a difference of two matrices would.
So n absolute deviations of d unknowns cost systems of size d. Rows with one entry are bounds and only touch the
diagonal.
"""

from __future__ import annotations

import numpy as np

from ..apart import apart
from ..lapack import potrf, syrk
from ..oracle import Array
from ..special import compiled

#: Matrices up to this size are factorised by plain loops, larger ones by LAPACK.
SMALL = 128


@compiled
def arranged(H: Array, C: Array) -> tuple[Array, int, Array]:
    """`(order, r, owner)`: variables, slacks last; how many are none; each row's slack by its place, −1 for none."""
    n, m = H.shape[0], C.shape[0]
    owner = np.full(m, -1)
    order = np.empty(n, np.int64)
    rest, slacks = 0, 0
    taken = np.zeros(n, np.int64)
    for k in range(n):
        j = n - 1 - k  # slacks come last in the smooth form
        fits = H[j, j] >= 0.0
        for i in range(n):
            if i != j and (H[j, i] != 0.0 or H[i, j] != 0.0):
                fits = False
                break
        rows = 0
        if fits:
            for p in range(m):
                if C[p, j] != 0.0:
                    rows += 1
                    if owner[p] >= 0:
                        fits = False
                        break
        if fits and rows:
            for p in range(m):
                if C[p, j] != 0.0:
                    owner[p] = slacks
            order[n - 1 - slacks] = j
            slacks += 1
            taken[j] = 1
    for j in range(n):
        if not taken[j]:
            order[rest] = j
            rest += 1
    for p in range(m):
        if owner[p] >= 0:
            owner[p] = n - 1 - owner[p]
    return order, rest, owner


@compiled
def forward(C: Array, own: Array, owner: Array, z: Array) -> Array:
    """Cz; `C` holds the columns that are no slacks, `own` the entry of each row in the column `owner` of its slack."""
    found = C @ z[: C.shape[1]]
    for p in range(owner.size):
        if owner[p] >= 0:
            found[p] += own[p] * z[owner[p]]
    return found


@compiled
def backward(C: Array, own: Array, owner: Array, y: Array, n: int) -> Array:
    """Cᵀy."""
    found = np.zeros(n)
    found[: C.shape[1]] = C.T @ y
    for p in range(owner.size):
        if owner[p] >= 0:
            found[owner[p]] += own[p] * y[p]
    return found


@compiled
def single(C: Array, owner: Array) -> Array:
    """Of each row, the column of its only entry; −1 where it has several or a slack."""
    found = np.full(owner.size, -1)
    for p in range(owner.size):
        count = 0
        for j in range(C.shape[1]):
            if C[p, j] != 0.0:
                count += 1
                found[p] = j
        if count != 1 or owner[p] >= 0:
            found[p] = -1
    return found


@apart
def eliminate_slacks(
    H: Array,
    h: Array,
    C: Array,
    own: Array,
    owner: Array,
    alone: Array,
    D: Array,
    M: Array,
    W: Array,
    rho: Array,
    kappa: Array,
) -> None:
    """M, ρ and κ for these weights D. `W` is room for one row per row of C and per slack."""
    r = H.shape[0]
    kappa[:] = h
    rho[:, :] = 0.0
    for p in range(owner.size):
        if owner[p] >= 0:
            s, weight = owner[p] - r, D[p] * own[p]
            kappa[s] += weight * own[p]
            row, target = C[p], rho[s]
            for j in range(r):
                target[j] += weight * row[j]
    for s in range(h.size):
        for j in range(r):
            rho[s, j] /= kappa[s]
    M[:, :] = H
    count = 0
    for p in range(owner.size):
        row = C[p]
        if alone[p] >= 0:
            M[alone[p], alone[p]] += D[p] * row[alone[p]] * row[alone[p]]
            continue
        root, line = np.sqrt(D[p]), W[count]
        count += 1
        if owner[p] >= 0:
            other, a = rho[owner[p] - r], own[p]
            for j in range(r):
                line[j] = root * (row[j] - a * other[j])
        else:
            for j in range(r):
                line[j] = root * row[j]
    for s in range(h.size):
        if h[s] > 0.0:
            root, line = np.sqrt(h[s]), W[count]
            count += 1
            for j in range(r):
                line[j] = root * rho[s, j]
    syrk(W[:count], 1.0, M)


@compiled
def factor(a: Array) -> bool:
    """The lower triangle of A becomes its Cholesky factor; False where A is not definite."""
    n = a.shape[0]
    if n > SMALL:
        potrf(a)
        return bool(a[0, 0] > 0.0)
    for j in range(n):
        pivot = a[j]
        s = pivot[j]
        for k in range(j):
            s -= pivot[k] * pivot[k]
        if not s > 0.0:
            return False
        pivot[j] = np.sqrt(s)
        share = 1.0 / pivot[j]
        for i in range(j + 1, n):
            row = a[i]
            t = row[j]
            for k in range(j):
                t -= row[k] * pivot[k]
            row[j] = t * share
    return True


@compiled
def substitute(a: Array, b: Array) -> None:
    """b becomes A⁻¹b, A given by its factor; b may be longer."""
    n = a.shape[0]
    for i in range(n):
        t, row = b[i], a[i]
        for k in range(i):
            t -= row[k] * b[k]
        b[i] = t / row[i]
    for i in range(n - 1, -1, -1):
        row = a[i]
        t = b[i] / row[i]
        b[i] = t
        for k in range(i):
            b[k] -= row[k] * t


@compiled
def solve_normal(M: Array, rho: Array, kappa: Array, b: Array) -> None:
    """b becomes K⁻¹b, from the factor of M and the slacks' part."""
    r = M.shape[0]
    for s in range(kappa.size):
        t, row = b[r + s], rho[s]
        for j in range(r):
            b[j] -= row[j] * t
    substitute(M, b)
    for s in range(kappa.size):
        t, row = b[r + s] / kappa[s], rho[s]
        for j in range(r):
            t -= row[j] * b[j]
        b[r + s] = t
