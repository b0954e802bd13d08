"""`derive check`: a hand derivation, or a file of claims, checked."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from .group import main
from .statements import declared, format_option, read_statement, statement_options


@main.command()
@click.argument("objective")
@click.argument("claim", required=False)
@statement_options
@click.option("--claim", "stated", metavar="FORMULA", help="The claim, if it is not the second argument.")
@click.option(
    "--order",
    type=click.Choice(["1", "2", "jacobian"]),
    default="1",
    show_default=True,
    help="1: the gradient, 2: the Hessian.",
)
@click.option(
    "--kind",
    type=click.Choice(["gradient", "hessian", "jacobian", "minimiser", "step", "update", "value"]),
    help="What is claimed, instead of an order.",
)
@click.option("--assuming", multiple=True, metavar="CONDITION", help="A condition, as 'sum(y) == 1'.")
@format_option
def check(
    objective: str,
    claim: str | None,
    variables: Any,
    facts: Any,
    declarations: Any,
    wrt: Any,
    stated: str | None,
    order: str,
    kind: str | None,
    assuming: Any,
    form: str,
) -> None:
    """Check a hand derivation: is CLAIM the derivative of OBJECTIVE?

    With one argument, a file of claims (.md, .tex, .dv): checks them all and prints a table.
    Exit status 1 if a claim is refuted; the counterexample is printed.
    """
    from .. import check as check_claim

    claim = claim if claim is not None else stated
    if claim is None:
        _check_file(objective, form)
        return
    expression, names = read_statement(objective, *declared(variables, facts, declarations), wrt)
    if len(names) != 1:
        raise click.UsageError("a claim is about one variable: give --wrt once")
    verdict = check_claim(expression, names[0], claim, order, kind=kind, assuming=assuming)
    if form == "json":
        click.echo(json.dumps(verdict.record(), indent=2))
    else:
        click.echo(str(verdict))
    if not verdict.ok:
        click.get_current_context().exit(1 if verdict.status == "refuted" else 2)


def _check_file(name: str, form: str) -> None:
    """A file of claims: a table, or JSON with everything."""
    from ..verify import notes

    if Path(name).suffix.lower() not in notes.SUFFIXES:
        raise click.UsageError(f"give a CLAIM, or a file of claims ({', '.join(notes.SUFFIXES)})")

    def progress(done: int, total: int) -> None:
        if sys.stderr.isatty():
            click.echo(f"\r{done}/{total} claims" + ("\n" if done == total else ""), nl=False, err=True)

    results = notes.check_file(name, progress)
    if form == "json":
        click.echo(json.dumps([r.record() for r in results], indent=2))
    else:
        click.echo(notes.summary(results))
    if notes.exit_status(results):
        click.get_current_context().exit(notes.exit_status(results))
