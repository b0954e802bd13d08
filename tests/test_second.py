"""Hessians of vectors that hold several unknowns: block by block, the same as the Jacobian of the gradient."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import derive as dv
from derive.differentiate import gradient, jacobian
from derive.kernels.compile import compile_nodes
from derive.node import Variable
from derive.second import hessian
from derive.stable import recognise

_HIDDEN = "tanh(X @ reshape(u[:d*h], (d, h)) + u[d*h:d*h + h])"
_SCORES = f"({_HIDDEN} @ reshape(u[d*h + h:d*h + h + h*k], (h, k)) + u[d*h + h + h*k:])"
# statement, shapes, and their numbers: sizes that no array tells are among them
BLOCKWISE: dict[str, tuple[str, dict[str, tuple[str, ...]], dict[str, Any]]] = {
    "network": (
        f"sum(logsumexp({_SCORES}, axis=1)) - sum(Y * {_SCORES})",
        {"X": ("n", "d"), "Y": ("n", "k"), "u": ("d*h + h + h*k + k",)},
        {"X": (4, 3), "Y": (4, 2), "u": (3 * 5 + 5 + 5 * 2 + 2,), "h": 5},
    ),
    "network of one": (
        f"sumsq({_SCORES} - Y)",
        {"X": ("n", "d"), "Y": ("n", "k"), "u": ("d*h + h + h*k + k",)},
        {"X": (1, 1), "Y": (1, 1), "u": (4,), "h": 1},
    ),
    "intercept and ridge": (
        "sum(softplus(X @ u[:d] + u[d])) + lam/2*sumsq(u)",
        {"X": ("n", "d"), "u": ("d + 1",), "lam": ()},
        {"X": (4, 3), "u": (4,), "lam": ()},
    ),
    "columns of a matrix": (
        "sumsq(exp(X @ U[:, 0]) * ((X @ U[:, 1:]) @ c)) + sum(U[:, 0]**3)".replace("U", "u"),
        {"X": ("n", "d"), "u": ("d", "k + 1"), "c": ("k",)},
        {"X": (4, 2), "u": (2, 4), "c": (3,)},
    ),
    "scale and mean": (
        "sum((y - u[0])**2 * exp(-u[1:])) + sum(u[1:])",
        {"y": ("n",), "u": ("n + 1",)},
        {"y": (3,), "u": (4,)},
    ),
    "a part that is linear": (
        "sum(exp(u[:d])) + a @ u[d:]",
        {"u": ("d + k",), "a": ("k",)},
        {"u": (5,), "a": (2,)},
    ),
    "a product of parts": (
        "sumsq(X @ (u[:d] * u[d:]))",
        {"X": ("n", "d"), "u": ("2*d",)},
        {"X": (4, 3), "u": (6,)},
    ),
}
WHOLE: dict[str, tuple[str, dict[str, tuple[str, ...]], dict[str, Any]]] = {
    "shared entries": ("sumsq(u[1:] - u[:-1])**2", {"u": ("n",)}, {"u": (4,)}),
    "the whole in a part": (
        "sum(exp(u[:d]))*sumsq(u) + sumsq(u[d:])",
        {"u": ("d + k",)},
        {"u": (5,), "d": 2, "k": 3},
    ),
    "numbers only": ("sumsq(y - u[0]*exp(-u[1]*y))", {"y": ("n",), "u": (2,)}, {"y": (3,), "u": (2,)}),
    "backwards": ("sumsq(u[::-1] * u)", {"u": ("n",)}, {"u": (4,)}),
}


def _statement(name: str) -> tuple[dv.Expression, Variable, dict[str, Any]]:
    text, shapes, sizes = {**BLOCKWISE, **WHOLE}[name]
    rng = np.random.default_rng(0)
    f = dv.parse(text, variables=shapes)
    (u,) = (v for v in f.declared if v.name == "u")
    return f, u, {v: s if isinstance(s, int) else rng.standard_normal(s) / 2 for v, s in sizes.items()}


@pytest.mark.parametrize("name", [*BLOCKWISE, *WHOLE])
def test_as_the_jacobian_of_the_gradient(name: str) -> None:
    """Both ways give the same numbers, and a symmetric Hessian."""
    f, u, arrays = _statement(name)
    node = recognise(f.node)
    blocks, plain = hessian(node, u), jacobian(gradient(node, u), u)
    here, there = (dv.Expression(r, f.declared).evaluate(arrays) for r in (blocks, plain))
    half = u.order
    assert np.allclose(here, there, rtol=1e-12, atol=1e-12)
    assert np.allclose(here, np.moveaxis(here, range(half), range(half, 2 * half)), rtol=1e-12, atol=1e-12)
    assert (blocks is plain) == (name in WHOLE)


@pytest.mark.parametrize("name", BLOCKWISE)
def test_as_kernels(name: str) -> None:
    """As loops, the blocks are what the interpreter says, at sizes of 1 too."""
    f, _, arrays = _statement(name)
    H = dv.hessian(f, "u")
    kernel = compile_nodes({"H": H.node}, unknowns=["u"], backend="python")
    used = {*kernel.variables, *(s.name for s in kernel.symbols)}
    found = kernel(H._relevant(arrays, used))["H"]
    assert np.allclose(found, H.evaluate(arrays), rtol=1e-12, atol=1e-12)


def test_as_text() -> None:
    """What is printed parses again."""
    f, _, _ = _statement("intercept and ridge")
    H = dv.hessian(f, "u")
    again = dv.parse(str(H), variables={"X": ("n", "d"), "u": ("d + 1",), "lam": ()})
    assert again.same_as(H)
