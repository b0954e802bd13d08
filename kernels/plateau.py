"""Whether a point that shows neither slope nor curvature lies on a plateau from which the objective falls after all.

exp(−bt) with a large b, a saturated tanh, a likelihood of separable data: derivatives underflow, and a gradient
that vanishes proves nothing. So the objective is followed from the point along ways on which it does not bend.
Steps grow while it stays level; where it rises, the edge is found by bisection:

    lower    it first falls beyond the edge, or a slope or a curvature on the way leads down: no minimum
    endless  on one side it rises like a tail, exp(t) or t^k, and on the other it stays level for ever: it has fallen
             to the point and goes on falling by less than double precision tells, so that no minimum is attained
    vague    the same up to a bound: the minimum is somewhere on the way; or an unknown of extreme size may as well
             be twice as large, if others follow

Ways are straight in the unknowns, in the logarithms of those of extreme size, or of all: a factor that makes up for
an exponential moves along such a line. A valley that is level and curved is followed by Newton's steps across it.
A minimum with whole sets of others, as of factors that may be turned, is level as far as it goes, with walls that are
no tails, or with none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from .neighbourhood import EPS, UNPROVED, hessian_by_differences
from .oracle import Matrix, Vector

#: Changes of the objective over its size: what may be rounding, and what is lower.
UNCHANGED, LOWERED = 1e-11, 1e-8
#: Growing steps, slopes that are followed, and unknowns of which curvature is looked at on the way.
GROWN, FOLLOWED, CROSSED = 50, 12, 20
#: Unknowns outside 1/EXTREME … EXTREME move by factors as well.
EXTREME = 1e6
#: Rises beyond an edge, over what may be rounding; a tail reaches them at like distances.
RISES, LIKE = (1.0, 1e2, 1e4), 0.5
#: How many lengths away an objective that is convex shows whether it has a tail.
AFAR = 100.0
#: How a way ends.
WALL, TAIL, BOUND, OPEN = range(4)


class Plateau:
    """An objective around one point; `at` gives value and gradient, not finite where a point is not allowed.

    lengths  over which unknowns change by as much as matters
    size     that of the objective
    within   the nearest point that is allowed, as of bounds
    most     evaluations in all
    """

    def __init__(
        self,
        at: Callable[[Vector], tuple[float, Vector]],
        x: Vector,
        lengths: Vector,
        size: float,
        within: Callable[[Vector], Vector] = np.array,
        most: int = 1200,
    ) -> None:
        self.at, self.x, self.lengths, self.within = at, x, lengths, within
        self.value, self.size, self.left, self.slopes = at(x)[0], size, most, FOLLOWED
        self.kept = most // 2  # for straight ways
        self.lower: Vector | None = None
        self.endless = self.vague = self.convex = False
        small = (np.abs(x) < 1.0 / EXTREME) & (np.abs(x) > 0.1 * lengths)  # and not just about to vanish
        self.extreme = (np.abs(x) > EXTREME) | small
        noise = 8.0 * max(abs(at(x * (1.0 + s * EPS))[0] - self.value) for s in _turns(x.size))
        self.same = max(UNCHANGED * size, noise) if np.isfinite(noise) else UNCHANGED * size
        self.fallen = max(LOWERED * size, 10.0 * self.same)

    def explore(self, flats: Matrix, proved: bool = False) -> Plateau:
        """Go along combinations of the columns of `flats`, in units of the lengths, until something is found; of what
        is `proved` to be convex only `endless`, which then tells on the way to 0."""
        if proved:
            self.convex, self.slopes = True, 0  # nothing is lower: what looks like a slope is rounding
        alive = np.abs(self.x) > self.lengths / EXTREME
        factors = [np.zeros(self.x.size, dtype=bool), self.extreme, alive]
        for k, by_factors in enumerate(factors[:1] if proved else factors):
            if k > 0 and (not by_factors.any() or any(np.array_equal(by_factors, f) for f in factors[:k])):
                continue
            ways = _level_ways(flats, self.x / self.lengths, single=k == 0)
            for direction in ways[:1] if proved else ways:
                if proved and self._is_level(direction):
                    continue
                if k == 0 and not proved and self._on_the_line(direction):
                    return self
                ends = []
                for side in (1.0, -1.0):
                    ends.append(self._end(side * direction, by_factors))
                    if self.lower is not None and not proved:
                        return self
                self.lower = None
                self.endless = TAIL in ends and OPEN in ends
                self.vague = not proved and (self.vague or (TAIL in ends and BOUND in ends))
                if self.endless or self.vague:
                    return self
        self.vague = not proved and self._is_of_no_size()
        return self

    def _is_level(self, direction: Vector) -> bool:
        """Whether the objective is the same far away on both sides: no tail, where it is convex."""
        ends = (self.within(self.x + t * self.lengths * direction) for t in (AFAR, -AFAR))
        return all(abs(self._evaluated(p)[0] - self.value) <= self.same for p in ends)

    def _is_of_no_size(self) -> bool:
        """Whether an unknown of extreme size may as well be twice or half as large."""
        for i in np.flatnonzero(self.extreme)[:CROSSED]:
            values = []
            for factor in (2.0, 0.5):
                p = self.x.copy()
                p[i] *= factor
                near = self.within(p)
                values.append(self._evaluated(near)[0] if np.array_equal(near, p) else np.inf)
            if max(abs(f - self.value) for f in values) <= self.same:
                return True
        return False

    def _evaluated(self, point: Vector) -> tuple[float, Vector]:
        self.left -= 1
        try:
            f, g = self.at(point)
        except (ValueError, ArithmeticError):  # outside the domain of an operator
            return np.inf, self.x
        return (f, g) if np.isfinite(f) and np.isfinite(g).all() else (np.inf, g)

    def _is_lower(self, f: float) -> bool:
        return not self.convex and f < self.value - self.fallen

    def _is_higher(self, f: float, g: Vector, p: Vector) -> bool:
        """Whether the objective has risen at p. One that is convex does so with a slope: g·(p − x) ≥ f − f(x); far out,
        where terms that cancel are large, all else is rounding."""
        rise = f - self.value
        return rise > self.same and not (self.convex and float(g @ (p - self.x)) < 0.1 * rise)

    def _moved(self, q: Vector, step: Vector, by_factors: Any) -> Vector:
        p = q + step
        if by_factors.any():
            share = np.clip(step[by_factors] / self.x[by_factors], -600.0, 600.0)
            p[by_factors] = q[by_factors] * np.exp(share)
        return self.within(p)

    def _end(self, direction: Vector, by_factors: Any) -> int:
        """How the way ends; a lower point on it is kept in `lower`."""
        q, t, bisecting, gone = self.x, 1e-3, False, 0.0
        stops = (
            []
            if by_factors.any()
            else [s for s in sorted(_zeros(self.x, self.lengths * direction)) if s > 0.0]
        )
        for grown in range(500):
            if self.left <= 0:
                return WALL
            if not bisecting and grown >= GROWN:
                return OPEN
            while stops and stops[0] <= gone:
                stops.pop(0)
            t = (
                min(t, stops[0] - gone) if stops and not bisecting else t
            )  # lest a step pass over what is near 0
            step = t * self.lengths * direction
            p = self._moved(q, step, by_factors)
            f, g = self._evaluated(p)
            if self._is_lower(f):
                self.lower = self._further(p, step, by_factors, f)
                return WALL
            if np.array_equal(p, q):
                return OPEN if by_factors.any() and np.array_equal(self.within(p + step), p + step) else BOUND
            if self._is_higher(f, g, p):
                bisecting, t = True, t / 2
                if _is_short(t * self.lengths * direction, q):
                    if not np.isfinite(f):
                        return BOUND
                    if gone == 0.0:
                        return WALL
                    straight = bool(
                        (np.abs(direction) > 1e-3)[~by_factors].any()
                    )  # powers of factors look like tails
                    if straight and self._rises_like_a_tail(q, direction, by_factors, t):
                        return TAIL
                    self._follow(direction, by_factors)
                    return WALL
                continue
            gone += t
            q, t = p, t / 2 if bisecting else max(4.0 * t, gone)
            self.lower = self._down(p, g)
            if self.lower is not None:
                return WALL
        return WALL

    def _follow(self, direction: Vector, by_factors: Any) -> None:
        """Go along a level valley that is curved, as far as steps across it lead back to the level."""
        q, t, tried = self.x, 1e-2, 0
        while q.size <= CROSSED and tried < 16 and self.left > self.kept:
            tried += 1
            step = t * self.lengths * direction
            p = self._moved(q, step, by_factors)
            f, g = self._evaluated(p)
            if np.isfinite(f) and f > self.value + self.same:
                across = self._across(p)
                if across is None:
                    if t <= 1e-2:
                        return
                    t /= 8.0
                    continue
                p, f, g = across
                turned = (p - q) / self.lengths
                direction = turned / (float(np.abs(turned).max()) or 1.0) * float(np.abs(direction).max())
            if not np.isfinite(f):
                return
            self.lower = p if self._is_lower(f) else self._down(p, g)
            if self.lower is not None:
                return
            change = np.abs(np.log(np.maximum(np.abs(p / self.x), 1e-300)[self.extreme]))
            if (change > np.log(2.0)).any():
                self.vague = True  # nothing tells how large it should be
                return
            q, t = p, 2.0 * t

    def _further(self, p: Vector, step: Vector, by_factors: Any, f: float) -> Vector:
        """As far along as the objective keeps falling."""
        for _ in range(60):
            beyond = self._moved(p, step, by_factors)
            lower = self._evaluated(beyond)[0]
            if not lower < f:
                break
            p, f, step = beyond, lower, 2.0 * step
        return p

    def _down(self, p: Vector, g: Vector) -> Vector | None:
        """A lower point along the slope at a point of the plateau, where one shows."""
        lengths = np.maximum(np.abs(p), np.minimum(self.lengths, 1.0))
        slope = g * lengths
        steepest = float(np.abs(slope).max())
        if not steepest > self.fallen or self.slopes == 0:
            return None
        self.slopes -= 1
        way = -slope / steepest * lengths
        for k in range(40):
            lower = self.within(p + 8.0**-k * way)
            if self._is_lower(self._evaluated(lower)[0]):
                return lower
        return None

    def _bent(self, p: Vector) -> tuple[Vector, Matrix, Vector] | None:
        """Eigenvalues and eigenvectors of the Hessian at a point, in units of the lengths, which come with them."""
        lengths = np.maximum(np.abs(p), np.minimum(self.lengths, 1.0))
        h = hessian_by_differences(lambda point: self._evaluated(point)[1], p, lengths)
        return None if h is None else (*np.linalg.eigh(h), lengths)

    def _across(self, p: Vector) -> tuple[Vector, float, Vector] | None:
        """The point of a level valley beside p, its value and gradient, by Newton's method where it bends."""
        for _ in range(4):
            bent = self._bent(p)
            if bent is None:
                return None
            values, vectors, lengths = bent
            steep = values > UNPROVED * float(np.abs(values).max())
            if not steep.any():
                return None
            g = self._evaluated(p)[1]
            p = p - lengths * (vectors[:, steep] @ (vectors[:, steep].T @ (g * lengths) / values[steep]))
            near = self.within(p)
            f, g = self._evaluated(near)
            if f <= self.value + self.same:
                return near, f, g
        return None

    def _on_the_line(self, direction: Vector) -> bool:
        """Whether curvature leads down from a level point of the line on which an unknown vanishes, or between two."""
        if self.x.size > CROSSED:
            return False
        for t in _zeros(self.x, self.lengths * direction):
            p = self.x + t * self.lengths * direction
            f = self._evaluated(p)[0]
            if self._is_lower(f):
                self.lower = self.within(p)
                self.lower = self.lower if np.array_equal(self.lower, p) else None
            if self.lower is not None:
                return True
            if abs(f - self.value) > self.same:
                continue
            bent = self._bent(p)
            if bent is None or not bent[0][0] < -UNPROVED * float(np.abs(bent[0]).max()):
                continue
            way = bent[1][:, 0] * bent[2]
            for side in (0.1, -0.1, 1e-2, -1e-2):
                near = self.within(p + side * way)
                if self._is_lower(self._evaluated(near)[0]):
                    self.lower = near
                    return True
        return False

    def _rises_like_a_tail(self, edge: Vector, direction: Vector, by_factors: Any, step: float) -> bool:
        """Whether the objective rises beyond an edge like an exponential or slower, and not like a power of the
        distance: at like distances it reaches what may be rounding, a hundred times that, and as much again."""
        places: list[float] = []
        for rise in RISES:
            begin = places[-1] if places else 0.0
            low, high = begin, begin + step

            def above(s: float, rise: float = rise) -> bool:
                p = self._moved(edge, s * self.lengths * direction, by_factors)
                return self._evaluated(p)[0] > self.value + rise * self.same

            for _ in range(80):
                if above(high) or self.left <= 0:
                    break
                low, high = high, high + 2.0 * (high - begin)
            else:
                return False
            for _ in range(60):
                if self.left <= 0 or (places and high - low <= 1e-3 * (low - begin)):
                    break
                middle = (low + high) / 2
                low, high = (low, middle) if above(middle) else (middle, high)
            if not np.isfinite(
                self._evaluated(self._moved(edge, high * self.lengths * direction, by_factors))[0]
            ):
                return False  # what is not allowed begins there
            places.append(high)
        return places[1] - places[0] > LIKE * (places[2] - places[1])


def _level_ways(flats: Matrix, y: Vector, single: bool) -> list[Vector]:
    """Where to go: towards 0, single unknowns, if asked for, and some combinations."""
    n, count = flats.shape
    toward = flats @ (flats.T @ y)
    found = [toward] if np.abs(toward).max(initial=0.0) > 0.0 else []
    alone = np.flatnonzero((flats**2).sum(axis=1) > 0.999)
    if single:
        found += [np.eye(n)[i] for i in alone[:4]]
    if alone.size < count:
        mixed = np.random.default_rng(0).standard_normal((count, 2)) if count > 2 else np.eye(count)
        found += list((flats @ mixed).T)
    clean = [
        np.where(np.abs(d) > 1e-9 * np.abs(d).max(), d, 0.0) for d in found
    ]  # far away rounding would tell
    return [d / np.abs(d).max() for d in clean]


def _turns(size: int) -> list[Vector]:
    """Signs, all alike and in turns."""
    alike, turns = np.ones(size), np.where(np.arange(size) % 2, 1.0, -1.0)
    return [alike, -alike, turns, -turns]


def _zeros(x: Vector, way: Vector) -> Iterator[float]:
    """Where entries of x + t way vanish, and between those."""
    moving = (np.abs(way) > 1e-8 * np.abs(way).max()) & (x != 0.0)
    places = np.unique(-x[moving] / way[moving])[:8]
    yield from (places[1:] + places[:-1]) / 2
    yield from places


def _is_short(step: Vector, q: Vector) -> bool:
    """Whether a step moves no unknown by more than a thousandth."""
    moved = np.abs(step) > 0.0
    return bool((np.abs(step)[moved] <= np.maximum(1e-3 * np.abs(q[moved]), 1e-12)).all())


__all__ = ["Plateau"]
