"""Stable operators: a few ulp at |z| = 10⁴ and around 0, in value and in both derivatives."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
import sympy

import derive as dv
from derive.build import add, einsum, full, multiply, negate, power, total
from derive.differentiate import gradient
from derive.evaluate import evaluate
from derive.node import Node, variable
from derive.operators import apply
from derive.sizes import sizes
from derive.stable import recognise, stabilise

n, m = sizes("n m")
ONE = sympy.S.One
z = variable("z", (n,))
Z = variable("Z", (n, m))
ULP = 2.0**-52
_HALF = [0.0, 1e-300, 1e-8, 1e-3, 0.5, 1.0, 20.0, 36.7, 40.0, 100.0, 710.0, 745.2, 1e4]
POINTS = np.array([*(-x for x in reversed(_HALF)), *_HALF])


def plus(*nodes: Node) -> Node:
    return add([(ONE, a) for a in nodes])


def one() -> Node:
    return full((n,))


def assert_close(node: Node, exact: object, ulps: int) -> None:
    """Finite, and right to some ulp of the result (or below the smallest normal number)."""
    found = evaluate(node, {"z": POINTS})
    assert np.isfinite(found).all()
    with mpmath.workdps(60):
        for x, value in zip(POINTS, found, strict=True):
            wanted = exact(mpmath.mpf(float(x)))  # type: ignore[operator]
            error = abs(mpmath.mpf(float(value)) - wanted)
            assert error <= ulps * ULP * abs(wanted) + mpmath.mpf(2) ** -1073, (x, value, wanted)


def sigma(x: mpmath.mpf) -> mpmath.mpf:
    return 1 / (1 + mpmath.exp(-x))


#: name: (node, f, f′, f″) with the derivatives as one would write them for many digits.
FUNCTIONS = {
    "softplus": (
        apply("softplus", z),
        lambda x: mpmath.log1p(mpmath.exp(x)),
        sigma,
        lambda x: sigma(x) * sigma(-x),
    ),
    "sigmoid": (
        apply("sigmoid", z),
        sigma,
        lambda x: sigma(x) * sigma(-x),
        lambda x: -sigma(x) * sigma(-x) * mpmath.tanh(x / 2),
    ),
    "log_sigmoid": (
        apply("log", apply("sigmoid", z)),
        lambda x: -mpmath.log1p(mpmath.exp(-x)),
        lambda x: sigma(-x),
        lambda x: -sigma(x) * sigma(-x),
    ),
    "tanh": (
        apply("tanh", z),
        mpmath.tanh,
        lambda x: mpmath.sech(x) ** 2,
        lambda x: -2 * mpmath.tanh(x) * mpmath.sech(x) ** 2,
    ),
    "logistic loss, spelled out": (
        apply("log", plus(one(), apply("exp", z))),
        lambda x: mpmath.log1p(mpmath.exp(x)),
        sigma,
        lambda x: sigma(x) * sigma(-x),
    ),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_accurate_everywhere(name: str) -> None:
    """Value, first and second derivative."""
    node, value, first, second = FUNCTIONS[name]
    node = recognise(node)
    slope = gradient(total(node), z)
    curvature = gradient(total(slope), z)
    assert_close(node, value, 4)
    assert_close(slope, first, 8)
    assert_close(curvature, second, 12)


def test_log_cosh_of_large_numbers() -> None:
    """cosh overflows from 711 on, its logarithm nowhere; around 0 it is right to rounding of 1."""
    found = evaluate(stabilise([apply("log", apply("cosh", z))])[0], {"z": POINTS})
    with mpmath.workdps(60):
        exact = [mpmath.log(mpmath.cosh(mpmath.mpf(float(x)))) for x in POINTS]
        assert all(abs(v - e) <= 4 * ULP * max(1, e) for v, e in zip(found, exact, strict=True))
    loss = dv.minimize("sum(log(cosh(x - y)))", over="x", variables={"x": ("n",), "y": ("n",)})
    assert loss.solve(y=[1e4, -800.0, 0.5]).success


def test_logsumexp_of_large_numbers() -> None:
    """log Σ exp z, its gradient softmax and its Hessian diag(s) − ssᵀ, with entries of ±10⁴."""
    rows = np.array([[1e4, 1e4, -1e4], [-1e4, -1e4 - 1, -1e4 + 2], [0.0, 1e-9, 40.0], [-40.0, 0.0, 40.0]])
    node = recognise(apply("log", einsum([(apply("exp", Z), (0, 1))], (0,))))
    assert node is apply("logsumexp", Z, axes=(1,))
    weights = gradient(total(node), Z)
    curvature = gradient(total(multiply(weights, weights)), Z)
    found = [evaluate(f, {"Z": rows}) for f in (node, weights, curvature)]
    assert all(np.isfinite(f).all() for f in found)
    with mpmath.workdps(60):
        for i, row in enumerate(rows):
            exact = [mpmath.exp(mpmath.mpf(float(x))) for x in row]
            whole = sum(exact)
            assert abs(found[0][i] - mpmath.log(whole)) <= 4 * ULP * max(1, abs(mpmath.log(whole)))
            share = [e / whole for e in exact]
            square = sum(s * s for s in share)
            for j, s in enumerate(share):
                # Rounding of z − max z, at most |z − max z| ulp of the result, cannot be avoided.
                ulps = 8 + float(max(row) - row[j])
                assert abs(found[1][i, j] - s) <= ulps * ULP * s + mpmath.mpf(2) ** -1073
                assert abs(found[2][i, j] - 2 * s * (s - square)) <= 16 * ULP


def test_naive_spellings_are_recognised() -> None:
    """Each spelling is the stable operator's node itself."""
    exp, minus = apply("exp", z), apply("exp", negate(z))
    spellings = {
        "log(1 + exp z)": (apply("log", plus(one(), exp)), apply("softplus", z)),
        "log1p(exp z)": (apply("log1p", exp), apply("softplus", z)),
        "1/(1 + exp(-z))": (power(plus(one(), minus), -ONE), apply("sigmoid", z)),
        "exp z/(1 + exp z)": (multiply(exp, power(plus(one(), exp), -ONE)), apply("sigmoid", z)),
        "log(exp z)": (apply("log", exp), z),
        "log sigmoid z": (apply("log", apply("sigmoid", z)), negate(apply("softplus", negate(z)))),
        "log(1 − sigmoid z)": (
            apply("log", add([(ONE, one()), (-ONE, apply("sigmoid", z))])),
            negate(apply("softplus", z)),
        ),
        "log Σ exp z": (apply("log", total(exp)), apply("logsumexp", z, axes=(0,))),
        "exp z/Σ exp z": (
            einsum([(exp, (0,)), (power(total(exp), -ONE), ())], (0,)),
            apply("softmax", z, axes=(0,)),
        ),
        "log det A": (
            apply("log", apply("det", variable("A", (n, n)))),
            apply("logdet", variable("A", (n, n))),
        ),
    }
    for spelling, (naive, stable) in spellings.items():
        assert recognise(naive) is stable, spelling


def test_log_softmax_does_not_underflow() -> None:
    """log softmax(z) at z = (0, 10⁴) is (−10⁴, 0), not −∞."""
    node = recognise(apply("log", apply("softmax", z, axes=(0,))))
    assert np.allclose(evaluate(node, {"z": np.array([0.0, 1e4])}), [-1e4, 0.0])


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("log(1 / sum(exp(z)))", "-logsumexp(z)"),
        ("log(1 / t)", "-log(t)"),
        ("log(softmax(z)[0])", "(z - logsumexp(z))[0]"),
        ("sum(log(softmax(A, axis=1)[:, 1]))", "sum((A - logsumexp(A, axis=1)[:, None])[:, 1])"),
        ("log(1 / t ** 2)", "log(1 / t ** 2)"),
        ("sum(log(z ** (-3 / 2)))", "-3 * sum(log(z)) / 2"),
        ("sum(log(z / sum(exp(z)) ** 2 / det(A)))", "sum(log(z / det(A)) - 2 * logsumexp(z))"),
        (
            "-sum(log(exp(diag(A) / t) / sum(exp(A / t), axis=1)))",
            "sum(logsumexp(A / t, axis=1) - diag(A) / t)",
        ),
        ("log(exp(t) / (sum(exp(z)) + exp(t)))", "t - log(sum(exp(z)) + exp(t))"),
        ("log(det(A) / det(B))", "logdet(A) - logdet(B)"),
        ("log(2 * det(A) ** 2 / det(B))", "log(2) + 2 * logdet(A) - logdet(B)"),
        ("log(sqrt(det(A)))", "logdet(A) / 2"),
        ("log(-det(A))", "log(-det(A))"),
        ("sum(log(z * t))", "sum(log(t * z))"),
    ],
)
def test_logarithms_of_products_come_apart_where_that_is_sure(text: str, wanted: str) -> None:
    shapes = {"z": ("n",), "A": ("n", "n"), "B": ("n", "n"), "t": ()}
    assert str(dv.parse(text, variables=shapes)) == wanted


@pytest.mark.parametrize(
    ("stated", "printed"),
    [
        ("log(exp(a) / (exp(a) + exp(b)))", "-softplus(b - a)"),
        ("sum(log(exp(t)[:, None] / (exp(t)[:, None] + exp(t))))", "-sum(softplus(t - t[:, None]))"),
        ("log(exp(a) + exp(b))", "softplus(a - b) + b"),
        ("sum(exp(t) / (exp(t) + exp(a)))", "sum(sigmoid(t - a))"),
        ("sum(2 * exp(a) / (exp(t) + exp(a)))", "2 * sum(sigmoid(a - t))"),
        ("log(exp(a) + 2 * exp(b))", "log(exp(a) + 2 * exp(b))"),
    ],
)
def test_two_exponentials(stated: str, printed: str) -> None:
    """Comparisons of pairs, as Bradley and Terry write them, are sigmoids and finite far away."""
    shapes: dict[str, tuple[str, ...]] = {"a": (), "b": (), "t": ("n",)}
    found = dv.parse(stated, variables=shapes)
    assert str(found) == printed
    for at in (0.3, 800.0, -800.0):
        data = {"a": at, "b": at + 1, "t": np.array([at, at - 0.5])}
        assert np.isfinite(found.evaluate({v: data[v] for v in found.variables}))


@pytest.mark.parametrize(
    ("stated", "printed"),
    [
        ("logsumexp(t - max(t)) + max(t)", "logsumexp(t)"),
        ("sum(t * exp(t - max(t)) / sum(exp(t - max(t))))", "t @ softmax(t)"),
        ("sum(logsumexp(Z - max(Z, axis=1)[:, None], axis=1) + max(Z, axis=1))", "sum(logsumexp(Z, axis=1))"),
        ("sum(logsumexp(Z + t[:, None], axis=1))", "sum(logsumexp(Z + t[:, None], axis=1))"),
        ("sum(logsumexp(Z - max(Z, axis=0), axis=1))", "sum(logsumexp(Z - max(Z, axis=0), axis=1))"),
        (
            "sum(softmax(u - max(Z) + Z - max(Z, axis=1)[:, None], axis=1) * Z)",
            "sum(Z * softmax(Z + u, axis=1))",
        ),
        (
            "sum(u * t[:, None] * Z * exp(Z) / sum(exp(Z), axis=1)[:, None])",
            "t @ (Z * softmax(Z, axis=1)) @ u",
        ),
    ],
)
def test_shifted_exponents(stated: str, printed: str) -> None:
    """A largest entry that is taken off, as numerical code writes it, leaves softmax and log-sum-exp."""
    shapes: dict[str, tuple[str, ...]] = {"a": (), "t": ("n",), "Z": ("n", "k"), "u": ("k",)}
    found = dv.parse(stated, variables=shapes)
    assert str(found) == printed
