"""What a run of compiled loops shows on its way: a history, the callback's view of each step, and the clock."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING, Any, final

import numpy as np

from ..statuses import INTERRUPT, ITERATIONS, NO_MINIMUM, STOPPED, TIME
from .options import Options
from .reasons import ENDLESS

if TYPE_CHECKING:
    from ..kernels.optimizers.result import History

#: Points of a run that are kept for its certificate.
RECENT = 16


class Ended(Exception):
    """A loop is left because its run is ended."""


@final
class Watch:
    """Called after every iteration as `watch(iteration, x, F, error)`; true ends the run.

    `error` is the largest optimality distance, entry by entry times max(1, |xᵢ|). Inside `with watch:`, Ctrl-C and the
    callback's StopIteration end the run as time does; `reached` is the point it had come to. A loop that knows nothing
    of this is given a function that tells it, `told`.
    """

    def __init__(self, options: Options) -> None:
        from ..kernels.clock import now
        from ..kernels.optimizers.result import History

        self.options, self.began, self.entered = options, time.perf_counter(), now()
        self.history: History = History()
        self.ended: tuple[int, str] | None = None
        self.x: Any = None
        self.recent: deque[Any] = deque(maxlen=RECENT)
        self.steps = 0

    def begin(self) -> None:
        """The clock starts; while kernels are made it stands."""
        from ..kernels.clock import now

        self.began, self.entered = time.perf_counter(), now()

    @property
    def is_wanted(self) -> bool:
        """Whether somebody looks at the run on its way."""
        return self.options.callback is not None or self.options.max_time is not None or self.options.progress

    def told(self, at: Callable[[Any], Any], l1: Any, low: Any, high: Any) -> Callable[[Any], Any]:
        """The function of x, value and gradient first, from which a loop hears that it is ended.

        A point with an objective f + Σλ|x| below all before is a step, but for the first one, which is the start.
        """
        from ..kernels.optimizers.penalties import PENALTIES

        penalty, wanted = PENALTIES["separable"].of(l1, low, high), self.is_wanted
        least, begun = np.inf, False
        self.recent.clear()

        def seen(x: Any) -> Any:
            nonlocal least, begun
            found = at(x)
            total = found[0] + float(l1 @ np.abs(x))
            if total <= least + 1e-15 * abs(total) or not begun:
                least, self.x = total, x.copy()
                self.recent.append(self.x)
                if begun and wanted:
                    error = penalty.distance(found[1], x) * np.maximum(1.0, np.abs(x))
                    self(self.steps + 1, self.x, total, float(error.max(initial=0.0)))
                else:
                    self.steps += begun
            if begun and (self.ended or self._late()):
                raise Ended
            begun = True
            return found

        return seen

    def __call__(self, iteration: int, x: Any, value: float, error: float) -> bool:
        """Record the step, tell the callback, look at the clock."""
        from ..kernels.optimizers.result import Result

        self.x, self.steps = x, self.steps + 1
        self._note(value, error / max(1.0, abs(value)), error, self.steps)
        if self.options.callback is not None:
            seen: Any = Result()
            seen.update(x=np.array(x), fun=value, nit=self.steps)
            self.options.callback(seen)
        return self._late() or self.ended is not None

    @property
    def made(self) -> int:
        """Iterations so far, with those of methods before."""
        return self.options.made + self.steps

    def ticks(self) -> None:
        """Leave the loop if time is up."""
        if self._late():
            raise Ended

    def _late(self) -> bool:
        """Whether time is up."""
        from ..kernels.clock import now

        limit = self.options.max_time
        if limit is None or now() - self.entered < limit:
            return False
        whole = limit + self.options.spent
        self.ended = (TIME, f"not converged within max_time = {whole:g} s ({self.made} iterations)")
        return True

    def __enter__(self) -> Watch:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        from ..kernels.interrupt import is_interrupt

        if error is None or not (is_interrupt(error) or isinstance(error, StopIteration | Ended)):
            return False
        if isinstance(error, Ended):
            return True
        if isinstance(error, StopIteration):
            self.ended = (STOPPED, f"stopped by the callback after {self.made} iterations")
        else:
            words = f"interrupted after {self.made} iterations; the best point so far is kept"
            self.ended = (INTERRUPT, words)
        return True

    def reached(self, x: Any, steps: int) -> tuple[Any, int]:
        """The last point seen and its step where the run was ended; else `x` and `steps`, as a loop returned them."""
        return (x, steps) if self.ended is None or self.x is None else (self.x, self.steps)

    def latest(self, unpack: Callable[[Any], Any]) -> Callable[[], Any]:
        """The last point seen, as `Instance.latest`."""
        return lambda: {} if self.x is None else unpack(self.x)

    def close(self, proof: Any, slope: Any, evaluations: int) -> History:
        """The history with the certified end."""
        self._note(proof.value, proof.stationarity, float(np.abs(slope).max()), evaluations)
        return self.history

    def _note(self, value: float, scaled: float, slope: float, evaluations: int) -> None:
        h = self.history
        h.objective.append(float(value))
        h.scaled_gradient.append(float(scaled))
        h.gradient_norm.append(float(slope))
        h.time.append(time.perf_counter() - self.began)
        h.evaluations.append(evaluations)


def until_certified(
    watch: Watch,
    run: Callable[[float, Any, int], tuple[Any, int, int]],
    judged: Callable[[Any], tuple[Any, Any]],
    x: Any,
    aims: Iterable[float],
    value: Callable[[Any], float],
) -> tuple[Any, Any, Any, int, int]:
    """A run to one aim after the other until its point is certified, or somebody ends it.

    Returns the point, its slope and its certificate, steps and evaluations.

    run     of the aim, the point and the steps so far: the point, steps and evaluations
    judged  of a point: slope and certificate
    value   of a point: the objective, whose fall without end ends a run as well
    """
    from ..kernels.interrupt import uninterrupted
    from ..kernels.optimizers.state import falls_for_ever

    slope, proof, steps, evaluations = None, None, 0, 0
    for aim in aims:
        with watch:
            x, count, tried = run(aim, x, steps)
            steps, evaluations = steps + count, evaluations + tried
        x, steps = watch.reached(x, steps)
        watch.x = x
        slope, proof = uninterrupted(judged, x)
        if proof.ok() or watch.ended:
            break
        if falls_for_ever(value, x):
            watch.ended = (NO_MINIMUM, ENDLESS)
            break
    return x, slope, proof, steps, evaluations


def outcome(watch: Watch, x: Any, slope: Any, proof: Any, steps: int, evaluations: int, method: str) -> Any:
    """SciPy's result of a run, with why it ended: certified, ended from outside, or out of iterations."""
    from ..kernels.optimizers.result import Result

    history = watch.close(proof, slope, evaluations)
    status, words = 0, f"certified: {proof.reason()}"
    if not proof.ok():
        status, words = watch.ended or (
            ITERATIONS,
            f"not converged after {watch.options.made + steps} iterations",
        )
        proof = replace(proof, stopped=status == TIME)
        words = f"{words}; {proof.reason()}"
    result: Any = Result()
    result.update(
        x=x,
        fun=proof.value,
        jac=slope,
        nit=steps,
        nfev=evaluations,
        njev=evaluations,
        status=status,
        message=words,
        success=proof.ok(),
        certificate=proof,
        history=history,
        time=history.time[-1],
        method=method,
    )
    return result
