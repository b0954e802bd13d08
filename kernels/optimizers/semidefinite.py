"""A primal–dual interior-point method for smooth problems with positive semidefinite unknowns.

    minimise f(z)   subject to   e(z) = 0,  c(z) ≥ 0,  Z ⪰ 0    for square parts Z of z

With slacks s and multipliers ν, λ ≥ 0, Λ ⪰ 0, Newton's method is applied to the perturbed conditions

    ∇f − Eᵀν − Cᵀλ − Λ = 0,   e = 0,   c − s = 0,   s ∘ λ = μ,   ZΛ = μI,

the last made symmetric (`semidefinite_step`), so that eliminating ΔΛ adds W⁻¹⊗W⁻¹ to the Hessian. Symmetric parts are
taken in an orthonormal basis of half their entries. Steps keep Z and Λ definite and
are shortened until the norm of the linear conditions' residual falls, or is small beside μ.

The optimum may be singular. `on_face` then fixes the directions in which Z vanishes and repeats Newton's method on
the matrices of that rank, whose curvature 2 tr(Λ ΔZ Z⁺ ΔZ) belongs to the Lagrangian.
Source: Alizadeh, Haeberly & Overton, Math. Program. 77 (1997), for strict complementarity and the face.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import scipy.linalg

from ..oracle import Array, Matrix, Vector
from .different_rows import each_once
from .halves import Block, Halves, matrix_at
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
from .saddle_point import by_complement, factorised
from .semidefinite_step import Point, Scaling

#: A residual of this size may be rounding, since the systems have entries of size 1/μ; `on_face` removes it.
ROUNDING = 1e-6
#: The share of the largest entry that makes a matrix definite which rounding has made indefinite.
ROUNDED = 1e-14
#: Where the conditions hold to this, another step of `on_face` would move within rounding.
SETTLED = 1e-14


def _filled(z: Vector, blocks: Sequence[Block], parts: Sequence[Array]) -> Vector:
    """A copy of z with these matrices in the blocks."""
    found = z.copy()
    for (start, side), part in zip(blocks, parts, strict=True):
        found[start : start + side * side] = part.ravel()
    return found


def solve_semidefinite(
    functions: Functions,
    z: Vector,
    blocks: Sequence[Block],
    *,
    tol: float = 1e-12,
    max_iterations: int = 200,
    watch: Callable[[int, Vector, float, float], bool] | None = None,
) -> tuple[Answer, Vector]:
    """The answer, and Λ as a vector that is zero outside of the blocks."""
    halves, n = Halves.of(z.size, blocks), z.size
    functions, back = each_once(functions, halves, z)
    parts = [matrix_at(z, b) for b in blocks]
    for k, part in enumerate(parts):  # strictly inside
        values, vectors = np.linalg.eigh(part)
        low = 1e-2 * max(1.0, float(np.abs(values).max()))
        parts[k] = (vectors * np.maximum(values, low)) @ vectors.T
    z = _filled(z, blocks, parts)
    v = functions.values(z)
    if not v.finite():
        return back(Answer(z, np.zeros(v.e.size), np.zeros(v.c.size), NOT_FINITE, 0)), np.zeros(n)
    steep = max(1.0, float(np.abs(v.g).max(initial=0.0)))
    s = np.where(v.c > 1e-3, v.c, np.maximum(1.0, np.abs(v.c)))
    lam, nu = steep / np.maximum(s, 1.0), np.zeros(v.e.size)
    duals = [steep * np.eye(side) for _, side in blocks]
    total = s.size + sum(side for _, side in blocks)
    last, least, stall, cautious = 0.0, 0.0, 0, 0.0
    curved: tuple[Matrix, Matrix] | None = None  # the Hessian, and its form in halves: mostly constant
    best: tuple[float, Vector, Vector, Vector, Vector] | None = None
    answer = Answer(z, nu, lam, LIMIT, 0)
    zero = np.zeros(n)

    def residual(v: Values, s: Vector, nu: Vector, lam: Vector, duals: Sequence[Matrix]) -> Vector:
        """What is linear in the multipliers, in units of the gradient where it is of its kind."""
        dual = halves.shut(v.g - v.E.T @ nu - v.C.T @ lam - _filled(zero, blocks, duals)) / steep
        return np.concatenate([dual, v.e, v.c - s])

    for iteration in range(max_iterations + 1):
        gap = float(s @ lam) + sum(float((a * b).sum()) for a, b in zip(parts, duals, strict=True))
        rest = residual(v, s, nu, lam, duals)
        worst = max(float(np.abs(rest).max(initial=0.0)), gap / max(1.0, abs(v.f)))
        answer.errors.append(worst)
        answer.objective.append(v.f)
        answer.iterations = iteration
        stall = 0 if best is None or worst < 0.9 * best[0] else stall + 1
        if best is None or worst < best[0]:
            best = (worst, z, nu, lam, _filled(zero, blocks, duals))
        ends = {
            CONVERGED: worst <= tol,
            STOPPED: watch is not None and watch(iteration, z, v.f, worst),
            STALLED: stall > (2 if best[0] <= ROUNDING else 12),
            UNBOUNDED: v.f < -1e20 or not np.abs(z).max(initial=0.0) < 1e12,
        }
        if any(ends.values()):
            answer.status = next(status for status, reached in ends.items() if reached)
            break
        h = functions.hessian(z, nu, lam)
        if not np.isfinite(h).all():
            answer.status = NOT_FINITE
            break
        if curved is None or curved[0] is not h:
            curved = (h, halves.square(h))
        try:
            scalings = [Scaling.of(a, b) for a, b in zip(parts, duals, strict=True)]
        except np.linalg.LinAlgError:
            answer.status = STALLED
            break
        E, C = halves.shut(v.E.T).T, halves.shut(v.C.T).T
        reduced = curved[1] + C.T @ ((lam / s)[:, None] * C) + least * np.eye(len(curved[1]))
        for block, scaling in zip(blocks, scalings, strict=True):
            place, form = halves.kronecker(block, scaling.inverse, scaling.inverse)
            reduced[place, place] += form
        try:
            solve = by_complement(reduced, E)
            if solve is None:  # indefinite by rounding, perhaps
                lift = ROUNDED * np.abs(np.diagonal(reduced)).max()
                solve = by_complement(reduced + lift * np.eye(len(reduced)), E)
            if solve is None:
                factor, last = factorised(reduced, E, last, least)
                solve = partial(scipy.linalg.lu_solve if v.e.size else scipy.linalg.cho_solve, factor)
            here = Point(v, s, nu, lam, parts, duals, scalings, halves, blocks)
            step, t = here.next_step(solve, cautious)
        except (np.linalg.LinAlgError, ValueError):
            answer.status = STALLED
            break
        before, enough = float(np.linalg.norm(rest)), max(0.1 * gap / total / steep, ROUNDING)
        accepted = False
        longest = t
        for _ in range(30):
            z_try = z + t * step.dz
            w = functions.values(z_try)
            if w.finite():
                ahead = (
                    w,
                    s + t * step.ds,
                    nu + t * step.dnu,
                    lam + t * step.dlam,
                    [a + t * da for a, da in zip(duals, step.moves, strict=True)],
                )
                if float(np.linalg.norm(residual(*ahead))) <= max((1.0 - 1e-4 * t) * before, enough):
                    accepted = True
                    break
            t *= 0.5
        if not accepted:
            if least < 1e4 * steep:  # the model is wrong over that distance: shorter steps by a larger shift
                least = max(100.0 * least, 1e-6 * steep)
                stall += 1
                continue
            answer.status = STALLED
            break
        cautious = 0.0 if longest > 0.5 and t == longest else 0.3
        least = 0.1 * least if least > 1e-12 else 0.0
        v, s, nu, lam, duals = ahead
        parts = [a + t * da for a, da in zip(parts, step.steps, strict=True)]
        z = _filled(z_try, blocks, parts)
    assert best is not None
    _, answer.z, answer.nu, answer.lam, cone = best
    return back(answer), cone


def faces(z: Vector, cone: Vector, blocks: Sequence[Block]) -> list[tuple[Matrix, Matrix, Vector]]:
    """Of each block: the directions in which Z vanishes, the others, and the eigenvalues of Z along those."""
    found = []
    for block in blocks:
        values, vectors = np.linalg.eigh(matrix_at(z, block))
        pressed = np.einsum("ia,ij,ja->a", vectors, matrix_at(cone, block), vectors)
        gone = values < pressed * max(1.0, float(values[-1])) / max(1.0, float(np.abs(pressed).max()))
        found.append((vectors[:, gone], vectors[:, ~gone], values[~gone]))
    return found


def curvature(
    cone: Vector, blocks: Sequence[Block], found: Sequence[tuple[Matrix, Matrix, Vector]]
) -> Matrix:
    """The form 2 tr(Λ ΔZ Z⁺ ΔZ), the curvature of the matrices of that rank seen by Λ."""
    h = np.zeros((cone.size, cone.size))
    for block, (_, kept, values) in zip(blocks, found, strict=True):
        start, side = block
        place = slice(start, start + side * side)
        dual = matrix_at(cone, block)
        if dual.any():
            pseudo = (kept / values) @ kept.T
            h[place, place] = np.kron(pseudo, dual) + np.kron(dual, pseudo)
    return h


def _turned(
    step: Vector, cone: Vector, blocks: Sequence[Block], found: Sequence[tuple[Matrix, Matrix, Vector]]
) -> Vector:
    """Λ ΔZ Z⁺ + Z⁺ ΔZ Λ: how the face turns with Z."""
    parts = []
    for block, (_, kept, values) in zip(blocks, found, strict=True):
        half = matrix_at(cone, block) @ matrix_at(step, block) @ ((kept / values) @ kept.T)
        parts.append(half + half.T)
    return _filled(np.zeros(step.size), blocks, parts)


def normals(size: int, blocks: Sequence[Block], found: Sequence[tuple[Matrix, Matrix, Vector]]) -> Matrix:
    """Rows that say VᵀΔZ V = 0 for the directions V in which Z vanishes."""
    rows = []
    for (start, side), (gone, _, _) in zip(blocks, found, strict=True):
        for a in range(gone.shape[1]):
            for b in range(a + 1):
                row = np.zeros(size)
                outer = np.outer(gone[:, a], gone[:, b])
                row[start : start + side * side] = ((outer + outer.T) / 2).ravel()
                rows.append(row)
    return np.array(rows).reshape(len(rows), size)


def _pressures(
    cone: Vector, blocks: Sequence[Block], found: Sequence[tuple[Matrix, Matrix, Vector]]
) -> Vector:
    """The coordinates of Λ in the rows of `normals`."""
    parts = [np.zeros(0)]
    for block, (gone, _, _) in zip(blocks, found, strict=True):
        inner = gone.T @ matrix_at(cone, block) @ gone
        rows, columns = np.tril_indices(len(inner))
        parts.append(np.where(rows == columns, 1.0, 2.0) * inner[rows, columns])
    return np.concatenate(parts)


def on_face(
    functions: Functions, answer: Answer, cone: Vector, blocks: Sequence[Block], rounds: int = 4
) -> tuple[Answer, Vector]:
    """Newton's method on the matrices of the rank that was found; kept only where it is no worse."""
    halves = Halves.of(answer.z.size, blocks)
    best, best_cone = answer, cone
    least = cone_violation(functions, answer, cone, blocks)
    for _ in range(rounds):
        z, v = best.z, functions.values(best.z)
        if not v.finite() or least <= SETTLED:
            break
        found = faces(z, best_cone, blocks)
        active = best.lam > np.maximum(v.c, 0.0)
        N = normals(z.size, blocks, found)
        A = halves.shut(np.vstack([v.E, v.C[active], N]).T).T
        try:
            h = halves.square(functions.hessian(z, best.nu, np.where(active, best.lam, 0.0)))
            for block, (_, kept, values) in zip(blocks, found, strict=True):
                place, form = halves.kronecker(block, (kept / values) @ kept.T, matrix_at(best_cone, block))
                h[place, place] += 2.0 * form
            n, m = h.shape[0], A.shape[0]
            k = np.zeros((n + m, n + m))
            k[:n, :n], k[:n, n:], k[n:, :n] = h, -A.T, A
            right = np.concatenate([-halves.shut(v.g), -v.e, -v.c[active], -N @ z])
            now = np.concatenate([best.nu, best.lam[active], _pressures(best_cone, blocks, found)])
            right -= (
                k[:, n:] @ now
            )  # the least change of multipliers, which may not be unique, keeps their signs
            step = (
                np.linalg.lstsq(k, right, rcond=1e-14)[0] if right.size <= 400 else np.linalg.solve(k, right)
            )
        except np.linalg.LinAlgError:
            break
        moved, rest = z + halves.open(step[:n]), now + step[n:]
        nu, lam = rest[: v.e.size], np.zeros(v.c.size)
        lam[active] = np.maximum(rest[v.e.size : v.e.size + int(active.sum())], 0.0)
        dual = N.T @ rest[v.e.size + int(active.sum()) :] - _turned(moved - z, best_cone, blocks, found)
        parts, pressed = [], []
        for block, (gone, _, _) in zip(blocks, found, strict=True):
            values, vectors = np.linalg.eigh(matrix_at(moved, block))
            values[: gone.shape[1]] = 0.0
            parts.append((vectors * np.maximum(values, 0.0)) @ vectors.T)
            values, vectors = np.linalg.eigh(matrix_at(dual, block))
            pressed.append((vectors * np.maximum(values, 0.0)) @ vectors.T)
        trial = replace(best, z=_filled(moved, blocks, parts), nu=nu, lam=lam)
        trial_cone = _filled(np.zeros(z.size), blocks, pressed)
        worst = cone_violation(functions, trial, trial_cone, blocks)
        if not worst < least:
            break
        best, best_cone, least = trial, trial_cone, worst
    return best, best_cone


def cone_violation(functions: Functions, answer: Answer, cone: Vector, blocks: Sequence[Block]) -> float:
    """The largest violation of the conditions of an optimum, in units of the gradient; ∞ where f is not finite."""
    v = functions.values(answer.z)
    if not v.finite():
        return float("inf")
    size = max(1.0, float(np.abs(v.g).max(initial=0.0)))
    halves = Halves.of(answer.z.size, blocks)
    dual = halves.shut(v.g - v.E.T @ answer.nu - v.C.T @ answer.lam - cone)
    worst = [
        np.abs(dual).max(initial=0.0) / size,
        np.abs(v.e).max(initial=0.0),
        np.maximum(-v.c, 0.0).max(initial=0.0),
        np.abs(v.c * answer.lam).max(initial=0.0) / size,
    ]
    for block in blocks:
        Z, L = matrix_at(answer.z, block), matrix_at(cone, block)
        worst += [-np.linalg.eigvalsh(Z)[0], -np.linalg.eigvalsh(L)[0] / size, np.abs(Z @ L).max() / size]
    return float(max(worst))
