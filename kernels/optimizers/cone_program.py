"""Quadratic programs over second-order cones: Mehrotra's predictor and corrector with Nesterov and Todd's scaling.

    minimise ½xᵀQx + cᵀx   subject to   Ex + e = 0,   s = Gx + g in a product of cones

With multipliers ν and z, z in the same cones, Newton's method is applied to Qx + c − Eᵀν − Gᵀz = 0, the two linear
conditions, and λ ∘ λ = σμe in the scaled space, λ = Wz = W⁻¹s. Eliminating Δs and Δz leaves (Q + GᵀW⁻²G, E).
From a moderate error on the cones are guessed: a full affine step is projected, s and z to the pair inside with s ∘ z
= μe and the same difference, for a μ at the tolerance, and Newton's method goes on from there (Chen, Harker, Kanzow
and Smale's smoothing), quadratically where the guess is right; where it does not, the interior point does.
The loop is one text, as that of `interior_point` is: under Python its steps are NumPy (`cone_vectors`); for small
programs that are prepared it is compiled, with plain loops (`cone_loops`).
Sources: Vandenberghe, The CVXOPT linear and quadratic cone program solvers (2010), sections 4 to 6; Fukushima, Luo &
Tseng, SIAM J. Optim. 12 (2002), for smoothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from ..oracle import Vector
from .cone_presolve import Presolved
from .cone_problem import ConeAnswer, ConeProgram
from .cone_units import Balanced, cleared
from .cone_vectors import (
    centred,
    copied,
    corrected,
    costs_little,
    degree,
    factors,
    inside,
    largest,
    longest_step,
    moved,
    newton_step,
    product,
    residual_scaled,
    residuals,
    rooms,
    scaling,
    sizes,
    smoothed,
    system_of,
    turned,
    unscaled,
    with_room,
)

CONVERGED, LIMIT, STALLED, STOPPED = 0, 1, 2, 3
#: Where the residuals and the gap are below this share, a run ends; also after so many steps, or after some that gain
#: nothing, fewer of them where the point is good enough.
ENOUGH, GOOD, MOST, PATIENCE = 3e-12, 1e-9, 80, 20
#: An objective that is smaller, in balanced units, counts as nothing beside a gap.
LEAST = 1e-2
#: How much of the way to the edge a step goes. One that is shorter than `SHORT` is tried again with a corrector that
#: brings the products at a point so much further between so many times what they are to be, and its inverse (Gondzio,
#: Comput. Optim. Appl. 6 (1996)); and taken if it is so much longer.
KEPT, SHORT, FURTHER, CENTRAL, GAINED = 0.99, 0.9, 0.2, 0.1, 0.01
#: Below this error steps are refined where the linear conditions, which a full step ends, are more than a share of it.
FINE, APART = 1e-4, 1e-2

#: Below this error smoothed Newton steps are tried, and after some that failed once it has fallen to a share. They go
#: on while the first leaves no more than this, each a share of that before; they aim at a share of the gap that may be,
#: and end with a share of the tolerance.
EARLY, LATER, START, FALLING, LEFT, EXACT = 0.1, 0.01, 3e-2, 0.3, 0.02, 0.03
#: One that gains less is halved, no further than to this length, and so many of them; below an error the factors of the
#: step before do.
SHORTEST, HALVED, CHORD = 0.3, 3, 1e-5

#: What conditions may lack beside the tolerance where the gap is within it: no step takes out what rounding puts there.
ROUNDED = 10.0
#: What a run keeps in numbers: whether it has begun; the sizes of c, e, g; sᵀz, the objective, the error, and that of
#: slope and equations here; the error at the best point; steps without gain; steps; the error below which smoothed ones
#: are tried.
BEGUN, OF_C, OF_E, OF_G, GAP, HERE, WORST, LINEAR, BEST, STALL, COUNT, NEXT = range(12)
NUMBERS = 12
#: x, ν, s, z; residuals for x, ν, s, and W⁻¹ of the last; x, ν, z.
Point = tuple[Vector, Vector, Vector, Vector]
Residual = tuple[Vector, Vector, Vector, Vector]
Best = tuple[Vector, Vector, Vector]


def cone_loop(
    program: Any, cones: Any, f0: float, point: Point, best: Best, numbers: Vector, tol: float, steps: int
) -> int:
    """Up to so many steps from zeros, where a run begins, or from where it was left; why they ended.

    All of its state is in the arrays.
    program, cones  matrices and `Cones`, or what `cone_loops` has for them
    """
    x, nu, s, z = point
    residual = np.empty(x.size), np.empty(nu.size), np.empty(s.size), np.empty(s.size)
    step = np.empty(x.size), np.empty(nu.size), np.empty(s.size), np.empty(s.size)
    trial = np.empty(x.size), np.empty(nu.size), np.empty(s.size), np.empty(s.size)
    q, u = np.empty(s.size), np.empty(s.size)
    held = with_room(cones)
    W, system = rooms(held, s), system_of(program)
    refines = costs_little(system)
    lam, unit, made, fresh = W[3], np.empty(W[0].size), 0, False
    origin = np.empty(x.size), np.empty(nu.size), np.empty(s.size), np.empty(s.size)
    leaps, halved, known, side = 0, 0, False, np.zeros(unit.size)
    before, error, most, aim, length = 0.0, 0.0, 0.0, 0.0, 1.0
    if numbers[BEGUN] == 0.0:
        numbers[BEST], numbers[NEXT] = np.inf, EARLY
        of_c, of_e, of_g = sizes(program)
        numbers[OF_C], numbers[OF_E], numbers[OF_G] = max(1.0, of_c), max(1.0, of_e), max(1.0, of_g)
    while True:
        f = f0 + residuals(program, held, system, point, residual)
        begun = numbers[BEGUN] > 0.0
        if begun:
            measured(f, residual, point, numbers)
        if leaps > 0 and not numbers[WORST] < most:
            if numbers[BEST] <= tol:
                break
            if leaps > 1 and length > SHORTEST and halved < HALVED:  # half of the way
                halved += 1 if length == 1.0 else 0
                length *= 0.5
                put(origin, point)
                gone(point, length, trial)
                smoothed(held, unit, s, z, aim)
                most = (1.0 - FALLING * length) * error
                continue
            put(step, point)  # back to where it began
            numbers[NEXT] = before if leaps == 1 else LATER * before
            known, leaps, most, fresh = leaps == 1, 0, 0.0, False
            continue
        if begun:
            if fresh:
                noted(point, best, numbers)
            if (made == steps and leaps == 0) or ends(numbers, tol if leaps == 0 else EXACT * tol):
                break
        if leaps > 0:
            error, length = numbers[WORST], 1.0
            most = FALLING * error
            known = leaps > 1 and error < CHORD
            put(point, origin)
            numbers[COUNT] += 1.0
        if not known:
            if begun:
                scaling(held, s, z, W)
            else:  # least squares, from zeros
                unscaled(held, W)
            if not factors(program, held, W, system):
                if leaps > 0:
                    leaps, most = 2, -1.0
                    continue
                numbers[STALL] = np.inf
                break
        if begun:
            copied(lam, q)
            moved(q, -1.0 if leaps > 0 else -2.0, lam)
        else:
            copied(s, q)
        residual_scaled(held, W, residual)
        share, t, goal, whole = 1.0, 1.0, 0.0, False
        for turn in range(3):
            worst = numbers[WORST]
            turns = 1
            if (leaps > 0 and refines) or (
                (turn > 0 or leaps > 0) and worst < FINE and numbers[LINEAR] > APART * worst
            ):
                turns = 2
            if leaps > 0 or not known:
                newton_step(program, held, W, system, residual, q, share, turns, trial, u)
            if leaps > 0:
                whole = True
                break
            if begun and turn == 0:
                if not known and turned(held, s, z, trial[2], trial[3], side) == 0 and worst < numbers[NEXT]:
                    put(point, step)
                    copied(W[0], unit)
                    whole, before, most, halved = True, worst, START, 0
                    break
                known = False
                moved(q, -1.0, u)  # WΔz
                share = longest_step(held, lam, q, longest_step(held, lam, u, 1.0))
                sigma = (1.0 - share) * (1.0 - share) * (1.0 - share)
                goal, share = sigma * numbers[GAP] / degree(held), 1.0 - sigma
                corrected(held, lam, u, goal, q)
                continue
            reach = 1.0
            if begun:
                reach = KEPT * longest_step(held, z, trial[3], longest_step(held, s, trial[2], 1.0 / KEPT))
            if turn < 2 or reach > t + GAINED:
                t = reach
                put(trial, step)
            if turn == 2 or t >= SHORT:
                break
            centred(held, lam, u, q, min(1.0, t + FURTHER), CENTRAL * goal, goal / CENTRAL)
        if not abs(t) < np.inf:
            numbers[STALL] = np.inf
            break
        if whole:
            gone(point, t, trial)
        else:
            gone(point, t, step)
        if most > 0.0:
            aim = LEFT * tol * max(LEAST, abs(f)) / degree(held)
            smoothed(held, unit, s, z, aim)
            leaps += 1
        elif begun:
            numbers[COUNT] += 1.0
            made += 1
        else:
            inside(held, s)
            inside(held, z)
            numbers[BEGUN] = 1.0
        fresh = True
    if numbers[BEST] <= tol or ends(numbers, tol):
        return CONVERGED if numbers[BEST] <= GOOD else STALLED
    return LIMIT


def put(x: Point, to: Point) -> None:
    """One point in the place of another."""
    copied(x[0], to[0])
    copied(x[1], to[1])
    copied(x[2], to[2])
    copied(x[3], to[3])


def gone(x: Point, t: float, way: Point) -> None:
    """A point so far on its way."""
    moved(x[0], t, way[0])
    moved(x[1], t, way[1])
    moved(x[2], t, way[2])
    moved(x[3], t, way[3])


def measured(f: float, residual: Residual, point: Point, numbers: Vector) -> None:
    """How far a point is from the conditions."""
    rx, ry, rs = residual[0], residual[1], residual[2]
    gap = product(point[2], point[3])
    linear = max(largest(rx) / numbers[OF_C], largest(ry) / numbers[OF_E])
    worst = max(linear, max(largest(rs) / numbers[OF_G], gap / max(LEAST, abs(f))))
    numbers[GAP], numbers[HERE], numbers[WORST], numbers[LINEAR] = gap, f, worst, linear


def noted(point: Point, best: Best, numbers: Vector) -> None:
    """A new point: whether it is the best, and how long none was much better."""
    x, nu, _, z = point
    worst = numbers[WORST]
    numbers[STALL] = 0.0 if worst < 0.5 * numbers[BEST] else numbers[STALL] + 1.0
    if worst < numbers[BEST]:
        numbers[BEST] = worst
        best_x, best_nu, best_z = best
        copied(x, best_x)
        copied(nu, best_nu)
        copied(z, best_z)


def ends(numbers: Vector, tol: float) -> bool:
    """Whether the run is over."""
    worst = numbers[WORST]
    if worst <= tol or not abs(worst) < np.inf:
        return True
    if worst <= ROUNDED * tol and numbers[GAP] <= tol * max(LEAST, abs(numbers[HERE])):
        return True
    return bool(numbers[STALL] >= (2.0 if numbers[BEST] <= GOOD else PATIENCE) or numbers[COUNT] >= MOST)


class ConeSolver:
    """A program made smaller and put in balanced units once, for runs of the loop.

    column    the units of the unknowns, where they are not to be balanced
    compiled  what makes a loop of the program, and the order of its rows, as `cone_loops.on_program`; NumPy without it
    """

    def __init__(
        self,
        program: ConeProgram,
        column: Vector | None = None,
        compiled: Callable[[ConeProgram], tuple[Callable[..., int], Any]] | None = None,
    ) -> None:
        self._presolved = Presolved.of(program)
        self._balanced = Balanced.of(
            self._presolved.program, None if column is None else column[self._presolved.order]
        )
        self.program = self._balanced.program
        self._loop, self._order = (on_matrices if compiled is None else compiled)(self.program)
        self._unit, self._scale = (
            self.program.cones.unit[self._order],
            self._balanced.point(np.ones(self.program.c.size)),
        )

    def solve(
        self, watch: Callable[[int, Vector, float, float], bool] | None = None, tol: float = ENOUGH
    ) -> ConeAnswer:
        """The best point of a run, in its own terms, its rows in the order of the loop."""
        n, q, size = self.program.c.size, self.program.e.size, self._unit.size
        point = np.zeros(n), np.zeros(q), np.zeros(size), np.zeros(size)
        best, numbers = (np.zeros(n), np.zeros(q), self._unit.copy()), np.zeros(NUMBERS)
        status, steps = LIMIT, 0 if watch is not None else MOST + 1
        while status == LIMIT:
            status = self._loop(point, best, numbers, tol, steps)
            if watch is None or numbers[BEGUN] == 0.0:
                break
            f = numbers[HERE] / self._balanced.unit
            if watch(int(numbers[COUNT]), self.point(point[0]), f, numbers[WORST]):
                status = STOPPED
            steps = 1
        return ConeAnswer(*best, status, int(numbers[COUNT]))

    def point(self, x: Vector) -> Vector:
        """The unknowns that were given, from those of a run."""
        return self._presolved.point(self._scale * x)

    def restored(self, answer: ConeAnswer) -> ConeAnswer:
        """The answer for the program that was given, with its multipliers, from that of a run."""
        z = np.empty(answer.z.size)
        z[self._order] = answer.z
        return self._presolved.restored(self._balanced.restored(replace(answer, z=z)))


def on_matrices(program: ConeProgram) -> tuple[Callable[..., int], Any]:
    """The loop on one program, its steps by NumPy: a function of the state and the steps; the order of the rows."""
    matrices = program.Q, program.c, program.E, program.e, program.G, program.g
    return partial(cone_loop, matrices, program.cones, program.f0), np.arange(program.g.size)


def solve_cone_program(
    program: ConeProgram,
    watch: Callable[[int, Vector, float, float], bool] | None = None,
    column: Vector | None = None,
) -> ConeAnswer:
    """The best point of a run in balanced units."""
    solver = ConeSolver(program, column)
    return cleared(program, solver.restored(solver.solve(watch)))
