"""A run that is stopped and resumed makes the steps of one that is not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import derive as dv
from derive.errors import DataError, NotCertifiedWarning, UnsupportedError
from derive.kernels.optimizers import METHODS
from derive.kernels.optimizers import checkpoint as checkpoints
from derive.kernels.optimizers.driver import minimize
from derive.solving import loops
from tests.kernels.test_optimizers import Rows, conditioned, quartic_batch, rosenbrock


@pytest.mark.parametrize("name", METHODS)
def test_resumed_is_uninterrupted(name: str, tmp_path: Path) -> None:
    """Five steps and five more are ten, bit for bit, whatever the state of the method holds."""
    options: dict[str, Any] = {}
    oracle, start = rosenbrock(4), np.full(4, -0.5)
    if METHODS[name].rate == "stochastic":
        oracle, start = conditioned(10.0), np.zeros(6)
        oracle.batches = Rows(8, lambda x, rows: quartic_batch(x, 0, int(rows[0])) * rows.size / 8)
        options = {"batch_size": 2, "epochs": 10}
    whole = minimize(oracle, start, name, max_iterations=10, options=options)
    path = tmp_path / "run.npz"
    part = minimize(oracle, start, name, max_iterations=5, options=options, checkpoint=path)
    assert part.nit <= 5 and path.exists()
    rest = minimize(oracle, start, name, max_iterations=10, options=options, checkpoint=path)
    assert rest.nit == whole.nit
    assert (rest.x == whole.x).all() and rest.fun == whole.fun
    assert rest.history.objective == whole.history.objective


def test_kept_during_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that is killed has left its last state."""
    monkeypatch.setattr(checkpoints, "EVERY", 0.0)
    path = tmp_path / "run.npz"

    def killed(seen: Any) -> None:
        if seen.nit == 7:
            raise SystemExit

    with pytest.raises(SystemExit):
        minimize(rosenbrock(4), np.full(4, -0.5), "lbfgs", callback=killed, checkpoint=path)
    result = minimize(rosenbrock(4), np.full(4, -0.5), "lbfgs", checkpoint=path)
    assert result.success and result.nit > 7
    assert not list(tmp_path.glob(".run*"))


def test_other_runs_are_refused(tmp_path: Path) -> None:
    """Another start, method or problem; a file that is none."""
    path = tmp_path / "run.npz"
    minimize(rosenbrock(4), np.zeros(4), "lbfgs", max_iterations=2, checkpoint=path)
    for start, name in ((np.ones(4) / 2, "lbfgs"), (np.zeros(4), "newton")):
        with pytest.raises(DataError, match="another run"):
            minimize(rosenbrock(4), start, name, checkpoint=path)
    path.write_bytes(b"nothing")
    with pytest.raises(DataError, match="cannot be read"):
        minimize(rosenbrock(4), np.zeros(4), "lbfgs", checkpoint=path)


def test_through_a_problem(tmp_path: Path) -> None:
    """`solve(checkpoint=…)`; methods that keep none say so."""
    shapes = {"X": ("n", "d"), "y": ("n",), "w": ("d",)}
    rng = np.random.default_rng(0)
    data = {"X": rng.standard_normal((20, 3)), "y": rng.random(20)}
    problem = dv.minimize("sum(softplus(X @ w) - y*(X @ w))", over="w", variables=shapes)
    path = tmp_path / "run.npz"
    settings: dict[str, Any] = {"method": "lbfgs", "backend": "numpy", "checkpoint": path}
    first = problem.solve(data, max_iterations=2, **settings)
    assert not first.success and path.exists()
    assert problem.solve(data, **settings).success
    with pytest.raises(UnsupportedError, match="proximal-newton keeps no checkpoints"):
        problem.solve(data, method="proximal-newton", checkpoint=path)


@pytest.mark.parametrize("backend", ["numpy", "numba"])
def test_sweeps_keep_their_point(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, backend: str) -> None:
    """Coordinate descent on weights: stopped between stretches of its sweeps, it goes on from where it was."""
    monkeypatch.setattr(checkpoints, "EVERY", 0.0)
    monkeypatch.setattr(loops, "STRETCH", 1)
    rng = np.random.default_rng(0)
    X = rng.standard_normal((30, 8))
    X[:, 1:] += 3.0 * X[:, :1]
    data = {"X": X, "y": X @ rng.standard_normal(8) + rng.standard_normal(30)}
    lasso = dv.minimize(
        "sumsq(X @ w - y)/2 + norm(w, 1)", over="w", variables={"X": ("n", "d"), "y": ("n",), "w": ("d",)}
    )
    path, asked = tmp_path / "run.npz", {"method": "coordinate-descent", "backend": backend}
    expected = lasso.solve(data, **asked)
    seen: list[float] = []

    def stop(result: Any) -> None:
        assert not seen or path.exists()
        seen.append(result.fun)
        if len(seen) == 3:
            raise StopIteration

    with pytest.warns(NotCertifiedWarning):
        first = lasso.solve(data, checkpoint=path, callback=stop, **asked)
    assert seen == sorted(seen, reverse=True) and first.fun == pytest.approx(seen[-1])
    with np.load(path) as kept:
        np.testing.assert_array_equal(kept["of w"], first["w"])
    begun: list[float] = []
    again = lasso.solve(data, checkpoint=path, callback=lambda r: begun.append(r.fun), **asked)
    assert again.success and again.fun == pytest.approx(expected.fun, rel=1e-12)
    assert begun[0] <= seen[-1]


@pytest.mark.parametrize(
    "objective",
    [
        "sumsq(X @ w - y) + 3*norm(w, 1)",
        "sum(softplus(X @ w) - y*(X @ w)) + norm(w, 1)",
        "sumsq(X @ w - y) + norm(w)",
    ],
)
def test_penalised_runs_keep_their_point(tmp_path: Path, objective: str) -> None:
    """The plan's own way, with the answer in the file; the next run is certified where it begins."""
    rng = np.random.default_rng(0)
    data = {"X": rng.standard_normal((20, 3)), "y": rng.random(20)}
    problem = dv.minimize(objective, over="w", variables={"X": ("n", "d"), "y": ("n",), "w": ("d",)})
    plain, path = problem.solve(data), tmp_path / "run.npz"
    kept = problem.solve(data, checkpoint=path)
    assert kept.success and kept.method == plain.method and kept.fun == pytest.approx(plain.fun, rel=1e-9)
    assert problem.solve(data, checkpoint=path).nit <= 2
    with pytest.raises(DataError, match="another run"):
        problem.solve({**data, "y": data["y"] + 1.0}, checkpoint=path)


@pytest.mark.parametrize(
    ("objective", "conditions"),
    [
        ("sumsq(X @ w - y)", ["sum(w) == 1", "w <= 1"]),
        ("norm(X @ w - y) + norm(w, 1)", []),
        ("sum(exp(X @ w))", ["sumsq(w) <= 1"]),
    ],
)
def test_constrained_runs_keep_their_point(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, objective: str, conditions: list[str]
) -> None:
    """Stopped after some steps, the run begins anew from there; also from what was written on its way."""
    monkeypatch.setattr(checkpoints, "EVERY", 0.0)
    rng = np.random.default_rng(0)
    data = {"X": rng.standard_normal((20, 3)), "y": rng.random(20)}
    shapes = {"X": ("n", "d"), "y": ("n",), "w": ("d",)}
    used = {k: v for k, v in shapes.items() if k in (*objective, *"w")}
    problem = dv.minimize(objective, over="w", variables=used, subject_to=conditions)
    given = {k: v for k, v in data.items() if k in used}
    expected, path = problem.solve(given), tmp_path / "run.npz"

    def stop(seen: Any) -> None:
        assert seen.nit == 1 or path.exists()
        if seen.nit == 3:
            raise StopIteration

    with pytest.warns(NotCertifiedWarning):
        first = problem.solve(given, checkpoint=path, callback=stop)
    with np.load(path) as kept:
        np.testing.assert_array_equal(kept["of w"], first["w"])
    again = problem.solve(given, checkpoint=path)
    assert again.success and again.fun == pytest.approx(expected.fun, rel=1e-8)
    with pytest.raises(DataError, match="another run"):
        problem.solve({**given, "X": data["X"] + 1.0}, checkpoint=path)
    path.write_bytes(b"nothing")
    with pytest.raises(DataError, match="cannot be read"):
        problem.solve(given, checkpoint=path)
