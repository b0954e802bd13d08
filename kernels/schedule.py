"""Which statement runs where: an objective is a sum over rows, followed by little work on small arrays.

The *data axis* is the size that the largest data arrays share. An `Item` is a node computed whole, or one
block of rows of it along one of its axes. `lower` states how an item is computed from other items, one loop
statement per node; a sum over the data axis becomes an accumulator to which every block adds.
The *level* of an item is the number of passes over the data that must be over before it can be computed: an
accumulator is one above what it sums, so the number of passes is the number of reductions over the
data that lie on one path. Blocks of rows are never kept: a pass that needs one again computes it again.

Nothing here is about text, buffers or numba; the statements are grouped into loops by `program`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import final

from ..node import Apply, Node, Variable, topological
from ..sizes import Shape, Size
from .contraction import Lengths
from .lowering import Rows, lower
from .scalars import Sizes
from .statements import Item, Statement, is_matrix_product


def find_data_axis(
    wanted: Iterable[Variable],
    unknowns: Sequence[str],
    results: Iterable[Node] = (),
    at: Mapping[Size, int] | None = None,
) -> Size | None:
    """The size of the rows: that of the first axis of the largest data arrays.

    Every data array votes for its axes with the number of its entries, or, where sizes are not known, with four to
    the power of its order; less for axes that are not the first; unknowns, and what has the shape of one or of a
    result (a gradient tells what its variable is), hardly vote. Numbers stand for rows only when nothing symbolic does.
    """
    votes: dict[Size, float] = {}
    wanted = list(wanted)
    moving = {v.shape for v in wanted if v.name in unknowns} | {node.shape for node in results}
    lengths = Lengths(None, at)
    sizes = {s for v in wanted if v.shape not in moving for size in v.shape for s in size.free_symbols}
    told = sizes <= (at or {}).keys()
    for v in wanted:
        entries = math.prod(lengths.exactly(size) for size in v.shape) if told else 4.0**v.order
        weight = entries if v.shape not in moving else 0.01 * v.order
        for k, size in enumerate(v.shape):
            votes[size] = votes.get(size, 0.0) + (weight if k == 0 else weight / 4)
    symbols = [s for s in votes if s.is_Symbol]
    candidates = symbols or [s for s in votes if s.is_Integer and int(s) >= 64]
    return min(candidates, key=lambda s: (-votes[s], str(s)), default=None)


def shapes_by_class(outputs: Iterable[Node], data_size: Size | None) -> frozenset[Shape]:
    """The shapes (rows, classes) of what softmax and log-sum-exp work along.

    Classes are few: loops over them do not vectorise, loops over the rows do, so blocks of these shapes are stored
    with their rows last. BLAS takes them either way.
    """
    found = set()
    for node in topological(outputs):
        if isinstance(node, Apply) and node.op in ("softmax", "logsumexp") and node.param("axes") == (1,):
            shape = node.operands[0].shape
            if len(shape) == 2 and shape[0] == data_size and shape[1] != data_size:
                found.add(shape)
    return frozenset(found)


class Schedule:
    """All statements behind some outputs, their items in order, and their levels."""

    def __init__(
        self, outputs: Sequence[Node], data_size: Size | None, sizes: Sizes, turned: bool = False
    ) -> None:
        self.data_size = data_size
        self.rows = Rows(data_size, sizes, turned, shapes_by_class(outputs, data_size))
        self.statements: dict[Item, Statement] = {}
        self.level: dict[Item, int] = {}
        self.order: list[Item] = []
        self.outputs = [self._output(node) for node in outputs]
        self._walk(self.outputs)

    def _output(self, node: Node) -> Item:
        """Outputs as long as the data are written block by block."""
        for k in range(node.order):
            if self.rows.is_row(node, k) and self.rows.blockable(node, k) and not isinstance(node, Variable):
                return self.rows.block(node, k)
        return Item(node)

    def _walk(self, roots: Sequence[Item]) -> None:
        stack = [(item, False) for item in reversed(roots)]
        while stack:
            item, expanded = stack.pop()
            if expanded:
                statement = self.statements.get(item)
                reads = [r.item for r in statement.reads] if statement else []
                level = max((self.level[r] for r in reads), default=0)
                self.level[item] = level + (1 if statement and statement.accumulates else 0)
                self.order.append(item)
            elif item not in self.level and item not in self.statements:
                statement = lower(item, self.rows)
                if statement is not None:
                    self.statements[item] = statement
                stack.append((item, True))
                reads = [r.item for r in statement.reads] if statement else []
                stack.extend((r, False) for r in reversed(reads) if r not in self.level)


#: Rows with more entries than this are matrices for BLAS; blocks of some tens of them would leave the cache.
_LARGE_ROW = 1024.0


def wants_rows_last(schedule: Schedule, lengths: Lengths) -> bool:
    """Whether blocks are better stored with their rows last.

    They are when a row holds small arrays of its own (the deviations from every component of a mixture):
    loops over their short axes do not vectorise, loops over the rows do. Not where BLAS needs the rows
    first, and not where a row is known to be large.
    """
    if schedule.data_size is None:
        return False
    blocks = [s for s in schedule.statements.values() if s.row is not None]
    if any(s.kind in ("matrix", "reshape", "gram") for s in blocks):
        return False
    if any(is_matrix_product(s) for s in blocks):
        return False
    for s in blocks:
        if s.target.row is not None:
            axes = [k for k in range(s.target.node.order) if k != s.target.row]
            if math.prod(lengths.exactly(s.target.node.shape[k]) for k in axes) > _LARGE_ROW:
                return False
    return any(s.target.row is not None and s.target.node.order > 2 and s.kind != "rows" for s in blocks)


@final
@dataclass
class Stage:
    """Small work, then perhaps one pass over the data."""

    small: list[Item] = field(default_factory=list)
    rows: list[Item] = field(default_factory=list)
    sums: list[Item] = field(default_factory=list)
    written: list[Item] = field(default_factory=list)

    @property
    def has_pass(self) -> bool:
        """Whether the stage reads the data."""
        return bool(self.sums or self.written)


def stages(schedule: Schedule) -> list[Stage]:
    """The items of every stage, each in an order in which they can be computed."""
    depth = max([schedule.level[i] for i in schedule.outputs], default=0)
    found = [Stage() for _ in range(depth + 1)]
    for item in schedule.order:
        statement = schedule.statements.get(item)
        if statement is None or item.row is not None:
            continue
        level = schedule.level[item]
        if statement.accumulates:
            found[level - 1].sums.append(item)
        else:
            found[level].small.append(item)
    for item in schedule.outputs:
        if item.row is not None and item not in found[schedule.level[item]].written:
            found[schedule.level[item]].written.append(item)
    for stage in found:
        needed: set[Item] = set()
        stack = [*stage.sums, *stage.written]
        while stack:
            item = stack.pop()
            if item in needed:
                continue
            needed.add(item)
            stack.extend(r.item for r in schedule.statements[item].reads if r.item.row is not None)
        stage.rows = [i for i in schedule.order if i in needed and i.row is not None]
    _defer(found, schedule)
    return found


def _defer(found: list[Stage], schedule: Schedule) -> None:
    """Small work moves behind the passes that do not need it: there it shares loops with what follows."""
    place = {item: len(found) - 1 for stage in found for item in stage.small}

    def hold(item: Item, latest: int) -> None:
        for read in schedule.statements[item].reads:
            if read.item in place:
                place[read.item] = min(place[read.item], latest)

    for k, stage in enumerate(found):
        for item in [*stage.rows, *stage.sums]:
            hold(item, k)
    small = [item for item in schedule.order if item in place]
    for item in reversed(small):
        hold(item, place[item])
    first: dict[Item, int] = {}  # where a matrix is first factored: what else its factor gives is taken there
    matrices = [i for i in small if schedule.statements[i].kind == "matrix"]
    for item in matrices:
        matrix = schedule.statements[item].reads[0].item
        first[matrix] = min(place[item], first.get(matrix, place[item]))
    for item in matrices:
        if schedule.statements[item].op in ("inv", "det", "logdet"):
            place[item] = first[schedule.statements[item].reads[0].item]
    for k, stage in enumerate(found):
        stage.small = [item for item in small if place[item] == k]
