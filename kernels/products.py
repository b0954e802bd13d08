"""Contractions as text: BLAS for products of matrices, hand-shaped loops for everything else.

A product of two arrays is a matrix product when its labels fall into rows (in the left factor and the
result), columns (in the right factor and the result), summed ones (in both factors) and perhaps a batch (in
both factors and the result), over which it is repeated. BLAS reads a matrix where it lies, with whatever distance
between its rows; only what has no axis of neighbouring entries is copied first. With only rows or only
columns it is a matrix-vector product: plain loops over a block in cache beat BLAS there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

from ..node import Labels, Variable
from .halved import halved_lines
from .loops import Scope, globally, loops, read_text
from .statements import LABEL, Read, Statement, plain_label
from .tiles import tiled_lines
from .turned import turned_lines


def product_lines(statement: Statement, scope: Scope) -> list[str]:
    """The lines of one contraction."""
    form = _matrix_form(statement)
    if form is not None:
        return _Products(statement, form, scope).text()
    return turned_lines(statement, scope) or _plain(statement, scope)


def stored_labels(read: Read) -> Labels | None:
    """The labels of a read in storage order, or None if an index is not a label or one occurs twice."""
    found = [plain_label(e) for e in read.stored]
    labels = tuple(i for i in found if i is not None)
    return labels if len(labels) == len(found) == len(set(labels)) else None


# ---------------------------------------------------------------- matrix products


@final
@dataclass(frozen=True)
class _Form:
    """A product of matrices: which read is left, and the groups of labels."""

    left: Read
    right: Read
    batch: Labels
    rows: Labels
    columns: Labels
    summed: Labels


def _labels_of(read: Read) -> Labels | None:
    """The labels in the indices of a read, in storage order; None if one occurs twice. A window's index has two."""
    found = tuple(int(i) for entry in read.stored for i in LABEL.findall(entry))
    return found if len(set(found)) == len(found) else None


def _matrix_form(statement: Statement) -> _Form | None:
    if statement.kind != "sum" or len(statement.reads) != 2 or statement.template != "{0} * {1}":
        return None
    a, b = statement.reads
    la, lb = _labels_of(a), _labels_of(b)
    if la is None or lb is None:
        return None
    if any(i.turned and i.node.order > 2 for i in (a.item, b.item, statement.target)):
        return None
    row = statement.row
    for read, labels in ((a, stored_labels(a)), (b, stored_labels(b))):
        if labels is not None and row in labels and read.item.row is None:
            return None  # rows of a whole array have no block of their own
    output = set(statement.output)
    if any(i not in output and not (i in la and i in lb) for i in statement.sizes):
        return None
    if any(i not in (*la, *lb) for i in statement.output):
        return None
    stored = statement.stored
    batch = tuple(i for i in stored if i in la and i in lb)
    summed = tuple(i for i in la if i in lb and i not in output)
    rows = tuple(i for i in la if i in output and i not in batch)
    columns = tuple(i for i in lb if i in output and i not in batch)
    if not (rows and columns and summed):
        return None
    found = _arranged(statement, a, b, batch, rows, columns, summed)
    if row is None or row in batch:
        return found
    # one row of the data at a time, where that spares copies: a row may be a matrix itself
    fewer = tuple(tuple(i for i in group if i != row) for group in (rows, columns, summed))
    if not all(fewer) or (row in summed and not statement.accumulates):
        return found
    alone = _arranged(statement, a, b, (row, *batch), *fewer)
    return alone if _copies(alone, statement) < _copies(found, statement) else found


def _arranged(
    statement: Statement, a: Read, b: Read, batch: Labels, rows: Labels, columns: Labels, summed: Labels
) -> _Form:
    """The factor whose labels come first in the result on the left."""
    row = statement.row
    inner = tuple(i for i in statement.stored if i not in batch)
    if inner[: len(columns)] == columns and inner != (*rows, *columns):
        a, b, rows, columns = b, a, columns, rows
    if row in columns and not statement.target.turned:
        a, b, rows, columns = b, a, columns, rows
    # the rows of a block come first in storage: a group that holds them starts with them
    return _Form(a, b, batch, _led_by(row, rows), columns, _led_by(row, summed))


def _copies(form: _Form, statement: Statement) -> int:
    """How many of the three matrices BLAS cannot use where they lie."""
    left = _lies(stored_labels(form.left), form, form.rows, form.summed)
    right = _lies(stored_labels(form.right), form, form.summed, form.columns)
    result = _lies(statement.stored, form, form.rows, form.columns)
    return [left, right].count(None) + (result is not False)


def _lies(labels: Labels | None, form: _Form, first: Labels, second: Labels) -> bool | None:
    """Whether an array with these labels is the matrix turned, False if it is the matrix, None if it is neither."""
    if labels is None or labels[-1] in form.batch:
        return None
    own = tuple(i for i in form.batch if i in labels)
    rest = tuple(i for i in labels if i not in own)
    if labels[: len(own)] != own and len(rest) != 2:
        return None
    return False if rest == (*first, *second) else True if rest == (*second, *first) else None


def _led_by(row: int | None, labels: Labels) -> Labels:
    """The labels with the row label, if it is among them, in front."""
    return (row, *(i for i in labels if i != row)) if row is not None and row in labels else labels


@final
class _Products:
    """The text of one product of matrices, or of a batch of them."""

    def __init__(self, statement: Statement, form: _Form, scope: Scope) -> None:
        self.statement, self.form, self.scope = statement, form, scope
        self.variables = {label: f"i{k}" for k, label in enumerate(form.batch)}
        self.lines: list[str] = []  # what is done for every member of the batch

    def text(self) -> list[str]:
        form, statement, scope = self.form, self.statement, self.scope
        scope.uses_dot = True
        if not form.batch:
            left = self._view(scope.names[form.left.item], stored_labels(form.left), form.rows, form.summed)
            halved = left and halved_lines(statement, left, form.right, form.rows, form.columns, scope)
            if halved:
                return halved
        name = scope.declare_target(statement)
        left = self._turned_once() or self._factor(form.left, form.rows, form.summed)
        right = self._copied_once(form.right) or self._factor(form.right, form.summed, form.columns)
        # sums over the rows of the data are in double precision, whatever the data
        adds = statement.accumulates
        target = None
        if not adds or scope.dtype == "float64":
            target = self._view(name, statement.stored, form.rows, form.columns, result=True)
        if target is not None:
            call, factors = "gemm_add" if adds else "gemm", [left, right, target]
            if scope.ahead and not form.batch:
                call, factors = f"{call}_ahead", [*factors, scope.ahead.pop(0)]
            self.lines.append(f"{call}({', '.join(factors)})")
        else:
            self._through_copy(name, left, right)
        pad = "    " * len(form.batch)
        title = "matrix products" if form.batch else "matrix product"
        head = [f"# {name}: {title}", *loops(statement, form.batch, scope)]
        return head + [pad + line for line in self.lines]

    def _view(
        self, name: str, labels: Labels | None, first: Labels, second: Labels, result: bool = False
    ) -> str | None:
        """The array as a matrix with these groups of labels as its axes, if BLAS can use it where it lies."""
        batch, m = self.form.batch, self.statement.row
        turned = _lies(labels, self.form, first, second)
        if turned is None or labels is None or (turned and result):
            return None
        p, q = (second, first) if turned else (first, second)
        parts = [self.variables[i] if i in batch else ":m" if i == m else ":" for i in labels]
        while parts and parts[-1] == ":":
            parts.pop()
        text = f"{name}[{', '.join(parts)}]" if parts else name
        if len(p) > 1 or len(q) > 1:
            text = f"shaped({text}, ({self._count(p)}, {self._count(q)}))"
        return text + (".T" if turned else "")

    def _copied_once(self, read: Read) -> str | None:
        """A matrix that all blocks meet, copied before the first of them: one that lies turned, or that is given.

        A product whose vectors run along the columns would copy the one for every block, and a given one
        seldom begins on the boundary of a cache line: its vectors would take two reads each.
        """
        form, labels = self.form, stored_labels(read)
        if not self._is_met_by_all(read):
            return None
        if labels == (*form.columns, *form.summed):
            return self.scope.copied(read.item, turned=True)
        if labels == (*form.summed, *form.columns) and isinstance(read.item.node, Variable):
            return self.scope.copied(read.item, turned=False)
        return None

    def _turned_once(self) -> str | None:
        """The left factor likewise, where it meets rows of a block in dot products and its own lie across."""
        form, left = self.form, self.form.left
        across = stored_labels(left) == (*form.summed, *form.rows)
        dots = stored_labels(form.right) == (*form.columns, *form.summed)
        return (
            self.scope.copied(left.item, turned=True)
            if across and dots and self._is_met_by_all(left)
            else None
        )

    def _is_met_by_all(self, read: Read) -> bool:
        """Whether all blocks meet the same matrix, which is not as long as the data."""
        scope, labels = self.scope, stored_labels(read)
        if scope.block is None or read.item.row is not None or self.form.batch or labels is None:
            return False
        return len(labels) == 2 and scope.program.data_size not in read.item.node.shape

    def _factor(self, read: Read, first: Labels, second: Labels) -> str:
        found = self._view(self.scope.names[read.item], stored_labels(read), first, second)
        if found is not None:
            return found
        last = LABEL.findall(read.stored[-1])
        row = self.statement.row
        # the rows of a block come first in storage, whatever the product wants; neighbours are copied as neighbours
        if row in second or (row not in first and last and int(last[0]) == first[-1]):
            return self._packed(read, second, first) + ".T"
        return self._packed(read, first, second)

    def _packed(self, read: Read, first: Labels, second: Labels) -> str:
        """A copy of the read with its axes in the wanted order."""
        order = (*first, *second)
        copy = self.scope.scratch([self._room(i) for i in order])
        variables = self._inner(order)
        self._loops(order)
        place = ", ".join(variables[i] for i in order)
        value = read_text(read, variables, self.statement.row, self.scope)
        self.lines.append("    " * len(order) + f"{copy}[{place}] = {value}")
        return self._matrix(copy, first, second)

    def _through_copy(self, name: str, left: str, right: str) -> None:
        """The product in an array of its own, then brought into the order, or added to the sum, of the target."""
        statement, form = self.statement, self.form
        order = (*form.rows, *form.columns)
        product = self.scope.scratch([self._room(i) for i in order])
        self.lines.append(f"gemm({left}, {right}, {self._matrix(product, form.rows, form.columns)})")
        variables = self._inner(order)
        self._loops(order)
        place = ", ".join(variables[i] for i in statement.stored)
        source = ", ".join(variables[i] for i in order)
        sign = "+=" if statement.accumulates else "="
        self.lines.append("    " * len(order) + f"{name}[{place}] {sign} {product}[{source}]")

    def _matrix(self, copy: str, first: Labels, second: Labels) -> str:
        part = f"{copy}[:m]" if first[0] == self.statement.row else copy
        if len(first) == len(second) == 1:
            return part
        return f"shaped({part}, ({self._count(first)}, {self._count(second)}))"

    def _inner(self, order: Labels) -> dict[int, str]:
        start = len(self.form.batch)
        return self.variables | {label: f"i{start + k}" for k, label in enumerate(order)}

    def _loops(self, order: Labels) -> None:
        self.lines += loops(self.statement, order, self.scope, len(self.form.batch))

    def _room(self, label: int) -> str:
        if label == self.statement.row:
            return self.scope.block or ""
        return self.scope.size(self.statement.sizes[label])

    def _count(self, labels: Labels) -> str:
        return " * ".join(_factor(self.scope.extent(self.statement, i)) for i in labels)


def _factor(text: str) -> str:
    return f"({text})" if any(c in text for c in " +-") else text


# ---------------------------------------------------------------- plain loops


def _inner_label(statement: Statement, candidates: Sequence[int]) -> int:
    """The label whose loop runs innermost: along the last axis of as many arrays as can be."""

    def score(label: int) -> int:
        total = 0
        arrays = [tuple(plain_label(e) for e in r.stored) for r in statement.reads]
        arrays.append(tuple(statement.stored))
        for axes in arrays:
            if label in axes:
                total += 1 if axes[-1] == label else -2
        return total

    return max(candidates, key=lambda i: (score(i), i != statement.row, i not in statement.output, -i))


def _plain(statement: Statement, scope: Scope) -> list[str]:
    """Loops around one multiply-add, values read as far out as they can be."""
    summed = statement.summed
    everything = [*statement.stored, *summed]
    inner = _inner_label(statement, everything)
    outer = [i for i in everything if i != inner]
    if statement.row in outer and not any(r.item.turned for r in statement.reads):
        outer.remove(statement.row)
        outer.insert(0, statement.row)
    order = (*outer, inner)
    variables = {label: f"i{k}" for k, label in enumerate(order)}
    tiled = tiled_lines(statement, order, scope)
    if tiled is not None:
        return tiled
    name = scope.declare_target(statement)
    scalar = all(i in summed for i in order[len(statement.stored) :]) and set(
        order[: len(statement.stored)]
    ) == set(statement.stored)
    depth = len(order)
    pair = statement.symmetric if scalar else None
    if pair is not None and order.index(pair[0]) > order.index(pair[1]):
        pair = pair[::-1]  # the loop over the second is the inner one, and ends at the first
    lines: list[list[str]] = [[] for _ in range(depth + 1)]
    texts = []
    for k, read in enumerate(statement.reads):
        text = read_text(read, variables, statement.row, scope)
        if read.item.node.order:
            used = [p for p in range(depth) if f"i{p}" in _names(text)]
            level = max(used, default=-1) + 1
            lines[level].append(f"x{k} = {text}")
            text = f"x{k}"
        texts.append(text)
    value = globally(statement.template, variables, statement.row).format(*texts)
    place = ", ".join(variables[i] for i in statement.stored)
    target = f"{name}[{place}]" if statement.output else name
    head = [f"# {name}: {statement.note}"]
    kept = len(statement.stored)
    tail: list[list[str]] = [[] for _ in range(depth + 1)]
    if not statement.output:
        if scope.block is None:
            head.append(f"{name} = 0.0")
        lines[depth].append(f"{name} += {value}")
    elif scalar:
        lines[kept].append("total = 0.0")
        lines[depth].append(f"total += {value}")
        tail[kept].append(f"{target} {'+=' if statement.accumulates else '='} total")
        if pair is not None:
            a, b = (variables[i] for i in pair)
            swapped = ", ".join({a: b, b: a}.get(variables[i], variables[i]) for i in statement.stored)
            tail[kept] += [f"if {b} < {a}:", f"    {name}[{swapped}] += total"]
    else:
        if not statement.accumulates:
            shared = next(k for k, i in enumerate(order) if i not in statement.output)
            rest = tuple(i for i in statement.stored if i not in order[:shared])
            zeroed = variables | {i: f"i{depth + k}" for k, i in enumerate(rest)}
            lines[shared] += loops(statement, rest, scope, depth)
            place = ", ".join(zeroed[i] for i in statement.stored)
            lines[shared].append("    " * len(rest) + f"{name}[{place}] = 0.0")
        lines[depth].append(f"{target} += {value}")
    out = head
    for level in range(depth + 1):
        out += ["    " * level + line for line in lines[level]]
        if level < depth:
            extent = scope.extent(statement, order[level])
            if pair is not None and order[level] == pair[1]:
                extent = f"{variables[pair[0]]} + 1"
            out.append("    " * level + f"for i{level} in range({extent}):")
    for level in range(depth, -1, -1):
        out += ["    " * level + line for line in tail[level]]
    return out


def _names(text: str) -> set[str]:
    return set("".join(c if c.isalnum() else " " for c in text).split())
