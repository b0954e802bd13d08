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

from ..apart import apart
from ..oracle import Array
from ..special import compiled
from .interior_point import CONVERGED, LIMIT, Answer, Functions
from .normal_matrix import (
    Directions,
    along,
    arranged,
    backward,
    directions,
    eliminate_slacks,
    factor,
    forward,
    gathered,
    solve_normal,
    substitute,
)

#: Unknowns and equalities, and inequalities, up to which the compiled code is used.
LARGEST, ROWS = 2500, 6000
#: What is accepted where rounding stops the iteration before the tolerance is met.
NEAR = 1e-8


@compiled
def largest(x: Array) -> float:
    """max |xᵢ|, 0 of nothing; NaN where one is."""
    found = 0.0
    for i in range(x.size):
        if not abs(x[i]) <= found:
            found = abs(x[i])
    return found


@compiled
def longest(x: Array, dx: Array) -> float:
    """The longest step at most 1 that keeps x + t dx ≥ 0."""
    t = 1.0
    for i in range(x.size):
        if x[i] + t * dx[i] < 0.0:  # rarely: a division for each would take longer
            t = -x[i] / dx[i]
    return t


@apart
def newton(
    system: tuple[Array, Array, Array, Array],
    schur: Array,
    half: Array,
    E: Array,
    rows: Directions,
    ratio: Array,
    s: Array,
    rd: Array,
    re: Array,
    rc: Array,
    rs: Array,
) -> tuple[Array, Array, Array, Array]:
    """dz, dν, dλ, ds of   K dz − Eᵀdν = …,  E dz = −re,  ds = C dz + rc,  s dλ + λ ds = −rs."""
    M, rho, wide, kappa = system
    p = -rd
    b = solve_normal(M, rows, rho, wide, kappa, p, rs / s + ratio * rc)
    dnu = np.zeros(re.size)
    if re.size:
        dnu = -re - E @ p
        substitute(schur, dnu)
        p += half.T @ dnu
        b = along(rows, p[: M.shape[0]])
    ds = gathered(rows, b, p) + rc
    return p, dnu, -rs / s - ratio * ds, ds


@compiled
def slacks_apart(
    H: Array, g: Array, E: Array, C: Array
) -> tuple[Array, tuple[Array, Array, Array, Array, tuple[Array, Array, Array]]]:
    """The order of the variables with their slacks last, and the arguments H, h, g, E, rows of `interior`."""
    order, r, owner = arranged(H, C)
    m, n = C.shape
    core, main = np.empty((r, r)), np.empty((m, r))
    h, own = np.zeros(n - r), np.zeros(m)
    for a in range(r):
        for b in range(r):
            core[a, b] = H[order[a], order[b]]
    for a in range(r, n):
        h[a - r] = H[order[a], order[a]]
    for p in range(m):
        for a in range(r):
            main[p, a] = C[p, order[a]]
        if owner[p] >= 0:
            own[p] = C[p, order[owner[p]]]
    equal = np.empty(E.shape)
    for i in range(E.shape[0]):
        for a in range(n):
            equal[i, a] = E[i, order[a]]
    return order, (core, h, g[order], equal, (main, own, owner))


@apart
def interior(
    H: Array,
    h: Array,
    g: Array,
    E: Array,
    e: Array,
    rows: tuple[Array, Array, Array],
    c: Array,
    z: Array,
    tol: float,
    most: int,
) -> tuple[Array, Array, Array, int, int]:
    """The same with the slacks last: Hessian H of the others, h of the slacks; see `normal_matrix`."""
    n, m, r = z.size, c.size, H.shape[0]
    lines = directions(rows[0], rows[1], rows[2], h.size)
    several = False
    for q in lines.line:
        several = several or q < 0
    wide = np.empty((h.size if several else 0, r))
    M, W = np.empty((r, r)), np.empty((lines.base.shape[0] + (m + h.size if several else 0), r))
    rho, kappa, none = np.empty(h.size), np.empty(h.size), np.empty(0)
    nu = np.zeros(e.size)
    size = 1.0
    for i in range(n):
        size = max(size, abs(g[i]))
    before = np.inf
    kept = (z, nu, nu)
    delta = 1e-14 * (1.0 + max(largest(H.ravel()), largest(h)))
    s = np.maximum(forward(lines, z) + c, 1.0)
    lam = np.full(m, size)
    for it in range(most):
        curved, products = np.empty(n), H @ z[:r]
        for i in range(r):
            curved[i] = products[i]
        for i in range(r, n):
            curved[i] = h[i - r] * z[i]
        rd = curved + g - backward(lines, lam, n)
        if e.size:
            rd -= E.T @ nu
        re = E @ z + e
        rc = forward(lines, z) + c - s
        gap = np.dot(s, lam)
        mu = gap / m
        value = 0.5 * np.dot(z, curved) + np.dot(g, z)
        worst = max(largest(rc), largest(re))
        reach = 1.0 + largest(z)
        error = max(largest(rd) / size, worst / reach, gap / (1.0 + abs(value)))
        if error <= tol:
            return z, nu, lam, 0, it
        # rounding may end progress before the tolerance is met, or undo it
        if before <= NEAR and not error < 0.5 * before:
            return kept[0], kept[1], kept[2], 0, it
        end = 0 if error <= NEAR else 1
        if error <= NEAR:
            kept = (z.copy(), nu.copy(), lam.copy())
        if not reach < 1e12 or not largest(lam) < 1e14 * size:
            return z, nu, lam, end, it
        before = error
        ratio = lam / s
        shift, definite = 1e-15, False
        for _ in range(4):  # rounding makes K indefinite where λ/s is huge
            eliminate_slacks(H, h, lines, ratio, M, W, rho, wide, kappa)
            for i in range(r):
                M[i, i] += delta + shift * M[i, i]
            definite = factor(M)
            if definite:
                break
            shift *= 30.0
        if not definite:
            return z, nu, lam, end, it
        system = (M, rho, wide, kappa)
        half = E.copy()
        schur = np.empty((e.size, e.size))
        if e.size:
            for i in range(e.size):
                solve_normal(M, lines, rho, wide, kappa, half[i], none)
            schur = E @ half.T
            for i in range(e.size):
                schur[i, i] += 1e-14 * schur[i, i] + 1e-300
            if not factor(schur):
                return z, nu, lam, end, it
        dz, dnu, dlam, ds = newton(system, schur, half, E, lines, ratio, s, rd, re, rc, s * lam)
        a, b = longest(s, ds), longest(lam, dlam)
        ahead = np.dot(s + a * ds, lam + b * dlam) / m
        sigma = (ahead / mu) ** 3
        dz, dnu, dlam, ds = newton(
            system, schur, half, E, lines, ratio, s, rd, re, rc, s * lam + ds * dlam - sigma * mu
        )
        keep = max(0.995, 1.0 - mu / size)
        a, b = min(1.0, keep * longest(s, ds)), min(1.0, keep * longest(lam, dlam))
        t = min(a, b)  # one step for both: the dual residual of a quadratic couples them
        z += t * dz
        s += t * ds
        nu += t * dnu
        lam += t * dlam
    return z, nu, lam, 1, most


def fits(unknowns: int, equalities: int, inequalities: int) -> bool:
    """Whether the compiled code is meant for problems of this size."""
    return unknowns + equalities <= LARGEST and 0 < inequalities <= ROWS


def convex(H: Array) -> bool:
    """Whether H is positive semidefinite, to rounding."""
    try:
        np.linalg.cholesky(H + 1e-10 * (1.0 + np.abs(H).max(initial=0.0)) * np.eye(len(H)))
    except np.linalg.LinAlgError:
        return False
    return True


def arranged_program(functions: Functions, z: Array) -> tuple[Array, tuple[Any, ...]] | None:
    """The order of the variables, slacks last, and H, h, g, E, e, rows, c of `interior`; None if not for this code."""
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
    return order, (core, h, g, equal, v.e - E @ z, rows, v.c - C @ z)


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
