"""The rows G of a cone program as tables for loops (`cone_blocks`), made once.

The unknowns are r shared ones, then slacks of rows, then heads of cones (`cone_presolve`). The orthant is what it is in
quadratic programs (`slacks`). Behind their heads the cones of a group (`cone_groups`) have entries at the same places,
of which each comes with one number for every cone; or a dense block each, where rows are long and full. Heads are a
list of entries. Gram matrices are made once, one for all cones whose rows have the same.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..oracle import Array
from .cone_groups import kinds_of, met_by
from .cone_problem import ConeProgram
from .slacks import Directions, directions

#: Rows of which less than this share are entries other than zero have no blocks, nor have groups with fewer columns.
DENSE, LONG = 0.25, 16
#: Gram matrices that differ by no more, in entries of size 1, are multiples of one another.
ALIKE = 1e-15
#: With so many Gram matrices in the same columns one is compared.
KINDS = 8

#: Of each group how many columns it has and where these begin; where its entries begin, how many there are, and where
#: their numbers begin; where blocks begin, −1 where there are none; 1 where all cones have the same columns; what its
#: heads are; its first cone among all.
SLOTS, COLUMNS, ENTRIES, HOW_MANY, NUMBERS, BLOCKS, SAME, KIND, CONE = range(9)
#: The orthant; a line for each group; columns; entries, as rows behind the head and places among the columns, and their
#: numbers; blocks; heads as rows and columns, and their numbers; of each cone its private unknown, or −1; how many
#: shared unknowns there are, and slacks; 1 for each cone.
Rows = tuple[Directions, Array, Array, Array, Array, Array, Array, Array, Array, int, int, Array]
#: The entries of heads in the columns of their cones; of each cone the entry of its private head and its share of a
#: Gram matrix, and which that is; of each Gram matrix where it begins, where its columns do and how many there are;
#: these columns; the entries of all, both triangles.
Grams = tuple[Array, Array, Array, Array, Array, Array]


def rows_of(program: ConeProgram, groups: list[Any]) -> tuple[Rows, Grams]:
    """G for loops, the cones in the order of the groups."""
    G, m, k, h = program.G, program.cones.orthant, program.slacks, program.heads
    n = program.c.size
    r = n - k - h
    met = G[:m, r : n - h] != 0.0
    owner = np.where(met.any(axis=1), r + (met.argmax(axis=1) if k else 0), -1).astype(np.int64)
    own = np.where(owner >= 0, G[np.arange(m), owner], 0.0)
    directed = directions(np.ascontiguousarray(G[:m, :r]), own, owner, k)
    table, lists = _groups(program, r, groups)
    order = np.concatenate([*groups, np.zeros(0, np.int64)]).astype(np.int64)
    heads = G[program.cones.heads]
    private = heads[order, n - h :]
    alone = np.where(private.any(axis=1), np.abs(private).argmax(axis=1) if h else 0, -1)
    places, values = _heads(program, groups)
    rows = (
        directed, table, lists["columns"].astype(np.uint32), lists["entries"].reshape(-1, 2).astype(np.uint32),
        lists["numbers"], lists["blocks"], places, values, alone.astype(np.int64), r, k,
        np.ones(order.size),
    )  # fmt: skip
    share, which, known, columns, entries = _grams(program, r, order)
    factors = np.column_stack([private.sum(axis=1), share])
    return rows, (lists["lead"], factors, which, known, columns, entries)


def ends_of(program: ConeProgram, directed: Directions) -> Array:
    """Where the columns of Q + GᵀW⁻²G end, of the shared unknowns, none before the one ahead of it; −1 is the first
    where that leaves out too little of the matrix.
    """
    r = program.c.size - program.slacks - program.heads
    base, line = directed[0], directed[5]
    last = np.arange(r)
    for joined in (program.Q[:r, :r] != 0.0, met_by(program, r), base != 0.0):
        for mine in map(np.flatnonzero, joined):
            last[mine] = np.maximum(last[mine], mine.max(initial=0))
    last = np.maximum.accumulate(last)
    if 3 * (last - np.arange(r)).sum() > r * r or (line < 0).any():
        last[:1] = -1
    return last


def _groups(program: ConeProgram, r: int, groups: list[Any]) -> tuple[Array, dict[str, Array]]:
    """The table, and what it says the beginnings of."""
    G, cones, kinds = program.G, program.cones, kinds_of(program)
    met = met_by(program, r)
    lists: dict[str, list[Array]] = {
        name: [np.zeros(0)] for name in ("columns", "lead", "entries", "numbers", "blocks")
    }
    table = np.zeros((len(groups), 9), np.int64)

    def put(name: str, array: Array) -> int:
        begin = sum(part.size for part in lists[name])
        lists[name].append(array.reshape(-1))
        return begin

    cone = 0
    for g, members in enumerate(groups):
        count, heads, size = members.size, cones.heads[members], int(cones.sizes[members[0]])
        found = [np.flatnonzero(met[k]) for k in members]
        slots = max(columns.size for columns in found)
        columns, lead = np.zeros((slots, count)), np.zeros((slots, count))
        tails = np.zeros((size - 1, slots, count))
        for k, mine in enumerate(found):
            columns[: mine.size, k], lead[: mine.size, k] = mine, G[heads[k], mine]
            tails[:, : mine.size, k] = G[heads[k] + 1 : heads[k] + size, mine]
        there = tails.any(axis=2)
        dense = there.size > 0 and there.mean() >= DENSE and (count == 1 or slots > LONG)
        row, slot = np.nonzero(there & (not dense))
        same = all(np.array_equal(mine, found[0]) for mine in found)
        table[g, : COLUMNS + 1] = slots, put("columns", columns)
        put("lead", lead)
        table[g, ENTRIES : HOW_MANY + 1] = put("entries", np.column_stack([row, slot])) // 2, row.size
        table[g, NUMBERS] = put("numbers", tails[row, slot])
        table[g, BLOCKS] = put("blocks", tails.transpose(2, 0, 1)) if dense else -1
        table[g, SAME:] = int(same), kinds[members[0]], cone
        cone += count
    return table, {name: np.concatenate(parts) for name, parts in lists.items()}


def _heads(program: ConeProgram, groups: list[Any]) -> tuple[Array, Array]:
    """The entries of heads: their rows in the order of the groups, their columns; the numbers."""
    cones, at = program.cones, program.cones.orthant
    rows: list[Array] = [np.zeros(0, np.int64)]
    for members in groups:
        rows.append(at + np.arange(members.size))
        at += members.size * int(cones.sizes[members[0]])
    heads = program.G[np.concatenate([cones.heads[members] for members in groups] + [np.zeros(0, np.int64)])]
    which, column = np.nonzero(heads)
    return np.column_stack([np.concatenate(rows)[which], column]).astype(np.uint32), heads[which, column]


def _grams(program: ConeProgram, r: int, order: Array) -> tuple[Array, Array, Array, Array, Array]:
    """Of each cone its share of a Gram matrix, and of which; where these begin, their columns, their entries."""
    G, cones, met = program.G, program.cones, met_by(program, r)
    share, which = np.zeros(order.size), np.zeros(order.size, np.int64)
    known: list[tuple[int, int, int]] = []
    columns, entries = [np.zeros(0, np.int64)], [np.zeros(0)]
    alike: dict[bytes, list[tuple[int, Array]]] = {}
    begin, spot = 0, 0
    for i, k in enumerate(order.tolist()):
        head, mine = int(cones.heads[k]), np.flatnonzero(met[k])
        tail = G[head + 1 : head + int(cones.sizes[k]), mine]
        gram = tail.T @ tail
        share[i] = float(gram.max(initial=0.0)) or 1.0
        gram /= share[i]
        others = alike.setdefault(mine.tobytes(), [])
        found = (j for j, a in others[:KINDS] if abs(gram - a).max(initial=0.0) <= ALIKE)
        which[i] = next(found, len(known))
        if which[i] == len(known):
            others.append((len(known), gram))
            known.append((begin, spot, mine.size))
            columns.append(mine)
            entries.append(gram.reshape(-1))
            begin, spot = begin + gram.size, spot + mine.size
    places = np.asarray(known, np.int64).reshape(-1, 3)
    return share, which, places, np.concatenate(columns).astype(np.uint32), np.concatenate(entries)
