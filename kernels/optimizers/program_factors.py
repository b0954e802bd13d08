"""The linear system of one step of a quadratic program: factored once, solved for each right-hand side.

K = H + Cᵀ diag(λ/s) C + δI (`normal_matrix`) and equalities (E, A) that may meet its slacks. Without these K is M, and
with a slack's pivot κ and its part ρb of the others the equalities are E − Aρb beside M and A beside κ: their matrix is
the sum of (E − Aρb) M⁻¹ (E − Aρb)ᵀ and A κ⁻¹ Aᵀ. With M = LLᵀ that is VVᵀ, V = ((E − Aρb) L⁻ᵀ, A κ^(−1/2)), whose
first part stands below L when both are factorised together; and a solution meets the equalities half-way, between L⁻¹
and L⁻ᵀ. A diagonal M is divided by, and V is not formed.
"""

from __future__ import annotations

import numpy as np

from ..apart import inner
from ..lapack import gemm
from ..oracle import Array
from ..rowwise import add_rows, dot_rows
from ..special import within
from .normal_matrix import (
    BLOCK,
    Normal,
    eliminate_slacks,
    extended,
    factor,
    factor_rows,
    is_column,
    reduced_by_slacks,
    squares,
    substitute,
    substitute_back,
    substitute_forward,
)
from .program_vectors import copied, moved, product
from .slacks import along

#: Equalities meet no slacks, or such as meet nothing else, or any.
APART, LONE, COUPLED = range(3)
#: Columns of VVᵀ that are made together.
STRIPE = 16
#: K; the equalities; these without slacks where M is a diagonal, else V; VVᵀ or its factor; where M is a diagonal the
#: equalities without slacks turned, as many rows as are not zero; M with room for rows below; how equalities meet
#: slacks.
System = tuple[Normal, Array, Array, Array, Array, Array, int]
#: H with the weights of equalities, and these weights; room for rows.
Held = tuple[Array, Array, Array]


@within
def rounding(system: System) -> float:
    """How far E K⁻¹ Eᵀ is off by rounding, at most."""
    factor_of = system[3]
    found = 1e-300
    for i in range(factor_of.shape[0]):
        row = factor_of[i, : i + 1]
        found = max(found, 1e-12 * product(row, row))
    return found


@within
def is_diagonal(M: Array) -> bool:
    """Whether what is factorised is the column of a diagonal; without rows it is."""
    return bool(M.shape[0] == 0 or is_column(M))


@within
def without_slacks(normal: Normal, equality: Array, found: Array) -> bool:
    """E − Aρb of one equality, in the first entries; False where no slack can move anything there."""
    rows, rho, wide = normal[1], normal[2], normal[3]
    base, line = rows[0], rows[5]
    count, r = base.shape
    some = False
    for s in range(line.size):
        if equality[r + s] == 0.0:
            continue
        q, share = line[s], -equality[r + s] * rho[s]
        some = some or q < count + r
        if q < 0:
            moved(found, -equality[r + s], wide[s])
        elif q < count:
            moved(found, share, base[q])
        elif q < count + r:
            found[q - count] += share
    return some


@within
def halved(kappa: Array, slacks: Array) -> None:
    """Slacks divided by the root of their part of K."""
    for j in range(kappa.size - 1):
        slacks[j] /= np.sqrt(kappa[j])


@within
def factor_with_equalities(system: System) -> bool:
    """The factor L of M, and V."""
    normal, E, half, tall = system[0], system[1], system[2], system[5]
    kappa = normal[4]
    r = normal[0].shape[0]
    for i in range(E.shape[0]):
        copied(E[i, :r], tall[r + i])
        if system[6] == COUPLED:
            without_slacks(normal, E[i], tall[r + i])
    if not factor_rows(tall):
        return False
    for i in range(E.shape[0]):
        copied(tall[r + i], half[i, :r])
        if system[6] != APART:
            copied(E[i, r:], half[i, r:])
            halved(kappa, half[i, r:])
    return True


@within
def equalities_beside_diagonal(system: System) -> None:
    """The equalities without slacks, both ways."""
    normal, E, half, turned = system[0], system[1], system[2], system[4]
    r = normal[0].shape[0]
    for i in range(E.shape[0] if system[6] == COUPLED else 0):
        copied(E[i, :r], half[i, :r])
        if without_slacks(normal, E[i], half[i]):
            for j in range(r):
                turned[j, i] = half[i, j]


@within
def gram_of_rows(half: Array, schur: Array) -> None:
    """The lower triangle of the products of rows with one another, some columns at a time."""
    q = half.shape[0]
    for first in range(0, q, STRIPE):
        last = min(first + STRIPE, q)
        gemm(half[first:], half[first:last].T, schur[first:, first:last])


@within
def diagonal_schur(turned: Array, M: Array, kappa: Array, schur: Array) -> None:
    """E diag(M, κ)⁻¹ Eᵀ, the lower triangle, from as many rows of Eᵀ as are not zero."""
    n, q = turned.shape
    r = M.shape[0]
    weight = np.empty(n)
    for j in range(n):
        weight[j] = 1.0 / (M[j, 0] if j < r else kappa[j - r])
    for i in range(q):
        for j in range(q):
            schur[i, j] = 0.0
    squares(turned, weight, np.empty((BLOCK, q)), schur)


@inner
def factored(h: Array, system: System, held: Held, ratio: Array, b: Array, delta: float, dual: float) -> bool:
    """The factors of K and of VVᵀ; False where rounding leaves none."""
    normal, half, schur, turned = system[0], system[2], system[3], system[4]
    H, W = held[0], held[2]
    M, kappa = normal[0], normal[4]
    r, q = M.shape[0], schur.shape[0]
    plain = is_diagonal(M)
    shift = 1e-15
    definite: bool = False
    for _ in range(5):  # rounding makes K indefinite where λ/s is huge
        if not definite:
            eliminate_slacks(H, h, normal, ratio, W, b)
            for i in range(r):
                j = 0 if plain else i
                M[i, j] += delta + shift * M[i, j]
            definite = factor(M) if plain else factor_with_equalities(system)
            shift *= 30.0
    if not definite or q == 0:
        return definite
    if plain:
        equalities_beside_diagonal(system)
        diagonal_schur(turned, M, kappa, schur)
    else:
        gram_of_rows(half, schur)
    for i in range(q):
        schur[i, i] += 1e-14 * schur[i, i] + dual
    definite = factor(schur)
    return definite


@within
def pressed_by(system: System, re: Array, dz: Array, dnu: Array) -> None:
    """dν from half of a solution without it."""
    dot_rows(system[2], dz, dnu)
    for i in range(re.size):
        dnu[i] = -re[i] - dnu[i]
    substitute(system[3], dnu)


@within
def divided(system: System, re: Array, dz: Array, dnu: Array) -> None:
    """The same with a diagonal M, and its solution, slacks divided by their pivots."""
    normal = system[0]
    M, kappa = normal[0], normal[4]
    n, r = dz.size - 1, M.shape[0]
    inverse = np.empty(n)
    for j in range(r):
        inverse[j] = 1.0 / M[j, 0]
    for j in range(r, n):
        inverse[j] = 1.0 / kappa[j - r]
    for j in range(n):
        dz[j] *= inverse[j]
    if re.size > 0:
        pressed_by(system, re, dz, dnu)
        pull = np.zeros(n + 1)
        add_rows(system[2], dnu, pull)
        for j in range(n):
            dz[j] += inverse[j] * pull[j]


@inner
def direction(system: System, push: Array, u: Array, re: Array, b: Array, dz: Array, dnu: Array) -> None:
    """dz, dν of   K dz − Eᵀdν = −push − Cᵀu,  E dz = −re;   b becomes `along` of dz."""
    normal, half = system[0], system[2]
    M, rho, kappa = normal[0], normal[2], normal[4]
    line = normal[1][5]
    n, r = push.size - 1, M.shape[0]
    for i in range(n):
        dz[i] = -push[i]
    dz[n] = 0.0
    reduced_by_slacks(normal, dz, u, b)
    if is_diagonal(M):
        divided(system, re, dz, dnu)
        along(normal[1], dz, b)
        for s in range(line.size):
            dz[r + s] -= rho[s] * b[line[s]]
        return
    substitute_forward(M, dz)  # half of the way, the equalities, the other half
    if re.size > 0:
        if system[6] != APART:
            halved(kappa, dz[r:])
        pressed_by(system, re, dz, dnu)
        add_rows(half, dnu, dz)
        for j in range(0 if system[6] == APART else kappa.size - 1):
            dz[r + j] *= np.sqrt(kappa[j])
    substitute_back(M, dz)
    extended(normal, dz, b)
