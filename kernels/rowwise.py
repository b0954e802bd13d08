"""Products of rows in cache with a vector, eight rows at a time, as LLVM vectors.

    dot_rows(block, w, z)                   zᵢ = Σⱼ blockᵢⱼ wⱼ
    add_rows(block, r, g)                   gⱼ += Σᵢ rᵢ blockᵢⱼ
    add_then_dot(block, r, g, after, w, z)  the second on one block, then the first on the next one

Written as loops these leave the choice of vectors to the compiler, which takes half the width that the
processor has, checks at run time whether arrays overlap, and adds up the parts of every row by itself. Here
eight rows share each read of the vector, or each read and write of the sum; the last columns are masked;
the sums of eight rows are added across lanes together. Sums are in double precision whatever the data.

The last form reads both blocks in one loop: memory would idle while a block is read again. Where one core reads
faster than that (`ZEN`), rows are kept in a copy (`kept`), and few rows that are too long for it have both products in
turn while they are in the first cache (note 46). The order of all additions is the same as of one after the other.

`plain` holds the same names for generated source that runs without numba.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial, reduce
from itertools import starmap
from typing import Any

from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np.arrayobj import make_array

from .vectors import FULL_WIDTH, LANES, ZEN, D, I, Vectors, W

#: Rows that are taken together: as many as lanes, so that their sums fill one vector.
TILE = LANES
#: The sums of rows up to this length stay in registers, eight columns at a time, until all rows have gone by.
FEW = 32
#: Rows from this length on are read from the end of a line on. Eight shorter ones stay in the first cache, where a
#: vector that lies in two lines costs nothing that would show.
LONG = 320
#: How far ahead rows are fetched, in entries: by products alone, and together with those of the block before. The
#: processor by itself sees the ends of pages coming too late, or of rows. Constants, because registers are short.
AHEAD, FAR = (1024, 2048) if ZEN else (3200, 8192)
#: Sums of one row side by side, which take its vectors by turns, where rows are one or two: a sum waits for itself.
TURNS = 2 if ZEN else 1
#: Long rows whose both products are done one after the other, and numbers of rows whose sums share reads of a vector.
TURN, SHARING = 4, (TILE, 4, 2, 1)
#: Blocks of so many rows are longer than that, and read together with the next one.
MANY = 16 if ZEN else TILE
#: How many bytes behind the next tile lines are fetched, and the bytes of a line.
SOON, LINE = 8000, 64

_ALL = range(TILE)
#: What is fetched at a column.
Fetch = Callable[[Any], None]


class Block:
    """Rows side by side, and what is read or written with them."""

    def __init__(self, v: Vectors, data: Any, rows: Any, width: Any) -> None:
        self.v, self.data, self.rows, self.width = v, data, rows, width

    @classmethod
    def of(cls, v: Vectors, array: Any) -> Block:
        return cls(v, array.data, *cgutils.unpack_tuple(v.b, array.shape))

    def lead(self) -> Any:
        """The columns before the first place from which on as few vectors as can be lie in two lines.

        Large arrays start a quarter of a line behind an end, and every vector would lie in two. Sums do not depend
        on it: columns a multiple of eight apart stay in one lane, and lanes are added in pairs that are half a
        vector, a quarter, and one apart, which turning the vector only exchanges.
        """
        b, size = self.v.b, 8 if self.data.type.pointee == D else 4
        row, whole = b.mul(self.width, I(size)), I(size * self.v.lanes)
        even = b.and_(row, b.sub(I(0), row))  # the largest power of two that divides it
        step = b.select(b.icmp_unsigned("<", even, whole), even, whole)
        behind = b.and_(b.sub(I(0), b.ptrtoint(self.data, I)), b.sub(step, I(1)))
        columns = b.udiv(behind, I(size))
        return b.select(b.icmp_signed("<", self.width, I(LONG)), I(0), columns)

    def row(self, i: Any) -> Any:
        return self.v.b.gep(self.data, [self.v.b.mul(i, self.width)])

    def tile(self, i: Any, rows: int) -> list[Any]:
        return [self.row(self.v.b.add(i, I(k))) for k in range(rows)]


def ahead(v: Vectors, rows: Sequence[Any], far: int) -> Fetch:
    """Every row is fetched that far ahead of itself."""

    def fetch(j: Any) -> None:
        for row in rows:
            v.prefetch(v.b.gep(row, [v.b.add(j, I(far))]))

    return fetch


def _in_order(v: Vectors, block: Block, i: Any, rows: int, second: bool) -> Fetch:
    """What comes after the next tile, line after line, half by each product.

    second  whether this is the sum, for which the tile is read again
    """
    b, tile = v.b, v.b.mul(block.width, I(rows))
    size = 8 if block.data.type.pointee == D else 4
    line, share = LINE // size, rows // 2  # entries per column
    behind = b.add(tile, b.udiv(tile, I(2))) if second else tile
    start = b.gep(block.row(i), [b.add(behind, I(SOON // size))])

    def fetch(j: Any) -> None:
        for k in range(max(1, share * v.lanes // line)):
            v.prefetch(b.gep(start, [b.add(b.mul(j, I(share)), I(k * line))]))

    return fetch


class Dot:
    """The sums of some rows times w, in the making. They are the first to read the rows, so they fetch later ones.

    fetch  what is fetched at a column
    turns  how many sums of one row take its vectors by turns
    """

    def __init__(
        self,
        v: Vectors,
        block: Block,
        w: Any,
        z: Any,
        i: Any,
        rows: int,
        fetch: Fetch | None = None,
        turns: int | None = None,
    ) -> None:
        self.v, self.w, self.z, self.i = v, w, z, i
        self.turns = turns or (TURNS if rows < 4 else 1)
        self.rows = block.tile(i, rows)
        self.fetch = fetch or ahead(v, self.rows, AHEAD)
        self.totals = [[cgutils.alloca_once(v.b, v.kind) for _ in range(self.turns)] for _ in range(rows)]
        for totals in self.totals:
            for total in totals:
                v.b.store(v.zero, total)

    def step(self, j: Any, mask: Any, turn: int = 0) -> list[Any]:
        """The entries of the rows at a column."""
        b = self.v.b
        self.fetch(j)
        w, found = self.v.load(self.w, j, mask), [self.v.load(row, j, mask) for row in self.rows]
        for x, totals in zip(found, self.totals, strict=True):
            total = totals[turn % self.turns]
            b.store(self.v.fma(x, w, b.load(total)), total)
        return found

    def finish(self) -> None:
        b = self.v.b
        found = [self.v.folded(reduce(b.fadd, [b.load(t) for t in totals])) for totals in self.totals]
        if len(found) == TILE:
            Vectors(b).store(self.v.sums(found), self.z, self.i)
            return
        sums = self.v.sums(found)
        for k in range(len(found)):
            total = b.extract_element(sums, W(k * LANES // len(found)))
            total = self.v.turned_into(total, self.z.type.pointee)
            b.store(total, b.gep(self.z, [b.add(self.i, I(k))]))


class Add:
    """Some rows times their weights, added to g."""

    def __init__(
        self, v: Vectors, block: Block, r: Any, g: Any, i: Any, rows: int, fetch: Fetch | None = None
    ) -> None:
        self.v, self.g, self.fetch = v, g, fetch
        self.rows = block.tile(i, rows)
        self.weights = [v.spread(v.number(r, v.b.add(i, I(k)))) for k in range(rows)]

    def step(self, j: Any, mask: Any) -> None:
        b = self.v.b
        if self.fetch is not None:
            self.fetch(j)
        half = len(self.rows) // 2
        # Singles are few that are added before doubles take what they are.
        single = self.v.number_type != D
        total, other = self.v.zero if single else self.v.load(self.g, j, mask), None
        for k, (row, weight) in enumerate(zip(self.rows, self.weights, strict=True)):
            x = self.v.load(row, j, mask)
            if k < half or not half:
                total = self.v.fma(x, weight, total)
            else:
                other = b.fmul(x, weight) if other is None else self.v.fma(x, weight, other)
        total = total if other is None else b.fadd(total, other)
        if single:
            self.v.grow(self.g, j, total, mask)
        else:
            self.v.store(total, self.g, j, mask)


def _each(
    v: Vectors, start: Any, block: Block, make: Callable[[Any, int], Any], sizes: Sequence[int] = (TILE, 1)
) -> None:
    """Tiles of rows from `start` on, of the first size as long as they last, then of the next."""
    lead = block.lead()
    for rows in sizes:
        stop = v.b.and_(block.rows, I(-rows))
        with v.loop(start, stop, rows) as i:
            work = make(i, rows)
            if isinstance(work, Dot):
                (v.along if work.turns == 1 else v.in_turns)(block.width, work.step, lead)
                work.finish()
            else:
                v.along(block.width, work.step, lead)
        start = stop


def _add_few(v: Vectors, block: Block, r: Any, g: Any) -> None:
    """All rows times their weights, added to g: eight independent sums, of every eighth row each."""
    b, whole = v.b, v.b.and_(block.rows, I(-TILE))
    totals = [cgutils.alloca_once(b, v.kind) for _ in _ALL]
    with v.loop(I(0), block.width, v.lanes) as j:
        mask = v.first(b.sub(block.width, j))
        for total in totals:
            b.store(v.zero, total)

        def add(i: Any, total: Any) -> None:
            weight = v.spread(v.number(r, i))
            b.store(v.fma(v.load(block.row(i), j, mask), weight, b.load(total)), total)

        with v.loop(I(0), whole, TILE) as i:
            for k, total in enumerate(totals):
                add(b.add(i, I(k)), total)
        with v.loop(whole, block.rows) as i:
            add(i, totals[0])
        parts = [b.load(total) for total in totals]
        while len(parts) > 1:
            parts = [b.fadd(p, q) for p, q in zip(parts[::2], parts[1::2], strict=True)]
        v.grow(g, j, parts[0], mask)


def _both(v: Vectors, before: Block, r: Any, g: Any, coming: Block, w: Any, z: Any) -> None:
    """The sum of one block and the products of the next one, eight rows of each in one loop; of few rows in turn."""
    b = v.b
    fewer = b.select(b.icmp_signed("<", before.rows, coming.rows), before.rows, coming.rows)
    short = b.icmp_signed("<=", before.width, I(FEW))
    alone = b.or_(short, b.icmp_signed("<", fewer, I(MANY)))
    shared = b.select(alone, I(0), b.and_(fewer, I(-TILE)))
    with v.loop(I(0), shared, TILE) as i:
        first = Add(v, before, r, g, i, TILE)
        second = Dot(v, coming, w, z, i, TILE, ahead(v, coming.tile(i, TILE), FAR))

        def step(j: Any, mask: Any) -> None:
            first.step(j, mask)
            second.step(j, mask)

        v.along(before.width, step, coming.lead())
        second.finish()

    def add(i: Any, rows: int) -> Add:
        fetch = _in_order(v, before, i, rows, second=True) if rows == TURN else None
        return Add(v, before, r, g, i, rows, fetch)

    def dot(i: Any, rows: int) -> Dot:
        fetch = _in_order(v, coming, i, rows, second=False) if rows == TURN else None
        return Dot(v, coming, w, z, i, rows, fetch)

    sizes = (TURN if ZEN else TILE, 1)
    with b.if_else(short) as (few, other):
        with few:
            _add_few(v, before, r, g)
        with other:
            _each(v, shared, before, add, sizes)
    _each(v, shared, coming, dot, sizes)


def product_of(make: Callable[..., Any], single: bool, *given: tuple[Any, ...]) -> Any:
    """What numba asks of an intrinsic: its signature, and the code; None where blocks with their vectors do not fit."""
    arguments = [a for each in given for a in each]
    return (types.void(*arguments), partial(make, single=single)) if all(starmap(suits, given)) else None


def suits(block: Any, *vectors: Any) -> bool:
    """Whether these are rows side by side and vectors, of floats."""
    return (
        all(isinstance(a, types.Array) and a.layout == "C" for a in (block, *vectors))
        and block.ndim == 2
        and all(a.ndim == 1 for a in vectors)
        and all(a.dtype in (types.float64, types.float32) for a in (block, *vectors))
    )


def arrays(context: Any, builder: Any, signature: Any, args: Any) -> list[Any]:
    given = zip(signature.args, args, strict=True)
    return [make_array(kind)(context, builder, a) for kind, a in given if isinstance(kind, types.Array)]


def dot_rows_as(context: Any, builder: Any, signature: Any, args: Any, single: bool) -> Any:
    """The code of `dot_rows`, its products and their sums in single precision or in double."""
    given, by, into = arrays(context, builder, signature, args)
    v = Vectors(builder, single)
    rows = Block.of(v, given)
    sizes = SHARING if ZEN else (TILE, 1)
    _each(v, I(0), rows, lambda i, count: Dot(v, rows, by.data, into.data, i, count), sizes)
    return context.get_dummy_value()


def add_rows_as(context: Any, builder: Any, signature: Any, args: Any, single: bool) -> Any:
    """The code of `add_rows`, likewise."""
    given, weights, into = arrays(context, builder, signature, args)
    v = Vectors(builder, single)
    rows = Block.of(v, given)
    with builder.if_else(builder.icmp_signed("<=", rows.width, I(FEW))) as (short, other):
        with short:
            _add_few(v, rows, weights.data, into.data)
        with other:
            _each(v, I(0), rows, lambda i, count: Add(v, rows, weights.data, into.data, i, count))
    return context.get_dummy_value()


def add_then_dot_as(context: Any, builder: Any, signature: Any, args: Any, single: bool) -> Any:
    """The code of `add_then_dot`, likewise."""
    old, weights, into, new, by, out = arrays(context, builder, signature, args)
    v = Vectors(builder, single)
    before, coming = Block.of(v, old), Block.of(v, new)
    _both(v, before, weights.data, into.data, coming, by.data, out.data)
    return context.get_dummy_value()


@intrinsic
def dot_rows(typing_context: Any, block: Any, w: Any, z: Any) -> Any:
    """zᵢ = Σⱼ blockᵢⱼ wⱼ."""
    return product_of(dot_rows_as, False, (block, w, z))


@intrinsic
def add_rows(typing_context: Any, block: Any, r: Any, g: Any) -> Any:
    """gⱼ += Σᵢ rᵢ blockᵢⱼ."""
    return product_of(add_rows_as, False, (block, r, g))


@intrinsic
def add_then_dot(typing_context: Any, block: Any, r: Any, g: Any, after: Any, w: Any, z: Any) -> Any:
    """gⱼ += Σᵢ rᵢ blockᵢⱼ, then zᵢ = Σⱼ afterᵢⱼ wⱼ; both blocks in one loop but for short rows."""
    return product_of(add_then_dot_as, False, (block, r, g), (after, w, z))


@intrinsic
def full_width(typing_context: Any) -> Any:
    """Loops of this function may use vectors as wide as the processor's; compilers take half of 512 bits."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        set.add(builder.function.attributes, FULL_WIDTH)
        return context.get_dummy_value()

    return types.void(), generate
