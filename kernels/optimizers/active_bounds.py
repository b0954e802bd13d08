"""The bounds at which a quadratic program ends, guessed from an interior point; its answer by a primal–dual active set.

    minimise ½ zᵀHz + gᵀz    subject to   Ez + e = 0,  l ≤ z ≤ u

A variable whose multiplier outweighs its slack is put at its bound, the others are free: with the equalities they solve
one linear system of their own size, mostly a small part of the whole. Free variables that leave their bounds are put
there, fixed ones with a multiplier of the wrong sign are freed, and so on while ever fewer are wrong. What is left is
exact: the last steps of an interior point, each of which factorises the whole matrix, only write down its digits. Where
bounds are degenerate the guess may fail, and the interior point goes on.
Sources: Bergounioux, Ito & Kunisch, SIAM J. Control Optim. 37 (1999); Portugal, Júdice & Vicente, Math. Comp. 63
(1994).
"""

from __future__ import annotations

import numpy as np

from ..apart import apart, inner
from ..oracle import Array
from .normal_matrix import BLOCK, is_column, squares
from .program_factors import System, direction, factored
from .program_system import curved, equalities, pressed, rooms, steepest
from .program_vectors import copied, largest, moved
from .slacks import Directions

#: Sets that are tried from one guess, and steps on one of them: the later ones refine the first.
ROUNDS, STEPS = 12, 3
#: Sets that may be no better than those before them.
PATIENCE = 1
#: A pivot beside its entry of the diagonal, below which a matrix is singular.
FLAT = 1e-10
#: What bounds and signs may lack by rounding, beside the sizes of the point and of its slope.
ROUNDED = 1e-13


@apart
def all_bounds(rows: Directions) -> bool:
    """Whether every condition is a bound of one variable."""
    base, place, share, _, owner, line, _ = rows
    count, r = base.shape
    for p in range(place.size):
        alone = share[p] == 0.0 or place[p] == count + r
        if (owner[p] < line.size) != alone or (not alone and place[p] < count):
            return False
    return True


@inner
def bounds_of(rows: Directions, c: Array, n: int) -> tuple[Array, Array]:
    """The rows of the tightest bounds, and the entry of each row.

    `row[i, 0]` is the row of zᵢ ≥ l, `row[i, 1]` that of zᵢ ≤ u, m where there is none.
    """
    base, place, share, own, owner, line, _ = rows
    count, r = base.shape
    m = c.size
    row, entry = np.empty((n, 2), np.int64), np.empty(m)
    for i in range(n):
        row[i, 0] = row[i, 1] = m
    for p in range(m):
        slack = owner[p] < line.size
        i = r + owner[p] if slack else place[p] - count
        entry[p] = own[p] if slack else share[p]
        side = 0 if entry[p] > 0.0 else 1
        q = row[i, side]
        if q == m or c[p] / abs(entry[p]) < c[q] / abs(entry[q]):
            row[i, side] = p
    return row, entry


@inner
def slope_and_rest(
    H: Array, h: Array, g: Array, E: Array, e: Array, own: int, x: Array, y: Array, re: Array, found: Array
) -> None:
    """found = Hx + g − Eᵀy, re = Ex + e, after the first variables and their multipliers are what the others say."""
    q = e.size
    equalities(E, e, x, re)
    for i in range(own):
        x[i] += re[q - own + i]
        re[q - own + i] = 0.0
        y[q - own + i] = 0.0
    curved(H, h, g, E, x, y, found)
    for i in range(own):
        y[q - own + i] = -found[i]
    for i in range(q - own, q):
        moved(found, -y[i], E[i])


@inner
def entry_of(H: Array, i: int, j: int) -> float:
    """An entry of a symmetric matrix that may be the column of its diagonal."""
    if is_column(H):
        return float(H[i, 0]) if i == j else 0.0
    return float(H[i, j])


@inner
def unbent(h: Array, first: int, free: Array) -> int:
    """How many free slacks, which come after the first variables, have no curvature of their own."""
    found = 0
    for a in range(free.size):
        found += 1 if free[a] >= first and h[free[a] - first] == 0.0 else 0
    return found


@inner
def of_free(H: Array, h: Array, E: Array, own: int, free: Array) -> tuple[Array, Array, Array]:
    """The Hessian of the free variables, the part of it that stays a diagonal, and their equalities.

    Slacks stay a diagonal if all of it is positive. What the first variables stand for is in the Hessian.
    """
    r, k, q = H.shape[0], free.size, E.shape[0]
    inside = 0
    for a in range(k):
        inside += 1 if free[a] < r else 0
    if own > 0 or unbent(h, r, free) > 0:
        inside = k
    core, bend, equal = np.empty((inside, inside)), np.empty(k - inside), np.empty((q, k))
    for a in range(inside):
        i = free[a]
        for b in range(a + 1):
            j = free[b]
            core[a, b] = entry_of(H, i, j) if i < r and j < r else 0.0
        if i >= r:
            core[a, a] = h[i - r]
    for a in range(inside, k):
        bend[a - inside] = h[free[a] - r]
    for p in range(q):
        for a in range(k):
            equal[p, a] = E[p, free[a]]
    if own > 0:
        weight = np.empty(own)
        for i in range(own):
            weight[i] = entry_of(H, i, i)
        squares(equal[q - own :], weight, np.empty((BLOCK, k)), core)
    for a in range(inside):
        for b in range(a):
            core[b, a] = core[a, b]
    return core, bend, equal[: q - own]


@inner
def guessed_bounds(
    H: Array,
    h: Array,
    E: Array,
    own: int,
    row: Array,
    entry: Array,
    s: Array,
    lam: Array,
    size: float,
    z: Array,
) -> Array:
    """0 and 1 for variables at their lower and upper bound, 2 for free ones: λ/s beside the curvature."""
    n, m, r, q = row.shape[0], lam.size, H.shape[0], E.shape[0]
    at = np.empty(n, np.int64)
    flat = size / (1.0 + largest(z))
    for i in range(n):
        bend = entry_of(H, i, i) if i < r else h[i - r]
        for p in range(q - own, q):
            bend += entry_of(H, p - q + own, p - q + own) * E[p, i] * E[p, i] if i >= r else 0.0
        bend = bend if bend > 0.0 else flat
        at[i] = 2
        most = bend
        for side in range(2):
            p = row[i, side]
            if p < m and lam[p] * entry[p] * entry[p] > most * s[p]:
                most = lam[p] * entry[p] * entry[p] / s[p]
                at[i] = side
    return at


@inner
def violators(
    row: Array,
    entry: Array,
    c: Array,
    first: int,
    x: Array,
    slope: Array,
    reach: float,
    size: float,
    at: Array,
) -> int:
    """How many variables are on the wrong side; they change it."""
    m = c.size
    found = 0
    for i in range(first, row.shape[0]):
        if at[i] == 2:
            for side in range(2):
                p = row[i, side]
                if p < m and entry[p] * x[i] + c[p] < -ROUNDED * reach * abs(entry[p]):
                    at[i] = side
            found += 1 if at[i] < 2 else 0
        else:
            push = slope[i] if at[i] == 0 else -slope[i]
            p, q = row[i, at[i]], row[i, 1 - at[i]]
            if push < -ROUNDED * size:
                if q < m and c[p] / abs(entry[p]) + c[q] / abs(entry[q]) <= 0.0:
                    at[i] = 1 - at[i]  # both bounds are the same
                else:
                    at[i] = 2
                    found += 1
    return found


@inner
def until_blocked(row: Array, entry: Array, c: Array, free: Array, dx: Array, x: Array, at: Array) -> float:
    """The step along dx to the first bound, at most 1; the variable that meets it is put there."""
    t, m = 1.0, c.size
    first, where = -1, 0
    for a in range(free.size):
        i = free[a]
        for side in range(2):
            p = row[i, side]
            if p < m:
                room, pace = entry[p] * x[i] + c[p], entry[p] * dx[a]
                if room + t * pace < 0.0:
                    t = max(-room / pace, 0.0)
                    first, where = i, side
    if first >= 0:
        at[first] = where
    return t


@inner
def put_at_bounds(row: Array, entry: Array, c: Array, first: int, at: Array, x: Array, free: Array) -> int:
    """How many variables are free, and which; the others are put at their bounds."""
    k = 0
    for i in range(first, at.size):
        if at[i] == 2:
            free[k] = i
            k += 1
        else:
            p = row[i, at[i]]
            x[i] = -c[p] / entry[p]
    return k


@inner
def free_system(
    core: Array, bend: Array, equal: Array, size: float
) -> tuple[bool, System, Array, Array, bool]:
    """The factored system of free variables, the weights of equalities in it, room; whether it is singular."""
    inside, q = core.shape[0], equal.shape[0]
    nothing, none, line = np.empty(0), np.empty(0, np.int64), np.empty(bend.size, np.int64)
    for i in range(bend.size):
        line[i] = inside
    rows = np.empty((0, inside)), none, nothing, nothing, none, line, np.empty((0, 4), np.int64)
    top = max(steepest(core), largest(bend))
    system, held, b = rooms(core, bend, equal, rows, inside + bend.size, size + top)
    weight, least = held[1], 1e-300
    for i in range(q):  # the size of E K⁻¹ Eᵀ, beside which repeated equalities keep finite multipliers
        part = 1.0 / weight[i] if weight[i] > 0.0 else 0.0
        for j in range(bend.size):
            part += equal[i, inside + j] ** 2 / bend[j]
        least = max(least, 1e-12 * part)
    found = factored(bend, system, held, nothing, b, 1e-14 * (1.0 + top), least)
    L, K = system[0][0], held[0]
    flat = False
    for i in range(inside):
        flat = flat or not L[i, i] * L[i, i] > FLAT * K[i, i]
    return found, system, weight, b, flat


@inner
def bound_multipliers(row: Array, entry: Array, first: int, at: Array, slope: Array, lam: Array) -> None:
    """λ of the bounds at which variables are, 0 of all others."""
    for p in range(lam.size):
        lam[p] = 0.0
    for i in range(first, at.size):
        if at[i] < 2:
            p = row[i, at[i]]
            lam[p] = max(slope[i] / entry[p], 0.0)


@apart
def by_active_bounds(
    H: Array,
    h: Array,
    g: Array,
    E: Array,
    e: Array,
    rows: Directions,
    c: Array,
    own: int,
    tol: float,
    z: Array,
    nu: Array,
    s: Array,
    lam: Array,
) -> bool:
    """Whether z, ν, λ have become an optimum; if not they are as before. E and z have a zero behind the last variable.

    All rows are bounds (`all_bounds`). The last `own` equalities say what the first variables are, as in `interior`.
    Where the system of the free variables is singular, bounds are met one by one: a whole step leaves most of them.
    """
    n, q = z.size - 1, e.size
    stated = q - own
    row, entry = bounds_of(rows, c, n)
    size = max(1.0, largest(g))
    at = guessed_bounds(H, h, E, own, row, entry, s, lam, size, z)
    x, y, re, slope = np.empty(n + 1), np.empty(q), np.empty(q), np.empty(n + 1)
    copied(z, x)
    copied(nu, y)
    patience = PATIENCE
    list_of, last = np.empty(n, np.int64), n + 1
    for _ in range(ROUNDS):
        free = list_of[: put_at_bounds(row, entry, c, own, at, x, list_of)]
        if unbent(h, H.shape[0], free) > H.shape[0] + stated:  # nothing holds more: the guess is too early
            return False
        core, bend, equal = of_free(H, h, E, own, free)
        found, system, weight, b, flat = free_system(core, bend, equal, size)
        if not found:
            return False
        k = free.size
        dx, push, dy = np.empty(k + 1), np.empty(k + 1), np.empty(stated)
        push[k] = 0.0
        slope_and_rest(H, h, g, E, e, own, x, y, re, slope)
        t, missed, count = 1.0, np.inf, 0
        for _ in range(STEPS):
            for a in range(k):
                push[a] = slope[free[a]]
            pressed(system[1], weight, re[:stated], push)
            direction(system, push, s[:0], re[:stated], b, dx, dy)
            if flat:
                t = until_blocked(row, entry, c, free, dx, x, at)
            for a in range(k):
                x[free[a]] += t * dx[a]
            moved(y, t, dy)
            if t < 1.0:
                break
            slope_and_rest(H, h, g, E, e, own, x, y, re, slope)
            missed = largest(re) / (1.0 + largest(x))
            for a in range(k):
                missed = max(missed, abs(slope[free[a]]) / size)
            count = violators(row, entry, c, own, x, slope, 1.0 + largest(x), size, at)
            if count > 0 or missed <= 0.1 * tol or not missed < np.inf:
                break
        if t < 1.0:
            continue
        if count == 0 and missed <= tol:
            bound_multipliers(row, entry, own, at, slope, lam)
            copied(x, z)
            copied(y, nu)
            return True
        if count == 0:
            return False
        if not count < last:
            patience -= 1
            if patience < 0:
                return False
        last = min(last, count)
    return False
