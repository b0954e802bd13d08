"""The units in which a certificate measures: sizes that the problem itself has at a point, whatever those of its data.

    objective   F = max(|f|, min(1, T/1000)),  T = Σ pᵢ|zᵢ| + |z|ᵀ|H||z|: what its terms amount to where they cancel;
                pᵢ is what pulls at zᵢ, in all; for z = 0 what conditions leave room for, else the median of pᵢ²/h_ii
    unknowns    Xⱼ = √(F / h_jj), over which zⱼ changes the objective by its size (Dennis & Schnabel 1983, eq. 7.2.5);
                at least |zⱼ|; where it does not bend, rⱼ, the largest of zⱼ and its neighbours, no more than
                max(|f|, T) over what conditions or penalties pull at it
    conditions  mₖ = max_j |∂ⱼcₖ| min(Xⱼ, rⱼ)

Multiplying objective, conditions or unknowns by any numbers multiplies these by the same: what is 10⁻⁸ of them is
small for data of any size. Nothing is ever larger than if 1 were the unit of the objective.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from .optimizers.interior_point import Values
from .oracle import Matrix, Vector

#: A share of T below which an objective counts as nothing.
NOTHING = 1e-3
#: Unknowns that move the objective by less than this share of its size vanish.
VANISHING = 1e-8
#: A condition in which all unknowns cancel holds if it lacks nothing beside this share of the size of others.
CANCELLED = 1e-6


class Natural(NamedTuple):
    """The units at one point; `reach` is the lengths where they are no longer than the unknowns beside them."""

    objective: float
    lengths: Vector
    reach: Vector
    equalities: Vector
    inequalities: Vector


def units_of(
    v: Values, z: Vector, h: Matrix | None, forces: Vector, held: float, places: Iterable[slice]
) -> Natural:
    """Those of a problem with conditions.

    h       the Hessian of the Lagrangian, where it is known
    forces  what conditions pull at each unknown: |Eᵀ||ν| + |Cᵀ||λ|
    held    |ν|ᵀ|e| + |λ|ᵀ|c|, what they would make of the objective if they were moved to 0
    places  where the unknowns are in z
    """
    pulls = np.abs(v.g) + forces
    if not z.any():  # what conditions leave room for, where they tell
        z = np.minimum(_room(v.E, v.e), _room(v.C, v.c))
        z[~np.isfinite(z)] = 0.0
    terms = amount(z, h, pulls) + held
    size = objective_size(v.f, terms)
    whole = max(abs(v.f), terms)
    bend = 0.0 if h is None else float(np.abs(h).max(initial=0.0))
    pulled = forces if whole > 0.0 else pulls
    own = amount(
        z, h, np.abs(v.g)
    )  # what conditions pull with may cancel, and its terms be far above the objective
    told = abs(v.f) if abs(v.f) > NOTHING * own else whole
    far, near = reach_of(z, pulled, whole or 1.0, places, bend, told)
    lengths = lengths_of(z, None if h is None else np.diagonal(h), size, far)
    spread = np.maximum(np.abs(z), np.minimum(lengths, near))
    rows = [np.where(b != 0.0, np.abs(b), 1.0) for b in (v.e, v.c)]  # where no unknown moves them
    for k, A in enumerate((v.E, v.C)):
        sizes = _row_sizes(A, spread)
        rounded = CANCELLED * float(sizes.max(initial=0.0))  # of terms like those of the others
        rows[k] = np.where(sizes > 0.0, sizes, np.maximum(rows[k], rounded))
    return Natural(size, lengths, spread, *rows)


def amount(z: Vector, h: Matrix | None, forces: Vector) -> float:
    """T, what the terms of an objective amount to at z, from what pulls at each entry and the Hessian."""
    if h is None:
        return float(forces @ np.abs(z))
    if z.any():
        return float(forces @ np.abs(z)) + float(np.abs(z) @ np.abs(h) @ np.abs(z))
    diagonal = np.diagonal(h)
    gains = forces[diagonal > 0.0] ** 2 / diagonal[diagonal > 0.0]
    return float(np.median(gains)) if gains.size else 0.0


def objective_size(f: float, terms: float) -> float:
    """F, from the value and what its terms amount to."""
    return max(abs(f), min(1.0, NOTHING * terms)) or 1.0


def reach_of(
    z: Vector,
    forces: Vector,
    terms: float,
    places: Iterable[slice],
    bend: float = 0.0,
    told: float | None = None,
) -> tuple[Vector, Vector]:
    """r as far as entries may be from where they should be, and as far as they are.

    bend  the largest |h_jk|
    told  the size of the objective by its value, where that tells: unknowns as large as others that are no less than
          nothing beside this over what pulls at them do not vanish
    """
    far, near = np.zeros(z.size), np.zeros(z.size)
    largest = float(np.abs(z).max(initial=0.0)) or 1.0
    pulled = forces > 0.0
    own = np.where(pulled, terms / np.where(pulled, forces, 1.0), np.inf)
    least = min(float(own.min(initial=np.inf)), (terms / bend) ** 0.5 if bend > 0.0 else np.inf)
    if pulled.any() and largest <= VANISHING * least:
        largest = least  # all entries vanish: how large they are is rounding
    for place in places:
        reach, each = float(np.abs(z[place]).max(initial=0.0)), own[place]
        least = float(each.min(initial=np.inf))
        if not np.isfinite(least):  # slopes that vanish by themselves tell nothing
            far[place] = near[place] = reach or largest
        elif reach > VANISHING * least or (
            told is not None and reach > max(NOTHING * largest, VANISHING * least * told / terms)
        ):
            far[place] = near[place] = np.minimum(reach, np.maximum(np.abs(z[place]), each))
        else:
            far[place] = np.where(np.isfinite(each), each, largest)
            near[place] = max(reach, min(least, largest))
    return far, near


def lengths_of(z: Vector, diagonal: Vector | None, size: float, straight: Vector) -> Vector:
    """X from the diagonal of a Hessian; `straight` where that vanishes, or nothing is known of it.

    It is no more than `straight` where that changes the objective: for a minimum without curvature X has no end.
    Never less than |z|: along a direction that bends by rounding alone, a point may be far away.
    """
    if diagonal is None:
        return np.maximum(straight, np.abs(z))
    bent = diagonal > 1e-14 * size / straight**2
    bent |= (z == 0.0) & (
        diagonal > 1e-14 * float(diagonal.max(initial=0.0))
    )  # nothing else has a size there
    found = np.where(bent, np.sqrt(size / np.where(bent, diagonal, 1.0)), straight)
    alive = diagonal * straight**2 > VANISHING * size
    return np.maximum(np.where(alive, np.minimum(found, straight), found), np.abs(z))


def _row_sizes(A: Any, held: Vector) -> Vector:
    """max_j |A_kj| rⱼ for every row k, of a matrix with zeros stored or not."""
    return _largest(_columns_times(abs(A), held)) if A.shape[0] else np.zeros(0)


def _room(A: Any, b: Vector) -> Vector:
    """The least of |bₖ| / |A_kj| over rows with bₖ ≠ 0, for every column j; infinite where there is none."""
    if not A.shape[0]:
        return np.full(A.shape[1], np.inf)
    over = np.where(b != 0.0, 1.0 / np.where(b != 0.0, np.abs(b), 1.0), 0.0)
    rates = _largest(_columns_times(abs(A).T, over))
    return np.where(rates > 0.0, 1.0 / np.where(rates > 0.0, rates, 1.0), np.inf)


def _columns_times(A: Any, v: Vector) -> Any:
    return A * v if isinstance(A, np.ndarray) else A.multiply(v[None, :])


def _largest(A: Any) -> Vector:
    found = A.max(axis=1)
    return np.asarray(found if isinstance(found, np.ndarray) else found.toarray()).reshape(-1)


__all__ = ["Natural", "amount", "lengths_of", "objective_size", "reach_of", "units_of"]
