"""What stands around a formula: the sides of its `=`, step counts above its names, and `\\min_w` before it."""

from __future__ import annotations

from ..errors import ParseError
from .latex_left import Reader
from .latex_names import Name, Names
from .latex_tokens import Token

_EQUALS = frozenset({"coloneqq", "triangleq", "equiv", "doteq"})


def sides(tokens: list[Token], text: str) -> tuple[list[list[Token]], bool]:
    """The parts between the signs `=` of a chain A = B = C, and whether the one sign is `\\leftarrow`."""
    parts: list[list[Token]] = [[]]
    depth, arrow = 0, False
    for token in tokens:
        depth += {"{": 1, "open": 1, "}": -1, "close": -1}.get(token.kind, 0)
        turned = token.kind == "command" and token.value in ("leftarrow", "gets")
        equal = token.kind == "=" or (token.kind == "command" and token.value in _EQUALS)
        if depth or not (turned or equal):
            parts[-1].append(token)
            continue
        if arrow or (turned and len(parts) > 1):
            raise ParseError("`=` beside `\\leftarrow`", text, token.start, "give one of them at a time")
        if parts[-1] and parts[-1][-1].kind == ":":
            parts[-1].pop()
        arrow = arrow or turned
        parts.append([])
    for k, part in enumerate(parts):
        if k and not any(t.kind != "break" for t in part):
            previous = next((p for p in reversed(parts[:k]) if p), tokens)
            raise ParseError("nothing stands right of `=`", text, previous[-1].end)
    return parts, arrow


def split(tokens: list[Token], text: str) -> tuple[list[Token], list[Token], bool]:
    """The tokens left and right of the one `=` or `\\leftarrow`, and whether it was the latter."""
    parts, arrow = sides(tokens, text)
    if len(parts) > 2:
        raise ParseError("more than one `=`", text, parts[2][0].start, "give one equation at a time")
    return (parts[0], parts[1], arrow) if len(parts) == 2 else ([], parts[0], False)


def without_steps(tokens: list[Token], text: str, names: Names) -> tuple[list[Token], bool]:
    """`w^{(t+1)} = w^{(t)} - …` without its counters, and whether there were any: an update of w."""
    reader = Reader(tokens, text, names)
    if reader.token is None or reader.token.kind not in ("letter", "word", "command", "{", "declared"):
        return tokens, False
    try:
        found = tokens[: reader.bare()]
    except ParseError:
        return tokens, False
    rest = tokens[len(found) :]
    inner = Reader(rest, text, names)
    if not found or not inner.is_("^", "_"):
        return tokens, False
    group = inner.group(1)
    signs = [t.value for t in group if t.kind not in ("open", "close")]
    if len(signs) != 3 or signs[1:] != ["+", "1"] or names.lookup(Name(signs[0])) is not None:
        return tokens, False
    inner.index = 1
    inner.skip(group)
    if not inner.is_("=", "leftarrow", "gets"):
        return tokens, False
    return [*found, *_uncounted(rest[inner.index :], signs[0], text, names)], True


def _uncounted(tokens: list[Token], letter: str, text: str, names: Names) -> list[Token]:
    """The tokens without `^{(t)}`, `_t`."""
    kept: list[Token] = []
    k = 0
    while k < len(tokens):
        if tokens[k].value in ("^", "_") and k + 1 < len(tokens):
            reader = Reader(tokens, text, names)
            reader.index = k + 1
            group = reader.group(k + 1)
            if [t.value for t in group if t.kind not in ("open", "close")] == [letter]:
                reader.skip(group)
                k = reader.index
                continue
        kept.append(tokens[k])
        k += 1
    return kept


def definition(tokens: list[Token], text: str) -> tuple[str, tuple[str, ...], int, bool]:
    """The name that an equation behind the formula defines, its indices, how many tokens of arguments it has, and

    whether its square is defined: \\sigma^2 = ….
    """
    reader = Reader(tokens, text, Names({}))
    name, labels = reader.name()
    indices = tuple(label.text for label in labels)
    if name is None or any(label.kind != "name" for label in labels) or len(set(indices)) < len(indices):
        start = tokens[0].start if tokens else len(text)
        raise ParseError("behind the formula stands something that defines no name", text, start)
    rest = reader.arguments()
    squared = not rest and reader.is_("^") and [t.value for t in reader.group(reader.index + 1)] == ["2"]
    if squared:
        reader.index += 1
        reader.skip(reader.group(reader.index))
    if reader.index != len(tokens):
        raise ParseError("this defines no name", text, reader.place)
    return name.shown, indices, rest, squared


_OPTIMA = frozenset({"min", "max", "minimize", "maximize", "minimise", "maximise"})


def objective(tokens: list[Token], text: str, names: Names) -> list[Token]:
    """The tokens behind `\\min_w`, `\\min_{w \\in …}`, `\\underset{w}{\\min}` over an unknown: what is optimised.

    A big operator runs over an index; over a declared array it only says that the formula is an objective.
    """
    spelled = tokens[0].kind == "word" and tokens[0].value in _OPTIMA - {"min", "max"}
    if spelled and len(tokens) > 1 and tokens[1].kind != "_":
        return tokens[1:]
    reader = Reader(tokens, text, names)
    if reader.is_("underset"):
        reader.index += 1
        below = reader.group(reader.index)
        reader.skip(below)
        word = reader.group(reader.index)
        reader.skip(word)
    else:
        word = tokens[:1]
        reader.index = 1
        if not reader.is_("_"):
            return tokens
        reader.index += 1
        below = reader.group(reader.index)
        reader.skip(below)
    if len(word) != 1 or word[0].value not in _OPTIMA:
        return tokens
    inner = Reader(below, text, names)
    name, labels = inner.name()
    if name is None or inner.declared(name, labels) is None:
        return tokens
    return tokens[reader.index :] or tokens
