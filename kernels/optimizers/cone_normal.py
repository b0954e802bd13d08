"""Q + GᵀW⁻²G as plain loops, without the private unknowns, and its linear systems with equalities.

Of a cone with the head hᵀx and the rows Ux, and w̄ = (w₀, w), the part GᵀW⁻²G is η⁻² times

    UᵀU − ppᵀ + ½κ²(h − p)(h − p)ᵀ + ½κ⁻²(h + p)(h + p)ᵀ,   p = Uᵀw/‖w‖,   κ = w₀ + ‖w‖,

in which nothing cancels that grows with w̄: UᵀU is made once, and what is left are matrices of rank one. For a
constant head it is UᵀU + 2vvᵀ with v = Uᵀw. The head a t of a private t with the entry ω in Q has the pivot
π = ω + a²η⁻²(1 + 2‖w‖²) and leaves UᵀU + 2(ω − a²η⁻²)/π vvᵀ. Slacks of rows leave what they leave in a quadratic
program (`normal_matrix`).
"""

from __future__ import annotations

import numpy as np

from ..apart import inner
from ..lapack import potrs
from ..oracle import Array
from ..rowwise import dot_rows
from ..special import helper, within
from .cone_algebra import Places, Scaled
from .cone_blocks import BEGIN, COUNT, GROUP, LEVEL, PRIVATE, Grams, Rows, parts, pulled, room_for
from .envelope import factor_rows, solve_rows
from .normal_matrix import BLOCK, eliminate_slacks, extended, factor, substitute
from .program_vectors import copied, moved, product
from .slacks import Directions, across, along

#: G and its Gram matrices; Q and E of the shared unknowns, the diagonal of Q of the private ones; c, e, g.
Program = tuple[Rows, Grams, Array, Array, Array, Array, Array, Array]
#: What is factorised, its factor, and where the rows of that begin; of slacks ρ and κ, and ρ of those with several
#: directions; of cones v, and the pivots and M_tx = −ζv of private heads; M⁻¹Eᵀ by rows, and the factor of E M⁻¹Eᵀ;
#: room for work.
System = tuple[Array, Array, Array, Array, Array, Array, Array, Array, Array, Array]


@inner
def system_of(program: Program) -> System:
    """Room for it."""
    G, q = program[0], program[3].shape[0]
    line, cones, columns, r, slacks = G[0][5], G[1].shape[0], G[2].size, G[7], G[8]
    wide = 0
    for s in range(slacks):
        wide = slacks if line[s] < 0 else wide
    return (
        np.empty((r, r)),
        np.empty((r, r)),
        np.empty(r, np.int64),
        np.empty((2, slacks + 1)),
        np.empty((wide, r)),
        np.empty(columns),
        np.empty((cones, 2)),
        np.empty((q, r)),
        np.empty((q, q)),
        np.empty(room_for(G)),
    )


@helper
def added(M: Array, count: int, mine: Array, t: float, v: Array) -> None:
    """M += t vvᵀ in so many rows and columns, the lower triangle."""
    if count == M.shape[0]:
        for a in range(count):
            row, pull = M[a], t * v[a]
            for b in range(a + 1):
                row[b] += pull * v[b]
        return
    for a in range(count):
        row, pull = M[mine[a]], t * v[a]
        for b in range(a + 1):
            row[mine[b]] += pull * v[b]


@inner
def grams_added(G: Rows, grams: Grams, weight: Array, M: Array) -> None:
    """M += the Gram matrices, each with its weight."""
    table, columns, groups, entries = G[1], G[2], grams[2], grams[3]
    for i in range(weight.size):
        k, t = groups[i, 1], weight[i]
        count, mine = table[k, COUNT], columns[table[k, BEGIN] :]
        for a in range(count):
            row, given = M[mine[a]], entries[groups[i, 0] + a * count :]
            if count == M.shape[0]:
                for b in range(a + 1):
                    row[b] += t * given[b]
            else:
                for b in range(a + 1):
                    row[mine[b]] += t * given[b]


@within
def cones_added(program: Program, cones: Places, W: Scaled, system: System) -> None:
    """M += what the cones leave."""
    G, grams, diagonal = program[0], program[1], program[4]
    table, columns, slacks = G[1], G[2], G[8]
    lead, factors = grams[0], grams[1]
    m, starts = cones
    mean, eta = W[1], W[2]
    M, pulls, heads = system[0], system[5], system[6]
    weight, other = np.empty(grams[2].shape[0]), np.empty(M.shape[0])
    for i in range(weight.size):
        weight[i] = 0.0
    pulled(G, cones, mean, pulls)
    for k in range(table.shape[0]):
        count, begin, square = table[k, COUNT], table[k, BEGIN], 0.0
        mine, v, head = columns[begin:], pulls[begin:], mean[starts[k] - m]
        for i in range(starts[k] + 1 - m, starts[k + 1] - m):
            square += mean[i] * mean[i]
        beta, own = 1.0 / (eta[k] * eta[k]), factors[k, 0]
        weight[table[k, GROUP]] += beta * factors[k, 1]
        if table[k, PRIVATE] >= 0:
            omega, press = diagonal[slacks + table[k, PRIVATE]], own * own * beta
            heads[k, 0] = omega + press * (1.0 + 2.0 * square)
            heads[k, 1] = 2.0 * own * beta * head
            added(M, count, mine, 2.0 * beta * (omega - press) / heads[k, 0], v)
        elif table[k, LEVEL] == 1:
            added(M, count, mine, 2.0 * beta, v)
        else:
            length = np.sqrt(square)
            share, kappa = 1.0 / length if length > 0.0 else 0.0, head + length
            added(M, count, mine, -beta * share * share, v)
            for a in range(count):
                other[a] = lead[begin + a] - share * v[a]
            added(M, count, mine, 0.5 * beta * kappa * kappa, other)
            for a in range(count):
                other[a] = lead[begin + a] + share * v[a]
            added(M, count, mine, 0.5 * beta / (kappa * kappa), other)
    grams_added(G, grams, weight, M)


@within
def factors(program: Program, cones: Places, W: Scaled, system: System) -> bool:
    """The system at W; False where it has none. What is singular is lifted by rounding."""
    G, Q, E, diagonal = program[0], program[2], program[3], program[4]
    directed, r, slacks = G[0], G[7], G[8]
    m, roots = cones[0], W[0]
    M, L, first, left, half, S = system[0], system[1], system[2], system[3], system[7], system[8]
    weights, work, b = np.empty(m), np.empty((BLOCK, r)), np.empty(directed[0].shape[0] + r + 1)
    for p in range(m):
        weights[p] = 1.0 / (roots[p] * roots[p])
    eliminate_slacks(Q, diagonal[:slacks], (M, directed, left[0], system[4], left[1]), weights, work, b)
    cones_added(program, cones, W, system)
    top = 0.0
    for i in range(r):
        top = max(top, M[i, i])
    for turn in range(2):
        for i in range(r if turn == 1 else 0):
            M[i, i] += 1e-13 * max(M[i, i], 1e-3 * top)
        definite: bool = factor_rows(M, L, first)
        if not definite:
            continue
        for k in range(E.shape[0]):
            copied(E[k], half[k])
        if first[0] < 0 and E.shape[0] > 1:
            potrs(L, half)
        for k in range(E.shape[0]):
            if first[0] >= 0 or E.shape[0] == 1:
                solve_rows(L, first, half[k])
            dot_rows(E[: k + 1], half[k], S[k, : k + 1])
            S[k, k] *= 1.0 + 1e-15
        if factor(S):
            return True
    return False


@inner
def without_slacks(directed: Directions, left: Array, wide: Array, work: Array, r: int, x: Array) -> None:
    """The shared unknowns of a right-hand side when slacks are eliminated."""
    line, slacks = directed[5], left.shape[1] - 1
    pull, b = parts(work, r, directed[0].shape[0] + r + 1)
    for i in range(b.size):
        b[i] = 0.0
    for s in range(slacks):
        if line[s] >= 0:
            b[line[s]] += left[0, s] * x[r + s]
    across(directed, b, pull)
    for j in range(r):
        x[j] -= pull[j]
    for s in range(wide.shape[0]):
        for j in range(r):
            x[j] -= x[r + s] * wide[s, j]


@inner
def with_slacks(directed: Directions, left: Array, wide: Array, work: Array, r: int, x: Array) -> None:
    """The slacks of a solution in place of their right-hand side, the shared unknowns being known."""
    slacks = left.shape[1] - 1
    padded, b = parts(work, r + slacks + 1, directed[0].shape[0] + r + 1)
    for i in range(r + slacks):
        padded[i] = x[i]
    padded[r + slacks] = 0.0
    along(directed, padded, b)
    extended((wide, directed, left[0], wide, left[1]), padded, b)
    for i in range(r, r + slacks):
        x[i] = padded[i]


@within
def without_heads(G: Rows, pulls: Array, heads: Array, x: Array) -> None:
    """The shared unknowns of a right-hand side when private heads are eliminated."""
    table, columns, first = G[1], G[2], G[7] + G[8]
    for k in range(table.shape[0]):
        if table[k, PRIVATE] >= 0:
            t = heads[k, 1] * x[first + table[k, PRIVATE]] / heads[k, 0]
            for a in range(table[k, BEGIN], table[k, BEGIN] + table[k, COUNT]):
                x[columns[a]] += t * pulls[a]


@within
def with_heads(G: Rows, pulls: Array, heads: Array, x: Array) -> None:
    """The private heads of a solution in place of their right-hand side."""
    table, columns, first = G[1], G[2], G[7] + G[8]
    for k in range(table.shape[0]):
        if table[k, PRIVATE] >= 0:
            t, place = 0.0, first + table[k, PRIVATE]
            for a in range(table[k, BEGIN], table[k, BEGIN] + table[k, COUNT]):
                t += pulls[a] * x[columns[a]]
            x[place] = (x[place] + heads[k, 1] * t) / heads[k, 0]


@within
def solve_shared(E: Array, system: System, r: int, x: Array, nu: Array) -> None:
    """Mx − Eᵀν = x, Ex = ν for the shared unknowns, in the place of both right-hand sides."""
    L, first, half, S = system[1], system[2], system[7], system[8]
    solve_rows(L, first, x)
    if nu.size > 0:
        right, lack = np.empty(nu.size), np.empty(nu.size)
        for i in range(nu.size):
            right[i], nu[i] = nu[i], 0.0
        for _ in range(2):  # the equations once more, of which S knows few digits where M is nearly singular
            for i in range(nu.size):
                lack[i] = right[i] - product(E[i], x[:r])
            substitute(S, lack)
            for i in range(nu.size):
                moved(x, lack[i], half[i])
                nu[i] += lack[i]


@within
def solve_system(program: Program, system: System, x: Array, nu: Array) -> None:
    """The same for all unknowns."""
    G = program[0]
    r, slacks, work = G[7], G[8], system[9]
    if slacks > 0:
        without_slacks(G[0], system[3], system[4], work, r, x)
    if x.size > r + slacks:
        without_heads(G, system[5], system[6], x)
    solve_shared(program[3], system, r, x, nu)
    if slacks > 0:
        with_slacks(G[0], system[3], system[4], work, r, x)
    if x.size > r + slacks:
        with_heads(G, system[5], system[6], x)
