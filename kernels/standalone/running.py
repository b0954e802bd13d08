"""Kernels by name, and the run from a start to a certified point, or to what ends it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from ..certificate import Certificate
from ..optimizers.interior_point import Answer, Functions, polish, snapped
from ..optimizers.state import FINISHED, NOT_FINITE, RUNNING, STALLED, UNBOUNDED, scaled_gradient
from ..oracle import Oracle


def caller(kernel: Any, inputs: tuple[str, ...], outputs: tuple[str, ...], given: dict[str, Any]) -> Any:
    """The kernel as a function of unknowns by name; `given` holds data and sizes."""

    def value_of(name: str, unknowns: dict[str, Any]) -> Any:
        value = unknowns[name] if name in unknowns else given[name]
        if isinstance(value, int):
            return value
        array = np.require(value, np.float64, ["C", "A"])
        return array if array.ndim else float(array)

    def evaluate(mapping: Any = None, **unknowns: Any) -> dict[str, Any]:
        point = {**(mapping or {}), **unknowns}
        return dict(zip(outputs, kernel(*[value_of(name, point) for name in inputs]), strict=True))

    return evaluate


def descend(
    oracle: Oracle,
    functions: tuple[str, ...],
    begin: Callable[..., Any],
    step: Callable[..., Any],
    x: Any,
    judge: Callable[[Any, float], Certificate],
    *,
    tolerance: float,
    max_iterations: int,
    max_time: float | None,
) -> tuple[Any, Certificate, str, int]:
    """Steps until the certificate holds or something ends the run: (best point, certificate, message, steps)."""
    began = time.perf_counter()
    f, g = oracle.value_gradient(x)
    first, best, aim = f, (x, f), tolerance
    state = begin(oracle, x, f, g)
    called = [getattr(oracle, name) for name in functions]
    message, iteration, magnitude = "", 0, 1.0
    try:
        for iteration in range(max_iterations + 1):
            gain = first - best[1]
            magnitude = min(1.0, gain) if np.isfinite(gain) and gain > 0.0 else 1.0
            if state.status == UNBOUNDED or state.f < -1e20 * max(1.0, abs(first)):
                message = "the objective is unbounded below"
                break
            if state.status == NOT_FINITE:
                where = "at the start" if iteration == 0 else "during the run"
                message = f"the objective or a derivative of it is not finite {where}"
                break
            if np.abs(state.x).max(initial=0.0) > 1e60:
                message = "no minimum is attained: the unknowns grow without bound"
                break
            measure = scaled_gradient(state.x, state.f, state.g, magnitude)
            if measure <= aim:
                proof = judge(state.x, magnitude)
                if proof.ok(tolerance):
                    best = polished(state, step, called, magnitude)
                    break
                if proof.runs_away() and aim <= 1e-3 * tolerance:
                    break
                aim = max(min(aim, measure) / 10.0, 1e-8 * tolerance)
            if state.status in (STALLED, FINISHED):
                message = "no further step improves the objective"
                break
            if iteration == max_iterations:
                message = f"not converged after {max_iterations} iterations"
                break
            if max_time is not None and time.perf_counter() - began >= max_time:
                message = f"not converged within {max_time:g} s ({iteration} iterations)"
                break
            state = step(state, *called)
            if not np.isfinite(best[1]) or state.f <= best[1] + 1e-12 * abs(best[1]):
                best = (state.x, state.f)
    except KeyboardInterrupt:
        message = f"interrupted after {iteration} iterations; the best point so far is kept"
    proof = judge(best[0], magnitude)
    reason = proof.reason()
    found = f"certified: {reason}" if proof.ok(tolerance) else f"{message}; {reason}" if message else reason
    return best[0], proof, found, iteration


def polished(state: Any, step: Callable[..., Any], called: list[Any], magnitude: float) -> tuple[Any, float]:
    """A few more steps while each at least halves the gradient."""
    best = state
    for _ in range(3):
        before = scaled_gradient(best.x, best.f, best.g, magnitude)
        if before <= 1e-14:
            break
        after = step(best, *called)
        if after.status != RUNNING or scaled_gradient(after.x, after.f, after.g, magnitude) > 0.5 * before:
            break
        best = after
    return best.x, best.f


def inside(functions: Functions, solve: Callable[..., Answer], z: Any, max_time: float | None) -> Any:
    """The interior point's answer, the message of what ended it early, if anything did."""
    began = time.perf_counter()
    latest, ended = [z], [""]

    def watch(iteration: int, point: Any, value: float, error: float) -> bool:
        latest[0] = point
        if max_time is not None and time.perf_counter() - began >= max_time:
            ended[0] = f"not converged within {max_time:g} s ({iteration} iterations)"
        return bool(ended[0])

    try:
        answer = polish(functions, solve(functions, z, watch=watch))
    except KeyboardInterrupt:
        ended[0] = "interrupted; the latest point is kept"
        v = functions.values(latest[0])
        answer = Answer(latest[0], np.zeros(v.e.size), np.zeros(v.c.size), 2, 0)
    answer.z = snapped(functions, answer)
    return answer, ended[0]
