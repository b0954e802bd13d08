"""Results asked for together share the names of their parts; Hessians by a matrix come in blocks."""

from __future__ import annotations

import numpy as np
import pytest

import derive as dv
from derive import notation

SHAPES = {
    "X": ("n", "d"),
    "W": ("d", "k"),
    "Y": ("n", "k"),
    "y": ("n",),
    "v": ("k",),
    "lam": (),
    "B": (1, "n"),
}
MLP = {"X": ("n", "d"), "W1": ("d", "h"), "b1": ("h",), "W2": ("h", "k"), "b2": ("k",), "Y": ("n", "k")}


def test_backpropagation() -> None:
    """The four gradients of a network, with the errors of its layers named once."""
    loss = dv.parse("sumsq(tanh(X @ W1 + b1) @ W2 + b2 - Y) / 2", variables=MLP)
    found = dv.gradient(loss, ["W1", "b1", "W2", "b2"])
    assert str(found).splitlines() == [
        "W1: X.T @ R",
        "b1: sum(R, axis=0)",
        "W2: H.T @ P",
        "b2: sum(P, axis=0)",
        "  where H = tanh(X @ W1 + b1)",
        "        P = H @ W2 - Y + b2",
        "        R = (1 - H ** 2) * (P @ W2.T)",
    ]
    assert "\\nabla_{b_{1}} &= R^\\top \\mathbf{1}" in found.latex()
    assert isinstance(found, list) and found[0].same_as(dv.gradient(loss, "W1"))
    assert str(dv.gradient(loss, "b1")).startswith("sum((1 - tanh(X @ W1 + b1) ** 2) * (")
    found.pop()
    assert str(found).startswith("[")


BLOCKS = [
    (
        "sum(logsumexp(X @ W, axis=1)) - sum(Y * (X @ W))",
        "X.T @ diag(P[:, j] * (δ[j, l] - P[:, l])) @ X",
        "X^\\top \\operatorname{diag}(P_{: j} \\odot (\\delta_{j l} \\mathbf{1} - P_{: l})) X",
    ),
    (
        "sum(tanh(X @ W) ** 2)",
        "2 * δ[j, l] * X.T @ diag((R[:, j] - 1) * (3 * R[:, j] - 1)) @ X",
        "2 \\delta_{j l} X^\\top \\operatorname{diag}((R_{: j} - \\mathbf{1}) \\odot (3 R_{: j} - \\mathbf{1})) X",
    ),
    ("sumsq(tanh(X @ W) @ v - y) / 2 + lam / 2 * sumsq(W)", "", ""),
]


@pytest.mark.parametrize(("text", "block", "latex"), BLOCKS, ids=[b[0] for b in BLOCKS])
def test_blocks_of_hessians(text: str, block: str, latex: str) -> None:
    """The printed block, evaluated for every pair of columns, is the Hessian."""
    loss = dv.parse(text, variables=SHAPES)
    H = dv.hessian(loss, "W")
    lines = H.lines()
    head = "  or, by blocks, for each j and l: "
    (shown,) = [line.removeprefix(head) for line in lines if line.startswith(head)]
    assert not block or shown == block
    assert latex in H.latex()
    rng, sizes = np.random.default_rng(3), {"n": 5, "d": 3, "k": 2}
    data = {v: rng.standard_normal([sizes.get(s, s) for s in SHAPES[v]]) for v in H.variables}
    space = {**data, "diag": np.diag, "tanh": np.tanh, "eye": np.eye, "δ": np.eye(2), "d": 3, "n": 5}
    space["softmax"] = lambda z, axis: np.exp(z) / np.exp(z).sum(axis=axis, keepdims=True)
    where = [line.removeprefix("  where ").strip() for line in lines[2:]]
    for line in where:
        name, formula = line.split(" = ")
        space[name] = eval(formula, {}, space)
    value = H.evaluate(data)
    for j in range(2):
        for col in range(2):
            entry = eval(shown, {}, {**space, "j": j, "l": col})
            np.testing.assert_allclose(entry, value[:, j, :, col], rtol=1e-9, atol=1e-10)


AXES = [
    ("squeeze(expand_dims(y, 0) @ X)", "X.T @ y", "X^\\top y"),
    ("expand_dims(y, 0)", "y[None, :]", "y^\\top"),
    ("expand_dims(y, 1)", "y[:, None]", "y"),
    ("expand_dims(X, 1)", "X[:, None, :]", "X_{i k}"),
    ("squeeze(B @ X)", "X.T @ B[0, :]", "X^\\top B_{[0, :]}"),
    ("y[None, :] @ X + lam", "(X.T @ y)[None, :] + lam", "(X^\\top y)^\\top + \\lambda \\mathbf{1}^\\top"),
]


@pytest.mark.parametrize(("text", "printed", "latex"), AXES, ids=[a[0] for a in AXES])
def test_axes_of_length_one(text: str, printed: str, latex: str) -> None:
    """Axes that are added or dropped, as NumPy writes them; rows and columns in LaTeX."""
    found = dv.parse(text, variables=SHAPES)
    assert str(found) == printed
    assert found.latex() == latex
    again = dv.parse(printed, variables=SHAPES)
    data = {
        v: np.arange(1.0, 1 + np.prod(s)).reshape(s) for v, s in (("y", [3]), ("X", [3, 2]), ("B", [1, 3]))
    }
    data["lam"] = np.array(2.0)
    given = {v: data[v] for v in found.variables}
    np.testing.assert_allclose(again.evaluate(given), found.evaluate(given))


def test_traces_of_named_matrices() -> None:
    """tr(C S) where one of them is symmetric, not 1ᵀ(C ∘ S)1."""
    S = {"C": ("d", "d"), "S": ("d", "d")}
    found = dv.parse("tr(C @ S)", variables=S, facts={"S": ("symmetric",)})
    assert (str(found), notation.latex(found.node)) == ("tr(C @ S)", "\\operatorname{tr}(C S)")


def test_high_powers_print() -> None:
    """The gradient of yᵀ(XXᵀ + λI)⁻¹²y is a sum of twelve products, factored without trying all orders."""
    power = " @ ".join(["inv(X @ X.T + lam * eye(n))"] * 12)
    slope = dv.gradient(dv.parse(f"y @ {power} @ y", variables=SHAPES), "X")
    assert slope.latex().startswith("-")
