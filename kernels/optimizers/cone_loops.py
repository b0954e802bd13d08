"""What a step of the cone program is made of, as plain loops: `cone_vectors` for small programs, compiled once.

The rows are in `cone_blocks`, the linear system in `cone_normal`, what cones are for loops in `cone_algebra`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from ..apart import apart, elsewhere, inner
from ..oracle import Array
from ..rowwise import dot_rows
from ..special import within
from . import cone_program, program_vectors
from .cone_algebra import (  # noqa: F401  (what `elsewhere` finds)
    Scaled,
    centred,
    corrected,
    degree,
    inside,
    longest_step,
    rooms,
    scaling,
    smoothed,
    times,
    unscaled,
)
from .cone_blocks import applied, returned
from .cone_groups import Places, grouped, with_room  # noqa: F401
from .cone_normal import Program, System, costs_little, factors, solve_system, system_of  # noqa: F401
from .cone_problem import ConeProgram
from .cone_ranks import is_diagonal
from .cone_tables import ends_of, rows_of
from .normal_matrix import is_column
from .program_vectors import copied, largest, moved, product

#: x, ν, s, z; and the residuals of the conditions for x, ν, s, and W⁻¹ of the last.
Point = tuple[Array, Array, Array, Array]
Residual = tuple[Array, Array, Array, Array]


@inner
def sizes(program: Program) -> tuple[float, float, float]:
    """The largest of c, e and g."""
    return largest(program[5]), largest(program[6]), largest(program[7])


@within
def residuals(program: Program, cones: Places, system: System, point: Point, residual: Residual) -> float:
    """Qx + c − Eᵀν − Gᵀz, Ex + e, s − Gx − g; the objective without its constant."""
    G, Q, E, diagonal, c, e, g = (
        program[0], program[2], program[3], program[4], program[5], program[6], program[7],
    )  # fmt: skip
    x, nu, s, z = point
    rx, ry, rs = residual[0], residual[1], residual[2]
    r, work, f = Q.shape[0], system[9], 0.0
    if is_column(Q):
        for i in range(r):
            rx[i] = Q[i, 0] * x[i]
    else:
        dot_rows(Q, x[:r], rx[:r])
    for i in range(r, x.size):
        rx[i] = diagonal[i - r] * x[i]
    for i in range(x.size):
        f += x[i] * (c[i] + 0.5 * rx[i])
        rx[i] += c[i]
    for k in range(e.size):
        ry[k] = product(E[k], x[:r]) + e[k]
        moved(rx, -nu[k], E[k])
    applied(G, cones, work, x, rs)
    for p in range(g.size):
        rs[p] = s[p] - rs[p] - g[p]
    returned(G, cones, work, -1.0, z, rx)
    return f


@inner
def turned(cones: Places, s: Array, z: Array, ds: Array, dz: Array, side: Array) -> int:
    """How many entries of the orthant a whole step sees on another side than the one before, which `side` keeps."""
    m = cones[0]
    return int(program_vectors.turned(s[:m], z[:m], ds[:m], dz[:m], side))


@inner
def residual_scaled(cones: Places, W: Scaled, residual: Residual) -> None:
    """W⁻¹ of the residual of s."""
    copied(residual[2], residual[3])
    times(cones, W, residual[3], True)


@inner
def bent_by(Q: Array, diagonal: Array, x: Array, i: int) -> float:
    """An entry of Qx."""
    r = Q.shape[0]
    if i >= r:
        return float(diagonal[i - r] * x[i])
    return float(Q[i, 0] * x[i] if is_column(Q) else product(Q[i], x[:r]))


@within
def newton_step(
    program: Program,
    cones: Places,
    W: Scaled,
    system: System,
    residual: Residual,
    q: Array,
    share: float,
    turns: int,
    step: Point,
    u: Array,
) -> None:
    """Δx, Δν, Δs, Δz with WΔz + W⁻¹Δs = q, the residuals lowered by a share; u = W⁻¹Δs.

    turns  those after the first take out what rounding left of the first two conditions
    """
    G, Q, E, diagonal, work = program[0], program[2], program[3], program[4], system[9]
    dx, dnu, ds, dz = step
    rx, ry, rs, scaled = residual
    r = Q.shape[0]
    more, beside = np.empty(dx.size), np.empty(dnu.size)
    for i in range(dx.size):
        dx[i] = 0.0
    for k in range(dnu.size):
        dnu[k] = 0.0
    for p in range(q.size):
        dz[p] = q[p] + share * scaled[p]
    times(cones, W, dz, True)
    for turn in range(turns):
        for i in range(dx.size):
            more[i] = -share * rx[i]
        for k in range(dnu.size):
            beside[k] = -share * ry[k]
        if turn > 0:
            for i in range(dx.size):
                more[i] -= bent_by(Q, diagonal, dx, i)
            for k in range(dnu.size):
                beside[k] -= product(E[k], dx[:r])
                moved(more, dnu[k], E[k])
        returned(G, cones, work, 1.0, dz, more)
        solve_system(program, cones, system, more, beside)
        moved(dx, 1.0, more)
        moved(dnu, 1.0, beside)
        applied(G, cones, work, dx, ds)
        for p in range(q.size):
            ds[p] -= share * rs[p]
        copied(ds, u)
        times(cones, W, u, True)
        for p in range(q.size):
            dz[p] = q[p] - u[p]
        times(cones, W, dz, True)


put = within(elsewhere(cone_program.put, globals()))
gone = within(elsewhere(cone_program.gone, globals()))
measured = inner(elsewhere(cone_program.measured, globals()))
noted = inner(elsewhere(cone_program.noted, globals()))
ends = inner(elsewhere(cone_program.ends, globals()))
cone_loop = apart(elsewhere(cone_program.cone_loop, globals()))


def on_program(program: ConeProgram, whole: bool = False) -> tuple[Callable[..., int], Array]:
    """The loop on one program, a function of the state and the steps; the order in which it has the rows.

    whole  whether its matrix is factorised even where it is a diagonal but for matrices of rank one
    """
    r = program.c.size - program.slacks - program.heads
    Q, E, diagonal = program.Q[:r, :r], program.E[:, :r], np.diagonal(program.Q)[r:]
    members, groups, order = grouped(program)
    rows, grams = rows_of(program, members)
    plain = not whole and is_diagonal(program, rows[0])
    last = np.zeros(0, np.int64) if plain else ends_of(program, rows[0])
    if r > 1 and not np.count_nonzero(Q - np.diag(np.diagonal(Q))):
        Q = np.diagonal(Q)[:, None]
    lists = (Q, E, diagonal, program.c, program.e, program.g[order], last)
    matrices = (rows, grams, *(np.ascontiguousarray(a) for a in lists))
    return partial(cone_loop, matrices, (program.cones.orthant, groups), float(program.f0)), order
