"""The algebra that every expression obeys by construction: equal expressions are the same node."""

from __future__ import annotations

import itertools

import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st

from derive.build import (
    add,
    broadcast,
    constant_value,
    einsum,
    full,
    inner,
    is_zero,
    matmul,
    multiply,
    negate,
    number,
    power,
    scale,
    swap_last,
    total,
    transpose,
    zero,
)
from derive.errors import SizeError
from derive.node import Node, delta, ones, variable
from derive.operators import apply
from derive.sizes import sizes

n, d, k = sizes("n d k")
ONE, HALF = sympy.S.One, sympy.S.Half
A, B, C = (variable(name, (n, n)) for name in "ABC")
S = variable("S", (n, n), ("symmetric",))
X = variable("X", (n, d))
u, v, w = (variable(name, (n,)) for name in "uvw")
p = variable("p", (n,), ("positive",))
s = variable("s", ())

vectors = st.sampled_from([u, v, w, apply("sin", u), multiply(u, v), power(w, sympy.Integer(2))])
coefficients = st.fractions(-4, 4, max_denominator=6).map(
    lambda q: sympy.Rational(q.numerator, q.denominator)
)
terms = st.lists(st.tuples(coefficients, vectors), min_size=1, max_size=5)


def plus(*nodes: Node) -> Node:
    return add([(ONE, a) for a in nodes])


# ---------------------------------------------------------------- sums


@given(terms, st.randoms())
@settings(max_examples=60, deadline=None)
def test_addition_commutes(pairs: list[tuple[sympy.Expr, Node]], random: object) -> None:
    """a + b = b + a, whatever the number of terms."""
    shuffled = list(pairs)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert add(pairs) is add(shuffled)


@given(terms, terms)
@settings(max_examples=60, deadline=None)
def test_addition_associates(
    first: list[tuple[sympy.Expr, Node]], second: list[tuple[sympy.Expr, Node]]
) -> None:
    """(a + b) + (c + d) = a + b + c + d."""
    assert plus(add(first), add(second)) is add(first + second)


@given(terms, coefficients)
@settings(max_examples=60, deadline=None)
def test_scaling_distributes(pairs: list[tuple[sympy.Expr, Node]], c: sympy.Rational) -> None:
    """c (a + b) = ca + cb."""
    assert scale(c, add(pairs)) is add([(c * q, a) for q, a in pairs], (n,))


@given(terms)
@settings(max_examples=30, deadline=None)
def test_a_sum_minus_itself_is_zero(pairs: list[tuple[sympy.Expr, Node]]) -> None:
    """a − a = 0."""
    node = add(pairs)
    assert is_zero(plus(node, negate(node)))


def test_like_terms_are_collected() -> None:
    """u + u = 2u,  2u − 2u = 0,  u/2 + u/2 = u."""
    assert plus(u, u) is scale(sympy.Integer(2), u)
    assert is_zero(add([(2 * ONE, u), (-2 * ONE, u)]))
    assert add([(HALF, u), (HALF, u)]) is u


def test_symbolic_coefficients_cancel() -> None:
    """(1/n) u − u/n = 0,  n (u/n) = u."""
    assert is_zero(add([(1 / n, u), (-1 / n, u)]))
    assert scale(n, scale(1 / n, u)) is u


def test_addition_needs_equal_sizes() -> None:
    with pytest.raises(SizeError, match=r"\(n,\) and \(d,\)"):
        add([(ONE, u), (ONE, variable("x", (d,)))])


# ---------------------------------------------------------------- products


@given(st.permutations([A, B, C, S]))
@settings(max_examples=20, deadline=None)
def test_elementwise_products_commute(factors: list[Node]) -> None:
    """A ∘ B = B ∘ A."""
    assert multiply(*factors) is multiply(A, B, C, S)


def test_elementwise_products_are_found_in_any_grouping() -> None:
    """xᵢ yᵢ zᵢ: the order of factors does not matter."""
    labels = (0,)
    for order in itertools.permutations([u, v, p]):
        assert einsum([(x, labels) for x in order], labels) is einsum(
            [(x, labels) for x in (u, v, p)], labels
        )


def test_labels_are_only_names() -> None:
    """Σⱼ AᵢⱼBⱼₖ is the same under any labels."""
    assert einsum([(A, (0, 5)), (B, (5, 1))], (0, 1)) is einsum([(A, (7, 3)), (B, (3, 2))], (7, 2))
    assert matmul(A, B) is einsum([(B, (9, 1)), (A, (0, 9))], (0, 1))


def test_identity_disappears() -> None:
    """I A = A I = A,  I v = v,  tr I = n,  I ∘ I = I."""
    eye = delta(n)
    assert matmul(eye, A) is A
    assert matmul(A, eye) is A
    assert matmul(eye, v) is v
    assert einsum([(eye, (0, 0))], ()) is number(n)
    assert multiply(eye, eye) is eye


def test_chain_of_deltas() -> None:
    """δᵢⱼ δⱼₖ = δᵢₖ,  δᵢⱼ vⱼ = vᵢ,  δᵢⱼ Aᵢⱼ = tr A."""
    assert einsum([(delta(n), (0, 2)), (delta(n), (2, 1))], (0, 1)) is delta(n)
    assert einsum([(delta(n), (0, 2)), (v, (2,))], (0,)) is v
    assert einsum([(delta(n), (0, 1)), (A, (0, 1))], ()) is einsum([(A, (0, 0))], ())


def test_ones_disappear() -> None:
    """1ᵀ1 = n,  1 ∘ v = v,  Σᵢ over what nothing depends on = n times."""
    assert constant_value(inner(ones((n,)), ones((n,)))) == n
    assert multiply(full((n,)), v) is v
    assert einsum([(ones((n,)), (1,)), (v, (0,))], (0,)) is scale(n, v)


def test_coefficients_move_outside() -> None:
    """(2A)(3B) = 6 AB."""
    two, three = sympy.Integer(2), sympy.Integer(3)
    assert matmul(scale(two, A), scale(three, B)) is scale(sympy.Integer(6), matmul(A, B))


def test_zero_annihilates() -> None:
    """0 A = 0."""
    assert is_zero(matmul(zero((n, n)), A))
    assert is_zero(multiply(zero((n,)), v))
    assert is_zero(einsum([(zero((n, d)), (0, 1))], (0,)))


def test_equal_factors_become_powers() -> None:
    """v ∘ v = v²,  v² ∘ v = v³,  p ∘ p⁻¹ = 1."""
    assert multiply(v, v) is power(v, sympy.Integer(2))
    assert multiply(power(v, sympy.Integer(2)), v) is power(v, sympy.Integer(3))
    assert multiply(p, power(p, -ONE)) is full((n,))


def test_transposes_cancel() -> None:
    """Aᵀᵀ = A,  Sᵀ = S,  (XXᵀ)ᵀ = XXᵀ."""
    assert transpose(transpose(A)) is A
    assert transpose(S) is S
    assert swap_last(matmul(X, transpose(X))) is matmul(X, transpose(X))


def test_symmetry_is_used() -> None:
    """aᵀSb = bᵀSa,  tr(SA) = tr(SAᵀ)."""
    form = einsum([(u, (0,)), (S, (0, 1)), (v, (1,))], ())
    assert form is einsum([(v, (0,)), (S, (0, 1)), (u, (1,))], ())
    assert form is einsum([(u, (1,)), (S, (0, 1)), (v, (0,))], ())
    assert inner(S, A) is inner(S, transpose(A))


def test_scalars_commute_with_everything() -> None:
    """(sA)v = s(Av)."""
    left = einsum([(s, ()), (A, (0, 1)), (v, (1,))], (0,))
    assert left is einsum([(A, (0, 1)), (s, ()), (v, (1,))], (0,))


def test_trace_is_cyclic() -> None:
    """tr(ABC) = tr(BCA) = tr(CAB)."""
    traces = {
        einsum([(a, (0, 1)), (b, (1, 2)), (c, (2, 0))], ()) for a, b, c in ((A, B, C), (B, C, A), (C, A, B))
    }
    assert len(traces) == 1


def test_broadcasting_repeats_along_new_axes() -> None:
    """Σᵢⱼ (1 vᵀ)ᵢⱼ = d Σⱼ vⱼ."""
    assert total(broadcast(v, (d, n))) is scale(d, total(v))


def test_products_need_equal_sizes() -> None:
    with pytest.raises(SizeError, match="do not fit"):
        matmul(X, v)
    with pytest.raises(SizeError, match="sizes"):
        einsum([(X, (0, 0))], ())


# ---------------------------------------------------------------- powers


def test_powers_of_powers() -> None:
    """(v²)³ = v⁶,  (p^½)² = p,  √(v²) = |v|."""
    assert power(power(v, sympy.Integer(2)), sympy.Integer(3)) is power(v, sympy.Integer(6))
    assert power(power(p, HALF), sympy.Integer(2)) is p
    assert power(power(v, sympy.Integer(2)), HALF) is apply("abs", v)


def test_powers_of_products() -> None:
    """(u v)² = u² v²,  (4p)^½ = 2 p^½,  (−v)² = v²."""
    two = sympy.Integer(2)
    assert power(multiply(u, v), two) is multiply(power(u, two), power(v, two))
    assert power(scale(sympy.Integer(4), p), HALF) is scale(two, power(p, HALF))
    assert power(negate(v), two) is power(v, two)


def test_trivial_powers() -> None:
    """v¹ = v,  v⁰ = 1,  1ᵏ = 1."""
    assert power(v, ONE) is v
    assert power(v, sympy.S.Zero) is full((n,))
    assert power(full((n,)), sympy.Integer(5)) is full((n,))


# ---------------------------------------------------------------- facts


def test_gram_matrices_are_positive_semidefinite() -> None:
    """XᵀX ⪰ 0,  XᵀX + I ≻ 0,  X diag(p) Xᵀ ⪰ 0; XXᵀ of a different factor is not."""
    gram = matmul(transpose(X), X)
    assert "psd" in gram.facts
    assert "pd" in plus(gram, delta(d)).facts
    q = variable("q", (d,), ("nonnegative",))
    assert "psd" in einsum([(X, (0, 2)), (q, (2,)), (X, (1, 2))], (0, 1)).facts
    loose = variable("l", (d,))
    assert "psd" not in einsum([(X, (0, 2)), (loose, (2,)), (X, (1, 2))], (0, 1)).facts
    assert "psd" not in matmul(A, B).facts


def test_signs_follow_from_signs() -> None:
    """p > 0 ⟹ p∘p > 0, p + p² > 0; a difference has no sign."""
    assert "positive" in multiply(p, power(p, HALF)).facts
    assert "positive" in plus(p, power(p, sympy.Integer(2))).facts
    assert "nonnegative" not in add([(ONE, p), (-ONE, power(p, sympy.Integer(2)))]).facts
    assert "nonnegative" in power(v, sympy.Integer(2)).facts
    assert "positive" not in power(v, sympy.Integer(2)).facts
