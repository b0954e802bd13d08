"""What a run hands back: SciPy's result with a history, and a picture of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, final

import numpy as np
from scipy.optimize import OptimizeResult


@dataclass
class History:
    """One entry per iteration, the start included; times in seconds since the start."""

    objective: list[float] = field(default_factory=list)
    gradient_norm: list[float] = field(default_factory=list)
    scaled_gradient: list[float] = field(default_factory=list)
    time: list[float] = field(default_factory=list)
    evaluations: list[int] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.objective)

    def __repr__(self) -> str:  # a printed result is not to hold the numbers of thousands of steps
        known = ", ".join(name for name, values in vars(self).items() if values)
        return f"<History of {len(self)} points: {known}>" if known else "<History of 0 points>"


@final
class Result(OptimizeResult):
    """SciPy's `OptimizeResult` with `.certificate`, `.history` and `.plot()`."""

    def plot(self, axes: Any = None, *, ax: Any = None) -> Any:
        """Convergence: the scaled gradient and the distance of the objective from its last value.

        Where the run was one call of compiled code only its ends are known, and the picture says how to see all steps.
        Draws on the given Axes (`axes` or `ax`), or on new ones; returns them. Matplotlib is loaded here only.
        """
        axes = ax if axes is None else axes
        if axes is None:
            import matplotlib.pyplot as plt

            axes = plt.subplots()[1]
        history = self["history"]
        known, last = len(history), int(self.get("nit", 0))
        compiled = known <= 2 and last >= known  # a run that was one call of compiled code
        steps = np.array([0, last])[-known:] if compiled and known else np.arange(known)
        gaps = np.abs(np.asarray(history.objective) - self["fun"])
        for values, label in (
            (history.scaled_gradient, "error of the conditions"),
            (gaps, "objective − optimum"),
        ):
            heights = np.asarray(values, dtype=np.float64)
            shown = np.isfinite(heights) & (heights > 0)
            line = "none" if compiled else "-"
            axes.semilogy(steps[: heights.size][shown], heights[shown], marker=".", ls=line, label=label)
        if compiled:
            hint = "the ends of a compiled run;\nsolve(…, progress=True) records every step"
            axes.text(0.5, 0.5, hint, transform=axes.transAxes, ha="center", color="gray")
        axes.set_xlabel("iteration")
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.set_title(f"{self['method']}: {'certified' if self['success'] else 'not certified'}")
        axes.legend()
        return axes
