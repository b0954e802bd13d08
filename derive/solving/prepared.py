"""A solver prepared once for a problem and its data: the loop compiled with its kernels, nothing else per call.

A call runs compiled code from start to end and returns the minimiser; it checks only what changes. It proves
nothing: `certify` does, by the interpreter, as `Problem.solve` does each time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, final

import numpy as np

from ..errors import ArgumentError, DataError, UnsupportedError
from ..evaluate import as_data, check_finite
from .answer import certificate
from .instance import Instance
from .loops import AIM, STEPS, SWEEPS, Loops
from .many import loop_for_many
from .mixture import PreparedMixture
from .placed import Placed
from .posed import Posed
from .starts import default_start


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
        self._most = SWEEPS if composite.quadratic else STEPS
        self._slopes: dict[str, Any] = {}
        self._bind(self._instance.numbers)

    def _bind(self, arrays: dict[str, Any]) -> None:
        self._arrays = arrays
        many = loop_for_many(self._loops, self._instance, arrays) or self._loops.sampling(
            self._instance, arrays, whole=True
        )
        loop = many or self._loops.compiled(self._instance, arrays)
        self._status = 1 if many is not None else 2
        self._direct = many is None and self._composite.quadratic
        limits = self._composite.entries(self._instance, arrays)[:3]
        loop = partial(loop, np.stack(limits)) if self._direct else partial(loop, *limits)
        self._loop = loop if self._layout.size <= BLAS_FROM else partial(_alone, loop)

    def __call__(
        self,
        mapping: Mapping[str, Any] | None = None,
        /,
        *,
        start: Mapping[str, Any] | None = None,
        tolerance: float = AIM,
        **changed: Any,
    ) -> dict[str, Any]:
        """The minimiser by name. Data that have changed may be given; they replace those given before."""
        if changed or mapping is not None:
            self._bind(_changed(self._instance, self._arrays, {**(mapping or {}), **changed}))
        copied, loop = self._copied, self._loop  # read first: calling an attribute of an instance is slow
        x = copied() if start is None else self._layout.pack(start)
        status = loop(x, tolerance, self._most)
        if status if self._direct else status[self._status]:
            raise DataError(_FAILED)
        if self._single:
            return {self._single: x}
        found: dict[str, Any] = self._layout.unpack(x)
        return found

    def path(
        self,
        name: str,
        values: Sequence[float],
        *,
        tolerance: float = AIM,
        start: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """The minimisers for many values of one number among the data, each started from the one before.

        Returns one array per unknown, its first axis over the values.
        """
        if name not in self._arrays or np.ndim(self._arrays[name]) != 0:
            raise ArgumentError(f"a path is over a number among the data, which {name} is not")
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
        """Of a quadratic: moments of the data once, then compiled code; None where the number enters otherwise."""
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
        g, h = _alone(self._loops.moments_compiled, instance, zero)
        h1, g1 = composite.moments(instance, zero, slopes)
        table, status = path(numbers, (h, h1), (g, g1), (l1, step), low, high, x, tolerance, self._most)
        if status != 0:
            raise DataError(_FAILED)
        return table

    def certify(self, answer: Mapping[str, Any], tolerance: float = 1e-8) -> Any:
        """The certificate of a point, recomputed from the statement by the interpreter."""
        return certificate(
            self._composite, self._instance, self._arrays, self._layout.pack(answer), tolerance
        )


@final
class PreparedProgram:
    """A quadratic program whose matrices are evaluated once; each call solves it in compiled code."""

    def __init__(self, instance: Instance) -> None:
        derived = instance.posed.constrained
        if not derived.quadratic:
            raise UnsupportedError(_REMEDY)
        self._instance, self._derived = instance, derived
        self._bind(instance.numbers)

    def _bind(self, arrays: dict[str, Any]) -> None:
        instance = self._instance
        self._arrays = arrays
        start = default_start(instance.posed.unknowns, instance.shapes, 0)
        with np.errstate(all="ignore"):
            placed = Placed(self._derived, arrays, instance.binding)
            first, self._order, self._parts = placed.program(start)
        self._layout = placed.layout
        self._start = first[self._order]

    def __call__(
        self, mapping: Mapping[str, Any] | None = None, /, *, tolerance: float = 1e-10, **changed: Any
    ) -> dict[str, Any]:
        """The minimiser by name. Data that have changed may be given; they replace those given before."""
        from ..kernels.optimizers.quadratic_program import interior

        if mapping is not None or changed:
            self._bind(_changed(self._instance, self._arrays, {**(mapping or {}), **changed}))
        solve = interior if self._layout.size <= BLAS_FROM else partial(_alone, interior)
        x, _, _, status, _ = solve(*self._parts, self._start.copy(), tolerance, 100)
        if status != 0:
            raise DataError(_FAILED)
        z = np.empty(x.size)
        z[self._order] = x
        return dict(self._derived.free.forward(self._layout.unpack(z)))


@final
class PreparedCones:
    """A program over second-order cones whose matrices are evaluated once."""

    def __init__(self, instance: Instance) -> None:
        form = instance.posed.cones
        if form is None:
            raise UnsupportedError(_REMEDY)
        self._instance, self._form = instance, form
        self._bind(instance.numbers)

    def _bind(self, arrays: dict[str, Any]) -> None:
        with np.errstate(all="ignore"):
            made = self._form.program(self._instance, arrays)
        if made is None:
            raise UnsupportedError("a program with norms that is not convex, or is too large: use solve")
        self._arrays = arrays
        self._program, self._layout = made

    def __call__(self, mapping: Mapping[str, Any] | None = None, /, **changed: Any) -> dict[str, Any]:
        """The minimiser by name. Data that have changed may be given; they replace those given before."""
        from ..kernels.optimizers.cone_program import CONVERGED, solve_cone_program

        if mapping is not None or changed:
            self._bind(_changed(self._instance, self._arrays, {**(mapping or {}), **changed}))
        with np.errstate(all="ignore"):
            answer = _alone(solve_cone_program, self._program)
        if answer.status != CONVERGED:
            raise DataError(_FAILED)
        return dict(self._form.derived.free.forward(self._layout.unpack(answer.x)))


def _alone(loop: Callable[..., Any], *arguments: Any) -> Any:
    """The loop with BLAS on one thread: for products of a block of rows others cost more than they bring."""
    from ..kernels.threads import single_blas_thread

    with single_blas_thread():
        return loop(*arguments)


#: Up to so many unknowns nothing is left to BLAS.
BLAS_FROM = 48
_FAILED = "the prepared solver does not converge here; `solve` finds out why"
#: What to do where nothing can be compiled whole.
_REMEDY = (
    "only smooth objectives with weights on |x| and bounds, quadratic programs, programs with norms and mixture "
    "likelihoods (method='em') can be prepared; use solve(backend='numba')"
)


def _changed(instance: Instance, arrays: Mapping[str, Any], changed: Mapping[str, Any]) -> dict[str, Any]:
    """The data with some arrays replaced by others of the same shape, checked."""
    found = dict(arrays)
    known = {v.name: v for v in instance.posed.given}
    for name, value in changed.items():
        if name not in known:
            raise DataError(f"{name} is no data of this problem: {', '.join(known)}")
        array = as_data(name, value, known[name].order)
        check_finite(name, array)
        if array.shape != found[name].shape:
            raise DataError(f"{name} has shape {array.shape}, not {found[name].shape} as when prepared")
        found[name] = array
    return found


def prepare(
    posed: Posed, data: Mapping[str, Any], start: Mapping[str, Any] | None, method: str | None
) -> Prepared | PreparedMixture | PreparedProgram | PreparedCones:
    """The prepared solver for a method; by default the one compiled whole."""
    instance = Instance(posed, data, start or {})
    if method == "em":
        point = {**default_start(posed.unknowns, instance.shapes, 0), **instance.start}
        return PreparedMixture(instance, point)
    if method is not None:
        raise ArgumentError(f"only the default and method 'em' can be prepared, not {method!r}")
    if posed.composite is not None:
        return Prepared(instance, posed.loops)
    if posed.is_constrained:
        return PreparedProgram(instance) if posed.constrained.quadratic else PreparedCones(instance)
    raise UnsupportedError(_REMEDY)
