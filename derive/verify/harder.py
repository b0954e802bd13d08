"""Harder points for claims that agree at ordinary ones and are not proved.

Ordinary points have entries between 1/23 and 2. There relu(x − 100) is 0, tanh(10⁵x) is sign(x) to 40 digits, and
1 + 10⁻⁵⁰ is 1. So the data are also taken very large and very small, at whole numbers, next to places where an
argument of a function that has a kink or a threshold changes its sign, and compared with many more digits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import chain, islice

import mpmath
import numpy as np
import sympy

from ..domains import Array
from ..errors import DeriveError
from ..node import MATRIX_FACTS, Apply, Node, Variable, topological
from ..sizes import Binding
from .numbers import NotFinite, values
from .points import Points, hash_seed
from .sampling import Point, distinct_sizes, draw

#: Operators whose value or slope jumps, or is flat but for a narrow place, where an argument changes its sign.
THRESHOLDS = frozenset("abs sign relu step maximum minimum sigmoid tanh erf erfc softplus gelu".split())
KINKED = frozenset("abs sign relu step maximum minimum".split())
#: Operators that have no value for some numbers.
PARTIAL = frozenset("log log1p sqrt pow arcsin arccos arccosh arctanh log2 log10".split())
_SCALES = (-9, -6, -4, -3, 1, 2, 3, 4, 6, 9)  # powers of ten
_NEAR = (sympy.Rational(1, 10**6), sympy.Rational(1, 100), sympy.Rational(1, 5))
_ARGUMENTS = 12  # arguments whose changes of sign are looked for
_CROSSINGS = 6


def thresholds(*roots: Node) -> list[Node]:
    """The arguments of functions with kinks or thresholds; of two operands their difference."""
    from ..build import add

    found: list[Node] = []
    for node in topological(roots):
        if isinstance(node, Apply) and node.op in THRESHOLDS:
            if len(node.operands) == 2:
                found.append(add([(sympy.S.One, node.operands[0]), (sympy.S.NegativeOne, node.operands[1])]))
            else:
                found.append(node.operands[0])
    return list(dict.fromkeys(found))


def narrower(claim: Node, others: Sequence[Node]) -> bool:
    """Whether the claim has an operator that is not defined everywhere, on an argument that the others do not have it
    on and that is not known to lie in its domain."""
    known = set(topological(others))
    for node in topological([claim]):
        if not isinstance(node, Apply) or node in known:
            continue
        partial = node.op in PARTIAL or (node.op == "power" and not node.param("exponent").is_Integer)
        if partial and not any(o.facts & {"positive", "nonnegative"} for o in node.operands[:1]):
            return True
    return False


def in_the_noise(nodes: Sequence[Node], point: Point, digits: int = 60) -> bool:
    """Whether an argument of |x|, sign, max … is zero but for rounding: its sign means nothing here."""
    arguments = [a for n in topological(nodes) if isinstance(n, Apply) and n.op in KINKED for a in n.operands]
    if not arguments:
        return False
    found = values(arguments, point, digits)
    for array, argument in zip(found, arguments, strict=True):
        if isinstance(argument, Variable):
            continue
        tiny = mpmath.mpf(10) ** (15 - digits)
        if any(v != 0 and abs(v) < tiny for v in np.asarray(array).flat):
            return True
    return False


def at_kink(nodes: Sequence[Node], point: Point, digits: int = 60) -> bool:
    """Whether an argument is exactly where its operator has a kink: there the derivative is a convention, though
    central differences may agree with it."""
    kinked = [n for n in topological(nodes) if isinstance(n, Apply) and n.op in KINKED]
    found = values([a for n in kinked for a in n.operands], point, digits) if kinked else []
    rest = iter(found)
    for node in kinked:
        arguments = [np.asarray(next(rest), dtype=object) for _ in node.operands]
        gap = arguments[0] - arguments[1] if len(arguments) == 2 else arguments[0]
        if any(v == 0 for v in np.asarray(gap, dtype=object).flat):
            return True
    return False


def harder_points(points: Points, roots: Sequence[Node]) -> Iterator[Point]:
    """Points of unusual size, and points next to thresholds; they may lie outside the domain."""
    bindings = distinct_sizes(points.symbols, points.derived, points.fixed)
    bindings = bindings[:1] + bindings[-1:] if len(bindings) > 1 else bindings
    rays = []
    for binding in bindings:
        for style in ("generic", "generic positive"):
            try:
                rays.append(draw(points.variables, binding, hash_seed(points.seed, "harder", 1), style))
            except DeriveError:
                continue
    rays += [flipped(ray, points.variables) for ray in rays[::2]]
    change = points.change or (lambda p: p)
    yield from islice(points.small(), 24)
    yield from larger_sizes(points)
    for ray in rays:
        for k in _SCALES:
            yield from _changed(scaled(ray, sympy.Integer(10) ** k, points.variables), change)
        for v in points.variables:
            for k in (-6, 3) if len(points.variables) > 1 else ():
                yield from _changed(scaled(ray, sympy.Integer(10) ** k, [v]), change)
    arguments = thresholds(*roots)[:_ARGUMENTS]
    if arguments:
        for ray in rays:
            yield from chain.from_iterable(
                _changed(p, change) for p in _crossings(ray, arguments, points.variables)
            )


def larger_sizes(points: Points) -> Iterator[Point]:
    """A point of larger sizes: what is true for all small matrices need not be true for large ones."""
    free = [s for s in points.symbols if s not in points.fixed]
    if not free or len(free) > 4:
        return
    for lengths in ([7 - i for i in range(len(free))], [5 + i for i in range(len(free))]):
        binding = Binding({**points.fixed, **dict(zip(free, lengths, strict=True))})
        if all((binding.number(s, default=None) or 0) >= 1 for s in points.derived):
            yield from islice(points.at(binding, ("whole",), 1, "large"), 1)


def _changed(point: Point, change: Callable[[Point], Point]) -> Iterator[Point]:
    try:
        yield change(point)
    except (ValueError, ZeroDivisionError):
        return


def scaled(point: Point, factor: sympy.Rational, variables: Sequence[Variable]) -> Point:
    """The point with real data times a positive factor, where their facts allow it."""
    arrays = dict(point.arrays)
    for v in variables:
        if v.facts & {"integer", "simplex", "orthogonal"} or (v.facts & MATRIX_FACTS and factor > 10**6):
            continue
        arrays[v.name] = np.asarray(arrays[v.name] * factor, dtype=object)
    return Point(point.binding, arrays)


def flipped(point: Point, variables: Sequence[Variable]) -> Point:
    """The point with the opposite sign of all data whose facts allow it."""
    arrays = dict(point.arrays)
    for v in variables:
        if not v.facts - {"symmetric", "integer", "nonzero"}:
            arrays[v.name] = np.asarray(-arrays[v.name], dtype=object)
    return Point(point.binding, arrays)


def _crossings(ray: Point, arguments: Sequence[Node], variables: Sequence[Variable]) -> Iterator[Point]:
    """Points on both sides of places along a ray t·x, t > 0, where an argument changes its sign."""
    steps = [sympy.Integer(10) ** k for k in range(-12, 13, 2)]
    rows = [_signs(scaled(ray, t, variables), arguments) for t in steps]
    found = 0
    for low, high, before, after in zip(steps, steps[1:], rows, rows[1:], strict=False):
        if before is None or after is None:
            continue
        changed = np.flatnonzero(before * after < 0)[:3]
        for k in changed:
            place = _bisect(ray, arguments, variables, int(k), low, high, before[k])
            for near in _NEAR:
                yield scaled(ray, place * (1 - near), variables)
                yield scaled(ray, place * (1 + near), variables)
            found += 1
            if found >= _CROSSINGS:
                return


def _signs(point: Point, arguments: Sequence[Node]) -> Array | None:
    try:
        found = values(arguments, point, 30)
    except (NotFinite, DeriveError):
        return None
    return np.array([float(mpmath.sign(v)) for a in found for v in list(np.asarray(a).flat)[:4]])


def _bisect(
    ray: Point,
    arguments: Sequence[Node],
    variables: Sequence[Variable],
    k: int,
    low: sympy.Rational,
    high: sympy.Rational,
    sign: float,
) -> sympy.Rational:
    for _ in range(30):
        middle = sympy.Rational((low + high) / 2).limit_denominator(10**12)
        if middle <= low or middle >= high:
            break
        here = _signs(scaled(ray, middle, variables), arguments)
        if here is None:
            break
        low, high = (middle, high) if here[k] == sign else (low, middle)
    return (low + high) / 2


__all__ = ["KINKED", "at_kink", "harder_points", "in_the_noise", "narrower", "scaled", "thresholds"]
