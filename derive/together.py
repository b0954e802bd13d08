"""Results that were asked for together: they print with common names for what they share."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import final

from . import notation
from .expression import Expression


@final
class Together(list[Expression]):
    """A list of results, such as the gradients by several unknowns; shared parts are shown once, below.

    >>> import derive as dv
    >>> R, U, V = dv.matrix("R", "n", "m"), dv.matrix("U", "n", "k"), dv.matrix("V", "m", "k")
    >>> dv.gradient(dv.sumsq(U @ V.T - R) / 2, [U, V])
    U: P @ V
    V: P.T @ U
      where P = U @ V.T - R
    """

    def __init__(self, results: Iterable[Expression], names: Sequence[str], sign: str = "\\nabla") -> None:
        super().__init__(results)
        self._names, self._sign = tuple(names), sign

    def lines(self) -> list[str]:
        """The terminal form: a line or more for each result, and the names of what they share."""
        shown, where = notation.lines_together([g.node for g in self])
        out = []
        for name, (first, *rest) in zip(self._names, shown, strict=True):
            out += [f"{name}: {first}", *rest]
        return out + where

    def latex(self) -> str:
        """All results as one aligned block."""
        shown, where = notation.latex_together([g.node for g in self])
        rows = [
            f"{self._sign}_{{{notation.latex_name(name)}}} &= {words}"
            for name, words in zip(self._names, shown, strict=True)
        ]
        rows += [f"\\text{{where }} & {where}"] if where else []
        return "\\begin{aligned}\n" + " \\\\\n".join(rows) + "\n\\end{aligned}"

    def _repr_latex_(self) -> str:
        return f"$\\displaystyle {self.latex()}$"

    def __repr__(self) -> str:
        if len(self) != len(self._names):  # somebody changed the list
            return list.__repr__(self)
        return "\n".join(self.lines())

    __str__ = __repr__
