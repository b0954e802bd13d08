"""The linear system of one step of a quadratic program: factored once, solved for each right-hand side.

K = H + Cᵀ diag(λ/s) C + δI without its slacks (`normal_matrix`), and the Schur complement E K⁻¹ Eᵀ of the equalities.
"""

from __future__ import annotations

import numpy as np

from ..apart import inner
from ..lapack import gemm, potrs
from ..oracle import Array
from ..rowwise import add_rows, dot_rows
from .normal_matrix import (
    BLOCK,
    SMALL,
    Normal,
    eliminate_slacks,
    extended,
    factor,
    factor_roughly,
    is_column,
    solve_normal,
    squares,
    substitute,
)
from .program_vectors import copied, largest, moved, product
from .slacks import Directions, along, backward, gathered

#: The first multipliers beside the mean of what each has to press against and what all are measured by.
STEEP = 0.3
#: K; the equalities E, E K⁻¹, and E K⁻¹ Eᵀ or its factor; Eᵀ where H is a diagonal, as many rows as are not zero.
System = tuple[Normal, Array, Array, Array, Array]
#: H with the weights of equalities, and these weights; room for rows.
Held = tuple[Array, Array, Array]


@inner
def rooms(H: Array, h: Array, E: Array, rows: Directions, n: int, size: float) -> tuple[System, Held, Array]:
    """The arrays of a run, the last with a number for each direction; `size` is that of H and g."""
    base, line = rows[0], rows[5]
    r, k, q = H.shape[0], h.size, E.shape[0]
    wide_rows = 0
    for i in range(k):
        wide_rows = k if line[i] < 0 else wide_rows
    normal = np.empty(H.shape), rows, np.empty(k + 1), np.empty((wide_rows, r)), np.empty(k + 1)
    equal, half, schur = np.empty((q, n + 1)), np.empty((q, n + 1)), np.empty((q, q))
    for i in range(q):
        equal[i, n] = 0.0
        copied(E[i], equal[i, :n])
    met = r
    for i in range(q):
        met = n if largest(E[i, r:]) > 0.0 else met
    turned = np.empty((met if r == 0 or is_column(H) else 0, q))
    for i in range(turned.shape[0]):
        for j in range(q):
            turned[i, j] = E[j, i]
    K, firm = np.empty(H.shape), np.empty(q)
    with_equalities(H, equal, n, size, K, firm)
    W, b = np.empty((BLOCK, r)), np.empty(base.shape[0] + r + 1)
    return (normal, equal, half, schur, turned), (K, firm, W), b


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
    """What gaps are measured by: few digits more cost nothing where an active set ends the run."""
    return 1.0 + abs(value)


@inner
def measures(rows: Directions, b: Array, found: Array) -> None:
    """How rows are measured: by their entry of a slack, others by their length; 1 where they are empty."""
    base, place, share, own, _, _ = rows
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
def rounding(system: System) -> float:
    """How far E K⁻¹ Eᵀ is off by rounding, at most."""
    factor_of = system[3]
    found = 1e-300
    for i in range(factor_of.shape[0]):
        row = factor_of[i, : i + 1]
        found = max(found, 1e-12 * product(row, row))
    return found


@inner
def uncoupled(normal: Normal) -> bool:
    """Whether K has nothing beside the block of its first variables and the diagonal of its slacks."""
    rho, wide = normal[2], normal[3]
    found: bool = wide.shape[0] == 0 and largest(rho) == 0.0
    return found


@inner
def apart_from(system: System) -> bool:
    """Whether equalities meet a diagonal alone, beside slacks that are coupled to it: E K⁻¹ would take the longest."""
    normal, turned = system[0], system[4]
    return bool(turned.shape[0] > 0 and turned.shape[0] == normal[0].shape[0] and not uncoupled(normal))


@inner
def solve_equalities(system: System, b: Array, firm: Array) -> None:
    """E K⁻¹; at once by LAPACK where there are several rows, and no slack in them that is coupled to others."""
    normal, E, half, _, _ = system
    M, kappa = normal[0], normal[4]
    q, r, k = E.shape[0], M.shape[0], kappa.size - 1
    together = q >= 4 and r >= 16 and not is_column(M)
    diagonal = uncoupled(normal)
    for i in range(q):
        copied(E[i], half[i])
        together = together and (diagonal or firm[i] > 0.0)
    if diagonal:
        inverse = np.empty(k)
        for j in range(k):
            inverse[j] = 1.0 / kappa[j]
        for i in range(q):
            slacks = half[i, r : r + k]
            for j in range(k):
                slacks[j] *= inverse[j]
    if together:
        core = np.empty((q, r))
        for i in range(q):
            copied(E[i], core[i])
        potrs(M, core)
        for i in range(q):
            copied(core[i], half[i, :r])
            if not diagonal:
                extended(normal, half[i], b)
    elif diagonal:
        for i in range(q):
            substitute(M, half[i, :r])
    else:
        none = b[:0]
        for i in range(q):
            solve_normal(normal, half[i], none, b)


@inner
def diagonal_schur(turned: Array, M: Array, kappa: Array, schur: Array) -> None:
    """E diag(M, κ)⁻¹ Eᵀ, the lower triangle, from as many rows of Eᵀ as are not zero."""
    n, q = turned.shape
    r = M.shape[0]
    weight = np.empty(n)
    for j in range(n):
        weight[j] = 1.0 / (M[j, 0] if j < r else kappa[j - r])
    for i in range(q):
        for j in range(q):
            schur[i, j] = 0.0
    squares(turned, weight, np.empty((BLOCK, q)), schur)


@inner
def factored(
    h: Array, system: System, held: Held, ratio: Array, b: Array, delta: float, dual: float, coarse: bool
) -> bool:
    """The factors of K and of E K⁻¹ Eᵀ, roughly if half of the digits are enough; False where rounding leaves none."""
    normal, E, half, schur, turned = system
    H, firm, W = held
    M, kappa = normal[0], normal[4]
    r, q = M.shape[0], E.shape[0]
    shift = 1e-15
    definite: bool = False
    half_enough = coarse and r > SMALL and not is_column(M)
    for _ in range(5):  # rounding makes K indefinite where λ/s is huge
        if not definite:
            eliminate_slacks(H, h, normal, ratio, W, b)
            for i in range(r):
                j = 0 if is_column(M) else i
                M[i, j] += delta + shift * M[i, j]
            if half_enough:
                definite = factor_roughly(M)
                half_enough = False
            else:
                definite = factor(M)
                shift *= 30.0
    if not definite or q == 0:
        return definite
    if not apart_from(system):
        solve_equalities(system, b, firm)
    if turned.shape[0] > 0 and (turned.shape[0] == r or uncoupled(normal)):
        diagonal_schur(turned, M, kappa, schur)
    else:
        gemm(E, half.T, schur)
    for i in range(q):
        schur[i, i] += 1e-14 * schur[i, i] + dual
    definite = factor(schur)
    return definite


@inner
def direction(system: System, push: Array, u: Array, re: Array, b: Array, dz: Array, dnu: Array) -> None:
    """dz, dν of   K dz − Eᵀdν = −push − Cᵀu,  E dz = −re;   b becomes `along` of dz."""
    normal, E, half, schur, _ = system
    n = push.size - 1
    for i in range(n):
        dz[i] = -push[i]
    dz[n] = 0.0
    solve_normal(normal, dz, u, b)
    if re.size > 0:
        dot_rows(E, dz, dnu)
        for i in range(re.size):
            dnu[i] = -re[i] - dnu[i]
        substitute(schur, dnu)
        if apart_from(system):
            more = np.empty(n + 1)
            for i in range(n + 1):
                more[i] = 0.0
            add_rows(E, dnu, more)
            solve_normal(normal, more, u[:0], b)
            moved(dz, 1.0, more)
        else:
            add_rows(half, dnu, dz)
        along(normal[1], dz, b)


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
