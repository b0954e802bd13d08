"""The Taylor polynomial agrees with the function to its order."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import derive as dv
from derive.errors import ArgumentError

CASES: list[tuple[str, dict[str, tuple[str, ...]], str]] = [
    ("sum(log(1 + exp(X @ w)))", {"X": ("n", "d"), "w": ("d",)}, "w"),
    ("logdet(eye(d) + A @ A.T)", {"A": ("d", "d")}, "A"),
    ("exp(t) * sin(t)", {"t": ()}, "t"),
    ("tanh(X @ w)", {"X": ("n", "d"), "w": ("d",)}, "w"),
]


@pytest.mark.parametrize(("text", "shapes", "wrt"), CASES)
@pytest.mark.parametrize("order", [0, 1, 2])
def test_error_shrinks_with_the_order(text: str, shapes: dict[str, Any], wrt: str, order: int) -> None:
    """f(a + th) − T(a + th) = O(t^(order + 1))."""
    rng = np.random.default_rng(4)
    sizes = {"n": 4, "d": 3}
    f = dv.parse(text, variables={**shapes, "a": shapes[wrt]})
    expansion = dv.taylor(f, wrt, dv.tensor("a", *shapes[wrt]), order=order)
    data = {k: rng.standard_normal([sizes[s] for s in shape]) for k, shape in shapes.items()}
    a, h = data[wrt], rng.standard_normal(data[wrt].shape)
    errors = []
    for t in (1e-2, 1e-3):
        here = {**data, wrt: a + t * h}
        errors.append(np.max(np.abs(f.evaluate(here) - expansion.evaluate(here, a=a))))
    assert errors[1] <= 3 * errors[0] * 10.0 ** -(order + 1)


def test_about_zero() -> None:
    """About 0 the expansion of a quadratic is the quadratic."""
    f = dv.parse("w @ A @ w + b @ w + 1", variables={"A": ("d", "d"), "b": ("d",), "w": ("d",)})
    assert dv.taylor(f, "w", 0).same_as(f)


def test_orders() -> None:
    """Orders beyond two are refused."""
    with pytest.raises(ArgumentError, match="order"):
        dv.taylor(dv.scalar("t"), "t", 0, order=3)
