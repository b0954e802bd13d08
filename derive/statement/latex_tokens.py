"""LaTeX source as tokens: spacing and sizing dropped, delimiters and words recognised, caps applied.

What TeX sets invisibly (`\\,`, `&`, `\\displaystyle`, `\\label{…}`) is left out; what changes the meaning
is kept. `\\left` and `\\bigl` say on which side of its content a delimiter stands.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import final

from ..errors import AmbiguityError, LimitError, ParseError
from ..limits import DIGITS, TEXT_LENGTH
from .position import at

#: Brackets and braces within each other, and tokens of one formula.
DEPTH = 60
TOKENS = 20_000


@final
@dataclass(frozen=True)
class Token:
    """One token. Kinds: `letter number word command open close bar break` or the sign itself.

    `side` is "left" or "right" where the source says so; `start` and `end` are offsets in the text.
    """

    kind: str
    value: str
    start: int
    end: int
    side: str = ""


_TOKEN = re.compile(
    r"""
    (?P<space>[ \t\r\n~&]+|%[^\n]*)
  | (?P<number>[0-9]+(?:\.[0-9]+)?|\.[0-9]+)
  | (?P<letter>[A-Za-z])
  | (?P<linebreak>\\\\(?:\[[^\]\n]{0,20}\])?)
  | (?P<command>\\(?:[A-Za-z]+\*?|[^A-Za-z]))
  | (?P<sign>[-+*/=^_{}()\[\],;:|'<>!.?])
    """,
    re.VERBOSE,
)

#: Commands that only move things about.
_INVISIBLE = frozenset(
    """, ; : ! > / quad qquad thinspace medspace thickspace enspace negthinspace displaystyle textstyle scriptstyle
    scriptscriptstyle limits nolimits nonumber notag bf it sf strut mathstrut allowbreak
    normalfont mathop mathrel mathbin mathord unboldmath boldmath""".split()
) | {" "}
_SIZES = {
    "left": "left",
    "right": "right",
    **{
        size + side: name
        for size in ("big", "Big", "bigg", "Bigg")
        for side, name in (("l", "left"), ("r", "right"))
    },
    **dict.fromkeys(("big", "Big", "bigg", "Bigg"), ""),
}
#: Delimiters: kind, the sign under which the parser knows them, and their side.
_DELIMITERS = {
    "(": ("open", "(", ""),
    ")": ("close", "(", ""),
    "[": ("open", "[", ""),
    "]": ("close", "[", ""),
    "\\{": ("open", "{", ""),
    "\\}": ("close", "{", ""),
    "\\lbrace": ("open", "{", ""),
    "\\rbrace": ("close", "{", ""),
    "\\lbrack": ("open", "[", ""),
    "\\rbrack": ("close", "[", ""),
    "\\lparen": ("open", "(", ""),
    "\\rparen": ("close", "(", ""),
    "\\langle": ("open", "<", ""),
    "\\rangle": ("close", "<", ""),
    "|": ("bar", "|", ""),
    "\\vert": ("bar", "|", ""),
    "\\lvert": ("bar", "|", "left"),
    "\\rvert": ("bar", "|", "right"),
    "\\|": ("bar", "||", ""),
    "\\Vert": ("bar", "||", ""),
    "\\lVert": ("bar", "||", "left"),
    "\\rVert": ("bar", "||", "right"),
}
#: Commands whose braces hold a word rather than a product of letters.
_UPRIGHT = (
    r"\\(?:operatorname\*?|mathrm|text|textrm|textnormal|textup|textit|textsf|textbf|mbox|hbox|mathsf|mathtt"
    r"|mathop|mathit)"
)
_LETTERS = r"([A-Za-z](?:[A-Za-z0-9 _\-]|\\_)*(?:\\,[A-Za-z]+)?)"
_WORD = re.compile(
    _UPRIGHT + r"\s*\{\s*(?:\\(?:rm|sf)\s)?\s*" + _LETTERS + r"\s*[.,;:]?\s*\}"
    "|" + _UPRIGHT + r"\s*\{\s*" + _UPRIGHT + r"\s*\{\s*" + _LETTERS + r"\s*\}\s*\}"
)
_PLAIN_WORD = re.compile(r"\\(?:rm|mathrm|mathsf|text|mathtt)\s*([A-Za-z])(?![A-Za-z])|\\rm\s+([A-Za-z]+)")
_DROPPED = re.compile(r"\\(?:label|tag\*?|hspace\*?|vspace\*?|[hv]?phantom|mspace|mkern)\s*\{[^{}]*\}")
_ENVIRONMENT = re.compile(
    r"\\(?:begin|end)\s*\{(?:equation|align|aligned|gather|gathered|displaymath|math|split|multline|eqnarray)\*?\}"
)
_CASES = re.compile(r"\\(begin|end)\s*\{[dr]?cases\*?\}")
_SUBJECT = re.compile(_UPRIGHT + r"\s*\{\s*(?:s\.\s*t\.|subject\s+to|such\s+that)")
_FENCES = (("$$", "$$"), ("$", "$"), ("\\[", "\\]"), ("\\(", "\\)"))


def tokenize(text: str) -> list[Token]:
    """The tokens of a formula, or the project's error with the place of the fault."""
    if len(text) > TEXT_LENGTH:
        raise LimitError(f"the text has {len(text)} characters; the limit is {TEXT_LENGTH}")
    source = _unfenced(_ENVIRONMENT.sub(_blank, text))
    tokens: list[Token] = []
    position, side, depth, cases = 0, None, 0, 0
    while position < len(source):
        if _SUBJECT.match(source, position):
            hint = "give the objective alone, and the conditions with subject_to=[…]"
            raise ParseError("conditions behind the formula are not read", text, position, hint)
        word = _word(source, position)
        if word is not None and side is None:
            tokens.append(word)
            position = word.end
            continue
        rows = _CASES.match(source, position)
        if rows is not None and side is None:
            kind = "open" if rows.group(1) == "begin" else "close"
            cases += 1 if kind == "open" else -1
            tokens.append(Token(kind, "cases", position, rows.end()))
            position = rows.end()
            continue
        dropped = _DROPPED.match(source, position)
        match = dropped or _TOKEN.match(source, position)
        if match is None:
            raise _unknown(text, position)
        end = match.end()
        kind = "space" if dropped else str(match.lastgroup)
        value = match.group()
        if kind == "space":
            if cases > 0 and "&" in value and not dropped and not value.startswith("%"):
                tokens.append(Token("&", "&", position + value.index("&"), end))
            position = end
            continue
        name = value[1:] if kind == "command" else ""
        if name in _SIZES:
            if side is not None:
                raise ParseError("two sizing commands in a row", text, position)
            side, position = _SIZES[name], end
            continue
        if value in _DELIMITERS:
            what, sign, own = _DELIMITERS[value]
            tokens.append(Token(what, sign, position, end, side or own))
            side = None
        elif side is not None:
            if value == ".":
                raise ParseError(
                    "a bracket without a partner (`\\left.`, `\\right.`) is not read", text, position
                )
            raise ParseError("a sizing command must stand before a bracket", text, position)
        elif name and name in _INVISIBLE:
            position = end
            continue
        else:
            tokens.append(_plain(kind, value, name, position, end, text))
        depth += {"open": 1, "{": 1, "close": -1, "}": -1}.get(tokens[-1].kind, 0)
        if depth > DEPTH:
            raise at(LimitError(f"more than {DEPTH} levels of brackets"), text, position)
        if len(tokens) > TOKENS:
            raise at(LimitError(f"more than {TOKENS} tokens"), text, position)
        position = end
    if side is not None:
        raise ParseError("the text ends after a sizing command", text, len(text))
    while tokens and (tokens[-1].kind in (".", ",", ";") or tokens[-1].kind == "break"):
        tokens.pop()
    if not tokens:
        raise ParseError("there is no formula", text, 0, r"write one such as \|Xw-y\|_2^2")
    return tokens


def _plain(kind: str, value: str, name: str, start: int, end: int, text: str) -> Token:
    if kind == "linebreak":
        return Token("break", value, start, end)
    if kind == "number":
        if len(value) > DIGITS:
            raise at(LimitError(f"a number with more than {DIGITS} digits"), text, start)
        exponent = re.compile(r"[eE][+-]?[0-9]").match(text, end)
        if exponent:
            raise AmbiguityError(
                "`e` behind a number: a power of ten, or Euler's number?",
                (f"{text[start : exponent.end()]}", f"{value} * exp(1) …"),
                text,
                start,
                r"write \cdot 10^{-3}, or \mathrm{e}",
            )
        return Token("number", value, start, end)
    if kind == "command":
        if name in ("begin", "end"):
            raise ParseError(
                f"`\\{name}` of this environment is not read",
                text,
                start,
                "matrices are declared, not written out",
            )
        if name == "prime":
            return Token("'", value, start, end)
        return Token("command", name.rstrip("*"), start, end)
    return Token("letter" if kind == "letter" else value, value, start, end)


def _word(source: str, position: int) -> Token | None:
    """A word such as `\\operatorname{tr}`; letters alone in such braces are words as well."""
    match = _WORD.match(source, position)
    if match:
        value = (match.group(1) or match.group(2)).replace("\\,", "").replace(" ", "").replace("-", "_")
        value = value.replace("\\_", "_")
        return Token("word", value, position, match.end())
    match = _PLAIN_WORD.match(source, position)
    if match:
        return Token("word", match.group(1) or match.group(2), position, match.end())
    return None


def _blank(match: re.Match[str]) -> str:
    return " " * len(match.group())


def _unfenced(source: str) -> str:
    """The text without `$ … $`, `\\[ … \\]` around it; places stay what they are."""
    stripped = source.strip()
    offset = source.find(stripped) if stripped else 0
    for left, right in _FENCES:
        inner = stripped[len(left) : len(stripped) - len(right)]
        if (
            len(stripped) >= len(left) + len(right)
            and stripped.startswith(left)
            and stripped.endswith(right)
            and left not in inner
        ):
            blank = " " * (offset + len(left))
            return blank + inner
    return source


def _unknown(text: str, position: int) -> ParseError:
    character = text[position]
    hint = ""
    name = unicodedata.name(character, "")
    greek = re.match(r"GREEK (SMALL|CAPITAL) LETTER (?:FINAL )?(\w+)", name)
    if greek:
        spelled = greek.group(2).lower().replace("lamda", "lambda")
        hint = f"write \\{spelled if greek.group(1) == 'SMALL' else spelled.capitalize()}"
    elif character in "−–—‐":
        hint = "did you mean `-`?"
    elif character in "×·⋅":
        hint = "did you mean \\cdot?"
    shown = (
        f"`{character}`"
        if character.isprintable() and character.isascii()
        else f"U+{ord(character):04X} {name}"
    )
    return ParseError(f"unexpected character {shown.strip()}", text, position, hint)
