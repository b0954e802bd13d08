"""An operator on whole arrays is added in one place too: its record says what the others derive or find there."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import SimpleNamespace

import numpy as np
import pytest

import derive as dv
from derive.errors import AmbiguityError
from derive.kernels.compile import compile_nodes
from derive.operators import REGISTRY, Operator, apply, register
from derive.statement.functions import FUNCTIONS
from tests.fuzz.checks import check
from tests.fuzz.generate import D, Generator, N, product
from tests.kernels.test_registry import SIZES, A, assert_close, examples, outputs_of, reference, sample
from tests.notation import shims
from tests.operators.whole_arrays import LogCumulativeSumExp, Reverse
from tests.oracle.samples import samples

SHAPES = {"X": ("n", "d"), "w": ("d",)}
RNG = np.random.default_rng(5)
DATA = {"X": RNG.standard_normal((5, 3)), "w": RNG.standard_normal(3)}
RECORDS: dict[str, Operator] = {"reverse": Reverse(), "logcumsumexp": LogCumulativeSumExp()}
MEANINGS = {
    "reverse": lambda x, axis: np.flip(x, axis),
    "logcumsumexp": lambda x, axis: np.logaddexp.accumulate(x, axis),
}
WRITTEN = {
    "reverse": ("\\operatorname{reverse}(X w)", "\\operatorname{reverse}_{\\mathrm{row}}(X)"),
    "logcumsumexp": ("\\operatorname{lcse}(X w)", "\\operatorname{lcse}_{\\mathrm{row}}(X)"),
}


@pytest.fixture(params=sorted(RECORDS))
def name(request: pytest.FixtureRequest) -> Iterator[str]:
    """The operator, registered for one test."""
    register(RECORDS[request.param])
    yield request.param
    del REGISTRY[request.param], FUNCTIONS[request.param]


def value_of(name: str, data: dict[str, np.ndarray]) -> float:
    """Σ f(Xw)² + Σ f(X)² along the second axis."""
    f, product_ = MEANINGS[name], data["X"] @ data["w"]
    return float((f(product_, 0) ** 2).sum() + (f(data["X"], 1) ** 2).sum())


def statement(name: str) -> dv.Expression:
    return dv.parse(f"sumsq({name}(X @ w)) + sumsq({name}(X, axis=-1))", variables=SHAPES)


def test_text_derivatives_and_print(name: str) -> None:
    """A function of the language, with its derivatives, a print that reads back, LaTeX, and steps."""
    loss = statement(name)
    assert f"sumsq({name}(X @ w))" in str(loss) and f"{name}(X, axis=1)" in str(loss)
    assert dv.parse(str(loss), variables=SHAPES).same_as(loss)
    assert all(written in loss.latex() for written in WRITTEN[name])
    assert np.isclose(loss.evaluate(DATA), value_of(name, DATA))
    for unknown in ("w", "X"):
        gradient = dv.gradient(loss, unknown)
        assert dv.parse(str(gradient), variables=SHAPES).same_as(gradient)
        assert dv.check(loss, unknown, claim=str(gradient)).status == "proved"
    found, step = dv.gradient(loss, "w").evaluate(DATA), 1e-6
    for k in range(3):
        ends = [value_of(name, DATA | {"w": DATA["w"] + s * step * np.eye(3)[k]}) for s in (1, -1)]
        assert np.isclose(found[k], (ends[0] - ends[1]) / (2 * step), rtol=1e-7)
    assert name in str(dv.derivation(loss, "w"))
    assert dv.parse_latex(loss.latex(), variables=SHAPES).same_as(loss)
    with pytest.raises(AmbiguityError) as caught:
        dv.parse_latex(f"\\operatorname{{{name}}}(X)", variables=SHAPES)
    assert caught.value.readings == (f"{name}(X, axis=1)", f"{name}(X, axis=0)")
    with pytest.raises(dv.DeriveError, match=f"say along which axis, as in {name}"):
        dv.parse(f"sum({name}(X))", variables=SHAPES)


def test_source(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """NumPy, JAX and PyTorch, by the record's spelling or by the definition."""
    loss = statement(name)
    jax, torch = shims.jax(), shims.torch()
    jax["jax"].lax = SimpleNamespace(  # type: ignore[attr-defined]
        cumlogsumexp=lambda x, axis, reverse=False: (
            np.flip(np.logaddexp.accumulate(np.flip(x, axis), axis), axis)
            if reverse
            else np.logaddexp.accumulate(x, axis)
        )
    )
    torch["torch"].logcumsumexp = np.logaddexp.accumulate  # type: ignore[attr-defined]
    for target, modules in {"numpy": {}, "jax": jax, "torch": torch}.items():
        for module, stand_in in modules.items():
            monkeypatch.setitem(sys.modules, module, stand_in)
        for expression in (loss, dv.gradient(loss, "w")):
            source, space = dv.code(expression, target), {}
            exec(compile(source, "<generated>", "exec"), space)
            assert np.allclose(space["f"](**DATA), expression.evaluate(DATA)), source  # type: ignore[operator]
    if name == "logcumsumexp":
        backwards = dv.parse("sum(logcumsumexp(X, axis=0, reverse=True))", variables=SHAPES)
        assert str(backwards) == "sum(logcumsumexp(X, axis=0, reverse=True))"
        assert "np.flip(np.logaddexp.accumulate(np.flip(X, 0), 0), 0)" in dv.code(backwards, "numpy")


def test_compiled_and_emitted_kernels(name: str) -> None:
    """Compiled once; uncompiled for all options, at distinct and at size-1 sizes, with sums and gradients of them."""
    loss = statement(name)
    kernel = dv.compile({"value": loss, "gradient": dv.gradient(loss, "X")})(**DATA)
    assert np.isclose(kernel["value"], value_of(name, DATA))
    assert np.allclose(kernel["gradient"], dv.gradient(loss, "X").evaluate(DATA))
    for node in [*examples(REGISTRY[name]), apply(name, A, axis=2)]:
        outputs = outputs_of(node)
        emitted = compile_nodes(outputs, backend="python")
        for numbers in SIZES:
            data = sample(node, numbers)
            found = emitted({k: data[k] for k in emitted.variables})
            for key, output in outputs.items():
                assert_close(found[key], reference(output, data, **numbers), 1e-10, f"{key} at {numbers}")


def test_rows_are_streamed(name: str) -> None:
    """Along the second axis rows are apart: 3,000 of them go through blocks."""
    loss = dv.parse(f"sum({name}(X, axis=1) @ w)", variables=SHAPES)
    data = {"X": RNG.standard_normal((3000, 4)), "w": RNG.standard_normal(4)}
    kernel = dv.compile(loss)
    assert np.isclose(kernel(data), (MEANINGS[name](data["X"], 1) @ data["w"]).sum())


def test_convexity_knows_it(name: str) -> None:
    """Linear and convex operators in compositions, as their records say; what is said is so at midpoints."""
    for text, status in {
        f"sum({name}(X @ w))": "convex",
        f"sum(exp({name}(X @ w)))": "convex",
        f"sum({name}(w ** 3))": "not convex",
        f"-sum({name}((X @ w) ** 2))": "not convex",
    }.items():
        assert dv.minimize(dv.parse(text, variables=SHAPES), over="w").convexity().status == status, text
    f, curvature = MEANINGS[name], REGISTRY[name].curvature
    for _ in range(5):
        a, b = RNG.standard_normal((2, 6))
        gap = (f(a, 0) + f(b, 0)) / 2 - f((a + b) / 2, 0)
        assert (curvature * gap >= 0).all() and (curvature != 0 or np.allclose(gap, 0))


def test_fuzzing_draws_it(name: str) -> None:
    """With options that are drawn, and checked in 50 digits; the tests of the registry have their samples."""
    assert any(label.startswith(name) for label, _, _ in samples())
    generator = Generator(1)
    drawn = [piece for _ in range(20) if (piece := generator.other((N, D), 1)) is not None]
    assert drawn and all(piece.extra["op"] == name for piece in drawn)
    for seed, piece in enumerate(drawn[:3]):
        check(product([piece, piece], [(0, 1), (0, 1)], ()), seed)
