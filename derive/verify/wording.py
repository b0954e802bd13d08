"""Sentences with formulas in them: as plain text, and in pieces for whoever draws the formulas."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from ..node import Node
from .verdict import Diagnosis

_OPEN, _CLOSE = "\x02", "\x03"  # no formula and no name holds these


class Formulas:
    """Stands in for a printer while sentences are made: every formula leaves a mark, and is printed at the end."""

    def __init__(self, name: Callable[[Node], str]) -> None:
        self.name = name
        self.nodes: list[Node] = []

    def __call__(self, node: Node) -> str:
        self.nodes.append(node)
        return f"{_OPEN}{len(self.nodes) - 1}{_CLOSE}"

    def spoken(self, found: Diagnosis | None) -> Diagnosis | None:
        """The diagnosis with its formulas printed in the sentence, and with the pieces of which it is made."""
        if found is None or _OPEN not in found.sentence:
            return found
        parts = re.split(f"{_OPEN}(\\d+){_CLOSE}", found.sentence)
        pieces = tuple(self.nodes[int(p)] if k % 2 else p for k, p in enumerate(parts))
        sentence = "".join(p if isinstance(p, str) else self.name(p) for p in pieces)
        return replace(found, sentence=sentence, pieces=pieces)


__all__ = ["Formulas"]
