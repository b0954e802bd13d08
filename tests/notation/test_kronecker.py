"""Hessians by matrices as matrices: the Kronecker form has the entries of the four-axis result."""

from __future__ import annotations

import numpy as np
import pytest

import derive as dv
from derive.notation import latex
from derive.notation.kronecker import kronecker
from derive.notation.matrix import to_tree
from derive.notation.text import write

SHAPES = {
    **{"A": ("m", "d"), "B": ("k", "q"), "C": ("m", "q"), "W": ("d", "k"), "Z": ("n", "d"), "Y": ("n", "k")},
    **{
        "M": ("d", "k"),
        "S": ("d", "d"),
        "y": ("d",),
        "x": ("k",),
        "u": ("d",),
        "lam": (),
        "K": ("d*k", "d*k"),
    },
}
SIZES = {"m": 5, "d": 3, "k": 2, "q": 4, "n": 6}
FORMS = [
    ("sumsq(A @ W @ B - C) / 2", "W", "kron(B @ B.T, A.T @ A)"),
    ("sumsq(Z @ W - Y) / 2 + lam / 2 * sumsq(W)", "W", "kron(eye(k), Z.T @ Z + lam * eye(d))"),
    ("sumsq(Y - Z @ W) / 2", "Z", "kron(W @ W.T, eye(n))"),
    ("sumsq(W) / 2", "W", "eye(d * k)"),
    ("sum(exp(W))", "W", "diag(vec(exp(W)))"),
    ("sum(M * W ** 2) / 2", "W", "diag(vec(M))"),
    ("norm(W)", "W", "(eye(d * k) - outer(vec(W), vec(W)) / sumsq(W)) / norm(W)"),
    ("(y @ W @ x) ** 2 / 2", "W", "outer(kron(x, y), kron(x, y))"),
    ("sumsq(W @ x - y) / 2", "W", "kron(outer(x, x), eye(d))"),
    ("sumsq(W @ x - y) / 2 + sumsq(y @ W) / 2", "W", "kron(eye(k), outer(y, y)) + kron(outer(x, x), eye(d))"),
    (
        "sumsq(W.T @ W) / 4",
        "W",
        "kron(eye(k), W @ W.T) + kron(W.T @ W, eye(d)) + kron(W.T, W) @ K",
    ),
    ("logdet(S)", "S", "-kron(inv(S), inv(S).T) @ K"),
    ("u @ inv(S) @ y", "S", None),
    ("tr(S @ S @ S)", "S", None),
    ("det(S)", "S", None),
]


def commuting(d: int, k: int) -> np.ndarray:
    """K vec V = vec Vᵀ for V with d rows and k columns."""
    found = np.zeros((d * k, d * k))
    for i in range(d):
        for j in range(k):
            found[i * k + j, j * d + i] = 1
    return found


@pytest.mark.parametrize(("objective", "by", "form"), FORMS, ids=[row[0] for row in FORMS])
def test_has_the_entries(objective: str, by: str, form: str | None) -> None:
    """vec stacks columns: entry (jd + i, lr + k) is H_{ijkl}."""
    H = dv.hessian(dv.parse(objective, variables=SHAPES), by)
    tree = kronecker(to_tree(H.node), "K")
    assert tree is not None
    text = write(tree)
    assert form is None or text == form
    rng = np.random.default_rng(3)
    arrays = {n: rng.standard_normal([SIZES[s] for s in v]) for n, v in SHAPES.items() if n != "K"}
    arrays["S"] += 2 * np.eye(3)
    rows, columns = (SIZES[str(s)] for s in H.shape[:2])
    entries = "*".join(map(str, H.shape[:2]))
    expected = H.evaluate({**arrays, **SIZES}).transpose(1, 0, 3, 2).reshape([rows * columns] * 2)
    found = dv.parse(text, variables={**SHAPES, "K": (entries, entries)})
    numeric = found.evaluate({**arrays, **SIZES, "K": commuting(rows, columns)})
    np.testing.assert_allclose(numeric, expected, rtol=1e-10, atol=1e-12)


def test_none_where_there_is_none() -> None:
    """A sum over rows that no product of two matrices makes stays in index notation, and says so by itself."""
    loss = dv.parse("sum(logsumexp(Z @ W, axis=1))", variables=SHAPES)
    H = dv.hessian(loss, "W")
    assert kronecker(to_tree(H.node), "K") is None
    assert "otimes" not in latex(H.node)


def test_the_convention_is_stated() -> None:
    """Lines and LaTeX say that it is about vec, and what K is; a variable called K keeps its name."""
    H = dv.hessian(dv.parse("tr(K @ X @ X)", variables={"K": ("n", "n"), "X": ("n", "n")}), "X")
    assert H.lines()[1].endswith(" @ K_  with K_ @ vec(V) = vec(V.T)")
    plain = dv.hessian(dv.parse("sumsq(A @ W @ B - C) / 2", variables=SHAPES), "W")
    assert plain.latex().endswith(
        r"\quad\text{or, on } \operatorname{vec},\quad (B B^\top) \otimes (A^\top A)"
    )
