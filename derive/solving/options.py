"""How a problem is to be solved: what `Problem.solve` takes besides data and start."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Options:
    """See `Problem.solve` for what each means."""

    method: str | None = None
    precision: str | None = None
    max_time: float | None = None
    max_iterations: int = 10_000
    tolerance: float = 1e-8
    progress: bool = False
    callback: Callable[[Any], None] | None = None
    backend: str | None = None
    seed: int = 0
    checkpoint: str | Path | None = None
    of_method: Mapping[str, Any] = field(default_factory=dict)

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
        }
