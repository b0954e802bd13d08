"""Everything that generated source calls, under one name.

`plain` holds the same names for generated source that runs without numba.
"""

# ruff: noqa: F401  names for others

from __future__ import annotations

from typing import Any

from .apart import apart as compiled
from .apart import inner
from .arrays import accumulate, alongside, assign, clear, empty, room_alongside, shaped, take, taken
from .gamma import digamma, polygamma, trigamma
from .kept import add_then_keep
from .lanes import (
    cross_rows,
    cross_rows_about,
    cross_rows_symmetric,
    form_rows,
    form_rows_about,
    mix_rows,
    moments_rows,
    moments_rows_about,
    turn_rows,
)
from .lapack import (
    cholesky,
    eliminate,
    gemm,
    gemm_add,
    gemm_add_ahead,
    gemm_ahead,
    mirror,
    potrf,
    potri,
    potrs,
    syrk,
    syrk_ahead,
)
from .rowwise import add_rows, add_then_dot, dot_rows, full_width
from .special import (
    acos,
    acosh,
    asin,
    asinh,
    atan,
    atanh,
    cos,
    cosh,
    cosigmoid,
    erf,
    erfc,
    exp,
    expm1,
    larger,
    lgamma,
    log,
    log1p,
    sigmoid,
    sin,
    sinh,
    smaller,
    softplus,
    sqrt,
    tan,
    tanh,
)


def __getattr__(name: str) -> Any:
    """Names whose machine code takes time to make, for the kernels that call them."""
    if name not in ("weighted_products", "twice_weighted_products"):
        raise AttributeError(name)
    from . import weighted

    return getattr(weighted, name)
