"""From descent on the pieces between kinks to a certified answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ..statuses import NO_STEP
from . import costs
from .options import Options
from .stated import statement_value
from .watching import Ended, Watch, outcome

if TYPE_CHECKING:
    from .instance import Instance

#: Steps in all, and runs from lower points that certificates have shown.
PIECES, RUNS = 500, 6


def solve_on_pieces(instance: Instance, point: Mapping[str, Any], options: Options) -> tuple[Any, Any]:
    """SciPy's result and the arrays of the unknowns."""
    from ..kernels.interrupt import uninterrupted
    from ..kernels.optimizers.pieces import descend

    posed, shapes = instance.posed, list(instance.shapes.values())
    sided = posed.sided
    assert sided is not None
    dear = costs.hessian(shapes, instance.amount) >= costs.COMPILED / 10
    pieces = sided.bind(instance, instance.numbers, options.backend or ("numba" if dear else "numpy"))
    layout, watch = pieces.layout, Watch(options)
    instance.latest = watch.latest(layout.unpack)
    x = layout.pack(point)

    def told(x: Any, f: float, g: Any) -> None:
        if watch(watch.steps + 1, x, f, float(np.abs(g).max(initial=0.0))):
            raise Ended

    most, evaluations, proof = options.most(PIECES), 0, None
    with np.errstate(all="ignore"):
        watch.begin()
        for _ in range(RUNS):
            with watch:
                found = descend(pieces, x, most - watch.steps, told, watch.ticks)
                x, evaluations = found.x, evaluations + found.evaluations
            x = watch.reached(x, 0)[0]
            proof = uninterrupted(certified_on_pieces, instance, instance.numbers, x, options.tolerance)
            if proof.ok() or proof.below is None or watch.ended or watch.steps >= most:
                break
            x = layout.pack(proof.below)
    slope = pieces.at(x, (pieces.sides(x) > 0.0) * 1.0)[1]
    result = outcome(watch, x, slope, proof, watch.steps, evaluations, "pieces")
    return result, layout.unpack(x)


def certified_on_pieces(instance: Instance, arrays: Mapping[str, Any], x: Any, tolerance: float) -> Any:
    """The certificate of a point, by the interpreter."""
    from ..kernels.kinks import certify_on_pieces

    sided = instance.posed.sided
    assert sided is not None
    with np.errstate(all="ignore"):
        judge = sided.bind(instance, arrays, "numpy")
        value = statement_value(instance.posed.minimised, arrays, judge.layout.unpack(x))
        return certify_on_pieces(
            judge, judge.layout, x, statement_value=value, tolerance=tolerance, symmetries=sided.symmetries
        )


def judged_on_pieces(result: Any, instance: Instance, tolerance: float) -> Any:
    """The result, not certified where slopes between kinks are all that has been looked at, and it is at a kink that
    leads down."""
    from ..kernels.certificate import Certificate

    sided = instance.posed.sided
    if sided is None or not result.success or not isinstance(result.certificate, Certificate):
        return result
    x = np.concatenate([np.ravel(result[v.name]) for v in sided.unknowns])
    proof = certified_on_pieces(instance, instance.numbers, x, tolerance)
    if not proof.ok():
        result.certificate, result.success, result.status = proof, False, NO_STEP
        result.message = f"not certified: {proof.reason()}"
    return result


__all__ = ["judged_on_pieces", "PIECES", "certified_on_pieces", "solve_on_pieces"]
