"""How a problem is to be solved: what `Problem.solve` takes besides data and start."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import ArgumentError

#: So many iterations mean that nobody asked for fewer than a method makes by itself.
PLENTY = 10_000


@dataclass(frozen=True)
class Options:
    """See `Problem.solve` for what each means."""

    method: str | None = None
    precision: str | None = None
    max_time: float | None = None
    max_iterations: int = PLENTY
    tolerance: float = 1e-8
    progress: bool = False
    callback: Callable[[Any], None] | None = None
    backend: str | None = None
    seed: int = 0
    checkpoint: str | Path | None = None
    of_method: Mapping[str, Any] = field(default_factory=dict)
    made: int = 0  # iterations of methods before this one, and what they took of `max_time`
    spent: float = 0.0

    def check(self) -> None:
        """Raise an `ArgumentError` that names the first setting that cannot be."""
        if self.method is not None and not isinstance(self.method, str):
            raise ArgumentError(f"method is the name of one, not {self.method!r}")
        if self.precision not in (None, "double", "high"):
            raise ArgumentError(f"precision is 'double' or 'high', not {self.precision!r}")
        if self.backend not in (None, "numba", "numpy"):
            raise ArgumentError(f"backend is 'numba' or 'numpy', not {self.backend!r}")
        limit = self.max_time
        if limit is not None and not (_is_number(limit) and limit > 0):
            raise ArgumentError(f"max_time is a number of seconds above 0, not {limit!r}")
        if not (isinstance(self.max_iterations, int | np.integer) and self.max_iterations >= 1):
            raise ArgumentError(f"max_iterations is a whole number from 1, not {self.max_iterations!r}")
        if not (_is_number(self.tolerance) and 0.0 < self.tolerance < 1.0):
            raise ArgumentError(f"tolerance is a number between 0 and 1, not {self.tolerance!r}")
        if not (isinstance(self.seed, int | np.integer) and self.seed >= 0):
            raise ArgumentError(f"seed is a whole number from 0, not {self.seed!r}")
        if self.callback is not None and not callable(self.callback):
            raise ArgumentError(f"callback is a function of one intermediate result, not {self.callback!r}")
        if self.of_method and self.method is None:
            raise ArgumentError(
                f"options ({', '.join(self.of_method)}) belong to a method: say method=… as well"
            )

    @property
    def is_limited(self) -> bool:
        """Whether somebody has asked for few iterations."""
        return self.max_iterations < PLENTY

    def most(self, own: int) -> int:
        """How many iterations a method makes that makes so many of its own."""
        return min(self.max_iterations, own) if self.is_limited else own

    def after(self, result: Any) -> Options | None:
        """The options of a run after that of the result, in the time that is left; None where there is none."""
        if self.max_time is None:
            return self
        left = self.max_time - result.time
        return replace(self, max_time=left) if left > 0.0 else None

    def driver(self) -> Mapping[str, Any]:
        """The part that steps and their driver look at, by the driver's names."""
        return {
            "tol": self.tolerance,
            "max_time": self.max_time,
            "max_iterations": self.max_iterations,
            "progress": self.progress,
            "callback": self.callback,
            "options": self.of_method,
            "checkpoint": self.checkpoint,
            "made": self.made,
            "spent": self.spent,
        }


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | np.number) and not isinstance(value, bool)
