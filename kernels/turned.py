"""Contractions of blocks that are stored with their rows last, as calls of `lanes`, perhaps for each member of a batch.

    outₖᵢᵣ = Σⱼ Pₖᵢⱼ Vₖⱼᵣ          a small matrix on every row                            mix_rows
    outₖᵢⱼ += Σᵣ Aₖᵢᵣ Bₖⱼᵣ          moments over the rows, the second factor perhaps a vector       cross_rows

`products` comes here first; what is neither goes back there. Two statements of a pass become one where the first serves
the second alone, so that nothing is stored between them:

    outₖᵣ = Σᵢ Vₖᵢᵣ (Σⱼ Pₖᵢⱼ Vₖⱼᵣ)       a quadratic form of every row                         form_rows
    outₖᵢⱼ += Σᵣ (wₖᵣ Vₖᵢᵣ) Vₖⱼᵣ          weighted moments                                   moments_rows

Where V = x − c are differences of a block and of centres cₖ, and nobody but these reads them, they are not stored
either: the calls are then those `_about` centres.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import final

from ..node import Labels
from .loops import Scope, loops
from .program import Pass, Program
from .statements import Item, Read, Statement, plain_label

_Factor = tuple[Read, Labels]
_SYMMETRIC = frozenset({"symmetric", "psd", "pd"})


def turned_lines(statement: Statement, scope: Scope) -> list[str] | None:
    """The lines of such a contraction, None where it is none."""
    plain = _factors(statement, scope.dtype)
    if plain is None:
        return None
    made = _moments(statement, plain) if statement.accumulates else _mixture(statement, plain)
    if made is None:
        return None
    function, batch, first, second = made
    texts = [_part(scope, *factor, batch) for factor in (first, second)]
    if function == "mix_rows" and first[1][-1] != second[1][-2]:
        texts[0] += ".T"
    return _call(statement, scope, function, batch, texts)


def turned_rows(statement: Statement, scope: Scope) -> list[str] | None:
    """Rows of a matrix of data, turned; None for anything else."""
    if not statement.turns or scope.dtype != "float64":
        return None
    name, given = scope.declare_target(statement), scope.names[statement.reads[0].item]
    return [f"# {name}: {statement.note}", f"turn_rows({given}[b:b + m], {name})"]


def _call(statement: Statement, scope: Scope, function: str, batch: Labels, texts: list[str]) -> list[str]:
    """The call for each member of the batch."""
    name = scope.declare_target(statement)
    target = _index(name, statement.stored, batch)
    head = [f"# {name}: {statement.note}", *loops(statement, batch, scope)]
    return [*head, "    " * len(batch) + f"{function}({', '.join(texts)}, m, {target})"]


def _part(scope: Scope, read: Read, labels: Labels, batch: Labels) -> str:
    return _index(scope.names[read.item], labels, batch)


def _index(name: str, labels: Labels, batch: Labels) -> str:
    """The member of the batch."""
    index = ", ".join(f"i{batch.index(i)}" for i in labels if i in batch)
    return f"{name}[{index}]" if index else name


def _factors(statement: Statement, dtype: str) -> list[_Factor] | None:
    """The two factors of a contraction over one label, of blocks with their rows last and of whole arrays."""
    if statement.kind != "sum" or statement.template != "{0} * {1}" or len(statement.reads) != 2:
        return None
    if dtype != "float64" or statement.row is None or len(statement.summed) != 1:
        return None
    return _turned_reads(statement)


def _turned_reads(statement: Statement) -> list[_Factor] | None:
    found: list[_Factor] = []
    for read in statement.reads:
        entries = [plain_label(e) for e in read.stored]
        labels = tuple(i for i in entries if i is not None)
        if len(set(labels)) != len(entries):
            return None
        if statement.row in labels and not _is_turned(read, labels, statement):
            return None
        found.append((read, labels))
    return found


def _is_turned(read: Read, labels: Labels, statement: Statement) -> bool:
    """Whether it is a block with the rows of the statement last."""
    item = read.item
    return item.row is not None and labels[-1] == statement.row and (item.turned or item.node.order == 1)


def _moments(statement: Statement, factors: list[_Factor]) -> tuple[str, Labels, _Factor, _Factor] | None:
    row, stored = statement.row, statement.stored
    if statement.summed != (row,) or any(labels[-1:] != (row,) for _, labels in factors):
        return None
    a, b = factors
    batch = tuple(i for i in a[1][:-1] if i in b[1])
    if tuple(i for i in b[1][:-1] if i in a[1]) != batch or stored[: len(batch)] != batch:
        return None
    rest = stored[len(batch) :]
    for first, second in ((a, b), (b, a)):
        if first[1] == (*batch, *rest[:1], row) and second[1] == (*batch, *rest[1:], row) and rest:
            if len(rest) > 2:
                return None
            symmetric = len(rest) == 2 and statement.symmetric is not None
            if symmetric and set(statement.symmetric or ()) != set(rest):
                return None
            return "cross_rows_symmetric" if symmetric else "cross_rows", batch, first, second
    return None


def _mixture(statement: Statement, factors: list[_Factor]) -> tuple[str, Labels, _Factor, _Factor] | None:
    row, stored = statement.row, statement.stored
    (j,) = statement.summed
    if not statement.target.turned or len(stored) < 2 or stored[-1] != row:
        return None
    for matrix, block in (factors, factors[::-1]):
        batch, i = stored[:-2], stored[-2]
        if row in matrix[1] or matrix[0].item.row is not None or block[1] != (*batch, j, row):
            continue
        own = matrix[1][:-2]
        if set(matrix[1][-2:]) == {i, j} and own == tuple(k for k in batch if k in own):
            return "mix_rows", batch, matrix, block
    return None


# ---------------------------------------------------------------- two statements in one


@final
@dataclass
class Joined:
    """What is computed together: statements that are left out, and the calls that take the place of others."""

    skipped: set[Item] = field(default_factory=set)
    calls: dict[Item, tuple[str, Labels, list[_Factor]]] = field(default_factory=dict)

    def lines(self, statement: Statement, scope: Scope) -> list[str] | None:
        """The lines for a statement that takes another one in."""
        if statement.target not in self.calls:
            return None
        function, batch, factors = self.calls[statement.target]
        return _call(statement, scope, function, batch, [_part(scope, *f, batch) for f in factors])


def joined(sweep: Pass, program: Program, dtype: str) -> Joined:
    """The pairs of a pass."""
    found = Joined()
    alone = {n.statements[0].target: n.statements[0] for n in sweep.nests if len(n.statements) == 1}
    readers: dict[Item, int] = {}
    nests = [nest for step in program.steps for nest in step.small]
    nests += [nest for step in program.steps if step.sweep is not None for nest in step.sweep.nests]
    for statement in (s for nest in nests for s in nest.statements):
        for read in statement.reads:
            readers[read.item] = readers.get(read.item, 0) + 1
    kept = {*program.outputs, *sweep.written, *sweep.sums}
    for statement in alone.values():
        factors = _factors(statement, dtype)
        if factors is None or factors[0][0].item == factors[1][0].item:
            continue
        for outer, other in (factors, factors[::-1]):
            first = alone.get(outer[0].item)
            if first is None or first.target in kept or readers[first.target] != 1:
                continue
            made = _weighted if statement.accumulates else _form
            call = made(statement, first, outer, other, dtype)
            if call is not None:
                found.skipped.add(first.target)
                found.calls[statement.target] = call
                break
    for statement in alone.values():
        if statement.target not in kept and _is_difference(statement):
            _centre(statement, alone, readers[statement.target], found, dtype)
    return found


def _is_difference(statement: Statement) -> bool:
    """Whether it is a block, rows last, less centres that do not depend on the rows."""
    if statement.kind != "map" or statement.template != "{0} + (-1.0) * {1}" or len(statement.reads) != 2:
        return False
    reads = _turned_reads(statement)
    if reads is None or not statement.target.turned or len(statement.stored) != 3:
        return False
    (_, block), (centre, means) = reads
    k, j, row = statement.stored
    return block == (j, row) and means == (k, j) and row == statement.row and centre.item.row is None


def _centre(
    difference: Statement, alone: dict[Item, Statement], readers: int, found: Joined, dtype: str
) -> None:
    """Calls about centres instead of the differences, if all that read them can be."""
    changed: dict[Item, tuple[str, Labels, list[_Factor]]] = {}
    reads = 0
    for statement in alone.values():
        own = sum(read.item == difference.target for read in statement.reads)
        if own == 0:
            continue
        reads += own
        if statement.target in found.skipped:
            continue  # its reader is one of those below
        call = found.calls.get(statement.target)
        if call is None:
            factors = _factors(statement, dtype)
            moments = None if factors is None or not statement.accumulates else _moments(statement, factors)
            if moments is None or moments[0] != "cross_rows" or len(moments[3][1]) != 2:
                return
            call = moments[0], moments[1], [moments[2], moments[3]]
        changed[statement.target] = call
    if reads != readers or not changed:
        return
    parts = _turned_reads(difference)
    assert parts is not None
    for target, (function, batch, factors) in changed.items():
        new: list[_Factor] = []
        for read, labels in factors:
            if read.item != difference.target:
                new.append((read, labels))
                continue
            if len(labels) != 3 or labels[0] not in batch:
                return
            renamed = dict(zip(difference.stored, labels, strict=True))
            new += [(each, tuple(renamed[i] for i in own)) for each, own in parts]
        if len(new) != 3:
            return
        changed[target] = f"{function}_about", batch, new
    found.calls |= changed
    found.skipped.add(difference.target)


def _form(
    statement: Statement, first: Statement, outer: _Factor, other: _Factor, dtype: str
) -> tuple[str, Labels, list[_Factor]] | None:
    """Σᵢ Vᵢᵣ (PV)ᵢᵣ, P symmetric."""
    row, stored = statement.row, statement.stored
    batch = stored[:-1]
    labels = (*batch, *statement.summed, row)
    inner = _factors(first, dtype)
    if (
        inner is None
        or first.accumulates
        or stored[-1:] != (row,)
        or outer[1] != labels
        or other[1] != labels
    ):
        return None
    mixture = _mixture(first, inner)
    if mixture is None or mixture[3][0].item != other[0].item:
        return None
    matrix = mixture[2]
    if not _SYMMETRIC & matrix[0].item.node.facts:
        return None
    named = dict(zip(mixture[1], batch, strict=True))
    own = tuple(named[i] for i in matrix[1][:-2])
    return "form_rows", batch, [(matrix[0], own), other]


def _weighted(
    statement: Statement, first: Statement, outer: _Factor, other: _Factor, dtype: str
) -> tuple[str, Labels, list[_Factor]] | None:
    """Σᵣ (wᵣ Vᵢᵣ) Vⱼᵣ."""
    moments = _moments(statement, [outer, other])
    if moments is None or (moments[0] == "cross_rows" and statement.symmetric is None):
        return None
    batch = moments[1]
    if first.kind != "map" or first.template not in ("{0} * {1}", "{1} * {0}") or len(first.reads) != 2:
        return None
    inner = _turned_reads(first)
    if inner is None or len(first.stored) != len(batch) + 2 or len(other[1]) != len(batch) + 2:
        return None
    for weights, block in (inner, inner[::-1]):
        same = block[0].item == other[0].item and block[1] == first.stored
        if same and weights[1] == (*first.stored[: len(batch)], first.row) and first.row is not None:
            return "moments_rows", batch, [other, (weights[0], batch)]
    return None
