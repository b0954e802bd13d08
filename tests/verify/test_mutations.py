"""Break a rule, and verification must notice: the checks are no rubber stamps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import sympy

from derive import differentiate
from derive.build import add, einsum, inner, matmul, scale, total, transpose
from derive.node import Node, variable
from derive.operators import REGISTRY, Elementwise, lookup
from derive.operators import apply as apply_
from derive.sizes import Binding, sizes
from derive.verify import draw, gradient_error
from derive.verify.exact import Oracle

n, d = sizes("n d")
ONE = sympy.S.One
X, w, A = variable("X", (n, d)), variable("w", (d,)), variable("A", (d, d), ("pd",))
BINDING = Binding({n: 3, d: 2})
TWO = sympy.Integer(2)


def spoiled(result: Any, how: str) -> Any:
    """A result with a wrong factor, sign, or a tiny error."""
    factor = {"factor": TWO, "sign": -ONE, "tiny": 1 + sympy.Rational(1, 10**6)}[how]
    return scale(factor, result)


STATEMENTS: dict[str, Node] = {
    **{
        name: total(apply_(name, matmul(X, w)))
        for name in ("tanh", "exp", "softplus", "sigmoid", "sin", "erf", "gelu", "arctan")
    },
    "logsumexp": apply_("logsumexp", matmul(X, w), axes=(0,)),
    "softmax": inner(matmul(X, w), apply_("softmax", matmul(X, w), axes=(0,))),
}
MATRIX = {
    "inv": inner(w, matmul(apply_("inv", A), w)),
    "det": apply_("det", A),
    "logdet": apply_("logdet", A),
}


def worst(f: Node, wrt: Any) -> float:
    point = draw([X, w, A], BINDING, 5, "generic")
    return gradient_error(f, differentiate.gradient(f, wrt), wrt, point.arrays, BINDING, digits=50)


@pytest.mark.parametrize("how", ["factor", "sign", "tiny"])
@pytest.mark.parametrize("name", [*STATEMENTS, *MATRIX])
def test_a_wrong_operator_rule_is_caught(name: str, how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every operator's derivative rule, spoiled in turn."""
    f, wrt = (STATEMENTS[name], w) if name in STATEMENTS else (MATRIX[name], A)
    assert worst(f, wrt) < 1e-20
    kind = type(lookup(name))
    rule: Callable[..., Node] = kind.vjp

    def wrong(self: Any, node: Any, index: int, adjoint: Node) -> Node:
        right = rule(self, node, index, adjoint)
        return spoiled(right, how) if self.name == name else right

    monkeypatch.setattr(kind, "vjp", wrong)
    assert worst(f, wrt) > 1e-8


@pytest.mark.parametrize("how", ["factor", "sign", "tiny"])
def test_a_wrong_product_rule_is_caught(how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one rule of Einstein products, by differences and by SymPy."""
    f = add([(ONE, total(apply_("sin", matmul(X, w)))), (ONE, inner(w, matmul(A, w)))])
    rule = differentiate._pull_back_product
    monkeypatch.setattr(
        differentiate, "_pull_back_product", lambda *a: spoiled(rule(*a), how) if a[1] == 0 else rule(*a)
    )
    assert worst(f, w) > 1e-8
    oracle = Oracle(f, Binding({n: 2, d: 2}))
    expected = oracle.diff(oracle.value, w)
    assert oracle.disagreement(expected, differentiate.gradient(f, w)) is not None


def test_a_forgotten_transpose_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """Factors of a product confused: the axes of the adjoint in the wrong order."""
    M = variable("M", (d, d))
    f = total(apply_("sin", matmul(M, matmul(M, M))))
    rule = differentiate._pull_back_product

    def wrong(*a: Any) -> Node:
        right = rule(*a)
        return transpose(right) if right.order == 2 and right.shape[0] == right.shape[1] else right

    monkeypatch.setattr(differentiate, "_pull_back_product", wrong)
    point = draw([M], BINDING, 5, "generic")
    assert gradient_error(f, differentiate.gradient(f, M), M, point.arrays, BINDING, digits=50) > 1e-3


def test_a_forgotten_symmetrisation_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    S, B = variable("S", (d, d), ("symmetric",)), variable("B", (d, d))
    f = einsum([(B, (0, 1)), (S, (1, 0))], ())
    monkeypatch.setattr(differentiate, "_respect_facts", lambda derivative, variable_: derivative)
    point = draw([S, B], BINDING, 5, "generic")
    assert gradient_error(f, differentiate.gradient(f, S), S, point.arrays, BINDING, digits=50) > 1e-3


def test_every_smooth_elementwise_operator_could_be_mutated() -> None:
    """The list above is a sample of the registry, not a private set."""
    assert all(isinstance(REGISTRY[name], Elementwise) for name in list(STATEMENTS)[:8])
