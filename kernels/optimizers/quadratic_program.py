"""Convex quadratic programs of moderate size, compiled from start to end.

    minimise ½ zᵀHz + gᵀz    subject to   Ez + e = 0,  Cz + c ≥ 0

Mehrotra's predictor–corrector: the affine step decides how far the barrier is lowered, its second-order error is put
on the right-hand side, and both use one Cholesky factor of K = H + Cᵀ diag(λ/s) C + δI, equalities through the Schur
complement E K⁻¹ Eᵀ. δ is at rounding level and makes linear programs regular. What does not converge is left to
`interior_point`, which also polishes the answer.
Sources: Mehrotra, SIAM J. Optim. 2 (1992); Nocedal & Wright, Numerical Optimization (2nd ed.), algorithm 16.4.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..oracle import Array
from ..special import compiled
from .interior_point import CONVERGED, LIMIT, Answer, Functions

#: Unknowns and equalities, and inequalities, up to which the compiled code is used.
LARGEST, ROWS = 250, 2000
#: What is accepted where rounding stops the iteration before the tolerance is met.
NEAR = 1e-8


@compiled
def factor(a: Array) -> bool:
    """The lower triangle of A becomes its Cholesky factor; False where A is not definite."""
    n = a.shape[0]
    for i in range(n):
        row = a[i]
        for j in range(i + 1):
            other = a[j]
            t = row[j]
            for k in range(j):
                t -= row[k] * other[k]
            if i > j:
                row[j] = t / other[j]
            elif not t > 0.0:
                return False
            else:
                row[j] = np.sqrt(t)
    return True


@compiled
def substitute(a: Array, b: Array) -> None:
    """b becomes A⁻¹b, A given by its factor."""
    n = b.size
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
def longest(x: Array, dx: Array) -> float:
    """The longest step at most 1 that keeps x + t dx ≥ 0."""
    t = 1.0
    for i in range(x.size):
        if dx[i] < 0.0 and -x[i] / dx[i] < t:
            t = -x[i] / dx[i]
    return t


@compiled
def newton(
    k: Array,
    schur: Array,
    half: Array,
    E: Array,
    C: Array,
    ratio: Array,
    s: Array,
    rd: Array,
    re: Array,
    rc: Array,
    rs: Array,
) -> tuple[Array, Array, Array, Array]:
    """dz, dν, dλ, ds of   K dz − Eᵀdν = …,  E dz = −re,  ds = C dz + rc,  s dλ + λ ds = −rs."""
    p = -rd - C.T @ (rs / s + ratio * rc)
    substitute(k, p)
    dnu = np.zeros(re.size)
    if re.size:
        dnu = -re - E @ p
        substitute(schur, dnu)
        p += half.T @ dnu
    ds = C @ p + rc
    return p, dnu, -rs / s - ratio * ds, ds


@compiled
def program(
    H: Array, g: Array, E: Array, e: Array, C: Array, c: Array, z: Array, tol: float, most: int
) -> tuple[Array, Array, Array, int, int]:
    """`(z, ν, λ, status, iterations)`; status 0: all conditions hold within the tolerance."""
    n, m = z.size, c.size
    z = z.copy()
    nu = np.zeros(e.size)
    size = 1.0
    for i in range(n):
        size = max(size, abs(g[i]))
    delta = 1e-14 * (1.0 + np.max(np.abs(H)))
    s = np.maximum(C @ z + c, 1.0)
    lam = np.full(m, size)
    for it in range(most):
        rd = H @ z + g - C.T @ lam
        if e.size:
            rd -= E.T @ nu
        re = E @ z + e
        rc = C @ z + c - s
        mu = np.dot(s, lam) / m
        gap = np.dot(s, lam)
        value = 0.5 * np.dot(z, H @ z) + np.dot(g, z)
        worst = np.max(np.abs(rc)) if m else 0.0
        if e.size:
            worst = max(worst, np.max(np.abs(re)))
        reach = 1.0 + np.max(np.abs(z))
        if np.max(np.abs(rd)) <= tol * size and worst <= tol * reach and gap <= tol * (1.0 + abs(value)):
            return z, nu, lam, 0, it
        if not reach < 1e12 or not np.max(lam) < 1e14 * size:
            return z, nu, lam, 1, it
        ratio = lam / s
        k = H + C.T @ (ratio.reshape((m, 1)) * C)
        plain, shift, definite = k.copy(), 1e-15, False
        for _ in range(4):  # rounding makes K indefinite where λ/s is huge
            for i in range(n):
                k[i, i] += delta + shift * k[i, i]
            definite = factor(k)
            if definite:
                break
            k[:, :] = plain
            shift *= 30.0
        if not definite:  # as far as rounding allows: good enough, or not
            near = (
                np.max(np.abs(rd)) <= NEAR * size
                and worst <= NEAR * reach
                and gap <= NEAR * (1.0 + abs(value))
            )
            return z, nu, lam, 0 if near else 1, it
        half = np.empty((e.size, n))
        schur = np.empty((e.size, e.size))
        if e.size:
            for i in range(e.size):
                half[i] = E[i]
                substitute(k, half[i])
            schur = E @ half.T
            for i in range(e.size):
                schur[i, i] += 1e-14 * schur[i, i] + 1e-300
            if not factor(schur):
                return z, nu, lam, 1, it
        dz, dnu, dlam, ds = newton(k, schur, half, E, C, ratio, s, rd, re, rc, s * lam)
        a, b = longest(s, ds), longest(lam, dlam)
        ahead = np.dot(s + a * ds, lam + b * dlam) / m
        sigma = (ahead / mu) ** 3
        dz, dnu, dlam, ds = newton(
            k, schur, half, E, C, ratio, s, rd, re, rc, s * lam + ds * dlam - sigma * mu
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


def solve(
    functions: Functions,
    z: Array,
    *,
    tol: float = 1e-10,
    max_iterations: int = 60,
    watch: Callable[[int, Array, float, float], bool] | None = None,
) -> Answer:
    """Of a problem with constant Hessian and Jacobians; `LIMIT` where it does not converge."""
    v = functions.values(z)
    H = functions.hessian(z, np.zeros(v.e.size), np.zeros(v.c.size))
    if not v.finite() or not np.isfinite(H).all():
        return Answer(z, np.zeros(v.e.size), np.zeros(v.c.size), LIMIT, 0)
    E, C = np.ascontiguousarray(v.E), np.ascontiguousarray(v.C)
    H = np.ascontiguousarray(H)
    found, nu, lam, status, count = program(
        H, v.g - H @ z, E, v.e - E @ z, C, v.c - C @ z, z, tol, max_iterations
    )
    answer = Answer(found, nu, lam, CONVERGED if status == 0 else LIMIT, int(count))
    if watch is not None and status == 0:
        w = functions.values(found)
        watch(0, z, v.f, np.inf)
        watch(int(count), found, w.f, tol)
        answer.objective = [v.f, w.f]
    return answer
