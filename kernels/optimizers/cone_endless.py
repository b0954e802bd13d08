"""Whether the objective of a program over cones falls without end."""

from __future__ import annotations

import numpy as np

from .cone_problem import ConeProgram
from .cone_program import solve_cone_program
from .second_order import Cones

#: A fall along a direction of entries up to 1, over the largest slope, that is more than rounding.
FALLS = 1e-6


def falls_along_recession(program: ConeProgram) -> bool:
    """Whether the objective falls along a direction without curvature that leaves no condition: the least of cᵀd over
    |dᵢ| ≤ 1 with Qd = 0, Ed = 0 and Gd in the cones is below 0."""
    n, cones = program.c.size, program.cones
    straight = np.vstack([program.E, program.Q[program.Q.any(axis=1)]])
    inside = np.vstack([np.eye(n), -np.eye(n), program.G])
    room = np.concatenate([np.ones(2 * n), np.zeros(len(program.G))])
    further = ConeProgram(
        np.zeros((n, n)),
        program.c,
        0.0,
        straight,
        np.zeros(len(straight)),
        inside,
        room,
        Cones(2 * n + cones.orthant, cones.sizes.tolist()),
    )
    with np.errstate(all="ignore"):
        answer = solve_cone_program(further)
    size = float(np.abs(program.c).max(initial=0.0))
    depth = float(-further.cones.depths(inside @ answer.x + room).min(initial=0.0))
    return bool(program.c @ answer.x < -FALLS * size and depth <= FALLS)
