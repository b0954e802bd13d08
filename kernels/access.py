"""Loops that carry a total along an axis, go to places that numbers tell, or stand on an operator's record, as text.

A place outside the array, or one that is no whole number, gives NaN and never another entry's value; indices
that are data are checked before, where they are given.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from ..node import Labels
from ..operators import lookup
from .loops import Scope, globally, loops, read_text
from .statements import LABEL, PICK, Piece, Read, Statement


def _texts(statement: Statement, variables: dict[int, str], scope: Scope, template: str) -> str:
    texts = [read_text(r, variables, statement.row, scope) for r in statement.reads]
    return globally(template, variables, statement.row).format(*texts)


def _picked(statement: Statement, variables: dict[int, str], scope: Scope) -> list[str]:
    """Lines that set `pick` to a place inside the array, and `valid` to 1 or NaN."""
    size = scope.size(statement.sizes[PICK])
    return [
        f"at = {_texts(statement, variables, scope, statement.place)}",
        "pick = int(at)",
        f"valid = 1.0 if pick == at and 0 <= pick < {size} else math.nan",
        "pick = pick if valid == 1.0 else 0",
    ]


def running(statement: Statement, scope: Scope) -> list[str]:
    """A running sum along an axis, from the front or from the back."""
    name = scope.declare_target(statement)
    (along,) = statement.axes
    kept = tuple(i for i in statement.stored if i != along)
    depth = len(kept)
    variables = {i: f"i{k}" for k, i in enumerate(kept)}
    variables[along] = "step" if statement.op == "cumsum_back" else f"i{depth}"
    pad = "    " * depth
    lines = [f"# {name}: {statement.note}", *loops(statement, kept, scope), f"{pad}total = 0.0"]
    lines += [pad + line for line in loops(statement, (along,), scope, depth)]
    if statement.op == "cumsum_back":
        lines.append(f"{pad}    step = {scope.extent(statement, along)} - 1 - i{depth}")
    place = ", ".join(variables[i] for i in statement.stored)
    lines.append(f"{pad}    total += {_texts(statement, variables, scope, statement.template)}")
    lines.append(f"{pad}    {name}[{place}] = total")
    return lines


def gathered(statement: Statement, scope: Scope) -> list[str]:
    """Entries read at places that numbers tell; the loops over the numbers are outermost."""
    name = scope.declare_target(statement)
    own = tuple(i for i in statement.stored if i in statement.axes)
    rest = tuple(i for i in statement.stored if i not in statement.axes)
    variables = {i: f"i{k}" for k, i in enumerate((*own, *rest))}
    variables[PICK] = "pick"
    pad, deep = "    " * len(own), "    " * len(rest)
    place = ", ".join(variables[i] for i in statement.stored)
    target = f"{name}[{place}]" if statement.output else name
    lines = [f"# {name}: {statement.note}", *loops(statement, own, scope)]
    lines += [pad + line for line in _picked(statement, variables, scope)]
    lines += [pad + line for line in loops(statement, rest, scope, len(own))]
    value = _texts(statement, variables, scope, statement.template)
    return [*lines, f"{pad}{deep}{target} = valid * {value}"]


def scattered(statement: Statement, scope: Scope) -> list[str]:
    """Entries added at places that numbers tell. `axes` holds the axis of the target, then the labels of the
    operand that take its place."""
    name = scope.declare_target(statement)
    axis, *own = statement.axes
    lines = [f"# {name}: {statement.note}"]
    if not statement.accumulates:
        zeroed = ", ".join(f"i{k}" for k in range(len(statement.stored)))
        lines += loops(statement, statement.stored, scope)
        lines.append("    " * len(statement.stored) + f"{name}[{zeroed}] = 0.0")
    rest = [i for i in statement.stored if i != statement.output[axis]]
    order = (*own, *rest)
    variables = {i: f"i{k}" for k, i in enumerate(order)}
    pad, deep = "    " * len(own), "    " * len(rest)
    lines += loops(statement, tuple(own), scope)
    value = "{0}"
    if statement.op == "pick":
        lines += [pad + line for line in _picked(statement, variables, scope)]
        place, value = "pick", "valid * {0}"
    else:
        place = globally(statement.place, variables, statement.row)
    variables[statement.output[axis]] = place
    index = ", ".join(variables[i] for i in statement.stored)
    lines += [pad + line for line in loops(statement, tuple(rest), scope, len(own))]
    entry = _texts(statement, variables, scope, statement.template)
    return [*lines, f"{pad}{deep}{name}[{index}] += {value.format(entry)}"]


def cholesky_factors(statement: Statement, scope: Scope) -> list[str]:
    """The Cholesky factor of every matrix of a batch."""
    name, read = scope.declare_target(statement), statement.reads[0]
    count = read.item.node.order - 2
    place = ", ".join(f"i{k}" for k in range(count))
    given, target = (f"{v}[{place}]" if count else v for v in (scope.names[read.item], name))
    return [
        f"# {name}: Cholesky factor",
        *loops(statement, statement.stored[:count], scope),
        "    " * count + f"cholesky({given}, {target})",
    ]


def called(statement: Statement, scope: Scope) -> list[str]:
    """A call of the loops on an operator's record."""
    rows = "[:m]" if statement.row is not None else ""
    given = [scope.names[r.item] + (rows if r.item.row is not None else "") for r in statement.reads]
    settings = [statement.template] if statement.template else []
    if not statement.output:  # the one entry of an array
        name, entry = scope.names[statement.target], scope.scratch(["1"])
        call = f"{statement.op}_loops({', '.join([*given, entry, *settings])})"
        return [f"# {name}: {statement.note}", call, f"{name} = {entry}[0]"]
    name = scope.declare_target(statement)
    arguments = ", ".join([*given, name + rows, *settings])
    return [f"# {name}: {statement.note}", f"{statement.op}_loops({arguments})"]


def loops_of(statements: Iterable[Statement]) -> list[str]:
    """The functions that are called so, as the records state them."""
    names = sorted({s.op for s in statements if s.kind == "call"})
    return [
        "@compiled\n" + lookup(name).loops.strip().replace("def loops(", f"def {name}_loops(")
        for name in names
    ]


#: Rows of a piece that lies turned are written so many at a time: what is read are the lines of a cache.
_STRIP = 8


def put_together(statement: Statement, scope: Scope) -> list[str]:
    """An array of zeros and pieces, each written, or added, where it lies.

    `op` is "apart" where no two parts meet, and "tiles" where they are the whole array besides.
    """
    name = scope.declare_target(statement)
    lines = [f"# {name}: {statement.note}"]
    if statement.op != "tiles":
        lines.append(f"clear({name})")
    pieces = list(statement.pieces)
    if statement.op == "apart":
        pieces = [p for p in pieces if p.template != "0.0"]  # there are zeros already
    while pieces:
        shared, group = _same_rows(pieces)
        lines += loops(statement, shared, scope)
        for piece in group:
            inner = _piece(piece, name, len(shared), statement, scope)
            lines += ["    " * len(shared) + line for line in inner]
        pieces = pieces[len(group) :]
    return lines


def _same_rows(pieces: Sequence[Piece]) -> tuple[Labels, list[Piece]]:
    """Loops over rows that the first piece shares with those after it that add to it: a row is still in cache then."""
    first = pieces[0]
    rows = {int(i) for i in LABEL.findall(first.places[0])} if first.places else set()
    shared = first.labels[: len(rows)]
    group = [first]
    for piece in pieces[1:]:
        if not piece.adds or piece.places[:1] != first.places[:1] or piece.labels[: len(rows)] != shared:
            break
        group.append(piece)
    if len(group) == 1 or set(shared) != rows:
        return (), [first]
    return shared, group


def _piece(piece: Piece, name: str, around: int, statement: Statement, scope: Scope) -> list[str]:
    """The loops of one piece, inside so many others over its first labels."""
    variables = {i: f"i{k}" for k, i in enumerate(piece.labels)}
    reads = {k: statement.reads[int(k)] for k in re.findall(r"\{(\d+)\}", piece.template)}
    texts = {k: read_text(r, variables, None, scope) for k, r in reads.items()}
    template = globally(piece.template, variables, None)
    value = re.sub(r"\{(\d+)\}", lambda found: texts[found.group(1)], template)
    place = ", ".join(globally(entry, variables, None) for entry in piece.places)
    if not around and _lies_turned(piece, reads.values()):
        rows, columns = (scope.extent(statement, i) for i in piece.labels)
        lines = [f"for i2 in range(0, {rows}, {_STRIP}):", f"    for i1 in range({columns}):"]
        lines.append(f"        for i0 in range(i2, min(i2 + {_STRIP}, {rows})):")
    else:
        lines = loops(statement, piece.labels[around:], scope, around)
    return [*lines, "    " * len(lines) + f"{name}[{place}] {'+=' if piece.adds else '='} {value}"]


def _lies_turned(piece: Piece, reads: Iterable[Read]) -> bool:
    """Whether a piece is a matrix that is stored by its columns."""
    turned = tuple(f"@{i}@" for i in reversed(piece.labels))
    return len(piece.labels) == 2 and any(r.stored == turned for r in reads)
