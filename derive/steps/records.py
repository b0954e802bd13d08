"""What a worked solution consists of: lines, and the steps between them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from ..node import Node, Variable


@final
@dataclass(frozen=True)
class Line:
    """One side of an equation: its formula, how it is written, and its value in terms of the data.

    `node` may hold named intermediates and differentials; `value` has only the variables of the statement
    and the tangent, so that neighbouring lines can be compared in numbers.
    """

    left: str
    node: Node
    value: Node
    text: str
    latex: str
    left_latex: str


@final
@dataclass(frozen=True)
class Step:
    """From one line to the next by a named rule with its identity."""

    rule: str
    identity: str
    identity_latex: str
    before: Line
    after: Line


@final
@dataclass(frozen=True)
class Derivation:
    """A worked solution.

    `start` is the objective, `where` the named intermediates, `steps` the lines of the differential and then
    of the gradient; `tangent` is the direction `dw` in which all differentials are taken.
    """

    start: Line
    where: tuple[Line, ...]
    steps: tuple[Step, ...]
    tangent: Variable

    @property
    def result(self) -> Line:
        """The last line: the derivative in terms of the data."""
        return self.steps[-1].after

    def __str__(self) -> str:
        rows = [(self.start.left, self.start.text, "")]
        rows += [(line.left, line.text, "") for line in self.where]
        last = ""
        for step in self.steps:
            left = step.after.left if step.after.left != last else ""
            last = step.after.left
            note = f"{step.rule}: {step.identity}" if step.identity else step.rule
            rows.append((left, step.after.text, note))
        width = max(len(left) for left, _, _ in rows)
        out = []
        for k, (left, text, note) in enumerate(rows):
            lead = "where " if k == 1 and self.where else "      " if k <= len(self.where) and k else ""
            out.append(
                f"{lead}{left:>{width if not lead else 0}} = {text}" + (f"    [{note}]" if note else "")
            )
        return "\n".join(out)

    def latex(self) -> str:
        """The solution as one `aligned` environment."""
        rows = [f"{self.start.left_latex} &= {self.start.latex}"]
        rows += [f"{line.left_latex} &= {line.latex}" for line in self.where]
        last = ""
        for step in self.steps:
            left = step.after.left_latex if step.after.left != last else ""
            last = step.after.left
            note = f"\\text{{{step.rule}}}" + (f":\\; {step.identity_latex}" if step.identity_latex else "")
            rows.append(f"{left} &= {step.after.latex} && {note}")
        return "\\begin{aligned}\n" + " \\\\\n".join(rows) + "\n\\end{aligned}"

    def _repr_latex_(self) -> str:
        return f"$\\displaystyle {self.latex()}$"
