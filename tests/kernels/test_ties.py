"""Arrays that are zero off a diagonal: loops go along it, and the rest is cleared."""

from __future__ import annotations

import numpy as np
import pytest

import derive as dv
from derive.build import add, einsum
from derive.kernels.compile import compile_nodes
from derive.kernels.ties import ties
from derive.node import delta, variable
from tests.kernels.statements import ONE, X, d, n, y

MASKED = "sumsq(M * (T - U @ V.T))"
SHAPES = {"T": ("m", "n"), "M": ("m", "n"), "V": ("n", "k"), "U": ("m", "k")}


def test_which_axes() -> None:
    """A delta ties the axes that it has in common with the result; a sum is tied where all terms are."""
    rows = einsum([(delta(n), (0, 1)), (X, (0, 2))], (0, 1, 2))
    columns = einsum([(delta(n), (0, 1)), (X, (1, 2))], (0, 1, 2))
    outer = einsum([(y, (0,)), (y, (1,)), (variable("v", (d,)), (2,))], (0, 1, 2))
    assert ties(rows) == ties(add([(ONE, rows), (ONE, columns)])) == {(0, 1)}
    assert ties(add([(ONE, rows), (ONE, outer)])) == frozenset()
    assert ties(einsum([(rows, (2, 0, 1))], (0, 1, 2))) == {(0, 2)}
    assert ties(delta(n)) == {(0, 1)} and ties(X) == frozenset()


@pytest.mark.parametrize("backend", ["python", "numba"])
def test_dense_hessians(backend: str) -> None:
    """The blocks of a factorisation and a diagonal, at several sizes and 1."""
    f = dv.parse(MASKED, variables=SHAPES)
    blocks = dv.hessian(f, "U")
    kernel = compile_nodes({"H": blocks.node}, unknowns=["V"], backend=backend)
    for m, count, k in ((5, 4, 3), (1, 1, 1), (30, 2, 1)):
        rng = np.random.default_rng(m)
        M, V = rng.standard_normal((m, count)), rng.standard_normal((count, k))
        wanted = np.zeros((m, k, m, k))
        for i in range(m):
            wanted[i, :, i, :] = 2 * (V * (M[i] ** 2)[:, None]).T @ V
        for _ in range(2):  # whatever lay in memory before
            assert np.allclose(kernel(M=M, V=V)["H"], wanted, rtol=1e-13, atol=1e-13)
    assert "clear(" in kernel.source


def test_diagonal() -> None:
    """∇² Σ exp(xᵢ) is one loop along the diagonal; added to a full matrix it is an entry like any other."""
    f = dv.parse("sum(exp(x))", variables={"x": ("n",)})
    kernel = compile_nodes({"H": dv.hessian(f, "x").node}, backend="python")
    x = np.linspace(-1, 1, 5)
    assert "clear(" in kernel.source
    assert np.allclose(kernel(x=x)["H"], np.diag(np.exp(x)), rtol=1e-14)
    g = dv.parse("sum(exp(x)) + sum(x)**4", variables={"x": ("n",)})
    full = compile_nodes({"H": dv.hessian(g, "x").node}, backend="python")
    assert np.allclose(full(x=x + 1)["H"], np.diag(np.exp(x + 1)) + 12 * np.sum(x + 1) ** 2, rtol=1e-13)
