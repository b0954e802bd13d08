"""Runs that are watched or limited end where unwatched ones end; those that are stopped keep what they have."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.optimize import OptimizeResult

import derive as dv
from derive.errors import ArgumentError
from derive.solving.instance import Instance
from derive.statuses import INFEASIBLE, INTERRUPT, ITERATIONS, NO_MINIMUM, NO_STEP, STOPPED, SUCCESS, TIME

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


STOPPED_RUNS = {
    "driver": ("sum(t*w - log(w))", {"t": ("d",), "w": ("d",)}, ("positive",), ()),
    "simplex": ("sum((X @ w - y)**4)", SHAPES, ("simplex",), ()),
    "proximal": (OBJECTIVES[1], SHAPES, (), ()),
    "groups": (OBJECTIVES[3], SHAPES, (), ()),
    "program": ("sumsq(X @ w - y)", SHAPES, (), ["w >= 0", "sum(w) <= 1"]),
    "cones": ("norm(X @ w - y) + norm(w)", SHAPES, (), ()),
    "conditions": ("sum(exp(w)) - sum(y)*sum(w)", SHAPES, (), ["sumsq(w) <= 1"]),
}


@pytest.mark.parametrize("kind", STOPPED_RUNS)
def test_the_callback_is_the_last_to_be_asked(kind: str) -> None:
    """Whatever the method: no other run begins after the one that was stopped, and status and steps say so."""
    objective, shapes, facts, conditions = STOPPED_RUNS[kind]
    given = dv.parse(objective, variables=shapes, facts={"w": facts})
    stated = dv.minimize(given, over="w", subject_to=conditions)
    used = {v.name for v in stated.declared}
    data = {
        name: a
        for name, a in {**DATA, "t": np.linspace(1, 5, 6) if kind == "driver" else DATA["t"]}.items()
        if name in used
    }
    calls = []

    def callback(step: Any) -> None:
        calls.append(step.nit)
        if len(calls) == 2:
            raise StopIteration

    stopped = stated.solve(data, backend="numpy", callback=callback)
    assert len(calls) == 2 and not stopped.success
    assert (stopped.status, stopped.nit) == (STOPPED, 2)
    assert "stopped by the callback after 2 iterations" in stopped.message


@pytest.mark.parametrize(
    ("conditions", "status"),
    [
        (["w >= 1", "w <= 0"], INFEASIBLE),
        (["sumsq(w) <= 1", "w[0] >= 2"], INFEASIBLE),
        (["w <= 3"], NO_MINIMUM),
        (["w >= 3"], SUCCESS),
    ],
)
def test_one_meaning_of_status(conditions: list[str], status: int) -> None:
    stated = dv.minimize("sum(t*w)", over="w", subject_to=conditions, variables={"t": ("d",), "w": ("d",)})
    data = {"t": np.ones(3)}
    assert stated.solve(data, backend="numpy").status == status
    if status == INFEASIBLE:
        assert stated.solve(data, backend="numpy", callback=interrupt).status == INTERRUPT


def interrupt(step: Any) -> None:
    raise KeyboardInterrupt


def test_time_is_that_of_all_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a run has used its time up, facts are not tried as constraints for as long again."""
    from derive.solving import route

    begun: list[Any] = []
    monkeypatch.setattr(route, "by_constraints", lambda *a: begun.append(a))
    stated = dv.minimize(
        "sum(t*w - log(w) + exp(w))",
        over="w",
        variables={"t": ("d",), "w": ("d",)},
        facts={"w": ("positive",)},
    )
    late = stated.solve(t=np.linspace(1, 5, 6), backend="numpy", max_time=1e-9)
    assert late.status == TIME and not begun


def test_a_result_is_a_start() -> None:
    """An earlier result, SciPy's about the only unknown too; its words are short, however long the run."""
    stated, data = problem(OBJECTIVES[0])
    first = stated.solve(data, backend="numpy")
    again = stated.solve(data, backend="numpy", start=first)
    assert again.success and again.nit <= 1
    foreign = stated.solve(
        data, backend="numpy", start=OptimizeResult(x=first["w"], success=True, message="done")
    )
    assert foreign.nit <= 1
    assert repr(first.history).startswith(
        f"<History of {len(first.history)} points: objective, gradient_norm"
    )
    assert "optimality gap" in str(first.certificate.guarantee)
    several = dv.minimize(
        "sumsq(a - 1) + sumsq(b - a)", over=["a", "b"], variables={"a": ("n",), "b": ("n",)}
    )
    found = several.solve(n=3, backend="numpy")
    assert several.solve(n=3, start=found, backend="numpy").success
    with pytest.raises(ArgumentError, match=r"not an array of shape \(6,\)"):
        several.solve(n=3, start=found.x)


def test_kinks_alone_are_not_called_infeasible() -> None:
    """A method that does not arrive: slack variables have room at every point."""
    stated, data = problem("sumsq(X @ w - y)/2 + lam*norm(w)")
    way: dict[str, Any] = {"backend": "numpy", "method": "augmented-lagrangian"}
    lost = stated.solve({**data, "lam": 30.0}, **way)
    assert not lost.success and lost.status == NO_STEP and "not certified after" in lost.message
    short = stated.solve({**data, "lam": 30.0}, **way, max_iterations=2)
    assert not short.success and short.status == ITERATIONS and "not converged after 2" in short.message


def test_certificates_estimate_the_condition() -> None:
    """Beside the smallest eigenvalue, of the same Hessian, whatever the method."""
    rng = np.random.default_rng(3)
    Q = np.linalg.qr(rng.standard_normal((40, 4)))[0]
    data = {"X": Q * np.array([1.0, 10.0, 100.0, 1000.0]), "y": rng.standard_normal(40)}
    shapes = {"X": ("n", "d"), "y": ("n",), "w": ("d",)}
    for objective, conditions in [
        ("sumsq(X @ w - y)/2 + sum(w**4)", []),
        ("sumsq(X @ w - y)/2", ["w >= -1e6"]),
        ("sumsq(X @ w - y)/2", ["X @ w <= 1e6"]),
        ("sumsq(X @ w - y)/2 + norm(w)/10000", []),
    ]:
        found = dv.minimize(objective, over="w", subject_to=conditions, variables=shapes).solve(
            data, backend="numpy"
        )
        assert found.success and 1.0 <= found.certificate.condition < np.inf
        assert "condition number" in str(found.certificate)


def test_certificates_of_late_runs_say_no_more_than_messages() -> None:
    """A long step ahead of a run that time has ended is no proof that there is no minimum, in either."""
    text = "sum(100*(x[1:] - x[:-1]**2)**2 + (1 - x[:-1])**2)"
    stated = dv.minimize(text, over="x", variables={"x": ("n",)})
    late = stated.solve(
        start=np.full(300, -1.2), method="gradient-descent", max_iterations=30, backend="numpy"
    )
    assert not late.success and "no minimum" not in late.message
    assert late.certificate.stopped and "no minimum" not in str(late.certificate)
    assert late.message.endswith(late.certificate.reason())
