"""An operator is added in one place: everything else finds it in the registry, or derives it from its statement."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from random import Random

import numpy as np
import pytest
import sympy

import derive as dv
from derive.build import einsum
from derive.domains import Float
from derive.evaluate import run
from derive.node import size_symbols
from derive.operators import REGISTRY, Elementwise, register
from derive.sizes import Binding
from derive.statement.functions import FUNCTIONS
from tests.fuzz.checks import check
from tests.fuzz.generate import D, Generator, N, product, unary
from tests.notation import shims
from tests.oracle.samples import samples

SHAPES = {"X": ("n", "d"), "w": ("d",)}
RNG = np.random.default_rng(4)
DATA = {"X": RNG.standard_normal((5, 3)), "w": RNG.standard_normal(3)}
#: Each is a name and a statement; `mish` says how it is written as well.
NEW = {
    "mish": Elementwise(
        "mish",
        lambda x: x * sympy.tanh(sympy.log(1 + sympy.exp(x))),
        latex="\\operatorname{Mish}({0})",
        source={"torch": "torch.nn.functional.mish({0})"},
    ),
    "smooth_hinge": Elementwise(
        "smooth_hinge",
        lambda x: sympy.Piecewise(
            (sympy.Rational(1, 2) - x, x <= 0), ((1 - x) ** 2 / 2, (x > 0) & (x < 1)), (0, True)
        ),
    ),
}


def mish(z: np.ndarray) -> np.ndarray:
    return z * np.tanh(np.log1p(np.exp(z)))


def smooth_hinge(z: np.ndarray) -> np.ndarray:
    return np.where(z <= 0, 0.5 - z, np.where(z < 1, (1 - z) ** 2 / 2, 0.0))


MEANINGS = {"mish": mish, "smooth_hinge": smooth_hinge}


@pytest.fixture(params=sorted(NEW))
def name(request: pytest.FixtureRequest) -> Iterator[str]:
    """The operator, registered for one test."""
    register(NEW[request.param])
    yield request.param
    del REGISTRY[request.param], FUNCTIONS[request.param]


def test_derivative_print_source_and_kernel(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """State it, and all ways in and out are there."""
    loss = dv.parse(f"sum({name}(X @ w))", variables=SHAPES)
    value = MEANINGS[name](DATA["X"] @ DATA["w"]).sum()
    assert np.isclose(loss.evaluate(DATA), value)
    gradient = dv.gradient(loss, "w")
    found, step = gradient.evaluate(DATA), 1e-6
    for k in range(3):
        ends = [MEANINGS[name](DATA["X"] @ (DATA["w"] + s * step * np.eye(3)[k])).sum() for s in (1, -1)]
        assert np.isclose(found[k], (ends[0] - ends[1]) / (2 * step), rtol=1e-7)
    assert dv.parse(str(gradient), variables=SHAPES).same_as(gradient)
    written = "Mish" if name == "mish" else "smooth hinge"
    assert loss.latex() == f"\\mathbf{{1}}^\\top \\operatorname{{{written}}}(X w)"
    word = f"\\operatorname{{{name.replace('_', chr(92) + '_')}}}"
    assert dv.parse_latex(f"\\sum_i {word}(x_i^\\top w)", variables=SHAPES).same_as(loss)
    assert np.isclose(dv.compile(loss)(**DATA), value)
    assert np.allclose(dv.compile(gradient)(**DATA), found)
    for target in ("numpy", "jax", "torch"):
        for module, stand_in in {"numpy": {}, "jax": shims.jax(), "torch": shims.torch()}[target].items():
            monkeypatch.setitem(sys.modules, module, stand_in)
        for expression, wanted in ((loss, value), (gradient, found)):
            source = dv.code(expression, target)
            if "nn.functional.mish" in source:
                assert (target, name) == ("torch", "mish")
                continue
            space: dict[str, object] = {}
            exec(compile(source, "<generated>", "exec"), space)
            assert np.allclose(space["f"](**DATA), wanted), source  # type: ignore[operator]
    if name == "mish":
        assert "torch.nn.functional.mish(X @ w)" in dv.code(loss, "torch")
    assert dv.check(loss, "w", claim=str(gradient)).status == "proved"


def test_fuzzing_draws_it(name: str) -> None:
    """The generator and the registry's tests take it up by themselves."""
    assert name in Generator(0).unary
    assert any(label == name for label, _, _ in samples())
    generator = Generator(1)
    inner = unary(name, generator.leaf((N, D)), Random(2))
    check(product([inner], [(0, 1)], ()), 3)


def test_kernel_and_interpreter_agree_where_cases_meet(name: str) -> None:
    """At 0 and 1, where the cases of the statement change."""
    z = dv.vector("z", "n")
    node = FUNCTIONS[name](z.node)
    points = np.array([-2.0, 0.0, 0.5, 1.0, 2.0])
    (found,) = run([node], {"z": points}, Binding(dict.fromkeys(size_symbols(node), 5)), Float())
    assert np.allclose(found, MEANINGS[name](points))
    total = einsum([(node, (0,))], ())
    assert np.isclose(dv.compile(dv.Expression(total))(z=points), found.sum())
