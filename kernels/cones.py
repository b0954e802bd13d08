"""The certificate of an optimum over second-order cones, from matrices that the interpreter has evaluated.

    stationarity      max |Qx + c − Eᵀν − Gᵀz|ᵢ Xᵢ / F
    feasibility       Ex + e = 0, and Gx + g in the cones
    dual feasibility  z in the cones
    complementarity   (⟨Gx + g, z⟩ + Σ |ν e|) / F, which is the duality gap of a stationary point

in the units of `natural`, those of a cone being the largest of its rows. Q is positive semidefinite, so that these
conditions are those of a global minimum.
"""

from __future__ import annotations

import numpy as np

from .certificate import TOLERANCE
from .kkt import EPS, KktCertificate, nowhere, unmet
from .natural import units_of
from .optimizers.cone_problem import ConeAnswer, ConeProgram
from .optimizers.interior_point import Values
from .oracle import Layout


def certify_cones(
    program: ConeProgram,
    layout: Layout,
    answer: ConeAnswer,
    *,
    statement_value: float,
    tolerance: float = TOLERANCE,
) -> KktCertificate:
    """How far the point and its multipliers are from the conditions."""
    x, nu, z = answer.x, answer.nu, answer.z
    f = program.value(x)
    if not all(np.isfinite(v).all() for v in (x, nu, z)) or not np.isfinite([f, statement_value]).all():
        return nowhere(tolerance)
    s, e = program.G @ x + program.g, program.E @ x + program.e
    g = program.Q @ x + program.c
    forces = abs(program.E.T) @ np.abs(nu) + abs(program.G.T) @ np.abs(z)
    held = float(np.abs(nu) @ np.abs(e) + np.abs(z) @ np.abs(s))
    units = units_of(
        Values(f, g, e, program.E, s, program.G), x, program.Q, forces, held, layout.slices.values()
    )
    slope = g - program.E.T @ nu - program.G.T @ z
    gaps = np.maximum(np.abs(slope) - 64 * EPS * (np.abs(g) + forces), 0.0)
    m = program.cones.orthant
    sizes = np.concatenate([units.inequalities[:m], program.cones.largest(units.inequalities[m:])])
    depth = float((-program.cones.depths(s) / sizes).max(initial=0.0))
    return KktCertificate(
        value=statement_value,
        stationarity=float((gaps * units.lengths).max(initial=0.0)) / units.objective,
        primal=max(float((np.abs(e) / units.equalities).max(initial=0.0)), depth),
        dual=float((-program.cones.depths(z) * sizes).max(initial=0.0)) / units.objective,
        complementarity=(abs(float(s @ z)) + float(np.abs(nu) @ unmet(program.E, e, x))) / units.objective,
        mismatch=abs(statement_value - f) / units.objective,
        tolerance=tolerance,
        proved=True,
    )
