"""What is read off the form of a coefficient, against SymPy's own answers."""

from __future__ import annotations

import pytest
import sympy

from derive.build import add
from derive.node import Sum, variable
from derive.sizes import is_negative, sign_of, sizes

n, d = sizes("n d")
VALUES = [
    sympy.Rational(-3, 7),
    sympy.pi,
    -n * d / 2,
    1 / sympy.sqrt(2 * sympy.pi),
    sympy.log(2 * sympy.pi),
    -d * sympy.log(2 * sympy.pi) / 2,
    sympy.log(sympy.pi / 4),
    -n * sympy.log(sympy.Rational(1, 3)),
    sympy.log(10**400),
]


@pytest.mark.parametrize("value", VALUES, ids=str)
def test_signs_are_those_of_sympy(value: sympy.Expr) -> None:
    assert sign_of(value) == (1 if value.is_positive else -1)
    assert is_negative(value) is bool(value.is_negative)


def test_signs_that_the_form_does_not_show_are_left_open() -> None:
    assert sign_of(n - d) is None
    assert sign_of(sympy.log(n)) is None
    assert sign_of(sympy.log(1 + sympy.Rational(1, 10**12))) is None


@pytest.mark.parametrize(
    ("coefficients", "content"),
    [
        ([1 / (4 * n), -1 / (2 * n)], 1 / (4 * n)),
        ([-1 / n, 2 / n], -1 / n),
        ([1 / (n + 1), 3 / (2 * n + 2)], 1 / (2 * (n + 1))),
        ([sympy.Rational(1, 2), n / 6], sympy.Rational(1, 6)),
        ([n, n * d], 1),
    ],
)
def test_common_factor_of_a_sum(coefficients: list[sympy.Expr], content: sympy.Expr) -> None:
    terms = [(sympy.sympify(c), variable(name, (n,))) for c, name in zip(coefficients, "ab", strict=True)]
    node = add(terms)
    assert isinstance(node, Sum)
    found = node.coefficients[0] if len(node.coefficients) == 1 else 1
    assert sympy.simplify(found - content) == 0
