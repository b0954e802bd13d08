"""The linear system of one step of a quadratic program: factored once, solved for each right-hand side.

K = H + Cᵀ diag(λ/s) C + δI without its slacks (`normal_matrix`), and the Schur complement E K⁻¹ Eᵀ of the equalities.
With K = LLᵀ that is VVᵀ, V = E L⁻ᵀ, which stands below L when both are factorised together; and a solution meets the
equalities half-way, between L⁻¹ and L⁻ᵀ.
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
    solve_normal,
    squares,
    substitute,
    substitute_back,
    substitute_forward,
)
from .program_vectors import copied, largest, moved, product
from .slacks import along

#: What is kept of the equalities: E K⁻¹; E L⁻ᵀ, where they meet no slacks; the same where they meet slacks, which are
#: a diagonal of K then.
BY_INVERSE, BY_FACTOR, WITH_SLACKS = range(3)
#: Columns of E K⁻¹ Eᵀ that are made together.
STRIPE = 16
#: K; the equalities E, what is kept of them, and E K⁻¹ Eᵀ or its factor; Eᵀ where H is a diagonal, as many rows as are
#: not zero; M with room for rows below; which of these is kept.
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
def uncoupled(normal: Normal) -> bool:
    """Whether K has nothing beside the block of its first variables and the diagonal of its slacks."""
    rho, wide = normal[2], normal[3]
    found: bool = wide.shape[0] == 0 and largest(rho) == 0.0
    return found


@within
def apart_from(system: System) -> bool:
    """Whether equalities meet a diagonal alone, beside slacks that are coupled to it: E K⁻¹ would take the longest."""
    normal, turned = system[0], system[4]
    return bool(turned.shape[0] > 0 and turned.shape[0] == normal[0].shape[0] and not uncoupled(normal))


@within
def solve_equalities(system: System, b: Array) -> None:
    """E K⁻¹"""
    normal, E, half = system[0], system[1], system[2]
    M, kappa = normal[0], normal[4]
    r, k = M.shape[0], kappa.size - 1
    diagonal = uncoupled(normal)
    inverse = np.empty(k)
    for j in range(k):
        inverse[j] = 1.0 / kappa[j]
    for i in range(E.shape[0]):
        copied(E[i], half[i])
        if diagonal:
            slacks = half[i, r : r + k]
            for j in range(k):
                slacks[j] *= inverse[j]
            substitute(M, half[i, :r])
        else:
            solve_normal(normal, half[i], b[:0], b)


@within
def halved(kappa: Array, slacks: Array) -> None:
    """Slacks divided by the root of their part of K."""
    for j in range(kappa.size - 1):
        slacks[j] /= np.sqrt(kappa[j])


@within
def factor_with_equalities(system: System) -> bool:
    """The factor L of M, and E L⁻ᵀ where that is asked for."""
    normal, E, half, tall, kind = system[0], system[1], system[2], system[5], system[6]
    M, kappa = normal[0], normal[4]
    r = M.shape[0]
    if kind == BY_INVERSE:
        found: bool = factor(M)
        return found
    for i in range(E.shape[0]):
        copied(E[i, :r], tall[r + i])
    if not factor_rows(tall):
        return False
    for i in range(E.shape[0]):
        copied(tall[r + i], half[i, :r])
        copied(E[i, r:], half[i, r:])
        if kind == WITH_SLACKS:
            halved(kappa, half[i, r:])
    return True


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
    """The factors of K and of E K⁻¹ Eᵀ; False where rounding leaves none."""
    normal, E, half, schur, turned, kind = system[0], system[1], system[2], system[3], system[4], system[6]
    H, W = held[0], held[2]
    M, kappa = normal[0], normal[4]
    r, q = M.shape[0], E.shape[0]
    shift = 1e-15
    definite: bool = False
    for _ in range(5):  # rounding makes K indefinite where λ/s is huge
        if not definite:
            eliminate_slacks(H, h, normal, ratio, W, b)
            for i in range(r):
                j = 0 if is_column(M) else i
                M[i, j] += delta + shift * M[i, j]
            definite = factor_with_equalities(system)
            shift *= 30.0
    if not definite or q == 0:
        return definite
    if kind == BY_INVERSE and not apart_from(system):
        solve_equalities(system, b)
    if turned.shape[0] > 0 and (turned.shape[0] == r or uncoupled(normal)):
        diagonal_schur(turned, M, kappa, schur)
    elif kind == BY_INVERSE:
        gemm(E, half.T, schur)
    else:
        gram_of_rows(half, schur)
    for i in range(q):
        schur[i, i] += 1e-14 * schur[i, i] + dual
    definite = factor(schur)
    return definite


@within
def pressed_by(system: System, re: Array, dz: Array, dnu: Array) -> None:
    """dν from half of a solution without it, as `half` has the equalities."""
    if system[6] == BY_INVERSE:
        dot_rows(system[1], dz, dnu)
    else:
        dot_rows(system[2], dz, dnu)
    for i in range(re.size):
        dnu[i] = -re[i] - dnu[i]
    substitute(system[3], dnu)


@inner
def direction(system: System, push: Array, u: Array, re: Array, b: Array, dz: Array, dnu: Array) -> None:
    """dz, dν of   K dz − Eᵀdν = −push − Cᵀu,  E dz = −re;   b becomes `along` of dz."""
    normal, E, half, kind = system[0], system[1], system[2], system[6]
    M, kappa = normal[0], normal[4]
    n, r = push.size - 1, M.shape[0]
    for i in range(n):
        dz[i] = -push[i]
    dz[n] = 0.0
    if kind != BY_INVERSE:  # half of the way, the equalities, the other half
        reduced_by_slacks(normal, dz, u, b)
        substitute_forward(M, dz)
        if kind == WITH_SLACKS:
            halved(kappa, dz[r:])
        pressed_by(system, re, dz, dnu)
        add_rows(half, dnu, dz)
        if kind == WITH_SLACKS:
            for j in range(kappa.size - 1):
                dz[r + j] *= np.sqrt(kappa[j])
        substitute_back(M, dz)
        extended(normal, dz, b)
        return
    solve_normal(normal, dz, u, b)
    if re.size > 0:
        pressed_by(system, re, dz, dnu)
        if apart_from(system):
            more = np.empty(n + 1)
            for i in range(n + 1):
                more[i] = 0.0
            add_rows(E, dnu, more)
            solve_normal(normal, more, u[:0], b)
            moved(dz, 1.0, more)
        else:
            add_rows(half, dnu, dz)
        along(normal[1], dz, b)
