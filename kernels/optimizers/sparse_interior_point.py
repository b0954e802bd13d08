"""A primal–dual interior-point method for large convex problems with sparse matrices.

    minimise f(z)   subject to   e(z) = 0 (affine),  c(z) ≥ 0 (concave)

Newton's steps for ∇f − Eᵀν − Cᵀλ = 0, e = 0, c = s, s ∘ λ = μ solve, with bounds (rows of one entry) on the diagonal,

    [ H + D   Eᵀ    Cᵀ    ] [ Δz ]
    [ E                   ] [ −Δν ]   =  …
    [ C            −S Λ⁻¹ ] [ −Δλ ]

by a sparse LU factorisation in an order that keeps its factors sparse, and iterative refinement. The first of two
solves looks how far the barrier can be lowered, the second corrects it to second order; steps are shortened until the
merit or the error falls. Convexity is what makes them directions of descent: the caller proves it.
Sources: Mehrotra, SIAM J. Optim. 2 (1992); Nocedal & Wright, Numerical Optimization (2nd ed.), ch. 14 and 19;
Vanderbei, SIAM J. Optim. 5 (1995), for quasi-definite systems.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import scipy.sparse
import scipy.sparse.linalg

from ..oracle import Array
from .interior_point import (
    CONVERGED,
    LIMIT,
    NOT_FINITE,
    STALLED,
    STOPPED,
    UNBOUNDED,
    Answer,
    Functions,
    Values,
)
from .interior_vectors import error, lagrangian_slope, merit, step_within

Vector = Array

#: On the diagonal, relative to its largest entry: makes the system quasi-definite, so that it is factorised in the
#: order that keeps factors sparse; refinement takes its effect off. Where it gains nothing, the second is tried.
REGULAR = (1e-9, 1e-6)
ROUNDS, EXACT = 12, 1e-9
#: Orders of elimination: the second takes longer to find, and is tried where the first makes factors this much denser.
ORDERS, DENSER = ("COLAMD", "MMD_AT_PLUS_A"), 6


@dataclass(frozen=True)
class SparseValues(Values):
    """The same with sparse Jacobians."""

    def finite(self) -> bool:
        """Whether all that is stored is finite."""
        parts = (self.f, self.g, self.e, self.c, self.E.data, self.C.data)
        return all(np.isfinite(part).all() for part in parts)


class System:
    """The factorised system at one point."""

    def __init__(self, h: Any, v: Values, s: Vector, lam: Vector, shift: float, order: Any) -> None:
        self.v, self.s, self.lam, self.order = v, s, lam, order
        n, m = v.g.size, v.e.size
        C = scipy.sparse.csr_array(v.C)
        counts = np.diff(C.indptr)
        self.bound, self.rest = np.flatnonzero(counts == 1), np.flatnonzero(counts != 1)
        ratio = lam / s
        self.C, self.B = C[self.rest], C[self.bound]
        at = self.B.indices
        diagonal = np.bincount(at, weights=ratio[self.bound] * self.B.data**2, minlength=n).astype(float)
        top = scipy.sparse.csc_array(h) + scipy.sparse.diags_array(diagonal)
        size = max(float(abs(h).max()) if h.shape[0] else 0.0, 1.0)
        below = np.concatenate([np.zeros(m), -1.0 / ratio[self.rest]])
        lower = scipy.sparse.vstack([scipy.sparse.csr_array(v.E), self.C]) if m + self.rest.size else None
        self.matrix = top
        if lower is not None:
            corner = scipy.sparse.diags_array(below)
            self.matrix = scipy.sparse.block_array([[top, lower.T], [lower, corner]], format="csc")
        self.shifts = [
            np.concatenate([np.full(n, max(each * size, shift)), np.full(below.size, -each)])
            for each in REGULAR
        ]
        self.lu = self._factorised()

    def _factorised(self) -> Any:
        regular: Any = scipy.sparse.csc_array(self.matrix + scipy.sparse.diags_array(self.shifts.pop(0)))
        return scipy.sparse.linalg.splu(regular, permc_spec=self.order, diag_pivot_thresh=0.0)

    @property
    def fill(self) -> int:
        """The number of entries of its factors."""
        return int(self.lu.nnz)

    def solve(self, right: Vector) -> Vector:
        """By the factors, refined while that gains digits."""
        x, size = self._refined(right)
        if not size <= EXACT * np.abs(right).max(initial=0.0) and self.shifts:
            self.lu = self._factorised()
            again, less = self._refined(right)
            if less < size or not np.isfinite(size):
                x = again
        return x

    def _refined(self, right: Vector) -> tuple[Vector, float]:
        """A solution, and its residual."""
        x = np.asarray(self.lu.solve(right))
        left = right - self.matrix @ x
        size = float(np.abs(left).max(initial=0.0))
        for _ in range(ROUNDS):
            if not size > 1e-14 * np.abs(right).max(initial=0.0):
                break
            better = x + self.lu.solve(left)
            rest = right - self.matrix @ better
            found = float(np.abs(rest).max(initial=0.0))
            if not found < 0.9 * size:
                break
            x, left, size = better, rest, found
        return x, size

    def step(self, nu: Vector, aim: Vector) -> tuple[Vector, Vector, Vector, Vector]:
        """Newton's step in z, s, ν and λ towards s ∘ λ + Δs ∘ Δλ = aim, Δs ∘ Δλ being part of `aim`."""
        v, s, lam = self.v, self.s, self.lam
        n, m = v.g.size, v.e.size
        dual = v.g - v.E.T @ nu - v.C.T @ lam
        # Δλ = aim/s − λ − (λ/s)(C Δz + c − s)
        push = aim / s - (lam / s) * v.c
        top = -dual + self.B.T @ push[self.bound]
        low = (aim / lam - v.c)[self.rest]
        found = self.solve(np.concatenate([top, -v.e, low]))
        dz, dnu = found[:n], -found[n : n + m]
        ds = v.C @ dz + (v.c - s)
        dlam = aim / s - lam - (lam / s) * ds
        dlam[self.rest] = -found[n + m :]
        return dz, ds, dnu, dlam


Aim = tuple[Vector, float]  # what s ∘ λ + Δs ∘ Δλ is to be, and the barrier that this stands for


def ahead(system: System, nu: Vector, mu: float, total: float, least: float) -> list[Aim]:
    """How far to lower the barrier, by a step that looks ahead, with its second-order correction; then without."""
    s, lam = system.s, system.lam
    _, ds, _, dlam = system.step(nu, np.zeros(s.size))
    a, b = step_within(s, ds, 1.0), step_within(lam, dlam, 1.0)
    seen = float((s + a * ds) @ (lam + b * dlam)) / s.size
    behind = total > 10.0 * mu  # a barrier far below the other conditions leads into corners
    aim = max(min((seen / mu) ** 3, 1.0) * mu, 0.2 * mu if behind else 0.0, least)
    return [(aim - ds * dlam, aim), (np.full(s.size, max(aim, 0.1 * mu)), max(aim, 0.1 * mu))]


def advanced(
    functions: Functions, system: System, z: Vector, nu: Vector, aims: list[Aim], penalty: float, scale: float
) -> tuple[Values, Vector, Vector, Vector, Vector, float] | None:
    """The next point by the first of the aims that leads to one, and the penalty of its merit; None where none does."""
    v, s, lam = system.v, system.s, system.lam
    for goal, mu in aims:
        dz, ds, dnu, dlam = system.step(nu, goal)
        if not all(np.isfinite(part).all() for part in (dz, ds, dnu, dlam)):
            continue
        keep = max(0.99, 1.0 - mu)
        longest = min(step_within(s, ds, keep), step_within(lam, dlam, keep))
        largest = np.abs(np.concatenate([nu + dnu, lam + dlam, np.zeros(1)])).max()
        penalty = min(max(penalty, 2.0 * float(largest)), 1e8)
        now, before = _merit(v, s, mu, penalty), _error(v, s, nu, lam, mu)
        for halving in range(30 if goal is aims[-1][0] else 4):
            t = longest * 0.5**halving  # one step for all: curvature couples them
            w = functions.values(z + t * dz)
            if not w.finite():
                continue
            w = scaled(w, scale)
            s_next, nu_next, lam_next = s + t * ds, nu + t * dnu, lam + t * dlam
            gains = _merit(w, s_next, mu, penalty) < now + 1e-12 * max(1.0, abs(now))
            if gains or _error(w, s_next, nu_next, lam_next, mu) < before:
                return w, z + t * dz, s_next, nu_next, lam_next, penalty
    return None


def _error(v: Values, s: Vector, nu: Vector, lam: Vector, mu: float) -> float:
    dual = np.empty(v.g.size)
    lagrangian_slope(1.0, v.g, v.E, nu, v.C, lam, dual)
    return error(dual, v.e, v.c, s, nu, lam, mu)


def _merit(v: Values, s: Vector, mu: float, penalty: float) -> float:
    return merit(v.f, v.e, v.c, s, mu, penalty)


def scaled(v: Values, scale: float) -> Values:
    """Of the objective times a number."""
    return replace(v, f=scale * v.f, g=scale * v.g)


def solve(
    functions: Functions,
    z: Vector,
    *,
    tol: float = 1e-11,
    max_iterations: int = 200,
    watch: Callable[[int, Vector, float, float], bool] | None = None,
    careful: bool = False,
) -> Answer:
    """From a point that need not be feasible; `watch(iteration, z, f, error)` ends the run by returning true.

    careful  the barrier is lowered when the conditions hold for the last one, not as far as a step looks ahead
    """
    raw = functions.values(z)
    answer = Answer(z, np.zeros(raw.e.size), np.zeros(raw.c.size), NOT_FINITE, 0)
    if not raw.finite():
        return answer
    scale = 1.0 / max(1.0, float(np.abs(raw.g).max(initial=0.0)) / 10.0)
    v = scaled(raw, scale)
    s = np.where(v.c > 1e-3, v.c, np.maximum(1.0, np.abs(v.c)))
    nu, lam = answer.nu, 1.0 / np.maximum(s, 1.0)
    best = (np.inf, z, nu, lam)
    shift, stall, penalty, order, barrier = 0.0, 0, 1.0, ORDERS[0], 0.1
    answer.status = LIMIT
    for iteration in range(max_iterations + 1):
        total = _error(v, s, nu, lam, 0.0)
        answer.errors.append(total)
        answer.objective.append(v.f / scale)
        answer.iterations = iteration
        stall = 0 if total < 0.9 * best[0] else stall + 1
        if total < best[0]:
            best = (total, z, nu, lam)
        room = 1e-9 * max(scale, abs(v.f))  # for complementarity, of all conditions together
        if total <= tol and s @ lam <= room:
            answer.status = CONVERGED
            break
        if watch is not None and watch(iteration, z, v.f / scale, total):
            answer.status = STOPPED
            break
        if stall > 15 or shift > 1e4:
            answer.status = STALLED
            break
        if v.f / scale < -1e20 or not np.abs(z).max(initial=0.0) < 1e14:
            answer.status = UNBOUNDED
            break
        h = scale * functions.hessian(z, nu / scale, lam / scale)
        try:
            system = System(h, v, s, lam, shift, order)
        except RuntimeError:  # singular: as where f has no curvature along a line
            shift = max(100.0 * shift, 1e-8)
            continue
        if iteration == 0 and system.fill > DENSER * system.matrix.nnz:
            other = System(h, v, s, lam, shift, ORDERS[1])
            if other.fill < 0.5 * system.fill:
                system, order = other, ORDERS[1]
        least = min(tol / 20.0, 0.5 * room / max(s.size, 1))
        if not s.size:
            aims = [(np.zeros(0), 0.0)]
        elif careful:
            while barrier > least and _error(v, s, nu, lam, barrier) <= 10.0 * barrier:
                barrier = max(least, min(0.2 * barrier, barrier**1.5))
            aims = [(np.full(s.size, barrier), barrier)]
        else:
            aims = ahead(system, nu, float(s @ lam) / s.size, total, least)
        found = advanced(functions, system, z, nu, aims, penalty, scale)
        if found is None:
            shift = max(100.0 * shift, 1e-8)
            stall += 3
            continue
        v, z, s, nu, lam, penalty = found
        shift = 0.1 * shift if shift > 1e-12 else 0.0
    if answer.status in (CONVERGED, STALLED, LIMIT, STOPPED):
        _, z, nu, lam = best
    answer.z, answer.nu, answer.lam = z, nu / scale, lam / scale
    return answer
