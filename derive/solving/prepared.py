"""A solver prepared once for a problem and its data: the loop compiled with its kernels, nothing else per call.

A call runs compiled code from start to end and returns the minimiser; it checks only what changes. It proves
nothing: `certify` does, by the interpreter, as `Problem.solve` does each time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, final

import numpy as np

from ..errors import ArgumentError, UnsupportedError
from ..evaluate import check_finite
from .answer import certificate
from .instance import Instance
from .loops import AIM, EXACT, STEPS, SWEEPS, Loops
from .many import loop_for_many
from .mixture import PreparedMixture
from .otherwise import by_solve
from .pieces_run import certified_on_pieces
from .posed import Posed
from .prepared_constraints import Inside, prepare_constraints
from .preparing import BLAS_FROM, REMEDY, alone, changed_data
from .starts import default_start, elsewhere


@final
class Prepared:
    """Compiled code from data to minimiser; see `Problem.prepare`."""

    def __init__(self, instance: Instance, loops: Loops) -> None:
        composite = loops.composite
        self._instance, self._loops, self._composite = instance, loops, composite
        posed = instance.posed
        self._layout = composite.layout(self._instance)
        first = default_start(posed.unknowns, self._instance.shapes, 0)
        self._start = self._layout.pack({**first, **self._instance.start})
        self._copied = self._start.copy
        vector = len(self._layout.names) == 1 and len(self._layout.shapes[0]) == 1
        self._single = self._layout.names[0] if vector else ""
        self._most, self._aim = (SWEEPS, EXACT) if composite.quadratic else (STEPS, AIM)
        self._slopes: dict[str, Any] = {}
        self._inside: Inside | None = None
        self._ends_inside = False  # whether the interior point is what has led to the optimum of these data
        self._bind(self._instance.numbers)

    def _bind(self, arrays: dict[str, Any]) -> None:
        self._arrays, self._ends_inside = arrays, False
        many = loop_for_many(self._loops, self._instance, arrays) or self._loops.sampling(
            self._instance, arrays, whole=True
        )
        loop = many or self._loops.compiled(self._instance, arrays)
        self._status = 1 if many is not None else 2
        self._direct = many is None and self._composite.quadratic
        self._certain = self._instance.facts.holds(arrays)
        self._limits = limits = self._composite.entries(self._instance, arrays)[:3]
        loop = partial(loop, np.stack(limits)) if self._direct else partial(loop, *limits)
        self._loop = loop if self._layout.size <= BLAS_FROM else partial(alone, loop)

    def __call__(
        self,
        mapping: Mapping[str, Any] | None = None,
        /,
        *,
        start: Mapping[str, Any] | None = None,
        tolerance: float | None = None,
        **changed: Any,
    ) -> dict[str, Any]:
        """The minimiser by name. Data that have changed may be given; they replace those given before.

        The loop ends where its next step would gain less than a share `tolerance` of the objective: 10⁻⁹, of a
        quadratic 10⁻¹⁵.
        """
        if tolerance is None:
            tolerance = self._aim
        if changed or mapping is not None:
            self._bind(changed_data(self._instance, self._arrays, {**(mapping or {}), **changed}))
        if self._ends_inside and self._inside is not None and start is None:
            return self._inside()
        copied, loop = self._copied, self._loop  # read first: calling an attribute of an instance is slow
        x = copied() if start is None else self._layout.pack(start)
        try:
            status = loop(x, tolerance, self._most)
        except SystemError as error:
            from ..kernels.interrupt import heard

            raise heard(error) from None
        failed = bool(status if self._direct else status[self._status])
        if failed or not (self._certain or self._is_minimum(x)):
            return self._from_elsewhere(x, failed, tolerance)
        if self._single:
            return {self._single: x}
        found: dict[str, Any] = self._layout.unpack(x)
        return found

    def _is_minimum(self, x: Any) -> bool:
        """Whether no curvature leads down: nothing else tells where convexity is not proved.

        Of few unknowns by the certificate. Of many it would take longer than the run: by curvature, from differences of
        the compiled gradient.
        """
        from ..kernels.neighbourhood import LANCZOS, curvature_by_differences

        if self._instance.posed.sided is not None:
            return bool(self.certify(self._layout.unpack(x)).ok())
        if not self._composite.structure.is_plain:
            return not self.certify(self._layout.unpack(x)).saddle()
        if x.size <= LANCZOS:
            return bool(self.certify(self._layout.unpack(x)).ok())
        found = curvature_by_differences(self._loops.slope(self._instance, self._arrays), x)
        return found is not None and found >= 0.0

    def _from_elsewhere(self, x: Any, failed: bool, tolerance: float) -> dict[str, Any]:
        """The answer after a run that has failed or ended at a saddle: by the same loop from other points, or else by
        the interior point."""
        if self._composite.structure.is_plain and self._instance.posed.squares is not None:
            return by_solve(self._instance, self._arrays)  # which has a way of its own for fits
        points: list[Any] = []
        if not self._certain:
            rng = np.random.default_rng(0)
            if not failed:
                step = 0.1 * max(1.0, float(np.abs(x).max())) * rng.standard_normal(x.size)
                points += [x + step, x - step]
            unknowns, shapes = self._instance.posed.unknowns, self._instance.shapes
            points += [self._layout.pack(point) for point in elsewhere(unknowns, shapes, 0)]
        for point in points:
            z = np.clip(point, self._limits[1], self._limits[2])
            status = self._loop(z, tolerance, self._most)
            if not (status if self._direct else status[self._status]) and self._is_minimum(z):
                return dict(self._layout.unpack(z))
        try:
            inside = self._inside or prepare_constraints(self._instance)
        except UnsupportedError:
            return by_solve(self._instance, self._arrays)
        self._inside = inside
        inside.bind(self._arrays)
        found = inside()
        self._ends_inside = True
        return found

    def path(
        self,
        name: str,
        values: Sequence[float],
        *,
        tolerance: float | None = None,
        start: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """The minimisers for many values of one number among the data, each started from the one before.

        Returns one array per unknown, its first axis over the values.
        """
        if name not in self._arrays or np.ndim(self._arrays[name]) != 0:
            raise ArgumentError(f"a path is over a number among the data, which {name} is not")
        tolerance = self._aim if tolerance is None else tolerance
        x = self._start.copy() if start is None else self._layout.pack(start)
        numbers = np.asarray(values, dtype=np.float64)
        check_finite(name, numbers)
        table = self._affine_path(name, numbers, x, tolerance)
        if table is None:
            table = self._stepped_path(name, numbers, x, tolerance)
        places = zip(self._layout.names, self._layout.slices.values(), self._layout.shapes, strict=True)
        return {each: table[:, place].reshape((len(numbers), *shape)) for each, place, shape in places}

    def _stepped_path(self, name: str, numbers: Any, x: Any, tolerance: float) -> Any:
        """Solve after solve."""
        before, rows = self._arrays, []
        try:
            for value in numbers:
                self._bind({**before, name: np.asarray(value)})
                rows.append(self._layout.pack(self(start=self._layout.unpack(x), tolerance=tolerance)))
                x = rows[-1]
        finally:
            self._bind(before)
        return np.stack(rows)

    def _affine_path(self, name: str, numbers: Any, x: Any, tolerance: float) -> Any:
        """Of a quadratic: moments of the data once, then compiled code; None where the number enters otherwise, or
        that does not do."""
        from ..kernels.optimizers.quadratic import path

        composite, instance = self._composite, self._instance
        number = next(v for v in instance.posed.given if v.name == name)
        if name not in self._slopes:
            self._slopes[name] = composite.affine_in(number)
        slopes = self._slopes[name]
        if slopes is None:
            return None
        zero, one = ({**self._arrays, name: np.asarray(t)} for t in (0.0, 1.0))
        l1, low, high = composite.entries(instance, zero)[:3]
        step = composite.entries(instance, one)[0] - l1
        g, h = alone(self._loops.moments_compiled, instance, zero)
        h1, g1 = composite.moments(instance, zero, slopes)
        table, status = path(numbers, (h, h1), (g, g1), (l1, step), low, high, x, tolerance, self._most)
        if status != 0:
            return None
        return table

    def certify(self, answer: Mapping[str, Any], tolerance: float = 1e-8) -> Any:
        """The certificate of a point, recomputed from the statement by the interpreter.

        Answers of the interior point, near kinks and not on them, may be certified with its multipliers alone.
        """
        x = self._layout.pack(answer)
        if self._instance.posed.sided is not None:
            return alone(certified_on_pieces, self._instance, self._arrays, x, tolerance)
        proof = alone(certificate, self._composite, self._instance, self._arrays, x, tolerance)
        other = None if proof.ok() or self._inside is None else self._inside.certify(answer, tolerance)
        return proof if other is None or not other.ok() else other


def prepare(
    posed: Posed, data: Mapping[str, Any], start: Mapping[str, Any] | None, method: str | None
) -> Prepared | PreparedMixture | Inside:
    """The prepared solver for a method; by default the one compiled whole."""
    instance = Instance(posed, data, start or {})
    if method == "em":
        point = {**default_start(posed.unknowns, instance.shapes, 0), **instance.start}
        return PreparedMixture(instance, point)
    if method is not None:
        raise ArgumentError(f"only the default and method 'em' can be prepared, not {method!r}")
    if posed.composite is not None:
        return Prepared(instance, posed.loops)
    inside = all(v.order <= 1 for v in posed.unknowns) and any("positive" in v.facts for v in posed.unknowns)
    if posed.is_constrained or instance.on_simplexes or inside:
        try:
            return prepare_constraints(instance)
        except UnsupportedError:  # a kink with which the objective falls
            if posed.loops_on_pieces is None:
                raise
            return Prepared(instance, posed.loops_on_pieces)
    raise UnsupportedError(REMEDY)
