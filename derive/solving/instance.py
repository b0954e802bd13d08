"""A posed problem with its data: checked once, every size known."""

from __future__ import annotations

import numbers
from collections.abc import Callable, Mapping
from decimal import Decimal
from fractions import Fraction
from functools import cached_property
from typing import Any, final

import numpy as np

from ..errors import DataError
from ..evaluate import as_plain, bind
from ..node import size_symbols
from ..sizes import Binding
from .facts import Constants, Facts
from .posed import Posed

#: Facts that tell the sign of a number.
SIGNED = {"positive", "nonnegative"}
#: Unknowns with one on a simplex up to which the interior point comes first.
SIMPLEX = 1000


@final
class Instance:
    """Data, sizes and the shapes of the unknowns.

    Sizes that no data array shows are learnt from the start, or given by name among the data.

    read    whether the entries of the data are looked at
    latest  the latest point of a run that is under way, by name, for whoever has to end it; empty before there is one
    """

    def __init__(
        self, posed: Posed, data: Mapping[str, Any], start: Mapping[str, Any], read: bool = True
    ) -> None:
        self.posed, self.start = posed, dict(start)
        self.latest: Callable[[], Mapping[str, Any]] = dict
        #: Data given as decimals or fractions, for answers in many digits; elsewhere they are doubles.
        self.exact = {k: a for k, a in data.items() if _is_exact(a)}
        self.data = {k: _as_doubles(k, a) if k in self.exact else _as_plain(k, a) for k, a in data.items()}
        self.binding = self._bind(read)
        self.shapes = {v.name: self.binding.shape(v.shape) for v in posed.unknowns}
        for name, value in start.items():
            try:
                array = np.asarray(value, dtype=np.float64)
            except (TypeError, ValueError):
                raise DataError(f"the start of {name} does not hold numbers") from None
            if not np.isfinite(array).all():
                raise DataError(f"the start of {name} has entries that are not finite")

    def _bind(self, read: bool) -> Binding:
        posed = self.posed
        strangers = [k for k in self.start if k not in posed.names]
        if strangers:
            raise DataError(f"the start has {strangers[0]}, which is no unknown: {', '.join(posed.names)}")
        for name in posed.names:
            if name in self.data:
                raise DataError(f"{name} is an unknown of this problem: give it as start={{{name!r}: …}}")
        idle = [v for v in posed.idle if v.name in self.data]
        symbols = {*posed.symbols, *size_symbols(*posed.idle)}
        known = (*posed.given, *idle)
        checked, binding = bind(known, self.data, sizes=symbols, rows=() if read else [v.name for v in known])
        for v in idle:
            del self.data[v.name]
        self.checked = {v.name: checked[v.name] for v in posed.given}
        for v in posed.unknowns:
            if v.name in self.start:
                binding.learn(v.name, v.shape, np.shape(self.start[v.name]))
        return binding

    @property
    def sizes(self) -> dict[str, int]:
        """Every size by name."""
        return {s.name: n for s, n in self.binding.values.items()}

    @property
    def arrays(self) -> dict[str, Any]:
        """Sizes and data by name: what the interpreter takes."""
        return {**self.sizes, **self.data}

    @property
    def numbers(self) -> dict[str, Any]:
        """Checked arrays and sizes by name: what a planned evaluation takes."""
        return {**{k: np.asarray(float(n)) for k, n in self.sizes.items()}, **self.checked}

    @property
    def amount(self) -> int:
        """How many numbers the data hold."""
        return sum(a.size for a in self.checked.values())

    @cached_property
    def facts(self) -> Facts:
        """What the statement implies on these data.

        Where it is not convex whatever the data, numbers of no stated sign have that of their values: ½λ‖w‖² is convex
        for the λ at hand.
        """
        posed = self.posed
        if posed.facts.is_convex:
            return posed.facts
        signs = {
            v: "positive" if self.checked[v.name] > 0.0 else "nonnegative"
            for v in posed.given
            if not v.order and not v.facts & SIGNED and self.checked[v.name] >= 0.0
        }
        if not signs:
            return posed.facts
        key = ("signs", tuple(sorted((v.name, sign) for v, sign in signs.items())))
        found: Facts = posed.remembered(key, lambda: posed.with_signs(signs).facts)
        return found if found.is_convex else posed.facts

    @cached_property
    def constants(self) -> Constants:
        """Strong convexity and smoothness on these data, as far as they are derived."""
        return self.facts.constants(self)

    @property
    def count(self) -> int:
        """The number of scalar unknowns."""
        return sum(int(np.prod(s, dtype=np.int64)) for s in self.shapes.values())

    @property
    def on_simplexes(self) -> bool:
        """Whether all unknowns are on simplexes, where optima often have zeros that free unknowns only approach, or one
        is and the problem is convex; and it is small enough for constraints."""
        inside = ["simplex" in v.facts for v in self.posed.unknowns]
        if not any(inside) or self.count > SIMPLEX:
            return False
        return all(inside) or self.facts.is_convex


def _is_exact(value: Any) -> bool:
    """Whether the numbers are decimals, fractions or decimal text."""
    if isinstance(value, np.ndarray) and value.dtype.kind not in "OUS":
        return False
    array = np.asarray(value, dtype=object) if isinstance(value, list | tuple | np.ndarray) else value
    entries = array.reshape(-1).tolist() if isinstance(array, np.ndarray) else [array]
    kinds = {type(entry) for entry in entries}
    return bool(kinds & {Decimal, Fraction, str}) and kinds <= {Decimal, Fraction, str, int, float}


def _as_plain(name: str, value: Any) -> Any:
    """Arrays of other libraries, subclasses whose operators mean something else, and objects, as plain arrays."""
    plain = type(value) is np.ndarray or isinstance(value, np.memmap)
    if isinstance(value, numbers.Number) or (plain and value.dtype.kind != "O"):
        return value
    return as_plain(name, value)


def _as_doubles(name: str, value: Any) -> Any:
    array = np.asarray(value, dtype=object)
    try:
        return np.array([float(entry) for entry in array.reshape(-1)]).reshape(array.shape)
    except (ValueError, OverflowError) as error:
        raise DataError(f"{name} does not hold numbers: {error}") from None
