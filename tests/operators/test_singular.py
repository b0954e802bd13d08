"""Norms of singular values and Sylvester's equation: values, derivatives, subgradients at equal singular values."""

from __future__ import annotations

import numpy as np
import pytest

import derive as dv

RNG = np.random.default_rng(3)
NORMS = {"nuclear_norm": lambda s: s.sum(), "spectral_norm": lambda s: s[0]}
SIZES = [(4, 3), (2, 5), (3, 3), (1, 4), (3, 1), (1, 1)]


@pytest.mark.parametrize("name", NORMS)
def test_value_gradient_and_hessian(name: str) -> None:
    """∇ and ∇² of ‖X‖ + (‖X‖ − 1)² agree with differences at distinct and at size-1 sizes."""
    f = dv.parse(f"{name}(X) + ({name}(X) - 1)**2", variables={"X": ("m", "n")})
    g, h = dv.gradient(f, "X"), dv.hessian(f, "X")
    for m, n in SIZES:
        X = RNG.standard_normal((m, n))
        size = NORMS[name](np.linalg.svd(X)[1])
        assert np.isclose(f.evaluate(X=X), size + (size - 1) ** 2)
        slope, bend = g.evaluate(X=X), h.evaluate(X=X)
        for place in np.ndindex(m, n):
            step = np.zeros((m, n))
            step[place] = 1e-6
            ends = [(f.evaluate(X=X + s * step), g.evaluate(X=X + s * step)) for s in (1, -1)]
            assert np.isclose((ends[0][0] - ends[1][0]) / 2e-6, slope[place], atol=1e-7)
            assert np.allclose((ends[0][1] - ends[1][1]) / 2e-6, bend[..., place[0], place[1]], atol=1e-6)


def test_third_derivatives() -> None:
    """Closed under differentiation: the derivative of the Hessian along a line."""
    for name in NORMS:
        f = dv.parse(f"{name}(A + t*B)", variables={"A": ("m", "n"), "B": ("m", "n"), "t": ()})
        second = dv.hessian(f, "t")
        third = dv.gradient(second, "t")
        data = {"A": RNG.standard_normal((3, 2)), "B": RNG.standard_normal((3, 2))}
        ends = [second.evaluate(data, t=s) for s in (1e-5, -1e-5)]
        assert np.isclose((ends[0] - ends[1]) / 2e-5, third.evaluate(data, t=0.0), rtol=1e-6)


def test_kernel_and_batches() -> None:
    """A kernel of a batch and of one matrix; NaN in is NaN out, zero has the slope zero."""
    f = dv.parse("sum(nuclear_norm(T)) + spectral_norm(X)", variables={"T": ("k", "m", "n"), "X": ("m", "n")})
    data = {"T": RNG.standard_normal((2, 4, 3)), "X": RNG.standard_normal((4, 3))}
    kernel = dv.compile({"value": f, "T": dv.gradient(f, "T"), "X": dv.gradient(f, "X")}, backend="python")
    found = kernel(data)
    assert np.isclose(found["value"], f.evaluate(data))
    for name in ("T", "X"):
        assert np.allclose(found[name], dv.gradient(f, name).evaluate(data))
    compiled = dv.compile(dv.parse("spectral_norm(X)", variables={"X": ("m", "n")}))
    assert np.isclose(compiled(X=data["X"]), np.linalg.norm(data["X"], 2))
    zero = {"T": np.zeros((1, 2, 2)), "X": np.zeros((2, 2))}
    assert not kernel(zero)["T"].any() and not dv.gradient(f, "X").evaluate(zero).any()


def test_subgradients() -> None:
    """Of k equal singular values the mean; U Vᵀ over those that are not zero."""
    X = np.diag([2.0, 2.0, 0.0])
    f = dv.parse("spectral_norm(X)", variables={"X": ("m", "n")})
    assert np.allclose(dv.gradient(f, "X").evaluate(X=X), np.diag([0.5, 0.5, 0.0]))
    f = dv.parse("nuclear_norm(X)", variables={"X": ("m", "n")})
    assert np.allclose(dv.gradient(f, "X").evaluate(X=X), np.diag([1.0, 1.0, 0.0]))


def test_spellings() -> None:
    """NumPy's, LaTeX and the names of other packages are the same nodes; coefficients go outside."""
    shapes = {"X": ("m", "n")}
    m, n = dv.sizes("m n")
    X = dv.matrix("X", m, n)
    for name, order, latex in (
        ("nuclear_norm", "nuc", r"\|X\|_*"),
        ("spectral_norm", 2, r"\|X\|_{\mathrm{op}}"),
    ):
        f = dv.parse(f"{name}(X)", variables=shapes)
        assert np.linalg.norm(X, order).same_as(f)
        assert dv.parse_latex(latex, variables=shapes).same_as(f)
        assert dv.parse_latex(f.latex(), variables=shapes).same_as(f)
        assert str(dv.parse(f"{name}(-2*X.T)", variables=shapes)) == f"2 * {name}(X)"
    assert dv.parse('norm(X, "nuc") + normnuc(X)', variables=shapes).same_as(
        dv.parse("2*nuclear_norm(X)", variables=shapes)
    )
    with pytest.raises(dv.DeriveError, match="needs a matrix"):
        dv.parse("nuclear_norm(x)", variables={"x": ("n",)})
    gradient = dv.gradient(
        dv.parse('sumsq(X - T)/2 + lam*norm(X, "nuc")', variables={**shapes, "T": ("m", "n"), "lam": ()}), "X"
    )
    assert str(gradient) == "lam * polar(X) - T + X"


def test_sylvester() -> None:
    """A Y + Y B = C for rectangular C, with derivatives in all three."""
    shapes = {"A": ("m", "m"), "B": ("n", "n"), "C": ("m", "n")}
    f = dv.parse("sumsq(sylvester(A, B, C))/2", variables=shapes)
    data = {
        "A": RNG.standard_normal((3, 3)),
        "B": RNG.standard_normal((2, 2)),
        "C": RNG.standard_normal((3, 2)),
    }
    Y = dv.parse("sylvester(A, B, C)", variables=shapes).evaluate(data)
    assert np.allclose(data["A"] @ Y + Y @ data["B"], data["C"])
    kernel = dv.compile({name: dv.gradient(f, name) for name in shapes}, backend="python")(data)
    for name in shapes:
        slope = dv.gradient(f, name).evaluate(data)
        assert np.allclose(kernel[name], slope)
        for place in np.ndindex(slope.shape):
            step = np.zeros(slope.shape)
            step[place] = 1e-6
            ends = [f.evaluate({**data, name: data[name] + s * step}) for s in (1, -1)]
            assert np.isclose((ends[0] - ends[1]) / 2e-6, slope[place], rtol=1e-6, atol=1e-8)
    with pytest.raises(dv.DeriveError, match=r"C \(m, n\)"):
        dv.parse("sylvester(A, B, A)", variables=shapes)
