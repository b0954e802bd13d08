"""Kernels by name, and the run from a start to a certified point, or to what ends it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from ...solving.composite import LARGEST
from ...solving.costs import FEW_DESCENTS, MANY_DESCENTS
from ..certificate import Certificate
from ..interrupt import Interruptible, uninterrupted
from ..kkt import KktCertificate
from ..optimizers.cone_problem import ConeAnswer, ConeProgram
from ..optimizers.cone_program import LIMIT, solve_cone_program
from ..optimizers.cone_units import geometric_units
from ..optimizers.interior_point import CONVERGED, STOPPED, Answer, Functions, run
from ..optimizers.polish import polish, snapped
from ..optimizers.semidefinite import on_face, solve_semidefinite
from ..optimizers.state import FINISHED, NOT_FINITE, RUNNING, STALLED, UNBOUNDED
from ..oracle import Layout

#: How a loop begins, how it goes on, and its steps at most.
Turn = tuple[Callable[..., Any], Callable[..., Any], int]
#: Scaled gradients from which Newton's method makes the last steps.
NEWTON_FROM = 1e-4


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


def loop_data(
    names: tuple[str, ...], given: dict[str, Any], layout: Layout, more: tuple[float, ...] = ()
) -> Any:
    """The data of the compiled loop as one tuple: arrays and numbers by name, others, the lengths of the unknowns."""
    values: list[Any] = []
    for name in names:
        value = given[name]
        array = np.require(value, np.float64, ["C", "A"])
        values.append(value if isinstance(value, int) else array if array.ndim else float(array))
    return (*values, *more, *(int(k) for shape in layout.shapes for k in shape))


def descend(
    turns: Sequence[Turn],
    x: Any,
    data: Any,
    judge: Callable[[Any, float], Certificate],
    *,
    tolerance: float,
    max_iterations: int,
    max_time: float | None,
    second: Callable[[Any], tuple[float, Any, Any]] | None = None,
) -> tuple[Any, Certificate, str, int]:
    """Steps until the certificate holds or something ends the run: (best point, certificate, message, steps).

    turns   how one loop begins and goes on, and after how many steps, or where it stands still, the next one does
    second  gives value, gradient and Hessian; the last steps are Newton's where the method's own come to rest before

    The compiled loop runs as far as the aim. It returns in between so that the clock and Ctrl-C are heard: after a
    hundred steps of small problems and one of large ones, then about five times a second.
    """
    (begin, advance, most), *later = turns
    state = tuple(begin(x, data))
    first, best = state[1], [x, state[1]]
    advance(state, np.inf, first, *best, 0, data)  # compiled, or read from the disk, before the clock runs
    began = time.perf_counter()
    amount = sum(np.size(part) for part in data)
    few = 100 if amount <= 100_000 else 1
    message, iteration, magnitude, aim, last = "", 0, 1.0, tolerance, min(most, max_iterations)
    with Interruptible() as block:
        while True:
            entered = time.perf_counter()
            many = min(few, last - iteration) if max_time is None or iteration else 1
            state, *best, taken, measure = advance(state, aim, first, *best, many, data)
            iteration += taken
            spent = time.perf_counter() - entered
            few = max(1, min(4 * few, int(0.2 * max(taken, 1) / max(spent, 1e-9))))
            gain = first - best[1]
            magnitude = min(1.0, gain) if np.isfinite(gain) and gain > 0.0 else 1.0
            x, f, _, status = state[:4]
            if status == UNBOUNDED or f < -1e20 * max(1.0, abs(first)):
                message = "the objective is unbounded below"
                break
            if status == NOT_FINITE:
                where = "at the start" if iteration == 0 else "during the run"
                message = f"the objective or a derivative of it is not finite {where}"
                break
            if np.abs(x).max(initial=0.0) > 1e60:
                message = "no minimum is attained: the unknowns grow without bound"
                break
            if measure <= aim:
                proof = judge(x, magnitude)
                if proof.ok(tolerance):
                    best = polished(advance, state, measure, first, best[1], data)
                    break
                if proof.runs_away() and aim <= 1e-3 * tolerance:
                    break
                aim = max(min(aim, measure) / 10.0, 1e-8 * tolerance)
            still = status in (STALLED, FINISHED)
            late = max_time is not None and time.perf_counter() - began >= max_time
            if later and (still or iteration >= last) and iteration < max_iterations and not late:
                (begin, advance, most), *later = later
                paused, last, few = time.perf_counter(), min(iteration + most, max_iterations), 1
                state = tuple(begin(best[0], data))
                advance(state, np.inf, first, *best, 0, data)
                began += time.perf_counter() - paused
                continue
            if still:
                if second is not None and measure <= NEWTON_FROM:
                    best = by_newton(second, *best)
                message = "no further step improves the objective"
                break
            if iteration >= max_iterations:
                message = f"not converged after {max_iterations} iterations"
                break
            if late:
                message = f"not converged within {max_time:g} s ({iteration} iterations)"
                break
    if block.left:
        message = f"interrupted after {iteration} iterations; the best point so far is kept"
    proof = uninterrupted(judge, best[0], magnitude)
    reason = proof.reason()
    found = f"certified: {reason}" if proof.ok(tolerance) else f"{message}; {reason}" if message else reason
    return best[0], proof, found, iteration


def few_first(unknowns: int, most: int) -> int:
    """Steps of a quasi-Newton method before Newton's: some hundred steps along curved valleys cost about as much.

    All of them where a Hessian would be too large.
    """
    return most if unknowns > LARGEST else min(most, FEW_DESCENTS * (unknowns + 5), MANY_DESCENTS)


def by_newton(second: Callable[[Any], tuple[float, Any, Any]], x: Any, f: float) -> list[Any]:
    """Point and value after steps of Newton's method, each at least halving the gradient at a value that is the same.

    Where residuals are large, steps by their Jacobian alone converge so slowly that values become rounding before.
    """
    _, g, h = second(x)
    for _ in range(10):
        try:
            ahead = x - np.linalg.solve(h, g)
        except np.linalg.LinAlgError:
            break
        value, slope, bend = second(ahead)
        if not value <= f + 1e-12 * abs(f) or not np.abs(slope).max() <= 0.5 * np.abs(g).max():
            break
        x, g, h = ahead, slope, bend
    return [x, f]


def maximise_likelihood(
    likelihood: Callable[..., Any],
    ascend: Callable[..., Any],
    point: dict[str, Any],
    data: Any,
    roles: tuple[str, str, str],
    scale: float,
    max_iterations: int,
    max_time: float | None,
) -> Any:
    """Expectation–maximisation until the objective stands still: the point, steps, what ended it, the time left."""
    here = tuple(np.ascontiguousarray(point[name], dtype=np.float64) for name in roles)
    f, *slopes = likelihood(*here, data)
    state = (float(f), *here, *slopes, np.inf)
    ascend(state, scale, 0.0, 0, data)  # compiled, or read from the disk, before the clock runs
    began = time.perf_counter()
    taken, few, stopped, left = 0, 1, "", max_time
    with Interruptible() as block:
        while taken < max_iterations and (left is None or left > 0.0):
            entered = time.perf_counter()
            state, steps = ascend(state, scale, 1e-15, min(few, max_iterations - taken), data)
            taken += steps
            spent = time.perf_counter() - entered
            left = None if max_time is None else max_time - (time.perf_counter() - began)
            if steps < few or state[-1] <= 1e-15 * abs(state[0]):
                break
            few = max(1, min(4 * few, int(0.2 * few / max(spent, 1e-9))))
    if block.left:
        stopped, left = f"interrupted after {taken} iterations; the best point so far is kept", 0.0
    found = dict(zip(roles, state[1:4], strict=True))
    return {**point, **found}, taken, stopped, left if left is None else max(left, 0.0)


def polished(
    advance: Callable[..., Any], state: Any, measure: float, first: float, least: float, data: Any
) -> list[Any]:
    """A few more steps while each at least halves the gradient: point and value."""
    best = state
    for _ in range(3):
        if measure <= 1e-14:
            break
        after, _, _, _, smaller = advance(best, 0.0, first, best[0], least, 1, data)
        if after[3] != RUNNING or smaller > 0.5 * measure:
            break
        best, measure = after, smaller
    return [best[0], best[1]]


def from_inside(
    functions: Functions,
    ways: tuple[Callable[..., Answer], ...],
    z: Any,
    max_iterations: int,
    max_time: float | None,
) -> Any:
    """The answer of the first of these methods that converges, and what ended the run early, if anything did."""
    watch, latest, ended = watched(z, max_time)
    with Interruptible() as block:
        for solve in ways:
            answer = solve(functions, z, max_iterations=max_iterations, watch=watch)
            if answer.status == CONVERGED or ended[0]:
                break
        answer = polish(functions, answer)
    if block.left:
        answer = kept(functions, latest, ended)
    answer.z = snapped(functions, answer)
    return answer, ended[0]


def joined(
    loop: Callable[..., int], data: Any, shapes: dict[str, dict[int, tuple[int, ...]]], z: Any
) -> Callable[..., Answer]:
    """The compiled interior point on its data as a method; made here, or read from the disk, before the clock runs.

    It is looked at after a hundred steps of small problems, after each of large ones and of runs with a clock.
    """
    lengths = [k for each in shapes.values() for shape in each.values() for k in shape]
    q, m = (sum(int(np.prod(shape)) for shape in each.values()) for each in shapes.values())
    loop = partial(loop, (*data, *lengths) or (0,))
    run(loop, z, q, m, most=0)
    amount = sum(np.size(part) for part in data)

    def solve(
        functions: Functions, z: Any, *, max_iterations: int, watch: Callable[..., bool] | None = None
    ) -> Answer:
        stride = 100 if amount <= 100_000 else 1
        return run(loop, z, q, m, most=max_iterations, watch=watch, stride=stride)

    return solve


def inside_cones(
    functions: Functions, blocks: list[Any], z: Any, max_iterations: int, max_time: float | None
) -> Any:
    """The same with positive semidefinite matrices in z: the answer, their multipliers, what ended the run early."""
    watch, latest, ended = watched(z, max_time)
    with Interruptible() as block:
        answer, cone = solve_semidefinite(functions, z, blocks, max_iterations=max_iterations, watch=watch)
        answer, cone = on_face(functions, answer, cone, blocks)
    if block.left:
        answer, cone = kept(functions, latest, ended), np.zeros(z.size)
    return answer, cone, ended[0]


def over_cones(
    program: ConeProgram,
    judge: Callable[[ConeAnswer], KktCertificate],
    vanished: Any,
    max_iterations: int,
    max_time: float | None,
) -> Any:
    """The answer of the first run that is certified, and what ended it early: in balanced units, then in geometric
    ones; or the point where all vanishes, at which rounding has nothing to be small beside.
    """
    answer = ConeAnswer(vanished, np.zeros(program.e.size), np.zeros(program.g.size), LIMIT, 0)
    watch, latest, ended = watched(vanished, max_time, max_iterations)
    with Interruptible() as block:
        for column in (None, geometric_units(program)):
            answer = solve_cone_program(program, watch, column)
            if judge(answer).ok() or ended[0]:
                break
            there = replace(answer, x=vanished)
            if judge(there).ok():
                answer = there
                break
    if block.left:
        ended[0], answer = "interrupted; the latest point is kept", replace(answer, x=latest[0])
    return answer, ended[0]


def watched(z: Any, max_time: float | None, most: int | None = None) -> Any:
    """A function that is called at every point and says whether time is up, the latest point, and the message.

    most  the number of steps that it allows, where the method does not count them itself
    """
    began: list[float] = []
    latest, ended = [z], [""]

    def watch(iteration: int, point: Any, value: float, error: float) -> bool:
        latest[0] = point
        began.append(time.perf_counter())  # the first time when all is compiled, or read from the disk
        if max_time is not None and began[-1] - began[0] >= max_time:
            ended[0] = f"not converged within {max_time:g} s ({iteration} iterations)"
        elif most is not None and iteration >= most:
            ended[0] = f"not converged after {iteration} iterations"
        return bool(ended[0])

    return watch, latest, ended


def kept(functions: Functions, latest: list[Any], ended: list[str]) -> Answer:
    """The latest point of a run that was interrupted."""
    ended[0] = "interrupted; the latest point is kept"
    v = functions.values(latest[0])
    return Answer(latest[0], np.zeros(v.e.size), np.zeros(v.c.size), STOPPED, 0)
