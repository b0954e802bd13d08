"""Quadratic programs with positive semidefinite unknowns, prepared."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, final

import numpy as np

from ..errors import UnsupportedError
from .instance import Instance
from .otherwise import by_solve
from .placed import Placed
from .preparing import as_stated, changed_data, on_one_thread
from .starts import default_start

#: Violation at which a call ends, in the units of the program.
TOLERANCE = 1e-10


@final
class PreparedSemidefinite:
    """A quadratic program over positive semidefinite matrices, whose data are evaluated once."""

    def __init__(self, instance: Instance) -> None:
        self._instance, self._derived = instance, instance.posed.constrained
        self.bind(instance.numbers)

    def bind(self, arrays: dict[str, Any]) -> None:
        from ..kernels.optimizers.halves import blocks_of
        from ..kernels.optimizers.semidefinite_arranged import arranged_semidefinite

        instance, derived = self._instance, self._derived
        self._arrays, self._answer = arrays, None
        self._placed = placed = Placed(derived, arrays, instance.binding)
        start = default_start(instance.posed.unknowns, instance.shapes, 0)
        functions = placed.functions(placed.start(start, False), "numpy")
        z = np.zeros(placed.layout.size)
        made = None
        if derived.quadratic:
            made = arranged_semidefinite(functions, z, blocks_of(placed.layout, derived.cones))
        if made is None:
            raise UnsupportedError(
                f"an optimum in the cone of positive semidefinite matrices ({derived.in_cones}) is "
                "prepared for convex quadratic objectives and linear conditions alone: use solve"
            )
        self._solve = on_one_thread(made.solve, max(made.halves.first.size, len(made.kept)))

    def __call__(
        self, mapping: Mapping[str, Any] | None = None, /, *, tolerance: float = TOLERANCE, **changed: Any
    ) -> dict[str, Any]:
        """The minimiser by name. Data that have changed may be given; they replace those given before."""
        from ..kernels.optimizers.interior_point import CONVERGED

        if mapping is not None or changed:
            self.bind(changed_data(self._instance, self._arrays, {**(mapping or {}), **changed}))
        self._answer = answer, _ = self._solve(tolerance)
        found = dict(self._derived.free.forward(self._placed.layout.unpack(answer.z)))
        if answer.status != CONVERGED and not self.certify(found).ok():
            self._answer = None
            return by_solve(self._instance, self._arrays)
        return found

    def certify(self, answer: Mapping[str, Any], tolerance: float = 1e-8) -> Any:
        """The certificate of a point, recomputed from the statement by the interpreter.

        The multipliers are those of the last call, if the point is its answer, or else those that fit best.
        """
        return as_stated(self._placed.certified(answer, tolerance, given=self._answer)[0], self._instance)
