"""Contractions of blocks that are stored with their rows last, as calls of `lanes`, perhaps for each member of a batch.

    outₖᵢᵣ = Σⱼ Pₖᵢⱼ Vₖⱼᵣ          a small matrix on every row                            mix_rows
    outₖᵢⱼ += Σᵣ Aₖᵢᵣ Bₖⱼᵣ          moments over the rows, the second factor perhaps a vector       cross_rows

`products` comes here first; what is neither goes back there.
"""

from __future__ import annotations

from ..node import Labels
from .loops import Scope, loops
from .statements import Read, Statement, plain_label


def turned_lines(statement: Statement, scope: Scope) -> list[str] | None:
    """The lines of such a contraction, None where it is none."""
    if statement.kind != "sum" or statement.template != "{0} * {1}" or len(statement.reads) != 2:
        return None
    if scope.dtype != "float64" or scope.block is None or statement.row is None or len(statement.summed) != 1:
        return None
    pairs = [(r, tuple(plain_label(e) for e in r.stored)) for r in statement.reads]
    plain = [(r, tuple(i for i in labels if i is not None)) for r, labels in pairs]
    if any(len(set(found)) != len(labels) for (_, labels), (_, found) in zip(pairs, plain, strict=True)):
        return None
    if any(statement.row in labels and not _is_turned(read, labels, statement) for read, labels in plain):
        return None
    made = _moments(statement, plain) if statement.accumulates else _mixture(statement, plain)
    if made is None:
        return None
    function, batch, first, second = made
    scope.declare_target(statement)
    variables = {label: f"i{k}" for k, label in enumerate(batch)}

    def part(name: str, labels: Labels) -> str:
        index = ", ".join(variables[i] for i in labels if i in variables)
        return f"{name}[{index}]" if index else name

    texts = [part(scope.names[read.item], labels) for read, labels in (first, second)]
    if function == "mix_rows" and first[1][-1] != second[1][-2]:
        texts[0] += ".T"
    name = scope.names[statement.target]
    call = f"{function}({texts[0]}, {texts[1]}, m, {part(name, statement.stored)})"
    head = [f"# {name}: {statement.note}", *loops(statement, batch, scope)]
    return [*head, "    " * len(batch) + call]


_Factor = tuple[Read, Labels]


def _is_turned(read: Read, labels: Labels, statement: Statement) -> bool:
    """Whether it is a block with the rows of the statement last."""
    item = read.item
    return item.row is not None and labels[-1] == statement.row and (item.turned or item.node.order == 1)


def _moments(statement: Statement, factors: list[_Factor]) -> tuple[str, Labels, _Factor, _Factor] | None:
    row, stored = statement.row, statement.stored
    if statement.summed != (row,) or any(labels[-1:] != (row,) for _, labels in factors):
        return None
    a, b = factors
    batch = tuple(i for i in a[1][:-1] if i in b[1])
    if tuple(i for i in b[1][:-1] if i in a[1]) != batch or stored[: len(batch)] != batch:
        return None
    rest = stored[len(batch) :]
    for first, second in ((a, b), (b, a)):
        if first[1] == (*batch, *rest[:1], row) and second[1] == (*batch, *rest[1:], row) and rest:
            if len(rest) > 2:
                return None
            symmetric = len(rest) == 2 and statement.symmetric is not None
            if symmetric and set(statement.symmetric or ()) != set(rest):
                return None
            return "cross_rows_symmetric" if symmetric else "cross_rows", batch, first, second
    return None


def _mixture(statement: Statement, factors: list[_Factor]) -> tuple[str, Labels, _Factor, _Factor] | None:
    row, stored = statement.row, statement.stored
    (j,) = statement.summed
    if not statement.target.turned or len(stored) < 2 or stored[-1] != row:
        return None
    for matrix, block in (factors, factors[::-1]):
        batch, i = stored[:-2], stored[-2]
        if row in matrix[1] or matrix[0].item.row is not None or block[1] != (*batch, j, row):
            continue
        own = matrix[1][:-2]
        if set(matrix[1][-2:]) == {i, j} and own == tuple(k for k in batch if k in own):
            return "mix_rows", batch, matrix, block
    return None
