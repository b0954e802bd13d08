"""Formulas of papers and lecture notes: read as what they say, and judged as they should be."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import derive as dv
from derive.domains import Array
from derive.errors import ParseError
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


LEAST_SQUARES = (
    "sumsq(X @ w - y)/2 + lam/2*sumsq(w)",
    {"X": ("n", "d"), "y": ("n",), "w": ("d",), "lam": ()},
    "w",
)
QUADRATIC = ("x @ A @ x", {"x": ("n",), "A": ("n", "n")}, "x")
FACTORS = ("sumsq(R - U @ V.T)/2", {"R": ("n", "m"), "U": ("n", "k"), "V": ("m", "k")}, "U")
ROOTS = ("sum(sqrt(x**2 + c**2))", {"x": ("n",), "c": ()}, "x")
PAIRS = ("sum(W*(x[:, None] - x)**2)/2", {"x": ("n",), "W": ("n", "n")}, "x")
SOFTMAX = ("softmax(z)", {"z": ("k",)}, "z")
_SHARES = r", \quad p = \operatorname{softmax}(z)"
_SUM = r"\sum_i X_{ij}\left(\sum_k X_{ik} w_k - y_i\right) + \lambda w_j"


@pytest.mark.parametrize(
    ("stated", "order", "claim", "status"),
    [
        *(
            (LEAST_SQUARES, 1, left + _SUM, "proved")
            for left in ("", "g_j = ", r"(\nabla f)_j = ", r"\partial_j f = ")
        ),
        (LEAST_SQUARES, 1, r"[\nabla_w f]_{j} = " + _SUM, "proved"),
        (LEAST_SQUARES, 1, _SUM.replace("+", "-"), "refuted"),
        (LEAST_SQUARES, 2, r"\sum_i X_{ij} X_{ik} + \lambda \delta_{jk}", "proved"),
        (LEAST_SQUARES, 2, r"\sum_i X_{ij} X_{ik} + \lambda I_{jk}", "proved"),
        (LEAST_SQUARES, 2, r"\sum_i X_{ij} X_{ik} + \delta_{jk}", "refuted"),
        (LEAST_SQUARES, 1, r"\frac{\partial L_{ls}}{\partial w_j} = " + _SUM, "proved"),
        (
            SOFTMAX,
            "jacobian",
            r"\frac{\partial p_i}{\partial z_j} = p_i (\delta_{ij} - p_j)" + _SHARES,
            "proved",
        ),
        (SOFTMAX, "jacobian", r"p_i (\delta_{ij} - p_j)" + _SHARES, "proved"),
        (SOFTMAX, "jacobian", r"p_i (\delta_{ij} + p_j)" + _SHARES, "refuted"),
        (QUADRATIC, 1, r"\sum_j (A_{ij} + A_{ji}) x_j", "proved"),
        (QUADRATIC, 1, r"\sum_j (A_{ij} - A_{ji}) x_j", "refuted"),
        (QUADRATIC, 2, "A_{ij} + A_{ji}", "proved"),
        (QUADRATIC, 2, r"\frac{\partial^2 f}{\partial x_i \partial x_j} = A_{ij} + A_{ji}", "proved"),
        (QUADRATIC, 2, r"(\nabla^2 f)_{ij} = 2 A_{ij}", "refuted"),
        (FACTORS, 1, r"\sum_k (\sum_l U_{il} V_{kl} - R_{ik}) V_{kj}", "proved"),
        (FACTORS, 1, r"\sum_k V_{kj} (\sum_l U_{il} V_{kl} - R_{ik})", "unread"),
        (
            FACTORS,
            1,
            r"\frac{\partial f}{\partial U_{ij}} = \sum_k (\sum_l U_{il} V_{kl} - R_{ik}) V_{kj}",
            "proved",
        ),
        (LEAST_SQUARES, 1, r"\sum_i X_{ij} w_k", "unread"),
        # the entries of a diagonal, and of sums that begin beside the entry
        (ROOTS, 2, r"\operatorname{diag}\left(c^2 / (x_i^2 + c^2)^{3/2}\right)", "proved"),
        (ROOTS, 2, r"\operatorname{diag}\left(c^2 / (x_i^2 + c^2)^{1/2}\right)", "refuted"),
        (PAIRS, 1, r"\sum_{j \ne i} (W_{ij} + W_{ji})(x_i - x_j)", "proved"),
        (PAIRS, 1, r"2\sum_{j \ne i} W_{ij}(x_i - x_j)", "refuted"),
    ],
)
def test_indices_that_nothing_binds_are_those_of_entries(
    stated: Any, order: int, claim: str, status: str
) -> None:
    """Entries of a gradient with or without a left side; those of a matrix are not guessed."""
    text, variables, wrt = stated
    objective = dv.parse(text, variables=variables)
    names = {"\\lambda": "lam"} if "lam" in variables else None
    if status == "unread":
        with pytest.raises(ParseError, match="not bound by any sum"):
            dv.check(objective, wrt, claim=claim, order=order, symbols=names)
        return
    assert dv.check(objective, wrt, claim=claim, order=order, symbols=names).status == status
