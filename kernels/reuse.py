"""Blocks that are written where another block is read for the last time, entry by entry, take its place in memory.

The second cache holds some five blocks of a network's pass, and each of them is written and read again. One that goes
into the memory of a block that was read just then finds its lines in the first cache already.
"""

from __future__ import annotations

from collections.abc import Collection

from ..node import Labels
from .program import Nest, Pass
from .statements import Item, Statement, plain_label
from .ties import ties

#: Statements that write into an array of their own, and such as read nothing but numbers.
_MADE = ("map", "sum")
_VIEWS = ("reshape", "rows", "pieces")


def reusable(sweep: Pass, used: Collection[Item]) -> dict[Item, Item]:
    """The block whose memory each block may have, for those that find one."""
    made: dict[Item, int] = {}
    last: dict[Item, int] = {}
    lasting = set(sweep.written)
    for number, nest in enumerate(sweep.nests):
        for statement in nest.statements:
            for read in statement.reads:
                last[read.item] = number
                if statement.kind in _VIEWS:
                    lasting.add(read.item)
            if statement.kind in _MADE and not statement.accumulates and statement.target in used:
                made[statement.target] = number
    found: dict[Item, Item] = {}
    for number, nest in enumerate(sweep.nests):
        before: list[Item] = []  # what has been read into a scalar by the time that the target is written
        for statement, order in zip(nest.statements, nest.orders, strict=True):
            target = statement.target
            before += [r.item for r in statement.reads]
            if statement.kind != "map" or made.get(target) != number or len(order) != len(nest.space):
                continue
            if target.row is None or len(order) != len(target.storage) or ties(target.node):
                continue
            for old in dict.fromkeys(before):
                free = made.get(old, number) < number == last[old] and old not in lasting
                if free and _alike(old, target) and _in_step(old, nest):
                    found[target] = old
                    lasting.add(old)
                    break
    return found


def _alike(old: Item, new: Item) -> bool:
    """Whether both have the same entries in the same places."""
    same = old.node.shape == new.node.shape
    return same and (old.row, old.turned, old.storage) == (new.row, new.turned, new.storage)


def _in_step(old: Item, nest: Nest) -> bool:
    """Whether a turn of the loop reads no entry of it but its own, and that into a scalar, once."""
    return all(
        " if " not in statement.template
        and all(_own(r.stored, order) for r in statement.reads if r.item == old)
        for statement, order in zip(nest.statements, nest.orders, strict=True)
        if _reads(statement, old)
    )


def _reads(statement: Statement, item: Item) -> bool:
    return any(r.item == item for r in statement.reads)


def _own(stored: Collection[str], order: Labels) -> bool:
    return [plain_label(entry) for entry in stored] == list(order)
