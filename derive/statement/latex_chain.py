"""Chains A = B = C of one formula written in several ways: the formulas have to be equal.

They are, if they have one normal form; otherwise they are compared on random data that have the declared facts. This is
a guard against slips of the pen and no proof: formulas that differ are refused, never read as one of them.
"""

from __future__ import annotations

import numpy as np

from ..domains import Array, Float
from ..errors import DeriveError
from ..evaluate import run
from ..node import Node, Variable, size_symbols, variables
from ..simplify import expand, simplify
from ..sizes import Binding, same_shape
from ..stable import recognise, stabilise

_TOLERANCE = 1e-8


def equal(a: Node, b: Node) -> bool:
    """Whether two nodes have one normal form, or the same values wherever they were tried."""
    if not same_shape(a.shape, b.shape):
        return False
    a, b = recognise(a), recognise(b)
    if a is b or simplify(a) is simplify(b) or expand(a) is expand(b):
        return True
    tried = 0
    for seed in range(4):
        sizes = {s: 2 + (k + seed) % 4 for k, s in enumerate(size_symbols(a, b))}
        binding, rng = Binding(sizes), np.random.default_rng(seed)
        data = {v.name: _drawn(v, binding, rng) for v in variables(a, b)}
        try:
            with np.errstate(all="ignore"):
                left, right = run(stabilise([a, b]), data, binding, Float())
        except (DeriveError, ArithmeticError, ValueError):
            continue
        if not (np.isfinite(left).all() and np.isfinite(right).all()):
            continue
        tried += 1
        if np.abs(left - right).max() > _TOLERANCE * (1 + np.abs(left).max()):
            return False
    return tried > 0


def _drawn(v: Variable, binding: Binding, rng: np.random.Generator) -> Array:
    """Random data with the facts that were declared."""
    shape, facts = binding.shape(v.shape), v.facts
    x = np.asarray(rng.standard_normal(shape))
    if "integer" in facts:
        x = np.round(2 * x)
    if facts & {"positive", "nonnegative", "simplex"}:
        x = np.abs(x) + (1 if "integer" in facts else 0.3)
    if "simplex" in facts:
        x = x / x.sum(axis=-1, keepdims=True)
    if v.order < 2 or shape[-1] != shape[-2]:
        return x
    eye = np.eye(shape[-1])
    if "pd" in facts or "psd" in facts:
        x = x @ np.swapaxes(x, -1, -2) + eye
    elif "symmetric" in facts:
        x = (x + np.swapaxes(x, -1, -2)) / 2
    if "orthogonal" in facts:
        return np.asarray(np.linalg.qr(x)[0])
    if "invertible" in facts:
        x = x + 3 * eye
    return np.asarray(x * eye if "diagonal" in facts else x)


__all__ = ["equal"]
