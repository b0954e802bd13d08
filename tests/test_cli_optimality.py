"""`derive kkt`, `dual` and `convexity` as typed, and their errors."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from derive.cli import main

RIDGE = [
    "--var",
    "X:n,d",
    "--var",
    "y:n",
    "--var",
    "w:d",
    "--var",
    "lam",
    "--fact",
    "lam:positive",
    "--over",
    "w",
]


def derive(*words: str, text: str | None = None) -> Result:
    return CliRunner().invoke(main, list(words), input=text)


def test_kkt() -> None:
    """Conditions, closed form and second-order conditions; named multipliers; steps."""
    words = ["kkt", "sumsq(w)/2", "--var", "w:d", "--var", "A:m,d", "--var", "b:m", "--wrt", "w"]
    words += ["--subject-to", "A @ w == b"]
    plain = derive(*words, "--name", "mu")
    assert plain.exit_code == 0 and "w + A.T @ mu == 0    (in w)" in plain.stdout
    full = derive(*words, "--closed-form", "--second-order", "--steps")
    for part in (
        "L = w @ w / 2 + nu_1 @ (A @ w - b)",
        "grad_w = ",
        "A @ d_w == 0",
        "w = A.T @ inv(A @ A.T) @ b",
    ):
        assert part in full.stdout
    assert r"w + A^\top \nu_{1} = 0" in derive(*words, "--format", "latex").stdout
    record = json.loads(derive(*words, "--format", "json", "--closed-form", "--steps").stdout)
    assert record["stationarity"] == ["w + A.T @ nu_1 == 0"] and record["multipliers"] == {"nu_1": ["m"]}
    assert record["closed_form"][0]["text"][0] == "w = A.T @ inv(A @ A.T) @ b" and record["steps"]


def test_dual() -> None:
    """Lasso and kernel ridge; a problem file; maxima."""
    lasso = derive("dual", "sumsq(X @ w - y)/2 + lam*norm(w, 1)", *RIDGE, "--steps")
    assert "subject to X.T @ alpha <= lam" in lasso.stdout and "name z = X @ w - y" in lasso.stdout
    ridge = ["dual", "sumsq(X @ w - y)/2 + lam/2*sumsq(w)", *RIDGE, "--kernel", "X=K", "--name", "a"]
    assert derive(*ridge).stdout.startswith("maximize -(a @ K @ a / lam + 2 * y @ a + a @ a) / 2")
    record = json.loads(derive(*ridge, "--format", "json").stdout)
    assert record["sense"] == "maximize" and record["unknowns"] == {"a": []}
    assert (
        r"\max_{\alpha}"
        in derive("dual", "sumsq(X @ w - y)/2 + lam*norm(w, 1)", *RIDGE, "--format", "latex").stdout
    )
    text = "given c (d)\ngiven A (m, d)\ngiven b (m)\nfind w (d)\nmaximize c @ w\nsubject to\n  A @ w <= b\n  w >= 0\n"
    linear = derive("dual", "-", text=text)
    assert linear.stdout.splitlines()[0] == "minimize lambda_1 @ b"


def test_convexity(tmp_path: Path) -> None:
    """The three verdicts, each in the three formats."""
    words = ["convexity", "sum(log(1 + exp(-y*(X @ w)))) + lam/2*sumsq(w)", *RIDGE]
    short, long = derive(*words).stdout.splitlines(), derive(*words, "--steps").stdout.splitlines()
    assert short[0].startswith("convex") and len(short) < len(long)
    assert "Hessian >= lam * eye(d)" in short
    assert json.loads(derive(*words, "--format", "json").stdout)["lower"] == "lam * eye(d)"
    assert r"\nabla^2 f \succeq \lambda I" in derive(*words, "--format", "latex").stdout
    trap = derive("convexity", "s*t", "--var", "s", "--var", "t", "--over", "s", "--over", "t")
    assert trap.exit_code == 0 and trap.stdout.startswith("not convex") and "d'Hd = " in trap.stdout


@pytest.mark.parametrize(
    ("words", "culprit"),
    [
        (["kkt", "sumsq(Q @ w)", "--var", "w:d"], "unknown name `Q`"),
        (["kkt", "sumsq(w)", "--var", "w:d", "--name", "w", "--subject-to", "sum(w) == 1"], "taken"),
        (["kkt", "w", "--var", "w:d"], "objective is a number"),
        (["dual", "sumsq(w)", "--var", "w:d"], "nothing to dualise"),
        (["dual", "0 - sumsq(w)", "--var", "w:d", "--subject-to", "sum(w) == 1"], "not proved to be convex"),
        (["dual", "sumsq(w)", "--var", "w:d", "--kernel", "K"], "--kernel K: write X=K"),
        (["convexity", "sumsq(w", "--var", "w:d"], "line 1"),
        (["convexity", "sumsq(w)", "--var", "w:d", "--over", "v"], "v"),
    ],
)
def test_errors(words: list[str], culprit: str) -> None:
    """Exit status 2, nothing on stdout, the culprit on stderr."""
    done = derive(*words)
    assert done.exit_code == 2 and done.stdout == ""
    assert culprit in done.stderr
