"""What schedules are made of: items, reads and loop statements.

An `Item` is a node computed whole, or one block of rows of it. A `Statement` says how an item is computed
from others, as one loop over labelled axes. These are bare data: who makes them is `lowering`, who orders
them is `schedule`, and what they look like as text is the business of `emit`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import final

from ..node import Labels, Node, Variable
from ..sizes import Size

Entries = tuple[str, ...]
#: A loop label inside an index.
LABEL = re.compile(r"@(\d+)@")
#: The label of a place that is read from an array of whole numbers; it has no loop.
PICK = 900


@final
@dataclass(frozen=True)
class Item:
    """A node computed whole (`row` is None) or block by block along its axis `row`.

    A block is stored with its rows first, or, `turned`, with its rows last.
    """

    node: Node
    row: int | None = None
    turned: bool = False

    @property
    def storage(self) -> Labels:
        """The axes of the node in the order in which they are stored."""
        axes = tuple(range(self.node.order))
        if self.row is None:
            return axes
        others = tuple(k for k in axes if k != self.row)
        return (*others, self.row) if self.turned else (self.row, *others)


@final
@dataclass(frozen=True)
class Read:
    """An entry of an item. `entries[k]` is the index on axis k: `@3@` for loop label 3, or a formula."""

    item: Item
    entries: Entries

    @property
    def labels(self) -> Labels | None:
        """The loop labels when every index is one, else None."""
        found = [plain_label(e) for e in self.entries]
        return None if None in found else tuple(int(f) for f in found if f is not None)

    @property
    def stored(self) -> Entries:
        """The indices in storage order."""
        return tuple(self.entries[k] for k in self.item.storage)


@final
@dataclass(frozen=True)
class Piece:
    """A part of an array that is put together: its entry over labels of its own, and where that goes on each axis.

    `adds`: to what lies there already.
    """

    labels: Labels
    places: Entries
    template: str
    adds: bool = False


@final
@dataclass
class Statement:
    """One loop statement: `target[output] (+)= template(reads)` over all labels.

    kind      map | sum | axis | matrix | reshape | rows | gather | scatter | call | pieces
    row       the label that runs over the rows of a block, if any
    template  scalar Python; `{k}` is the k-th read, `@l@` the (global) index of label l, `#k#` a size
    """

    target: Item
    kind: str
    sizes: dict[int, Size]
    output: Labels
    row: int | None
    reads: list[Read]
    template: str
    note: str
    op: str = ""
    axes: Labels = ()  # labels along which an axis operator works
    accumulates: bool = False
    symmetric: tuple[int, int] | None = None  # two labels of the result that may be exchanged
    place: str = ""  # where a gather reads or a scatter adds, on the axis that it is about
    pieces: tuple[Piece, ...] = ()  # what an array is put together from

    @property
    def summed(self) -> Labels:
        """The labels that are summed over."""
        return tuple(i for i in sorted(self.sizes) if i not in self.output)

    @property
    def stored(self) -> Labels:
        """The labels of the target in storage order."""
        return tuple(self.output[k] for k in self.target.storage)

    @property
    def turns(self) -> bool:
        """Whether it brings rows of a matrix of data into columns."""
        item = self.target
        return isinstance(item.node, Variable) and item.node.order == 2 and item.turned and item.row == 0


def label(index: int) -> str:
    """The text of a loop label inside an index."""
    return f"@{index}@"


def plain_label(entry: str) -> int | None:
    """3 for `@3@`, None for anything else."""
    body = entry[1:-1]
    return int(body) if len(entry) > 2 and entry[0] == entry[-1] == "@" and body.isdigit() else None


def is_matrix_product(statement: Statement) -> bool:
    """Whether a contraction of two arrays has rows, columns and summed labels only: a job for BLAS."""
    if statement.kind != "sum" or len(statement.reads) != 2 or statement.template != "{0} * {1}":
        return False
    a, b = ([int(i) for e in r.entries for i in LABEL.findall(e)] for r in statement.reads)
    if len(set(a)) != len(a) or len(set(b)) != len(b):
        return False
    output, shared = set(statement.output), set(a) & set(b)
    return not shared & output and bool(shared) and bool(set(a) - shared) and bool(set(b) - shared)
