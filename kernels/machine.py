"""Functions written as LLVM vectors: made once per machine, and called from compiled kernels as BLAS is.

`Body` is a function in the making. What it is made into stays in the private cache, and is loaded under the names
of its functions. Only on processors with 512-bit vectors.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import llvmlite.binding as llvm
from llvmlite import ir

from .cache import machine_code
from .vectors import FULL_WIDTH, LANES, Vectors

DOUBLE, WHOLE, BIT = ir.DoubleType(), ir.IntType(64), ir.IntType(1)
VECTOR, DOUBLES, FLOATS = ir.VectorType(DOUBLE, LANES), DOUBLE.as_pointer(), ir.FloatType().as_pointer()
BYTES = ir.IntType(8).as_pointer()
#: Bytes of a cache line.
LINE = 64


class Body:
    """A function in the making: arithmetic on whole numbers, loops, vectors, which may be of singles."""

    def __init__(
        self, module: ir.Module, name: str, kinds: list[Any], names: str, single: bool = False
    ) -> None:
        self.function = ir.Function(module, ir.FunctionType(ir.VoidType(), kinds), name)
        set.add(self.function.attributes, FULL_WIDTH)
        set.add(self.function.attributes, '"min-legal-vector-width"="512"')
        self.b = ir.IRBuilder(self.function.append_basic_block("entry"))
        self.v = Vectors(self.b, single)
        self.given = dict(zip(names.split(), self.function.args, strict=True))

    def least(self, x: Any, y: Any) -> Any:
        """The smaller of two whole numbers."""
        return self.b.select(self.b.icmp_signed("<", x, y), x, y)

    def at(self, pointer: Any, *steps: Any) -> Any:
        for step in steps:
            pointer = self.b.gep(pointer, [step])
        return pointer

    def first(self, count: Any) -> Any:
        """The mask of that many lanes, as bits: a comparison would be made again in every turn of a loop."""
        lanes = self.v.lanes
        bits = self.b.sub(self.b.shl(WHOLE(1), self.least(count, WHOLE(lanes))), WHOLE(1))
        return self.b.bitcast(self.b.trunc(bits, ir.IntType(lanes)), ir.VectorType(BIT, lanes))

    def up(self, x: Any, by: int) -> Any:
        """x / by, rounded up."""
        return self.b.sdiv(self.b.add(x, WHOLE(by - 1)), WHOLE(by))

    def share(self, lines: Any, *tiles: Any) -> Any:
        """Lines per tile, rounded up."""
        count = tiles[0]
        for more in tiles[1:]:
            count = self.b.mul(count, more)
        return self.b.sdiv(self.b.sub(self.b.add(lines, count), WHOLE(1)), count)

    def fetch(self) -> None:
        """The next lines of what is wanted later, into the second cache."""
        b, place = self.b, self.b.load(self.given["cursor"])
        with self.v.loop(WHOLE(0), self.given["per"]) as k:
            self.v.prefetch(b.gep(place, [b.mul(k, WHOLE(LINE))]))
        b.store(b.gep(place, [b.mul(self.given["per"], WHOLE(LINE))]), self.given["cursor"])

    def cases(self, number: Any, bodies: Mapping[int, Callable[[], None]]) -> None:
        """What is said for the number at hand."""
        end = self.b.append_basic_block("done")
        switch = self.b.switch(number, end)
        for k, body in bodies.items():
            block = self.b.append_basic_block(f"case{k}")
            switch.add_case(WHOLE(k), block)
            self.b.position_at_end(block)
            body()
            self.b.branch(end)
        self.b.position_at_end(end)

    def sums(
        self, count: int, stop: Any, step: int, body: Callable[[Any, list[Any]], list[Any]]
    ) -> list[Any]:
        """A loop with vectors in registers: they are zero first, and body(index, vectors) gives the next ones."""
        before = self.b.block
        head, inside, end = (self.b.append_basic_block(n) for n in ("head", "inside", "end"))
        self.b.branch(head)
        self.b.position_at_end(head)
        index = self.b.phi(WHOLE)
        index.add_incoming(WHOLE(0), before)
        found: list[Any] = [self.b.phi(self.v.kind) for _ in range(count)]
        for vector in found:
            vector.add_incoming(self.v.zero, before)
        self.b.cbranch(self.b.icmp_signed("<", index, stop), inside, end)
        self.b.position_at_end(inside)
        after = body(index, found)
        index.add_incoming(self.b.add(index, WHOLE(step)), self.b.block)
        for vector, value in zip(found, after, strict=True):
            vector.add_incoming(value, self.b.block)
        self.b.branch(head)
        self.b.position_at_end(end)
        return found


@lru_cache(maxsize=1)
def has_wide_vectors() -> bool:
    """Whether the processor has vectors of 512 bits, with masks and 32 registers."""
    features = llvm.get_host_cpu_features()
    return all(features.get(f) for f in ("avx512f", "avx512dq", "avx512vl"))


def translated(module: Any) -> bytes:
    """Machine code. The text above leaves nothing for passes over it to find, so there are none."""
    parsed = llvm.parse_assembly(str(module))
    parsed.verify()
    return bytes(_machine().emit_object(parsed))


def _machine() -> Any:
    return llvm.Target.from_default_triple().create_target_machine(
        cpu=llvm.get_host_cpu_name(), features=llvm.get_host_cpu_features().flatten(), opt=1, jit=True
    )


def load(name: str, make: Callable[[], bytes], functions: Sequence[str]) -> bool:
    """Machine code from the cache, or made, and the names of its functions; False where vectors are too short."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    if not has_wide_vectors():
        return False
    empty = llvm.parse_assembly(f'target triple = "{llvm.get_process_triple()}"')
    engine = llvm.create_mcjit_compiler(empty, _machine())
    engine.add_object_file(llvm.ObjectFileRef.from_data(machine_code(name, make)))
    engine.finalize_object()
    for function in functions:
        llvm.add_symbol(function, engine.get_function_address(function))
    _engines.append(engine)
    return True


_engines: list[Any] = []  # what must live as long as the process
