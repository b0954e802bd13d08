"""Runs that are watched or limited end where unwatched ones end; those that are stopped keep what they have."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import derive as dv
from derive.solving.instance import Instance

SHAPES = {"X": ("n", "d"), "y": ("n",), "t": ("n",), "w": ("d",), "lam": ()}
RNG = np.random.default_rng(0)
X = RNG.standard_normal((60, 5))
Y = X @ RNG.standard_normal(5) + RNG.standard_normal(60)
DATA = {"X": X, "y": Y, "t": np.where(Y > 0, 1.0, -1.0), "lam": 2.0}
#: Newton, proximal Newton, coordinate descent, proximal gradient, Levenberg–Marquardt.
OBJECTIVES = [
    "sum(softplus(-t*(X @ w))) + lam/2*sumsq(w)",
    "sum(softplus(-t*(X @ w))) + lam*norm(w, 1)",
    "sumsq(X @ w - y)/2 + lam*norm(w, 1)",
    "sumsq(X @ w - y)/2 + lam*norm(w)",
    "sumsq(y - sin(X @ w))",
]


def problem(objective: str) -> tuple[Any, dict[str, Any]]:
    used = [name for name in SHAPES if name in objective.replace("sum", "").replace("sin", "")]
    stated = dv.minimize(objective, over="w", variables={name: SHAPES[name] for name in used})
    return stated, {name: DATA[name] for name in used if name in DATA}


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_limits_and_callbacks_change_nothing(objective: str) -> None:
    """The same point to the last bit with a limit of time; to rounding with a callback, which sees every step."""
    stated, data = problem(objective)
    plain = stated.solve(data, backend="numpy")
    limited = stated.solve(data, backend="numpy", max_time=100.0)
    assert plain.success and limited.success and limited.method == plain.method
    np.testing.assert_array_equal(limited["w"], plain["w"])
    seen: list[Any] = []
    watched = stated.solve(data, backend="numpy", callback=lambda step: seen.append(step.fun))
    np.testing.assert_allclose(watched["w"], plain["w"], rtol=1e-9, atol=1e-12)
    assert len(seen) >= 1 and np.isfinite(seen).all()
    assert plain.nfev == limited.nfev == watched.nfev and plain.nit == limited.nit


def test_samples_are_watched_for_nothing() -> None:
    """Objectives over many rows: as many reads with a watch as without, and what is seen falls to the optimum."""
    rng = np.random.default_rng(1)
    stated, _ = problem(OBJECTIVES[0])
    A = rng.standard_normal((40_000, 6))
    data = {"X": A, "t": np.sign(A @ rng.standard_normal(6) + rng.standard_normal(40_000)), "lam": 1.0}
    plain, seen = stated.solve(data), []
    assert plain.success and stated.posed.loops.samples(Instance(stated.posed, data, {}))
    watched = stated.solve(data, max_time=100.0, callback=lambda step: seen.append(step.fun))
    assert watched.nfev == plain.nfev and watched.nit == plain.nit
    assert seen == sorted(seen, reverse=True) and abs(seen[-1] - plain.fun) < 1e-8 * plain.fun

    def interrupt(step: Any) -> None:
        raise KeyboardInterrupt

    broken = stated.solve(data, callback=interrupt)
    assert "interrupted after 1 iterations" in broken.message and broken.fun == seen[0]


def test_time_is_kept_under_constraints() -> None:
    """Large quadratic programs, whose compiled loop nobody looks into, are solved step by step where time is short; a
    point where time ran out is not judged by Hessians."""
    rng = np.random.default_rng(2)
    A, B = rng.standard_normal((600, 300)), rng.standard_normal((500, 300))
    shapes = {"A": ("n", "d"), "y": ("n",), "B": ("m", "d"), "w": ("d",)}
    stated = dv.minimize("sumsq(A @ w - y)", over="w", subject_to=["B @ w <= 1"], variables=shapes)
    data = {"A": A, "B": B, "y": 10.0 * rng.standard_normal(600)}
    late = stated.solve(data, max_time=1e-3)
    assert not late.success and "not converged within max_time" in late.message
    assert late.certificate.curvature is None
    assert stated.solve(data, max_time=100.0).success


def test_what_ends_a_run_is_named() -> None:
    """Time, the callback, Ctrl-C: no exception, the best point so far, and the reason."""
    stated, data = problem(OBJECTIVES[1])

    def ended(by: type[BaseException]) -> Any:
        def callback(step: Any) -> None:
            raise by

        return stated.solve(data, callback=callback)

    late = stated.solve(data, max_time=1e-9)
    assert not late.success and "not converged within max_time" in late.message
    stopped, interrupted = ended(StopIteration), ended(KeyboardInterrupt)
    assert not stopped.success and "stopped by the callback after 1 iterations" in stopped.message
    assert not interrupted.success and "interrupted after 1 iterations" in interrupted.message
    first = late.fun
    assert first < 60 * np.log(2.0) and stopped.fun == interrupted.fun == first
