"""How Cholesky factors, running sums, windows and gathers are computed: one rule per operator.

What reads its operand at an affine index is an ordinary elementwise statement; what adds up along an axis, or
goes to places that numbers tell, has loops of its own, whose text is in `access`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ..node import Apply
from ..sizes import ONE
from .statements import PICK, Entries, Statement, label, plain_label

if TYPE_CHECKING:
    from .lowering import Lowering


def blockable(node: Apply, axis: int) -> bool | None:
    """Whether rows along that axis need the same rows of the operands only; None for other operators."""
    match node.op:
        case "cholesky":
            return axis < node.order - 2
        case "cumsum" | "overlap_add" | "scatter_add":
            return bool(axis != node.param("axis"))
        case "windows":
            return axis not in (node.param("axis"), node.order - 1)
    return None


def _cumsum(work: Lowering, node: Apply) -> Statement:
    """A running sum: the axis has a loop that carries the total."""
    text = work.read(node.operands[0], tuple(label(i) for i in work.output))
    op = "cumsum_back" if node.param("reverse", False) else "cumsum"
    return work.make("axis", text, "running sum", op=op, axes=(work.output[node.param("axis")],))


def through_windows(work: Lowering, node: Apply, entries: Entries) -> Entries:
    """Where windows are read is where the array itself is read: at s·i + r."""
    axis, step = node.param("axis"), node.param("stride", ONE)
    start = entries[axis]
    if step != 1:
        start = f"{work.number(step)} * {start if plain_label(start) is not None else f'({start})'}"
    return (*entries[:axis], f"{start} + {entries[-1]}", *entries[axis + 1 : -1])


def _windows(work: Lowering, node: Apply) -> Statement:
    """A copy of the windows, where they are wanted for themselves."""
    text = work.read(node, tuple(label(i) for i in work.output))
    return work.make("map", text, "windows")


def _overlap_add(work: Lowering, node: Apply) -> Statement:
    """Every entry of the windows is added where it came from."""
    source, axis, step = node.operands[0], node.param("axis"), node.param("stride", ONE)
    start, within = 100, 101
    work.sizes |= {start: source.shape[axis], within: source.shape[-1]}
    entries = [label(i) for i in work.output]
    entries[axis] = label(start)
    text = work.read(source, (*entries, label(within)))
    scaled = label(start) if step == 1 else f"{work.number(step)} * {label(start)}"
    return work.make(
        "scatter", text, "windows added up", axes=(axis, start, within), place=f"{scaled} + {label(within)}"
    )


def _take(work: Lowering, node: Apply) -> Statement:
    """A read at a place that an array of whole numbers tells."""
    source, index = node.operands
    axis: int = node.param("axis")
    own = tuple(range(axis, axis + index.order))
    entries = [label(k if k < axis else k + index.order - 1) for k in range(source.order)]
    entries[axis] = label(PICK)
    work.sizes[PICK] = source.shape[axis]
    text = work.read(source, tuple(entries))
    place = work.read(index, tuple(label(i) for i in own))
    return work.make("gather", text, "entries by number", axes=own, place=place)


def _scatter_add(work: Lowering, node: Apply) -> Statement:
    """Entries are added where an array of whole numbers says; over the rows of the data block by block."""
    source, index = node.operands
    axis: int = node.param("axis")
    own = tuple(range(100, 100 + index.order))
    work.sizes |= dict(zip(own, index.shape, strict=True))
    work.sizes[PICK] = node.shape[axis]
    accumulates = False
    if work.row is None and not any(work.rows.is_row(node, k) for k in range(node.order)):
        work.row = next((i for k, i in enumerate(own) if work.rows.is_row(index, k)), None)
        accumulates = work.row is not None
    entries = [label(i) for i in (*work.output[:axis], *own, *work.output[axis + 1 :])]
    text = work.read(source, tuple(entries))
    picked = work.read(index, tuple(label(i) for i in own))
    return work.make(
        "scatter",
        text,
        "entries added by number",
        op="pick",
        axes=(axis, *own),
        place=picked,
        accumulates=accumulates,
    )


RULES: dict[str, Callable[[Lowering, Apply], Statement]] = {
    "cumsum": _cumsum,
    "windows": _windows,
    "overlap_add": _overlap_add,
    "take": _take,
    "scatter_add": _scatter_add,
}
