"""What a formula says about names that nobody declared: their kinds and sizes, by convention and unification.

Kinds follow the habit of the field: upper case is a matrix, lower case a vector, Greek names and a–g are
scalars; `n d m k` are sizes. Where a formula cannot be read so, the fewest kinds are changed that make it
readable. Sizes start out all different, and are made equal where the formula needs it. Everything that is
assumed is told.
"""

from __future__ import annotations

import difflib
import itertools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

import sympy

from ..errors import DeriveError, UnknownNameError
from ..node import MATRIX_FACTS, Node, Variable, variable
from ..sizes import Shape, Size, show_shape, size_symbol
from .arithmetic import Misfit
from .declarations import Sizes, check_facts, check_variable_name, declare
from .functions import FUNCTIONS
from .grammar import read
from .text import parse_node

GREEK = frozenset(
    "alpha beta gamma delta epsilon eps zeta eta theta iota kappa lambda lam lamda mu nu xi omicron rho sigma "
    "tau upsilon phi chi psi omega".split()
)
SIZE_NAMES = tuple("n d m k p q r h".split())
_SIZE = -1  # the “order” of a name that is a size
_TRIES = 400


def infer(
    text: str, variables: Mapping[str, Sizes], facts: Mapping[str, Iterable[str]] | None = None
) -> tuple[dict[str, Variable], list[str]]:
    """The variables of a formula, declared ones as they are, and a sentence for each that was inferred.

    >>> found, told = infer("sumsq(X @ w - y)/n + lam*sumsq(w)", {})
    >>> [v.shape for v in found.values()]
    [(n, d), (d,), (n,), ()]
    >>> told[1]
    'w is a vector of size d'
    """
    known = dict(facts or {})
    declared = declare(variables, {name: f for name, f in known.items() if name in variables})
    unknown = _unknown_names(text, declared)
    if not unknown:
        return declared, []
    forced = _einsum_orders(text, declared)
    first: DeriveError | None = None
    kinds = [_kinds(name, known.get(name, ()), forced.get(name)) for name in unknown]
    for orders in itertools.islice(_assignments(unknown, kinds), _TRIES):
        try:
            found = _unified(text, declared, orders, known)
        except DeriveError as error:
            first = first or error
            continue
        if found is not None:
            return {**declared, **found}, _told(found, orders)
    assert first is not None
    raise first


def _unknown_names(text: str, declared: Mapping[str, Variable]) -> list[str]:
    """The names that need a meaning, in the order of the text; near misses of declared names are refused."""
    sizes = {s.name for v in declared.values() for size in v.shape for s in size.free_symbols}
    found: list[str] = []
    for step in sorted(read(text, "formula", declared).names(), key=lambda s: s.start):
        name = str(step.data)
        if name in declared or name in sizes or name in found or name in ("pi", "None", "True", "False"):
            continue
        if name in FUNCTIONS or name == "newaxis":
            continue  # reported by the parser
        close = difflib.get_close_matches(name, declared, n=1, cutoff=0.75)
        if close and len(name) > 2 and _letters(name) != _letters(close[0]):
            hint = f"did you mean `{close[0]}`?"
            raise UnknownNameError(f"unknown name `{name}`", text, step.position, hint)
        check_variable_name(name)
        found.append(name)
    return found


def _letters(name: str) -> str:
    return re.sub(r"[\d_]+", "", name)


def _einsum_orders(text: str, declared: Mapping[str, Variable]) -> dict[str, int]:
    """The orders that the subscripts of an einsum give to its operands."""
    found: dict[str, int] = {}
    for step in read(text, "formula", declared).steps():
        if step.kind == "call" and step.data == "einsum" and step.args and step.args[0].kind == "string":
            inputs = str(step.args[0].data).replace(" ", "").partition("->")[0].split(",")
            for letters, operand in zip(inputs, step.args[1:], strict=False):
                if operand.kind == "name":
                    found[str(operand.data)] = len(letters)
    return found


def _kinds(name: str, facts: Iterable[str], forced: int | None) -> Sequence[int]:
    """The orders that a name may have, the usual one first."""
    if forced is not None:
        return (forced,)
    listed = set(facts)
    if listed & MATRIX_FACTS:
        return (2,)
    letters = _letters(name) or name
    if "simplex" in listed:
        return (1, 2)
    if name in SIZE_NAMES[:4]:
        return (_SIZE, 0, 1, 2)
    if (letters.lower() in GREEK and letters[0].islower()) or letters in tuple("abcdefg"):
        return (0, 1, 2)
    return (2, 1, 0) if letters[0].isupper() else (1, 0, 2)


def _assignments(names: Sequence[str], kinds: Sequence[Sequence[int]]) -> Iterator[dict[str, int]]:
    """Orders for the names: the usual ones, then those that differ in one name, in two, in three."""
    for changes in range(min(len(names), 3) + 1):
        for places in itertools.combinations(range(len(names)), changes):
            for picks in itertools.product(*(kinds[p][1:] for p in places)):
                orders = [k[0] for k in kinds]
                for place, pick in zip(places, picks, strict=True):
                    orders[place] = pick
                yield dict(zip(names, orders, strict=True))


def _unified(
    text: str,
    declared: Mapping[str, Variable],
    orders: Mapping[str, int],
    facts: Mapping[str, Iterable[str]],
) -> dict[str, Variable] | None:
    """The variables with sizes that make the formula fit; None when a name that is a size is on no array."""
    shapes: dict[str, Shape] = {}
    for name, order in orders.items():
        if order != _SIZE:
            shapes[name] = tuple(_fresh(name, axis) for axis in range(order))
            if set(facts.get(name, ())) & MATRIX_FACTS:
                shapes[name] = (shapes[name][0],) * 2
    names = [name for name, order in orders.items() if order == _SIZE]
    for _ in range(2 * sum(map(len, shapes.values())) + 1):
        trial: dict[str, Node] = {name: variable(name, shape) for name, shape in shapes.items()}
        try:
            parse_node(text, {**declared, **trial}, names)
            break
        except Misfit as error:
            p, q = error.pair
            if not _is_fresh(p):
                p, q = q, p
            if not _is_fresh(p) or p in q.free_symbols:
                raise
            shapes = {n: tuple(q if s == p else s for s in shape) for n, shape in shapes.items()}
    shapes = _named(shapes, {*declared, *shapes}, declared)
    used = {s.name for shape in shapes.values() for size in shape for s in size.free_symbols}
    used |= {s.name for v in declared.values() for size in v.shape for s in size.free_symbols}
    if not set(names) <= used:
        return None
    found = {n: variable(n, shape, check_facts(n, shape, facts.get(n, ()))) for n, shape in shapes.items()}
    parse_node(text, {**declared, **found})
    return found


def _fresh(name: str, axis: int) -> Size:
    return size_symbol(f"_{name}_{axis}")


def _is_fresh(size: Size) -> bool:
    return bool(size.is_Symbol and size.name.startswith("_"))


def _named(
    shapes: Mapping[str, Shape], taken: set[str], declared: Mapping[str, Variable]
) -> dict[str, Shape]:
    """Fresh sizes renamed n, d, m, k, … in the order in which they come."""
    taken = taken | {s.name for v in declared.values() for size in v.shape for s in size.free_symbols}
    names = (n for n in itertools.chain(SIZE_NAMES, (f"n{i}" for i in itertools.count(1))) if n not in taken)
    meaning: dict[sympy.Symbol, sympy.Symbol] = {}
    for shape in shapes.values():
        for size in shape:
            if _is_fresh(size) and size not in meaning:
                meaning[size] = size_symbol(next(names))
    return {n: tuple(meaning.get(s, s) for s in shape) for n, shape in shapes.items()}


def _told(found: Mapping[str, Variable], orders: Mapping[str, int]) -> list[str]:
    """One sentence per inferred name."""
    told = []
    for name, order in orders.items():
        if order == _SIZE:
            told.append(f"{name} is a size")
        elif order == 0:
            told.append(f"{name} is a scalar")
        elif order == 1:
            told.append(f"{name} is a vector of size {found[name].shape[0]}")
        else:
            what = "matrix" if order == 2 else "tensor"
            told.append(f"{name} is a {what} of sizes {show_shape(found[name].shape)}")
    return told
