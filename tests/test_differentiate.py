"""Derivatives against differences, against 50 digits, and against their own laws."""

from __future__ import annotations

import random as random_module

import numpy as np
import pytest
import sympy

from derive.build import (
    add,
    einsum,
    inner,
    is_zero,
    matmul,
    multiply,
    power,
    scale,
    swap_last,
    total,
    transpose,
)
from derive.differentiate import gradient, gradients, hvp, jacobian, jvp, substitute, vjp
from derive.errors import SizeError
from derive.evaluate import evaluate_bound
from derive.node import Node, Variable, delta, topological, variable, variables
from derive.operators import apply
from derive.second import hessian
from derive.sizes import Binding, sizes
from derive.verify import directional_error, draw, gradient_error
from derive.verify.numbers import same_value

n, d, k = sizes("n d k")
ONE, HALF = sympy.S.One, sympy.S.Half
NUMBERS = Binding({n: 3, d: 2, k: 2})
X = variable("X", (n, d))
y = variable("y", (n,))
w = variable("w", (d,))
A = variable("A", (d, d))
S = variable("S", (d, d), ("symmetric",))
P = variable("P", (d, d), ("pd",))
s = variable("s", ())


def plus(*nodes: Node) -> Node:
    return add([(ONE, a) for a in nodes])


def assert_derivative(value: Node, derivative: Node, wrt: Variable, seed: int = 0) -> None:
    """Ten digits in double precision, twenty in mpmath."""
    point = draw({*variables(value, derivative), wrt}, NUMBERS, seed)
    floats = {name: np.asarray(a, dtype=float) for name, a in point.arrays.items()}
    assert gradient_error(value, derivative, wrt, floats, NUMBERS) < 1e-7
    assert gradient_error(value, derivative, wrt, point.arrays, NUMBERS, digits=50) < 1e-20


def assert_equal(a: Node, b: Node, seed: int = 0) -> None:
    """40 equal digits at a random point."""
    assert same_value(a, b, draw(variables(a, b), NUMBERS, seed))


# ---------------------------------------------------------------- the textbook


TEXTBOOK = {
    "∇ aᵀw = a": (lambda: inner(variable("a", (d,)), w), w, lambda: variable("a", (d,))),
    "∇ wᵀAw = (A + Aᵀ)w": (lambda: inner(w, matmul(A, w)), w, lambda: matmul(plus(A, transpose(A)), w)),
    "∇ wᵀSw = 2Sw": (lambda: inner(w, matmul(S, w)), w, lambda: scale(sympy.Integer(2), matmul(S, w))),
    "∇ ½‖w‖² = w": (lambda: scale(HALF, inner(w, w)), w, lambda: w),
    "∇ ½‖Xw − y‖² = Xᵀ(Xw − y)": (
        lambda: scale(HALF, inner(*[add([(ONE, matmul(X, w)), (-ONE, y)])] * 2)),
        w,
        lambda: matmul(transpose(X), add([(ONE, matmul(X, w)), (-ONE, y)])),
    ),
    "∇ log det P = P⁻¹": (lambda: apply("logdet", P), P, lambda: apply("inv", P)),
    "∇ log|det A| = A⁻ᵀ": (lambda: apply("logdet", A), A, lambda: transpose(apply("inv", A))),
    "∇ tr A⁻¹ = −A⁻²ᵀ": (
        lambda: einsum([(apply("inv", A), (0, 0))], ()),
        A,
        lambda: scale(-ONE, transpose(matmul(apply("inv", A), apply("inv", A)))),
    ),
    "∇ det A = det A · A⁻ᵀ": (
        lambda: apply("det", A),
        A,
        lambda: multiply(apply("det", A), transpose(apply("inv", A))),
    ),
    "∇ ‖w‖ = w/‖w‖": (
        lambda: power(inner(w, w), HALF),
        w,
        lambda: multiply(power(inner(w, w), -HALF), w),
    ),
    "∇ Σ sin = cos": (lambda: total(apply("sin", w)), w, lambda: apply("cos", w)),
    "∇ logsumexp = softmax": (
        lambda: apply("logsumexp", w, axes=(0,)),
        w,
        lambda: apply("softmax", w, axes=(0,)),
    ),
}


@pytest.mark.parametrize("name", TEXTBOOK)
def test_textbook(name: str) -> None:
    """Petersen & Pedersen, The Matrix Cookbook, ch. 2."""
    statement, wrt, formula = TEXTBOOK[name]
    derived = gradient(statement(), wrt)
    assert_equal(derived, formula())
    assert_derivative(statement(), derived, wrt, seed=1)


def test_bilinear_forms_of_a_symmetric_unknown() -> None:
    """aᵀSb = bᵀSa, so their gradients are equal: (abᵀ + baᵀ)/2."""
    a, b = variable("a", (d,)), variable("b", (d,))
    first = gradient(inner(a, matmul(S, b)), S)
    second = gradient(inner(b, matmul(S, a)), S)
    assert_equal(first, second)
    outer = einsum([(a, (0,)), (b, (1,))], (0, 1))
    assert_equal(first, scale(HALF, plus(outer, transpose(outer))))


# ---------------------------------------------------------------- random products


def random_product(seed: int) -> tuple[Node, Variable]:
    """A product of one to four factors over random labels: diagonals, repeated factors, deltas."""
    random = random_module.Random(seed)
    size = {label: random.choice((n, d, d, k)) for label in range(5)}
    pool: dict[tuple[object, ...], Variable] = {}
    factors: list[tuple[Node, tuple[int, ...]]] = []
    for _ in range(random.randint(1, 4)):
        labels = tuple(random.choice(range(5)) for _ in range(random.randint(0, 3)))
        shape = tuple(size[i] for i in labels)
        if len(labels) == 2 and shape[0] == shape[1] and random.random() < 0.2:
            factors.append((delta(shape[0]), labels))
        else:
            factors.append((pool.setdefault(shape, variable(f"v{len(pool)}", shape)), labels))
    used = sorted({i for _, labels in factors for i in labels})
    output = tuple(random.sample(used, min(len(used), random.randint(0, 2))))
    node = einsum(factors, output)
    wrt = random.choice(sorted(pool.values(), key=lambda v: v.name)) if pool else s
    return node, wrt


@pytest.mark.parametrize("batch", range(6))
def test_random_products(batch: int) -> None:
    """Jacobians of einsum expressions, 'ii->i' and repeated operands included."""
    for seed in range(batch * 12, batch * 12 + 12):
        node, wrt = random_product(seed)
        point = draw({*variables(node), wrt}, NUMBERS, seed)
        error = gradient_error(node, jacobian(node, wrt), wrt, point.arrays, NUMBERS, digits=50)
        assert error < 1e-20, f"seed {seed}"


def test_diagonal_input() -> None:
    """'ii->i' and 'ii->': the adjoint is on the diagonal."""
    assert_derivative(einsum([(A, (0, 0))], (0,)), jacobian(einsum([(A, (0, 0))], (0,)), A), A)
    assert gradient(einsum([(A, (0, 0))], ()), A) is delta(d)
    cube = variable("T", (d, d, d))
    node = einsum([(cube, (0, 0, 0)), (w, (0,))], (0,))
    assert_derivative(node, jacobian(node, cube), cube)


def test_repeated_operands() -> None:
    """tr A³ and wᵀww: every use counts."""
    cubic = einsum([(A, (0, 1)), (A, (1, 2)), (A, (2, 0))], ())
    assert_derivative(cubic, gradient(cubic, A), A)
    assert_derivative(gradient(cubic, A), hessian(cubic, A), A)


# ---------------------------------------------------------------- laws


def objective() -> Node:
    z = matmul(X, w)
    return plus(total(apply("softplus", z)), scale(HALF, multiply(s, inner(w, w))), inner(y, apply("sin", z)))


def test_linearity() -> None:
    """∇(2f − 3g) = 2∇f − 3∇g."""
    f, g = total(apply("exp", matmul(X, w))), inner(w, matmul(A, w))
    two, three = sympy.Integer(2), sympy.Integer(3)
    left = gradient(add([(two, f), (-three, g)]), w)
    assert_equal(left, add([(two, gradient(f, w)), (-three, gradient(g, w))]))


def test_chain_rule() -> None:
    """J(f ∘ g) = J(f)(g) · J(g)."""
    g = apply("tanh", matmul(X, w))
    z = variable("z", (n,))
    f = apply("exp", multiply(z, z))
    whole = jacobian(substitute(f, {z: g}), w)
    assert_equal(whole, matmul(substitute(jacobian(f, z), {z: g}), jacobian(g, w)))


def test_product_rule() -> None:
    """∇(fg) = f∇g + g∇f."""
    f, g = total(apply("sin", w)), inner(w, matmul(A, w))
    left = gradient(multiply(f, g), w)
    assert_equal(left, plus(multiply(f, gradient(g, w)), multiply(g, gradient(f, w))))


def test_hessians_are_symmetric() -> None:
    """∇²f = ∇²fᵀ, for vectors and for matrices (axes swapped in pairs)."""
    H = hessian(objective(), w)
    assert_equal(H, transpose(H))
    f = total(apply("tanh", matmul(A, A)))
    H = hessian(f, A)
    assert_equal(H, transpose(H, (2, 3, 0, 1)))
    assert_derivative(gradient(f, A), H, A)


def test_mixed_hessians_are_transposes() -> None:
    """∂²f/∂w∂s = (∂²f/∂s∂w)ᵀ."""
    assert_equal(hessian(objective(), w, s), hessian(objective(), s, w))


def test_hvp_is_hessian_times_vector() -> None:
    """hvp(f, v) = ∇²f v, without the Hessian; for a matrix unknown too."""
    v = variable("v", (d,))
    assert_equal(hvp(objective(), w, v), matmul(hessian(objective(), w), v))
    f, V = total(apply("tanh", matmul(A, A))), variable("V", (d, d))
    expected = einsum([(hessian(f, A), (0, 1, 2, 3)), (V, (2, 3))], (0, 1))
    assert_equal(hvp(f, A, V), expected)


def test_hvp_of_a_symmetric_unknown() -> None:
    """hvp(f, V) = ∇²f V in the space of symmetric matrices."""
    f, V = total(apply("exp", matmul(S, S))), variable("V", (d, d), ("symmetric",))
    expected = einsum([(hessian(f, S), (0, 1, 2, 3)), (V, (2, 3))], (0, 1))
    assert_equal(hvp(f, S, V), expected)


def test_jvp_and_vjp_are_dual() -> None:
    """uᵀ(Jv) = (uᵀJ)v."""
    f = apply("tanh", matmul(X, multiply(w, w)))
    u, v = variable("u", (n,)), variable("v", (d,))
    assert_equal(inner(u, jvp(f, w, v)), inner(vjp(f, w, u), v))
    assert_equal(jvp(f, w, v), matmul(jacobian(f, w), v))
    assert_equal(vjp(f, w, u), matmul(transpose(jacobian(f, w)), u))


def test_gradient_shapes() -> None:
    """A gradient has the shape of its unknown; a Jacobian the output's axes in front."""
    assert gradient(objective(), w).shape == (d,)
    assert jacobian(matmul(X, w), w).shape == (n, d)
    assert jacobian(apply("inv", A), A).shape == (d, d, d, d)
    assert hessian(objective(), w).shape == (d, d)


def test_absent_unknowns_have_zero_gradients() -> None:
    """The right zero: of the unknown's shape."""
    g = gradient(inner(w, w), X)
    assert is_zero(g)
    assert g.shape == (n, d)


def test_gradients_share_one_sweep() -> None:
    together = gradients(objective(), [w, s, y])
    for g, v in zip(together, (w, s, y), strict=True):
        assert g is gradient(objective(), v)


def test_a_gradient_needs_a_scalar() -> None:
    with pytest.raises(SizeError, match=r"scalar objective, got shape \(n,\)"):
        gradient(matmul(X, w), w)


@pytest.mark.parametrize("name", ["logdet P", "tr(A S)", "sum exp(S S)", "wᵀ inv(P) w"])
def test_symmetric_unknowns(name: str) -> None:
    """The symmetric part of the unconstrained gradient: itself symmetric, right in symmetric directions."""
    f, wrt = {
        "logdet P": (apply("logdet", P), P),
        "tr(A S)": (einsum([(A, (0, 1)), (S, (1, 0))], ()), S),
        "sum exp(S S)": (total(apply("exp", matmul(S, S))), S),
        "wᵀ inv(P) w": (einsum([(w, (0,)), (apply("inv", P), (0, 1)), (w, (1,))], ()), P),
    }[name]
    g = gradient(f, wrt)
    assert_equal(g, swap_last(g))
    assert_derivative(f, g, wrt)
    assert_derivative(g, hessian(f, wrt), wrt)


def test_batches_of_matrices() -> None:
    """inv, det and logdet act on the last two axes."""
    B = variable("B", (k, d, d), ("pd",))
    f = plus(total(apply("logdet", B)), total(apply("inv", B)), total(apply("det", B)))
    assert_derivative(f, gradient(f, B), B)


def test_a_deep_chain() -> None:
    """10,000 operators on top of each other: no recursion, gradient and value."""
    node: Node = s
    for _ in range(10_000):
        node = apply("sin", node)
    g = gradient(node, s)
    (value, slope) = evaluate_bound([node, g], {"s": np.array(0.5)}, Binding({}))
    x, product = 0.5, 1.0
    for _ in range(10_000):
        product *= np.cos(x)
        x = np.sin(x)
    assert abs(float(value) - x) < 1e-12
    assert abs(float(slope) / product - 1) < 1e-9


def test_a_deep_network_stays_small() -> None:
    """Twenty layers: the gradient's DAG grows with the depth, not with its square or worse."""

    def layers(depth: int) -> int:
        out: Node = w
        for level in range(depth):
            out = apply("tanh", matmul(variable(f"W{level}", (d, d)), out))
        return sum(1 for _ in topological([gradient(total(out), variable("W0", (d, d)))]))

    assert layers(20) < 2.2 * layers(10)


def test_directions_in_double_precision() -> None:
    """A derivative on larger data: random directions, two evaluations each."""
    generator = np.random.default_rng(1)
    binding = Binding({n: 50, d: 4})
    arrays = {
        "X": generator.standard_normal((50, 4)),
        "w": generator.standard_normal(4),
        "y": generator.standard_normal(50),
        "s": np.array(0.3),
    }
    assert directional_error(objective(), gradient(objective(), w), w, arrays, binding) < 1e-8
