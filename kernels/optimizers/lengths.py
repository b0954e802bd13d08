"""The state of methods that go along −∇f and remember one length."""

from __future__ import annotations

from typing import NamedTuple

from .state import NOT_FINITE, RUNNING, Vector, all_finite


class LengthState(NamedTuple):
    """The common fields, then the last length α."""

    x: Vector
    f: float
    g: Vector
    status: int
    evaluations: int
    length: float
    alpha: float


def start(x: Vector, f: float, g: Vector, alpha: float) -> LengthState:
    """The state at the first point."""
    return LengthState(x, f, g, RUNNING if all_finite(f, g) else NOT_FINITE, 1, 0.0, alpha)
