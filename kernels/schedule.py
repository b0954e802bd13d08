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

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, final

import sympy

from ..errors import UnsupportedError
from ..node import Apply, Delta, Einsum, Labels, Node, Ones, Sum, Variable
from ..operators import Elementwise, lookup
from ..sizes import Size, same_size
from .contraction import view_of
from .scalars import Sizes, coefficient, power_text

Entries = tuple[str, ...]
_NUMERIC_AXES = ("logsumexp", "softmax", "max", "min", "max_share", "min_share")


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
    """An entry of an item. `entries[k]` is the index on axis k: `@3@` for loop label 3, or a formula in such."""

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
@dataclass
class Statement:
    """One loop statement: `target[output] (+)= template(reads)` over all labels.

    kind      map | sum | axis | matrix | reshape | rows
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

    @property
    def summed(self) -> Labels:
        return tuple(i for i in sorted(self.sizes) if i not in self.output)

    @property
    def stored(self) -> Labels:
        """The labels of the target in storage order."""
        return tuple(self.output[k] for k in self.target.storage)


def label(index: int) -> str:
    """The text of a loop label inside an index."""
    return f"@{index}@"


def plain_label(entry: str) -> int | None:
    """3 for `@3@`, None for anything else."""
    body = entry[1:-1]
    return int(body) if len(entry) > 2 and entry[0] == entry[-1] == "@" and body.isdigit() else None


def find_data_axis(wanted: Iterable[Variable], unknowns: Sequence[str]) -> Size | None:
    """The size of the rows: that of the first axis of the largest data arrays.

    Every data array votes for its axes with four to the power of its order, less for axes that are not the first;
    unknowns, and directions of their shape, hardly vote. Numbers stand for rows only when nothing symbolic does.
    """
    votes: dict[Size, float] = {}
    wanted = list(wanted)
    moving = {v.shape for v in wanted if v.name in unknowns}
    for v in wanted:
        weight = 4.0**v.order if v.shape not in moving else 0.01 * v.order
        for k, size in enumerate(v.shape):
            votes[size] = votes.get(size, 0.0) + (weight if k == 0 else weight / 4)
    symbols = [s for s in votes if s.is_Symbol]
    candidates = symbols or [s for s in votes if s.is_Integer and int(s) >= 64]
    return min(candidates, key=lambda s: (-votes[s], str(s)), default=None)


class Schedule:
    """All statements behind some outputs, their items in order, and their levels."""

    def __init__(
        self, outputs: Sequence[Node], data_size: Size | None, sizes: Sizes, turned: bool = False
    ) -> None:
        self.data_size, self.sizes, self.turned = data_size, sizes, turned
        self.statements: dict[Item, Statement] = {}
        self.level: dict[Item, int] = {}
        self.order: list[Item] = []
        self.outputs = [self._output(node) for node in outputs]
        self._walk(self.outputs)

    def _output(self, node: Node) -> Item:
        """Outputs as long as the data are written block by block."""
        for k in range(node.order):
            if self.is_row(node, k) and self.blockable(node, k) and not isinstance(node, Variable):
                return Item(node, k, self.turned)
        return Item(node)

    def is_row(self, node: Node, axis: int) -> bool:
        return self.data_size is not None and same_size(node.shape[axis], self.data_size)

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
                statement = self._lower(item)
                if statement is not None:
                    self.statements[item] = statement
                stack.append((item, True))
                reads = [r.item for r in statement.reads] if statement else []
                stack.extend((r, False) for r in reversed(reads) if r not in self.level)

    # ---------------------------------------------------------------- one node

    def blockable(self, node: Node, axis: int) -> bool:
        """Whether rows of the node along that axis need only the same rows of its operands."""
        if isinstance(node, Apply):
            if node.op in _NUMERIC_AXES:
                return self._operand_axis(node, axis) is not None
            if node.op == "inv":
                return axis < node.order - 2
            if node.op == "reshape":
                operand = node.operands[0]
                return axis == 0 and operand.order > 0 and self.is_row(operand, 0)
            if node.op in ("slice", "place"):
                return self._kept_axis(node, axis) is not None
            if node.op == "concatenate":
                return axis != node.param("axis")
        return True

    def _operand_axis(self, node: Apply, axis: int) -> int | None:
        """The operand's axis that becomes this axis of an axis operator's result; None if it works along it."""
        along = node.param("axes")
        if node.op in ("logsumexp", "max", "min"):
            return [k for k in range(node.operands[0].order) if k not in along][axis]
        return None if axis in along else axis

    def _kept_axis(self, node: Apply, axis: int) -> int | None:
        """The operand's axis that a slice (or placement) hands through whole as this axis."""
        index = node.param("index")
        ranges = [k for k, entry in enumerate(index) if entry[0] == "range"]
        inner, outer = (ranges[axis], axis) if node.op == "slice" else (axis, axis)
        if node.op == "place":
            if axis not in ranges:
                return None
            inner, outer = axis, ranges.index(axis)
        whole = index[inner][1] == 0 and index[inner][3] == 1
        operand, position = node.operands[0], inner if node.op == "slice" else outer
        if not whole or not same_size(operand.shape[position], node.shape[axis]):
            return None
        return position

    def _lower(self, item: Item) -> Statement | None:
        """The statement that computes an item, or None for what is given."""
        node, row = item.node, item.row
        if isinstance(node, Variable):
            if row is None:
                return None
            labels = tuple(range(node.order))
            entries = tuple(label(i) for i in labels)
            kind = "rows" if row == 0 and (not item.turned or node.order == 1) else "map"
            read = Read(Item(node), entries)
            return Statement(
                item, kind, dict(enumerate(node.shape)), labels, row, [read], "{0}", "rows of the data"
            )
        return _Lowering(self, item).statement()


class _Lowering:
    """The work of stating one item."""

    def __init__(self, schedule: Schedule, item: Item) -> None:
        self.schedule, self.item, self.node = schedule, item, item.node
        self.reads: list[Read] = []
        self.row = item.row
        self.output = tuple(range(item.node.order))
        self.sizes: dict[int, Size] = dict(enumerate(item.node.shape))

    def read(self, node: Node, entries: Entries) -> str:
        """The text that stands for one entry of an operand; ones, deltas and mere views are looked through."""
        factor = ""
        while True:
            view = view_of(node)
            if view is not None:
                node, entries = view[0], tuple(entries[i] for i in view[1])
            elif isinstance(node, Sum) and len(node.operands) == 1:
                factor += f"{coefficient(node.coefficients[0], self.schedule.sizes)} * "
                node = node.operands[0]
            else:
                break
        if isinstance(node, Ones):
            return factor + "1.0"
        if isinstance(node, Delta):
            return f"{factor}(1.0 if {entries[0]} == {entries[1]} else 0.0)"
        if isinstance(node, Sum) and not node.operands:
            return "0.0"
        read = Read(self._item(node, entries), entries)
        if read not in self.reads:
            self.reads.append(read)
        return f"{factor}{{{self.reads.index(read)}}}"

    def _item(self, node: Node, entries: Entries) -> Item:
        """The operand block by block where the row label walks along one of its axes, else whole."""
        if self.row is None:
            return Item(node)
        text = label(self.row)
        places = [k for k, e in enumerate(entries) if text in e]
        if len(places) != 1 or entries[places[0]] != text:
            return Item(node)
        axis = places[0]
        if not self.schedule.is_row(node, axis) or not self.schedule.blockable(node, axis):
            return Item(node)
        return Item(node, axis, self.schedule.turned)

    def whole(self, node: Node, axis: int | None) -> Item:
        """An operand that must be stored as an array of its own, not looked through."""
        item = Item(node) if axis is None else Item(node, axis, self.schedule.turned)
        read = Read(item, tuple(label(100 + k) for k in range(node.order)))
        self.reads.append(read)
        return read.item

    def make(self, kind: str, template: str, note: str, **more: Any) -> Statement:
        return Statement(
            self.item, kind, self.sizes, self.output, self.row, self.reads, template, note, **more
        )

    def statement(self) -> Statement:
        node, here = self.node, tuple(label(i) for i in self.output)
        if self.row is not None and not self.schedule.blockable(node, self.row):
            self.reads.append(Read(Item(node), here))
            return self.make("map", "{0}", "rows of an array")
        if isinstance(node, Ones):
            return self.make("map", "1.0", "ones")
        if isinstance(node, Delta):
            return self.make("map", f"(1.0 if {here[0]} == {here[1]} else 0.0)", "identity matrix")
        if isinstance(node, Sum):
            parts = []
            for c, term in node.terms:
                text = self.read(term, here)
                parts.append(text if c == 1 else f"{coefficient(c, self.schedule.sizes)} * {text}")
            return self.make("map", " + ".join(parts) or "0.0", "weighted sum")
        if isinstance(node, Einsum):
            return self._product(node)
        assert isinstance(node, Apply)
        operator = lookup(node.op)
        if isinstance(operator, Elementwise):
            texts = [self.read(o, here) for o in node.operands]
            if node.op == "power":
                return self.make("map", power_text(texts[0], node.param("exponent")), "power")
            # no branch, so that loops around it vectorise
            kernel = "(float({0} > 0.0) - float({0} < 0.0))" if node.op == "sign" else operator.kernel
            settings = {name: str(value) for name, value in node.params}
            inside = [t if t.startswith("{") else f"({t})" for t in texts]
            return self.make("map", kernel.format(*inside, **settings), node.op)
        rule = getattr(self, f"_{node.op}", None)
        if rule is None and node.op in _NUMERIC_AXES:
            rule = self._along_axes
        if rule is None:
            raise UnsupportedError(f"there is no kernel for the operator {node.op!r}; use backend='numpy'")
        statement: Statement = rule(node)
        return statement

    def _product(self, node: Einsum) -> Statement:
        self.sizes = dict(sorted(node.label_sizes().items()))
        accumulates = False
        if self.row is None:
            self.row = self._reduced_row(node)
            accumulates = self.row is not None
        texts = [
            self.read(o, tuple(label(i) for i in ls))
            for o, ls in zip(node.operands, node.inputs, strict=True)
        ]
        texts = [t for t in texts if t != "1.0"] or ["1.0"]
        kind = "sum" if node.summed else "map"
        note = "product" if kind == "map" else "contraction"
        return self.make(kind, " * ".join(texts), note, accumulates=accumulates)

    def _reduced_row(self, node: Einsum) -> int | None:
        """The summed label that runs over the data, unless the result itself is as long as they are."""
        schedule = self.schedule
        if any(schedule.is_row(node, k) for k in range(node.order)):
            return None
        sizes = node.label_sizes()
        for i in node.summed:
            if schedule.data_size is not None and same_size(sizes[i], schedule.data_size):
                return i
        return None

    def _along_axes(self, node: Apply) -> Statement:
        operand, along = node.operands[0], node.param("axes")
        labels: list[int] = []
        reduces = node.op in ("logsumexp", "max", "min")
        kept = 0
        for k, size in enumerate(operand.shape):
            if not reduces:
                labels.append(k)
            elif k in along:
                labels.append(100 + k)
                self.sizes[100 + k] = size
            else:
                labels.append(kept)
                kept += 1
        text = self.read(operand, tuple(label(i) for i in labels))
        return self.make("axis", text, node.op, op=node.op, axes=tuple(labels[k] for k in along))

    def _matrix(self, node: Apply) -> Statement:
        axis = self.row if self.row is not None and self.schedule.is_row(node.operands[0], self.row) else None
        self.whole(node.operands[0], axis)
        return self.make("matrix", "", node.op, op=node.op)

    _inv = _det = _logdet = _matrix

    def _tril(self, node: Apply) -> Statement:
        """Entries above a diagonal become 0."""
        i, j = (label(k) for k in self.output[-2:])
        text = self.read(node.operands[0], tuple(label(k) for k in self.output))
        condition = f"{j} <= {i} + {self._number(node.param('k', 0))}"
        return self.make("map", f"({text} if {condition} else 0.0)", "lower triangle")

    def _reshape(self, node: Apply) -> Statement:
        self.whole(node.operands[0], None if self.row is None else 0)
        return self.make("reshape", "", "another shape", op="reshape")

    def _number(self, value: Any) -> str:
        return self.schedule.sizes.integer(sympy.sympify(value))

    def _slice(self, node: Apply) -> Statement:
        entries: list[str] = []
        axis = 0
        for entry in node.param("index"):
            if entry[0] == "at":
                entries.append(self._number(entry[1]))
            else:
                entries.append(self._affine(label(axis), entry[1], entry[3]))
                axis += 1
        return self.make("map", self.read(node.operands[0], tuple(entries)), "part")

    def _affine(self, text: str, start: Any, step: Any) -> str:
        if start == 0 and step == 1:
            return text
        scaled = text if step == 1 else f"{self._number(step)} * {text}"
        return f"{self._number(start)} + {scaled}"

    def _place(self, node: Apply) -> Statement:
        entries: list[str] = []
        conditions: list[str] = []
        for k, (entry, size) in enumerate(zip(node.param("index"), node.shape, strict=True)):
            here = label(k)
            if entry[0] == "at":
                conditions.append(f"{here} == {self._number(entry[1])}")
                continue
            start, count, step = entry[1:]
            if start == 0 and step == 1 and same_size(count, size):
                entries.append(here)
                continue
            shifted = f"({here} - ({self._number(start)}))" if start != 0 else here
            if step != 1:
                conditions.append(f"{shifted} % {self._number(step)} == 0")
                shifted = f"({shifted} // {self._number(step)})"
            conditions.append(f"0 <= {shifted} < {self._number(count)}")
            entries.append(shifted)
        text = self.read(node.operands[0], tuple(entries))
        if conditions:
            text = f"({text} if {' and '.join(conditions)} else 0.0)"
        return self.make("map", text, "part put into zeros")

    def _concatenate(self, node: Apply) -> Statement:
        axis: int = node.param("axis")
        start: Any = sympy.S.Zero
        text = ""
        for k, operand in enumerate(node.operands):
            entries = [label(i) for i in self.output]
            if start != 0:
                entries[axis] = f"({label(axis)} - ({self._number(start)}))"
            start = sympy.expand(start + operand.shape[axis])
            piece = self.read(operand, tuple(entries))
            last = k == len(node.operands) - 1
            text += piece if last else f"({piece} if {label(axis)} < {self._number(start)} else "
        return self.make("map", text + ")" * (len(node.operands) - 1), "joined")


def wants_rows_last(schedule: Schedule) -> bool:
    """Whether blocks are better stored with their rows last.

    They are when a row holds small arrays of its own (the deviations from every component of a mixture): loops over
    their short axes do not vectorise, loops over the rows do. Not where BLAS needs the rows first.
    """
    if schedule.data_size is None:
        return False
    blocks = [s for s in schedule.statements.values() if s.row is not None]
    if any(s.kind in ("matrix", "reshape") for s in blocks):
        return False
    if any(is_matrix_product(s) for s in blocks):
        return False
    return any(s.target.row is not None and s.target.node.order > 2 and s.kind != "rows" for s in blocks)


def is_matrix_product(statement: Statement) -> bool:
    """Whether the contraction of two arrays has rows, columns and summed labels and no others: a job for BLAS."""
    if statement.kind != "sum" or len(statement.reads) != 2 or statement.template != "{0} * {1}":
        return False
    a, b = (r.labels for r in statement.reads)
    if a is None or b is None or len(set(a)) != len(a) or len(set(b)) != len(b):
        return False
    output, shared = set(statement.output), set(a) & set(b)
    return not shared & output and bool(shared) and bool(set(a) - shared) and bool(set(b) - shared)


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
    return found
