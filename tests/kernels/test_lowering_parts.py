"""Hessians by a vector that holds several unknowns: every block is computed where it lies."""

from __future__ import annotations

import numpy as np
import pytest

import derive as dv
from derive.build import add, einsum, scale
from derive.kernels.compile import compile_nodes
from derive.node import Node, delta, variable
from derive.operators import apply
from derive.sizes import sizes
from tests.kernels.statements import ONE, assert_close, reference

FACTORS = "reshape(theta[:m*k], (m, k)) @ reshape(theta[m*k:], (n, k)).T"
PAIR = {"theta": ("2*n",)}
CASES = [
    (f"sumsq(T - {FACTORS})", {"T": ("m", "n"), "theta": ("m*k + n*k",)}),
    (
        f"sumsq(M * (T - {FACTORS})) + sumsq(theta)",
        {"T": ("m", "n"), "M": ("m", "n"), "theta": ("m*k + n*k",)},
    ),
    ("sum(softplus(X @ theta[:n] + theta[n]))", {"X": ("m", "n"), "theta": ("n + 1",)}),
    ("sum(exp(theta[:n] * theta[n:])) + sum(theta[:n])**2", PAIR),
    ("sumsq(theta[:n]) * sumsq(theta[n:]) + lam*sumsq(theta)", {**PAIR, "lam": ()}),
    ("sum(theta[::2]**3 * sum(theta[1::2]))", PAIR),
    ("theta[0]**2 * sumsq(theta[1:])", {"theta": ("n + 1",)}),
    ("sumsq(reshape(theta[:n*n], (n, n)).T @ reshape(theta[n*n:], (n, n)))", {"theta": ("2*n*n",)}),
]
SIZES = (
    {"m": 4, "n": 3, "k": 2},
    {"m": 1, "n": 2, "k": 3},
    {"m": 1, "n": 1, "k": 1},
    {"m": 11, "n": 9, "k": 1},
)


@pytest.mark.parametrize("case", CASES, ids=lambda c: c[0])
def test_joint_hessians(case: tuple[str, dict[str, tuple[str, ...]]]) -> None:
    """The interpreter and the text of the kernel agree on every entry, at distinct sizes and at 1."""
    statement, shapes = case
    f = dv.parse(statement, variables=shapes)
    H = dv.hessian(f, "theta")
    kernel = compile_nodes({"H": H.node}, backend="python")
    for numbers in SIZES:
        rng = np.random.default_rng(0)
        data = {}
        for name, shape in shapes.items():
            lengths = [int(eval(size, {}, numbers)) for size in shape]  # our own text
            data[name] = rng.standard_normal(lengths)
        own = {v: data[v] for v in kernel.variables}
        told = {str(s) for v in kernel.variables.values() for s in v.shape}
        more = {s.name: numbers[s.name] for s in kernel.symbols if s.name not in told}
        assert_close(kernel({**own, **more})["H"], reference(H.node, data, **numbers), 1e-12, str(numbers))


def test_compiled_and_nothing_stored() -> None:
    """Compiled, twice over whatever lay in memory; no array of the size of a block besides the result."""
    statement, shapes = CASES[0]
    H = dv.hessian(dv.parse(statement, variables=shapes), "theta")
    kernel = compile_nodes({"H": H.node}, unknowns=["theta"])
    for m, n, k in ((9, 6, 3), (2, 17, 5)):
        rng = np.random.default_rng(m)
        T, theta = rng.standard_normal((m, n)), rng.standard_normal((m + n) * k)
        U, V = theta[: m * k].reshape(m, k), theta[m * k :].reshape(n, k)
        bound = kernel.bind(T=T, k=k)
        cross = np.einsum("ij,ab->iajb", U @ V.T - T, np.eye(k)) + np.einsum("ib,ja->iajb", U, V)
        cross = cross.reshape(m * k, n * k)
        wanted = 2 * np.block([[np.kron(np.eye(m), V.T @ V), cross], [cross.T, np.kron(np.eye(n), U.T @ U)]])
        for _ in range(2):
            assert_close(bound(theta=theta)["H"], wanted, 1e-12)
    assert "n0, n1, n0" not in kernel.source and "n0, n2, n0" not in kernel.source


def _place(node: Node, index: object, shape: object) -> Node:
    return apply("place", node, index=index, shape=shape)


def test_gaps_and_overlaps() -> None:
    """Parts that leave gaps lie in zeros; parts that meet are added up, the zeros of one over the other too."""
    n = sizes("n")
    x, A = variable("x", (n,)), variable("A", (n, n))
    diagonal = einsum([(x, (0,)), (delta(n), (0, 1))], (0, 1))
    whole = (("range", ONE * 0, n, ONE), ("range", ONE * 0, n, ONE))
    below = (("range", n, n, ONE), ("range", n, n, ONE))
    shifted = (("range", ONE, n, ONE), ("range", ONE * 0, n, ONE))
    shape = (2 * n + 1, 2 * n + 1)
    rng = np.random.default_rng(3)
    for parts in (
        [(diagonal, whole), (scale(ONE * 3, diagonal), below)],
        [(A, whole), (diagonal, whole)],
        [(diagonal, whole), (A, shifted)],
        [(diagonal, whole), (A, below), (diagonal, shifted)],
    ):
        node = add([(ONE, _place(part, index, shape)) for part, index in parts])
        kernel = compile_nodes({"H": node}, backend="python")
        for length in (1, 4):
            data = {"x": rng.standard_normal(length), "A": rng.standard_normal((length, length))}
            own = {name: data[name] for name in kernel.variables}
            assert_close(kernel(own)["H"], reference(node, data), 1e-13)
