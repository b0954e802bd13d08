"""`derive check`: a hand derivation, or a file of claims, checked."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from .group import main
from .statements import FORMATS, declared, read_statement, statement_options


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
    type=click.Choice(["gradient", "hessian", "jacobian", "minimiser", "step", "update", "value", "kkt"]),
    help="What is claimed, instead of an order.",
)
@click.option("--assuming", multiple=True, metavar="CONDITION", help="A condition, as 'sum(y) == 1'.")
@click.option("--subject-to", multiple=True, metavar="CONDITION", help="A constraint, for --kind kkt.")
@click.option(
    "--format",
    "form",
    type=click.Choice([*FORMATS, "html"]),
    default=None,
    help="How to print; html is one self-contained page.  [default: text, or as the file's name ends]",
)
@click.option("-o", "--output", type=click.Path(dir_okay=False), help="Write to a file instead.")
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
    subject_to: Any,
    form: str | None,
    output: str | None,
) -> None:
    """Check a hand derivation: is CLAIM the derivative of OBJECTIVE?

    With one argument, a file of claims (.md, .tex, .dv): checks them all and prints a table.
    Exit status 1 if a claim is refuted; the counterexample is printed.
    """
    from .. import check as check_claim

    form = form or {".html": "html", ".tex": "latex", ".json": "json"}.get(Path(output or "").suffix, "text")
    claim = claim if claim is not None else stated
    if claim is None:
        _check_file(objective, form, output)
        return
    expression, names = read_statement(objective, *declared(variables, facts, declarations), wrt)
    if len(names) != 1:
        raise click.UsageError("a claim is about one variable: give --wrt once")
    verdict = check_claim(
        expression, names[0], claim, order, kind=kind, assuming=assuming, subject_to=subject_to
    )
    if form == "json":
        _write(json.dumps(verdict.record(), indent=2), output)
    elif form == "html":
        _write(verdict.html(), output)
    else:
        _write(verdict.latex() if form == "latex" else str(verdict), output)
    if not verdict.ok:
        click.get_current_context().exit(1 if verdict.status == "refuted" else 2)


def _check_file(name: str, form: str, output: str | None) -> None:
    """A file of claims: a table, a page, or JSON with everything."""
    from ..verify import notes

    if Path(name).suffix.lower() not in notes.SUFFIXES:
        raise click.UsageError(f"give a CLAIM, or a file of claims ({', '.join(notes.SUFFIXES)})")
    results = notes.check_file(name, _progress if sys.stderr.isatty() else None)
    if form == "json":
        _write(json.dumps([r.record() for r in results], indent=2), output)
    elif form == "html":
        _write(notes.html_page(results, f"Claims of {Path(name).name}"), output)
    else:
        _write(notes.latex_page(results) if form == "latex" else notes.summary(results), output)
    if notes.exit_status(results):
        click.get_current_context().exit(notes.exit_status(results))


def _progress(done: int, total: int) -> None:
    """A bar that grows in place."""
    width = 30
    bar = "█" * (width * done // total) + "·" * (width - width * done // total)
    click.echo(f"\r{bar} {done}/{total} claims" + ("\n" if done == total else ""), nl=False, err=True)


def _write(text: str, output: str | None) -> None:
    if output is None:
        click.echo(text.rstrip("\n"))
        return
    from ..files import atomic

    with atomic(Path(output)) as temporary:
        temporary.write_text(text.rstrip("\n") + "\n", encoding="utf-8")
    click.echo(f"written to {output}", err=True)
