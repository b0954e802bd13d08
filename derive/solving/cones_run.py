"""From a program over second-order cones to a certified answer."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np

from .cones import SecondOrder
from .met import met
from .options import Options
from .placed import Placed
from .stated import statement_value
from .watching import Watch

if TYPE_CHECKING:
    from .instance import Instance


def solve_cones(form: SecondOrder, instance: Instance, options: Options) -> tuple[Any, Any] | None:
    """SciPy's result and the arrays of the unknowns; None where this way does not reach a certified point."""
    from ..kernels.cones import certify_cones
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
        for column in (None, geometric_units(program)):
            answer = solve_cone_program(program, watch, column)
            found = derived.free.forward(layout.unpack(answer.x))
            value = statement_value(derived.original, instance.numbers, found)
            proof = certify_cones(program, layout, answer, statement_value=value, tolerance=options.tolerance)
            if proof.ok() or watch.ended:
                break
    multipliers = form.multipliers(instance, answer)
    placed = Placed(derived, instance.data, instance.binding)
    z = None if proof.ok() or watch.ended else met(placed, found)
    if z is not None:
        found = derived.free.forward(layout.unpack(z))
        proof, multipliers = placed.certified(found, options.tolerance, proved=True)
        value = placed.value(found)
    if not proof.ok():
        return None
    result: Any = Result()
    result.update(
        x=np.concatenate([np.ravel(found[v.name]) for v in derived.wanted]),
        fun=value,
        nit=answer.iterations,
        status=0,
        message=f"certified: {proof.reason()}",
        success=True,
        method="interior-point",
        certificate=proof,
        multipliers=multipliers,
        history=watch.history,
        time=time.perf_counter() - began,
    )
    return result, found
