"""`derive models`, `demo` and `fit`: the models of the package, end to end."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import click

from .group import main
from .statements import format_option


@main.command()
@click.argument("name", required=False)
@format_option
def models(name: str | None, form: str) -> None:
    """List the models, or show the statement and derivatives of one."""
    from ..models import REGISTRY, get

    if name is not None:
        from ..presenting import present, present_json

        model = get(name)
        click.echo(json.dumps(present_json(model), indent=2) if form == "json" else present(model, form))
        return
    if form == "json":
        records = [{"name": m.name, "title": m.title, "statement": m.statement} for m in REGISTRY.values()]
        click.echo(json.dumps(records, indent=2))
        return
    width = max(len(each) for each in REGISTRY)
    for model in REGISTRY.values():
        click.echo(f"{model.name:{width}}  {model.title}: {model.statement}")


@main.command()
@click.argument("names", nargs=-1, metavar="[MODEL]...")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("derive-report"),
    show_default=True,
    help="The report folder.",
)
def demo(names: tuple[str, ...], out: Path) -> None:
    """Take the models end to end: derive, print, compile, check, fit; write a report."""
    from ..demo import run

    if not run(names, out):
        click.get_current_context().exit(1)


@main.command()
@click.argument("name", metavar="MODEL")
@click.option(
    "--data",
    type=click.Path(path_type=Path, dir_okay=False),
    help="A .csv (header; last column the target) or .npz (arrays by the model's names).",
)
@click.option(
    "--set", "settings", multiple=True, metavar="NAME=NUMBER", help="A number of the model: lam=0.1."
)
@click.option("--method", help="The optimizer; by default chosen by the model.")
@click.option("--max-time", type=click.FloatRange(min=0, min_open=True), help="Seconds after which to stop.")
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), help="Write the unknowns to this .npz."
)
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def fit(
    name: str,
    data: Path | None,
    settings: Sequence[str],
    method: str | None,
    max_time: float | None,
    out: Path | None,
    form: str,
) -> None:
    """Fit MODEL to its own data set or to your arrays.

    Exit status 1 if the answer is not certified to be a stationary point.
    """
    from .. import fitting
    from ..models import get

    model = get(name)
    arrays = fitting.arrays_of(model, data, fitting.numbers(settings))
    result = fitting.fit(model, arrays, method=method, max_time=max_time, progress=True)
    if out is not None:
        fitting.save(out, {u: result[u] for u in model.unknowns})
    if form == "json":
        click.echo(json.dumps(fitting.record(model, result), indent=2))
    else:
        click.echo("\n".join(fitting.describe(model, arrays, result)))
    if not result.success:
        click.get_current_context().exit(1)
