"""The group of all commands, and how errors end."""

from __future__ import annotations

import sys
import warnings
from typing import Any

import click

from .. import __version__
from ..errors import DeriveError, NotCertifiedWarning


class Commands(click.Group):
    """A group in which every error of ours is a message on stderr and exit status 2."""

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
