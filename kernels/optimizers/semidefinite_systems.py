"""The linear system of a step of a semidefinite program, as a whole matrix or by an inverse that is known.

    K = Q + Cᵀ diag(λ/s) C + W⁻¹⊗W⁻¹,   K Δx − EᵀΔν = −r + HRHᵀ + Cᵀw,   EΔx = −re

Whole, it is factorised with E L⁻ᵀ below. Where Q is a multiple qI of the identity in each block and no row of C meets
one, W⁻¹ = U diag(δ) Uᵀ leaves 1/(δᵢδⱼ + q) in the basis U⊗U. For q = 0 the basis is G⊗G, in which ΔΛ̃ follows from
EᵀΔν alone and ΔZ̃ from that: nothing is turned to and fro, where digits would be lost.
"""

from __future__ import annotations

import numpy as np

from ..apart import inner
from ..lapack import syrk
from ..oracle import Array
from ..rowwise import add_rows, dot_rows
from ..special import within
from .normal_matrix import factor, factor_rows, is_column, substitute, substitute_back, substitute_forward
from .program_factors import gram_of_rows
from .program_vectors import copied, moved
from .semidefinite_algebra import (
    Blocks,
    Scaling,
    added,
    between,
    curved,
    halved,
    matrix,
    opened,
    pushed,
    turned_in_place,
)
from .spectra import eigen

#: Q, a column where it is a diagonal; c; E, e; the rows of C that meet many unknowns; r of these and of the others; and
#: of those where their entries begin, the unknowns they meet in order, and the entries.
Program = tuple[Array, Array, Array, Array, Array, Array, Array, Array, Array]
#: K, or its factor, with E L⁻ᵀ below, nothing where K⁻¹ is known; E K^{-½}; its Gram matrix, or the factor of that; T
#: and the roots of the weights by which K⁻¹ is known.
System = tuple[Array, Array, Array, Array, Array]
#: ΔZ̃ and ΔΛ̃ of all blocks, and R.
Scaled = tuple[Array, Array, Array]
#: What makes a matrix definite that rounding has made indefinite.
SHIFT = 1e-15


@within
def factored(program: Program, blocks: Blocks, W: Scaling, ratio: Array, system: System) -> bool:
    """K and E K⁻¹ Eᵀ are ready to be solved with; False where rounding leaves no factors."""
    tall, half, schur = system[0], system[1], system[2]
    definite: bool = False
    if tall.shape[0] > 0:
        definite = whole(program, blocks, W, ratio, system)
    else:
        definite = known(program, blocks, W, ratio, system)
    if not definite or half.shape[0] == 0:
        return definite
    gram_of_rows(half, schur)
    for k in range(schur.shape[0]):
        schur[k, k] += SHIFT * schur[k, k]
    definite = factor(schur)
    return definite


@within
def whole(program: Program, blocks: Blocks, W: Scaling, ratio: Array, system: System) -> bool:
    """The factor L of K, and E L⁻ᵀ."""
    Q, E, C, first, place, entry = program[0], program[2], program[4], program[6], program[7], program[8]
    tall, half = system[0], system[1]
    q, n, lift = C.shape[0], half.shape[1], SHIFT
    K, lines = tall[:n], np.empty((q, n))
    definite: bool = False
    for _ in range(5):
        if definite:
            break
        for i in range(n):
            for j in range(i + 1):
                K[i, j] = 0.0 if is_column(Q) else Q[i, j]
            if is_column(Q):
                K[i, i] = Q[i, 0]
        for p in range(q):
            root = np.sqrt(ratio[p])
            for i in range(n):
                lines[p, i] = root * C[p, i]
        if q > 0:
            syrk(lines, 1.0, K)
        for p in range(first.size - 1):
            for a in range(first[p], first[p + 1]):
                row, pull = K[place[a]], ratio[q + p] * entry[a]
                for b in range(first[p], a + 1):
                    row[place[b]] += pull * entry[b]
        curved(blocks, W, K)
        for i in range(n):
            K[i, i] += lift * K[i, i]
        for k in range(E.shape[0]):
            copied(E[k], tall[n + k])
        definite = factor_rows(tall)
        lift *= 100.0
    for k in range(E.shape[0]):
        copied(tall[n + k], half[k])
    return definite


@within
def known(program: Program, blocks: Blocks, W: Scaling, ratio: Array, system: System) -> bool:
    """T and weights with K⁻¹ = (T⊗T) diag(w²) (T⊗T)ᵀ, and E (T⊗T) diag(w)."""
    Q, E, place, entry = program[0], program[2], program[7], program[8]
    half, T, weight = system[1], system[3], system[4]
    for i in range(weight.size):
        weight[i] = Q[i, 0]
    for p in range(place.size):
        weight[place[p]] += ratio[p] * entry[p] * entry[p]
    for i in range(weight.size):
        weight[i] = 1.0 / np.sqrt(weight[i])
    for k in range(E.shape[0]):
        for i in range(weight.size):
            half[k, i] = E[k, i] * weight[i]
    for b in range(blocks[0].size):
        side, at = blocks[0][b], blocks[1][b]
        turned, bend, d = matrix(T, blocks, b), Q[at, 0], np.ones(side)
        G, work, rows = matrix(W[0], blocks, b), np.empty((side, side)), np.empty((side, side))
        for i in range(side):
            copied(matrix(W[2], blocks, b)[i], work[i])
        if bend > 0.0 and not eigen(work, d, rows):
            return False
        for i in range(side):
            for j in range(side):
                turned[i, j] = rows[j, i] if bend > 0.0 else G[i, j]
        for i in range(side):
            for j in range(i, side):
                weight[at] = 1.0 / np.sqrt(d[i] * d[j] + bend)
                at += 1
        halved(E, blocks, b, turned, weight, half)
    return True


@within
def newton_step(
    program: Program, blocks: Blocks, W: Scaling, system: System, r: Array, re: Array, R: Scaled,
    dx: Array, dnu: Array, dy: Array,
) -> None:  # fmt: skip
    """Δx, Δν and ΔΛ, with ΔZ̃ and ΔΛ̃; Δx begins as −r + Cᵀw."""
    if system[0].shape[0] > 0:
        whole_step(blocks, W, system, re, R, dx, dnu, dy)
    else:
        known_step(program, blocks, W, system, r, re, R, dx, dnu, dy)


@inner
def multipliers(system: System, re: Array, dx: Array, dnu: Array) -> None:
    """Δν from half of a solution without it, which becomes half of one with it."""
    half = system[1]
    if re.size == 0:
        return
    dot_rows(half, dx, dnu)
    for k in range(re.size):
        dnu[k] = -re[k] - dnu[k]
    substitute(system[2], dnu)
    add_rows(half, dnu, dx)


@inner
def start_step(blocks: Blocks, system: System, re: Array, dx: Array, dnu: Array) -> None:
    """Δx and Δν where W is the identity, as is T then; Δx begins as what KΔx − EᵀΔν is to be."""
    K, weight = system[0][: dx.size], system[4]
    if K.shape[0] > 0:
        substitute_forward(K, dx)
    for i in range(weight.size):
        dx[i] *= weight[i]
    multipliers(system, re, dx, dnu)
    if K.shape[0] > 0:
        substitute_back(K, dx)
    for i in range(weight.size):
        dx[i] *= weight[i]


@inner
def whole_step(
    blocks: Blocks, W: Scaling, system: System, re: Array, R: Scaled, dx: Array, dnu: Array, dy: Array
) -> None:
    """The same by the factor of K; ΔΛ follows from Δx."""
    K = system[0][: dx.size]
    pushed(blocks, W, R[2], dx)
    substitute_forward(K, dx)
    multipliers(system, re, dx, dnu)
    substitute_back(K, dx)
    for i in range(dy.size):
        dy[i] = 0.0
    for b in range(blocks[0].size):
        H, goal = matrix(W[1], blocks, b), matrix(R[2], blocks, b)
        one, two, work = matrix(R[0], blocks, b), matrix(R[1], blocks, b), np.empty(H.shape)
        opened(dx, blocks, b, work)
        between(H.T, work, H, one)
        for i in range(H.shape[0]):
            for j in range(H.shape[0]):
                two[i, j] = goal[i, j] - one[i, j]
        between(H, two, H.T, work)
        added(1.0, work, blocks, b, dy)


@inner
def known_step(
    program: Program, blocks: Blocks, W: Scaling, system: System, r: Array, re: Array, R: Scaled,
    dx: Array, dnu: Array, dy: Array,
) -> None:  # fmt: skip
    """The same by the known inverse; ΔΛ follows from Δν, and from Δx where q > 0."""
    Q, E = program[0], program[2]
    T, weight = system[3], system[4]
    for b in range(blocks[0].size):
        side, at = blocks[0][b], blocks[1][b]
        turn, work = matrix(T, blocks, b), np.empty((side, side))
        if Q[at, 0] > 0.0:
            between(matrix(W[1], blocks, b), matrix(R[2], blocks, b), matrix(W[1], blocks, b).T, work)
            added(1.0, work, blocks, b, dx)
        turned_in_place(turn, False, blocks, b, dx)
        if Q[at, 0] == 0.0:
            added(1.0, matrix(R[2], blocks, b), blocks, b, dx)
    for i in range(dx.size):
        dx[i] *= weight[i]
    multipliers(system, re, dx, dnu)
    for i in range(dx.size):
        dx[i] *= weight[i]
        dy[i] = 0.0
    for k in range(dnu.size):
        moved(dy, -dnu[k], E[k])
    for b in range(blocks[0].size):
        side, at = blocks[0][b], blocks[1][b]
        turn, G, goal, bend = matrix(T, blocks, b), matrix(W[0], blocks, b), matrix(R[2], blocks, b), Q[at, 0]
        one, two, work = matrix(R[0], blocks, b), matrix(R[1], blocks, b), np.empty((side, side))
        last = at + side * (side + 1) // 2
        if bend > 0.0:
            turned_in_place(turn, True, blocks, b, dx)
            moved(dy[at:last], bend, dx[at:last])
        moved(dy[at:last], 1.0, r[at:last])
        opened(dy, blocks, b, work)
        between(G.T, work, G, two)
        for i in range(side):
            for j in range(side):
                one[i, j] = goal[i, j] - two[i, j]
        if bend == 0.0:
            between(G, one, G.T, work)
            for p in range(at, last):
                dx[p] = 0.0
            added(1.0, work, blocks, b, dx)
    inside = 0
    for b in range(blocks[0].size):  # ΔΛ is that of the blocks alone
        for i in range(inside, blocks[1][b]):
            dy[i] = 0.0
        inside = blocks[1][b] + blocks[0][b] * (blocks[0][b] + 1) // 2
    for i in range(inside, dy.size):
        dy[i] = 0.0
