"""What can be read in two ways, does not fit or is not read, is refused with its place and a remedy."""

from __future__ import annotations

import time

import pytest

from derive.errors import (
    AmbiguityError,
    ArgumentError,
    DeclarationError,
    DeriveError,
    LimitError,
    ParseError,
    SizeError,
    UnknownNameError,
    UnsupportedError,
)
from derive.statement.latex import parse_latex_node
from derive.statement.text import parse_node

from .test_latex import VARIABLES

AMBIGUOUS = [
    (r"x^2", "x @ x"),
    (r"X^2", "(X) ** 2"),
    (r"\|A\|", "norm(A)"),
    (r"\|A\|_2", "spectral_norm(A)"),
    (r"\|A\|_1", "norm(A, 1)"),
    (r"|x|", "abs(x)"),
    (r"|X|", "norm(X)"),
    (r"A+\lambda", "A + lam * eye(n)"),
    (r"1/2n", "1/(2 * n)"),
    (r"\|w\|^2/2n", r"(\|w\|^2/(2)) * n"),
    (r"\exp(A)", "V @ diag(exp(v)) @ inv(V)"),
    (r"e^{A}", "exp(A)"),
    (r"\sqrt{A}", "sqrt(A)"),
    (r"\bar x", "mean(x)"),
    (r"\sum_{ij}A_{ij}^{-1}", None),
    (r"\sum_{ij}A^2_{ij}", None),
    (r"\log x_1 (1-y_1)", None),
    (r"\log\sum_i x_i z", None),
    (r"\max_i x_i s", None),
    (r"1^\top x", "ones(n)"),
    (r"2\frac12", "2 + 1/2"),
    (r"A/B", "A @ inv(B)"),
    (r"A*B", "a @ b"),
    (r"A\times B", "a * b"),
    (r"A B\odot A", None),
    (r"x\otimes z", "outer(a, b)"),
    (r"\sin^{-1}(s)", "arcsin(x)"),
    (r"\operatorname{softmax}(XW)", "softmax(A, axis=1)"),
    (r"\sum_i\sum_j A_{ij}+x_i", None),
    (r"1e-3 x", None),
    (r"\sigma^2(X^\top X)^{-1}", "sigma ** 2 * (…)"),
    (r"X_{11}", "X[0, 0]"),
    (r"\log\Gamma(s)^2", "lgamma(s) ** 2"),
    (r"|A| \odot A", "abs(A)"),
    (r"s \log\det A (A + A)", None),
    (r"\| |A| \|_F^2", "det(A)"),
    (r"|A|^{\odot 2}", "abs(A)"),
    (r"\tanh(A)^2", "matrix_power(A, 2)"),
    (r"\tanh(A)^{-1}", "inv(A)"),
]


@pytest.mark.parametrize(("latex", "reading"), AMBIGUOUS, ids=[a[0] for a in AMBIGUOUS])
def test_ambiguity(latex: str, reading: str | None) -> None:
    """The error lists the readings and points at the place."""
    with pytest.raises(AmbiguityError) as caught:
        parse_latex_node(latex, VARIABLES)
    assert "^" in str(caught.value) and caught.value.text == latex
    if reading is not None:
        assert reading in caught.value.readings
        assert reading in str(caught.value)


@pytest.mark.parametrize(
    "latex",
    [
        *(
            r"\exp(A)",
            r"\log A",
            r"\sqrt{A}",
            r"e^{A}",
            r"\exp(A A)",
            r"A^{1/2}",
            r"A^{-1/2}",
            r"X^2",
            r"x^2",
            r"x^{-1}",
            r"x^3",
        ),
        *(r"\|A\|", r"\|X\|_1", r"\|A+A\|_2", r"\|X\|_\infty", r"|x|", r"|X|", r"|2 X|"),
        *(r"\operatorname{softmax}(X)", r"\operatorname{logsumexp}(2X)", r"A+\lambda"),
    ],
)
def test_readings_can_be_typed(latex: str) -> None:
    """Every reading is a text of the language: A for what has no name, V and v for eigenvectors and eigenvalues."""
    with pytest.raises(AmbiguityError) as caught:
        parse_latex_node(latex, VARIABLES)
    known = {"A": VARIABLES["A"], "V": VARIABLES["A"], "v": VARIABLES["x"], "s": VARIABLES["x"]}
    assert len(caught.value.readings) > 1
    for reading in caught.value.readings:
        parse_node(reading, {**VARIABLES, **known}, ["n", "d"])


def test_every_entry_is_said_by_a_circle() -> None:
    """exp with a circled sign above acts on every entry, as a power with one does."""
    A = VARIABLES["A"]
    assert parse_latex_node(r"\exp^{\odot}(A)", VARIABLES) is parse_node("exp(A)", {"A": A})
    assert parse_latex_node(r"\log^\circ (A)", VARIABLES) is parse_node("log(A)", {"A": A})
    with pytest.raises(ArgumentError):
        parse_latex_node(r"\operatorname{tr}^{\odot}(A)", VARIABLES)


@pytest.mark.parametrize(
    ("latex", "kind", "words"),
    [
        (r"xz", SizeError, r"column of size \(n,\).*x \\odot y"),
        (r"Xy", SizeError, "d and n"),
        (r"x^\top z^\top", SizeError, "row"),
        (r"x + x^\top", SizeError, "transpose one"),
        (r"Xw + w", SizeError, "n and d"),
        (r"\sum_{i: x_i w > 0} x_i", SizeError, "condition below a sum compares"),
        (r"I \otimes A", SizeError, "write I_n"),
        (r"X^{-1}", SizeError, "n and d"),
        (r"\operatorname{tr} X", SizeError, "n and d"),
        (r"\sum_{i=1}^d x_i", SizeError, "runs to d"),
        (r"\sum_i x_i + s + y_i", ParseError, "not bound"),
        (r"x_i", ParseError, "not bound"),
        (r"\sum_i x_i y_j", ParseError, "`j` is not bound"),
        (r"\hat y", UnknownNameError, r"\\hat\{y\}"),
        (r"\foo x", UnknownNameError, r"\\foo"),
        (r"\sofmax(x)", UnknownNameError, "did you mean `.softmax`"),
        (r"\operatorname{foo}(x)", UnknownNameError, "foo"),
        (r"\mathbb{E}[x]", UnknownNameError, "mean"),
        (r"\int x", UnknownNameError, "integrals"),
        (r"\|x\|_0", UnsupportedError, "nonzero"),
        (r"\|X\|_{2,1}", AmbiguityError, r"axis=1\)\)`, or as `sum\(norm\(X, axis=0"),
        (r"\sum_{i=1}^N x_i", UnknownNameError, "symbols={'N': 'n'}"),
        (r"\sum_i \Phi(x_i)", UnknownNameError, "normal distribution"),
        (r"\|x\|^2 \text{ s.t. } x \ge 0", ParseError, "subject_to"),
        (r"\|x\|^2 \quad \text{subject to} \quad x \ge 0", ParseError, "subject_to"),
        (r"X^+", UnsupportedError, "pseudo"),
        (r"x_{i+1}", ParseError, "not bound"),
        (r"\sum_i (x_{i+1}-x_i)^2", SizeError, r"i \+ 1 runs to n \+ 1"),
        (r"\sum_{i=1}^n x_{i-1}", SizeError, "begins at 0"),
        (r"\sum_{i=1}^3 x_i", SizeError, "size n"),
        (r"\prod_{i : x_i > 0} x_i", ParseError, "condition"),
        (r"\sum_{i : x_i > 0}^{n} \mathbb 1[i < x_i]", UnsupportedError, "no index"),
        (r"\begin{cases} 1 & x_1 > 0 \\ 2 & x_2 > 0 \end{cases}", ParseError, "otherwise"),
        (r"\begin{cases} 1 & x_1 > 0", ParseError, "out of place|missing|ends"),
        (r"x_1 < 1", ParseError, "out of place"),
        (r"(x_1 < 1)", ParseError, "out of place"),
        (r"\prod_i x_i", UnsupportedError, "positive"),
        (r"\sum x", ParseError, "without an index"),
        (r"(x", ParseError, "never closed"),
        (r"x)", ParseError, "closes nothing"),
        (r"\left(x\right]", ParseError, "closed by"),
        (r"\left.x\right|", ParseError, "partner"),
        (r"x^10", ParseError, "first digit"),
        (r"x\pm z", ParseError, "two formulas"),
        (r"x\\z", ParseError, "line break"),
        (r"\nabla f = x = y", ParseError, "not equal"),
        (r"\frac{1}", ParseError, "missing"),
        (r"\begin{pmatrix}1\end{pmatrix}", ParseError, "environment"),
        ("λ w", ParseError, "write .lambda"),
        ("", ParseError, "no formula"),
        (r"\log", ParseError, "without an argument"),
        (r"\sum_i x_i, y", ParseError, "definition"),
        (r"f(x) = x^\top x = \|x\|_2", ParseError, "not equal"),
        (r"x^\top z = s", ParseError, "not equal"),
        (r"\nabla_w f = w = x", ParseError, "not equal"),
        (r"\nabla_w \|Xr\|^2 = w", UnknownNameError, "r"),
        (r"w^{(t+1)} = w^{(s)} - w", ParseError, "not an index"),
        (r"R, \; R = R", ParseError, "defined by itself"),
        (r"\frac{\partial f}{\partial q_j} = x_j", ParseError, "not declared"),
    ],
)
def test_refused(latex: str, kind: type[DeriveError], words: str) -> None:
    """Each with its own kind of error and the words that help."""
    with pytest.raises(kind, match=words):
        parse_latex_node(latex, VARIABLES)


def test_place() -> None:
    """A caret stands under the fault."""
    with pytest.raises(ParseError) as caught:
        parse_latex_node(r"X^\top (Xw - r)", VARIABLES)
    assert caught.value.column == 14
    assert str(caught.value).splitlines()[2] == " " * 15 + "^"


def test_symbols() -> None:
    """Renamed symbols must mean something declared; a Σ without a name is S only while S is free."""
    with pytest.raises(DeclarationError, match="not declared"):
        parse_latex_node("x", VARIABLES, {r"\Sigma": "Q9"})
    assert parse_latex_node(r"\Sigma^{-1}", VARIABLES).shape == VARIABLES["S"].shape
    with pytest.raises(UnknownNameError):
        parse_latex_node(r"\Sigma^{-1} + S", VARIABLES)


HOSTILE = [
    "{" * 50_000,
    "(" * 50_000,
    "x+" * 30_000 + "x",
    r"\frac" * 20_000,
    r"\sum_i" * 5_000,
    "|" * 9_000,
    r"\|" * 9_000,
    r"\left|" * 9_000,
    r"\log" * 9_000 + "x",
    r"\hat" * 5_000 + "x",
    "9" * 90_000,
    "-" * 90_000 + "s",
    "s" * 5_000,
    "s^{9^{9^{9}}}",
    "s^{999999999}",
    "9^{9^9}",
    r"x\odot " * 5_000 + "x",
    "x_{" * 9_000,
    "=" * 9_000,
    r"\mathrm{" * 9_000,
    "s/" * 9_000 + "s",
    "+".join(rf"\sqrt{{{k}}}s" for k in range(2, 1_200)),
    "\x00" * 100,
    "%" * 1_000,
    "$" * 999,
    r"\input{/etc/passwd}",
    r"\def\x{\x\x}\x",
    r"\write18{ls}",
    r"\sum_i " + "+".join(["x_i"] * 9_000),
    "x" * 200_000,
]


@pytest.mark.parametrize("text", HOSTILE, ids=lambda t: t[:20])
def test_hostile(text: str) -> None:
    """Refused by the project's own errors within two seconds."""
    start = time.process_time()
    with pytest.raises(DeriveError):
        parse_latex_node(text, VARIABLES)
    assert time.process_time() - start < 2


def test_nesting_within_the_caps_is_read() -> None:
    """Fifty roots are fine, sixty-one brackets are not."""
    parse_latex_node(r"\sqrt{" * 50 + "s" + "}" * 50, VARIABLES)
    with pytest.raises(LimitError, match="levels"):
        parse_latex_node("(" * 61 + "s" + ")" * 61, VARIABLES)
