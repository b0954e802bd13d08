"""The way from Python into a kernel on few rows, as machine code of its own.

What a bound kernel computes on some hundred rows takes a tenth of what a call costs in Python: looking up the unknowns,
checking them, making arrays for results, wrapping every array in numba's counters of references, a dict. Here all
of it is one C function `call(unknowns)` or `call(**unknowns)`, written as LLVM instructions for the kinds of its
arguments. It looks at every unknown: a plain array of the right type, order and shape, or a float. Whatever else it is
given, it hands to the way that can say what is wrong, or convert it.

What belongs to one binding, above all the addresses of its data, stands in a table of integers that the function has as
its `self`, which also keeps the data alive. The interpreter's lock is kept: the call is over in some microseconds.

What it reads and calls is said in `entrance_code`; `is_possible` looks first whether it is where it should be.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numba import types

from .cache import machine_code
from .entrance_code import (
    DATA,
    DTYPE,
    FLAGS,
    NDIM,
    NEEDED,
    NUMPY,
    PYTHON,
    SHAPE,
    TYPE,
    TYPES,
    Kinds,
    loaded,
    object_code,
)


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
    kinds = Kinds(
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


_methods: dict[tuple[Kinds, Any], tuple[_Method, Any]] = {}  # what must live as long as the process


def _method(kinds: Kinds, returned: Any, context: Any) -> _Method:
    """The C function for arguments of these kinds, from the cache if it is there."""
    known = _methods.get((kinds, returned))
    if known is None:
        name = f"{kinds} {returned}"
        code = machine_code("entrance", lambda: object_code(kinds, returned, context), name)
        engine = loaded(code)
        variadic, keywords = 1, 2
        address = engine.get_function_address("entrance")
        method = _Method(b"call", address, variadic | keywords, b"The kernel at these unknowns.")
        known = _methods.setdefault((kinds, returned), (method, engine))
    return known[0]


@lru_cache(maxsize=1)
def _addresses() -> tuple[int, ...]:
    """The addresses of what is held for all: types, functions of the interpreter, functions of NumPy."""
    api = [ctypes.cast(getattr(ctypes.pythonapi, name), ctypes.c_void_p).value or 0 for name in PYTHON]
    return (*map(id, TYPES), *api, *map(_numpy, NUMPY.values()))


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
        and np.ndarray.__basicsize__ >= FLAGS + 4
        and read(TYPE, ctypes.c_void_p) == id(np.ndarray)
        and read(DATA, ctypes.c_void_p) == array.ctypes.data
        and read(NDIM, ctypes.c_int) == 2
        and (ctypes.c_ssize_t * 2).from_address(read(SHAPE, ctypes.c_void_p))[:] == [2, 3]
        and read(DTYPE, ctypes.c_void_p) == id(array.dtype)
        and read(FLAGS, ctypes.c_int) & NEEDED == NEEDED
        and _numpy(2) == id(np.ndarray)  # so the table of functions is the one we know
    )
