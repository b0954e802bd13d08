"""Sums of exponentials where every exponential underflows, or overflows, in double precision.

What is computed there is compared with 50 digits of the same statement, whose numbers have no such bounds.
"""

from __future__ import annotations

import warnings

import mpmath
import numpy as np
import pytest

import derive as dv
from derive.domains import Float, Mp
from derive.evaluate import bind, run
from derive.node import size_symbols, variables
from derive.stable import stabilise

#: name: (statement, sizes of its variables)
CASES = {
    "weights": ("sum(log(exp(Z) @ w))", {"Z": ("n", "k"), "w": ("k",)}),
    "other axis": ("sum(log(exp(Z).T @ w))", {"Z": ("k", "n"), "w": ("k",)}),
    "all": ("log(sum(B * exp(Z)))", {"Z": ("n", "k"), "B": ("n", "k")}),
    "rows of a tensor": ("sum(log(exp(T @ u) @ w))", {"T": ("n", "k", "d"), "u": ("d",), "w": ("k",)}),
    "centres": (
        'sum(log(exp(-einsum("ijk->ij", (X[:, None, :] - M) ** 2) / 2) @ (w / sqrt(2 * pi)) / n))',
        {"X": ("n", "d"), "M": ("k", "d"), "w": ("k",)},
    ),
    "two terms": (
        "sum(log(p * exp(-((x - a) ** 2)) + (1 - p) * exp(-((x - b) ** 2) / s) / sqrt(s)))",
        {"x": ("n",), "p": (), "a": (), "b": (), "s": ()},
    ),
    "a factor": ("sum(log(x ** 2 * exp(-(x ** 2)) / s))", {"x": ("n",), "s": ()}),
    "one beside": ("sum(log(1 + exp(Z) @ w))", {"Z": ("n", "k"), "w": ("k",)}),
    "one and a weight": ("sum(log(1 + w ** 2 * exp(Z)))", {"Z": ("n", "k"), "w": ("k",)}),
    "logits written out": (
        "sum(log(1 + exp(X @ u) + exp(X @ v)) - y * (X @ u))",
        {"X": ("n", "d"), "y": ("n",), "v": ("d",), "u": ("d",)},
    ),
    "a constant beside": ("sum(log(c[:, None] + exp(Z)))", {"Z": ("n", "k"), "c": ("n",)}),
    "a rate": ("sum(exp(z) / (1 + w * exp(z)) ** 2)", {"w": ("n",), "z": ("n",)}),
    "a share": ("sum(w * exp(z) / (1 + exp(z) + exp(2 * z)))", {"w": ("n",), "z": ("n",)}),
    "a ratio": ("sum((exp(Z) @ w) ** 2 / (exp(Z) @ v) ** 2)", {"Z": ("n", "k"), "w": ("k",), "v": ("k",)}),
}
SIZES = {"n": 3, "k": 4, "d": 2}


def data(shapes: dict[str, tuple[str, ...]], scale: float, ones: str = "") -> dict[str, np.ndarray]:
    rng = np.random.default_rng(len(shapes))
    sizes = {**SIZES, **dict.fromkeys(ones, 1)}
    return {
        name: (rng.uniform(0.2, 0.8, [sizes[s] for s in shape]))
        * (scale * rng.choice([-1, 1], [sizes[s] for s in shape]) if name in "ZTXxz" else 1.0)
        for name, shape in shapes.items()
    }


@pytest.mark.parametrize("scale", [1.0, 3000.0])
@pytest.mark.parametrize("ones", ["", "k", "n"])
@pytest.mark.parametrize("name", CASES)
def test_values_and_derivatives_far_from_zero(name: str, scale: float, ones: str) -> None:
    text, shapes = CASES[name]
    f = dv.parse(text, variables=shapes)
    unknowns = [v for v in shapes if v != "x"]
    nodes = [f.node, *(dv.gradient(f, v).node for v in unknowns), dv.hessian(f, unknowns[-1]).node]
    arrays, binding = bind(
        {v for n in nodes for v in variables(n)},
        data(shapes, scale, ones),
        sizes={s for n in nodes for s in size_symbols(n)},
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = run(stabilise(nodes), arrays, binding, Float())
    with mpmath.workdps(50):
        exact = run(nodes, {k: Mp(50).array(a) for k, a in arrays.items()}, binding, Mp(50))
    for node, here, wanted in zip(nodes, found, exact, strict=True):
        want = np.asarray(wanted, float)
        gap = np.abs(here - want).max(initial=0.0)
        assert gap <= 1e-10 * np.abs(want).max(initial=1.0), (
            dv.text(node) if hasattr(dv, "text") else node,
            here,
            want,
        )


def test_a_kernel_takes_the_largest_off() -> None:
    f = dv.parse(CASES["weights"][0], variables=CASES["weights"][1])
    at = data(CASES["weights"][1], 3000.0)
    assert np.isfinite(dv.compile(f, backend="python")(**at)).all()


def test_all_exponents_minus_infinity() -> None:
    """log 0 is −∞, as it is without the shift."""
    f = dv.parse("log(exp(z) @ w)", variables={"z": ("n",), "w": ("n",)})
    (node,) = stabilise([f.node])
    _, binding = bind(variables(f.node), {"z": np.ones(3), "w": np.ones(3)})
    with np.errstate(divide="ignore"):
        (found,) = run([node], {"z": np.full(3, -np.inf), "w": np.ones(3)}, binding, Float())
    assert found == -np.inf


def test_a_log_of_a_density_is_a_sum() -> None:
    f = dv.parse(
        "sum(log(exp(-(x - m) ** 2 / (2 * s)) / sqrt(2 * pi * s)))", variables={"x": ("n",), "m": (), "s": ()}
    )
    assert str(dv.gradient(f, "m")) == "sum(x - m) / s"
    assert str(dv.gradient(f, "s")) == "(sumsq(x - m) / s - n) / (2 * s)"
