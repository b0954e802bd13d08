"""Deriving and printing takes time in proportion to the statement: deep networks, attention."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

import derive as dv
from derive.errors import LimitError


def network(depth: int) -> tuple[dv.Expression, list[dv.Expression]]:
    """½ ‖tanh(… tanh(X W₀) … W_L) − Y‖² and its weights."""
    n, d = dv.sizes("n d")
    h, Y = dv.matrix("X", n, d), dv.matrix("Y", n, d)
    weights = [dv.matrix(f"W{k}", d, d) for k in range(depth)]
    for W in weights:
        h = dv.tanh(h @ W)
    return dv.sumsq(h - Y) / 2, weights


def seconds(task: Callable[[], object]) -> float:
    """Processor time, of the better of two runs."""
    times = []
    for _ in range(2):
        began = time.process_time()
        task()
        times.append(time.process_time() - began)
    return min(times)


def printed(depth: int) -> str:
    loss, weights = network(depth)
    first = dv.gradient(loss, weights[0])
    return str(first) and first.latex()


def test_fifty_layers() -> None:
    """The gradient in the first layer, which passes through all others, derived and printed in 2 s."""
    assert seconds(lambda: printed(50)) < 2
    assert len(printed(50)) < 3 * len(printed(25))  # named parts: the length grows with the depth, no faster


def test_attention() -> None:
    """All five gradients of an attention block with its projections."""
    block = "sum(G * (X + softmax((X @ A) @ (X @ B).T / sqrt(k), axis=1) @ (X @ C) @ D))"
    shapes = {"X": "nd", "A": "dk", "B": "dk", "C": "dk", "D": "kd", "G": "nd"}

    def task() -> None:
        loss = dv.parse(block, variables={name: tuple(axes) for name, axes in shapes.items()})
        for g in dv.gradient(loss, ["A", "B", "C", "D", "X"]):
            assert str(g)
            assert g.latex()

    assert seconds(task) < 0.5


def test_too_deep() -> None:
    """Two thousand nested sines are an error of ours, not of Python's stack."""
    y = dv.vector("x", "n")
    for _ in range(2_000):
        y = dv.sin(y)
    with pytest.raises(LimitError, match="nested too deeply"):
        str(y)
