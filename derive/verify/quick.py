"""Many candidate formulas at a few points in double precision, sharing whatever they share.

Nodes are hash-consed, so a candidate that differs from a formula in one place is recomputed only above that
place. What passes here is confirmed with many digits elsewhere.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np

from ..domains import Array, Float
from ..errors import DeriveError
from ..evaluate import value_of
from ..node import Node, topological
from .sampling import Point

CLOSE = 1e-8


class Quick:
    """Values of formulas at some points, remembered."""

    def __init__(self, points: Sequence[Point]) -> None:
        self.points = list(points)
        self.domain = Float()
        self.arrays = [
            {name: np.asarray(a, dtype=float) for name, a in p.arrays.items()} for p in self.points
        ]
        self.done: list[dict[Node, Array | None]] = [{} for _ in self.points]

    def value(self, node: Node, k: int) -> Array | None:
        """The value at point k; None where it has none."""
        done = self.done[k]
        if node in done:
            return done[node]
        for n in topological([node]):
            if n in done:
                continue
            inner = [done[o] for o in n.operands]
            if any(a is None for a in inner):
                done[n] = None
                continue
            try:
                with warnings.catch_warnings(), np.errstate(all="ignore"):
                    warnings.simplefilter("ignore")
                    arrays = [a for a in inner if a is not None]
                    done[n] = value_of(n, arrays, self.arrays[k], self.points[k].binding, self.domain)
            except (DeriveError, ValueError, ZeroDivisionError, OverflowError, KeyError, TypeError):
                done[n] = None
        return done[node]

    def same(self, node: Node, targets: Sequence[Array]) -> bool:
        """Whether the formula has these values at all points, to eight digits."""
        for k, target in enumerate(targets):
            found = self.value(node, k)
            if found is None or found.shape != target.shape:
                return False
            scale = max(float(np.abs(target).max()), 1e-300)
            if not float(np.abs(found - target).max()) <= CLOSE * scale:  # NaN is not close
                return False
        return True

    def proportional(self, node: Node, targets: Sequence[Array]) -> bool:
        """Whether the targets are one and the same number times the formula."""
        factor: float | None = None
        for k, target in enumerate(targets):
            found = self.value(node, k)
            if found is None or found.shape != target.shape or not np.isfinite(found).all():
                return False
            pivot = int(np.abs(found).argmax())
            if found.flat[pivot] == 0:
                return False
            c = float(target.flat[pivot] / found.flat[pivot])
            scale = max(float(np.abs(target).max()), 1e-300)
            if float(np.abs(c * found - target).max()) > CLOSE * scale:
                return False
            if factor is not None and abs(c - factor) > CLOSE * abs(factor):
                return False
            factor = c
        return factor is not None
