"""Parts of arrays as they are written: slices between brackets, and the places where something is put."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, final

import sympy

from ..node import Apply
from .numerals import count, number_text


@final
@dataclass(frozen=True)
class Entry:
    """Where something is placed along an axis: (start, count, step) as an argument, a slice in LaTeX."""

    argument: str
    text: str

    def __str__(self) -> str:
        return self.argument


def place_settings(node: Apply) -> list[tuple[str, object]]:
    """The shape, then per axis a position or (start, count, step), as arguments without names."""

    def bracketed(values: Sequence[sympy.Expr]) -> str:
        return f"({', '.join(number_text(v) for v in values)}{',' if len(values) == 1 else ''})"

    shape, index = node.param("shape"), node.param("index")
    entries = [
        Entry(number_text(e[1]) if e[0] == "at" else bracketed(e[1:]), _slice_text(e, size))
        for e, size in zip(index, shape, strict=True)
    ]
    return [("", bracketed(shape)), *(("", e) for e in entries)]


def index_text(node: Apply) -> str:
    """A slice as it is written between brackets."""
    pairs = zip(node.param("index"), node.operands[0].shape, strict=True)
    return ", ".join(_slice_text(entry, size) for entry, size in pairs)


def _slice_text(entry: tuple[Any, ...], size: sympy.Expr) -> str:
    """One entry of an index: a position, or start:stop:step."""
    if entry[0] == "at":
        return _position(entry[1], size)
    _, start, count, step = entry
    stop = sympy.expand(start + count * step)
    to_the_end = sympy.expand(size - start if step > 0 else start + 1)
    open_end = count == (to_the_end if abs(step) == 1 else sympy.ceiling(to_the_end / abs(step)))
    first = 0 if step > 0 else sympy.expand(size - 1)
    text = ("" if start == first else _position(start, size)) + ":"
    text += "" if open_end else _position(stop, size)
    return text + (f":{number_text(step)}" if step != 1 else "")


def _position(at: sympy.Expr, size: sympy.Expr) -> str:
    """A place along an axis, counted from the end where that is shorter: −1, not n − 1."""
    text = number_text(at)
    from_end = sympy.expand(at - size)
    return number_text(from_end) if count(text) > 2 and from_end.is_Integer and from_end < 0 else text
