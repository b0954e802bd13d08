"""One replaced subformula: what a slip of a hand derivation is."""

from __future__ import annotations

from dataclasses import dataclass

from ..differentiate import substitute
from ..errors import DeriveError
from ..node import Node


@dataclass(frozen=True)
class Edit:
    """`before` replaced by `after`; `kind` as in `Diagnosis`; `part` is the factor or term it is about."""

    kind: str
    before: Node
    after: Node
    part: Node | None = None
    cost: int = 1

    def of(self, root: Node) -> Node | None:
        """The formula with the edit made everywhere."""
        if root is self.before:
            return self.after
        try:
            return substitute(root, {self.before: self.after})
        except (DeriveError, ValueError, ZeroDivisionError):
            return None


__all__ = ["Edit"]
