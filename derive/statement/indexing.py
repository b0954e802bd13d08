"""Indexing as NumPy means it, over symbolic sizes: `X[0]`, `X[-1]`, `X[:, None, :]`, `X[1:n-1]`.

An index is checked wherever the sizes decide it. Where they do not (`X[5]` of n rows), the statement
holds for all sizes that are large enough, and evaluation says so when they are not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, final

import sympy

from ..build import einsum
from ..errors import ArgumentError, SizeError, UnsupportedError
from ..node import Node, ones
from ..operators import apply
from ..sizes import ONE, ZERO, Size, same_size, show_shape


@final
@dataclass(frozen=True)
class Span:
    """`start:stop:step`; None where it is left out."""

    start: Size | None = None
    stop: Size | None = None
    step: Size | None = None


MINUS: Size = sympy.S.NegativeOne

#: A whole number, a span, None for a new axis of size 1, `...` for all axes that are not named, or an array of whole
#: numbers, of which there is at most one.
Index = Any


def index(node: Node, entries: Sequence[Index]) -> Node:
    """`node[entries]`."""
    arrays = [k for k, e in enumerate(entries) if isinstance(e, Node)]
    if arrays:
        return _gathered(node, entries, arrays)
    named = [e for e in entries if e is not None and e is not ...]
    if len(named) > node.order:
        raise SizeError(f"{len(named)} indices for an array of sizes {show_shape(node.shape)}")
    dots = [k for k, e in enumerate(entries) if e is ...]
    if len(dots) > 1:
        raise ArgumentError("an index has at most one `...`")
    rest, cut = [Span() for _ in range(node.order - len(named))], dots[0] if dots else len(entries)
    full = [*entries[:cut], *rest, *entries[cut + 1 :]]
    picks: list[tuple[Any, ...]] = []
    labels: list[int | None] = []  # axes of the result: kept ones by number, None for new ones
    kept = 0
    for entry in full:
        if entry is None:
            labels.append(None)
            continue
        size = node.shape[len(picks)]
        if isinstance(entry, Span):
            picks.append(("range", *_span(entry, size)))
            labels.append(kept)
            kept += 1
        else:
            picks.append(("at", _position(entry, size)))
    part = apply("slice", node, index=tuple(picks))
    if None not in labels:
        return part
    new = [k for k, label in enumerate(labels) if label is None]
    inner = tuple(k for k, label in enumerate(labels) if label is not None)
    return einsum([(part, inner), *((ones((ONE,)), (k,)) for k in new)], tuple(range(len(labels))))


def _gathered(node: Node, entries: Sequence[Index], arrays: Sequence[int]) -> Node:
    """Entries picked along one axis by an array of whole numbers, whose axes stand where that axis stood."""
    place = arrays[0]
    picks = entries[place]
    if "integer" not in picks.facts:
        raise ArgumentError(
            "an index must be a whole number, such as 0, -1 or n - 1, or an array declared integer"
        )
    if len(arrays) > 1 or any(isinstance(e, sympy.Basic) for e in entries):
        raise UnsupportedError(
            "an array as an index stands with slices only; use take for the axes one after another"
        )
    axis = sum(1 for e in entries[:place] if e is not ...)
    if ... in entries[:place]:
        axis += node.order - sum(1 for e in entries if e is not None and e is not ...)
    rest = [Span() if k == place else e for k, e in enumerate(entries)]
    return apply("take", index(node, rest), picks, axis=axis)


def _whole(value: Size, what: str) -> Size:
    value = sympy.expand(value)
    if value.is_integer is not True:
        raise ArgumentError(f"{what} must be a whole number, not {value}")
    return value


def _from_front(value: Size, size: Size) -> Size:
    """Negative positions count from the end."""
    return sympy.expand(size + value) if value.is_negative else value


def _position(entry: Size, size: Size) -> Size:
    value = _whole(entry, "an index")
    found = _from_front(value, size)
    if found.is_negative or sympy.expand(found - size).is_nonnegative:
        raise SizeError(f"index {value} is out of range for an axis of size {size}")
    return found


def _bound(value: Size | None, size: Size, default: Size, lowest: Size = ZERO) -> Size:
    """An end of a span, cut to the array where the sizes decide that it reaches beyond."""
    if value is None:
        return default
    found = _from_front(_whole(value, "an end of a slice"), size)
    if found.is_negative:
        return lowest
    if sympy.expand(found - size).is_nonnegative:
        return size
    return found


def _span(entry: Span, size: Size) -> tuple[Size, Size, Size]:
    """(start, count, step)."""
    step = ONE if entry.step is None else _whole(entry.step, "the step of a slice")
    if not step.is_Integer or step == 0:
        raise ArgumentError(f"the step of a slice must be a whole number other than 0, not {step}")
    if step > 0:
        start, stop = _bound(entry.start, size, ZERO), _bound(entry.stop, size, size)
        length = sympy.expand(stop - start)
    else:
        last = sympy.expand(size - 1)
        start = last if entry.start is None else _bound(entry.start, size, last)
        start = last if same_size(start, size) else start
        after = MINUS if entry.stop is None else _bound(entry.stop, size, MINUS, lowest=MINUS)
        length = sympy.expand(start - after)
    count = length if abs(step) == 1 else sympy.ceiling(length / abs(step))
    if count.is_nonpositive:
        raise SizeError(f"the slice of an axis of size {size} is empty; sizes are at least 1")
    return start, count, step
