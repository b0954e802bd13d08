"""Products of matrices of which one side is short, as register tiles in LLVM: out (+)= left · right.

BLAS copies both factors into an order of its own before it multiplies. Where one of the three sizes is ten or fifty, as
that of classes, components or latent factors is, the copies cost as much as the product. Here nothing is copied that
vectors can read where it lies:

    outer   entries of a row of `right` are neighbours: a tile of rows × vectors of the result stays in registers, and
            every step adds an entry of `left`, spread, times a vector of `right`
    turned  entries of a column of `left` are neighbours: the same for the transposed product
    dot     the summed axis is that of neighbours in both: sums of vectors, added across lanes eight at a time
    packed  what lies otherwise is brought into order, a stripe at a time

A product may also fetch what is wanted next: a few lines of memory per tile, so that memory does not idle while
there is much to compute.

The way is chosen by the sizes and strides alone, so equal calls give equal bits. The code is compiled once per process
under the name `derive_product` and called like BLAS from compiled kernels, which need no compile time for it. Only on
processors with 512-bit vectors; elsewhere, and for products that are large on all sides, kernels call BLAS.
"""

from __future__ import annotations

from functools import lru_cache, partial
from typing import Any

import llvmlite.binding as llvm
from llvmlite import ir

from . import cholesky
from .machine import BIT, BYTES, DOUBLE, DOUBLES, FLOATS, LINE, VECTOR, WHOLE, Body, load, translated
from .vectors import LANES, ZEN

#: Rows and vectors of a tile of the outer form, and rows of the dot form: 24 sums in 32 registers.
HEIGHT, WIDTH, DOTS = 8, 3, 3
#: Rows of a tile of at most two vectors: ten or twelve rows then read the right factor once.
TALL, SLIM = 12, 2
#: Summed entries per sweep: a stripe of the right factor stays in the first cache.
DEPTH = 256
#: Rows from which on it pays to copy a stripe of the right factor to the boundary of a cache line.
MANY = 32
#: Products with a side of at most so many, or of at most so many multiplications, are taken.
SHORT, LITTLE = 32, 1 << 22
#: Symmetric updates of at most so many columns are taken: of more, the rows of a block no longer stay in cache; and
#: where columns are more than the first number, of at most so many numbers.
TRIANGLE_COLUMNS, TRIANGLE_MOST, TRIANGLE_NUMBERS = 320, 800 if ZEN else 320, 1 << 20
NAME, TRIANGLE, TRIANGLE_SINGLE = "derive_product", "derive_triangle", "derive_triangle_single"
NAMES = NAME, TRIANGLE, TRIANGLE_SINGLE, cholesky.NAME

_D, _I, _B, _V, _P = DOUBLE, WHOLE, BIT, VECTOR, DOUBLES
_CURSOR = BYTES.as_pointer()
_STRIPE = WIDTH * LANES


def _outer(module: ir.Module, single: bool = False) -> Any:
    """c[i·rc + j·cc] (+)= Σ_k a[i·ra + k·ca] b[k·rb + j] for a stripe of at most 24 columns j.

    single  a and b are in single precision, and so are the sums, which are added to c; cc is 1
    """
    _A = FLOATS if single else _P
    f = Body(
        module,
        "outer_single" if single else "outer",
        [_I] * 3 + [_A, _I, _I, _A, _I, _P, _I, _I, _B, _CURSOR, _I],
        "m n k a ra ca b rb c rc cc add cursor per",
        single,
    )
    b, v, g = f.b, f.v, f.given
    lanes = v.lanes
    vectors = f.up(g["n"], lanes)
    most = b.select(b.icmp_signed("<=", vectors, _I(SLIM)), _I(TALL), _I(HEIGHT))
    count = b.sdiv(b.sub(b.add(g["m"], most), _I(1)), most)
    height = b.sdiv(b.sub(b.add(g["m"], count), _I(1)), count)  # equal tiles rather than a short last one
    buffer = b.alloca(_D, _I(TALL * _STRIPE))
    plain = b.icmp_signed("==", g["cc"], _I(1))

    mask = f.first(b.sub(g["n"], b.mul(b.sub(vectors, _I(1)), _I(lanes))))
    keep = f.first(b.select(g["add"], _I(lanes), _I(0)))

    def tile(i: Any, h: int, w: int) -> None:
        masks = [None] * (w - 1) + [mask]
        rows = [f.at(g["a"], b.mul(b.add(i, _I(r)), g["ra"])) for r in range(h)]

        def step(k: Any, found: list[Any]) -> list[Any]:
            right = f.at(g["b"], b.mul(k, g["rb"]))
            loaded = [v.load(right, _I(c * lanes), masks[c]) for c in range(w)]
            place = b.mul(k, g["ca"])
            spread = [v.spread(v.number(row, place)) for row in rows]
            return [v.fma(spread[r], loaded[c], found[r * w + c]) for r in range(h) for c in range(w)]

        found = f.sums(h * w, g["k"], 1, step)
        if single:
            for r in range(h):
                out = f.at(g["c"], b.mul(b.add(i, _I(r)), g["rc"]))
                for c in range(w):
                    v.grow(out, _I(c * lanes), found[r * w + c], masks[c])
            return
        with b.if_else(plain) as (straight, turned):
            with straight:
                for r in range(h):
                    out = f.at(g["c"], b.mul(b.add(i, _I(r)), g["rc"]))
                    for c in range(w):
                        old = v.load(out, _I(c * lanes), b.and_(keep, masks[c]) if masks[c] else keep)
                        v.store(b.fadd(found[r * w + c], old), out, _I(c * lanes), masks[c])
            with turned:
                for r in range(h):
                    for c in range(w):
                        v.store(found[r * w + c], buffer, _I(r * _STRIPE + c * lanes))

    with v.loop(_I(0), count) as t:
        i = b.mul(t, height)
        rows = f.least(height, b.sub(g["m"], i))
        f.fetch()
        form = b.add(b.mul(rows, _I(WIDTH)), b.sub(vectors, _I(WIDTH)))
        shapes = [(h, w) for h in range(1, TALL + 1) for w in range(1, (WIDTH if h <= HEIGHT else SLIM) + 1)]
        f.cases(form, {(h - 1) * WIDTH + w: partial(tile, i, h, w) for h, w in shapes})
        if not single:
            with b.if_then(b.not_(plain)), v.loop(_I(0), g["n"]) as j, v.loop(_I(0), rows) as r:
                place = f.at(g["c"], b.mul(j, g["cc"]), b.mul(b.add(i, r), g["rc"]))
                old = b.select(g["add"], b.load(place), _D(0.0))
                b.store(b.fadd(b.load(f.at(buffer, j, b.mul(r, _I(_STRIPE)))), old), place)
    b.ret_void()
    return f.function


def _dot(module: ir.Module) -> Any:
    """c[i·rc + j] (+)= Σ_k a[i·ra + k] b[j·cb + k]."""
    f = Body(
        module,
        "dot",
        [_I] * 3 + [_P, _I, _P, _I, _P, _I, _B, _CURSOR, _I],
        "m n k a ra b cb c rc add cursor per",
    )
    b, v, g = f.b, f.v, f.given
    whole = b.and_(g["k"], _I(-LANES))
    rest = f.first(b.sub(g["k"], whole))
    ragged = b.icmp_signed("<", whole, g["k"])
    count = f.up(g["m"], DOTS)
    height = b.sdiv(b.sub(b.add(g["m"], count), _I(1)), count)
    with v.loop(_I(0), g["n"], LANES) as j:
        # rows behind the last one are the last one again; their sums are not stored
        last = b.sub(g["n"], _I(1))
        right = [f.at(g["b"], b.mul(f.least(b.add(j, _I(r)), last), g["cb"])) for r in range(LANES)]
        mask = f.first(b.sub(g["n"], j))

        def tile(i: Any, h: int) -> None:
            left = [f.at(g["a"], b.mul(b.add(i, _I(r)), g["ra"])) for r in range(h)]

            def add(k: Any, found: list[Any], part: Any) -> list[Any]:
                ours = [v.load(row, k, part) for row in left]
                after = list(found)
                for c in range(LANES):
                    x = v.load(right[c], k, part)
                    for r in range(h):
                        after[r * LANES + c] = v.fma(x, ours[r], found[r * LANES + c])
                return after

            found = f.sums(h * LANES, whole, LANES, lambda k, s: add(k, s, None))
            before = b.block
            with b.if_then(ragged):
                more = add(whole, found, rest)
                inside = b.block
            for p, q in zip(list(found), more, strict=True):
                merged = b.phi(_V)
                merged.add_incoming(p, before)
                merged.add_incoming(q, inside)
                found[found.index(p)] = merged
            keep = f.first(b.select(g["add"], _I(LANES), _I(0)))
            for r in range(h):
                out = f.at(g["c"], b.mul(b.add(i, _I(r)), g["rc"]))
                total = v.sums(found[r * LANES : (r + 1) * LANES])
                old = v.load(out, j, b.and_(keep, mask))
                v.store(b.fadd(total, old), out, j, mask)

        with v.loop(_I(0), count) as t:
            i = b.mul(t, height)
            f.fetch()
            rows = f.least(height, b.sub(g["m"], i))
            f.cases(rows, {h: partial(tile, i, h) for h in range(1, DOTS + 1)})
    b.ret_void()
    return f.function


def _pack(module: ir.Module) -> Any:
    """to[i·width + j] = given[i·rows + j·columns] for i < m, j < n."""
    f = Body(module, "pack", [_I] * 2 + [_P, _I, _I, _P, _I], "m n given rows columns to width")
    b, v, g = f.b, f.v, f.given
    with b.if_else(b.icmp_signed("==", g["columns"], _I(1))) as (plain, across):
        with plain, v.loop(_I(0), g["m"]) as i:
            row, out = f.at(g["given"], b.mul(i, g["rows"])), f.at(g["to"], b.mul(i, g["width"]))
            v.along(g["n"], lambda j, mask: v.store(v.load(row, j, mask), out, j, mask))
        with across, v.loop(_I(0), g["n"]) as j, v.loop(_I(0), g["m"]) as i:
            value = b.load(f.at(g["given"], b.mul(i, g["rows"]), b.mul(j, g["columns"])))
            b.store(value, f.at(g["to"], b.mul(i, g["width"]), j))
    b.ret_void()
    return f.function


def _driver(module: ir.Module) -> Any:
    """Which way costs least, in multiply-adds of vectors; then stripes of columns, and sweeps of summed entries."""
    outer, dot, pack = _outer(module), _dot(module), _pack(module)
    names = "m n k a ra ca b rb cb c rc add ahead lines"
    f = Body(module, NAME, [_I] * 3 + [_P, _I, _I] * 2 + [_P, _I, _B, BYTES, _I], names)
    b, v, g = f.b, f.v, f.given
    m, n, k, add = g["m"], g["n"], g["k"], g["add"]
    room = b.alloca(_D, _I(DEPTH * _STRIPE))
    room.align = LINE
    cursor = b.alloca(BYTES)
    b.store(g["ahead"], cursor)
    mn, mk, nk = b.mul(m, n), b.mul(m, k), b.mul(n, k)
    lanes_n, lanes_m, lanes_k = (f.up(x, LANES) for x in (n, m, k))
    one = _I(1)

    def neighbours(stride: str) -> Any:
        return b.icmp_signed("==", g[stride], one)

    def unless(condition: Any, cost: Any) -> Any:
        return b.select(condition, _I(0), cost)

    three = _I(3)
    direct = b.add(b.mul(b.mul(m, lanes_n), k), unless(neighbours("cb"), b.mul(three, nk)))
    turned = b.add(b.mul(b.mul(n, lanes_m), k), unless(neighbours("ra"), b.mul(three, mk)))
    turned = b.add(turned, b.mul(_I(4), mn))
    across = b.mul(b.mul(m, b.mul(lanes_n, _I(LANES))), b.add(lanes_k, three))
    across = b.add(across, unless(neighbours("ca"), b.mul(three, mk)))
    fits = b.or_(neighbours("ca"), b.icmp_signed("<=", mk, _I(DEPTH * _STRIPE)))
    by_dots = b.and_(neighbours("rb"), fits)
    for other in (direct, turned):
        by_dots = b.and_(by_dots, b.icmp_signed("<", across, other))
    with b.if_then(by_dots):
        per = f.share(g["lines"], f.up(n, LANES), f.up(m, DOTS))
        with b.if_else(neighbours("ca")) as (lies, not_so):
            with lies:
                b.call(dot, [m, n, k, g["a"], g["ra"], g["b"], g["cb"], g["c"], g["rc"], add, cursor, per])
            with not_so:
                b.call(pack, [m, k, g["a"], g["ra"], g["ca"], room, k])
                b.call(dot, [m, n, k, room, k, g["b"], g["cb"], g["c"], g["rc"], add, cursor, per])
        b.ret_void()
    swap = b.icmp_signed("<", turned, direct)

    def either(straight: Any, otherwise: Any) -> Any:
        return b.select(swap, otherwise, straight)

    # the transposed product: out' = right' left', stored across
    rows, columns = either(m, n), either(n, m)
    a, ra, ca = either(g["a"], g["b"]), either(g["ra"], g["cb"]), either(g["ca"], g["rb"])
    right, rb, cb = either(g["b"], g["a"]), either(g["rb"], g["ca"]), either(g["cb"], g["ra"])
    rc, cc = either(g["rc"], one), either(one, g["rc"])
    # vectors across the ends of lines take two reads: where a stripe meets many rows it is worth a copy
    apart = b.or_(b.ptrtoint(right, _I), b.mul(rb, _I(8)))
    whole = b.icmp_signed("==", b.and_(apart, _I(LINE - 1)), _I(0))
    lies = b.icmp_signed("==", cb, one)
    lies = b.and_(lies, b.or_(whole, b.icmp_signed("<", rows, _I(MANY))))
    with v.loop(_I(0), k, DEPTH) as k0:
        depth = f.least(_I(DEPTH), b.sub(k, k0))
        more = b.or_(add, b.icmp_signed(">", k0, _I(0)))
        left = f.at(a, b.mul(k0, ca))
        # stripes of equal widths rather than a short last one, whose few sums would wait for one another
        vectors = f.up(columns, LANES)
        tall = b.and_(b.icmp_signed(">", rows, _I(HEIGHT)), b.icmp_signed("<=", rows, _I(TALL)))
        most = b.select(tall, _I(SLIM), _I(WIDTH))
        stripes = b.sdiv(b.sub(b.add(vectors, most), one), most)
        per = f.share(g["lines"], f.up(k, DEPTH), stripes, f.up(rows, HEIGHT))
        with v.loop(_I(0), stripes) as t:
            j0, j1 = (b.mul(b.sdiv(b.mul(x, vectors), stripes), _I(LANES)) for x in (t, b.add(t, one)))
            width = b.sub(f.least(j1, columns), j0)
            here = f.at(right, b.mul(k0, rb), b.mul(j0, cb))
            with b.if_then(b.not_(lies)):
                b.call(pack, [depth, width, here, rb, cb, room, _I(_STRIPE)])
            stripe = b.select(lies, here, room)
            step = b.select(lies, rb, _I(_STRIPE))
            out = f.at(g["c"], b.mul(j0, cc))
            b.call(outer, [rows, width, depth, left, ra, ca, stripe, step, out, rc, cc, more, cursor, per])
    b.ret_void()
    return outer


def _triangle(module: ir.Module, outer: Any, single: bool = False) -> None:
    """The lower triangle of c += aᵀ a, a: (k, n) without gaps; stripes of columns, each from its diagonal on.

    Of the other triangle what lies in a vector that crosses the diagonal is added to as well.
    """
    kinds = [_I, _I, FLOATS if single else _P, _P, BYTES, _I]
    f = Body(module, TRIANGLE_SINGLE if single else TRIANGLE, kinds, "n k a c ahead lines", single)
    b, v, g = f.b, f.v, f.given
    lanes = v.lanes
    n, k = g["n"], g["k"]
    cursor = b.alloca(BYTES)
    b.store(g["ahead"], cursor)
    vectors = f.up(n, lanes)
    stripes = f.up(vectors, WIDTH)
    one = _I(1)
    per = f.share(g["lines"], stripes, f.up(n, 2 * HEIGHT))
    with v.loop(_I(0), stripes) as t:
        j0, j1 = (b.mul(b.sdiv(b.mul(x, vectors), stripes), _I(lanes)) for x in (t, b.add(t, one)))
        width, here = b.sub(f.least(j1, n), j0), f.at(g["a"], j0)

        def add(start: Any, rows: Any, columns: Any) -> None:
            out = f.at(g["c"], b.mul(start, n), j0)
            left = f.at(g["a"], start)
            b.call(outer, [rows, columns, k, left, one, n, here, n, out, n, one, _B(1), cursor, per])

        # across the diagonal a vector's rows at a time, with as many vectors as they take
        with v.loop(j0, b.sub(j1, _I(lanes)), lanes) as i:
            add(i, _I(lanes), b.sub(b.add(i, _I(lanes)), j0))
        last = b.sub(j1, _I(lanes))
        add(last, b.sub(n, last), width)
    b.ret_void()


def _module() -> str:
    module = ir.Module("products")
    module.triple = llvm.get_process_triple()
    outer = _driver(module)
    _triangle(module, outer)
    cholesky.add_cholesky(module, outer, DEPTH)
    _triangle(module, _outer(module, single=True), single=True)
    for function in module.functions:
        if function.name not in NAMES and not function.is_declaration:
            function.linkage = "internal"
            set.add(function.attributes, "noinline")
    return str(module)


def following(builder: Any, block: tuple[Any, Any, Any] | None = None) -> list[Any]:
    """The last two arguments: what follows a block (data, rows, columns) in memory, and how many lines; or nothing."""
    if block is None:
        return [ir.Constant(BYTES, None), _I(0)]
    data, rows, columns = block
    count = builder.mul(rows, columns)
    size = 8 if data.type.pointee == _D else 4
    lines = builder.sdiv(builder.mul(count, _I(size)), _I(LINE))
    return [builder.bitcast(builder.gep(data, [count]), BYTES), lines]


def triangle_suits(builder: Any, rows: Any, columns: Any, factor: Any, single: bool) -> Any:
    """Whether a symmetric update of these sizes is quicker here; it can be added only, never taken off."""
    adds = builder.fcmp_ordered("==", factor, _D(1.0))
    if single:
        return adds
    here = builder.icmp_signed("<=", columns, _I(TRIANGLE_MOST))
    few = builder.icmp_signed("<=", builder.mul(rows, columns), _I(TRIANGLE_NUMBERS))
    narrow = builder.icmp_signed("<=", columns, _I(TRIANGLE_COLUMNS))
    return builder.and_(adds, builder.or_(narrow, builder.and_(here, few)))


def suits(builder: Any, m: Any, n: Any, k: Any) -> Any:
    """Whether the code is meant for a product of these sizes: a side is short, or there is little to do."""
    little = builder.icmp_signed("<=", builder.mul(builder.mul(m, n), k), _I(LITTLE))
    for size in (m, n, k):
        little = builder.or_(little, builder.icmp_signed("<=", size, _I(SHORT)))
    return little


def _object() -> bytes:
    return translated(_module())


@lru_cache(maxsize=1)
def register() -> bool:
    """The code under its names for compiled kernels; False where vectors are too short for it."""
    return load("products", _object, NAMES)
