"""Linear programs whose optimum an interior point does not reach: vertices, by the simplex method.

Columns that are nearly alike square their condition in the systems of an interior point; a basis does not. The point
comes with no proof: its active constraints are taken as equalities, and the certificate decides.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .reasons import fitted


def at_a_vertex(functions: Any, z: Any) -> Any:
    """The answer at an optimal vertex of a program that is linear; None where there is none, or it is not linear."""
    from scipy.optimize import linprog

    from ..kernels.optimizers import interior_point as ip
    from ..kernels.optimizers.polish import polish

    v = functions.values(z)
    if not v.finite() or not v.g.any():
        return None
    H = functions.hessian(z, np.zeros(v.e.size), np.zeros(v.c.size))
    if not isinstance(H, np.ndarray) or H.any():
        return None
    found: Any = linprog(
        v.g,
        A_ub=-v.C if v.c.size else None,
        b_ub=v.c - v.C @ z if v.c.size else None,
        A_eq=v.E if v.e.size else None,
        b_eq=v.E @ z - v.e if v.e.size else None,
        bounds=(None, None),
        method="highs-ds",
    )
    if found.status != 0:
        return None
    nu, lam = fitted(functions.values(found.x))
    return polish(functions, ip.Answer(found.x, nu, lam, ip.CONVERGED, int(found.nit)))


__all__ = ["at_a_vertex"]
