"""Names, sizes, tables and formulas as the text of a solver file."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import sympy

from ...errors import UnsupportedError
from ...node import Variable
from ...reparametrise import Reparametrised
from ...sizes import Size


def called(label: str, there: bool, none: str = "lambda unknowns: {}") -> str:
    """The kernel of that label on the data, or what stands for one that is not needed."""
    upper = label.upper()
    return f"caller({label}_evaluate, {upper}_INPUTS, {upper}_OUTPUTS, given)" if there else none


def kind_of(part: Any, free: Reparametrised) -> str:
    """How an unknown is freed: "" where it is as stated."""
    facts = part.constrained.facts
    if part.free is part.constrained or part.free.name == part.constrained.name:
        return ""
    return next(k for k in ("simplex", "positive", "pd") if k in facts)


def stated_shape(v: Variable) -> str:
    """The sizes of a variable in the words of the table of names."""
    entries = []
    for size in v.shape:
        if size.is_Symbol:
            entries.append(repr(size.name))
        elif size.is_Integer:
            entries.append(str(int(size)))
        else:
            raise UnsupportedError(
                f"{v.name} has the size {size}; a standalone file takes names and numbers alone: declare a name for it"
            )
    return in_tuple(entries)


def size_text(size: Any) -> str:
    """A number made of sizes, as source; names of sizes are strings in it."""
    symbols = sorted(size.free_symbols, key=str)
    marks = {s: sympy.Symbol(f"size{k}mark", positive=True, integer=True) for k, s in enumerate(symbols)}
    text = sympy.pycode(size.xreplace(marks), fully_qualified_modules=True)
    for s, mark in marks.items():
        text = re.sub(rf"\b{mark.name}\b", lambda _, s=s: f"sizes[{s.name!r}]", text)  # type: ignore[misc]
    return str(text)


def shape_text(shape: Sequence[Size]) -> str:
    """A shape as text of a tuple, sizes looked up by name."""
    return in_tuple(map(size_text, shape))


def in_tuple(texts: Any) -> str:
    found = list(texts)
    return "(" + ", ".join(found) + ("," if len(found) == 1 else "") + ")"


def idle_of(derived: Any) -> str:
    """What a layout is told of symmetric unknowns and of factors of definite ones, as further arguments."""
    known = {"even": derived.symmetric, "lower": derived.lower}
    return "".join(f", {key}={in_tuple(map(repr, sorted(names)))}" for key, names in known.items() if names)


def in_table(entries: Mapping[str, str], indent: int = 4) -> str:
    """A dict as text: names as strings, values as given."""
    if not entries:
        return "{}"
    pad = " " * indent
    return "{\n" + "".join(f"{pad}    {name!r}: {text},\n" for name, text in entries.items()) + pad + "}"


def indented(text: str) -> list[str]:
    """The lines one step further in."""
    return [f"    {line}".rstrip() for line in text.rstrip().split("\n")]


def title(words: str) -> str:
    """A line above a part of the file."""
    return f"# {'-' * 70} {words}\n\n"


def formulas(found: Any, names: Sequence[str], second: bool) -> str:
    """Derivatives as text, several with a label each."""
    if not isinstance(found, list):
        return "\n".join(found.lines())
    lines = []
    for i, name in enumerate(names):
        row = found[i] if second else [found[i]]
        for j, block in enumerate(row):
            label = f"{name}, {names[j]}" if second else name
            if not second or j >= i:
                lines.append(f"{label}: " + "\n".join(block.lines()))
    return "\n".join(lines)
