"""One loop nest as text.

Elementwise statements over one index space share a nest in which intermediate values are scalars;
contractions become BLAS products where both sides are matrices of some size, and hand-shaped loops
elsewhere; operators along axes and matrix functions have loops of their own.
"""

from __future__ import annotations

import re
from typing import final

from ..node import Labels
from ..sizes import Size, tuple_text
from .program import Nest, Program
from .statements import LABEL, Item, Read, Statement, plain_label
from .ties import ties


@final
class Scope:
    """What the lines of one function share: names, types, and arrays declared at its top."""

    def __init__(self, program: Program, dtype: str, block: str | None, rough: bool = False) -> None:
        self.program, self.dtype, self.block, self.rough = program, dtype, block, rough
        self.names = program.names
        self.declarations: list[str] = []
        self.uses_dot = False
        self.ahead: list[
            str
        ] = []  # blocks of data that follow one another in memory, not fetched by a product yet
        self.placed: set[Item] = set()  # blocks of results that loops write where they belong
        self.passed: set[str] = set()  # results that the caller allocates
        self.reused: dict[Item, Item] = {}  # blocks in the memory of another
        self.copies: dict[tuple[Item, bool], str] = {}  # of matrices, made before the first block
        self._scratch = 0

    def size(self, size: Size) -> str:
        """A size as text of a whole number."""
        return self.program.sizes.integer(size)

    def extent(self, statement: Statement, label: int) -> str:
        """How far a loop runs."""
        return "m" if label == statement.row else self.size(statement.sizes[label])

    def declare(self, name: str, extents: list[str], dtype: str = "") -> None:
        """Room for an array of these lengths, allocated before the loops."""
        self.declarations.append(f"{name} = empty({tuple_text(extents)}, np.{dtype or self.dtype})")

    def scratch(self, extents: list[str], dtype: str = "") -> str:
        """Room for intermediate results, under a name of its own."""
        self._scratch += 1
        name = f"t{self._scratch}"
        self.declare(name, extents, dtype)
        return name

    def copied(self, item: Item, turned: bool) -> str:
        """A matrix that all blocks meet and that does not grow with the data, copied before the first of them.

        Our own arrays begin on the boundary of a cache line, and may lie transposed.
        """
        if (item, turned) not in self.copies:
            rows, columns = map(self.size, item.node.shape)
            copy = self.scratch([columns, rows] if turned else [rows, columns])
            place = "i1, i0" if turned else "i0, i1"
            self.declarations += [
                f"for i0 in range({columns if turned else rows}):",
                f"    for i1 in range({rows if turned else columns}):",
                f"        {copy}[i0, i1] = {self.names[item]}[{place}]",
            ]
            self.copies[item, turned] = copy
        return self.copies[item, turned]

    def declare_target(self, statement: Statement) -> str:
        """The name of the target, declared unless it is a scalar or lives in `acc`."""
        item = statement.target
        name = self.names[item]
        if item in self.reused:
            self.declarations.append(f"{name} = {self.names[self.reused[item]]}")
        elif item.node.order and not statement.accumulates:
            extents = [
                (self.block or "") if k == item.row else self.size(item.node.shape[k]) for k in item.storage
            ]
            if self.block is None and item in self.program.outputs:
                self.passed.add(name)
            else:
                self.declare(name, extents)
        return name


def index_text(entries: tuple[str, ...], variables: dict[int, str], row: int | None, item: Item) -> str:
    """The index of a read: loop variables; rows of a whole array are counted from the start of the data."""
    parts = []
    for axis in item.storage:
        entry = entries[axis]
        if item.row == axis and plain_label(entry) == row:
            parts.append(variables[int(entry[1:-1])])
            continue
        parts.append(globally(entry, variables, row))
    return ", ".join(parts)


def globally(text: str, variables: dict[int, str], row: int | None) -> str:
    """Labels replaced by loop variables, the row label by the number of the row in the data."""
    bare = plain_label(text) is not None

    def name(found: re.Match[str]) -> str:
        label = int(found.group(1))
        if label != row:
            return variables[label]
        return f"b + {variables[label]}" if bare else f"(b + {variables[label]})"

    return LABEL.sub(name, text)


def read_text(read: Read, variables: dict[int, str], row: int | None, scope: Scope) -> str:
    """What a statement reads, as text of an entry."""
    name = scope.names[read.item]
    if read.item.node.order == 0:
        return name
    return f"{name}[{index_text(read.entries, variables, row, read.item)}]"


def _comment(nest: Nest, scope: Scope) -> str:
    parts = [f"{scope.names[s.target]}: {s.note}" for s in nest.statements]
    text = "# " + "; ".join(parts)
    return text if len(text) <= 100 else text[:97] + "..."


def fused(nest: Nest, scope: Scope) -> list[str]:
    """Elementwise statements and full sums in one loop; values of this iteration are scalars."""
    depth = len(nest.space)
    lines: list[list[str]] = [[] for _ in range(depth + 1)]  # lines by the number of loops around them
    inside: dict[Item, str] = {}
    loaded: dict[tuple[str, int], str] = {}
    head = [_comment(nest, scope)]
    for statement, order in zip(nest.statements, nest.orders, strict=True):
        variables = {label: f"i{position}" for position, label in enumerate(order)}
        texts = []
        for read in statement.reads:
            if read.item in inside:
                texts.append(inside[read.item])
                continue
            text = read_text(read, variables, statement.row, scope)
            if read.item.node.order == 0:
                texts.append(text)
                continue
            used = [int(v) for v in re.findall(r"\bi(\d+)\b", text)]
            level = max(used, default=-1) + 1
            guarded = " if " in statement.template  # a guarded read may be outside the array otherwise
            if guarded:
                texts.append(text)
                continue
            key = (text, level)
            if key not in loaded:
                loaded[key] = f"x{len(loaded)}"
                lines[level].append(f"{loaded[key]} = {text}")
            texts.append(loaded[key])
        value = globally(statement.template, variables, statement.row).format(*texts)
        name = scope.names[statement.target]
        if statement.kind == "sum" and statement.output:
            lines[depth].append(f"{name}[{', '.join(variables[i] for i in statement.stored)}] += {value}")
            continue
        if statement.kind == "sum":
            if scope.block is None:
                head.append(f"{name} = 0.0")
            lines[depth].append(f"{name} += {value}")
            continue
        if statement.target.node.order == 0:
            lines[depth].append(f"{name} = {value}")
            inside[statement.target] = name
            continue
        inside[statement.target] = f"{name}_"
        lines[depth].append(f"{name}_ = {value}")
        if statement.target in scope.placed:
            row = statement.target.row
            index = ", ".join(f"b + i{p}" if p == row else f"i{p}" for p in range(depth))
            lines[depth].append(f"out_{name}[{index}] = {name}_")
        elif statement.target in scope.program.used:
            scope.declare_target(statement)
            index = ", ".join(f"i{p}" for p in range(depth))
            lines[depth].append(f"{name}[{index}] = {name}_")
    first, order = nest.statements[0], nest.orders[0]
    bound = _diagonal(nest, scope)
    out, pad = list(head), ""
    if bound:
        out += [_cleared(s, scope) for s in nest.statements if s.target in scope.program.used]
    for level in range(depth + 1):
        out += [pad + line for line in lines[level]]
        if level in bound:
            out.append(f"{pad}i{level} = {bound[level]}")
        elif level < depth:
            out.append(f"{pad}for i{level} in range({scope.extent(first, order[level])}):")
            pad += "    "
    return out


def _diagonal(nest: Nest, scope: Scope) -> dict[int, str]:
    """Loops that need not run, and where they stand: all that is stored is zero elsewhere."""
    stored = [
        (s, order)
        for s, order in zip(nest.statements, nest.orders, strict=True)
        if s.kind != "map" or s.target in scope.program.used
    ]
    if not stored or any(s.kind != "map" for s, _ in stored):
        return {}
    shared = frozenset.intersection(
        *(frozenset((order.index(a), order.index(b)) for a, b in ties(s.target.node)) for s, order in stored)
    )
    found: dict[int, str] = {}
    for pair in sorted(shared):
        p, q = min(pair), max(pair)
        (first, order) = stored[0]
        if p not in found and q not in found and order[q] != first.row:
            found[q] = f"b + i{p}" if order[p] == first.row else f"i{p}"
    return found


def _cleared(statement: Statement, scope: Scope) -> str:
    """Zeros in the array of a statement, or in the block of it at hand."""
    item, name = statement.target, scope.names[statement.target]
    if item in scope.placed and item.row:  # the rows are not neighbours in memory
        return f"out_{name}[{':, ' * item.row}b:b + m] = 0.0"
    if item in scope.placed:
        return f"clear(out_{name}[b:b + m])"
    return f"clear({name if item.row is None or item.turned else f'{name}[:m]'})"


def loops(statement: Statement, order: Labels, scope: Scope, start: int = 0) -> list[str]:
    """The headers of nested loops over some labels."""
    return [
        "    " * k + f"for i{start + k} in range({scope.extent(statement, label)}):"
        for k, label in enumerate(order)
    ]


def reshaped(statement: Statement, scope: Scope) -> list[str]:
    """The lines that copy an array in row order into another shape."""
    name, given = scope.names[statement.target], scope.names[statement.reads[0].item]
    extents = [scope.extent(statement, i) for i in statement.stored]
    source = f"{given}[:m]" if statement.row is not None else given
    if statement.reads[0].item.node.order == 0:
        scope.declare_target(statement)
        return [f"{name}[:] = {given}"]
    if not extents:
        return [f"{name} = {given}[{', '.join('0' for _ in statement.reads[0].item.node.shape)}]"]
    return [f"# {name}: another shape", f"{name} = shaped({source}, {tuple_text(extents)})"]
