"""The number between two formulas, recognised as a formula: a rational, a size, a constant, a scalar variable."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import mpmath
import numpy as np
import sympy

from ..domains import Array
from ..sizes import Coefficient
from .numbers import largest
from .sampling import Point
from .verdict import exact

DIGITS = 50
TOLERANCE = mpmath.mpf(10) ** -35
NOTHING = mpmath.mpf(10) ** -45
Ratios = list[tuple[Point, Any]]
_CONSTANTS = (
    sympy.log(2),
    sympy.log(10),
    sympy.sqrt(2),
    sympy.pi,
    sympy.sqrt(sympy.pi),
    sympy.sqrt(2 * sympy.pi),
)


def close(a: Array, b: Array) -> bool:
    """Equal to 35 digits, relative to the largest entry."""
    a, b = np.asarray(a), np.asarray(b)
    return a.shape == b.shape and bool(largest(a - b) <= TOLERANCE * max(largest(a), largest(b)))


def ratio(a: Array, b: Array) -> Any | None:
    """The number c with a = c·b, if there is one."""
    flat_a, flat_b = list(np.asarray(a).flat), list(np.asarray(b).flat)
    pivot = max(range(len(flat_b)), key=lambda k: abs(flat_b[k]), default=0)
    if not flat_b or flat_b[pivot] == 0:
        return None
    c = flat_a[pivot] / flat_b[pivot]
    return c if close(np.asarray(a), np.asarray(b) * c) else None


def ratios(pairs: Sequence[tuple[Point, Array, Array]]) -> Ratios | None:
    """The number c with a = c·b at every point; None where there is none."""
    found: Ratios = []
    for point, a, b in pairs:
        if max(largest(a), largest(b)) < NOTHING:  # zeros, but for rounding
            continue
        c = ratio(a, b)
        if c is None:
            return None
        found.append((point, c))
    return found or None


def one_formula(found: Ratios | None, scalars: Sequence[str] = ()) -> Coefficient | None:
    """The numbers as one formula: a rational times 1, a power or quotient of sizes, s/(s − 1), a constant such
    as log 2, or a scalar variable."""
    if not found:
        return None
    # A share of 0 that was computed as 1 − 1 is rounding.
    found = [(p, c if abs(c) > TOLERANCE else mpmath.mpf(0)) for p, c in found]
    for formula, value in _templates(found, scalars):
        reduced: set[sympy.Rational | None] = set()
        for point, c in found:
            at = value(point)
            reduced.add(exact(c / at, DIGITS - 5) if at else None)
            if len(reduced) > 1 or None in reduced:
                break
        else:
            (c,) = reduced
            if c is not None and (formula == 1 or max(abs(int(c.p)), int(c.q)) < 10**4):
                return c * formula
    return None


Template = tuple[Coefficient, Callable[[Point], Any]]


def _templates(found: Ratios, scalars: Sequence[str]) -> Iterator[Template]:
    yield sympy.S.One, lambda p: mpmath.mpf(1)
    symbols = sorted({s for p, _ in found for s in p.binding.values}, key=str)
    for s in symbols:
        for k in (1, -1, 2, -2, sympy.S.Half, -sympy.S.Half):
            yield _of_size(s**k)
        if all(p.binding.values.get(s, 1) > 1 for p, _ in found):
            yield _of_size(s / (s - 1))
            yield _of_size((s - 1) / s)
    for s in symbols:
        for t in symbols:
            if s != t:
                yield _of_size(s / t)
                yield _of_size(s * t)
                yield _of_size(1 / (s * t)) if str(s) < str(t) else _of_size(sympy.sqrt(s / t))
    for constant in _CONSTANTS:
        yield _of_size(constant)
        yield _of_size(1 / constant)
    for name in scalars:
        symbol = sympy.Symbol(name)
        for k in (1, -1, 2, -2):
            yield symbol**k, _of_scalar(name, k)


def _of_size(formula: Coefficient) -> Template:
    return formula, lambda p: mpmath.mpmathify(p.binding.substitute(formula).evalf(DIGITS + 15))


def _of_scalar(name: str, k: int) -> Callable[[Point], Any]:
    def value(p: Point) -> Any:
        number: Any = p.arrays[name][()] if name in p.arrays else sympy.S.Zero
        return (mpmath.mpf(int(number.p)) / int(number.q)) ** k if number else mpmath.mpf(0)

    return value


def combination(gaps: Sequence[Array], parts: Sequence[Sequence[Array]]) -> list[sympy.Rational] | None:
    """Simple rationals c with gap = Σ cⱼ partⱼ at all points; None unless they are determined and exact."""
    rows, right = [], []
    for gap, own in zip(gaps, parts, strict=True):
        for index in np.ndindex(np.shape(gap)):
            rows.append([p[index] for p in own])
            right.append(gap[index])
    many = len(parts[0]) if parts else 0
    if not many or len(rows) < many:
        return None
    matrix = np.array(rows, dtype=float)
    if np.linalg.matrix_rank(matrix, tol=1e-9 * max(float(np.abs(matrix).max()), 1e-300)) < many:
        return None
    solved = np.linalg.lstsq(matrix, np.array(right, dtype=float), rcond=None)[0]
    simple = [sympy.Rational(str(round(float(c), 9))).limit_denominator(1000) for c in solved]
    if any(abs(float(s) - c) > 1e-7 for s, c in zip(simple, solved, strict=True)):
        return None
    for gap, own in zip(gaps, parts, strict=True):
        total = sum((mpmath.mpf(int(c.p)) / int(c.q) * p for c, p in zip(simple, own, strict=True)), gap * 0)
        scale = max([largest(gap), *(largest(p) for p in own)])
        if largest(gap - total) > TOLERANCE * scale:
            return None
    return simple
