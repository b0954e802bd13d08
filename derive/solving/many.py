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
#: Steps of Newton's method in a trust region, at most; and of sums of squares, which have steps of their own.
TRUSTED, FITTED = 500, 50


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

    Newton's method in a trust region goes on where so many steps are not enough, or begins anew where these have led
    far off, and L-BFGS after it where that ends nowhere; between kinks descent on their pieces goes on.
    """
    whole, posed = loops.descending(instance, arrays), instance.posed
    enough = ITERATIONS
    fits = posed.squares is not None and posed.squares.fits(instance.binding)
    if (posed.is_smooth or posed.sided is not None) and instance.count <= LARGEST:
        enough = descents_first(list(instance.shapes.values()), instance.amount)

    @cache
    def further() -> Any:
        """Made where it is needed: it is compiled."""
        if posed.sided is not None:
            return _on_pieces(instance, arrays)
        from ..kernels.optimizers.newton import arrive

        second = loops.composite.kernel(instance, arrays)
        value_gradient = loops.value_gradient(instance, arrays)
        return lambda x: arrive(value_gradient, lambda z: second(z)[2], x, FITTED if fits else TRUSTED)

    def loop(l1: Any, low: Any, high: Any, x: Any, tol: float, most: int) -> Any:
        aim, begun = min(tol, CERTIFIED), x.copy()
        first, status, *counts = whole(l1, low, high, x, aim, enough)
        if status == 0 or enough == ITERATIONS:
            return first, status, *counts
        reached = x.copy()
        for point in (reached, begun) if status == UNFINISHED or posed.sided is not None else (begun,):
            x[:] = point
            if further()(x):
                return first, 0, *counts
        x[:] = reached
        if posed.sided is not None:
            return first, status, *counts
        return first, *whole(l1, low, high, x, aim, ITERATIONS)[1:]

    return loop


def _on_pieces(instance: Instance, arrays: Mapping[str, Any]) -> Any:
    """Descent from x, which then holds where it has led, on the pieces between kinks; whether it arrives."""
    from ..kernels.optimizers.pieces import CONVERGED, descend

    assert instance.posed.sided is not None
    pieces = instance.posed.sided.bind(instance, arrays, "numba")

    def further(x: Any) -> bool:
        found = descend(pieces, x, TRUSTED)
        x[:] = found.x
        return found.status == CONVERGED

    return further


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
