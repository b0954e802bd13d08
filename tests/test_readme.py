"""The README tells the truth: its lines are run and print what it shows."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from derive.cli import main

README = (Path(__file__).resolve().parent.parent / "README.md").read_text(encoding="utf-8")


def fenced(language: str) -> list[str]:
    """The blocks of that language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", README, flags=re.MULTILINE | re.DOTALL)


def test_first_screen(capsys: pytest.CaptureFixture[str]) -> None:
    """State ridge, print the gradient, fit, refute: the output is the one shown, character by character."""
    first, *others = fenced("python")
    (shown,) = fenced("text")
    names: dict[str, object] = {"__name__": "readme"}
    exec(compile(first, "README.md", "exec"), names)
    assert capsys.readouterr().out == shown
    for block in others:
        exec(compile(block, "README.md", "exec"), names)
    assert "X.T @ (X @ w - y)" in capsys.readouterr().out


def test_fifteen_lines() -> None:
    """Fifteen lines were promised."""
    code = fenced("python")[0]
    assert len([line for line in code.splitlines() if line.strip()]) <= 15


COMMANDS = [
    line.split("  #")[0].strip()
    for line in README.splitlines()
    if re.match(r"    derive (grad|hessian|jacobian|check|models) ", line)
]


@pytest.mark.parametrize("line", COMMANDS)
def test_commands_work_as_typed(line: str) -> None:
    """The commands of the README do something, with the exit status it promises."""
    words = shlex.split(line)[1:]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == (1 if words[0] == "check" else 0), done.output
    assert done.stdout


def test_links_lead_somewhere() -> None:
    """Every file that the README links to exists."""
    root = Path(__file__).resolve().parent.parent
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert target.startswith("http") or (root / target).exists(), target


def test_language_page_names_what_exists() -> None:
    """Every function that docs/language.md lists is one of the language."""
    from derive.statement.functions import FUNCTIONS

    page = (Path(__file__).resolve().parent.parent / "docs" / "language.md").read_text(encoding="utf-8")
    table = page.split("## Functions")[1].split("Indices:")[0]
    quoted = " ".join(re.findall(r"`([^`]*)`", table))
    names = set(re.findall(r"\b[a-z]\w+(?=\(|\b)", re.sub(r"\([^)]*\)", "", quoted))) - {"axis", "pi"}
    assert {"sumsq", "logsumexp", "einsum", "sigmoid", "where"} <= names
    assert names <= set(FUNCTIONS), names - set(FUNCTIONS)
