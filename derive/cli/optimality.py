"""`derive kkt`, `dual` and `convexity`: what a problem implies about its optimum, printed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from .group import main
from .solving import problem_options, read_problem
from .statements import format_option

if TYPE_CHECKING:
    from ..problem import Problem


def _stated(
    problem: str, variables: Any, facts: Any, declarations: Any, wrt: Any, over: Any, more: Any
) -> Problem:
    """The problem of the command line; `--wrt` names unknowns as `--over` does."""
    return read_problem(
        problem, (variables, facts, declarations), (*over, *wrt), more["conditions"], more["maximize"]
    )


@main.command()
@click.argument("problem")
@problem_options
@click.option("--name", "names", multiple=True, metavar="NAME", help="The name of a multiplier, in order.")
@click.option("--closed-form", is_flag=True, help="Solve stationarity where it has a closed form.")
@click.option("--second-order", is_flag=True, help="The Hessian of the Lagrangian and the tangent space too.")
@click.option("--steps", is_flag=True, help="The derivation of every stationarity condition, rule by rule.")
@format_option
def kkt(
    problem: str, variables: Any, facts: Any, declarations: Any, wrt: Any, over: Any, form: str, **more: Any
) -> None:
    """Print the Karush-Kuhn-Tucker conditions of PROBLEM, a .dv file or an objective (- reads stdin).

    Example: derive kkt "sumsq(w)/2" --var w:d --var A:m,d --var b:m --over w --subject-to "A @ w == b"
    """
    stated = _stated(problem, variables, facts, declarations, wrt, over, more)
    names = list(more["names"]) or None
    conditions = stated.kkt(names)
    lagrangian = stated.lagrangian(names)
    parts: list[Any] = [conditions]
    if more["second_order"]:
        parts.append(stated.second_order(names))
    if more["closed_form"]:
        parts += stated.closed_form().values()
    solutions: list[Any] = []
    if more["steps"]:
        from .. import derivation, notation

        with notation.behind(v.name for v in conditions.multipliers):
            solutions = [derivation(lagrangian, name) for name in stated.unknowns]
            printed = lagrangian.latex() if form == "latex" else str(lagrangian)
    if form == "json":
        record = {**conditions.record(), "lagrangian": str(lagrangian), "latex": conditions.latex()}
        for title, found in (("second_order", more["second_order"]), ("closed_form", more["closed_form"])):
            if found:
                chosen = (
                    [stated.second_order(names)]
                    if title == "second_order"
                    else parts[-len(stated.unknowns) :]
                )
                record[title] = [{"text": part.lines(), "latex": part.latex()} for part in chosen]
        if solutions:
            record["steps"] = [str(s).splitlines() for s in solutions]
        click.echo(json.dumps(record, indent=2))
        return
    blocks = [part.latex() if form == "latex" else str(part) for part in parts]
    if solutions:
        blocks = [f"L = {printed}", *(s.latex() if form == "latex" else str(s) for s in solutions), *blocks]
    click.echo("\n\n".join(blocks) if form == "latex" or solutions else "\n".join(blocks))


@main.command()
@click.argument("problem")
@problem_options
@click.option("--kernel", "kernels", multiple=True, metavar="X=K", help="Name a Gram matrix: K for X @ X.T.")
@click.option("--name", "names", multiple=True, metavar="NAME", help="The name of a data map's multiplier.")
@click.option("--steps", is_flag=True, help="How it came about, block by block.")
@format_option
def dual(
    problem: str, variables: Any, facts: Any, declarations: Any, wrt: Any, over: Any, form: str, **more: Any
) -> None:
    """Print the Lagrange dual of PROBLEM, a .dv file or an objective (- reads stdin).

    Example: derive dual "sumsq(X@w - y)/2 + lam*norm(w, 1)" --var X:n,d --var y:n --var w:d --var lam
    --fact lam:positive --over w
    """
    kernels: dict[str, str] = {}
    for word in more["kernels"]:
        data, equals, gram = word.partition("=")
        if not equals or not data or not gram:
            raise click.UsageError(f"--kernel {word}: write X=K, for K = X @ X.T")
        kernels[data] = gram
    found = _stated(problem, variables, facts, declarations, wrt, over, more).dual(
        kernels or None, more["names"]
    )
    derivation = found.derivation
    assert derivation is not None
    if form == "json":
        record: dict[str, Any] = {
            "sense": found.sense,
            "objective": str(found.objective),
            "latex": found.latex(),
            "unknowns": {v.name: sorted(v.facts) for v in derivation.unknowns},
            "constraints": [str(c) for c in found.constraints],
            "primal": [line for line in derivation.lines() if line not in derivation.steps],
        }
        click.echo(
            json.dumps({**record, "steps": list(derivation.steps)} if more["steps"] else record, indent=2)
        )
        return
    click.echo(found.latex() if form == "latex" else str(found))
    lines = derivation.lines() if more["steps"] else derivation.lines()[len(derivation.steps) :]
    if form == "text" and lines:
        click.echo("\n".join(lines))


@main.command()
@click.argument("problem")
@problem_options
@click.option("--steps", is_flag=True, help="The proof, step by step.")
@format_option
def convexity(
    problem: str, variables: Any, facts: Any, declarations: Any, wrt: Any, over: Any, form: str, **more: Any
) -> None:
    """Say whether PROBLEM, a .dv file or an objective (- reads stdin), is convex, and prove it.

    Prints "convex" with the proof, "not convex" with a counterexample, or "undecided"; the exit status is 0.
    """
    verdict = _stated(problem, variables, facts, declarations, wrt, over, more).convexity()
    if form == "json":
        click.echo(json.dumps(verdict.record(), indent=2))
    elif form == "latex":
        click.echo(verdict.latex())
    else:
        click.echo("\n".join(verdict.lines(steps=more["steps"])))
