"""Gradients of Python functions: wrong ones are caught, right ones are not accused, whatever the scale."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import derive as dv

Function = Callable[[Any], Any]


def real(f: Function) -> Function:
    """The function on real numbers only: no complex step."""
    return lambda x: float(f(np.real(x)))


def softplus(z: Any) -> Any:
    return np.sum(np.logaddexp(0, z))


def sigmoid(z: Any) -> Any:
    e = np.exp(-np.abs(z))
    return np.where(z >= 0, 1 / (1 + e), e / (1 + e))


RNG = np.random.default_rng(1)
X, y = RNG.standard_normal((50, 10_000)) / 100, RNG.standard_normal(50)
W = RNG.standard_normal(10_000)


def squares(w: Any) -> Any:
    return 0.5 * np.sum((X @ w - y) ** 2)


def squares_gradient(w: Any) -> Any:
    return X.T @ (X @ w - y)


@pytest.mark.parametrize("f", [squares, real(squares)], ids=["complex step", "differences"])
@pytest.mark.parametrize("rank", [0, 50, 9000])
def test_three_percent_in_one_entry_of_ten_thousand(f: Function, rank: int) -> None:
    """The wrong entry may be one of the smallest tenth; it is named."""
    right = squares_gradient(W)
    index = int(np.argsort(-np.abs(right))[rank])
    wrong = right.copy()
    wrong[index] *= 1.03
    assert dv.check_gradient(f, right, W).status == "agrees"
    report = dv.check_gradient(f, wrong, W)
    assert report.status == "refuted"
    assert report.worst[0].index == (index,)


RIGHT: dict[str, tuple[Function, Function, Any]] = {
    "softplus at 1e4": (softplus, sigmoid, [1e4, -1e4, 3.0]),
    "softplus far out": (softplus, sigmoid, [-1e4]),
    "point at 1e-300": (lambda x: 3 * np.sum(x), lambda x: 3 + 0 * x, [1e-300, 2e-300]),
    "squares that underflow": (lambda x: np.sum(x**2 * 1e300), lambda x: 2e300 * x, [1e-300, 2e-300]),
    "values at 1e-300": (lambda x: 1e-300 * np.sum(np.sin(x)), lambda x: 1e-300 * np.cos(x), [1.0, 2.0]),
    "large offset": (real(lambda x: 1e8 + np.sum(np.sin(x))), np.cos, [1.0, 2.0]),
    "single precision": (real(lambda x: np.float32(np.sum(np.sin(x)))), np.cos, [1.0, 2.0]),
    "at the optimum": (lambda x: np.sum(x**2), lambda x: 2 * x, [0.0, 0.0]),
    "tail of a Gaussian": (real(lambda x: np.sum(np.exp(-(x**2)))), lambda x: -2 * x * np.exp(-(x**2)), [8.0, 0.1]),
    "high frequency": (real(lambda x: np.sum(np.sin(1e4 * x))), lambda x: 1e4 * np.cos(1e4 * x), [1.0, 2.0]),
}  # fmt: skip


@pytest.mark.parametrize("name", RIGHT)
def test_right_gradients_are_not_accused(name: str) -> None:
    f, g, x = RIGHT[name]
    dv.assert_gradient(f, g, np.array(x))


@pytest.mark.parametrize("distance", [0, 1e-15, 1e-12, -1e-9, 1e-7, 1e-6, -1e-5, 1e-4, 1e-2])
def test_next_to_a_kink(distance: float) -> None:
    """|x|, relu and a hinge, at and around their kinks."""
    x = np.array([distance, 1.0, -2.0])
    dv.assert_gradient(lambda x: np.sum(np.abs(x)), np.sign, x)
    dv.assert_gradient(lambda x: np.sum(np.maximum(x, 0)), lambda x: 1.0 * (x > 0), x)
    a = np.array([1.0, 2.0, 3.0])
    hinge = np.array([distance, 0.5, 0.0])
    dv.assert_gradient(lambda x: np.maximum(0, 1 - a @ x), lambda x: -a * (a @ x < 1), hinge)


WRONG: dict[str, tuple[Function, Function, Any]] = {
    "a millionth": (lambda x: np.sum(np.sin(x)), lambda x: (1 + 1e-6) * np.cos(x), [1.0, 2.0]),
    "one percent": (softplus, lambda z: 1.01 * sigmoid(z), [1.0, -2.0, 3.0]),
    "sign": (lambda x: np.sum(x**3), lambda x: -3 * x**2, [1.0, 2.0]),
    "values at 1e-300": (lambda x: 1e-300 * np.sum(np.sin(x)), lambda x: 1.05e-300 * np.cos(x), [1.0, 2.0]),
    "point at 1e-300": (lambda x: 3 * np.sum(x), lambda x: 3.1 + 0 * x, [1e-300, 2e-300]),
    "at zero": (lambda x: np.sum(np.sin(x)), lambda x: 1.01 * np.cos(x), [0.0, 0.0]),
    "high frequency": (real(lambda x: np.sum(np.sin(1e3 * x))), lambda x: 1.02e3 * np.cos(1e3 * x), [1.0, 2.0]),
    "shape": (lambda x: np.sum(x**2), lambda x: 2.0, [1.0, 2.0]),
    "NaN": (lambda x: np.sum(x**2), lambda x: x * np.nan, [1.0, 2.0]),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_wrong_gradients_are_caught(name: str) -> None:
    f, g, x = WRONG[name]
    with pytest.raises(AssertionError, match="refuted"):
        dv.assert_gradient(f, g, np.array(x))


def test_orders_of_the_remainder() -> None:
    """A right gradient: 2, and 3 where the quadratic terms cancel; a wrong one: 1."""
    f, x = real(lambda x: np.sum(np.exp(x))), np.array([0.3, -0.2, 0.7])
    right = dv.check_gradient(f, np.exp, x)
    assert right.slope == pytest.approx(2, abs=0.1)
    assert right.slope_quadratic == pytest.approx(3, abs=0.1)
    assert right.method == "differences"
    wrong = dv.check_gradient(f, lambda x: 1.1 * np.exp(x), x)
    assert wrong.slope_quadratic == pytest.approx(1, abs=0.1)
    assert "order" in str(wrong)


def test_functions_that_only_seem_to_take_complex_numbers() -> None:
    """|x|² of a complex number is real: its complex step is 0, and is not believed."""
    report = dv.check_gradient(lambda x: np.sum(np.abs(x) ** 2), lambda x: 2 * x, np.array([1.0, -2.0]))
    assert report.status == "agrees"
    assert report.method == "differences"


def sorting(x: Any) -> Any:
    x.sort()
    return float(x @ x)


HARD: dict[str, tuple[Function, Function, Any]] = {
    "sorts its argument": (sorting, lambda x: 2 * x, np.array([3.0, 1.0, 2.0])),
    "rounds to four decimals": (
        lambda x: round(float(x @ x), 4),
        lambda x: 2 * x,
        np.array([2.5, -0.7, 0.3]),
    ),
    "a root next to zero": (
        lambda x: float(np.sqrt(np.abs(x)).sum()),
        lambda x: np.sign(x) / (2 * np.sqrt(np.abs(x))),
        np.array([1e-12, 1e-6, 1.0]),
    ),
    "near the largest number": (lambda x: np.sum(x) * 1e295, lambda x: 1e295 + 0 * x, np.array([1.5, -0.3])),
}


@pytest.mark.parametrize("name", HARD)
def test_right_gradients_of_awkward_functions(name: str) -> None:
    f, g, x = HARD[name]
    assert dv.check_gradient(f, g, x).status == "agrees"
    assert dv.check_gradient(f, lambda z: 1.5 * g(z), x).status == "refuted"


def network(p: Any) -> Any:
    return np.sum(np.tanh(p["W"] @ p["b"]) ** 2) + p["scale"] ** 3


def network_gradient(p: Any) -> Any:
    t = np.tanh(p["W"] @ p["b"])
    inner = 2 * t * (1 - t**2)
    return {"b": p["W"].T @ inner, "W": np.outer(inner, p["b"]), "scale": 3 * p["scale"] ** 2}


PARAMETERS = {"W": RNG.standard_normal((3, 4)), "b": RNG.standard_normal(4), "scale": 1.5}


def test_functions_of_a_dict() -> None:
    assert dv.check_gradient(network, network_gradient, PARAMETERS).status == "agrees"

    def wrong(p: Any) -> Any:
        found = network_gradient(p)
        found["W"][2, 1] *= 1.03
        return found

    report = dv.check_gradient(network, wrong, PARAMETERS)
    assert report.status == "refuted"
    assert report.worst[0].index == ("W", 2, 1)
    assert "entry ['W', 2, 1]" in report.reason
    without = {k: v for k, v in network_gradient(PARAMETERS).items() if k != "b"}
    assert "no part ['b']" in dv.check_gradient(network, without, PARAMETERS).reason


def test_functions_of_a_list_and_of_what_it_holds() -> None:
    x = [RNG.standard_normal((3, 4)), ({"v": RNG.standard_normal(4)}, 2.0)]

    def f(p: Any) -> Any:
        return float(p[1][1] * np.sum((p[0] @ p[1][0]["v"]) ** 2))

    def g(p: Any) -> Any:
        A, (part, s) = p
        v = part["v"]
        r = A @ v
        return [2 * s * np.outer(r, v), ({"v": 2 * s * A.T @ r}, r @ r)]

    assert dv.check_gradient(f, g, x).status == "agrees"
    assert dv.check_gradient(f, lambda p: [g(p)[0], ({"v": g(p)[1][0]["v"]}, 0.0)], x).status == "refuted"
