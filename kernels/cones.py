"""The certificate of an optimum over second-order cones, from matrices that the interpreter has evaluated.

    stationarity      max |Qx + c − Eᵀν − Gᵀz|ᵢ Xᵢ / F
    feasibility       Ex + e = 0, and Gx + g in the cones
    dual feasibility  z in the cones
    complementarity   (⟨Gx + g, z⟩ + Σ |ν e|) / F, which is the duality gap of a stationary point

in the units of `natural`, those of a cone being the largest of its rows. Q is positive semidefinite, so that these
conditions are those of a global minimum. Curvature and condition are those of the Lagrangian where what presses stays
active: a cone at its surface bends with its norm, one at its apex leaves no way.
"""

from __future__ import annotations

import numpy as np

from .certificate import TOLERANCE
from .kkt import CURVED, EPS, KktCertificate, bends_along, nowhere, unmet
from .natural import Natural, units_of
from .optimizers.cone_problem import ConeAnswer, ConeProgram
from .optimizers.interior_point import Values
from .oracle import Layout, Matrix, Vector

#: What presses less, in the objective's unit, does not; norms below this share vanish.
PRESSING, APEX = 1e-10, 1e-9


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
    curvature, condition = None, None
    if x.size <= CURVED:
        H, A = along_active(program, s / units.inequalities, z * units.inequalities / units.objective, units)
        _, bends = bends_along(H, np.vstack([A, layout.meaningless()]), units)
        if bends is not None:
            curvature, condition = bends.smallest, bends.condition
    return KktCertificate(
        value=statement_value,
        stationarity=float((gaps * units.lengths).max(initial=0.0)) / units.objective,
        primal=max(float((np.abs(e) / units.equalities).max(initial=0.0)), depth),
        dual=float((-program.cones.depths(z) * sizes).max(initial=0.0)) / units.objective,
        complementarity=(abs(float(s @ z)) + float(np.abs(nu) @ unmet(program.E, e, x))) / units.objective,
        mismatch=abs(statement_value - f) / units.objective,
        curvature=curvature,
        condition=condition,
        tolerance=tolerance,
        proved=True,
    )


def along_active(program: ConeProgram, s: Vector, z: Vector, units: Natural) -> tuple[Matrix, Matrix]:
    """The Hessian of the Lagrangian, and the rows of what presses; s and z in their units."""
    cones, m = program.cones, program.cones.orthant
    presses = z[:m] > np.maximum(np.abs(s[:m]), PRESSING)
    H, rows = program.Q.copy(), [program.E, program.G[:m][presses]]
    for head, size in zip(cones.heads, cones.sizes, strict=True):
        part = slice(head + 1, head + size)
        length, own = float(np.linalg.norm(s[part])), program.G[head : head + size]
        if z[head] <= max(float(s[head]) - length, PRESSING):
            continue
        if length <= APEX * max(1.0, float(np.abs(s[head]))):
            rows.append(own)
            continue
        way = s[part] * units.inequalities[part]
        span = float(np.linalg.norm(way))
        way /= span
        along = way @ own[1:]
        rows.append((own[0] - along)[None, :])
        press = z[head] * units.objective / units.inequalities[head]
        H += press / span * (own[1:].T @ own[1:] - np.outer(along, along))
    return H, np.vstack(rows)
