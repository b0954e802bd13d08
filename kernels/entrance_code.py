"""The instructions of an entrance: one C function from Python's arguments to a kernel and back to Python's results.

Read are fields of NumPy's `PyArrayObject`, called are entries of its table of functions; both are the same in NumPy 1
and 2. What stands in which place of the table that the function has as its `self` is said by `HELD`, and behind it by
the order in which the writer asks for the next integer.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import llvmlite.binding as llvm
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.np.arrayobj import make_array, populate_array

_BYTE, _INT, _WORD = ir.IntType(8), ir.IntType(32), ir.IntType(64)
_OBJECT = _BYTE.as_pointer()
_NONE = ir.Constant(_OBJECT, None)
#: Where an object's own fields start; its type stands before them. Then NumPy's fields.
_HEAD = object.__basicsize__
TYPE, DATA, NDIM, SHAPE, DTYPE, FLAGS = (_HEAD + k for k in (-8, 0, 8, 16, 40, 48))
#: Row order, and every entry where the processor wants it.
NEEDED = 0x0001 | 0x0100
#: What all tables start with: objects and functions, since code that is kept on disk holds no addresses.
TYPES = (dict, float, np.float64, np.ndarray)
PYTHON = (
    "Py_IncRef Py_DecRef PyTuple_Size PyTuple_GetItem PyDict_New PyDict_Size PyDict_GetItem PyDict_SetItem "
    "PyFloat_AsDouble PyObject_Call"
).split()
NUMPY = {"PyArray_Scalar": 60, "PyArray_NewFromDescr": 94}
HELD = ["otherwise", "function", *(t.__name__ for t in TYPES), *PYTHON, *NUMPY, "dtype"]


@dataclass(frozen=True)
class Kinds:
    """What the instructions depend on: numbers of axes, 0 for a number."""

    dtype: str
    data: tuple[int, ...]
    points: tuple[int, ...]
    sizes: int
    results: tuple[int, ...]

    @property
    def signature(self) -> tuple[Any, ...]:
        """The types of the compiled function's arguments."""
        arrays = [k for k in self.results if k]
        integers = [types.int64] * self.sizes
        return (*map(self.array, [*self.data, *self.points]), *integers, *map(self.array, arrays))

    def array(self, ndim: int) -> Any:
        """The type of an argument with so many axes."""
        return types.Array(getattr(types, self.dtype), ndim, "C") if ndim else types.float64


def object_code(kinds: Kinds, returned: Any, context: Any) -> bytes:
    """The machine code of the entrance, for this processor."""
    module = ir.Module("entrance")
    module.triple = llvm.get_process_triple()
    _Writer(module, kinds, returned, context).all()
    parsed = llvm.parse_assembly(str(module))
    parsed.verify()
    return bytes(_machine().emit_object(parsed))


def loaded(code: bytes) -> Any:
    """Machine code in memory; it stays there as long as what is returned."""
    engine = llvm.create_mcjit_compiler(
        llvm.parse_assembly(f'target triple = "{llvm.get_process_triple()}"'), _machine()
    )
    engine.add_object_file(llvm.ObjectFileRef.from_data(code))
    engine.finalize_object()
    return engine


def _machine() -> Any:
    return llvm.Target.from_default_triple().create_target_machine(
        cpu=llvm.get_host_cpu_name(), features=llvm.get_host_cpu_features().flatten(), opt=2, jit=True
    )


class _Writer:
    """The instructions."""

    def __init__(self, module: Any, kinds: Kinds, returned: Any, context: Any) -> None:
        self.kinds, self.returned, self.context = kinds, returned, context
        self.itemsize = np.dtype(kinds.dtype).itemsize
        self.function = ir.Function(module, ir.FunctionType(_OBJECT, [_OBJECT] * 3), "entrance")
        self.b = ir.IRBuilder(self.function.append_basic_block("entry"))
        self.other = self.function.append_basic_block("otherwise")
        table, self.arguments, self.keywords = self.function.args
        self.table = self.field(table, DATA, _WORD.as_pointer())
        self.place = len(HELD)

    # ---------------------------------------------------------------- words of the language

    def field(self, found: Any, offset: int, kind: Any) -> Any:
        place = self.b.gep(found, [_WORD(offset)])
        return self.b.load(self.b.bitcast(place, kind.as_pointer()))

    def next(self) -> Any:
        """The next integer of the table."""
        self.place += 1
        return self.b.load(self.b.gep(self.table, [_WORD(self.place - 1)]))

    def pointer(self, number: Any, kind: Any = _OBJECT) -> Any:
        return self.b.inttoptr(number, kind)

    def held(self, name: str, kind: Any = _OBJECT) -> Any:
        """What stands at the head of every table."""
        return self.pointer(self.b.load(self.b.gep(self.table, [_WORD(HELD.index(name))])), kind)

    def call(self, name: str, result: Any, *arguments: Any) -> Any:
        """A function of the interpreter or of NumPy."""
        kind = ir.FunctionType(result, [a.type for a in arguments])
        return self.b.call(self.held(name, kind.as_pointer()), arguments)

    def need(self, *conditions: Any) -> None:
        """All hold, or the other way is taken."""
        for condition in conditions:
            following = self.function.append_basic_block()
            self.b.cbranch(condition, following, self.other)
            self.b.position_at_end(following)

    def same(self, a: Any, b: Any) -> Any:
        return self.b.icmp_unsigned("==", a, b)

    @contextmanager
    def unless(self, condition: Any) -> Iterator[None]:
        with self.b.if_then(self.b.not_(condition), likely=False):
            yield

    # ---------------------------------------------------------------- the call, from its start to its end

    def all(self) -> None:
        """The whole function."""
        kinds = self.kinds
        arguments = [self.datum(ndim) for ndim in kinds.data]
        mapping = self.mapping(len(kinds.points))
        arguments += [self.unknown(mapping, ndim) for ndim in kinds.points]
        arguments += [self.next() for _ in range(kinds.sizes)]
        keys: list[Any] = []
        arrays: list[Any] = []
        objects: list[Any] = []
        for ndim in kinds.results:
            keys.append(self.pointer(self.next()))
            if ndim:
                found, array = self.new(ndim, objects)
                objects.append(found)
                arrays.append(array)
        convention, signature = self.context.call_conv, kinds.signature
        kind = convention.get_function_type(self.returned, signature)
        function = self.held("function", kind.as_pointer())
        status, value = convention.call_function(
            self.b, function, self.returned, signature, [*arguments, *arrays]
        )
        with self.unless(status.is_ok):  # once more, the usual way: it raises the error
            for found in objects:
                self.call("Py_DecRef", ir.VoidType(), found)
            self.b.branch(self.other)
            self.b.position_at_end(self.function.append_basic_block())
            self.b.unreachable()
        places = kinds.results
        count = sum(not ndim for ndim in places)
        numbers = iter(cgutils.unpack_tuple(self.b, value, count) if count else ())
        found_arrays = iter(objects)
        self.named(keys, [next(found_arrays) if ndim else self.number(next(numbers)) for ndim in places])
        self.b.position_at_end(self.other)
        usual = self.held("otherwise")
        self.b.ret(self.call("PyObject_Call", _OBJECT, usual, self.arguments, self.keywords))

    def mapping(self, count: int) -> Any:
        """The dict with the unknowns, which has no others."""
        b = self.b
        given = self.call("PyTuple_Size", _WORD, self.arguments)
        named = self.function.append_basic_block("named")
        single = self.function.append_basic_block("single")
        found = self.function.append_basic_block("found")
        b.cbranch(self.same(given, _WORD(0)), named, single)
        b.position_at_end(named)
        self.need(b.icmp_unsigned("!=", self.keywords, _NONE))
        from_named = b.block
        b.branch(found)
        b.position_at_end(single)
        self.need(self.same(given, _WORD(1)))
        alone = cgutils.alloca_once_value(b, cgutils.true_bit)
        with b.if_then(b.icmp_unsigned("!=", self.keywords, _NONE)):
            b.store(self.same(self.call("PyDict_Size", _WORD, self.keywords), _WORD(0)), alone)
        self.need(b.load(alone))
        only = self.call("PyTuple_GetItem", _OBJECT, self.arguments, _WORD(0))
        self.need(self.same(self.field(only, TYPE, _OBJECT), self.held("dict")))
        from_single = b.block
        b.branch(found)
        b.position_at_end(found)
        mapping = b.phi(_OBJECT)
        mapping.add_incoming(self.keywords, from_named)
        mapping.add_incoming(only, from_single)
        self.need(self.same(self.call("PyDict_Size", _WORD, mapping), _WORD(count)))
        return mapping

    def datum(self, ndim: int) -> Any:
        """Data as an argument."""
        if not ndim:
            return self.b.bitcast(self.next(), ir.DoubleType())
        return self.array(self.next(), [self.next() for _ in range(ndim)])

    def unknown(self, mapping: Any, ndim: int) -> Any:
        """One unknown as an argument, looked at."""
        found = self.call("PyDict_GetItem", _OBJECT, mapping, self.pointer(self.next()))
        self.need(self.b.icmp_unsigned("!=", found, _NONE))
        kind = self.field(found, TYPE, _OBJECT)
        if not ndim:
            self.need(self.b.or_(self.same(kind, self.held("float")), self.same(kind, self.held("float64"))))
            return self.call("PyFloat_AsDouble", ir.DoubleType(), found)
        self.need(self.same(kind, self.held("ndarray")))
        flags = self.b.and_(self.field(found, FLAGS, _INT), _INT(NEEDED))
        self.need(
            self.same(self.field(found, DTYPE, _OBJECT), self.held("dtype")),
            self.same(flags, _INT(NEEDED)),
            self.same(self.field(found, NDIM, _INT), _INT(ndim)),
        )
        sizes, shape = self.field(found, SHAPE, _WORD.as_pointer()), []
        for k in range(ndim):
            shape.append(self.next())
            self.need(self.same(self.b.load(self.b.gep(sizes, [_WORD(k)])), shape[-1]))
        return self.array(self.field(found, DATA, _WORD), shape)

    def array(self, address: Any, shape: Sequence[Any]) -> Any:
        """An array of numba's that counts no references."""
        kind = types.Array(getattr(types, self.kinds.dtype), len(shape), "C")
        strides = [_WORD(self.itemsize)]
        for size in reversed(shape[1:]):
            strides.append(self.b.mul(strides[-1], size))
        made = make_array(kind)(self.context, self.b)
        data = self.pointer(address, self.context.get_data_type(kind.dtype).as_pointer())
        populate_array(made, data, list(shape), strides[::-1], self.itemsize, None)
        return made._getvalue()

    def new(self, ndim: int, before: Sequence[Any]) -> tuple[Any, Any]:
        """A new array of NumPy's for a result, and the same as an argument."""
        kind, dtype = self.held("ndarray"), self.held("dtype")
        sizes = self.b.gep(self.table, [_WORD(self.place)])
        shape = [self.next() for _ in range(ndim)]
        none = ir.Constant(_WORD.as_pointer(), None)
        self.call("Py_IncRef", ir.VoidType(), dtype)  # which the new array takes over
        made = self.call(
            "PyArray_NewFromDescr", _OBJECT, kind, dtype, _INT(ndim), sizes, none, _NONE, _INT(0), _NONE
        )
        with self.unless(self.b.icmp_unsigned("!=", made, _NONE)):
            for found in before:
                self.call("Py_DecRef", ir.VoidType(), found)
            self.b.ret(_NONE)
        return made, self.array(self.field(made, DATA, _WORD), shape)

    def number(self, value: Any) -> Any:
        """A scalar of NumPy's."""
        kind = ir.DoubleType() if self.itemsize == 8 else ir.FloatType()
        if value.type != kind:
            value = (self.b.fptrunc if self.itemsize == 4 else self.b.fpext)(value, kind)
        place = cgutils.alloca_once_value(self.b, value)
        data = self.b.bitcast(place, _OBJECT)
        return self.call("PyArray_Scalar", _OBJECT, data, self.held("dtype"), _NONE)

    def named(self, keys: Sequence[Any], values: Sequence[Any]) -> None:
        """The dict that is returned; nothing if there was no room for one of its parts."""
        b, b_and = self.b, self.b.and_
        found = self.call("PyDict_New", _OBJECT)
        well = b.icmp_unsigned("!=", found, _NONE)
        for value in values:
            well = b_and(well, b.icmp_unsigned("!=", value, _NONE))
        wrong = cgutils.alloca_once_value(b, b.not_(well))
        with b.if_then(well, likely=True):
            for key, value in zip(keys, values, strict=True):
                set_ = self.call("PyDict_SetItem", _INT, found, key, value)
                b.store(b.or_(b.load(wrong), b.icmp_signed("!=", set_, _INT(0))), wrong)
        for value in values:
            with b.if_then(b.icmp_unsigned("!=", value, _NONE), likely=True):
                self.call("Py_DecRef", ir.VoidType(), value)
        with b.if_then(b.load(wrong), likely=False):
            with b.if_then(b.icmp_unsigned("!=", found, _NONE)):
                self.call("Py_DecRef", ir.VoidType(), found)
            b.ret(_NONE)
        b.ret(found)
