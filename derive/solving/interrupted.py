"""The result of a run that Ctrl-C ended before its first step: the start, judged like any other point.

Deriving and compiling take seconds at a first call, so that many an interrupt falls there.
"""

from __future__ import annotations

from math import nan
from typing import Any

import numpy as np

from ..differentiate import gradients
from ..errors import DeriveError
from .instance import Instance
from .options import Options
from .placed import Placed
from .starts import default_start
from .stated import statement_value

#: The driver's status of a run that was interrupted.
INTERRUPT = 3
#: Entries of the matrices of conditions up to which they are looked at: who interrupts a run does not want to wait.
LARGE = 1_000_000


def at_the_start(instance: Instance, options: Options) -> Any:
    """SciPy's result at the start; None where the start cannot be judged."""
    from ..kernels.certificate import certify_statement
    from ..kernels.kkt import KktCertificate
    from ..kernels.optimizers.result import History, Result
    from ..kernels.oracle import VALUE, gradient_key
    from ..kernels.plan import Plan

    posed = instance.posed
    point = {**default_start(posed.unknowns, instance.shapes, options.seed), **instance.start}
    found = {name: np.asarray(point[name], dtype=np.float64) for name in posed.names}
    proof: Any
    try:
        with np.errstate(all="ignore"):
            if posed.is_constrained:
                value = statement_value(posed.constrained.original, instance.arrays, found)
                proof = KktCertificate(value, nan, nan, nan, nan, tolerance=options.tolerance)
                dear = max(instance.amount * instance.count, posed.constrained.entries(instance.binding))
                if dear <= LARGE:
                    placed = Placed(posed.constrained, instance.data, instance.binding)
                    judged, _ = placed.certified(found, options.tolerance)
                    proof = judged if np.isfinite(judged.value) else proof
            else:
                slopes = gradients(posed.minimised, posed.unknowns)
                keys = map(gradient_key, posed.names)
                nodes = {VALUE: posed.minimised, **dict(zip(keys, slopes, strict=True))}
                proof = certify_statement(
                    nodes, instance.arrays, found, tolerance=options.tolerance, proved=True
                )
    except (DeriveError, ValueError, np.linalg.LinAlgError):
        return None
    reason = "not judged" if np.isnan(proof.stationarity) else proof.reason()
    value = posed.sign * float(proof.value)
    result: Any = Result()
    result.update({name: float(a) if a.ndim == 0 else a for name, a in found.items()})
    result.update(
        x=np.concatenate([a.ravel() for a in found.values()]),
        fun=value,
        nit=0,
        status=INTERRUPT,
        message=f"interrupted before the first step: this is the start; {reason}",
        success=False,
        method=options.method or "none",
        certificate=proof,
        history=History(objective=[float(proof.value)]),
        time=0.0,
        plan=Plan(options.method or "none", "interrupted before the first step"),
    )
    return result


__all__ = ["INTERRUPT", "at_the_start"]
