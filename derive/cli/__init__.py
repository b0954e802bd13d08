"""The command line `derive`: thin wrappers that read words, call the library and print.

Exit status 0: done; 1: a check failed (a claim is refuted); 2: bad usage or bad input, with a message on
stderr and nothing written. Everything heavy is imported inside the commands, so that `derive --help`
needs no SymPy and `derive grad` no numba. Results go to stdout, remarks and errors to stderr.
A new command is a function in a module of this package; the module is named here.
"""

from . import caching, checking, deriving, fits, optimality, solving  # noqa: F401  (they add their commands to the group)
from .group import main

__all__ = ["main"]
