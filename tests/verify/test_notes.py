"""Files of claims: Markdown, LaTeX and plain text; a table, JSON, and an exit status."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from derive.cli import main
from derive.errors import DeclarationError
from derive.verify.notes import check_text, exit_status, summary

MARKDOWN = r"""
# Ridge
```derive
given X (n, d), y (n), w (d), lam positive, eta positive
symbols \lambda = lam
objective sumsq(X @ w - y)/2 + lam/2*sumsq(w)
claim gradient w: X.T @ (X @ w - y)
    + 2*lam*w
claim hessian w: X.T @ X + lam*eye(d)
claim minimiser w: inv(X.T @ X + lam*eye(d)) @ X.T @ y
claim step w: w - eta*(X.T @ (X @ w - y) + lam*w)
claim gradient w:
```
as everybody knows:
$$ \nabla_w f = X^\top(Xw-y) + \lambda w. $$
```derive
line: (X@w-y)@(X@w-y)/2 + lam/2*(w@w)
line: ((X@w)@(X@w) - (X@w)@y + y@y)/2 + lam/2*(w@w)
given z (k), t (k)
objective -sum(t*log(softmax(z)))
claim gradient z: softmax(z) - t
assuming sum(t) == 1
claim gradient z: softmax(z) - t
claim gradient z: softmax(q)
```
"""
TEX = r"""
% derive: given X (n, d), y (n), w (d)
% derive: objective
\begin{equation} f(w) = \frac{1}{2}\lVert Xw-y\rVert_2^2 \label{e} \end{equation}
% derive: claim gradient w:
\begin{align*} \nabla_w f &= X^\top (Xw - y) \end{align*}
% derive: claim hessian w:
\[ X^\top X \]
"""


def test_markdown() -> None:
    results = check_text(MARKDOWN, ".md")
    found = [(r.kind, r.verdict.status) for r in results]
    assert found == [
        ("gradient", "refuted"),
        ("hessian", "proved"),
        ("minimiser", "proved"),
        ("step", "proved"),
        ("gradient", "proved"),
        ("line", "proved"),
        ("line", "refuted"),
        ("gradient", "refuted"),
        ("gradient", "proved"),
        ("gradient", "unsupported"),
    ]
    assert results[0].line == 7
    table = summary(results)
    assert "2 times the term lam * w" in table
    assert "sum to 1" in table
    assert "10 claims: 6 proved, 3 refuted, 1 unsupported" in table
    assert exit_status(results) == 1
    assert "sizes" in json.dumps([r.record() for r in results])


def test_latex() -> None:
    results = check_text(TEX, ".tex")
    assert [r.verdict.status for r in results] == ["proved", "proved"]
    assert exit_status(results) == 0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("objective 1", "no claims"),
        ("claim gradient w: 1", "needs an objective"),
        ("given 7", "no declaration"),
        ("nonsense", "expected given"),
    ],
)
def test_errors_name_the_line(text: str, words: str) -> None:
    with pytest.raises(DeclarationError, match=words):
        check_text(text)


def test_the_command_line(tmp_path: Path) -> None:
    """0: all right, 1: one refuted, 2: bad input."""
    page = tmp_path / "notes.tex"
    page.write_text(TEX, encoding="utf-8")
    good = CliRunner().invoke(main, ["check", str(page)])
    assert good.exit_code == 0
    assert "2 proved" in good.output
    page = tmp_path / "notes.md"
    page.write_text(MARKDOWN, encoding="utf-8")
    assert CliRunner().invoke(main, ["check", str(page), "--format", "json"]).exit_code == 1
    page.write_text("nothing", encoding="utf-8")
    assert CliRunner().invoke(main, ["check", str(page)]).exit_code == 2
    options = ["--var", "z:k", "--var", "t:k", "--wrt", "z"]
    claim = ["check", "sum(-t*log(softmax(z)))", "--claim", "softmax(z) - t", *options]
    assert CliRunner().invoke(main, claim).exit_code == 1
    assert CliRunner().invoke(main, [*claim, "--assuming", "sum(t) == 1"]).exit_code == 0
