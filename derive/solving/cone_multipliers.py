"""Multipliers that fit a point with positive semidefinite unknowns.

    ∇f = Eᵀν + Cᵀλ + Σ VSVᵀ,   λ ≥ 0 for inequalities that are met,  S ⪰ 0

V spans the directions in which Z vanishes. Where these are unique, least squares finds them. Where they are not, those
of least size with the right signs are an optimum with semidefinite unknowns of their own.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .reasons import NARROW, NEAR, active_rows


def fitted_in_cones(v: Any, z: Any, blocks: Any) -> tuple[Any, Any, Any]:
    """ν, λ and Λ at a point; 0 where nothing presses or something is not finite."""
    from ..kernels.optimizers.halves import Halves, matrix_at

    bases = []
    for block in blocks:
        values, vectors = np.linalg.eigh(matrix_at(z, block))
        bases.append(vectors[:, values <= NEAR * max(float(values[-1]), 0.0)])
    active = active_rows(v, NARROW)
    nu, lam = np.zeros(v.e.size), np.zeros(v.c.size)
    faces = [np.zeros((0, z.size))]
    for (start, side), basis in zip(blocks, bases, strict=True):
        rows = np.zeros((basis.shape[1] ** 2, z.size))
        rows[:, start : start + side * side] = np.einsum("ia,jb->abij", basis, basis).reshape(
            len(rows), side * side
        )
        faces.append(rows)
    A = np.vstack([v.E, v.C[active], *faces])
    if not len(A) or not np.isfinite(A).all() or not np.isfinite(v.g).all():
        return nu, lam, np.zeros(z.size)
    halves = Halves.of(z.size, blocks)
    first = at = nu.size + active.size
    inner = []
    for side in (basis.shape[1] for basis in bases):
        inner.append((at, side))
        at += side * side
    u = _of_right_signs(halves.shut(A.T), halves.shut(v.g), slice(nu.size, first), inner)
    nu, lam[active] = u[: nu.size], u[nu.size : first]
    return nu, lam, u[first:] @ A[first:]


def _of_right_signs(A: Any, g: Any, above: slice, blocks: Any) -> Any:
    """u with Au = g, its entries `above` not negative, its blocks positive semidefinite, as far as there is one."""
    from scipy.optimize import lsq_linear

    from ..kernels.optimizers.halves import Halves, matrix_at
    from ..kernels.optimizers.semidefinite import solve_semidefinite

    count, halves = A.shape[1], Halves.of(A.shape[1], blocks)
    low = np.full(count, -np.inf)
    low[above] = 0.0
    fit = lsq_linear(halves.shut(A.T).T, g, (low[halves.first], np.inf), tol=1e-14, method="bvls").x
    found: Any = halves.open(fit)
    least = min((float(np.linalg.eigvalsh(matrix_at(found, b))[0]) for b in blocks if b[1]), default=0.0)
    if least >= -NEAR * np.abs(found).max():
        return found
    U, sizes, Vt = np.linalg.svd(A, full_matrices=False)
    kept = sizes > 1e-10 * sizes[0]
    goal = (U[:, kept].T @ g) / sizes[kept]
    unit = float(np.abs(goal).max()) or 1.0
    made, _ = solve_semidefinite(
        least_norm(Vt[kept], goal / unit, np.eye(count)[above]), np.zeros(count), [b for b in blocks if b[1]]
    )
    return unit * made.z


def least_norm(E: Any, goal: Any, above: Any) -> Any:
    """½‖u‖² with Eu = goal and these rows of u not negative, as functions."""
    from ..kernels.optimizers.interior_point import Functions, Values

    def values(u: Any) -> Any:
        return Values(float(u @ u) / 2.0, u, E @ u - goal, E, above @ u, above)

    square = np.eye(E.shape[1])
    return Functions(E.shape[1], values, lambda *_: square)
