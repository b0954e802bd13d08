"""Σᵢ sᵢ xᵢ xᵢᵀ by symmetric updates, for weights of any sign."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from derive.build import add, einsum, matmul, multiply, scale
from derive.kernels.compile import compile_nodes
from derive.node import Node, variable
from derive.operators import apply
from derive.sizes import sizes
from tests.kernels.statements import ONE, X, assert_close, d, n, w, y

R, I, J = 0, 1, 2


def gram(left: Node, right: Node) -> Node:
    """Leftᵀ right."""
    return einsum([(left, (R, I)), (right, (R, J))], (I, J))


def weighted(weights: Node) -> Node:
    """diag(weights) X."""
    return einsum([(weights, (R,)), (X, (R, I))], (R, I))


FORMS = {
    "plain": gram(X, X),
    "one side": gram(weighted(y), X),
    "both sides": gram(weighted(y), weighted(apply("sin", matmul(X, w)))),
    "scaled": scale(1 / n, gram(X, weighted(multiply(y, y)))),
    "three factors": einsum([(X, (R, I)), (apply("tanh", matmul(X, w)), (R,)), (X, (R, J))], (I, J)),
    "with a ridge": add([(ONE, gram(weighted(y), X)), (ONE, einsum([(w, (I,)), (w, (J,))], (I, J)))]),
}


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", FORMS)
def test_against_the_interpreter(name: str, dtype: type) -> None:
    """Weights of both signs and of one; more rows than a block and fewer."""
    backend = "numba" if name == "both sides" else "python"
    kernel = compile_nodes({"h": FORMS[name]}, unknowns=["w"], dtype=dtype, backend=backend)
    assert "syrk" in kernel.source
    for rows, sign in ((1, 1.0), (7, -1.0), (600, 0.0)):
        rng = np.random.default_rng(rows)
        arrays = {"X": rng.standard_normal((rows, 5)), "y": rng.standard_normal(rows), "w": np.ones(5)}
        if sign:
            arrays["y"] = sign * abs(arrays["y"])
        given = {k: a for k, a in arrays.items() if k in kernel.variables}
        found = kernel(given)["h"]
        wanted = compile_nodes({"h": FORMS[name]}, unknowns=["w"], backend="numpy")(given)["h"]
        assert_close(found, wanted, 1e-12 if dtype is np.float64 else 1e-5)
        if name != "with a ridge":
            assert np.array_equal(found, found.T)


def test_not_a_gram_matrix() -> None:
    """Two different arrays, or weights that are no vector, stay products."""
    Y = variable("Y", (n, d))
    for node in (gram(X, Y), gram(X, multiply(X, Y)), gram(apply("tanh", X), X)):
        assert "syrk" not in compile_nodes({"h": node}).source


def test_rows_of_intermediate_arrays() -> None:
    """tanh(X)ᵀ diag(y) tanh(X), each row computed in the pass."""
    hidden = apply("tanh", X)
    node = gram(hidden, einsum([(y, (R,)), (hidden, (R, I))], (R, I)))
    kernel = compile_nodes({"h": node}, backend="python")
    assert "syrk" in kernel.source
    rng = np.random.default_rng(0)
    A, b = rng.standard_normal((40, 3)), rng.standard_normal(40)
    assert_close(kernel(X=A, y=b)["h"], np.tanh(A).T @ (b[:, None] * np.tanh(A)))


def test_not_a_number_stays_visible() -> None:
    """An undefined weight is not lost in the comparison of signs."""
    kernel = compile_nodes({"h": gram(weighted(apply("log", y)), X)}, unknowns=["y"])
    found = kernel.bind(X=np.ones((3, 2)))(y=np.array([1.0, -1.0, 2.0]))["h"]
    assert np.isnan(found).all()


def test_compiled_code_from_the_cache_finds_blas() -> None:
    """Another process loads what this one compiled."""
    compile_nodes({"value": FORMS["plain"]})(X=np.ones((2, 3)))
    script = (
        "import numpy as np, derive as dv\n"
        "X = dv.matrix('X', 'n', 'd')\n"
        "k = dv.compile(X.T @ X)\n"
        "assert (k(X=np.ones((2, 3))) == 2).all()\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=120)


def test_names_of_sizes_do_not_matter() -> None:
    rows, columns = sizes("rows columns")
    A = variable("A", (rows, columns))
    assert "syrk" in compile_nodes({"h": gram(A, A)}).source
