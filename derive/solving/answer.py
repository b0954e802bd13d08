"""From a loop to a certified answer of a separable problem.

The loop's point counts for nothing until the interpreter has found the conditions of an optimum satisfied there.
On large data, where the problem is proved to be convex, it looks at value and gradient alone: no curvature is in doubt.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from . import costs
from .composite import LARGEST, Composite
from .loops import AIM, COMPILE_FROM, STEPS, SWEEPS, Loops
from .options import Options
from .reduced import Reduced

if TYPE_CHECKING:
    from .instance import Instance

UNFINISHED = 1  # of a loop that may go on from where it is
TIME, INTERRUPT, STOPPED = 2, 3, 4  # as the driver says
#: Names for the accelerated proximal gradient.
FIRST_ORDER = ("fista", "proximal-gradient", "ista")


def solve_composite(
    loops: Loops, instance: Instance, point: Mapping[str, Any], options: Options
) -> tuple[Any, Any] | None:
    """SciPy's result and the arrays of the unknowns; None where this way does not reach the optimum."""
    began = time.perf_counter()
    composite, arrays = loops.composite, instance.numbers
    layout = composite.layout(instance)
    first_order = options.method in FIRST_ORDER or layout.size > LARGEST
    with np.errstate(all="ignore"):
        l1, low, high, each = composite.entries(instance, arrays)
        if (l1 < 0).any() or (low > high).any():
            return None
        reduced = None
        if options.method not in FIRST_ORDER and not composite.structure.is_plain:
            inside = bool((low <= 0.0).all() and (high >= 0.0).all())
            reduced = Reduced.of(instance) if inside else None
        judge = composite.judge(instance, arrays, not first_order and reduced is None)
        dear = 0.0 if first_order or composite.quadratic else costs.hessian(layout.shapes, instance.amount)
        large = options.backend is None and (instance.amount >= COMPILE_FROM or dear >= costs.COMPILED)
        compiled = options.backend == "numba" or large
        if reduced is not None:
            loop = loops.on_working_sets(instance, arrays, judge, compiled, reduced)
        else:
            made = loops.first_order if first_order else loops.second_order
            loop = made(instance, arrays, judge, compiled)
        known = None
        if (instance.amount >= COMPILE_FROM or dear >= costs.SPARED) and instance.facts.is_convex:
            strong = instance.facts.sphere(instance)
            known = _Known(composite.quadratic or strong > 0.0, strong)
        judges = [judge] if known is None else [composite.judge(instance, arrays, False), judge]
        x0 = layout.pack(point)
        if reduced is not None:
            known = known or _Known(composite.quadratic, 0.0)  # proved to be convex
            x0 = x0 if instance.start else np.zeros(layout.size)
            judges = [judge]
        rounds = reduced is not None
        found = _certified(composite, loop, judges, x0, (l1, low, high), options, layout, known, rounds)
        if found is None and reduced is not None:  # not the same problem on fewer unknowns after all
            made = loops.first_order if first_order else loops.second_order
            judges = [composite.judge(instance, arrays, not first_order)]
            loop, x0 = made(instance, arrays, judges[0], compiled), layout.pack(point)
            found = _certified(composite, loop, judges, x0, (l1, low, high), options, layout, known)
            reduced = None
    if found is None:
        return None
    x, proof, slope, steps, evaluations, ended = found
    result = _result(x, proof, slope, steps, evaluations, _history(proof, slope, evaluations, began))
    if not proof.ok():
        result.success, result.status = False, ended[0]
        result.message = f"{ended[1]}; {proof.reason(stopped=ended[0] == TIME)}"
    result.method = "fista" if first_order and reduced is None else composite.method
    result.reduced = reduced is not None
    if not composite.structure.is_plain:
        result.multipliers = _multipliers(composite, layout, slope, l1, x, each)
    return result, layout.unpack(x)


def certificate(
    composite: Composite,
    instance: Instance,
    arrays: Mapping[str, Any],
    x: Any,
    tolerance: float,
    proved: bool = False,
) -> Any:
    """The certificate of a point; `proved`: a stationary point is known to be a minimum, and one to exist."""
    known = _Known(True, 0.0) if proved else None
    with np.errstate(all="ignore"):
        limits = composite.entries(instance, arrays)[:3]
        judge = composite.judge(instance, arrays, not proved)
        return _proof(composite, judge, x, limits, np.inf, tolerance, composite.layout(instance), known)[0]


class _Known(NamedTuple):
    """Of an objective whose stationary points are proved to be minima: whether there is one, and ∇²f ≥ strong."""

    attained: bool
    strong: float


def _certified(
    composite: Composite,
    loop: Any,
    judges: list[Any],
    x: Any,
    limits: Any,
    options: Options,
    layout: Any,
    known: _Known | None,
    rounds: bool = False,
) -> Any:
    """The loop, twice if need be, until the interpreter agrees, or somebody ends it.

    (x, certificate, gradient, steps, evaluations, status and words of what ended it). Where somebody watches, the loop
    is called for one step after the other; it needs nothing but the point to go on, and makes the same steps.
    """
    watched = options.callback is not None or options.max_time is not None
    most = SWEEPS if composite.quadratic else min(options.max_iterations, STEPS)
    few = 1 if watched and (rounds or not composite.quadratic) else most
    steps, evaluations, first = 0, 0, np.inf
    began, ended = time.perf_counter(), (0, "")
    try:
        for aim in (AIM, AIM**2):
            status = UNFINISHED
            while status == UNFINISHED and steps < most and not ended[1]:
                begun, status, count, tried = loop(*limits, x, aim, few)
                first = begun if steps == 0 else first
                steps, evaluations = steps + count, evaluations + tried
                if options.callback is not None:
                    options.callback(_intermediate(judges[0], limits[0], x, steps))
                if options.max_time is not None and time.perf_counter() - began >= options.max_time:
                    words = f"not converged within max_time = {options.max_time:g} s ({steps} iterations)"
                    ended = (TIME, words)
            if status != 0 and not ended[1]:
                return None
            for judge in judges if aim < AIM else judges[:1]:  # the dear one last
                proof, g = _proof(
                    composite, judge, x, limits, first, options.tolerance, layout, known, aim == AIM
                )
                if proof.ok() or ended[1]:
                    return x, proof, g, steps, evaluations, ended
    except KeyboardInterrupt:
        ended = (INTERRUPT, f"interrupted after {steps} iterations; the best point so far is kept")
    except StopIteration:
        ended = (STOPPED, f"stopped by the callback after {steps} iterations")
    if not ended[1]:
        return None
    proof, g = _proof(composite, judges[0], x, limits, first, options.tolerance, layout, known, True)
    return x, proof, g, steps, evaluations, ended


def _intermediate(judge: Any, l1: Any, x: Any, steps: int) -> Any:
    """What a callback gets."""
    from ..kernels.optimizers.result import Result

    f, g, _, _ = judge(x)
    seen: Any = Result()
    seen.update(x=x.copy(), fun=f + float(l1 @ np.abs(x)), jac=g, nit=steps)
    return seen


def _proof(
    composite: Composite,
    judge: Any,
    x: Any,
    limits: Any,
    first: float,
    tolerance: float,
    layout: Any,
    known: _Known | None = None,
    early: bool = False,
) -> tuple[Any, Any]:
    """The certificate, and the gradient."""
    from ..kernels.certificate import certify
    from ..kernels.separable import certify_separable

    f, g, h, stated = judge(x)
    if composite.structure.is_plain:
        gain = first - f
        size = min(1.0, gain) if np.isfinite(gain) and gain > 0.0 else 1.0
        near = {"hessian": h} if h is not None else {"gradient_at": lambda point: judge(point)[1]}
        if known is not None:
            if known.attained and early:
                near = {}  # whether rounding is the limit is looked into at the end
            near |= {"proved": True, "attained": known.attained, "strong": known.strong}
        return certify(f, g, x, **near, magnitude=size, tolerance=tolerance, layout=layout), g
    l1, low, high = limits
    proof: Any = certify_separable(
        f,
        g,
        h,
        l1,
        low,
        high,
        x,
        statement_value=stated,
        tolerance=tolerance,
        layout=layout,
        proved=known is not None,
    )
    return proof, g


def _multipliers(
    composite: Composite, layout: Any, g: Any, l1: Any, x: Any, each: list[tuple[Any, Any]]
) -> dict[str, list[Any]]:
    """One nonnegative array per bound, zero where it is not active."""
    from ..kernels.separable import slopes

    left, right = slopes(g, l1, x)
    found = []
    for bound, (rate, edge) in zip(composite.structure.bounds, each, strict=True):
        place = layout.slices[bound.unknown.name]
        shape = layout.shapes[layout.names.index(bound.unknown.name)]
        slope = np.where(rate > 0, np.maximum(right[place], 0.0), np.maximum(-left[place], 0.0))
        with np.errstate(all="ignore"):
            found.append(np.where(x[place] == edge, slope / np.abs(rate), 0.0).reshape(shape))
    return {"equality": [], "inequality": found}


def _history(proof: Any, slope: Any, evaluations: int, began: float) -> Any:
    from ..kernels.optimizers.result import History

    history = History()
    history.objective.append(proof.value)
    history.scaled_gradient.append(proof.stationarity)
    history.gradient_norm.append(float(np.abs(slope).max()))
    history.time.append(time.perf_counter() - began)
    history.evaluations.append(evaluations)
    return history


def _result(x: Any, proof: Any, slope: Any, steps: int, evaluations: int, history: Any) -> Any:
    from ..kernels.optimizers.result import Result

    result: Any = Result()
    result.update(
        x=x,
        fun=proof.value,
        jac=slope,
        nit=steps,
        nfev=evaluations,
        njev=evaluations,
        nhev=evaluations,
        status=0,
        message=f"certified: {proof.reason()}",
        success=True,
        certificate=proof,
        history=history,
        time=history.time[-1],
    )
    return result
