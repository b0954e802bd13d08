"""The demo writes its report, and says so when something fails. One small model keeps it fast."""

from __future__ import annotations

import re
from io import StringIO
from pathlib import Path

import pytest
from click.testing import CliRunner
from rich.console import Console

from derive import demo
from derive.agreement import Check
from derive.cli import main


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """What the demo of ridge prints, and its folder."""
    folder = tmp_path_factory.mktemp("demo") / "report"
    stream = StringIO()
    assert demo.run(["ridge"], folder, Console(file=stream, highlight=False, markup=False))
    return stream.getvalue(), folder


def test_six_points(report: tuple[str, Path]) -> None:
    """Statement, derivatives, kernel, checks, fit, report: numbered, in this order, plain text."""
    printed, _ = report
    assert re.findall(r"^(\d)\. ", printed, flags=re.MULTILINE) == list("123456")
    assert "\x1b" not in printed
    for words in (
        "sumsq(X @ w - y)/2 + lam/2*sumsq(w)",
        "X.T @ (X @ w - y) + lam * w",
        "X^\\top (X w - y) + \\lambda w",
        "X^\\top X + \\lambda I",
        "kernel = interpreter",
        "50-digit differences, per entry",
        "gradient norm",
        "certified",
    ):
        assert words in printed, words


def test_fifty_digits(report: tuple[str, Path]) -> None:
    """A right gradient agrees to more than 20 digits with differences in 50."""
    printed, _ = report
    found = re.findall(r"50-digit differences.*?(\d\.\de-\d+)\s+ok", printed)
    assert len(found) == 3 and all(float(error) < 1e-20 for error in found)


def test_report_folder(report: tuple[str, Path]) -> None:
    """A page, the LaTeX and two plots; nothing temporary is left; the index names all."""
    _, folder = report
    names = sorted(path.name for path in folder.iterdir())
    assert names == ["index.md", "ridge-check.png", "ridge-convergence.png", "ridge.md", "ridge.tex"]
    for plot in folder.glob("*.png"):
        assert plot.read_bytes().startswith(b"\x89PNG")
    page = (folder / "ridge.md").read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)]+)\)", page + (folder / "index.md").read_text(encoding="utf-8")):
        assert (folder / target).is_file(), target
    latex = (folder / "ridge.tex").read_text(encoding="utf-8")
    assert latex.startswith("\\documentclass") and "\\nabla_{w}^2 f = X^\\top X + \\lambda I" in latex


def test_folder_that_cannot_be_made(tmp_path: Path) -> None:
    """A file in the way is named before any work is done."""
    (tmp_path / "file").write_text("in the way")
    done = CliRunner().invoke(main, ["demo", "ridge", "--out", str(tmp_path / "file" / "report")])
    assert done.exit_code == 2 and "file" in done.stderr and done.stdout == ""


def test_failure_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A check beyond its limit gives exit status 1 and the word FAILED."""
    found, sweeps = demo.differences("least_squares")
    bad = Check("gradient = something else", "16 rows", 0.5, 1e-5)
    monkeypatch.setattr(demo, "differences", lambda name: ([*found, bad], sweeps))
    done = CliRunner().invoke(main, ["demo", "least_squares", "--out", str(tmp_path / "report")])
    assert done.exit_code == 1 and "FAILED" in done.stdout
