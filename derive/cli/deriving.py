"""`derive grad`, `hessian` and `jacobian`: derivatives printed."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import click

from .group import main
from .statements import declared, format_option, read_statement, statement_options

if TYPE_CHECKING:
    from ..expression import Expression


def _assumptions(expression: Expression) -> list[str]:
    """What the result rests on: declarations, facts, conventions at kinks and for symmetric unknowns."""
    from ..node import Apply, topological
    from ..operators import lookup
    from ..sizes import show_shape

    found = []
    for v in expression.declared:
        facts = f", {', '.join(sorted(v.facts))}" if v.facts else ""
        found.append(f"{v.name} has shape {show_shape(v.shape)}{facts}")
    sizes = sorted({str(s) for v in expression.declared for size in v.shape for s in size.free_symbols})
    if sizes:
        found.append(f"{', '.join(sizes)} {'are sizes' if len(sizes) > 1 else 'is a size'}, at least 1")
    return found + _remarks([n.op for n in topological([expression.node]) if isinstance(n, Apply)], lookup)


def _remarks(operators: Sequence[str], lookup: Callable[[str], Any]) -> list[str]:
    """The conventions at points without a derivative."""
    kinks = {name: lookup(name).subgradient for name in operators if lookup(name).subgradient}
    return [f"where {name} has no derivative: {words}" for name, words in sorted(kinks.items())]


def _remarked(expression: Expression, wrt: Sequence[str]) -> list[str]:
    """The assumptions that a reader could miss."""
    symmetric = [v.name for v in expression.declared if v.name in wrt and "symmetric" in v.facts]
    words = [f"{name} is symmetric: the gradient is the symmetric part" for name in symmetric]
    return words + [a for a in _assumptions(expression) if a.startswith("where ")]


def show(results: list[tuple[list[str], Expression]], label: str, expression: Expression, form: str) -> None:
    """Print derivatives: one plainly, several with a label each."""
    from .. import notation
    from ..sizes import show_shape

    if form == "json":
        assumed = _assumptions(expression)
        records = [
            {
                "wrt": names[0] if len(names) == 1 else names,
                "text": str(result),
                "latex": result.latex(named=False),
                "shape": [str(s) for s in result.shape],
                "assumptions": assumed,
            }
            for names, result in results
        ]
        click.echo(json.dumps(records[0] if len(records) == 1 else records, indent=2))
        return
    many, nodes = len(results) > 1, [result.node for _, result in results]
    if form == "latex":
        formulas, named = notation.latex_together(nodes)
        for (names, _), formula in zip(results, formulas, strict=True):
            sub = "\\nabla" + ("^2" if label == "hessian" else "") + "_{" + " ".join(names) + "} f"
            behind = f" \\quad\\text{{where }} {named}" if named and not many else ""
            click.echo((f"{sub} = " if many and label != "jacobian" else "") + formula + behind)
        if named and many:
            click.echo(f"\\text{{where }} {named}")
    else:
        shown, where = notation.lines_together(nodes)
        for (names, result), rows in zip(results, shown, strict=True):
            head = f"{label} {', '.join(names)} {show_shape(result.shape)}: " if many else ""
            click.echo(head + "\n".join(rows))
        if where:
            click.echo("\n".join(where))
    for words in _remarked(expression, [n for names, _ in results for n in names]):
        click.echo(f"note: {words}", err=True)


@main.command()
@click.argument("objective")
@statement_options
@format_option
@click.option("--steps", is_flag=True, help="The whole derivation, rule by rule.")
def grad(
    objective: str, variables: Any, facts: Any, declarations: Any, wrt: Any, form: str, steps: bool
) -> None:
    """Print the gradient of OBJECTIVE, a scalar (- reads stdin)."""
    from .. import gradient

    expression, names = read_statement(objective, *declared(variables, facts, declarations), wrt)
    if steps:
        _show_steps(expression, names, form)
        return
    found = gradient(expression, names)
    show([([name], g) for name, g in zip(names, found, strict=True)], "gradient", expression, form)


def _show_steps(expression: Expression, names: Sequence[str], form: str) -> None:
    """The worked solution for each unknown."""
    from .. import derivation

    solutions = {name: derivation(expression, name) for name in names}
    if form == "json":
        records = {name: {"text": str(s).splitlines(), "latex": s.latex()} for name, s in solutions.items()}
        click.echo(json.dumps(records, indent=2))
        return
    click.echo("\n\n".join(s.latex() if form == "latex" else str(s) for s in solutions.values()))


@main.command()
@click.argument("objective")
@statement_options
@format_option
def hessian(objective: str, variables: Any, facts: Any, declarations: Any, wrt: Any, form: str) -> None:
    """Print the Hessian of OBJECTIVE, a scalar (- reads stdin); several --wrt give its blocks."""
    from .. import hessian as hessian_of

    expression, names = read_statement(objective, *declared(variables, facts, declarations), wrt)
    table = hessian_of(expression, names)
    # The blocks above the diagonal say all: those below are their transposes.
    blocks = [
        ([names[i], names[j]] if len(names) > 1 else [names[i]], table[i][j])
        for i in range(len(names))
        for j in range(i, len(names))
    ]
    show(blocks, "hessian", expression, form)


@main.command()
@click.argument("objective")
@statement_options
@format_option
def jacobian(objective: str, variables: Any, facts: Any, declarations: Any, wrt: Any, form: str) -> None:
    """Print the Jacobian of OBJECTIVE, an array (- reads stdin); its axes come first."""
    from .. import jacobian as jacobian_of

    expression, names = read_statement(objective, *declared(variables, facts, declarations), wrt)
    found = jacobian_of(expression, names)
    show([([name], j) for name, j in zip(names, found, strict=True)], "jacobian", expression, form)
