"""From text to tokens, with the caps on what is read, and clear words for characters that do not belong.

One pass over the text. Everything that could make later stages slow (length, nesting, digits, the number
of tokens) is refused here.
"""

from __future__ import annotations

import re
import unicodedata

from lark import Token

from ..errors import LimitError, ParseError
from ..limits import DIGITS, NESTING_DEPTH, TEXT_LENGTH
from .position import at

#: Characters of one name, and factors of one product: `A @ A @ …` costs the square of its length to derive.
NAME_LENGTH = 200
FACTORS = 1_000

_TOKEN = re.compile(
    r"""
    (?P<SPACE>[ \t\r\n]+)
  | (?P<NUMBER>(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)
  | (?P<NAME>[A-Za-z_][A-Za-z_0-9]*)
  | (?P<TRANSPOSE>\.[ \t]*T(?![A-Za-z_0-9]))
  | (?P<POWER>\*\*)
  | (?P<DOTS>\.\.\.)
  | (?P<SIGN>==|!=|<=|>=|[-+*/@()\[\],:=<>])
  | (?P<STRING>"[^"\n]*"|'[^'\n]*')
    """,
    re.VERBOSE,
)
_SIGNS = {
    "+": "PLUS",
    "-": "MINUS",
    "*": "STAR",
    "/": "SLASH",
    "@": "AT",
    "(": "LPAR",
    ")": "RPAR",
    "[": "LSQB",
    "]": "RSQB",
    ",": "COMMA",
    ":": "COLON",
    "=": "ASSIGN",
    "==": "EQ",
    "<=": "LE",
    ">=": "GE",
    "!=": "NE",
    "<": "LT",
    ">": "GT",
}
_HINTS = {
    "^": "a power is written **, as in w ** 2",
    "#": "comments are not part of the language",
    ".": "the only thing that may follow a dot is T, the transpose",
    "'": "the transpose is written X.T",
    '"': "a text in quotes is not closed",
    "!": "the signs of comparison are ==, !=, <, >, <= and >=",
    ";": "one formula at a time",
    "{": "group with round parentheses",
    "}": "group with round parentheses",
    "%": "the operators are + - * / @ **",
    "\\": "this is the text language; LaTeX is read by parse_latex",
    "$": "this is the text language; LaTeX is read by parse_latex",
    "&": "conditions are given one by one",
    "|": "the absolute value is written abs(x), a norm norm(x)",
    "ᵀ": "the transpose is written X.T",
    "⊤": "the transpose is written X.T",
    "′": "the transpose is written X.T",
    "’": "the transpose is written X.T",
    "⁻": "the inverse is written inv(A)",
    "²": "a square is written x ** 2",
    "³": "a cube is written x ** 3",
    "√": "a root is written sqrt(x)",
    "∑": "a sum is written sum(x)",
    "Σ": "a sum is written sum(x); Greek letters are spelled out, as in Sigma",
    "‖": "a norm is written norm(x)",
    "∥": "a norm is written norm(x)",
    "⊙": "the elementwise product is written *",
    "∘": "the elementwise product is written *",
    "⊗": "the Kronecker product is written kron(A, B)",
    "≤": "write <=",
    "≥": "write >=",
    "½": "write 1/2",
    "∞": "numbers are finite",
}
_LOOKALIKES = {
    **dict.fromkeys("−–—‐‑－", "-"),
    **dict.fromkeys("×·⋅∙∗＊", "*"),
    **dict.fromkeys("⁄÷∕／", "/"),
    **dict.fromkeys("＋", "+"),
    **dict.fromkeys("（", "("),
    **dict.fromkeys("）", ")"),
    **dict.fromkeys("，‚", ","),
    **dict.fromkeys("＝", "="),
    **dict.fromkeys("“”„«»", '"'),
    **dict(zip("аеорсухіјѕԁһВЕКМНОРСТХАІЈЅ", "aeopcyxijsdhBEKMHOPCTXAIJS", strict=True)),
    **dict(zip("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧ", "ABEZHIKMNOPTYX", strict=True)),
}


def tokenize(text: str) -> list[Token]:
    """The tokens of a formula, or the project's error with the place of the fault."""
    if len(text) > TEXT_LENGTH:
        raise LimitError(f"the text has {len(text)} characters; the limit is {TEXT_LENGTH}")
    tokens: list[Token] = []
    depth = factors = 0
    position = 1 if text.startswith("\ufeff") else 0  # a byte-order mark is skipped
    stack: list[tuple[int, int]] = []  # open brackets: (position, factors so far outside)
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise _unknown_character(text, position)
        kind, value = str(match.lastgroup), match.group()
        end = match.end()
        if kind == "SPACE":
            position = end
            continue
        if kind == "SIGN":
            kind = _SIGNS[value]
        if kind in ("LPAR", "LSQB"):
            stack.append((position, factors))
            depth, factors = depth + 1, 0
            if depth > NESTING_DEPTH:
                raise at(LimitError(f"more than {NESTING_DEPTH} levels of parentheses"), text, position)
        elif kind in ("RPAR", "RSQB"):
            if not stack or text[stack[-1][0]] != ("(" if kind == "RPAR" else "["):
                raise ParseError(f"`{value}` closes nothing", text, position)
            depth, factors = depth - 1, stack.pop()[1]
        elif kind in ("STAR", "SLASH", "AT", "POWER") or (kind in ("MINUS", "PLUS") and _is_prefix(tokens)):
            factors += 1
            if factors > FACTORS:
                raise at(LimitError(f"more than {FACTORS} factors in one product"), text, position)
        elif kind in ("PLUS", "MINUS", "COMMA"):
            factors = 0
        elif kind == "NUMBER":
            _check_number(text, value, position, end)
        elif kind == "NAME" and len(value) > NAME_LENGTH:
            raise at(
                LimitError(f"a name of {len(value)} characters; the limit is {NAME_LENGTH}"), text, position
            )
        tokens.append(Token(kind, value, start_pos=position, end_pos=end))
        position = end
    if stack:
        opened = stack[-1][0]
        raise ParseError(f"`{text[opened]}` is never closed", text, opened)
    if not tokens:
        raise ParseError("there is no formula", text, 0, "write one such as sumsq(X @ w - y)")
    return tokens


def _is_prefix(tokens: list[Token]) -> bool:
    """Whether a sign that comes next is one of a number, not one between two terms."""
    return not tokens or tokens[-1].type not in ("NUMBER", "NAME", "RPAR", "RSQB", "TRANSPOSE", "STRING")


def _check_number(text: str, value: str, position: int, end: int) -> None:
    mantissa, _, exponent = value.lower().partition("e")
    digits = len(mantissa) + (abs(int(exponent)) if 0 < len(exponent) < 8 else len(exponent) * 10**6)
    if digits > DIGITS:
        raise at(LimitError(f"a number with more than {DIGITS} digits"), text, position)
    follower = text[end : end + 1]
    if follower in ("e", "E") and not re.match(r"[eE][A-Za-z_]", text[end : end + 2]):
        raise ParseError(
            "a number ends in the middle of its exponent", text, end, "write 1e-3, or * before a name"
        )
    if follower == "." and text[end : end + 2] != ".T":
        raise ParseError("a number has two decimal points", text, end)
    if follower == "_":
        raise ParseError("`_` inside a number", text, end, "digits are written without separators")


def _unknown_character(text: str, position: int) -> ParseError:
    character = text[position]
    hint = _HINTS.get(character, "")
    after = text[position + 1 :].lstrip()
    if character == "^" and re.match(r"T\b|\{?\\?top|'", after):
        hint = _HINTS["'"]
    elif character == "^" and re.match(r"[-{(]*-\s*1", after):
        hint = "a power is written **, as in w ** 2; the inverse of a matrix is inv(A)"
    elif character == "!" and not after.startswith("="):
        hint = "the factorial x! is exp(lgamma(x + 1))"
    method = re.compile(r"\.(?:linalg\.|special\.)?(\w+)").match(text, position) if character == "." else None
    if method is not None and method[1] in ("t", "transpose", "mT", "H"):
        hint += "; the transpose is written X.T"
    elif method is not None:
        owner = re.search(r"(\w+)$", text[:position])
        module = owner is not None and owner[1] in (
            "np",
            "numpy",
            "jnp",
            "torch",
            "math",
            "scipy",
            "linalg",
            "sp",
        )
        hint += f"; functions are written {method[1]}(…)" + (
            f", without {owner[1]}." if module and owner else ""
        )
    if character in _LOOKALIKES:
        hint = f"did you mean `{_LOOKALIKES[character]}`?"
    elif not hint and not character.isascii():
        name = unicodedata.name(character, "")
        greek = re.match(r"GREEK (?:SMALL|CAPITAL) LETTER (?:FINAL )?(\w+)", name)
        if greek:
            spelled = greek.group(1).lower().replace("lamda", "lambda")
            short = {"lambda": "lam"}.get(spelled, spelled)
            hint = f"names are ASCII: spell the letter out, as in `{short}`"
        elif character.isalnum():
            hint = "names are ASCII letters, digits and _"
    if character.isascii() and character.isprintable():
        shown = f"`{character}`"
    else:
        code = f"U+{ord(character):04X} {unicodedata.name(character, '')}".strip()
        shown = f"`{character}` ({code})" if character.isprintable() else f"({code})"
    return ParseError(f"unexpected character {shown}", text, position, hint)
