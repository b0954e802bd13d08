"""A bar that shows how a run is going, once it has taken longer than a second.

Nobody knows how many iterations are still to come; the bar shows how many of the powers of ten between the
first scaled gradient and the tolerance are done. `rich` is imported only when the bar appears; nothing is
shown when the output is not a terminal.
"""

from __future__ import annotations

import math
import time
from types import TracebackType
from typing import Any

DELAY = 1.0
EVERY = 0.1


class Progress:
    """A context: `update` after every iteration."""

    def __init__(self, title: str, enabled: bool, tolerance: float = 1e-8) -> None:
        self.title, self.enabled, self.tolerance = title, enabled, tolerance
        self.began = self.shown = time.perf_counter()
        self.first = self.least = math.nan
        self._bar: Any = None
        self._task: Any = None

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def done(self, measure: float) -> float:
        """The share of the way, in powers of ten, from the first scaled gradient to the tolerance."""
        if math.isfinite(measure) and measure > 0:
            self.first = measure if math.isnan(self.first) else self.first
            self.least = measure if math.isnan(self.least) else min(self.least, measure)
        if not self.first > self.tolerance:
            return 0.0
        way = math.log(self.first / self.tolerance)
        return min(1.0, max(0.0, math.log(self.first / self.least) / way))

    def update(self, iteration: int, objective: float, measure: float) -> None:
        """Show the iteration, the objective and the scaled gradient."""
        share = self.done(measure)
        now = time.perf_counter()
        if not self.enabled or now - self.began < DELAY or now - self.shown < EVERY:
            return
        self.shown = now
        if self._bar is None and not self._start():
            return
        text = f"iteration {iteration}, objective {objective:.8g}, scaled gradient {measure:.1e}"
        self._bar.update(self._task, completed=share, text=text)

    def _start(self) -> bool:
        """Open the bar, where there is a terminal to show it on."""
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
        from rich.progress import Progress as Bar

        console = Console(stderr=True)
        if not console.is_terminal:
            self.enabled = False
            return False
        columns = (
            TextColumn("{task.description}"),
            BarColumn(bar_width=20),
            TextColumn("{task.fields[text]}"),
            TimeElapsedColumn(),
        )
        self._bar = Bar(*columns, console=console, transient=True)
        self._task = self._bar.add_task(self.title, total=1.0, text="")
        self._bar.tasks[0].start_time -= time.perf_counter() - self.began  # the run began before the bar
        self._bar.start()
        return True
