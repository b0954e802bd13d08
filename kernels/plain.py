"""The names of `library` for generated source that runs under plain Python, without numba.

Slow on purpose-built data and meant for tests and for reading along; the meaning is the same.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import linalg as _linear
from scipy import special as _scipy


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Nothing is compiled here."""
    return function


inner = compiled
larger, smaller = np.maximum, np.minimum
exp, expm1, tanh, log, log1p, sqrt = np.exp, np.expm1, np.tanh, np.log, np.log1p, np.sqrt
sin, cos, tan, sinh, cosh = np.sin, np.cos, np.tan, np.sinh, np.cosh
asin, acos, atan, asinh, acosh, atanh = (
    np.arcsin, np.arccos, np.arctan, np.arcsinh, np.arccosh, np.arctanh,
)  # fmt: skip
erf, erfc, lgamma, digamma = _scipy.erf, _scipy.erfc, _scipy.gammaln, _scipy.digamma
sigmoid = _scipy.expit


def empty(shape: Any, dtype: Any) -> Any:
    """An array that nothing was written to: whoever reads an entry too early gets nan, not what lay there."""
    return np.full(shape, np.nan) if dtype == np.float64 else np.empty(shape, dtype)


def clear(array: Any) -> None:
    """Zeros in all entries."""
    array[...] = 0.0


def shaped(array: Any, shape: Any) -> Any:
    """The entries in another shape."""
    return array.reshape(shape)


def accumulate(total: Any, part: Any) -> None:
    """total += part."""
    total += part


def assign(out: Any, given: Any) -> None:
    """out = given."""
    out[...] = given


def take(turns: Any, place: int) -> Any:
    """The number at a place, which is one more from then on."""
    turns[place] += 1
    return turns[place] - 1


def taken(turns: Any, place: int) -> Any:
    """The number at a place."""
    return turns[place]


def cosigmoid(x: float) -> Any:
    """σ(−x)."""
    return sigmoid(-x)


def softplus(x: float) -> Any:
    """log(1 + eˣ)."""
    return max(x, 0.0) + np.log1p(np.exp(-abs(x)))


def trigamma(x: float) -> Any:
    """ψ′(x)."""
    return _scipy.polygamma(1, x)


def polygamma(order: int, x: float) -> Any:
    """The derivative of ψ of that order."""
    return _scipy.polygamma(order, x)


def gemm(left: Any, right: Any, out: Any) -> None:
    """out = left · right."""
    out[...] = left @ right


def gemm_add(left: Any, right: Any, out: Any) -> None:
    """out += left · right."""
    out += left @ right


def gemm_ahead(left: Any, right: Any, out: Any, rows: Any) -> None:
    """out = left · right."""
    gemm(left, right, out)


def gemm_add_ahead(left: Any, right: Any, out: Any, rows: Any) -> None:
    """out += left · right."""
    gemm_add(left, right, out)


def weighted_products(a: Any, b: Any, x: Any, c: Any, work: Any, out: Any) -> None:
    """out = (x ∘ (a b)) cᵀ."""
    out[...] = (x * (a @ b)) @ c.T


def twice_weighted_products(a: Any, b: Any, x: Any, y: Any, c: Any, work: Any, out: Any) -> None:
    """out = (x ∘ y ∘ (a b)) cᵀ."""
    weighted_products(a, b, x * y, c, work, out)


def syrk(block: Any, factor: float, out: Any) -> None:
    """out += factor · blockᵀ block; only the lower triangle matters."""
    out += factor * (block.T @ block)


def syrk_ahead(block: Any, factor: float, out: Any, rows: Any) -> None:
    """out += factor · blockᵀ block; only the lower triangle matters."""
    syrk(block, factor, out)


def dot_rows(block: Any, w: Any, z: Any) -> None:
    """zᵢ = Σⱼ blockᵢⱼ wⱼ."""
    z[: len(block)] = block @ w


def add_rows(block: Any, r: Any, g: Any) -> None:
    """gⱼ += Σᵢ rᵢ blockᵢⱼ."""
    g += r[: len(block)] @ block


def mix_rows(matrix: Any, block: Any, m: int, out: Any) -> None:
    """outᵢᵣ = Σⱼ Pᵢⱼ Vⱼᵣ for the first m rows."""
    out[:, :m] = matrix @ block[:, :m]


def cross_rows(left: Any, right: Any, m: int, out: Any) -> None:
    """outᵢⱼ += Σᵣ Aᵢᵣ Bⱼᵣ; B may be a vector."""
    out += left[:, :m] @ right[..., :m].T


cross_rows_symmetric = cross_rows


def moments_rows(block: Any, weights: Any, m: int, out: Any) -> None:
    """outᵢⱼ += Σᵣ wᵣ Vᵢᵣ Vⱼᵣ."""
    out += (block[:, :m] * weights[:m]) @ block[:, :m].T


def turn_rows(block: Any, out: Any) -> None:
    """outⱼᵣ = blockᵣⱼ."""
    out[:, : len(block)] = block.T


def form_rows(matrix: Any, block: Any, m: int, out: Any) -> None:
    """outᵣ = Σᵢⱼ Pᵢⱼ Vᵢᵣ Vⱼᵣ."""
    out[:m] = ((matrix @ block[:, :m]) * block[:, :m]).sum(axis=0)


def cross_rows_about(block: Any, centre: Any, weights: Any, m: int, out: Any) -> None:
    """outᵢ += Σᵣ wᵣ (Vᵢᵣ − cᵢ)."""
    cross_rows(block - centre[:, None], weights, m, out)


def moments_rows_about(block: Any, centre: Any, weights: Any, m: int, out: Any) -> None:
    """outᵢⱼ += Σᵣ wᵣ (Vᵢᵣ − cᵢ)(Vⱼᵣ − cⱼ)."""
    moments_rows(block - centre[:, None], weights, m, out)


def form_rows_about(matrix: Any, block: Any, centre: Any, m: int, out: Any) -> None:
    """outᵣ = Σᵢⱼ Pᵢⱼ (Vᵢᵣ − cᵢ)(Vⱼᵣ − cⱼ)."""
    form_rows(matrix, block - centre[:, None], m, out)


def add_then_dot(block: Any, r: Any, g: Any, after: Any, w: Any, z: Any) -> None:
    """The second on one block, then the first on the next one."""
    add_rows(block, r, g)
    dot_rows(after, w, z)


def add_then_keep(kept: Any, m: int, r: Any, g: Any, after: Any, w: Any, z: Any) -> None:
    """The same, where the m rows of the first block are kept, and then those of the next one."""
    add_rows(kept[:m, : len(g)], r, g)
    dot_rows(after, w, z)
    kept[: len(after), : after.shape[1]] = after


def alongside(rows: Any, vector: Any) -> Any:
    """The vector: where it lies does not matter here."""
    return vector


def room_alongside(rows: Any, count: int) -> Any:
    """Room for as many rows."""
    return np.empty((count, rows.shape[1]), rows.dtype)


def full_width() -> None:
    """Vectors as wide as the processor's: nothing to do here."""


def mirror(matrix: Any) -> None:
    """The upper triangle from the lower one."""
    matrix[...] = np.tril(matrix) + np.tril(matrix, -1).T


def cholesky(matrix: Any, factor: Any) -> None:
    """The lower triangular factor of a positive definite matrix; NaN where it is not one."""
    try:
        factor[...] = np.linalg.cholesky(matrix)
    except np.linalg.LinAlgError:
        factor[...] = math.nan


def potrf(matrix: Any) -> None:
    """The Cholesky factor in place of the lower triangle, NaN where there is none; rows B below become B L⁻ᵀ."""
    top, below = np.split(matrix, [matrix.shape[1]])
    try:
        top[...] = np.linalg.cholesky(np.tril(top) + np.tril(top, -1).T)
        below[...] = _linear.solve_triangular(top, below.T, lower=True).T
    except np.linalg.LinAlgError:
        matrix[0, 0] = math.nan


def potri(factor: Any) -> None:
    """The inverse in place of a Cholesky factor."""
    factor[...] = _linear.inv(np.tril(factor) @ np.tril(factor).T, check_finite=False)


def potrs(factor: Any, right: Any) -> None:
    """Every row of `right` solved for, in place, by a Cholesky factor."""
    right[...] = _linear.cho_solve((np.tril(factor), True), right.T, check_finite=False).T


def eliminate(matrix: Any, work: Any, right: Any, columns: int) -> tuple[float, float]:
    """(det, log |det|), and `right` becomes A⁻¹ times what it was; NaN where the matrix is singular."""
    sign, logarithm = np.linalg.slogdet(matrix)
    if columns:
        right[...] = np.linalg.solve(matrix, right) if sign else math.nan
    return float(np.linalg.det(matrix)), float(logarithm)
