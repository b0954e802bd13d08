"""Our own LaTeX, and that of textbooks, is read back as what it was printed from."""

from __future__ import annotations

import numpy as np
import pytest

from derive import notation
from derive.differentiate import gradient, jacobian
from derive.domains import Array
from derive.errors import AmbiguityError, DeriveError
from derive.evaluate import evaluate
from derive.node import Node, size_symbols
from derive.node import variables as occurring
from derive.second import hessian
from derive.statement.declarations import declare
from derive.statement.latex import parse_latex_node
from derive.statement.text import parse_node

from .corpus import Case, cases, draw

GRADIENTS, TEXTBOOK = cases("gradients"), cases("textbook")

#: Results whose matrix notation a reader could take in two ways: functions of the entries of a square matrix
#: look like functions of the matrix. They are refused, not misread.
TWO_WAYS = {"mc128ew", "gplvm_X"}

#: Textbook forms that are refused, because they use what the book says around them or are ambiguous by themselves.
REFUSED = {
    "powers of vectors": "logit_pm_H_free pseudo_huber studentt barrier_H sum4_H kl_q_H mlp_x mlpb_W_tanh",
    "products of vectors side by side": "bce_p",
    "softmax of a matrix": "smr_log rowlse attn_Q nce_S",
    "a slash before a product": "rbf_x",
    "functions the book defines elsewhere": "probit relu_aff",
    "symbols the book defines elsewhere": "gauss_S soft_kmeans mean_shift std attn_K covq",
}
#: What the books' symbols are called here.
SYMBOLS = {
    "enet_H": {r"\alpha": "a"},
    "kridge": {r"\alpha": "a"},
    "pagerank": {r"\alpha": "a"},
    "softmin": {r"\beta": "b"},
    "hopfield": {r"\beta": "b"},
    "quantile": {r"\tau": "q"},
    "pseudo_huber": {r"\delta": "dl"},
    "g1_mu": {r"\sigma": "s"},
    "g1_s": {r"\sigma": "s"},
    "g1_v": {r"\sigma^2": "v"},
    "rbf_x": {r"\sigma": "s"},
    "gp_y": {r"\sigma^2": "s"},
    "ppca_W": {r"\sigma^2": "s"},
}


def value(node: Node, case: Case) -> Array:
    sizes = case["sizes"][0]
    names = {v.name for v in occurring(node)} | {s.name for s in size_symbols(node)}
    return evaluate(node, {k: v for k, v in {**sizes, **draw(case, sizes)}.items() if k in names})


@pytest.mark.parametrize("case", GRADIENTS, ids=[c["id"] for c in GRADIENTS])
def test_printed_results_are_read_back(case: Case) -> None:
    """parse_latex(latex(g)) = g for every result in matrix notation."""
    variables = declare(case["declare"], case["facts"])
    operation = {1: gradient, 2: hessian, "jacobian": jacobian}[case["order"]]
    found = operation(parse_node(case["objective"], variables), variables[case["wrt"]])
    printed = notation.latex(found, False)
    if found.order > 2:  # index notation
        with pytest.raises(DeriveError):
            parse_latex_node(printed, variables)
        return
    try:
        again = parse_latex_node(printed, variables, shape=found.shape)
    except AmbiguityError:
        assert case["id"] in TWO_WAYS, printed
        return
    a, b = value(found, case), value(again, case)
    assert np.shape(a) == np.shape(b)
    np.testing.assert_allclose(b, a, rtol=1e-9, atol=1e-9 * (1 + np.abs(a).max()))


@pytest.mark.parametrize("case", TEXTBOOK, ids=[c["id"] for c in TEXTBOOK])
def test_textbook_forms(case: Case) -> None:
    """What a textbook prints equals the answer, or is refused for a reason; it is never something else."""
    refused = {word for words in REFUSED.values() for word in words.split()}
    variables = declare(case["declare"], case["facts"])
    answer = parse_node(case["answer"], variables)
    try:
        found = parse_latex_node(case["latex"], variables, SYMBOLS.get(case["id"]), shape=answer.shape)
    except DeriveError:
        assert case["id"] in refused
        return
    a, b = value(answer, case), value(found, case)
    assert np.shape(a) == np.shape(b)
    np.testing.assert_allclose(b, a, rtol=1e-9, atol=1e-9 * (1 + np.abs(a).max()))
