"""Mini-batches are the row blocks of the kernels: unbiased, reproducible, and able to find an optimum."""

from __future__ import annotations

import numpy as np
import pytest

import derive as dv
from derive.errors import ArgumentError, UnsupportedError
from derive.kernels.batches import RowBatches
from derive.kernels.compile import compile_nodes
from derive.kernels.oracle import VALUE, Layout, gradient_key

SHAPES = {"X": ("n", "d"), "y": ("n",), "w": ("d",), "lam": ()}
TEXT = "sum(softplus(X @ w) - y * (X @ w)) + lam/2*sumsq(w)"
RNG = np.random.default_rng(0)
X = RNG.standard_normal((103, 4))
DATA = {"X": X, "y": (X.sum(axis=1) + RNG.standard_normal(103) > 0).astype(float), "lam": 2.0}


def batches() -> tuple[RowBatches, object]:
    loss = dv.parse(TEXT, variables=SHAPES)
    nodes = {VALUE: loss.node, gradient_key("w"): dv.gradient(loss, "w").node}
    bound = compile_nodes(nodes, unknowns=["w"], backend="python").bind(DATA)
    return RowBatches(bound, Layout.of({"w": (4,)})), bound


def test_batches_add_up() -> None:
    """Weighted by their rows, the estimates of an epoch add up to the gradient: there is no bias."""
    found, bound = batches()
    w = RNG.standard_normal(4)
    whole = bound(w=w)[gradient_key("w")]  # type: ignore[operator]
    for size, count in ((103, 1), (10, 11), (1, 103), (500, 1)):
        assert found.prepare(size, 3, True) == count
        for epoch in (0, 1):
            rows = [min(size, 103) if k < count - 1 else 103 - size * (count - 1) for k in range(count)]
            rows = [103] if count == 1 else rows
            parts = [r / 103 * found.gradient(w, epoch, k) for k, r in enumerate(rows)]
            np.testing.assert_allclose(np.sum(parts, axis=0), whole, rtol=1e-12)


def test_order_depends_on_seed_and_epoch_alone() -> None:
    """A batch asked for again, in any order of asking, is the same batch."""
    found, _ = batches()
    w = np.ones(4)
    found.prepare(8, 5, True)
    first = {(e, k): found.gradient(w, e, k) for e in (0, 1) for k in (0, 3)}
    found.prepare(8, 5, True)
    for (e, k), g in reversed(list(first.items())):
        assert (found.gradient(w, e, k) == g).all()
    assert (first[0, 0] != first[1, 0]).any()
    found.prepare(8, 6, True)
    assert (found.gradient(w, 0, 0) != first[0, 0]).any()
    found.prepare(8, 5, False)
    assert (found.gradient(w, 0, 0) == found.gradient(w, 1, 0)).all()


def test_adam_through_the_problem() -> None:
    """From the statement to mini-batches; the answer lies in a neighbourhood and is not called certified."""
    problem = dv.minimize(TEXT, over="w", variables=SHAPES)
    options = {"batch_size": 16, "epochs": 40, "learning_rate": 0.1}
    found = problem.solve(DATA, method="adam", options=options)
    best = problem.solve(DATA, backend="numpy")
    assert best.success and found.fun - best.fun <= 1e-3 * best.fun
    assert "40 epochs" in found.message and found.plan.method == "adam"
    again = problem.solve(DATA, method="adam", options=options)
    assert (again["w"] == found["w"]).all()
    assert (problem.solve(DATA, method="adam", options=options, seed=1)["w"] != found["w"]).any()
    with pytest.raises(ArgumentError, match="no option 'rate'; its options: batch_size"):
        problem.solve(DATA, method="adam", options={"rate": 1})


def test_what_is_no_sum_over_rows_is_refused() -> None:
    problem = dv.minimize("sumsq(w - 1)", over="w", variables={"w": ("d",)})
    with pytest.raises(UnsupportedError, match="sum over the rows"):
        problem.solve(d=3, method="sgd")
