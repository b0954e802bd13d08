"""A table of results, as text and as Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

#: What was measured in this run, seconds by case and by who did it; the targets are read off it.
RESULTS: dict[str, dict[str, float]] = {}


@dataclass(frozen=True)
class Table:
    """Title, column names, rows of words, and a remark below."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    remark: str = ""

    def text(self) -> str:
        """Aligned columns."""
        table = [list(self.columns), *map(list, self.rows)]
        widths = [max(len(row[k]) for row in table) for k in range(len(self.columns))]
        lines = [
            "  ".join(word.ljust(w) for word, w in zip(row, widths, strict=True)).rstrip() for row in table
        ]
        return "\n".join(["", self.title, *lines, self.remark])

    def markdown(self) -> str:
        """The same for documentation."""
        lines = [
            f"## {self.title}",
            "",
            "| " + " | ".join(self.columns) + " |",
            "|---" * len(self.columns) + "|",
        ]
        lines += ["| " + " | ".join(row) + " |" for row in self.rows]
        return "\n".join([*lines, "", self.remark, ""])


def duration(seconds: float) -> str:
    """With a unit that fits."""
    if seconds < 1e-3:
        return f"{1e6 * seconds:.1f} µs"
    return f"{1e3 * seconds:.1f} ms" if seconds < 1 else f"{seconds:.2f} s"
