"""The rows G of a cone program for loops: directions of the orthant, dense blocks of cones, and a list of entries.

The unknowns are r shared ones, then slacks of rows, then heads of cones (`cone_presolve`). The orthant is what it is in
quadratic programs (`slacks`). The rows of a cone behind its head are a dense block, or entries of the list where most
are zero; heads are entries of the list. Gram matrices are made once, one for all cones whose rows have the same.
"""

from __future__ import annotations

import numpy as np

from ..apart import inner
from ..oracle import Array
from ..rowwise import add_rows, dot_rows
from ..special import helper, within
from .cone_algebra import Places
from .cone_problem import ConeProgram
from .slacks import Directions, across, along, directions, gathered, scattered

#: Rows of which less than this share are entries other than zero are kept in the list.
DENSE = 0.25
#: Gram matrices that differ by no more, in entries of size 1, are multiples of one another.
ALIKE = 1e-15
#: With so many Gram matrices in the same columns one is compared.
KINDS = 8

#: Of each cone: how many shared unknowns it meets behind its head and where they begin in `columns`; where its dense
#: block begins, −1 where there is none; its private head, −1 where there is none; 1 where its head meets no other
#: unknown; which Gram matrix it has.
COUNT, BEGIN, BLOCK_AT, PRIVATE, LEVEL, GROUP = range(6)
#: Of each entry of the list its row of G, its column, and its place among the columns; those behind heads come first.
ROW, COLUMN, PLACE = range(3)
#: The orthant; a line for each cone; columns; dense blocks; places of the list and its entries; how many of these are
#: behind heads; the numbers of shared unknowns and of slacks.
Rows = tuple[Directions, Array, Array, Array, Array, Array, int, int, int]
#: The entries of heads in the columns of their cones; of each cone the entry of its private head and its share of its
#: Gram matrix; of each Gram matrix where it begins and a cone that has it; their entries, both triangles.
Grams = tuple[Array, Array, Array, Array]


def rows_of(program: ConeProgram) -> tuple[Rows, Grams]:
    """G for loops."""
    G, m, k, h = program.G, program.cones.orthant, program.slacks, program.heads
    n = program.c.size
    r = n - k - h
    met = G[:m, r : n - h] != 0.0
    owner = np.where(met.any(axis=1), r + (met.argmax(axis=1) if k else 0), -1).astype(np.int64)
    own = np.where(owner >= 0, G[np.arange(m), owner], 0.0)
    directed = directions(np.ascontiguousarray(G[:m, :r]), own, owner, k)
    table, columns, dense, places, values, behind, grams = _cones(program, r)
    return (directed, table, columns, dense, places, values, behind, r, k), grams


@inner
def room_for(rows: Rows) -> int:
    """How many numbers of work products with the rows and linear systems need."""
    lines, shared, slacks = rows[0][0].shape[0], rows[7], rows[8]
    found: int = shared + slacks + 1 + lines + shared + 1
    return found


def _cones(program: ConeProgram, r: int) -> tuple[Array, Array, Array, Array, Array, int, Grams]:
    """What is known of each cone."""
    G, cones, m = program.G, program.cones, program.cones.orthant
    heads, private = G[cones.heads, :r], G[cones.heads, program.c.size - program.heads :]
    met = cones.met(G)[:, :r] | (heads != 0.0)
    counts, owner = met.sum(axis=1), cones.owner
    begins = np.cumsum(counts) - counts
    there = G[m:, :r] != 0.0
    there[cones.starts] = False
    whole = cones.added(there.sum(axis=1)) >= DENSE * (cones.sizes - 1) * counts
    blocks, grams, at, spot = [np.zeros(0)], [np.zeros(0)], 0, 0
    groups: list[tuple[int, int]] = []
    known: dict[bytes, list[tuple[int, Array]]] = {}
    table, factors = np.zeros((cones.sizes.size, 6), np.int64), np.zeros((cones.sizes.size, 2))
    for k, (head, size) in enumerate(zip(cones.heads.tolist(), cones.sizes.tolist(), strict=True)):
        tail = G[head + 1 : head + size, :r][:, met[k]]
        gram = tail.T @ tail
        factors[k, 1] = share = float(gram.max(initial=0.0)) or 1.0
        gram /= share
        alike = known.setdefault(met[k].tobytes(), [])
        group = next((i for i, a in alike[:KINDS] if abs(gram - a).max(initial=0.0) <= ALIKE), len(groups))
        if group == len(groups):
            alike.append((group, gram))
            groups.append((spot, k))
            grams.append(gram.reshape(-1))
            spot += gram.size
        table[k, GROUP], table[k, BLOCK_AT] = group, at if whole[k] else -1
        if whole[k]:
            blocks.append(tail.reshape(-1))
            at += tail.size
    table[:, COUNT], table[:, BEGIN], table[:, LEVEL] = counts, begins, ~heads.any(axis=1)
    alone = private.any(axis=1)
    table[:, PRIVATE] = np.where(alone, abs(private).argmax(axis=1), -1) if program.heads else -1
    factors[:, 0] = private.sum(axis=1)
    there[whole[owner]] = False
    row, column = np.nonzero(there)
    tails = np.column_stack([m + row, column, (begins[:, None] + met.cumsum(axis=1) - 1)[owner[row], column]])
    row, column = np.nonzero(G[cones.heads])
    places = np.vstack([tails, np.column_stack([cones.heads[row], column, np.zeros(row.size, int)])])
    return (
        table,
        np.nonzero(met)[1].astype(np.int64),
        np.concatenate(blocks),
        places.astype(np.int64),
        G[places[:, ROW], places[:, COLUMN]],
        len(tails),
        (heads[met], factors, np.asarray(groups, np.int64).reshape(-1, 2), np.concatenate(grams)),
    )


@helper
def parts(work: Array, first: int, second: int) -> tuple[Array, Array]:
    """Two parts of these lengths."""
    return work[:first], work[first : first + second]


@within
def applied(G: Rows, cones: Places, work: Array, x: Array, found: Array) -> None:
    """found = Gx; `work` as of `room_for`."""
    directed, table, columns, dense = G[0], G[1], G[2], G[3]
    places, values, r, slacks = G[4], G[5], G[7], G[8]
    m, starts = cones
    if m > 0:
        padded, b = parts(work, r + slacks + 1, directed[0].shape[0] + r + 1)
        for i in range(r + slacks):
            padded[i] = x[i]
        padded[r + slacks] = 0.0
        along(directed, padded, b)
        gathered(directed, b, padded, found[:m])
    for i in range(m, found.size):
        found[i] = 0.0
    if dense.size > 0:
        part = work[:r]
        for k in range(table.shape[0]):
            at, count = table[k, BLOCK_AT], table[k, COUNT]
            if at >= 0 and count > 0:
                for a in range(count):
                    part[a] = x[columns[table[k, BEGIN] + a]]
                rows = starts[k + 1] - starts[k] - 1
                block = dense[at : at + rows * count].reshape((rows, count))
                dot_rows(block, part[:count], found[starts[k] + 1 : starts[k + 1]])
    for i in range(values.size):
        found[places[i, ROW]] += values[i] * x[places[i, COLUMN]]


@within
def returned(G: Rows, cones: Places, work: Array, t: float, z: Array, x: Array) -> None:
    """x += t Gᵀz"""
    directed, table, columns, dense = G[0], G[1], G[2], G[3]
    places, values, r, slacks = G[4], G[5], G[7], G[8]
    m, starts = cones
    if m > 0:
        padded, b = parts(work, r + slacks + 1, directed[0].shape[0] + r + 1)
        for i in range(r, r + slacks + 1):
            padded[i] = 0.0
        scattered(directed, z[:m], b, padded[r:])
        across(directed, b, padded)
        for i in range(r + slacks):
            x[i] += t * padded[i]
    if dense.size > 0:
        part = work[:r]
        for k in range(table.shape[0]):
            at, count = table[k, BLOCK_AT], table[k, COUNT]
            if at >= 0 and count > 0:
                for a in range(count):
                    part[a] = 0.0
                rows = starts[k + 1] - starts[k] - 1
                block = dense[at : at + rows * count].reshape((rows, count))
                add_rows(block, z[starts[k] + 1 : starts[k + 1]], part[:count])
                for a in range(count):
                    x[columns[table[k, BEGIN] + a]] += t * part[a]
    for i in range(values.size):
        x[places[i, COLUMN]] += t * values[i] * z[places[i, ROW]]


@inner
def pulled(G: Rows, cones: Places, mean: Array, pulls: Array) -> None:
    """pulls = Uᵀw of every cone, in its columns; `mean` has the w of all."""
    table, dense, places, values, behind = G[1], G[3], G[4], G[5], G[6]
    m, starts = cones
    for i in range(pulls.size):
        pulls[i] = 0.0
    for k in range(table.shape[0] if dense.size > 0 else 0):
        at, count, begin = table[k, BLOCK_AT], table[k, COUNT], table[k, BEGIN]
        if at >= 0 and count > 0:
            rows = starts[k + 1] - starts[k] - 1
            block = dense[at : at + rows * count].reshape((rows, count))
            w = mean[starts[k] + 1 - m : starts[k + 1] - m]
            add_rows(block, w, pulls[begin : begin + count])
    for i in range(behind):
        pulls[places[i, PLACE]] += values[i] * mean[places[i, ROW] - m]
