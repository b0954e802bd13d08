"""Problem files: what is written is what is read, and faults are found where they are."""

from __future__ import annotations

import pytest

from derive.errors import DeclarationError, DeriveError, ParseError, SizeError, UnknownNameError
from derive.statement.problem_file import read_problem, write_problem
from derive.statement.text import parse_node

RIDGE = """\
# ridge regression on the simplex
sizes n d
given X (n, d)
given
  y (n)
  lam positive
find w (d) nonnegative
minimize
  sumsq(X @ w - y)/2
  # the penalty
  + lam/2*sumsq(w)
subject to
  sum(w) == 1
  0 <= w <= maximum(
    lam, 1)
"""


def test_reading() -> None:
    """Sizes, data, unknowns, facts, objective and constraints."""
    problem = read_problem(RIDGE)
    assert problem.sizes == ("n", "d")
    assert problem.given == {"X": ("n", "d"), "y": ("n",), "lam": ()}
    assert problem.find == {"w": ("d",)}
    assert problem.facts == {"lam": ("positive",), "w": ("nonnegative",)}
    assert problem.sense == "minimize"
    assert problem.node is parse_node("sumsq(X @ w - y)/2 + lam/2*sumsq(w)", problem.variables)
    assert [c.sign for c in problem.conditions] == ["==", "<=", "<="]


def test_round_trip() -> None:
    """Writing and reading give the same problem, and writing again the same file."""
    problem = read_problem(RIDGE)
    text = write_problem(problem)
    assert read_problem(text) == problem
    assert write_problem(read_problem(text)) == text
    assert "given X (n, d)\n" in text and "find w (d) nonnegative\n" in text


def test_sizes_may_be_left_out_or_be_arithmetic() -> None:
    """Sizes are what the declarations name."""
    problem = read_problem("given D (n - 1, n)\nfind x (n)\nmaximise -sumsq(D @ x)")
    assert problem.sizes == ("n",) and problem.sense == "maximize"


@pytest.mark.parametrize(
    ("text", "kind", "place", "words"),
    [
        ("find w (d)\nminimise sumsq(ww)", UnknownNameError, (2, 16), "did you mean `w`"),
        ("given X (n, d)\nfind w (d)\nminimize sumsq(w @ X)", SizeError, (3, 18), "(d,) @ (n, d)"),
        ("find w (d)\nminimize sumsq(w)\nsubject to\n  w <", ParseError, (4, 5), "<="),
        ("find w (d)\nminimize sumsq(w)\nsubject to\n  w", ParseError, (4, 4), "one side only"),
        ("find w (d)\nminimize sumsq(w)\nminimize sum(w)", ParseError, (3, 1), "one objective"),
        ("find w (d)\n", ParseError, (1, 11), "no objective"),
        ("minimize 1", ParseError, (1, 11), "no unknown"),
        ("find w (d)\nfind w (d)\nminimize sum(w)", DeclarationError, (2, 6), "twice"),
        ("find S (n, d) psd\nminimize sum(S)", DeclarationError, (1, 6), "square"),
        ("find w (0)\nminimize sum(w)", DeclarationError, (1, 6), "w"),
        ("find 2w (d)\nminimize 1", DeclarationError, (1, 6), "2w"),
        ("find w d)\nminimize 1", ParseError, (1, 6), "declaration"),
        ("given\nfind w (d)\nminimize 1", ParseError, (1, 6), "nothing"),
        ("fnd w (d)\nminimize 1", ParseError, (1, 1), "did you mean `find`"),
        ("  find w (d)\nminimize 1", ParseError, (1, 1), "before the first block"),
        ("sizes d\nfind d (d)\nminimize sum(d)", DeclarationError, (2, 6), "'d'"),
    ],
)
def test_errors(text: str, kind: type[DeriveError], place: tuple[int, int], words: str) -> None:
    """Line and column are those of the file."""
    with pytest.raises(kind) as caught:
        read_problem(text)
    error = caught.value
    assert (getattr(error, "line", None), getattr(error, "column", None)) == place
    assert words in str(error)


def test_several_declarations_on_a_line() -> None:
    """Commas separate declarations, and facts of one of them."""
    problem = read_problem(
        "given X (n, d), y (n), lam positive, S (d, d) symmetric, pd\nfind w (d)\nminimize sumsq(w)"
    )
    assert problem.given == {"X": ("n", "d"), "y": ("n",), "lam": (), "S": ("d", "d")}
    assert problem.facts == {"lam": ("positive",), "S": ("symmetric", "pd")}
    with pytest.raises(DeclarationError, match="psdd"):
        read_problem("given S (d, d) symmetric, psdd\nfind w (d)\nminimize sumsq(w)")
