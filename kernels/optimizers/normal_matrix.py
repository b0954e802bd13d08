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

from typing import NamedTuple

import numpy as np

from ..apart import apart
from ..lapack import potrf, syrk
from ..oracle import Array
from ..special import compiled

#: Matrices up to this size are factorised by plain loops, larger ones by LAPACK.
SMALL = 128


class Directions(NamedTuple):
    """The rows of C: βₚ times a direction b_q, and an entry aₚ in the column of at most one slack.

    base   (Q, r)  directions; those from Q on are the r unit vectors
    place  (m,)    q of each row; −1 where only the slack has an entry
    share  (m,)    βₚ
    own    (m,)    aₚ
    owner  (m,)    the slack, counted from 0; −1 where there is none
    line   (k,)    of each slack the direction of all its rows; −1 where they have several
    """

    base: Array
    place: Array
    share: Array
    own: Array
    owner: Array
    line: Array


@compiled
def arranged(H: Array, C: Array) -> tuple[Array, int, Array]:
    """`(order, r, owner)`: variables, slacks last; how many are none; each row's slack by its place, −1 for none."""
    n, m = H.shape[0], C.shape[0]
    owner = np.full(m, -1)
    order = np.empty(n, np.int64)
    taken, fits = np.zeros(n, np.int64), np.ones(n, np.int64)
    for i in range(n):
        for j in range(n):
            if i != j and H[i, j] != 0.0:
                fits[i] = fits[j] = 0
    ends = np.zeros(n + 1, np.int64)  # the entries of C by columns
    for p in range(m):
        for j in range(n):
            if C[p, j] != 0.0:
                ends[j + 1] += 1
    for j in range(n):
        ends[j + 1] += ends[j]
    found, last = np.empty(ends[n], np.int64), ends[:n].copy()
    for p in range(m):
        for j in range(n):
            if C[p, j] != 0.0:
                found[last[j]] = p
                last[j] += 1
    rest, slacks = 0, 0
    for k in range(n):
        j = n - 1 - k  # slacks come last in the smooth form
        rows = found[ends[j] : ends[j + 1]]
        if not fits[j] or not H[j, j] >= 0.0 or rows.size == 0:
            continue
        free = True
        for p in rows:
            if owner[p] >= 0:
                free = False
                break
        if free:
            for p in rows:
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
def multiple(row: Array, of: Array) -> float:
    """β with row = β · of, to rounding; 0 where there is none."""
    top = 0
    for j in range(of.size):
        if abs(of[j]) > abs(of[top]):
            top = j
    beta = row[top] / of[top]
    for j in range(of.size):
        if abs(row[j] - beta * of[j]) > 1e-15 * abs(row[j]):
            return 0.0
    return float(beta)


@compiled
def directions(C: Array, own: Array, owner: Array, slacks: int) -> Directions:
    """The rows by their directions, from the columns that are no slacks; owners are columns."""
    m, r = C.shape
    place, share = np.full(m, -1), np.zeros(m)
    line, base = np.full(slacks, -2), np.empty((m, r))
    mine = np.full(m, -1)
    count = 0
    for p in range(m):
        entries, at = 0, -1
        for j in range(r):
            if C[p, j] != 0.0:
                entries += 1
                at = j
        if owner[p] >= 0:
            mine[p] = owner[p] - r
        if entries == 0:
            continue
        s = mine[p]
        if entries == 1:
            place[p], share[p] = m + at, C[p, at]  # until the number of directions is known
        elif s >= 0 and 0 <= line[s] < m and multiple(C[p], base[line[s]]) != 0.0:
            place[p], share[p] = line[s], multiple(C[p], base[line[s]])
        else:
            for j in range(r):
                base[count, j] = C[p, j]
            place[p], share[p] = count, 1.0
            count += 1
        if s >= 0:
            line[s] = place[p] if line[s] == -2 or line[s] == place[p] else -1
    for p in range(m):
        if place[p] >= m:
            place[p] += count - m
    for s in range(slacks):
        if line[s] >= m:
            line[s] += count - m
        if line[s] == -2:  # bounds of the slack alone: any direction, 0 times
            line[s] = count
    return Directions(base[:count].copy(), place, share, own, mine, line)


@compiled
def along(rows: Directions, x: Array) -> Array:
    """bᵀx for each direction."""
    count = rows.base.shape[0]
    found, products = np.empty(count + x.size), rows.base @ x
    for q in range(count):
        found[q] = products[q]
    for j in range(x.size):
        found[count + j] = x[j]
    return found


@compiled
def across(rows: Directions, y: Array) -> Array:
    """Σ y_q b_q."""
    count = rows.base.shape[0]
    found: Array = rows.base.T @ y[:count]
    for j in range(found.size):
        found[j] += y[count + j]
    return found


@compiled
def forward(rows: Directions, z: Array) -> Array:
    """Cz, slacks last."""
    found: Array = gathered(rows, along(rows, z[: rows.base.shape[1]]), z)
    return found


@compiled
def gathered(rows: Directions, b: Array, z: Array) -> Array:
    """The same where the products with the directions are known."""
    r = rows.base.shape[1]
    found = np.zeros(rows.owner.size)
    for p in range(found.size):
        if rows.place[p] >= 0:
            found[p] = rows.share[p] * b[rows.place[p]]
        if rows.owner[p] >= 0:
            found[p] += rows.own[p] * z[r + rows.owner[p]]
    return found


@compiled
def backward(rows: Directions, y: Array, n: int) -> Array:
    """Cᵀy."""
    count, r = rows.base.shape
    b, found = np.zeros(count + r), np.zeros(n)
    for p in range(y.size):
        if rows.place[p] >= 0:
            b[rows.place[p]] += rows.share[p] * y[p]
        if rows.owner[p] >= 0:
            found[r + rows.owner[p]] += rows.own[p] * y[p]
    back = across(rows, b)
    for j in range(r):
        found[j] = back[j]
    return found


@apart
def eliminate_slacks(
    H: Array, h: Array, rows: Directions, D: Array, M: Array, W: Array, rho: Array, wide: Array, kappa: Array
) -> None:
    """M and κ for these weights D, and ρ: a number for each slack, a row of `wide` for those of several directions.

    `W` is room for one line per direction, row and slack.
    """
    base, place, share, own, owner, line = rows
    count, r = base.shape
    weight = np.zeros(count + r)
    for s in range(h.size):
        kappa[s], rho[s] = h[s], 0.0
    for s in range(wide.shape[0]):
        for j in range(r):
            wide[s, j] = 0.0
    for p in range(owner.size):
        s = owner[p]
        if s >= 0:
            pull = D[p] * own[p]
            kappa[s] += pull * own[p]
            rho[s] += pull * share[p]
            if line[s] < 0 and place[p] >= 0:
                if place[p] < count:
                    for j in range(r):
                        wide[s, j] += pull * share[p] * base[place[p], j]
                else:
                    wide[s, place[p] - count] += pull * share[p]
    for s in range(h.size):
        rho[s] /= kappa[s]
        if line[s] >= 0:
            weight[line[s]] += h[s] * rho[s] * rho[s]
    for s in range(wide.shape[0]):
        for j in range(r):
            wide[s, j] /= kappa[s]
    lines = 0
    for p in range(owner.size):
        s, q = owner[p], place[p]
        if s >= 0 and line[s] < 0:
            root, target = np.sqrt(D[p]), W[lines]
            lines += 1
            for j in range(r):
                target[j] = -root * own[p] * wide[s, j]
            if 0 <= q < count:
                for j in range(r):
                    target[j] += root * share[p] * base[q, j]
            elif q >= 0:
                target[q - count] += root * share[p]
        elif s >= 0:
            beta = share[p] - own[p] * rho[s]
            weight[line[s]] += D[p] * beta * beta
        elif q >= 0:
            weight[q] += D[p] * share[p] * share[p]
    for s in range(wide.shape[0]):
        if line[s] < 0 and h[s] > 0.0:
            root, target = np.sqrt(h[s]), W[lines]
            lines += 1
            for j in range(r):
                target[j] = root * wide[s, j]
    for q in range(count):
        if weight[q] > 0.0:
            root, target = np.sqrt(weight[q]), W[lines]
            lines += 1
            for j in range(r):
                target[j] = root * base[q, j]
    for i in range(r):
        for j in range(r):
            M[i, j] = H[i, j]
        M[i, i] += weight[count + i]
    if lines:
        syrk(W[:lines], 1.0, M)


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
def solve_normal(
    M: Array, rows: Directions, rho: Array, wide: Array, kappa: Array, b: Array, u: Array
) -> Array:
    """b becomes x = K⁻¹(b − Cᵀu), from the factor of M and the slacks' part; `along` of x is returned.

    u may be empty. One product with the directions each way serves rows and slacks alike.
    """
    count, r = rows.base.shape
    pull = np.zeros(count + r)
    for p in range(u.size):
        if rows.owner[p] >= 0:
            b[r + rows.owner[p]] -= rows.own[p] * u[p]
        if rows.place[p] >= 0:
            pull[rows.place[p]] += rows.share[p] * u[p]
    for s in range(kappa.size):
        if rows.line[s] >= 0:
            pull[rows.line[s]] += rho[s] * b[r + s]
    down = across(rows, pull)
    for j in range(r):
        b[j] -= down[j]
    for s in range(wide.shape[0]):
        if rows.line[s] < 0:
            for j in range(r):
                b[j] -= wide[s, j] * b[r + s]
    substitute(M, b[:r])
    back: Array = along(rows, b[:r])
    for s in range(kappa.size):
        b[r + s] /= kappa[s]
        if rows.line[s] >= 0:
            b[r + s] -= rho[s] * back[rows.line[s]]
        else:
            for j in range(r):
                b[r + s] -= wide[s, j] * b[j]
    return back
