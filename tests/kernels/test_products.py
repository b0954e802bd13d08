"""Matrix products in batches, over windows and by classes: the interpreter's values, and BLAS where it belongs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import derive as dv
from derive.kernels.compile import compile_nodes
from tests.kernels.statements import assert_close, reference

ATTENTION = 'sumsq(softmax(einsum("bid,bjd->bij", X @ Q, X @ K) / sqrt(d), axis=2) @ (X @ V) - T)/2'
HEADS = 'sumsq(einsum("bihd,bjhd->bhij", einsum("bic,chd->bihd", X, Q), einsum("bic,chd->bihd", X, K)))'
CASES: dict[str, tuple[str, dict[str, tuple[str, ...]], list[str]]] = {
    "attention": (ATTENTION,
                  {"X": ("n", "l", "d"), "T": ("n", "l", "d"), **dict.fromkeys("QKV", ("d", "d"))}, ["Q", "V"]),
    "heads": (HEADS, {"X": ("n", "l", "c"), "Q": ("c", "h", "d"), "K": ("c", "h", "d")}, ["Q"]),
    "convolution": ("sumsq(relu(conv1d(X, w)) - T)/2",
                    {"X": ("n", "c", "l + p - 1"), "T": ("n", "d", "l"), "w": ("d", "c", "p")}, ["w"]),
    "strided": ("sum(tanh(conv2d(X, w, stride=2)))",
                {"X": ("n", "c", "2*l + p - 2", "2*h + p - 2"), "w": ("d", "c", "p", "p")}, ["w"]),
    "classes": ("sum(logsumexp(X @ W + b, axis=1)) - sum(Y * (X @ W)) + sumsq(softmax(X @ W, axis=1))",
                {"X": ("n", "c"), "W": ("c", "d"), "b": ("d",), "Y": ("n", "d")}, ["W", "b"]),
}  # fmt: skip
SIZES = [{"n": 5, "l": 3, "d": 4, "h": 2, "c": 3, "p": 2}, {"n": 1, "l": 1, "d": 1, "h": 1, "c": 1, "p": 1}]


def _case(name: str) -> tuple[dict[str, Any], list[str], dict[str, tuple[str, ...]]]:
    statement, variables, unknowns = CASES[name]
    f = dv.parse(statement, variables=variables)
    outputs = {"value": f.node, **{u: dv.gradient(f, u).node for u in unknowns}}
    return outputs, unknowns, variables


def _draw(variables: dict[str, tuple[str, ...]], sizes: dict[str, int]) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    shapes = {v: [eval(s, {}, sizes) for s in shape] for v, shape in variables.items()}  # our own text
    return {v: rng.standard_normal(shape) for v, shape in shapes.items()}


@pytest.mark.parametrize("name", CASES)
def test_values_and_gradients(name: str) -> None:
    """Python's run of the emitted source and the interpreter agree, also where every size is 1."""
    outputs, unknowns, variables = _case(name)
    for sizes in SIZES:
        kernel = compile_nodes(outputs, unknowns=unknowns, backend="python")
        data = _draw(variables, sizes)
        found = kernel(data)
        for key, node in outputs.items():
            assert_close(found[key], reference(node, data, **sizes), 1e-11, f"{key} at {sizes}")


@pytest.mark.parametrize(("dtype", "backend"), [(np.float64, "numba"), (np.float32, "python")])
def test_precisions(dtype: Any, backend: str) -> None:
    """Attention in both precisions, the double one compiled; over more than one chunk of rows."""
    outputs, unknowns, variables = _case("attention")
    data = _draw(variables, {"n": 2050 if backend == "numba" else 5, "l": 2, "d": 3})
    data = {k: a.astype(dtype) for k, a in data.items()}
    found = compile_nodes(outputs, unknowns=unknowns, dtype=dtype, backend=backend)(data)
    wanted = compile_nodes(outputs, unknowns=unknowns, backend="numpy")(
        {k: a.astype(float) for k, a in data.items()}
    )
    for key in outputs:
        assert_close(found[key], wanted[key], 1e-11 if dtype == np.float64 else 1e-4, key)


def test_nothing_is_copied_in_attention() -> None:
    """Every product of an attention block is one call on arrays as they lie; sums go into their place."""
    text = compile_nodes(_case("attention")[0], unknowns=["Q", "V"]).source
    products = [line for line in text.splitlines() if "gemm" in line and "=" not in line]
    assert len([line for line in products if line.strip().startswith("gemm")]) >= 9
    assert "contraction" in text  # the value and the row sums, but no loops of three
    assert not any(line.startswith(" " * 20 + "for i3") for line in text.splitlines())


def test_turned_matrices_are_copied_once() -> None:
    """U Vᵀ for block after block: Vᵀ is brought into order before the first; what is as long as the data is not."""
    f = dv.parse(
        "sumsq(M * (A - U @ V.T))",
        variables={v: tuple(s) for v, s in zip("MAUV", ("nd", "nd", "nk", "dk"), strict=True)},
    )
    slope = dv.gradient(f, "U").node
    kernel = compile_nodes({"g": slope}, unknowns=["U"], backend="python")
    before, inside = kernel.source.split("for b in range(lo, hi, block):")[:2]
    assert "t1[i0, i1] = v" in before and "t1, " in inside and ".T" not in inside.split("@compiled")[0]
    for n, d, k in ((7, 4, 2), (1, 1, 1)):
        rng = np.random.default_rng(n)
        M, A, U, V = (rng.standard_normal(s) for s in ((n, d), (n, d), (n, k), (d, k)))
        assert_close(kernel(M=M, A=A, U=U, V=V)["g"], -2 * (M**2 * (A - U @ V.T)) @ V)
    g = dv.parse("sum(exp(X @ X.T))", variables={"X": ("n", "d")})
    assert (
        "for i0"
        not in compile_nodes({"g": g.node}, backend="python").source.split("block = ")[1].split("for b in")[0]
    )


def test_left_factors_that_lie_across_are_copied_once() -> None:
    """Wᵀ Xᵀ, rows of the data last: W is turned before the first block, and read so by dot products."""
    shapes = {"X": ("n", "d"), "W": ("d", "k")}
    f = dv.parse("sum(logsumexp(tanh(X) @ W, axis=1))", variables=shapes).node
    for backend in ("python", "numba"):
        kernel = compile_nodes({"f": f}, unknowns=["W"], backend=backend)
        before, inside = kernel.source.split("for b in range(lo, hi, block):")[:2]
        assert "t1[i0, i1] = v" in before and "(t1, " in inside
        for n, d, k in ((300, 12, 5), (7, 4, 10), (1, 1, 1)):
            rng = np.random.default_rng(n)
            X, W = rng.standard_normal((n, d)), rng.standard_normal((d, k))
            assert_close(kernel(X=X, W=W)["f"], np.log(np.exp(np.tanh(X) @ W).sum(1)).sum())


def test_windows_are_not_built() -> None:
    """A convolution copies one signal at a time; the array of all windows does not exist."""
    text = compile_nodes(_case("convolution")[0], unknowns=["w"]).source
    assert ": windows" not in text
    assert "gemm_add" in text


def test_one_exponential_for_tanh_and_its_slope() -> None:
    """1 − tanh² is a product of a sigmoid and a cosigmoid of one argument."""
    f = dv.parse("sum(tanh(X @ w))", variables={"X": ("n", "d"), "w": ("d",)})
    text = compile_nodes({"f": f.node, "g": dv.gradient(f, "w").node}, unknowns=["w"]).source
    assert "cosigmoid(2.0 *" in text
    assert " sigmoid(2.0 *" in text
