"""From a loop to a certified answer of a separable problem.

The loop's point counts for nothing until the interpreter has found the conditions of an optimum satisfied there.
On large data, where the problem is proved to be convex, it looks at value and gradient alone: no curvature is in doubt.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..statuses import NO_MINIMUM
from . import costs
from .composite import LARGEST, Composite
from .costs import COMPILE_FROM
from .loops import AIM, STEPS, SWEEPS, UNFINISHED, Loops
from .options import Options
from .reduced import Reduced
from .watching import Watch, outcome

if TYPE_CHECKING:
    from .instance import Instance

#: A step of Newton's method along a point, over the point, by which it runs away.
ENDLESS = 1e-3
#: Sweeps of a second run on a quadratic.
AGAIN = 200
#: Names for the accelerated proximal gradient.
FIRST_ORDER = ("fista", "proximal-gradient", "ista")


def solve_composite(
    loops: Loops, instance: Instance, point: Mapping[str, Any], options: Options
) -> tuple[Any, Any] | None:
    """SciPy's result and the arrays of the unknowns; None where this way does not reach the optimum."""
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
        watch = Watch(options)
        instance.latest = watch.latest(layout.unpack)

        def made(judge: Any) -> Any:
            if first_order:
                return loops.first_order(instance, arrays, judge, compiled, watch)
            return loops.second_order(instance, arrays, judge, compiled, watch)

        if reduced is not None:
            loop = loops.on_working_sets(instance, arrays, judge, compiled, reduced, watch)
        else:
            loop = made(judge)
        known = _known(composite, instance, dear)
        judges = [judge] if known is None else [composite.judge(instance, arrays, False), judge]
        x0 = layout.pack(point)
        if reduced is not None:
            known = known or _Known(composite.quadratic, 0.0)  # proved to be convex
            x0 = x0 if instance.start else np.zeros(layout.size)
            judges = [judge]
        limits = l1, low, high
        far = (
            known is not None and not known.attained and composite.structure.is_plain
        )  # many gradients will tell
        slope = loops.slope(instance, arrays) if far and instance.amount >= COMPILE_FROM else None
        found = _certified(composite, loop, judges, x0, limits, options, layout, known, watch, slope)
        if found is None and reduced is not None:  # not the same problem on fewer unknowns after all
            judges, reduced = [composite.judge(instance, arrays, not first_order)], None
            loop = made(judges[0])  # from where the sets have led
            found = _certified(composite, loop, judges, x0, limits, options, layout, known, watch)
    if found is None:
        return None
    x, proof, slope, steps, evaluations = found
    if (
        not proof.ok()
        and not watch.ended
        and instance.facts.is_convex
        and instance.facts.sphere(instance) > 0.0
    ):
        return None  # there is a minimum: it only looks as if the point ran away
    method = "fista" if first_order and reduced is None else composite.method
    result = outcome(watch, x, slope, proof, steps, evaluations, method)
    if not proof.ok() and not watch.ended:
        result.status, result.message = NO_MINIMUM, proof.reason()
    result.nhev = evaluations
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
    layout = composite.layout(instance)
    dear = costs.hessian(layout.shapes, instance.amount)
    known = _Known(True, 0.0) if proved else _known(composite, instance, dear)
    with np.errstate(all="ignore"):
        limits = composite.entries(instance, arrays)[:3]
        second = known is None and layout.size <= LARGEST
        judge = composite.judge(instance, arrays, second)
        many = layout.size > LARGEST and known is None and composite.structure.is_plain
        compiled = instance.posed.loops.slope(instance, arrays) if many else None
        return _proof(composite, judge, x, limits, np.inf, tolerance, layout, known, compiled=compiled)[0]


class _Known(NamedTuple):
    """Of an objective whose stationary points are proved to be minima: whether there is one, and ∇²f ≥ strong."""

    attained: bool
    strong: float


def _known(composite: Composite, instance: Instance, dear: float) -> _Known | None:
    """What is proved of an objective of which a Hessian is `dear`; None where it may as well be evaluated."""
    if (instance.amount >= COMPILE_FROM or dear >= costs.SPARED) and instance.facts.is_convex:
        strong = instance.facts.sphere(instance)
        return _Known(composite.quadratic or strong > 0.0, strong)
    return None


def _certified(
    composite: Composite,
    loop: Any,
    judges: list[Any],
    x: Any,
    limits: Any,
    options: Options,
    layout: Any,
    known: _Known | None,
    watch: Watch,
    compiled: Any = None,
) -> Any:
    """The loop, twice if need be, until the interpreter agrees, or somebody ends it.

    (x, certificate, gradient, steps, evaluations). The loop tells the watch of its steps, but for the last one of
    Newton's method, which it does not evaluate.
    """
    from ..kernels.interrupt import uninterrupted

    most = SWEEPS if composite.quadratic else options.most(STEPS)
    steps, evaluations, first = 0, 0, np.inf
    watch.begin()
    with watch:
        for aim in (AIM, AIM**2):
            status = UNFINISHED
            if aim < AIM and composite.quadratic:  # exact solves need no more, or will not get there
                most = min(most, steps + AGAIN)
            while status == UNFINISHED and steps < most and not watch.ended:
                begun, status, count, tried = loop(*limits, x, aim, most - steps)
                first = begun if steps == 0 else first
                steps, evaluations = steps + count, evaluations + tried
            unseen, watch.x = not np.array_equal(x, watch.x), x.copy()
            if status != 0 and not watch.ended:
                return None
            for judge in judges if aim < AIM else judges[:1]:  # the dear one last
                early, since = aim == AIM, list(watch.recent)[-4::-4]
                proof, g = _proof(
                    composite,
                    judge,
                    x,
                    limits,
                    first,
                    options.tolerance,
                    layout,
                    known,
                    early,
                    since,
                    compiled,
                )
                if unseen and judge is judges[0] and watch.is_wanted:
                    watch(steps, x, proof.value, _error(limits, g, x))
                away = proof.drift > ENDLESS and proof.stationarity <= 1e-3 * options.tolerance
                away |= bool(np.isinf(proof.drift))
                if proof.ok() or watch.ended or away:
                    return x, proof, g, steps, evaluations
    if not watch.ended:
        return None
    x, steps = watch.reached(x, steps)
    proof, g = uninterrupted(
        _proof, composite, judges[0], x, limits, first, options.tolerance, layout, known, True
    )
    return x, proof, g, steps, evaluations


def _error(limits: Any, g: Any, x: Any) -> float:
    """The largest optimality distance."""
    from ..kernels.optimizers.penalties import PENALTIES

    distance = PENALTIES["separable"].of(*limits).distance(g, x) * np.maximum(1.0, np.abs(x))
    return float(distance.max(initial=0.0))


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
    since: Any = (),
    compiled: Any = None,
) -> tuple[Any, Any]:
    """The certificate, and the gradient.

    compiled  the gradient once more, which serves where there is no Hessian
    """
    from ..kernels.certificate import certify
    from ..kernels.separable import certify_separable

    f, g, h, stated = judge(x)
    if composite.structure.is_plain:
        gain = first - f
        size = min(1.0, gain) if np.isfinite(gain) and gain > 0.0 else 1.0
        near: dict[str, Any] = {"hessian": h} if h is not None else {}
        near |= {"at": judge.smooth, "settles": judge.settles, "convex": judge.convex}
        near |= {"unseen": composite.symmetries.left}
        if known is not None:
            if known.attained and early:
                near = {}  # whether rounding is the limit is looked into at the end
            near |= {"proved": True, "attained": known.attained, "strong": known.strong}
        near |= {"quadratic": composite.quadratic, "since": since, "compiled": compiled}
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
        attained=known is not None and known.attained,
        at=judge.smooth,
        settles=judge.settles,
        quadratic=composite.quadratic,
    )
    return proof, g


def _multipliers(
    composite: Composite, layout: Any, g: Any, l1: Any, x: Any, each: list[tuple[Any, Any]]
) -> dict[str, list[Any]]:
    """One nonnegative array per bound, zero where it is not active."""
    from ..kernels.optimizers.penalties import one_sided

    left, right = one_sided(g, x, l1)
    found = []
    for bound, (rate, edge) in zip(composite.structure.bounds, each, strict=True):
        place = layout.slices[bound.unknown.name]
        shape = layout.shapes[layout.names.index(bound.unknown.name)]
        slope = np.where(rate > 0, np.maximum(right[place], 0.0), np.maximum(-left[place], 0.0))
        with np.errstate(all="ignore"):
            found.append(np.where(x[place] == edge, slope / np.abs(rate), 0.0).reshape(shape))
    return {"equality": [], "inequality": found}
