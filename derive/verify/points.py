"""Points at which claims are tried: inside the domain, of several sizes, under the conditions of the claim."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence

import sympy

from ..errors import SizeError
from ..node import Node, size_symbols, topological, variables
from ..sizes import Binding
from .numbers import NotFinite, largest, relative_gap, values
from .sampling import Point, distinct_sizes, draw, size_choices

_SMALL_TRIES = 60  # points tried for a counterexample in small whole numbers

_MOST_ENTRIES = 4096
_HUGE = 1e15  # such a value comes of a matrix that is singular but for rounding


class Points:
    """Points at which some expressions are finite."""

    def __init__(
        self,
        nodes: Sequence[Node],
        seed: int,
        fixed: dict[sympy.Symbol, int],
        change: Callable[[Point], Point] | None = None,
    ) -> None:
        self.nodes, self.seed, self.fixed, self.change = nodes, seed, fixed, change
        self.variables = variables(*nodes)
        self.symbols = size_symbols(*nodes)
        self.derived = sorted({s for n in topological(nodes) for s in n.shape}, key=str)

    def at(self, binding: Binding, styles: Sequence[str], tries: int, salt: str = "") -> Iterator[Point]:
        """Points at these sizes; they may lie outside the domain."""
        for k in range(tries):
            for style in styles:
                try:
                    point = draw(self.variables, binding, hash_seed(self.seed, salt, k), style)
                    yield self.change(point) if self.change is not None else point
                except SizeError:
                    return
                except (ValueError, ZeroDivisionError):
                    continue  # a condition that cannot be met at these sizes

    def generic(
        self, wanted: int, styles: Sequence[str] = ("generic", "generic positive", "unit", "natural")
    ) -> Iterator[Point]:
        """`wanted` points inside the domain for each of a few distinct sizes, generic rationals."""
        for binding in self._affordable(distinct_sizes(self.symbols, self.derived, self.fixed)):
            found, spare = 0, []
            for point in self.at(binding, styles, 4 * wanted, "generic"):
                try:
                    size = max(map(largest, values(self.nodes, point, 20)))
                except NotFinite:
                    continue
                if size > _HUGE:
                    spare.append(point)
                    continue
                yield point
                found += 1
                if found == wanted:
                    break
            if not found:  # the expressions themselves are large, or what they invert is singular
                yield from [p for p in spare[: 2 * wanted] if self.determined(p)][:wanted]

    def _affordable(self, bindings: list[Binding]) -> list[Binding]:
        """Without the sizes at which a Hessian of order 6 has tens of thousands of entries, if others are left."""
        shapes = {n.shape for n in topological(self.nodes)}
        entries = {b: max(math.prod(b.shape(s)) for s in shapes) for b in bindings}
        small = [b for b in bindings if entries[b] <= _MOST_ENTRIES]
        return small if any(entries[b] > 1 for b in small) else bindings

    def determined(self, point: Point) -> bool:
        """Whether the values stay when the digits are doubled: those of a singular inverse are rounding."""
        try:
            coarse, fine = (values(self.nodes, point, digits) for digits in (25, 50))
        except NotFinite:
            return False
        return all(relative_gap(a, b) < 1e-8 for a, b in zip(coarse, fine, strict=True))

    def small(self) -> Iterator[Point]:
        """Points with small whole numbers, smallest sizes first."""
        count = 0
        for binding in itertools.islice(size_choices(self.symbols, self.derived, self.fixed, 3), 12):
            for point in self.at(binding, ("whole", "natural"), 3, "small"):
                yield point
                count += 1
                if count >= _SMALL_TRIES:
                    return


def hash_seed(seed: int, salt: str, k: int) -> int:
    """A seed for the k-th draw, the same in every process."""
    return seed * 1_000_003 + sum(ord(c) for c in salt) * 1009 + k
