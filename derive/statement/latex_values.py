"""Values of LaTeX formulas: nodes that know whether they are columns, rows or matrices, and which indices run.

    kind       scalar, column, row, matrix, tensor: what the axes behind the indices are
    indices    the letters that are free, in the order of the leading axes of the node

So `x_i^\\top w` below `\\sum_i` is a scalar with one leading axis, called i. Products conform or are refused:
nothing is ever transposed, reordered or repeated to make sizes fit. The sizes of `I` and `\\mathbf 1` are unknowns
that are solved for where such a value meets another.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, final

import sympy

from ..build import add as weighted_sum
from ..build import constant_value, einsum, is_zero, power, scale, zero
from ..errors import ArgumentError, SizeError, UnsupportedError
from ..node import Apply, Delta, Node, Ones, Sum, delta, ones, raw_apply, size_symbols, transform
from ..operators.base import rebuild
from ..sizes import Shape, Size, same_size, show_shape
from . import arithmetic as ar

_counter = itertools.count()
_KINDS = {0: "scalar", 1: "column", 2: "matrix"}


@final
@dataclass(frozen=True)
class Value:
    """A node with its reading. `entrywise` marks results of functions of the entries."""

    node: Node
    kind: str
    indices: tuple[str, ...] = ()
    entrywise: bool = False

    @property
    def core(self) -> Shape:
        """The sizes behind the indices."""
        return self.node.shape[len(self.indices) :]

    @property
    def shown(self) -> str:
        """`a column of size (d,)`, for messages."""
        article = "a "
        return f"{article}{self.kind}" + (f" of size {show_shape(self.core)}" if self.core else "")

    @property
    def square(self) -> bool:
        """Whether this is a matrix with as many rows as columns."""
        return self.kind == "matrix" and same_size(*self.core)


def value_of(node: Node) -> Value:
    """A declared array as it is read: vectors are columns."""
    return Value(node, _KINDS.get(node.order, "tensor"))


# ---------------------------------------------------------------- sizes that are solved for


def unknown_size() -> sympy.Symbol:
    """The size of an `I` or `\\mathbf 1` that the formula does not say."""
    return sympy.Symbol(f"?{next(_counter)}", integer=True, positive=True)


def is_unknown(size: Size) -> bool:
    """Whether a size is still to be solved for."""
    return bool(size.is_Symbol) and str(size).startswith("?")


def solved(size: Size, wanted: Size) -> dict[sympy.Symbol, Size]:
    """The unknown size that makes a product of sizes the wanted one: ? d = d k -> ? = k."""
    unknown = [s for s in size.free_symbols if is_unknown(s)]
    if len(unknown) != 1:
        return {}
    found = sympy.cancel(wanted / (size / unknown[0]))
    return (
        {unknown[0]: found} if found.is_polynomial(*found.free_symbols) and not found.has(unknown[0]) else {}
    )


def has_unknown(node: Node) -> bool:
    """Whether a size is missing somewhere in the node."""
    return any(is_unknown(s) for s in size_symbols(node))


def identity(size: Size | None) -> Value:
    """The identity matrix."""
    return Value(delta(unknown_size() if size is None else size), "matrix")


def ones_vector(size: Size | None) -> Value:
    """The column of ones."""
    return Value(ones((unknown_size() if size is None else size,)), "column")


def zeros_vector(size: Size | None) -> Value:
    """The column of zeros."""
    return Value(zero((unknown_size() if size is None else size,)), "column")


def resized(value: Value, sizes: dict[sympy.Symbol, Size]) -> Value:
    """The value with numbers for unknown sizes."""
    if not sizes or not any(s in sizes for s in size_symbols(value.node)):
        return value

    def put(part: Any) -> Any:
        if isinstance(part, sympy.Expr):
            return part.subs(sizes)
        return tuple(put(p) for p in part) if isinstance(part, tuple) else part

    def rule(node: Node, operands: tuple[Node, ...]) -> Node:
        shape = tuple(s.subs(sizes) for s in node.shape)
        if isinstance(node, Ones):
            return ones(shape)
        if isinstance(node, Delta):
            return delta(shape[0])
        if isinstance(node, Sum):
            if not operands:
                return zero(shape)
            return weighted_sum(
                [(c.subs(sizes), o) for c, o in zip(node.coefficients, operands, strict=True)], shape
            )
        if isinstance(node, Apply) and (operands != node.operands or node.params):
            params = tuple((k, put(v)) for k, v in node.params)
            if params == node.params:
                return rebuild(node, operands)
            return raw_apply(node.op, shape, operands, params, node.facts)
        return rebuild(node, operands)

    (node,) = transform([value.node], rule)
    return replace(value, node=node)


def unify(pairs: Sequence[tuple[Size, Size]], what: str, *values: Value) -> tuple[Value, ...]:
    """The values with their unknown sizes solved so that the pairs agree, or a `SizeError`."""
    found: dict[sympy.Symbol, Size] = {}
    for a, b in pairs:
        a, b = a.subs(found), b.subs(found)
        if same_size(a, b):
            continue
        if is_unknown(a):
            a, b = b, a
        if not is_unknown(b):
            shown = " and ".join(v.shown for v in values)
            reason = (
                "the size of an identity is not decided; write I_n"
                if any(str(s).startswith("?") for s in (a.free_symbols | b.free_symbols))
                else f"{a} is not {b}"
                if a.is_Integer and b.is_Integer
                else f"{a} and {b} are not known to be equal"
            )
            raise SizeError(f"{what} of {shown}: {reason}")
        found = {k: v.subs(b, a) for k, v in found.items()}
        found[b] = a
    return tuple(resized(v, found) for v in values) if found else values


# ---------------------------------------------------------------- products and sums over labelled axes


def combine(parts: Sequence[tuple[Value, Sequence[int]]], output: Sequence[int], kind: str) -> Value:
    """The product of values whose axes behind the indices are labelled; equal indices run together."""
    names = list(dict.fromkeys(i for value, _ in parts for i in value.indices))
    label = {name: 1000 + k for k, name in enumerate(names)}
    factors = [
        (value.node, (*(label[i] for i in value.indices), *(2000 + a for a in axes))) for value, axes in parts
    ]
    out = (*(label[i] for i in names), *(2000 + a for a in output))
    return Value(ar.checked(einsum(factors, out)), kind, tuple(names))


def aligned(value: Value, indices: Sequence[str], index_sizes: dict[str, Size], core: Shape) -> Node:
    """The node with exactly these leading axes and this core, repeated where an axis is missing."""
    label = {name: k for k, name in enumerate(indices)}
    n = len(indices)
    own = tuple(label[i] for i in value.indices) + (
        tuple(n + k for k in range(len(core))) if value.core else ()
    )
    shape = (*(index_sizes[i] for i in indices), *core)
    output = tuple(range(len(shape)))
    if own == output:
        return value.node
    return einsum([(value.node, own), *((ones((s,)), (k,)) for k, s in enumerate(shape))], output)


def together(values: Sequence[Value], what: str) -> tuple[list[Node], tuple[str, ...], str]:
    """Values as nodes of one shape: scalars are repeated, everything else must have one kind and size."""
    kinds = {v.kind for v in values} - {"scalar"}
    if len(kinds) > 1:
        shown = " and ".join(v.shown for v in values[:4])
        hint = "; transpose one of them" if kinds == {"column", "row"} else ""
        raise SizeError(f"{what} of {shown}{hint}")
    arrays = [v for v in values if v.kind != "scalar"]
    if arrays:
        first = arrays[0]
        for k in range(1, len(arrays)):
            pairs = list(zip(arrays[0].core, arrays[k].core, strict=True))
            arrays[0], arrays[k] = unify(pairs, what, arrays[0], arrays[k])
        if arrays[0] is not first or any(has_unknown(a.node) for a in arrays):
            for k in range(1, len(arrays)):  # what the last one decided holds for all
                pairs = list(zip(arrays[0].core, arrays[k].core, strict=True))
                arrays[0], arrays[k] = unify(pairs, what, arrays[0], arrays[k])
    given = iter(arrays)
    values = [v if v.kind == "scalar" else next(given) for v in values]
    indices = tuple(dict.fromkeys(i for v in values for i in v.indices))
    sizes: dict[str, Size] = {}
    for v in values:
        sizes.update(zip(v.indices, v.node.shape, strict=False))
    core = arrays[0].core if arrays else ()
    kind = arrays[0].kind if arrays else "scalar"
    return [aligned(v, indices, sizes, core) for v in values], indices, kind


def add(terms: Sequence[tuple[int, Value]]) -> Value:
    """Σ ±value."""
    nodes, indices, kind = together([v for _, v in terms], "a sum")
    node = ar.total([(sign, node) for (sign, _), node in zip(terms, nodes, strict=True)])
    entrywise = any(v.entrywise for _, v in terms if v.kind == kind)
    return Value(node, kind, indices, entrywise and kind != "scalar")


def negated(value: Value) -> Value:
    """-value."""
    return replace(value, node=ar.neg(value.node))


def scaled(factor: Value, value: Value) -> Value:
    """A scalar times anything."""
    found = combine([(factor, ()), (value, range(len(value.core)))], range(len(value.core)), value.kind)
    return replace(found, entrywise=value.entrywise)


def hadamard(a: Value, b: Value) -> Value:
    """a ⊙ b."""
    if "scalar" in (a.kind, b.kind):
        return scaled(a, b) if a.kind == "scalar" else scaled(b, a)
    if a.kind != b.kind:
        raise SizeError(f"an elementwise product of {a.shown} and {b.shown}")
    a, b = unify(list(zip(a.core, b.core, strict=True)), "an elementwise product", a, b)
    axes = range(len(a.core))
    return replace(combine([(a, axes), (b, axes)], axes, a.kind), entrywise=True)


def reciprocal(value: Value) -> Value:
    """1 / value, entry by entry."""
    if is_zero(value.node):
        raise ArgumentError("division by zero")
    return replace(value, node=ar.checked(power(value.node, sympy.S.NegativeOne)))


_PRODUCTS: dict[tuple[str, str], tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...], str]] = {
    ("row", "column"): ((0,), (0,), (), "scalar"),
    ("column", "row"): ((0,), (1,), (0, 1), "matrix"),
    ("matrix", "column"): ((0, 1), (1,), (0,), "column"),
    ("row", "matrix"): ((0,), (0, 1), (1,), "row"),
    ("matrix", "matrix"): ((0, 1), (1, 2), (0, 2), "matrix"),
}


def product(a: Value, b: Value) -> Value:
    """a b, as matrices multiply."""
    if a.kind == "scalar":
        return scaled(a, b)
    if b.kind == "scalar":
        return scaled(b, a)
    rule = _PRODUCTS.get((a.kind, b.kind))
    if rule is None:
        raise SizeError(f"a product of {a.shown} and {b.shown}{_advice(a, b)}")
    left, right, output, kind = rule
    if kind != "matrix" or (a.kind, b.kind) != ("column", "row"):
        a, b = unify([(a.core[-1], b.core[0])], "a product", a, b)
    return combine([(a, left), (b, right)], output, kind)


def _advice(a: Value, b: Value) -> str:
    if (a.kind, b.kind) == ("column", "column"):
        return r"; write x \odot y (entry by entry), x^\top y (inner product) or x y^\top (outer product)"
    if "tensor" in (a.kind, b.kind):
        return "; write a subscript for one matrix of it"
    return "; is a transpose missing?"


def chain(values: Sequence[Value]) -> Value:
    """The product of factors side by side.

    A row waits for the column that closes it; both are a number, which may stand anywhere: `A\\,x^\\top x` is
    (xᵀx)A, and u vᵀ w is u(vᵀw). All bracketings that conform have the same value, so the one found here is
    the only reading.
    """
    frames: list[Value] = []
    for value in values:
        current = value
        while frames:
            previous = frames[-1]
            pending = current.kind == "row" and previous.kind != "scalar"
            if pending:
                break
            frames.pop()
            current = product(previous, current)
        frames.append(current)
    while len(frames) > 1:
        last = frames.pop()
        frames.append(product(frames.pop(), last))
    return frames[0]


def transposed(value: Value) -> Value:
    """The transpose: columns are rows, rows columns."""
    if value.kind == "matrix":
        return replace(combine([(value, (0, 1))], (1, 0), "matrix"), entrywise=value.entrywise)
    if value.kind == "tensor":
        raise SizeError(f"the transpose of {value.shown}: write a subscript for one matrix of it")
    flipped = {"column": "row", "row": "column"}.get(value.kind, value.kind)
    return replace(value, kind=flipped)


def dot(a: Value, b: Value) -> Value:
    """⟨a, b⟩ = Σ a b over all entries."""
    if a.kind in ("column", "row") and b.kind in ("column", "row"):
        a, b = replace(a, kind="column"), replace(b, kind="column")
    if a.kind != b.kind or a.kind == "tensor":
        raise SizeError(f"an inner product of {a.shown} and {b.shown}")
    a, b = unify(list(zip(a.core, b.core, strict=True)), "an inner product", a, b)
    axes = range(len(a.core))
    return combine([(a, axes), (b, axes)], (), "scalar")


def summed(value: Value, index: str, size: Size) -> Value:
    """Σ over an index; a value that does not hold the index is added as often as it runs."""
    if index not in value.indices:
        return replace(value, node=scale(size, value.node))
    labels = tuple(range(value.node.order))
    gone = value.indices.index(index)
    node = einsum([(value.node, labels)], tuple(k for k in labels if k != gone))
    return replace(value, node=node, indices=tuple(i for i in value.indices if i != index), entrywise=False)


def arranged(value: Value, indices: Sequence[str], sizes: dict[str, Size]) -> Node:
    """The node with its indices in the order wanted, repeated along those it does not hold."""
    return aligned(value, indices, sizes, value.core)


def constant(value: Value) -> sympy.Expr | None:
    """The number that a scalar is, or None."""
    return constant_value(value.node) if value.kind == "scalar" and not value.indices else None


def whole_power(value: Value, exponent: int) -> Value:
    """A A … A."""
    if exponent > 32:
        raise UnsupportedError(f"a matrix to the power {exponent}: the limit is 32")
    found = value
    for _ in range(exponent - 1):
        found = product(found, value)
    return found
