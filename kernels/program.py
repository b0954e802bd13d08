"""The loop-level program: stages of loop nests over named arrays, ready to be written down.

`build` gives every item a name of our own (`v0`, `v1`, …), and groups the statements of a stage into nests:
elementwise statements and full sums over one and the same index space share one loop, in which intermediate
values are scalars. Contractions, operators along axes and matrix functions stand alone.
What a nest looks like as text is `emit`'s business.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import final

import sympy

from ..node import Labels, Node, Variable, size_symbols, variables
from ..sizes import Size
from .contraction import Lengths, plan
from .scalars import Sizes
from .schedule import Schedule, Stage, find_data_axis, stages, wants_rows_last
from .solves import with_solves
from .statements import Item, Statement
from .ties import ties

#: Numbers in a cache line: sums begin on one.
LINE = 8
ROW = sympy.Symbol("rows of the block", integer=True, positive=True)


@final
@dataclass
class Nest:
    """Statements that share one loop nest. `orders[k]` lists the labels of statement k, outermost first."""

    space: tuple[Size, ...]
    statements: list[Statement]
    orders: list[Labels]


@final
@dataclass
class Pass:
    """One sweep over the rows: nests per block, sums that every block adds to, arrays written by blocks."""

    nests: list[Nest]
    sums: list[Item]
    written: list[Item]
    buffers: list[Item]


@final
@dataclass
class Step:
    """Small work, then perhaps a pass."""

    small: list[Nest]
    sweep: Pass | None


@final
@dataclass
class Program:
    """Everything that the text of a kernel says."""

    inputs: tuple[Variable, ...]
    size_inputs: tuple[sympy.Symbol, ...]  # sizes that no array's axis tells
    sizes: Sizes
    data_size: Size | None
    steps: list[Step]
    outputs: list[Item]
    names: dict[Item, str]
    statements: Mapping[Item, Statement]
    used: set[Item] = field(default_factory=set)  # stored as arrays


def build(nodes: Sequence[Node], unknowns: Sequence[str], at: Mapping[Size, int] | None = None) -> Program:
    """The program that computes the nodes. Inputs: data by name, then unknowns in the given order.

    at  numbers for sizes, by which the order of products is chosen; the program is right for all others too
    """
    found = variables(*nodes)
    known = sorted((v for v in found if v.name not in unknowns), key=lambda v: v.name)
    inputs = (*known, *(v for u in unknowns for v in found if v.name == u))
    symbols = size_symbols(*nodes)
    sizes = Sizes(symbols)
    data_size = find_data_axis(inputs, unknowns, nodes, at)
    told = {s for v in inputs for s in v.shape if s.is_Symbol}
    size_inputs = tuple(s for s in symbols if s not in told)
    lengths = Lengths(data_size, at)
    planned = with_solves(plan(nodes, lengths), data_size)
    schedule = Schedule(planned, data_size, sizes)
    if wants_rows_last(schedule, lengths):
        schedule = Schedule(planned, data_size, sizes, turned=True)
    found_stages = stages(schedule)
    names: dict[Item, str] = {}
    for v in inputs:
        names[Item(v)] = f"v{len(names)}"
    for item in schedule.order:
        names.setdefault(item, f"v{len(names)}")
    steps = [_step(stage, schedule) for stage in found_stages]
    used = set(schedule.outputs) | _stored(steps)
    return Program(
        inputs, size_inputs, sizes, data_size, steps, schedule.outputs, names, schedule.statements, used
    )


def _stored(steps: Sequence[Step]) -> set[Item]:
    """Items that are read outside the loop that computes them; all others live in scalars."""
    found: set[Item] = set()
    for step in steps:
        for nest in [*step.small, *(step.sweep.nests if step.sweep else [])]:
            own = {s.target for s in nest.statements if s.kind == "map"}
            found |= {r.item for s in nest.statements for r in s.reads if r.item not in own}
    return found


def _step(stage: Stage, schedule: Schedule) -> Step:
    statements = schedule.statements
    small = nests([statements[i] for i in stage.small if i.row is None], set())
    if not stage.has_pass:
        return Step(small, None)
    todo = [statements[i] for i in schedule.order if i in {*stage.rows, *stage.sums}]
    inside = nests(todo, set())
    return Step(small, Pass(inside, stage.sums, stage.written, stage.rows))


def loop_order(statement: Statement) -> Labels | None:
    """The labels, outermost first, if the statement can share a nest; None if it stands alone."""
    if statement.kind == "map":
        return statement.stored
    if statement.kind == "sum" and not statement.output:
        stored = [tuple(r.stored) for r in statement.reads]
        best = max(stored, key=len, default=())
        order = tuple(int(e[1:-1]) for e in best if e[1:-1].isdigit())
        if statement.row is not None:
            others = tuple(i for i in order if i != statement.row)
            turned = any(r.item.turned for r in statement.reads)
            order = (*others, statement.row) if turned else (statement.row, *others)
        order = tuple(dict.fromkeys(order))
        if set(order) == set(statement.sizes):
            return order
    return None


def space_of(statement: Statement, order: Iterable[int]) -> tuple[Size, ...]:
    """The sizes of the loops; the rows of a block count as a size of their own."""
    return tuple(ROW if i == statement.row else statement.sizes[i] for i in order)


def nests(statements: Sequence[Statement], ready: set[Item]) -> list[Nest]:
    """The statements in nests, in an order in which they can run.

    What stands alone runs as soon as it can; elementwise statements wait and are taken together.
    """
    inside = {s.target for s in statements}
    pending = list(statements)
    done = set(ready)
    found: list[Nest] = []

    def can_run(s: Statement, extra: set[Item]) -> bool:
        return all(r.item not in inside or r.item in done or r.item in extra for r in s.reads)

    while pending:
        single = next((s for s in pending if can_run(s, set()) and loop_order(s) is None), None)
        if single is not None:
            together = [
                s
                for s in pending
                if s is single
                or (_same_matrices(s, single) and can_run(s, set()))
                or _same_exponentials(s, single)
            ]
            found.append(Nest((), together, [() for _ in together]))
            done |= {s.target for s in together}
            chosen = set(map(id, together))
            pending = [s for s in pending if id(s) not in chosen]
            continue
        leader = next(s for s in pending if can_run(s, set()))
        order = loop_order(leader)
        assert order is not None
        space = space_of(leader, order)
        group: list[Statement] = []
        orders: list[Labels] = []
        targets: set[Item] = set()
        for s in pending:
            labels = loop_order(s)
            if labels is None or space_of(s, labels) != space or not can_run(s, targets):
                continue
            if s is not leader and (s.turns or leader.turns):
                continue  # vectors turn rows eight by eight, but not as part of another loop
            if all(r.item not in targets or _aligned(r.stored, labels) for r in s.reads):
                group.append(s)
                orders.append(labels)
                if s.kind == "map":  # a sum is complete only when the loop is over
                    targets.add(s.target)
        done |= {s.target for s in group}
        chosen = set(map(id, group))
        pending = [s for s in pending if id(s) not in chosen]
        found.append(Nest(space, group, orders))
    return _with_totals(found)


def _with_totals(found: Sequence[Nest]) -> list[Nest]:
    """Sums over the rows of what a nest computes join it: the values need not be read again."""
    makers = {s.target: nest for nest in found for s in nest.statements if s.kind == "map"}
    kept = []
    for nest in found:
        first = nest.statements[0]
        maker = makers.get(first.reads[0].item) if first.reads and len(nest.statements) == 1 else None
        if maker is None or not _totals(first, maker):
            kept.append(nest)
            continue
        maker.statements.append(first)
        maker.orders.append((first.row or 0, *first.output))
    return kept


def _totals(statement: Statement, nest: Nest) -> bool:
    """Whether the statement adds up, over the rows, one value of every turn of the nest."""
    if statement.kind != "sum" or not statement.accumulates or statement.template != "{0}":
        return False
    if statement.row is None or len(statement.output) != 1 or ties(statement.reads[0].item.node):
        return False
    labels = (statement.row, *statement.output)
    return _aligned(statement.reads[0].stored, labels) and space_of(statement, labels) == nest.space


def _same_matrices(a: Statement, b: Statement) -> bool:
    """Whether one factorisation gives both: inverse, determinants and solves of the same matrices."""
    shared = a.kind == b.kind == "matrix" and a.reads[0].item == b.reads[0].item
    return shared and "cholesky" not in (a.op, b.op)


def _same_exponentials(a: Statement, b: Statement) -> bool:
    """Whether log-sum-exp and softmax of the same array along the same axes share their exponentials."""
    if {a.op, b.op} != {"logsumexp", "softmax"} or len(a.reads) != 1 or len(b.reads) != 1:
        return False
    if a.reads[0].item != b.reads[0].item or a.template != b.template or (a.row is None) != (b.row is None):
        return False
    la, lb = a.reads[0].labels, b.reads[0].labels
    if la is None or lb is None or set(la) != set(a.sizes) or set(lb) != set(b.sizes):
        return False  # a repeated array has axes that its read does not tell
    return [i in a.axes for i in la] == [i in b.axes for i in lb]


def _aligned(entries: tuple[str, ...], labels: Labels) -> bool:
    """Whether a value of this very iteration is read."""
    return entries == tuple(f"@{i}@" for i in labels)
