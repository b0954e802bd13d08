"""Products of a block of rows with a vector, four rows at a time, as text.

`products` comes here first for its plain loops; what does not have this shape goes back there.
"""

from __future__ import annotations

from ..node import Labels
from .loops import Scope, read_text
from .statements import Statement, plain_label

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
