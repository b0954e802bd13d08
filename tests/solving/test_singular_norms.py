"""Norms of singular values in conditions and beside other kinks: as semidefinite programs, against closed forms."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import derive as dv
from derive.errors import UnsupportedError

SIZES = [(5, 4), (3, 6), (4, 1), (1, 1)]


def stated(objective: str, subject_to: list[str], **data: Any) -> tuple[Any, dict[str, Any]]:
    given = {name: np.asarray(a) for name, a in data.items()}
    shapes = {name: ("m", "n") if a.ndim == 2 else () for name, a in given.items()}
    problem = dv.minimize(objective, over="Z", variables={"Z": ("m", "n"), **shapes}, subject_to=subject_to)
    return problem, given


def both(objective: str, subject_to: list[str], **data: Any) -> np.ndarray[Any, Any]:
    """The certified answer of `solve`, which `prepare` gives as well."""
    problem, given = stated(objective, subject_to, **data)
    found, fast = problem.solve(given), problem.prepare(given)
    assert found.success and found.method == "interior-point", found.message
    prepared = fast()
    value = problem.objective.evaluate({**{k: a for k, a in given.items() if k in objective}, **prepared})
    assert abs(value - found.fun) <= 1e-7 * max(1.0, abs(found.fun))
    assert fast.certify(prepared).ok() and "psd" not in found.multipliers
    return np.asarray(found["Z"])


@pytest.mark.parametrize("shape", SIZES)
def test_projection_onto_the_spectral_ball(shape: tuple[int, int]) -> None:
    """Singular values above the radius are cut off."""
    B = np.random.default_rng(shape[0]).standard_normal(shape) * 2.0 + 1.0
    X, sizes, Yt = np.linalg.svd(B, full_matrices=False)
    Z = both("sumsq(Z - B)", ["spectral_norm(Z) <= r"], B=B, r=0.7)
    np.testing.assert_allclose(Z, (X * np.minimum(sizes, 0.7)) @ Yt, atol=1e-7)


@pytest.mark.parametrize("shape", SIZES)
def test_projection_onto_the_nuclear_ball(shape: tuple[int, int]) -> None:
    """All singular values are lowered by the same number, as far as they are above it."""
    B = np.random.default_rng(shape[0]).standard_normal(shape) * 2.0 + 1.0
    X, sizes, Yt = np.linalg.svd(B, full_matrices=False)
    radius = 0.6 * sizes.sum()
    low, high = 0.0, float(sizes.max())
    for _ in range(100):
        middle = (low + high) / 2.0
        low, high = (middle, high) if np.maximum(sizes - middle, 0.0).sum() > radius else (low, middle)
    Z = both("sumsq(Z - B)", ["nuclear_norm(Z) <= r"], B=B, r=radius)
    np.testing.assert_allclose(Z, (X * np.maximum(sizes - low, 0.0)) @ Yt, atol=1e-7)


def test_completion_of_a_matrix_of_rank_one() -> None:
    """Exact entries of a positive matrix of rank one: a row and a column determine it, and the rest is as small."""
    u, v = np.arange(1.0, 5.0), np.linspace(1.0, 2.0, 3)
    B, M = np.outer(u, v), np.ones((4, 3))
    M[2, 1] = 0.0
    Z = both("nuclear_norm(Z)", ["M * Z == M * B"], M=M, B=B)
    np.testing.assert_allclose(Z, B, atol=1e-6)


def test_low_rank_plus_sparse() -> None:
    """Principal component pursuit: the large entry is apart, and no step lowers the sum of both norms."""
    rng = np.random.default_rng(4)
    B = np.outer(rng.standard_normal(6), rng.standard_normal(5))
    B[1, 2] += 5.0
    Z = both("nuclear_norm(Z) + lam*sum(abs(B - Z))", [], B=B, lam=0.5)

    def value(Z: Any) -> float:
        return float(np.linalg.svd(Z, compute_uv=False).sum() + 0.5 * np.abs(B - Z).sum())

    sizes = np.linalg.svd(Z, compute_uv=False)
    assert 0 < (sizes > 1e-6).sum() < 5 and abs(B - Z)[1, 2] > 1.0
    for length in (1e-4, 1e-2, 1.0):
        for _ in range(50):
            step = rng.standard_normal((6, 1)) @ rng.standard_normal((1, 5))
            assert value(Z + length * step) >= value(Z) - 1e-9


def test_what_is_not_affine_is_left_alone() -> None:
    """A product of two unknowns is no matrix inequality; methods that leave the cone say whose it is."""
    problem = dv.minimize(
        "sumsq(A @ B - Y) + 0.1*nuclear_norm(A @ B)", over=["A", "B"], subject_to=["A >= 0"],
        variables={"A": ("m", "k"), "B": ("k", "n"), "Y": ("m", "n")},
    )  # fmt: skip
    assert "matrix of" not in str(problem.plan(m=3, k=2, n=4))
    cut, given = stated("sumsq(Z - B)", ["nuclear_norm(Z) <= 1"], B=np.eye(3))
    with pytest.raises(UnsupportedError, match="the matrix of nuclear_norm positive semidefinite"):
        cut.solve(given, method="augmented-lagrangian")
