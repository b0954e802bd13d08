"""What a step of the cone program is made of, in NumPy; `cone_loops` has the same as plain loops, compiled once.

`cones` says where the cones lie: here as `second_order.Cones`, in loops as numbers. The scaling of Nesterov and Todd
is four arrays, `roots` of the orthant, `mean` and `eta` of the other cones, and λ. A program is its matrices, a system
what is factorised, with its factors. Results are written into the last arguments.
"""

from __future__ import annotations

import numpy as np
import scipy.linalg

from ..oracle import Array, Matrix, Vector
from .second_order import Cones, Scaling

#: Q, c, E, e, G, g
Program = tuple[Matrix, Vector, Matrix, Vector, Matrix, Vector]
#: M, its Cholesky factor, and that of E M⁻¹ Eᵀ
System = tuple[Matrix, Matrix, Matrix]
#: `roots`, `mean`, `eta` and λ
Scaled = tuple[Vector, Vector, Vector, Vector]
#: x, ν, s, z; and the residuals of the conditions for x, ν, s, and W⁻¹ of the last
Point = tuple[Vector, Vector, Vector, Vector]
Residual = tuple[Vector, Vector, Vector, Vector]


def sizes(program: Program) -> tuple[float, float, float]:
    """The largest of c, e and g."""
    return largest(program[1]), largest(program[3]), largest(program[5])


def residuals(program: Program, cones: Cones, system: System, point: Point, residual: Residual) -> float:
    """Qx + c − Eᵀν − Gᵀz, Ex + e, s − Gx − g; the objective without its constant."""
    Q, c, E, e, G, g = program
    x, nu, s, z = point
    rx, ry, rs, _ = residual
    bent = Q @ x
    rx[...] = bent + c - E.T @ nu - G.T @ z
    ry[...] = E @ x + e
    rs[...] = s - G @ x - g
    return float(x @ (c + 0.5 * bent))


def with_room(cones: Cones) -> Cones:
    """The cones for one run: here as they are."""
    return cones


def rooms(cones: Cones, s: Vector) -> Scaled:
    """Room for a scaling."""
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


def system_of(program: Program) -> System:
    """Room for a system."""
    n, q = program[1].size, program[3].size
    return np.empty((n, n)), np.empty((n, n)), np.empty((q, q))


def costs_little(system: System) -> bool:
    """Whether one more solution does beside the factors."""
    return True


def unscaled(cones: Cones, W: Scaled) -> None:
    """W becomes the identity."""
    W[0][...], W[1][...], W[2][...] = 1.0, cones.unit[cones.orthant :], 1.0


def inside(cones: Cones, a: Vector) -> None:
    """A multiple of e is added where the vector is not well inside the cones."""
    depth = cones.depth(a)
    if not depth > 1e-2:
        a += (1.0 - depth) * cones.unit


def scaling(cones: Cones, s: Vector, z: Vector, W: Scaled) -> None:
    """W of s and z."""
    roots, mean, eta, lam = W
    found = Scaling.at(cones, s, z)
    roots[...], mean[...], eta[...] = found.roots, found.mean, found.eta
    lam[...] = found.times(z)


def factors(program: Program, cones: Cones, W: Scaled, system: System) -> bool:
    """The system at W, of Q + Gᵀ W⁻² G; False where it has none. What is singular is lifted by rounding."""
    Q, _, E, _, G, _ = program
    M, L, S = system
    M[...] = Q + cones.gram(G).scaled(Scaling(cones, *W[:3]))
    if not np.isfinite(M).all():
        return False
    for lift in (0.0, 1e-13):
        try:
            main = np.diagonal(M)
            least = 1e-3 * float(main.max(initial=1.0))
            M += np.diag(lift * np.maximum(main, least))
            L[...] = scipy.linalg.cholesky(M, lower=True)
            half = scipy.linalg.solve_triangular(L, E.T, lower=True)
            small = half.T @ half
            S[...] = scipy.linalg.cholesky(small + 1e-15 * np.diag(np.diagonal(small)), lower=True)
            return True
        except (np.linalg.LinAlgError, ValueError):
            continue
    return False


def solve_system(program: Program, system: System, p: Vector, q: Vector, x: Vector, nu: Vector) -> None:
    """x and ν grow by the solution of Mx − Eᵀν = p, Ex = q."""
    E, (_, L, S) = program[2], system
    dx = scipy.linalg.cho_solve((L, True), p, check_finite=False)
    if q.size:
        dnu = scipy.linalg.cho_solve((S, True), q - E @ dx, check_finite=False)
        dx = scipy.linalg.cho_solve((L, True), p + E.T @ dnu, check_finite=False)
        nu += dnu
    x += dx


def corrected(cones: Cones, lam: Vector, u: Vector, goal: float, q: Vector) -> None:
    """q = λ \\ (goal e + u ∘ (λ + u)) − λ, for u = W⁻¹Δs of a step with WΔz = −λ − u."""
    q[...] = cones.quotient(goal * cones.unit + cones.product(u, lam + u), lam) - lam


def centred(cones: Cones, lam: Vector, u: Vector, q: Vector, t: float, least: float, most: float) -> None:
    """q += λ \\ (what brings the eigenvalues of (λ + tu) ∘ (λ + t(q − u)) between two numbers)."""
    found = cones.product(lam + t * u, lam + t * (q - u))
    q += cones.quotient(cones.bounded(found, least, most) - found, lam)


def smoothed(cones: Cones, unit: Vector, s: Vector, z: Vector, goal: float) -> None:
    """The s and z inside with s ∘ z = goal e whose difference is that of these, on the orthant that of s/u and zu."""
    m = cones.orthant
    s[:m] /= unit
    z[:m] *= unit
    cones.smooth(s, z, goal)
    s[:m] *= unit
    z[:m] /= unit


def turned(cones: Cones, s: Vector, z: Vector, ds: Vector, dz: Vector, side: Vector) -> int:
    """How many entries of the orthant a whole step sees on another side than the one before, which `side` keeps."""
    m = cones.orthant
    here = np.where(ds[:m] * z[:m] > dz[:m] * s[:m], 1.0, -1.0)
    found = int(np.count_nonzero(here != side))
    side[...] = here
    return found


def residual_scaled(cones: Cones, W: Scaled, residual: Residual) -> None:
    """W⁻¹ of the residual of s."""
    residual[3][...] = Scaling(cones, *W[:3]).times(residual[2], inverse=True)


def newton_step(
    program: Program,
    cones: Cones,
    W: Scaled,
    system: System,
    residual: Residual,
    q: Vector,
    share: float,
    turns: int,
    step: Point,
    u: Vector,
) -> None:
    """Δx, Δν, Δs, Δz with WΔz + W⁻¹Δs = q, the residuals lowered by a share; u = W⁻¹Δs.

    turns  those after the first take out what rounding left of the first two conditions
    """
    Q, _, E, _, G, _ = program
    by = Scaling(cones, *W[:3])
    dx, dnu, ds, dz = step
    rx, ry, rs, scaled = residual
    dx[...], dnu[...] = 0.0, 0.0
    dz[...] = by.times(q + share * scaled, inverse=True)
    for _ in range(turns):
        right = G.T @ dz + E.T @ dnu - Q @ dx - share * rx
        solve_system(program, system, right, -share * ry - E @ dx, dx, dnu)
        ds[...] = G @ dx - share * rs
        u[...] = by.times(ds, inverse=True)
        dz[...] = by.times(q - u, inverse=True)


def longest_step(cones: Cones, x: Array, dx: Array, most: float) -> float:
    """The longest step along dx that stays in the cones, at most so much."""
    return min(most, cones.longest(x, dx))
