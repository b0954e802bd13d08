"""The group of all commands, and how errors end."""

from __future__ import annotations

import sys
import warnings
from typing import Any

import click

from .. import __version__
from ..errors import DeriveError, NotCertifiedWarning


class Formulas(click.Command):
    """A command whose formulas may begin with a minus: `derive grad "-sum(log(x))"` has no option -s."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        short = {o for p in self.get_params(ctx) for o in (*p.opts, *p.secondary_opts) if len(o) == 2}
        formula = [a[:1] == "-" and a[1:2] not in ("", "-") and a[:2] not in short for a in args]
        rest = super().parse_args(
            ctx, [f" {a}" if is_one else a for a, is_one in zip(args, formula, strict=True)]
        )
        ctx.params = {name: _stripped(value) for name, value in ctx.params.items()}
        return rest


def _stripped(value: Any) -> Any:
    """The value without the space by which a formula is told from an option."""
    if isinstance(value, tuple):
        return tuple(map(_stripped, value))
    return value[1:] if isinstance(value, str) and value.startswith(" -") else value


class Commands(click.Group):
    """A group in which every error of ours is a message on stderr and exit status 2."""

    command_class = Formulas

    def invoke(self, ctx: click.Context) -> Any:
        warnings.simplefilter("ignore", NotCertifiedWarning)  # commands print the message themselves
        try:
            return super().invoke(ctx)
        except DeriveError as error:
            click.echo(f"error: {error}", err=True)
            ctx.exit(2)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="derive")
def main() -> None:
    """State a model once; gradient, Hessian, kernel and fit are derived from it.

    Example: derive grad "sumsq(X @ w - y)/2" --var X:n,d --var y:n --var w:d --wrt w
    """
    for stream in (sys.stdout, sys.stderr):  # a terminal that lacks a sign shows a question mark
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
