"""Verdicts for people and for programs: terminal, LaTeX, HTML page, plot, JSON, exit status."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

import derive as dv
from derive.cli import main
from derive.errors import DeriveError, UnsupportedError
from derive.verify.page import _formula

RIDGE = dv.parse(
    "sumsq(X @ w - y)/2 + lam/2*sumsq(w)",
    variables={"X": ("n", "d"), "y": ("n",), "w": ("d",), "lam": ()},
    facts={"lam": ("positive",)},
)
WRONG = dv.check(RIDGE, "w", claim=r"X^\top (Xw - y) + 2\lambda w", symbols={r"\lambda": "lam"})
NOTES = """\
given X (n, d), y (n), w (d), lam positive
objective sumsq(X @ w - y)/2 + lam/2*sumsq(w)
claim gradient w: X.T @ (X @ w - y) + lam*w
claim gradient w: X.T @ (X @ w + y) + lam*w
claim hessian w: X.T @ X + lam*eye(d)
"""


@pytest.mark.parametrize(
    ("claim", "right"),
    [
        (r"X^\top (Xw - y) + 2\lambda w", r"X^\top (X w - y) + \lambda w"),
        ("X.T @ (X@w - y) + 2*lam*w", "X.T @ (X @ w - y) + lam * w"),
    ],
)
def test_the_right_formula_is_written_like_the_claim(claim: str, right: str) -> None:
    found = dv.check(RIDGE, "w", claim=claim, symbols={r"\lambda": "lam"})
    assert found.status == "refuted"
    assert found.formula == right
    assert f"right: {right}" in str(found)


def test_symbols_of_the_claim_are_kept() -> None:
    f = dv.parse("norm(A*(R - B))**2/2", variables=dict.fromkeys("ARB", ("n", "m")))
    found = dv.check(f, "B", claim=r"M\odot M\odot(R-B)", symbols={"M": "A"})
    assert found.diagnosis.kind == "sign"
    assert "M" in found.formula
    assert "A" not in found.formula


def test_latex() -> None:
    text = WRONG.latex()
    assert r"X^\top (Xw - y) + 2\lambda w" in text
    assert r"\begin{align*}" in text
    assert text.count("{") == text.count("}")


def test_the_page_stands_alone() -> None:
    page = WRONG.html()
    assert page.count("<section") == 1
    assert not re.search(r'(src|href)="(?!data:|#)', page)
    assert "<script" not in page
    assert page.count('class="formula"') >= 3
    assert 'class="plot"' in page


def test_a_page_is_the_same_every_time() -> None:
    assert WRONG.html() == WRONG.html()


def test_names_cannot_write_into_the_page() -> None:
    found = dv.check(RIDGE, "w", claim="w")
    assert "<script>" not in found.html("<script>alert(1)</script>")


def test_what_matplotlib_cannot_set_is_shown_as_source() -> None:
    assert _formula(r"\begin{tikzpicture} < \end{tikzpicture}").startswith("<code>")


def test_plot_on_given_axes() -> None:
    from matplotlib.figure import Figure

    axes = Figure().subplots()
    assert WRONG.plot(axes) is axes
    assert len(axes.lines) == 2
    labels = [line.get_label() for line in axes.lines]
    assert labels[0].startswith("claimed, order 1.0")
    assert labels[1].startswith("right, order 2.0") or labels[1] == "right"
    with pytest.raises(UnsupportedError):
        dv.check(RIDGE, "w", claim="X.T @ X + lam*eye(d)", order=2).plot()


def test_record_has_everything() -> None:
    record = json.loads(json.dumps(WRONG.record()))
    assert record["status"] == "refuted"
    assert record["right"] == WRONG.formula
    assert record["diagnosis"]["kind"] == "term factor"
    assert record["counterexample"]["differing"]
    assert record["wrt"] == "w"


@pytest.mark.parametrize("form", ["text", "latex", "json", "html"])
def test_files_of_claims(form: str, tmp_path: Path) -> None:
    notes = tmp_path / "notes.dv"
    notes.write_text(NOTES, encoding="utf-8")
    out = tmp_path / "report"
    found = CliRunner().invoke(main, ["check", str(notes), "--format", form, "-o", str(out)])
    assert found.exit_code == 1, found.output
    text = out.read_text(encoding="utf-8")
    assert text.count("refuted") >= 1
    assert text.count("proved") >= 2


def test_the_name_of_the_file_says_how(tmp_path: Path) -> None:
    out = tmp_path / "r.html"
    arguments = ["check", "x @ x", "--var", "x:n", "--wrt", "x", "--claim", "2*x", "-o", str(out)]
    found = CliRunner().invoke(main, arguments)
    assert found.exit_code == 0, found.output
    assert out.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")


INJECTIONS = [
    "__import__('os').system('true')",
    "().__class__.__bases__[0].__subclasses__()",
    "open('/etc/passwd').read()",
    "eval('1')",
    "lambda: 1",
    "w.__class__",
    "w; import os",
    "[x for x in (1,)]",
    "f'{w}'",
    "w if 1 else w",
    "exec('w')",
    r"\input{/etc/passwd}",
    r"\write18{ls}",
    r"\def\x{1}\x",
    r"\catcode`\@=11 w",
    "9**9**9**9",
    "(" * 5000 + "w" + ")" * 5000,
    "w + " * 100_000 + "w",
    "w\x00",
]


@pytest.mark.parametrize("claim", INJECTIONS, ids=range(len(INJECTIONS)))
def test_claims_are_data(claim: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Claims go through the parsers of statements: nothing is run, and size is capped."""
    import builtins
    import os

    def never(*_: object, **__: object) -> None:
        raise AssertionError("a claim was run")

    monkeypatch.setattr(builtins, "eval", never)
    monkeypatch.setattr(os, "system", never)
    with pytest.raises(DeriveError):
        dv.check(RIDGE, "w", claim=claim)
