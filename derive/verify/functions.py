r"""Somebody's Python gradient against their Python function: a verdict that knows its own noise.

    T(h) = f(x + hv) − f(x) − h⟨g, v⟩      right g: falls as h²;      wrong g: as h
    C(h) = (f(x + hv) − f(x − hv)) / 2h    error h² f‴/6 + noise/h;   Richardson: (100 C(h/10) − C(h))/99, error h⁴

Where f takes complex numbers, Im f(x + ihv)/h has no cancellation at all and decides to 13 digits. Otherwise
every entry is measured at a sweep of steps, extrapolated, and accused only if the gap is well above the error
that the sweep itself shows. Next to a kink the differences from left and right disagree: such an entry is left
undecided. Among many entries those to be measured are found by bisection: blocks of unknowns with a random
sign each, so that one wrong entry of 10,000 costs a few dozen evaluations.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..domains import Array
from ..errors import ArgumentError
from .sweep import observed_order

EPS = 2.0**-52
_ALL = 400  # unknowns up to which every entry is measured
_POWERS = tuple(range(2, 13))  # steps 10^-2 … 10^-12 of the size of the unknown


@dataclass(frozen=True)
class Entry:
    """One entry (or direction): what was claimed, what was measured, and how sure that is."""

    index: tuple[int, ...] | None
    claimed: float
    measured: float
    uncertainty: float
    status: str  # "right", "wrong", "undecided"

    @property
    def error(self) -> float:
        """The gap relative to the larger of the two."""
        return abs(self.claimed - self.measured) / max(abs(self.claimed), abs(self.measured), 5e-324)


@dataclass(frozen=True)
class GradientReport:
    """The verdict on a gradient function.

    status      "agrees", "refuted" or "undecided" (kinks, noise, no finite values)
    method      "complex step" or "differences"
    slope       observed order of the Taylor remainder without, and with, the quadratic term; 2 and 3 if right
    steps, remainders   the data of a log–log plot
    worst       the worst entries, wrong ones first
    """

    status: str
    reason: str
    method: str
    slope: float
    slope_quadratic: float
    steps: tuple[float, ...]
    remainders: tuple[float, ...]
    worst: tuple[Entry, ...]
    evaluations: int = 0

    @property
    def ok(self) -> bool:
        """Whether nothing speaks against the gradient."""
        return self.status != "refuted"

    def plot(self, axes: Any = None) -> Any:
        """The Taylor remainder against the step, log–log, on Matplotlib axes; the axes are returned."""
        if axes is None:
            from matplotlib.figure import Figure

            axes = Figure(figsize=(5.2, 3.2), layout="constrained").subplots()
        shown = [(h, r) for h, r in zip(self.steps, self.remainders, strict=True) if r > 0 and np.isfinite(r)]
        if shown:
            order = f", order {self.slope:.2f}" if self.slope == self.slope else ""
            axes.loglog(*zip(*shown, strict=True), marker="o", markersize=3, label=f"Taylor remainder{order}")
            (h, r), steps = shown[0], [step for step, _ in shown]
            axes.loglog(steps, [r * (s / h) ** 2 for s in steps], "k--", linewidth=0.8, label="h²")
            axes.legend(fontsize=8)
        axes.set_xlabel("step h")
        axes.set_ylabel("Taylor remainder")
        return axes

    def record(self) -> dict[str, Any]:
        """Everything, for JSON."""
        return {
            "status": self.status,
            "reason": self.reason,
            "method": self.method,
            "orders": [s if s == s else None for s in (self.slope, self.slope_quadratic)],
            "steps": list(self.steps),
            "remainders": list(self.remainders),
            "evaluations": self.evaluations,
            "worst": [
                {
                    "index": None if e.index is None else list(e.index),
                    "claimed": e.claimed,
                    "measured": e.measured,
                    "uncertainty": e.uncertainty,
                    "status": e.status,
                }
                for e in self.worst
            ],
        }

    def __str__(self) -> str:
        lines = [f"{self.status}: {self.reason}"]
        if self.slope == self.slope:
            lines.append(f"Taylor remainder falls with order {self.slope:.2f} (2 expected)")
        if self.slope_quadratic == self.slope_quadratic:
            lines.append(f"with the quadratic term, with order {self.slope_quadratic:.2f} (3 expected)")
        for e in self.worst:
            where = "a direction" if e.index is None else f"entry {list(e.index)}"
            lines.append(
                f"  {where}: claimed {e.claimed:.12g}, measured {e.measured:.12g} ± {e.uncertainty:.1g} [{e.status}]"
            )
        return "\n".join(lines)


@dataclass
class _Work:
    f: Callable[[Any], Any]
    x: Array
    count: int = 0
    complex_step: bool = False
    rounding: float = EPS
    scale: float = field(init=False)

    def __post_init__(self) -> None:
        self.scale = float(np.abs(self.x).max()) or 1.0

    def value(self, x: Array) -> float:
        self.count += 1
        with np.errstate(all="ignore"):
            found = np.asarray(self.f(x))
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


def check_gradient(
    f: Callable[[Any], Any],
    gradient: Callable[[Any], Any] | Array,
    x: Any,
    *,
    tolerance: float = 1e-4,
    directions: int = 6,
    seed: int = 0,
) -> GradientReport:
    """Is `gradient` the gradient of `f` at `x`? Any Python functions of one array.

    f           array → number
    gradient    array → array of the same shape, or that array itself
    x           the point; every entry's step is relative to its own size
    tolerance   relative gap of an entry that is called wrong, where the differences are that precise

    >>> import numpy as np
    >>> from derive import check_gradient
    >>> f = lambda x: np.sum(np.sin(x))
    >>> check_gradient(f, np.cos, np.linspace(0, 1, 5)).status
    'agrees'
    >>> check_gradient(f, lambda x: 1.001 * np.cos(x), np.linspace(0, 1, 5)).status
    'refuted'
    """
    point = np.array(x, dtype=float)
    if point.size == 0:
        raise ArgumentError("the point has no entries")
    claimed = np.asarray(gradient(point.copy()) if callable(gradient) else gradient, dtype=float)
    work = _Work(f, point)
    if claimed.shape != point.shape:
        return _plain("refuted", f"the gradient has shape {claimed.shape}, the point {point.shape}", work)
    if not np.isfinite(claimed).all():
        where = tuple(int(i) for i in np.argwhere(~np.isfinite(claimed))[0])
        return _plain("refuted", f"entry {list(where)} of the gradient is {claimed[where]}", work)
    if not np.isfinite(work.value(point)):
        return _plain("undecided", "the function has no finite value at the point", work)
    rng = np.random.default_rng(seed)
    work.rounding = _rounding(work, rng)
    work.complex_step = _takes_complex(work, rng)
    vectors = [_unit(_normal(rng, point.shape), work) for _ in range(directions)]
    entries = [_measure(work, claimed, v, None, tolerance) for v in vectors]
    entries += [
        _measure(work, claimed, _single(work, i), i, tolerance)
        for i in _suspects(work, claimed, rng, tolerance)
    ]
    sweep = _taylor(work, claimed, vectors[0])
    return _report(work, entries, sweep)


def assert_gradient(
    f: Callable[[Any], Any], gradient: Callable[[Any], Any] | Array, x: Any, **options: Any
) -> None:
    """For tests: raise `AssertionError` with the report where the gradient is refuted."""
    report = check_gradient(f, gradient, x, **options)
    if not report.ok:
        raise AssertionError(str(report))


def _plain(status: str, reason: str, work: _Work) -> GradientReport:
    nan = float("nan")
    return GradientReport(status, reason, "differences", nan, nan, (), (), (), work.count)


def _unit(v: Array, work: _Work) -> Array:
    """A direction whose entries are of the size of the unknown's entries."""
    size = np.maximum(np.abs(work.x), 1e-3 * work.scale)
    return np.asarray(v * size)


def _normal(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    return np.asarray(rng.standard_normal(shape))


def _single(work: _Work, index: tuple[int, ...]) -> Array:
    v = np.zeros_like(work.x)
    v[index] = max(abs(work.x[index]), 1e-3 * work.scale) if work.x[index] else work.scale
    return v


def _rounding(work: _Work, rng: np.random.Generator) -> float:
    """The unit of rounding of the function's values: that of single precision where they all have it."""
    found = [work.value(work.x + 1e-3 * _unit(_normal(rng, work.x.shape), work)) for _ in range(4)]
    if all(np.isfinite(v) and float(np.float32(v)) == v for v in found) and any(found):
        return 2.0**-23 if not all(v == round(v) for v in found) else EPS
    return EPS


def _takes_complex(work: _Work, rng: np.random.Generator) -> bool:
    """Whether complex steps work: they agree with differences along two directions, linearly.

    A function that takes |z|, real parts or comparisons of complex numbers is not analytic; its complex step
    need not be a derivative, so agreement with plain differences is asked for.
    """
    try:
        for _ in range(2):
            v = _unit(_normal(rng, work.x.shape), work)
            c = work.imaginary(v)
            measured, uncertainty, _ = _difference(work, v)
            if not np.isfinite(c) or abs(c - measured) > 10 * uncertainty + 1e-6 * abs(measured):
                return False
            if c == 0.0 and measured != 0.0:
                return False
    except Exception:  # somebody else's function: whatever it does, complex numbers are not for it
        return False
    return True


def _difference(work: _Work, v: Array) -> tuple[float, float, float]:
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
        noise = 4 * work.rounding * max(abs(up), abs(down), abs(here)) / h
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


def _measure(work: _Work, claimed: Array, v: Array, index: tuple[int, ...] | None, tolerance: float) -> Entry:
    top = float(np.abs(v).max())
    length = top * float(np.linalg.norm(v / top)) if index is None else float(v[index])
    wanted = float((claimed * v).sum())
    size = float(np.abs(claimed * v).sum())  # what rounding in ⟨g, v⟩ is relative to
    if work.complex_step:
        measured = work.imaginary(v)
        uncertainty, apart = 1e-13 * max(abs(measured), size), 0.0
        tolerance = min(tolerance, 1e-8)
    else:
        measured, uncertainty, apart = _difference(work, v)
    uncertainty += 16 * EPS * size
    gap = abs(wanted - measured)
    much = gap > 20 * uncertainty and gap > tolerance * max(abs(measured), abs(wanted))
    if much and work.complex_step:  # at a kink a complex step takes one side
        apart = _difference(work, v)[2]
    flat = gap > 0 and measured == 0 and work.scale < 1e-150  # an underflow of the function, as likely as not
    status = "right"
    if flat or not np.isfinite(measured) or (gap > 20 * uncertainty and gap <= 2 * apart):
        status = "undecided"
    elif much:
        status = "wrong"
    elif uncertainty > tolerance * max(abs(measured), abs(wanted), 5e-324):
        status = "undecided" if gap > uncertainty else "right"
    return Entry(index, wanted / length, measured / length, uncertainty / abs(length), status)


def _suspects(
    work: _Work, claimed: Array, rng: np.random.Generator, tolerance: float
) -> Sequence[tuple[int, ...]]:
    """The entries to measure by themselves: all of a few, else those that random halves point to."""
    every = list(np.ndindex(work.x.shape))
    if len(every) <= _ALL:
        return every
    largest = [every[int(k)] for k in np.argsort(-np.abs(claimed).ravel())[:5]]
    some = [every[int(k)] for k in rng.choice(len(every), 20, replace=False)]
    blocks = _blocks(work, claimed, np.arange(len(every)), rng, 2 * _ALL)
    return list(dict.fromkeys([*blocks, *largest, *some]))


def _blocks(
    work: _Work, claimed: Array, members: Array, rng: np.random.Generator, budget: int
) -> list[tuple[int, ...]]:
    """Bisection: a block whose directional derivative is off is halved until single entries are left."""
    found: list[tuple[int, ...]] = []
    signs = rng.choice([-1.0, 1.0], size=work.x.size)
    parts = np.array_split(rng.permutation(members), 16)
    waiting = [p for p in parts if len(p)]
    start = work.count
    while waiting and len(found) < 10 and work.count - start < 20 * budget:
        block = waiting.pop()
        v = np.zeros(work.x.size)
        v[block] = signs[block]
        v = _unit(v.reshape(work.x.shape), work)
        wanted = float((claimed * v).sum())
        if work.complex_step:
            measured = work.imaginary(v)
            uncertainty = 1e-13 * float(np.abs(claimed * v).sum())
        else:
            measured, uncertainty, _ = _difference(work, v)
        if abs(wanted - measured) <= 10 * uncertainty + 16 * EPS * float(np.abs(claimed * v).sum()):
            continue
        if len(block) == 1:
            index = np.unravel_index(int(block[0]), work.x.shape)
            found.append(tuple(int(i) for i in index))
        else:
            half = len(block) // 2
            waiting += [block[:half], block[half:]]
    return found


def _taylor(
    work: _Work, claimed: Array, v: Array
) -> tuple[float, float, tuple[float, ...], tuple[float, ...]]:
    """Observed orders of the remainder without and with the quadratic term, and its data."""
    here = work.value(work.x)
    slope = float((claimed * v).sum())
    steps = tuple(10.0 ** (-k / 2) for k in range(2, 15))
    remainders, quadratic = [], []
    for h in steps:
        up, down = work.value(work.x + h * v), work.value(work.x - h * v)
        remainders.append(abs(up - here - h * slope))
        # f(x+hv) − f(x−hv) − 2h⟨g,v⟩: the quadratic terms cancel.
        quadratic.append(abs(up - down - 2 * h * slope) / 2)
    noise = 8 * work.rounding * abs(here)
    pairs = [(h, r) for h, r in zip(steps, remainders, strict=True) if np.isfinite(r)]
    second = [(h, r) for h, r in zip(steps, quadratic, strict=True) if np.isfinite(r)]
    first_order = observed_order([h for h, _ in pairs], [r for _, r in pairs], noise)
    next_order = observed_order([h for h, _ in second], [r for _, r in second], noise)
    return first_order, next_order, steps, tuple(remainders)


def _report(
    work: _Work, entries: Sequence[Entry], sweep: tuple[float, float, tuple[float, ...], tuple[float, ...]]
) -> GradientReport:
    wrong = [e for e in entries if e.status == "wrong"]
    unsure = [e for e in entries if e.status == "undecided"]
    single = [e for e in wrong if e.index is not None]
    method = "complex step" if work.complex_step else "differences"
    order = {"wrong": 0, "undecided": 1, "right": 2}
    worst = tuple(sorted(entries, key=lambda e: (order[e.status], e.index is None, -e.error))[:10])
    if wrong:
        what = (
            f"{len(single)} of the entries measured are wrong"
            if single
            else "directional derivatives are wrong"
        )
        first = max(single or wrong, key=lambda e: e.error)
        where = (
            f", entry {list(first.index)} by {first.error:.2g}"
            if first.index is not None
            else f" by {first.error:.2g}"
        )
        status, reason = "refuted", what + where
    elif len(unsure) == len(entries):
        status, reason = "undecided", "no entry could be measured: a kink, or noise larger than the gradient"
    else:
        note = f"; {len(unsure)} undecided (kinks or noise)" if unsure else ""
        status, reason = "agrees", f"{len(entries) - len(unsure)} entries and directions agree{note}"
    return GradientReport(
        status, f"{reason} ({method})", method, sweep[0], sweep[1], sweep[2], sweep[3], worst, work.count
    )


__all__ = ["Entry", "GradientReport", "assert_gradient", "check_gradient"]
