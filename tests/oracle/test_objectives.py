"""Layers, cells, losses and linear algebra: gradients and Hessian–vector products are those of JAX."""

from __future__ import annotations

import pytest

from tests.oracle.objectives import SIZES, Case, cases, faults

CASES = cases()


@pytest.mark.parametrize("case", CASES, ids=[c["id"] for c in CASES])
def test_derivatives_are_those_of_jax(case: Case) -> None:
    """⟨∇f, u⟩ and ⟨∇²f v, u⟩ at two choices of unequal sizes, to nine digits."""
    assert len(case["numbers"]) == len(SIZES)
    for k in range(len(SIZES)):
        assert not faults(case, k)
