"""Rows that are copied as they come from memory, and added from the copy when their weights are known (note 53).

    add_then_keep(kept, m, r, g, after, w, z)  gⱼ += Σᵢ rᵢ keptᵢⱼ for m rows, then keptᵢ = afterᵢ, zᵢ = Σⱼ afterᵢⱼ wⱼ

A row is needed twice. Lines that have been read once are the first to leave the first cache, and those that are fetched
for later rows push them out; lines of a copy, read and written for every row, stay. The sum, the unknowns and a copy of
about a thousand numbers fit there together.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from .rowwise import FEW, LINE, Add, Block, Dot, ahead, arrays, suits
from .vectors import FULL_WIDTH, D, I, Vectors

#: How many bytes ahead rows are fetched.
BEFORE = 9216
#: Vectors per turn of the loop along a row.
STRETCH = 4


def _keeping(v: Vectors, kept: Block, m: Any, r: Any, g: Any, coming: Block, w: Any, z: Any) -> None:
    """The sum of m rows of which there are copies and the products of the next ones, whose copies take their place.

    A row that has come from memory once is not read there again, and need not stay in the first cache: lines that
    go by are the first to leave it, and those of a copy, read and written for every row, are not. Vectors begin where
    those of the sum lie in one line each: what is read may lie in two, what is written waits then.
    """
    b = v.b
    lead = b.udiv(b.and_(b.sub(I(0), b.ptrtoint(g, I)), I(LINE - 1)), I(8))
    lead = b.select(b.icmp_signed("<", coming.width, I(FEW)), I(0), lead)
    both = b.select(b.icmp_signed("<", m, coming.rows), m, coming.rows)
    entries = BEFORE // (8 if coming.data.type.pointee == D else 4)

    def dot(i: Any) -> Dot:
        return Dot(v, coming, w, z, i, 1, ahead(v, [coming.row(i)], entries), turns=1)

    with v.loop(I(0), both) as i:
        first, second = dot(i), Add(v, kept, r, g, i, 1)

        def step(j: Any, mask: Any, first: Dot = first, second: Add = second, i: Any = i) -> None:
            (x,) = first.step(j, mask)
            second.step(j, mask)
            v.store(x, kept.row(i), j, mask)

        v.along(coming.width, step, lead, STRETCH)
        first.finish()
    with v.loop(both, m) as i:
        v.along(coming.width, Add(v, kept, r, g, i, 1).step, lead)
    with v.loop(both, coming.rows) as i:
        alone = dot(i)

        def keep(j: Any, mask: Any, alone: Dot = alone, i: Any = i) -> None:
            (x,) = alone.step(j, mask)
            v.store(x, kept.row(i), j, mask)

        v.along(coming.width, keep, lead)
        alone.finish()


def keeping_of(single: bool, *given: Any) -> Any:
    """What numba asks of `add_then_keep`: its signature, and the code; None where arrays do not fit each other."""
    kept, r, g, after, w, z = given
    if not (suits(kept, r, g) and suits(after, w, z) and kept.dtype == after.dtype):
        return None
    return types.void(kept, types.int64, *given[1:]), partial(add_then_keep_as, single=single)


def add_then_keep_as(context: Any, builder: Any, signature: Any, args: Any, single: bool) -> Any:
    """The code of `add_then_keep`: a function, because kernels call it in two places."""
    kept, weights, into, new, by, out = arrays(context, builder, signature, args)
    room, coming = (cgutils.unpack_tuple(builder, array.shape) for array in (kept, new))
    given = [kept.data, *room, args[1], weights.data, into.data, new.data, *coming, by.data, out.data]
    kind = ir.FunctionType(ir.VoidType(), [value.type for value in given])
    function = cgutils.get_or_insert_function(builder.module, kind, f"add_then_keep.{kind}.{single}")
    if function.is_declaration:
        function.linkage = "internal"
        function.attributes.add("noinline")
        set.add(function.attributes, FULL_WIDTH)
        b = ir.IRBuilder(function.append_basic_block())
        old, old_rows, old_width, m, r, g, rows, count, width, w, z = function.args
        v = Vectors(b, single)
        _keeping(v, Block(v, old, old_rows, old_width), m, r, g, Block(v, rows, count, width), w, z)
        b.ret_void()
    builder.call(function, given)
    return context.get_dummy_value()


@intrinsic
def add_then_keep(typing_context: Any, kept: Any, m: Any, r: Any, g: Any, after: Any, w: Any, z: Any) -> Any:
    """gⱼ += Σᵢ rᵢ keptᵢⱼ for the first m rows, then keptᵢ = afterᵢ and zᵢ = Σⱼ afterᵢⱼ wⱼ."""
    return keeping_of(False, kept, r, g, after, w, z)
