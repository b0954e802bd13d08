"""The command line: what it prints, and that bad input ends with status 2 and the culprit named."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from derive.cli import main

ROOT = Path(__file__).resolve().parent.parent
RIDGE = "sumsq(X @ w - y)/2 + lam/2*sumsq(w)"
NAMES = ["--var", "X:n,d", "--var", "y:n", "--var", "w:d", "--var", "lam"]


def run(*words: str, stdin: str | None = None) -> Result:
    return CliRunner().invoke(main, list(words), input=stdin)


def refused(done: Result, *culprits: str) -> None:
    """Status 2, nothing on stdout, the culprit on stderr."""
    assert done.exit_code == 2, done.output
    assert done.stdout == ""
    for culprit in culprits:
        assert culprit in done.stderr, done.stderr


# ---------------------------------------------------------------- as typed in a shell


def shell(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "derive", *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        encoding="utf-8",
        env={**os.environ, "PYTHONIOENCODING": "utf-8", **environment},
    )


def test_the_example_as_typed() -> None:
    """∇_w ½‖Xw − y‖² + ½λ‖w‖² = Xᵀ(Xw − y) + λw, plain when piped."""
    done = shell("grad", RIDGE, *NAMES, "--wrt", "w")
    assert (done.returncode, done.stdout) == (0, "X.T @ (X @ w - y) + lam * w\n"), done.stderr


def test_formulas_may_begin_with_a_minus() -> None:
    """A negative log-likelihood is no option -s; real options stay options, and columns in errors are those typed."""
    assert run("grad", "-sum(log(x))", "--var", "x:n").stdout == "-1 / x\n"
    assert run("grad", "--var", "x:n", "-x @ x").stdout == "-2 * x\n"
    assert run("check", "-sum(log(x))", "-1/x", "--var", "x:n").exit_code == 0
    assert run("check", "-sum(log(x))", "--claim", "-2/x", "--var", "x:n").exit_code == 1
    assert (
        run("dual", "-sum(log(x))", "--var", "x:n", "--over", "x", "--subject-to", "sum(x) == 1").exit_code
        == 0
    )
    refused(run("grad", "-sum(log(y))", "--var", "x:n"), "unknown name `y` (line 1, column 10)")
    refused(run("grad", "--wat", "sum(x)", "--var", "x:n"), "--wat")
    assert run("grad", "-h").exit_code == 0


def test_no_colour_in_a_pipe() -> None:
    """No escape sequences where nobody can see them, NO_COLOR or not."""
    for words in (["--help"], ["models"], ["models", "ridge"]):
        assert "\x1b" not in shell(*words, NO_COLOR="1").stdout + shell(*words).stdout


def test_exit_status_of_the_process() -> None:
    """0 done, 1 a claim is refuted, 2 bad input."""
    square = ["sumsq(x)", "--var", "x:n", "--wrt", "x"]
    assert shell("check", "2*x", *square).returncode == 2  # objective and claim the wrong way round
    assert shell("check", *square[:1], "2*x", *square[1:]).returncode == 0
    assert shell("check", *square[:1], "x", *square[1:]).returncode == 1


def test_version() -> None:
    """The version is the package's."""
    import derive

    assert derive.__version__ in run("--version").stdout


# ---------------------------------------------------------------- deriving


def test_formats() -> None:
    """The same gradient as text, LaTeX and JSON."""
    words = ["grad", RIDGE, *NAMES, "--wrt", "w", "--format"]
    assert run(*words, "latex").stdout == "X^\\top (X w - y) + \\lambda w\n"
    record = json.loads(run(*words, "json").stdout)
    assert record["text"] == "X.T @ (X @ w - y) + lam * w"
    assert record["latex"] == "X^\\top (X w - y) + \\lambda w"
    assert record["shape"] == ["d"] and record["wrt"] == "w"
    assert "X has shape (n, d)" in record["assumptions"]


def test_statement_from_stdin() -> None:
    """`-` reads the objective."""
    done = run("grad", "-", "--var", "x:n", stdin="sumsq(x)\n")
    assert done.stdout == "2 * x\n"


def test_declarations_by_json(tmp_path: Path) -> None:
    """`--declare` takes JSON or a file of it, and mixes with `--var`."""
    shapes = '{"X": ["n", "d"], "y": ["n"], "w": ["d"]}'
    (tmp_path / "shapes.json").write_text(shapes)
    for source in (shapes, f"@{tmp_path / 'shapes.json'}"):
        done = run("grad", RIDGE, "--declare", source, "--var", "lam", "--wrt", "w")
        assert done.stdout == "X.T @ (X @ w - y) + lam * w\n", done.stderr


def test_several_unknowns() -> None:
    """Several `--wrt` give one result each; the Hessian its blocks on and above the diagonal."""
    words = ["x @ A @ y", "--var", "x:m", "--var", "A:m,n", "--var", "y:n", "--wrt", "x", "--wrt", "y"]
    assert len(run("grad", *words).stdout.splitlines()) == 2
    blocks = json.loads(run("hessian", *words, "--format", "json").stdout)
    assert [b["wrt"] for b in blocks] == [["x", "x"], ["x", "y"], ["y", "y"]]
    assert blocks[1]["text"] == "A"


def test_hessian_and_jacobian() -> None:
    """∇² ½‖Ax‖² = AᵀA;  ∂(Ax)/∂x = A."""
    names = ["--var", "A:m,n", "--var", "x:n", "--wrt", "x"]
    assert run("hessian", "sumsq(A @ x)/2", *names).stdout == "A.T @ A\n"
    assert run("jacobian", "A @ x", *names).stdout == "A\n"


def test_facts_are_used_and_conventions_named() -> None:
    """∇_S xᵀSx of a symmetric S is xxᵀ; the convention is on stderr. A kink names its subgradient."""
    done = run("grad", "x @ S @ x", "--var", "S:n,n", "--var", "x:n", "--fact", "S:symmetric", "--wrt", "S")
    assert done.stdout == "outer(x, x)\n" and "symmetric" in done.stderr
    assert "relu'(0) = 0" in run("grad", "sum(relu(x))", "--var", "x:n").stderr


def test_check() -> None:
    """A wrong hand gradient is refuted with a counterexample; JSON says the same."""
    words = [RIDGE, "X.T @ (X @ w + y) + lam*w", *NAMES, "--wrt", "w"]
    done = run("check", *words)
    assert done.exit_code == 1 and done.stdout.startswith("refuted")
    assert "counterexample" in done.stdout and "wrong sign" in done.stdout
    assert json.loads(run("check", *words, "--format", "json").stdout)["status"] == "refuted"


def test_models() -> None:
    """The list names every model; one model shows its statement and derivatives in every format."""
    from derive.models import REGISTRY

    listed = run("models").stdout
    assert all(name in listed for name in REGISTRY)
    assert "X.T @ X + lam * eye(d)" in run("models", "ridge").stdout
    assert "X^\\top X + \\lambda I" in run("models", "ridge", "--format", "latex").stdout
    kinds = [d["kind"] for d in json.loads(run("models", "pca", "--format", "json").stdout)["derivatives"]]
    assert kinds == ["gradient", "Hessian-vector product", "Hessian"]


# ---------------------------------------------------------------- bad statements


@pytest.mark.parametrize(
    ("words", "culprit"),
    [
        (["sumsq(X @ w - lamb)", "--wrt", "w"], "lamb"),
        (["sumsq(X @ y)", "--wrt", "w"], "(n, d)"),
        (["X @ w - y", "--wrt", "w"], "scalar"),
        (["sumsq(X @ w", "--wrt", "w"], "line 1"),
        (["sumsq(w)", "--wrt", "v"], "'v'"),
        (["sumsq(w)"], "--wrt"),
        (["sumsq(w)", "--wrt", "w", "--fact", "S:psd"], "S"),
        (["sumsq(w)", "--wrt", "w", "--fact", "w:nice"], "nice"),
        (["sumsq(w)", "--wrt", "w", "--var", "w:d"], "w is declared twice"),
        (["sumsq(w)", "--wrt", "w", "--var", "Z:n,,d"], "Z:n,,d"),
        (["sumsq(w)", "--wrt", "w", "--var", "Z:0"], "0"),
        (["sumsq(w)", "--wrt", "w", "--var", "2x:n"], "2x"),
        (["sumsq(w)", "--wrt", "w", "--declare", "{"], "JSON"),
        (["sumsq(w)", "--wrt", "w", "--declare", "[1]"], "object"),
        (["sumsq(w)", "--wrt", "w", "--declare", '{"Z": "n"}'], "Z"),
        (["sumsq(w)", "--wrt", "w", "--declare", "@/no/such/file"], "/no/such/file"),
        (["", "--wrt", "w"], "line 1"),
        (["__import__('os')", "--wrt", "w"], "line 1"),
    ],
)
def test_bad_statements(words: list[str], culprit: str) -> None:
    """Status 2, and the culprit is named."""
    refused(run("grad", *words, *NAMES), culprit)


def test_bad_usage() -> None:
    """Unknown commands, options and formats are refused by name."""
    refused(run("gradd"), "gradd")
    refused(run("grad", "sumsq(x)", "--format", "pdf"), "pdf")
    refused(run("models", "rigde"), "did you mean ridge")
    refused(run("demo", "rigde"), "did you mean ridge")


# ---------------------------------------------------------------- fitting


def ridge_arrays(**changes: Any) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    arrays: dict[str, Any] = {
        "X": rng.standard_normal((20, 3)),
        "y": rng.standard_normal(20),
        "lam": np.array(0.5),
    }
    arrays.update(changes)
    return {name: a for name, a in arrays.items() if a is not None}


def nan_at(row: int, column: int) -> np.ndarray[Any, Any]:
    X = ridge_arrays()["X"]
    X[row, column] = np.nan
    return X  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("changes", "culprits"),
    [
        ({"y": np.ones(19)}, ["y", "20"]),
        ({"y": np.ones((20, 1))}, ["y", "(20, 1)"]),
        ({"y": None}, ["y"]),
        ({"Z": np.ones(3)}, ["Z"]),
        ({"w": np.ones(3)}, ["w"]),
        ({"X": nan_at(4, 2)}, ["X", "row 4", "column 2"]),
        ({"y": np.full(20, np.inf)}, ["y", "inf", "entry 0"]),
        ({"X": np.ones((20, 3), dtype=complex)}, ["X", "complex128"]),
        ({"X": np.full((20, 3), "a")}, ["X"]),
        ({"X": np.ones((0, 3)), "y": np.ones(0)}, ["empty"]),
        ({"lam": np.array(-1.0)}, ["lam", "positive"]),
    ],
)
def test_bad_arrays(changes: dict[str, Any], culprits: list[str], tmp_path: Path) -> None:
    """Arrays are checked at the door: the culprit is named and no answer is written."""
    np.savez(tmp_path / "data.npz", **ridge_arrays(**changes))
    answer = tmp_path / "answer.npz"
    refused(run("fit", "ridge", "--data", str(tmp_path / "data.npz"), "--out", str(answer)), *culprits)
    assert [p.name for p in tmp_path.iterdir()] == ["data.npz"]


def test_unbound_size_is_named() -> None:
    """A size that no array shows has to be given."""
    import derive as dv

    with pytest.raises(dv.DeriveError, match="size k is not bound"):
        dv.minimize(
            "sumsq(X - H @ W)", ["H", "W"], variables={"X": ("n", "d"), "H": ("n", "k"), "W": ("k", "d")}
        ).solve(X=np.ones((3, 2)), backend="numpy")


def test_pickles_are_refused(tmp_path: Path) -> None:
    """An array of objects would be unpickled, that is, run."""
    np.savez(tmp_path / "data.npz", X=np.array([{}], dtype=object))
    refused(run("fit", "ridge", "--data", str(tmp_path / "data.npz")), "pickle")


@pytest.mark.parametrize(
    ("text", "culprit"),
    [
        ("a,b,y\n1,2\n", "row 0"),
        ("a,b,y\n1,2,3\n1,x,3\n", "'b'"),
        ("a,b,y\n1,nan,3\n", "'b'"),
        ("a,b,y\n", "empty"),
        ("", "empty"),
        ("y\n1\n", "one column"),
    ],
)
def test_bad_tables(text: str, culprit: str, tmp_path: Path) -> None:
    """The row and the column of the fault are named."""
    (tmp_path / "data.csv").write_text(text)
    refused(run("fit", "ridge", "--data", str(tmp_path / "data.csv")), culprit)


def test_other_bad_fits(tmp_path: Path) -> None:
    """Missing files, unknown endings, numbers and labels that are none."""
    refused(run("fit", "ridge", "--data", str(tmp_path / "none.npz")), "none.npz")
    refused(run("fit", "ridge", "--data", str(tmp_path / "data.xls")), "data.xls")
    refused(run("fit", "ridge", "--set", "lam=a"), "lam=a")
    refused(run("fit", "ridge", "--set", "mu=1"), "mu")
    refused(run("fit", "ridge", "--method", "magic"), "magic")
    (tmp_path / "data.csv").write_text("a,y\n1,0\n2,0.5\n")
    refused(run("fit", "logistic", "--data", str(tmp_path / "data.csv")), "row 1")


def test_fit_own_data(tmp_path: Path) -> None:
    """(XᵀX + λI) w = Xᵀy: the answer, printed as JSON and saved."""
    arrays = ridge_arrays()
    np.savez(tmp_path / "data.npz", **arrays)
    answer = tmp_path / "answer.npz"
    done = run("fit", "ridge", "--data", str(tmp_path / "data.npz"), "--out", str(answer), "--format", "json")
    assert done.exit_code == 0, done.output
    X, y = arrays["X"], arrays["y"]
    exact = np.linalg.solve(X.T @ X + 0.5 * np.eye(3), X.T @ y)
    np.testing.assert_allclose(json.loads(done.stdout)["unknowns"]["w"], exact, rtol=1e-8)
    np.testing.assert_allclose(np.load(answer)["w"], exact, rtol=1e-8)


# ---------------------------------------------------------------- worked solutions and the cache


def test_steps_end_with_the_gradient() -> None:
    """--steps prints the differential first and the gradient last."""
    done = run("grad", RIDGE, *NAMES, "--wrt", "w", "--steps")
    assert done.exit_code == 0, done.output
    assert "dL" in done.stdout
    assert done.stdout.splitlines()[-1].split("[")[0].split("=")[-1].strip() == "X.T @ (X @ w - y) + lam * w"


def test_cache_is_counted_and_cleared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`derive cache info` names the folder; `clear` removes only kernels."""
    monkeypatch.setenv("DERIVE_CACHE", str(tmp_path / "kernels"))
    assert "0 kernels, 0.0 MB (limit 1000 MB; " in run("cache", "info").stdout
    monkeypatch.setenv("DERIVE_CACHE_LIMIT", "0")
    assert "(no limit; DERIVE_CACHE_LIMIT sets it)" in run("cache", "info").stdout
    monkeypatch.setenv("DERIVE_CACHE_LIMIT", "lots")
    refused = run("cache", "info")
    assert refused.exit_code == 2 and "give a size with its unit" in refused.stderr
    assert run("cache", "clear").stdout == "0 kernels removed\n"


def test_undeclared_names_are_inferred_and_told() -> None:
    """With nothing declared, kinds and sizes follow from convention and use, and the tool says what it assumed."""
    done = run("grad", RIDGE, "--wrt", "w")
    assert done.exit_code == 0, done.output
    assert done.stdout.strip() == "X.T @ (X @ w - y) + lam * w"
    assert "assumed: X is a matrix of sizes (n, d)" in done.stderr
