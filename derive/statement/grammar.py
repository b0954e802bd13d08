"""From tokens to a tape: the formula as a list of steps, operands before their users.

lark's LALR parser calls one method per rule, bottom-up, so that the steps come out in the order in which
they are worked out; nothing here or later recurses over the formula, however deep it is.
"""

from __future__ import annotations

import difflib
import keyword
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.resources import files
from typing import Any, final

from lark import Lark, Token, UnexpectedToken
from lark.lexer import Lexer

from ..errors import ParseError
from .tokens import tokenize

#: Words that the language takes from Python.
WORDS = frozenset({"None", "True", "False"})


@final
@dataclass
class Step:
    """One step of a tape: a kind, the numbers of the steps it uses, and its place in the text.

    `position` is where an error in this step is reported: the sign of an operator, the name of a function.
    """

    kind: str
    args: tuple[int, ...]
    data: Any
    start: int
    end: int
    position: int


@final
@dataclass
class Tape:
    """A formula, or the two or three sides of a condition, as steps."""

    text: str
    steps: list[Step] = field(default_factory=list)
    sides: list[int] = field(default_factory=list)
    signs: list[str] = field(default_factory=list)

    def snippet(self, number: int) -> str:
        """The text of one step."""
        step = self.steps[number]
        return self.text[step.start : step.end]

    def names(self) -> Iterator[Step]:
        """The steps that are names of variables or sizes."""
        return (s for s in self.steps if s.kind == "name")


class _Tokens(Lexer):
    """Hands lark the tokens that `tokenize` has made."""

    def __init__(self, lexer_conf: Any) -> None:
        pass

    def lex(self, data: Any) -> Iterator[Token]:  # type: ignore[override]  # lark's interface for custom lexers
        return iter(data)


@lru_cache(maxsize=1)
def _grammar() -> Lark:
    source = files(__package__).joinpath("text.lark").read_text(encoding="utf-8")
    return Lark(
        source,
        parser="lalr",
        lexer=_Tokens,
        start=["formula", "condition", "chain"],
        maybe_placeholders=False,
    )


def read(text: str, start: str, declared: Iterable[str] = ()) -> Tape:
    """The tape of a formula; `declared` names may be words that Python reserves, such as lambda."""
    tokens = tokenize(text)
    tape = Tape(text)
    builder = _Builder(tape)
    parser = _grammar().parse_interactive(None, start=start)
    stack = parser.parser_state
    stack.parse_conf.callbacks = builder.callbacks(stack.parse_conf.callbacks)
    raise NotImplementedError


_ = (difflib, keyword, UnexpectedToken, ParseError)
