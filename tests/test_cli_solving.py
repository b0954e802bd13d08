"""`derive solve` and `derive codegen`: exit statuses 0, 1 and 2, and nothing written where nothing was found."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from derive.cli import main

RNG = np.random.default_rng(0)
X = RNG.standard_normal((20, 3))
LASSO = """\
given X (n, d)
given y (n)
given lam positive
find w (d)
minimize sumsq(X @ w - y)/2 + lam*sum(abs(w))
"""
BARE = ["--var", "X:n,d", "--var", "y:n", "--var", "w:d", "--over", "w", "--backend", "numpy"]
DATA = ["--data", "data.npz"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    np.savez(tmp_path / "data.npz", X=X, y=X[:, 0] + 0.1 * RNG.standard_normal(20), lam=1.0)
    np.savez(tmp_path / "labels.npz", X=X, y=(X[:, 0] > 0).astype(float))
    np.savez(tmp_path / "holes.npz", X=np.where(X > 1, np.nan, X), y=X[:, 0], lam=1.0)
    np.savez(tmp_path / "pickle.npz", X=np.array([{}], dtype=object))
    np.savez(tmp_path / "short.npz", w=np.zeros(2))
    (tmp_path / "lasso.dv").write_text(LASSO)
    return tmp_path


def run(*words: Any, stdin: str | None = None) -> Result:
    return CliRunner().invoke(main, [str(w) for w in words], input=stdin)


def test_a_file(folder: Path) -> None:
    """A problem file, from its path and from stdin; unknowns are written, JSON is JSON."""
    out = folder / "w.npz"
    found = run(
        "solve", folder / "lasso.dv", "--data", folder / "data.npz", "--backend", "numpy", "--out", out
    )
    assert found.exit_code == 0, found.output
    assert found.stdout.startswith("certified")
    with np.load(out, allow_pickle=False) as arrays:
        w = arrays["w"]
    again = run(
        "solve", "-", "--data", folder / "data.npz", "--format", "json", "--backend", "numpy", stdin=LASSO
    )
    record = json.loads(again.stdout)
    assert record["certified"] and record["unknowns"]["w"] == pytest.approx(w.tolist())
    words = ["--data", folder / "data.npz", "--set", "lam=100", "--backend", "numpy", "--format", "json"]
    fewer = run("solve", folder / "lasso.dv", *words)
    assert fewer.exit_code == 0 and max(map(abs, json.loads(fewer.stdout)["unknowns"]["w"])) < 1e-9


def test_a_statement(folder: Path) -> None:
    """The same on the command line, with constraints, a method and its options."""
    data = ["--data", folder / "data.npz"]
    found = run(
        "solve", "sumsq(X @ w - y)", *BARE, *data, "--subject-to", "w >= 0", "--subject-to", "sum(w) == 1"
    )
    assert found.exit_code == 0 and "Karush" in found.stdout
    assert "not used: lam" in found.stderr
    slow = ["--method", "nesterov", "--option", "learning_rate=0.01", "--format", "json"]
    found = run("solve", "sumsq(X @ w - y)", *BARE, *data, *slow)
    assert found.exit_code == 0 and json.loads(found.stdout)["method"] == "nesterov"
    largest = run("solve", "-(w - 3)**2", "--var", "w", "--over", "w", "--maximize", "--backend", "numpy")
    assert largest.exit_code == 0 and "certified" in largest.stdout  # a minus ahead begins no option
    largest = run(
        "solve", "--var", "w", "--over", "w", "--maximize", "--backend", "numpy", "--", "-(w - 3)**2"
    )
    assert largest.exit_code == 0


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (["sum(softplus(X @ w)) - y @ X @ w", *BARE, "--data", "labels.npz"], 1, "no minimum is attained"),
        (["sumsq(X @ w - y)", *BARE, *DATA, "--subject-to", "w >= 1", "--subject-to", "w <= 0"], 1, "infeasible"),
        (["sum(w)", "--var", "w:2", "--backend", "numpy"], 1, "unbounded"),
        (["sum(softplus(X @ w)) - y @ X @ w", *BARE, "--data", "labels.npz", "--max-time", "1e-9"], 1, "max_time"),
        (["sum(exp(X @ w)) - y @ X @ w", *BARE, *DATA, "--max-iterations", "1"], 1, "1 iterations"),
        (["sumsq(X @ w - y)", *BARE, "--data", "holes.npz"], 2, "X has nan at row"),
        (["sumsq(X @ w - y)", *BARE, "--data", "pickle.npz"], 2, "without pickles"),
        (["sumsq(X @ w - y)", *BARE, "--data", "nowhere.npz"], 2, "there is no file"),
        (["sumsq(X @ w - y)", *BARE], 2, "X"),
        (["sumsq(X @ w - y)", *BARE, "--data", "data.npz", "--start", "short.npz"], 2, "w: axis 0 has length 2"),
        (["sumsq(X @ w - y)", *BARE, "--data", "data.npz", "--method", "magic"], 2, "no method called"),
        (["sumsq(X @ w - y)", *BARE, "--data", "data.npz", "--option", "rate"], 2, "NAME=VALUE"),
        (["sumsq(X @ w - z)", *BARE, "--data", "data.npz"], 2, "z"),
        (["lasso.dv", "--data", "data.npz", "--set", "lam=-1"], 2, "lam"),
        (["lasso.dv", "--over", "w"], 2, "says everything"),
        (["nowhere.dv"], 2, "cannot be read"),
    ],
)  # fmt: skip
def test_exit_statuses(
    folder: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], status: int, said: str
) -> None:
    """1: not certified, and why; 2: bad input, by name."""
    monkeypatch.chdir(folder)
    found = run("solve", *words)
    assert found.exit_code == status, found.output
    assert said in found.output


def test_checkpoint(folder: Path) -> None:
    """A run that is stopped goes on."""
    words = ["sum(softplus(X @ w)) - y @ X @ w + sumsq(w)", *BARE, "--data", folder / "labels.npz"]
    words += ["--method", "lbfgs", "--checkpoint", folder / "run.npz"]
    assert run("solve", *words, "--max-iterations", "2").exit_code == 1
    assert run("solve", *words).exit_code == 0
    assert run("solve", *words, "--option", "memory=3").exit_code == 2


def test_decimals_are_read_as_written(folder: Path) -> None:
    """A column of decimals, in many digits: 0.1 is 1/10, and the mean of 0.1, 0.2, 0.3 is 0.2 to the last bit."""
    (folder / "y.csv").write_text("y,z\n0.1,1\n0.2,2\n0.3,4\n")
    words = ["sumsq(y - w*z/z)", "--var", "y:n", "--var", "z:n", "--var", "w", "--over", "w"]
    words += ["--data", folder / "y.csv", "--precision", "high", "--format", "json"]
    found = run("solve", *words)
    assert found.exit_code == 0 and json.loads(found.stdout)["unknowns"]["w"] == 0.2
    (folder / "bad.csv").write_text("y,z\n0.1,1\nx,2\n")
    assert run("solve", *words[:8], "--data", folder / "bad.csv").exit_code == 2


def test_codegen(folder: Path) -> None:
    """To a file or to stdout; the same text."""
    out = folder / "solver.py"
    assert run("codegen", folder / "lasso.dv", "-o", out).exit_code == 0
    assert run("codegen", folder / "lasso.dv").stdout == out.read_text(encoding="utf-8")
    compile(out.read_text(encoding="utf-8"), "solver.py", "exec")
    assert run("codegen", folder / "lasso.dv", "-o", folder / "solver.txt").exit_code == 2
    wrong = run("codegen", folder / "lasso.dv", "--method", "lbfgs")
    assert wrong.exit_code == 0 or "lbfgs" in wrong.output
