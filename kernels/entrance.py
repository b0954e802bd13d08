"""The way from Python into a kernel on few rows, as machine code of its own.

What a bound kernel computes on some hundred rows takes a tenth of what a call costs in Python: looking up the unknowns,
checking them, making arrays for results, wrapping every array in numba's counters of references, a dict. Here all
of it is one C function `call(unknowns)` or `call(**unknowns)`, written as LLVM instructions for the kinds of its
arguments. It looks at every unknown: a plain array of the right type, order and shape, or a float. Whatever else it is
given, it hands to the way that can say what is wrong, or convert it.

What belongs to one binding, above all the addresses of its data, stands in a table of integers that the function has as
its `self`, which also keeps the data alive. The interpreter's lock is kept: the call is over in some microseconds.

Read are fields of NumPy's `PyArrayObject`, called are entries of its table of functions; both are the same in NumPy 1
and 2. `is_possible` looks first whether they are where they should be.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import llvmlite.binding as llvm
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.np.arrayobj import make_array, populate_array

from .cache import machine_code

_BYTE, _INT, _WORD = ir.IntType(8), ir.IntType(32), ir.IntType(64)
_OBJECT = _BYTE.as_pointer()
_NONE = ir.Constant(_OBJECT, None)
#: Where an object's own fields start; its type stands before them. Then NumPy's fields.
_HEAD = object.__basicsize__
_TYPE, _DATA, _NDIM, _SHAPE, _DTYPE, _FLAGS = (_HEAD + k for k in (-8, 0, 8, 16, 40, 48))
#: Row order, and every entry where the processor wants it.
_NEEDED = 0x0001 | 0x0100
#: What all tables start with: objects and functions, since code that is kept on disk holds no addresses.
_TYPES = (dict, float, np.float64, np.ndarray)
_PYTHON = (
    "Py_IncRef Py_DecRef PyTuple_Size PyTuple_GetItem PyDict_New PyDict_Size PyDict_GetItem PyDict_SetItem "
    "PyFloat_AsDouble PyObject_Call"
).split()
_NUMPY = {"PyArray_Scalar": 60, "PyArray_NewFromDescr": 94}
_HELD = ["otherwise", "function", *(t.__name__ for t in _TYPES), *_PYTHON, *_NUMPY, "dtype"]


class _Table(np.ndarray[Any, np.dtype[np.int64]]):
    """The integers of one binding, and what they point to."""

    kept: tuple[Any, ...] = ()


class _Method(ctypes.Structure):
    """A C function as the interpreter wants it described."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("address", ctypes.c_void_p),
        ("flags", ctypes.c_int),
        ("doc", ctypes.c_char_p),
    )


def entrance(
    function: Any,
    *,
    first: Sequence[Any],
    last: Sequence[int],
    unknowns: Sequence[str],
    shapes: Sequence[tuple[int, ...]],
    results: Sequence[str],
    made: Mapping[int, tuple[int, ...]],
    dtype: np.dtype[Any],
    otherwise: Callable[..., Any],
) -> Callable[..., dict[str, Any]]:
    """`call(unknowns)`: the compiled function on this data, its results by name.

    function     compiled by `apart`; it takes arrays for the results `made`, if any, and returns the others: numbers
    first, last  arguments before and after the unknowns
    made         shapes of the results that are arrays, by position
    otherwise    is called with the same arguments where these are not as they should be
    """
    kinds = _Kinds(
        dtype.name,
        tuple(np.ndim(a) for a in first),
        tuple(map(len, shapes)),
        len(last),
        tuple(len(made[k]) if k in made else 0 for k in range(len(results))),
    )
    function.compile(kinds.signature)
    result = function.overloads[kinds.signature]
    if not all(
        kind in (types.float64, types.float32) for kind in getattr(result.signature.return_type, "types", ())
    ):
        return otherwise
    address = result.library.get_pointer_to_function(result.fndesc.llvm_func_name)
    numbers: list[int] = [id(otherwise), address, *_addresses(), id(dtype)]
    for a in first:
        if np.ndim(a):
            numbers += [a.ctypes.data, *a.shape]
        else:
            numbers.append(int(np.array(float(a)).view(np.int64)))
    names, keys = tuple(map(sys.intern, unknowns)), tuple(map(sys.intern, results))
    for name, shape in zip(names, shapes, strict=True):
        numbers += [id(name), *shape]
    numbers += last
    for k, key in enumerate(keys):
        numbers += [id(key), *made.get(k, ())]
    table = np.array(numbers, np.int64).view(_Table)
    table.kept = (otherwise, result, tuple(first), names, keys, dtype)
    new = ctypes.pythonapi.PyCFunction_NewEx
    new.restype, new.argtypes = ctypes.py_object, [ctypes.c_void_p, ctypes.py_object, ctypes.py_object]
    method = _method(kinds, result.signature.return_type, result.target_context)
    call: Callable[..., dict[str, Any]] = new(ctypes.addressof(method), table, "derive")
    return call


@dataclass(frozen=True)
class _Kinds:
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
        return types.Array(getattr(types, self.dtype), ndim, "C") if ndim else types.float64


_methods: dict[tuple[_Kinds, Any], tuple[_Method, Any]] = {}  # what must live as long as the process


def _method(kinds: _Kinds, returned: Any, context: Any) -> _Method:
    """The C function for arguments of these kinds, from the cache if it is there."""
    known = _methods.get((kinds, returned))
    if known is None:
        name = f"{kinds} {returned}"
        code = machine_code("entrance", lambda: _object(kinds, returned, context), name)
        engine = _loaded(code)
        variadic, keywords = 1, 2
        address = engine.get_function_address("entrance")
        method = _Method(b"call", address, variadic | keywords, b"The kernel at these unknowns.")
        known = _methods.setdefault((kinds, returned), (method, engine))
    return known[0]


def _object(kinds: _Kinds, returned: Any, context: Any) -> bytes:
    module = ir.Module("entrance")
    module.triple = llvm.get_process_triple()
    _Writer(module, kinds, returned, context).all()
    parsed = llvm.parse_assembly(str(module))
    parsed.verify()
    return bytes(_machine().emit_object(parsed))


def _loaded(code: bytes) -> Any:
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

    def __init__(self, module: Any, kinds: _Kinds, returned: Any, context: Any) -> None:
        self.kinds, self.returned, self.context = kinds, returned, context
        self.itemsize = np.dtype(kinds.dtype).itemsize
        self.function = ir.Function(module, ir.FunctionType(_OBJECT, [_OBJECT] * 3), "entrance")
        self.b = ir.IRBuilder(self.function.append_basic_block("entry"))
        self.other = self.function.append_basic_block("otherwise")
        table, self.arguments, self.keywords = self.function.args
        self.table = self.field(table, _DATA, _WORD.as_pointer())
        self.place = len(_HELD)

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
        return self.pointer(self.b.load(self.b.gep(self.table, [_WORD(_HELD.index(name))])), kind)

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
        self.need(self.same(self.field(only, _TYPE, _OBJECT), self.held("dict")))
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
        kind = self.field(found, _TYPE, _OBJECT)
        if not ndim:
            self.need(self.b.or_(self.same(kind, self.held("float")), self.same(kind, self.held("float64"))))
            return self.call("PyFloat_AsDouble", ir.DoubleType(), found)
        self.need(self.same(kind, self.held("ndarray")))
        flags = self.b.and_(self.field(found, _FLAGS, _INT), _INT(_NEEDED))
        self.need(
            self.same(self.field(found, _DTYPE, _OBJECT), self.held("dtype")),
            self.same(flags, _INT(_NEEDED)),
            self.same(self.field(found, _NDIM, _INT), _INT(ndim)),
        )
        sizes, shape = self.field(found, _SHAPE, _WORD.as_pointer()), []
        for k in range(ndim):
            shape.append(self.next())
            self.need(self.same(self.b.load(self.b.gep(sizes, [_WORD(k)])), shape[-1]))
        return self.array(self.field(found, _DATA, _WORD), shape)

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
        return made, self.array(self.field(made, _DATA, _WORD), shape)

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


@lru_cache(maxsize=1)
def _addresses() -> tuple[int, ...]:
    """The addresses of what is held for all: types, functions of the interpreter, functions of NumPy."""
    api = [ctypes.cast(getattr(ctypes.pythonapi, name), ctypes.c_void_p).value or 0 for name in _PYTHON]
    return (*map(id, _TYPES), *api, *map(_numpy, _NUMPY.values()))


def _numpy(place: int) -> int:
    """An entry of NumPy's table."""
    core: Any = np._core if hasattr(np, "_core") else np.core
    get = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p)(
        ("PyCapsule_GetPointer", ctypes.pythonapi)
    )
    start = get(core._multiarray_umath._ARRAY_API, None)
    return int(ctypes.c_size_t.from_address(start + place * ctypes.sizeof(ctypes.c_void_p)).value)


@lru_cache(maxsize=1)
def is_possible() -> bool:
    """Whether interpreter and NumPy look as they should, as far as an array of ours can tell."""
    array = np.empty((2, 3))

    def read(offset: int, kind: Any) -> Any:
        return kind.from_address(id(array) + offset).value

    return bool(
        sys.implementation.name == "cpython"
        and getattr(sys, "_is_gil_enabled", lambda: True)()
        and ctypes.sizeof(ctypes.c_void_p) == 8
        and np.ndarray.__basicsize__ >= _FLAGS + 4
        and read(_TYPE, ctypes.c_void_p) == id(np.ndarray)
        and read(_DATA, ctypes.c_void_p) == array.ctypes.data
        and read(_NDIM, ctypes.c_int) == 2
        and (ctypes.c_ssize_t * 2).from_address(read(_SHAPE, ctypes.c_void_p))[:] == [2, 3]
        and read(_DTYPE, ctypes.c_void_p) == id(array.dtype)
        and read(_FLAGS, ctypes.c_int) & _NEEDED == _NEEDED
        and _numpy(2) == id(np.ndarray)  # so the table of functions is the one we know
    )
