"""Directions along which an objective is the same by symmetry: wherever one begins, it does not see them.

W Wᵀ is that of W Q for every rotation Q, U Vᵀ that of U G and V G⁻ᵀ, the softmax of logits that of logits and one
number more. A field A y + c is such a symmetry where

    ∇f(y)ᵀ (A y + c) = 0    at every y,

for then f is constant along its flow (Olver 1993, Applications of Lie Groups to Differential Equations, thm 2.8).
Whatever the data, A mixes the entries along an axis whose size is one of unknowns alone, or scales an unknown; c is any
direction. Gradients at random points are linear equations for these fields. Underflow looks like a symmetry too: points
are of many sizes, terms have to cancel and not to vanish, at other points as well, and f is to be the same after long
ways along the flow.

A stationary point that bends upwards on all ways but those of its symmetries is a minimum, with the others that they
make out of it: nothing need be explored along these.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple, final

import numpy as np
import scipy.linalg

from derive.node import Node, Variable, variables

from .neighbourhood import EPS
from .oracle import Array, Layout, Matrix, Vector

#: Value and gradient at a point.
At = Callable[[Vector], tuple[float, Vector]]
#: Fields that are looked for at most; equations beyond their number.
FIELDS, MORE = 300, 6
#: Powers of ten by which points differ in size from the unknowns at most.
APART = 9.0
#: The place among six at which one is larger, where values may be rounding.
LARGE = 4
#: Singular values over the largest that are rounding; ∇fᵀv over what it is summed of that is, and what those terms have
#: to be over those of ∇fᵀy.
NULL, VANISHING, SEEN = 1e-10, 1e-9, 1e-12
#: How many times what rounding of a point does is rounding.
NOISE = 100.0
#: Points at which fields have to hold, and again with other data; times for which flows are followed, and changes
#: of f that are rounding.
TRIED, AGAIN, TIMES, SAME = 6, 2, (-1.0, 3.0), 1e-10
#: The sine of the angle between a direction and those of symmetries up to which it is one of them.
ALONG = 1e-4


#: No axis: of an unknown that has none which may be mixed.
WHOLE: list[int | None] = [None]


class Mixing(NamedTuple):
    """An axis of an unknown whose entries a field may mix; no axis, and it scales the unknown."""

    place: slice
    shape: tuple[int, ...]
    axis: int | None

    @property
    def width(self) -> int:
        return 1 if self.axis is None else self.shape[self.axis]

    def rows(self, y: Vector) -> Matrix:
        """The unknown with that axis as columns; a copy."""
        a = y[self.place].reshape(-1, 1) if self.axis is None else y[self.place].reshape(self.shape)
        return np.moveaxis(a, -1 if self.axis is None else self.axis, -1).reshape(-1, self.width).copy()

    def put(self, y: Vector, rows: Matrix) -> None:
        """The unknown from what `rows` gave."""
        if self.axis is None:
            y[self.place] = rows[:, 0]
            return
        shape = (*self.shape[: self.axis], *self.shape[self.axis + 1 :], self.width)
        y[self.place] = np.moveaxis(rows.reshape(shape), -1, self.axis).reshape(-1)


class Field(NamedTuple):
    """A y + c, by the matrix of each mixing; and those of its flow after each of the `TIMES`."""

    mixings: Sequence[Mixing]
    matrices: Sequence[Matrix]
    turns: Sequence[Sequence[Matrix]]
    shift: Vector

    @staticmethod
    def of(mixings: Sequence[Mixing], matrices: Sequence[Matrix], shift: Vector) -> Field:
        turns = [[np.asarray(scipy.linalg.expm(time * a)) for a in matrices] for time in TIMES]
        return Field(mixings, matrices, turns, shift)

    def at(self, y: Vector) -> Vector:
        found = self.shift.copy()
        for mixing, matrix in zip(self.mixings, self.matrices, strict=True):
            part = np.zeros(y.size)
            mixing.put(part, mixing.rows(y) @ matrix)
            found += part
        return found

    def flow(self, y: Vector) -> Iterator[Vector]:
        """Where y is after each of the times; fields are linear or constant, and mixings of two axes commute."""
        for time, turned in zip(TIMES, self.turns, strict=True):
            z = y + time * self.shift
            for mixing, matrix in zip(self.mixings, turned, strict=True):
                mixing.put(z, mixing.rows(z) @ matrix)
            yield z


@final
class Symmetries:
    """The symmetries of one statement, found when they are asked for and kept for other data of the same sizes."""

    def __init__(self, unknowns: Sequence[Variable], given: Sequence[Variable]) -> None:
        known = {symbol for v in given for size in v.shape for symbol in size.free_symbols}
        self._axes: dict[str, list[int | None]] = {
            v.name: [k for k, size in enumerate(v.shape) if not size.free_symbols & known] for v in unknowns
        }
        self._kept: dict[Layout, list[Field]] = {}

    def left(self, at: At, layout: Layout, x: Vector, lengths: Vector, flats: Matrix) -> Matrix:
        """The part of the columns of `flats`, in units of the lengths, that no symmetry explains; `at` gives value and
        gradient."""
        with np.errstate(all="ignore"):
            fields = [f for f in self._kept.get(layout, ()) if _holds(f, at, layout, x, AGAIN)]
            rest = _across(fields, x, lengths, flats)
            for look in (self._linear, _constant):
                if rest.shape[1] > 0:
                    fields += [f for f in look(at, layout, x) if _holds(f, at, layout, x, TRIED)]
                    self._kept[layout] = fields
                    rest = _across(fields, x, lengths, flats)
            return rest

    def _linear(self, at: At, layout: Layout, x: Vector) -> list[Field]:
        """The fields A y."""
        mixings = [
            Mixing(place, shape, axis)
            for (name, place), shape in zip(layout.slices.items(), layout.shapes, strict=True)
            for axis in self._axes.get(name) or WHOLE
        ]
        widths = [m.width for m in mixings]
        fields = _solutions(
            at,
            _many(layout, sum(w**2 for w in widths)),
            lambda y, g: np.concatenate([np.ravel(m.rows(y).T @ m.rows(g)) for m in mixings]),
        )
        ends, none = np.cumsum([w**2 for w in widths])[:-1], np.zeros(x.size)
        parts = ([p.reshape(w, w) for p, w in zip(np.split(v, ends), widths, strict=True)] for v in fields)
        return [Field.of(mixings, matrices, none) for matrices in parts]


def _constant(at: At, layout: Layout, x: Vector) -> list[Field]:
    """The fields c."""
    ways = _solutions(at, _many(layout, x.size), lambda y, g: g)
    return [Field.of([], [], way) for way in ways]


def _solutions(at: At, points: list[Vector], equation: Callable[[Vector, Vector], Array]) -> list[Array]:
    """What satisfies the linear equations that points and gradients there make; nothing where one is not finite, for a
    flow may lead there, or where there are too many."""
    found = []
    for y in points:
        f, g = at(y)
        if not (np.isfinite(f) and np.isfinite(g).all()):
            return []
        found.append(equation(y, g))
    return _null_space(np.array(found)) if found else []


def symmetries_of(nodes: Mapping[str, Node], names: Sequence[str]) -> Symmetries:
    """Those of derived functions of the unknowns of these names."""
    occurring = variables(*nodes.values())
    moving = [v for v in occurring if v.name in names]
    return Symmetries(moving, [v for v in occurring if v.name not in names])


def _many(layout: Layout, fields: int) -> list[Vector]:
    """Points for the equations of so many fields, the same wherever one is; none where those are too many."""
    points = (
        _points(layout, np.zeros(layout.size), (6 * fields) // 5 + MORE, seed=0) if fields <= FIELDS else []
    )
    return [y for k, y in enumerate(points) if k % 6 != LARGE]


def _points(layout: Layout, x: Vector, count: int, seed: int) -> list[Vector]:
    """Points around 0 and around x, of many sizes: as x, as 1, smaller as a whole, one unknown smaller or larger."""
    rng = np.random.default_rng(seed)
    reach, places = np.empty(x.size), list(layout.slices.values())
    for place in places:
        reach[place] = float(np.abs(x[place]).max(initial=0.0)) or 1.0
    found = []
    for k in range(count):
        way, powers = rng.standard_normal(x.size), rng.uniform(0.0, APART)
        one = places[rng.integers(len(places))]
        y = way if k % 6 == 1 else reach * way
        if k % 6 == 2:
            y *= 10.0**-powers
        elif k % 6 == 3:
            y = x + y * rng.choice([1e-2, 0.3])
        elif k % 6 > 3:  # one of them larger, or smaller
            y[one] *= 10.0 ** (powers if k % 6 == LARGE else -powers)
        found.append(y)
    return found


def _null_space(rows: Matrix) -> list[Array]:
    """Vectors that no row sees, rows and columns being brought to one size."""
    sizes = np.abs(rows).max(axis=1, keepdims=True)
    rows = rows / np.where(sizes > 0.0, sizes, 1.0)
    units = np.abs(rows).max(axis=0)
    units = np.where(units > 0.0, units, 1.0)
    _, values, vectors = np.linalg.svd(rows / units)
    rank = int((values > NULL * values[0]).sum()) if values[0] > 0.0 else 0
    found = [v / units for v in vectors[rank:]]
    return [v / np.abs(v).max() for v in found]


def _holds(field: Field, at: At, layout: Layout, x: Vector, tried: int) -> bool:
    """Whether ∇fᵀv vanishes at so many other points as well, and f is the same after a long way along the flow.

    What vanishes without cancelling may be underflow; at half of the points cancelling has to be more than rounding.
    """
    told = 0
    for y in _points(layout, x, tried, seed=1):
        f, g = at(y)
        near, slope = at(y * (1.0 + 4.0 * EPS))
        way, size = field.at(y), float(np.abs(g * y).sum())
        left, seen = abs(float(g @ way)), float(np.abs(g * way).sum())
        noise = NOISE * abs(float((slope - g) @ way)) + 8.0 * EPS * float(np.abs(g).max() * np.abs(way).sum())
        if not (seen > SEEN * size and left <= VANISHING * seen + noise):
            return False
        told += left + noise <= VANISHING * seen
        for z in field.flow(y):
            moved, _ = at(z)
            if not abs(moved - f) <= SAME * (abs(f) + size) + NOISE * abs(near - f):
                return False
    return 2 * told >= tried


def _across(fields: Sequence[Field], x: Vector, lengths: Vector, flats: Matrix) -> Matrix:
    """What of the columns of `flats` is across the fields at x."""
    ways = np.array([f.at(x) / lengths for f in fields]).T if fields else np.zeros((x.size, 0))
    sizes = np.sqrt((ways**2).sum(axis=0))
    ways = ways[:, sizes > 0.0] / sizes[sizes > 0.0]
    if ways.shape[1] == 0:
        return flats
    left, values, _ = np.linalg.svd(ways, full_matrices=False)
    basis = left[:, values > 1e-8 * values[0]]
    left, values, _ = np.linalg.svd(flats - basis @ (basis.T @ flats), full_matrices=False)
    return np.asarray(left[:, values > ALONG])


__all__ = ["Symmetries", "symmetries_of"]
