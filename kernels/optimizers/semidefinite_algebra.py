"""What positive definite matrices are for the loop of semidefinite programs: coordinates, scalings, steps.

A block Z of side k has k(k + 1)/2 coordinates, as in `halves`. With Nesterov and Todd's scaling G, the factor of
ZΛ's eigenvalues d²,

    G⁻¹ Z G⁻ᵀ = Gᵀ Λ G = diag d,   H = G⁻ᵀ = Λ G diag d⁻¹,   W⁻¹ = HHᵀ,   W⁻¹ Z W⁻¹ = Λ,

steps have to meet ΔZ̃ + ΔΛ̃ = R, where ΔZ̃ = HᵀΔZ H, ΔΛ = H ΔΛ̃ Hᵀ and Rᵢⱼ = 2 Tᵢⱼ/(dᵢ + dⱼ) for the target T.
Sources: Nesterov & Todd, SIAM J. Optim. 8 (1998); Todd, Toh & Tütüncü, ibid.
"""

from __future__ import annotations

import numpy as np

from ..apart import inner
from ..lapack import gemm
from ..oracle import Array
from ..special import within
from .normal_matrix import factor_rows
from .spectra import eigen, least

#: Sides, first coordinates, and where matrices lie in flat arrays of them; where vectors of their rows lie.
Blocks = tuple[Array, Array, Array, Array]
#: G, H, W⁻¹ of all blocks, and d.
Scaling = tuple[Array, Array, Array, Array]
ROOT = np.sqrt(2.0)


@inner
def matrix(flat: Array, blocks: Blocks, b: int) -> Array:
    """A block's matrix in a flat array."""
    side, place = blocks[0][b], blocks[2][b]
    return flat[place : place + side * side].reshape((side, side))


@inner
def opened(u: Array, blocks: Blocks, b: int, out: Array) -> None:
    """The matrix with these coordinates."""
    at, side = blocks[1][b], blocks[0][b]
    for i in range(side):
        row = out[i]
        row[i] = u[at]
        for j in range(i + 1, side):
            row[j] = u[at + j - i] / ROOT
        at += side - i
    for i in range(side):
        for j in range(i):
            out[i, j] = out[j, i]


@inner
def added(t: float, a: Array, blocks: Blocks, b: int, u: Array) -> None:
    """u += t times the coordinates of a symmetric matrix."""
    at, side = blocks[1][b], blocks[0][b]
    for i in range(side):
        row, wide = a[i], t * ROOT
        u[at] += t * row[i]
        for j in range(i + 1, side):
            u[at + j - i] += wide * row[j]
        at += side - i


@inner
def symmetrised(a: Array) -> None:
    """½(A + Aᵀ)"""
    for i in range(a.shape[0]):
        for j in range(i):
            a[i, j] = a[j, i] = 0.5 * (a[i, j] + a[j, i])


@inner
def between(left: Array, a: Array, right: Array, out: Array) -> None:
    """left A right, made symmetric."""
    work = np.empty((a.shape[0], right.shape[1]))
    gemm(a, right, work)
    gemm(left, work, out)
    symmetrised(out)


@inner
def scaled(z: Array, y: Array, blocks: Blocks, W: Scaling) -> bool:
    """The scaling of all blocks; False where one is not definite."""
    for b in range(blocks[0].size):
        side, first = blocks[0][b], blocks[3][b]
        G, H, inverse, d = (
            matrix(W[0], blocks, b), matrix(W[1], blocks, b), matrix(W[2], blocks, b), W[3][first : first + side],
        )  # fmt: skip
        dual, turn = np.empty((side, side)), np.empty((side, side))
        opened(z, blocks, b, H)
        opened(y, blocks, b, dual)
        if not factor_rows(H):
            return False
        for i in range(side):
            for j in range(i + 1, side):
                H[i, j] = 0.0
        between(H.T, dual, H, inverse)
        if not eigen(inverse, d, turn):
            return False
        gemm(H, turn.T, G)
        for a in range(side):
            if not d[a] > 0.0:
                return False
            d[a] = np.sqrt(d[a])
        for i in range(side):
            for a in range(side):
                G[i, a] /= np.sqrt(d[a])
        gemm(dual, G, H)
        for i in range(side):
            for a in range(side):
                H[i, a] /= d[a]
        gemm(H, H.T, inverse)
    return True


@inner
def goals(blocks: Blocks, W: Scaling, mu: float, first: Array, second: Array, R: Array) -> None:
    """R for the target μI − D² − ½(ΔZ̃ΔΛ̃ + ΔΛ̃ΔZ̃) of the predictor's two steps."""
    for b in range(blocks[0].size):
        side, place = blocks[0][b], blocks[3][b]
        d, goal = W[3][place : place + side], matrix(R, blocks, b)
        gemm(matrix(first, blocks, b), matrix(second, blocks, b), goal)
        symmetrised(goal)
        for i in range(side):
            row = goal[i]
            for j in range(side):
                row[j] = -2.0 * row[j] / (d[i] + d[j])
            row[i] += mu / d[i] - d[i]


@inner
def straight(blocks: Blocks, W: Scaling, R: Array) -> None:
    """R for the target −D², the predictor's."""
    for b in range(blocks[0].size):
        side, place = blocks[0][b], blocks[3][b]
        goal = matrix(R, blocks, b)
        for i in range(side):
            for j in range(side):
                goal[i, j] = 0.0
            goal[i, i] = -W[3][place + i]


@inner
def pushed(blocks: Blocks, W: Scaling, R: Array, u: Array) -> None:
    """u += H R Hᵀ"""
    for b in range(blocks[0].size):
        H = matrix(W[1], blocks, b)
        work = np.empty(H.shape)
        between(H, matrix(R, blocks, b), H.T, work)
        added(1.0, work, blocks, b, u)


@inner
def turned_in_place(T: Array, back: bool, blocks: Blocks, b: int, u: Array) -> None:
    """The coordinates of TᵀAT in the place of those of A, or of TATᵀ."""
    side, first = blocks[0][b], blocks[1][b]
    a, work = np.empty((side, side)), np.empty((side, side))
    opened(u, blocks, b, a)
    if back:
        between(T, a, T.T, work)
    else:
        between(T.T, a, T, work)
    for p in range(first, first + side * (side + 1) // 2):
        u[p] = 0.0
    added(1.0, work, blocks, b, u)


@inner
def longest(blocks: Blocks, W: Scaling, step: Array, keep: float) -> float:
    """The longest step at most 1 that leaves the matrices positive definite by 1 − keep; steps are scaled."""
    t = 1.0
    for b in range(blocks[0].size):
        side, place = blocks[0][b], blocks[3][b]
        given, work = matrix(step, blocks, b), np.empty((side, side))
        for i in range(side):
            for j in range(side):
                work[i, j] = given[i, j] / np.sqrt(W[3][place + i] * W[3][place + j])
        low = least(work, keep)
        if t * low < -keep:
            t = -keep / low
    return t


@inner
def shifted(u: Array, blocks: Blocks, unit: float) -> None:
    """The matrices become positive definite, by multiples of the identity."""
    for b in range(blocks[0].size):
        side, at = blocks[0][b], blocks[1][b]
        work = np.empty((side, side))
        opened(u, blocks, b, work)
        low = least(work, 0.0)
        if low < 1e-2 * unit:
            for i in range(side):
                u[at] += unit - low
                at += side - i


@within
def curved(blocks: Blocks, W: Scaling, K: Array) -> None:
    """K += W⁻¹⊗W⁻¹ of all blocks, the lower triangle."""
    for b in range(blocks[0].size):
        side, first = blocks[0][b], blocks[1][b]
        w, row = matrix(W[2], blocks, b), first
        for i in range(side):
            for j in range(i, side):
                near, far, at = w[i], w[j], first
                for k in range(i + 1):
                    last = j + 1 if k == i else side
                    size = 0.5 if i == j else 0.5 * ROOT
                    a, c = size * near[k], size * far[k]
                    K[row, at] += a * far[k] + c * near[k]
                    out = K[row, at + 1 : at + last - k]
                    a, c = ROOT * a, ROOT * c
                    p, q = far[k + 1 : last], near[k + 1 : last]
                    for l in range(out.size):
                        out[l] += a * p[l] + c * q[l]
                    at += side - k
                row += 1


@inner
def halved(E: Array, blocks: Blocks, b: int, T: Array, weights: Array, out: Array) -> None:
    """The coordinates of TᵀAT, each with its weight, for every row A of E."""
    side, first = blocks[0][b], blocks[1][b]
    a, work = np.empty((side, side)), np.empty((side, side))
    for k in range(E.shape[0]):
        row, at = out[k], first
        for p in range(first, first + side * (side + 1) // 2):
            row[p] = 0.0
        filled = 0
        for p in range(first, first + side * (side + 1) // 2):
            filled += 1 if E[k, p] != 0.0 else 0
        if filled > side:
            opened(E[k], blocks, b, a)
            between(T.T, a, T, work)
            added(1.0, work, blocks, b, row)
        else:
            for i in range(side if filled > 0 else 0):
                for j in range(i, side):
                    value = E[k, at]
                    if value != 0.0:
                        outer(value, T[i], T[j], i == j, row[first:])
                    at += 1
        for p in range(first, first + side * (side + 1) // 2):
            row[p] *= weights[p]


@inner
def outer(value: float, x: Array, y: Array, same: bool, u: Array) -> None:
    """u += the coordinates of value xyᵀ, x = y, or else of value (xyᵀ + yxᵀ)/√2."""
    at = 0
    for a in range(x.size):
        if same:
            v = value * x[a]
            u[at] += v * x[a]
            for b in range(a + 1, x.size):
                u[at + b - a] += ROOT * v * x[b]
        else:
            v, w = value * x[a], value * y[a]
            u[at] += ROOT * v * y[a]
            for b in range(a + 1, x.size):
                u[at + b - a] += v * y[b] + w * x[b]
        at += x.size - a
