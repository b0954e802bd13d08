"""Functions of singular values in numbers: of doubles and of 50 digits by the decomposition, of symbols by formulas.

A matrix of symbols with at most two singular values has, with G the Gram matrix of its shorter side,

    G^½ = (G + √det G I)/√(tr G + 2√det G)       σ₁² = (tr G + √(tr² G − 4 det G))/2

(Higham, Functions of Matrices (2008), section 6.1). Others have no short form and are refused.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import sympy

from ..domains import Array, Domain
from ..errors import UnsupportedError

#: Singular values that differ by less than this share are equal.
EQUAL = 1e-12
_EYE = np.array([[1, 0], [0, 1]], dtype=object)


def each(
    x: Array, domain: Domain, of_factors: Callable[..., Any], exact: Callable[[Array], Any], drop: int
) -> Array:
    """A function of U, σ and Vᵀ of every matrix of a batch; the result has `drop` axes less."""
    if domain.name == "float" and not np.isfinite(x).all():
        return np.full(x.shape[: x.ndim - drop], np.nan)
    out = np.empty(x.shape[: x.ndim - drop], dtype=x.dtype)
    for index in np.ndindex(x.shape[:-2]):
        if domain.name == "sympy":
            out[index] = exact(x[index])
        else:
            out[index] = of_factors(*_decomposed(x[index], domain))
    return out


def _decomposed(x: Array, domain: Domain) -> tuple[Array, Array, Array]:
    if domain.name == "float":
        return np.linalg.svd(x, full_matrices=False)
    u, s, v = mpmath.svd_r(mpmath.matrix(x.tolist()))
    left, right = (np.array(f.tolist(), dtype=object) for f in (u, v))
    return left, np.array(list(s), dtype=object), right


def polar(u: Array, s: Array, v: Array) -> Array:
    """U Vᵀ over the singular values that are not zero to rounding."""
    small = mpmath.mp.eps if s.dtype == object else 2.2e-16
    kept = s > s[0] * (max(u.shape[0], v.shape[1]) * small)
    return np.asarray(u[:, kept] @ v[kept])


def dyad(u: Array, s: Array, v: Array) -> Array:
    """The mean of the uᵢ vᵢᵀ of the singular values that are equal to the largest."""
    kept = np.asarray((s >= s[0] * (1 - EQUAL)) & (s > 0), dtype=bool)
    return np.asarray(u[:, kept] @ v[kept] / max(int(kept.sum()), 1))


def _small(x: Array) -> tuple[Array, Any, Any]:
    """The Gram matrix of the shorter side, its trace, and the root of its determinant."""
    gram = x.T @ x if x.shape[0] >= x.shape[1] else x @ x.T
    if len(gram) > 2:
        raise UnsupportedError(
            f"the singular values of a {x.shape[0]}×{x.shape[1]} matrix of symbols have no short form"
        )
    if len(gram) == 1:
        return gram, gram[0, 0], sympy.S.Zero
    return gram, gram[0, 0] + gram[1, 1], sympy.sqrt(gram[0, 0] * gram[1, 1] - gram[0, 1] ** 2)


def exact_nuclear(x: Array) -> Any:
    """σ₁ + σ₂ = √(tr G + 2√det G)"""
    _, trace, root = _small(x)
    return sympy.sqrt(trace + 2 * root)


def exact_spectral(x: Array) -> Any:
    """σ₁² = (tr G + √(tr² G − 4 det G))/2"""
    _, trace, root = _small(x)
    return sympy.sqrt((trace + sympy.sqrt(trace**2 - 4 * root**2)) / 2)


def _beside(x: Array, small: Array) -> Any:
    """X times a matrix of its shorter side, from that side."""
    return x @ small if x.shape[0] >= x.shape[1] else small @ x


def exact_polar(x: Array) -> Any:
    """X G^{−½}, and G^½ = (G + √det G I)/√(tr G + 2√det G)"""
    gram, trace, root = _small(x)
    size = sympy.sqrt(trace + 2 * root)
    if len(gram) == 1:
        return x / size
    (a, b), (_, c) = gram + root * _EYE
    inverse = np.array([[c, -b], [-b, a]], dtype=object) * size / (a * c - b * b)
    return _beside(x, inverse)


def exact_dyad(x: Array) -> Any:
    """X v vᵀ/σ₁, and v vᵀ = (G − σ₂² I)/(σ₁² − σ₂²)"""
    gram, trace, root = _small(x)
    size = exact_spectral(x)
    if len(gram) == 1:
        return x / size
    apart = sympy.sqrt(trace**2 - 4 * root**2)
    leading = (gram - (trace - apart) / 2 * _EYE) / apart
    return _beside(x, leading) / size
