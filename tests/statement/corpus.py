"""The sample cases of `tests/data`, and data that satisfy what they say of their arrays."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import mpmath
import numpy as np

from derive.domains import Array, Mp
from derive.evaluate import run
from derive.node import Node
from derive.sizes import Binding, size_symbol
from derive.stable import stabilise

DATA = Path(__file__).resolve().parents[1] / "data"
Case = dict[str, Any]


@cache
def cases(name: str) -> list[Case]:
    """The cases of one file."""
    found: list[Case] = json.loads((DATA / f"{name}.json").read_text(encoding="utf-8"))
    return found


def one_hot(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    rows = np.zeros(shape)
    rows[np.arange(shape[0]), rng.integers(0, shape[1], shape[0])] = 1
    return rows


def risk_set(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Row i marks those who are still at risk when i fails."""
    times = rng.permutation(shape[0])
    return (times[None, :] >= times[:, None]).astype(float)


def _draw(kind: str, rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    normal = np.asarray(rng.standard_normal(shape))
    match kind:
        case "positive":
            return np.abs(normal) + 0.5
        case "symmetric":
            return (normal + normal.T) / 2
        case "psd" | "pd":
            return normal @ normal.T / shape[0] + np.eye(shape[0])
        case "integer":
            return np.asarray(rng.integers(0, 6, shape), dtype=float)
        case "binary":
            return np.asarray(rng.integers(0, 2, shape), dtype=float)
        case "unit":
            return np.asarray(rng.uniform(0.2, 0.8, shape))
        case "pm1":
            return np.asarray(rng.choice([-1.0, 1.0], shape))
        case "small":
            return 0.1 * normal
        case "skewsmall":
            return 0.1 * (normal - normal.T)
        case "wc":
            return 0.3 * normal + 2 * np.eye(shape[0])
        case "simplex" | "simplex_rows":
            weights = np.abs(normal) + 0.2
            return np.asarray(weights / weights.sum(axis=-1, keepdims=True))
        case "onehot":
            return one_hot(rng, shape)
        case "riskset":
            return risk_set(rng, shape)
    raise AssertionError(f"no way to draw {kind}")


def draw(case: Case, sizes: Mapping[str, int], seed: int = 0) -> dict[str, Array]:
    """Arrays for the declared names, satisfying facts and the way they are said to be drawn."""
    rng = np.random.default_rng([seed, *case["id"].encode()])
    found = {}
    for name, shape in case["declare"].items():
        kinds = [*case["facts"].get(name, []), *([case["gen"][name]] if name in case["gen"] else [])]
        numbers = tuple(s if isinstance(s, int) else sizes[s] for s in shape)
        found[name] = _draw(kinds[-1], rng, numbers) if kinds else np.asarray(rng.standard_normal(numbers))
    return found


def exact(node: Node, arrays: Mapping[str, Array], sizes: Mapping[str, int], digits: int = 50) -> Array:
    """The value with that many digits; the arrays may hold mpmath numbers."""
    with mpmath.workdps(digits):
        domain = Mp(digits)
        binding = Binding({size_symbol(k): v for k, v in sizes.items()})
        return run(stabilise([node]), {k: domain.array(a) for k, a in arrays.items()}, binding, domain)[0]
