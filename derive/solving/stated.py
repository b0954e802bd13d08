"""What a statement says beside its smooth form: its value at a point, and whether slacks may stand for kinks."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from ..errors import UnsupportedError
from ..evaluate import bind, check_access, evaluate_bound
from ..node import Node, size_symbols, variables
from ..smoothing import Smooth
from ..stable import stabilise
from .inside import numbers


def statement_value(original: Node, arrays: Mapping[str, Any], found: Mapping[str, Any]) -> float:
    """The objective as stated, at the answer, by the interpreter."""
    (node,) = stabilise([original])
    try:
        values, binding = bind(
            variables(node), {**arrays, **found}, sizes=size_symbols(node), extra=True, check_facts=False
        )
        check_access([node], values, binding)
        return float(evaluate_bound([node], values, binding)[0])
    except ValueError:
        return float("nan")


def check_slopes(problem: Smooth, arrays: Mapping[str, Any]) -> None:
    """The epigraph form is exact only where the objective rises with the slack."""
    for kink in problem.kinks:
        if kink.slope is not None and float(np.min(numbers([kink.slope], arrays)[0])) < 0:
            raise UnsupportedError(
                f"the objective falls with a convex kink ({kink.name}), so that it is neither convex nor "
                "smooth; no method here certifies such a minimum"
            )


def evened(z: Any, layout: Any, names: Collection[str]) -> Any:
    """A flat point with symmetric matrices in place of these, of which derivatives know the symmetric part alone."""
    if not names:
        return z
    found = {
        name: (a + np.swapaxes(a, -1, -2)) / 2 if name in names else a for name, a in layout.unpack(z).items()
    }
    return layout.pack(found)
