"""`derive solve` and `derive codegen`: from a problem, in a file or in words, to its optimum or to its solver."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import ArgumentError, DeclarationError
from .group import main
from .statements import declared, read, read_statement, statement_options

if TYPE_CHECKING:
    from ..problem import Problem


def problem_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that state a problem without a file."""
    for option in reversed(
        [
            click.option("--over", multiple=True, metavar="NAME", help="An unknown; may be given again."),
            click.option(
                "--subject-to", "conditions", multiple=True, metavar="CONDITION", help="As 'w >= 0'."
            ),
            click.option("--maximize", is_flag=True, help="The objective is to be maximised."),
        ]
    ):
        command = option(command)
    return statement_options(command)


def read_problem(
    problem: str,
    declarations: tuple[Any, Any, Any],
    over: Sequence[str],
    conditions: Sequence[str],
    maximize: bool,
) -> Problem:
    """The problem of a .dv file, of its text on stdin (-), or of an objective with its declarations."""
    from .. import problem_files
    from ..problem import maximize as maximised
    from ..problem import minimize as minimised

    stated = bool(any(declarations) or over or conditions or maximize)
    if problem.endswith(".dv"):
        if stated:
            raise click.UsageError("a problem file says everything; give no declarations beside it")
        return problem_files.load(problem)
    text = read(problem)
    if "\n" in text.strip() and not stated:
        return problem_files.read(text)
    expression, names = read_statement(text, *declared(*declarations), over)
    return (maximised if maximize else minimised)(expression, over=names, subject_to=list(conditions))


@main.command()
@click.argument("problem")
@problem_options
@click.option(
    "--data",
    "files",
    multiple=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="A .npz (arrays by name) or .csv (columns by name); may be given again.",
)
@click.option("--set", "settings", multiple=True, metavar="NAME=NUMBER", help="A number or a size: lam=0.1.")
@click.option(
    "--start", type=click.Path(path_type=Path, dir_okay=False), help="Unknowns to begin from (.npz)."
)
@click.option("--method", help="The optimizer, by our name or SciPy's; by default chosen by the plan.")
@click.option("--option", "chosen", multiple=True, metavar="NAME=VALUE", help="An option of the method.")
@click.option("--precision", type=click.Choice(["double", "high"]), help="'high' refines sums of squares.")
@click.option("--backend", type=click.Choice(["numba", "numpy"]), help="'numpy' compiles nothing.")
@click.option("--max-time", type=click.FloatRange(min=0, min_open=True), help="Seconds after which to stop.")
@click.option("--max-iterations", type=click.IntRange(min=1), default=10_000, show_default=True)
@click.option("--tolerance", type=click.FloatRange(0, 1, min_open=True, max_open=True), default=1e-8)
@click.option(
    "--starts", type=click.IntRange(min=1), default=1, help="Runs, all but the first from random points."
)
@click.option("--seed", type=int, default=0, show_default=True)
@click.option(
    "--checkpoint",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Keep a long run in this .npz, and go on from it if it is there.",
)
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), help="Write the unknowns to this .npz."
)
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def solve(
    problem: str,
    variables: Any,
    facts: Any,
    declarations: Any,
    wrt: Any,
    over: Any,
    conditions: Any,
    maximize: bool,
    files: Sequence[Path],
    settings: Sequence[str],
    start: Path | None,
    chosen: Sequence[str],
    out: Path | None,
    form: str,
    **how: Any,
) -> None:
    """Solve PROBLEM, a .dv file or an objective, on data.

    Exit status 1 if the answer is not certified; the message says why, and the best point is still written.

    Example: derive solve "sumsq(X @ w - y)" --var X:n,d --var y:n --var w:d --over w --data data.npz
    """
    from .. import arrays_in_files as arrays

    stated = read_problem(problem, (variables, facts, declarations), (*over, *wrt), conditions, maximize)
    data: dict[str, Any] = {}
    for path in files:
        data |= arrays.read(path, exact=how["precision"] == "high")
    known = {v.name for v in stated.declared} | {str(s) for s in stated.posed.symbols}
    if surplus := sorted(set(data) - known):
        click.echo(f"note: not part of the problem, and not used: {', '.join(surplus)}", err=True)
    data = {name: array for name, array in data.items() if name in known} | arrays.numbers(settings)
    begin = None if start is None else arrays.read(start)
    options = {name: _value(text) for name, text in map(_pair, chosen)}
    result = stated.solve(data, start=begin, progress=sys.stderr.isatty(), options=options, **how)
    if out is not None:
        arrays.save(out, {name: result[name] for name in stated.unknowns})
    if form == "json":
        click.echo(json.dumps(_record(stated, result), indent=2))
    else:
        click.echo("\n".join(_lines(stated, result)))
    if not result.success:
        click.get_current_context().exit(1)


def _pair(word: str) -> tuple[str, str]:
    name, sign, value = word.partition("=")
    if not sign:
        raise ArgumentError(f"--option {word}: write NAME=VALUE, as batch_size=64")
    return name, value


def _value(text: str) -> Any:
    if text in ("true", "false"):
        return text == "true"
    try:
        number = float(text)
    except ValueError:
        return text
    return int(number) if number.is_integer() and "." not in text else number


def _record(problem: Problem, result: Any) -> dict[str, Any]:
    """The answer for JSON; numbers that are not finite become null."""
    import numpy as np

    def plain(value: Any) -> Any:
        array = np.asarray(value, dtype=object)
        array[~np.isfinite(np.asarray(value, dtype=float))] = None
        return array.tolist()

    return {
        "objective": plain(result.fun),
        "certified": bool(result.success),
        "message": str(result.message),
        "method": str(result.method),
        "plan": str(result.plan),
        "iterations": int(result.nit),
        "certificate": str(result.certificate),
        "unknowns": {name: plain(result[name]) for name in problem.unknowns},
    }


def _lines(problem: Problem, result: Any) -> list[str]:
    """The answer in words."""
    import numpy as np

    lines = str(result.certificate).splitlines()
    if not result.success:
        lines.insert(0, str(result.message))
    lines += [f"plan        {result.plan}", f"iterations  {result.nit}"]
    for name in problem.unknowns:
        value = np.array2string(np.asarray(result[name]), precision=8, threshold=40, edgeitems=3)
        lines += [f"{name} ="] + ["  " + line for line in value.splitlines()]
    return lines


@main.command()
@click.argument("problem")
@problem_options
@click.option("--method", help="The optimizer; by default chosen from the structure of the problem.")
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The file to write; without it, the text goes to stdout.",
)
def codegen(
    problem: str,
    variables: Any,
    facts: Any,
    declarations: Any,
    wrt: Any,
    over: Any,
    conditions: Any,
    maximize: bool,
    method: str | None,
    out: Path | None,
) -> None:
    """Write a standalone solver for PROBLEM, a .dv file or an objective: one file, NumPy, SciPy and numba only.

    Example: derive codegen problem.dv -o solver.py && python solver.py --check
    """
    from .. import codegen as generate
    from ..files import atomic

    stated = read_problem(problem, (variables, facts, declarations), (*over, *wrt), conditions, maximize)
    text = generate(stated, method=method)
    if out is None:
        click.echo(text, nl=False)
        return
    if out.suffix != ".py":
        raise DeclarationError(f"{out}: the solver is a Python file; give it a name that ends in .py")
    with atomic(out) as temporary:
        temporary.write_text(text, encoding="utf-8")
    click.echo(f"{out}: {len(text.splitlines())} lines; python {out} --check tests it", err=True)
