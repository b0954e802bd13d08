"""Convex quadratic programs whose matrices stay sparse when they are factorised: bands, networks, chains.

Signals under differences, transports, controlled chains: what `sparse_system` needs is found once for a program, where
slacks, directions and equalities stand, and what is eliminated when (`elimination_order`). Programs that fill up on the
way are left to dense matrices.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import scipy.sparse
import scipy.sparse.linalg

from ..apart import apart, inner
from ..oracle import Array
from .interior_point import Functions
from .program_arranged import at_zero, unit_of
from .quasidefinite import Rows
from .slacks import SLACK_ROWS, runs_of
from .sparse_core import DEAR, SHORT, cores_of, dense_cost, lines_of, rows_of
from .sparse_program import Ranked
from .sparse_system import Directions

#: Below so many variables dense matrices are as good.
FEWEST = 32
#: Slacks are eliminated if they are at least one in so many variables.
FEW = 4


@inner
def parallel(C: Rows, mine: Array, column: int) -> bool:
    """Whether these rows are multiples of one direction, their entry in that column left out; empty ones are."""
    begins, places, values = C
    first = -1
    for i in range(mine.size):
        p = mine[i]
        count, a = begins[p + 1] - begins[p], begins[p]
        if count == 1:
            continue
        if first < 0:
            first = p
            continue
        b = begins[first]
        if begins[first + 1] - b != count:
            return False
        beta = 0.0
        for _ in range(count - 1):
            a = a + 1 if places[a] == column else a
            b = b + 1 if places[b] == column else b
            if places[a] != places[b]:
                return False
            beta = values[a] / values[b] if beta == 0.0 else beta
            if abs(values[a] - beta * values[b]) > 1e-15 * abs(values[a]):
                return False
            a += 1
            b += 1
    return True


@apart
def own_slacks(C: Rows, begins: Array, found: Array, free: Array) -> Array:
    """Of each row the column of its slack, −1 for none; `begins` and `found` are the rows of each column.

    free  whether a variable may be a slack, being alone in H: 1, or 2 where it is in equalities; then others are
          better, and to equalities a slack of bounds alone is a variable like others
    """
    owner = np.empty(C[0].size - 1, np.int64)
    for p in range(owner.size):
        owner[p] = -1
    for k in range(2 * free.size):
        turn, j = k // free.size + 1, free.size - 1 - k % free.size
        mine = found[begins[j] : begins[j + 1]]
        suits, longest = free[j] == turn and mine.size > 0 and mine.size <= SLACK_ROWS, 0
        for i in range(mine.size):
            suits = suits and owner[mine[i]] < 0
            longest = max(longest, C[0][mine[i] + 1] - C[0][mine[i]])
        suits = suits and (turn == 1 or longest > 1)
        if suits:
            suits = parallel(C, mine, j)
        if suits:
            for i in range(mine.size):
                owner[mine[i]] = j
    return owner


@apart
def sparse_directions(C: Rows, owner: Array, position: Array, r: int, slacks: int) -> Directions:
    """The rows as multiples of directions. Variables have a new position, slacks from r on."""
    begins, places, values = C
    m = owner.size
    place, share = np.empty(m, np.int64), np.empty(m)
    own, mine, line = np.empty(m), np.empty(m, np.int64), np.empty(slacks, np.int64)
    starts, columns, numbers = (
        np.empty(m + 1, np.int64),
        np.empty(places.size, np.int64),
        np.empty(places.size),
    )
    for s in range(slacks):
        line[s] = -1
    count, total = 0, 0
    starts[0] = 0
    for p in range(m):
        s = slacks
        if owner[p] >= 0:
            s = position[owner[p]] - r
        mine[p], own[p], share[p], place[p] = s, 0.0, 0.0, -1
        size, last = 0, -1
        for a in range(begins[p], begins[p + 1]):
            if places[a] == owner[p]:
                own[p] = values[a]
            else:
                size += 1
                last = a
        if size == 1:
            place[p], share[p] = (
                m + position[places[last]],
                values[last],
            )  # until the number of directions is known
        elif size > 1 and s < slacks and line[s] >= 0:
            at = starts[line[s]]
            for a in range(begins[p + 1] - 1, begins[p] - 1, -1):
                if position[places[a]] == columns[at]:
                    share[p] = values[a] / numbers[at]
            place[p] = line[s]
        elif size > 1:
            for a in range(begins[p], begins[p + 1]):
                if places[a] != owner[p]:
                    columns[total], numbers[total] = position[places[a]], values[a]
                    total += 1
            place[p], share[p] = count, 1.0
            count += 1
            starts[count] = total
        if s < slacks and size > 0:
            line[s] = place[p]
    for s in range(slacks):
        line[s] = count + r if line[s] < 0 else line[s] - m + count if line[s] >= m else line[s]
    for p in range(m):
        if place[p] >= m:
            place[p] += count - m
        if place[p] < 0:  # of a slack alone: 0 times the direction of the others, if they have one
            place[p] = line[mine[p]] if mine[p] < slacks else count + r
    runs = runs_of(place, mine, line, count + r)
    return (starts[: count + 1], columns[:total], numbers[:total]), place, share, own, mine, line, runs


def is_convex(H: Any) -> bool:
    """Whether a sparse H is positive semidefinite, to rounding: by the signs of its pivots, in the order given."""
    shifted = scipy.sparse.csc_array(H + 1e-10 * (1.0 + abs(H).max()) * scipy.sparse.eye_array(H.shape[0]))
    options = {"SymmetricMode": True}
    try:
        lu = scipy.sparse.linalg.splu(
            shifted, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options=options
        )
    except RuntimeError:  # a pivot of exactly zero
        return False
    return bool((lu.perm_r == lu.perm_c).all() and (lu.U.diagonal() > 0.0).all())


def owners(H: Any, E: Any, C: Any) -> Array:
    """Of each row of C the column of its slack, −1 for none; a slack is in few rows of E."""
    met, alone = np.bincount(E.indices, minlength=H.shape[0]), np.diff(H.indptr) <= (H.diagonal() != 0.0)
    free = np.where(alone & (met <= SHORT), np.where(met > 0, 2, 1), 0)
    columns = scipy.sparse.csc_array(C)
    begins, found = (a.astype(np.int64) for a in (columns.indptr, columns.indices))
    owner: Array = own_slacks(rows_of(C), begins, found, free)
    return owner


def split(H: Any, E: Any, C: Any) -> tuple[Array, int, Directions]:
    """The order of the variables, slacks last; how many are none; the conditions' rows by their directions."""
    n, owner, rows = H.shape[0], owners(H, E, C), rows_of(C)
    slacks = np.unique(owner[owner >= 0])
    if FEW * slacks.size < n:  # looking for them in each row costs more than they do
        slacks, owner = slacks[:0], np.full(owner.size, -1)
    core = np.setdiff1d(np.arange(n), slacks)
    order, position = np.concatenate([core, slacks]), np.empty(n, dtype=np.int64)
    position[order] = np.arange(n)
    return order, core.size, sparse_directions(rows, owner, position, core.size, slacks.size)


def without_long_rows(
    H: Any, g: Array, E: Any, e: Array, C: Any, c: Array
) -> tuple[Any, Array, Any, Array, Any, Array]:
    """Few conditions of very many variables, cᵀz + c₀ = v as equalities, v ≥ 0 in their place; v comes last.

    A direction of theirs would join all of these variables.
    """
    n, m = H.shape[0], C.shape[0]
    long = np.flatnonzero(np.diff(C.indptr) > SHORT)
    v = long.size
    if v == 0 or FEW * v > n:
        return H, g, E, e, C, c
    kept = scipy.sparse.diags_array(np.where(np.diff(C.indptr) > SHORT, 0.0, 1.0))
    place = scipy.sparse.csr_array((np.ones(v), (long, np.arange(v))), shape=(m, v))
    E = scipy.sparse.block_array(
        [[E, scipy.sparse.csr_array((E.shape[0], v))], [C[long], -scipy.sparse.eye_array(v)]]
    )
    C, H = (
        scipy.sparse.hstack([kept @ C, place]),
        scipy.sparse.block_diag([H, scipy.sparse.csr_array((v, v))]),
    )
    rest = c.copy()
    rest[long] = 0.0
    E, C, H = (scipy.sparse.csr_array(A) for A in (E, C, H))
    for A in (E, C, H):
        A.eliminate_zeros()
    return H, np.append(g, np.zeros(v)), E, np.append(e, c[long]), C, rest


def sparse_arranged(functions: Functions, z: Array) -> Iterator[tuple[Array, tuple[Any, ...], float]]:
    """The order of the variables, slacks last; what `sparse_system.interior` takes before the start; the unit of the
    objective there, which is 1 unless it is small. So for each order of elimination that suits.

    None where dense matrices are as good, or the problem is not convex.
    """
    v = functions.values(z)
    if not v.finite() or not v.c.size or z.size < FEWEST:
        return
    matrices: tuple[Any, ...] = functions.hessian(z, np.zeros(v.e.size), np.zeros(v.c.size)), v.E, v.C
    if isinstance(matrices[0], Ranked):
        return
    filled = sum(int(np.count_nonzero(A)) if isinstance(A, np.ndarray) else A.nnz for A in matrices)
    if DEAR * filled > z.size * (z.size + v.c.size + v.e.size):
        return
    sparse: tuple[Any, ...] = tuple(scipy.sparse.csr_array(A) for A in matrices)
    for A in sparse:
        A.eliminate_zeros()
    H, E, C = sparse
    slope, e, c, rest = at_zero(v, H, z)
    unit = unit_of(H.data, slope)
    H, slope, rest = H / unit, slope / unit, rest / unit
    if not is_convex(H):
        return
    H, slope, E, e, C, c = without_long_rows(H, slope, E, e, C, c)
    owner = owners(H, E[:0], C)  # dense matrices have slacks of bounds in equalities too
    several = np.where(np.diff(C.indptr) - (owner >= 0) > 1, owner, -2)
    count = np.unique(several[several >= 0]).size + np.count_nonzero(several == -1)
    dense = slope.size - np.unique(owner[owner >= 0]).size, int(count)
    if count == 0 and H.nnz == np.count_nonzero(H.diagonal()) and slope.size == z.size:
        dense = 0, 0  # they would be a diagonal
    order, r, rows = split(H, E, C)
    H, E = H[order][:, order], E[:, order]
    for core in cores_of(H[:r][:, :r], E, rows, dense_cost(*dense, order.size, E.shape[0])):
        yield order, (core, H.diagonal()[r:], slope[order], lines_of(E), e, rows, c, rest, 0), unit
