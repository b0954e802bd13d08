"""Units in which a program over cones is solved, and what an answer lacks by rounding alone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..oracle import Vector
from .cone_problem import ConeAnswer, ConeProgram

#: Shares of the largest: how deep a point is inside a cone, and what presses by rounding alone.
INSIDE, ROUNDING = 1e-4, 1e-7
#: Passes that balance the sizes of rows and columns at most, and what is balanced.
PASSES, BALANCED = 12, 2.0
#: Rounds of a fit of logarithms.
FITTED = 40


@dataclass(frozen=True)
class Balanced:
    """A program in units in which its rows and columns have like sizes, and these units."""

    program: ConeProgram
    column: Vector
    equal: Vector
    row: Vector
    one: float
    share: float

    @classmethod
    def of(cls, program: ConeProgram, column: Vector | None = None) -> Balanced:
        """Ruiz' scaling (RAL-TR-2001-034), one number for all rows of a cone; the objective of size 1.

        The constants e and g are a column as well, whose unit is that of all unknowns together. Where `column` gives
        the units of the unknowns, they are left.
        """
        Q, E, G, cones = program.Q, program.E, program.G, program.cones
        given, column = column is not None, np.ones(program.c.size) if column is None else column
        equal, row = np.ones(program.e.size), np.ones(program.g.size)
        one = 1.0
        for _ in range(PASSES):
            q, a, b = (np.abs(M) * column for M in (Q, E, G))
            q, a, b = q * column[:, None], a * equal[:, None], b * row[:, None]
            c, e, g = (
                one * np.abs(v) * scale
                for v, scale in ((program.c, column), (program.e, equal), (program.g, row))
            )
            share = _inverse(q, c)
            tall = np.max(np.vstack([share * q, a, b]), axis=0, initial=0.0)
            wide, level = (np.maximum(np.max(M, axis=1, initial=0.0), v) for M, v in ((b, g), (a, e)))
            wide[cones.orthant :] = cones.largest(wide[cones.orthant :])[cones.owner]
            last = max(float(v.max(initial=0.0)) for v in (e, g)) or share * float(c.max(initial=0.0))
            sizes = [np.where(size > 0.0, size, 1.0) for size in (tall, level, wide, np.asarray(last))]
            if given:
                sizes[0], sizes[3] = np.ones(tall.size), np.ones(())
            column, equal, row = (
                old / np.sqrt(size) for old, size in zip((column, equal, row), sizes, strict=False)
            )
            one = float(one / np.sqrt(sizes[3]))
            if all(((size < BALANCED) & (size > 1.0 / BALANCED)).all() for size in sizes):
                break
        curved, slope = Q * column * column[:, None], one * program.c * column
        share = _inverse(curved, slope)
        scaled = replace(
            program,
            Q=share * curved,
            c=share * slope,
            f0=share * one**2 * program.f0,
            E=E * column * equal[:, None],
            e=one * program.e * equal,
            G=G * column * row[:, None],
            g=one * program.g * row,
        )
        return cls(scaled, column, equal, row, one, share)

    @property
    def unit(self) -> float:
        """That of the objective."""
        return self.share * self.one**2

    def point(self, x: Vector) -> Vector:
        """x in the units of the program that was given."""
        return self.column * x / self.one

    def restored(self, answer: ConeAnswer) -> ConeAnswer:
        """The answer in the units of the program that was given."""
        share = self.share * self.one
        nu, z = self.equal * answer.nu / share, self.row * answer.z / share
        return replace(answer, x=self.point(answer.x), nu=nu, z=z)


def _inverse(*parts: Any) -> float:
    """One over the largest entry; 1 where all vanish."""
    largest = max(float(np.abs(a).max(initial=0.0)) for a in parts)
    return 1.0 / largest if largest > 0.0 else 1.0


def geometric_units(program: ConeProgram) -> Vector:
    """Units of the unknowns in which the entries of all rows, the slope and the constants among them, are nearest to 1.

    The logarithms are fitted by least squares, rows and columns in turn (Curtis and Reid, J. Inst. Math. Appl. 10
    (1972)): where the largest entries of columns are alike and all the others tiny, these count too.
    """
    cones, p = program.cones, program.e.size
    A = np.abs(np.vstack([program.E, program.G, program.c]))
    A = np.hstack([A, np.abs(np.concatenate([program.e, program.g, [0.0]]))[:, None]])
    there = A > 0.0
    logs = np.log(np.where(there, A, 1.0))
    m = p + cones.orthant
    group = np.concatenate([np.arange(m), m + cones.owner, [m + cones.sizes.size]])
    across, down = np.maximum(np.bincount(group, there.sum(axis=1)), 1.0), np.maximum(there.sum(axis=0), 1)
    column, row = np.zeros(A.shape[1]), np.zeros(group.max() + 1)
    for _ in range(FITTED):
        row = -np.bincount(group, (there * (logs + column)).sum(axis=1)) / across
        column = -(there * (logs + row[group][:, None])).sum(axis=0) / down
    return np.asarray(np.exp(column[:-1] - column[-1]))


def cleared(program: ConeProgram, answer: ConeAnswer) -> ConeAnswer:
    """The answer with multipliers of exactly 0 for rows and cones in whose inside the point lies.

    They press by rounding alone, which has no size of its own: no residual beside it would be small.
    """
    cones, m, z = program.cones, program.cones.orthant, answer.z
    s, rows = program.G @ answer.x + program.g, np.abs(program.G)
    press = rows.max(axis=1, initial=0.0) * np.abs(z)
    press = np.concatenate([press[:m], cones.largest(press[m:])])
    forces = np.abs(program.Q) @ np.abs(answer.x) + np.abs(program.c) + rows.T @ np.abs(z)
    inside = cones.depths(s) > INSIDE * float(np.abs(s).max(initial=0.0))
    free = inside & (press < ROUNDING * float(forces.max(initial=0.0)))
    return replace(answer, z=np.where(np.concatenate([free[:m], free[m:][cones.owner]]), 0.0, z))
