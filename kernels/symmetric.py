"""Symmetric rank-k updates as text: what `gram` found, row by row of a block."""

from __future__ import annotations

from .loops import Scope, globally, read_text
from .statements import Statement


def gram_lines(statement: Statement, scope: Scope) -> list[str]:
    """The rows of a block scaled and packed, then added by symmetric updates."""
    scope.uses_dot = True
    name = scope.names[statement.target]
    array, weights = statement.reads[0], statement.reads[1:]
    given, width = scope.names[array.item], scope.size(statement.sizes[statement.output[0]])
    lines = [f"# {name}: {statement.note}, lower triangle"]
    if statement.template == "1.0" and scope.dtype == "float64" and not scope.rough:
        return [*lines, _update(f"{given}[:m], 1.0, {name}", scope)]
    packed = scope.scratch([scope.block or "", width], "float32" if scope.rough else "float64")
    row = statement.row
    assert row is not None
    variables = {row: "i0"}
    texts = [read_text(r, variables, row, scope) for r in weights]
    weight = globally(statement.template, variables, row).format("", *texts)
    return [
        *lines,
        "top = 0",
        "rest = m",
        "for i0 in range(m):",
        f"    weight = {weight}",
        "    share = sqrt(abs(weight))",
        "    place = top",
        "    if weight < 0.0:",
        "        rest -= 1",
        "        place = rest",
        "    else:",
        "        top += 1",
        f"    for i1 in range({width}):",
        f"        {packed}[place, i1] = share * {given}[i0, i1]",
        _update(f"{packed}[:top], 1.0, {name}", scope),
        f"syrk({packed}[rest:m], -1.0, {name})",
    ]


def _update(arguments: str, scope: Scope) -> str:
    """The call, which fetches the next rows of the data if no product did."""
    return f"syrk_ahead({arguments}, {scope.ahead.pop(0)})" if scope.ahead else f"syrk({arguments})"
