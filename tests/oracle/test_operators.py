"""SymPy's own derivative is the derived one: every operator of the registry."""

from __future__ import annotations

import pytest

from derive.build import is_zero
from derive.differentiate import gradient
from derive.node import Node, Variable
from derive.operators import REGISTRY, lookup
from derive.second import hessian
from derive.sizes import Binding
from derive.verify.exact import Oracle
from tests.oracle.samples import NUMBERS, samples, weighted

SAMPLES = list(samples())


@pytest.mark.parametrize(("label", "node", "operands"), SAMPLES, ids=[s[0] for s in SAMPLES])
def test_operator(label: str, node: Node, operands: list[Variable]) -> None:
    """First and second derivative of Σ cᵢfᵢ + ½fᵢ²."""
    objective = weighted(node)
    name = label.split("[")[0]
    if not any(lookup(name).differentiable(i) for i in range(len(operands))):
        assert all(is_zero(gradient(objective, x)) for x in operands)
        return
    oracle = Oracle(objective, Binding(NUMBERS))
    for x in operands:
        first = oracle.diff(oracle.value, x)
        assert oracle.disagreement(first, gradient(objective, x)) is None
        if len(first.ravel()) <= 6:
            assert oracle.disagreement(oracle.diff(first, x), hessian(objective, x)) is None


def test_every_operator_has_a_sample() -> None:
    """A new operator is tested without a new test."""
    assert {label.split("[")[0] for label, _, _ in SAMPLES} == set(REGISTRY)
