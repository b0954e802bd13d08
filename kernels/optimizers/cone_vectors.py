"""What a step of the cone program is made of, in NumPy; `cone_loops` has the same as plain loops, compiled once.

`cones` says where the cones lie: here as `second_order.Cones`, in loops as numbers. The scaling of Nesterov and Todd is
three arrays, `roots` of the orthant, `mean` and `eta` of the other cones. Results are written into the last arguments.
"""

from __future__ import annotations

import numpy as np
import scipy.linalg

from ..oracle import Array, Matrix, Vector
from .second_order import Cones, Scaling


def residuals(
    Q: Matrix,
    c: Vector,
    E: Matrix,
    e: Vector,
    G: Matrix,
    g: Vector,
    cones: Cones,
    x: Vector,
    nu: Vector,
    s: Vector,
    z: Vector,
    rx: Vector,
    ry: Vector,
    rs: Vector,
) -> float:
    """Qx + c − Eᵀν − Gᵀz, Ex + e, s − Gx − g; the objective without its constant."""
    bent = Q @ x
    rx[...] = bent + c - E.T @ nu - G.T @ z
    ry[...] = E @ x + e
    rs[...] = s - G @ x - g
    return float(x @ (c + 0.5 * bent))


def rooms(cones: Cones, s: Vector) -> tuple[Vector, Vector, Vector, Vector]:
    """Room for a scaling and for λ."""
    m = cones.orthant
    return np.empty(m), np.empty(s.size - m), np.empty(cones.sizes.size), np.empty(s.size)


def degree(cones: Cones) -> int:
    """⟨e, e⟩"""
    return cones.degree


def product(s: Vector, z: Vector) -> float:
    """sᵀz"""
    return float(s @ z)


def largest(x: Vector) -> float:
    """max |xᵢ|, 0 of nothing; NaN where one is."""
    return float(np.abs(x).max(initial=0.0))


def copied(x: Vector, to: Vector) -> None:
    """The entries of x in another array."""
    to[...] = x


def moved(x: Vector, t: float, dx: Vector) -> None:
    """x += t dx"""
    x += t * dx


def first_point(
    Q: Matrix,
    c: Vector,
    E: Matrix,
    e: Vector,
    G: Matrix,
    g: Vector,
    cones: Cones,
    x: Vector,
    nu: Vector,
    s: Vector,
    z: Vector,
) -> bool:
    """Where a run begins; False where the matrices allow none."""
    there, M, L, S = factors(Q + G.T @ G, E)
    if not there:
        return False
    solve_system(M, E, L, S, -c - G.T @ g, -e, 2, x, nu)
    s[...] = G @ x + g
    z[...] = -s
    for a in (s, z):
        depth = cones.depth(a)
        if not depth > 1e-2:
            a += (1.0 - depth) * cones.unit
    return True


def scaling(
    cones: Cones, s: Vector, z: Vector, roots: Vector, mean: Vector, eta: Vector, lam: Vector
) -> None:
    """W of s and z, and λ = Wz."""
    W = Scaling.at(cones, s, z)
    roots[...], mean[...], eta[...] = W.roots, W.mean, W.eta
    lam[...] = W.times(z)


def normal_matrix(Q: Matrix, G: Matrix, cones: Cones, roots: Vector, mean: Vector, eta: Vector) -> Matrix:
    """Q + Gᵀ W⁻² G"""
    return np.asarray(Q + cones.gram(G).scaled(Scaling(cones, roots, mean, eta)))


def factors(M: Matrix, E: Matrix) -> tuple[bool, Matrix, Matrix, Matrix]:
    """Whether there are any; M, lifted by rounding where it is singular; Cholesky factors of it and of E M⁻¹ Eᵀ."""
    nothing = np.zeros((0, 0))
    if not np.isfinite(M).all():
        return False, M, nothing, nothing
    for lift in (0.0, 1e-13):
        try:
            main = np.diagonal(M)
            least = 1e-3 * float(main.max(initial=1.0))
            lifted = M if lift == 0.0 else M + np.diag(lift * np.maximum(main, least))
            L = scipy.linalg.cholesky(lifted, lower=True)
            half = scipy.linalg.solve_triangular(L, E.T, lower=True)
            small = half.T @ half
            S = scipy.linalg.cholesky(small + 1e-15 * np.diag(np.diagonal(small)), lower=True)
            return True, lifted, L, S
        except (np.linalg.LinAlgError, ValueError):
            continue
    return False, M, nothing, nothing


def solve_system(
    M: Matrix, E: Matrix, L: Matrix, S: Matrix, p: Vector, q: Vector, turns: int, x: Vector, nu: Vector
) -> None:
    """Mx − Eᵀν = p, Ex = q, in as many turns: M is ill-conditioned near the boundary."""
    x[...], nu[...] = 0.0, 0.0
    for turn in range(turns):
        first, second = (p, q) if turn == 0 else (p - M @ x + E.T @ nu, q - E @ x)
        dx = scipy.linalg.cho_solve((L, True), first)
        if q.size:
            dnu = scipy.linalg.cho_solve((S, True), second - E @ dx)
            dx = scipy.linalg.cho_solve((L, True), first + E.T @ dnu)
            nu += dnu
        x += dx


def affine_target(cones: Cones, lam: Vector, target: Vector) -> None:
    """−λ ∘ λ"""
    target[...] = -cones.product(lam, lam)


def corrected_target(
    cones: Cones,
    roots: Vector,
    mean: Vector,
    eta: Vector,
    lam: Vector,
    ds: Vector,
    dz: Vector,
    goal: float,
    target: Vector,
) -> None:
    """goal · e − λ ∘ λ − W⁻¹Δs ∘ WΔz"""
    W = Scaling(cones, roots, mean, eta)
    second = cones.product(W.times(ds, inverse=True), W.times(dz))
    target[...] = goal * cones.unit - cones.product(lam, lam) - second


def newton_step(
    G: Matrix,
    M: Matrix,
    E: Matrix,
    L: Matrix,
    S: Matrix,
    cones: Cones,
    roots: Vector,
    mean: Vector,
    eta: Vector,
    lam: Vector,
    target: Vector,
    share: float,
    turns: int,
    rx: Vector,
    ry: Vector,
    rs: Vector,
    dx: Vector,
    dnu: Vector,
    ds: Vector,
    dz: Vector,
) -> None:
    """Δx, Δν, Δs, Δz for λ ∘ (WΔz + W⁻¹Δs) = target, the residuals lowered by a share.

    turns  those of the linear system
    """
    W = Scaling(cones, roots, mean, eta)
    q = cones.quotient(target, lam)
    rest = W.times(q + share * W.times(rs, inverse=True), inverse=True)
    solve_system(M, E, L, S, -share * rx + G.T @ rest, -share * ry, turns, dx, dnu)
    ds[...] = G @ dx - share * rs
    dz[...] = W.times(q - W.times(ds, inverse=True), inverse=True)


def longest_step(cones: Cones, x: Array, dx: Array) -> float:
    """The longest step along dx that stays in the cones, at most 1/ε."""
    return cones.longest(x, dx)
