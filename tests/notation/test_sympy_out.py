"""What goes out as SymPy comes back with the same value."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sympy as sp

import derive as dv
from derive.declaring import from_sympy
from derive.errors import UnsupportedError
from derive.node import size_symbols
from tests.statement.corpus import cases, draw

#: Operators that SymPy has no form for.
WITHOUT = (
    "max",
    "min",
    "reshape",
    "slice of part",
    "concatenate",
    "place",
    "tril",
    "solve",
    "matrix",
    "cholesky",
    "cumsum",
)
CASES = cases("gradients")


def value(expression: dv.Expression, arrays: dict[str, Any], sizes: dict[str, int]) -> Any:
    free = {s.name: sizes[s.name] for s in size_symbols(expression.node)}
    return expression.evaluate({v: arrays[v] for v in expression.variables}, **free)


def attempt(expression: dv.Expression) -> Any:
    """The SymPy form, or None where one of the operators above has none."""
    try:
        return expression.to_sympy()
    except UnsupportedError as error:
        if any(word in str(error) for word in WITHOUT):
            return None
        raise


@pytest.mark.parametrize("case", CASES, ids=[c["id"] for c in CASES])
def test_round_trip(case: dict[str, Any]) -> None:
    """from_sympy(to_sympy(e)) has the value of e, for the objective and its derivative."""
    loss = dv.parse(case["objective"], variables=case["declare"], facts=case["facts"])
    slope = dv.jacobian(loss, case["wrt"]) if loss.shape else dv.gradient(loss, case["wrt"])
    sizes = case["sizes"][0]
    arrays = {k: np.asarray(v, dtype=float) for k, v in draw(case, sizes).items()}
    if any(s == 1 for v in loss.declared for s in v.shape):
        pytest.skip("axes of size 1 are dropped")
    # SymPy takes half a minute over the longest of the derivatives; they are left to the others.
    for expression in (loss, slope) if slope.node.weight < 100 else (loss,):
        written = attempt(expression)
        if written is None:
            continue
        back = from_sympy(written)
        wanted = value(expression, arrays, sizes)
        np.testing.assert_allclose(
            value(back, arrays, sizes), np.squeeze(wanted), rtol=1e-9, atol=1e-10, err_msg=str(written)
        )


X, w = dv.matrix("X", "n", "d"), dv.vector("w", "d")
y, lam = dv.vector("y", "n"), dv.scalar("lam", positive=True)


def test_ridge() -> None:
    """The gradient of ridge regression, as somebody would type it."""
    g = dv.gradient(dv.sumsq(X @ w - y) / 2 + lam / 2 * dv.sumsq(w), w).to_sympy()
    n, d = dv.sizes("n d")
    Xs, ws, ys = sp.MatrixSymbol("X", n, d), sp.MatrixSymbol("w", d, 1), sp.MatrixSymbol("y", n, 1)
    assert str(g) == str(Xs.T * (Xs * ws - ys) + sp.Symbol("lam", positive=True, real=True) * ws)


def test_order_four() -> None:
    """The Hessian of ‖XW − Y‖² in W is δ_jl (XᵀX)_ik, in index notation."""
    W, Y = dv.matrix("W", "d", "k"), dv.matrix("Y", "n", "k")
    H = dv.hessian(dv.sumsq(X @ W - Y) / 2, W)
    written = H.to_sympy()
    assert {str(i) for i in written.free_symbols if isinstance(i, sp.Idx)} == {
        "i",
        "j",
        "l",
        "m",
    }  # k is a size
    back = from_sympy(written)
    array = np.random.default_rng(0).standard_normal((5, 3))
    assert back.shape == H.shape
    np.testing.assert_allclose(back.evaluate(X=array, k=2), H.evaluate(X=array, k=2))


def test_refused() -> None:
    """What SymPy has no form for is named."""
    with pytest.raises(UnsupportedError, match="max"):
        dv.max(w).to_sympy()
