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
from . import cone_program
from .cone_algebra import (  # noqa: F401  (what `elsewhere` finds)
    Places,
    Scaled,
    centred,
    corrected,
    degree,
    inside,
    longest_step,
    rooms,
    scaling,
    times,
    unscaled,
)
from .cone_blocks import applied, returned, rows_of
from .cone_normal import (  # noqa: F401
    Program,
    System,
    factors,
    solve_system,
    system_of,
    with_heads,
    with_slacks,
    without_heads,
    without_slacks,
)
from .cone_problem import ConeProgram
from .program_vectors import copied, largest, moved, product

#: x, ν, s, z; and the residuals of the conditions for x, ν, s.
Point = tuple[Array, Array, Array, Array]
Residual = tuple[Array, Array, Array]


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
    rx, ry, rs = residual
    r, work, f = Q.shape[0], system[9], 0.0
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

    turns  those of the linear system
    """
    G = program[0]
    r, slacks, work = G[7], G[8], system[9]
    dx, dnu, ds, dz = step
    rx, ry, rs = residual
    copied(rs, u)
    times(cones, W, u, True)
    for i in range(q.size):
        u[i] = q[i] + share * u[i]
    times(cones, W, u, True)
    for i in range(dx.size):
        dx[i] = -share * rx[i]
    returned(G, cones, work, 1.0, u, dx)
    if slacks > 0:
        without_slacks(G[0], system[3], system[4], work, r, dx)
    if dx.size > r + slacks:
        without_heads(G, system[5], system[6], dx)
    solve_system(program[3], system, r, -share, ry, turns, dx, dnu)
    if slacks > 0:
        with_slacks(G[0], system[3], system[4], work, r, dx)
    if dx.size > r + slacks:
        with_heads(G, system[5], system[6], dx)
    applied(G, cones, work, dx, ds)
    for p in range(q.size):
        ds[p] -= share * rs[p]
    copied(ds, u)
    times(cones, W, u, True)
    for p in range(q.size):
        dz[p] = q[p] - u[p]
    times(cones, W, dz, True)


noted = inner(elsewhere(cone_program.noted, globals()))
ends = inner(elsewhere(cone_program.ends, globals()))
cone_loop = apart(elsewhere(cone_program.cone_loop, globals()))


def on_program(program: ConeProgram) -> Callable[..., int]:
    """The loop on one program: a function of the state and the steps."""
    r = program.c.size - program.slacks - program.heads
    Q, E, diagonal = program.Q[:r, :r], program.E[:, :r], np.diagonal(program.Q)[r:]
    lists = (Q, E, diagonal, program.c, program.e, program.g)
    matrices = (*rows_of(program), *(np.ascontiguousarray(a) for a in lists))
    return partial(cone_loop, matrices, program.cones.places, float(program.f0))
