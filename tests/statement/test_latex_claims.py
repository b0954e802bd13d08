"""Formulas of papers and lecture notes: read as what they say, and judged as they should be."""

from __future__ import annotations

import numpy as np
import pytest

from derive.domains import Array
from derive.evaluate import evaluate
from derive.node import Node, size_symbols
from derive.node import variables as occurring
from derive.statement.declarations import declare
from derive.statement.latex import parse_latex_node, parse_latex_statement
from derive.statement.text import parse_node
from derive.verify import check_claim

from .corpus import Case, cases, draw

CLAIMS = cases("latex_claims")
#: What the sample leaves unsaid: its sibling with the same formula says it.
UNSAID = {"tex-mc2": {"M": "A"}}


def symbols(case: Case) -> dict[str, str] | None:
    """LaTeX symbols under other names."""
    return case.get("symbols") or UNSAID.get(case["id"])


@pytest.mark.parametrize("part", ["objective", "claim"])
@pytest.mark.parametrize("case", CLAIMS, ids=[c["id"] for c in CLAIMS])
def test_reading(case: Case, part: str) -> None:
    """The LaTeX formula equals the formula in the text language, at two assignments of sizes."""
    variables = declare(case["declare"], case["facts"])
    found = parse_latex_node(case[f"latex_{part}"], variables, symbols(case))
    expected = parse_node(case[part], variables)
    for sizes in case["sizes"]:
        data = {**draw(case, sizes), **sizes}

        def value(node: Node, data: dict[str, Array] = data) -> Array:
            names = {v.name for v in occurring(node)} | {s.name for s in size_symbols(node)}
            return evaluate(node, {k: a for k, a in data.items() if k in names})

        assert np.shape(value(found)) == np.shape(value(expected))
        np.testing.assert_allclose(value(found), value(expected), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("case", CLAIMS, ids=[c["id"] for c in CLAIMS])
def test_verdict(case: Case) -> None:
    """Right claims agree or are proved, wrong ones are refuted."""
    facts = dict(case["facts"])
    if case.get("assuming") == ["sum(y) == 1"]:
        facts["y"] = ["simplex"]
    variables = declare(case["declare"], facts)
    objective = parse_latex_node(case["latex_objective"], variables, symbols(case))
    claim = parse_latex_statement(case["latex_claim"], variables, symbols(case))
    assert claim.wrt in (None, case["wrt"])
    verdict = check_claim(objective, variables[case["wrt"]], claim.node)
    if case["verdict"] == "right":
        assert verdict.status in ("agrees", "proved"), str(verdict)
    else:
        assert verdict.status == "refuted", str(verdict)
