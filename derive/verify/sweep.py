"""Error against step size: the picture that tells a right derivative from a nearly right one.

The error of a central difference falls as h², a Taylor remainder |f(x+hv) − f(x) − h⟨g,v⟩| as h², and with
the Hessian's term as h³: as long as the derivative is right. With a wrong one the error stays (slope 0), or
the remainder falls one order more slowly. The data here are for a log–log plot.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import mpmath
import numpy as np

from ..domains import Array
from ..node import Node, Variable
from ..sizes import Binding
from ..stable import stabilise
from .differences import _Arithmetic, directional_difference, random_directions

STEPS = tuple(10.0 ** (-k / 2) for k in range(2, 21))


@dataclass(frozen=True)
class StepSweep:
    """Errors at decreasing steps. `slope` is the observed order, NaN where rounding hides it;
    `expected` the order of a right derivative."""

    kind: str
    steps: tuple[float, ...]
    errors: tuple[float, ...]
    slope: float
    expected: float

    @property
    def looks_right(self) -> bool:
        """Whether the observed order is (nearly) the expected one, or errors are rounding throughout."""
        return bool(np.isnan(self.slope)) or self.slope > self.expected - 0.25


def observed_order(steps: Sequence[float], errors: Sequence[float], noise: float) -> float:
    """The median slope of log error over log step, where errors are well above the noise."""
    slopes = []
    for k in range(len(steps) - 1):
        a, b = errors[k], errors[k + 1]
        if min(a, b) > 30 * noise and min(a, b) > 0:
            slopes.append(float(np.log(a / b) / np.log(steps[k] / steps[k + 1])))
    return float(np.median(slopes)) if slopes else float("nan")


def step_sweep(
    value: Node,
    derivative: Node,
    wrt: Variable,
    arrays: Mapping[str, Array],
    binding: Binding,
    *,
    digits: int | None = None,
    steps: Sequence[float] = STEPS,
    seed: int = 0,
) -> StepSweep:
    """Relative error of central differences in one random direction, step by step. Right slope: 2."""
    (direction,) = random_directions(wrt, binding, 1, seed)
    arithmetic = _Arithmetic(digits)
    exact, size = _along(value, derivative, arrays, binding, direction, arithmetic)
    scale = max(float(_norm(exact)), 1e-300)
    errors = []
    for h in steps:
        with mpmath.workdps(arithmetic.work):
            found = directional_difference(value, wrt, arrays, binding, direction, digits=digits, step=h)
            errors.append(float(_norm(found - exact)) / scale)
    # Rounding of the function value, over the smallest step that still matters.
    noise = (2.0**-50 if digits is None else 10.0 ** -min(digits, 300)) * size / scale
    usable = [(h, e) for h, e in zip(steps, errors, strict=True) if e > 100 * noise / h]
    slope = observed_order([h for h, _ in usable], [e for _, e in usable], 0.0)
    return StepSweep("central difference", tuple(steps), tuple(errors), slope, 2.0)


def taylor_sweep(
    value: Node,
    gradient: Node,
    wrt: Variable,
    arrays: Mapping[str, Array],
    binding: Binding,
    *,
    hessian: Node | None = None,
    digits: int | None = None,
    steps: Sequence[float] = STEPS,
    seed: int = 0,
) -> StepSweep:
    """The Taylor remainder in one random direction. Right slope: 2, or 3 when a Hessian is given."""
    (direction,) = random_directions(wrt, binding, 1, seed)
    arithmetic = _Arithmetic(digits)
    (value,) = stabilise([value])
    with mpmath.workdps(arithmetic.work):
        first, size = _along(value, gradient, arrays, binding, direction, arithmetic)
        second: Any = 0
        if hessian is not None:
            half, _ = _along(gradient, hessian, arrays, binding, direction, arithmetic)
            second = np.asarray(half * arithmetic.domain.array(direction)).sum() / 2
        here = arithmetic.arrays(arrays)
        start = arithmetic.values(value, here, binding)
        step = arithmetic.domain.array(direction)
        errors = []
        for h in steps:
            ahead = {**here, wrt.name: np.asarray(here[wrt.name] + h * step)}
            moved = arithmetic.values(value, ahead, binding)
            errors.append(float(_norm(moved - start - h * first - h * h * second)))
    noise = (2.0**-50 if digits is None else 10.0 ** -min(digits, 300)) * max(size, 1e-300)
    expected = 2.0 if hessian is None else 3.0
    slope = observed_order(steps, errors, noise)
    return StepSweep("Taylor remainder", tuple(steps), tuple(errors), slope, expected)


def _along(
    value: Node,
    derivative: Node,
    arrays: Mapping[str, Array],
    binding: Binding,
    direction: Array,
    arithmetic: _Arithmetic,
) -> tuple[Array, float]:
    """⟨derivative, direction⟩ and the size of the value."""
    value, derivative = stabilise([value, derivative])
    with mpmath.workdps(arithmetic.work):
        here = arithmetic.arrays(arrays)
        derived = arithmetic.values(derivative, here, binding)
        k = derived.ndim - direction.ndim
        step = arithmetic.domain.array(direction)
        along = np.asarray((derived * step).sum(axis=tuple(range(k, derived.ndim))))
        return along, float(_norm(arithmetic.values(value, here, binding)))


def _norm(array: Array) -> Any:
    flat = [abs(v) for v in np.asarray(array).flat]
    return max(flat, default=0)
