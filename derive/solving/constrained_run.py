"""One run for a problem with constraints: watched, judged by the interpreter, tried again in other units.

The methods are in `kernels.optimizers`; whatever ends one, the latest point is judged and kept.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, final

import numpy as np

from ..errors import UnsupportedError
from ..statuses import INFEASIBLE, INTERRUPT, ITERATIONS, NO_MINIMUM, NO_STEP, STOPPED, SUCCESS, TIME
from . import costs
from .contradictions import are_concave, exclude_each_other
from .costs import COMPILE_FROM
from .endless import falls_on_a_ray
from .inside import middle
from .met import met
from .multipliers import kept
from .placed import Placed
from .preparing import alone
from .reasons import ENDLESS, NEAR, answers_at, contradiction, failure, kinked
from .sparse import DENSE, dense
from .vertices import at_a_vertex

if TYPE_CHECKING:
    from .instance import Instance

#: Dense matrices have this many rows at most; those of conditions may have twice as many entries.
LARGEST = 4000
#: Of a run that was ended, curvature is looked at where the conditions of first order are violated by no more.
HOPEFUL = 1e-5
#: Entries of semidefinite unknowns from which on the compiled loop begins; how far it goes; and where conditions are
#: violated by more, both loops are tried.
FEW, WITHIN, VIOLATED = 60, 1e-10, 1e-8
#: Unknowns up to which a failure with semidefinite ones is explained by another such problem.
SMALL = 400


class Judged(NamedTuple):
    """A point of the smooth form, the unknowns there, the objective as stated, the certificate, and the answer with the
    multipliers that it holds for."""

    z: Any
    found: Mapping[str, Any]
    value: float
    proof: Any
    answer: Any


def run(
    instance: Instance,
    start: Mapping[str, Any],
    given: bool,
    settings: Mapping[str, Any],
    backend: str | None,
    method: str = "interior-point",
) -> Any:
    """SciPy's result over the statement's unknowns, certified, and the arrays of these."""
    placed = Placed(instance.posed.constrained, instance.data, instance.binding)
    if method == "interior-point" and placed.layout.size > DENSE and instance.facts.is_convex:
        placed.look_for_zeros()
    made = _Run(placed, settings, backend, method, not instance.posed.relations)
    instance.latest = made.point_by_name
    return made.result(start, given)


@final
class _Run:
    def __init__(
        self, placed: Placed, settings: Mapping[str, Any], backend: str | None, method: str, free: bool
    ) -> None:
        from ..kernels.optimizers import CONSTRAINED
        from ..kernels.optimizers.halves import blocks_of
        from ..kernels.optimizers.progress import Progress
        from ..kernels.optimizers.result import History

        self.placed, self.derived, self.settings, self.method = placed, placed.derived, settings, method
        self.free = free  # of conditions that are stated as such
        self.began = time.perf_counter()
        self.record = CONSTRAINED[method]
        self.blocks = blocks_of(placed.layout, self.derived.cones)
        self._check()
        self.backend = backend or ("numba" if placed.amount >= COMPILE_FROM else "numpy")
        self.settles = placed.settles
        self.loop: Any = None  # compiled with its kernels, of few unknowns and data if kernels were asked for
        self.most = min(settings["max_iterations"], self.record.most)
        self.watched = bool(settings.get("progress")) or settings.get("callback") is not None
        self.history = History()
        self.bar = Progress(method, bool(settings.get("progress")), settings["tol"])
        self.ended: list[tuple[int, str]] = []  # by whom, in words
        self.late = False  # time ran out: a point that is certified all the same is the answer
        self.cone: Any = None
        self.latest: Any = None  # point
        self.steps = 0
        self.reached: tuple[Any, Judged] | None = None

    def point_by_name(self) -> dict[str, Any]:
        """The latest point in terms of the statement; empty before there is one."""
        if self.latest is None:
            return {}
        return dict(self.derived.free.forward(self.placed.layout.unpack(self.latest)))

    def _check(self) -> None:
        """Raise `UnsupportedError` for what the method cannot do, or what is too large for it."""
        size, rows = self.placed.layout.size, sum(self.placed.rows)
        if self.placed.sparse is None and (size > LARGEST or rows * size > 2 * LARGEST**2):
            raise UnsupportedError(
                f"the interior point would need dense matrices for {size} unknowns (slacks included) and "
                f"{rows} constraints; its limit is {LARGEST} unknowns"
            )
        if self.method == "projected-gradient" and not self.derived.linear:
            raise UnsupportedError("projected-gradient takes bounds and simplexes alone: use interior-point")
        if self.blocks and self.method != "interior-point":
            raise UnsupportedError(
                f"method {self.method} does not keep {self.derived.in_cones} positive semidefinite: use "
                "interior-point"
            )

    def result(self, start: Mapping[str, Any], given: bool) -> Any:
        """The run from a start."""
        from ..kernels.clock import now
        from ..kernels.interrupt import Interruptible, uninterrupted
        from ..kernels.optimizers import interior_point as ip
        from ..kernels.optimizers.result import Result

        self.point = self.placed.start(start, given)
        if self._is_joined():
            self.loop, self.backend = self.placed.joined(), "numpy"
        self.functions = self.placed.functions(self.point, self.backend)
        self.entered = now()  # what is derived and loaded is not counted
        first = self.placed.layout.pack(self.point)
        if self.derived.linear and not given:
            first = middle(self.functions, first)
        self.latest = first
        with np.errstate(all="ignore"), self.bar:
            with Interruptible() as block:
                try:
                    self._run(first, given)
                except StopIteration:
                    self.ended.append((STOPPED, f"stopped by the callback after {self.steps} iterations"))
            if block.left:
                self.ended.append((INTERRUPT, "interrupted; the latest point is kept"))
            if self.reached is None:
                uninterrupted(self._reach, kept(self.latest, self.placed.shapes, self.steps))
        assert self.reached is not None
        answer, at = self.reached
        success = at.proof.ok() and not (self.ended and answer.status == ip.STOPPED and not self.late)
        if not success and self.ended:
            at = at._replace(proof=replace(at.proof, stopped=True))
        status, message = (SUCCESS, "certified") if success else self._failure(answer, at)
        message = f"{message}: {at.proof.reason()}" if success else message
        result: Any = Result()
        result.update(
            x=np.concatenate([np.ravel(at.found[v.name]) for v in self.derived.wanted]),
            fun=at.value,
            nit=answer.iterations,
            status=status,
            message=message,
            success=success,
            method=self.method,
            certificate=at.proof,
            multipliers=self.placed.multipliers(answer, self.cone),
            history=self.history,
            time=time.perf_counter() - self.began,
        )
        return result, at.found

    def _is_joined(self) -> bool:
        """Whether the loop is compiled whole: of large data the kernels are, and Python around them costs nothing."""
        if (
            self.backend != "numba"
            or self.method != "interior-point"
            or self.blocks
            or self.derived.quadratic
        ):
            return False
        return self.placed.sparse is None and self.placed.amount < COMPILE_FROM and self.placed.is_small

    def _is_program(self) -> bool:
        """Whether the loop for quadratic programs comes first, which nobody can look into before it ends."""
        if self.method != "interior-point" or not self.derived.quadratic or self.watched:
            return False
        limit = self.settings.get("max_time")
        work = costs.program(self.placed.layout.size, sum(self.placed.rows))
        return limit is None or work <= limit * costs.PER_SECOND

    def _failure(self, answer: Any, at: Judged) -> tuple[int, str]:
        if self.free and not self.ended and falls_on_a_ray(self.placed, at.found):
            return NO_MINIMUM, ENDLESS
        functions = dense(self.placed.functions(self.point, "numpy"))
        quadratic = self.derived.quadratic and (not self.blocks or at.z.size <= SMALL)
        linear = self.derived.linear
        status, words = failure(answer, at.proof, self.ended, functions, at.z, linear, quadratic, self.blocks)
        if status == INFEASIBLE and not self.free and self._contradict(functions):
            words = contradiction(at.proof)
        asked = answer.iterations >= self.most and self.most < self.record.most
        if status == INFEASIBLE and asked and not words.startswith("infeasible"):
            status = ITERATIONS  # nobody knows where the run would have come to
            words = f"not converged after {answer.iterations} iterations; {at.proof.reason()}"
        if self.free and status == INFEASIBLE:  # slack variables and facts leave room at every point
            status = NO_STEP
            words = f"not certified after {answer.iterations} iterations: {at.proof.reason()}"
        return status, words if self.ended else words + kinked(self.derived.problem.inequalities)

    def _contradict(self, functions: Any) -> bool:
        """Whether conditions that are curved, but proved convex, are proved to exclude each other."""
        derived = self.derived
        if derived.linear or self.blocks or not derived.linear_equations:
            return False
        if not are_concave([node for node, _ in derived.bent], derived.problem.unknowns):
            return False
        return exclude_each_other(functions, self.placed.layout.pack(self.point))

    def _reach(self, answer: Any) -> Judged:
        """The answer is the one to be given, unless a better one is found."""
        at = self.judged(answer)
        self.reached = at.answer, at
        return at

    def _run(self, first: Any, given: bool) -> None:
        """The method; where its answer is not certified, once more in units of the problem's own."""
        from ..kernels.optimizers import interior_point as ip
        from ..kernels.optimizers.units import Units

        functions, groups = self.functions, self.placed.rows
        answer = self.solved(functions, first, self.watch)
        at, cone = self._reach(answer), self.cone
        measured = self.method == "interior-point" and self.placed.sparse is None
        places = [np.zeros(first.size), first, answer.z] if measured else []
        while places and not at.proof.ok() and not self.ended and not np.isinf(at.proof.drift):
            place = places.pop(0)
            units = Units.at(functions, place, groups, self.blocks)
            if units is None:
                continue
            begin = place if place.any() or given else units.within(first)
            other = units.solve(functions, begin, self.solved, self.watch)
            if self.cone is not None:
                self.cone = units.objective * self.cone / units.unknowns
            there = self.judged(other)
            lost = np.isinf(there.proof.drift) and there.proof.primal <= NEAR and there.value < at.value
            if lost or (there.proof.ok() and other.status != ip.UNBOUNDED):
                self.reached = there.answer, there
                return
            self.cone = cone
            if not place.any() and other.z.any():
                places.insert(0, other.z)
        if measured and self.derived.quadratic and not self.blocks and not (at.proof.ok() or self.ended):
            other = at_a_vertex(self.functions, answer.z)
            if other is not None and (there := self.judged(other)).proof.ok():
                self.reached = there.answer, there

    def solved(self, functions: Any, z: Any, watch: Any) -> Any:
        """The answer of the method, which may be given functions in other units."""
        from ..kernels.optimizers import interior_point as ip
        from ..kernels.optimizers.polish import polish
        from ..kernels.optimizers.quadratic_program import solve_program

        if self.blocks:
            return alone(self._in_cones, functions, z, watch)
        if self.placed.sparse is not None:
            return self.placed.sparse.solve(functions, z, self.most, watch, self.watched)
        found = None
        if self._is_program():
            found = solve_program(functions, z, watch=watch)
        if self.loop is not None and functions is self.functions:
            v = functions.values(z)
            seen = watch if self.watched or self.settings.get("max_time") is not None else None
            found = ip.run(self.loop, z, v.e.size, v.c.size, most=self.most, watch=seen)
        if found is None or (self.loop is None and found.status != ip.CONVERGED):
            found = self.record.solve(functions, z, max_iterations=self.most, watch=watch)
        return found if self.ended else polish(functions, found)  # time is up

    def _in_cones(self, functions: Any, z: Any, watch: Any) -> Any:
        """The answer with positive semidefinite unknowns: by the loop that is quicker, or comes nearer."""
        from ..kernels.optimizers.semidefinite import cone_violation, on_face, solve_semidefinite
        from ..kernels.optimizers.semidefinite_arranged import arranged_semidefinite

        def by_matrices() -> tuple[Any, Any, float]:
            made = arranged_semidefinite(functions, z, self.blocks) if self.derived.quadratic else None
            if made is None:
                return None, None, np.inf
            answer, cone = made.solve(WITHIN)
            answer, cone = on_face(functions, answer, cone, self.blocks)
            return answer, cone, cone_violation(functions, answer, cone, self.blocks)

        alike = not self.watched and self.settings.get("max_time") is None  # a loop that nobody looks into
        alike &= self.most >= self.record.most
        early = alike and sum(side * (side + 1) // 2 for _, side in self.blocks) > FEW
        found: Any = by_matrices() if early else (None, None, np.inf)
        if found[2] > VIOLATED:
            answer, cone = solve_semidefinite(
                functions, z, self.blocks, max_iterations=self.most, watch=watch
            )
            answer, cone = on_face(functions, answer, cone, self.blocks)
            worst = cone_violation(functions, answer, cone, self.blocks)
            if worst > VIOLATED and alike and not early:
                found = by_matrices()
            if not found[2] < worst:
                found = answer, cone, worst
        answer, self.cone, _ = found
        return answer

    def judged(self, answer: Any) -> Judged:
        """The answer with its certificate, by the interpreter; with the multipliers that fit best, or 0 in its place,
        where only that is certified."""
        from ..kernels.optimizers.polish import snapped

        self.latest = answer.z
        judge = self.functions if self.backend == "numpy" else self.placed.functions(self.point, "numpy")
        z = answer.z if self.blocks else self.placed.even(snapped(judge, answer))
        found = self._judged_at(z, judge, answer)
        if found.proof.ok() or self.ended or np.isinf(found.proof.drift):
            return found
        # where all vanishes, rounding has nothing to be small beside
        if self.blocks:
            cone, self.cone = self.cone, None
            other = self._judged_at(z, judge, replace(answer, nu=0.0 * answer.nu, lam=0.0 * answer.lam))
            self.cone = cone if not other.proof.ok() else None
            return other if other.proof.ok() else found
        placed = self.placed
        points: list[Any] = [lambda: z, lambda: placed.layout.pack(placed.lifted(found.found))]
        if placed.sparse is None:
            points += [lambda: np.zeros(z.size), lambda: met(placed, found.found)]
        for there in answers_at(points, judge, answer):
            other = self._judged_at(there.z, judge, there, True)
            if other.proof.ok():
                return other
        return found

    def _judged_at(self, z: Any, judge: Any, answer: Any, again: bool = False) -> Judged:
        """A point with the multipliers of an answer; `again`, after others."""
        from ..kernels.kkt import certify_kkt
        from ..kernels.semidefinite import certify_semidefinite

        layout = self.placed.layout
        found = self.derived.free.forward(layout.unpack(z))
        value = self.placed.value(found)
        told: dict[str, Any] = {"statement_value": value, "tolerance": self.settings["tol"]}
        told["quadratic"] = self.derived.quadratic
        if self.blocks:
            dual = np.zeros(z.size) if self.cone is None else self.cone
            proof: Any = alone(
                partial(certify_semidefinite, **told), judge, layout, answer, dual, self.blocks
            )
        else:
            told["settles"] = self.settles
            certify = partial(certify_kkt, judge, layout, z, answer.nu, answer.lam, **told)
            # who has ended the run does not want to wait; nor do many multipliers that do not fit
            proof = certify(curved=False) if self.ended or again else None
            if proof is None or proof.error <= HOPEFUL:
                proof = certify()
        proof = self.placed.unkinked(proof, z)
        return Judged(z, found, value, proof, answer)

    def watch(self, iteration: int, z: Any, value: float, error: float) -> bool:
        """An iteration is noted, shown and told; whether the run is to end."""
        from ..kernels.clock import now
        from ..kernels.optimizers.result import Result

        self.history.objective.append(value)
        self.history.scaled_gradient.append(error)
        self.history.time.append(time.perf_counter() - self.began)
        self.latest, self.steps = z, max(self.steps, iteration)
        self.bar.update(iteration, value, error)
        limit, callback = self.settings.get("max_time"), self.settings.get("callback")
        if limit is not None and now() - self.entered >= limit:
            self.late = True
            self.ended.append((TIME, f"not converged within max_time = {limit:g} s ({iteration} iterations)"))
            return True
        if callback is not None and iteration:
            seen: Any = Result()
            seen.update(x=z, fun=value, nit=iteration)
            callback(seen)
        return False
