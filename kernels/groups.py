"""The conditions of an optimum where weights act on norms of groups of unknowns, and their proof.

For   minimise f(x) + Σ λᵢ|xᵢ| + Σ_g ω_g ‖x_g‖₂   a point is stationary when −∇f lies in the subdifferential,

    x_g ≠ 0:  −g = λ s + ω_g x_g/‖x_g‖,  sᵢ ∈ ∂|xᵢ|        x_g = 0:  ‖S(g, λ)‖₂ ≤ ω_g,   S the soft threshold.

The distance to it, in the units of `natural`, is the stationarity of the certificate. Curvature is
that of F along the entries that are free: there F is smooth.
"""

from __future__ import annotations

import numpy as np

from .certificate import TOLERANCE
from .kkt import EPS, KktCertificate, nowhere
from .neighbourhood import Spectrum
from .optimizers.active_groups import curved
from .optimizers.penalties import PENALTIES, lengths
from .oracle import Layout, Matrix, Vector
from .penalised import certificate_of, sizes_of


def certify_groups(
    f: float,
    g: Vector,
    h: Matrix | None,
    l1: Vector,
    group: Vector,
    weights: Vector,
    x: Vector,
    *,
    statement_value: float,
    tolerance: float = TOLERANCE,
    layout: Layout | None = None,
    proved: bool = False,
) -> KktCertificate:
    """The certificate from values that the caller has recomputed by the interpreter.

    `proved` says that a stationary point is proved to be a global minimum: then no Hessian is needed.
    """
    penalty = PENALTIES["groups"].of(l1, group, weights)
    total = f + penalty.value(x)
    pull = np.append(weights, 0.0)[group]
    sizes = sizes_of(total, g, x, statement_value, l1 + pull, l1, weights, h=h, layout=layout)
    if sizes is None:
        return nowhere(tolerance)
    reach, size = sizes.lengths, sizes.objective
    gaps = penalty.distance(g, x)
    curvature, condition = None, None
    if h is not None:
        rounding = 4.0 * EPS * (np.abs(h) @ np.abs(x))
        # beyond that any slope would vanish in rounding, as it does far away
        known = rounding.max(initial=0.0) <= 1e-3 * float((np.abs(g - h @ x) + l1 + pull).max(initial=0.0))
        gaps = np.maximum(gaps - (rounding if known else 0.0) - 4.0 * EPS * (l1 + pull), 0.0)
        alive = np.append(lengths(x, group, weights.size) > 0.0, True)[group]
        free = np.flatnonzero(alive & ((x != 0.0) | (l1 == 0.0)))
        if 0 < free.size <= 400 and np.isfinite(h).all():
            _, bent = curved(g, h, l1, group, weights, x, free)
            bends = Spectrum(bent, reach[free], size)
            condition = bends.condition
            curvature = bends.smallest / max(1.0, float(np.abs(bends.scaled).max()))
    return certificate_of(
        gaps,
        sizes,
        total,
        statement_value=statement_value,
        curvature=curvature,
        condition=condition,
        tolerance=tolerance,
        proved=proved,
    )
