"""Products of a block of rows with a vector, several rows at a time, as text.

`products` comes here first for its plain loops; what does not have this shape goes back there. Plain products
are calls of `rowwise`; those with further factors are loops over four rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from ..node import Labels, Variable
from .loops import Scope, read_text
from .program import Nest, Pass
from .statements import Read, Statement, plain_label

_TILE = 4


def tiled_lines(statement: Statement, order: Labels, scope: Scope) -> list[str] | None:
    """A matrix-vector product over rows of a block, four rows at a time.

    Four rows share each read of the vector, or each read and write of the sum; and where rows are short, four
    chains of additions run side by side.
    """
    if len(order) != 2 or order[0] != statement.row or any(r.item.turned for r in statement.reads):
        return None
    outer, inner = order
    stored = [r.labels and tuple(int(str(plain_label(e))) for e in r.stored) for r in statement.reads]
    if sum(labels == (outer, inner) for labels in stored) != 1:
        return None
    if any(labels not in ((outer, inner), (outer,), (inner,), ()) for labels in stored):
        return None
    if any(
        r.item.row is None
        for r, labels in zip(statement.reads, stored, strict=True)
        if outer in (labels or ())
    ):
        return None
    if tuple(statement.stored) == (outer,):
        dot = True
    elif tuple(statement.stored) == (inner,) and statement.accumulates:
        dot = False
    else:
        return None
    if "@" in statement.template:
        return None
    name = scope.declare_target(statement)

    def value(k: int | None, lines: list[str]) -> str:
        """The summand of row i0 + k; what does not change along the row is read before, into `lines`."""
        here = "i0" if not k else f"i0 + {k}"
        texts = []
        for number, (read, labels) in enumerate(zip(statement.reads, stored, strict=True)):
            text = read_text(read, {outer: here, inner: "i1"}, statement.row, scope)
            if labels == (outer,):
                lines.append(f"x{number}_{k or 0} = {text}")
                text = f"x{number}_{k or 0}"
            elif labels == (outer, inner):
                given = scope.names[read.item]
                lines.append(f"r{number}_{k or 0} = {given}[{here}]")
                text = f"r{number}_{k or 0}[i1]"
            texts.append(text)
        return statement.template.format(*texts)

    plain = _plain_product(statement, outer, inner)
    if plain is not None:
        call = "dot_rows" if dot else "add_rows"
        block, vector = (scope.names[r.item] for r in (plain.block, plain.vector))
        return [f"# {name}: {statement.note}", f"{call}({block}[:m], {vector}, {name})"]

    width = scope.extent(statement, inner)
    sign = "+=" if statement.accumulates else "="
    lines = [f"# {name}: {statement.note}, {_TILE} rows at a time"]
    for rows, head in (
        (range(_TILE), f"for i0 in range(0, m - {_TILE - 1}, {_TILE}):"),
        (range(1), f"for i0 in range(m // {_TILE} * {_TILE}, m):"),
    ):
        reads: list[str] = []
        values = [value(k, reads) for k in rows]
        body = list(dict.fromkeys(reads))
        if dot:
            body += [f"s{k} = 0.0" for k in rows]
            body.append(f"for i1 in range({width}):")
            body += [f"    s{k} += {v}" for k, v in zip(rows, values, strict=True)]
            body += [f"{name}[i0{f' + {k}' if k else ''}] {sign} s{k}" for k in rows]
        else:
            body.append(f"for i1 in range({width}):")
            body.append(f"    {name}[i1] += " + " + ".join(values))
        lines += [head, *(f"    {line}" for line in body)]
    return lines


@final
@dataclass(frozen=True)
class _Product:
    """The rows of a block, and the vector that they meet: along the rows (dot) or across them."""

    block: Read
    vector: Read


def _plain_product(statement: Statement, outer: int, inner: int) -> _Product | None:
    """The two reads of a product without further factors."""
    if statement.template not in ("{0} * {1}", "{1} * {0}") or len(statement.reads) != 2:
        return None
    first, second = statement.reads
    if len(first.entries) != 2:
        first, second = second, first
    if (len(first.entries), len(second.entries)) != (2, 1):
        return None
    stored = tuple(plain_label(e) for e in first.stored)
    return _Product(first, second) if stored == (outer, inner) else None


@final
@dataclass(frozen=True)
class Lag:
    """A pass in which the rows of the data meet one vector before all else and one sum after all else.

    dot, add  the two nests; what lies between them needs the rows of the block no more
    """

    dot: Nest
    add: Nest
    rows: Read
    by: Read
    weights: Read

    def covers(self, nest: Nest) -> bool:
        """Whether the nest is one of the two, or takes the rows for them."""
        return nest is self.dot or nest is self.add or nest.statements[0].target == self.rows.item


def lag_of(sweep: Pass) -> Lag | None:
    """The two products of a pass with the same rows of a data array, if nothing else reads those rows."""
    found: dict[bool, tuple[Nest, _Product]] = {}
    for nest in sweep.nests:
        for statement in nest.statements:
            labels = _row_and_column(statement)
            product = None if labels is None else _plain_product(statement, *labels)
            if product is None:
                continue
            row, column = labels or (0, 0)
            kind = (tuple(statement.stored), statement.accumulates)
            if kind not in (((row,), False), ((column,), True)) or statement.accumulates in found:
                return None
            found[statement.accumulates] = (nest, product)
    if len(found) != 2:
        return None
    (dot, by), (add, weights) = found[False], found[True]
    rows = by.block.item
    readers = [s for nest in sweep.nests for s in nest.statements if any(r.item == rows for r in s.reads)]
    given = isinstance(rows.node, Variable) and rows.row == 0 and not rows.turned
    whole = by.vector.item.row is None and weights.vector.item.row is not None
    if weights.block.item != rows or not given or not whole or len(readers) != 2:
        return None
    if any(item == rows for item in sweep.written):
        return None
    return Lag(dot, add, by.block, by.vector, weights.vector)


def carried(sweep: Pass) -> set[Variable]:
    """The data whose every entry is in a sum, times the weight of its row: one that is not finite shows there."""
    found: set[Variable] = set()
    for nest in sweep.nests:
        for statement in nest.statements:
            labels = _row_and_column(statement)
            product = None if labels is None else _plain_product(statement, *labels)
            if product is None or labels is None or not statement.accumulates:
                continue
            item = product.block.item
            if tuple(statement.stored) == labels[1:] and isinstance(item.node, Variable) and item.row == 0:
                found.add(item.node)
    return found


def _row_and_column(statement: Statement) -> tuple[int, int] | None:
    """The two labels of a contraction of a block of rows stored first."""
    others = [i for i in statement.sizes if i != statement.row]
    if statement.kind != "sum" or statement.row is None or len(others) != 1:
        return None
    if any(r.item.turned or r.labels is None for r in statement.reads):
        return None
    return statement.row, others[0]
