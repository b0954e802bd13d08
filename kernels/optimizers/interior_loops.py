"""What a step of the interior point is made of, as plain loops: `interior_vectors` for small problems, compiled once.

A run that is compiled with the kernels of its problem (`joined`, solver files) calls these by their symbols. The parts
of the loop that call neither are those of `interior_point`, their text compiled with the loops of this module.
"""

from __future__ import annotations

import numpy as np

from ..apart import elsewhere, inner
from ..oracle import Array
from . import interior_point
from .envelope import factor_envelope, forward_envelope, solve_envelope
from .indefinite import factor_indefinite, solve_indefinite
from .normal_matrix import BLOCK, added, factor, substitute
from .program_vectors import largest, moved, product

#: A row adds entry by entry where these are so few times its length.
THIN = 2


@inner
def spread(x: Array) -> float:
    """0; NaN where an entry is not finite."""
    found = 0.0
    for i in range(x.size):
        found += 0.0 * x[i]
    return found


@inner
def finite(f: float, g: Array, e: Array, E: Array, c: Array, C: Array) -> bool:
    """Whether all is finite."""
    seen = 0.0 * f + spread(g) + spread(e) + spread(c)
    for i in range(e.size):
        seen += spread(E[i])
    for p in range(c.size):
        seen += spread(C[p])
    return bool(seen == 0.0)


@inner
def finite_matrix(H: Array) -> bool:
    """Whether all entries are finite."""
    seen = 0.0
    for i in range(H.shape[0]):
        seen += spread(H[i])
    return bool(seen == 0.0)


@inner
def greatest(x: Array) -> float:
    """max |xᵢ|, 0 of nothing."""
    found: float = largest(x)
    return found


@inner
def scaled_by(t: float, x: Array) -> Array:
    """tx"""
    found = np.empty(x.size)
    for i in range(x.size):
        found[i] = t * x[i]
    return found


@inner
def stepped(x: Array, t: float, dx: Array) -> Array:
    """x + t dx"""
    found = np.empty(x.size)
    for i in range(x.size):
        found[i] = x[i] + t * dx[i]
    return found


@inner
def stored(x: Array, to: Array) -> None:
    """The entries of x in another array."""
    for i in range(x.size):
        to[i] = x[i]


@inner
def first_slacks(c: Array, s: Array) -> None:
    """s = c where that is well inside, else a number of its size."""
    for p in range(c.size):
        s[p] = c[p] if c[p] > 1e-3 else max(0.1, abs(c[p]))


@inner
def shares(mu: float, s: Array, lam: Array) -> None:
    """λ = μ/s"""
    for p in range(s.size):
        lam[p] = mu / s[p]


@inner
def first_multipliers(E: Array, slope: Array, nu: Array) -> None:
    """The ν for which Eᵀν is next to the slope; 0 where they are huge, or E has no independent rows."""
    q = nu.size
    square = np.empty((q, q))
    for i in range(q):
        for j in range(i + 1):
            square[i, j] = product(E[i], E[j])
        square[i, i] *= 1.0 + 1e-14
        nu[i] = product(E[i], slope)
    definite: bool = factor(square)
    if definite:
        substitute(square, nu)
    if not definite or not largest(nu) <= 1e3:
        for i in range(q):
            nu[i] = 0.0


@inner
def lagrangian_slope(scale: float, g: Array, E: Array, nu: Array, C: Array, lam: Array, found: Array) -> None:
    """scale · ∇f − Eᵀν − Cᵀλ"""
    for i in range(g.size):
        found[i] = scale * g[i]
    for i in range(nu.size):
        moved(found, -nu[i], E[i])
    for p in range(lam.size):
        moved(found, -lam[p], C[p])


@inner
def error(dual: Array, e: Array, c: Array, s: Array, nu: Array, lam: Array, mu: float) -> float:
    """The scaled error of the perturbed conditions (Wächter & Biegler, eq. 5)."""
    m = nu.size + lam.size
    total, most = 0.0, 0.0
    for i in range(nu.size):
        total += abs(nu[i])
    for p in range(lam.size):
        total += abs(lam[p])
        most = max(most, abs(s[p] * lam[p] - mu))
    size = max(100.0, total / m) / 100.0 if m > 0 else 1.0
    found: float = max(max(largest(dual), most) / size, infeasible(e, c, s))
    return found


@inner
def infeasible(e: Array, c: Array, s: Array) -> float:
    """How far the conditions are from holding."""
    most: float = largest(e)
    for p in range(c.size):
        most = max(most, abs(c[p] - s[p]))
    return most


@inner
def reduced(scale: float, H: Array, C: Array, s: Array, lam: Array) -> Array:
    """scale · H + Cᵀ diag(λ/s) C"""
    n, lines, several = H.shape[0], 0, False
    M, W, places = np.empty((n, n)), np.empty((BLOCK, n)), np.empty(n, np.int64)
    for i in range(n):
        row, given = M[i], H[i]
        for j in range(n):
            row[j] = scale * given[j]
    for p in range(s.size):
        row, entries = C[p], 0
        for j in range(n):
            places[entries] = j
            entries += 1 if row[j] != 0.0 else 0
        if entries * entries <= THIN * n:  # bounds, kinks
            for a in range(entries):
                i, pull = places[a], lam[p] / s[p] * row[places[a]]
                for b in range(entries):
                    M[i, places[b]] += pull * row[places[b]]
            continue
        root, line = np.sqrt(lam[p] / s[p]), W[lines]
        for j in range(n):
            line[j] = root * row[j]
        lines, several = lines + 1, True
        if lines == BLOCK:
            added(W, M)
            lines = 0
    added(W[:lines], M)
    for i in range(n if several else 0):  # H is symmetric
        for j in range(i):
            M[j, i] = M[i, j]
    return M


@inner
def toward(
    M: Array,
    E: Array,
    dual: Array,
    e: Array,
    c: Array,
    C: Array,
    s: Array,
    lam: Array,
    mu: float,
    last: float,
    least: float,
    dz: Array,
    ds: Array,
    dnu: Array,
    dlam: Array,
) -> tuple[bool, float]:
    """Whether there is one, and the shift δ ≥ least of M: Newton's step in z, s, ν and λ towards s ∘ λ = μ.

    last  the δ of the step before
    """
    n, m, q = dual.size, s.size, e.size
    x = np.empty(n + q)
    for j in range(n):
        x[j] = -dual[j]
    for p in range(m):
        moved(x, mu / s[p] - lam[p] - (lam[p] / s[p]) * (c[p] - s[p]), C[p])
    for i in range(q):
        x[n + i] = -e[i]
    there, shift = solved(M, E, x, last, least)
    for j in range(n):
        dz[j] = x[j]
    for i in range(q):
        dnu[i] = -x[n + i]
    for p in range(m):
        ds[p] = product(C[p], dz) + (c[p] - s[p])
        dlam[p] = mu / s[p] - lam[p] - (lam[p] / s[p]) * ds[p]
    return there, shift


@inner
def solved(M: Array, E: Array, x: Array, last: float, least: float) -> tuple[bool, float]:
    """Whether there is one, and δ: x becomes the y with [[M + δI, Eᵀ], [E, −ε]] y = x; see `saddle_point`."""
    n, q = M.shape[0], E.shape[0]
    if q > 0 and last == 0.0 and least == 0.0 and by_factors(M, E, x):
        return True, 0.0
    size = 1e-8
    for i in range(n):
        size = max(size, abs(M[i, i]))
    shift = least
    A, order, beside = np.empty((n + q, n + q)), np.empty(n + q, np.int64), np.empty(n + q)
    L = np.empty((n, n))
    for _ in range(60):
        for i in range(n):
            for j in range(n):
                A[i, j] = M[i, j]
            A[i, i] += shift
        if q == 0:
            if factor_envelope(A, L, order):
                solve_envelope(L, order, x)
                return True, shift
        else:
            for i in range(q):
                row = A[n + i]
                for j in range(n):
                    row[j] = E[i, j]
                for j in range(i):
                    row[n + j] = 0.0
                row[n + i] = -1e-15 * min(size, 1.0)
            if factor_indefinite(A, order, beside) == q:
                solve_indefinite(A, order, beside, x)
                return True, shift
        if shift == 0.0:
            shift = last / 3.0 if last > 0.0 else 1e-12 * size
        else:
            shift *= 8.0 if last > 0.0 else 100.0
    return False, 0.0


@inner
def by_factors(M: Array, E: Array, x: Array) -> bool:
    """The same without δ by the Cholesky factors of M and E M⁻¹ Eᵀ, refined once; False where there are none."""
    n, q = M.shape[0], E.shape[0]
    L, first, half, schur = np.empty((n, n)), np.empty(n, np.int64), np.empty((q, n)), np.empty((q, q))
    definite: bool = factor_envelope(M, L, first)
    if not definite:
        return False
    for i in range(q):
        forward_envelope(L, first, E[i], half[i])
        for j in range(i + 1):
            schur[i, j] = product(half[i], half[j])
        schur[i, i] *= 1.0 + 1e-15
    definite = factor(schur)
    if not definite:
        return False
    right, rest = np.empty(n + q), np.empty(n + q)
    for i in range(n + q):
        right[i] = rest[i] = x[i]
        x[i] = 0.0
    for _ in range(2):  # M is ill-conditioned near the boundary
        complemented(L, first, E, schur, rest)
        for i in range(n + q):
            x[i] += rest[i]
            rest[i] = right[i]
        for i in range(n):
            rest[i] -= product(M[i], x[:n])
        for i in range(q):
            moved(rest, -x[n + i], E[i])
            rest[n + i] -= product(E[i], x[:n])
    return True


@inner
def complemented(L: Array, first: Array, E: Array, schur: Array, x: Array) -> None:
    """x becomes the solution for the factors of M and of E M⁻¹ Eᵀ."""
    n, q = L.shape[0], E.shape[0]
    found, y = np.empty(n), np.empty(q)
    for j in range(n):
        found[j] = x[j]
    solve_envelope(L, first, found)
    for i in range(q):
        y[i] = product(E[i], found) - x[n + i]
    substitute(schur, y)
    for i in range(q):
        moved(x, -y[i], E[i])
        x[n + i] = y[i]
    solve_envelope(L, first, x)


@inner
def step_within(x: Array, dx: Array, keep: float) -> float:
    """The longest step, at most 1, that leaves the given share of every entry."""
    t = 1.0
    for i in range(x.size):
        if keep * x[i] + t * dx[i] < 0.0:
            t = -keep * x[i] / dx[i]
    return t


@inner
def merit(f: float, e: Array, c: Array, s: Array, mu: float, penalty: float) -> float:
    """f − μ Σ log s + ρ(‖e‖₁ + ‖c − s‖₁)"""
    logs, broken = 0.0, 0.0
    for i in range(e.size):
        broken += abs(e[i])
    for p in range(c.size):
        logs += np.log(s[p])
        broken += abs(c[p] - s[p])
    return f - mu * logs + penalty * broken


@inner
def within_reach(s: Array, lam: Array, mu: float) -> None:
    """Multipliers stay within a factor of μ/s (Wächter & Biegler, eq. 16)."""
    if mu > 0.0:
        for p in range(s.size):
            lam[p] = min(max(lam[p], mu / (1e10 * s[p])), 1e10 * mu / s[p])


noted = inner(elsewhere(interior_point.noted, globals()))
begin = inner(elsewhere(interior_point.begin, globals()))
ended = inner(elsewhere(interior_point.ended, globals()))
aimed = inner(elsewhere(interior_point.aimed, globals()))
accepted = inner(elsewhere(interior_point.accepted, globals()))
moved_on = inner(elsewhere(interior_point.moved_on, globals()))
