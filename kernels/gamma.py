"""Derivatives of the logarithm of the gamma function, as plain Python that numba compiles.

digamma(x)           ψ(x) = d/dx log Γ(x)
trigamma(x)          ψ′(x)
polygamma(order, x)  the derivative of ψ of that order
"""

from __future__ import annotations

import math

from .special import helper


@helper
def digamma(x: float) -> float:
    """ψ(x): upward recurrence to x ≥ 10, then the asymptotic series; reflection below 0."""
    shift = 0.0
    if x <= 0.0:
        if x == math.floor(x):
            return math.nan
        shift = -math.pi / math.tan(math.pi * (x - math.floor(x)))
        x = 1.0 - x
    while x < 10.0:
        shift -= 1.0 / x
        x += 1.0
    z = 1.0 / (x * x)
    tail = z * (
        1 / 12 - z * (1 / 120 - z * (1 / 252 - z * (1 / 240 - z * (1 / 132 - z * (691 / 32760 - z / 12)))))
    )
    return shift + math.log(x) - 0.5 / x - tail


@helper
def trigamma(x: float) -> float:
    """ψ′(x), likewise."""
    shift = 0.0
    sign = 1.0
    if x <= 0.0:
        if x == math.floor(x):
            return math.inf
        s = math.pi / math.sin(math.pi * (x - math.floor(x)))
        shift = s * s
        sign = -1.0
        x = 1.0 - x
    while x < 10.0:
        shift += sign / (x * x)
        x += 1.0
    z = 1.0 / (x * x)
    tail = 1 / 6 - z * (1 / 30 - z * (1 / 42 - z * (1 / 30 - z * (5 / 66 - z * (691 / 2730 - z * 7 / 6)))))
    return shift + sign * (1.0 / x + 0.5 * z + z / x * tail)


@helper
def polygamma(order: int, x: float) -> float:
    """The derivative of ψ of order ≥ 2: upward recurrence to x ≥ 20, then the asymptotic series."""
    factorial = math.gamma(order + 0.0)  # (order − 1)!
    shift = 0.0
    while x < 20.0:
        shift += order * factorial / x ** (order + 1)
        x += 1.0
    power = factorial / x**order
    total = power * (1.0 + 0.5 * order / x)
    bernoulli = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6)
    for k in range(1, 8):
        # (2k + order − 1)! / (2k)!, built up from the term before
        power *= (2 * k + order - 1.0) * (2 * k + order - 2.0) / (2 * k * (2 * k - 1.0) * x * x)
        total += bernoulli[k - 1] * power
    value = shift + total
    return value if order % 2 == 1 else -value
