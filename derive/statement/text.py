"""The text language: formulas and constraints over declared names become nodes.

The text is data throughout: own tokens, own grammar, and a table of functions. Sizes that do not fit are
reported with the part of the formula, the place and both sizes.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, final

import sympy

from ..build import constant_value, number
from ..build import transpose as permuted
from ..errors import (
    AmbiguityError,
    ArgumentError,
    DeclarationError,
    DeriveError,
    LimitError,
    ParseError,
    SizeError,
    UnknownNameError,
)
from ..limits import NODES
from ..node import Node, topological
from ..sizes import Size, as_size, size_symbol
from ..stable import recognise
from . import arithmetic as ar
from .conditions import Comparison
from .functions import FUNCTIONS
from .grammar import Step, Tape, misplaced, read
from .indexing import Index, Span, index
from .position import at
from .signature import bounded

#: Different constants such as sqrt(2) or log(3) in one formula; those such as 1/(n + 1) count tenfold. SymPy takes
#: a millisecond for one of the former, and more for their sums.
CONSTANTS = 100

Value = Any  # a node; in arguments and indices also a tuple, a text, a flag, None or a span

_WORDS: dict[str, Value] = {"None": None, "newaxis": None, "True": True, "False": False}


@final
@dataclass(frozen=True)
class Constraint:
    """`left sign right` between nodes, where sign is `<=`, `>=` or `==`."""

    left: Node
    sign: str
    right: Node
    text: str


def parse_node(text: str, variables: Mapping[str, Node], sizes: Iterable[str] = ()) -> Node:
    """The formula as a node, its naive spellings replaced by stable operators.

    variables   what each name stands for
    sizes       further names that are sizes; those of the variables' shapes are known anyhow
    """
    (node,) = _evaluate(read(text, "formula", variables), _Scope(variables, sizes))
    return recognise(node)


def parse_constraint(text: str, variables: Mapping[str, Node], sizes: Iterable[str] = ()) -> list[Constraint]:
    """A condition `a <= b`, `a >= b`, `a == b`; `a <= b <= c` gives two of them."""
    tape = read(text, "condition", variables)
    sides = [recognise(node) for node in _evaluate(tape, _Scope(variables, sizes))]
    found = []
    for k, sign in enumerate(tape.signs):
        try:
            ar.common_shape(sides[k].shape, sides[k + 1].shape, sign)
        except SizeError as error:
            raise at(error, text, tape.sides[k + 1].start) from None
        words = f"{tape.snippet(tape.sides[k])} {sign} {tape.snippet(tape.sides[k + 1])}"
        found.append(Constraint(sides[k], sign, sides[k + 1], words))
    return found


def parse_size(text: str) -> Size:
    """A size: a name, a whole number, or arithmetic over them such as `n - k + 1`."""
    tape = read(text)
    names = {s.data for s in tape.steps() if s.kind == "name"}
    (node,) = _evaluate(tape, _Scope({}, names))
    value = constant_value(node) if not node.order else None
    if value is None:
        raise DeclarationError(f"{text!r} is not a size")
    return as_size(value)


def size_names(variables: Mapping[str, Node], more: Iterable[str]) -> dict[str, sympy.Symbol]:
    """The sizes that variables have, and more, by their names."""
    found = {str(s): size_symbol(str(s)) for s in more}
    for node in variables.values():
        for size in node.shape:
            for symbol in size.free_symbols:
                found.setdefault(symbol.name, symbol)
    return found


@final
class _Scope:
    """What names mean."""

    def __init__(self, variables: Mapping[str, Node], sizes: Iterable[str]) -> None:
        self.variables = variables
        self.sizes = size_names(variables, sizes)

    def value(self, name: str) -> Value:
        """The node of that name; raises `KeyError`."""
        if name in self.variables:
            return self.variables[name]
        if name in self.sizes:
            return number(self.sizes[name])
        if name == "pi":
            return number(sympy.pi)
        return _WORDS[name]

    def unknown(self, text: str, step: Step, called: bool) -> DeriveError:
        """The error for a name that means nothing, with the nearest one that does."""
        name = str(step.data)
        known = [*self.variables, *self.sizes, "pi"]
        what = "function" if called else "name"
        if called and name in known:
            return at(
                ArgumentError(f"{name} is {self._what(name)}, not a function; write * for a product"),
                text,
                step.position,
            )
        if not called and name in FUNCTIONS:
            hint = f"{name} is a function; call it, as in {FUNCTIONS[name].usage}"
            return ParseError(f"function `{name}` without arguments", text, step.position, hint)
        candidates = [*FUNCTIONS, *known] if called else [*known, *FUNCTIONS]
        hint = suggestion(name, candidates)
        shown = name if len(name) <= 40 else name[:37] + "…"
        if not hint and not called:
            declared = ", ".join(sorted(map(str, known))[:12])
            hint = f"declared: {declared}"
        return UnknownNameError(f"unknown {what} `{shown}`", text, step.position, hint)

    def _what(self, name: str) -> str:
        return "a variable" if name in self.variables else "a size" if name in self.sizes else "a constant"


_SYNONYMS = {
    "ln": "log",
    "arcsine": "arcsin",
    "asin": "arcsin",
    "acos": "arccos",
    "atan": "arctan",
    "asinh": "arcsinh",
    "acosh": "arccosh",
    "atanh": "arctanh",
    "gammaln": "lgamma",
    "loggamma": "lgamma",
    "psi": "digamma",
    "sgn": "sign",
    "I": "eye",
    "identity": "eye",
    "inverse": "inv",
    "slogdet": "logdet",
    "log_det": "logdet",
    "lse": "logsumexp",
    "logistic": "sigmoid",
    "expit": "sigmoid",
    "average": "mean",
    "amax": "max",
    "amin": "min",
    "vdot": "dot",
    "inner": "dot",
    "hadamard": "*",
    "product": "prod",
}


_INDICES = frozenset("ijkl")
_GREEK = ("lambda", "lgamma")


def suggestion(name: str, candidates: Iterable[str]) -> str:
    """“did you mean …?” for the nearest of the candidates, or nothing."""
    names = list(candidates)
    if name in ("inf", "infinity"):
        return "the largest absolute value of an array is max(abs(x))"
    if name in _SYNONYMS:
        return f"did you mean `{_SYNONYMS[name]}`?"
    base, _, index = name.partition("_")
    if name in _INDICES or (base in names and index and set(index) <= _INDICES):
        return "there are no index letters: w[0] is an entry, and sums run over axes, as in sum(X @ w)"
    short = name[:40]
    close = [c for c in names if len(c) > 2 and short.startswith(c) and c not in FUNCTIONS][:1]  # lambda, lam
    close = close or difflib.get_close_matches(short, names, n=1, cutoff=0.6)
    if not close:
        same = [c for c in names if c.lower() == short.lower()]
        close = same[:1]
    if not close or (len(short) == 1 and close[0].lower() != short.lower()) or (short, close[0]) == _GREEK:
        return "declare it to use it as a name" if short == "lambda" else ""
    return f"did you mean `{close[0]}`?"


# ---------------------------------------------------------------- evaluation


def _evaluate(tape: Tape, scope: _Scope) -> list[Node]:
    """The nodes of the sides of a tape."""
    values: dict[Step, Value] = {}
    cost, seen = 0, set[sympy.Expr]()
    for step in tape.steps():
        values[step] = value = _located(step, tape, scope, [values[a] for a in step.args])
        if step.args and step.kind != "group" and isinstance(value, Node) and not value.order:
            constant = constant_value(value)
            cost += _cost(constant) if constant not in seen else 0
            seen.add(constant)
            if cost > CONSTANTS:
                raise at(LimitError("too many constants that are no fractions"), tape.text, step.start)
    sides = []
    for side in tape.sides:
        node = values[side]
        if not isinstance(node, Node):
            raise ParseError(f"`{tape.snippet(side)}` is not an expression", tape.text, side.start)
        sides.append(node)
    if len(tape.text) > NODES // 8 and sum(1 for _ in topological(sides)) > NODES:
        raise LimitError(f"the formula has more than {NODES} nodes")
    return sides


def _cost(constant: sympy.Expr | None) -> int:
    """What a constant costs."""
    if constant is None or constant.is_Rational or constant.is_Symbol:
        return 0
    return 10 if constant.has(sympy.Add) else 1


def _located(step: Step, tape: Tape, scope: _Scope, args: list[Value]) -> Value:
    """The value of one step; errors say where it stands."""
    try:
        return _value(step, tape, scope, args)
    except ParseError:
        raise
    except DeriveError as error:
        if getattr(error, "text", ""):
            raise
        raise at(error, tape.text, step.position, tape.snippet(step)) from None
    except (OverflowError, ZeroDivisionError, ValueError, TypeError, RecursionError, MemoryError) as error:
        problem = LimitError(f"a constant that cannot be worked out ({type(error).__name__})")
        raise at(problem, tape.text, step.position, tape.snippet(step)) from None


def _value(step: Step, tape: Tape, scope: _Scope, args: list[Value]) -> Value:
    kind = step.kind
    if kind == "name":
        try:
            return scope.value(step.data)
        except KeyError:
            raise scope.unknown(tape.text, step, called=False) from None
    if kind == "number":
        return number(sympy.Rational(step.data))
    if kind == "string":
        return str(step.data)
    if kind == "dots":
        return Ellipsis
    if kind in ("group", "keyword"):
        return args[0]
    if kind == "tuple":
        return tuple(args)
    if kind == "span":
        given = iter(args)
        bounds = [_position(next(given)) if present else None for present in step.data]
        return Span(*bounds)
    if kind == "call":
        return _call(step, tape, scope, args)
    if kind == "index":
        entries: list[Index] = [_entry(a) for a in args[1:]]
        return bounded(index(_node(args[0], step.args[0], tape), entries), "the index")
    nodes = [_node(a, s, tape) for a, s in zip(args, step.args, strict=True)]
    if kind == "comparison":
        return Comparison(tuple(nodes), tuple(step.data))
    if kind == "sum":
        return _sum(step, tape, nodes)
    if kind == "binary":
        return bounded(ar.binary(step.data, *nodes), f"`{step.data}`")
    if kind == "negative":
        return ar.neg(nodes[0])
    assert kind == "transpose"
    return permuted(nodes[0])


def _node(value: Value, step: Step, tape: Tape) -> Node:
    if isinstance(value, Node):
        return value
    hint = "; stack([a, b]) makes one array of several" if isinstance(value, tuple) else ""
    raise ParseError(f"`{tape.snippet(step)[:40]}` is not an array or a number{hint}", tape.text, step.start)


def _sum(step: Step, tape: Tape, nodes: list[Node]) -> Node:
    """All terms at once; a term that does not fit is found by adding them up one by one."""
    try:
        return ar.total(list(zip(step.data, nodes, strict=True)))
    except SizeError:
        shape = nodes[0].shape
        for k in range(1, len(nodes)):
            try:
                shape = ar.common_shape(shape, nodes[k].shape, "+" if step.data[k] > 0 else "-")
            except SizeError as error:
                sign = tape.text.rfind("+" if step.data[k] > 0 else "-", 0, step.args[k].start)
                first = step.args[0 if k > 1 else k - 1].start
                raise at(error, tape.text, sign, tape.text[first : step.args[k].end]) from None
        raise


def _position(value: Value) -> sympy.Expr:
    constant = constant_value(value) if isinstance(value, Node) and not value.order else None
    if constant is None:
        raise ArgumentError("an index must be a whole number, such as 0, -1 or n - 1, not an array")
    return constant


def _entry(value: Value) -> Index:
    if value is None or value is Ellipsis or isinstance(value, Span):
        return value
    if isinstance(value, Node) and value.order:
        return value
    return _position(value)


def _call(step: Step, tape: Tape, scope: _Scope, args: list[Value]) -> Node:
    name = str(step.data)
    function = FUNCTIONS.get(name)
    if function is None or name in scope.variables:
        raise scope.unknown(tape.text, step, called=True)
    positional: list[Value] = []
    keywords: dict[str, Value] = {}
    for part, value in zip(step.args, args, strict=True):
        if part.kind == "keyword":
            if part.data in keywords:
                raise ParseError(f"argument `{part.data}` is given twice", tape.text, part.start)
            keywords[part.data] = value
        elif keywords:
            raise ParseError("a positional argument after a keyword argument", tape.text, part.start)
        elif isinstance(value, Span):
            raise ParseError("a slice stands between square brackets only", tape.text, part.start)
        elif isinstance(value, Comparison) and not function.chooses(len(positional)):
            raise misplaced(tape.text, part.data[0], part.position)
        else:
            positional.append(value)
    second = positional[1] if name in ("max", "min") and len(positional) == 2 else None
    if isinstance(second, Node) and constant_value(second) is not None:
        words = [tape.snippet(part) for part in step.args[:2]]
        raise AmbiguityError(
            f"{name} of an array and a number: along that axis, or entry by entry the one or the other?",
            (f"{name}({words[0]}, axis={words[1]})", f"{name}imum({', '.join(words)})"),
            tape.text,
            step.position,
        )
    return function(*positional, **keywords)
