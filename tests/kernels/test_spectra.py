"""Eigenvalues by plain loops, and the algebra of semidefinite blocks, against NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from derive.kernels.apart import apart
from derive.kernels.optimizers.halves import Halves
from derive.kernels.optimizers.semidefinite_algebra import ROOT, curved, halved, scaled
from derive.kernels.optimizers.spectra import eigen, least
from derive.kernels.oracle import Array


@apart
def all_of(a: Array, d: Array, turn: Array) -> bool:
    found: bool = eigen(a, d, turn)
    return found


@apart
def least_of(a: Array, enough: float) -> float:
    found: float = least(a, enough)
    return found


@apart
def scaling_of(z: Array, y: Array, blocks: Any, W: Any) -> bool:
    found: bool = scaled(z, y, blocks, W)
    return found


@apart
def curvature_of(blocks: Any, W: Any, K: Array) -> None:
    curved(blocks, W, K)


@apart
def halved_by(E: Array, blocks: Any, T: Array, weights: Array, out: Array) -> None:
    halved(E, blocks, 0, T, weights, out)


def blocks_of(n: int) -> tuple[Array, Array, Array, Array]:
    zero = np.zeros(1, np.int64)
    return np.array([n], np.int64), zero, zero, zero


def symmetric(n: int, seed: int) -> Array:
    a = np.random.default_rng(seed).standard_normal((n, n))
    return a + a.T


@pytest.mark.parametrize("n", [1, 2, 3, 7, 30])
def test_eigenvalues(n: int) -> None:
    """All of them with their vectors, of full matrices, diagonal ones, and such as have equal eigenvalues."""
    full = symmetric(n, n)
    for a in (full, np.diag(np.arange(n) - 1.5), np.ones((n, n)), np.zeros((n, n)), 1e-9 * full @ full):
        d, turn = np.empty(n), np.empty((n, n))
        assert all_of(a.copy(), d, turn)
        size = np.abs(a).max()
        np.testing.assert_allclose(np.sort(d), np.linalg.eigvalsh(a), atol=1e-13 * n * size)
        np.testing.assert_allclose(turn @ turn.T, np.eye(n), atol=1e-13 * n)
        np.testing.assert_allclose(turn @ a @ turn.T, np.diag(d), atol=1e-13 * n * size)


@pytest.mark.parametrize("n", [1, 2, 3, 7, 30])
def test_least_eigenvalue(n: int) -> None:
    """A bound from below, near where it matters: 0.4 % below −enough, anything between above it."""
    for seed in range(5):
        a = symmetric(n, seed)
        exact, low = np.linalg.eigvalsh(a)[0], least_of(a.copy(), 0.0)
        assert low <= exact + 1e-12
        assert low >= min(exact * (1 + 1 / 128) if exact < 0 else 0.0, exact) - 1e-12
        assert least_of(a.copy(), 1e3) <= exact + 1e-12


@pytest.mark.parametrize("n", [1, 2, 5, 9])
def test_scaling_and_what_it_leaves(n: int) -> None:
    """W⁻¹ZW⁻¹ = Λ, d² the eigenvalues of ZΛ; W⁻¹⊗W⁻¹ and congruences in coordinates."""
    halves = Halves.of(n * n, [(0, n)])
    Z, L = (symmetric(n, s) @ symmetric(n, s) + 0.1 * np.eye(n) for s in (1, 2))
    blocks, W = blocks_of(n), tuple(np.empty(k) for k in (n * n, n * n, n * n, n))
    assert scaling_of(halves.shut(Z.ravel()), halves.shut(L.ravel()), blocks, W)
    G, H, inverse = (a.reshape(n, n) for a in W[:3])
    np.testing.assert_allclose(inverse @ Z @ inverse, L, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(np.sort(W[3]) ** 2, np.sort(np.linalg.eigvals(Z @ L).real), rtol=1e-9)
    np.testing.assert_allclose(G @ H.T, np.eye(n), atol=1e-9)
    size = n * (n + 1) // 2
    K = np.zeros((size, size))
    curvature_of(blocks, W, K)
    place, form = halves.kronecker((0, n), inverse, inverse)
    assert place == slice(0, size)
    np.testing.assert_allclose(np.tril(K), np.tril(form), atol=1e-10 * np.abs(form).max())
    rows = np.random.default_rng(3).standard_normal((3, size))
    rows[1] = 0.0
    rows[1, size - 1] = 2.0
    rows[2] = 0.0
    rows[2, min(1, size - 1)] = -1.0
    weights, out = np.linspace(1.0, 2.0, size), np.empty((3, size))
    halved_by(rows, blocks, G, weights, out)
    for row, found in zip(rows, out, strict=True):
        a = halves.open(row).reshape(n, n)
        np.testing.assert_allclose(
            found, weights * halves.shut((G.T @ a @ G).ravel()), atol=1e-9 * np.abs(found).max()
        )
    assert pytest.approx(np.sqrt(2.0)) == ROOT
    assert not scaling_of(halves.shut(-Z.ravel()), halves.shut(L.ravel()), blocks, W)
