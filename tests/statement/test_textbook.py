"""Well-known results: the derived derivative equals the form that the textbook prints, entry by entry."""

from __future__ import annotations

import numpy as np
import pytest

from derive import differentiate, second
from derive.domains import Array
from derive.evaluate import evaluate
from derive.node import Node, size_symbols
from derive.node import variables as occurring
from derive.statement.declarations import declare
from derive.statement.text import parse_node

from .corpus import Case, cases, draw

CASES = cases("textbook")


@pytest.mark.parametrize("case", CASES, ids=[c["id"] for c in CASES])
def test_textbook_answer(case: Case) -> None:
    """‖ours − textbook‖ ≤ 10⁻⁹ ‖textbook‖; where the book assumes something (`needs`), so do the data."""
    variables = declare(case["declare"], case["facts"])
    objective, wrt = parse_node(case["objective"], variables), variables[case["wrt"]]
    operation = {1: differentiate.gradient, 2: second.hessian, "jacobian": differentiate.jacobian}
    derived = operation[case["order"]](objective, wrt)
    arrays = draw(case, case["sizes"][0])
    everything = {**arrays, **{k: v for k, v in case["sizes"][0].items() if k not in arrays}}

    def value(node: Node) -> Array:
        names = {v.name for v in occurring(node)} | {s.name for s in size_symbols(node)}
        return evaluate(node, {k: v for k, v in everything.items() if k in names})

    found = value(derived)
    for text in [case["answer"], *(case.get("alt") or [])]:
        expected = value(parse_node(text, variables))
        expected = np.broadcast_to(expected, found.shape)
        gap = np.abs(found - expected).max()
        assert gap <= 1e-9 * (1 + np.abs(expected).max())
