"""Least squares does not see an orthogonal matrix in front of its data: a triangular factor replaces them."""

from __future__ import annotations

import numpy as np
import pytest

from derive.build import scale
from derive.kernels.compile import Kernel, compile_nodes
from derive.kernels.moments import compressed
from tests.kernels.statements import OBJECTIVES, assert_close, derivatives, draw, least_squares, n

COMPRESSIBLE = ("least_squares", "ridge", "principal_components")


def kernel_of(name: str, backend: str = "python") -> Kernel:
    objective = OBJECTIVES[name]()
    return compile_nodes(
        derivatives(objective), unknowns=[*(v.name for v in objective[1]), "direction"], backend=backend
    )


@pytest.mark.parametrize("name", COMPRESSIBLE)
def test_same_results(name: str) -> None:
    """Value, gradient, Hessian and Hessian-vector product, from five rows instead of 500."""
    kernel = kernel_of(name)
    data = draw(kernel.nodes, n=500, d=4, k=2)
    point = {u: data.pop(u) for u in kernel.unknowns if u in data}
    plain, small = kernel.bind(data), kernel.bind(data, moments=True)
    assert small.moments and not plain.moments
    assert len(small.arrays["X"]) < 10
    wanted = plain(point)
    for key, value in small(point).items():
        assert_close(value, wanted[key], 1e-12, key)


@pytest.mark.parametrize("name", [k for k in OBJECTIVES if k not in COMPRESSIBLE])
def test_everything_else_keeps_its_data(name: str) -> None:
    kernel = kernel_of(name)
    data = draw(kernel.nodes, n=60, d=2, k=2, p=3, h=2)
    given = {k: a for k, a in data.items() if k not in kernel.unknowns}
    assert not kernel.bind(given, moments=True).moments


def test_number_of_rows_in_a_coefficient() -> None:
    """A mean knows how many rows there are."""
    node = scale(1 / n, least_squares()[0])
    kernel = compile_nodes({"f": node}, unknowns=["w"], backend="python")
    assert not kernel.bind(X=np.ones((50, 2)), y=np.ones(50), moments=True).moments


def test_few_rows_stay() -> None:
    kernel = kernel_of("least_squares")
    assert not kernel.bind(X=np.ones((9, 2)), y=np.ones(9), moments=True).moments


def test_small_residuals_survive() -> None:
    """A value of 1e-24 of ‖y‖²: moments XᵀX, Xᵀy, yᵀy would give noise."""
    rng = np.random.default_rng(0)
    X, w = rng.standard_normal((3000, 6)) * 10.0 ** -np.arange(6), np.ones(6)
    y = X @ w + 1e-10 * rng.standard_normal(3000)
    kernel = kernel_of("least_squares", "numpy")
    plain, small = (kernel.bind(X=X, y=y, moments=m)(w=w, direction=w) for m in (False, True))
    assert_close(small["value"] * 1e20, plain["value"] * 1e20, 1e-5)
    squares = (w @ (X.T @ X) @ w - 2 * w @ (X.T @ y) + y @ y) / 2
    assert abs(squares / plain["value"] - 1) > 1e-2


def test_rows_on_another_axis() -> None:
    """Axes other than the first, blocks folded in one by one, precision kept."""
    rng = np.random.default_rng(1)
    A, b = rng.standard_normal((3, 9000)).astype(np.float32), rng.standard_normal(9000).astype(np.float32)
    found = compressed({"A": A, "b": b, "c": np.ones(2)}, {"A": 1, "b": 0})
    assert found is not None
    assert found["A"].shape == (3, 4) and found["A"].dtype == np.float32 and found["c"].shape == (2,)
    assert_close(found["A"] @ found["A"].T, A @ A.T, 1e-5)
    assert_close(found["A"] @ found["b"], A @ b, 1e-4)
