"""What a step of the interior point is made of, in NumPy.

`interior_loops` has the same functions as plain loops, for small problems whose run is compiled whole. Arrays of the
state are changed in place.
"""

from __future__ import annotations

import numpy as np
import scipy.linalg

from ..oracle import Matrix, Vector
from .saddle_point import by_complement, factorised


def finite(f: float, g: Vector, e: Vector, E: Matrix, c: Vector, C: Matrix) -> bool:
    """Whether all is finite."""
    return all(bool(np.isfinite(part).all()) for part in (f, g, e, c, E, C))


def finite_matrix(H: Matrix) -> bool:
    """Whether all entries are finite, and their sum."""
    return bool(np.isfinite(H.sum()))


def greatest(x: Vector) -> float:
    """max |xᵢ|, 0 of nothing."""
    return float(np.abs(x).max(initial=0.0))


def scaled_by(t: float, x: Vector) -> Vector:
    """tx"""
    return t * x


def stepped(x: Vector, t: float, dx: Vector) -> Vector:
    """x + t dx"""
    return x + t * dx


def stored(x: Vector, to: Vector) -> None:
    """The entries of x in another array."""
    to[...] = x


def first_slacks(c: Vector, s: Vector) -> None:
    """s = c where that is well inside, else a number of its size."""
    s[...] = np.where(c > 1e-3, c, np.maximum(0.1, np.abs(c)))


def shares(mu: float, s: Vector, lam: Vector) -> None:
    """λ = μ/s"""
    lam[...] = mu / s


def first_multipliers(E: Matrix, slope: Vector, nu: Vector) -> None:
    """The ν for which Eᵀν is next to the slope; 0 where they are huge."""
    if nu.size:
        nu[...] = np.linalg.lstsq(E.T, slope, rcond=None)[0]
        if not greatest(nu) <= 1e3:
            nu[...] = 0.0


def lagrangian_slope(
    scale: float, g: Vector, E: Matrix, nu: Vector, C: Matrix, lam: Vector, found: Vector
) -> None:
    """scale · ∇f − Eᵀν − Cᵀλ"""
    found[...] = scale * g - E.T @ nu - C.T @ lam


def error(dual: Vector, e: Vector, c: Vector, s: Vector, nu: Vector, lam: Vector, mu: float) -> float:
    """The scaled error of the perturbed conditions (Wächter & Biegler, eq. 5)."""
    m = nu.size + lam.size
    size = max(100.0, (np.abs(nu).sum() + np.abs(lam).sum()) / m) / 100.0 if m else 1.0
    parts = (greatest(dual) / size, greatest(e), greatest(c - s), greatest(s * lam - mu) / size)
    return float(max(parts))


def infeasible(e: Vector, c: Vector, s: Vector) -> float:
    """How far the conditions are from holding."""
    return max(greatest(e), greatest(c - s))


def reduced(scale: float, H: Matrix, C: Matrix, s: Vector, lam: Vector) -> Matrix:
    """scale · H + Cᵀ diag(λ/s) C"""
    return np.asarray(scale * H + C.T @ ((lam / s)[:, None] * C))


def toward(
    M: Matrix,
    E: Matrix,
    dual: Vector,
    e: Vector,
    c: Vector,
    C: Matrix,
    s: Vector,
    lam: Vector,
    mu: float,
    last: float,
    least: float,
    dz: Vector,
    ds: Vector,
    dnu: Vector,
    dlam: Vector,
) -> tuple[bool, float]:
    """Whether there is one, and the shift δ ≥ least of M: Newton's step in z, s, ν and λ towards s ∘ λ = μ.

    last  the δ of the step before
    """
    rest = mu / s - lam - (lam / s) * (c - s)
    found, shift, step = solved(M, E, np.concatenate([C.T @ rest - dual, -e]), last, least)
    dz[...], dnu[...] = step[: dz.size], -step[dz.size :]
    ds[...] = C @ dz + (c - s)
    dlam[...] = mu / s - lam - (lam / s) * ds
    return found, shift


def solved(M: Matrix, E: Matrix, right: Vector, last: float, least: float) -> tuple[bool, float, Vector]:
    """Whether there is one, δ, and x with [[M + δI, Eᵀ], [E, −ε]] x = right; see `saddle_point`."""
    direct = by_complement(M, E) if E.shape[0] and last == least == 0.0 else None
    if direct is not None:
        return True, 0.0, direct(right)
    try:
        factor, shift = factorised(M, E, last, least)
    except (np.linalg.LinAlgError, ValueError):
        return False, 0.0, np.zeros(right.size)
    solve = scipy.linalg.lu_solve if E.shape[0] else scipy.linalg.cho_solve
    return True, shift, np.asarray(solve(factor, right))


def step_within(x: Vector, dx: Vector, keep: float) -> float:
    """The longest step, at most 1, that leaves the given share of every entry."""
    falling = dx < 0
    if not falling.any():
        return 1.0
    return float(min(1.0, keep * (-x[falling] / dx[falling]).min()))


def merit(f: float, e: Vector, c: Vector, s: Vector, mu: float, penalty: float) -> float:
    """f − μ Σ log s + ρ(‖e‖₁ + ‖c − s‖₁)"""
    barrier = mu * float(np.log(s).sum()) if s.size else 0.0
    return f - barrier + penalty * float(np.abs(e).sum() + np.abs(c - s).sum())


def within_reach(s: Vector, lam: Vector, mu: float) -> None:
    """Multipliers stay within a factor of μ/s (Wächter & Biegler, eq. 16)."""
    if s.size and mu > 0.0:
        lam[...] = np.clip(lam, mu / (1e10 * s), 1e10 * mu / s)
