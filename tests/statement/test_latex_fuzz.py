"""Whatever LaTeX is typed, the answer is a node or the project's own error."""

from __future__ import annotations

from contextlib import suppress

from hypothesis import given, settings
from hypothesis import strategies as st

from derive.errors import DeriveError
from derive.node import Node
from derive.statement.latex import parse_latex_node

from .test_latex import VARIABLES

WORDS = [
    *r"X A w y x s S n d i j I e p T F \lambda \mu \Sigma \sigma \pi \theta 0 1 2 12 0.5 a z C".split(),
    *r"+ - * / = ( ) [ ] { } | \| \{ \} , ; : ' ^ _ & . < > ! ? ~ \\ % $ @ # é".split(),
    *r"\frac \tfrac12 \frac{1}{n} \sqrt \sum_i \sum_{i=1}^n \sum_{i,j} \prod_i \max_i \max \log \ln \det \exp".split(),
    *r"\tanh \sin^2 \operatorname{tr} \mathrm{softmax} \operatorname{diag} \text{vec} \mathbf 1 \mathbb".split(),
    *r"\cdot \times \odot \circ \otimes \oslash ^\top ^{-1} ^{-\top} ^T ^2 ^{\odot2} _i _{ij} _F _2 ^{(i)}".split(),
    *r"\left( \right) \left| \right| \lVert \rVert \lvert \rvert \langle \rangle \Big( \bigr) \hat \bar".split(),
    *r"\nabla_w f = \frac{\partial f}{\partial w}= f(w)= \leftarrow \quad \, \begin{align} \end{align} \foo".split(),
]


def _answers(text: str) -> None:
    with suppress(DeriveError):
        assert isinstance(parse_latex_node(text, VARIABLES), Node)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200))
def test_random_bytes(data: bytes) -> None:
    """Bytes as UTF-8 with lone surrogates, and as Latin-1."""
    _answers(data.decode("utf-8", "surrogateescape"))
    _answers(data.decode("latin-1"))


@settings(max_examples=2000, deadline=None)
@given(st.lists(st.sampled_from(WORDS), max_size=14))
def test_random_tokens(words: list[str]) -> None:
    """LaTeX-like words in any order."""
    _answers("".join(words))
    _answers(" ".join(words))


FORMULAS = st.recursive(
    st.sampled_from(
        ["X", "A", "w", "y", "x", "s", "S", "n", "2", "X_i", "y_i", "A_{ij}", "I", r"\mathbf 1", r"\pi"]
    ),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["+", "-", " ", r"\cdot ", r"\odot ", r"\otimes ", "/"]), inner).map(
            "".join
        ),
        inner.map(lambda a: f"({a})"),
        inner.map(lambda a: rf"({a})^\top "),
        inner.map(lambda a: f"({a})^{{-1}}"),
        inner.map(lambda a: f"({a})^2"),
        inner.map(lambda a: f"({a})_i"),
        inner.map(lambda a: rf"\|{a}\|_2^2"),
        inner.map(lambda a: rf"\|{a}\|_F^2"),
        inner.map(lambda a: f"|{a}|"),
        inner.map(lambda a: rf"\sum_i {a}"),
        inner.map(lambda a: rf"\sum_{{ij}} {a}"),
        inner.map(lambda a: rf"\sum_{{i=1}}^n\sum_{{j=1}}^n {a}"),
        inner.map(lambda a: rf"\max_i {a}"),
        st.tuples(inner, inner).map(lambda p: rf"\frac{{{p[0]}}}{{{p[1]}}}"),
        st.tuples(
            st.sampled_from(
                [
                    r"\log ",
                    r"\exp",
                    r"\sigma",
                    r"\tanh",
                    r"\det",
                    r"\operatorname{tr}",
                    r"\operatorname{diag}",
                ]
            ),
            inner,
        ).map(lambda p: f"{p[0]}({p[1]})"),
        st.tuples(st.sampled_from([r"\log ", r"\sin ", r"\det ", r"\operatorname{tr}"]), inner).map("".join),
    ),
    max_leaves=8,
)


@settings(max_examples=800, deadline=None)
@given(FORMULAS)
def test_random_formulas(text: str) -> None:
    """Well-formed LaTeX of any meaning."""
    _answers(text)
