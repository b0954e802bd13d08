"""An answer whose equations are met once more, in units of its own unknowns, and with it the conditions of an optimum.

Columns of very different units leave interior points with digits in the large ones alone: what is missing in the others
is hardly seen in the sums, and much in the objective.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from .reasons import fitted

if TYPE_CHECKING:
    from .placed import Placed

#: Unknowns smaller than this share of the largest beside them may still be that large; rounds of correction.
SMALL, ROUNDS = 1e-8, 3


def met(placed: Placed, found: Mapping[str, Any]) -> Any:
    """The unknowns of the smooth form: with the least change over their sizes by which linear equations hold, then by
    Newton's method on the constraints that are active. None where there are no equations."""
    from ..kernels.optimizers import interior_point as ip
    from ..kernels.optimizers.polish import polish

    finite = all(np.isfinite(a).all() for a in found.values())
    if not placed.shapes["equality"] or not finite:
        return None
    point = placed.lifted(found)
    functions, z = placed.functions(point, "numpy"), placed.layout.pack(point)
    largest = np.zeros(z.size)
    for place in placed.layout.slices.values():
        largest[place] = np.abs(z[place]).max(initial=0.0)
    sizes = np.maximum(np.abs(z), np.where(largest > 0.0, SMALL * largest, 1.0))
    z = _on_equations(placed, functions, z, sizes)
    if z is None:
        return None
    nu, lam = fitted(functions.values(z))
    z = polish(functions, ip.Answer(z, nu, lam, ip.CONVERGED, 0)).z
    # multipliers may be so large that their system leaves equations with fewer digits
    return _on_equations(placed, functions, z, sizes)


def _on_equations(placed: Placed, functions: Any, z: Any, sizes: Any) -> Any:
    """The point with the least change over the sizes by which linear equations hold, slacks what they stand for; None
    where there are no values."""
    for _ in range(ROUNDS):
        v = functions.values(z)
        if not v.finite():
            return None
        rows = np.abs(v.E * sizes).max(axis=1)
        rows = np.where(rows > 0.0, rows, 1.0)
        z = z - sizes * np.linalg.lstsq(v.E * sizes / rows[:, None], v.e / rows, rcond=1e-12)[0]
    return placed.layout.pack(placed.lifted(placed.derived.free.forward(placed.layout.unpack(z))))


__all__ = ["met"]
