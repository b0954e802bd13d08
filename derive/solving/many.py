"""Prepared loops for many unknowns: without Hessians of all of them, where those would cost more than they save.

The same choice as that of `solve`: a quasi-Newton method for as long as Newton's would take, then Newton's where there
may be a dense Hessian at all; working sets for sparse answers; the accelerated proximal gradient for what is left. The
form of the loops is that of `loops`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from .composite import LARGEST
from .costs import descents_first
from .instance import Instance
from .loops import CERTIFIED, ITERATIONS, UNFINISHED, Loops
from .options import Options
from .reduced import Reduced
from .watching import Watch
from .ways import steps_before_newton

#: Steps of L-BFGS where Newton's method with Hessians of samples is next, which takes as long as 10 to 50 of them.
FIRST = 25
#: Steps of Newton's method in a trust region, at most.
TRUSTED = 500


def loop_for_many(loops: Loops, instance: Instance, arrays: Mapping[str, Any]) -> Any:
    """The loop on data; None where dense Hessians pay."""
    composite = loops.composite
    few = instance.count <= LARGEST
    if composite.structure.is_plain:
        if not composite.quadratic and not instance.facts.is_convex:
            return _descent(loops, instance, arrays)
        if few and (composite.quadratic or instance.posed.squares is not None):
            return None
        most = steps_before_newton(instance.posed, instance.binding, instance.facts) if few else ITERATIONS
        return _quasi_newton(loops, instance, arrays, most) if most else None
    if few:
        return None
    low, high = composite.entries(instance, arrays)[1:3]
    inside = bool((low <= 0.0).all() and (high >= 0.0).all())
    reduced = Reduced.of(instance) if inside else None
    judge, watch = composite.judge(instance, arrays, False), Watch(Options())
    accelerated = loops.first_order(instance, arrays, judge, True, watch)
    if reduced is None:
        return accelerated
    sets = loops.on_working_sets(instance, arrays, judge, True, reduced, watch)

    def loop(*leading: Any) -> Any:
        first, status, *counts = sets(*leading)
        if status == 0:
            return first, status, *counts
        return first, *accelerated(*leading)[1:]  # the answer is not so sparse: from where the sets have led

    return loop


def _descent(loops: Loops, instance: Instance, arrays: Mapping[str, Any]) -> Any:
    """L-BFGS compiled whole, where Newton's method might meet a Hessian that is not definite.

    In a trust region it goes on where so many steps are not enough, or begins anew where these have led far off; and
    L-BFGS after it where that ends nowhere.
    """
    from ..kernels.optimizers.newton import arrive

    whole = loops.descending(instance, arrays)
    enough = ITERATIONS
    if instance.posed.is_smooth and instance.count <= LARGEST:
        enough = descents_first(list(instance.shapes.values()), instance.amount)

    @cache
    def made() -> tuple[Any, Any]:
        """Made where they are needed: they are compiled."""
        second = loops.composite.kernel(instance, arrays)
        return loops.value_gradient(instance, arrays), lambda x: second(x)[2]

    def loop(l1: Any, low: Any, high: Any, x: Any, tol: float, most: int) -> Any:
        aim, begun = min(tol, CERTIFIED), x.copy()
        first, status, *counts = whole(l1, low, high, x, aim, enough)
        if status == 0 or enough == ITERATIONS:
            return first, status, *counts
        functions, reached = made(), x.copy()
        for point in (reached, begun) if status == UNFINISHED else (begun,):
            x[:] = point
            if arrive(*functions, x, TRUSTED):
                return first, 0, *counts
        x[:] = reached
        return first, *whole(l1, low, high, x, aim, ITERATIONS)[1:]

    return loop


def _quasi_newton(loops: Loops, instance: Instance, arrays: Mapping[str, Any], enough: int) -> Any:
    """L-BFGS; Newton's method goes on where so many steps are not enough, with Hessians of samples where those pay."""
    from ..kernels.optimizers.lbfgs import descend

    value_gradient = loops.value_gradient(instance, arrays)
    samples = instance.count <= LARGEST and loops.samples(instance)
    if samples:
        enough = min(enough, FIRST)

    @cache
    def sampled() -> Any:
        """Made where it is needed: it copies the data, and is compiled."""
        return loops.sampling(instance, arrays, whole=True)

    def loop(l1: Any, low: Any, high: Any, x: Any, tol: float, most: int) -> Any:
        state, first, ended, steps = descend(value_gradient, x.copy(), tol, enough)
        if state.f <= first:
            x[:] = state.x
        if ended or x.size > LARGEST:
            return first, 0 if ended else UNFINISHED, steps, state.evaluations
        if samples:
            return first, *sampled()(l1, low, high, x, tol, most)[1:]
        return first, *loops.compiled(instance, arrays)(l1, low, high, x, tol, most)[2:]

    return loop
