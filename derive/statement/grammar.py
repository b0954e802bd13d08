"""From tokens to steps: the formula as a small tree, read without recursion.

lark's LALR parser calls one method per rule, bottom-up; each makes one `Step`. A sum of any number of terms
is one step. `Tape` lists the steps with operands before their users, so that nothing that works on a
formula later needs to recurse over it.
"""

from __future__ import annotations

import keyword
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any, final

from lark import Lark, Token, Transformer, UnexpectedToken, v_args
from lark.lexer import Lexer

from ..errors import ParseError
from .functions import FUNCTIONS
from .tokens import tokenize

#: Python's words that are neither variables nor allowed as values.
_FOREIGN = frozenset(keyword.kwlist) - {"None", "True", "False"}


@final
@dataclass(eq=False, slots=True)
class Step:
    """One step of a formula: its kind, the steps it uses, and its place in the text.

    `position` is where an error in this step is reported: the sign of an operator, the name of a function.
    """

    kind: str
    args: tuple[Step, ...]
    data: Any
    start: int
    end: int
    position: int


@v_args(inline=True)
class _Steps(Transformer[Token, Step]):
    """One method per rule of the grammar."""

    def number(self, token: Token) -> Step:
        return _leaf("number", token)

    def name(self, token: Token) -> Step:
        return _leaf("name", token)

    def string(self, token: Token) -> Step:
        return _leaf("string", token, str(token)[1:-1])

    def first(self, term: Step) -> list[tuple[int, Step]]:
        return [(1, term)]

    def plus(self, terms: list[tuple[int, Step]], sign: Token, term: Step) -> list[tuple[int, Step]]:
        terms.append((1, term))  # one list for the whole sum: thousands of terms cost linear time
        return terms

    def minus(self, terms: list[tuple[int, Step]], sign: Token, term: Step) -> list[tuple[int, Step]]:
        terms.append((-1, term))
        return terms

    def sum(self, terms: list[tuple[int, Step]]) -> Step:
        if len(terms) == 1:
            return terms[0][1]
        steps = tuple(t for _, t in terms)
        return Step("sum", steps, [s for s, _ in terms], steps[0].start, steps[-1].end, steps[0].start)

    def binary(self, left: Step, sign: Token, right: Step) -> Step:
        return Step("binary", (left, right), str(sign), left.start, right.end, _start(sign))

    def negative(self, sign: Token, operand: Step) -> Step:
        return Step("negative", (operand,), None, _start(sign), operand.end, _start(sign))

    def positive(self, sign: Token, operand: Step) -> Step:
        return operand

    def transpose(self, operand: Step, dot: Token) -> Step:
        return Step("transpose", (operand,), None, operand.start, _end(dot), _start(dot))

    def group(self, opening: Token, inner: Step, closing: Token) -> Step:
        return Step("group", (inner,), None, _start(opening), _end(closing), inner.position)

    def items(self, first: Any, comma: Token, last: Step) -> list[Step]:
        if isinstance(first, list):
            first.append(last)
            return first
        return [first, last]

    def several(self, opening: Token, items: Any, *rest: Token) -> Step:
        steps = tuple(items) if isinstance(items, list) else (items,)
        return Step("tuple", steps, None, _start(opening), _end(rest[-1]), _start(opening))

    def arguments(self, *parts: Any) -> list[Any]:
        return _gathered(parts)

    def keyword(self, name: Token, equals: Token, value: Step) -> Step:
        return Step("keyword", (value,), str(name), _start(name), value.end, _start(name))

    def call(self, name: Token, *rest: Any) -> Step:
        arguments = next((r for r in rest if isinstance(r, list)), [])
        return Step("call", tuple(arguments), str(name), _start(name), _end(rest[-1]), _start(name))

    def bound(self, *value: Step) -> Step | None:
        return value[0] if value else None

    def span(self, *parts: Any) -> Step:
        colons = [p for p in parts if isinstance(p, Token)]
        bounds = [p for p in parts if not isinstance(p, Token)]
        given = tuple(b for b in bounds if b is not None)
        where = min([_start(colons[0]), *(g.start for g in given)])
        stop = max([_end(colons[-1]), *(g.end for g in given)])
        return Step("span", given, [b is not None for b in bounds], where, stop, where)

    def dots(self, dots: Token) -> Step:
        return _leaf("dots", dots)

    def comparison(self, *parts: Any) -> Step:
        sides, signs = parts[::2], parts[1::2]
        return Step(
            "comparison",
            tuple(sides),
            [str(s) for s in signs],
            sides[0].start,
            sides[-1].end,
            _start(signs[0]),
        )

    def indices(self, *parts: Any) -> list[Any]:
        return _gathered(parts)

    def index(self, array: Step, opening: Token, entries: list[Step], closing: Token) -> Step:
        return Step("index", (array, *entries), None, array.start, _end(closing), _start(opening))

    def formula(self, side: Step) -> tuple[list[Step], list[str]]:
        return [side], []

    def condition(self, *parts: Any) -> tuple[list[Step], list[str]]:
        return list(parts[::2]), [str(p) for p in parts[1::2]]


def _start(token: Token) -> int:
    return token.start_pos or 0


def _end(token: Token) -> int:
    return token.end_pos or 0


def _leaf(kind: str, token: Token, data: str | None = None) -> Step:
    text = str(token) if data is None else data
    return Step(kind, (), text, _start(token), _end(token), _start(token))


def _gathered(parts: tuple[Any, ...]) -> list[Any]:
    """`a`, or `list , a`: the items of a list rule so far."""
    if isinstance(parts[0], list):
        parts[0].append(parts[-1])
        return parts[0]
    return [parts[0]]


class _Tokens(Lexer):
    """Hands lark the tokens that `tokenize` has made."""

    def __init__(self, lexer_conf: Any) -> None:
        pass

    def lex(self, data: Any) -> Iterator[Token]:  # type: ignore[override]  # lark's interface for custom lexers
        return iter(data)


@lru_cache(maxsize=1)
def _grammar() -> Lark:
    """The parser; built in about 30 ms when first used, never cached on disk."""
    source = files(__package__).joinpath("text.lark").read_text(encoding="utf-8")
    return Lark(
        source,
        parser="lalr",
        lexer=_Tokens,
        start=["formula", "condition"],
        transformer=_Steps(),
        maybe_placeholders=False,
    )


@final
@dataclass
class Tape:
    """A formula, or the sides of a condition, as steps in the order in which they are worked out."""

    text: str
    sides: list[Step]
    signs: list[str]

    def steps(self) -> list[Step]:
        """Every step, operands before users."""
        found: list[Step] = []
        stack = list(self.sides)
        while stack:  # users before operands, then turned round
            step = stack.pop()
            found.append(step)
            stack.extend(step.args)
        return found[::-1]

    def names(self) -> list[Step]:
        """The steps that are names, in the order of the text; names of functions are not among them."""
        return [step for step in self.steps() if step.kind == "name"]

    def snippet(self, step: Step) -> str:
        """The text of one step."""
        return self.text[step.start : step.end]


def read(text: str, start: str = "formula", declared: Iterable[str] = ()) -> Tape:
    """The steps of a formula; `declared` names may be words that Python reserves, such as lambda."""
    tokens = tokenize(text)
    try:
        parsed: Any = _grammar().parse(tokens, start=start)  # not text, but tokens: see _Tokens
    except UnexpectedToken as error:
        raise _explained(text, tokens, error.token, frozenset(declared), start) from None
    sides, signs = parsed
    return Tape(text, sides, signs)


# ---------------------------------------------------------------- what went wrong


_OPERATORS = frozenset("PLUS MINUS STAR SLASH AT POWER".split())
_VALUES = frozenset("NUMBER NAME STRING RPAR RSQB TRANSPOSE".split())
_STARTS = frozenset("NUMBER NAME STRING LPAR".split())
_RELATIONS = frozenset("EQ NE LE GE LT GT".split())


def _explained(
    text: str, tokens: list[Token], token: Token, declared: frozenset[str], start: str
) -> ParseError:
    """The error for a token that cannot stand where it stands."""
    ended = token.type == "$END"
    k = len(tokens) if ended else next(i for i, t in enumerate(tokens) if t is token)
    before = tokens[k - 1] if k else None
    for word in (before, None if ended else token):
        if word is not None and word.type == "NAME" and word in _FOREIGN and word not in declared:
            choice = "a choice is written where(x > 0, a, b)"
            hint = {"lambda": "declare it to use it as a name", "if": choice, "else": choice}.get(
                str(word), ""
            )
            return ParseError(f"`{word}` is not a word of the language", text, _start(word), hint)
    if ended:
        assert before is not None
        if before.type in _OPERATORS:
            return ParseError(f"`{before}` is followed by nothing", text, _end(before))
        if start == "condition":
            hint = "a constraint has two sides, with <=, >= or == between them"
            return ParseError("the constraint has one side only", text, _end(before), hint)
        return ParseError("the formula ends too early", text, _end(before))
    position = _start(token)
    shown = _short(str(token))
    if token.type in _RELATIONS:
        return misplaced(text, shown, position)
    if token.type == "ASSIGN":
        hint = "`=` only names an argument, as in axis=0; an equation is a constraint, written with =="
        return ParseError("`=` cannot stand here", text, position, hint)
    if token.type == "STRING":
        return ParseError("a text in quotes is only the first argument of einsum", text, position)
    if before is not None and before.type in _VALUES and token.type in _STARTS:
        left = _short(str(before))
        if token.type == "LPAR" and before.type != "NUMBER":
            hint = f"write * for a product: {left} * (…"
        elif before.type == "NAME" and str(before) in FUNCTIONS:
            hint = f"the argument of a function stands in brackets: {left}({shown})"
        elif before.type in ("RPAR", "RSQB") or str(token) in FUNCTIONS:
            hint = "an operator is missing between them: @ for a product of matrices, * entry by entry"
        else:
            whole = "" if before.type == "NUMBER" else f"{left} @ {shown}, or entry by entry "
            hint = f"an implicit product is not in the language; write {whole}{left} * {shown}"
        return ParseError(f"unexpected `{shown}` after `{left}`", text, position, hint)
    if before is None:
        return ParseError(f"the formula cannot start with `{shown}`", text, position)
    return ParseError(f"unexpected `{shown}` after `{_short(str(before))}`", text, position)


def misplaced(text: str, sign: str, position: int) -> ParseError:
    """The error for a comparison where there is no place for one."""
    hint = (
        "constraints are written with <=, >= or ==, and given separately; "
        "where(x > 0, a, b) chooses between two values"
    )
    what = "constraint" if sign in ("<=", ">=", "==") else "comparison"
    return ParseError(f"`{sign}` states a {what}, and there is no place for one here", text, position, hint)


def _short(text: str) -> str:
    return text if len(text) <= 30 else text[:27] + "…"
