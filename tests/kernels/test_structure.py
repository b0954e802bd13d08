"""Structured Hessians: what they are called, and the same entries, products and solves as the dense ones."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import derive as dv
from derive.errors import ArgumentError, SizeError
from tests.kernels.statements import reference

Shapes = dict[str, tuple[str, ...]]
#: statement, variables, unknown, kind, axes that one block has
CASES: list[tuple[str, Shapes, str, str]] = [
    ("sum(softplus(w)) + lam*sumsq(w)", {"w": ("d",), "lam": ()}, "w", "diagonal"),
    ("sumsq(w)*lam", {"w": ("d",), "lam": ()}, "w", "diagonal"),
    ("sumsq(M * (T - U @ V.T))", {"T": ("m", "n"), "M": ("m", "n"), "V": ("n", "k"), "U": ("m", "k")}, "U",
     "block diagonal"),
    ("sumsq(M * (T - U @ V.T)) + sum(exp(U))",
     {"T": ("m", "n"), "M": ("m", "n"), "V": ("n", "k"), "U": ("m", "k")}, "U", "block diagonal"),
    ("sumsq(X @ W - Y)/2 + lam/2*sumsq(W)", {"X": ("n", "d"), "W": ("d", "k"), "Y": ("n", "k"), "lam": ()}, "W",
     "Kronecker product"),
    ("logsumexp(w) + sumsq(w)/2", {"w": ("d",)}, "w", "diagonal plus low rank"),
    ("logsumexp(w) + (c @ w)**2 + sumsq(w)/2", {"w": ("d",), "c": ("d",)}, "w", "diagonal plus low rank"),
    ("sum(softplus(X @ w)) + lam*sumsq(w)", {"X": ("n", "d"), "w": ("d",), "lam": ()}, "w", "dense"),
]  # fmt: skip


def _drawn(shapes: Shapes, seed: int, **sizes: int) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    return {v: rng.random([sizes[s] for s in shape]) + 0.1 for v, shape in shapes.items()}


@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c[3]}: {c[0]}")
def test_structured(case: tuple[str, Shapes, str, str]) -> None:
    """Entries, diagonal, product and solve agree with the dense Hessian of the interpreter."""
    statement, shapes, unknown, kind = case
    H = dv.hessian(dv.parse(statement, variables=shapes), unknown)
    kernel = dv.compile(H, backend="python", structured=True)
    for seed, sizes in enumerate(({"n": 6, "m": 4, "d": 3, "k": 2}, {"n": 3, "m": 1, "d": 1, "k": 1})):
        data = _drawn(shapes, seed, **sizes)
        found = kernel(data)
        wanted = reference(H.node, {v: a for v, a in data.items() if v in H.variables}, **sizes)
        assert found.kind == kind
        np.testing.assert_allclose(found.dense(), wanted, rtol=1e-12, atol=1e-13)
        shape = data[unknown].shape
        square = wanted.reshape(data[unknown].size, -1)
        np.testing.assert_allclose(found.diagonal().ravel(), np.diag(square), rtol=1e-12)
        v = np.random.default_rng(seed).standard_normal(shape)
        np.testing.assert_allclose((found @ v).ravel(), square @ v.ravel(), rtol=1e-11, atol=1e-12)
        np.testing.assert_allclose(found.solve(found @ v), v, rtol=1e-7, atol=1e-9)
        if kind != "dense" and data[unknown].size > 4:
            assert found.size < wanted.size


def test_bound_and_compiled() -> None:
    """The data bound, the unknown given to the calls; a second point gives a second Hessian."""
    f = dv.parse("sumsq(M * (T - U @ V.T)) + sum(exp(U))", variables=CASES[3][1])
    H = dv.hessian(f, "U")
    data = _drawn(CASES[3][1], 0, n=5, m=3, k=2)
    U = data.pop("U")
    bound = dv.compile(H, structured=True).bind(data)
    for point in (U, 2 * U):
        wanted = H.evaluate(**{k: a for k, a in data.items() if k in H.variables}, U=point)
        np.testing.assert_allclose(bound(U=point).dense(), wanted, rtol=1e-12)
    with pytest.raises(SizeError, match="shape"):
        bound(U=U) @ np.ones(3)


def test_singular_and_misused() -> None:
    """A singular Hessian has no solve; several expressions have no structure."""
    x = dv.vector("x", "n")
    H = dv.compile(dv.hessian(dv.sum(x**3), x), backend="numpy", structured=True)(x=np.zeros(2))
    with pytest.raises(np.linalg.LinAlgError):
        H.solve(np.ones(2))
    with pytest.raises(ArgumentError, match="one Hessian"):
        dv.compile({"a": dv.sumsq(x)}, structured=True)


def test_rows_are_those_of_the_largest_array():
    """Where sizes are known, entries decide: a mask is read along its rows, results are written as they come."""
    shapes = {"T": ("m", "n"), "M": ("m", "n"), "V": ("n", "k"), "U": ("m", "k")}
    f = dv.parse("sumsq(M * (T - U @ V.T))", variables=shapes)
    rng = np.random.default_rng(0)
    t = dv.tensor("t", "m", "k")
    for m, n, k in ((40, 30, 3), (30, 40, 3), (1, 5, 2)):
        M, V, along = rng.random((m, n)), rng.standard_normal((n, k)), rng.standard_normal((m, k))
        bound = dv.compile({"h": dv.hvp(f, "U", t)}).bind(M=M, V=V)
        wanted = 2 * (M * M * (along @ V.T)) @ V
        np.testing.assert_allclose(bound(t=along)["h"], wanted, rtol=1e-12, atol=1e-12)
        assert str(bound.kernel.program.data_size) == (
            "m" if m > 1 else "n"
        )  # V has more entries than a row of M
