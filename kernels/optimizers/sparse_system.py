"""The linear system of one step of a quadratic program with sparse matrices: `program_system` for them.

Slacks are eliminated as there, and the directions of conditions are added to H, so that no digits are lost. With the
equalities this is factorised as one quasi-definite matrix:

    [ K    Eᵀ ] [ dx  ]
    [ E    −ε ] [ −dν ]  =  …

Variables that meet no other in K are eliminated before, all together, as slacks are: each takes a multiple of eeᵀ off
the second block, and a slack a multiple of its direction out of each equality that it is in.
The order of elimination is found when data are bound (`elimination_order`). Rows of the conditions as rows of the
matrix, weighted by the inverse of λ/s, would fill it less, and lose all digits where many of them are active.
"""

from __future__ import annotations

import numpy as np

from ..apart import apart, elsewhere, inner
from ..oracle import Array
from . import program_system, quadratic_program
from .interior_point import TINY
from .program_vectors import copied, largest, product
from .quasidefinite import Rows, Symbols, factor_sparse, solve_sparse
from .slacks import pulled, scattered, weighted

#: Rows of equalities, and their steps: those of sums along an axis have one number at places of one distance, others 0.
Lines = tuple[Array, Array, Array, Array]
#: The rows of the conditions as in `slacks`, but for the directions, which are sparse.
Directions = tuple[Rows, Array, Array, Array, Array, Array, Array]
#: What directions, behind them variables and slacks, and then the moves of slacks, add to the matrix: of which, where,
#: how many times their weight.
Squares = tuple[Array, Array, Array]
#: H by rows; its diagonal and the least that it counts as; where variables and equalities stand in the order of
#: elimination, −1 for variables that meet no other; the matrix as it is stored, without its diagonal; the equalities'
#: entries of variables that meet no other, and of slacks.
Core = tuple[Rows, Array, Array, Array, Array, Squares, Lines, Symbols]
#: The core; the conditions' rows; L with D behind; of slacks ρ and κ; weights of directions, −1/κ of variables that
#: meet no other and of slacks, −ρ; room for a right side.
Normal = tuple[Core, Directions, Array, Array, Array, Array, Array]
#: The same, and the equalities.
System = tuple[Normal, Lines]
Held = tuple[Array, Array]


@inner
def times(A: Rows, x: Array, found: Array) -> None:
    """found = Ax, as far as A has rows."""
    begins, places, values = A
    if places.size == 0:
        for i in range(begins.size - 1):
            found[i] = 0.0
        return
    for i in range(begins.size - 1):
        t = 0.0
        for a in range(begins[i], begins[i + 1]):
            t += values[a] * x[places[a]]
        found[i] = t


@inner
def sums(E: Lines, x: Array, found: Array) -> None:
    """found = Ex"""
    begins, places, values, steps = E
    for i in range(begins.size - 1):
        a, b, t = begins[i], begins[i + 1], 0.0
        if steps[i] == 0:
            for k in range(a, b):
                t += values[k] * x[places[k]]
            found[i] = t
            continue
        first, step = places[a], steps[i]
        if step == 1:
            y = x[first : first + b - a]
            for k in range(y.size):
                t += y[k]
        else:
            for k in range(b - a):
                t += x[first + k * step]
        found[i] = values[a] * t


@inner
def less_multiples(E: Lines, y: Array, found: Array) -> None:
    """found −= Eᵀy"""
    begins, places, values, steps = E
    for i in range(begins.size - 1):
        a, b = begins[i], begins[i + 1]
        if steps[i] == 0:
            for k in range(a, b):
                found[places[k]] -= y[i] * values[k]
            continue
        first, step, t = places[a], steps[i], y[i] * values[a]
        if step == 1:
            part = found[first : first + b - a]
            for k in range(part.size):
                part[k] -= t
        else:
            for k in range(b - a):
                found[first + k * step] -= t


@inner
def along(rows: Directions, x: Array, b: Array) -> None:
    """b becomes bᵀx for each direction; x may be longer."""
    base = rows[0]
    count = base[0].size - 1
    r = b.size - 1 - count
    times(base, x, b)
    for j in range(r):
        b[count + j] = x[j]
    b[count + r] = 0.0


@inner
def across(rows: Directions, b: Array, x: Array) -> None:
    """x becomes Σ b_q times its direction, in its first entries."""
    begins, places, values = rows[0]
    count = begins.size - 1
    for j in range(b.size - 1 - count):
        x[j] = b[count + j]
    for i in range(count):
        for a in range(begins[i], begins[i + 1]):
            x[places[a]] += b[i] * values[a]


@apart
def backward(rows: Directions, y: Array, b: Array, found: Array) -> None:
    """found = Cᵀy, with a number more behind the slacks; b is work."""
    r = b.size - rows[0][0].size
    for j in range(r, found.size):
        found[j] = 0.0
    scattered(rows, y, b, found[r:])
    across(rows, b, found)


@inner
def steepest(H: Core) -> float:
    """The largest entry of H."""
    found: float = largest(H[0][2])
    return found


@inner
def has_flat(H: Core) -> bool:
    """Whether directions are refined from the start: not here, where equalities are eliminated with all else."""
    return False


@inner
def holds_digits(H: Core) -> bool:
    """Whether solutions keep theirs where few conditions outweigh all others by far: those of quasi-definite ones."""
    return True


@inner
def height_of(value: float, H: Core) -> float:
    """What gaps are measured by: a small objective itself, as no active set ends the run in many digits."""
    return max(abs(value), TINY)


@inner
def bent(H: Core, h: Array, z: Array, found: Array) -> None:
    """found = Hz"""
    times(H[0], z, found)
    r = H[0][0].size - 1
    for i in range(h.size):
        found[r + i] = h[i] * z[r + i]
    found[r + h.size] = 0.0


@inner
def equalities(E: Lines, e: Array, z: Array, found: Array) -> None:
    """found = Ez + e"""
    sums(E, z, found)
    for i in range(e.size):
        found[i] += e[i]


@inner
def measures(rows: Directions, b: Array, found: Array) -> None:
    """How rows are measured: by their entry of a slack, others by their length; 1 where they are empty."""
    (begins, _, values), place, share, own, _, _, _ = rows
    count = begins.size - 1
    for q in range(b.size):
        b[q] = 1.0 if q < b.size - 1 else 0.0
    for q in range(count):
        entries = values[begins[q] : begins[q + 1]]
        b[q] = product(entries, entries)
    for p in range(found.size):
        found[p] = abs(own[p]) if own[p] != 0.0 else np.sqrt(share[p] * share[p] * b[place[p]])
        if not found[p] > 0.0:
            found[p] = 1.0


@inner
def pressed(E: Lines, firm: Array, re: Array, found: Array) -> None:
    """Equalities have no weights here."""


@inner
def rounding(system: System) -> float:
    """What `factored` adds to pivots of equalities."""
    return 1e-300


@inner
def rooms(H: Core, h: Array, E: Lines, rows: Directions, n: int, top: float) -> tuple[System, Held, Array]:
    """The arrays of a run, the last with a number for each direction."""
    k, q = h.size, E[0].size - 1
    b = np.empty(rows[0][0].size + n - k)
    r, size = n - k, 0
    for i in range(H[3].size):
        size += 1 if H[3][i] >= 0 else 0
    normal = (
        H,
        rows,
        np.empty(H[4].size + size),
        np.empty(k + 1),
        np.empty(k + 1),
        np.empty(b.size + r + 2 * k),
        np.empty(size),
    )
    none = np.empty((0, 0))
    return (normal, E), (none, np.zeros(q)), b


@inner
def moved_by_slacks(others: Lines, rho: Array, kappa: Array, found: Array) -> None:
    """−1/κ of each slack and −ρ behind them, where equalities have slacks or variables that meet no other."""
    k = kappa.size - 1
    for s in range(k if others[1].size > 0 else 0):
        found[s], found[k + s] = -1.0 / kappa[s], -rho[s]


@inner
def factored(h: Array, system: System, held: Held, ratio: Array, b: Array, delta: float, dual: float) -> bool:
    """κ, ρ and weights of directions (`slacks.pulled`), and the factors of all else."""
    core, rows, L, rho, kappa, weight = (
        system[0][0], system[0][1], system[0][2], system[0][3], system[0][4], system[0][5],
    )  # fmt: skip
    diagonal, least, node, given, kept = core[1], core[2], core[3], core[4], core[7]
    which, targets, products = core[5]
    D = L[given.size :]
    k, r = rows[5].size, diagonal.size
    count = b.size - 1 - r
    inverses = weight[b.size :]
    for q in range(weight.size):
        weight[q] = 0.0
    if k > 0:
        pulled(rows, ratio, h, rho, kappa, weight)
        moved_by_slacks(core[6], rho, kappa, inverses[r:])
    weighted(rows, ratio, rho, weight)
    shift = 0.0
    definite: bool = False
    for _ in range(5):  # rounding makes K indefinite where λ/s is huge
        if not definite:
            copied(given, L)
            for i in range(D.size):
                D[i] = -dual
            for j in range(r):
                own_part = max(diagonal[j] + weight[count + j] + delta, least[j])
                inverses[j] = 0.0
                if node[j] < 0:
                    inverses[j] = -1.0 / own_part
                else:
                    D[node[j]] = own_part
            for a in range(which.size):
                L[targets[a]] += weight[which[a]] * products[a]
            for j in range(r if shift > 0.0 else 0):
                if node[j] >= 0:
                    D[node[j]] *= 1.0 + shift
            definite = factor_sparse(kept, L, D)
            shift = 30.0 * max(shift, 1e-15)
    return definite


@inner
def direction(system: System, push: Array, u: Array, re: Array, b: Array, dz: Array, dnu: Array) -> None:
    """dz, dν of   K dz − Eᵀdν = −push − Cᵀu,  E dz = −re;   b becomes `along` of dz."""
    core, rows, L, rho, kappa, weight, x = system[0]
    inverses = weight[b.size :]
    node, others, kept, (begins, places, values), line = core[3], core[6], core[7], rows[0], rows[5]
    k, r = line.size, core[1].size
    count = b.size - 1 - r
    slacks = dz[r:]
    for s in range(k):
        slacks[s] = push[r + s]
    slacks[k] = 0.0
    scattered(rows, u, b, slacks)
    for s in range(k):
        slacks[s] = -slacks[s]
        b[line[s]] += rho[s] * slacks[s]
    for j in range(r):
        right = -push[j] - b[count + j]
        dz[j] = -inverses[j] * right
        if node[j] >= 0:
            x[node[j]] = right
    for q in range(count):
        for a in range(begins[q], begins[q + 1]):
            x[node[places[a]]] -= b[q] * values[a]
    for s in range(k):
        slacks[s] /= kappa[s]
    sums(others, dz, dnu)
    for i in range(re.size):
        x[node[r + i]] = -re[i] - dnu[i]
    solve_sparse(kept, L, L[core[4].size :], x)
    for i in range(re.size):
        dnu[i] = -x[node[r + i]]
    pull = np.empty(r + k)
    for j in range(r + k):
        pull[j] = 0.0
    less_multiples(others, dnu, pull)
    for j in range(r):
        if node[j] >= 0:
            dz[j] = x[node[j]]
        else:
            dz[j] += inverses[j] * pull[j]
    along(rows, dz, b)
    for s in range(k):
        slacks[s] -= pull[r + s] / kappa[s] + rho[s] * b[line[s]]
    slacks[k] = 0.0


@inner
def all_bounds(rows: Directions) -> bool:
    """Whether the run may end by an active set: these systems cost too little for that."""
    return False


@inner
def by_active_bounds(
    H: Core,
    h: Array,
    g: Array,
    E: Lines,
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
    """Not asked for here."""
    return False


begun = inner(elsewhere(program_system.begun, globals()))
conditions = inner(elsewhere(program_system.conditions, globals()))
curved = inner(elsewhere(program_system.curved, globals()))
refined = inner(elsewhere(program_system.refined, globals()))
interior = apart(elsewhere(quadratic_program.interior, globals()))
