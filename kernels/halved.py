"""Products whose columns are pairs that may be exchanged: outᵢₐᵦ = Σⱼ wᵢⱼ Pₐᵦⱼ with P symmetric in a and b.

Blocks of second derivatives are of this form, with Pₐᵦⱼ = vⱼₐ vⱼᵦ. Only the pairs a ≥ b are multiplied, packed before
the first block of rows; the others are mirrored.
"""

from __future__ import annotations

from ..node import Einsum, Labels
from .gram import symmetric_labels
from .loops import Scope
from .statements import Read, Statement, plain_label


def halved_lines(
    statement: Statement, left: str, right: Read, rows: Labels, columns: Labels, scope: Scope
) -> list[str] | None:
    """The lines of such a product for a block of rows; None where the columns are no such pairs."""
    node = right.item.node
    if scope.block is None or statement.accumulates or rows != (statement.row,) or len(columns) != 2:
        return None
    if statement.stored != (*rows, *columns) or len(statement.summed) != 1 or right.item.row is not None:
        return None
    pair = symmetric_labels(node) if isinstance(node, Einsum) else None
    labels = [plain_label(entry) for entry in right.entries]
    if pair is None or len(labels) != 3 or {labels[k] for k in pair} != set(columns):
        return None
    if scope.program.data_size in node.shape:
        return None  # a copy as long as the data
    size, depth = (scope.extent(statement, i) for i in (columns[0], statement.summed[0]))
    count = f"{size} * ({size} + 1) // 2"
    packed = scope.scratch([count, depth])
    half = scope.scratch([scope.block, count])
    variables = {columns[0]: "i0", columns[1]: "i1", statement.summed[0]: "i2"}
    place = ", ".join(variables[i] for i in labels if i is not None)
    scope.declarations += [
        f"for i0 in range({size}):",
        "    for i1 in range(i0 + 1):",
        f"        for i2 in range({depth}):",
        f"            {packed}[i0 * (i0 + 1) // 2 + i1, i2] = {scope.names[right.item]}[{place}]",
    ]
    name = scope.declare_target(statement)
    factors = [left, f"{packed}.T", f"{half}[:m]"]
    call = "gemm"
    if scope.ahead:
        call, factors = "gemm_ahead", [*factors, scope.ahead.pop(0)]
    return [
        f"# {name}: matrix product, half of its columns",
        f"{call}({', '.join(factors)})",
        "for i0 in range(m):",
        f"    for i1 in range({size}):",
        "        for i2 in range(i1 + 1):",
        f"            x0 = {half}[i0, i1 * (i1 + 1) // 2 + i2]",
        f"            {name}[i0, i1, i2] = x0",
        f"            {name}[i0, i2, i1] = x0",
    ]
