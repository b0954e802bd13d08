"""Convex quadratic programs of moderate size, compiled from start to end.

    minimise ½ zᵀHz + gᵀz    subject to   Ez + e = 0,  Cz + c ≥ 0

Mehrotra's predictor–corrector: the affine step decides how far the barrier is lowered, its second-order error is put
on the right-hand side, and both use one Cholesky factor of K = H + Cᵀ diag(λ/s) C + δI without its slacks
(`normal_matrix`), equalities through the Schur complement E K⁻¹ Eᵀ. δ is at rounding level and makes linear programs
regular. What does not converge is left to `interior_point`, which also polishes the answer.
Sources: Mehrotra, SIAM J. Optim. 2 (1992); Nocedal & Wright, Numerical Optimization (2nd ed.), algorithm 16.4.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..apart import apart, inner
from ..lapack import gemm, potrs
from ..oracle import Array
from ..rowwise import add_rows, dot_rows
from .interior_point import CONVERGED, LIMIT, Answer, Functions
from .normal_matrix import (
    BLOCK,
    Directions,
    along,
    arranged,
    backward,
    directions,
    eliminate_slacks,
    extended,
    factor,
    gathered,
    solve_normal,
    squares,
    substitute,
)

#: Unknowns and equalities up to which the compiled code is used, and entries of the conditions' matrix.
LARGEST, ENTRIES = 2500, 20_000_000
#: What is accepted where rounding stops the iteration before the tolerance is met.
NEAR = 1e-8
#: A step that is tried again with the barrier halved and nothing else.
SHORT = 0.1
#: The gap below which directions are refined.
FINE = 1e-4
#: The least share of their mean that a product of slack and multiplier may have.
CENTRAL = 1e-4


@inner
def largest(x: Array) -> float:
    """max |xᵢ|, 0 of nothing; NaN where one is not finite. Four at a time: each waits for the one before it."""
    a, b, c, d, finite = 0.0, 0.0, 0.0, 0.0, 0.0
    whole = x.size - x.size % 4
    for i in range(0, whole, 4):
        a = abs(x[i]) if abs(x[i]) > a else a
        b = abs(x[i + 1]) if abs(x[i + 1]) > b else b
        c = abs(x[i + 2]) if abs(x[i + 2]) > c else c
        d = abs(x[i + 3]) if abs(x[i + 3]) > d else d
    for i in range(whole, x.size):
        a = abs(x[i]) if abs(x[i]) > a else a
    for i in range(x.size):
        finite += 0.0 * x[i]
    return max(max(a, b), max(c, d)) + finite


@inner
def product(x: Array, y: Array) -> float:
    """xᵀy"""
    found = 0.0
    for i in range(x.size):
        found += x[i] * y[i]
    return found


@inner
def missing(s: Array, rc: Array, lam: Array) -> float:
    """Σ λₚ |sₚ + rcₚ|, what complementarity lacks at the point itself."""
    found = 0.0
    for p in range(s.size):
        found += lam[p] * abs(s[p] + rc[p])
    return found


@inner
def longest(x: Array, dx: Array) -> float:
    """The longest step at most 1 that keeps x + t dx ≥ 0."""
    t = 1.0
    for i in range(x.size):
        if x[i] + t * dx[i] < 0.0:  # rarely: a division for each would take longer
            t = -x[i] / dx[i]
    return t


@inner
def moved(x: Array, t: float, dx: Array) -> None:
    """x += t dx, as far as dx goes."""
    for i in range(dx.size):
        x[i] += t * dx[i]


@inner
def copied(x: Array, to: Array) -> None:
    """The entries of x in another array."""
    for i in range(to.size):
        to[i] = x[i]


@inner
def bent(H: Array, h: Array, z: Array, found: Array) -> None:
    """found = Hz"""
    r = H.shape[0]
    dot_rows(H, z[:r], found[:r])
    for i in range(h.size):
        found[r + i] = h[i] * z[r + i]
    found[r + h.size] = 0.0


@inner
def curved(H: Array, h: Array, g: Array, E: Array, z: Array, nu: Array, found: Array) -> float:
    """found = Hz + g − Eᵀν; the objective."""
    n = g.size
    bent(H, h, z, found)
    value = 0.0
    for i in range(n):
        value += z[i] * (0.5 * found[i] + g[i])
        found[i] += g[i]
    for i in range(nu.size):
        moved(found, -nu[i], E[i])
    return value


@inner
def equalities(E: Array, e: Array, z: Array, found: Array) -> None:
    """found = Ez + e"""
    dot_rows(E, z, found)
    for i in range(e.size):
        found[i] += e[i]


@inner
def weights(s: Array, lam: Array, inverse: Array, ratio: Array) -> None:
    """1/s and λ/s"""
    for p in range(s.size):
        inverse[p] = 1.0 / s[p]
        ratio[p] = lam[p] * inverse[p]


@inner
def solve_equalities(
    E: Array,
    M: Array,
    rows: Directions,
    b: Array,
    rho: Array,
    wide: Array,
    kappa: Array,
    half: Array,
    firm: Array,
) -> None:
    """half = E K⁻¹; at once by LAPACK where there are several rows, and no slack in them."""
    q, r = E.shape[0], M.shape[0]
    together = q >= 4 and r >= 16
    for i in range(q):
        copied(E[i], half[i])
        together = together and firm[i] > 0.0
    if r == 0:
        for i in range(q):
            for j in range(kappa.size):
                half[i, j] /= kappa[j]
    elif together:
        core = np.empty((q, r))
        for i in range(q):
            copied(E[i], core[i])
        potrs(M, core)
        for i in range(q):
            copied(core[i], half[i, :r])
            extended(rows, rho, wide, kappa, half[i], b)
    else:
        none = b[:0]
        for i in range(q):
            solve_normal(M, rows, rho, wide, kappa, half[i], none, b)


@inner
def diagonal_schur(turned: Array, kappa: Array, schur: Array) -> None:
    """E diag(κ)⁻¹ Eᵀ, the lower triangle, from Eᵀ: programs in standard form have nothing but slacks."""
    n, q = turned.shape
    weight = np.empty(n)
    for j in range(n):
        weight[j] = 1.0 / kappa[j]
    for i in range(q):
        for j in range(q):
            schur[i, j] = 0.0
    squares(turned, weight, np.empty((BLOCK, q)), schur)


@inner
def normal(
    H: Array,
    h: Array,
    rows: Directions,
    ratio: Array,
    E: Array,
    M: Array,
    W: Array,
    b: Array,
    rho: Array,
    wide: Array,
    kappa: Array,
    half: Array,
    schur: Array,
    firm: Array,
    turned: Array,
    delta: float,
    dual: float,
) -> bool:
    """The factors of K and of E K⁻¹ Eᵀ; False where rounding leaves none."""
    r, q = M.shape[0], E.shape[0]
    shift = 1e-15
    definite: bool = False
    for _ in range(4):  # rounding makes K indefinite where λ/s is huge
        if not definite:
            eliminate_slacks(H, h, rows, ratio, M, W, b, rho, wide, kappa)
            for i in range(r):
                M[i, i] += delta + shift * M[i, i]
            definite = factor(M)
            shift *= 30.0
    if not definite or q == 0:
        return definite
    solve_equalities(E, M, rows, b, rho, wide, kappa, half, firm)
    if r == 0:
        diagonal_schur(turned, kappa, schur)
    else:
        gemm(E, half.T, schur)
    for i in range(q):
        schur[i, i] += 1e-14 * schur[i, i] + dual
    definite = factor(schur)
    return definite


@inner
def direction(
    M: Array,
    rows: Directions,
    rho: Array,
    wide: Array,
    kappa: Array,
    half: Array,
    schur: Array,
    E: Array,
    push: Array,
    u: Array,
    re: Array,
    b: Array,
    dz: Array,
    dnu: Array,
) -> None:
    """dz, dν of   K dz − Eᵀdν = −push − Cᵀu,  E dz = −re;   b becomes `along` of dz."""
    n = push.size - 1
    for i in range(n):
        dz[i] = -push[i]
    dz[n] = 0.0
    solve_normal(M, rows, rho, wide, kappa, dz, u, b)
    if re.size > 0:
        dot_rows(E, dz, dnu)
        for i in range(re.size):
            dnu[i] = -re[i] - dnu[i]
        substitute(schur, dnu)
        add_rows(half, dnu, dz)
        along(rows, dz, b)


@inner
def refined(
    H: Array,
    h: Array,
    M: Array,
    rows: Directions,
    rho: Array,
    wide: Array,
    kappa: Array,
    half: Array,
    schur: Array,
    E: Array,
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
            moved(left, -dnu[i] - firm[i] * re[i], E[i])
        size = largest(left[:n])
        if size <= enough or not size < 0.5 * before:
            break
        before = size
        for i in range(q):
            moved(left, firm[i] * missed[i], E[i])
        direction(M, rows, rho, wide, kappa, half, schur, E, left, none, missed, b, more, change)
        moved(dz, 1.0, more)
        moved(dnu, 1.0, change)
        along(rows, dz, b)
    along(rows, dz, b)


@inner
def steps(ratio: Array, u: Array, lam: Array, rc: Array, ds: Array, dlam: Array) -> None:
    """From Cdz in ds: ds = C dz + rc,  dλ = −λ − u − (λ/s) C dz, where u has (λ/s) rc."""
    for p in range(ds.size):
        dlam[p] = -lam[p] - u[p] - ratio[p] * ds[p]
    for p in range(ds.size):
        ds[p] += rc[p]


@inner
def ahead(s: Array, lam: Array, ds: Array, dlam: Array, a: float, b: float) -> float:
    """(s + a ds)ᵀ(λ + b dλ)"""
    found = 0.0
    for p in range(s.size):
        found += (s[p] + a * ds[p]) * (lam[p] + b * dlam[p])
    return found


@inner
def measures(rows: Directions, b: Array, found: Array) -> None:
    """How rows are measured: by their entry of a slack, others by their length; 1 where they are empty. b is work."""
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
def held(H: Array, E: Array, n: int, size: float, M: Array, firm: Array) -> None:
    """M = H + Eᵀ diag(ρ) E with ρ = size / ‖Eₖ‖²; 0 where Eₖ has a slack. Where Ez is given solutions are the same."""
    r = H.shape[0]
    for i in range(r):
        for j in range(r):
            M[i, j] = H[i, j]
    for k in range(E.shape[0]):
        row = E[k]
        length = product(row, row)
        firm[k] = 0.0
        if largest(row[r:n]) == 0.0 and length > 0.0:
            firm[k] = size / length
            for i in range(r):
                if row[i] != 0.0:
                    moved(M[i], firm[k] * row[i], row[:r])


@inner
def lifted(s: Array, lam: Array, least: float) -> None:
    """No product sₚλₚ is left far behind by the others: the less of the two is made larger."""
    for p in range(s.size):
        if s[p] * lam[p] < least:
            if s[p] < lam[p]:
                s[p] = least / lam[p]
            else:
                lam[p] = least / s[p]


@inner
def corrected(ratio: Array, rc: Array, inverse: Array, ds: Array, dlam: Array, goal: float, u: Array) -> None:
    """u = (λ/s) rc + (ds ∘ dλ − goal)/s"""
    for p in range(u.size):
        u[p] = ratio[p] * rc[p] + (ds[p] * dlam[p] - goal) * inverse[p]


@inner
def centred(ratio: Array, rc: Array, inverse: Array, goal: float, u: Array) -> None:
    """u = (λ/s) rc − goal/s"""
    for p in range(u.size):
        u[p] = ratio[p] * rc[p] - goal * inverse[p]


@apart
def slacks_apart(
    H: Array, g: Array, E: Array, C: Array
) -> tuple[Array, tuple[Array, Array, Array, Array, Directions]]:
    """The order of the variables with their slacks last, and the arguments H, h, g, E, rows of `interior`."""
    order, r, owner = arranged(H, C)
    m, n = C.shape
    core, main, equal = np.empty((r, r)), np.empty((m, r)), np.empty(E.shape)
    h, own, slope = np.empty(n - r), np.empty(m), np.empty(n)
    for a in range(n):
        slope[a] = g[order[a]]
    for a in range(r):
        for b in range(r):
            core[a, b] = H[order[a], order[b]]
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
    return order, (core, h, slope, equal, directions(main, own, owner, n - r))


@apart
def interior(
    H: Array,
    h: Array,
    g: Array,
    E: Array,
    e: Array,
    rows: Directions,
    c: Array,
    rest: float,
    start: Array,
    tol: float,
    most: int,
) -> tuple[Array, Array, Array, int, int]:
    """z, ν, λ, 0 if they have converged, iterations; with the slacks last: Hessian H of the others, h of the slacks.

    `rest` is the constant of the objective, in units of which the gap is measured; for the rest see `normal_matrix`.
    """
    base, line = rows[0], rows[5]
    n, m, q, r, k = start.size, c.size, e.size, H.shape[0], h.size
    count = base.shape[0]
    wide_rows = 0
    for i in range(k):
        wide_rows = k if line[i] < 0 else wide_rows
    wide, M, W = np.empty((wide_rows, r)), np.empty((r, r)), np.empty((BLOCK, r))
    rho, kappa, b = np.empty(k + 1), np.empty(k + 1), np.empty(count + r + 1)
    half, schur, equal = np.empty((q, n + 1)), np.empty((q, q)), np.empty((q, n + 1))
    z, dz, push, rd, more = (
        np.empty(n + 1), np.empty(n + 1), np.empty(n + 1), np.empty(n + 1), np.empty(n + 1),
    )  # fmt: skip
    nu, dnu, re = np.empty(q), np.empty(q), np.empty(q)
    s, lam, ds, dlam = np.empty(m), np.empty(m), np.empty(m), np.empty(m)
    rc, ratio, inverse, u = np.empty(m), np.empty(m), np.empty(m), np.empty(m)
    kept_z, kept_nu, kept_lam = np.empty(n), np.empty(q), np.empty(m)
    copied(start, z[:n])
    copied(start, kept_z)
    z[n] = 0.0
    for i in range(q):
        nu[i], kept_nu[i], equal[i, n] = 0.0, 0.0, 0.0
        copied(E[i], equal[i, :n])
    turned = np.empty((n if r == 0 else 0, q))
    for i in range(turned.shape[0]):
        for j in range(q):
            turned[i, j] = E[j, i]
    size = max(1.0, largest(g))
    top = max(largest(H.reshape(r * r)), largest(h))
    delta = 1e-14 * (1.0 + top)
    linear = top == 0.0
    before = np.inf
    dual = 1e-300
    K, firm = np.empty((r, r)), np.empty(q)
    held(H, equal, n, size + top, K, firm)
    along(rows, z, b)
    gathered(rows, b, z, rc)
    measures(rows, b, u)
    for p in range(m):
        s[p], lam[p] = max(rc[p] + c[p], u[p]), size / u[p]
    copied(lam, kept_lam)
    for it in range(most + 1):
        value = curved(H, h, g, equal, z, nu, push) + rest
        backward(rows, lam, b, rd)
        for i in range(n):
            rd[i] = push[i] - rd[i]
        equalities(equal, e, z, re)
        along(rows, z, b)
        gathered(rows, b, z, rc)
        for p in range(m):
            rc[p] += c[p] - s[p]
        gap = product(s, lam)
        mu = gap / m
        reach = 1.0 + largest(z)
        slope, off = largest(rd[:n]) / size, largest(rc) + largest(re)
        share = max(gap, missing(s, rc, lam)) / (1.0 + abs(value))
        if not slope + off + share < np.inf:
            return kept_z, kept_nu, kept_lam, 1 if before > NEAR else 0, it
        error = max(slope, max(off / reach, share))
        if error <= tol:
            return z[:n], nu, lam, 0, it
        # rounding may end progress before the tolerance is met, or undo it
        if before <= NEAR and not error < 0.5 * before:
            return kept_z, kept_nu, kept_lam, 0, it
        end = 0 if error <= NEAR else 1
        if error <= NEAR:
            copied(z, kept_z)
            copied(nu, kept_nu)
            copied(lam, kept_lam)
        if it == most or not reach < 1e12 or not largest(lam) < 1e14 * size:
            return z[:n], nu, lam, end, it
        before = error
        weights(s, lam, inverse, ratio)
        if not normal(
            K, h, rows, ratio, equal, M, W, b, rho, wide, kappa, half, schur, firm, turned, delta, dual
        ):
            return z[:n], nu, lam, end, it
        for i in range(q if it == 0 else 0):
            dual = max(dual, 1e-12 * product(equal[i], half[i]))
        for i in range(q):
            moved(push, firm[i] * re[i], equal[i])
        for p in range(m):
            u[p] = ratio[p] * rc[p]
        direction(M, rows, rho, wide, kappa, half, schur, equal, push, u, re, b, dz, dnu)
        gathered(rows, b, dz, ds)
        steps(ratio, u, lam, rc, ds, dlam)
        sigma = (ahead(s, lam, ds, dlam, longest(s, ds), longest(lam, dlam)) / gap) ** 3
        goal = max(sigma * mu, 0.03 * tol * (1.0 + abs(value)) / m)
        corrected(ratio, rc, inverse, ds, dlam, goal, u)
        direction(M, rows, rho, wide, kappa, half, schur, equal, push, u, re, b, dz, dnu)
        if share < FINE:
            refined(
                H, h, M, rows, rho, wide, kappa, half, schur, equal, firm,
                push, ratio, u, re, b, dz, dnu, 0.1 * tol * size, ds, rd, more,
            )  # fmt: skip
        gathered(rows, b, dz, ds)
        steps(ratio, u, lam, rc, ds, dlam)
        keep = max(0.995, 1.0 - mu / size)
        ahead_s, ahead_lam = keep * longest(s, ds), keep * longest(lam, dlam)
        if min(ahead_s, ahead_lam) < SHORT:  # what was seen ahead is out of reach: back to the middle
            centred(ratio, rc, inverse, 0.5 * mu, u)
            direction(M, rows, rho, wide, kappa, half, schur, equal, push, u, re, b, dz, dnu)
            gathered(rows, b, dz, ds)
            steps(ratio, u, lam, rc, ds, dlam)
            ahead_s, ahead_lam = keep * longest(s, ds), keep * longest(lam, dlam)
        if not largest(dz) < np.inf or not largest(dlam) < np.inf:
            return z[:n], nu, lam, end, it
        if not linear:  # one step for both: the dual residual of a quadratic couples them
            ahead_s = min(ahead_s, ahead_lam)
            ahead_lam = ahead_s
        moved(z, ahead_s, dz)
        moved(s, ahead_s, ds)
        moved(nu, ahead_lam, dnu)
        moved(lam, ahead_lam, dlam)
        lifted(s, lam, CENTRAL * product(s, lam) / m)
    return z[:n], nu, lam, 1, most


def fits(unknowns: int, equalities: int, inequalities: int) -> bool:
    """Whether the compiled code is meant for problems of this size."""
    size = unknowns + equalities
    return size <= LARGEST and inequalities > 0 and inequalities * unknowns <= ENTRIES


def convex(H: Array) -> bool:
    """Whether H is positive semidefinite, to rounding."""
    try:
        np.linalg.cholesky(H + 1e-10 * (1.0 + np.abs(H).max(initial=0.0)) * np.eye(len(H)))
    except np.linalg.LinAlgError:
        return False
    return True


def arranged_program(functions: Functions, z: Array) -> tuple[Array, tuple[Any, ...]] | None:
    """The order of the variables, slacks last, and what `interior` takes before the start; None if not for it."""
    v = functions.values(z)
    if not v.finite() or not fits(z.size, v.e.size, v.c.size):
        return None
    H = np.ascontiguousarray(functions.hessian(z, np.zeros(v.e.size), np.zeros(v.c.size)))
    if not np.isfinite(H).all():
        return None
    E, C = np.ascontiguousarray(v.E), np.ascontiguousarray(v.C)
    order, (core, h, g, equal, rows) = slacks_apart(H, v.g - H @ z, E, C)
    if not convex(core):  # slacks are convex, being slacks
        return None
    rest = float(v.f - v.g @ z + 0.5 * (z @ H @ z))
    return order, (core, h, g, equal, v.e - E @ z, rows, v.c - C @ z, rest)


def solve_program(
    functions: Functions,
    z: Array,
    *,
    arranged: Callable[[Functions, Array], tuple[Array, tuple[Any, ...]] | None] = arranged_program,
    tol: float = 1e-10,
    max_iterations: int = 60,
    watch: Callable[[int, Array, float, float], bool] | None = None,
) -> Answer:
    """Of a problem with constant Hessian and Jacobians; `LIMIT` where it is not for this code or does not converge."""
    v = functions.values(z)
    made = arranged(functions, z)
    if made is None:
        return Answer(z, np.zeros(v.e.size), np.zeros(v.c.size), LIMIT, 0)
    order, parts = made
    found, nu, lam, status, count = interior(*parts, z[order], tol, max_iterations)
    end = np.empty(z.size)
    end[order] = found
    answer = Answer(end, nu, lam, CONVERGED if status == 0 else LIMIT, int(count))
    if watch is not None and status == 0:  # both ends of the run
        answer.objective = [v.f, functions.values(end).f]
        watch(0, z, answer.objective[0], np.inf)
        watch(int(count), end, answer.objective[1], tol)
    return answer
