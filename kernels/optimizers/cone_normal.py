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
from ..lapack import syrk
from ..oracle import Array
from ..rowwise import dot_rows
from ..special import within
from .cone_algebra import Scaled
from .cone_blocks import parts, pulled, room_for, spread
from .cone_groups import COUNT, FIRST, PRIVATE, SIZE, Places, products, row_of
from .cone_groups import LEVEL as CONSTANT
from .cone_ranks import Ranks, factor_ranks, solve_ranks, stored
from .cone_tables import COLUMNS, KIND, SAME, SLOTS, Grams, Rows
from .envelope import factor_profile, solve_profile
from .normal_matrix import (
    BLOCK,
    eliminate_slacks,
    extended,
    factor,
    factor_rows,
    is_column,
    substitute,
    substitute_back,
)
from .program_vectors import copied, moved, product
from .slacks import Directions, across, along

#: From so many columns on matrices of rank one of a group are added together, by LAPACK.
TOGETHER = 24
#: G and its Gram matrices; Q of the shared unknowns, a column where it is a diagonal, and E; the diagonal of Q of the
#: private ones; c, e, g; where the columns of what is factorised end, nothing where ranks are all beside a diagonal.
Program = tuple[Rows, Grams, Array, Array, Array, Array, Array, Array, Array]
#: What is factorised, its factor, and where the columns of both end; of slacks ρ and κ, and ρ of those with several
#: directions; of cones v, and the pivots and M_tx = −ζv of private heads; M⁻¹Eᵀ by rows, and the factor of E M⁻¹Eᵀ;
#: room for work; matrices of rank one beside a diagonal; the factor of a whole matrix with E L⁻ᵀ below.
System = tuple[Array, Array, Array, Array, Array, Array, Array, Array, Array, Array, Ranks, Array]


@inner
def system_of(program: Program) -> System:
    """Room for it."""
    G, q, last = program[0], program[3].shape[0], program[8]
    line, cones, columns, r, slacks = G[0][5], G[8].size, G[2].size, G[9], G[10]
    wide = 0
    for s in range(slacks):
        wide = slacks if line[s] < 0 else wide
    ranks = cones if last.size < r else 0
    tall = np.empty((last.size + (q if last.size > 0 and last[0] < 0 else 0), last.size))
    return (
        np.empty((r, r if ranks == 0 else 1)),
        tall[: last.size],
        last,
        np.empty((2, slacks + 1)),
        np.empty((wide, r)),
        np.empty(columns),
        np.empty((cones, 2)),
        np.empty((q, r)),
        np.empty((q, q)),
        np.empty(room_for(G)),
        (np.empty((ranks, r)), np.empty((ranks, r)), np.empty((ranks, 2))),
        tall,
    )


@within
def costs_little(system: System) -> bool:
    """Whether one more solution does beside the factors: not beside those of a narrow matrix."""
    last = system[2]
    return bool(last.size == 0 or last[0] < 0)


@inner
def added(
    M: Array,
    ranks: Ranks,
    at: int,
    mine: Array,
    slots: int,
    count: int,
    same: bool,
    t: Array,
    v: Array,
    pulls: Array,
) -> int:
    """M += Σ tₖ vvᵀ of the cones of a group, the lower triangle; v and columns as in `cone_tables`, `pulls` is room.

    Beside a diagonal they are the next of the ranks, of which there are so many then.
    """
    if is_column(M):
        return int(stored(ranks, at, mine, slots, count, t, v))
    if count == 1:
        for a in range(slots):
            row, pull = M[mine[a]], t[0] * v[a]
            if slots == M.shape[0]:
                for b in range(a + 1):
                    row[b] += pull * v[b]
            else:
                for b in range(a + 1):
                    row[mine[b]] += pull * v[b]
        return at
    if same and slots >= TOGETHER and slots == M.shape[0] and one_sign(t[:count]):
        lines = np.empty((count, slots))
        for k in range(count):
            root, line = np.sqrt(abs(t[k])), lines[k]
            for a in range(slots):
                line[a] = root * v[a * count + k]
        syrk(lines, 1.0 if t[0] > 0.0 else -1.0, M)
        return at
    for a in range(slots):
        u, rows = row_of(v, 0, count, a), row_of(mine, 0, count, a)
        for k in range(count):
            pulls[k] = t[k] * u[k]
        for b in range(a + 1):
            w, columns = row_of(v, 0, count, b), row_of(mine, 0, count, b)
            if same:
                total = 0.0
                for k in range(count):
                    total += pulls[k] * w[k]
                M[rows[0], columns[0]] += total
            else:
                for k in range(count):
                    M[rows[k], columns[k]] += pulls[k] * w[k]
    return at


@inner
def one_sign(t: Array) -> bool:
    """Whether no two numbers have different signs."""
    least, most = 0.0, 0.0
    for k in range(t.size):
        least, most = min(least, t[k]), max(most, t[k])
    return bool(least * most == 0.0)


@inner
def grams_added(grams: Grams, weight: Array, M: Array) -> None:
    """M += the Gram matrices, each with its weight."""
    known, columns, entries = grams[3], grams[4], grams[5]
    for i in range(weight.size):
        t, count, mine = weight[i], known[i, 2], columns[known[i, 1] :]
        if is_column(M):
            for a in range(count):
                M[mine[a], 0] += t * entries[known[i, 0] + a * count + a]
            continue
        for a in range(count):
            row, given = M[mine[a]], entries[known[i, 0] + a * count :]
            if count == M.shape[0]:
                for b in range(a + 1):
                    row[b] += t * given[b]
            else:
                for b in range(a + 1):
                    row[mine[b]] += t * given[b]


@inner
def shifted(lead: Array, share: Array, sign: float, v: Array, slots: int, count: int, found: Array) -> None:
    """h + sign · share v of the cones of a group."""
    for a in range(slots):
        of_v, of_h, y = row_of(v, 0, count, a), row_of(lead, 0, count, a), row_of(found, 0, count, a)
        for k in range(count):
            y[k] = of_h[k] + sign * share[k] * of_v[k]


@within
def cones_added(program: Program, cones: Places, W: Scaled, system: System) -> None:
    """M += what the cones leave."""
    G, grams, diagonal = program[0], program[1], program[4]
    table, columns, private, slacks = G[1], G[2], G[8], G[10]
    lead, factors, which = grams[0], grams[1], grams[2]
    groups = cones[1]
    mean, eta = W[1], W[2]
    M, pulls, heads, ranks, at = system[0], system[5], system[6], system[10], 0
    weight, cone, room = np.empty(grams[3].shape[0]), 0, cones[2]
    square, t, share, kappa, beta = room[0], room[1], room[2], room[3], room[4]
    other = system[9]
    for i in range(weight.size):
        weight[i] = 0.0
    pulled(G, cones, mean, pulls)
    for g in range(table.shape[0]):
        first, count, size = groups[g, FIRST], groups[g, COUNT], groups[g, SIZE]
        slots, begin, same = table[g, SLOTS], table[g, COLUMNS], table[g, SAME] == 1
        mine, v, of_h = columns[begin:], pulls[begin:], lead[begin:]
        mean_0 = mean[first : first + count]
        products(mean, mean, first, count, size, square)
        for k in range(count):
            beta[k] = 1.0 / (eta[cone + k] * eta[cone + k])
        for k in range(count):
            weight[which[cone + k]] += beta[k] * factors[cone + k, 1]
        if table[g, KIND] == PRIVATE:
            for k in range(count):
                own = factors[cone + k, 0]
                omega, press = diagonal[slacks + private[cone + k]], own * own * beta[k]
                pivot = omega + press * (1.0 + 2.0 * square[k])
                heads[cone + k, 0], heads[cone + k, 1] = pivot, 2.0 * own * beta[k] * mean_0[k]
                t[k] = 2.0 * beta[k] * (omega - press) / pivot
            at = added(M, ranks, at, mine, slots, count, same, t, v, room[5])
        elif table[g, KIND] == CONSTANT:
            for k in range(count):
                t[k] = 2.0 * beta[k]
            at = added(M, ranks, at, mine, slots, count, same, t, v, room[5])
        else:
            for k in range(count):
                length = np.sqrt(square[k])
                share[k], kappa[k] = 1.0 / length if length > 0.0 else 0.0, mean_0[k] + length
                t[k] = -beta[k] * share[k] * share[k]
            at = added(M, ranks, at, mine, slots, count, same, t, v, room[5])
            for k in range(count):
                t[k] = 0.5 * beta[k] * kappa[k] * kappa[k]
            shifted(of_h, share, -1.0, v, slots, count, other)
            at = added(M, ranks, at, mine, slots, count, same, t, other, room[5])
            for k in range(count):
                t[k] = 0.5 * beta[k] / (kappa[k] * kappa[k])
            shifted(of_h, share, 1.0, v, slots, count, other)
            at = added(M, ranks, at, mine, slots, count, same, t, other, room[5])
        cone += count
    grams_added(grams, weight, M)


@within
def factors(program: Program, cones: Places, W: Scaled, system: System) -> bool:
    """The system at W; False where it has none. What is singular is lifted by rounding."""
    G, Q, E, diagonal = program[0], program[2], program[3], program[4]
    directed, r, slacks = G[0], G[9], G[10]
    m, roots = cones[0], W[0]
    M, L, last, left, half, S = system[0], system[1], system[2], system[3], system[7], system[8]
    weights, work, b = np.empty(m), np.empty((BLOCK, r)), np.empty(directed[0].shape[0] + r + 1)
    for p in range(m):
        weights[p] = 1.0 / (roots[p] * roots[p])
    eliminate_slacks(Q, diagonal[:slacks], (M, directed, left[0], system[4], left[1]), weights, work, b)
    cones_added(program, cones, W, system)
    top, plain, tall = 0.0, is_column(M), system[11]
    whole = not plain and r > 0 and last[0] < 0
    for i in range(r):
        top = max(top, M[i, 0 if plain else i])
    for turn in range(2):
        for i in range(r if turn == 1 else 0):
            j = 0 if plain else i
            M[i, j] += 1e-13 * max(M[i, j], 1e-3 * top)
        definite: bool = True
        if whole:
            for i in range(r):
                for j in range(i + 1):
                    L[i, j] = M[i, j]
            for k in range(E.shape[0]):
                copied(E[k], tall[r + k])
            definite = factor_rows(tall)
        elif plain:
            definite = factor_ranks(M, system[10])
        else:
            definite = factor_profile(M, L, last)
        if not definite:
            continue
        for k in range(E.shape[0]):
            if whole:
                copied(tall[r + k], half[k])
                substitute_back(L, half[k])
            elif plain:
                copied(E[k], half[k])
                solve_ranks(M, system[10], half[k])
            else:
                copied(E[k], half[k])
                solve_profile(L, last, half[k])
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
def without_heads(G: Rows, cones: Places, pulls: Array, heads: Array, x: Array) -> None:
    """The shared unknowns of a right-hand side when private heads are eliminated."""
    private, first = G[8], G[9] + G[10]
    t = np.empty(private.size)
    for k in range(t.size):
        t[k] = heads[k, 1] * x[first + private[k]] / heads[k, 0] if private[k] >= 0 else 0.0
    spread(G, cones, 1.0, t, pulls, x)


@within
def with_heads(G: Rows, cones: Places, pulls: Array, heads: Array, x: Array) -> None:
    """The private heads of a solution in place of their right-hand side."""
    table, columns, private, first = G[1], G[2], G[8], G[9] + G[10]
    groups, cone = cones[1], 0
    t = cones[2][0]
    for g in range(table.shape[0]):
        count, slots, begin = groups[g, COUNT], table[g, SLOTS], table[g, COLUMNS]
        if table[g, KIND] == PRIVATE:
            for k in range(count):
                t[k] = 0.0
            for a in range(slots):
                v, mine = row_of(pulls, begin, count, a), row_of(columns, begin, count, a)
                for k in range(count):
                    t[k] += v[k] * x[mine[k]]
            for k in range(count):
                place = first + private[cone + k]
                x[place] = (x[place] + heads[cone + k, 1] * t[k]) / heads[cone + k, 0]
        cone += count


@within
def solve_shared(E: Array, system: System, r: int, x: Array, nu: Array) -> None:
    """Mx − Eᵀν = x, Ex = ν for the shared unknowns, in the place of both right-hand sides."""
    L, last, half, S = system[1], system[2], system[7], system[8]
    if is_column(system[0]):
        solve_ranks(system[0], system[10], x)
    else:
        solve_profile(L, last, x)
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
def solve_system(program: Program, cones: Places, system: System, x: Array, nu: Array) -> None:
    """The same for all unknowns."""
    G = program[0]
    r, slacks, work = G[9], G[10], system[9]
    if slacks > 0:
        without_slacks(G[0], system[3], system[4], work, r, x)
    if x.size > r + slacks:
        without_heads(G, cones, system[5], system[6], x)
    solve_shared(program[3], system, r, x, nu)
    if slacks > 0:
        with_slacks(G[0], system[3], system[4], work, r, x)
    if x.size > r + slacks:
        with_heads(G, cones, system[5], system[6], x)
