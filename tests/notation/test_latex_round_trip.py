"""What LaTeX print says is read as the same thing, or refused: random expressions, and the results of the samples."""

from __future__ import annotations

from collections import Counter

import pytest

from derive.node import variable
from derive.sizes import size_symbol
from derive.statement.declarations import declare
from derive.statement.text import parse_node
from tests.fuzz.latex_round_trip import check, read_again
from tests.fuzz.round_trip import pieces, results, small
from tests.statement.corpus import cases

#: Found by the campaign: log Γ(z)², f(A)², |A| of a square matrix, ones with a 0 below, matrices with one column.
FOUND = (532, 1533, 3797, 2467, 2484, 2798, 12, 135, 257)


def test_random_expressions() -> None:
    """Scalars, vectors and matrices with their derivatives; nothing is read as something else."""
    outcomes: Counter[str] = Counter()
    for seed in range(40):
        for _, node in pieces(seed, 3):
            if small(node):
                outcomes[check(node, seed).split(":")[0]] += 1
    assert outcomes["same"] + outcomes["equal"] > 40


@pytest.mark.parametrize("seed", FOUND)
def test_what_was_read_wrongly_once(seed: int) -> None:
    """Depth as it was when they were found."""
    for _, node in pieces(seed, 3 if seed > 1000 else 4):
        if small(node):
            check(node, seed)


def test_results_of_the_literature() -> None:
    """Values and gradients of the objectives: nine of ten are read back from their LaTeX."""
    outcomes: Counter[str] = Counter()
    for case in cases("textbook")[::4]:
        variables = declare(case["declare"], case["facts"])
        objective = parse_node(case["objective"], variables)
        for what, node in results(objective, [variables[case["wrt"]]]):
            if node.order < 3 and not what.startswith("Hessian"):
                outcomes[check(node).split(":")[0]] += 1
    read = outcomes["same"] + outcomes["equal"]
    assert read >= 0.9 * outcomes.total(), outcomes


def test_a_column_is_a_matrix_with_one() -> None:
    """Where the shape is known, a column stands for a matrix with one column, a row for one with one row."""
    n = size_symbol("n")
    x = variable("x", (n,))
    for shape in ((n, 1), (1, n)):
        node = parse_node(f"reshape(x, {shape[0]}, {shape[1]})", {"x": x}, ["n"])
        assert read_again(node, "x" if shape[1] == 1 else "x^\\top").shape == node.shape
