"""The normal matrix of an interior point, with slack variables eliminated before anything is factorised.

    K = H + Cᵀ D C,   D ≥ 0 diagonal

Variables that are alone in H and of which every row of C has at most one (the slacks of |u|, max(u, 0) and the like)
make a diagonal block of K. With the rows p of one slack s, Cₚ = (rₚ, aₚ), eliminating it leaves on the others

    Σₚ Dₚ (rₚ − aₚρ)(rₚ − aₚρ)ᵀ + hρρᵀ,    ρ = Σₚ Dₚ aₚ rₚ / κ,    κ = h + Σₚ Dₚ aₚ²,

a sum of squares, which loses no digits where the D are of very different sizes, as a difference of two matrices would.
So n absolute deviations of d unknowns cost systems of size d.

Where the rows of a slack are multiples of one direction b (`slacks.Directions`), ρ is a number times b, and all of them
together add one number times bbᵀ. Of a bound, and of the two of |wⱼ|, only a diagonal entry is touched.
"""

from __future__ import annotations

import numpy as np

from ..apart import apart, inner
from ..lapack import potrf, syrk
from ..machine import has_wide_vectors
from ..oracle import Array
from ..special import within
from .slacks import Directions, across, along, pulled, scattered, weighted

#: Matrices of up to so many rows are factorised by plain loops, larger ones by LAPACK or what stands in for it.
SMALL = 20 if has_wide_vectors() else 80
#: Rows that are scaled before they are added to a sum of squares: they stay in the first cache.
BLOCK = 64
#: K without its slacks: M, or its factor, a column where M is a diagonal; the rows; and of the slacks ρ, `wide` and κ,
#: as of `eliminate_slacks`.
Normal = tuple[Array, Directions, Array, Array, Array]


@inner
def is_column(A: Array) -> bool:
    """Whether a symmetric matrix is the column of its diagonal."""
    return bool(A.shape[1] < A.shape[0])


@within
def pulled_apart(rows: Directions, D: Array, wide: Array, kappa: Array) -> None:
    """ρ of the slacks with several directions, as rows."""
    base, place, share, own, owner, line, _ = rows
    count, r = base.shape
    for s in range(wide.shape[0]):
        for j in range(r):
            wide[s, j] = 0.0
    for p in range(D.size if wide.shape[0] > 0 else 0):
        s, q = owner[p], place[p]
        if s < line.size and line[s] < 0:
            pull = D[p] * own[p] * share[p] / kappa[s]
            if q < count:
                for j in range(r):
                    wide[s, j] += pull * base[q, j]
            elif q < count + r:
                wide[s, q - count] += pull


@inner
def added(W: Array, M: Array) -> None:
    """M += WᵀW, the lower triangle."""
    if W.shape[0] > 0:
        syrk(W, 1.0, M)


@inner
def several(h: Array, rows: Directions, D: Array, W: Array, wide: Array, M: Array) -> None:
    """M += the rows of slacks with several directions, without the slacks."""
    base, place, share, own, owner, line, _ = rows
    count, r = base.shape
    lines = 0
    for p in range(D.size + line.size):
        s = owner[p] if p < D.size else p - D.size
        if s == line.size or line[s] >= 0:
            continue
        root = np.sqrt(D[p] if p < D.size else h[s])
        factor = -root * own[p] if p < D.size else root
        for j in range(r):
            W[lines, j] = factor * wide[s, j]
        if p < D.size:
            q = place[p]
            if q < count:
                for j in range(r):
                    W[lines, j] += root * share[p] * base[q, j]
            elif q < count + r:
                W[lines, q - count] += root * share[p]
        lines += 1
        if lines == BLOCK:
            added(W[:lines], M)
            lines = 0
    added(W[:lines], M)


@inner
def squares(base: Array, weight: Array, W: Array, M: Array) -> None:
    """M += Σ weight_q b_q b_qᵀ, the lower triangle; rows are scaled a block at a time."""
    count, r = base.shape
    for first in range(0, count, BLOCK):
        m = min(BLOCK, count - first)
        for i in range(m):
            root = np.sqrt(weight[first + i])
            given, target = base[first + i], W[i]
            for j in range(r):
                target[j] = root * given[j]
        added(W[:m], M)


@apart
def eliminate_slacks(H: Array, h: Array, normal: Normal, D: Array, W: Array, weight: Array) -> None:
    """M and κ for these weights D, and ρ: a number for each slack, a row of `wide` for those of several directions.

    `W` is room for `BLOCK` rows, `weight` for a number per direction; κ and ρ are longer by one.
    """
    M, rows, rho, wide, kappa = normal
    base, line = rows[0], rows[5]
    count, r = base.shape
    for q in range(weight.size):
        weight[q] = 0.0
    if line.size > 0:
        pulled(rows, D, h, rho, kappa, weight)
        pulled_apart(rows, D, wide, kappa)
    weighted(rows, D, rho, weight)
    if is_column(M):
        for i in range(r):
            M[i, 0] = H[i, 0] + weight[count + i]
        return
    for i in range(r):
        if is_column(H):
            for j in range(i):
                M[i, j] = 0.0
            M[i, i] = H[i, 0] + weight[count + i]
        else:
            for j in range(i + 1):
                M[i, j] = H[i, j]
            M[i, i] += weight[count + i]
    squares(base, weight, W, M)
    if wide.shape[0] > 0:
        several(h, rows, D, W, wide, M)


@apart
def factor(a: Array) -> bool:
    """The lower triangle of A becomes its Cholesky factor, a diagonal stays; False where A is not definite."""
    if is_column(a):
        least = np.inf
        for j in range(a.shape[0]):
            least = min(least, a[j, 0])
        return bool(least > 0.0)
    found: bool = factor_rows(a)
    return found


@apart
def factor_rows(a: Array) -> bool:
    """The same of the first rows; B of those below becomes B L⁻ᵀ."""
    rows = a.shape[0]
    n = min(rows, a.shape[1])
    if rows > SMALL and n > 0:
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
        for i in range(j + 1, rows):
            row = a[i]
            t = row[j]
            for k in range(j):
                t -= row[k] * pivot[k]
            row[j] = t * share
    return True


@apart
def substitute_forward(a: Array, b: Array) -> None:
    """b becomes L⁻¹b, A = LLᵀ given by its factor; b may be longer."""
    for i in range(a.shape[0]):
        t, row = b[i], a[i]
        for k in range(i):
            t -= row[k] * b[k]
        b[i] = t / row[i]


@apart
def substitute_back(a: Array, b: Array) -> None:
    """b becomes L⁻ᵀb."""
    for i in range(a.shape[0] - 1, -1, -1):
        row = a[i]
        t = b[i] / row[i]
        b[i] = t
        for k in range(i):
            b[k] -= row[k] * t


@inner
def substitute(a: Array, b: Array) -> None:
    """b becomes A⁻¹b, A given by its factor; b may be longer."""
    if is_column(a):
        for i in range(a.shape[0]):
            b[i] /= a[i, 0]
        return
    substitute_forward(a, b)
    substitute_back(a, b)


@inner
def extended(normal: Normal, x: Array, b: Array) -> None:
    """The slacks of K⁻¹y in place of those of y, where the others are known; b becomes `along` of them."""
    _, rows, rho, wide, kappa = normal
    base, line = rows[0], rows[5]
    r = base.shape[1]
    slacks = x[r:]
    along(rows, x, b)
    for s in range(line.size):
        slacks[s] /= kappa[s]
        if line[s] >= 0:
            slacks[s] -= rho[s] * b[line[s]]
    for s in range(wide.shape[0]):
        for j in range(r):
            slacks[s] -= wide[s, j] * x[j]
    slacks[line.size] = 0.0


@apart
def reduced_by_slacks(normal: Normal, x: Array, u: Array, b: Array) -> None:
    """x becomes x − Cᵀu, u perhaps empty, and in place of its first entries what slacks leave of them.

    One product with the directions serves rows and slacks alike.
    """
    _, rows, rho, wide, _ = normal
    base, line = rows[0], rows[5]
    r = base.shape[1]
    pull = np.empty(r)
    slacks = x[r:]
    for s in range(line.size):
        slacks[s] = -slacks[s]
    scattered(rows, u, b, slacks)
    some = u.size > 0
    for s in range(line.size):
        slacks[s] = -slacks[s]
        some = some or slacks[s] != 0.0
        if line[s] >= 0:
            b[line[s]] += rho[s] * slacks[s]
    if some:
        across(rows, b, pull)
        for j in range(r):
            x[j] -= pull[j]
        for s in range(wide.shape[0]):
            for j in range(r):
                x[j] -= wide[s, j] * slacks[s]
