"""Statements on the command line: the options that declare names, and how they are read."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import DeclarationError

if TYPE_CHECKING:
    from ..expression import Expression

FORMATS = ("text", "latex", "json")


def statement_options(command: Callable[..., Any]) -> Callable[..., Any]:
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


format_option = click.option(
    "--format", "form", type=click.Choice(FORMATS), default="text", show_default=True, help="How to print."
)


def declared(
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


def read(objective: str) -> str:
    return sys.stdin.read() if objective == "-" else objective


def read_statement(
    objective: str, shapes: Any, facts: Any, wrt: Sequence[str]
) -> tuple[Expression, list[str]]:
    """The statement, and the names to differentiate by; a single variable need not be named."""
    from .. import parse

    expression = parse(read(objective), variables=shapes or None, facts=facts)
    for sentence in expression.assumptions:
        click.echo(f"assumed: {sentence}", err=True)
    if not wrt and len(shapes) == 1:
        return expression, list(shapes)
    if not wrt:
        raise DeclarationError(
            f"say what to differentiate by: --wrt with one of {', '.join(shapes) or 'none'}"
        )
    return expression, list(wrt)
