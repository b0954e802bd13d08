"""Whatever is typed, the parser answers with a node or with the project's own error."""

from __future__ import annotations

from contextlib import suppress

from hypothesis import given, settings
from hypothesis import strategies as st

from derive.errors import DeriveError
from derive.node import Node
from derive.statement.declarations import declare
from derive.statement.functions import FUNCTIONS
from derive.statement.text import parse_constraint, parse_node

VARIABLES = declare({"X": ["n", "d"], "A": ["n", "n"], "w": ["d"], "y": ["n"], "t": []})
WORDS = [
    *FUNCTIONS,
    *VARIABLES,
    *"n d pi None True e T lambda not axis keepdims q".split(),
    *"+ - * / @ ** ( ) [ ] , : = == <= >= .T . ^ ' \" # \\ ; { } ! ~ | & % $ ? < >".split(),
    *"0 1 2 10 0.5 1e-3 1e 1. .5 1e400 9**9**9 axis=0 axis=1 [0] [-1] [:,None] (0,1)".split(),
    *'" " "ij,jk->ik" "i->" \n \t'.split(" "),
]


def _answers(text: str) -> None:
    with suppress(DeriveError):
        assert isinstance(parse_node(text, VARIABLES), Node)
    with suppress(DeriveError):
        parse_constraint(text, VARIABLES)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200))
def test_random_bytes(data: bytes) -> None:
    """Bytes as UTF-8 with whatever does not decode kept as lone surrogates, and as Latin-1."""
    _answers(data.decode("utf-8", "surrogateescape"))
    _answers(data.decode("latin-1"))


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=100))
def test_random_text(text: str) -> None:
    """Any Unicode text."""
    _answers(text)


@settings(max_examples=1500, deadline=None)
@given(st.lists(st.sampled_from(WORDS), max_size=12))
def test_random_words(words: list[str]) -> None:
    """Words of the language in any order: these get further into the parser than random letters."""
    _answers("".join(words))
    _answers(" ".join(words))


FORMULAS = st.recursive(
    st.sampled_from(["X", "A", "w", "y", "t", "n", "2", "0.5", "0", "-1", "pi"]),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["+", "-", "*", "/", "@", "**"]), inner).map(
            lambda p: f"({p[0]}) {p[1]} ({p[2]})"
        ),
        st.tuples(st.sampled_from(sorted(FUNCTIONS)), st.lists(inner, min_size=1, max_size=3)).map(
            lambda p: f"{p[0]}({', '.join(p[1])})"
        ),
        st.tuples(inner, st.sampled_from([".T", "[0]", "[:, None]", "[-1]", "[1:n]", "[::-1]"])).map(
            lambda p: f"({p[0]}){p[1]}"
        ),
        inner.map(lambda a: f"-{a}"),
    ),
    max_leaves=8,
)


@settings(max_examples=1500, deadline=None)
@given(FORMULAS)
def test_random_formulas(text: str) -> None:
    """Well-formed text of any meaning."""
    _answers(text)
