"""The loops of a separable problem: interpreted, compiled whole, with sampled Hessians, on working sets, first-order.

All have the form (λ, low, high, x, tolerance, most steps) -> (F at the start, status, steps, evaluations), with the
start and then the answer in x, and status 0 saying that the loop is content. Those of `solve` are Python around
compiled functions, so that a watch is told of every step and Ctrl-C is heard; what is prepared is compiled whole. A
constant Hessian takes one step, by coordinate descent and exact solves on the free entries. Small problems are
evaluated by the interpreter, for compiling a kernel takes longer than solving.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, partial
from typing import TYPE_CHECKING, Any, final

import numpy as np

from .composite import Composite

if TYPE_CHECKING:
    from .instance import Instance
    from .reduced import Reduced
    from .watching import Watch

#: With more unknowns the eigenvalues that give L cost more than the trials they save.
EIGENVALUES_UP_TO = 300
#: A loop stops where its next step would gain less than this share of the objective.
AIM = 1e-9
#: The same of a quadratic, whose exact solves end in rounding, and whose sweeps may end before at nearly nothing.
EXACT = 1e-15
#: The same for steps that converge linearly, where the next step does not square the error: what certificates ask for.
CERTIFIED = 1e-17
#: Reads of all data with Hessians of samples, at most.
READS = 40
#: Sweeps of coordinate descent, steps of Newton's method, iterations of FISTA at most.
SWEEPS, STEPS, ITERATIONS = 5000, 100, 50_000
#: Of a loop that may go on from where it is; sweeps between two looks at the clock.
UNFINISHED, STRETCH = 1, 100


@final
class Loops:
    """The loops of one problem, with what has been compiled for them."""

    def __init__(self, composite: Composite) -> None:
        self.composite = composite
        self._wholes: dict[Any, Any] = {}

    def compiled(self, instance: Instance, arrays: Mapping[str, Any]) -> Any:
        """The loop compiled whole, on data: λ, low, high, x, tolerance, most steps to what the loop returns.

        Of a quadratic λ, low and high are the rows of one array.
        """
        from ..kernels.whole import NEWTON, QUADRATIC, Whole

        layout = self.composite.layout(instance)
        orders = tuple(len(s) for s in layout.shapes)
        if orders not in self._wholes:
            loop = QUADRATIC if self.composite.quadratic else NEWTON
            self._wholes[orders] = Whole([self._compiled_kernel()], layout, loop)
        return self._wholes[orders].bind([(arrays, instance.binding)], layout)

    def descending(self, instance: Instance, arrays: Mapping[str, Any]) -> Any:
        """L-BFGS compiled whole, on data, in the form above; without Hessians."""
        from ..kernels.compile import compile_nodes
        from ..kernels.whole import DESCENT, Whole

        layout = self.composite.layout(instance)
        key = ("descent", *(len(s) for s in layout.shapes))
        if key not in self._wholes:
            names = [v.name for v in self.composite.unknowns]
            self._wholes[key] = Whole(
                [compile_nodes(self.composite.outputs, unknowns=names)], layout, DESCENT
            )
        return self._wholes[key].bind([(arrays, instance.binding)], layout)

    def moments_compiled(self, instance: Instance, arrays: Mapping[str, Any]) -> tuple[Any, Any]:
        """Gradient at 0 and Hessian of a quadratic, by the compiled kernel."""
        self.compiled(instance, arrays)
        layout = self.composite.layout(instance)
        whole = self._wholes[tuple(len(s) for s in layout.shapes)]
        found: tuple[Any, Any] = whole.moments((arrays, instance.binding), layout)
        return found

    def _compiled_kernel(self) -> Any:
        """Value, gradient and Hessian at x; of a quadratic, gradient at 0 and Hessian."""
        from ..kernels.compile import compile_nodes

        if not self.composite.quadratic:
            return compile_nodes(
                {**self.composite.outputs, **self.composite.blocks},
                unknowns=[v.name for v in self.composite.unknowns],
            )
        return compile_nodes(self.composite.at_zero())

    def samples(self, instance: Instance) -> bool:
        """Whether Hessians of samples pay."""
        composite = self.composite
        plain = not composite.quadratic and composite.structure.is_plain
        return plain and bool(composite.sampled(instance.posed).counts(instance.binding))

    def sampling(
        self,
        instance: Instance,
        arrays: Mapping[str, Any],
        whole: bool = False,
        watch: Watch | None = None,
    ) -> Any:
        """The loop with Hessians from a sample of the rows, where there are so many rows that it pays; else None.

        Where few rows decide, as with classes that are nearly separable, samples are no guide: whole Hessians go on.

        whole  whether the loop itself is to be compiled, not the kernels alone
        watch  told of every step on all rows; of a loop that is not whole
        """
        if not self.samples(instance):
            return None
        from ..kernels.optimizers.sampled_newton import CONVERGED
        from ..kernels.optimizers.sampled_newton import STEPS as STEPS_MADE

        whole &= all(a.flags.c_contiguous and a.dtype == np.float64 for a in arrays.values())
        descents = self._descents(instance, arrays, whole, watch)

        def loop(l1: Any, low: Any, high: Any, x: Any, tol: float, most: int) -> Any:
            begin, first = x.copy(), None
            while True:
                f, before, status, *counts = descents[0](l1, low, high, x, tol, min(most, READS))
                first = before if first is None else first
                if not f <= first:
                    x[:] = begin
                asked = status == STEPS_MADE and most <= READS
                if status == CONVERGED or asked:
                    return first, status, *counts
                if len(descents) == 1:
                    break
                del descents[0]  # these data want more digits, and will the next time
            if not instance.facts.is_convex:
                return first, status, *counts
            if watch is None:
                return first, *self.compiled(instance, arrays)(l1, low, high, x, tol, most)[2:]
            newton = _newton(self.composite.kernel(instance, arrays), watch)
            return first, *newton(l1, low, high, x, tol, most)[1:]

        return loop

    def _descents(
        self, instance: Instance, arrays: Mapping[str, Any], whole: bool, watch: Watch | None
    ) -> list[Any]:
        """Loops on samples from (λ, low, high, x, tolerance, most steps) to (F, F at the start, status, steps,
        evaluations): in single precision where that pays, then in double.

        whole  whether they are compiled whole; under Python they say what they see of all rows
        """
        from ..kernels.optimizers.sampled_newton import EXACT, SINGLE, sampled_newton
        from ..kernels.whole import ROUGH, SAMPLED, Whole

        sampled, layout = self.composite.sampled(instance.posed), self.composite.layout(instance)

        def made(rough: bool) -> Any:
            sets = sampled.sets(instance, arrays, kept=whole, single=rough)
            rows = np.array([binding.values[sampled.rows] for _, binding in sets], dtype=np.float64)
            given = rows, np.array(SINGLE if rough else EXACT)
            if not whole:
                return under_python(len(sets) - 1, *sampled.estimates(sets, layout), *given)
            key = ("sampled", rough, *(len(s) for s in layout.shapes))
            if key not in self._wholes:
                kernels = sampled.kernels(rough)
                for kernel, (_, binding) in zip(kernels, (sets[-1], sets[0], sets[-1]), strict=False):
                    kernel.expect(binding)
                self._wholes[key] = Whole(kernels, layout, ROUGH if rough else SAMPLED)
            room = SAMPLED.sets
            bound = self._wholes[key].bind([*sets, *[sets[-1]] * room][:room], layout)
            return lambda l1, low, high, *rest: bound(*given, *rest)

        def under_python(last: int, estimate: Any, model: Any, *given: Any) -> Any:
            def told(l1: Any, low: Any, high: Any, *rest: Any) -> Any:
                on_all = _told(partial(estimate, k=last), watch, l1, low, high)
                return sampled_newton(
                    lambda x, k: on_all(x) if k == last else estimate(x, k), model, *given, *rest
                )

            return told

        @cache
        def exact() -> Any:
            """Made where it is needed: it is compiled."""
            return made(rough=False)

        if whole and sampled.copies(instance.binding):
            return [made(rough=True), lambda *arguments: exact()(*arguments)]
        return [exact()]

    def second_order(
        self,
        instance: Instance,
        arrays: Mapping[str, Any],
        judge: Any,
        compiled: bool,
        watch: Watch | None = None,
    ) -> Any:
        """The loop in the form above; but for quadratics it tells the watch by itself."""
        if not compiled and self.composite.quadratic:

            def once(l1: Any, low: Any, high: Any, x: Any, tol: float, most: int) -> Any:
                f, g, h, _ = judge(x)
                if not (np.isfinite(g).all() and np.isfinite(h).all()):
                    return f, 3, 1, 1
                first, g = f + float(l1 @ np.abs(x)), g - h @ x
                level = f - float(x @ (g + 0.5 * (h @ x)))
                return first, *_watched((h, g, level), (l1, low, high), x, tol, most, watch)

            return once
        if not compiled:
            return _newton(lambda x: judge(x)[:3], watch)
        sampled = self.sampling(instance, arrays, watch=watch)
        if sampled is not None:

            def strict(l1: Any, low: Any, high: Any, x: Any, tol: float, most: int) -> Any:
                return sampled(l1, low, high, x, min(tol, CERTIFIED), most)

            return strict
        if not self.composite.quadratic:
            return _newton(self.composite.kernel(instance, arrays), watch)
        whole = self.compiled(instance, arrays)

        def whole_once(l1: Any, low: Any, high: Any, x: Any, tol: float, most: int) -> Any:
            if watch is None or not watch.is_wanted:
                return np.inf, *_swept(whole(np.stack((l1, low, high)), x, tol, most), most)
            g, h = self.moments_compiled(instance, arrays)
            level = judge(np.zeros(x.size))[0]
            return np.inf, *_watched((h, g, level), (l1, low, high), x, tol, most, watch)

        return whole_once

    def on_working_sets(
        self,
        instance: Instance,
        arrays: Mapping[str, Any],
        judge: Any,
        compiled: bool,
        reduced: Reduced,
        watch: Watch,
    ) -> Any:
        """The loop in the form above for sparse answers: problems on few unknowns, each by `second_order`."""
        from ..kernels.optimizers.penalties import PENALTIES
        from ..kernels.optimizers.working_set import ROUNDS, working_sets

        value_gradient = self._smooth(instance, arrays, judge, compiled)
        inner = SWEEPS if self.composite.quadratic else STEPS

        def loop(l1: Any, low: Any, high: Any, x: Any, tol: float, most: int) -> Any:
            def solve(chosen: Any, entries: Any, part: Any) -> tuple[Any, int] | None:
                few = reduced.on(chosen)
                numbers, part = few.numbers, part.copy()
                made = self.second_order(few, numbers, self.composite.judge(few, numbers), compiled)
                _, status, _, count = made(l1[entries], low[entries], high[entries], part, CERTIFIED, inner)
                return (part, count) if status in (0, UNFINISHED) else None  # what is left is seen outside

            penalty = PENALTIES["separable"].of(l1, low, high)
            rounds = min(most, ROUNDS)
            x[:], *rest = working_sets(
                value_gradient, penalty, reduced.slices, solve, x, tol=tol, most=rounds, watch=watch
            )
            return rest

        return loop

    def value_gradient(self, instance: Instance, arrays: Mapping[str, Any]) -> Any:
        """`value_gradient(x)` of the smooth part, compiled."""
        sampled = self.composite.sampled(instance.posed)
        return sampled.bind_first(instance, arrays, self.composite.layout(instance))

    def slope(self, instance: Instance, arrays: Mapping[str, Any]) -> Any:
        """The gradient of the smooth part alone, compiled."""
        value_gradient = self.value_gradient(instance, arrays)
        return lambda x: value_gradient(x)[1]

    def _smooth(self, instance: Instance, arrays: Mapping[str, Any], judge: Any, compiled: bool) -> Any:
        """The same, by the interpreter unless it is to be compiled."""
        if compiled:
            return self.value_gradient(instance, arrays)

        def interpreted(x: Any) -> tuple[float, Any]:
            f, g, _, _ = judge(x)
            return f, g

        return interpreted

    def first_order(
        self, instance: Instance, arrays: Mapping[str, Any], judge: Any, compiled: bool, watch: Watch
    ) -> Any:
        """FISTA, in the form of `_loop`; with the first step 1/L where L is derived."""
        from ..kernels.optimizers.fista import fista
        from ..kernels.optimizers.penalties import PENALTIES

        few = instance.count <= EIGENVALUES_UP_TO
        lipschitz = (instance.constants.smooth or np.inf) if few else np.inf
        value_gradient = self._smooth(instance, arrays, judge, compiled)

        def loop(l1: Any, low: Any, high: Any, x: Any, tol: float, most: int) -> Any:
            penalty = PENALTIES["separable"].of(l1, low, high)
            x[:], *rest = fista(
                value_gradient, penalty, x, tol=tol, most=ITERATIONS, watch=watch, lipschitz=lipschitz
            )
            return rest

        return loop


def _newton(oracle: Any, watch: Watch | None) -> Any:
    """Proximal Newton on value, gradient and Hessian at x, in the form above."""
    from ..kernels.optimizers.proximal_newton import proximal_newton

    def newton(l1: Any, low: Any, high: Any, *rest: Any) -> Any:
        return proximal_newton(_told(oracle, watch, l1, low, high), l1, low, high, *rest)[1:]

    return newton


def _told(at: Any, watch: Watch | None, *limits: Any) -> Any:
    return at if watch is None else watch.told(at, *limits)


def _swept(status: int, most: int) -> tuple[int, int, int]:
    """Status, steps and evaluations of a quadratic: one step, or all there may be where its sweeps lead nowhere."""
    return status, 1 if status == 0 else most, 1


def _watched(
    quadratic: tuple[Any, Any, float], limits: Any, x: Any, tol: float, most: int, watch: Watch | None
) -> tuple[int, int, int]:
    """The same of sweeps in stretches, after each of which the watch is told, if there is one.

    quadratic  Hessian, gradient and value at 0
    """
    from ..kernels.optimizers.penalties import PENALTIES
    from ..kernels.optimizers.quadratic import minimum

    h, g, level = quadratic
    if watch is None or not watch.is_wanted:
        return _swept(minimum(h, g, *limits, x, tol, most), most)
    penalty, status, made = PENALTIES["separable"].of(*limits), UNFINISHED, 0
    while status == UNFINISHED and made < most:
        status, made = minimum(h, g, *limits, x, tol, min(STRETCH, most - made)), made + STRETCH
        bent = h @ x
        error = penalty.distance(g + bent, x) * np.maximum(1.0, np.abs(x))
        value = level + float(x @ (g + 0.5 * bent)) + penalty.value(x)
        if status == UNFINISHED and watch(watch.steps + 1, x.copy(), value, float(error.max(initial=0.0))):
            return status, watch.steps, 1
    return _swept(status, most)
