"""A program over cones with fewer unknowns, shorter cones and its private unknowns last; and the way back.

*Heads that a row bounds* (`without_bounds`). Where t ≥ ‖u‖ stands besides in one row of the orthant alone, as a bound
from above, t ≤ aᵀx + b, the cone may as well say ‖u‖ ≤ aᵀx + b. What presses on the head is what pressed on the row.

*Long cones* (`shortened`). Of Ax + b with more rows than (A, b) has columns, the triangle R in (A, b) = QR has the
same length for every x. A residual of a thousand rows and ten unknowns is a cone of twelve, its multipliers are Q
times those of R, and nothing is squared.

*Private unknowns* (`ordered`) meet nothing in Q and E, and are either slacks, in rows of the orthant none of which has
a second one, or the head of a cone, in no other row. `cone_loops` eliminates them by themselves.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..oracle import Vector
from .cone_problem import ConeAnswer, ConeProgram
from .second_order import Cones

#: A variable in more rows of the orthant than that is no slack: eliminating one costs more than it saves.
SLACK_ROWS = 32
#: From x and z of the program that was made to those of the one that it was made from.
Back = Callable[[Vector, Vector], tuple[Vector, Vector]]


@dataclass(frozen=True)
class Presolved:
    """The program; its unknowns among those of the one that was given; the bounds that became heads; the ways back.

    bounds  of each such head its place among the unknowns given, and the bound as a row and a constant
    """

    program: ConeProgram
    order: Any
    bounds: tuple[Any, Any, Any]
    back: tuple[Back, ...]

    @classmethod
    def of(cls, program: ConeProgram) -> Presolved:
        """The program made smaller, as far as it can be."""
        made, kept, bounds, first = without_bounds(program)
        made, second = shortened(made)
        made, order, third = ordered(made)
        return cls(made, kept[order], bounds, (third, second, first))

    def point(self, x: Vector) -> Vector:
        """All unknowns that were given; heads are as large as their bounds."""
        t, rows, constants = self.bounds
        found = np.zeros(self.order.size + t.size)
        found[self.order] = x
        if t.size:
            found[t] = rows @ found + constants
        return found

    def restored(self, answer: ConeAnswer) -> ConeAnswer:
        """The answer to the program that was given; heads are in the middle between their cones and bounds."""
        x, z = answer.x, answer.z
        for back in self.back:
            x, z = back(x, z)
        return replace(answer, x=x, z=z)


def without_bounds(program: ConeProgram) -> tuple[ConeProgram, Any, tuple[Any, Any, Any], Back]:
    """Bounds of heads in their place; the unknowns that are left, and the bounds."""
    G, g, cones = program.G, program.g, program.cones
    m, (size, n) = cones.orthant, G.shape
    met = G != 0.0
    idle = ~(program.Q.any(axis=0) | (program.c != 0.0) | program.E.any(axis=0)) & (met.sum(axis=0) == 2)
    t = np.flatnonzero(idle)
    if not t.size:
        return program, np.arange(n), (t, np.zeros((0, n)), np.zeros(0)), lambda x, z: (x, z)
    row, head = met[:, t].argmax(axis=0), size - 1 - met[::-1, t].argmax(axis=0)
    fits = (row < m) & np.isin(head, cones.heads) & (G[row, t] < 0.0) & (G[head, t] > 0.0)
    t, row, head = t[fits], row[fits], head[fits]
    once = np.unique(row, return_index=True)[1]
    t, row, head = t[once], row[once], head[once]
    once = np.unique(head, return_index=True)[1]
    t, row, head = t[once], row[once], head[once]
    bound, lead = -G[row, t], G[head, t]
    bounds = G[row] / bound[:, None], g[row] / bound
    bounds[0][np.arange(t.size), t] = 0.0
    if not t.size:
        return program, np.arange(n), (t, *bounds), lambda x, z: (x, z)
    H, h = G.copy(), g.copy()
    H[head] += (lead / bound)[:, None] * G[row]
    h[head] += lead / bound * g[row]
    kept, rows = np.delete(np.arange(n), t), np.delete(np.arange(size), row)
    shape = Cones(m - row.size, cones.sizes.tolist())
    made = ConeProgram(
        program.Q[np.ix_(kept, kept)], program.c[kept], program.f0, program.E[:, kept], program.e,
        H[np.ix_(rows, kept)], h[rows], shape,
    )  # fmt: skip
    which = np.searchsorted(cones.heads, head)

    def back(x: Vector, z: Vector) -> tuple[Vector, Vector]:
        whole, press = np.zeros(n), np.zeros(size)
        whole[kept], press[rows] = x, z
        press[row] = lead / bound * press[head]
        s = G @ whole + g
        length = np.sqrt(cones.added(s[m:] ** 2) - s[cones.heads] ** 2)[which]
        whole[t] = 0.5 * (s[row] / bound + (length - s[head]) / lead)
        return whole, press

    return made, kept, (t, *bounds), back


def triangle(A: Any, b: Vector, met: Any) -> tuple[Any, Any, Vector] | None:
    """Q, A' and b' with Ax + b = Q (A'x + b') where these have fewer rows; A is zero in all columns but some."""
    width = met.size + int(b.any())
    if len(A) <= width:
        return None
    turn, found = np.linalg.qr(np.column_stack([A[:, met], b])[:, :width])
    short, rest = np.zeros((width, A.shape[1])), np.zeros(width)
    short[:, met] = found[:, : met.size]
    if width > met.size:
        rest = found[:, -1]
    return turn, short, rest


def shortened(program: ConeProgram) -> tuple[ConeProgram, Back]:
    """Triangles in place of the rows of long cones."""
    G, g, cones = program.G, program.g, program.cones
    m, at = cones.orthant, cones.orthant
    met = cones.met(G)
    long = cones.sizes - 1 > met.sum(axis=1)
    if not long.any():
        return program, lambda x, z: (x, z)
    blocks, offsets, places, sizes, turns = [G[:m]], [g[:m]], [np.arange(m)], [], []
    for k, (first, count) in enumerate(zip(cones.heads.tolist(), cones.sizes.tolist(), strict=True)):
        rows = np.arange(first, first + count)
        short = triangle(G[rows[1:]], g[rows[1:]], np.flatnonzero(met[k])) if long[k] else None
        kept = rows if short is None else rows[:1]
        blocks.append(G[kept])
        offsets.append(g[kept])
        places.append(kept)
        sizes.append(count)
        if short is not None:
            turn, A, b = short
            turns.append((at + 1, first + 1, turn))
            blocks.append(A)
            offsets.append(b)
            places.append(np.full(len(A), -1))
            sizes[-1] = 1 + len(A)
        at += sizes[-1]
    whole, constant, place = np.vstack(blocks), np.concatenate(offsets), np.concatenate(places)

    def back(x: Vector, z: Vector) -> tuple[Vector, Vector]:
        press = np.zeros(g.size)
        press[place[place >= 0]] = z[place >= 0]
        for here, there, turn in turns:
            press[there : there + len(turn)] = turn @ z[here : here + turn.shape[1]]
        return x, press

    return replace(program, G=whole, g=constant, cones=Cones(m, sizes)), back


def ordered(program: ConeProgram) -> tuple[ConeProgram, Any, Back]:
    """Slacks of rows and heads of cones at the end; the order."""
    Q, G, cones = program.Q, program.G, program.cones
    m, n = cones.orthant, program.c.size
    met = G != 0.0
    alone = ((Q != 0.0).sum(axis=0) == (np.diagonal(Q) != 0.0)) & ~program.E.any(axis=0)
    below, bent = met[:m].sum(axis=0), met[m:].any(axis=0)
    slacks, taken = [], np.zeros(m, bool)
    for j in np.flatnonzero(alone & ~bent & (below > 0) & (below <= SLACK_ROWS))[
        ::-1
    ]:  # mostly the last ones
        rows = met[:m, j]
        if not taken[rows].any():
            taken |= rows
            slacks.append(int(j))
    single = met[cones.heads].sum(axis=1) == 1
    heads = met[cones.heads[single]].argmax(axis=1)
    heads = heads[alone[heads] & (met[:, heads].sum(axis=0) == 1)]
    last = [*reversed(slacks), *heads.tolist()]
    shared = np.ones(n, bool)
    shared[last] = False
    order = np.concatenate([np.flatnonzero(shared), np.asarray(last, int)])
    made = replace(program, slacks=len(slacks), heads=heads.size)
    if (order == np.arange(n)).all():  # mostly
        return made, order, lambda x, z: (x, z)
    made = replace(made, Q=Q[np.ix_(order, order)], c=program.c[order], E=program.E[:, order], G=G[:, order])

    def back(x: Vector, z: Vector) -> tuple[Vector, Vector]:
        found = np.empty(n)
        found[order] = x
        return found, z

    return made, order, back
