"""Common factors leave sums before the order of products is chosen."""

from __future__ import annotations

import pytest

from derive.build import add, einsum
from derive.evaluate import evaluate
from derive.kernels.contraction import Lengths, plan
from derive.kernels.factoring import factored
from derive.node import Einsum, Sum, delta, ones, raw_einsum, raw_sum, topological, variable
from tests.kernels.statements import MINUS, ONE, X, assert_close, d, draw, h, k, n, p, y

P, Q, T = variable("P", (n, k)), variable("Q", (n, h)), variable("T", (h, k))


def _terms() -> Sum:
    """x ⊗ (P ⊗ Q) − x ⊗ (Q P T …): rows times two terms that share them."""
    inner = raw_einsum((n, d, h), (X, P, T), ((0, 1), (0, 3), (2, 3)))  # Σₗ xᵢₐ pᵢₗ tⱼₗ
    first = einsum([(inner, (0, 1, 2)), (P, (0, 3))], (0, 1, 2, 3))
    second = einsum([(X, (0, 1)), (Q, (0, 2)), (P, (0, 3))], (0, 1, 2, 3))
    found = add([(ONE, first), (MINUS, second)])
    assert isinstance(found, Sum)
    return found


def test_rows_leave_the_sum() -> None:
    """Σₜ xᵢₐ bₜᵢⱼₗ = xᵢₐ Σₜ bₜᵢⱼₗ; what is the same for all terms of an inner sum leaves it too."""
    node = _terms()
    found = factored(node, n)
    assert isinstance(found, Einsum)
    assert X in found.operands and P in found.operands
    sums = [o for o in found.operands if isinstance(o, Sum)]
    assert [s.shape for s in sums] == [(n, h)]
    arrays = draw({"": node}, n=5, d=3, k=2, h=4)
    assert_close(evaluate(found, arrays), evaluate(node, arrays))


@pytest.mark.parametrize("size", [1, 3])
def test_the_factor_meets_the_product_around_it(size: int) -> None:
    """Σᵢ (xᵢₐ bᵢⱼₗ) xᵢ_b is worked out without an array of rows × d × h × k."""
    node = einsum([(_terms(), (0, 1, 2, 3)), (X, (0, 4))], (1, 4, 2, 3))
    (found,) = plan([node], Lengths(n, {d: 8, k: 4, h: 16}))
    assert all(o.order < 4 or n not in o.shape for o in topological([found]))
    arrays = draw({"": node}, n=5, d=size, k=2, h=4)
    assert_close(evaluate(found, arrays), evaluate(node, arrays))


def test_axes_along_which_terms_are_constant() -> None:
    """Ones are no factors, but their axes stay, and a sum of ones is a number of terms."""
    count = raw_einsum((n, d), (X, ones((h,))), ((0, 1), (2,)))  # Σₗ xᵢₐ = h xᵢₐ
    first = raw_einsum((n, d, h), (count, Q, ones((h,))), ((0, 1), (0, 3), (2,)))
    second = raw_einsum((n, d, h), (X, y, ones((h,))), ((0, 1), (0,), (2,)))
    node = raw_sum((n, d, h), [(ONE, first), (MINUS, second)])
    assert factored(node, n) is not None
    whole = raw_einsum((), (node, X), ((0, 1, 2), (0, 1)))
    arrays = draw({"": whole}, n=5, d=3, k=2, h=4)
    for root in (node, whole):
        assert_close(evaluate(plan([root], Lengths(n))[0], arrays), evaluate(root, arrays))


def test_what_stays() -> None:
    """No axis but that of the rows may leave: sums without common factors, and those of small arrays, stay whole."""
    apart = add([(ONE, einsum([(X, (0, 1)), (Q, (0, 2))], (0, 1, 2))), (ONE, variable("Z", (n, d, h)))])
    same = add(
        [
            (ONE, einsum([(P, (0, 1)), (delta(k), (1, 2))], (0, 1, 2))),
            (MINUS, einsum([(P, (0, 1)), (P, (0, 2))], (0, 1, 2))),
        ]
    )
    assert isinstance(apart, Sum) and isinstance(same, Sum)
    assert factored(apart, n) is None
    assert factored(same, n) is None
    small = _terms()
    assert factored(small, p) is None
