"""The oracle: packing, caching, counting, and the assembly of Hessian blocks."""

from __future__ import annotations

import numpy as np
import pytest

from derive.errors import DataError, SizeError
from derive.kernels.oracle import (
    VALUE,
    Layout,
    Oracle,
    assemble,
    direction_name,
    gradient_key,
    hessian_key,
    hvp_key,
    oracle_of,
)

LAYOUT = Layout.of({"b": (), "W": (2, 3), "T": (1, 2, 2)})


def test_layout_is_c_order_in_the_order_given() -> None:
    """pack ∘ unpack = id; the last axis runs fastest."""
    x = np.arange(11.0)
    arrays = LAYOUT.unpack(x)
    assert arrays["b"] == 0 and arrays["b"].shape == ()
    np.testing.assert_array_equal(arrays["W"], [[1, 2, 3], [4, 5, 6]])
    np.testing.assert_array_equal(LAYOUT.pack(arrays), x)
    assert [LAYOUT.place_of(i) for i in (0, 1, 6, 10)] == ["b", "W[0, 0]", "W[1, 2]", "T[0, 1, 1]"]


def test_layout_names_what_is_wrong() -> None:
    with pytest.raises(DataError, match="unknown T"):
        LAYOUT.pack({"b": 0.0, "W": np.zeros((2, 3))})
    with pytest.raises(SizeError, match=r"W has shape \(2, 3\).*\(3, 2\)"):
        LAYOUT.pack({"b": 0.0, "W": np.zeros((3, 2)), "T": np.zeros((1, 2, 2))})
    with pytest.raises(SizeError, match="11 entries"):
        LAYOUT.unpack(np.zeros(4))


def test_kernels_become_flat_functions() -> None:
    """f = ½ aᵀWWᵀa over (a, W): gradients and Hessian blocks land where the layout says."""
    rng = np.random.default_rng(0)
    layout = Layout.of({"a": (2,), "W": (2, 3)})

    def value_gradient(a, W):  # type: ignore[no-untyped-def]
        return {
            VALUE: np.sum((a @ W) ** 2) / 2,
            gradient_key("a"): W @ (a @ W),
            gradient_key("W"): np.outer(a, a @ W),
        }

    def hessian(a, W):  # type: ignore[no-untyped-def]
        eye2, eye3 = np.eye(2), np.eye(3)
        mixed = np.einsum("ij,k->ijk", eye2, a @ W) + np.einsum("ik,j->ijk", W, a)
        return {
            hessian_key("a", "a"): W @ W.T,
            hessian_key("a", "W"): mixed,
            hessian_key("W", "W"): np.einsum("i,k,jl->ijkl", a, a, eye3),
        }

    def hvp(a, W, _direction_a, _direction_W):  # type: ignore[no-untyped-def]
        blocks = hessian(a, W)
        v = layout.pack({"a": _direction_a, "W": _direction_W})
        parts = layout.unpack(assemble(layout, blocks) @ v)
        return {hvp_key(n): p for n, p in parts.items()}

    oracle = oracle_of(layout, value_gradient, hessian=hessian, hvp=hvp)
    assert direction_name("a") == "_direction_a"
    assert oracle.has == {"gradient", "hessian", "hvp"}
    x, v = rng.standard_normal(8), rng.standard_normal(8)
    step = 1e-6
    numeric = np.array(
        [(oracle.value(x + step * e) - oracle.value(x - step * e)) / (2 * step) for e in np.eye(8)]
    )
    np.testing.assert_allclose(oracle.value_gradient(x)[1], numeric, rtol=1e-7, atol=1e-9)
    slopes = np.array(
        [
            (oracle.value_gradient(x + step * e)[1] - oracle.value_gradient(x - step * e)[1]) / (2 * step)
            for e in np.eye(8)
        ]
    )
    np.testing.assert_allclose(oracle.hessian(x), slopes, rtol=1e-7, atol=1e-8)
    np.testing.assert_allclose(oracle.hvp(x, v), oracle.hessian(x) @ v, rtol=1e-12)


def test_the_last_point_is_remembered() -> None:
    """f and ∇f at one point are one evaluation; a changed x is a new point even in the same array."""
    calls = []

    def value_gradient(x):  # type: ignore[no-untyped-def]
        calls.append(x.copy())
        return float(x @ x), 2 * x

    oracle = Oracle(2, value_gradient)
    x = np.ones(2)
    assert oracle.value(x) == 2 and oracle.value_gradient(x)[0] == 2
    assert len(calls) == 1 == oracle.counts.value
    x[0] = 2
    assert oracle.value(x) == 5
    assert len(calls) == 2


def test_points_without_a_value_are_nan() -> None:
    """A singular matrix at a trial point is not the end of the run."""

    def value_gradient(x):  # type: ignore[no-untyped-def]
        raise DataError("inv of a singular matrix")

    oracle = Oracle(2, value_gradient)
    assert np.isnan(oracle.value(np.zeros(2)))
    assert oracle.counts.nonfinite == 1
