"""Relations that hold of any derivative, on random expressions: linearity, the chain rule, symmetry."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
import sympy

from derive.build import add, einsum
from derive.differentiate import gradient, hessian
from derive.domains import Array
from derive.node import Node, Variable, variables
from derive.operators import apply
from tests.fuzz.checks import Case, Skip, _largest, _values, prepare
from tests.fuzz.generate import Generator

TWO, THREE = sympy.Integer(2), sympy.Integer(-3)
SEEDS = [7, 19, 23, 42, 58, 77]


def _case(seed: int) -> tuple[Case, Node, Node, Variable]:
    """Two objectives over the same variables, data for them, and an unknown."""
    generator = Generator(seed)
    f, g = generator.objective(3), generator.objective(3)
    case = prepare(f, seed)
    known = set(case.arrays)
    second = g.node if all(v.name in known for v in variables(g.node)) else f.node
    return case, f.node, second, case.wrt


def _same(case: Case, a: Node, b: Node) -> None:
    with mpmath.workdps(50):
        left, right = _values([a, b], case, 50)
        assert _largest(np.asarray(left - right)) <= mpmath.mpf(10) ** -35 * max(1, _largest(left))


@pytest.mark.parametrize("seed", SEEDS)
def test_linear_and_by_the_chain_rule(seed: int) -> None:
    """∇(2f − 3g) = 2∇f − 3∇g;  ∇ sin(f) = cos(f) ∇f."""
    try:
        case, f, g, x = _case(seed)
        whole = gradient(add([(TWO, f), (THREE, g)]), x)
        _same(case, whole, add([(TWO, gradient(f, x)), (THREE, gradient(g, x))], x.shape))
        labels = tuple(range(x.order))
        chained = einsum([(apply("cos", f), ()), (gradient(f, x), labels)], labels)
        _same(case, gradient(apply("sin", f), x), chained)
    except Skip:
        pytest.skip("no such point")


@pytest.mark.parametrize("seed", SEEDS[:4])
def test_hessians_are_symmetric(seed: int) -> None:
    """∂²f/∂xᵢ∂xⱼ = ∂²f/∂xⱼ∂xᵢ."""
    try:
        case, f, _, x = _case(seed)
        with mpmath.workdps(50):
            (found,) = _values([hessian(f, x)], case, 50)
    except Skip:
        pytest.skip("no such point")
    order = x.order
    mirrored: Array = np.transpose(found, [*range(order, 2 * order), *range(order)])
    with mpmath.workdps(50):
        assert _largest(found - mirrored) <= mpmath.mpf(10) ** -35 * max(1, _largest(found))
