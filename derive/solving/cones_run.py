"""From a program over second-order cones to a certified answer."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..statuses import NO_MINIMUM, TIME
from .cones import SecondOrder
from .met import met
from .options import Options
from .placed import Placed
from .reasons import ENDLESS
from .stated import evened, statement_value
from .watching import Watch

if TYPE_CHECKING:
    from .instance import Instance

#: A point that violates no condition by more is as good as feasible.
NEAR = 1e-5


def solve_cones(form: SecondOrder, instance: Instance, options: Options) -> tuple[Any, Any] | None:
    """SciPy's result and the arrays of the unknowns; None where this way leads to no certified point in its time."""
    from ..kernels.cones import certify_cones
    from ..kernels.optimizers.cone_endless import falls_along_recession
    from ..kernels.optimizers.cone_program import solve_cone_program
    from ..kernels.optimizers.cone_units import geometric_units
    from ..kernels.optimizers.result import Result

    derived, began = form.derived, time.perf_counter()
    with np.errstate(all="ignore"):
        made = form.program(instance, instance.numbers)
        if made is None:
            return None
        program, layout = made
        watch = Watch(options)
        watch.begin()
        instance.latest = watch.latest(lambda x: derived.free.forward(layout.unpack(x)))
        placed = Placed(derived, instance.data, instance.binding)

        def judged(answer: Any) -> tuple[Any, Any]:
            found = derived.free.forward(layout.unpack(evened(answer.x, layout, derived.even)))
            value = statement_value(derived.original, instance.numbers, found)
            return found, certify_cones(
                program, layout, answer, statement_value=value, tolerance=options.tolerance
            )

        for column in (None, geometric_units(program)):
            answer = solve_cone_program(program, watch, column)
            found, proof = judged(answer)
            if proof.ok() or watch.ended:
                break
            # where all vanishes, rounding has nothing to be small beside
            nothing = placed.lifted({name: np.zeros_like(a) for name, a in found.items()})
            if all(np.isfinite(a).all() for a in nothing.values()):
                vanished = replace(answer, x=layout.pack(nothing))
                there, other = judged(vanished)
                if other.ok():
                    found, proof, answer = there, other, vanished
                    break
    value, multipliers = proof.value, form.multipliers(instance, answer)
    z = None if proof.ok() or watch.ended else met(placed, found)
    if z is not None:
        found = derived.free.forward(layout.unpack(z))
        proof, multipliers = placed.certified(found, options.tolerance, proved=True)
        value = placed.value(found)
    if not proof.ok() and not watch.ended:
        if proof.primal <= NEAR and falls_along_recession(program):
            watch.ended = (NO_MINIMUM, ENDLESS)
        else:
            return None
    status, words = watch.ended if watch.ended and not proof.ok() else (0, "certified")
    proof = replace(proof, stopped=status == TIME)
    result: Any = Result()
    result.update(
        x=np.concatenate([np.ravel(found[v.name]) for v in derived.wanted]),
        fun=value,
        nit=answer.iterations,
        status=status,
        message=f"{words}{'; ' if status else ': '}{proof.reason()}",
        success=proof.ok(),
        method="interior-point",
        certificate=proof,
        multipliers=multipliers,
        history=watch.history,
        time=time.perf_counter() - began,
    )
    return result, found


__all__ = ["solve_cones"]
