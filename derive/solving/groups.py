"""From norms of groups to a certified answer: proximal gradient, Newton on the groups that are not zero, the proof.

The point counts for nothing until the interpreter has found the conditions of an optimum satisfied there.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from .composite import LARGEST
from .grouped import Grouped
from .loops import AIM, COMPILE_FROM, EIGENVALUES_UP_TO, ITERATIONS
from .options import Options
from .sampled import Sampled

if TYPE_CHECKING:
    from .instance import Instance

#: Unknowns times numbers in the data above which a Hessian costs more than the steps of first order that it saves.
DEAR = 2e7


def solve_groups(
    grouped: Grouped, instance: Instance, point: Mapping[str, Any], options: Options
) -> tuple[Any, Any] | None:
    """SciPy's result and the arrays of the unknowns; None where this way does not reach a certified point."""
    from ..kernels.groups import certify_groups
    from ..kernels.optimizers.active_groups import solve
    from ..kernels.optimizers.result import History, Result

    began = time.perf_counter()
    composite, arrays = grouped.composite, instance.numbers
    layout = composite.layout(instance)
    second = layout.size <= LARGEST
    proved = False
    if layout.size * instance.amount > DEAR and instance.facts.is_convex:
        proved, second = True, second and composite.quadratic
    history = History()
    ended: list[str] = []
    with np.errstate(all="ignore"):
        limits = grouped.entries(instance, arrays)
        if limits is None:
            return None
        judge = composite.judge(instance, arrays, second)
        judge_last = composite.judge(instance, arrays, False) if proved else judge
        value_gradient, hessian = _functions(grouped, instance, arrays, judge, second, options)

        def watch(iteration: int, value: float) -> bool:
            if options.max_time is not None and time.perf_counter() - began >= options.max_time:
                ended.append(
                    f"not converged within max_time = {options.max_time:g} s ({iteration} iterations)"
                )
            return bool(ended)

        few = instance.count <= EIGENVALUES_UP_TO
        lipschitz = (instance.constants.smooth or np.inf) if few and not second else np.inf
        x, steps, evaluations = layout.pack(point), 0, 0
        most = min(options.max_iterations, ITERATIONS) if options.max_iterations < 10_000 else ITERATIONS
        for aim in (AIM, AIM**2):
            x, _, _, count, tried = solve(
                value_gradient, hessian, *limits, x, tol=aim, most=most, watch=watch, lipschitz=lipschitz
            )
            steps, evaluations = steps + count, evaluations + tried
            f, g, h, stated = judge_last(x)
            proof = certify_groups(
                f,
                g,
                h,
                *limits,
                x,
                statement_value=stated,
                tolerance=options.tolerance,
                proved=proved or (not second and instance.facts.is_convex),
            )
            if proof.ok() or ended:
                break
    if not proof.ok() and not ended:
        return None
    history.objective.append(proof.value)
    history.scaled_gradient.append(proof.stationarity)
    history.gradient_norm.append(float(np.abs(g).max()))
    history.time.append(time.perf_counter() - began)
    history.evaluations.append(evaluations)
    result: Any = Result()
    result.update(
        x=x,
        fun=proof.value,
        jac=g,
        nit=steps,
        nfev=evaluations,
        njev=evaluations,
        status=0 if proof.ok() else 2,
        message=f"certified: {proof.reason()}" if proof.ok() else f"{ended[0]}; {proof.reason()}",
        success=proof.ok(),
        certificate=proof,
        history=history,
        time=history.time[-1],
        method="proximal-gradient",
    )
    return result, layout.unpack(x)


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

        def quadratic(x: Any) -> tuple[float, Any]:
            bent = h0 @ x
            return f0 + float(x @ (g0 + 0.5 * bent)), g0 + bent

        return quadratic, lambda x: h0
    if options.backend == "numba" or (options.backend is None and instance.amount >= COMPILE_FROM):
        smooth = Sampled(composite.structure.smooth, composite.unknowns, instance.posed.given)
        value_gradient = smooth.bind_first(instance, arrays, layout)
    else:

        def value_gradient(x: Any) -> tuple[float, Any]:
            f, g, _, _ = judge(x)
            return f, g

    return value_gradient, (lambda x: judge(x)[2]) if second else None
