"""What a step of the cone program is made of, as plain loops: `cone_vectors` for small programs, compiled once.

What cones are for loops, and the scaling, is in `cone_algebra`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import pairwise

import numpy as np

from ..apart import apart, elsewhere, inner
from ..oracle import Array
from . import cone_program
from .cone_algebra import (  # noqa: F401  (what `elsewhere` finds)
    Places,
    affine_target,
    corrected_target,
    degree,
    inside,
    longest_step,
    quotient,
    rooms,
    scaling,
    times,
)
from .normal_matrix import factor, substitute
from .program_vectors import copied, largest, moved, product  # noqa: F401  (what `elsewhere` finds)

#: The rows of G block by block, each row of the orthant and each cone with the columns where it has entries: these
#: columns, where those of each block begin; its entries row by row, where those of each block begin.
Blocks = tuple[Array, Array, Array, Array]


@inner
def applied(G: Blocks, cones: Places, x: Array, found: Array) -> None:
    """found = Gx"""
    columns, begins, entries, places = G
    m, starts = cones
    part = np.empty(x.size)
    for k in range(begins.size - 1):
        mine, at = columns[begins[k] : begins[k + 1]], places[k]
        if k < m:
            total = 0.0
            for a in range(mine.size):
                total += entries[at + a] * x[mine[a]]
            found[k] = total
            continue
        for a in range(mine.size):
            part[a] = x[mine[a]]
        for i in range(starts[k - m], starts[k - m + 1]):
            row, total = entries[at : at + mine.size], 0.0
            for a in range(row.size):
                total += row[a] * part[a]
            found[i] = total
            at += mine.size


@inner
def returned(G: Blocks, cones: Places, t: float, z: Array, x: Array) -> None:
    """x += t Gᵀz"""
    columns, begins, entries, places = G
    m, starts = cones
    part = np.empty(x.size)
    for k in range(begins.size - 1):
        mine, at = columns[begins[k] : begins[k + 1]], places[k]
        if k < m:
            for a in range(mine.size):
                x[mine[a]] += t * z[k] * entries[at + a]
            continue
        for a in range(mine.size):
            part[a] = 0.0
        for i in range(starts[k - m], starts[k - m + 1]):
            row, pull = entries[at : at + mine.size], t * z[i]
            for a in range(row.size):
                part[a] += pull * row[a]
            at += mine.size
        for a in range(mine.size):
            x[mine[a]] += part[a]


@inner
def residuals(
    Q: Array,
    c: Array,
    E: Array,
    e: Array,
    G: Blocks,
    g: Array,
    cones: Places,
    x: Array,
    nu: Array,
    s: Array,
    z: Array,
    rx: Array,
    ry: Array,
    rs: Array,
) -> float:
    """Qx + c − Eᵀν − Gᵀz, Ex + e, s − Gx − g; the objective without its constant."""
    f = 0.0
    for i in range(x.size):
        bent = product(Q[i], x)
        f += x[i] * (c[i] + 0.5 * bent)
        rx[i] = bent + c[i]
    for k in range(e.size):
        ry[k] = product(E[k], x) + e[k]
        moved(rx, -nu[k], E[k])
    applied(G, cones, x, rs)
    for p in range(g.size):
        rs[p] = s[p] - rs[p] - g[p]
    returned(G, cones, -1.0, z, rx)
    return f


@inner
def first_point(
    Q: Array,
    c: Array,
    E: Array,
    e: Array,
    G: Blocks,
    g: Array,
    cones: Places,
    x: Array,
    nu: Array,
    s: Array,
    z: Array,
) -> bool:
    """Where a run begins; False where the matrices allow none."""
    roots, mean, eta, _ = rooms(cones, s)
    for a in (roots, eta):
        for i in range(a.size):
            a[i] = 1.0
    m, starts = cones
    for i in range(mean.size):
        mean[i] = 0.0
    for k in range(starts.size - 1):
        mean[starts[k] - m] = 1.0
    there, lifted, L, S = factors(normal_matrix(Q, G, cones, roots, mean, eta), E)
    if not there:
        return False
    p, q = np.empty(c.size), np.empty(e.size)
    for i in range(c.size):
        p[i] = -c[i]
    returned(G, cones, -1.0, g, p)
    for k in range(e.size):
        q[k] = -e[k]
    solve_system(lifted, E, L, S, p, q, 2, x, nu)
    applied(G, cones, x, s)
    for k in range(g.size):
        s[k] += g[k]
        z[k] = -s[k]
    inside(cones, s)
    inside(cones, z)
    return True


@inner
def normal_matrix(Q: Array, G: Blocks, cones: Places, roots: Array, mean: Array, eta: Array) -> Array:
    """Q + Gᵀ W⁻² G, of cones as a product of W⁻¹G with itself, which does not cancel."""
    columns, begins, entries, places = G
    m, starts = cones
    n, widest, longest = Q.shape[0], 1, 1
    for k in range(begins.size - 1):
        widest = max(widest, begins[k + 1] - begins[k])
    for k in range(starts.size - 1):
        longest = max(longest, starts[k + 1] - starts[k])
    M, turned = np.empty((n, n)), np.empty((widest, longest))
    product = np.empty(widest)
    for i in range(n):
        for j in range(i + 1):
            M[i, j] = Q[i, j]
    for k in range(begins.size - 1):
        mine = columns[begins[k] : begins[k + 1]]
        count = mine.size
        of = entries[places[k] :]
        if k < m:
            weight = 1.0 / (roots[k] * roots[k])
            for a in range(count):
                t = weight * of[a]
                for b in range(a + 1):
                    M[mine[a], mine[b]] += t * of[b]
            continue
        rows, first = starts[k - m + 1] - starts[k - m], starts[k - m] - m
        scale, head = 1.0 / eta[k - m], 1.0 + mean[first]
        for a in range(count):
            product[a] = head * of[a]
        for i in range(1, rows):
            row, t = of[i * count : (i + 1) * count], mean[first + i]
            for a in range(count):
                product[a] -= t * row[a]
        for a in range(count):
            product[a] /= head
            column, pull = turned[a], product[a]
            column[0] = scale * (pull * head - of[a])
            for i in range(1, rows):
                column[i] = scale * (of[i * count + a] - pull * mean[first + i])
        for a in range(count):
            column, into = turned[a], M[mine[a]]
            for b in range(a + 1):
                other, total = turned[b], 0.0
                for i in range(rows):
                    total += column[i] * other[i]
                into[mine[b]] += total
    for i in range(n):
        for j in range(i):
            M[j, i] = M[i, j]
    return M


@inner
def factors(M: Array, E: Array) -> tuple[bool, Array, Array, Array]:
    """Whether there are any; M, lifted by rounding where it is singular; Cholesky factors of it and of E M⁻¹ Eᵀ."""
    n, q = M.shape[0], E.shape[0]
    lifted, L, S, half = np.empty((n, n)), np.empty((n, n)), np.empty((q, q)), np.empty((q, n))
    top = 0.0
    for i in range(n):
        top = max(top, M[i, i])
        for j in range(n):
            lifted[i, j] = M[i, j]
    for turn in range(2):
        if turn == 1:
            for i in range(n):
                lifted[i, i] += 1e-13 * max(M[i, i], 1e-3 * top)
        for i in range(n):
            for j in range(i + 1):
                L[i, j] = lifted[i, j]
        definite: bool = factor(L)
        if definite:
            for k in range(q):
                row = half[k]
                for j in range(n):
                    t = E[k, j]
                    for i in range(j):
                        t -= L[j, i] * row[i]
                    row[j] = t / L[j, j]
                for i in range(k + 1):
                    S[k, i] = product(half[k], half[i])
                S[k, k] *= 1.0 + 1e-15
            definite = factor(S)
        if definite:
            return True, lifted, L, S
    return False, lifted, L, S


@inner
def solve_system(
    M: Array, E: Array, L: Array, S: Array, p: Array, q: Array, turns: int, x: Array, nu: Array
) -> None:
    """Mx − Eᵀν = p, Ex = q, in as many turns: M is ill-conditioned near the boundary."""
    n, m = p.size, q.size
    first, second, dx, dnu = np.empty(n), np.empty(m), np.empty(n), np.empty(m)
    copied(p, first)
    copied(q, second)
    for turn in range(turns):
        if turn > 0:
            for i in range(n):
                first[i] = p[i] - product(M[i], x)
            for k in range(m):
                moved(first, nu[k], E[k])
                second[k] = q[k] - product(E[k], x)
        copied(first, dx)
        substitute(L, dx)
        if m > 0:
            for k in range(m):
                dnu[k] = second[k] - product(E[k], dx)
            substitute(S, dnu)
            for k in range(m):
                moved(first, dnu[k], E[k])
            copied(first, dx)
            substitute(L, dx)
        for k in range(m):
            nu[k] = nu[k] + dnu[k] if turn > 0 else dnu[k]
        for i in range(n):
            x[i] = x[i] + dx[i] if turn > 0 else dx[i]


@inner
def newton_step(
    G: Blocks,
    M: Array,
    E: Array,
    L: Array,
    S: Array,
    cones: Places,
    roots: Array,
    mean: Array,
    eta: Array,
    lam: Array,
    target: Array,
    share: float,
    turns: int,
    rx: Array,
    ry: Array,
    rs: Array,
    dx: Array,
    dnu: Array,
    ds: Array,
    dz: Array,
) -> None:
    """Δx, Δν, Δs, Δz for λ ∘ (WΔz + W⁻¹Δs) = target, the residuals lowered by a share.

    turns  those of the linear system
    """
    n, m = dx.size, ds.size
    q, rest = np.empty(m), np.empty(m)
    right, below = np.empty(n), np.empty(dnu.size)
    quotient(cones, target, lam, q)
    copied(rs, rest)
    times(cones, roots, mean, eta, rest, True)
    for i in range(m):
        rest[i] = q[i] + share * rest[i]
    times(cones, roots, mean, eta, rest, True)
    for i in range(n):
        right[i] = -share * rx[i]
    returned(G, cones, 1.0, rest, right)
    for k in range(dnu.size):
        below[k] = -share * ry[k]
    solve_system(M, E, L, S, right, below, turns, dx, dnu)
    applied(G, cones, dx, ds)
    for p in range(m):
        ds[p] -= share * rs[p]
    copied(ds, dz)
    times(cones, roots, mean, eta, dz, True)
    for p in range(m):
        dz[p] = q[p] - dz[p]
    times(cones, roots, mean, eta, dz, True)


noted = inner(elsewhere(cone_program.noted, globals()))
ends = inner(elsewhere(cone_program.ends, globals()))
cone_loop = apart(elsewhere(cone_program.cone_loop, globals()))

#: Unknowns and numbers in the matrices up to which loops take less time than NumPy.
LARGEST, ENTRIES = 200, 100_000


def blocks(G: Array, cones: Places) -> Blocks:
    """The rows of a matrix block by block, without columns of zeros."""
    m, starts = cones
    bounds = [*range(m), *(int(k) for k in starts)]
    found = [G[a:b] for a, b in pairwise(bounds)]
    columns = [np.flatnonzero(np.any(block != 0.0, axis=0)) for block in found]
    entries = [block[:, mine].reshape(-1) for block, mine in zip(found, columns, strict=True)]
    begins, places = (np.cumsum([0, *(part.size for part in parts)]) for parts in (columns, entries))
    return (
        np.concatenate([*columns, np.zeros(0)]).astype(np.int64),
        begins.astype(np.int64),
        np.concatenate([*entries, np.zeros(0)]),
        places.astype(np.int64),
    )


def on_program(program: cone_program.ConeProgram) -> Callable[..., int]:
    """The loop on one program: a function of the state and the steps."""
    matrices = tuple(np.ascontiguousarray(a) for a in (program.Q, program.c, program.E, program.e, program.g))
    places = program.cones.places
    return partial(cone_loop, matrices, blocks(program.G, places), places, float(program.f0))


def fits(unknowns: int, equalities: int, rows: int) -> bool:
    """Whether a program of these sizes is one for loops."""
    return unknowns + equalities <= LARGEST and (equalities + rows) * unknowns <= ENTRIES
