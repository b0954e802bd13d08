"""The conditions of an optimum where weights act on the singular values of matrices, and their proof.

For   minimise f(x) + Σ ω ‖X‖_* + Σ λᵢ|xᵢ|   over low ≤ x ≤ high   a point is stationary when −∇f lies in the
subdifferential: with X = U diag(σ) Vᵀ, σ > 0, and G the slope of f in X,

    UᵀG + ωVᵀ = 0,   G V + ωU = 0,   σ₁((I − UUᵀ) G (I − VVᵀ)) ≤ ω,

and entry by entry for the others (`separable`). The distance to it, in the units of `natural`, is the stationarity of
the certificate. Where the smooth part is not proved to be convex, curvature is that in the factors L Rᵀ = X and the
free entries (`optimizers.low_rank`), found by differences of the slope.
Source: Watson, Linear Algebra Appl. 170 (1992).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from .certificate import TOLERANCE
from .kkt import KktCertificate, nowhere
from .neighbourhood import curvature_by_differences
from .optimizers.low_rank import Factors
from .optimizers.matrices import Matrices
from .optimizers.penalties import PENALTIES
from .oracle import Layout, Vector
from .penalised import certificate_of, sizes_of


def certify_low_rank(
    value_gradient: Callable[[Vector], tuple[float, Vector]],
    matrices: Matrices,
    l1: Vector,
    low: Vector,
    high: Vector,
    x: Vector,
    *,
    statement_value: float,
    tolerance: float = TOLERANCE,
    layout: Layout | None = None,
    proved: bool = False,
) -> KktCertificate:
    """The certificate of a point; values and slopes are the interpreter's.

    `proved` says that a stationary point is proved to be a global minimum.
    """
    f, g = value_gradient(x)
    penalty = PENALTIES["nuclear"].of(matrices, l1, low, high)
    total = f + penalty.value(x)
    pull = l1.copy()
    for at, m, n, w in matrices.parts:
        pull[at : at + m * n] += w
    sizes = sizes_of(total, g, x, statement_value, pull, l1, [w for *_, w in matrices.parts], layout=layout)
    if sizes is None:
        return nowhere(tolerance)
    found = certificate_of(
        penalty.distance(g, x),
        sizes,
        total,
        statement_value=statement_value,
        tolerance=tolerance,
        proved=proved,
    )
    if not proved and found.stationarity <= tolerance**0.5:
        factors = Factors.of(x, matrices, l1, low, high)
        value, _ = factors.smooth(value_gradient)
        p = factors.point()
        if p.size:
            return replace(found, curvature=curvature_by_differences(lambda q: value(q)[1], p))
    return found
