"""Differences and step sweeps: a right derivative is seen to be right, a nearly right one is caught."""

from __future__ import annotations

import numpy as np
import pytest
import sympy

from derive.build import add, einsum, inner, matmul, scale, total
from derive.differentiate import gradient
from derive.node import Node, variable
from derive.operators import apply
from derive.second import hessian
from derive.sizes import Binding, sizes
from derive.verify import (
    derivative_error,
    differences,
    directional_error,
    gradient_error,
    step_sweep,
    taylor_sweep,
    thin,
)

n, d = sizes("n d")
ONE = sympy.S.One
X, w, y = variable("X", (n, d)), variable("w", (d,)), variable("y", (n,))
loss = add([(ONE, total(apply("softplus", matmul(X, w)))), (-ONE, inner(y, matmul(X, w)))])
g, H = gradient(loss, w), hessian(loss, w)
generator = np.random.default_rng(0)
data = {
    "X": generator.standard_normal((40, 3)),
    "w": generator.standard_normal(3),
    "y": generator.standard_normal(40),
}
binding = Binding({n: 40, d: 3})


def test_differences_are_the_derivative() -> None:
    """D_h f → f′: x³ at 2."""
    x = variable("x", ())
    cube = apply("power", x, exponent=sympy.Integer(3))
    assert abs(float(differences(cube, x, {"x": np.array(2.0)}, Binding())) - 12) < 1e-8


def test_right_derivatives() -> None:
    """Ten digits in double precision, twenty in mpmath; first and second order."""
    assert gradient_error(loss, g, w, data, binding) < 1e-8
    assert gradient_error(g, H, w, data, binding) < 1e-8
    few, small = thin([X, w, y], data, binding, n)
    assert few["X"].shape == (12, 3)
    assert few["w"].shape == (3,)
    assert small.values[n] == 12
    assert derivative_error(loss, g, w, few, small, digits=50).agreeing_digits > 20
    assert directional_error(loss, g, w, few, small, digits=50) < 1e-20
    assert directional_error(loss, g, w, data, binding) < 1e-8


def nudged(node: Node, entry: int, factor: float) -> Node:
    """The gradient with one entry wrong."""
    size = node.shape[0]
    pick = apply("slice", node, index=(("range", sympy.Integer(entry), ONE, ONE),))
    wrong = apply("place", pick, index=(("range", sympy.Integer(entry), ONE, ONE),), shape=(size,))
    return add([(ONE, node), (sympy.Rational(str(factor)), wrong)])


def test_one_entry_three_percent_off() -> None:
    """In a gradient of a thousand entries; the report names the entry."""
    wide = Binding({n: 5, d: 1000})
    arrays = {
        "X": generator.standard_normal((5, 1000)),
        "w": generator.standard_normal(1000) / 30,
        "y": generator.standard_normal(5),
    }
    found = derivative_error(loss, nudged(g, 417, 0.03), w, arrays, wide)
    assert found.worst > 0.01
    assert found.index == (417,)
    assert gradient_error(loss, g, w, arrays, wide) < 1e-6


def test_tiny_entries_are_not_accused() -> None:
    """A gradient whose entries span 10⁻¹² … 1 is right, and is found right."""
    scales = np.array([1.0, 1e-6, 1e-12])
    arrays = {**data, "X": data["X"] * scales}
    assert gradient_error(loss, g, w, arrays, binding) < 1e-6


def test_tiny_functions_are_not_accused() -> None:
    """10⁻³⁰⁰ · f has a derivative too."""
    small = scale(sympy.Rational(1, 10**300), loss)
    assert gradient_error(small, gradient(small, w), w, data, binding) < 1e-6


def test_slopes() -> None:
    """Central differences: 2. Taylor remainders: 2, and 3 with the Hessian."""
    for digits in (None, 50):
        sweep = step_sweep(loss, g, w, data, binding, digits=digits)
        assert sweep.slope == pytest.approx(2, abs=0.1)
        assert len(sweep.steps) == len(sweep.errors)
        assert sweep.looks_right
        assert taylor_sweep(loss, g, w, data, binding, digits=digits).slope == pytest.approx(2, abs=0.1)
        third = taylor_sweep(loss, g, w, data, binding, hessian=H, digits=digits)
        assert third.slope == pytest.approx(3, abs=0.1)


def test_slopes_of_wrong_derivatives() -> None:
    """A factor 1.01 flattens every one of them."""
    off = sympy.Rational(101, 100)
    assert not step_sweep(loss, scale(off, g), w, data, binding).looks_right
    assert not taylor_sweep(loss, scale(off, g), w, data, binding).looks_right
    assert not taylor_sweep(loss, g, w, data, binding, hessian=scale(off, H)).looks_right


def test_symmetric_steps() -> None:
    """∂/∂S of tr(AS) in symmetric directions is (A + Aᵀ)/2."""
    S, A = variable("S", (d, d), ("symmetric",)), variable("A", (d, d))
    arrays = {"S": np.eye(2), "A": np.array([[1.0, 2.0], [5.0, 3.0]])}
    found = differences(einsum([(A, (0, 1)), (S, (1, 0))], ()), S, arrays, Binding({d: 2}))
    assert np.allclose(found, [[1, 3.5], [3.5, 3]])
