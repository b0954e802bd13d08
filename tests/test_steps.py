"""Worked solutions: every line equals its neighbour, the first differential is true, the last line is the gradient.

Lines of the differential are compared with central differences of the objective along `dw`; lines of the
gradient with each other and, in the inner product with `dw`, with the differential.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

import derive as dv
from derive.evaluate import evaluate
from derive.node import size_symbols, variables
from derive.operations import derivation
from derive.steps import Derivation, Line

SIZES = {"n": 5, "d": 3, "k": 4, "h": 2}
Case = tuple[str, dict[str, tuple[str, ...]], str, dict[str, list[str]]]
CASES: dict[str, Case] = {
    "ridge": (
        "sumsq(X @ w - y)/2 + lam/2*sumsq(w)",
        {"X": ("n", "d"), "y": ("n",), "w": ("d",), "lam": ()},
        "w",
        {},
    ),
    "logistic": ("mean(log(1 + exp(-y * (X @ w))))", {"X": ("n", "d"), "y": ("n",), "w": ("d",)}, "w", {}),
    "softmax regression": (
        "-sum(Y * log(softmax(X @ W, axis=1)))/n",
        {"X": ("n", "d"), "Y": ("n", "k"), "W": ("d", "k")},
        "W",
        {},
    ),
    "network, first layer": (
        "sumsq(tanh(X @ W1 + b) @ W2 - Y)/2",
        {"X": ("n", "d"), "Y": ("n", "k"), "W1": ("d", "h"), "b": ("h",), "W2": ("h", "k")},
        "W1",
        {},
    ),
    "network, bias": (
        "sumsq(relu(X @ W1 + b) @ W2 - Y)/2",
        {"X": ("n", "d"), "Y": ("n", "k"), "W1": ("d", "h"), "b": ("h",), "W2": ("h", "k")},
        "b",
        {},
    ),
    "principal components": ("sumsq(X - X @ W @ W.T)", {"X": ("n", "d"), "W": ("d", "h")}, "W", {}),
    "log-determinant": ("logdet(S) + tr(C @ inv(S))", {"S": ("d", "d"), "C": ("d", "d")}, "S", {"S": ["pd"]}),
    "log-determinant, any matrix": ("logdet(A) + det(A)", {"A": ("d", "d")}, "A", {}),
    "trace, symmetric unknown": ("tr(C @ S)", {"S": ("d", "d"), "C": ("d", "d")}, "S", {"S": ["symmetric"]}),
    "Rayleigh quotient": ("w @ A @ w / (w @ w)", {"A": ("d", "d"), "w": ("d",)}, "w", {"A": ["symmetric"]}),
    "norm": ("norm(X @ w - y) + norm(w, 1)", {"X": ("n", "d"), "y": ("n",), "w": ("d",)}, "w", {}),
    "Poisson": ("sum(exp(X @ w)) - y @ X @ w", {"X": ("n", "d"), "y": ("n",), "w": ("d",)}, "w", {}),
    "scalar unknown": ("sumsq(y - exp(t) * x)", {"x": ("n",), "y": ("n",), "t": ()}, "t", {}),
    "weights": ("sum(c * (X @ w - y)**2)", {"X": ("n", "d"), "y": ("n",), "w": ("d",), "c": ("n",)}, "w", {}),
    "two arguments": ("sum(maximum(X @ w, w[0]))", {"X": ("n", "d"), "w": ("d",)}, "w", {}),
    "order three": ("sum(T ** 2)", {"T": ("n", "d", "h")}, "T", {}),
    "vector output": ("exp(x)/sum(exp(x))", {"x": ("n",)}, "x", {}),
    "linear map": ("X @ w", {"X": ("n", "d"), "w": ("d",)}, "w", {}),
    "independent": ("sumsq(y)", {"y": ("n",), "w": ("d",)}, "w", {}),
    "bilinear": ("u @ A @ v", {"u": ("n",), "A": ("n", "d"), "v": ("d",)}, "A", {}),
}


def worked(case: Case) -> tuple[Derivation, dv.Expression, str]:
    text, shapes, wrt, facts = case
    loss = dv.parse(text, variables=shapes, facts=facts)
    return derivation(loss, wrt), loss, wrt


def data(loss: dv.Expression, wrt: str, seed: int) -> dict[str, Any]:
    """Random arrays that satisfy the facts, and a direction."""
    rng = np.random.default_rng(seed)
    found: dict[str, Any] = {}
    for v in loss.declared:
        array = rng.standard_normal([SIZES[str(s)] for s in v.shape])
        direction = rng.standard_normal(array.shape)
        if "symmetric" in v.facts:
            array, direction = array @ array.T + np.eye(len(array)), direction + direction.T
        found[v.name] = array
        if v.name == wrt:
            found[f"d{v.name}"] = direction
    return found


def value(line: Line, arrays: dict[str, Any]) -> Any:
    names = {v.name for v in variables(line.value)}
    sizes = {s.name: SIZES[s.name] for s in size_symbols(line.value)}
    return evaluate(line.value, {**{k: a for k, a in arrays.items() if k in names}, **sizes})


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("seed", [0, 1])
def test_every_line_equals_its_neighbour(name: str, seed: int) -> None:
    """Numbers put in, a step changes nothing; from dL to ∇L the value is the inner product with dw."""
    found, loss, wrt = worked(CASES[name])
    arrays = data(loss, wrt, seed)
    direction = arrays[f"d{wrt}"]
    size = np.ndim(direction)
    step = 1e-6
    shift = [evaluate_at(loss, arrays, wrt, s * step * direction) for s in (1, -1)]
    difference = (shift[0] - shift[1]) / (2 * step)
    assert found.steps[0].before.left.startswith("d")
    np.testing.assert_allclose(value(found.steps[0].before, arrays), difference, rtol=2e-7, atol=1e-7)
    for this in found.steps:
        before, after = value(this.before, arrays), value(this.after, arrays)
        if this.before.left != this.after.left:  # the derivative is read off
            after = np.tensordot(after, direction, size)
        np.testing.assert_allclose(
            before, after, rtol=1e-10, atol=1e-11, err_msg=f"{this.rule}: {this.after.text}"
        )
    for first, second in zip(found.steps, found.steps[1:], strict=False):
        assert first.after is second.before


def evaluate_at(loss: dv.Expression, arrays: dict[str, Any], wrt: str, change: Any) -> Any:
    moved = {k: a for k, a in arrays.items() if k != f"d{wrt}"}
    moved[wrt] = moved[wrt] + change
    return loss.evaluate(moved)


@pytest.mark.parametrize("name", CASES)
def test_result_is_the_derivative(name: str) -> None:
    """The last line is what `gradient` (or `jacobian`) prints."""
    found, loss, wrt = worked(CASES[name])
    known = dv.jacobian(loss, wrt) if loss.shape else dv.gradient(loss, wrt)
    assert found.result.value.shape == known.shape
    assert dv.Expression(found.result.value).same_as(known)


@pytest.mark.parametrize("name", CASES)
def test_intermediates_are_what_they_are_called(name: str) -> None:
    """Each definition holds, and is stated over names that come before it."""
    found, loss, wrt = worked(CASES[name])
    arrays = data(loss, wrt, 3)
    known = {v.name for v in loss.declared}
    for line in found.where:
        assert {v.name for v in variables(line.node)} <= known
        inside = {v.name: arrays[v.name] for v in variables(line.node)}
        sizes = {s.name: SIZES[s.name] for s in size_symbols(line.node)}
        arrays[line.left] = value(line, arrays)
        np.testing.assert_allclose(evaluate(line.node, {**inside, **sizes}), arrays[line.left], rtol=1e-12)
        known.add(line.left)


@pytest.mark.parametrize("name", CASES)
def test_text_and_latex(name: str) -> None:
    """Every line is written out, with balanced braces, and nothing internal shows."""
    found, _, _ = worked(CASES[name])
    text, latex = str(found), found.latex()
    assert len(text.splitlines()) == 1 + len(found.where) + len(found.steps)
    for words in (text, latex):
        assert "Dq" not in words and "_operand" not in words and "_cotangent" not in words
    assert latex.count("{") == latex.count("}")
    assert len(re.findall(r"\\left(?![a-z])", latex)) == len(re.findall(r"\\right(?![a-z])", latex))


@pytest.mark.parametrize("name", CASES)
def test_no_line_twice(name: str) -> None:
    """A rule changes the line it is applied to, and no line comes back."""
    found, _, _ = worked(CASES[name])
    rows = [(step.after.left, step.after.text) for step in found.steps]
    assert len(set(rows)) == len(rows)


def test_quotients_and_forms() -> None:
    """The Rayleigh quotient by the quotient rule; both halves of wᵀ A w in one step."""
    found, _, _ = worked(CASES["Rayleigh quotient"])
    rules = [step.rule for step in found.steps]
    assert rules[:3] == ["quotient rule", "squared norm", "product rule"]
    assert found.steps[2].after.text == "2 * (w @ A @ dw - (w @ dw) * (w @ A @ w) / s) / s"


def test_ridge_reads_like_a_textbook() -> None:
    """The worked solution of ridge regression, whole."""
    found, _, _ = worked(CASES["ridge"])
    rules = [step.rule for step in found.steps]
    assert rules[:4] == ["linearity", "squared norm", "linearity", "collect dw"]
    assert [line.text for line in found.where] == ["X @ w - y"]
    assert found.steps[1].identity == "d(u @ u) = 2 * u @ du"
    assert found.steps[2].identity == "dr = X @ dw"
    assert found.steps[3].after.text == "(X.T @ r + lam * w) @ dw"
    assert found.result.text == "X.T @ (X @ w - y) + lam * w"


def test_names_do_not_collide() -> None:
    """Intermediates and the objective are not called like a variable."""
    loss = dv.parse("sumsq(r @ L - z)", variables={"r": ("n", "d"), "L": ("d",), "z": ("n",)})
    found = derivation(loss, "L")
    assert {found.start.left, *(line.left for line in found.where)}.isdisjoint({"r", "L", "z"})


def test_deep_networks_stay_short() -> None:
    """One line per rule: the solution grows linearly with depth, and so does each line."""
    layers = 8
    text = "X"
    shapes: dict[str, tuple[str, ...]] = {"X": ("n", "d")}
    for k in range(layers):
        text, shapes[f"W{k}"] = f"tanh({text} @ W{k})", ("d", "d")
    loss = dv.parse(f"sumsq({text})", variables=shapes)
    found = derivation(loss, "W0")
    assert len(found.steps) <= 2 * layers + 5
    assert np.isfinite(len(str(found)))


def test_a_maximum_beside_a_number_has_the_rule_that_is_used() -> None:
    """d max(0, u) = du step(u), not the symmetric rule of two arrays."""
    shapes = {"X": ("n", "d"), "y": ("n",), "w": ("d",)}
    text = str(dv.derivation(dv.parse("sum(maximum(0, 1 - y*(X @ w)))", variables=shapes), "w"))
    assert "d(maximum(0, v)) = dv * step(v)" in text
    pair = str(dv.derivation(dv.parse("sum(maximum(w, v))", variables={"w": ("d",), "v": ("d",)}), "w"))
    assert "1 + sign(u - v)" in pair
