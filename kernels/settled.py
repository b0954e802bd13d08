"""Whether a point is a minimum where double precision sees no curvature: Newton's method in many digits tells.

From beside a minimum whose Hessian is definite, however ill-conditioned, Newton's steps shrink quadratically. Towards
infinity they do not: along exp(−t) every step is 1, along t⁻ᵏ a fixed share of t. In a hundred digits neither sums that
cancel nor exponentials that underflow hide the difference. Where a Hessian is singular even there (sets of minima, an
unknown that does nothing, what is saturated to all digits), steps across its null space may still be endless, but
nothing else is told, nor by steps that shrink by a fixed factor, as towards a minimum of order four.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import mpmath
import numpy as np

from derive.node import Node

from .oracle import Layout, Matrix, Vector
from .precision import SETTLED, Derivatives

#: More unknowns, or numbers read times unknowns, and the question is left open.
UNKNOWNS, NUMBERS = 12, 2000
#: Steps of central differences over the unknowns; eigenvalues of the scaled Hessian over the largest that are rounding.
NEAR, NULL = mpmath.mpf(10) ** -40, mpmath.mpf(10) ** -55
#: What a step of a run that has settled is over the one before, at most, or else rounding: along exp(−10³⁰t) each is
#: short.
SHRINKING, FLOOR = 1e-6, 1e-50
#: Rows that differ by less are the same.
SAME = 1e-12
#: How much derivatives may differ on the two sides of a point, over their difference, if that is to tell of curvature.
UNEVEN = 1e-8
DIGITS = 100
#: Steps in all, and of a run that converges slowly the share by which each is shorter than the one before.
STEPS, SLOWLY = 12, 0.9
#: A step that is so many times the unknowns tells nothing where curvature is so faint over the largest: data may depend
#: on each other but for their rounding.
FAR, FAINT = 1e3, 1e-24
#: The answers: a strict minimum; stationary, but none; no end of steps; steps that lead nowhere; nothing can be told.
STRICT_MINIMUM, NO_MINIMUM, NO_END, LOST, UNTOLD = range(5)


class Settling:
    """The question for one statement on its data; what it needs is made when it is asked first."""

    def __init__(self, nodes: Mapping[str, Node], data: Mapping[str, Any], layout: Layout) -> None:
        self.nodes, self.data, self.layout = nodes, data, layout
        self.of: Derivatives | None = None
        self._told: dict[tuple[bytes, bytes], int] = {}  # a point is judged with several multipliers

    @property
    def is_worth(self) -> bool:
        """Whether the problem is small enough."""
        size = self.layout.size
        amount = sum(int(np.size(a)) for a in self.data.values())
        return size <= UNKNOWNS and amount * size <= NUMBERS

    def at(self, x: Vector, kept: Matrix | None = None) -> int:
        """What x is among the points nearby that keep the products with the rows of `kept`; by default among all."""
        if not self.is_worth or not np.isfinite(x).all():
            return UNTOLD
        asked = x.tobytes(), b"" if kept is None else kept.tobytes()
        if asked not in self._told:
            self._told[asked] = self._found(x, kept)
        return self._told[asked]

    def _found(self, x: Vector, kept: Matrix | None) -> int:
        try:
            if self.of is None:
                self.of = Derivatives(self.nodes, self.data, self.layout, x, DIGITS)
            with mpmath.workdps(DIGITS):
                ways = _null_space(np.zeros((0, x.size)) if kept is None else kept)
                return UNTOLD if ways is None else _followed(self.of, [mpmath.mpf(float(v)) for v in x], ways)
        except (ArithmeticError, ValueError):  # outside the domain of an operator, say
            return UNTOLD


def _null_space(rows: Matrix) -> Any:
    """The vectors that no row sees, one per column, by elimination; in double precision what depends on each other
    would not. None where there are none."""
    left = [[mpmath.mpf(float(v)) for v in row / np.abs(row).max()] for row in rows if row.any()]
    n = rows.shape[1]
    pivots: list[int] = []
    done: list[list[Any]] = []
    while left:
        best, row = max(((max(map(abs, row)), row) for row in left), key=lambda pair: pair[0])
        left.remove(row)
        if best <= SAME:
            break
        j = max(range(n), key=lambda i: abs(row[i]))
        row = [v / row[j] for v in row]
        for others in (left, done):
            others[:] = [[v - other[j] * r for v, r in zip(other, row, strict=True)] for other in others]
        pivots.append(j)
        done.append(row)
    free = [j for j in range(n) if j not in pivots]
    if not free:
        return None
    ways = mpmath.matrix(n, len(free))
    for k, j in enumerate(free):
        ways[j, k] = 1
        for row, i in zip(done, pivots, strict=True):
            ways[i, k] = -row[j]
    return ways


def _followed(of: Derivatives, point: list[Any], ways: Any) -> int:
    """By Newton's method from the point."""
    reach = max(map(abs, point)) or mpmath.mpf(1)
    units = [
        abs(p) or reach for p in point
    ]  # fixed: towards a minimum at 0 any step is a share of what is left
    sizes: list[Any] = []
    moved: list[Any] = []
    singular = False
    for _ in range(STEPS):
        g = mpmath.matrix(of.gradient(point))
        h = _bends(of, point, g, ways)
        if h is None or not all(map(mpmath.isfinite, [*g, *h])):
            return UNTOLD
        found = _step(ways.T * g, h)
        if found is None:
            return UNTOLD
        step, least, null, faint = found
        singular |= null
        change = list(ways * step)
        before = sizes[-1] if sizes else mpmath.inf
        sizes.append(max(abs(c) / u for c, u in zip(change, units, strict=True)))
        if sizes[-1] > FAR:
            return UNTOLD if singular or faint else LOST
        moved.append(change)
        point = [p + c for p, c in zip(point, change, strict=True)]
        if before < SETTLED and sizes[-1] <= max(
            SHRINKING * before, FLOOR
        ):  # one short step may lie between long ones
            return UNTOLD if singular else STRICT_MINIMUM if least > 0 else NO_MINIMUM
    if all(b < SLOWLY * a for a, b in pairwise(sizes)):
        return UNTOLD
    same = all(_alike(a, b, units) for a, b in pairwise(moved[STEPS // 2 :]))
    if same and all(b >= SLOWLY * a for a, b in pairwise(sizes[STEPS // 2 :])):
        return NO_END
    return UNTOLD if singular else LOST


def _alike(a: list[Any], b: list[Any], units: list[Any]) -> bool:
    """Whether two steps have about the same direction."""
    left, right = ([c / u for c, u in zip(step, units, strict=True)] for step in (a, b))
    squares = mpmath.fdot(left, left) * mpmath.fdot(right, right)
    return bool(mpmath.fdot(left, right) > 0 and mpmath.fdot(left, right) ** 2 > squares / 2)


def _bends(of: Derivatives, point: list[Any], g: Any, ways: Any) -> Any:
    """The Hessian along the ways, by central differences of the gradient: sixty digits are left. None where the
    gradient changes within such steps, as where a sigmoid is saturated."""
    n = ways.cols
    h = mpmath.matrix(n, n)
    for k in range(n):
        way = [ways[i, k] for i in range(ways.rows)]
        longest = max(map(abs, way))
        reach = max(abs(p) for p, w in zip(point, way, strict=True) if abs(w) > longest / 2)
        step = NEAR * (reach or max(map(abs, point)) or 1) / longest
        ahead, behind = (
            mpmath.matrix(of.gradient([p + s * step * w for p, w in zip(point, way, strict=True)]))
            for s in (1, -1)
        )
        column, uneven = (
            ways.T * (ahead - behind) / (2 * step),
            ways.T * (ahead - 2 * g + behind) / (2 * step),
        )
        if mpmath.norm(uneven, mpmath.inf) > UNEVEN * mpmath.norm(column, mpmath.inf):
            return None
        for j in range(n):
            h[j, k] = column[j]
    return (h + h.T) / 2


def _step(g: Any, h: Any) -> tuple[Any, Any, bool, bool] | None:
    """Newton's step downhill across the null space, the least eigenvalue beyond it, whether there is one, and whether
    some curvature is faint; None where nothing bends."""
    n = h.rows
    scale = mpmath.diag([1 / mpmath.sqrt(abs(h[i, i])) if h[i, i] else mpmath.mpf(1) for i in range(n)])
    values, vectors = mpmath.eigsy(scale * h * scale)
    largest = max(map(abs, values))
    bent = [abs(v) > NULL * largest for v in values]
    if not any(bent):
        return None
    slope = vectors.T * (scale * g)
    along = [a / abs(v) if b else mpmath.mpf(0) for a, v, b in zip(slope, values, bent, strict=True)]
    least = min(v for v, b in zip(values, bent, strict=True) if b)
    faint = any(abs(v) <= FAINT * largest for v in values)
    return -scale * (vectors * mpmath.matrix(along)), least, not all(bent), faint


__all__ = ["NO_END", "LOST", "UNTOLD", "NO_MINIMUM", "STRICT_MINIMUM", "Settling"]
