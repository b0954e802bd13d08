"""Hessians as what they are: diagonal, block diagonal, Kronecker products with identities, low rank.

The Hessian of a statement has axes (a₁ … a_r, b₁ … b_r). Its terms are products in which deltas tie row axes to
column axes: δ(a_k, b_k) says that entries off that diagonal are zero. A term is kept as its *core*, the product
without those deltas over the axes that are left:

    every axis tied      diagonal               core over a
    some axes tied       block diagonal         core over a and the b that are not tied; where it does not depend
                                                on a tied axis, the term is a Kronecker product with an identity
    none, and a product of a part in a and a part in b      low rank, kept as the two parts
    none                 dense

So the Hessian of ‖M ∘ (T − U Vᵀ)‖² is m blocks of k × k, and that of ‖XW − Y‖² is XᵀX ⊗ I, never built. Only the
cores are compiled; `structured` does the rest in NumPy: entries, products, solves.

A block of two unknowns is rectangular: `cross` ties any row axis to any column axis, and keeps products that are not
summed over as their factors. Of ‖T − U Vᵀ‖² the block of U and V is δ_ab times −2(T − U Vᵀ), and U ⊗ V.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import sympy

from ..build import add, einsum, scale
from ..errors import SizeError
from ..node import Delta, Einsum, Labels, Node, Ones, Sum, ones
from ..sizes import Coefficient

Factor = tuple[Node, Labels]
#: Columns and the rows that they are tied to.
Ties = tuple[tuple[int, int], ...]


@final
@dataclass(frozen=True)
class Term:
    """Cores with the labels of their axes: rows are 0 … r−1, columns r … 2r−1; `tied` columns equal their rows.

    A term of low rank has two cores, in rows and in columns; labels from 2r on are summed over.
    """

    cores: tuple[Node, ...]
    labels: tuple[Labels, ...]
    tied: frozenset[int]


def split(node: Node) -> tuple[Term, ...]:
    """The terms of a Hessian, those of the same form added up; diagonal ones first."""
    if node.order % 2:
        raise SizeError(f"a Hessian has the axes of its variable twice, not {node.order} axes")
    found: dict[tuple[tuple[Labels, ...], frozenset[int]], list[Term]] = {}
    for coefficient, term in _terms(node, sympy.S.One):
        made = _term(coefficient, term)
        found.setdefault((made.labels, made.tied), []).append(made)
    terms: list[Term] = []
    for (labels, tied), group in found.items():
        if len(labels) == 2:
            terms += group
        else:
            core = add([(sympy.S.One, t.cores[0]) for t in group])
            terms.append(Term((core,), labels, tied))
    return tuple(sorted(terms, key=lambda t: (-len(t.tied), len(t.cores), t.labels)))


def diagonal(node: Node) -> Node | None:
    """The diagonal of a Hessian as an array of the unknown's shape; None where its structure shows more."""
    half, terms = node.order // 2, split(node)
    if any(len(term.tied) < half for term in terms):
        return None
    axes, parts = tuple(range(half)), []
    for term in terms:
        (core,), (labels,) = term.cores, term.labels
        rest = tuple(i for i in axes if i not in labels)
        spread = ones(tuple(node.shape[i] for i in rest))
        parts.append((sympy.S.One, einsum([(core, labels), (spread, rest)], axes)))
    return add(parts, node.shape[:half])


def _terms(node: Node, coefficient: Coefficient) -> list[tuple[Coefficient, Node]]:
    if not isinstance(node, Sum):
        return [(coefficient, node)]
    return [t for c, term in node.terms for t in _terms(term, coefficient * c)]


def _factors(node: Node, labels: Labels, fresh: list[int]) -> list[Factor]:
    """The factors of a product; products inside it that hold deltas are opened."""
    if isinstance(node, Sum) and len(node.operands) == 1 and node.coefficients[0] == 1:
        return _factors(node.operands[0], labels, fresh)
    if not isinstance(node, Einsum):
        return [(node, labels)]
    names = dict(zip(node.output, labels, strict=True))
    for i in node.summed:
        names[i] = fresh[0]
        fresh[0] += 1
    found: list[Factor] = []
    for operand, own in node.factors:
        place = tuple(names[i] for i in own)
        deltas = isinstance(operand, Einsum) and any(isinstance(o, Delta) for o in operand.operands)
        found += _factors(operand, place, fresh) if deltas else [(operand, place)]
    return found


def _term(coefficient: Coefficient, node: Node) -> Term:
    half = node.order // 2
    axes = tuple(range(node.order))
    factors = _factors(node, axes, [node.order])
    ties = {
        min(ls) for o, ls in factors if isinstance(o, Delta) and max(ls) == min(ls) + half and min(ls) < half
    }
    merged = {k + half: k for k in ties}
    rest: list[Factor] = []
    for operand, labels in factors:
        if isinstance(operand, Delta) and min(labels) in ties and max(labels) == min(labels) + half:
            continue
        rest.append((operand, tuple(merged.get(i, i) for i in labels)))
    solid = [f for f in rest if not isinstance(f[0], Ones)]
    tied = frozenset(ties)
    low = None if tied else _low_rank(solid, half, node.order)
    if low is not None:
        (left, rows), (right, columns) = low
        return Term((scale(coefficient, left), right), (rows, columns), tied)
    occurring = {i for _, ls in solid for i in ls}
    output = tuple(i for i in axes if i in occurring)
    core = einsum(solid or [(ones(()), ())], output)
    return Term((scale(coefficient, core),), (output,), tied)


def _low_rank(factors: Sequence[Factor], half: int, order: int) -> tuple[Factor, Factor] | None:
    """An outer product of a part in the rows and a part in the columns: rank one.

    Products summed over further axes are left dense: XᵀX over many rows of data is better added up than kept.
    """
    left = [f for f in factors if any(i < half for i in f[1])]
    right = [f for f in factors if f not in left]
    if any(i < half for _, ls in right for i in ls) or any(half <= i < order for _, ls in left for i in ls):
        return None
    a, b = ({i for _, ls in side for i in ls} for side in (left, right))
    if not left or not any(half <= i < order for i in b) or a & b:
        return None
    rows = tuple(sorted(i for i in a if i < half))
    columns = tuple(sorted(i for i in b if half <= i < order))
    return (einsum(left, rows), rows), (einsum(right, columns), columns)


# ---------------------------------------------------------------- blocks of two unknowns


@final
@dataclass(frozen=True)
class Cross:
    """Cores whose product is a term: rows are labels 0 … r−1, columns those from r on; `ties` leads columns to rows.

    A column that is tied to a row has the label of that row.
    """

    cores: tuple[Node, ...]
    labels: tuple[Labels, ...]
    ties: Ties


def cross(node: Node, rows: int) -> tuple[Cross, ...]:
    """The terms of a block whose first axes are its rows, those of the same form added up."""
    found: dict[tuple[tuple[Labels, ...], Ties], list[tuple[Node, ...]]] = {}
    for coefficient, factors, ties in _products(node, rows):
        cores, labels = zip(*factors, strict=True)
        found.setdefault((labels, ties), []).append((scale(coefficient, cores[0]), *cores[1:]))
    terms: list[Cross] = []
    for (labels, ties), group in found.items():
        if len(labels) == 1:
            group = [(add([(sympy.S.One, cores[0]) for cores in group]),)]
        terms += [Cross(cores, labels, ties) for cores in group]
    return tuple(sorted(terms, key=lambda t: (-len(t.ties), len(t.cores), t.labels)))


def mirror_one_another(first: Node, second: Node, rows: int) -> bool:
    """Whether the terms of one block, rows and columns exchanged, are those of the other one.

    rows  the number of axes that are rows of the first and columns of the second
    """
    order = first.order
    turned = []
    for coefficient, factors, ties in _products(second, order - rows):
        new = {i: (i + rows) % order for i in range(order)}
        exchanged = frozenset((new[row], new[column]) for column, row in ties)
        new |= {row: new[column] for column, row in ties}  # what is tied has the label of its row
        turned.append((coefficient, _known([(o, tuple(new[i] for i in ls)) for o, ls in factors]), exchanged))
    there = [(c, _known(factors), frozenset(ties)) for c, factors, ties in _products(first, rows)]
    return Counter(turned) == Counter(there)


def _known(factors: Sequence[Factor]) -> frozenset[tuple[Factor, int]]:
    """How often every core occurs, its axes in the order of the labels."""
    orders = [sorted(range(len(ls)), key=ls.__getitem__) for _, ls in factors]
    named = [
        (einsum([(o, ls)], tuple(ls[k] for k in order)), tuple(sorted(ls)))
        for (o, ls), order in zip(factors, orders, strict=True)
    ]
    return frozenset(Counter(named).items())


def _products(node: Node, rows: int) -> list[tuple[Coefficient, tuple[Factor, ...], Ties]]:
    """The terms of a block: a number, cores with their labels, and the ties."""
    return [_cross(coefficient, term, rows) for coefficient, term in _terms(node, sympy.S.One)]


def _cross(coefficient: Coefficient, node: Node, rows: int) -> tuple[Coefficient, tuple[Factor, ...], Ties]:
    axes = tuple(range(node.order))
    ties: dict[int, int] = {}
    rest: list[Factor] = []
    for operand, labels in _factors(node, axes, [node.order]):
        row, column = min(labels, default=0), max(labels, default=0)
        across = isinstance(operand, Delta) and row < rows <= column < node.order
        if across and row not in ties.values() and column not in ties:
            ties[column] = row
        elif not isinstance(operand, Ones):
            rest.append((operand, labels))
    merged = [(operand, tuple(ties.get(i, i) for i in labels)) for operand, labels in rest]
    cores: list[Factor] = []
    for group in _together(merged, node.order):
        (only, labels), *more = group
        if not more and len(set(labels)) == len(labels) and max(labels, default=0) < node.order:
            cores.append((only, labels))  # an array as it is, whatever the order of its axes
        else:
            output = tuple(i for i in axes if any(i in ls for _, ls in group))
            cores.append((einsum(group, output), output))
    return coefficient, tuple(cores or [(ones(()), ())]), tuple(sorted(ties.items()))


def _together(factors: Sequence[Factor], order: int) -> list[list[Factor]]:
    """The factors that one core holds: those that share a summed label, and those that add no axis to another."""
    groups: list[list[Factor]] = []
    for factor in sorted(factors, key=lambda f: -len(f[1])):
        own = set(factor[1])
        meets = [g for g in groups if any(i >= order and i in own for _, ls in g for i in ls)]
        meets = meets or [g for g in groups if own <= {i for _, ls in g for i in ls}][:1]
        groups = [g for g in groups if g not in meets]
        groups.append([*(f for g in meets for f in g), factor])
    return sorted(groups, key=lambda g: min((i for _, ls in g for i in ls), default=order))
