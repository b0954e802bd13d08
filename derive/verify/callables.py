"""Claims that are Python functions of the arrays by name: compared in double precision, never proved."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

from ..node import Node
from .numbers import NotFinite, values
from .points import Points
from .verdict import Diagnosis, Verdict, differing_values

_CLOSE = 1e-7  # relative difference that a function in double precision is allowed
_TRIED = 20  # points at which it is called


def check_callable(
    objective: Node, claim: Callable[..., Any], right: Node, subject: str, points: Points
) -> Verdict:
    """The verdict on a function that should compute `right`, which is called `subject`."""
    tried = 0
    for point in itertools.chain(points.small(), points.generic(2)):
        try:
            (correct,) = values([right], point, 30)
            values([objective], point, 20)
        except NotFinite:
            continue
        arguments = {v.name: np.asarray(point.arrays[v.name], dtype=float) for v in points.variables}
        try:
            answer = np.asarray(claim(**arguments), dtype=float)
        except Exception as error:  # anything may go wrong in somebody else's function
            return Verdict("unsupported", f"the function failed: {type(error).__name__}: {error}")
        if answer.shape != correct.shape:
            reason = (
                f"the function returned an array of shape {answer.shape}, but {subject} has shape "
                f"{correct.shape} there"
            )
            return Verdict("refuted", reason, diagnosis=Diagnosis("shape", "the shapes differ"))
        expected = np.asarray(correct, dtype=float)
        scale = max(float(np.abs(expected).max()), 1e-300)
        if not np.isfinite(answer).all() or float(np.abs(answer - expected).max()) > _CLOSE * scale:
            example = differing_values(answer, expected, point.sizes, point.arrays, _CLOSE, 17)
            return Verdict("refuted", f"the function is not {subject}", example)
        tried += 1
        if tried >= _TRIED:
            break
    if not tried:
        return Verdict("unsupported", "no point was found at which the objective is finite")
    return Verdict(
        "agrees", f"the function agrees with {subject} to 7 digits at {tried} points; this is no proof"
    )


__all__ = ["check_callable"]
