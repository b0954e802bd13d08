"""The command line `derive`: thin wrappers that read words, call the library and print.

Exit status 0: done; 1: a check failed (a claim is refuted); 2: bad usage or bad input, with a message on
stderr and nothing written. Everything heavy is imported inside the commands, so that `derive --help`
needs no SymPy and `derive grad` no numba. Results go to stdout, remarks and errors to stderr.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from . import __version__
from .errors import DeclarationError, DeriveError

if TYPE_CHECKING:
    from .expression import Expression

FORMATS = ("text", "latex", "json")


class _Commands(click.Group):
    """A group in which every error of ours is a message on stderr and exit status 2."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except DeriveError as error:
            click.echo(f"error: {error}", err=True)
            ctx.exit(2)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="derive")
def main() -> None:
    """State a model once; gradient, Hessian, kernel and fit are derived from it.

    Example: derive grad "sumsq(X @ w - y)/2" --var X:n,d --var y:n --var w:d --wrt w
    """
    for stream in (sys.stdout, sys.stderr):  # a terminal that lacks a sign shows a question mark
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")


# ---------------------------------------------------------------- statements on the command line


def _statement_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that declare names and choose the unknowns."""
    for option in reversed(
        [
            click.option(
                "--var",
                "variables",
                multiple=True,
                metavar="NAME[:SIZES]",
                help="Declare a variable: X:n,d is a matrix, y:n a vector, lam a number.",
            ),
            click.option(
                "--fact",
                "facts",
                multiple=True,
                metavar="NAME:FACTS",
                help="What is known of it: S:psd, lam:positive.",
            ),
            click.option(
                "--declare",
                "declarations",
                multiple=True,
                metavar="JSON|@FILE",
                help='Declare by JSON, as {"X": ["n", "d"]}, or by a file of it.',
            ),
            click.option(
                "--wrt",
                multiple=True,
                metavar="NAME",
                help="The variable to differentiate by; may be given again.",
            ),
        ]
    ):
        command = option(command)
    return command


_format_option = click.option(
    "--format", "form", type=click.Choice(FORMATS), default="text", show_default=True, help="How to print."
)


def _declared(
    variables: Sequence[str], facts: Sequence[str], declarations: Sequence[str]
) -> tuple[dict[str, tuple[Any, ...]], dict[str, tuple[str, ...]]]:
    """Shapes and facts by name, from the words of the command line."""
    shapes: dict[str, tuple[Any, ...]] = {}
    known: dict[str, tuple[str, ...]] = {}

    def add(name: str, sizes: tuple[Any, ...]) -> None:
        if name in shapes:
            raise DeclarationError(f"{name} is declared twice")
        shapes[name] = sizes

    for source in declarations:
        for name, sizes in _json_declaration(source).items():
            add(name, sizes)
    for word in variables:
        name, colon, rest = word.partition(":")
        add(name.strip(), _words(word, rest) if colon else ())
    for word in facts:
        name, colon, rest = word.partition(":")
        if not colon:
            raise DeclarationError(f"--fact {word}: write NAME:FACT, as S:psd")
        if shapes and name not in shapes:
            raise DeclarationError(f"--fact {word}: no variable is called {name}")
        known[name] = (*known.get(name, ()), *_words(word, rest))
    return shapes, known


def _words(whole: str, text: str) -> tuple[str, ...]:
    words = tuple(word.strip() for word in text.split(","))
    if not all(words):
        raise DeclarationError(f"{whole}: a word is missing between the commas")
    return words


def _json_declaration(source: str) -> dict[str, tuple[Any, ...]]:
    text = source
    if source.startswith("@"):
        try:
            text = Path(source[1:]).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise DeclarationError(f"--declare {source}: the file cannot be read: {error}") from None
    try:
        found = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        raise DeclarationError(f"--declare: this is no JSON: {error}") from None
    if not isinstance(found, dict):
        raise DeclarationError('--declare: expected an object such as {"X": ["n", "d"]}')
    for name, sizes in found.items():
        fine = isinstance(sizes, list) and all(
            isinstance(s, str | int) and not isinstance(s, bool) for s in sizes
        )
        if not fine:
            raise DeclarationError(f'--declare: {name} needs a list of sizes such as ["n", "d"]')
    return {name: tuple(sizes) for name, sizes in found.items()}


def _read(objective: str) -> str:
    return sys.stdin.read() if objective == "-" else objective


def _stated(objective: str, shapes: Any, facts: Any, wrt: Sequence[str]) -> tuple[Expression, list[str]]:
    """The statement, and the names to differentiate by; a single variable need not be named."""
    from . import parse

    expression = parse(_read(objective), variables=shapes or None, facts=facts)
    for sentence in expression.assumptions:
        click.echo(f"assumed: {sentence}", err=True)
    if not wrt and len(shapes) == 1:
        return expression, list(shapes)
    if not wrt:
        raise DeclarationError(
            f"say what to differentiate by: --wrt with one of {', '.join(shapes) or 'none'}"
        )
    return expression, list(wrt)


def _assumptions(expression: Expression) -> list[str]:
    """What the result rests on: declarations, facts, conventions at kinks and for symmetric unknowns."""
    from .node import Apply, topological
    from .operators import lookup
    from .sizes import show_shape

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


def _show(results: list[tuple[list[str], Expression]], label: str, expression: Expression, form: str) -> None:
    """Print derivatives: one plainly, several with a label each."""
    from .sizes import show_shape

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
    for names, result in results:
        many = len(results) > 1
        if form == "latex":
            sub = "\\nabla" + ("^2" if label == "hessian" else "") + "_{" + " ".join(names) + "} f"
            click.echo((f"{sub} = " if many and label != "jacobian" else "") + result.latex())
        else:
            head = f"{label} {', '.join(names)} {show_shape(result.shape)}: " if many else ""
            click.echo(head + "\n".join(result.lines()))
    for words in _remarked(expression, [n for names, _ in results for n in names]):
        click.echo(f"note: {words}", err=True)


# ---------------------------------------------------------------- deriving


@main.command()
@click.argument("objective")
@_statement_options
@_format_option
@click.option("--steps", is_flag=True, help="The whole derivation, rule by rule.")
def grad(
    objective: str, variables: Any, facts: Any, declarations: Any, wrt: Any, form: str, steps: bool
) -> None:
    """Print the gradient of OBJECTIVE, a scalar (- reads stdin)."""
    from . import gradient

    expression, names = _stated(objective, *_declared(variables, facts, declarations), wrt)
    if steps:
        _show_steps(expression, names, form)
        return
    found = gradient(expression, names)
    _show([([name], g) for name, g in zip(names, found, strict=True)], "gradient", expression, form)


def _show_steps(expression: Expression, names: Sequence[str], form: str) -> None:
    """The worked solution for each unknown."""
    from . import derivation

    solutions = {name: derivation(expression, name) for name in names}
    if form == "json":
        records = {name: {"text": str(s).splitlines(), "latex": s.latex()} for name, s in solutions.items()}
        click.echo(json.dumps(records, indent=2))
        return
    click.echo("\n\n".join(s.latex() if form == "latex" else str(s) for s in solutions.values()))


@main.command()
@click.argument("objective")
@_statement_options
@_format_option
def hessian(objective: str, variables: Any, facts: Any, declarations: Any, wrt: Any, form: str) -> None:
    """Print the Hessian of OBJECTIVE, a scalar (- reads stdin); several --wrt give its blocks."""
    from . import hessian as hessian_of

    expression, names = _stated(objective, *_declared(variables, facts, declarations), wrt)
    table = hessian_of(expression, names)
    # The blocks above the diagonal say all: those below are their transposes.
    blocks = [
        ([names[i], names[j]] if len(names) > 1 else [names[i]], table[i][j])
        for i in range(len(names))
        for j in range(i, len(names))
    ]
    _show(blocks, "hessian", expression, form)


@main.command()
@click.argument("objective")
@_statement_options
@_format_option
def jacobian(objective: str, variables: Any, facts: Any, declarations: Any, wrt: Any, form: str) -> None:
    """Print the Jacobian of OBJECTIVE, an array (- reads stdin); its axes come first."""
    from . import jacobian as jacobian_of

    expression, names = _stated(objective, *_declared(variables, facts, declarations), wrt)
    found = jacobian_of(expression, names)
    _show([([name], j) for name, j in zip(names, found, strict=True)], "jacobian", expression, form)


@main.command()
@click.argument("objective")
@click.argument("claim", required=False)
@_statement_options
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
@_format_option
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
    from . import check as check_claim

    claim = claim if claim is not None else stated
    if claim is None:
        _check_file(objective, form)
        return
    expression, names = _stated(objective, *_declared(variables, facts, declarations), wrt)
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
    from .verify import notes

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


# ---------------------------------------------------------------- models


@main.command()
@click.argument("name", required=False)
@_format_option
def models(name: str | None, form: str) -> None:
    """List the models, or show the statement and derivatives of one."""
    from .models import REGISTRY, get

    if name is not None:
        from .presenting import present, present_json

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
    from .demo import run

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
    from . import fitting
    from .models import get

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


if __name__ == "__main__":
    main()


# ---------------------------------------------------------------- the cache of kernels


@main.group()
def cache() -> None:
    """The private folder of compiled kernels."""


@cache.command()
def info() -> None:
    """Print where the cache is, and how much it holds."""
    from .kernels.cache import cache_info

    found = cache_info()
    click.echo(f"{found['folder']}: {found['kernels']} kernels, {found['bytes'] / 1e6:.1f} MB")


@cache.command()
def clear() -> None:
    """Remove all compiled kernels; they are compiled again when next needed."""
    from .kernels.cache import cache_clear

    click.echo(f"{cache_clear()} kernels removed")
