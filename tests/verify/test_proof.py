"""Proofs: right claims in other words are proved, wrong ones never, small sizes prove nothing."""

from __future__ import annotations

import itertools

import pytest
import sympy

import derive as dv
from derive.build import add, matmul
from derive.node import Node, variable
from derive.sizes import sizes
from derive.stable import recognise
from derive.statement.text import parse_node
from derive.verify.proof import proof, vanishes

XWY = {"X": ("n", "d"), "w": ("d",), "y": ("n",)}
SQUARE = {"A": ("d", "d"), "B": ("d", "d"), "x": ("d",)}

#: (left, right, variables, facts): equal for all sizes.
EQUAL = {
    "1 − σ(z) = σ(−z)": ("1 - sigmoid(X@w)", "sigmoid(-(X@w))", XWY, {}),
    "σ by exponentials": ("exp(X@w)/(1 + exp(X@w))", "1/(1 + exp(-(X@w)))", XWY, {}),
    "tanh by σ": ("tanh(X@w)", "2*sigmoid(2*(X@w)) - 1", XWY, {}),
    "1 − tanh² = sech²": ("1 - tanh(w)**2", "1/cosh(w)**2", XWY, {}),
    "softplus(−z) = softplus(z) − z": ("softplus(-w)", "softplus(w) - w", XWY, {}),
    "softmax by log-sum-exp": ("exp(w - logsumexp(w))", "softmax(w)", XWY, {}),
    "softmax by exponentials": ("exp(w)/sum(exp(w))", "softmax(w)", XWY, {}),
    "exp of a sum": ("exp(w + 2*v)", "exp(w)*exp(v)**2", {"w": ("d",), "v": ("d",)}, {}),
    "variance under a root": ("w/sqrt(var(w))", "w/sqrt(mean(w**2) - mean(w)**2)", XWY, {}),
    "distance by products": ("norm(w - v)", "sqrt(w@w - 2*w@v + v@v)", {"w": ("d",), "v": ("d",)}, {}),
    "exp of a square": ("exp((w - v)**2)", "exp(w**2)*exp(v*v)/exp(w*v)**2", {"w": ("d",), "v": ("d",)}, {}),
    "double angle": ("sin(2*w)", "2*sin(w)*cos(w)", XWY, {}),
    "Pythagoras": ("sin(w)**2 + cos(w)**2", "ones(d)", XWY, {}),
    "sign by quotient": ("sign(X@w - y)", "(X@w - y)/abs(X@w - y)", XWY, {}),
    "relu by max": ("relu(w)", "maximum(w, 0)", XWY, {}),
    "log of a product": ("log(2*w**3*v)", "log(2) + 3*log(w) + log(v)", {"w": ("d",), "v": ("d",)},
                         {"w": ("positive",), "v": ("positive",)}),
    "one denominator": ("1/(1 + w) + 1/(1 - w)", "2/(1 - w**2)", XWY, {}),
    "scalar denominators": ("A@x/dot(x,x) - x*dot(x,A@x)/dot(x,x)**2",
                            "(A@x*dot(x,x) - x*dot(x,A@x))/dot(x,x)**2", SQUARE, {}),
    "inverse of a product": ("inv(A@B).T", "inv(A).T@inv(B).T", SQUARE, {}),
    "inverse of a transpose": ("inv(A.T)", "inv(A).T", SQUARE, {}),
    "logdet of a transpose": ("logdet(A.T@A + eye(d))", "logdet(eye(d) + (A.T@A).T)", SQUARE, {}),
    "logdet of a product": ("logdet(A@B)", "logdet(B) + logdet(A)", SQUARE, {}),
    "det of an inverse": ("det(inv(A)@B)", "det(B)/det(A)", SQUARE, {}),
    "inverse times its sum": ("inv(A@B + eye(d))@A@B@x", "x - inv(A@B + eye(d))@x", SQUARE, {}),
    "ridge": ("X.T@(X@(inv(X.T@X + eye(d))@X.T@y) - y)", "-inv(X.T@X + eye(d))@X.T@y", XWY, {}),
    "blocks": ("concatenate([x, y])@block([[A, C], [C.T, eye(m)]])@concatenate([x, y])", "x@A@x + 2*x@C@y + y@y",
               {"A": ("d", "d"), "C": ("d", "m"), "x": ("d",), "y": ("m",)}, {}),
    "joined": ("concatenate([x, B@x + x])", "concatenate([x, x]) + pad(B@x, d, 0)", SQUARE, {}),
    "halves": ("concatenate([A@x, x])[d:]", "x", SQUARE, {}),
    "orthogonal": ("A.T@A@x", "x", SQUARE, {"A": ("orthogonal",)}),
    "diagonal": ("A@B", "outer(diag(A), ones(d))*B", SQUARE, {"A": ("diagonal",)}),
    "mean is sum over n": ("mean(X, axis=0) - w", "X.T@ones(n)/n - w", XWY, {}),
    "centring": ("(eye(n) - ones(n, n)/n)@(X@w)", "X@w - mean(X@w)", XWY, {}),
    "trace of the identity": ("tr(X@inv(X.T@X)@X.T)", "tr(inv(X.T@X)@X.T@X)", XWY, {}),
}  # fmt: skip


def nodes(
    left: str, right: str, declared: dict[str, tuple[str, ...]], facts: dict[str, tuple[str, ...]]
) -> tuple[Node, Node]:
    names = {v.name: v for v in dv.parse("0", variables=declared, facts=facts).declared}
    return parse_node(left, names), parse_node(right, names)


@pytest.mark.parametrize("name", EQUAL)
def test_equal_for_all_sizes(name: str) -> None:
    left, right = nodes(*EQUAL[name])  # type: ignore[arg-type]
    assert proof(left, right) is not None


#: Nearly equal, or equal only under a fact, at some sizes, or up to rounding.
UNEQUAL = {
    "n − 1": ("sum(X, axis=0)/n", "sum(X, axis=0)/(n - 1)", XWY, {}),
    "sum and mean": ("sum(y)", "mean(y)", XWY, {}),
    "wrong size": ("X.T@y/n", "X.T@y/d", XWY, {}),
    "only at size 1": ("sum(w)*w", "w*w", XWY, {}),
    "only if symmetric": ("A@x", "A.T@x", SQUARE, {}),
    "commuting": ("A@B", "B@A", SQUARE, {}),
    "commuting inverses": ("inv(A@B)", "inv(A)@inv(B)", SQUARE, {}),
    "diag of a product": ("diag(A@B)", "diag(A)*diag(B)", SQUARE, {}),
    "off the diagonal only": ("exp(A)", "exp(A - diag(diag(A)))", SQUARE, {}),
    "a millionth": ("sigmoid(w)", "sigmoid(w*1.000001)", XWY, {}),
    "log without facts": ("log(w**2)", "2*log(w)", XWY, {}),
    "root of a square": ("sqrt(w**2)", "w", XWY, {}),
    "tanh(8)": ("sign(w)", "tanh(8*w/abs(w))", XWY, {}),
    "exponents": ("exp(w)**2", "exp(w**2)", XWY, {}),
    "sums of exponentials": ("log(sum(exp(w)))", "sum(w)", XWY, {}),
    "blocks, one twice": (
        "concatenate([x, y])@block([[A, C], [C.T, eye(m)]])@concatenate([x, y])",
        "x@A@x + x@C@y + y@y",
        {"A": ("d", "d"), "C": ("d", "m"), "x": ("d",), "y": ("m",)},
        {},
    ),
    "row and column": ("softmax(X, axis=0)", "softmax(X, axis=1)", XWY, {}),
}


@pytest.mark.parametrize("name", UNEQUAL)
def test_unequal_is_never_proved(name: str) -> None:
    """The proof alone, without the numbers that refute these first."""
    left, right = nodes(*UNEQUAL[name])  # type: ignore[arg-type]
    assert proof(left, right) is None


def standard_identity(size: sympy.Expr) -> Node:
    """S₄(A, B, C, D) = Σ sign(π) of the products in all orders: zero for 2×2 matrices, for no larger ones."""
    matrices = [variable(name, (size, size)) for name in "ABCD"]
    terms = []
    for order in itertools.permutations(range(4)):
        sign = sympy.Integer(sympy.combinatorics.Permutation(list(order)).signature())
        product = matrices[order[0]]
        for k in order[1:]:
            product = matmul(product, matrices[k])
        terms.append((sign, product))
    return add(terms)


def test_small_matrices_prove_nothing_about_larger_ones() -> None:
    """Amitsur–Levitzki: the identity of degree 4 holds at the fixed size 2, not for every n."""
    (n,) = (sizes("n"),)
    assert vanishes(standard_identity(sympy.Integer(2))) is not None
    assert vanishes(standard_identity(sympy.Integer(3))) is None
    assert vanishes(standard_identity(n)) is None


def test_the_verdict_names_sizes_facts_and_error() -> None:
    loss = dv.parse("sum(log(1 + exp(-y*(X@w))))", variables=XWY)
    verdict = dv.check(loss, "w", claim="-0.5 * X.T @ (y * (1 - tanh(y * (X @ w) / 2)))")
    assert verdict.status == "proved"
    for part in ("prime", "2^-80", "speak for all sizes", "n = ", "d = "):
        assert part in verdict.reason
    kinked = dv.parse("sum(abs(w))", variables=XWY)
    assert "kinks of abs" in dv.check(kinked, "w", claim="w/abs(w)").reason
    symmetric = dv.parse("dot(x, A@x)", variables=SQUARE, facts={"A": ("symmetric",)})
    assert "given that A is symmetric" in dv.check(symmetric, "x", claim="2*A@x").reason


def test_a_coefficient_cannot_be_aimed_at_the_prime() -> None:
    """The prime depends on the difference: a coefficient that is a multiple of one prime changes it."""
    w = dv.vector("w", "d")
    for bits in (61, 127):
        claim = recognise((w * (2**bits)).node)
        assert proof(claim, w.node) is None
