"""Structured Hessians: what they are called, and the same entries, products and solves as the dense ones."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import derive as dv
from derive.errors import ArgumentError, SizeError
from derive.kernels.structure import diagonal
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


@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c[3]}: {c[0]}")
def test_diagonal(case: tuple[str, Shapes, str, str]) -> None:
    """An array of the unknown's shape where the Hessian is a diagonal, constant ones too; nothing elsewhere."""
    statement, shapes, unknown, kind = case
    H = dv.hessian(dv.parse(statement, variables=shapes), unknown)
    found = diagonal(H.node)
    assert (found is not None) == (kind == "diagonal")
    if found is not None:
        data = _drawn(shapes, 0, d=3)
        known = {v: a for v, a in data.items() if v in H.variables}
        wanted = np.diagonal(reference(H.node, known, d=3))
        np.testing.assert_allclose(reference(found, known, d=3), wanted, rtol=1e-12)


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


FACTORS = {"T": ("m", "n"), "U": ("m", "k"), "V": ("n", "k")}
#: statement, variables, unknowns, blocks that are computed (the others are mirrored)
TABLES: list[tuple[str, Shapes, list[str], int]] = [
    ("sumsq(T - U @ V.T)", FACTORS, ["U", "V"], 3),
    ("sumsq(M*(T - U @ V.T)) + lam*sumsq(U)", {**FACTORS, "M": ("m", "n"), "lam": ()}, ["V", "U"], 3),
    ("sum(exp(X @ W + b))", {"X": ("m", "n"), "W": ("n", "k"), "b": ("k",)}, ["W", "b"], 4),
    ("sum(exp(X @ w + c)) + c*sumsq(w)", {"X": ("m", "n"), "w": ("n",), "c": ()}, ["w", "c"], 4),
    ("sumsq(A)*sum(exp(B)) + tr(A @ B)", {"A": ("n", "n"), "B": ("n", "n")}, ["A", "B"], 3),
    ("sum(exp(a))", {"a": ("m",)}, ["a"], 1),
    ("sum(U[0] * V[0])", {"U": ("m", "k"), "V": ("n", "k")}, ["U", "V"], 4),
    ("sum(a) + 2*sum(b)", {"a": ("m",), "b": ("n",)}, ["a", "b"], 3),
    ("sum(a) * sumsq(b) + sum(c)", {"a": ("m",), "b": ("n",), "c": ("k",)}, ["a", "b", "c"], 6),
]


@pytest.mark.parametrize("case", TABLES, ids=lambda c: c[0])
def test_tables_of_blocks(case: tuple[str, Shapes, list[str], int]) -> None:
    """The blocks, the joint matrix and products with it agree with the interpreter's blocks."""
    statement, shapes, unknowns, computed = case
    table = dv.hessian(dv.parse(statement, variables=shapes), unknowns)
    kernel = dv.compile(table, backend="python", structured=True)
    assert len(kernel.layouts) <= computed
    many = (
        {"m": 4, "n": 3, "k": 2},
        {"m": 1, "n": 3, "k": 1},
        {"m": 2, "n": 2, "k": 2},
        {"m": 1, "n": 1, "k": 1},
    )
    for seed, sizes in enumerate(many):
        data = _drawn(shapes, seed, **sizes)
        H = kernel(data)
        rows = []
        for i, u in enumerate(unknowns):
            wanted = [reference(block.node, data, **sizes) for block in table[i]]
            for j, block in enumerate(wanted):
                np.testing.assert_allclose(H[i, j].dense(), block, rtol=1e-12, atol=1e-13)
            rows.append([w.reshape(data[u].size, -1) for w in wanted])
        joint = np.block(rows)
        np.testing.assert_allclose(H.dense(), joint, rtol=1e-12, atol=1e-13)
        v = [np.random.default_rng(seed).standard_normal(data[u].shape) for u in unknowns]
        found = H @ v
        assert [a.shape for a in found] == [a.shape for a in v]
        flat = [np.concatenate([a.ravel() for a in arrays]) for arrays in (found, v)]
        np.testing.assert_allclose(flat[0], joint @ flat[1], rtol=1e-11, atol=1e-12)


def test_the_table_of_a_factorisation_compiled() -> None:
    """Blocks VᵀV ⊗ I and UᵀU ⊗ I, −2(T − UVᵀ) ⊗ I and U ⊗ V: mn + (m + n)k + 2k² numbers; again at a second point."""
    table = dv.hessian(dv.parse("sumsq(T - U @ V.T)", variables=FACTORS), ["U", "V"])
    data = _drawn(FACTORS, 0, m=7, n=5, k=2)
    bound = dv.compile(table, structured=True).bind(T=data["T"])
    for factor in (1.0, 2.0):
        U, V = factor * data["U"], data["V"] - factor
        H = bound(U=U, V=V)
        assert [H[k, k].kind for k in (0, 1)] == ["Kronecker product"] * 2
        assert H.size == 7 * 5 + (7 + 5) * 2 + 2 * 4
        cross = 2 * (
            np.einsum("ij,ab->iajb", U @ V.T - data["T"], np.eye(2)) + np.einsum("ib,ja->iajb", U, V)
        )
        np.testing.assert_allclose(H[0, 1].dense(), cross, rtol=1e-12)
        np.testing.assert_allclose(H[1, 0].dense(), cross.transpose(2, 3, 0, 1), rtol=1e-12)
        np.testing.assert_allclose(H[1, 1].dense()[:, 0, :, 1], np.eye(5) * 2 * (U.T @ U)[0, 1], rtol=1e-12)


def test_tables_misused() -> None:
    """Blocks that do not fit, vectors that do not fit, and tables that are compiled as they are."""
    x, y = dv.vector("x", "n"), dv.vector("y", "m")
    table = dv.hessian(dv.sum(x) * dv.sumsq(y), [x, y])
    with pytest.raises(SizeError, match="block 0, 1"):
        dv.compile([[table[0][0], table[1][1]], table[1]], structured=True)
    with pytest.raises(ArgumentError, match="as many columns"):
        dv.compile([[table[0][0]], table[1]], structured=True)
    with pytest.raises(ArgumentError, match="structured=True"):
        dv.compile(table)
    H = dv.compile(table, backend="numpy", structured=True)(x=np.ones(2), y=np.ones(3))
    with pytest.raises(ArgumentError, match="list of 2"):
        H @ np.ones(5)
    with pytest.raises(SizeError, match="shape"):
        H[0, 1] @ np.ones(2)
    with pytest.raises(ArgumentError, match="no block"):
        H[2, 0]
    with pytest.raises(ArgumentError, match="are expressions"):
        dv.compile([[1.0]], structured=True)
    assert repr(H) == "BlockTable((2,), (3,): 4 numbers for 25 entries)"
    assert repr(H[0, 1]) == "CrossBlock((2,), (3,): 3 numbers for 6 entries)"
    assert repr(H[1, 1]) == "Structured((3,), diagonal: 1 numbers for 9 entries)"


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
