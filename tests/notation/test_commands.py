"""Every LaTeX string can be set: known commands only, balanced braces and fences, no double scripts.

A light stand-in for a TeX engine. The commands are those that KaTeX, MathJax and amsmath all know.
"""

from __future__ import annotations

import re

import pytest

from derive import notation
from derive.statement.declarations import declare
from derive.statement.text import parse_node
from tests.fuzz.round_trip import pieces, results, small
from tests.oracle.samples import samples
from tests.statement.corpus import Case, cases

GREEK = (
    "alpha beta gamma delta epsilon varepsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau upsilon "
    "phi chi psi omega Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega ell"
)
FUNCTIONS = "exp log det max min sin cos tan sinh cosh tanh arcsin arccos arctan sum"
MARKS = (
    "times neq partial begin end top odot oslash otimes cdot lVert rVert lvert rvert lceil rceil lfloor rfloor "
    "left right quad frac sqrt"
)
FONTS = "mathbf mathrm operatorname text"
KNOWN = {*f"{GREEK} {FUNCTIONS} {MARKS} {FONTS}".split()}
CASES = [*cases("textbook"), *cases("gradients")]


def check(latex: str) -> None:
    """Raise `AssertionError` with the reason when the string cannot be set."""
    unknown = set(re.findall(r"\\([A-Za-z]+)", latex)) - KNOWN
    assert not unknown, f"unknown {unknown} in {latex}"
    assert set(re.findall(r"\\([^A-Za-z])", latex)) <= set(",; {}\\"), latex
    assert latex.count(r"\left") == latex.count(r"\right"), latex
    assert "{}" not in latex.replace("]_{}", "").replace("{}^", ""), f"an empty box in {latex}"
    assert latex.isascii(), latex
    _scripts(latex)


def _scripts(latex: str) -> None:
    """Braces balance, and no atom has two superscripts or two subscripts."""
    tokens = re.findall(r"\\[A-Za-z]+|\\.|[^\s]", latex)
    depth: list[set[str]] = []  # the scripts that the last atom of every open group has
    seen: set[str] = set()
    k = 0
    while k < len(tokens):
        t = tokens[k]
        if t == "{":
            depth.append(seen if k and tokens[k - 1] in "^_" else set())
            seen = set()
        elif t == "}":
            assert depth, f"unbalanced braces in {latex}"
            seen = depth.pop()
        elif t in "^_":
            assert t not in seen, f"double script at {' '.join(tokens[max(0, k - 8) : k + 4])} in {latex}"
            seen = {*seen, t}
            if tokens[k + 1] != "{":
                k += 1
        elif t != "'":
            seen = set()
        k += 1
    assert not depth, f"unbalanced braces in {latex}"


@pytest.mark.parametrize("case", CASES, ids=[c["id"] for c in CASES])
def test_sample_results(case: Case) -> None:
    """Objectives of the literature, gradients and Hessians, with and without named parts."""
    variables = declare(case["declare"], case["facts"])
    objective = parse_node(case["objective"], variables)
    for _, node in results(objective, [variables[case["wrt"]]]):
        if small(node):
            check(notation.latex(node))
            check(notation.latex(node, named=False))


@pytest.mark.parametrize("start", range(0, 60, 15))
def test_random_expressions(start: int) -> None:
    """Whatever the generator finds, index notation included."""
    for seed in range(start, start + 15):
        for _, node in pieces(seed):
            if small(node):
                check(notation.latex(node))


@pytest.mark.parametrize(("label", "node"), [pytest.param(a, b, id=a) for a, b, _ in samples()])
def test_every_operator(label: str, node: object) -> None:
    """Each registered operator has a LaTeX form."""
    check(notation.latex(node))  # type: ignore[arg-type]


@pytest.mark.parametrize("bad", [r"\softmax(x)", "x^{2}^{3}", r"\frac{a}{b", r"\left(x)", "x_1_2"])
def test_the_check_finds_faults(bad: str) -> None:
    with pytest.raises(AssertionError):
        check(bad)
