"""What the certificates of penalties have in common: the units of F = f + φ, and the conditions that hold anyway.

Where −∇f lies in the subdifferential of φ, multipliers are read off it: their signs and complementarity hold by
construction, and are 0 in the certificate. What is judged is the distance to the subdifferential, entry by entry times
max(1, |xᵢ|), over the size of F.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .kkt import NAN, KktCertificate
from .oracle import Vector


def size_of(total: float, slope: Vector, statement_value: float, *weights: Any) -> float:
    """max(|F|, 1); NaN where F or the slope of f is not finite or a weight is negative: nothing can be certified."""
    finite = np.isfinite(total) and bool(np.isfinite(slope).all()) and np.isfinite(statement_value)
    if not finite or any(bool((np.asarray(w) < 0.0).any()) for w in weights):
        return NAN
    return max(abs(total), 1.0)


def certificate_of(
    gaps: Vector, x: Vector, total: float, *, statement_value: float, primal: float = 0.0, **others: Any
) -> KktCertificate:
    """The certificate from the distances `gaps` of the entries of x to the subdifferential; `others` as they are."""
    size = max(abs(total), 1.0)
    return KktCertificate(
        value=statement_value,
        stationarity=float((gaps * np.maximum(1.0, np.abs(x))).max(initial=0.0)) / size,
        primal=primal,
        dual=0.0,
        complementarity=0.0,
        mismatch=abs(statement_value - total) / size,
        **others,
    )


__all__ = ["certificate_of", "size_of"]
