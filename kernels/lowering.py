"""How an item is computed from other items: one loop statement per node.

One small rule per node kind, and one per operator that is not elementwise. Ones, deltas, transposes and lone
coefficients are looked through, so that they cost nothing. An operand is read block by block where the row
label walks along one of its axes and its rows depend on the same rows of its operands only; else it is read
whole.
"""

from __future__ import annotations

from typing import Any, final

import sympy

from ..errors import UnsupportedError
from ..node import Apply, Delta, Einsum, Labels, Node, Ones, Sum, Variable, raw_sum
from ..operators import REGISTRY, Elementwise, Operator, lookup
from ..sizes import Shape, Size, same_size
from .contraction import view_of
from .gram import gram_sides, rows_first, symmetric_labels
from .lowering_access import RULES, through_windows
from .lowering_access import blockable as access_blockable
from .lowering_parts import put_together
from .scalars import Sizes, coefficient, power_text
from .solves import SOLVE
from .statements import PICK, Entries, Item, Read, Statement, label

_NUMERIC_AXES = ("logsumexp", "softmax", "max", "min", "max_share", "min_share")


@final
class Rows:
    """Which axes run over the rows of the data, and what can be computed from a block of them."""

    def __init__(
        self,
        data_size: Size | None,
        sizes: Sizes,
        turned: bool = False,
        classes: frozenset[Shape] = frozenset(),
    ) -> None:
        self.data_size, self.sizes, self.turned = data_size, sizes, turned
        self.classes = classes  # shapes of rows by classes: these blocks are stored with their rows last

    def block(self, node: Node, axis: int) -> Item:
        """The item for a block of rows along that axis."""
        return Item(node, axis, self.turned or (axis == 0 and node.shape in self.classes))

    def is_row(self, node: Node, axis: int) -> bool:
        return self.data_size is not None and same_size(node.shape[axis], self.data_size)

    def blockable(self, node: Node, axis: int) -> bool:
        """Whether rows of the node along that axis need only the same rows of its operands."""
        if isinstance(node, Apply):
            if node.op in _NUMERIC_AXES:
                return self._operand_axis(node, axis) is not None
            if node.op == "inv":
                return axis < node.order - 2
            if node.op == SOLVE:
                return axis < node.operands[0].order - 2
            if node.op == "reshape":
                operand = node.operands[0]
                return axis == 0 and operand.order > 0 and self.is_row(operand, 0)
            if node.op in ("slice", "place"):
                return self._kept_axis(node, axis) is not None
            if node.op == "concatenate":
                return bool(axis != node.param("axis"))
            if lookup(node.op).loops if node.op in REGISTRY else False:
                return axis == 0 and not self.turned and lookup(node.op).apart(node, 0)
            known = access_blockable(node, axis)
            return True if known is None else known
        return True

    def _operand_axis(self, node: Apply, axis: int) -> int | None:
        """The operand's axis that becomes this axis of the result; None if the operator works along it."""
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


def lower(item: Item, rows: Rows) -> Statement | None:
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
    return Lowering(rows, item).statement()


def has_rule(operator: Operator) -> bool:
    """Whether there are loops for the operator itself; others are compiled by their definitions."""
    name = operator.name
    own = bool(operator.kernel or operator.loops)
    return own or name in RULES or name in _NUMERIC_AXES or hasattr(Lowering, f"_{name}")


@final
class Lowering:
    """The work of stating one item."""

    def __init__(self, rows: Rows, item: Item) -> None:
        self.rows, self.item, self.node = rows, item, item.node
        self.reads: list[Read] = []
        self.row = item.row
        self.output = tuple(range(item.node.order))
        self.sizes: dict[int, Size] = dict(enumerate(item.node.shape))

    def read(self, node: Node, entries: Entries) -> str:
        """The text for one entry of an operand; ones, deltas and mere views are looked through."""
        factor = ""
        while True:
            view = view_of(node)
            if view is not None:
                node, entries = view[0], tuple(entries[i] for i in view[1])
            elif isinstance(node, Sum) and len(node.operands) == 1:
                factor += f"{coefficient(node.coefficients[0], self.rows.sizes)} * "
                node = node.operands[0]
            elif isinstance(node, Apply) and node.op == "windows":
                entries = through_windows(self, node, entries)
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
        if not self.rows.is_row(node, axis) or not self.rows.blockable(node, axis):
            return Item(node)
        return self.rows.block(node, axis)

    def whole(self, node: Node, axis: int | None) -> Item:
        """An operand that must be stored as an array of its own, not looked through."""
        item = Item(node) if axis is None else Item(node, axis, self.rows.turned)
        read = Read(item, tuple(label(100 + k) for k in range(node.order)))
        self.reads.append(read)
        return read.item

    def make(self, kind: str, template: str, note: str, **more: Any) -> Statement:
        """A statement for the node with what has been read so far."""
        return Statement(
            self.item, kind, self.sizes, self.output, self.row, self.reads, template, note, **more
        )

    def statement(self) -> Statement:
        """The statement that computes the node."""
        node, here = self.node, tuple(label(i) for i in self.output)
        if self.row is not None and not self.rows.blockable(node, self.row):
            self.reads.append(Read(Item(node), here))
            return self.make("map", "{0}", "rows of an array")
        if isinstance(node, Ones):
            return self.make("map", "1.0", "ones")
        if isinstance(node, Delta):
            return self.make("map", f"(1.0 if {here[0]} == {here[1]} else 0.0)", "identity matrix")
        if isinstance(node, Sum):
            together = put_together(self, node)
            if together is not None:
                return together
            parts = []
            for c, term in node.terms:
                text = self.read(term, here)
                parts.append(text if c == 1 else f"{coefficient(c, self.rows.sizes)} * {text}")
            return self.make("map", " + ".join(parts) or "0.0", "weighted sum")
        if isinstance(node, Einsum):
            return self._product(node)
        assert isinstance(node, Apply)
        if node.op == SOLVE:
            return self._solve(node)
        operator = lookup(node.op)
        if isinstance(operator, Elementwise):
            if node.op == "sigmoid":
                return self._sigmoid(node, here)
            texts = [self.read(o, here) for o in node.operands]
            if node.op == "power":
                return self.make("map", power_text(texts[0], node.param("exponent")), "power")
            settings = {name: str(value) for name, value in node.params}
            inside = [t if t.startswith("{") else f"({t})" for t in texts]
            return self.make("map", operator.kernel.format(*inside, **settings), node.op)
        if node.op in RULES:
            return RULES[node.op](self, node)
        rule = getattr(self, f"_{node.op}", None)
        if rule is None and node.op in _NUMERIC_AXES:
            rule = self._along_axes
        if rule is None and operator.loops:
            rule = self._own_loops
        if rule is None:
            raise UnsupportedError(f"there is no kernel for the operator {node.op!r}; use backend='numpy'")
        statement: Statement = rule(node)
        return statement

    def _sigmoid(self, node: Apply, here: Entries) -> Statement:
        """σ(−x) is the cosigmoid of x: in one loop both share their exponential, and that of tanh(x/2)."""
        (operand,) = node.operands
        name = "sigmoid"
        if isinstance(operand, Sum) and len(operand.operands) == 1 and operand.coefficients[0].is_negative:
            name = "cosigmoid"
            operand = raw_sum(operand.shape, [(-operand.coefficients[0], operand.operands[0])])
        return self.make("map", f"{name}({self.read(operand, here)})", node.op)

    def _product(self, node: Einsum) -> Statement:
        self.sizes = dict(sorted(node.label_sizes().items()))
        accumulates = False
        if self.row is None:
            self.row = self._reduced_row(node)
            accumulates = self.row is not None
            gram = self._gram(node)
            if gram is not None:
                return gram
        texts = [self.read(o, tuple(label(i) for i in ls)) for o, ls in node.factors]
        texts = [t for t in texts if t != "1.0"] or ["1.0"]
        kind = "sum" if node.summed else "map"
        note = "product" if kind == "map" else "contraction"
        pair = symmetric_labels(node) if accumulates and self.rows.turned and node.order > 1 else None
        return self.make(kind, " * ".join(texts), note, accumulates=accumulates, symmetric=pair)

    def _gram(self, node: Einsum) -> Statement | None:
        """Σᵢ sᵢ xᵢ xᵢᵀ over the data, read block by block."""
        if self.row is None or self.rows.turned:
            return None
        sides = gram_sides(node, self.row, self.rows.sizes)
        if sides is None:
            return None
        a, b = sides
        self.read(a.node, tuple(label(i) for i in a.labels))
        texts = [*a.numbers, *b.numbers]
        texts += [self.read(v, tuple(label(i) for i in ls)) for v, ls in (*a.weights, *b.weights)]
        template = " * ".join(t for t in texts if t != "1.0") or "1.0"
        found = self.make("gram", template, "weighted Gram matrix", accumulates=True)
        if rows_first(found):
            return found
        self.reads.clear()
        return None

    def _reduced_row(self, node: Einsum) -> int | None:
        """The summed label that runs over the data, unless the result itself is as long as they are."""
        rows = self.rows
        if any(rows.is_row(node, k) for k in range(node.order)):
            return None
        sizes = node.label_sizes()
        for i in node.summed:
            if rows.data_size is not None and same_size(sizes[i], rows.data_size):
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
        axis = self.row if self.row is not None and self.rows.is_row(node.operands[0], self.row) else None
        self.whole(node.operands[0], axis)
        return self.make("matrix", "", node.op, op=node.op)

    def _solve(self, node: Apply) -> Statement:
        """A⁻¹ B; the batch, which comes first, may be the rows."""
        axis = self.row if self.row is not None and self.rows.is_row(node.operands[0], self.row) else None
        for operand in node.operands:
            self.whole(operand, axis)
        return self.make("matrix", "", node.op, op=node.op)

    _inv = _det = _logdet = _cholesky = _matrix

    def _own_loops(self, node: Apply) -> Statement:
        """A call of the loops that the record holds, on whole arrays or on a block of rows of each."""
        for operand in node.operands:
            self.whole(operand, self.row)
        settings = [self.setting(node.param(o.name, o.default)) for o in lookup(node.op).options or ()]
        return self.make("call", ", ".join(settings), node.op.replace("_", " "), op=node.op)

    def setting(self, value: Any) -> str:
        """An option of an operator as an argument in source."""
        return str(value) if isinstance(value, bool | int) else self.number(value)

    def _tril(self, node: Apply) -> Statement:
        """Entries above a diagonal become 0."""
        i, j = (label(k) for k in self.output[-2:])
        text = self.read(node.operands[0], tuple(label(k) for k in self.output))
        condition = f"{j} <= {i} + {self.number(node.param('k', 0))}"
        return self.make("map", f"({text} if {condition} else 0.0)", "lower triangle")

    def _reshape(self, node: Apply) -> Statement:
        self.whole(node.operands[0], None if self.row is None else 0)
        return self.make("reshape", "", "another shape", op="reshape")

    def fresh(self, shape: Shape) -> Labels:
        """Labels of loops of their own over axes of these sizes."""
        start = max(PICK, *self.sizes, 0) + 1
        labels = tuple(range(start, start + len(shape)))
        self.sizes |= dict(zip(labels, shape, strict=True))
        return labels

    def number(self, value: Any) -> str:
        """A size or number as text."""
        return self.rows.sizes.integer(sympy.sympify(value))

    def _slice(self, node: Apply) -> Statement:
        entries: list[str] = []
        axis = 0
        for entry in node.param("index"):
            if entry[0] == "at":
                entries.append(self.number(entry[1]))
            else:
                entries.append(self.affine(label(axis), entry[1], entry[3]))
                axis += 1
        return self.make("map", self.read(node.operands[0], tuple(entries)), "part")

    def affine(self, text: str, start: Any, step: Any) -> str:
        """start + step · text."""
        if start == 0 and step == 1:
            return text
        scaled = text if step == 1 else f"{self.number(step)} * {text}"
        return f"{self.number(start)} + {scaled}"

    def _place(self, node: Apply) -> Statement:
        entries: list[str] = []
        conditions: list[str] = []
        for k, (entry, size) in enumerate(zip(node.param("index"), node.shape, strict=True)):
            here = label(k)
            if entry[0] == "at":
                conditions.append(f"{here} == {self.number(entry[1])}")
                continue
            start, count, step = entry[1:]
            if start == 0 and step == 1 and same_size(count, size):
                entries.append(here)
                continue
            shifted = f"({here} - ({self.number(start)}))" if start != 0 else here
            if step != 1:
                conditions.append(f"{shifted} % {self.number(step)} == 0")
                shifted = f"({shifted} // {self.number(step)})"
            conditions.append(f"0 <= {shifted} < {self.number(count)}")
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
                entries[axis] = f"({label(axis)} - ({self.number(start)}))"
            start = sympy.expand(start + operand.shape[axis])
            piece = self.read(operand, tuple(entries))
            last = k == len(node.operands) - 1
            text += piece if last else f"({piece} if {label(axis)} < {self.number(start)} else "
        return self.make("map", text + ")" * (len(node.operands) - 1), "joined")
