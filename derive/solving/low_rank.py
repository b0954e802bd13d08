"""From nuclear norms to a certified answer: proximal gradient, Newton on the rank that was found, the proof.

The point counts for nothing until the interpreter has found the conditions of an optimum satisfied there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from .costs import COMPILE_FROM
from .loops import AIM, ITERATIONS
from .nuclear import Nuclear
from .options import Options
from .watching import Watch, outcome, until_certified

if TYPE_CHECKING:
    from .instance import Instance


def solve_low_rank(
    problem: Nuclear, instance: Instance, point: Mapping[str, Any], options: Options
) -> tuple[Any, Any] | None:
    """SciPy's result and the arrays of the unknowns; None where this way does not reach a certified point."""
    from ..kernels.low_rank import certify_low_rank
    from ..kernels.optimizers.low_rank import solve

    composite, arrays = problem.composite, instance.numbers
    layout = composite.layout(instance)
    with np.errstate(all="ignore"):
        limits = problem.entries(instance, arrays)
        if limits is None:
            return None
        judge, interpreted = composite.judge(instance, arrays, False), composite.slope(instance, arrays)
        value_gradient = interpreted
        large = options.backend is None and instance.amount >= COMPILE_FROM
        if large or options.backend == "numba":
            value_gradient = composite.sampled(instance.posed).bind_first(instance, arrays, layout)
        watch = Watch(options)
        watch.begin()
        instance.latest = watch.latest(layout.unpack)
        proved, most = bool(instance.facts.is_convex), options.most(ITERATIONS)

        def towards(aim: float, x: Any, made: int) -> tuple[Any, int, int]:
            x, _, steps, evaluations = solve(
                value_gradient,
                *limits,
                x,
                tol=aim,
                most=most - made,
                quadratic=composite.quadratic,
                watch=watch,
            )
            return x, steps, evaluations

        def judged(x: Any) -> tuple[Any, Any]:
            _, g, _, stated = judge(x)
            return g, certify_low_rank(
                interpreted,
                *limits,
                x,
                layout=layout,
                statement_value=stated,
                tolerance=options.tolerance,
                proved=proved,
            )

        def value(x: Any) -> float:
            return float(judge(x)[3])

        x, g, proof, steps, evaluations = until_certified(
            watch, towards, judged, layout.pack(point), (AIM, AIM**2), value
        )
    if not proof.ok() and not watch.ended and not options.is_limited:
        return None
    return outcome(watch, x, g, proof, steps, evaluations, "proximal-gradient"), layout.unpack(x)
