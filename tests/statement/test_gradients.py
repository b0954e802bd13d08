"""Objectives of the literature: the derived gradients, Hessians and Jacobians against 50-digit differences.

⟨∇f(x), v⟩ = (f(x + hv) − f(x − hv)) / 2h + O(h²), with h = 10⁻¹⁵ and 50 digits: about 30 digits must agree.
A Hessian is the derivative of the gradient, checked in the same way.
"""

from __future__ import annotations

from typing import Any

import mpmath
import numpy as np
import pytest

from derive import differentiate, second
from derive.domains import Array
from derive.node import Node
from derive.statement.declarations import declare
from derive.statement.text import parse_node

from .corpus import Case, cases, draw, exact

CASES = cases("gradients")


def directional(
    node: Node, wrt: str, direction: Array, arrays: dict[str, Array], sizes: dict[str, int]
) -> Any:
    """The derivative of the node along a direction of one array, by central differences."""
    with mpmath.workdps(50):
        h = mpmath.mpf(10) ** -15
        point = np.vectorize(mpmath.mpf, otypes=[object])(arrays[wrt])
        step = np.vectorize(mpmath.mpf, otypes=[object])(direction) * h
        up, down = (exact(node, {**arrays, wrt: np.asarray(p)}, sizes) for p in (point + step, point - step))
        return (up - down) / (2 * h)


@pytest.mark.parametrize("case", CASES, ids=[c["id"] for c in CASES])
@pytest.mark.parametrize("which", [0, 1])
def test_derivative_against_differences(case: Case, which: int) -> None:
    """The derived derivative applied to random directions is the directional derivative."""
    sizes = case["sizes"][which]
    variables = declare(case["declare"], case["facts"])
    objective, wrt = parse_node(case["objective"], variables), variables[case["wrt"]]
    arrays = draw(case, sizes, which)
    rng = np.random.default_rng(which)
    if case["order"] == "jacobian":
        base, derivative = objective, differentiate.jacobian(objective, wrt)
    elif case["order"] == 2:
        base, derivative = differentiate.gradient(objective, wrt), second.hessian(objective, wrt)
    else:
        base, derivative = objective, differentiate.gradient(objective, wrt)
    value = exact(derivative, arrays, sizes)
    shape = arrays[wrt.name].shape
    for _ in range(2):
        v = np.asarray(rng.standard_normal(shape))
        if "symmetric" in wrt.facts:
            v = (v + v.T) / 2
            assert np.abs(value - np.swapaxes(value, -1, -2)).max() <= 1e-40
        expected = np.asarray(directional(base, wrt.name, v, arrays, sizes))
        with mpmath.workdps(50):
            direction = np.vectorize(mpmath.mpf, otypes=[object])(v)
            found = np.tensordot(value, direction, axes=len(shape)) if shape else value * direction
            gap = np.max(np.abs(np.asarray(found - expected, dtype=object)))
            scale = 1 + np.max(np.abs(np.asarray(expected, dtype=object)))
            assert gap <= mpmath.mpf(10) ** -25 * scale


def test_both_orders_of_one_objective_agree() -> None:
    """The gradient of the objective does not depend on how it is spelled: xᵀBx and Σᵢⱼ xᵢ Bᵢⱼ xⱼ."""
    variables = declare({"B": ["n", "n"], "x": ["n"]})
    spellings = ["x @ B @ x", "dot(x, B @ x)", 'einsum("i,ij,j->", x, B, x)', "sum(outer(x, x) * B)"]
    arrays = {"B": np.arange(9.0).reshape(3, 3) ** 2, "x": np.array([1.0, -2.0, 3.0])}
    found = [
        exact(differentiate.gradient(parse_node(t, variables), variables["x"]), arrays, {"n": 3})
        for t in spellings
    ]
    assert all((f == found[0]).all() for f in found)
