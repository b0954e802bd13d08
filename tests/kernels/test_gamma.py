"""Derivatives of log Γ against fifty digits."""

from __future__ import annotations

import mpmath
from numba import njit

from derive.kernels.gamma import digamma, polygamma, trigamma


def test_digamma_family() -> None:
    """ψ and its derivatives to 1e-13 relative, negative arguments included for ψ and ψ′."""

    @njit
    def run(x):  # type: ignore[no-untyped-def]
        return digamma(x), trigamma(x), polygamma(2, x), polygamma(3, x)

    for x in (1e-3, 0.1, 0.5, 1.0, 1.4616, 3.7, 9.99, 25.0, 1e5, -0.5, -3.3):
        found = run(x)
        for order, value in enumerate(found[: 4 if x > 0 else 2]):
            assert abs(value - float(mpmath.psi(order, x))) <= 2e-13 * max(1.0, abs(value)), (order, x)
