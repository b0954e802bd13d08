"""Contraction order: the cheap way is found, and means the same."""

from __future__ import annotations

import numpy as np
import pytest

from derive.build import einsum, total
from derive.evaluate import evaluate
from derive.kernels.contraction import Lengths, plan
from derive.node import Einsum, Node, topological, variable
from tests.kernels.statements import OBJECTIVES, X, assert_close, d, derivatives, draw, k, n, reference, w

U, V = variable("U", (n, d)), variable("V", (n, d))


def largest_order(nodes: list[Node]) -> int:
    return max(node.order for node in topological(nodes))


def products(nodes: list[Node]) -> list[Einsum]:
    return [node for node in topological(nodes) if isinstance(node, Einsum)]


def test_vectors_first() -> None:
    """Xᵀ X w is worked out as Xᵀ(X w): nothing of order 2 but X itself."""
    whole = einsum([(X, (0, 1)), (X, (0, 2)), (w, (2,))], (1,))
    assert all(node.order <= 1 for node in products(plan([whole], Lengths(n))))


def test_no_square_of_the_data() -> None:
    """tr(U Vᵀ V Uᵀ) never builds an n×n array."""
    whole = einsum([(U, (0, 1)), (V, (2, 1)), (V, (2, 3)), (U, (0, 3))], ())
    for node in products(plan([whole], Lengths(n))):
        assert list(node.shape).count(n) < 2


def test_trace_of_a_product_without_the_product() -> None:
    """Σ A∘B stays one loop."""
    whole = einsum([(U, (0, 1)), (V, (0, 1))], ())
    assert len(products(plan([whole], Lengths(n)))) == 1


def test_sums_over_the_data_come_first() -> None:
    """Σᵢ P aᵢ becomes P Σᵢ aᵢ."""
    P = variable("P", (d, d))
    inner = einsum([(P, (0, 1)), (U, (2, 1))], (2, 0))
    node = einsum([(inner, (0, 1))], (1,))
    (found,) = plan([node], Lengths(n))
    assert all(n not in node.shape for node in products([found]))


def test_outer_products_are_opened() -> None:
    """P (w wᵀ) P is an outer product of two vectors: no product of two matrices."""
    P = variable("P", (d, d))
    inner = einsum([(w, (0,)), (w, (1,))], (0, 1))
    whole = einsum([(P, (0, 1)), (inner, (1, 2)), (P, (2, 3))], (0, 3))
    (found,) = plan([whole], Lengths(n))
    assert all(not (node.summed and node.order) or node.order == 1 for node in products([found]))


def test_known_sizes_decide() -> None:
    """Xᵀ(R W): a thin W goes first, which a wide one does not."""
    W = variable("W", (d, k))
    inner = einsum([(U, (0, 1)), (W, (1, 2))], (0, 2))
    whole = einsum([(X, (0, 1)), (inner, (0, 2))], (1, 2))
    (thin,) = plan([whole], Lengths(n, {d: 100, k: 10}))
    (wide,) = plan([whole], Lengths(n, {d: 10, k: 100}))
    assert {node.shape for node in products([thin])} == {(n, k), (d, k)}
    assert {node.shape for node in products([wide])} == {(d, d), (d, k)}


@pytest.mark.parametrize("name", OBJECTIVES)
def test_plan_means_the_same(name: str) -> None:
    """Planned and unplanned expressions have the same values."""
    outputs = derivatives(OBJECTIVES[name]())
    numbers = {"n": 5, "d": 3, "k": 2, "p": 4, "h": 2}
    data = draw(outputs, **numbers)
    for key, planned in zip(outputs, plan(list(outputs.values()), Lengths(n)), strict=True):
        assert_close(reference(planned, data, **numbers), reference(outputs[key], data, **numbers), what=key)


def test_many_factors() -> None:
    """A long chain is ordered greedily and still right."""
    A = [variable(f"A{i}", (d, d)) for i in range(10)]
    chain = total(einsum([(a, (i, i + 1)) for i, a in enumerate(A)], (0, 10)))
    (found,) = plan([chain], Lengths(None))
    rng = np.random.default_rng(0)
    data = {f"A{i}": rng.standard_normal((3, 3)) for i in range(10)}
    assert_close(evaluate(found, data), evaluate(chain, data))
    assert all(len(node.operands) <= 2 for node in products([found]))
