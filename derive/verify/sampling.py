"""Exact data for variables: small whole numbers for counterexamples, generic rationals for agreement.

Every array is one of SymPy rationals that satisfies the variable's facts exactly (a positive definite matrix
is `B Bᵀ + I`, an orthogonal one a Cayley transform, a point of the simplex a quotient of whole numbers), so
that the same data mean the same in double precision, in mpmath and in SymPy. Draws depend on the seed alone.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random

import numpy as np
import sympy

from ..domains import Array
from ..errors import SizeError
from ..node import MATRIX_FACTS, Variable
from ..sizes import Binding

#: How entries are drawn. `whole`: −3…3; `natural`: 1…4; `generic`: rationals of either sign;
#: `generic positive`: rationals above 0; `unit`: rationals between 0 and 1. The later ones are for
#: expressions that are undefined for some signs (logarithms, roots, arcsines).
STYLES = ("whole", "natural", "generic", "generic positive", "unit")
_PRIMES = (7, 11, 13, 17, 19, 23)


@dataclass(frozen=True, eq=False)
class Point:
    """Numbers for every size and exact entries for every variable."""

    binding: Binding
    arrays: dict[str, Array]

    @property
    def sizes(self) -> dict[str, int]:
        """The sizes by name."""
        return {str(s): n for s, n in sorted(self.binding.values.items(), key=lambda kv: str(kv[0]))}


def size_choices(
    symbols: Sequence[sympy.Symbol],
    shapes: Iterable[sympy.Expr] = (),
    fixed: Mapping[sympy.Symbol, int] | None = None,
    largest: int = 4,
) -> Iterator[Binding]:
    """Bindings of the sizes, smallest first; `shapes` are derived sizes that must stay at least 1."""
    known = dict(fixed or {})
    free = [s for s in symbols if s not in known]
    derived = [s for s in shapes if s.free_symbols and not s.is_Symbol]
    if len(free) <= 4:
        candidates: Iterable[tuple[int, ...]] = sorted(
            itertools.product(range(1, largest + 1), repeat=len(free)),
            key=lambda c: (max(c, default=1), sum(c)),
        )
    else:  # too many to enumerate: all equal, then distinct ones in two orders
        up = tuple(1 + i % largest for i in range(len(free)))
        candidates = [(1,) * len(free), (2,) * len(free), up, up[::-1]]
    for values in candidates:
        binding = Binding({**known, **dict(zip(free, values, strict=True))})
        if all((binding.number(s, default=None) or 0) >= 1 for s in derived):
            yield binding


def distinct_sizes(
    symbols: Sequence[sympy.Symbol],
    shapes: Iterable[sympy.Expr] = (),
    fixed: Mapping[sympy.Symbol, int] | None = None,
) -> list[Binding]:
    """A few bindings that tell sizes apart, and products and powers of them: descending, ascending, ones."""
    derived = [s for s in shapes if s.free_symbols and not s.is_Symbol]
    known = dict(fixed or {})
    free = [s for s in symbols if s not in known]
    k = len(free)
    if k <= 3:
        proposals = [range(k + 1, 1, -1), range(2, 2 * k + 2, 2), range(k + 3, 3, -1), [1] * k]
    else:  # keep the arrays small: sizes 2 to 4 in turn
        proposals = [[4 - i % 3 for i in range(k)], [2 + i % 3 for i in range(k)], [1] * k]
    found: list[Binding] = []
    for values in proposals:
        binding = Binding({**known, **dict(zip(free, values, strict=True))})
        if all((binding.number(s, default=None) or 0) >= 1 for s in derived):
            found.append(binding)
    if not found:
        found = list(itertools.islice(size_choices(symbols, shapes, fixed), 2))
    if not found:
        raise SizeError("no small numbers for the sizes make every array non-empty")
    return found


def draw(variables: Iterable[Variable], binding: Binding, seed: int, style: str = "generic") -> Point:
    """One point: exact arrays for all variables, facts respected."""
    arrays = {
        v.name: entries(v, binding.shape(v.shape), Random(f"{seed}|{v.name}|{style}"), style)
        for v in variables
    }
    return Point(binding, arrays)


def entries(v: Variable, shape: tuple[int, ...], random: Random, style: str) -> Array:
    """An exact array for one variable."""
    if v.facts & MATRIX_FACTS and len(shape) >= 2:
        out = np.empty(shape, dtype=object)
        for index in np.ndindex(shape[:-2]):
            out[index] = _matrix(v, shape[-2], shape[-1], random, style)
        return out
    out = np.empty(shape, dtype=object)
    for index in np.ndindex(shape):
        out[index] = _number(v.facts, random, style)
    if "simplex" in v.facts:
        for index in np.ndindex(shape):
            out[index] = abs(out[index]) + 1
        out = np.asarray(out / out.sum(axis=-1, keepdims=True), dtype=object)
    return out


def _number(facts: frozenset[str], random: Random, style: str) -> sympy.Rational:
    """One entry that has the sign facts."""
    whole = style in ("whole", "natural") or "integer" in facts
    while True:
        if whole:
            value = sympy.Integer(random.randint(-3, 3))
        else:
            q = random.choice(_PRIMES)
            value = sympy.Rational(random.randint(-2 * q, 2 * q), q)
        if style in ("natural", "generic positive", "unit"):
            value = abs(value) + (0 if value else 1)
        if style == "unit" and "integer" not in facts:
            q = random.choice(_PRIMES)
            value = sympy.Rational(random.randint(1, q - 1), q)
        if facts & {"positive", "nonnegative"}:
            value = abs(value)
        if value == 0 and ("nonzero" in facts or (not whole and style != "whole")):
            continue
        return value


def _matrix(v: Variable, rows: int, columns: int, random: Random, style: str) -> Array:
    """One matrix that has the matrix facts."""
    out = np.empty((rows, columns), dtype=object)
    facts = v.facts
    if facts & (MATRIX_FACTS - {"diagonal"}) and rows != columns:
        raise SizeError(f"{v.name} was declared {', '.join(sorted(facts))}, but is {rows}×{columns}")
    if "orthogonal" in facts:
        return _orthogonal(rows, random, diagonal="diagonal" in facts or "symmetric" in facts)
    for _ in range(100):
        for i, j in np.ndindex(rows, columns):
            out[i, j] = _number(facts, random, style)
        if "diagonal" in facts:
            for i, j in np.ndindex(rows, columns):
                if i != j:
                    out[i, j] = sympy.S.Zero
                elif "pd" in facts or "psd" in facts:
                    out[i, j] = abs(out[i, j]) + (1 if out[i, j] == 0 and "pd" in facts else 0)
        elif "psd" in facts:
            out = out.dot(out.T) / (1 if style in ("whole", "natural") else 4)
            if "pd" in facts:
                out = out + np.array(sympy.eye(rows).tolist(), dtype=object)
        elif "symmetric" in facts:
            for i, j in np.ndindex(rows, columns):
                if i > j:
                    out[i, j] = out[j, i]
        if "invertible" not in facts or sympy.Matrix(out.tolist()).det() != 0:
            return out
    raise SizeError(f"no {', '.join(sorted(facts))} matrix of size {rows}×{columns} was found for {v.name}")


def _orthogonal(n: int, random: Random, diagonal: bool) -> Array:
    """Signs on the diagonal, or the Cayley transform (I − K)(I + K)⁻¹ of a skew K."""
    if diagonal:
        signs = sympy.diag(*(random.choice((-1, 1)) for _ in range(n)))
        return np.array(signs.tolist(), dtype=object).reshape(n, n)
    upper = {(i, j): sympy.Rational(random.randint(-3, 3), 2) for i in range(n) for j in range(i + 1, n)}
    skew = sympy.Matrix(n, n, lambda i, j: upper.get((i, j), -upper.get((j, i), sympy.S.Zero)))
    eye = sympy.eye(n)
    return np.array(((eye - skew) * (eye + skew).inv()).tolist(), dtype=object).reshape(n, n)
