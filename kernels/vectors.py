"""LLVM vectors of eight doubles, or of sixteen singles: loads, stores, masks, sums across lanes, loops along a row."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import llvmlite.binding as llvm
from llvmlite import ir
from numba.core import cgutils

LANES = 8
#: Lanes of a vector in single precision.
SINGLES = 16
#: Vectors per turn of a loop along a row.
UNROLL = 2
#: Processors of the Zen family fetch much by themselves, and lines that are asked for belong into their first cache.
ZEN = llvm.get_host_cpu_name().startswith("znver")
#: The first cache in thousands of bytes; it grew with the fifth generation.
FIRST_CACHE = 48 if llvm.get_host_cpu_name() == "znver5" else 32
#: Into which cache lines are fetched; 3 is the first one.
NEAR = 3 if ZEN else 2

#: An attribute of functions. llvmlite knows none with values, but prints what the set of them holds.
FULL_WIDTH = '"prefer-vector-width"="512"'

D, F, I, W = ir.DoubleType(), ir.FloatType(), ir.IntType(64), ir.IntType(32)
V = ir.VectorType(D, LANES)


class Vectors:
    """An LLVM builder with vectors of numbers: loads, stores, loops.

    single  sixteen numbers in single precision, not eight doubles
    """

    def __init__(self, builder: Any, single: bool = False) -> None:
        self.b = builder
        self.number_type, self.lanes = (F, SINGLES) if single else (D, LANES)
        self.kind = ir.VectorType(self.number_type, self.lanes)
        self.zero = ir.Constant(self.kind, None)

    def shuffled(self, p: Any, q: Any, lanes: Sequence[int]) -> Any:
        """These lanes of two vectors, which are counted on."""
        return self.b.shuffle_vector(p, q, ir.Constant(ir.VectorType(W, len(lanes)), list(lanes)))

    def spread(self, scalar: Any) -> Any:
        """A number in every lane."""
        none = ir.Constant(ir.VectorType(scalar.type, self.lanes), ir.Undefined)
        return self.shuffled(self.b.insert_element(none, scalar, W(0)), none, [0] * self.lanes)

    def first(self, count: Any) -> Any:
        """The mask of that many lanes."""
        numbers = ir.Constant(ir.VectorType(I, self.lanes), list(range(self.lanes)))
        return self.b.icmp_unsigned("<", numbers, self.spread(count))

    def turned_into(self, value: Any, number_type: Any) -> Any:
        """A number or a vector in another precision."""
        kind = ir.VectorType(number_type, value.type.count) if hasattr(value.type, "count") else number_type
        if value.type == kind:
            return value
        return self.b.fpext(value, kind) if number_type == D else self.b.fptrunc(value, kind)

    def _masked(self, what: str, kind: Any, result: Any, arguments: list[Any]) -> Any:
        name = f"llvm.masked.{what}.v{self.lanes}{'f64' if kind.element == D else 'f32'}.p0"
        signature = ir.FunctionType(result, [a.type for a in arguments])
        return self.b.call(cgutils.get_or_insert_function(self.b.module, signature, name), arguments)

    def _place(self, pointer: Any, offset: Any) -> tuple[Any, Any, int]:
        """Where the entries of a vector start, their type, and the alignment of one."""
        element = pointer.type.pointee
        kind = ir.VectorType(element, self.lanes)
        place = self.b.bitcast(self.b.gep(pointer, [offset]), kind.as_pointer())
        return place, kind, 8 if element == D else 4

    def _loaded(self, pointer: Any, offset: Any, mask: Any) -> Any:
        place, kind, align = self._place(pointer, offset)
        if mask is None:
            return self.b.load(place, align=align)
        return self._masked("load", kind, kind, [place, W(align), mask, ir.Constant(kind, None)])

    def load(self, pointer: Any, offset: Any, mask: Any = None) -> Any:
        """The entries of a vector; zeros where the mask does not hold."""
        return self.turned_into(self._loaded(pointer, offset, mask), self.number_type)

    def store(self, value: Any, pointer: Any, offset: Any, mask: Any = None) -> None:
        place, kind, align = self._place(pointer, offset)
        value = self.turned_into(value, kind.element)
        if mask is None:
            self.b.store(value, place, align=align)
        else:
            self._masked("store", kind, ir.VoidType(), [value, place, W(align), mask])

    def grow(self, pointer: Any, offset: Any, value: Any, mask: Any = None) -> None:
        """The entries added to those in memory, in double precision."""
        before = self.turned_into(self._loaded(pointer, offset, mask), D)
        self.store(self.b.fadd(before, self.turned_into(value, D)), pointer, offset, mask)

    def prefetch(self, pointer: Any) -> None:
        """The line at a place, into a cache; there need not be such a place."""
        place = self.b.bitcast(pointer, ir.IntType(8).as_pointer())
        kind = ir.FunctionType(ir.VoidType(), [place.type, W, W, W])
        function = cgutils.get_or_insert_function(self.b.module, kind, "llvm.prefetch.p0")
        self.b.call(function, [place, W(0), W(NEAR), W(1)])

    def number(self, pointer: Any, offset: Any) -> Any:
        """One entry."""
        return self.turned_into(self.b.load(self.b.gep(pointer, [offset])), self.number_type)

    def fma(self, x: Any, y: Any, z: Any) -> Any:
        """x · y + z, rounded once."""
        kind = ir.FunctionType(self.kind, [self.kind] * 3)
        name = f"llvm.fma.v{self.lanes}{'f64' if self.number_type == D else 'f32'}"
        return self.b.call(cgutils.get_or_insert_function(self.b.module, kind, name), [x, y, z])

    @contextmanager
    def loop(self, start: Any, stop: Any, step: int = 1) -> Iterator[Any]:
        with cgutils.for_range_slice(self.b, start, stop, I(step), intp=I) as (index, _):
            yield index

    def along(
        self, count: Any, body: Callable[[Any, Any], object], lead: Any = None, unroll: int = UNROLL
    ) -> None:
        """A vector of columns at a time: body(first column, None), and body(first column, mask) for the rest.

        lead    so many columns come first, as the last lanes of a vector that starts before them
        unroll  vectors per turn of the loop, a power of two
        """
        b, start = self.b, I(0) if lead is None else lead
        if lead is not None:
            with b.if_then(b.icmp_signed(">", lead, I(0))):
                body(b.sub(lead, I(self.lanes)), b.not_(self.first(b.sub(I(self.lanes), lead))))
        left = b.sub(count, start)
        whole, most = (b.add(start, b.and_(left, I(-k * self.lanes))) for k in (1, unroll))
        with self.loop(start, most, unroll * self.lanes) as j:
            for k in range(unroll):
                body(b.add(j, I(k * self.lanes)), None)
        with self.loop(most, whole, self.lanes) as j:
            body(j, None)
        rest = b.sub(count, whole)
        with b.if_then(b.icmp_signed(">", rest, I(0))):
            body(whole, self.first(rest))

    def in_turns(self, count: Any, body: Callable[[Any, Any, int], Any], lead: Any) -> None:
        """As `along`, but body(column, mask, turn) is told whether its vector is an even (0) or an odd (1) one."""
        b = self.b
        with b.if_then(b.icmp_signed(">", lead, I(0))):
            body(b.sub(lead, I(self.lanes)), b.not_(self.first(b.sub(I(self.lanes), lead))), 1)
        most = b.add(lead, b.and_(b.sub(count, lead), I(-2 * self.lanes)))
        with self.loop(lead, most, 2 * self.lanes) as j:
            for turn in range(2):
                body(b.add(j, I(turn * self.lanes)), None, turn)
        for turn in range(2):
            column = b.add(most, I(turn * self.lanes))
            rest = b.sub(count, column)
            with b.if_then(b.icmp_signed(">", rest, I(0))):
                body(column, self.first(rest), turn)

    def folded(self, vector: Any) -> Any:
        """As eight doubles: of sixteen singles both halves, added."""
        if self.number_type == D:
            return vector
        halves = [self.shuffled(vector, vector, range(k, k + LANES)) for k in (0, LANES)]
        return self.b.fadd(*(self.turned_into(half, D) for half in halves))

    def sums(self, vectors: Sequence[Any]) -> Any:
        """The sums of one, two, four or eight vectors of eight, evenly spread over the lanes of one.

        Halves are added, then quarters, then lanes: those of two vectors side by side, as long as there are two.
        """
        found, width = list(vectors), LANES
        while width > 1:
            half = width // 2
            if len(found) == 1:
                (p,) = found
                found = [self.b.fadd(p, self.shuffled(p, p, [i ^ half for i in range(LANES)]))]
            else:
                low = [start + k for start in range(0, LANES, width) for k in range(half)]
                lower = [*low, *(i + LANES for i in low)]
                upper = [i + half for i in lower]
                pairs = zip(found[::2], found[1::2], strict=True)
                found = [
                    self.b.fadd(self.shuffled(p, q, lower), self.shuffled(p, q, upper)) for p, q in pairs
                ]
            width = half
        return found[0]

    def turned(self, square: Sequence[Any]) -> list[Any]:
        """The columns of eight vectors of eight: blocks of 1, 2 and 4 change places across the diagonal."""
        found, lanes = list(square), range(LANES)
        for bit in (1, 2, 4):
            for i in lanes:
                if not i & bit:
                    p, q = found[i], found[i | bit]
                    found[i] = self.shuffled(p, q, [LANES + (k ^ bit) if k & bit else k for k in lanes])
                    found[i | bit] = self.shuffled(p, q, [LANES + k if k & bit else k | bit for k in lanes])
        return found
