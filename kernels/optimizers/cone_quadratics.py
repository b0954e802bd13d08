"""Convex quadratic conditions as second-order cones.

    b + aᵀx − ½xᵀPx ≥ 0,   P = RᵀR

Where a = Px₀ it is a ball, ‖R(x − x₀)‖ ≤ √(2b + aᵀx₀). Otherwise, with h = b + aᵀx and any τ > 0,

    ‖(Rx, h/τ − τ/2)‖ ≤ h/τ + τ/2,

the squares of both sides being 2h apart from ‖Rx‖². Source: Alizadeh & Goldfarb, Math. Program. 95 (2003), section 2.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from ..oracle import Array, Layout, Matrix, Vector
from .cone_arranged import rows_of
from .cone_problem import ConeProgram
from .second_order import Cones

#: Eigenvalues of P beside the largest that are rounding; how far a may be from what P reaches.
ROUNDING, REACHED = 1e-12, 1e-9


def with_quadratics(
    program: ConeProgram, found: Mapping[str, Any], layout: Layout, shapes: Mapping[str, tuple[int, ...]]
) -> ConeProgram | None:
    """The program with these conditions too; None where one is not convex, or holds nowhere.

    found   the conditions and their slopes at 0, "B 0", "B 0 w", …, and Hessians "P 0 w v"
    shapes  of the conditions
    """
    blocks, offsets, sizes = [program.G], [program.g], list(program.cones.sizes)
    for key, shape in shapes.items():
        rows, constants = rows_of(found, key, shape, layout)
        for a, b, bend in zip(rows, constants, bends(found, key, constants.size, layout), strict=True):
            made = cone_of(float(b), a, -bend)
            if made is None:
                return None
            blocks.append(made[0])
            offsets.append(made[1])
            sizes.append(made[1].size)
    cones = Cones(program.cones.orthant, sizes)
    return replace(program, G=np.vstack(blocks), g=np.concatenate(offsets), cones=cones)


def bends(found: Mapping[str, Any], key: str, count: int, layout: Layout) -> Array:
    """The Hessian of each condition of an array."""
    whole, number = np.zeros((count, layout.size, layout.size)), key.split(" ")[1]
    for v, here in layout.slices.items():
        for w, there in layout.slices.items():
            part = found.get(f"P {number} {v} {w}")
            if part is not None:
                block = np.reshape(part, (count, here.stop - here.start, there.stop - there.start))
                whole[:, here, there] = block
                whole[:, there, here] = block.transpose(0, 2, 1)
    return whole


def cone_of(b: float, a: Vector, P: Matrix) -> tuple[Matrix, Vector] | None:
    """The rows of the cone, its head ahead, and their constants."""
    met = np.flatnonzero(P.any(axis=0))
    R = root(P[np.ix_(met, met)])
    if R is None:
        return None
    tail = np.zeros((len(R), a.size))
    tail[:, met] = R
    centre, *_ = np.linalg.lstsq(P[np.ix_(met, met)], a[met], rcond=None)
    missed = a.copy()
    missed[met] -= P[np.ix_(met, met)] @ centre
    size = np.abs(a).max(initial=0.0)
    if np.abs(missed).max(initial=0.0) <= REACHED * size or size == 0.0:
        square = 2.0 * b + float(a[met] @ centre)
        if not square > ROUNDING * abs(2.0 * b):
            return None
        return np.vstack([np.zeros(a.size), tail]), np.append(np.sqrt(square), -R @ centre)
    tau = np.sqrt(2.0 * abs(b)) or 1.0
    rows = np.vstack([a / tau, tail, a / tau])
    return rows, np.concatenate([[b / tau + 0.5 * tau], np.zeros(len(R)), [b / tau - 0.5 * tau]])


def root(P: Matrix) -> Matrix | None:
    """R with P = RᵀR, sparse where P is a diagonal; None where there is none."""
    diagonal = np.diagonal(P)
    if not np.count_nonzero(P - np.diag(diagonal)):
        return np.diag(np.sqrt(diagonal)) if (diagonal >= 0.0).all() else None
    try:
        return np.asarray(np.linalg.cholesky(P).T)
    except np.linalg.LinAlgError:
        values, vectors = np.linalg.eigh(P)
    least = ROUNDING * len(P) * np.abs(values).max()
    if values.min() < -least:
        return None
    kept = values > least
    return np.asarray(np.sqrt(values[kept])[:, None] * vectors[:, kept].T)
