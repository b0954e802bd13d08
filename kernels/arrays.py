"""Room for arrays, whole arrays at once, and turns of threads, inside compiled code.

They mean what NumPy means by them. numba's own compile a handful of functions of numba's for every kernel, which takes
longer than the compilation of a small kernel. Here memory is asked for directly, on the boundary of a cache line.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.imputils import impl_ret_borrowed, impl_ret_new_ref
from numba.extending import intrinsic, lower_builtin, type_callable
from numba.np.arrayobj import make_array, populate_array

from .rowwise import Block
from .vectors import LANES, Vectors

_LINE, _PAGE = 64, 4096
#: Rows of so many singles are not kept.
SHORT_SINGLES = 160


def empty(shape: Any, dtype: Any) -> Any:
    """A new array in row order, not filled."""
    return np.empty(shape, dtype)


def shaped(array: Any, shape: Any) -> Any:
    """The entries of an array in row order, in another shape."""
    return array.reshape(shape)


def _is_shape(shape: Any) -> bool:
    return isinstance(shape, types.BaseTuple) and all(isinstance(s, types.Integer) for s in shape)


@type_callable(empty)
def _type_of_empty(context: Any) -> Any:
    def typer(shape: Any, dtype: Any) -> Any:
        if _is_shape(shape) and isinstance(dtype, types.NumberClass):
            return types.Array(dtype.instance_type, len(shape), "C")
        return None

    return typer


@type_callable(shaped)
def _type_of_shaped(context: Any) -> Any:
    def typer(array: Any, shape: Any) -> Any:
        if _is_shape(shape) and isinstance(array, types.Array) and array.layout == "C":
            return array.copy(ndim=len(shape))
        return None

    return typer


def _strides(builder: Any, shape: Sequence[Any], itemsize: int) -> list[Any]:
    found = [ir.IntType(64)(itemsize)]
    for size in reversed(shape[1:]):
        found.append(builder.mul(found[-1], size))
    return found[::-1]


def _allocated(context: Any, builder: Any, kind: Any, size: Any, align: int = _LINE) -> tuple[Any, Any]:
    """So many bytes on the boundary of a line, or of more: numba's record of them, and where entries begin."""
    memory = context.nrt.meminfo_alloc_aligned(builder, size, align)
    pointer = context.get_data_type(kind.dtype).as_pointer()
    return memory, builder.bitcast(context.nrt.meminfo_data(builder, memory), pointer)


@lower_builtin(empty, types.BaseTuple, types.NumberClass)
def _lower_empty(context: Any, builder: Any, signature: Any, args: Any) -> Any:
    kind = signature.return_type
    itemsize = kind.dtype.bitwidth // 8
    shape = cgutils.unpack_tuple(builder, args[0])
    strides = _strides(builder, shape, itemsize)
    memory, data = _allocated(context, builder, kind, builder.mul(strides[0], shape[0]))
    made = make_array(kind)(context, builder)
    populate_array(made, data, shape, strides, itemsize, memory)
    return impl_ret_new_ref(context, builder, kind, made._getvalue())


@lower_builtin(shaped, types.Array, types.BaseTuple)
def _lower_shaped(context: Any, builder: Any, signature: Any, args: Any) -> Any:
    kind = signature.return_type
    given = make_array(signature.args[0])(context, builder, args[0])
    itemsize = kind.dtype.bitwidth // 8
    shape = cgutils.unpack_tuple(builder, args[1])
    made = make_array(kind)(context, builder)
    strides = _strides(builder, shape, itemsize)
    populate_array(made, given.data, shape, strides, itemsize, given.meminfo, given.parent)
    return impl_ret_borrowed(context, builder, kind, made._getvalue())


def _alike(*arrays: Any) -> bool:
    """Whether these are arrays in row order, of one kind and as many axes."""
    first = arrays[0]
    return all(isinstance(a, types.Array) and a.layout == "C" for a in arrays) and all(
        (a.ndim, a.dtype) == (first.ndim, first.dtype) for a in arrays
    )


@intrinsic
def clear(typing_context: Any, array: Any) -> Any:
    """Zeros in all entries of an array without gaps."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        into = make_array(signature.args[0])(context, builder, args[0])
        size = builder.mul(into.nitems, into.itemsize)
        cgutils.memset(builder, into.data, size, 0)
        return context.get_dummy_value()

    return (types.void(array), generate) if _alike(array) else None


def _beside(context: Any, builder: Any, kind: Any, rows: Any, shape: Sequence[Any]) -> Any:
    """An array in memory of its own that begins as far behind the end of a line as rows do.

    All such arrays are as far behind a page of 4096 bytes: the processor takes a load for one that waits for an earlier
    store wherever both have the same place in a page, and of columns read together none is stored before it is read.
    """
    itemsize, one = kind.dtype.bitwidth // 8, ir.IntType(64)
    before = builder.and_(builder.neg(Block.of(Vectors(builder), rows).lead()), one(LANES - 1))
    strides = _strides(builder, shape, itemsize)
    room = builder.add(builder.mul(strides[0], shape[0]), one(itemsize * LANES))
    memory, start = _allocated(context, builder, kind, room, _PAGE)
    made = make_array(kind)(context, builder)
    populate_array(made, builder.gep(start, [before]), shape, strides, itemsize, memory)
    return made


def _are_rows(array: Any, axes: int) -> bool:
    return isinstance(array, types.Array) and array.layout == "C" and array.ndim == axes


@intrinsic
def alongside(typing_context: Any, rows: Any, vector: Any) -> Any:
    """A copy of a vector that begins as far behind the end of a line as rows do."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        block, given = (make_array(k)(context, builder, a) for k, a in zip(signature.args, args, strict=True))
        made = _beside(context, builder, signature.return_type, block, [given.nitems])
        cgutils.raw_memcpy(builder, made.data, given.data, given.nitems, given.itemsize)
        return impl_ret_new_ref(context, builder, signature.return_type, made._getvalue())

    return (vector(rows, vector), generate) if _are_rows(rows, 2) and _are_rows(vector, 1) else None


@intrinsic
def room_alongside(typing_context: Any, rows: Any, count: Any) -> Any:
    """Room for as many rows, each of which begins as far behind the end of a line as the first of the rows does.

    They are filled up to whole lines; what is in them is not said. There is none for short rows of singles: a line of
    these is twice as much work, and rows side by side share some of it.
    """

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        block = make_array(signature.args[0])(context, builder, args[0])
        one = ir.IntType(64)
        whole = one(_LINE * 8 // signature.return_type.dtype.bitwidth - 1)
        width = builder.and_(
            builder.add(cgutils.unpack_tuple(builder, block.shape)[1], whole), builder.not_(whole)
        )
        size = args[1]
        if signature.return_type.dtype != types.float64:
            size = builder.select(builder.icmp_signed("<=", width, one(SHORT_SINGLES)), one(0), size)
        made = _beside(context, builder, signature.return_type, block, [size, width])
        return impl_ret_new_ref(context, builder, signature.return_type, made._getvalue())

    return (rows.copy(readonly=False)(rows, types.int64), generate) if _are_rows(rows, 2) else None


@intrinsic
def assign(typing_context: Any, out: Any, given: Any) -> Any:
    """out = given, of the same shape."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        into, source = (make_array(k)(context, builder, a) for k, a in zip(signature.args, args, strict=True))
        cgutils.raw_memcpy(builder, into.data, source.data, into.nitems, into.itemsize)
        return context.get_dummy_value()

    return (types.void(out, given), generate) if _alike(out, given) else None


@intrinsic
def accumulate(typing_context: Any, total: Any, part: Any) -> Any:
    """total += part, vectors of doubles."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        into, given = (make_array(k)(context, builder, a) for k, a in zip(signature.args, args, strict=True))
        v = Vectors(builder)

        def add(j: Any, mask: Any) -> None:
            found = builder.fadd(v.load(into.data, j, mask), v.load(given.data, j, mask))
            v.store(found, into.data, j, mask)

        v.along(into.nitems, add)
        return context.get_dummy_value()

    suits = _alike(total, part) and total.ndim == 1 and total.dtype == types.float64
    return (types.void(total, part), generate) if suits else None


def _counted(more: int) -> Any:
    """Code for what a counter was, which is one or none more for whoever comes next. No two threads count as one."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        counters = make_array(signature.args[0])(context, builder, args[0]).data
        return builder.atomic_rmw("add", builder.gep(counters, [args[1]]), ir.IntType(64)(more), "seq_cst")

    return generate


@intrinsic
def take(typing_context: Any, turns: Any, place: Any) -> Any:
    """The number at a place of `turns`, which is one more from then on."""
    return types.int64(turns, types.int64), _counted(1)


@intrinsic
def taken(typing_context: Any, turns: Any, place: Any) -> Any:
    """The number at a place of `turns`, whoever changes it meanwhile."""
    return types.int64(turns, types.int64), _counted(0)
