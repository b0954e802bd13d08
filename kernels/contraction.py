"""Contraction order: products of many factors become products of two, cheapest first.

A product over labelled axes can be worked out in many orders: `Xᵀ D X v` costs n·d one way and n·d² another.
Here every product of three or more factors is replaced by nested products of two, found by dynamic
programming over the subsets of factors with the number of multiplications as cost. The axis of the data
counts as long, other symbolic sizes as middling, so that sums over the data come late and no n×n array is
built where another order exists. Products whose factors lie on one and the same axes stay whole: they are
one loop.

This is a rewriting of the DAG before it is scheduled; it knows nothing of blocks, buffers or code.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import reduce
from typing import final

from ..node import (
    MATRIX_FACTS,
    Apply,
    Einsum,
    Labels,
    Node,
    Ones,
    Sum,
    raw_apply,
    raw_einsum,
    raw_sum,
    topological,
    transform,
)
from ..sizes import Size
from .factoring import Factor, factored, product_of

DATA_LENGTH = 4096.0
OTHER_LENGTH = 24.0
_BUCKET = 4.0
_EXHAUSTIVE = 7  # above this many factors the search is greedy


@final
class Lengths:
    """How long axes are taken to be when costs are compared.

    The axis of the data is long whatever its length, so that the order does not depend on the number of rows.
    Other sizes are as long as `known` says, roughly: like sizes give the same program.
    """

    def __init__(self, data_size: Size | None, known: Mapping[Size, int] | None = None) -> None:
        self.data_size, self.known = data_size, dict(known or {})
        self.values = {s: _BUCKET ** max(1, round(math.log(n, _BUCKET))) for s, n in (known or {}).items()}
        if data_size is not None:
            self.values[data_size] = DATA_LENGTH
        self.symbols = dict(self.values)  # `values` learns those of products as they are asked for

    def exactly(self, size: Size) -> float:
        """The length that is known, or 1."""
        if size.is_Integer:
            return float(int(size))
        known = all(symbol in self.known for symbol in size.free_symbols)
        return float(size.subs(self.known)) if known else 1.0

    def of(self, size: Size) -> float:
        """The length of one axis."""
        if size.is_Integer:
            return float(int(size))
        known = self.values.get(size)
        if known is None:
            lengths = {s: self.symbols.get(s, OTHER_LENGTH) for s in size.free_symbols}
            known = self.values[size] = max(1.0, float(size.subs(lengths)))
        return known


def plan(roots: Sequence[Node], lengths: Lengths) -> list[Node]:
    """The same expressions with every long product broken into products of two."""
    uses: dict[Node, int] = {}
    for node in topological(roots):
        for operand in node.operands:
            uses[operand] = uses.get(operand, 0) + 1
    apart: set[Node] = set()  # products of a sum's common factors with what is left of it

    def open_(node: Node, operands: tuple[Node, ...]) -> Node:
        found = _opened(same_over(node, operands), node, uses, lengths, apart)
        outside = factored(found, lengths.data_size) if isinstance(found, Sum) else None
        if outside is not None:
            apart.add(outside)
        return found if outside is None else outside

    roots = transform(roots, open_)

    def rule(node: Node, operands: tuple[Node, ...]) -> Node:
        if isinstance(node, Einsum):
            found = _product(list(zip(operands, node.inputs, strict=True)), node, lengths)
            return _in_groups(found, lengths) if isinstance(found, Einsum) else found
        return same_over(node, operands)

    return transform(roots, rule)


def same_over(node: Node, operands: tuple[Node, ...]) -> Node:
    """The node over other operands; signs of its entries are forgotten, so that equal work is the same node."""
    if isinstance(node, Einsum):
        return raw_einsum(node.shape, operands, node.inputs, node.facts & MATRIX_FACTS)
    if isinstance(node, Sum):
        return raw_sum(node.shape, zip(node.coefficients, operands, strict=True), node.facts & MATRIX_FACTS)
    if isinstance(node, Apply):
        return raw_apply(node.op, node.shape, operands, node.params, node.facts)
    return node


def _opened(node: Node, original: Node, uses: dict[Node, int], lengths: Lengths, apart: set[Node]) -> Node:
    """A product with its inner products opened where another order may be cheaper.

    These are products under a sum over the data of which some factor does not have the axis of the data, so that
    Σᵢ (P aᵢ) is worked out as P Σᵢ aᵢ; and outer products, so that P (y yᵀ) P is worked out as (P y)(P y)ᵀ. Only
    products used nowhere else are opened; and those whose factors just left a sum (`apart`).
    """
    if not isinstance(node, Einsum):
        return node
    sizes = node.label_sizes()
    rows = {i for i in node.summed if sizes[i] == lengths.data_size}
    summed = set(node.summed)
    fresh = max(sizes, default=0) + 1
    factors: list[Factor] = []
    changed = False
    for operand, before, labels in zip(node.operands, original.operands, node.inputs, strict=True):
        plain = len(set(labels)) == len(labels)
        opens = isinstance(operand, Einsum) and uses[before] == 1 and plain
        if isinstance(operand, Einsum) and operand in apart and plain:
            opens = True
        elif isinstance(operand, Einsum) and opens:
            small = bool(rows) and any(
                not rows & {labels[i] for i in ls if i < operand.order} and o.order
                for o, ls in operand.factors
            )
            opens = small or (bool(summed & set(labels)) and _is_outer(operand))
        if isinstance(operand, Einsum) and opens:
            names = dict(enumerate(labels))
            for i in operand.summed:
                names[i], fresh = fresh, fresh + 1
            factors += [(o, tuple(names[i] for i in ls)) for o, ls in operand.factors]
            changed = True
        else:
            factors.append((operand, labels))
    if not changed:
        return node
    for factor, labels in factors:
        sizes.update(zip(labels, factor.shape, strict=True))
    return product_of(factors, node.output, sizes, node)


def _is_outer(node: Einsum) -> bool:
    """Whether nothing is summed and every factor has fewer axes than the product."""
    solid = [o for o in node.operands if o.order and not isinstance(o, Ones)]
    return not node.summed and len(solid) > 1 and all(o.order < node.order for o in solid)


def view_of(node: Node) -> tuple[Node, Labels] | None:
    """(base, labels) when the node is one other node with its axes permuted, repeated or broadcast."""
    if not isinstance(node, Einsum) or node.summed:
        return None
    solid = [(o, ls) for o, ls in node.factors if not isinstance(o, Ones)]
    return solid[0] if len(solid) == 1 else None


def _product(factors: list[Factor], node: Einsum, lengths: Lengths) -> Node:
    sizes = node.label_sizes()
    opened: list[Factor] = []
    for operand, labels in factors:
        view = view_of(operand)
        while view is not None and set(view[1]) == set(range(operand.order)):
            operand, labels = view[0], tuple(labels[i] for i in view[1])
            view = view_of(operand)
        opened.append((operand, labels))
    solid: list[Factor] = [(o, ls) for o, ls in opened if not isinstance(o, Ones)]
    covered = {i for _, ls in solid for i in ls}
    bare: list[Factor] = [(o, ls) for o, ls in opened if isinstance(o, Ones) and not covered.issuperset(ls)]
    output = tuple(range(node.order))
    if len(solid) <= 1:
        return product_of(solid + bare, output, sizes, node)
    solid = [_reduced(k, solid, output, sizes) for k in range(len(solid))]
    if len(solid) > 2 and not _aligned(solid):
        search = _search if len(solid) <= _EXHAUSTIVE else _greedy
        solid = search(solid, output, sizes, lengths)
    return product_of(solid + bare, output, sizes, node)


def _aligned(factors: list[Factor]) -> bool:
    """Whether all factors lie on the same axes, scalars aside: one loop does it."""
    labels = {frozenset(ls) for _, ls in factors if ls}
    return len(labels) <= 1


def _in_groups(node: Einsum, lengths: Lengths) -> Node:
    """A sum over the data as a matrix product, the axes of one factor before those of the other, and then turned.

    So it can be added up where it lies, and is brought into the order of its axes once.
    """
    if node.order < 3 or len(node.operands) != 2:
        return node
    (left, right), sizes, output = node.inputs, node.label_sizes(), set(node.output)
    rows, columns = (tuple(i for i in ls if i in output) for ls in (left, right))
    summed = any(sizes[i] == lengths.data_size for i in node.summed)
    if not summed or not rows or not columns or set(rows) & set(columns):
        return node
    order = (*rows, *columns)
    if len(order) != node.order or node.output in (order, (*columns, *rows)):
        return node
    inner = product_of(list(node.factors), order, sizes)
    return product_of([(inner, order)], node.output, sizes)


def _reduced(index: int, factors: list[Factor], output: Labels, sizes: dict[int, Size]) -> Factor:
    """A factor summed at once over the labels that no other factor has."""
    labels = factors[index][1]
    elsewhere = set(output).union(*(ls for k, (_, ls) in enumerate(factors) if k != index))
    kept = tuple(dict.fromkeys(i for i in labels if i in elsewhere))
    if set(kept) == set(labels):
        return factors[index]
    return product_of([factors[index]], kept, sizes), kept


def _pair(a: Factor, b: Factor, outside: set[int], sizes: dict[int, Size], rows: Size | None) -> Factor:
    """The product of two; rows of the data come first, so that equal products are the same node."""
    kept = tuple(sorted({*a[1], *b[1]} & outside, key=lambda i: (sizes[i] != rows, i)))
    return product_of([a, b], kept, sizes), kept


def _cost(labels: set[int], sizes: dict[int, Size], lengths: Lengths) -> float:
    return reduce(lambda total, i: total * lengths.of(sizes[i]), sorted(labels), 1.0)


def _search(factors: list[Factor], output: Labels, sizes: dict[int, Size], lengths: Lengths) -> list[Factor]:
    """The last two factors of the cheapest order, by dynamic programming over subsets."""
    count = len(factors)
    everything = (1 << count) - 1
    own = [set(ls) for _, ls in factors]

    def outside(subset: int) -> set[int]:
        return set(output).union(*(own[k] for k in range(count) if not subset >> k & 1))

    kept: dict[int, set[int]] = {}
    best: dict[int, tuple[float, int]] = {}
    for subset in range(1, everything + 1):
        union = set().union(*(own[k] for k in range(count) if subset >> k & 1))
        kept[subset] = union & outside(subset)
        if subset & (subset - 1) == 0:
            kept[subset] = union
            best[subset] = (0.0, 0)
            continue
        low = subset & -subset
        part = (subset - 1) & subset
        found: tuple[float, int] | None = None
        while part:
            if part & low:
                rest = subset ^ part
                work = _cost(kept[part] | kept[rest], sizes, lengths)
                # Writing the result counts too: between equals the smaller intermediate wins.
                total = best[part][0] + best[rest][0] + work + 0.25 * _cost(kept[subset], sizes, lengths)
                if found is None or total < found[0] * (1 - 1e-12):
                    found = (total, part)
            part = (part - 1) & subset
        assert found is not None
        best[subset] = found

    def build(subset: int) -> Factor:
        if subset & (subset - 1) == 0:
            return factors[subset.bit_length() - 1]
        part = best[subset][1]
        return _pair(build(part), build(subset ^ part), outside(subset), sizes, lengths.data_size)

    part = best[everything][1]
    return [build(part), build(everything ^ part)]


def _greedy(factors: list[Factor], output: Labels, sizes: dict[int, Size], lengths: Lengths) -> list[Factor]:
    """The same for many factors: join the cheapest pair until two are left."""
    work = list(factors)
    while len(work) > 2:
        pairs = [(i, j) for i in range(len(work)) for j in range(i + 1, len(work))]
        i, j = min(pairs, key=lambda p: _cost(set(work[p[0]][1]) | set(work[p[1]][1]), sizes, lengths))
        others = [f for k, f in enumerate(work) if k not in (i, j)]
        outside = set(output).union(*(ls for _, ls in others))
        work = [*others, _pair(work[i], work[j], outside, sizes, lengths.data_size)]
    return work
