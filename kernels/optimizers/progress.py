"""One line that shows how a run is going, once it has taken longer than a second.

`rich` is imported only then; nothing is shown when the output is not a terminal.
"""

from __future__ import annotations

import time
from types import TracebackType
from typing import Any

DELAY = 1.0
EVERY = 0.1


class Progress:
    """A context: `update` after every iteration."""

    def __init__(self, title: str, enabled: bool) -> None:
        self.title, self.enabled = title, enabled
        self.began = self.shown = time.perf_counter()
        self._status: Any = None

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._status is not None:
            self._status.stop()

    def update(self, iteration: int, objective: float, measure: float) -> None:
        """Show the iteration, the objective and the scaled gradient."""
        now = time.perf_counter()
        if not self.enabled or now - self.began < DELAY or now - self.shown < EVERY:
            return
        self.shown = now
        text = (
            f"{self.title}: iteration {iteration}, objective {objective:.10g}, "
            f"scaled gradient {measure:.1e}, {now - self.began:.0f} s"
        )
        if self._status is None:
            from rich.console import Console

            console = Console(stderr=True)
            if not console.is_terminal:
                self.enabled = False
                return
            self._status = console.status(text)
            self._status.start()
        self._status.update(text)
