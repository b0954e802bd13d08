"""Singular values of the matrices among the unknowns, each decomposition made once.

A step of a proximal method asks for those of one point several times: for the value, for the distance to the
subdifferential and for the rank. What the proximal map has shrunk is known without a decomposition.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import final

import numpy as np

from ..oracle import Matrix, Vector

#: (place, rows, columns, ω) of each matrix.
Part = tuple[int, int, int, float]
Factors = tuple[Matrix, Vector, Matrix]
#: Singular values below this share of the largest, times the longer side, are rounding.
ROUNDING = 1e-15
KEPT = 8


@final
class Matrices:
    """Where matrices lie in the flat vector, the weights of their norms, and the last decompositions."""

    def __init__(self, parts: Sequence[Part]) -> None:
        self.parts = tuple(parts)
        self._known: dict[tuple[int, bytes], Factors] = {}

    def factors(self, x: Vector) -> Iterator[tuple[Part, Factors]]:
        """U, σ and Vᵀ of each, over the singular values that are not zero to rounding."""
        for k, part in enumerate(self.parts):
            at, m, n, _ = part
            key = (k, x[at : at + m * n].tobytes())
            if key not in self._known:
                self._keep(key, decomposed(x[at : at + m * n].reshape(m, n)))
            yield part, self._known[key]

    def shrunk(self, v: Vector, t: float, x: Vector) -> Vector:
        """x with the soft thresholds at tω of the singular values of v."""
        for k, (at, m, n, w) in enumerate(self.parts):
            left, size, right = decomposed(v[at : at + m * n].reshape(m, n))
            count = int((size > t * w).sum())
            found = (left[:, :count], size[:count] - t * w, right[:count])
            x[at : at + m * n] = ((found[0] * found[1]) @ found[2]).ravel()
            self._keep((k, x[at : at + m * n].tobytes()), found)
        return x

    def ranks(self, x: Vector) -> list[int]:
        """How many singular values of each matrix are not zero."""
        return [s.size for _, (_, s, _) in self.factors(x)]

    def _keep(self, key: tuple[int, bytes], found: Factors) -> None:
        while len(self._known) >= KEPT * len(self.parts):
            del self._known[next(iter(self._known))]
        self._known[key] = found


def decomposed(a: Matrix) -> Factors:
    """U, σ and Vᵀ over the singular values that are not zero to rounding; NaN where there are none."""
    try:
        u, s, v = np.linalg.svd(a, full_matrices=False)
    except np.linalg.LinAlgError:
        m, n = a.shape
        return np.full((m, 1), np.nan), np.full(1, np.nan), np.full((1, n), np.nan)
    rank = int((s > s[0] * max(a.shape) * ROUNDING).sum())
    return u[:, :rank], s[:rank], v[:rank]
