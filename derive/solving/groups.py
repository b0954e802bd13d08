"""From norms of groups to a certified answer: proximal gradient, Newton on the groups that are not zero, the proof.

The point counts for nothing until the interpreter has found the conditions of an optimum satisfied there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from . import costs
from .composite import LARGEST
from .costs import COMPILE_FROM
from .grouped import Grouped
from .loops import AIM, EIGENVALUES_UP_TO, ITERATIONS
from .options import Options
from .reduced import Reduced
from .watching import Watch, outcome, until_certified

if TYPE_CHECKING:
    from .instance import Instance

#: Models that are minimised on one working set at most.
MODELS = 50


def solve_groups(
    grouped: Grouped, instance: Instance, point: Mapping[str, Any], options: Options
) -> tuple[Any, Any] | None:
    """SciPy's result and the arrays of the unknowns; None where this way does not reach a certified point."""
    from ..kernels.groups import certify_groups
    from ..kernels.optimizers.active_groups import proximal_newton, solve
    from ..kernels.optimizers.fista import CONVERGED
    from ..kernels.optimizers.penalties import PENALTIES
    from ..kernels.optimizers.working_set import GAVE_UP, working_sets

    composite, arrays = grouped.composite, instance.numbers
    layout = composite.layout(instance)
    second = layout.size <= LARGEST
    dear = costs.hessian(layout.shapes, instance.amount) >= costs.SPARED
    reduced = Reduced.of(instance) if options.method is None else None
    proved = reduced is not None or (dear and instance.facts.is_convex)
    if proved:
        second = second and composite.quadratic and reduced is None
    watch = Watch(options)
    with np.errstate(all="ignore"):
        limits = grouped.entries(instance, arrays)
        if limits is None:
            return None
        judge = composite.judge(instance, arrays, second)
        judge_last = composite.judge(instance, arrays, False) if proved else judge
        value_gradient, hessian = _functions(grouped, instance, arrays, judge, second, options)

        watch.begin()
        instance.latest = watch.latest(layout.unpack)
        few = instance.count <= EIGENVALUES_UP_TO
        lipschitz = (instance.constants.smooth or np.inf) if few and not second else np.inf
        x = layout.pack(point)
        if reduced is not None and not instance.start:
            x = np.zeros(layout.size)  # of a convex problem
        most = options.most(ITERATIONS)
        penalty = PENALTIES["groups"].of(*limits)
        inner = (
            None if reduced is None else _on_slices(grouped, reduced, limits, _compiled(instance, options))
        )

        def towards(aim: float, x: Any, made: int) -> tuple[Any, int, int]:
            """The point, steps and evaluations: by the fast way, or where that gives up by FISTA and Newton in turn."""
            status, steps, evaluations = GAVE_UP, 0, 0
            if reduced is not None and inner is not None:
                x, _, status, steps, evaluations = working_sets(
                    value_gradient, penalty, reduced.slices, inner, x, tol=max(aim, 1e-12), watch=watch
                )
            elif second and composite.quadratic and options.method is None:
                x, done, evaluations = proximal_newton(
                    lambda u: (*value_gradient(u), hessian(u)),
                    *limits,
                    x,
                    tol=1e-12,
                    most=MODELS,
                    watch=watch,
                )
                status, steps = (CONVERGED, 1) if done else (GAVE_UP, 0)
            if status != CONVERGED and not watch.ended:
                both = value_gradient, hessian
                if reduced is not None and composite.quadratic and layout.size <= LARGEST:  # not so sparse
                    dense = composite.judge(instance, arrays)
                    both = _functions(grouped, instance, arrays, dense, True, options)
                x, _, _, more, tried = solve(
                    *both, *limits, x, tol=aim, most=most, watch=watch, lipschitz=lipschitz
                )
                steps, evaluations = steps + more, evaluations + tried
            return x, steps, evaluations

        def judged(x: Any) -> tuple[Any, Any]:
            f, g, h, stated = judge_last(x)
            return g, certify_groups(
                f,
                g,
                h,
                *limits,
                x,
                layout=layout,
                statement_value=stated,
                tolerance=options.tolerance,
                proved=proved or (not second and instance.facts.is_convex),
            )

        def value(x: Any) -> float:
            return float(value_gradient(x)[0] + penalty.value(x))

        x, g, proof, steps, evaluations = until_certified(watch, towards, judged, x, (AIM, AIM**2), value)
    if not proof.ok() and not watch.ended:
        return None
    return outcome(watch, x, g, proof, steps, evaluations, "proximal-gradient"), layout.unpack(x)


def _functions(
    grouped: Grouped,
    instance: Instance,
    arrays: Mapping[str, Any],
    judge: Any,
    second: bool,
    options: Options,
) -> tuple[Any, Any]:
    """f and ∇f, and ∇²f where it is formed: of a quadratic from its moments, of large data compiled."""
    composite = grouped.composite
    layout = composite.layout(instance)
    if second and composite.quadratic:
        f0, g0, h0, _ = judge(np.zeros(layout.size))
        quadratic = _from_moments(f0, g0, h0)
        return lambda x: quadratic(x)[:2], lambda x: h0
    if _compiled(instance, options):
        value_gradient = composite.sampled(instance.posed).bind_first(instance, arrays, layout)
    else:

        def value_gradient(x: Any) -> tuple[float, Any]:
            f, g, _, _ = judge(x)
            return f, g

    return value_gradient, (lambda x: judge(x)[2]) if second else None


def _compiled(instance: Instance, options: Options) -> bool:
    return options.backend == "numba" or (options.backend is None and instance.amount >= COMPILE_FROM)


def _on_slices(grouped: Grouped, reduced: Reduced, limits: Any, compiled: bool) -> Any:
    """`solve` of `working_set`: the problem on some slices, its groups cut down to their entries there."""
    from ..kernels.optimizers.active_groups import proximal_newton

    l1, group, weights = limits

    def solve(chosen: Any, entries: Any, x: Any) -> tuple[Any, int] | None:
        oracle = _second_order(grouped, reduced.on(chosen), compiled)
        mine = group[entries]
        present, number = np.unique(mine[mine >= 0], return_inverse=True)
        few = np.full(mine.size, -1)
        few[mine >= 0] = number
        found, done, evaluations = proximal_newton(
            oracle, l1[entries], few, weights[present], x, tol=1e-12, most=MODELS
        )
        return (found, evaluations) if done else None

    return solve


def _second_order(grouped: Grouped, instance: Instance, compiled: bool) -> Any:
    """f, ∇f and ∇²f in the flat vector; of a quadratic from its moments."""
    composite, arrays = grouped.composite, instance.numbers
    layout = composite.layout(instance)
    at: Any
    if compiled:
        at = composite.kernel(instance, arrays)
    else:
        judge = composite.judge(instance, arrays)

        def at(x: Any) -> Any:
            return judge(x)[:3]

    return _from_moments(*at(np.zeros(layout.size))) if composite.quadratic else at


def _from_moments(f0: float, g0: Any, h0: Any) -> Any:
    """f, ∇f and ∇²f of a quadratic from those at 0."""

    def quadratic(x: Any) -> tuple[float, Any, Any]:
        bent = h0 @ x
        return f0 + float(x @ (g0 + 0.5 * bent)), g0 + bent, h0

    return quadratic
