"""The self-test of a solver file: random data with the stated facts, and derivatives against differences."""

from __future__ import annotations

from typing import Any

import numpy as np

from .data import Statement, shapes_in_numbers


def random_data(statement: Statement, seed: int) -> dict[str, Any]:
    """Small random data with the stated facts; sizes differ from each other, so that a transposition shows.

    From seed 8 on the entries of matrices are small: then what is bounded by a number of its own is mostly possible.
    From 12 on they are positive, as what has logarithms taken.
    """
    rng = np.random.default_rng(seed)
    named = [*statement.data.values(), *statement.unknowns.values()]
    names = list(dict.fromkeys(s for shape in named for s in shape if isinstance(s, str)))
    others = [s for s in names if s != statement.rows]
    others = others if seed % 2 == 0 else others[::-1]
    sizes = {**{s: 2 + k % 4 for k, s in enumerate(others)}, statement.rows: 24}
    if seed % 8 >= 4:  # few rows, as constraints need them
        sizes = {**{s: 5 + k % 4 for k, s in enumerate(others)}, statement.rows: 3}
    found: dict[str, Any] = {s: sizes[s] for s in names if s not in statement.data}
    for k, (name, shape) in enumerate(shapes_in_numbers(statement.data, sizes).items()):
        kind = seed % 4 if k > 0 else 0
        found[name] = random_array(shape, statement.facts.get(name, ()), rng, kind)
        if seed >= 8 and len(shape) > 1 and not statement.facts.get(name):
            found[name] = 0.1 * found[name] if seed < 12 else np.abs(found[name])
    told = {s for name in statement.data for s in statement.data[name]}
    return {name: value for name, value in found.items() if name in statement.data or name not in told}


def random_array(shape: tuple[int, ...], facts: tuple[str, ...], rng: Any, kind: int) -> Any:
    """Numbers with the facts; where there are none, normal, positive, labels (0 or 1, one per row), or ±1."""
    noise = rng.standard_normal(shape)
    if "simplex" in facts:
        return np.exp(noise) / np.exp(noise).sum(axis=-1, keepdims=True)
    if {"psd", "pd"} & set(facts):
        return noise @ np.swapaxes(noise, -1, -2) / shape[-1] + np.eye(shape[-1])
    if "integer" in facts:
        return rng.integers(0, 2, shape).astype(float)
    if (
        {"positive", "nonnegative"} & set(facts)
        or (kind > 0 and not shape)
        or (kind == 1 and len(shape) == 1)
    ):
        return 0.1 + rng.random(shape)
    if "symmetric" in facts:
        return (noise + np.swapaxes(noise, -1, -2)) / 2
    if kind == 2 and shape:
        largest = noise.max(axis=-1, keepdims=True) if len(shape) > 1 else np.maximum(noise, 0.0)
        return (noise == largest) * 1.0
    if kind == 3 and len(shape) == 1:
        return np.where(noise > 0, 1.0, -1.0)
    return noise


def difference_error(function: Any, slope: Any, x: Any) -> float:
    """The largest error of a derivative against central differences of order four, relative to its size.

    With two lengths of steps: beside a logarithm of little the longer one is too long.
    """
    exact = np.asarray(slope(x))
    gaps = np.full(exact.shape, np.inf)
    for i in range(x.size):
        for length in (1e-3, 1e-4):
            h = length * max(1.0, abs(x[i]))
            near, far = np.zeros(x.size), np.zeros(x.size)
            near[i], far[i] = h, 2.0 * h
            close = np.asarray(function(x + near)) - np.asarray(function(x - near))
            wide = np.asarray(function(x + far)) - np.asarray(function(x - far))
            found = (8.0 * close - wide) / (12.0 * h)
            gaps[..., i] = np.fmin(gaps[..., i], np.abs(found - exact[..., i]))
    return float(gaps.max(initial=0.0) / max(1.0, np.abs(exact).max(initial=0.0)))


def along_symmetric(pairs: list[Any], halves: Any) -> Any:
    """The same functions and derivatives along symmetric matrices alone: the number of coordinates, the pairs."""

    def turned(function: Any, slope: Any) -> Any:
        return lambda u: function(halves.open(u)), lambda u: halves.shut(slope(halves.open(u)).T).T

    return halves.first.size, [(name, *turned(function, slope)) for name, function, slope in pairs]
