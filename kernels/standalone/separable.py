"""The run of a solver file whose objective is smooth plus weights on |x| and bounds: limits, loop, what ended it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from ..interrupt import Interruptible, uninterrupted
from ..optimizers.proximal_newton import NO_DESCENT, NO_MODEL, NOT_FINITE, STEPS
from ..oracle import Layout
from .data import DataError


def limits_on(
    found: dict[str, Any], weights: tuple[str, ...], bounds: tuple[str, ...], layout: Layout
) -> tuple[Any, Any, Any]:
    """The weights of |x|, lower and upper bounds as flat vectors; bound k says slope ∘ x + offset ≥ 0."""
    l1 = np.zeros(layout.size)
    low, high = np.full(layout.size, -np.inf), np.full(layout.size, np.inf)
    for name in weights:
        l1[layout.slices[name]] = np.ravel(found[f"weight {name}"])
        if (l1 < 0.0).any():
            raise DataError(f"a weight of |{name}| is negative on these data")
    for k, name in enumerate(bounds):
        place = layout.slices[name]
        rate, offset = np.ravel(found[f"slope {k}"]), np.ravel(found[f"offset {k}"])
        edge = -offset / rate + 0.0
        low[place] = np.where(rate > 0, np.maximum(low[place], edge), low[place])
        high[place] = np.where(rate < 0, np.minimum(high[place], edge), high[place])
    return l1, low, high


def settle(
    loop: Callable[[Any, float, int], tuple[int, int]],
    judge: Callable[[Any], Any],
    x: Any,
    limits: tuple[Any, Any, Any],
    layout: Layout,
    *,
    max_iterations: int,
    max_time: float | None,
    few: int,
) -> tuple[Any, Any, str, int]:
    """The compiled loop until the certificate holds: (point, certificate, message, steps).

    `loop(x, tolerance, most)` leaves the point in x. It goes on from any point, so that with `max_time` it is called
    for `few` steps at a time.
    """
    crossed = np.flatnonzero(limits[1] > limits[2])
    if crossed.size:
        place = layout.place_of(int(crossed[0]))
        return x, judge(x), f"infeasible: the lower bound of {place} lies above the upper one", 0
    began, steps, message, best = 0.0, 0, "", x
    with Interruptible() as block:
        loop(x.copy(), 1e-9, 0)  # compiled, or read from the disk, before the clock runs
        began = time.perf_counter()
        for aim in (1e-9, 1e-18):
            while True:
                most = min(max_iterations - steps, few if max_time is not None else max_iterations)
                status, taken = loop(x, aim, most)
                steps += taken
                best = x.copy()
                late = max_time is not None and time.perf_counter() - began >= max_time
                if status != STEPS or late or steps >= max_iterations or taken == 0:
                    break
            proof = judge(best)
            if proof.ok():
                return best, proof, f"certified: {proof.reason()}", steps
            message = {
                NOT_FINITE: "the objective or a derivative of it is not finite there",
                NO_DESCENT: "no further step improves the objective",
                NO_MODEL: "the objective has no minimum along some direction, or is not convex there",
                STEPS: f"not converged within {max_time:g} s"
                if late
                else f"not converged after {steps} iterations",
            }.get(status, "")
            if message:
                break
    if block.left:
        best = x  # where the loop has left it
        message = f"interrupted after {steps} iterations; the best point so far is kept"
    proof = uninterrupted(judge, best)
    return best, proof, f"{message or 'not certified'}; {proof.reason()}", steps
