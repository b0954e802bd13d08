"""Fenchel conjugates: textbook pairs, and the Fenchel–Young inequality with equality at the slope."""

from __future__ import annotations

import numpy as np
import pytest
import sympy
from sympy import Abs, Max, Piecewise, cosh, exp, log, sqrt

from derive.errors import UnsupportedError
from derive.optimality.conjugate import RELU, Conjugate, U, conjugate, registered

z, p = sympy.Symbol("z", real=True), sympy.Symbol("z", positive=True)
a, b = sympy.symbols("a b", positive=True)

PAIRS = [
    (z**2 / 2, "u**2/2"),
    (exp(z), "u*log(u) - u    for u >= 0"),
    (log(1 + exp(z)), "u*log(u) + (1 - u)*log(1 - u)    for 0 <= u <= 1"),
    (-log(p), "-log(-u) - 1    for u < 0"),
    (p * log(p), "exp(u - 1)"),
    (Abs(z), "0    for -1 <= u <= 1"),
    (Max(0, 1 - z), "u    for -1 <= u <= 0"),
    (a * Max(0, z), "0    for 0 <= u <= a"),
    (Max(-a * z, b * z), "0    for -a <= u <= b"),
    (sqrt(1 + z**2), "-sqrt(1 - u**2)    for -1 <= u <= 1"),
    (cosh(z), "u*asinh(u) - sqrt(u**2 + 1)"),
    (1 / p, "-2*sqrt(-u)    for u <= 0"),
    (-log(z + a), "-a*u - log(-u) - 1    for u < 0"),
    (-log(p + a), "log(a) from -oo to -1/a; -a*u - log(-u) - 1 from -1/a to 0"),
    (p * log(p) + (1 - p) * log(1 - p), "log(exp(u) + 1)"),
    (a * z**2 / 2, "u**2/(2*a)"),
    (3 * z + 1, "-1    for u == 3"),
    (Piecewise((z**2 / 2, Abs(z) <= 1), (Abs(z) - sympy.Rational(1, 2), True)), "u**2/2    for -1 <= u <= 1"),
    (Piecewise((z**2 / 2, Abs(z) <= a), (a * (Abs(z) - a / 2), True)), "u**2/2    for -a <= u <= a"),
    (b * Max(0, Abs(z) - a), "-a*u from -b to 0; a*u from 0 to b"),
    (b * (Abs(Abs(z) - a) + Abs(z) - a) / 2, "-a*u from -b to 0; a*u from 0 to b"),
    (Abs(z) ** sympy.Rational(3, 2), "-4*u**3/27 from -oo to 0; 4*u**3/27 from 0 to oo"),
    (Piecewise((z**2 * a, z > 0), (z**2 * b, True)), "u**2/(4*b) from -oo to 0; u**2/(4*a) from 0 to oo"),
]


@pytest.mark.parametrize(("function", "expected"), PAIRS)
def test_textbook_pairs(function: sympy.Expr, expected: str) -> None:
    """f*(u) = sup u z − f(z)."""
    (symbol,) = function.free_symbols & {z, p}
    assert str(conjugate(function, symbol)) == expected


def _least(found: Conjugate, u: float) -> float:
    relu = sympy.lambdify(U, found.value, [{"relu": lambda x: max(x, 0.0)}, "math"])
    return float(relu(u))


@pytest.mark.parametrize(
    "function",
    [f for f, _ in PAIRS]
    + [-log(p) - log(1 - p), -a * log(p) - b * log(1 - p), Abs(z) + z**2, Abs(z) ** 3, Max(0, 1 - z) ** 2]
    + [z**4, a * z**6, Max(0, Abs(z) - a) ** 2, Abs(z) ** 3 / 3 + b * Abs(z), Max(0, Abs(z) - a) + z**2 / 2],
)
def test_fenchel_young(function: sympy.Expr) -> None:
    """f(z) + f*(u) ≥ u z, with equality where u is the slope at z."""
    (symbol,) = function.free_symbols & {z, p}
    function = function.subs({a: sympy.Rational(7, 5), b: sympy.Rational(3, 5)})
    found = conjugate(function, symbol)
    value = sympy.lambdify(symbol, function, "math")
    slope = sympy.lambdify(
        symbol, sympy.diff(function, symbol).doit(), [{"sign": np.sign, "Heaviside": np.heaviside}, "math"]
    )
    rng = np.random.default_rng(0)
    points = np.abs(rng.normal(size=6)) + 0.1 if symbol is p else rng.normal(size=6) * 2
    if function.has(log(1 - p)) or function.has(log(z + sympy.Rational(7, 5))):  # where they have values
        points = 1 / (1 + np.exp(-points))
    for x in points:
        at = float(slope(x))
        assert value(x) + _least(found, at) == pytest.approx(at * x, abs=1e-9)
        for y in points:
            assert value(y) + _least(found, at) >= at * y - 1e-9


def test_domains_are_closed_where_the_value_is_finite() -> None:
    """The conjugate of −log z is infinite at u = 0, that of eᶻ is 0 there."""
    assert conjugate(exp(z), z).closed[0]
    assert not conjugate(-log(p), p).closed[1]
    assert conjugate(Abs(z) * a + b * z**2 / 2, z).value.has(RELU)


def test_registered_losses() -> None:
    """Every convex operator of the registry has its conjugate; what is not convex has none."""
    names = {name for name, _, _ in registered()}
    assert {"exp", "-log", "softplus", "abs", "relu", "cosh", "expm1"} <= names
    assert not names & {"sin", "tanh", "sign", "step", "erf", "-sign"}


@pytest.mark.parametrize("function", [sympy.sin(z), z**3, -(z**2), sympy.sign(z), Max(0, 1 - Abs(z))])
def test_not_convex(function: sympy.Expr) -> None:
    """What is not convex is refused."""
    with pytest.raises(UnsupportedError):
        conjugate(function, z)


def test_latex() -> None:
    """Value and domain."""
    assert conjugate(Abs(z), z).latex() == r"f^*(u) = 0, \quad -1 \le u \le 1"
