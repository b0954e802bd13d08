"""Products through an array as wide as the data that is never stored: outᵢₗ = Σⱼ xᵢⱼ yᵢⱼ (Σₖ aᵢₖ bₖⱼ) cⱼₗ.

Three statements of a pass, a product of matrices, its entries weighted by blocks of the data, and a product of that
with a third matrix, become one call of `weighted`, where nobody else reads what lies between. Products with
the Hessian of a weighted factorisation are of this form; nothing here knows of one.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import final

from .loops import Scope
from .products import stored_labels
from .program import Nest, Pass, Program
from .statements import Item, Read, Statement

_PRODUCT = "{0} * {1}"
_SQUARE = "({0} * {0})"
_CALLS = {1: "weighted_products", 2: "twice_weighted_products"}


_Matrix = tuple[Item, bool]  # a whole matrix, and whether its neighbours are not those that vectors run along


@final
@dataclass(frozen=True)
class _Chain:
    """a b, weighted, times c."""

    first: Statement
    last: Statement
    a: Item
    b: _Matrix
    weights: tuple[Item, ...]
    c: _Matrix


@final
@dataclass
class Chains:
    """The statements that are left out, by the first of their nests, and the calls that take the place of others."""

    skipped: set[Item] = field(default_factory=set)
    calls: dict[Item, _Chain] = field(default_factory=dict)

    def lines(self, statement: Statement, scope: Scope) -> list[str] | None:
        """The lines for the last product of a chain."""
        chain = self.calls.get(statement.target)
        if chain is None:
            return None
        scope.uses_dot = True
        work, name = scope.declare_target(chain.first), scope.declare_target(statement)
        b, c = (
            scope.copied(item, turned=True) if across else scope.names[item]
            for item, across in (chain.b, chain.c)
        )
        blocks = [f"{scope.names[item]}[:m]" for item in (chain.a, *chain.weights)]
        arguments = [blocks[0], b, *blocks[1:], c, f"{work}[:m]", f"{name}[:m]"]
        title = f"# {name}: matrix product, weighted, times a matrix"
        return [title, f"{_CALLS[len(chain.weights)]}({', '.join(arguments)})"]


def chains(sweep: Pass, program: Program, dtype: str) -> Chains:
    """The chains of a pass."""
    found = Chains()
    if dtype != "float64":
        return found
    nests = [nest for step in program.steps for nest in step.small]
    nests += [nest for step in program.steps if step.sweep is not None for nest in step.sweep.nests]
    readers = Counter(read.item for nest in nests for s in nest.statements for read in s.reads)
    kept = {*program.outputs, *sweep.written, *sweep.sums}
    made = {s.target: (s, nest) for nest in sweep.nests for s in nest.statements}
    for statement, _ in made.values():
        for read, other in _pairs(statement):
            before = made.get(read.item)
            if before is None or read.item in kept or readers[read.item] != 1:
                continue
            chain = _chain(statement, read, other, *before, made, program)
            if chain is None or chain.first.target in kept or readers[chain.first.target] != 1:
                continue
            inside = [s.target for s in before[1].statements if s.target != read.item]
            own = Counter(r.item for s in before[1].statements for r in s.reads)
            if any(item in kept or readers[item] != own[item] for item in inside):
                continue  # the loop over the entries serves others too
            found.skipped |= {chain.first.target, before[1].statements[0].target}
            found.calls[statement.target] = chain
    return found


def _pairs(statement: Statement) -> list[tuple[Read, Read]]:
    """The factors of a product for each row, both ways round."""
    if statement.kind != "sum" or statement.template != _PRODUCT or len(statement.reads) != 2:
        return []
    if statement.accumulates or statement.row is None or len(statement.stored) != 2:
        return []
    if len(statement.summed) != 1 or statement.stored[0] != statement.row or statement.target.turned:
        return []
    a, b = statement.reads
    return [(a, b), (b, a)]


def _matrices(statement: Statement) -> tuple[Read, Read] | None:
    """A block of rows and a whole matrix, which lies either way, where their product is the statement."""
    row, (summed,) = statement.row, statement.summed
    for block, whole in _pairs(statement):
        if stored_labels(block) == (row, summed) and block.item.row is not None and _whole(whole, statement):
            return block, whole
    return None


def _whole(read: Read, statement: Statement) -> bool:
    labels = stored_labels(read)
    wanted = {statement.summed[0], statement.stored[1]}
    return read.item.row is None and labels is not None and len(labels) == 2 and set(labels) == wanted


def _chain(
    last: Statement,
    read: Read,
    c: Read,
    middle: Statement,
    nest: Nest,
    made: dict[Item, tuple[Statement, Nest]],
    program: Program,
) -> _Chain | None:
    (summed,) = last.summed
    if stored_labels(read) != (last.row, summed) or not _whole(c, last) or middle.kind != "map":
        return None
    weights = _factors(middle, {s.target: s for s in nest.statements})
    products = [w for w in weights if w.item in made and _pairs(made[w.item][0])]
    for product in products:
        first = made[product.item][0]
        pair = _matrices(first)
        rest = tuple(w for w in weights if w is not product)
        if pair is None or len(rest) not in _CALLS or len(made[product.item][1].statements) != 1:
            continue
        if any(program.data_size in matrix.item.node.shape for matrix in (pair[1], c)):
            continue  # turned copies would be as long as the data
        b_across = stored_labels(pair[1]) != (*first.summed, first.stored[1])
        c_across = stored_labels(c) != (last.stored[1], summed)
        blocks = tuple(w.item for w in rest)
        return _Chain(first, last, pair[0].item, (pair[1].item, b_across), blocks, (c.item, c_across))
    return None


def _factors(statement: Statement, nest: dict[Item, Statement]) -> list[Read]:
    """The blocks whose entries are multiplied; nothing where it is more than a product."""
    found: list[Read] = []
    for read in statement.reads:
        if stored_labels(read) != statement.stored or read.item.row is None or read.item.turned:
            return []
        inside = nest.get(read.item)
        own = [read] if inside is None else _factors(inside, nest)
        if not own:
            return []
        found += own
    if statement.template == _SQUARE and len(statement.reads) == 1:
        return found * 2
    return found if statement.template == _PRODUCT and len(statement.reads) == 2 else []
