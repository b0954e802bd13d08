"""The result of a run that Ctrl-C ended where no loop heard it: its latest point or the start, judged like any other.

Deriving and compiling take seconds at a first call, certificates and reading data as well, so that many an interrupt
falls there.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import nan
from typing import Any

import numpy as np

from ..differentiate import gradients
from ..errors import DeriveError
from ..statuses import INTERRUPT
from .instance import Instance
from .options import Options
from .placed import Placed
from .posed import Posed
from .starts import default_start
from .stated import statement_value

#: Entries of the matrices of conditions up to which they are looked at: who interrupts a run does not want to wait.
LARGE = 1_000_000


def at_the_start(posed: Posed, data: Mapping[str, Any], start: Mapping[str, Any], options: Options) -> Any:
    """SciPy's result at the start, of data that may not have been read to their end and are not looked at again."""
    from ..kernels.kkt import nowhere

    instance = Instance(posed, {name: _unread(a) for name, a in data.items()}, start, read=False)
    return _result(instance, _point(instance, options), nowhere(options.tolerance), options)


def at_the_latest(instance: Instance, options: Options) -> Any:
    """SciPy's result at the latest point that is known, or at the start."""
    from ..kernels.interrupt import Interruptible
    from ..kernels.kkt import nowhere

    found, proof = _point(instance, options), nowhere(options.tolerance)
    with Interruptible():  # who interrupts again wants no proof
        proof = _judged(instance, found, options) or proof
    return _result(instance, found, proof, options)


def _unread(value: Any) -> Any:
    """An array of the same shape that takes no room; numbers, which may be sizes, are kept."""
    shape = value.shape if hasattr(value, "shape") else np.shape(value)
    return np.broadcast_to(0.0, shape) if shape else value


def _point(instance: Instance, options: Options) -> dict[str, Any]:
    """The unknowns by name."""
    posed, begin = instance.posed, default_start(instance.posed.unknowns, instance.shapes, options.seed)
    point = {**begin, **instance.start, **instance.latest()}
    return {name: np.asarray(point[name], dtype=np.float64) for name in posed.names}


def _judged(instance: Instance, found: Mapping[str, Any], options: Options) -> Any:
    """The certificate of a point; None where it cannot be judged."""
    from ..kernels.certificate import certify_statement
    from ..kernels.kkt import KktCertificate
    from ..kernels.oracle import VALUE, gradient_key

    posed = instance.posed
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
    return proof


def _result(instance: Instance, found: Mapping[str, Any], proof: Any, options: Options) -> Any:
    """SciPy's result at a point."""
    from ..kernels.optimizers.result import History, Result
    from ..kernels.plan import Plan

    posed, begun = instance.posed, bool(instance.latest())
    where = "interrupted; the latest point is kept" if begun else "interrupted before the first step"
    reason = proof.reason() if np.isfinite(proof.value) else "not judged"
    value = posed.sign * float(proof.value)
    result: Any = Result()
    result.update({name: float(a) if a.ndim == 0 else a for name, a in found.items()})
    result.update(
        x=np.concatenate([a.ravel() for a in found.values()]),
        fun=value,
        nit=0,
        status=INTERRUPT,
        message=f"{where}; {reason}" if begun else f"{where}: this is the start; {reason}",
        success=False,
        method=options.method or "none",
        certificate=proof,
        history=History(objective=[float(proof.value)]),
        time=0.0,
        plan=Plan(options.method or "none", where),
    )
    return result


__all__ = ["at_the_latest", "at_the_start"]
