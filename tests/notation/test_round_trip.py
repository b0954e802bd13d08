"""What is printed can be read again and means the same: random expressions, and everything in the sample data."""

from __future__ import annotations

import pytest
import sympy

from derive import notation
from derive.build import multiply, number
from derive.errors import DeclarationError
from derive.node import Node, ones, variable
from derive.sizes import size_symbol
from derive.statement.declarations import declare
from derive.statement.text import parse_node
from tests.fuzz.round_trip import check, pieces, read_again, results, small
from tests.oracle.samples import samples
from tests.statement.corpus import Case, cases

SEEDS, BATCH = 60, 10
CASES = [*cases("gradients"), *cases("textbook")]
N, D = size_symbol("n"), size_symbol("d")


@pytest.mark.parametrize("start", range(0, SEEDS, BATCH))
def test_random_expressions(start: int) -> None:
    """Scalars and arrays, gradients, Jacobians, Hessians of random expressions: about 300 results."""
    for seed in range(start, start + BATCH):
        for _, node in pieces(seed):
            if small(node):
                check(node, seed)


@pytest.mark.parametrize("case", CASES, ids=[c["id"] for c in CASES])
def test_sample_results(case: Case) -> None:
    """Values, gradients and Hessians of the objectives of the literature, in the unknown of the case."""
    variables = declare(case["declare"], case["facts"])
    objective = parse_node(case["objective"], variables)
    for _, node in results(objective, [variables[case["wrt"]]]):
        if small(node):
            check(node)


@pytest.mark.parametrize(("label", "node"), [pytest.param(a, b, id=a) for a, b, _ in samples()])
def test_every_operator(label: str, node: Node) -> None:
    """Each registered operator is a function of the text language, and comes back as itself."""
    assert check(node) in ("same", "equal")


@pytest.mark.parametrize("name", ["x", "pi"])
def test_pi(name: str) -> None:
    """The constant π beside a variable called `pi` is written 4 arctan(1)."""
    x = variable(name, (N,))
    node = multiply(number(2 / sympy.sqrt(sympy.pi)), x)
    text = notation.text(node)
    assert ("arctan(1)" in text) == (name == "pi")
    assert read_again(node) is node
    assert check(node) == "same"
    assert (r"\mathrm{\pi}" in notation.latex(node)) == (name == "pi")


def test_functions_are_no_names() -> None:
    """A variable called like a function would make `sum(x)` ambiguous; it is refused when declared."""
    with pytest.raises(DeclarationError):
        declare({"sum": ["n"]})


@pytest.mark.parametrize(
    "value", ["2*sqrt(pi)", "exp(-n)", "-pi/2", "2**n", "n**(-3/2)", "log(n + 1)/(2*n*(n + d))", "1 - 1/n"]
)
def test_coefficients(value: str) -> None:
    """Numbers and size expressions in front of an array."""
    c = sympy.sympify(value, locals={"n": N, "d": D})
    for node in (multiply(number(c), variable("x", (N,))), multiply(number(c), ones((N,)))):
        assert check(node) in ("same", "equal")
