"""What a function of the language is: a record of its name, its parameters and its meaning on nodes.

Arguments are checked and converted by kind before the function sees them, so that the functions
themselves are single formulas. The same records serve the text language, the Python functions and the
NumPy protocol.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

import sympy

from ..build import constant_value, number
from ..errors import ArgumentError, DeclarationError, LimitError, SizeError
from ..limits import FIXED_SIZE, ORDER
from ..node import Node
from ..sizes import Shape, Size, as_coefficient, as_size, show_shape
from .arithmetic import checked
from .conditions import Comparison


@final
@dataclass(frozen=True)
class Parameter:
    """One parameter: its name, its kind, and whether it may be left out or repeated."""

    name: str
    kind: str
    optional: bool = False
    repeated: bool = False
    keyword_only: bool = False


@final
@dataclass(frozen=True)
class Function:
    """A function of the language. Call it with nodes (numbers are taken as constants)."""

    name: str
    parameters: tuple[Parameter, ...]
    meaning: Callable[..., Node]
    doc: str

    @property
    def usage(self) -> str:
        """The call as it is written, such as `sum(A, axis=…)`."""
        words = []
        for p in self.parameters:
            if p.repeated:
                words.append(f"{p.name}, …")
            else:
                words.append(f"{p.name}=…" if p.optional or p.keyword_only else p.name)
        return f"{self.name}({', '.join(words)})"

    def chooses(self, place: int) -> bool:
        """Whether the argument at that place may be a comparison."""
        return place < len(self.parameters) and self.parameters[place].kind == "condition"

    def __call__(self, *args: Any, **keywords: Any) -> Node:
        positional, named = self._bind(args, keywords)
        try:
            result = self.meaning(*positional, **named)
        except (SizeError, ArgumentError) as error:
            text = str(error)
            named_error = type(error)(text if text.startswith(self.name) else f"{self.name}: {text}")
            named_error.__dict__.update(error.__dict__)
            raise named_error from None
        return bounded(checked(result), self.name)

    def _bind(self, args: Sequence[Any], keywords: Mapping[str, Any]) -> tuple[list[Any], dict[str, Any]]:
        plain = [p for p in self.parameters if not p.keyword_only]
        repeated = plain[-1] if plain and plain[-1].repeated else None
        names = {p.name: p for p in self.parameters if not p.repeated}
        for key in keywords:
            if key not in names:
                known = [p.name for p in self.parameters if p.optional]
                has = f"it has {', '.join(known)}" if known else "it has none"
                raise ArgumentError(f"{self.name} has no keyword argument `{key}`; {has}")
        least = sum(1 for p in plain if not p.optional and not p.repeated and p.name not in keywords)
        if len(args) < least or (repeated is None and len(args) > len(plain)):
            most = len(plain)
            count = f"{least}" if least == most else f"{least} or more" if repeated else f"{least} to {most}"
            plural = "" if count == "1" else "s"
            raise ArgumentError(f"{self.name} takes {count} argument{plural}, not {len(args)}: {self.usage}")
        positional = []
        for k, value in enumerate(args):
            p = plain[k] if k < len(plain) else plain[-1]
            if p.name in keywords:
                raise ArgumentError(f"{self.name}: argument `{p.name}` is given twice")
            positional.append(convert(value, p, self.name))
        return positional, {k: convert(v, names[k], self.name) for k, v in keywords.items()}


FUNCTIONS: dict[str, Function] = {}


def function(**kinds: str) -> Callable[[Callable[..., Node]], Function]:
    """Register a function under its name; parameters are arrays unless their kind is given."""

    def record(meaning: Callable[..., Node]) -> Function:
        parameters = []
        for p in inspect.signature(meaning).parameters.values():
            repeated = p.kind is inspect.Parameter.VAR_POSITIONAL
            optional = p.default is not inspect.Parameter.empty
            parameters.append(
                Parameter(
                    p.name,
                    kinds.get(p.name, "array"),
                    optional,
                    repeated,
                    p.kind is inspect.Parameter.KEYWORD_ONLY,
                )
            )
        name = meaning.__name__.rstrip("_")
        found = Function(name, tuple(parameters), meaning, inspect.getdoc(meaning) or "")
        FUNCTIONS[name] = found
        return found

    return record


def alias(name: str, of: Function) -> None:
    """Another name for a function; the record keeps the first one."""
    FUNCTIONS[name] = of


# ---------------------------------------------------------------- conversion by kind


def convert(value: Any, parameter: Parameter, function_name: str) -> Any:
    """An argument as its parameter wants it, or an `ArgumentError` naming the function."""
    where = f"{function_name}: argument `{parameter.name}`"
    try:
        return _KINDS[parameter.kind](value, where)
    except DeclarationError as error:
        raise ArgumentError(f"{where}: {error}") from None


def _array(value: Any, where: str) -> Node:
    if isinstance(value, Node):
        return value
    if isinstance(value, tuple | list):
        raise ArgumentError(f"{where} must be one array, not a list; stack(a, b) makes one of several")
    if isinstance(value, str | bool) or value is None:
        raise ArgumentError(f"{where} must be an array, not {_show(value)}")
    return number(as_coefficient(value))


def _condition(value: Any, where: str) -> Node | Comparison:
    return value if isinstance(value, Comparison) else _array(value, where)


def _arrays(value: Any, where: str) -> tuple[Node, ...]:
    values = value if isinstance(value, tuple | list) else (value,)
    return tuple(_array(v, where) for v in values)


def _rows(value: Any, where: str) -> tuple[tuple[Node, ...], ...]:
    """Rows of arrays: one, or a list of several as NumPy takes them."""
    if isinstance(value, tuple | list) and value and all(isinstance(v, tuple | list) for v in value):
        return tuple(_arrays(v, where) for v in value)
    return (_arrays(value, where),)


def _constant(value: Any, where: str, what: str) -> sympy.Expr:
    if isinstance(value, Node):
        found = constant_value(value) if not value.order else None
        if found is None:
            raise ArgumentError(f"{where} must be {what}, not an array of sizes {show_shape(value.shape)}")
        return found
    if isinstance(value, tuple | list):
        raise ArgumentError(f"{where} must be {what}, not a list")
    if isinstance(value, str | bool) or value is None:
        raise ArgumentError(f"{where} must be {what}, not {_show(value)}")
    return as_coefficient(value)


def _number(value: Any, where: str) -> sympy.Expr:
    return _constant(value, where, "a number")


def _order(value: Any, where: str) -> sympy.Expr | str:
    return value if isinstance(value, str) else _constant(value, where, "a number")


def _integer(value: Any, where: str) -> int:
    if isinstance(value, Node) and constant_value(value) is None and where.endswith("`axis`"):
        other = "; the larger and the smaller of two arrays are maximum(a, b) and minimum(a, b)"
        extreme = where.startswith(("max:", "min:"))
        raise ArgumentError(f"{where} must be a whole number, not an array" + (other if extreme else ""))
    found = _constant(value, where, "a whole number")
    if not found.is_Integer or abs(found) > FIXED_SIZE:
        raise ArgumentError(f"{where} must be a whole number, not {_show(found)}")
    return int(found)


def _axes(value: Any, where: str) -> Any:
    if value is None:
        return None
    if isinstance(value, tuple | list):
        return tuple(_integer(v, where) for v in value)
    return _integer(value, where)


def _size(value: Any, where: str) -> Size:
    if isinstance(value, str):
        return as_size(value)
    found = _constant(value, where, "a size")
    if found.is_integer is not True or found.is_nonpositive:
        raise ArgumentError(f"{where} must be a size (a whole number ≥ 1), not {_show(found)}")
    return as_size(found)


def _sizes(value: Any, where: str) -> Shape:
    values = value if isinstance(value, tuple | list) else (value,)
    return tuple(_size(v, where) for v in values)


def _open_sizes(value: Any, where: str) -> tuple[Size | None, ...]:
    """Sizes, of which some may be left open: -1, here None."""
    found = []
    for v in value if isinstance(value, tuple | list) else (value,):
        number = constant_value(v) if isinstance(v, Node) and not v.order else v
        found.append(None if number is not None and number == -1 else _size(v, where))
    return tuple(found)


def _flag(value: Any, where: str) -> bool:
    if not isinstance(value, bool):
        raise ArgumentError(f"{where} must be True or False")
    return value


def _text(value: Any, where: str) -> str:
    if not isinstance(value, str):
        raise ArgumentError(f'{where} must be a text in quotes, such as "ij,j->i"')
    return value


def _anything(value: Any, where: str) -> Any:
    if isinstance(value, tuple | list):
        return tuple(_constant(v, where, "a whole number") for v in value)
    return _constant(value, where, "a whole number")


_KINDS: dict[str, Callable[[Any, str], Any]] = {
    "array": _array,
    "arrays": _arrays,
    "rows": _rows,
    "condition": _condition,
    "number": _number,
    "order": _order,
    "integer": _integer,
    "axes": _axes,
    "size": _size,
    "sizes": _sizes,
    "open sizes": _open_sizes,
    "flag": _flag,
    "text": _text,
    "entry": _anything,
}


def _show(value: Any) -> str:
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= 40 else text[:37] + "…"


def bounded(node: Node, what: str) -> Node:
    """The node, unless its shape is beyond the caps."""
    if node.order > ORDER:
        raise LimitError(f"{what} gives an array with {node.order} axes; the limit is {ORDER}")
    for size in node.shape:
        if size.is_Integer and size > FIXED_SIZE:
            raise LimitError(f"{what} gives an array of sizes {show_shape(node.shape)}: too large")
    return node
