"""A quadratic program at a point: its slope, its conditions, and directions that are refined.

The linear system of a step is in `program_factors`.
"""

from __future__ import annotations

import numpy as np

from ..apart import inner
from ..oracle import Array
from ..rowwise import dot_rows
from .normal_matrix import BLOCK, is_column
from .program_factors import APART, COUPLED, LONE, Held, System, direction, is_diagonal
from .program_vectors import copied, largest, moved, product
from .slacks import Directions, along, backward, gathered

#: The first multipliers beside the mean of what each has to press against and what all are measured by.
STEEP = 0.3
#: The curvature of variables that have none and meet no row, beside the size of the program.
FREE = 1e-9
#: So many times an objective is what its gap is measured by at most, and at least this.
TALLER, FLOOR = 1e3, 1e-5


@inner
def rooms(H: Array, h: Array, E: Array, rows: Directions, n: int, size: float) -> tuple[System, Held, Array]:
    """The arrays of a run, the last with a number for each direction; `size` is that of H and g."""
    base, line = rows[0], rows[5]
    r, k, q = H.shape[0], h.size, E.shape[0]
    wide_rows = 0
    for i in range(k):
        wide_rows = k if line[i] < 0 else wide_rows
    plain = is_diagonal(H)
    tall = np.empty((r if plain else r + q, H.shape[1]))
    normal = tall[:r], rows, np.empty(k + 1), np.empty((wide_rows, r)), np.empty(k + 1)
    equal, half, schur = np.empty((q, n + 1)), np.empty((q, n + 1)), np.empty((q, q))
    for i in range(q):
        equal[i, n] = 0.0
        copied(E[i], equal[i, :n])
        copied(equal[i], half[i])
    alone = LONE
    for s in range(k):
        alone = COUPLED if line[s] != base.shape[0] + r else alone
    meets = APART
    for i in range(q):
        meets = alone if largest(E[i, r:]) > 0.0 else meets
    turned = np.empty(((r if meets == APART else n) if plain else 0, q))
    for i in range(turned.shape[0]):
        for j in range(q):
            turned[i, j] = E[j, i]
    K, firm = np.empty(H.shape), np.empty(q)
    with_equalities(H, equal, n, size, K, firm)
    held_alone(rows, size, K)
    W, b = np.empty((BLOCK, r)), np.empty(base.shape[0] + r + 1)
    return (normal, equal, half, schur, turned, tall, meets), (K, firm, W), b


@inner
def held_alone(rows: Directions, size: float, K: Array) -> None:
    """Variables without curvature, rows and weights, which equalities alone hold, have a little curvature in K."""
    base, place = rows[0], rows[1]
    count, r = base.shape
    met = np.zeros(r + 1)
    for p in range(place.size):
        if place[p] >= count:
            met[place[p] - count] = 1.0
    for i in range(r):
        j = 0 if is_column(K) else i
        if K[i, j] == 0.0 and met[i] == 0.0:
            lone = True
            for q in range(count):
                lone = lone and base[q, i] == 0.0
            K[i, j] = FREE * size if lone else 0.0


@inner
def steepest(H: Array) -> float:
    """The largest entry of H."""
    found: float = largest(H.reshape(H.size))
    return found


@inner
def has_flat(H: Array) -> bool:
    """Whether H is a diagonal with zeros: where few variables are left E K⁻¹ Eᵀ is nearly singular then."""
    found = False
    for i in range(H.shape[0]):
        found = found or (is_column(H) and H[i, 0] == 0.0)
    return found


@inner
def holds_digits(H: Array) -> bool:
    """Whether solutions keep theirs where few conditions outweigh all others by far: not those by Cholesky factors."""
    return False


@inner
def height_of(value: float, H: Array) -> float:
    """What gaps are measured by: 1 beside the objective, and less where that is far below."""
    return abs(value) + min(1.0, max(TALLER * abs(value), FLOOR))


@inner
def measures(rows: Directions, b: Array, found: Array) -> None:
    """How rows are measured: by their entry of a slack, others by their length; 1 where they are empty."""
    base, place, share, own, _, _, _ = rows
    count, r = base.shape
    for q in range(b.size):
        b[q] = 1.0 if q < count + r else 0.0
    for q in range(count):
        b[q] = product(base[q], base[q])
    for p in range(found.size):
        found[p] = abs(own[p]) if own[p] != 0.0 else np.sqrt(share[p] * share[p] * b[place[p]])
        if not found[p] > 0.0:
            found[p] = 1.0


@inner
def less_multiples(E: Array, y: Array, found: Array) -> None:
    """found −= Eᵀy"""
    for i in range(y.size):
        moved(found, -y[i], E[i])


@inner
def begun(E: Array, own: int, slope: Array, nu: Array, size: float, measure: Array, lam: Array) -> None:
    """The first multipliers: one for all rows as these are measured; where the slope is steep it is larger.

    Of the last `own` equalities they are what the first variables need, so that the slope is that of the others.
    """
    q, n = nu.size, slope.size - 1
    for i in range(own):
        nu[q - own + i] = -slope[i]
    if own > 0:
        less_multiples(E, nu, slope)
    steep = 0.0
    for i in range(n):
        steep += abs(slope[i])
    first = max(size, STEEP * np.sqrt(size * steep / n))
    for p in range(lam.size):
        lam[p] = first / measure[p]


@inner
def bent(H: Array, h: Array, z: Array, found: Array) -> None:
    """found = Hz"""
    r = H.shape[0]
    if is_column(H):
        for i in range(r):
            found[i] = H[i, 0] * z[i]
    else:
        dot_rows(H, z[:r], found[:r])
    for i in range(h.size):
        found[r + i] = h[i] * z[r + i]
    found[r + h.size] = 0.0


@inner
def curved(H: Array, h: Array, g: Array, E: Array, z: Array, nu: Array, found: Array) -> float:
    """found = Hz + g − Eᵀν; the objective."""
    bent(H, h, z, found)
    value = 0.0
    for i in range(g.size):
        value += z[i] * (0.5 * found[i] + g[i])
        found[i] += g[i]
    less_multiples(E, nu, found)
    return value


@inner
def equalities(E: Array, e: Array, z: Array, found: Array) -> None:
    """found = Ez + e"""
    dot_rows(E, z, found)
    for i in range(e.size):
        found[i] += e[i]


@inner
def conditions(rows: Directions, b: Array, z: Array, found: Array) -> None:
    """found = Cz; z has a zero behind its last variable, b becomes `along` of it."""
    along(rows, z, b)
    gathered(rows, b, z, found)


@inner
def pressed(E: Array, firm: Array, re: Array, found: Array) -> None:
    """What the weights of equalities add to the slope."""
    for i in range(re.size):
        moved(found, firm[i] * re[i], E[i])


@inner
def refined(
    H: Array,
    h: Array,
    system: System,
    firm: Array,
    push: Array,
    ratio: Array,
    u: Array,
    re: Array,
    b: Array,
    dz: Array,
    dnu: Array,
    enough: float,
    of_rows: Array,
    left: Array,
    more: Array,
) -> None:
    """The same direction once more for what is left of its equations, three times at most; the last three are work.

    `push` holds what the weights `firm` of equalities add. Where λ/s is of very different sizes, factors of K are
    right to few digits in some directions, and each turn gains some.
    """
    rows, E = system[0][1], system[1]
    q, n = re.size, push.size - 1
    before = np.inf
    missed, change = np.empty(q), np.empty(q)
    none = u[:0]
    for _ in range(3):
        gathered(rows, b, dz, of_rows)
        for p in range(u.size):
            of_rows[p] = u[p] + ratio[p] * of_rows[p]
        backward(rows, of_rows, b, left)
        bent(H, h, dz, more)
        for i in range(n):
            left[i] += push[i] + more[i]
        equalities(E, re, dz, missed)
        for i in range(q):
            change[i] = dnu[i] + firm[i] * re[i]
        less_multiples(E, change, left)
        size = largest(left[:n])
        if size <= enough or not size < 0.5 * before:
            break
        before = size
        pressed(E, firm, missed, left)
        direction(system, left, none, missed, b, more, change)
        moved(dz, 1.0, more)
        moved(dnu, 1.0, change)
        along(rows, dz, b)
    along(rows, dz, b)


@inner
def with_equalities(H: Array, E: Array, n: int, size: float, M: Array, firm: Array) -> None:
    """M = H + Eᵀ diag(ρ) E with ρ = size / ‖Eₖ‖²; 0 where Eₖ has a slack, or H is a
    diagonal. Where Ez is given solutions are the same.
    """
    r = H.shape[0]
    for i in range(r):
        for j in range(H.shape[1]):
            M[i, j] = H[i, j]
    if is_column(H):
        for k in range(E.shape[0]):
            firm[k] = 0.0
        return
    for k in range(E.shape[0]):
        row = E[k]
        length = product(row, row)
        firm[k] = 0.0
        if largest(row[r:n]) == 0.0 and length > 0.0:
            firm[k] = size / length
            for i in range(r):
                if row[i] != 0.0:
                    moved(M[i], firm[k] * row[i], row[:r])
