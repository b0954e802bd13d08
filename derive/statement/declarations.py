"""Declarations: names with sizes and facts become variables; everything doubtful is refused by name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..errors import DeclarationError, DeriveError
from ..limits import ENTRIES, ORDER
from ..node import KNOWN_FACTS, MATRIX_FACTS, Variable, variable
from ..sizes import Shape, Size, as_size, check_name, product, same_size, show_shape
from .functions import FUNCTIONS
from .text import parse_size, suggestion

Sizes = Sequence[object]


def declare(
    variables: Mapping[str, Sizes], facts: Mapping[str, Iterable[str]] | None = None
) -> dict[str, Variable]:
    """The variables of those names, sizes and facts.

    A size is a name, a whole number, or arithmetic over names such as `"n - 1"`; `[]` declares a scalar.
    Raises `DeclarationError` naming the variable.

    >>> declare({"X": ["n", "d"], "lam": []}, {"lam": ["positive"]})["X"].order
    2
    """
    wanted = dict(facts or {})
    for name in wanted:
        if name not in variables:
            hint = suggestion(str(name), map(str, variables))
            raise DeclarationError(f"facts are given for {name!r}, which is not declared{_also(hint)}")
    found = {}
    for name, sizes in variables.items():
        check_variable_name(name)
        shape = declared_shape(name, sizes)
        found[name] = variable(name, shape, check_facts(name, shape, wanted.get(name, ())))
    check_size_names(found)
    return found


def _also(hint: str) -> str:
    return f"; {hint}" if hint else ""


def check_variable_name(name: object) -> str:
    """The name, if it can name a variable: an ASCII identifier that is neither a function nor a word."""
    text = check_name(name)
    if text in FUNCTIONS:
        raise DeclarationError(
            f"{text!r} cannot name a variable: it is a function of the language; try {text}_"
        )
    return text


def declared_shape(name: str, sizes: Sizes) -> Shape:
    """The shape from a list of sizes, or a `DeclarationError` naming the variable."""
    if isinstance(sizes, str) or not isinstance(sizes, Sequence):
        example = ", ".join(f'"{s}"' for s in str(sizes).replace(",", " ").split()[:4])
        raise DeclarationError(
            f"{name}: the sizes must be a list such as [{example}], not {_show(sizes)}; [] declares a scalar"
        )
    if len(sizes) > ORDER:
        raise DeclarationError(f"{name}: {len(sizes)} axes; the limit is {ORDER}")
    shape = tuple(_declared_size(name, size) for size in sizes)
    entries = product(s for s in shape if s.is_Integer)
    if entries > ENTRIES:
        raise DeclarationError(
            f"{name}: an array of sizes {show_shape(shape)} has {entries} entries, "
            f"{int(entries) * 8 // 10**9} GB of memory; the limit is {ENTRIES} entries"
        )
    return shape


def _declared_size(name: str, size: object) -> Size:
    try:
        if isinstance(size, str) and not size.strip().isidentifier():
            found = parse_size(size)
        else:
            found = as_size(size)
    except DeriveError as error:
        first = str(error).splitlines()[0]
        raise DeclarationError(f"{name}: {_show(size)} cannot be a size: {first}") from None
    if found.is_nonpositive:
        raise DeclarationError(f"{name}: {_show(size)} cannot be a size: sizes are at least 1")
    return found


def _show(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "…"


def check_facts(name: str, shape: Shape, facts: Iterable[str]) -> tuple[str, ...]:
    """The facts, if they are known and can be true of an array of that shape."""
    listed = facts.replace(",", " ").split() if isinstance(facts, str) else list(facts)
    for fact in listed:
        if fact not in KNOWN_FACTS:
            hint = suggestion(str(fact), sorted(KNOWN_FACTS))
            known = ", ".join(sorted(KNOWN_FACTS))
            raise DeclarationError(f"{name}: {_show(fact)} is not a known fact{_also(hint)}; facts: {known}")
        if fact in MATRIX_FACTS and (len(shape) < 2 or not same_size(shape[-1], shape[-2])):
            raise DeclarationError(
                f"{name} cannot be {fact}: it has sizes {show_shape(shape)}, and only square matrices can be"
            )
        if fact == "simplex" and not shape:
            raise DeclarationError(f"{name} cannot be on the simplex: it is a scalar")
    return tuple(listed)


def check_size_names(variables: Mapping[str, Variable], sizes: Iterable[str] = ()) -> None:
    """No name may stand for a size and for an array at once, nor a size be called like a function."""
    for name in sizes:
        if name in variables:
            raise DeclarationError(f"{name!r} is declared as a size and as a variable; rename one")
        if name in FUNCTIONS or name == "pi":
            raise DeclarationError(f"{name!r} cannot name a size: it has a meaning in the language")
    for v in variables.values():
        for symbol in {s for size in v.shape for s in size.free_symbols}:
            if symbol.name in variables:
                raise DeclarationError(
                    f"{v.name}: {symbol.name!r} names both a size of {v.name} and a variable; rename one"
                )
            if symbol.name in FUNCTIONS or symbol.name == "pi":
                raise DeclarationError(
                    f"{v.name}: {symbol.name!r} cannot name a size: it has a meaning in the language"
                )
