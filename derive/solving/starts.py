"""Where a run begins: points that satisfy the facts on the unknowns, all reproducible by seed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from ..errors import ArgumentError
from ..node import Variable

Shapes = Mapping[str, tuple[int, ...]]


def by_name(names: Sequence[str], start: Any) -> dict[str, Any]:
    """A start as arrays by name: of a result its unknowns; an array alone is that of the only unknown."""
    if start is None:
        return {}
    if isinstance(start, Mapping):
        is_result = (
            "success" in start and "message" in start
        )  # of `solve`, or of SciPy's about the only unknown
        named = [name for name in names if name in start]
        if is_result and named:
            return {name: start[name] for name in named}
        if not (is_result and len(names) == 1 and "x" in start):
            return dict(start)
        start = start["x"]
    if len(names) == 1 and not isinstance(start, str):
        return {names[0]: start}
    example = ", ".join(f"{name!r}: …" for name in names)
    raise ArgumentError(f"the start is a mapping of arrays by name, start={{{example}}}, not {_kind(start)}")


def _kind(start: Any) -> str:
    """What was given, in few words."""
    return f"an array of shape {start.shape}" if isinstance(start, np.ndarray) else repr(start)


def default_start(unknowns: Sequence[Variable], shapes: Shapes, seed: int) -> dict[str, Any]:
    """Zero for vectors; small random numbers for matrices, where zero is often a saddle; inside constraints."""
    rng: np.random.Generator | None = None
    found: dict[str, Any] = {}
    for v in unknowns:
        shape = shapes[v.name]
        if "simplex" in v.facts:
            found[v.name] = np.full(shape, 1 / shape[-1])
        elif "psd" in v.facts:
            found[v.name] = np.broadcast_to(np.eye(shape[-1]), shape).copy()
        elif "positive" in v.facts:
            found[v.name] = np.ones(shape)
        elif v.order <= 1:
            found[v.name] = np.zeros(shape)
        else:
            rng = rng or np.random.default_rng(seed)
            found[v.name] = rng.standard_normal(shape) / np.sqrt(shape[-2])
            if "symmetric" in v.facts:
                found[v.name] = (found[v.name] + np.swapaxes(found[v.name], -1, -2)) / 2
    return found


def random_start(unknowns: Sequence[Variable], shapes: Shapes, rng: np.random.Generator) -> dict[str, Any]:
    """A random point."""
    found: dict[str, Any] = {}
    for v in unknowns:
        shape = shapes[v.name]
        noise = rng.standard_normal(shape)
        if "simplex" in v.facts:
            weights = np.exp(noise)
            found[v.name] = weights / weights.sum(axis=-1, keepdims=True)
        elif "psd" in v.facts:
            square = noise @ np.swapaxes(noise, -1, -2) / shape[-1]
            found[v.name] = (square + np.swapaxes(square, -1, -2)) / 2 + 0.1 * np.eye(shape[-1])
        elif v.facts & {"positive", "nonnegative"}:
            found[v.name] = np.exp(noise)
        elif "symmetric" in v.facts:
            found[v.name] = (noise + np.swapaxes(noise, -1, -2)) / 2
        else:
            found[v.name] = noise
    return found


def other_starts(unknowns: Sequence[Variable], shapes: Shapes, seed: int) -> list[dict[str, Any]]:
    """Where to begin when the objective is not defined at the default start."""
    rng = np.random.default_rng(seed)
    random = [random_start(unknowns, shapes, rng) for _ in range(3)]
    if any(v.facts & {"psd", "simplex"} for v in unknowns):
        return random
    return [{k: np.full(np.shape(a), c) for k, a in random[0].items()} for c in (1.0, 0.1, 10.0)] + random


def elsewhere(unknowns: Sequence[Variable], shapes: Shapes, seed: int) -> Iterator[dict[str, Any]]:
    """Where to begin after a run has ended in a corner that is no optimum: near 0, then ten times as far."""
    free = {v.name for v in unknowns if not v.facts}
    for k, size in enumerate((1.0, 1.0, 10.0, 10.0)):
        point = random_start(unknowns, shapes, np.random.default_rng([seed, k]))
        yield {name: size * a if name in free else a for name, a in point.items()}
