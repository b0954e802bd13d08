"""The normal matrix of an interior point, with slack variables eliminated before anything is factorised.

    K = H + Cᵀ D C,   D ≥ 0 diagonal

Variables that are alone in H and of which every row of C has at most one (the slacks of |u|, max(u, 0) and the like)
make a diagonal block of K. With the rows p of one slack s, Cₚ = (rₚ, aₚ), eliminating it leaves on the others

    Σₚ Dₚ (rₚ − aₚρ)(rₚ − aₚρ)ᵀ + hρρᵀ,    ρ = Σₚ Dₚ aₚ rₚ / κ,    κ = h + Σₚ Dₚ aₚ²,

a sum of squares, which loses no digits where the D are of very different sizes, as a difference of two matrices would.
So n absolute deviations of d unknowns cost systems of size d.

Rows come as multiples of directions (`Directions`): rₚ = βₚ b with b of a table, or a unit vector. The rows of a slack
are mostly multiples of one direction, as t − u ≥ 0 and t + u ≥ 0 are; then ρ is a number times b, and all of them
together add one number times bbᵀ. Of a bound, and of the two of |wⱼ|, only a diagonal entry is touched.
"""

from __future__ import annotations

import numpy as np

from ..apart import apart, inner
from ..lapack import potrf, syrk
from ..oracle import Array
from ..rowwise import add_rows, dot_rows

#: Matrices up to this size are factorised by plain loops, larger ones by LAPACK.
SMALL = 128
#: Rows that are scaled before they are added to a sum of squares: they stay in the first cache.
BLOCK = 64
#: A variable in more rows than that is no slack: eliminating one costs more than it saves.
SLACK_ROWS = 32


#: The rows of C: βₚ times a direction b_q, and an entry aₚ in the column of at most one slack.
#:
#: base   (Q, r)  directions; those from Q on are the r unit vectors, the last, Q + r, is zero
#: place  (m,)    q of each row; Q + r where only the slack has an entry
#: share  (m,)    βₚ
#: own    (m,)    aₚ; 0 where there is no slack
#: owner  (m,)    the slack, counted from 0; their number where there is none
#: line   (k,)    of each slack the direction of all its rows; −1 where they have several
#:
#: What has no direction or no slack meets a zero there, so that loops over rows have no branches.
Directions = tuple[Array, Array, Array, Array, Array, Array]


@inner
def alone(H: Array) -> Array:
    """1 for each variable that meets no other in H, 0 for the others."""
    n = H.shape[0]
    fits = np.empty(n, np.int64)
    for i in range(n):
        fits[i] = 1
    for i in range(n):
        for j in range(n):
            if i != j and H[i, j] != 0.0:
                fits[i] = fits[j] = 0
    return fits


@inner
def by_columns(C: Array) -> tuple[Array, Array]:
    """Where each column starts in a list of the rows of its entries, and that list."""
    m, n = C.shape
    ends, last = np.empty(n + 1, np.int64), np.empty(n, np.int64)
    for j in range(n + 1):
        ends[j] = 0
    for p in range(m):
        for j in range(n):
            if C[p, j] != 0.0:
                ends[j + 1] += 1
    for j in range(n):
        ends[j + 1] += ends[j]
        last[j] = ends[j]
    found = np.empty(ends[n], np.int64)
    for p in range(m):
        for j in range(n):
            if C[p, j] != 0.0:
                found[last[j]] = p
                last[j] += 1
    return ends, found


@apart
def arranged(H: Array, C: Array) -> tuple[Array, int, Array]:
    """`(order, r, owner)`: variables, slacks last; how many are none; each row's slack by its place, −1 for none."""
    m, n = C.shape
    owner, order, taken = np.empty(m, np.int64), np.empty(n, np.int64), np.empty(n, np.int64)
    for p in range(m):
        owner[p] = -1
    fits = alone(H)
    ends, found = by_columns(C)
    slacks = 0
    for j in range(n - 1, -1, -1):  # slacks come last in the smooth form
        taken[j] = 0
        rows = found[ends[j] : ends[j + 1]]
        free = fits[j] == 1 and H[j, j] >= 0.0 and rows.size > 0 and rows.size <= SLACK_ROWS
        for i in range(rows.size):
            free = free and owner[rows[i]] < 0
        if free:
            for i in range(rows.size):
                owner[rows[i]] = n - 1 - slacks
            order[n - 1 - slacks] = j
            slacks += 1
            taken[j] = 1
    rest = 0
    for j in range(n):
        if taken[j] == 0:
            order[rest] = j
            rest += 1
    return order, rest, owner


@inner
def multiple(row: Array, of: Array) -> float:
    """β with row = β · of, to rounding; 0 where there is none."""
    top = 0
    for j in range(of.size):
        if abs(of[j]) > abs(of[top]):
            top = j
    beta: float = row[top] / of[top]
    for j in range(of.size):
        if abs(row[j] - beta * of[j]) > 1e-15 * abs(row[j]):
            return 0.0
    return beta


@apart
def directions(C: Array, own: Array, owner: Array, slacks: int) -> Directions:
    """The rows by their directions, from the columns that are no slacks; owners are columns."""
    m, r = C.shape
    place, share, mine, theirs = (
        np.empty(m, np.int64),
        np.empty(m),
        np.empty(m, np.int64),
        np.empty(m),
    )
    line, kept = np.empty(slacks, np.int64), np.empty(m, np.int64)
    for s in range(slacks):
        line[s] = -2
    count = 0
    for p in range(m):
        entries, at = 0, -1
        for j in range(r):
            if C[p, j] != 0.0:
                entries += 1
                at = j
        s = slacks
        if owner[p] >= 0:
            s = owner[p] - r
        mine[p], theirs[p] = s, own[p]
        if s == slacks:
            theirs[p] = 0.0
        place[p], share[p] = -1, 0.0
        if entries == 1:
            place[p], share[p] = m + at, C[p, at]  # until the number of directions is known
        elif entries > 1:
            if s < slacks and line[s] >= 0 and line[s] < m:
                share[p] = multiple(C[p], C[kept[line[s]]])
                place[p] = line[s]
            if share[p] == 0.0:
                kept[count] = p
                place[p], share[p] = count, 1.0
                count += 1
        if s < slacks and entries > 0:
            line[s] = place[p] if line[s] == -2 or line[s] == place[p] else -1
    base = np.empty((count, r))
    for q in range(count):
        for j in range(r):
            base[q, j] = C[kept[q], j]
    for s in range(slacks):
        if line[s] >= m:
            line[s] += count - m
        if line[s] == -2:  # bounds of the slack alone
            line[s] = count + r
    for p in range(m):
        if place[p] >= m:
            place[p] += count - m
        if place[p] < 0:  # of a slack alone: 0 times the direction of the others, if they have one
            place[p] = count + r
            if mine[p] < slacks and line[mine[p]] >= 0:
                place[p] = line[mine[p]]
    return base, place, share, theirs, mine, line


@inner
def along(rows: Directions, x: Array, b: Array) -> None:
    """b becomes bᵀx for each direction; x may be longer."""
    base = rows[0]
    count, r = base.shape
    dot_rows(base, x[:r], b[:count])
    for j in range(r):
        b[count + j] = x[j]
    b[count + r] = 0.0


@inner
def across(rows: Directions, b: Array, x: Array) -> None:
    """x becomes Σ b_q times its direction, in its first entries."""
    base = rows[0]
    count, r = base.shape
    for j in range(r):
        x[j] = b[count + j]
    add_rows(base, b[:count], x[:r])


@apart
def gathered(rows: Directions, b: Array, z: Array, found: Array) -> None:
    """found = Cz where the products b with the directions are known; z has a zero behind its last slack."""
    _, place, share, own, owner, line = rows
    slacks = z[z.size - 1 - line.size :]
    if line.size > 0:
        for p in range(found.size):
            found[p] = share[p] * b[place[p]] + own[p] * slacks[owner[p]]
    else:
        for p in range(found.size):
            found[p] = share[p] * b[place[p]]


@inner
def scattered(rows: Directions, y: Array, b: Array, slacks: Array) -> None:
    """The parts of Cᵀy: b of each direction, and of the slacks, of which one more than there are is added to."""
    _, place, share, own, owner, line = rows
    for q in range(b.size):
        b[q] = 0.0
    for p in range(y.size):
        b[place[p]] += share[p] * y[p]
    if line.size > 0:
        for p in range(y.size):
            slacks[owner[p]] += own[p] * y[p]


@apart
def backward(rows: Directions, y: Array, b: Array, found: Array) -> None:
    """found = Cᵀy, with a number more behind the slacks; b is work."""
    r = rows[0].shape[1]
    for j in range(r, found.size):
        found[j] = 0.0
    scattered(rows, y, b, found[r:])
    across(rows, b, found)


@inner
def pulled(
    h: Array, rows: Directions, D: Array, weight: Array, rho: Array, wide: Array, kappa: Array
) -> None:
    """What slacks take out: κ, ρ as of `eliminate_slacks`; and the weights of directions, of those slacks' h too."""
    base, place, share, own, owner, line = rows
    count, r = base.shape
    k = line.size
    for q in range(weight.size):
        weight[q] = 0.0
    for s in range(wide.shape[0]):
        for j in range(r):
            wide[s, j] = 0.0
    for s in range(k):
        kappa[s], rho[s] = h[s], 0.0
    kappa[k], rho[k] = 1.0, 0.0
    for p in range(D.size):
        pull = D[p] * own[p]
        kappa[owner[p]] += pull * own[p]
        rho[owner[p]] += pull * share[p]
    for s in range(k):
        rho[s] /= kappa[s]
    rho[k] = 0.0
    for s in range(k):
        if line[s] >= 0:
            weight[line[s]] += h[s] * rho[s] * rho[s]
    if wide.shape[0] > 0:
        for p in range(D.size):
            s, q = owner[p], place[p]
            if s < k and line[s] < 0:
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
    base, place, share, own, owner, line = rows
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
def eliminate_slacks(
    H: Array,
    h: Array,
    rows: Directions,
    D: Array,
    M: Array,
    W: Array,
    weight: Array,
    rho: Array,
    wide: Array,
    kappa: Array,
) -> None:
    """M and κ for these weights D, and ρ: a number for each slack, a row of `wide` for those of several directions.

    `W` is room for `BLOCK` rows, `weight` for a number per direction; κ and ρ are longer by one.
    """
    base, place, share, own, owner, line = rows
    count, r = base.shape
    k = line.size
    if k > 0:
        pulled(h, rows, D, weight, rho, wide, kappa)
        for p in range(D.size):
            beta = share[p] - own[p] * rho[owner[p]]
            if wide.shape[0] > 0 and owner[p] < k and line[owner[p]] < 0:
                beta = 0.0
            weight[place[p]] += D[p] * beta * beta
    else:
        for q in range(weight.size):
            weight[q] = 0.0
        for p in range(D.size):
            weight[place[p]] += D[p] * share[p] * share[p]
    for i in range(r):
        for j in range(i + 1):
            M[i, j] = H[i, j]
        M[i, i] += weight[count + i]
    squares(base, weight, W, M)
    if wide.shape[0] > 0:
        several(h, rows, D, W, wide, M)


@apart
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


@apart
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


@inner
def extended(rows: Directions, rho: Array, wide: Array, kappa: Array, x: Array, b: Array) -> None:
    """The slacks of K⁻¹y in place of those of y, where the others are known; b becomes `along` of them."""
    base, _, _, _, _, line = rows
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
def solve_normal(
    M: Array, rows: Directions, rho: Array, wide: Array, kappa: Array, x: Array, u: Array, b: Array
) -> None:
    """x becomes K⁻¹(x − Cᵀu), from the factor of M and the slacks' part; b becomes `along` of it.

    u may be empty. One product with the directions each way serves rows and slacks alike.
    """
    base, _, _, _, _, line = rows
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
    substitute(M, x)
    extended(rows, rho, wide, kappa, x, b)
