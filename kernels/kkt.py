"""The conditions of Karush, Kuhn and Tucker as the proof of an answer.

For    minimise f(z)  subject to  e(z) = 0,  c(z) ≥ 0    with multipliers ν and λ ≥ 0:

    stationarity      max_i |∇f − Eᵀν − Cᵀλ|_i X_i / F
    feasibility       max |e_k| / m_k, max(−c_k) / m_k
    dual feasibility  max(−λ_k) m_k / F
    complementarity   (Σ |λ c| + Σ |ν e|) / F, for a convex problem the duality gap
    step ahead        what Newton's step along the active constraints would lower f by, over F

F, X and m are the sizes of objective, unknowns and conditions at the point (`natural`). What is judged is recomputed
by the interpreter from the statement, independently of kernels and solver; the objective in terms of the statement's
own unknowns is computed as well, and has to agree.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import scipy.linalg

from .certificate import PLATEAU, TOLERANCE, Guaranteed, by_name
from .natural import Natural, units_of
from .neighbourhood import Spectrum, falls_along, falls_outwards, level_part
from .optimizers.interior_point import Functions, Values
from .oracle import Array, Layout, Matrix, Vector
from .plateau import Plateau
from .settled import NO_END, STRICT_MINIMUM, UNTOLD

NAN = float("nan")
#: Curvature is looked at for so many unknowns.
CURVED = 400
EPS = float(np.finfo(np.float64).eps)


@dataclass(frozen=True)
class KktCertificate(Guaranteed):
    """The measured conditions of a constrained optimum at one point; see the module."""

    value: float
    stationarity: float
    primal: float
    dual: float
    complementarity: float
    mismatch: float = 0.0  # between the objective of the statement and that of the smooth form
    curvature: float | None = None
    where: str = ""
    tolerance: float = TOLERANCE
    drift: float = 0.0  # Newton's step along z relative to z, where the Lagrangian curves upwards along z
    ahead: float = 0.0  # what the objective would lose by Newton's step, over its size
    plateau: bool = False  # as of `Certificate`
    below: Mapping[str, Array] | None = field(default=None, repr=False, compare=False)
    proved: bool = False  # whether a stationary point is proved to be a global minimum
    stopped: bool = False  # as of `Certificate`
    kinks: tuple[str, ...] = ()  # at which the point lies, and for which no slack stands
    condition: float | None = None  # of the Hessian whose smallest eigenvalue is the curvature
    guarantee: Any = field(default=None, repr=False, compare=False)  # as of `Certificate`

    def faults(self) -> list[str]:
        """The conditions that do not hold, in words."""
        bound, found = self.tolerance, []
        if not np.isfinite(self.value):
            return ["the objective is not finite at this point"]
        if np.isnan(self.primal):
            return ["not judged"]
        if not self.primal <= bound:
            at = f", most at {self.where}" if self.where else ""
            found.append(f"constraints are violated by {self.primal:.1e}{at}")
        if not self.stationarity <= bound:
            found.append(f"the gradient of the Lagrangian is {self.stationarity:.1e}")
        if not self.dual <= bound:
            found.append(f"a multiplier has the wrong sign ({self.dual:.1e})")
        if not self.complementarity <= bound:
            found.append(f"complementarity is violated by {self.complementarity:.1e}")
        if not self.mismatch <= bound:
            found.append(f"the smooth form differs from the statement by {self.mismatch:.1e}")
        if not self.ahead <= bound and not found:
            found.append(f"Newton's step would lower the objective by {self.ahead:.1e} of its size")
        if self.kinks:
            found.append(
                f"the point is at a kink of {' and '.join(self.kinks)} that has slopes on both sides"
            )
        if self.drift > 1e-3 and not (self.stopped and found):
            found.append(
                "no minimum is attained: the objective keeps falling while the unknowns grow without bound; "
                "add a penalty or a constraint"
            )
        if self.plateau and not self.proved:
            found.append(PLATEAU)
        elif self.saddle():
            found.append(f"a saddle point: curvature {self.curvature:.1e} along the active constraints")
        return found

    @property
    def error(self) -> float:
        """The largest violation of the conditions of first order; infinite where one is not finite."""
        worst = max(self.stationarity, self.primal, self.dual, self.complementarity, self.mismatch)
        return worst if np.isfinite(worst) else np.inf

    def saddle(self) -> bool:
        """Whether the Lagrangian curves down, beyond rounding, where the active constraints stay active, or
        nothing is seen on a plateau."""
        curved = self.curvature is not None and self.curvature < -1e-7
        return (curved or self.plateau) and not self.proved

    def stationary(self) -> bool:
        """Whether every condition of first order holds."""
        return np.isfinite(self.value) and len(self.faults()) == int(self.saddle())

    def ok(self, tolerance: float | None = None) -> bool:
        """Whether every condition holds."""
        return not self.faults()

    def reason(self) -> str:
        """Why the point is (not) certified, in words."""
        found = self.faults()
        if found:
            return "; ".join(found)
        worst = max(self.stationarity, self.primal, self.dual, self.complementarity)
        return f"all conditions of Karush, Kuhn and Tucker hold within {worst:.1e} ≤ {self.tolerance:.0e}"

    def __str__(self) -> str:
        lines = [
            f"{'certified' if self.ok() else 'not certified'}: {self.reason()}",
            f"  objective            {self.value:.15g}",
            f"  stationarity         {self.stationarity:.2e}",
            f"  feasibility          {self.primal:.2e}",
            f"  dual feasibility     {self.dual:.2e}",
            f"  complementarity      {self.complementarity:.2e}",
        ]
        if self.curvature is not None:
            lines.append(
                f"  smallest eigenvalue  {self.curvature:.2e}   (Hessian of the Lagrangian, active tangent space)"
            )
        if self.condition is not None:
            lines.append(f"  condition number     {self.condition:.1e}   (of the same)")
        if self.guarantee is not None:
            lines += self.guarantee.lines()
        return "\n".join(lines)


def nowhere(tolerance: float) -> KktCertificate:
    """The certificate of a point where something is not finite: no condition holds."""
    return KktCertificate(NAN, NAN, NAN, NAN, NAN, tolerance=tolerance)


def certify_kkt(
    functions: Functions,
    layout: Layout,
    z: Vector,
    nu: Vector,
    lam: Vector,
    *,
    statement_value: float | None = None,
    tolerance: float = TOLERANCE,
    curved: bool = True,
    quadratic: bool = False,
    settles: Callable[[Vector, Matrix], int] | None = None,
    unseen: Callable[[Vector, Vector, Matrix], Matrix] | None = None,
    bend: Matrix | None = None,
) -> KktCertificate:
    """The certificate of a point; `functions` must be those of the interpreter.

    curved     whether the Hessian is looked at; without, that a stationary point is a minimum has to be proved
    quadratic  whether the objective is, under linear conditions: its derivatives vanish nowhere by lack of digits
    settles    tells in many digits what a point without curvature is along some directions, where conditions are linear
    unseen     which part of directions without curvature no symmetry explains that conditions have as well
    bend       the curvature that multipliers see in the set where cones stay active, which tells of no sizes
    """
    with np.errstate(all="ignore"):
        v = functions.values(z)
        if not v.finite():
            return nowhere(tolerance)
        dual = v.g - v.E.T @ nu - v.C.T @ lam
        h = functions.hessian(z, nu, lam) if curved and z.size <= CURVED else None
        if not isinstance(h, np.ndarray) or not np.isfinite(h).all():
            h = None  # sparse matrices are those of problems proved to be convex
        forces = abs(v.E.T) @ np.abs(nu) + abs(v.C.T) @ np.abs(lam)
        noise = 64 * EPS * (np.abs(v.g) + forces)
        if h is not None:
            rounding = 4 * EPS * (np.abs(h) @ np.abs(z))
            if rounding.max(initial=0.0) <= 1e-3 * np.abs(v.g - h @ z).max(initial=0.0):
                noise += rounding  # beyond that a gradient would vanish in rounding, as it does far away
        held = _bend(functions, v, z) if h is None and z.any() else 0.0
        faint = (
            64 * EPS * held / (float(np.abs(z).max(initial=0.0)) or 1.0)
        )  # slopes cancel up to their rounding
        held += float(np.abs(nu) @ np.abs(v.e) + np.abs(lam) @ np.abs(v.c)) + _elsewhere(functions, v, z)
        units = units_of(v, z, h, np.where(forces > faint, forces, 0.0), held, layout.slices.values())
        size = units.objective
        stationarity = float((np.maximum(np.abs(dual) - noise, 0.0) * units.lengths).max(initial=0.0))
        gaps = np.concatenate([np.abs(v.e), np.maximum(-v.c, 0.0)])
        rows = np.concatenate([units.equalities, units.inequalities])
        broken = gaps / rows
        where = ""
        if broken.size and broken.max() > tolerance:
            k = int(np.argmax(broken))
            where = f"equality {k}" if k < v.e.size else f"inequality {k - v.e.size}"
        mismatch = 0.0 if statement_value is None else abs(statement_value - v.f) / units.objective
        rest = np.sign(dual) * np.maximum(np.abs(dual) - noise, 0.0)
        if h is None:
            curvature, condition, ahead = None, None, _along_slopes(functions, layout, v, z, rest) / size
            drift, level, below = 0.0, False, None
        else:
            curvature, condition, ahead, flats, kept = _along_tangents(
                h if bend is None else h + bend,
                v,
                lam,
                dual,
                rest,
                units,
                layout.meaningless(),
                _lagrangian(functions, v, z, nu, lam),
            )
            drift, level, below = _drift(functions, h, z, nu, lam, dual, noise), False, None
            still = stationarity <= tolerance**0.5 * size
            if unseen is not None and flats.shape[1] > 0 and still:
                flats = unseen(z, units.reach, flats)
            if flats.shape[1] > 0 and still:
                if _falls(functions, v, z, nu, lam, units.reach * flats[:, 0], size):
                    curvature = -1.0
                end = UNTOLD if settles is None or quadratic or kept is None else settles(z, kept)
                if not quadratic and end != STRICT_MINIMUM:
                    plateau = _plateau(functions, v, z, nu, lam, units).explore(flats)
                    level, below = plateau.vague or plateau.lower is not None or end != UNTOLD, plateau.lower
                    drift = np.inf if plateau.endless or end == NO_END else drift
        if stationarity <= tolerance * size and z.any() and not quadratic:
            at = _plateau(functions, v, z, nu, lam, units).at
            drift = np.inf if falls_outwards(lambda point: at(point)[0], z, tolerance * size) else drift
    return KktCertificate(
        value=v.f if statement_value is None else statement_value,
        stationarity=stationarity / size,
        primal=float(broken.max(initial=0.0)),
        dual=float((np.maximum(-lam, 0.0) * units.inequalities).max(initial=0.0)) / units.objective,
        complementarity=float(np.abs(lam) @ unmet(v.C, v.c, z) + np.abs(nu) @ unmet(v.E, v.e, z)) / size,
        mismatch=mismatch,
        curvature=curvature,
        condition=condition,
        where=where,
        tolerance=tolerance,
        drift=drift,
        ahead=ahead,
        plateau=level,
        below=by_name(below, layout),
    )


def unmet(E: Any, e: Vector, z: Vector) -> Vector:
    """By how much equalities are violated, or inequalities differ from 0, beyond what rounding of the unknowns does."""
    return np.asarray(np.maximum(np.abs(e) - EPS / 2 * (abs(E) @ np.abs(z)), 0.0))


def _bend(functions: Functions, v: Values, z: Vector) -> float:
    """|zᵀ∇²f z| by a difference of the slope."""
    near = functions.values((1.0 + 1e-4) * z)
    return abs(float(z @ (near.g - v.g))) / 1e-4 if near.finite() else 0.0


def _along_slopes(functions: Functions, layout: Layout, v: Values, z: Vector, rest: Vector) -> float:
    """What the best step along what is left of the slope would lower the objective by, in each unknown that bends it.

    Without a Hessian nothing else tells how long a step would be.
    """
    found = 0.0
    for place in layout.slices.values():
        steepest = float(np.abs(rest[place]).max(initial=0.0))
        if steepest == 0.0:
            continue
        way = np.zeros(z.size)
        way[place] = -rest[place]
        share = 1e-3 * (float(np.abs(z[place]).max(initial=0.0)) or 1.0) / steepest
        near = functions.values(z + share * way)
        bend = float(way @ (near.g - v.g)) / share if near.finite() else 0.0
        if bend > 0.0:
            found = max(found, float(way @ way) ** 2 / (2.0 * bend))
    return found


def _elsewhere(functions: Functions, v: Values, z: Vector) -> float:
    """By how much the objective differs where unknowns are half as large and one and a half times, in turns.

    At a minimum of order four and more, with value 0, first and second derivatives tell of no size.
    """
    if not z.any():
        return 0.0
    turns = np.where(np.arange(z.size) % 2, 0.5, 1.5)
    changes = [abs(functions.values(z * t).f - v.f) for t in (turns, 2.0 - turns)]
    return max((c for c in changes if np.isfinite(c)), default=0.0)


def _drift(
    functions: Functions, h: Matrix, z: Vector, nu: Vector, lam: Vector, dual: Vector, noise: Vector
) -> float:
    """|∇Lᵀz| / zᵀ∇²L z where both are beyond rounding: near 1/‖z‖, not 0, while a point runs off to infinity.

    A point near 0 makes long steps relative to itself as well; one that is far out has left the curvature behind.
    """
    along, bend = abs(float(dual @ z)), float(z @ h @ z)
    if not np.isfinite(bend) or bend <= 0.0 or along <= max(1e3 * float(noise @ np.abs(z)), 1e-3 * bend):
        return 0.0
    if float(np.abs(z).max(initial=0.0)) < 10.0:
        behind = functions.hessian(z / 2.0, nu, lam)
        if not float(z @ behind @ z) > 1e3 * bend:
            return 0.0
    return along / bend


def _along_tangents(
    h: Matrix,
    v: Values,
    lam: Vector,
    dual: Vector,
    rest: Vector,
    units: Natural,
    idle: Matrix,
    value_at: Callable[[Vector], float],
) -> tuple[float | None, float | None, float, Matrix, Matrix | None]:
    """Where the strongly active constraints stay active: the smallest eigenvalue of the Lagrangian's Hessian, its
    condition number, how much of its size the objective loses by Newton's step, as far as curvature is beyond rounding,
    directions without curvature, in units of the reach, and the rows of those constraints, None where some other is
    met."""
    lengths, size, rows = units.lengths, units.objective, units.inequalities
    pressing = lam * rows / max(units.objective, float((np.abs(v.g) * lengths).max(initial=0.0)))
    active = pressing > np.maximum(np.abs(v.c) / rows, 1e-10)
    A = np.vstack([v.E, v.C[active], idle])
    basis, bends = bends_along(h, A, units)
    if bends is None:
        return None, None, 0.0, np.zeros((len(lengths), 0)), None
    slope = bends.vectors.T @ (basis.T @ (rest * lengths / size))
    bent = bends.values > 1e-10 * bends.values[-1]
    ahead = float((slope[bent] ** 2 / bends.values[bent]).sum()) / 2
    least = bends.smallest / max(1.0, float(np.abs(bends.scaled).max()))
    if max(ahead, float(np.abs(slope).max())) <= TOLERANCE**0.5:  # it is worth looking at
        value, full = value_at(np.zeros(len(lengths))) / size, basis.T @ (dual * lengths / size)
        lower = bends.lowered(lambda t: value_at(lengths * (basis @ t)) / size, value, full, TOLERANCE)
        ahead = max(ahead, lower)
    basis = tangents(A * units.reach)  # what is longer tells by rounding alone
    near = basis.T @ (h * units.reach[:, None] * units.reach[None, :] / size) @ basis
    flats = np.asarray(basis @ level_part(*np.linalg.eigh(near)))
    met = (v.c <= TOLERANCE * rows) & ~active
    return least, bends.condition, ahead, flats, None if met.any() else A


def _lagrangian(
    functions: Functions, v: Values, z: Vector, nu: Vector, lam: Vector
) -> Callable[[Vector], float]:
    """The Lagrangian after a step, under linear conditions that hold there; else infinite."""

    def value_at(step: Vector) -> float:
        near = functions.values(z + step)
        same = np.array_equal(near.E, v.E) and np.array_equal(near.C, v.C)
        if not (near.finite() and same and ((near.c >= np.minimum(v.c, 0.0)) | (lam > 0.0)).all()):
            return np.inf
        return near.f - float(nu @ near.e + lam @ near.c)

    return value_at


def bends_along(h: Matrix, A: Matrix, units: Natural) -> tuple[Matrix, Spectrum | None]:
    """The directions in which no row changes, in units, and how a Hessian bends along them; None where nothing is left,
    or it is not finite there."""
    lengths = units.lengths
    basis = tangents(A * lengths)
    reduced = basis.T @ (h * lengths[:, None] * lengths[None, :] / units.objective) @ basis
    if basis.shape[1] == 0 or not np.isfinite(reduced).all():
        return basis, None
    return basis, Spectrum(reduced, np.ones(len(reduced)), 1.0)


def tangents(A: Matrix) -> Matrix:
    """An orthogonal basis of the directions in which no row changes."""
    if not A.shape[0]:
        return np.eye(A.shape[1])
    rows = A / np.maximum(np.abs(A).max(axis=1, initial=0.0), 1e-300)[:, None]
    q, triangle, _ = scipy.linalg.qr(rows.T, pivoting=True)
    sizes = np.abs(np.diagonal(triangle))
    return np.asarray(q[:, int((sizes > 1e-9 * sizes[0]).sum()) :])


def _plateau(functions: Functions, v: Values, z: Vector, nu: Vector, lam: Vector, units: Natural) -> Plateau:
    """The objective around a point, as far as conditions hold; its slope is that of the Lagrangian."""

    def at(point: Vector) -> tuple[float, Vector]:
        near = functions.values(point)
        allowed = (np.abs(near.e) <= np.maximum(np.abs(v.e), TOLERANCE * units.equalities)).all()
        allowed &= (near.c >= np.minimum(v.c, -TOLERANCE * units.inequalities)).all()
        return (near.f if allowed else np.inf), np.asarray(near.g - near.E.T @ nu - near.C.T @ lam)

    return Plateau(at, z, units.reach, units.objective)


def _falls(
    functions: Functions, v: Values, z: Vector, nu: Vector, lam: Vector, flat: Vector, size: float
) -> bool:
    """Whether slopes along a direction without curvature point downhill, where conditions are linear and have room."""
    for t in (0.1, -0.1):
        near = functions.values(z + t * flat)
        same = np.array_equal(near.E, v.E) and np.array_equal(near.C, v.C)
        if not (near.finite() and same and ((near.c >= 0.0) | (lam > 0.0)).all()):
            return False

    def slope(point: Vector) -> Vector:
        return np.asarray(functions.values(point).g - v.E.T @ nu - v.C.T @ lam)

    return falls_along(slope, z, flat, size)
