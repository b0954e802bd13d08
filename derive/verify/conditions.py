"""Facts under which a refuted claim would be right: "true if S is symmetric".

The data are changed so that they have the fact, and claim and right formula are compared there. A claim that
is right only under a fact that is not declared is wrong without it, and is told which one it needs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import sympy

from ..domains import Array
from ..errors import DeriveError
from ..node import Node, Variable, variables
from ..sizes import same_size
from .numbers import NotFinite, same_value
from .quick import Quick
from .sampling import Point

_DIGITS = 35
Change = Callable[[Array], Array]
Entry = Callable[[int, Any], Any]


def holds(claim: Node, right: Node, points: Sequence[Point]) -> bool:
    """Whether the two are equal at all these points (and finite at one at least)."""
    tried = 0
    for point in points:
        try:
            if not same_value(claim, right, point, _DIGITS):
                return False
        except (NotFinite, DeriveError):
            continue
        tried += 1
    return tried >= 1


def needed(
    claim: Node, right: Node, points: Sequence[Point], rank: int = 0, only: str = "", at: Node | None = None
) -> tuple[str, str] | None:
    """(kind, sentence) of the first fact that makes the claim right.

    rank    0: properties that data often have; 1: those of few data, as length 1; 2: single points
    only    facts whose sentence has that word
    at      single points of this variable alone
    """
    varied = [p for p in points if any(n > 1 for n in p.binding.values.values())] or list(points)
    for v in variables(claim, right):
        for kind, words, change in _facts(v, rank):
            if only not in words or (rank == 2 and at is not None and v is not at):
                continue
            try:
                changed = [_with(p, v, change(p.arrays[v.name])) for p in varied]
            except (ValueError, ZeroDivisionError):
                continue
            if all(
                np.array_equal(c.arrays[v.name], p.arrays[v.name])
                for c, p in zip(changed, varied, strict=True)
            ):
                continue
            if _plausible(claim, right, changed) and holds(claim, right, changed):
                return kind, words
    return _all_symmetric(claim, right, varied) if only in ("", "symmetric") and not rank else None


def _all_symmetric(claim: Node, right: Node, points: Sequence[Point]) -> tuple[str, str] | None:
    """Whether the claim is right if all its square matrices are symmetric at once."""
    square = [v for v in variables(claim, right) if _square(v) and "symmetric" not in v.facts]
    if len(square) < 2:
        return None
    changed = list(points)
    for v in square:
        changed = [_with(p, v, _symmetric(p.arrays[v.name])) for p in changed]
    if not (_plausible(claim, right, changed) and holds(claim, right, changed)):
        return None
    names = [v.name for v in square]
    return "condition", f"the claim is right only if {', '.join(names[:-1])} and {names[-1]} are symmetric"


def _square(v: Variable) -> bool:
    return v.order == 2 and same_size(*v.shape)


def _plausible(claim: Node, right: Node, points: Sequence[Point]) -> bool:
    """The same in double precision, at the first few points; where both vanish nothing is learnt."""
    quick = Quick(sorted(points, key=lambda p: -sum(p.binding.values.values()))[:3])
    values = [quick.value(right, k) for k in range(len(quick.points))]
    known = [v for v in values if v is not None and np.isfinite(v).all()]
    if len(known) < len(values) or not all(np.abs(v).max() > 1e-12 for v in known):
        return False
    return quick.same(claim, known)


def _with(point: Point, v: Variable, array: Array) -> Point:
    return Point(point.binding, {**point.arrays, v.name: array})


def _facts(v: Variable, rank: int) -> Iterator[tuple[str, str, Change]]:
    return (_often, _seldom, _once)[rank](v)


def _often(v: Variable) -> Iterator[tuple[str, str, Change]]:
    if _square(v) and "symmetric" not in v.facts:
        yield "condition", f"the claim is right only if {v.name} is symmetric", _symmetric
    if _square(v) and "diagonal" not in v.facts:
        yield "diagonal", f"the claim is right only if {v.name} is diagonal", _diagonal
    if v.order >= 1 and "simplex" not in v.facts:
        over = "the entries" if v.order == 1 else "every row"
        yield "condition", f"the claim is right only if {over} of {v.name} sum to 1", normalised
    if v.order >= 1 and "nonnegative" not in v.facts:
        yield "condition", f"the claim is right only if every entry of {v.name} is -1 or 1", signs
    if v.order >= 1 and "nonzero" not in v.facts:
        yield "condition", f"the claim is right only if every entry of {v.name} is 0 or 1", binary
    if v.order >= 1 and "nonnegative" not in v.facts:
        yield "condition", f"the claim is right only if {v.name} is positive", abs


def _seldom(v: Variable) -> Iterator[tuple[str, str, Change]]:
    if v.order == 1:
        yield "condition", f"the claim is right only if all entries of {v.name} are equal", _constant
        yield "condition", f"the claim is right only if {v.name} has length 1", unit
    if v.order == 2 and "orthogonal" not in v.facts:
        yield "condition", f"the claim is right only if the columns of {v.name} are orthonormal", orthonormal
        yield "condition", f"the claim is right only if the columns of {v.name} have mean 0", centred


def _once(v: Variable) -> Iterator[tuple[str, str, Change]]:
    if not v.facts & {"positive", "pd", "nonzero", "invertible", "orthogonal", "simplex"}:
        yield "special point", f"the claim is right only where {v.name} = 0", lambda a: a * 0
    if _square(v) and not v.facts & {"symmetric"}:
        yield "special point", f"the claim is right only where {v.name} is the identity", _identity


def _symmetric(a: Array) -> Array:
    return np.asarray((a + a.T) / 2)


def _diagonal(a: Array) -> Array:
    out = a * 0
    for k in range(len(a)):
        out[k, k] = a[k, k]
    return np.asarray(out)


def _identity(a: Array) -> Array:
    return np.array(sympy.eye(len(a)).tolist(), dtype=object)


def normalised(a: Array, axes: tuple[int, ...] = (-1,)) -> Array:
    """Positive entries with sum 1 over the axes."""
    positive = abs(a) + 1
    return np.asarray(positive / positive.sum(axis=axes, keepdims=True), dtype=object)


def signs(a: Array) -> Array:
    """Entries −1 and 1."""
    return _each(a, lambda k, x: sympy.S.One if x > 0 else sympy.S.NegativeOne)


def binary(a: Array) -> Array:
    """Entries 0 and 1."""
    return _each(a, lambda k, x: sympy.S.One if x > 0 else sympy.S.Zero)


def _constant(a: Array) -> Array:
    return _each(a, lambda k, x: a.flat[0])


def unit(a: Array) -> Array:
    """A rational point of the sphere: (2t, |t|² − 1)/(|t|² + 1)."""
    t, total = a[:-1], sum(x * x for x in a[:-1])
    return np.array([*(2 * x / (total + 1) for x in t), (total - 1) / (total + 1)], dtype=object)


def orthonormal(a: Array) -> Array:
    """The first columns of a rational orthogonal matrix."""
    rows, columns = a.shape
    if rows < columns:
        raise ValueError("more columns than rows")
    skew = sympy.Matrix(
        rows, rows, lambda i, j: 0 if i == j else (1 if i < j else -1) * sympy.Rational(1 + (i + j) % 3, 2)
    )
    eye = sympy.eye(rows)
    q = (eye - skew) * (eye + skew).inv()
    return np.array(q[:, :columns].tolist(), dtype=object)


def centred(a: Array, axes: tuple[int, ...] = (0,)) -> Array:
    """Entries with mean 0 over the axes."""
    count = int(np.prod([a.shape[k] for k in axes]))
    return np.asarray(a - a.sum(axis=axes, keepdims=True) / sympy.Integer(count), dtype=object)


def _each(a: Array, function: Entry) -> Array:
    out = np.empty(a.shape, dtype=object)
    for k, index in enumerate(np.ndindex(a.shape)):
        out[index] = function(k, a[index])
    return out
