"""What an optimizer is: a record of what it needs, how it starts and how it steps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from derive.errors import ArgumentError

from ..oracle import Oracle, Vector
from . import interior_point
from .schedules import SCHEDULES

Options = Mapping[str, Any]
COUNTS = ("batch_size", "epochs", "memory")
#: Of what was, in what is remembered.
SHARES = ("momentum", "decay", "beta1", "beta2")


@dataclass(frozen=True)
class Method:
    """One optimizer.

    functions : the members of the oracle that `step` is called with, after the state
    start     : (oracle, x, f, g, options) -> state
    step      : (state, *functions) -> state, in the subset of Python that numba compiles
    scipy     : SciPy's names for the same or the nearest method
    polish    : whether a few more steps are cheap once the tolerance is met
    rate      : how fast it converges near a minimum: "superlinear", "linear" or "stochastic" (to a neighbourhood)
    options   : the names and the defaults of what a caller may choose
    """

    name: str
    functions: tuple[str, ...]
    start: Callable[[Oracle, Vector, float, Vector, Options], Any]
    step: Callable[..., Any]
    scipy: tuple[str, ...]
    title: str
    polish: bool = False
    rate: str = "superlinear"
    options: Options = field(default_factory=dict)

    @property
    def needs(self) -> frozenset[str]:
        """Among gradient, hessian, hvp, residual_jacobian, batch_gradient."""
        return frozenset({"value_gradient": "gradient"}.get(f, f) for f in self.functions)

    def chosen(self, options: Options | None) -> dict[str, Any]:
        """The defaults, overruled by what a caller chose; an unknown name is an error."""
        given = dict(options or {})
        for name, value in given.items():
            if name not in self.options:
                known = ", ".join(self.options) or "none"
                raise ArgumentError(f"method {self.name} has no option {name!r}; its options: {known}")
            if (expected := _expected(name, value)) is not None:
                raise ArgumentError(f"option {name} of {self.name} is {expected}, not {value!r}")
        return {**self.options, **given}


def _expected(name: str, value: Any) -> str | None:
    """What an option should be, in words, where it is not."""
    if name == "schedule":
        return None if value in SCHEDULES else f"one of {', '.join(SCHEDULES)}"
    if name in COUNTS:
        return None if isinstance(value, int | np.integer) and value >= 1 else "a whole number from 1"
    if value is None or isinstance(value, bool):
        return None
    is_number = isinstance(value, int | float | np.number) and np.isfinite(value) and value >= 0
    if name in SHARES:
        return None if is_number and value < 1 else "a number from 0, below 1"
    return None if is_number else "a number ≥ 0"


@dataclass(frozen=True)
class ConstrainedMethod:
    """One method for constraints: `solve(functions, z, max_iterations=…, watch=…) -> Answer`, and its limit."""

    name: str
    solve: Callable[..., interior_point.Answer]
    scipy: tuple[str, ...]
    title: str
    most: int
