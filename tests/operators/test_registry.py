"""Every operator of the registry, found there and not listed here."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
import sympy

from derive.build import add, negate, scale
from derive.domains import Float, Mp
from derive.evaluate import run
from derive.node import Node, Variable, variable
from derive.operators import REGISTRY, Elementwise, apply, lookup
from derive.sizes import Binding, sizes
from derive.verify.sampling import draw
from tests.oracle.samples import NUMBERS, samples

n, d = sizes("n d")
BINDING = Binding(dict(NUMBERS))
SAMPLES = list(samples())
UNARY = sorted(
    o.name for o in REGISTRY.values() if isinstance(o, Elementwise) and o.arity == 1 and not o.settings
)


@pytest.mark.parametrize(("label", "node", "operands"), SAMPLES, ids=[s[0] for s in SAMPLES])
def test_double_precision_means_the_same_as_many_digits(
    label: str, node: Node, operands: list[Variable]
) -> None:
    """The NumPy form of an operator is its SymPy statement."""
    for seed in range(3):
        point = draw(operands, BINDING, seed, "unit")
        if "inv" in label:  # a well-conditioned matrix
            point.arrays["x0"] = point.arrays["x0"] + 3 * np.eye(2, dtype=int)
        (ordinary,) = run([node], {k: Float().array(a) for k, a in point.arrays.items()}, BINDING, Float())
        with mpmath.workdps(40):
            domain = Mp(40)
            (exact,) = run([node], {k: domain.array(a) for k, a in point.arrays.items()}, BINDING, domain)
        assert ordinary.shape == exact.shape == BINDING.shape(node.shape)
        assert np.allclose(ordinary, np.asarray(exact, dtype=float), rtol=1e-13, atol=1e-300)


@pytest.mark.parametrize(("label", "node", "operands"), SAMPLES, ids=[s[0] for s in SAMPLES])
def test_facts_are_true(label: str, node: Node, operands: list[Variable]) -> None:
    """What an operator claims of its result holds on data that satisfy the operands' facts."""
    for seed in range(3):
        point = draw(operands, BINDING, seed, "unit")
        (value,) = run([node], {k: Float().array(a) for k, a in point.arrays.items()}, BINDING, Float())
        if "positive" in node.facts:
            assert (value > 0).all()
        if "nonnegative" in node.facts:
            assert (value >= 0).all()
        if "nonzero" in node.facts:
            assert (value != 0).all()
        if "integer" in node.facts:
            assert (value == np.round(value)).all()


@pytest.mark.parametrize("name", UNARY)
def test_signs_survive_every_argument(name: str) -> None:
    """Facts about the result that hold for any argument, or for an argument with that fact alone."""
    points = np.array([-3.0, -1.0, -0.5, 0.0, 0.5, 1.0, 3.0])
    tests = {"positive": points > 0, "nonnegative": points >= 0, "nonzero": points != 0}
    for fact, inside in [(None, points == points), *tests.items()]:
        x = variable("x", (n,), (fact,) if fact else ())
        node = apply(name, x)
        chosen = points[inside]
        (value,) = run([node], {"x": chosen}, Binding({n: len(chosen)}), Float())
        value = value[np.isfinite(value)]
        if "positive" in node.facts:
            assert (value > 0).all()
        if "nonnegative" in node.facts:
            assert (value >= 0).all()
        if "nonzero" in node.facts:
            assert (value != 0).all()


@pytest.mark.parametrize("name", UNARY)
def test_odd_and_even(name: str) -> None:
    """f(−x) = −f(x), f(−x) = f(x): true of the statement, and used."""
    operator = lookup(name)
    assert isinstance(operator, Elementwise)
    x = variable("x", (n,))
    if operator.odd:
        assert apply(name, negate(x)) is negate(apply(name, x))
    if operator.even:
        assert apply(name, scale(sympy.Integer(-2), x)) is apply(name, scale(sympy.Integer(2), x))
    points = np.array([0.1, 0.4, 0.7])
    with np.errstate(all="ignore"):
        up, down = operator.numpy(points), operator.numpy(-points)
    if operator.odd:
        assert np.allclose(down, -up)
    if operator.even:
        assert np.allclose(down, up)


@pytest.mark.parametrize("name", UNARY)
def test_repeated_arguments_are_computed_once(name: str) -> None:
    """f(x 1ᵀ) = f(x) 1ᵀ."""
    from derive.build import broadcast

    x = variable("x", (n,), ("positive",))
    assert apply(name, broadcast(x, (d, n))) is broadcast(apply(name, x), (d, n))


def test_linear_algebra_identities() -> None:
    """(A⁻¹)⁻¹ = A,  (2A)⁻¹ = A⁻¹/2,  det 2A = 2ⁿ det A,  log det A⁻¹ = −log det A."""
    A = variable("A", (n, n), ("invertible",))
    two = sympy.Integer(2)
    assert apply("inv", apply("inv", A)) is A
    assert apply("inv", scale(two, A)) is scale(sympy.S.Half, apply("inv", A))
    assert apply("det", scale(two, A)) is scale(two**n, apply("det", A))
    assert apply("logdet", apply("inv", A)) is negate(apply("logdet", A))


def test_slices_and_reshapes_undo_themselves() -> None:
    """A slice of everything is everything; a reshape back is nothing."""
    X = variable("X", (n, d))
    everything = tuple(("range", sympy.S.Zero, s, sympy.S.One) for s in X.shape)
    assert apply("slice", X, index=everything) is X
    flat = apply("reshape", X, shape=(n * d,))
    assert apply("reshape", flat, shape=(n, d)) is X


def test_sums_of_facts() -> None:
    """The square of anything plus a positive number is positive."""
    x = variable("x", (n,))
    square = apply("power", x, exponent=sympy.Integer(2))
    assert "positive" in add([(sympy.S.One, square), (sympy.S.One, apply("exp", x))]).facts
