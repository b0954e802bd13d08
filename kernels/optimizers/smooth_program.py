"""A smooth objective under linear conditions, its Hessian as its structure has it.

    minimise f(z)    subject to   Ez + e = 0,  Cz + c ≥ 0

Mehrotra's predictor and corrector, as for quadratic programs (`quadratic_program`) and on the same linear system
(`program_system`), with the Hessian of each point. Variables that are alone in it and in their rows are a diagonal and
eliminated, bounds touch a diagonal, and a Hessian that is a diagonal leaves a system of the size of the equalities.
Steps are shortened until f has a value and what the conditions lack becomes less, or the merit

    f − μ Σ log s + ρ(‖Ez + e‖₁ + ‖Cz + c − s‖₁)

does; what gains nothing is tried again without the corrector. A Hessian that is not positive definite where the
conditions leave it free, or no gain at any length, ends the run: `interior_point` is for those problems.
Sources: Nocedal & Wright, Numerical Optimization (2nd ed.), sections 14.2 and 19.3; Boyd & Vandenberghe, Convex
Optimization, section 11.7, for the shortened steps.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..oracle import Array
from .interior_point import CONVERGED, LIMIT, NOT_FINITE, STALLED
from .smooth_step import (
    ALPHA,
    ERROR,
    Linear,
    accepted_program,
    aimed_at,
    first_point,
    of_objective,
    room_for,
    room_of_system,
    to_the_middle,
    tried,
)

#: What is accepted where rounding ends a run; how often a step is halved before another is taken, and then.
NEAR, FEW, HALVINGS = 1e-9, 4, 14


def smooth_program(
    objective: Callable[[Array], tuple[float, Array]],
    curvature: Callable[[Array], tuple[Array, Array]],
    program: Linear,
    start: Array,
    tol: float,
    most: int,
) -> tuple[Array, Array, Array, int, int, float]:
    """z, ν, λ, why the run ended, its steps, the last error.

    objective  f and ∇f of the variables in their own order, which may be fewer than in `start`
    curvature  the dense part of the Hessian, and the diagonal of all that is not in it
    """
    order, inside, n = program[0], program[1], start.size
    point, trial, step, lack, other, numbers = room_for(program, start)
    z, nu, lam = point[0], point[2], point[3]
    x = of_objective(z, order, inside.size)
    f, g = objective(x)
    H, h, system, held, work = room_of_system(program, point)
    first_point(f, g, program, point, work[4], lack, numbers)
    before, status, steps_made = np.inf, LIMIT, 0
    for it in range(most + 1):
        steps_made = it
        error = numbers[ERROR]
        if not error < np.inf:
            status = NOT_FINITE
        elif error <= tol:
            status = CONVERGED
        elif before <= NEAR and not error < 0.5 * before:
            status = STALLED
        if status != LIMIT or it == most:
            break
        before = error
        core, bend = curvature(x)
        there = aimed_at(core, bend, program, H, h, system, held, work, point, step, lack, numbers, tol)
        for attempt in range(2 if there else 0):
            if attempt > 0:
                to_the_middle(program, system, lack, work, point, step, numbers)
            share = numbers[ALPHA]
            for _ in range(HALVINGS if attempt > 0 else FEW):
                tried(point, step, share, trial)
                x = of_objective(trial[0], order, inside.size)
                f, g = objective(x)
                there = accepted_program(
                    f, g, program, trial, work, other, share, tol, point, step, lack, numbers
                )
                if there:
                    break
                share *= 0.5
            if there:
                break
        if not there:
            status = STALLED
            break
    return z[:n], nu, lam, status, steps_made, numbers[ERROR]
