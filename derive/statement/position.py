"""Errors with a place: the same error, saying where in the text it arose."""

from __future__ import annotations

from typing import TypeVar

from ..errors import DeriveError, ParseError

E = TypeVar("E", bound=DeriveError)


def at(error: E, text: str, position: int, snippet: str = "") -> E:
    """The error with line, column and a caret under the place; `snippet` is the part of the text at fault.

    The attributes `text`, `position`, `line`, `column` are set as on a `ParseError`.
    """
    problem = str(error)
    if snippet:
        short = " ".join(snippet.split())
        short = short if len(short) <= 60 else f"{short[:40]} … {short[-15:]}"
        problem = f"{short}: {problem}"
    report = ParseError(problem, text, position)
    located = type(error)(str(report))
    located.__dict__.update(error.__dict__)
    for name in ("problem", "text", "position", "hint", "line", "column"):
        setattr(located, name, getattr(report, name))
    return located
