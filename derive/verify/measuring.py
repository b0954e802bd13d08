"""What a Python function's derivative along a direction is, and how sure that is.

    C(h) = (f(x + hv) − f(x − hv)) / 2h    error h² f‴/6 + noise/h;   Richardson: (100 C(h/10) − C(h))/99, error h⁴

The noise is the rounding of the function's values: that of doubles, of single precision, or a quantum where the
function rounds its result. Where f takes complex numbers, Im f(x + ihv)/h has no cancellation at all.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..domains import Array
from ..errors import ArgumentError

EPS = 2.0**-52
_POWERS = tuple(range(2, 13))  # steps 10^-2 … 10^-12 of the size of the unknown


@dataclass(frozen=True)
class Entry:
    """One entry (or direction): what was claimed, what was measured, and how sure that is."""

    index: tuple[Any, ...] | None
    claimed: float
    measured: float
    uncertainty: float
    status: str  # "right", "wrong", "undecided"

    @property
    def error(self) -> float:
        """The gap relative to the larger of the two."""
        return abs(self.claimed - self.measured) / max(abs(self.claimed), abs(self.measured), 5e-324)


@dataclass
class Work:
    """A function at a point: what its values are like, and how often it was called."""

    f: Callable[[Any], Any]
    x: Array
    count: int = 0
    complex_step: bool = False
    rounding: float = EPS
    quantum: float = 0.0
    scale: float = field(init=False)

    def __post_init__(self) -> None:
        self.scale = float(np.abs(self.x).max()) or 1.0

    def value(self, x: Array) -> float:
        """f(x)"""
        self.count += 1
        with np.errstate(all="ignore"):
            found = np.asarray(self.f(x.copy()))  # a function may sort or scale what it is given
        if found.size != 1:
            raise ArgumentError(f"the function returned an array of shape {found.shape}, not one number")
        return float(found.reshape(())[()])

    def imaginary(self, v: Array) -> float:
        """Im f(x + ihv)/h, with h so small that h² is nothing, and h·v still a number."""
        self.count += 1
        h = min(max(1e-20, 1e-300 / self.scale), 1e-3)
        with np.errstate(all="ignore"):
            found = np.asarray(self.f(self.x + 1j * h * v))
        return float(np.imag(found.reshape(())[()])) / h


def unit(v: Array, work: Work) -> Array:
    """A direction whose entries are of the size of the unknown's entries."""
    size = np.maximum(np.abs(work.x), 1e-3 * work.scale)
    return np.asarray(v * size)


def normal(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Standard normal numbers."""
    return np.asarray(rng.standard_normal(shape))


def single(work: Work, index: tuple[int, ...]) -> Array:
    """A direction along one entry."""
    v = np.zeros_like(work.x)
    v[index] = max(abs(work.x[index]), 1e-3 * work.scale) if work.x[index] else work.scale
    return v


def rounding(work: Work, rng: np.random.Generator) -> float:
    """The unit of rounding of the function's values: that of single precision where they all have it."""
    found = [work.value(work.x + 1e-3 * unit(normal(rng, work.x.shape), work)) for _ in range(4)]
    with np.errstate(over="ignore"):
        single_precision = all(np.isfinite(v) and float(np.float32(v)) == v for v in found)
    if single_precision and any(found):
        return 2.0**-23 if not all(v == round(v) for v in found) else EPS
    return EPS


def quantum(work: Work, rng: np.random.Generator) -> float:
    """The step in which the function's values come, as those of one that rounds to four decimals; 0 for others.

    Such a function is flat at small steps, and what it moves by at larger ones is a whole number of steps.
    """
    v = unit(normal(rng, work.x.shape), work)
    here = work.value(work.x)
    steps = [side * 10.0**-k for k in (1.3, 1.7, 2.1, 2.6, 3.1, 3.6, 4.1, 5.2, 7.3) for side in (1, -1)]
    values = np.array([here] + [work.value(work.x + h * v) for h in steps])
    if not np.isfinite(values).all() or values[-1] != here or values[-2] != here:
        return 0.0
    gaps = np.diff(np.unique(values))
    least = float(gaps.min()) if len(gaps) else 0.0
    if len(gaps) < 3 or least < 1e4 * EPS * abs(here):
        return 0.0
    for k in range(1, 11):  # the smallest gap may be several steps
        whole = gaps * k / least
        if np.all(np.abs(whole - np.round(whole)) < 1e-6 * whole):
            return least / k
    return 0.0


def takes_complex(work: Work, rng: np.random.Generator) -> bool:
    """Whether complex steps work: they agree with differences along two directions, linearly.

    A function that takes |z|, real parts or comparisons of complex numbers is not analytic; its complex step
    need not be a derivative, so agreement with plain differences is asked for.
    """
    try:
        for _ in range(2):
            v = unit(normal(rng, work.x.shape), work)
            c = work.imaginary(v)
            measured, uncertainty, _ = difference(work, v)
            if not np.isfinite(c) or abs(c - measured) > 10 * uncertainty + 1e-6 * abs(measured):
                return False
            if c == 0.0 and measured != 0.0:
                return False
    except Exception:  # somebody else's function: whatever it does, complex numbers are not for it
        return False
    return True


def difference(work: Work, v: Array) -> tuple[float, float, float]:
    """⟨∇f, v⟩ by extrapolated central differences: value, uncertainty, and how much the derivatives from the
    two sides differ at least.

    For a smooth function right − left = h f″ falls with h. Where it does not fall there is a kink between
    x − hv and x + hv, and a central difference is the average of two derivatives: nothing that accuses anybody.
    """
    here = work.value(work.x)
    table: list[tuple[float, float]] = []
    apart = float("inf")
    central_before = better_before = sides_before = float("nan")
    for k in _POWERS[:9]:
        h = 10.0**-k
        up, down = work.value(work.x + h * v), work.value(work.x - h * v)
        if not (np.isfinite(up) and np.isfinite(down)):
            central_before = better_before = sides_before = float("nan")
            continue
        central = (up - down) / (2 * h)
        noise = max(4 * work.rounding * max(abs(up), abs(down), abs(here)), 2 * work.quantum) / h
        sides = abs((up - 2 * here + down) / h)
        apart = min(apart, sides + noise)
        if central_before == central_before:
            better = (100 * central - central_before) / 99
            kink = 0.0 if sides <= 0.2 * sides_before + noise else sides
            change = (
                abs(better - better_before)
                if better_before == better_before
                else abs(central - central_before)
            )
            table.append((better, abs(better - central) + change / 10 + noise + kink))
            better_before = better
        central_before, sides_before = central, sides
    if not table:
        return float("nan"), float("inf"), apart
    value, uncertainty = min(table, key=lambda item: item[1])
    return value, uncertainty, apart


def measure(work: Work, claimed: Array, v: Array, index: tuple[int, ...] | None, tolerance: float) -> Entry:
    """The claimed derivative along v against the measured one; where an unknown is much smaller than its step and
    the two differ, once more with steps of its own size: there may be a kink in between."""
    found = _measure(work, claimed, v, index, tolerance)
    shorter = np.where(work.x != 0, np.sign(v) * np.minimum(np.abs(v), np.abs(work.x)), v)
    if found.status != "wrong" or np.array_equal(shorter, v):
        return found
    again = _measure(work, claimed, shorter, index, tolerance)
    if index is None:  # another direction
        telling = again.uncertainty <= tolerance * max(abs(again.measured), abs(again.claimed))
    else:
        telling = abs(again.measured - found.measured) > 2 * again.uncertainty
    return again if telling else found


def _measure(work: Work, claimed: Array, v: Array, index: tuple[int, ...] | None, tolerance: float) -> Entry:
    top = float(np.abs(v).max())
    length = top * float(np.linalg.norm(v / top)) if index is None else float(v[index])
    wanted = float((claimed * v).sum())
    size = float(np.abs(claimed * v).sum())  # what rounding in ⟨g, v⟩ is relative to
    if work.complex_step:
        measured = work.imaginary(v)
        uncertainty, apart = 1e-13 * max(abs(measured), size), 0.0
        tolerance = min(tolerance, 1e-8)
    else:
        measured, uncertainty, apart = difference(work, v)
    uncertainty += 16 * EPS * size
    gap = abs(wanted - measured)
    much = gap > 20 * uncertainty and gap > tolerance * max(abs(measured), abs(wanted))
    if much and work.complex_step:  # at a kink a complex step takes one side
        apart = difference(work, v)[2]
    flat = gap > 0 and measured == 0 and work.scale < 1e-150  # an underflow of the function, as likely as not
    status = "right"
    if flat or not np.isfinite(measured) or (gap > 20 * uncertainty and gap <= 2 * apart):
        status = "undecided"
    elif much:
        status = "wrong"
    elif uncertainty > tolerance * max(abs(measured), abs(wanted), 5e-324):
        status = "undecided" if gap > uncertainty else "right"
    return Entry(index, wanted / length, measured / length, uncertainty / abs(length), status)


__all__ = [
    "EPS",
    "Entry",
    "Work",
    "difference",
    "measure",
    "normal",
    "quantum",
    "rounding",
    "single",
    "takes_complex",
    "unit",
]
