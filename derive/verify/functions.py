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
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..domains import Array
from ..errors import ArgumentError
from .measuring import (
    EPS,
    Entry,
    Work,
    difference,
    measure,
    normal,
    quantum,
    rounding,
    single,
    takes_complex,
    unit,
)
from .structures import Structure, structure
from .sweep import observed_order

_ALL = 400  # unknowns up to which every entry is measured


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


def check_gradient(
    f: Callable[[Any], Any],
    gradient: Callable[[Any], Any] | Array,
    x: Any,
    *,
    tolerance: float = 1e-4,
    directions: int = 6,
    seed: int = 0,
) -> GradientReport:
    """Is `gradient` the gradient of `f` at `x`? Python functions of one array, or of a dict, list or tuple of them.

    f           array → number
    gradient    array → array of the same shape, or that array itself; of a dict, a dict with the same keys
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
    parts = structure(x)
    if parts is not None:
        return _of_parts(f, gradient, x, parts, tolerance=tolerance, directions=directions, seed=seed)
    point = np.array(x, dtype=float)
    if point.size == 0:
        raise ArgumentError("the point has no entries")
    claimed = np.asarray(gradient(point.copy()) if callable(gradient) else gradient, dtype=float)
    work = Work(f, point)
    if claimed.shape != point.shape:
        return _plain("refuted", f"the gradient has shape {claimed.shape}, the point {point.shape}", work)
    if not np.isfinite(claimed).all():
        where = tuple(int(i) for i in np.argwhere(~np.isfinite(claimed))[0])
        return _plain("refuted", f"entry {list(where)} of the gradient is {claimed[where]}", work)
    if not np.isfinite(work.value(point)):
        return _plain("undecided", "the function has no finite value at the point", work)
    rng = np.random.default_rng(seed)
    work.rounding = rounding(work, rng)
    work.quantum = quantum(work, rng)
    work.complex_step = takes_complex(work, rng)
    vectors = [unit(normal(rng, point.shape), work) for _ in range(directions)]
    entries = [measure(work, claimed, v, None, tolerance) for v in vectors]
    entries += [
        measure(work, claimed, single(work, i), i, tolerance)
        for i in _suspects(work, claimed, rng, tolerance)
    ]
    sweep = _taylor(work, claimed, vectors[0])
    return _report(work, entries, sweep)


def _of_parts(
    f: Callable[[Any], Any], gradient: Any, x: Any, parts: Structure, **options: Any
) -> GradientReport:
    """A function of a dict, list or tuple of arrays, as one of all their entries."""
    claimed = gradient(parts.like(parts.flat(x))) if callable(gradient) else gradient
    try:
        flat = parts.flat(claimed)
    except ArgumentError as error:
        return _plain("refuted", f"the gradient: {error}", Work(f, np.zeros(1)))
    found = check_gradient(lambda z: f(parts.like(z)), flat, parts.flat(x), **options)
    worst = tuple(e if e.index is None else replace(e, index=parts.path(e.index[0])) for e in found.worst)
    reason = found.reason
    for e in found.worst:
        if e.index is not None:
            reason = reason.replace(f"entry {list(e.index)} ", f"entry {list(parts.path(e.index[0]))} ")
    return replace(found, reason=reason, worst=worst)


def assert_gradient(
    f: Callable[[Any], Any], gradient: Callable[[Any], Any] | Array, x: Any, **options: Any
) -> None:
    """For tests: raise `AssertionError` with the report where the gradient is refuted."""
    report = check_gradient(f, gradient, x, **options)
    if not report.ok:
        raise AssertionError(str(report))


def _plain(status: str, reason: str, work: Work) -> GradientReport:
    nan = float("nan")
    return GradientReport(status, reason, "differences", nan, nan, (), (), (), work.count)


def _suspects(
    work: Work, claimed: Array, rng: np.random.Generator, tolerance: float
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
    work: Work, claimed: Array, members: Array, rng: np.random.Generator, budget: int
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
        v = unit(v.reshape(work.x.shape), work)
        wanted = float((claimed * v).sum())
        if work.complex_step:
            measured = work.imaginary(v)
            uncertainty = 1e-13 * float(np.abs(claimed * v).sum())
        else:
            measured, uncertainty, _ = difference(work, v)
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
    work: Work, claimed: Array, v: Array
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
    work: Work, entries: Sequence[Entry], sweep: tuple[float, float, tuple[float, ...], tuple[float, ...]]
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
