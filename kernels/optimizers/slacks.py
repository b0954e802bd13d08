"""Which variables of a program are slacks, and the rows of its conditions as multiples of directions.

Those that are alone in H and of which every row of C has at most one are slacks: those of |u|, max(u, 0) and the like;
without any rows all, if all have curvature.
Rows come as multiples of directions (`Directions`): rₚ = βₚ b with b of a table, or a unit vector. The rows of a slack
are mostly multiples of one direction, as t − u ≥ 0 and t + u ≥ 0 are.
"""

from __future__ import annotations

import numpy as np

from ..apart import apart, inner
from ..oracle import Array
from ..rowwise import add_rows, dot_rows
from ..special import within

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
#: runs   (R, 4)  of rows whose directions and slacks follow one another, as arrays of conditions have them: the first
#:                row, the end, the first direction and the first slack, −1 for none; no runs where they are short
#:
#: What has no direction or no slack meets a zero there, so that loops over rows have no branches.
Directions = tuple[Array, Array, Array, Array, Array, Array, Array]
#: So many rows has a run at least, on average.
RUN = 8


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
    slacks, bent = 0, m == 0
    for j in range(n):
        bent = bent and fits[j] == 1 and H[j, j] > 0.0
    for j in range(n - 1, -1, -1):  # slacks come last in the smooth form
        taken[j] = 0
        rows = found[ends[j] : ends[j + 1]]
        free = fits[j] == 1 and H[j, j] >= 0.0 and (rows.size > 0 or bent) and rows.size <= SLACK_ROWS
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
    return base, place, share, theirs, mine, line, runs_of(place, mine, line, count + r)


@apart
def runs_of(place: Array, owner: Array, line: Array, nothing: int) -> Array:
    """The runs of rows; none where slacks have several directions. `nothing` is the direction of those without."""
    m, k, several = place.size, line.size, False
    for s in range(k):
        several = several or line[s] < 0
    found, count, p = np.empty((m // RUN, 4), np.int64), 0, 0
    while p < m and not several:
        at, of, end = place[p], owner[p], p + 1
        one, other = 0 if at == nothing else 1, 0 if of == k else 1
        while end < m and place[end] == at + one * (end - p) and owner[end] == of + other * (end - p):
            if (one == 1 and place[end] == nothing) or (other == 1 and owner[end] == k):
                break
            end += 1
        if count == found.shape[0]:
            several = True
            break
        found[count, 0], found[count, 1] = p, end
        found[count, 2], found[count, 3] = at if one == 1 else -1, of if other == 1 else -1
        count, p = count + 1, end
    return found[: 0 if several else count].copy()


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
    _, place, share, own, owner, line, runs = rows
    slacks = z[z.size - 1 - line.size :]
    if runs.shape[0] > 0:
        for t in range(runs.shape[0]):
            first, end, at, of = runs[t, 0], runs[t, 1], runs[t, 2], runs[t, 3]
            part, beta, a = found[first:end], share[first:end], own[first:end]
            if at >= 0 and of >= 0:
                x, y = b[at : at + end - first], slacks[of : of + end - first]
                for i in range(part.size):
                    part[i] = beta[i] * x[i] + a[i] * y[i]
            elif at >= 0:
                x = b[at : at + end - first]
                for i in range(part.size):
                    part[i] = beta[i] * x[i]
            else:
                for i in range(part.size):
                    part[i] = a[i] * slacks[of + i] if of >= 0 else 0.0
    elif line.size > 0:
        for p in range(found.size):
            found[p] = share[p] * b[place[p]] + own[p] * slacks[owner[p]]
    else:
        for p in range(found.size):
            found[p] = share[p] * b[place[p]]


@within
def scattered(rows: Directions, y: Array, b: Array, slacks: Array) -> None:
    """The parts of Cᵀy: b of each direction, and of the slacks, of which one more than there are is added to."""
    _, place, share, own, owner, line, runs = rows
    for q in range(b.size):
        b[q] = 0.0
    if runs.shape[0] > 0 and y.size > 0:
        for t in range(runs.shape[0]):
            first, end, at, of = runs[t, 0], runs[t, 1], runs[t, 2], runs[t, 3]
            part, beta, a = y[first:end], share[first:end], own[first:end]
            if at >= 0:
                to = b[at : at + end - first]
                for i in range(part.size):
                    to[i] += beta[i] * part[i]
            if of >= 0:
                to = slacks[of : of + end - first]
                for i in range(part.size):
                    to[i] += a[i] * part[i]
        return
    for p in range(y.size):
        if share[p] != 0.0:  # those of slacks alone would wait for each other at one number
            b[place[p]] += share[p] * y[p]
    if line.size > 0:
        for p in range(y.size):
            slacks[owner[p]] += own[p] * y[p]


@within
def pulled(rows: Directions, D: Array, h: Array, rho: Array, kappa: Array, weight: Array) -> None:
    """κ of slacks with h and rows weighted by D, their ρ, and what h adds to the weights of directions."""
    share, own, owner, line, runs = rows[2], rows[3], rows[4], rows[5], rows[6]
    k = line.size
    for s in range(k):
        kappa[s], rho[s] = h[s], 0.0
    kappa[k], rho[k] = 1.0, 0.0
    if runs.shape[0] > 0:
        for t in range(runs.shape[0]):
            first, end, of = runs[t, 0], runs[t, 1], runs[t, 3]
            if of >= 0:
                part, beta, a = D[first:end], share[first:end], own[first:end]
                x, y = kappa[of : of + end - first], rho[of : of + end - first]
                for i in range(part.size):
                    pull = part[i] * a[i]
                    x[i] += pull * a[i]
                    y[i] += pull * beta[i]
    else:
        for p in range(D.size):
            pull = D[p] * own[p]
            kappa[owner[p]] += pull * own[p]
            if share[p] != 0.0:
                rho[owner[p]] += pull * share[p]
    for s in range(k):
        rho[s] /= kappa[s]
    rho[k] = 0.0
    for s in range(k):
        if line[s] >= 0:
            weight[line[s]] += h[s] * rho[s] * rho[s]


@within
def weighted(rows: Directions, D: Array, rho: Array, weight: Array) -> None:
    """The weights of directions, of which slacks take their part: those of slacks with several are left out."""
    _, place, share, own, owner, line, runs = rows
    k = line.size
    if runs.shape[0] > 0:
        for t in range(runs.shape[0]):
            first, end, at, of = runs[t, 0], runs[t, 1], runs[t, 2], runs[t, 3]
            if at < 0:
                continue
            part, beta, to = D[first:end], share[first:end], weight[at : at + end - first]
            if of >= 0:
                a, x = own[first:end], rho[of : of + end - first]
                for i in range(part.size):
                    left = beta[i] - a[i] * x[i]
                    to[i] += part[i] * left * left
            else:
                for i in range(part.size):
                    to[i] += part[i] * beta[i] * beta[i]
        return
    for p in range(D.size if k > 0 else 0):
        left = share[p] - own[p] * rho[owner[p]]
        if owner[p] < k and line[owner[p]] < 0:
            left = 0.0
        if left != 0.0:
            weight[place[p]] += D[p] * left * left
    for p in range(D.size if k == 0 else 0):
        weight[place[p]] += D[p] * share[p] * share[p]


@apart
def backward(rows: Directions, y: Array, b: Array, found: Array) -> None:
    """found = Cᵀy, with a number more behind the slacks; b is work."""
    r = rows[0].shape[1]
    for j in range(r, found.size):
        found[j] = 0.0
    scattered(rows, y, b, found[r:])
    across(rows, b, found)
