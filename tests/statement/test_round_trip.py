"""What is printed as text can be read again, and means the same."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from derive import differentiate, notation, second
from derive.evaluate import evaluate
from derive.node import Node, size_symbols
from derive.node import variables as occurring
from derive.statement.declarations import declare
from derive.statement.text import parse_node

from .corpus import Case, cases, draw

CASES = cases("gradients") + cases("textbook")
SHAPES: dict[str, list[object]] = {
    "X": ["n", "d"],
    "A": ["n", "n"],
    "T": ["k", "n", "d"],
    "x": ["n"],
    "y": ["n"],
    "w": ["d"],
    "t": [],
}


def value(node: Node, data: dict[str, Any]) -> Any:
    """The value, with only the data that occur."""
    names = {v.name for v in occurring(node)} | {s.name for s in size_symbols(node)}
    return evaluate(node, {k: v for k, v in data.items() if k in names})


def assert_survives(node: Node, data: dict[str, Any], variables: dict[str, Any]) -> None:
    """Printed and read again: the same node, or at least the same numbers."""
    text = notation.text(node)
    again = parse_node(text, variables, [s.name for s in size_symbols(node)])
    if again is not node:
        expected, found = value(node, data), value(again, data)
        assert found.shape == expected.shape, text
        assert np.abs(found - expected).max() <= 1e-10 * (1 + np.abs(expected).max()), text


@pytest.mark.parametrize("case", CASES, ids=[c["id"] for c in CASES])
def test_statements_and_derivatives(case: Case) -> None:
    """The objectives of the literature and their derivatives."""
    variables = declare(case["declare"], case["facts"])
    objective, wrt = parse_node(case["objective"], variables), variables[case["wrt"]]
    operation = {1: differentiate.gradient, 2: second.hessian, "jacobian": differentiate.jacobian}
    data = {**case["sizes"][0], **draw(case, case["sizes"][0])}
    assert_survives(objective, data, dict(variables))
    assert_survives(operation[case["order"]](objective, wrt), data, dict(variables))


@pytest.mark.parametrize(
    "text",
    [
        "sum(X[1:n-1, ::-1]**2)",
        "sum(x[::-1]*y**3)",
        "sum(x[1:]*x[:-1]**2)",
        "sum(x[::2]**3)",
        "sum(x[::-2]**3)",
        "sum(x[3:0:-1]**3)",
        "sum(max(X, axis=0)**2)",
        "sum(tril(A, -1)**3)",
        "sum(vec(X)**3)",
        "sum(kron(x, w)**3)",
        "sum(concatenate(x, y)**3)",
        "sum(reshape(X, d, n)**3)",
        "sum(X[0]**3)",
        "sum(X[:, None, :]*T[0])",
        "sum(where(x, x**2, y))",
        "sum(log_softmax(X, axis=1)*X)",
        "x[n-1]**2*x[0]",
    ],
)
def test_access(text: str) -> None:
    """Slices, their adjoints, and all that is no matrix product; first and second derivatives."""
    rng = np.random.default_rng(0)
    sizes = {"n": 4, "d": 3, "k": 2}
    variables = declare(SHAPES)
    data: dict[str, Any] = dict(sizes)
    data |= {name: rng.standard_normal([sizes[str(s)] for s in shape]) for name, shape in SHAPES.items()}
    objective = parse_node(text, variables)
    assert_survives(objective, data, dict(variables))
    for v in occurring(objective):
        assert_survives(differentiate.gradient(objective, v), data, dict(variables))
        assert_survives(second.hessian(objective, v), data, dict(variables))
