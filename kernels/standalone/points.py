"""Where a run begins, and unknowns with and without the facts that were stated of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from .data import DataError, Statement, shapes_in_numbers


def starting_point(statement: Statement, sizes: dict[str, int], found: dict[str, Any], seed: int = 0) -> Any:
    """Arrays for all unknowns: those given, else zero for vectors and small random numbers for matrices."""
    rng = np.random.default_rng(seed)
    point = {}
    for name, shape in shapes_in_numbers(statement.unknowns, sizes).items():
        facts = statement.facts.get(name, ())
        if name in found:
            point[name] = found[name]
        elif "simplex" in facts:
            point[name] = np.full(shape, 1.0 / shape[-1])
        elif {"psd", "pd"} & set(facts):
            point[name] = np.broadcast_to(np.eye(shape[-1]), shape).copy()
        elif "positive" in facts:
            point[name] = np.ones(shape)
        elif len(shape) <= 1:
            point[name] = np.zeros(shape)
        else:
            point[name] = rng.standard_normal(shape) / np.sqrt(shape[-2])
            if "symmetric" in facts:
                point[name] = (point[name] + np.swapaxes(point[name], -1, -2)) / 2
    return point


def freed(kind: str, name: str, a: Any) -> Any:
    """The free value that stands for a constrained one."""
    if kind in ("positive", "simplex"):
        if not (a > 0).all():
            raise DataError(f"the start of {name} must be positive")
        logs = np.log(a)
        return logs if kind == "positive" else logs - logs.mean(axis=-1, keepdims=True)
    if kind == "pd":
        try:
            lower = np.linalg.cholesky(a)
        except np.linalg.LinAlgError:
            raise DataError(f"the start of {name} is not positive definite") from None
        diagonal = np.diagonal(lower, axis1=-2, axis2=-1)
        return np.tril(lower, -1) + np.log(diagonal)[..., None] * np.eye(a.shape[-1])
    return a


def bound_again(kind: str, a: Any) -> Any:
    """The constrained value that a free one stands for."""
    if kind == "positive":
        return np.exp(a)
    if kind == "simplex":
        e = np.exp(a - a.max(axis=-1, keepdims=True))
        return e / e.sum(axis=-1, keepdims=True)
    if kind == "pd":
        diagonal = np.diagonal(a, axis1=-2, axis2=-1)
        lower = np.tril(a, -1) + np.exp(diagonal)[..., None] * np.eye(a.shape[-1])
        return lower @ np.swapaxes(lower, -1, -2)
    return a


def free_point(statement: Statement, point: dict[str, Any]) -> dict[str, Any]:
    """All unknowns in free form, by their free names."""
    return {free: freed(kind, name, point[name]) for name, (free, kind) in statement.free.items()}


def stated_point(statement: Statement, free: dict[str, Any]) -> dict[str, Any]:
    """All unknowns as stated, by their own names."""
    return {name: bound_again(kind, np.asarray(free[n])) for name, (n, kind) in statement.free.items()}


def freed_slope(kind: str, a: Any, g: Any) -> Any:
    """The slope in the free value, from that in the constrained one: the chain rule of `bound_again`."""
    if kind == "positive":
        return g * np.exp(a)
    if kind == "simplex":
        p = bound_again(kind, a)
        return p * (g - np.sum(p * g, axis=-1, keepdims=True))
    if kind == "pd":
        scale = np.exp(np.diagonal(a, axis1=-2, axis2=-1))[..., None] * np.eye(a.shape[-1])
        rate = (g + np.swapaxes(g, -1, -2)) @ (np.tril(a, -1) + scale)
        return np.tril(rate, -1) + rate * scale
    return g


def free_slopes(statement: Statement, free: dict[str, Any], slopes: dict[str, Any]) -> dict[str, Any]:
    """Slopes in all free unknowns, by their free names."""
    return {n: freed_slope(kind, free[n], slopes[name]) for name, (n, kind) in statement.free.items()}
