"""Products with the rows G of a cone program, from the tables of `cone_tables`."""

from __future__ import annotations

import numpy as np

from ..apart import inner
from ..oracle import Array
from ..rowwise import add_rows, dot_rows
from ..special import helper, within
from .cone_groups import COUNT, FIRST, SIZE, Places, row_of
from .cone_tables import BLOCKS, COLUMNS, CONE, ENTRIES, HOW_MANY, NUMBERS, SAME, SLOTS, Rows
from .slacks import across, along, gathered, scattered


@inner
def room_for(rows: Rows) -> int:
    """How many numbers of work products with the rows and linear systems need."""
    lines, columns, shared, slacks = rows[0][0].shape[0], rows[2].size, rows[9], rows[10]
    found: int = shared + slacks + 1 + lines + shared + 1
    return max(found, columns) + shared


@helper
def parts(work: Array, first: int, second: int) -> tuple[Array, Array]:
    """Two parts of these lengths."""
    return work[:first], work[first : first + second]


@within
def applied(G: Rows, cones: Places, work: Array, x: Array, found: Array) -> None:
    """found = Gx; `work` as of `room_for`."""
    directed, table, columns, entries, numbers = G[0], G[1], G[2], G[3], G[4]
    blocks, places, values, r, slacks = G[5], G[6], G[7], G[9], G[10]
    m, groups = cones[0], cones[1]
    if m > 0:
        padded, b = parts(work, r + slacks + 1, directed[0].shape[0] + r + 1)
        for i in range(r + slacks):
            padded[i] = x[i]
        padded[r + slacks] = 0.0
        along(directed, padded, b)
        gathered(directed, b, padded, found[:m])
    for i in range(m, found.size):
        found[i] = 0.0
    for g in range(table.shape[0]):
        first, size, slots, begin = groups[g, FIRST], groups[g, SIZE], table[g, SLOTS], table[g, COLUMNS]
        if groups[g, COUNT] > 1:
            applied_to_all(table[g], groups[g], columns, entries, numbers, blocks, work, x, found)
        elif table[g, BLOCKS] >= 0:
            for a in range(slots):
                work[a] = x[columns[begin + a]]
            place = table[g, BLOCKS]
            block = blocks[place : place + (size - 1) * slots].reshape((size - 1, slots))
            dot_rows(block, work[:slots], found[first + 1 : first + size])
        else:
            for p in range(table[g, HOW_MANY]):
                where, number = table[g, ENTRIES] + p, numbers[table[g, NUMBERS] + p]
                found[first + 1 + entries[where, 0]] += number * x[columns[begin + entries[where, 1]]]
    for i in range(values.size):
        found[places[i, 0]] += values[i] * x[places[i, 1]]


@inner
def applied_to_all(
    line: Array,
    group: Array,
    columns: Array,
    entries: Array,
    numbers: Array,
    blocks: Array,
    work: Array,
    x: Array,
    found: Array,
) -> None:
    """The rows of a group of several cones."""
    first, count, size = group[FIRST], group[COUNT], group[SIZE]
    slots, begin, at = line[SLOTS], line[COLUMNS], line[NUMBERS]
    behind = found[first + count :]
    if line[BLOCKS] >= 0:
        part, y = parts(work, slots, size - 1)
        for k in range(count):
            for a in range(slots):
                part[a] = x[columns[begin + a * count + k]]
            place = line[BLOCKS] + k * (size - 1) * slots
            dot_rows(blocks[place : place + (size - 1) * slots].reshape((size - 1, slots)), part, y)
            for i in range(size - 1):
                behind[i * count + k] = y[i]
        return
    same = line[SAME] == 1
    for a in range(0 if same else slots * count):
        work[a] = x[columns[begin + a]]
    for p in range(line[HOW_MANY]):
        row, slot = entries[line[ENTRIES] + p, 0], entries[line[ENTRIES] + p, 1]
        y, v = row_of(behind, 0, count, row), row_of(numbers, at, count, p)
        if same:
            t = x[columns[begin + slot * count]]
            for k in range(count):
                y[k] += t * v[k]
        else:
            z = row_of(work, 0, count, slot)
            for k in range(count):
                y[k] += z[k] * v[k]


@within
def pulled(G: Rows, cones: Places, w: Array, pulls: Array) -> None:
    """pulls = Uᵀw of every cone, in its columns; w is as long as s."""
    table, entries, numbers, blocks = G[1], G[3], G[4], G[5]
    groups = cones[1]
    for i in range(pulls.size):
        pulls[i] = 0.0
    for g in range(table.shape[0]):
        first, size, slots, begin = groups[g, FIRST], groups[g, SIZE], table[g, SLOTS], table[g, COLUMNS]
        if groups[g, COUNT] > 1:
            pulled_of_all(table[g], groups[g], entries, numbers, blocks, w, pulls)
        elif table[g, BLOCKS] >= 0:
            place = table[g, BLOCKS]
            block = blocks[place : place + (size - 1) * slots].reshape((size - 1, slots))
            add_rows(block, w[first + 1 : first + size], pulls[begin : begin + slots])
        else:
            for p in range(table[g, HOW_MANY]):
                where, number = table[g, ENTRIES] + p, numbers[table[g, NUMBERS] + p]
                pulls[begin + entries[where, 1]] += number * w[first + 1 + entries[where, 0]]


@inner
def pulled_of_all(
    line: Array, group: Array, entries: Array, numbers: Array, blocks: Array, w: Array, pulls: Array
) -> None:
    """Those of a group of several cones."""
    first, count, size = group[FIRST], group[COUNT], group[SIZE]
    slots, at = line[SLOTS], line[NUMBERS]
    behind, mine = w[first + count :], pulls[line[COLUMNS] :]
    if line[BLOCKS] >= 0:
        part, y = np.empty(slots), np.empty(size - 1)
        for k in range(count):
            for a in range(slots):
                part[a] = 0.0
            for i in range(size - 1):
                y[i] = behind[i * count + k]
            place = line[BLOCKS] + k * (size - 1) * slots
            add_rows(blocks[place : place + (size - 1) * slots].reshape((size - 1, slots)), y, part)
            for a in range(slots):
                mine[a * count + k] = part[a]
        return
    for p in range(line[HOW_MANY]):
        row, slot = entries[line[ENTRIES] + p, 0], entries[line[ENTRIES] + p, 1]
        y, v, z = row_of(behind, 0, count, row), row_of(numbers, at, count, p), row_of(mine, 0, count, slot)
        for k in range(count):
            z[k] += y[k] * v[k]


@within
def spread(G: Rows, cones: Places, t: float, by: Array, pulls: Array, x: Array) -> None:
    """x += t Σ byₖ pₖ, p of each cone in its columns."""
    table, columns, groups = G[1], G[2], cones[1]
    for g in range(table.shape[0]):
        slots, begin, cone = table[g, SLOTS], table[g, COLUMNS], table[g, CONE]
        if groups[g, COUNT] > 1:
            spread_from_all(table[g], groups[g, COUNT], columns, t, by, pulls, x)
        else:
            share = t * by[cone]
            for a in range(begin, begin + slots):
                x[columns[a]] += share * pulls[a]


@inner
def spread_from_all(
    line: Array, count: int, columns: Array, t: float, by: Array, pulls: Array, x: Array
) -> None:
    """From a group of several cones."""
    share = by[line[CONE] : line[CONE] + count]
    for a in range(line[SLOTS]):
        v, mine = row_of(pulls, line[COLUMNS], count, a), row_of(columns, line[COLUMNS], count, a)
        if line[SAME] == 1:
            total = 0.0
            for k in range(count):
                total += share[k] * v[k]
            x[mine[0]] += t * total
        else:
            for k in range(count):
                x[mine[k]] += t * share[k] * v[k]


@within
def returned(G: Rows, cones: Places, work: Array, t: float, z: Array, x: Array) -> None:
    """x += t Gᵀz"""
    directed, columns, places, values, r, slacks = G[0], G[2], G[6], G[7], G[9], G[10]
    m = cones[0]
    if m > 0:
        padded, b = parts(work, r + slacks + 1, directed[0].shape[0] + r + 1)
        for i in range(r, r + slacks + 1):
            padded[i] = 0.0
        scattered(directed, z[:m], b, padded[r:])
        across(directed, b, padded)
        for i in range(r + slacks):
            x[i] += t * padded[i]
    if columns.size > 0:
        pulls = work[: columns.size]
        pulled(G, cones, z, pulls)
        spread(G, cones, t, G[11], pulls, x)
    for i in range(values.size):
        x[places[i, 1]] += t * values[i] * z[places[i, 0]]
