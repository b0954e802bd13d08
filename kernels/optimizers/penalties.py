"""Penalties and simple sets as records: value, proximal map, optimality distance.

For   minimise f(x) + φ(x)   a method needs   prox_{tφ}(v) = argmin_u ½‖u − v‖² + tφ(u),   and a certificate the
distance of −∇f(x) to the subdifferential ∂φ(x), which is zero at an optimum and nowhere else. A set is the penalty that
is 0 on it and infinite outside. A new one is added here and nowhere else; the tests find it in `PENALTIES`.
Source: Parikh & Boyd, Proximal Algorithms, Foundations and Trends in Optimization 1 (2014), ch. 6.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from ..oracle import Array
from .matrices import decomposed

Vector = Array
TINY = 1e-300


@dataclass(frozen=True)
class Penalty:
    """φ with its parameters still to be given: each function takes them last, by position.

    value(x, …)          φ(x)
    prox(v, t, …)        the proximal map of tφ
    distance(g, x, …)    entry by entry, how far −g is from ∂φ(x)
    """

    name: str
    formula: str
    value: Callable[..., float]
    prox: Callable[..., Vector]
    distance: Callable[..., Vector]

    def of(self, *parameters: Any) -> Penalty:
        """The penalty with its parameters."""
        bound = {f: _last(getattr(self, f), parameters) for f in ("value", "prox", "distance")}
        return Penalty(self.name, self.formula, bound["value"], bound["prox"], bound["distance"])


def _last(function: Callable[..., Any], parameters: tuple[Any, ...]) -> Callable[..., Any]:
    return partial(lambda *first: function(*first, *parameters))


def soft(v: Vector, threshold: Any) -> Vector:
    """sign(v) max(|v| − threshold, 0)"""
    return np.asarray(np.sign(v) * np.maximum(np.abs(v) - threshold, 0.0))


def _box_distance(g: Vector, x: Vector, low: Any, high: Any) -> Vector:
    upward = np.where(x < high, np.maximum(-g, 0.0), 0.0)
    return np.maximum(upward, np.where(x > low, np.maximum(g, 0.0), 0.0))


def _inside(x: Vector, low: Any, high: Any) -> float:
    return 0.0 if bool(((x >= low) & (x <= high)).all()) else np.inf


def _norm1_distance(g: Vector, x: Vector, weight: Any) -> Vector:
    away = np.abs(g + weight * np.sign(x))
    return np.asarray(np.where(x != 0.0, away, np.maximum(np.abs(g) - weight, 0.0)))


def _norms(x: Vector) -> Vector:
    """The Euclidean norm of each group: rows of a matrix, or all of a vector."""
    return np.asarray(np.sqrt((x * x).sum(axis=-1, keepdims=True)))


def _group_distance(g: Vector, x: Vector, weight: Any) -> Vector:
    size = _norms(x)
    away = np.abs(g + weight * x / np.maximum(size, TINY))
    length = np.maximum(_norms(g), TINY)
    return np.asarray(np.where(size > 0.0, away, np.abs(g) * np.maximum(1.0 - weight / length, 0.0)))


def lengths(x: Vector, group: Any, count: int) -> Vector:
    """‖x_g‖₂ of each of `count` groups; entry i belongs to group[i], to none where that is negative."""
    inside = group >= 0
    return np.asarray(np.sqrt(np.bincount(group[inside], x[inside] ** 2, count)))


def _spread(each: Vector, group: Any, outside: float) -> Vector:
    """A number per group for each entry, and another for entries of no group."""
    return np.asarray(np.append(each, outside)[group])


def _groups_value(x: Vector, l1: Any, group: Any, weights: Any) -> float:
    return float((l1 * np.abs(x)).sum() + weights @ lengths(x, group, weights.size))


def _groups_prox(v: Vector, t: float, l1: Any, group: Any, weights: Any) -> Vector:
    """First the entries, then the lengths: shrinking a group keeps its signs (Yu, NeurIPS 2013, theorem 4)."""
    u = soft(v, t * l1)
    size = np.maximum(lengths(u, group, weights.size), TINY)
    return np.asarray(u * _spread(np.maximum(1.0 - t * weights / size, 0.0), group, 1.0))


def _groups_distance(g: Vector, x: Vector, l1: Any, group: Any, weights: Any) -> Vector:
    size = lengths(x, group, weights.size)
    pull = _spread(weights / np.maximum(size, TINY), group, 0.0)
    alive = _spread(size, group, 1.0) > 0.0
    slope = g + np.where(alive, pull * x, 0.0)
    away = np.where(x != 0.0, np.abs(slope + l1 * np.sign(x)), np.maximum(np.abs(slope) - l1, 0.0))
    rest = soft(g, l1)  # of a group that is zero: what the |x| leave of the slope has to be shorter than ω
    length = np.maximum(lengths(rest, group, weights.size), TINY)
    return np.asarray(
        np.where(alive, away, np.abs(rest) * _spread(np.maximum(1.0 - weights / length, 0.0), group, 0.0))
    )


def onto_simplex(v: Vector, total: float) -> Vector:
    """The nearest point with entries ≥ 0 that sum to `total`, along the last axis."""
    falling = -np.sort(-v, axis=-1)
    excess = np.cumsum(falling, axis=-1) - total
    count = np.arange(1, v.shape[-1] + 1)
    last = (falling - excess / count > 0.0).sum(axis=-1, keepdims=True)
    shift = np.take_along_axis(excess, last - 1, axis=-1) / last
    return np.asarray(np.maximum(v - shift, 0.0))


def _simplex_distance(g: Vector, x: Vector, total: float) -> Vector:
    """On the support g is constant, elsewhere it is not less."""
    held = x > 0.0
    level = (np.where(held, g, 0.0).sum(axis=-1, keepdims=True)) / held.sum(axis=-1, keepdims=True)
    return np.asarray(np.where(held, np.abs(g - level), np.maximum(level - g, 0.0)))


def _on_simplex(x: Vector, total: float) -> float:
    near = np.abs(x.sum(axis=-1) - total).max() <= 1e-9 * max(total, 1.0)
    return 0.0 if near and bool((x >= 0.0).all()) else np.inf


def _separable_value(x: Vector, weight: Any, low: Any, high: Any) -> float:
    return float((weight * np.abs(x)).sum()) + _inside(x, low, high)


def one_sided(g: Vector, x: Vector, weight: Any) -> tuple[Vector, Vector]:
    """The derivatives of f + Σ wᵢ|xᵢ| to the left and to the right."""
    return g + np.where(x > 0, weight, -weight), g + np.where(x < 0, -weight, weight)


def separable_distance(g: Vector, x: Vector, weight: Any, low: Any, high: Any) -> Vector:
    """How far −g is from the subdifferential of Σ wᵢ|xᵢ| and of the bounds, entry by entry."""
    left, right = one_sided(g, x, weight)
    upward = np.where(x < high, np.maximum(-right, 0.0), 0.0)
    return np.maximum(upward, np.where(x > low, np.maximum(left, 0.0), 0.0))


def _nuclear_value(x: Vector, matrices: Any, l1: Any, low: Any, high: Any) -> float:
    sums = (w * float(size.sum()) for (*_, w), (_, size, _) in matrices.factors(x))
    return sum(sums, _separable_value(x, l1, low, high))


def _nuclear_prox(v: Vector, t: float, matrices: Any, l1: Any, low: Any, high: Any) -> Vector:
    """The soft threshold of the singular values (Cai, Candès & Shen, SIAM J. Optim. 20, 2010, theorem 2.1)."""
    found: Vector = matrices.shrunk(v, t, np.clip(soft(v, t * l1), low, high))
    return found


def _nuclear_distance(g: Vector, x: Vector, matrices: Any, l1: Any, low: Any, high: Any) -> Vector:
    """Along the matrices of that rank G + ωUVᵀ; across, what of the singular values of G is above ω."""
    found = separable_distance(g, x, l1, low, high)
    for (at, m, n, w), (left, _, right) in matrices.factors(x):
        slope = g[at : at + m * n].reshape(m, n)
        across = slope - left @ (left.T @ slope)
        across = across - (across @ right.T) @ right
        away = slope - across + w * (left @ right)
        if float((across * across).sum()) > w * w:
            u, s, v = decomposed(across)
            away = away + (u * np.maximum(s - w, 0.0)) @ v
        found[at : at + m * n] = np.abs(away).ravel()
    return found


PENALTIES: dict[str, Penalty] = {
    p.name: p
    for p in (
        Penalty(
            "norm1",
            "Σ λᵢ|xᵢ|",
            lambda x, weight: float((weight * np.abs(x)).sum()),
            lambda v, t, weight: soft(v, t * weight),
            _norm1_distance,
        ),
        Penalty(
            "squared-norm",
            "½λ‖x‖²",
            lambda x, weight: float(0.5 * (weight * x * x).sum()),
            lambda v, t, weight: v / (1.0 + t * weight),
            lambda g, x, weight: np.abs(g + weight * x),
        ),
        Penalty(
            "elastic-net",
            "Σ λ|xᵢ| + ½μ‖x‖²",
            lambda x, first, second: float((first * np.abs(x)).sum() + 0.5 * (second * x * x).sum()),
            lambda v, t, first, second: soft(v, t * first) / (1.0 + t * second),
            lambda g, x, first, second: _norm1_distance(g + second * x, x, first),
        ),
        Penalty(
            "group",
            "λ Σ ‖row‖₂",
            lambda x, weight: float((weight * _norms(x)).sum()),
            lambda v, t, weight: v * np.maximum(1.0 - t * weight / np.maximum(_norms(v), TINY), 0.0),
            _group_distance,
        ),
        Penalty(
            "groups",
            "Σ λᵢ|xᵢ| + Σ ω_g ‖x_g‖₂, the groups disjoint",
            _groups_value,
            _groups_prox,
            _groups_distance,
        ),
        Penalty(
            "nuclear",
            "Σ ω ‖X‖_* of matrices, Σ λᵢ|xᵢ| and low ≤ x ≤ high of other entries",
            _nuclear_value,
            _nuclear_prox,
            _nuclear_distance,
        ),
        Penalty(
            "box",
            "low ≤ x ≤ high",
            _inside,
            lambda v, t, low, high: np.clip(v, low, high),
            _box_distance,
        ),
        Penalty(
            "nonnegative",
            "x ≥ 0",
            lambda x: _inside(x, 0.0, np.inf),
            lambda v, t: np.maximum(v, 0.0),
            lambda g, x: _box_distance(g, x, 0.0, np.inf),
        ),
        Penalty(
            "simplex",
            "x ≥ 0, Σ xᵢ = r",
            _on_simplex,
            lambda v, t, total: onto_simplex(v, total),
            _simplex_distance,
        ),
        Penalty(
            "separable",
            "Σ λᵢ|xᵢ|, low ≤ x ≤ high",
            _separable_value,
            lambda v, t, weight, low, high: np.clip(soft(v, t * weight), low, high),
            separable_distance,
        ),
    )
}
