"""Programs that minimise one norm, by the quadratic program of its square.

    minimise a‖Ax + b‖   and   minimise ½‖Ax + b‖²   subject to   Ex + e = 0,  Cx + c ≥ 0

have the same minimisers, for the square of what is not negative grows with it. Multipliers of the square are
‖Ax + b‖/a times those of the norm, and what presses on the cone is a(1, −(Ax + b)/‖Ax + b‖). Where the least norm is 0
there are no such multipliers, and where A is badly conditioned its square is no help: the answer is compared with the
conditions of the program over cones, which is solved itself if it does not meet them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from ..oracle import Vector
from .cone_problem import ConeAnswer, ConeProgram
from .cone_program import CONVERGED, GOOD, LIMIT
from .interior_point import Functions, Values
from .program_forms import ProgramSolver, forms

#: Values of the square between which it may be minimised as it is: gaps are measured beside 1.
SMALL, LARGE = 0.1, 10.0


def minimises_a_norm(program: ConeProgram) -> bool:
    """Whether the objective is a positive multiple of the head of the only cone, which is free otherwise."""
    cones, c = program.cones, program.c
    if cones.sizes.size != 1 or program.Q.any() or np.count_nonzero(c) != 1:
        return False
    t, (head,) = int(c.argmax()), cones.heads
    alone = np.count_nonzero(program.G[:, t]) == 1 and not program.E[:, t].any()
    single = np.count_nonzero(program.G[head]) == 1 and program.g[head] == 0.0
    return bool(c[t] > 0.0 and program.G[head, t] > 0.0 and alone and single)


class SquaredNorm:
    """A program that `minimises_a_norm`, its square solved; in the place of a `ConeSolver`.

    dense  the loop for dense matrices of a size, `quadratic_program.interior`
    fits   whether an answer meets the conditions of the program over cones
    """

    def __init__(
        self, program: ConeProgram, dense: Callable[[int], Any], fits: Callable[[ConeAnswer], bool]
    ) -> None:
        self.program, self._dense, self._fits = program, dense, fits
        m, t = program.cones.orthant, int(program.c.argmax())
        self._t, self._m, self._kept = t, m, np.delete(np.arange(program.c.size), t)
        self._A, self._b = program.G[m + 1 :, self._kept], program.g[m + 1 :]
        self._unit, self._solver = 1.0, self._in_units(1.0)
        self._judged: float | None = None  # the tolerance at which an answer was compared with the conditions

    def _in_units(self, unit: float) -> ProgramSolver | None:
        """Of the square divided by a unit; None where it has no form."""
        program, m, A, b = self.program, self._m, self._A, self._b
        E, C, e, c = program.E[:, self._kept], program.G[:m, self._kept], program.e, program.g[:m]
        H, g, f = A.T @ A / unit, A.T @ b / unit, float(0.5 * (b @ b) / unit)

        def values(x: Vector) -> Values:
            bent = H @ x
            return Values(f + float(x @ (g + 0.5 * bent)), bent + g, E @ x + e, E, C @ x + c, C)

        start = np.zeros(g.size)
        functions = Functions(g.size, values, lambda x, nu, lam: H)
        solver = ProgramSolver(forms(functions, start, False, self._dense), start)
        return solver if solver.take() else None

    def solve(self, watch: None = None, tol: float = GOOD) -> ConeAnswer:
        """The point, and the multipliers of the square; not converged where the cone is needed."""
        if self._judged != tol:
            with np.errstate(all="ignore"):
                return self._compared(tol)
        found = None if self._solver is None else self._solver.solve(tol)
        if found is None:
            return self._nothing()
        x = np.zeros(self.program.c.size)
        x[self._kept] = found[0]
        return ConeAnswer(x, found[1], found[2], CONVERGED, 0)

    def _compared(self, tol: float) -> ConeAnswer:
        """The same for the first time: in units of its own, and compared with the conditions of the program."""
        self._judged = tol
        answer = self.solve(tol=tol)
        square = self._square(answer)
        if not SMALL <= square / self._unit <= LARGE and 0.0 < square < np.inf:
            self._unit, self._solver = square, self._in_units(square)
            answer = self.solve(tol=tol)
        if answer.status == CONVERGED and not self._fits(self.restored(answer)):
            self._solver = None
            return self._nothing()
        return answer

    def _square(self, answer: ConeAnswer) -> float:
        """‖Ax + b‖²"""
        u = self._A @ answer.x[self._kept] + self._b
        return float(u @ u)

    def _nothing(self) -> ConeAnswer:
        program = self.program
        return ConeAnswer(
            np.zeros(program.c.size), np.zeros(program.e.size), np.zeros(program.g.size), LIMIT, 0
        )

    def point(self, x: Vector) -> Vector:
        """The unknowns that were given, but for the norm."""
        return x

    def restored(self, answer: ConeAnswer) -> ConeAnswer:
        """The norm, and the multipliers of the program over cones."""
        assert self._solver is not None
        program, m = self.program, self._m
        given = self._solver.answer((answer.x[self._kept], answer.nu, answer.z))
        u = self._A @ given.z + self._b
        norm, lead = float(np.sqrt(u @ u)), program.G[m, self._t]
        press = program.c[self._t] / lead
        x, share = answer.x.copy(), press * self._unit / norm
        x[self._t] = norm / lead
        z = np.concatenate([share * given.lam, [press], -press / norm * u])
        return replace(answer, x=x, nu=share * given.nu, z=z)
