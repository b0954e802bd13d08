"""A product of matrices, weighted entry by entry, times a third: out = (X ∘ (A B)) Cᵀ or (X ∘ Y ∘ (A B)) Cᵀ.

What lies between, as wide as the data, is never stored. Products with the Hessian of a masked or weighted
factorisation are of this form, with X = Y the mask; so are backward passes of attention. In the literature A B taken
at the entries of a matrix is a *sampled* product.

    A : (m, k)   B : (k, n)   X, Y : (m, n)   C : (l, n)   out : (m, l)

Where l is at most eight, the sums of a tile of rows stay in registers, as vectors along the columns: a step reads
eight columns of B, of C and of the tile's rows of X and Y. The next rows of X are fetched meanwhile. Otherwise the
three steps are made one after the other through `work`, of the size of X.

The machine code is made once per machine and called by its name (`machine`); so it needs 512-bit vectors.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache, partial, reduce
from typing import Any

import llvmlite.binding as llvm
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from .lapack import matrix_of, product
from .machine import DOUBLES, VECTOR, WHOLE, Body, load, translated
from .vectors import LANES

#: Columns of the result that are taken; and sums of a tile that stay in registers.
MOST, SUMS = 8, 20
NAMES = ("derive_weighted", "derive_twice_weighted")


def _function(module: ir.Module, weights: str) -> None:
    """out[i·ro + q] = Σⱼ x[i·rx + j] y[i·ry + j] (Σₚ a[i·ra + p] b[p·rb + j]) c[q·rc + j], perhaps without y."""
    names = ["a", "b", *weights, "c", "out"]
    parameters = " ".join(["m n k l", *(f"{name} r{name}" for name in names)])
    f = Body(module, NAMES[len(weights) - 1], [WHOLE] * 4 + [DOUBLES, WHOLE] * len(names), parameters)
    f.cases(f.given["l"], {l: partial(_tiles, f, weights, l) for l in range(1, MOST + 1)})
    f.b.ret_void()


def _tiles(f: Body, weights: str, l: int) -> None:
    """All rows, as many at a time as there is room for; behind the last one it is the last one again."""
    g, b, v = f.given, f.b, f.v
    height = min(SUMS // l, 8)
    whole = b.and_(g["n"], WHOLE(-LANES))
    rest = f.first(b.sub(g["n"], whole))
    last = b.sub(g["m"], WHOLE(1))
    zero = ir.Constant(VECTOR, None)

    with v.loop(WHOLE(0), g["m"], height) as i:
        numbers = [f.least(b.add(i, WHOLE(r)), last) for r in range(height)]
        rows = {name: [f.at(g[name], b.mul(r, g[f"r{name}"])) for r in numbers] for name in ("a", *weights)}
        right = [f.at(g["c"], b.mul(WHOLE(q), g["rc"])) for q in range(l)]
        ahead = b.mul(WHOLE(height), g["rx"])

        def step(j: Any, found: list[Any], mask: Any) -> list[Any]:
            for row in rows["x"]:
                v.prefetch(f.at(row, b.add(j, ahead)))

            def add(p: Any, z: list[Any]) -> list[Any]:
                across = v.load(f.at(g["b"], b.mul(p, g["rb"])), j, mask)
                return [v.fma(v.spread(v.number(a, p)), across, s) for a, s in zip(rows["a"], z, strict=True)]

            inner = f.sums(height, g["k"], 1, add)
            weighted = []
            for r, z in enumerate(inner):
                loaded = [v.load(rows[name][r], j, mask) for name in weights]
                w = b.fmul(z, reduce(b.fmul, loaded))
                weighted.append(w if mask is None else b.select(mask, w, zero))
            after = list(found)
            for q in range(l):
                across = v.load(right[q], j, mask)
                for r in range(height):
                    after[r * l + q] = v.fma(weighted[r], across, found[r * l + q])
            return after

        found = f.sums(height * l, whole, LANES, lambda j, s: step(j, s, None))
        before = b.block
        with b.if_then(b.icmp_signed("<", whole, g["n"])):
            more = step(whole, found, rest)
            inside = b.block
        merged = []
        for old, new in zip(found, more, strict=True):
            phi = b.phi(VECTOR)
            phi.add_incoming(old, before)
            phi.add_incoming(new, inside)
            merged.append(phi)
        mask = v.first(WHOLE(l))
        for r in range(height):
            sums = v.sums([*merged[r * l : (r + 1) * l], *[zero] * (LANES - l)])
            v.store(sums, f.at(g["out"], b.mul(numbers[r], g["rout"])), WHOLE(0), mask)


def _object() -> bytes:
    module = ir.Module("weighted")
    module.triple = llvm.get_process_triple()
    _function(module, "x")
    _function(module, "xy")
    return translated(module)


@lru_cache(maxsize=1)
def register() -> bool:
    """The code under its names for compiled kernels; False where vectors are too short for it."""
    return load("weighted", _object, NAMES)


def _generate(context: Any, builder: Any, signature: Any, args: Any, weights: str) -> Any:
    real = signature.args[0].dtype
    names = ["a", "b", *weights, "c", "work", "out"]
    given = {
        name: matrix_of(context, builder, kind, value)
        for name, kind, value in zip(names, signature.args, args, strict=True)
    }

    def apart() -> None:
        product(context, builder, real, [given[name] for name in ("a", "b", "work", "x")], False)
        _scale(builder, [given[name] for name in ("work", *weights)])
        product(context, builder, real, [given["work"], given["c"].turned(builder), given["out"]], False)

    if real != types.float64 or not register():
        apart()
        return context.get_dummy_value()
    with builder.if_else(builder.icmp_signed("<=", given["out"].columns, WHOLE(MOST))) as (few, many):
        with few:
            arguments = [given["x"].rows, given["x"].columns, given["a"].columns, given["out"].columns]
            for name in names:
                if name != "work":
                    arguments += [given[name].data, given[name].distance]
            kind = ir.FunctionType(ir.VoidType(), [v.type for v in arguments])
            name = NAMES[len(weights) - 1]
            builder.call(cgutils.get_or_insert_function(builder.module, kind, name), arguments)
        with many:
            apart()
    return context.get_dummy_value()


@intrinsic
def weighted_products(typing_context: Any, a: Any, b: Any, x: Any, c: Any, work: Any, out: Any) -> Any:
    """out = (x ∘ (a b)) cᵀ; all stored by rows; `work`, of the size of x, is scratch."""
    kinds = (a, b, x, c, work, out)
    return (types.void(*kinds), partial(_generate, weights="x")) if _by_rows(kinds) else None


@intrinsic
def twice_weighted_products(
    typing_context: Any, a: Any, b: Any, x: Any, y: Any, c: Any, work: Any, out: Any
) -> Any:
    """out = (x ∘ y ∘ (a b)) cᵀ, likewise."""
    kinds = (a, b, x, y, c, work, out)
    return (types.void(*kinds), partial(_generate, weights="xy")) if _by_rows(kinds) else None


def _by_rows(kinds: Sequence[Any]) -> bool:
    """Whether neighbours in memory are entries of a row, everywhere: the code does not look."""
    return all(isinstance(k, types.Array) and k.ndim == 2 and k.layout == "C" for k in kinds)


def _scale(builder: Any, matrices: Sequence[Any]) -> None:
    """The entries of the first times those of the others."""
    first = matrices[0]
    with cgutils.for_range(builder, first.rows) as rows:
        starts = [builder.gep(m.data, [builder.mul(rows.index, m.distance)]) for m in matrices]
        with cgutils.for_range(builder, first.columns) as columns:
            places = [builder.gep(start, [columns.index]) for start in starts]
            z, *others = (builder.load(place) for place in places)
            builder.store(builder.fmul(z, reduce(builder.fmul, others)), places[0])


register()  # before code from the cache is loaded that calls it
