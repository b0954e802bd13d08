"""`minimize`: an optimizer's steps, watched.

It runs `step` under Python, records the history, looks at the clock, at Ctrl-C and at the callback between
steps, and asks the certificate, not the optimizer, whether the answer is right. Whatever ends the run, the
best point so far comes back with a message that names the cause; not converging is never an exception.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import OptimizeResult

from derive.errors import ArgumentError, SizeError
from derive.statuses import (
    INTERRUPT,
    ITERATIONS,
    NO_MINIMUM,
    NO_STEP,
    NO_VALUE,
    STOPPED,
    SUCCESS,
    TIME,
)

from ..certificate import TOLERANCE, Certificate, certify
from ..clock import now
from ..interrupt import Interruptible, uninterrupted
from ..oracle import Oracle, Vector
from . import Method, method
from .checkpoint import Checkpoint, mark_of
from .progress import Progress
from .records import Options
from .result import History, Result
from .state import FINISHED, NOT_FINITE, RUNNING, STALLED, UNBOUNDED, State, falls_for_ever, scaled_gradient

Certify = Callable[[Vector, float, Sequence[Vector]], Certificate]
Callback = Callable[[OptimizeResult], Any]

#: Below the value at the start, in its units: where it is looked whether there is a minimum at all.
FALLEN = 1e12
#: The optimizer's own measure may be looser than the certificate's; it is then tightened this far.
TIGHTEST = 1e-8
#: What of the scaled gradient is left to what is slow.
TURN = 1e-4


class Run:
    """One minimisation: the state, the best point and the clock."""

    def __init__(
        self,
        oracle: Oracle,
        x0: Vector,
        record: Method,
        options: Options | None = None,
        checkpoint: str | Path | None = None,
        made: int = 0,
        spent: float = 0.0,
    ) -> None:
        self.oracle, self.record, self.made, self.spent = oracle, record, made, spent
        self.began, self.entered = time.perf_counter(), now()  # `entered` is moved to where all is compiled
        self.history = History()
        f, g = oracle.value_gradient(x0)
        self.first = f
        self._measured: tuple[Vector | None, float, float] = (None, 0.0, 0.0)  # point, magnitude, measure
        chosen = record.chosen(options)
        self.state: State = record.start(oracle, x0, f, g, chosen)
        self.best = (x0, f, g)
        self.turn: list[Vector] = []  # the point where all but what is slow was done
        self.proof: Certificate | None = None  # of the best point, where that ended the run
        self.checkpoint: Checkpoint | None = None
        if checkpoint is not None:
            mark = mark_of(record.name, chosen, oracle.layout, f, g)
            self.checkpoint = Checkpoint(checkpoint, mark)
            kept = self.checkpoint.load(self.state, self.history)
            if kept is not None:
                self.state, self.best = kept
                self.began -= self.history.time[-1]
                self.entered = now()
                return
        self.note()
        self.entered = now()

    @property
    def steps(self) -> int:
        """Iterations so far, with those of methods before."""
        return self.made + len(self.history) - 1

    @property
    def magnitude(self) -> float:
        """The typical size of an objective whose minimum is 0: the gain since the start, at most 1."""
        gain = self.first - self.best[1]
        return min(1.0, gain) if np.isfinite(gain) and gain > 0.0 else 1.0

    @property
    def measure(self) -> float:
        """The scaled gradient of the present point; worked out once for each."""
        s, magnitude = self.state, self.magnitude
        if self._measured[0] is not s.x or self._measured[1] != magnitude:
            self._measured = (s.x, magnitude, scaled_gradient(s.x, s.f, s.g, magnitude))
        return self._measured[2]

    @property
    def is_endless(self) -> bool:
        """Whether the objective falls along the ray through the present point."""
        return falls_for_ever(self.oracle.value, self.state.x)

    def note(self) -> None:
        """Record the present point; keep it if it is the best (by gradient, where values are equal)."""
        s, (_, f, g) = self.state, self.best
        if np.isfinite(s.f) and np.isfinite(s.g).all():
            level = 1e-12 * abs(f) if np.isfinite(f) else 0.0
            smaller = s.f < f - level or not np.isfinite(f)
            if smaller or (s.f <= f + level and np.abs(s.g).max() <= np.abs(g).max()):
                self.best = (s.x, s.f, s.g)
        if not self.turn and self.measure <= TURN:
            self.turn.append(s.x)
        self.history.objective.append(float(s.f))
        self.history.gradient_norm.append(float(np.abs(s.g).max()))
        self.history.scaled_gradient.append(self.measure)
        self.history.time.append(time.perf_counter() - self.began)
        self.history.evaluations.append(int(s.evaluations))

    def advance(self) -> None:
        """One step."""
        functions = [getattr(self.oracle, name) for name in self.record.functions]
        self.state = self.record.step(self.state, *functions)
        if self.state.status in (RUNNING, FINISHED, UNBOUNDED):
            self.note()
        if self.checkpoint is not None and self.checkpoint.due():
            self.save()

    def save(self) -> None:
        """Write the checkpoint, if there is one."""
        if self.checkpoint is not None:
            self.checkpoint.save(self.state, self.best, self.history)


def minimize(
    oracle: Oracle,
    x0: Any,
    method_name: str = "lbfgs",
    *,
    tol: float = TOLERANCE,
    max_iterations: int = 10_000,
    max_time: float | None = None,
    callback: Callback | None = None,
    progress: bool = False,
    certificate: Certify | None = None,
    options: Options | None = None,
    checkpoint: str | Path | None = None,
    made: int = 0,
    spent: float = 0.0,
) -> OptimizeResult:
    """Minimise from `x0`; SciPy's `OptimizeResult` plus `.certificate` and `.history`.

    `certificate(x, magnitude, since)` judges a point independently of the oracle (`certificate.certify_statement`);
    without it the oracle's own numbers are certified. `callback` is SciPy's: it gets an intermediate result,
    and stops the run by raising StopIteration. `max_time` is in seconds. `options` are those of the method
    (`Method.options`), such as its learning rate. `checkpoint` names a file in which the run is kept every half
    minute and at its end; if it is there at the beginning, the run goes on from it. `made` iterations of other methods
    came before and took `spent` of the seconds that were given, which count in what is said.
    """
    record = method(method_name)
    lacking = record.needs - oracle.has
    if lacking:
        raise ArgumentError(f"method {record.name} needs the {', '.join(sorted(lacking))}; none was given")
    start = np.array(x0, dtype=np.float64).reshape(-1)
    if start.shape != (oracle.size,):
        raise SizeError(f"the start has {start.size} entries, the problem {oracle.size} unknowns")
    if not 0.0 < tol < 1.0:
        raise ArgumentError(f"tol is a number between 0 and 1, not {tol}")
    judge = certificate or (lambda x, magnitude, since: certify_oracle(oracle, x, magnitude, tol, since))
    with np.errstate(all="ignore"):
        run = Run(oracle, start, record, options, checkpoint, made, spent)
        with Progress(record.title, progress, tol) as bar, Interruptible() as block:
            status, message = _iterate(run, judge, tol, max_iterations, max_time, callback, bar)
        if block.left:
            status, message = (
                INTERRUPT,
                f"interrupted after {run.steps} iterations; the best point so far is kept",
            )
        run.save()
        x, f, g = run.best
        proof = uninterrupted(judge, x, run.magnitude, run.turn) if run.proof is None else run.proof
    return _result(run, proof, status, message, (x, f, g))


def certify_oracle(
    oracle: Oracle, x: Vector, magnitude: float, tol: float, since: Sequence[Vector] = ()
) -> Certificate:
    """The certificate from the oracle's own numbers."""
    f, g = oracle.value_gradient(x)
    hessian = oracle.hessian(x) if "hessian" in oracle.has and oracle.size <= 500 else None
    return certify(
        f,
        g,
        x,
        hessian=hessian,
        at=oracle.value_gradient,
        magnitude=magnitude,
        tolerance=tol,
        layout=oracle.layout,
        since=since,
    )


def _record(**fields: Any) -> Result:
    """SciPy's result, which is a dict with attributes."""
    result = Result()
    result.update(fields)
    return result


def _iterate(
    run: Run,
    judge: Certify,
    tol: float,
    max_iterations: int,
    max_time: float | None,
    callback: Callback | None,
    bar: Progress,
) -> tuple[int, str]:
    """Steps until the certificate is satisfied or something ends the run: (status, message)."""
    aim = tol
    try:
        for iteration in range(len(run.history) - 1, max_iterations + 1):
            ended = _status(run)
            if ended is not None:
                return ended
            if run.measure <= aim:
                x, f, g = _polished(run)  # first: the certificate may cost more than all steps
                proof = judge(x, run.magnitude, run.turn)
                if proof.ok(tol):
                    # What was certified is the answer, not an earlier point whose value is equal to rounding.
                    run.best, run.proof = (x, f, g), proof
                    return SUCCESS, "converged"
                if proof.runs_away() and (
                    min(aim, proof.stationarity) <= 1e-3 * tol or np.isinf(proof.drift)
                ):
                    return NO_MINIMUM, proof.reason()
                if proof.saddle() and run.record.name != "newton":
                    return NO_STEP, proof.reason()
                aim = max(min(aim, run.measure) / 10.0, TIGHTEST * tol)
            fallen = run.state.f < -FALLEN * max(1.0, abs(run.first)) and iteration & (iteration - 1) == 0
            if fallen and (run.is_endless or np.isinf(judge(run.state.x, run.magnitude, ()).drift)):
                return NO_MINIMUM, f"the objective is unbounded below: it fell to {run.state.f:.0e}"
            if iteration == max_iterations and run.is_endless:
                return NO_MINIMUM, f"the objective is unbounded below: it fell to {run.state.f:.0e}"
            if iteration == max_iterations:
                return ITERATIONS, f"not converged after {run.steps} iterations"
            if max_time is not None and now() - run.entered >= max_time:
                return (
                    TIME,
                    f"not converged within max_time = {max_time + run.spent:g} s ({run.steps} iterations)",
                )
            run.advance()
            if callback is not None:
                s = run.state
                callback(_record(x=s.x, fun=float(s.f), jac=s.g, nit=iteration + 1))
            bar.update(iteration + 1, run.state.f, run.measure)
    except StopIteration:
        return STOPPED, f"stopped by the callback after {run.steps} iterations"
    return ITERATIONS, f"not converged after {run.steps} iterations"


def _status(run: Run) -> tuple[int, str] | None:
    """Why the state allows no further step, or None."""
    status, nonfinite = run.state.status, run.oracle.counts.nonfinite
    seen = f"; the objective or its gradient was not finite at {nonfinite} trial points" if nonfinite else ""
    if status == UNBOUNDED or run.state.f < -1e20 * max(1.0, abs(run.first)):
        return NO_MINIMUM, f"the objective is unbounded below: it fell to {run.state.f:.0e}"
    if np.abs(run.state.x).max(initial=0.0) > 1e60 and run.state.f < run.first:
        return NO_MINIMUM, "no minimum is attained: the unknowns grow without bound while the objective falls"
    if status == NOT_FINITE and len(run.history) == 1:
        return NO_VALUE, f"the objective or a derivative of it is not finite at the start ({run.state.f})"
    if status == NOT_FINITE:
        return NO_VALUE, "a derivative became NaN or infinite during the run" + seen + _remedy(run)
    if status == FINISHED:
        epochs = len(run.history) - 1
        return ITERATIONS, f"the planned {epochs} epochs are done; the best point of them is kept"
    if status == STALLED and run.is_endless:
        return NO_MINIMUM, f"the objective is unbounded below: it fell to {run.state.f:.0e}"
    if status == STALLED:
        return NO_STEP, "no further step improves the objective" + seen
    return None


def _remedy(run: Run) -> str:
    return "; try a smaller learning_rate" if run.record.rate == "stochastic" else ""


def _polished(run: Run) -> tuple[Vector, float, Vector]:
    """The point where the tolerance is met; if steps are cheap, a few on, while each halves the gradient."""
    point = (run.state.x, run.state.f, run.state.g)
    for _ in range(5 if run.record.polish else 0):
        before = run.measure
        if before == 0.0:
            break
        run.advance()
        if run.state.status != RUNNING or run.measure >= before:
            break
        point = (run.state.x, run.state.f, run.state.g)
        if run.measure > 0.5 * before:
            break
    return point


def _result(
    run: Run, proof: Certificate, status: int, message: str, best: tuple[Vector, float, Vector]
) -> OptimizeResult:
    x, f, g = best
    success = proof.ok() and status in (SUCCESS, NO_STEP, ITERATIONS, TIME)
    if success:
        status, message = SUCCESS, f"certified: {proof.reason()}"
    elif status == SUCCESS:
        status, message = NO_STEP, f"not certified: {proof.reason()}"
    elif proof.reason() not in message:
        proof = replace(proof, stopped=status != NO_STEP)  # that is an end, all others came from outside
        message = f"{message}; {proof.reason()}"
    counts = run.oracle.counts
    return _record(
        x=x,
        fun=float(f),
        jac=g,
        nit=len(run.history) - 1,
        nfev=counts.value,
        njev=counts.gradient,
        nhev=counts.hessian,
        nhvp=counts.hvp,
        status=status,
        message=message,
        success=success,
        method=run.record.name,
        certificate=proof,
        history=run.history,
        time=time.perf_counter() - run.began,
    )
