"""Every operator of the registry, found there and not listed here."""

from __future__ import annotations

import warnings
from typing import Any

import mpmath
import numpy as np
import pytest
import sympy

from derive.build import add, negate, scale
from derive.domains import Float, Mp
from derive.evaluate import run
from derive.kernels.compile import compile_nodes
from derive.node import Node, Variable, variable
from derive.operators import REGISTRY, Elementwise, apply, lookup
from derive.sizes import Binding, sizes
from derive.verify.sampling import draw
from tests.oracle.samples import NUMBERS, SETTINGS, samples

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


NAN = [
    (name, settings, place)
    for name, operator in sorted(REGISTRY.items())
    if isinstance(operator, Elementwise)
    for settings in SETTINGS.get(name, [{}])
    for place in range(operator.arity)
]
ALONG = [(name, axes) for name in SETTINGS if "axes" in SETTINGS[name][0] for axes in ((0,), (1,), (0, 1))]


def _three_ways(node: Node, data: dict[str, np.ndarray], sizes_: dict[sympy.Symbol, int]) -> list[np.ndarray]:
    """The node in double precision, in 50 digits and by the source of its kernel."""
    with warnings.catch_warnings(), np.errstate(all="ignore"), mpmath.workdps(50):
        warnings.simplefilter("ignore")
        binding, many = Binding(sizes_), Mp(50)
        (ordinary,) = run([node], data, binding, Float())
        (exact,) = run([node], {k: many.array(a) for k, a in data.items()}, binding, many)
        compiled = compile_nodes({"r": node}, backend="python")({k: data[k] for k in data})["r"]
    return [ordinary, np.asarray(exact, dtype=float), np.asarray(compiled)]


@pytest.mark.parametrize(("name", "settings", "place"), NAN)
def test_nan_in_nan_out(name: str, settings: dict[str, Any], place: int) -> None:
    """nan comes out where nan goes in, and nowhere else: in doubles, in 50 digits, in kernels; `where` may drop it."""
    xs = [variable(f"x{i}", (n,)) for i in range(lookup(name).arity)]
    data = {x.name: np.array([0.5, 2.5, 0.5]) for x in xs}
    data[f"x{place}"] = np.array([-1.0, 2.5, -1.0])  # the logarithms are nan, 0.9, nan
    node = apply(name, *(apply("log", x) if k == place else x for k, x in enumerate(xs)), **settings)
    ordinary, exact, compiled = _three_ways(node, data, {n: 3})
    assert (np.isnan(ordinary) == np.isnan(exact)).all() and (np.isnan(ordinary) == np.isnan(compiled)).all()
    if (name, place) != ("where", 2):
        assert np.isnan(ordinary[[0, 2]]).all()


@pytest.mark.parametrize(("name", "axes"), ALONG)
def test_nan_spoils_what_it_takes_part_in(name: str, axes: tuple[int, ...]) -> None:
    """Along axes too: the largest of numbers and nan is nan."""
    node = apply(name, apply("log", variable("x", (n, d))), axes=axes)
    x = np.array([[1.0, 2.0, 3.0], [-1.0, 2.0, 4.0]])
    lost = np.any(x < 0, axis=axes, keepdims=True)
    wanted = np.broadcast_to(lost, x.shape) if node.order == 2 else np.any(x < 0, axis=axes)
    for found in _three_ways(node, {"x": x}, {n: 2, d: 3}):
        assert (np.isnan(found) == wanted).all()
