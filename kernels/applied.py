"""Functions inside plain loops: a few are written here (`min`, `abs`, `empty`), numba finds and types all others.

Numbers, arrays and groups of them, as `translate` has them, are brought into the form that numba's functions know, and
back.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core.errors import TypingError

from .arrays import _LINE, clear, empty, shaped
from .values import BOOL, INT, REAL, SINGLE, Array, Beyond, Items, Number, Thing, Values, whole

_I = ir.IntType(64)
_NUMBERS = (INT, REAL, SINGLE, BOOL)
NONE = Thing(None)


class Calls:
    """Values of numba's and ours, and what functions make of them.

    owned     for each block of the text that is open, the arrays that were made in it
    resolved  the functions that numba has found, for the types that they were called with
    chains    how many elementary functions were called, which are long chains of dependent arithmetic
    """

    b: Any
    values: Values
    module: Any

    def __init__(self, context: Any, typing: Any) -> None:
        self.context, self.typing = context, typing
        self.owned: list[list[Array]] = [[]]
        self.resolved: dict[Any, Any] = {}
        self.chains = 0

    def _value(self, kind: Any, value: Any) -> Any:
        """What a value of numba's is here."""
        if kind in _NUMBERS:
            return Number(kind, value)
        if isinstance(kind, types.IntegerLiteral):
            return whole(kind.literal_value)
        if isinstance(kind, types.Array):
            return self.values.opened(kind, value)
        if isinstance(kind, types.BaseTuple):
            parts = (self._value(k, self.b.extract_value(value, i)) for i, k in enumerate(kind.types))
            return Items(tuple(parts))
        if kind == types.none:
            return NONE
        raise Beyond(str(kind))

    def _own(self, value: Any) -> Any:
        """A value of which the reference is ours."""
        if isinstance(value, Array):
            self.owned[-1].append(value)
        elif isinstance(value, Items):
            for each in value.values:
                self._own(each)
        return value

    def _packed(self, value: Any) -> tuple[Any, Any]:
        """The type and value that compiled functions know."""
        if isinstance(value, Number):
            return value.kind, value.value
        if isinstance(value, Array):
            return value.kind, self.values.closed(value)
        if isinstance(value, Items):
            pairs = [self._packed(v) for v in value.values]
            kind = types.BaseTuple.from_types([k for k, _ in pairs])
            return kind, self.context.make_tuple(self.b, kind, [v for _, v in pairs])
        if value == NONE:
            return types.none, self.context.get_dummy_value()
        if isinstance(value.value, type) and issubclass(value.value, np.generic):
            return self.typing.resolve_value_type(value.value), self.context.get_dummy_value()
        raise Beyond(str(value))

    def _applied(self, function: Any, given: list[Any]) -> Any:
        """The result of any function."""
        own = _OWN.get(function) if function.__hash__ else None
        found = None if own is None else own(self, *given)
        return self._called(function, given) if found is None else found

    def _method(self, array: Array, name: str, given: list[Any]) -> Any:
        if name == "reshape":
            return self._shaped(array, given[0] if len(given) == 1 else Items(tuple(given)))
        function = self.typing.resolve_getattr(array.kind, name)
        if function is None:
            raise Beyond(name)
        return self._called(function, given, array)

    def _called(self, function: Any, given: Sequence[Any], this: Array | None = None) -> Any:
        """The result of a function that numba knows."""
        self.chains += getattr(function, "is_chain", False)
        packed = [self._packed(g) for g in given]
        kinds = tuple(k for k, _ in packed)
        key = function, kinds
        if key not in self.resolved:
            kind = function if this is not None else self.typing.resolve_value_type(function)
            try:
                signature = self.typing.resolve_function_type(kind, kinds, {})
            except TypingError as error:
                raise Beyond(str(function)) from error
            if signature is None or len(signature.args) != len(kinds):
                raise Beyond(str(function))
            self.resolved[key] = signature, self.context.get_function(kind, signature)
        signature, implementation = self.resolved[key]
        context, b = self.context, self.b
        arguments = [
            v if k == w else context.cast(b, v, k, w)
            for (k, v), w in zip(packed, signature.args, strict=True)
        ]
        if this is not None:
            arguments.insert(0, self.values.closed(this))
        result = implementation(b, arguments)
        return self._own(self._value(signature.return_type, result))

    def _result(self, value: Any) -> Number:
        if not isinstance(value, Number):
            raise Beyond("a number is wanted")
        return value

    def _lengths(self, shape: Any) -> list[Any]:
        parts = shape.values if isinstance(shape, Items) else (shape,)
        if not all(isinstance(n, Number) and n.kind == INT for n in parts):
            raise Beyond("shape")
        if any(n.known is not None and n.known < 0 for n in parts):
            raise Beyond("shape")
        return [n.value for n in parts]

    def _shaped(self, array: Any, shape: Any) -> Array:
        return self.values.reshaped(array, self._lengths(shape))

    def _empty(self, shape: Any, dtype: Any = None) -> Array:
        kind = types.float64 if dtype is None else self._packed(dtype)[0].instance_type
        made = self.values.empty(self._lengths(shape), kind, _LINE)
        self.owned[-1].append(made)
        return made

    def _zeros(self, shape: Any, dtype: Any = None) -> Array:
        made = self._empty(shape, dtype)
        self._called(clear, [made])
        return made

    def _integer(self, number: Number) -> Number:
        if number.kind in (INT, BOOL):
            return Number(INT, self.values.cast(number, INT), number.nonnegative)
        return Number(INT, self.b.fptosi(number.value, _I))

    def _float(self, number: Number) -> Number:
        return Number(REAL, self.values.cast(number, REAL))

    def _least(self, *given: Number) -> Number:
        return self._chosen("<", given)

    def _most(self, *given: Number) -> Number:
        return self._chosen(">", given)

    def _chosen(self, sign: str, given: Sequence[Number]) -> Number:
        """As Python does it: a later number if it is less, or more."""
        found = given[0]
        if len(given) < 2:
            raise Beyond("least of one")
        for other in given[1:]:
            kind = self.values.together(found, other)
            x, y = self.values.cast(found, kind), self.values.cast(other, kind)
            compared = self.b.icmp_signed if kind == INT else self.b.fcmp_ordered
            above = found.nonnegative and other.nonnegative
            above = above or (sign == ">" and (found.nonnegative or other.nonnegative))
            found = Number(kind, self.b.select(compared(sign, y, x), y, x), above)
        return found

    def _root(self, number: Number) -> Number:
        value = self.values.cast(number, REAL)
        return Number(REAL, self.b.call(self.module.declare_intrinsic("llvm.sqrt", [value.type]), [value]))

    def _magnitude(self, number: Number) -> Number | None:
        if number.kind not in (REAL, SINGLE):
            return None
        value = number.value
        return Number(
            number.kind, self.b.call(self.module.declare_intrinsic("llvm.fabs", [value.type]), [value])
        )


_OWN: dict[Any, Callable[..., Any]] = {
    shaped: Calls._shaped,
    empty: Calls._empty,
    np.empty: Calls._empty,
    np.zeros: Calls._zeros,
    int: Calls._integer,
    float: Calls._float,
    min: Calls._least,
    max: Calls._most,
    abs: Calls._magnitude,
    math.sqrt: Calls._root,
}
