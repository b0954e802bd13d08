"""What `translate` computes with: numbers and arrays of compiled code, with types, and how they become LLVM values.

An array is held taken apart, so that reading an entry is one address and one load. Indices that are known to be
nonnegative are not looked at; others count from the end where they are negative, as in Python. Lengths of slices end
with their array.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils

INT, REAL, SINGLE, BOOL = types.int64, types.float64, types.float32, types.boolean
#: Whole numbers that are read only, as whole numbers that are not negative: places.
PLACE = types.uint32
_I, _D = ir.IntType(64), ir.DoubleType()
_BYTE = ir.IntType(8).as_pointer()


class Beyond(Exception):
    """Something that is left to numba's own passes."""


@dataclass(frozen=True)
class Number:
    """A number: its type, its value, whether it surely is nonnegative, and which whole number, if that is known."""

    kind: Any
    value: Any
    nonnegative: bool = False
    known: int | None = None


@dataclass(frozen=True)
class Items:
    """Several values."""

    values: tuple[Any, ...]


@dataclass(frozen=True)
class Thing:
    """A function, a type or a module."""

    value: Any


@dataclass(frozen=True)
class Array:
    """An array; strides in bytes, None where rows lie side by side."""

    kind: Any
    data: Any
    shape: tuple[Any, ...]
    strides: tuple[Any, ...] | None
    memory: Any
    parent: Any


def whole(value: int) -> Number:
    """A constant."""
    return Number(INT, _I(value), value >= 0, value)


def size(value: Any) -> Number:
    """A length."""
    return Number(INT, value, True)


class Values:
    """An LLVM builder for numbers and arrays."""

    def __init__(self, context: Any, builder: Any) -> None:
        self.context, self.b = context, builder

    # ---------------------------------------------------------------- numbers

    def cast(self, number: Number, kind: Any) -> Any:
        """The value of a number as another type that holds it."""
        b, value, given = self.b, number.value, number.kind
        if given == kind:
            return value
        if given == BOOL and kind == INT:
            return b.zext(value, _I)
        if given == BOOL:
            return b.uitofp(value, self.context.get_value_type(kind))
        if given == INT and kind in (REAL, SINGLE):
            return b.sitofp(value, self.context.get_value_type(kind))
        if given == SINGLE and kind == REAL:
            return b.fpext(value, _D)
        if given == REAL and kind == SINGLE:
            return b.fptrunc(value, ir.FloatType())
        raise Beyond(f"{given} as {kind}")

    def together(self, *numbers: Number) -> Any:
        """The type that several numbers are brought to before they are added."""
        kinds = {n.kind for n in numbers}
        if kinds <= {INT, BOOL}:
            return INT
        if kinds == {SINGLE}:
            return SINGLE
        if kinds <= {INT, BOOL, SINGLE, REAL}:
            return REAL
        raise Beyond(str(kinds))

    def select(self, condition: Any, first: Number, second: Number) -> Number:
        """One of two numbers, by a condition."""
        kind = first.kind if first.kind == second.kind else self.together(first, second)
        value = self.b.select(condition, self.cast(first, kind), self.cast(second, kind))
        return Number(kind, value, first.nonnegative and second.nonnegative)

    # ---------------------------------------------------------------- arrays

    def opened(self, kind: Any, value: Any) -> Array:
        """An array taken apart."""
        if not isinstance(kind, types.Array) or not kind.aligned:
            raise Beyond(str(kind))
        get = self.b.extract_value
        shape = get(value, 5)
        strides = get(value, 6)
        own = None if kind.layout == "C" else tuple(get(strides, k) for k in range(kind.ndim))
        sizes = tuple(get(shape, k) for k in range(kind.ndim))
        return Array(kind, get(value, 4), sizes, own, get(value, 0), get(value, 1))

    def itemsize(self, array: Array) -> int:
        """The bytes of an entry."""
        return int(self.context.get_abi_sizeof(self.context.get_data_type(array.kind.dtype)))

    def steps(self, array: Array) -> tuple[Any, ...]:
        """Strides in bytes."""
        if array.strides is not None:
            return array.strides
        found = [_I(self.itemsize(array))]
        for n in reversed(array.shape[1:]):
            found.append(self.b.mul(found[-1], n, flags=["nsw"]))
        return tuple(found[::-1])

    def closed(self, array: Array) -> Any:
        """The array as compiled functions take it."""
        b = self.b
        made = self.context.get_value_type(array.kind)
        count = _I(1)
        for n in array.shape:
            count = b.mul(count, n, flags=["nsw"])
        value = ir.Constant(made, ir.Undefined)
        for k, part in enumerate((array.memory, array.parent, count, _I(self.itemsize(array)), array.data)):
            value = b.insert_value(value, part, k)
        for field, parts in ((5, array.shape), (6, self.steps(array))):
            for k, part in enumerate(parts):
                value = b.insert_value(value, part, [field, k])
        return value

    def index(self, number: Any, length: Any) -> Any:
        """Where an index points."""
        if not isinstance(number, Number) or number.kind != INT:
            raise Beyond("index")
        if number.nonnegative:
            return number.value
        back = self.b.add(number.value, length)
        return self.b.select(self.b.icmp_signed("<", number.value, _I(0)), back, number.value)

    def place(self, array: Array, indices: Sequence[Any]) -> Any:
        """The address of one entry, from places along each axis."""
        b = self.b
        if array.strides is None:
            offset = indices[0]
            for n, i in zip(array.shape[1:], indices[1:], strict=True):
                offset = b.add(b.mul(offset, n, flags=["nsw"]), i, flags=["nsw"])
            return b.gep(array.data, [offset], inbounds=True)
        total = _I(0)
        for step, i in zip(array.strides, indices, strict=True):
            total = b.add(total, b.mul(i, step, flags=["nsw"]), flags=["nsw"])
        moved = b.gep(b.bitcast(array.data, _BYTE), [total], inbounds=True)
        return b.bitcast(moved, array.data.type)

    def load(self, array: Array, indices: Sequence[Any]) -> Number:
        """The entry at a place."""
        if array.kind.dtype == PLACE:
            return Number(INT, self.b.zext(self.b.load(self.place(array, indices)), _I), True)
        if array.kind.dtype not in (REAL, SINGLE, INT):
            raise Beyond(str(array.kind))
        return Number(array.kind.dtype, self.b.load(self.place(array, indices)))

    def store(self, number: Number, array: Array, indices: Sequence[Any]) -> None:
        """An entry set."""
        dtype = array.kind.dtype
        if dtype not in (REAL, SINGLE, INT) or not array.kind.mutable:
            raise Beyond(str(array.kind))
        self.b.store(self.cast(number, dtype), self.place(array, indices))

    def part(self, array: Array, indices: Sequence[Any]) -> Array:
        """What numbers and slices (pairs of ends, None where there is none) leave of an array."""
        b = self.b
        zero = _I(0)
        starts, shape, kept = [], [], []
        for k, n in enumerate(array.shape):
            given = indices[k] if k < len(indices) else (None, None)
            if isinstance(given, Number):
                starts.append(self.index(given, n))
                continue
            first, last = given
            begin = zero if first is None else self._end(first, n)
            length = n
            if first is not None or last is not None:
                stop = n if last is None else self._end(last, n)
                length = b.sub(stop, begin)
                if first is not None:
                    length = b.select(b.icmp_signed("<", length, zero), zero, length)
            starts.append(begin)
            shape.append(length)
            kept.append(k)
        simple = array.kind.layout == "C" and all(isinstance(i, Number) for i in indices[:-1])
        layout = "C" if simple else "A"
        data = self.place(array, starts)
        kind = array.kind.copy(ndim=len(kept), layout=layout)
        own = None
        if not simple:
            strides = self.steps(array)
            own = tuple(strides[k] for k in kept)
        return Array(kind, data, tuple(shape), own, array.memory, array.parent)

    def _end(self, number: Number, length: Any) -> Any:
        """One end of a slice, inside the array."""
        b = self.b
        value = self.index(number, length)
        if not number.nonnegative:
            value = b.select(b.icmp_signed("<", value, _I(0)), _I(0), value)
        return value if number.known == 0 else b.select(b.icmp_signed("<", length, value), length, value)

    def turned(self, array: Array) -> Array:
        """The transpose."""
        if array.kind.ndim == 1:
            return array
        layout = {"C": "F", "F": "C"}.get(array.kind.layout, "A")
        kind = array.kind.copy(layout=layout)
        strides = None if layout == "C" else self.steps(array)[::-1]
        return Array(kind, array.data, array.shape[::-1], strides, array.memory, array.parent)

    def reshaped(self, array: Array, shape: Sequence[Any]) -> Array:
        """The entries in row order in another shape, nothing copied."""
        if array.kind.layout != "C":
            raise Beyond("reshape")
        kind = array.kind.copy(ndim=len(shape))
        return Array(kind, array.data, tuple(shape), None, array.memory, array.parent)

    def empty(self, shape: Sequence[Any], dtype: Any, line: int) -> Array:
        """Room for an array, on the boundary of a cache line."""
        b = self.b
        held = self.context.get_data_type(dtype)
        room = _I(self.context.get_abi_sizeof(held))
        for n in shape:
            room = b.mul(room, n, flags=["nsw"])
        memory = self.context.nrt.meminfo_alloc_aligned(b, room, line)
        data = b.bitcast(self.context.nrt.meminfo_data(b, memory), held.as_pointer())
        none = cgutils.get_null_value(self.context.get_value_type(types.pyobject))
        return Array(types.Array(dtype, len(shape), "C"), data, tuple(shape), None, memory, none)
