"""What the certificates of penalties have in common: the units of F = f + φ, and the conditions that hold anyway.

Where −∇f lies in the subdifferential of φ, multipliers are read off it: their signs and complementarity hold by
construction, and are 0 in the certificate. What is judged is the distance to the subdifferential, entry by entry times
Xᵢ and over the size of F, in the units of `natural`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .kkt import KktCertificate
from .natural import amount, lengths_of, objective_size, reach_of
from .oracle import Layout, Matrix, Vector


class Sizes(NamedTuple):
    """The units of F at one point, and those of the entries of x: over which they change F, and the largest that stand
    beside them."""

    objective: float
    lengths: Vector
    reach: Vector


def sizes_of(
    total: float,
    g: Vector,
    x: Vector,
    statement_value: float,
    *weights: Any,
    h: Matrix | None = None,
    layout: Layout | None = None,
    bend: float = 0.0,
) -> Sizes | None:
    """The units (`natural`), h the Hessian of f where it is known and the first of the weights that of each |xᵢ|;
    `bend` is |xᵀ∇²f x| where h is not.

    None where F or the slope of f is not finite or a weight is negative: nothing can be certified.
    """
    finite = np.isfinite(total) and bool(np.isfinite(g).all()) and np.isfinite(statement_value)
    if not finite or any(bool((np.asarray(w) < 0.0).any()) for w in weights):
        return None
    if h is not None and not np.isfinite(h).all():
        h = None
    forces = np.broadcast_to(np.asarray(weights[0], dtype=np.float64), x.shape)
    terms = amount(x, h, np.abs(g) + forces) + bend
    size = objective_size(total, terms)
    places = [slice(0, x.size)] if layout is None else layout.slices.values()
    far, near = reach_of(x, forces, max(abs(total), terms), places)
    return Sizes(size, lengths_of(x, None if h is None else np.diagonal(h), size, far), near)


def certificate_of(
    gaps: Vector,
    sizes: Sizes,
    total: float,
    *,
    statement_value: float,
    primal: float = 0.0,
    **others: Any,
) -> KktCertificate:
    """The certificate from the distances `gaps` of the entries of x to the subdifferential; `others` as they are."""
    return KktCertificate(
        value=statement_value,
        stationarity=float((gaps * sizes.lengths).max(initial=0.0)) / sizes.objective,
        primal=primal,
        dual=0.0,
        complementarity=0.0,
        mismatch=abs(statement_value - total) / sizes.objective,
        **others,
    )


__all__ = ["Sizes", "certificate_of", "sizes_of"]
