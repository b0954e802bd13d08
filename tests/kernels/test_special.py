"""Elementary functions of the kernels against fifty digits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest
from numba import njit

from derive.kernels import special

FUNCTIONS: dict[str, tuple[Any, Callable[[Any], Any]]] = {
    "exp": (special.exp, mpmath.exp),
    "expm1": (special.expm1, mpmath.expm1),
    "tanh": (special.tanh, mpmath.tanh),
    "sigmoid": (special.sigmoid, lambda x: 1 / (1 + mpmath.exp(-x))),
    "cosigmoid": (special.cosigmoid, lambda x: 1 / (1 + mpmath.exp(x))),
    "softplus": (special.softplus, lambda x: mpmath.log1p(mpmath.exp(x))),
}
POINTS = np.concatenate(
    [
        np.random.default_rng(0).uniform(-40, 40, 400),
        np.random.default_rng(1).uniform(-1, 1, 200),
        np.logspace(-300, 2.8, 120),
        -np.logspace(-300, 2.8, 120),
        np.random.default_rng(3).uniform(-745, -700, 60),
        [0.0, 0.5 * np.log(2), np.log(2), -np.log(2), 700.0, -700.0],
    ]
)


def on_arrays(function: Any) -> Any:
    @njit(fastmath=special.FLAGS, error_model="numpy")
    def run(x, out):  # type: ignore[no-untyped-def]
        for i in range(x.shape[0]):
            out[i] = function(x[i])

    return run


@pytest.mark.parametrize("name", FUNCTIONS)
def test_units_in_the_last_place(name: str) -> None:
    """At most 3, on the whole line, denormal results included, in a vectorised loop; right at ends, zeros, NaN."""
    function, exact = FUNCTIONS[name]
    run = on_arrays(function)
    out = np.empty_like(POINTS)
    run(POINTS, out)
    with mpmath.workdps(50):
        for x, found in zip(POINTS, out, strict=True):
            value = exact(mpmath.mpf(float(x)))
            assert abs(mpmath.mpf(float(found)) - value) <= 3 * mpmath.mpf(np.spacing(abs(float(value)))), x
    zeros = np.empty(3)
    run(np.array([0.0, -0.0, np.nan]), zeros)
    assert zeros[0] == zeros[1] == float(exact(0)) and np.isnan(zeros[2])
    assert name != "tanh" or np.signbit(zeros[:2]).tolist() == [False, True]
    ends = np.array([1e4, -1e4, np.inf, -np.inf])
    found = np.empty(4)
    run(ends, found)
    limits = {
        "exp": [np.inf, 0, np.inf, 0],
        "expm1": [np.inf, -1, np.inf, -1],
        "tanh": [1, -1, 1, -1],
        "sigmoid": [1, 0, 1, 0],
        "cosigmoid": [0, 1, 0, 1],
        "softplus": [1e4, 0, np.inf, 0],
    }[name]
    assert np.array_equal(found, limits)


def test_logarithm() -> None:
    """Within an ulp from the smallest denormal number to the largest; −∞ at 0, NaN below, ∞ at ∞."""
    points = np.concatenate(
        [10.0 ** np.random.default_rng(2).uniform(-308, 308, 400), np.linspace(0.5, 2, 301)]
    )
    points = np.concatenate(
        [points, [5e-324, 1e-310, 2.0**-1022, 1.7e308, np.nextafter(1, 0), np.nextafter(1, 2)]]
    )
    out = np.empty_like(points)
    run = on_arrays(special.log)
    run(points, out)
    with mpmath.workdps(50):
        for x, found in zip(points, out, strict=True):
            value = mpmath.log(mpmath.mpf(float(x)))
            assert abs(mpmath.mpf(float(found)) - value) <= 2.0**-52 * max(
                abs(value), mpmath.mpf(2) ** -52
            ), x
    ends = np.array([0.0, -0.0, -1.0, -np.inf, np.inf, np.nan])
    found = np.empty(6)
    run(ends, found)
    assert np.array_equal(found, [-np.inf, -np.inf, np.nan, np.nan, np.inf, np.nan], equal_nan=True)
