"""Cones of one size side by side: what loops do to all of them at once.

Dozens of short cones, as sums of norms have them, are taken as one block: the heads of all, then the first entries
behind the heads, and so on, so that loops run over cones, not along them. A cone without fellows is a group of one, and
lies as it is stated. `cones` are the length m of the orthant and the groups behind it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..apart import inner
from ..oracle import Array
from ..special import within
from .cone_problem import ConeProgram

#: So many cones of one size and kind, which meet as many unknowns, are a group; twice as many with more entries in each
#: row.
FELLOWS, FEW = 8, 3
#: What the head of a cone is: a private unknown, a constant, or a function of shared unknowns.
PRIVATE, LEVEL, SHARED = range(3)
#: Of each group its first row, how many cones it has, and their size.
FIRST, COUNT, SIZE = range(3)
#: The length of the orthant, the groups, and room for some numbers of each cone of a group.
Places = tuple[int, Array, Array]
#: How many numbers that are at most.
ROOM = 6


def kinds_of(program: ConeProgram) -> Array:
    """What the heads of the cones are."""
    heads, n = program.G[program.cones.heads], program.c.size - program.heads
    private, shared = heads[:, n:].any(axis=1), heads[:, :n].any(axis=1)
    found: Array = np.where(private, PRIVATE, np.where(shared, SHARED, LEVEL))
    return found


def met_by(program: ConeProgram, shared: int) -> Array:
    """Which shared unknowns each cone meets."""
    found: Array = program.cones.met(program.G)[:, :shared] | (program.G[program.cones.heads, :shared] != 0.0)
    return found


def grouped(program: ConeProgram) -> tuple[list[Any], Array, Array]:
    """The cones of each group; the groups; the place of each row among those of the program."""
    cones, shared = program.cones, program.c.size - program.slacks - program.heads
    keys = np.column_stack([cones.sizes, kinds_of(program), met_by(program, shared).sum(axis=1)])
    found: list[Any] = []
    for key in np.unique(keys, axis=0):
        members = np.flatnonzero((keys == key).all(axis=1))
        entries = np.count_nonzero(program.G[cones.heads[members[0]] :][: cones.sizes[members[0]], :shared])
        enough = FELLOWS if entries <= FEW * key[0] else 2 * FELLOWS
        found += [members] if members.size >= enough else list(members[:, None])
    places, table, at = [np.arange(cones.orthant)], np.zeros((len(found), 3), np.int64), cones.orthant
    for g, members in enumerate(found):
        size = int(cones.sizes[members[0]])
        table[g] = at, members.size, size
        places.append((cones.heads[members] + np.arange(size)[:, None]).reshape(-1))
        at += members.size * size
    return found, table, np.concatenate(places)


@within
def row_of(x: Array, first: int, count: int, i: int) -> Array:
    """The entries i of all cones of a group."""
    return x[first + i * count : first + (i + 1) * count]


@within
def products(x: Array, y: Array, first: int, count: int, size: int, found: Array) -> None:
    """uᵀv of the cones (t, u) and (r, v) of a group."""
    if count == 1:
        t = 0.0
        for i in range(first + 1, first + size):
            t += x[i] * y[i]
        found[0] = t
    else:
        products_of_all(x, y, first, count, size, found)


@inner
def products_of_all(x: Array, y: Array, first: int, count: int, size: int, found: Array) -> None:
    """The same for several cones."""
    for k in range(count):
        found[k] = 0.0
    for i in range(1, size):
        a, b = row_of(x, first, count, i), row_of(y, first, count, i)
        for k in range(count):
            found[k] += a[k] * b[k]


@within
def combined(a: Array, x: Array, b: Array, y: Array, first: int, count: int, size: int, found: Array) -> None:
    """au + bv of the cones (t, u) and (r, v) of a group, behind the heads of a third; a, b of each cone."""
    if count == 1:
        of_x, of_y = a[0], b[0]
        for i in range(first + 1, first + size):
            found[i] = of_x * x[i] + of_y * y[i]
    else:
        combined_of_all(a, x, b, y, first, count, size, found)


@inner
def combined_of_all(
    a: Array, x: Array, b: Array, y: Array, first: int, count: int, size: int, found: Array
) -> None:
    """The same for several cones."""
    for i in range(1, size):
        u, v, w = row_of(x, first, count, i), row_of(y, first, count, i), row_of(found, first, count, i)
        for k in range(count):
            w[k] = a[k] * u[k] + b[k] * v[k]


@inner
def with_room(cones: tuple[int, Array]) -> Places:
    """The cones for one run."""
    m, groups = cones
    most = 0
    for g in range(groups.shape[0]):
        most = max(most, groups[g, COUNT])
    return m, groups, np.empty((ROOM, most))
