"""The certificate of an optimum over second-order cones, from matrices that the interpreter has evaluated.

    stationarity      max |Qx + c − Eᵀν − Gᵀz| max(1, |xᵢ|) / F,  F = max(1, |f|)
    feasibility       Ex + e = 0, and Gx + g in the cones, in units of max(1, |Gx + g|)
    dual feasibility  z in the cones
    complementarity   ⟨Gx + g, z⟩ / F, which is the duality gap of a stationary point

Q is positive semidefinite, so that these conditions are those of a global minimum.
"""

from __future__ import annotations

import numpy as np

from .certificate import TOLERANCE
from .kkt import KktCertificate, nowhere
from .optimizers.cone_program import ConeAnswer, ConeProgram


def certify_cones(
    program: ConeProgram, answer: ConeAnswer, *, statement_value: float, tolerance: float = TOLERANCE
) -> KktCertificate:
    """How far the point and its multipliers are from the conditions."""
    x, nu, z = answer.x, answer.nu, answer.z
    f = program.value(x)
    if not all(np.isfinite(v).all() for v in (x, nu, z)) or not np.isfinite([f, statement_value]).all():
        return nowhere(tolerance)
    size = max(1.0, abs(f))
    slope = program.Q @ x + program.c - program.E.T @ nu - program.G.T @ z
    s = program.G @ x + program.g
    reach = max(1.0, float(np.abs(s).max(initial=0.0)))
    primal = max(
        float(np.abs(program.E @ x + program.e).max(initial=0.0)),
        -program.cones.depth(s) / reach if s.size else 0.0,
        0.0,
    )
    return KktCertificate(
        value=statement_value,
        stationarity=float((np.abs(slope) * np.maximum(1.0, np.abs(x))).max(initial=0.0)) / size,
        primal=primal,
        dual=max(0.0, -program.cones.depth(z) / size) if z.size else 0.0,
        complementarity=abs(float(s @ z)) / size,
        mismatch=abs(statement_value - f) / size,
        tolerance=tolerance,
        proved=True,
    )
