"""Problems with constraints prepared once: programs as matrices, all else as one loop compiled with its kernels."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, final

import numpy as np

from ..errors import DataError, UnsupportedError
from .cones import SecondOrder
from .inside import middle
from .instance import Instance
from .multipliers import cleared
from .otherwise import by_solve
from .pieces_run import certified_on_pieces
from .placed import Placed
from .prepared_semidefinite import PreparedSemidefinite
from .preparing import BLAS_FROM, REMEDY, alone, as_stated, changed_data, dense_loop, on_one_thread
from .reasons import all_fitted, are_uneven
from .starts import by_name, default_start, elsewhere
from .stated import evened, statement_value

#: Where a run ends; and what is accepted where rounding ends it before.
TOLERANCE, NEAR = 1e-10, 1e-9
#: Conditions violated by so many times what is accepted: no multipliers would mend that.
OUTSIDE = 1e3
#: The same for quadratic programs, whose active sets end in a step; a small objective is a difference of large terms.
PROGRAM = 1e-12
#: The same for programs over cones, relative to their sizes.
CONES = 1e-10


@final
class PreparedProgram:
    """A quadratic program whose matrices are evaluated once; each call solves it in compiled code."""

    def __init__(self, instance: Instance) -> None:
        self._instance, self._derived = instance, instance.posed.constrained
        self.bind(instance.numbers)

    def bind(self, arrays: dict[str, Any]) -> None:
        instance = self._instance
        self._arrays = arrays
        start = default_start(instance.posed.unknowns, instance.shapes, 0)
        self._placed = Placed(self._derived, arrays, instance.binding)
        self._layout = self._placed.layout
        self._solver = self._placed.program(start)
        if not self._solver.take():
            raise UnsupportedError(
                f"a program of {self._layout.size} unknowns (slacks included) that is not convex, or is too large to "
                "be prepared: use solve"
            )
        self._found: Any = None
        self._uneven = are_uneven(self._solver.form.parts[3])

    def __call__(
        self, mapping: Mapping[str, Any] | None = None, /, *, tolerance: float = PROGRAM, **changed: Any
    ) -> dict[str, Any]:
        """The minimiser by name. Data that have changed may be given; they replace those given before."""
        if mapping is not None or changed:
            self.bind(changed_data(self._instance, self._arrays, {**(mapping or {}), **changed}))
        found = self._solver.solve(tolerance)
        if found is None:
            return by_solve(self._instance, self._arrays)
        z, nu, lam = found
        z = self._placed.even(z)
        self._found = z, nu, lam
        answer = self._derived.free.forward(self._layout.unpack(z))
        if self._uneven and not self.certify(answer).ok():
            return by_solve(self._instance, self._arrays)
        return answer

    def certify(self, answer: Mapping[str, Any], tolerance: float = 1e-8) -> Any:
        """The certificate of a point, recomputed from the statement by the interpreter.

        The multipliers are those of the last call, if the point is its answer, or else those that fit best.
        """
        placed = Placed(self._derived, self._arrays, self._instance.binding)
        placed.look_for_zeros()
        given = None if self._found is None else self._solver.answer(self._found)
        return _certified(placed, answer, tolerance, given, self._instance)


@final
class PreparedCones:
    """A program over second-order cones whose matrices are evaluated once."""

    def __init__(self, instance: Instance, form: SecondOrder) -> None:
        self._instance, self._form = instance, form
        self._answer: Any = None
        self.bind(instance.numbers)

    def bind(self, arrays: dict[str, Any]) -> None:
        from ..kernels.optimizers.cone_squared import SquaredNorm, minimises_a_norm

        with np.errstate(all="ignore"):
            made = self._form.program(self._instance, arrays)
            if made is None:
                raise UnsupportedError("a program with norms that is not convex, or is too large: use solve")
            self._program, self._layout = program, _ = made
            self._uneven = are_uneven(program.E)
            self._arrays, self._squared = arrays, minimises_a_norm(program)
            if self._squared:
                self._solver: Any = SquaredNorm(program, dense_loop, self._fits)
                self._solve = self._solver.solve
            else:
                self._over_cones()

    def _fits(self, answer: Any) -> bool:
        """Whether an answer is one of the program over cones."""
        from ..kernels.cones import certify_cones
        from ..kernels.optimizers.cone_units import cleared

        program, clear = self._program, cleared(self._program, answer)
        value = program.value(answer.x)
        return certify_cones(program, self._layout, clear, statement_value=value).ok()

    def _over_cones(self) -> None:
        """From now on by the interior point over cones."""
        from ..kernels.optimizers.cone_loops import on_program
        from ..kernels.optimizers.cone_program import ConeSolver

        large = self._program.G.size > BLAS_FROM**2
        make = partial(alone, ConeSolver) if large else ConeSolver
        self._squared, self._solver = False, make(self._program, None, on_program)
        made = self._solver.program
        shared = made.c.size - made.slacks - made.heads  # what is factorised
        self._solve = on_one_thread(self._solver.solve, max(shared, made.e.size))

    def __call__(
        self, mapping: Mapping[str, Any] | None = None, /, *, tolerance: float = CONES, **changed: Any
    ) -> dict[str, Any]:
        """The minimiser by name. Data that have changed may be given; they replace those given before."""
        from ..kernels.optimizers.cone_program import CONVERGED

        if mapping is not None or changed:
            self.bind(changed_data(self._instance, self._arrays, {**(mapping or {}), **changed}))
        answer = self._solve(None, tolerance)
        if answer.status != CONVERGED and self._squared:  # the square says too little here
            self._over_cones()
            answer = self._solve(None, tolerance)
        self._answer = (self._solver, answer) if answer.status == CONVERGED else self._otherwise(tolerance)
        if self._answer is not None:
            found = self._unknowns(*self._answer)
            if not self._uneven or self.certify(found).ok():
                return found
            self._answer = None
        return by_solve(self._instance, self._arrays)

    def _otherwise(self, tolerance: float) -> tuple[Any, Any] | None:
        """With whole matrices, in other units, and by NumPy, which eliminates nothing: the solver and its answer."""
        from ..kernels.optimizers.cone_loops import on_program
        from ..kernels.optimizers.cone_program import CONVERGED, ConeSolver
        from ..kernels.optimizers.cone_units import geometric_units

        with np.errstate(all="ignore"):
            units, whole = geometric_units(self._program), partial(on_program, whole=True)
            for column, compiled in ((None, whole), (units, whole), (units, None)):
                solver = ConeSolver(self._program, column, compiled)
                answer = alone(solver.solve, None, tolerance)
                if answer.status == CONVERGED:
                    return solver, answer
        return None

    def _unknowns(self, solver: Any, answer: Any) -> dict[str, Any]:
        """By name, from the answer of a run."""
        derived = self._form.derived
        x = evened(solver.point(answer.x), self._layout, derived.even)
        return dict(derived.free.forward(self._layout.unpack(x)))

    def certify(self, answer: Mapping[str, Any], tolerance: float = 1e-8) -> Any:
        """The certificate of a point, recomputed from the statement by the interpreter.

        That of the last call's answer is one over cones, with its multipliers; of other points that of the smooth form.
        """
        from ..kernels.cones import certify_cones
        from ..kernels.optimizers.cone_units import cleared

        derived, found = self._form.derived, self._answer
        last = {} if found is None else self._unknowns(*found)
        if found is not None and all(np.array_equal(last[name], answer[name]) for name in last):
            value = statement_value(derived.original, self._arrays, answer)
            solver, run = found
            clear = cleared(self._program, solver.restored(run))
            proof = certify_cones(
                self._program, self._layout, clear, statement_value=value, tolerance=tolerance
            )
        else:
            placed = Placed(derived, self._arrays, self._instance.binding)
            placed.look_for_zeros()
            return _certified(placed, answer, tolerance, None, self._instance)
        return as_stated(proof, self._instance)


@final
class PreparedConstraints:
    """A problem with constraints of few unknowns, its interior point compiled with its kernels.

    Smooth objectives under linear conditions have a loop of their own, and may have more.
    """

    def __init__(self, instance: Instance) -> None:
        self._instance, self._derived = instance, instance.posed.constrained
        self.bind(instance.numbers)
        self._start = self._fresh({})
        self._ready(self._start)

    def bind(self, arrays: dict[str, Any]) -> None:
        self._arrays = arrays
        self._placed = Placed(self._derived, arrays, self._instance.binding)
        self._layout = self._placed.layout
        self._linear, self._small = self._placed.is_smooth_program, self._placed.is_small
        if not self._linear and not self._small:
            raise UnsupportedError(REMEDY)
        self._program: Any = None
        self._loop: Any = None
        self._answer: Any = None

    def _fresh(self, start: Mapping[str, Any]) -> Any:
        """Where `solve` would begin on these data."""
        instance, given = self._instance, bool(start or self._instance.start)
        names = instance.posed.names
        start = by_name(names, start)
        strangers = [name for name in start if name not in names]
        if strangers:
            raise DataError(f"{strangers[0]} is no unknown of this problem: {', '.join(names)}")
        first = default_start(instance.posed.unknowns, instance.shapes, 0)
        with np.errstate(all="ignore"):
            point = self._placed.start({**first, **instance.start, **start}, given)
            z = self._layout.pack(point)
            return (
                middle(self._placed.functions(point, "numpy"), z) if self._derived.linear and not given else z
            )

    def __call__(
        self,
        mapping: Mapping[str, Any] | None = None,
        /,
        *,
        start: Mapping[str, Any] | None = None,
        tolerance: float = TOLERANCE,
        **changed: Any,
    ) -> dict[str, Any]:
        """The minimiser by name. Data that have changed may be given; they replace those given before.

        Where the run fails from the point at which that of the first data began, or ends in a saddle, others are tried.
        """
        if mapping is not None or changed:
            self.bind(changed_data(self._instance, self._arrays, {**(mapping or {}), **changed}))
        found = self._run(self._start if start is None else self._fresh(start), tolerance)
        if not found and start is None:
            found = any(self._run(z, tolerance) for z in self._others())
        if not found:
            return by_solve(self._instance, self._arrays)
        return dict(self._derived.free.forward(self._layout.unpack(self._answer.z)))

    def _others(self) -> Iterator[Any]:
        """Where else to begin: beside a saddle, where `solve` would on these data, at random."""
        z = self._start if self._answer is None else self._answer.z
        if np.isfinite(z).all():
            step = 0.1 * max(1.0, float(np.abs(z).max())) * np.random.default_rng(0).standard_normal(z.size)
            yield from (z + step, z - step)
        yield self._fresh({})
        for point in elsewhere(self._instance.posed.unknowns, self._instance.shapes, 0):
            yield self._fresh(point)

    def _run(self, z: Any, tolerance: float) -> bool:
        self._ready(z)
        if self._linear:
            program, size = self._program
            if self._reaches(program, z, tolerance, size):
                return True
        return self._small and self._reaches(self._by_interior_point, z, tolerance, self._layout.size)

    def _ready(self, z: Any) -> None:
        """The loop that comes first is there."""
        if self._linear and self._program is None:
            self._program = self._placed.joined_program(z)
            self._linear = self._program is not None
        if not self._linear and self._small:
            self._general()

    def _general(self) -> Any:
        """The loop for all problems, compiled when it is needed."""
        if self._loop is None:
            self._loop = self._placed.joined()
        return self._loop

    def _reaches(self, way: Callable[[Any, float], Any], z: Any, tolerance: float, size: int) -> bool:
        """Whether a loop on matrices of this size arrives; its answer is kept."""
        from ..kernels.optimizers.interior_point import CONVERGED, STALLED

        self._answer = answer = way(z, tolerance) if size <= BLAS_FROM else alone(way, z, tolerance)
        answer.z = self._placed.even(answer.z)
        reached = bool(answer.errors) and answer.errors[-1] <= NEAR
        found = answer.status == CONVERGED or (answer.status == STALLED and reached)
        doubtful = answer.shift > 0.0 or answer.iterations == 0
        return found and not (doubtful and self._at_a_saddle())

    def _by_interior_point(self, z: Any, tolerance: float) -> Any:
        """The answer of the loop for all problems."""
        from ..kernels.optimizers.interior_point import run

        return run(self._general(), z, *self._placed.counts, tolerance)

    def _at_a_saddle(self) -> bool:
        """Whether the last answer is no minimum, which the interpreter decides where the run has doubts."""
        if self._instance.facts.is_convex:
            return False
        found = self._derived.free.forward(self._layout.unpack(self._answer.z))
        return bool(self.certify(found).saddle())

    def certify(self, answer: Mapping[str, Any], tolerance: float = 1e-8) -> Any:
        """The certificate of a point, recomputed from the statement by the interpreter.

        The multipliers are those of the last call, if the point is its answer. Where slacks stand for kinks that do not
        lie as they expect, it is that of the pieces between these.
        """
        proof = _certified(self._placed, answer, tolerance, self._answer, self._instance)
        sided = self._instance.posed.sided
        if proof.ok() or sided is None:
            return proof
        x = np.concatenate([np.ravel(answer[v.name]) for v in sided.unknowns])
        other = alone(certified_on_pieces, self._instance, self._arrays, x, tolerance)
        return other if other.ok() else proof


def _certified(
    placed: Placed, answer: Mapping[str, Any], tolerance: float, given: Any, instance: Instance
) -> Any:
    """The certificate with the multipliers of a run, without those that are rounding, or with those that fit best.

    Where constraints determine the point, multipliers may be anything.
    """
    first = None
    with np.errstate(all="ignore"):
        for multipliers in _multipliers(placed, answer, given):
            proof = placed.certified(answer, tolerance, given=multipliers)[0]
            if proof.ok() or proof.primal > OUTSIDE * tolerance:
                return as_stated(proof, instance)
            first = first or proof
    return as_stated(first, instance)


def _multipliers(placed: Placed, answer: Mapping[str, Any], given: Any) -> Iterator[Any]:
    """Answers in the order in which they are tried: that of a run, and with multipliers that fit."""
    from ..kernels.optimizers.interior_point import CONVERGED, Answer

    point = placed.lifted(answer)
    functions = placed.functions(point, "numpy")
    if given is not None:
        last = placed.derived.free.forward(placed.layout.unpack(given.z))
        if all(np.array_equal(a, answer[name]) for name, a in last.items()):
            yield given
            yield cleared(functions, given)
    z = placed.layout.pack(point)
    for nu, lam in all_fitted(functions.values(z)):  # a point outside needs no more than the first
        yield Answer(z, nu, lam, CONVERGED, 0)


#: What is prepared of problems with constraints.
Inside = PreparedProgram | PreparedSemidefinite | PreparedCones | PreparedConstraints


def prepare_constraints(instance: Instance) -> Inside:
    """A convex quadratic program, one over positive semidefinite matrices, a program over second-order cones, or else
    the interior point on the smooth form."""
    derived = instance.posed.constrained
    if derived.cones:
        return PreparedSemidefinite(instance)
    if derived.quadratic:
        try:
            return PreparedProgram(instance)
        except UnsupportedError:  # not convex, or large
            return PreparedConstraints(instance)
    if instance.posed.cones is not None:
        return PreparedCones(instance, instance.posed.cones)
    curved = instance.posed.quadratic_cones
    if curved is not None:
        try:
            return PreparedCones(instance, curved)
        except UnsupportedError:  # not convex, or large
            return PreparedConstraints(instance)
    return PreparedConstraints(instance)
