"""A quadratic program as its loop takes it: slacks last, a low rank and long rows in variables of their own."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..apart import apart, inner
from ..oracle import Array
from .interior_point import Functions, Values
from .slacks import Directions, arranged, directions
from .thin_program import widened

#: Unknowns and equalities up to which the compiled code is used, and entries of the conditions' matrix.
LARGEST, ENTRIES = 2500, 20_000_000
#: More variables pay where the matrix that is factorised becomes as much smaller.
SMALLER = 0.7


@inner
def stays_diagonal(H: Array, rows: Directions) -> bool:
    """Whether H is a diagonal, rows add to nothing else, and where it is zero they do."""
    base, place, share, line = rows[0], rows[1], rows[2], rows[5]
    met = np.zeros(H.shape[0] + 1)
    found = base.shape[0] == 0
    for p in range(place.size if found else 0):
        met[place[p]] += abs(share[p])
    for i in range(H.shape[0]):
        found = found and H[i, i] + met[i] > 0.0
        for j in range(i):
            found = found and H[i, j] == 0.0
    for s in range(line.size):
        found = found and line[s] >= 0
    return bool(found)


@apart
def thinned(H: Array, rows: Directions) -> Array:
    """H, or the column of its diagonal if that is what is factorised."""
    if not stays_diagonal(H, rows):
        return H
    column = np.empty((H.shape[0], 1))
    for a in range(H.shape[0]):
        column[a, 0] = H[a, a]
    return column


@apart
def slacks_apart(
    H: Array, g: Array, E: Array, C: Array
) -> tuple[Array, tuple[Array, Array, Array, Array, Directions]]:
    """The order of the variables with their slacks last, and the arguments H, h, g, E, rows of `interior`."""
    order, r, owner = arranged(H, C)
    m, n = C.shape
    main, equal = np.empty((m, r)), np.empty(E.shape)
    h, own, slope = np.empty(n - r), np.empty(m), np.empty(n)
    for a in range(n):
        slope[a] = g[order[a]]
    for a in range(r, n):
        h[a - r] = H[order[a], order[a]]
    for p in range(m):
        for a in range(r):
            main[p, a] = C[p, order[a]]
        own[p] = 0.0
        if owner[p] >= 0:
            own[p] = C[p, order[owner[p]]]
    for i in range(E.shape[0]):
        for a in range(n):
            equal[i, a] = E[i, order[a]]
    rows = directions(main, own, owner, n - r)
    core = np.empty((r, r))
    for a in range(r):
        for b in range(r):
            core[a, b] = H[order[a], order[b]]
    return order, (thinned(core, rows), h, slope, equal, rows)


def fits(unknowns: int, equalities: int, inequalities: int) -> bool:
    """Whether the compiled code is meant for problems of this size."""
    size = unknowns + equalities
    return size <= LARGEST and equalities + inequalities > 0 and inequalities * unknowns <= ENTRIES


def convex(H: Array) -> bool:
    """Whether H is positive semidefinite, to rounding; a diagonal may be a column."""
    if H.shape[1] < len(H):
        return bool(H.min() >= 0.0)
    try:
        np.linalg.cholesky(H + 1e-10 * (1.0 + np.abs(H).max(initial=0.0)) * np.eye(len(H)))
    except np.linalg.LinAlgError:
        return False
    return True


def at_zero(v: Values, H: Any, z: Array) -> tuple[Array, Array, Array, float]:
    """The slope, the conditions and the objective of a quadratic program at zero, from those at z."""
    return v.g - H @ z, v.e - v.E @ z, v.c - v.C @ z, float(v.f - v.g @ z + 0.5 * (z @ (H @ z)))


def arranged_program(
    functions: Functions, z: Array, thin: bool = True
) -> tuple[Array, tuple[Any, ...]] | None:
    """The order of the variables, slacks last, and what `interior` takes before the start; None if not for it.

    There may be more variables than in z (`thin_program`), and the equalities that say what these are come last.
    """
    v = functions.values(z)
    if not v.finite() or not fits(z.size, v.e.size, v.c.size):
        return None
    H = np.ascontiguousarray(functions.hessian(z, np.zeros(v.e.size), np.zeros(v.c.size)))
    if not np.isfinite(H).all():
        return None
    E, C = np.ascontiguousarray(v.E), np.ascontiguousarray(v.C)
    slope, e, c, rest = at_zero(v, H, z)
    own, (order, parts) = 0, slacks_apart(H, slope, E, C)
    wider = widened(H, slope, E, e, C, c, len(parts[0])) if thin and c.size > 0 else None
    if wider is not None:
        rank, (wide, longer, more, equal, above, rest_of) = wider
        further, others = slacks_apart(wide, longer, more, above)
        alone = len(others[0]) == rank  # else they are not the first, and their equalities like others
        if alone or others[0].size <= SMALLER * parts[0].size:
            order, parts, own, e, c = further, others, rank if alone else 0, equal, rest_of
    core, h, g, equal, rows = parts
    if not convex(core):  # slacks are convex, being slacks
        return None
    return order, (core, h, g, equal, e, rows, c, rest, own)


def as_stated(functions: Functions, z: Array) -> tuple[Array, tuple[Any, ...]] | None:
    """The same, with the variables of z alone."""
    return arranged_program(functions, z, False)


def unit_of(*parts: Array) -> float:
    """Gaps are measured beside 1 and the objective: one that is small by its units gets this one."""
    unit = max((float(np.abs(a).max(initial=0.0)) for a in parts), default=0.0)
    return unit if 0.0 < unit < 1.0 else 1.0


def padded(z: Array, order: Array) -> Array:
    """z in that order, with zeros for variables that it does not have."""
    return np.append(z, np.zeros(order.size - z.size))[order]


def restored(x: Array, order: Array, size: int) -> Array:
    """The variables in the order of z, of which there are so many."""
    z = np.empty(order.size)
    z[order] = x
    return z[:size]
