"""Subscripts that belong to a name defined behind the formula: `K_y = K + s^2 I`, `h_\\theta(x) = \\theta^\\top x`.

A subscript is an index where a big operator binds it or the right side picks by it, as in `p_i = \\sigma(x_i^\\top w)`.
Where neither does, it is part of the name: K_y is one name, and h_\\theta(…) is h(…).
"""

from __future__ import annotations

from .latex_left import Reader
from .latex_names import Names
from .latex_tokens import Token

_BIG = frozenset({"sum", "prod", "max", "min"})
_NAMES = frozenset({"letter", "word", "command"})


def without_marks(pieces: list[list[Token]], text: str, names: Names) -> list[list[Token]]:
    """The formula and its definitions with such subscripts written into the names, or left out behind functions."""
    for number in range(1, len(pieces)):
        piece = pieces[number]
        reader = Reader(piece, text, names)
        if len(piece) < 4 or piece[0].kind not in _NAMES or piece[1].value != "_":
            continue
        group = reader.group(2)
        reader.index = 2
        reader.skip(group)
        marks = [t.value for t in group if t.kind != ","]
        plain = all(t.kind in (*_NAMES, ",") for t in group)
        indices = _picked(piece[reader.index :], text, names, False)
        for other in pieces:
            indices |= _picked(other, text, names, True)
        if not marks or not plain or not indices.isdisjoint(marks):
            continue
        name = None if reader.arguments() else f"{piece[0].value}_{''.join(marks)}"
        pieces = [_marked(p, piece[0].value, marks, name, text, names) for p in pieces]
    return pieces


def _subscript(tokens: list[Token], at: int, text: str, names: Names) -> tuple[list[Token], int]:
    """The tokens of the subscript whose sign stands there, and the place behind it."""
    reader = Reader(tokens, text, names)
    reader.index = at + 1
    group = reader.group(at + 1)
    reader.skip(group)
    return group, reader.index


def _picked(tokens: list[Token], text: str, names: Names, bound: bool) -> set[str]:
    """The letters in subscripts; only in those of big operators where `bound`."""
    found: set[str] = set()
    for k, token in enumerate(tokens):
        if token.value == "_" and k + 1 < len(tokens) and (not bound or tokens[k - 1].value in _BIG):
            found |= {t.value for t in _subscript(tokens, k, text, names)[0]}
    return found


def _marked(
    tokens: list[Token], base: str, marks: list[str], name: str | None, text: str, names: Names
) -> list[Token]:
    """The tokens with base_marks as one name, or as the base alone where a bracket follows."""
    kept: list[Token] = []
    k = 0
    while k < len(tokens):
        token = tokens[k]
        k += 1
        if token.value == base and k + 1 < len(tokens) and tokens[k].value == "_":
            group, behind = _subscript(tokens, k, text, names)
            if [t.value for t in group if t.kind != ","] == marks:
                if name is not None:
                    token, k = Token("word", name, token.start, tokens[behind - 1].end), behind
                elif behind < len(tokens) and tokens[behind].kind == "open":
                    k = behind
        kept.append(token)
    return kept
