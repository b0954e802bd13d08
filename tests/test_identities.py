"""Each rewrite rule for print: its identity as text, equal numbers, and any order of the table."""

from __future__ import annotations

from random import Random

import pytest

from derive import identities, notation
from derive.identities import RULES
from derive.node import Node
from derive.simplify import simplify
from derive.statement.declarations import declare
from derive.statement.text import parse_node
from tests.fuzz.round_trip import Float, bindings, gap, values

VARIABLES = declare(
    {
        "A": ["n", "n"],
        "B": ["n", "n"],
        "C": ["n", "n"],
        "X": ["n", "d"],
        "S": ["n", "n"],
        "x": ["n"],
        "y": ["n"],
        "z": ["n"],
        "p": ["n"],
        "s": ["n"],
        "W": ["d", "n"],
        "a": [],
    },
    {"S": ["pd"], "p": ["simplex"], "s": ["positive"]},
)
#: (rule, what is stated, what is printed)
IDENTITIES = [
    ("inverse_times_matrix", "inv(A) @ A @ x + y", "x + y"),
    ("softmax_sums_to_one", "sum(softmax(X, axis=1), axis=1) * x", "x"),
    ("softmax_of_equal_entries", "softmax(a * zeros(n) + 2)", "ones(n) / n"),
    ("contraction_over_itself", "C * (A @ B) / (A @ B) ** 2", "C / (A @ B)"),
    ("contraction_over_itself", "x * (x @ x) / (x @ x) ** 2 - x / (x @ x)", "zeros(n)"),
    ("contraction_over_itself", "(x @ S @ y) * x / (y @ S @ x)", "x"),
    ("contraction_over_itself", "(x @ A @ y) * x / (y @ A @ x)", "(x @ A @ y) * x / (y @ A @ x)"),
    ("sinh_over_cosh", "sinh(x) ** 2 / cosh(x) ** 3", "tanh(x) ** 2 / cosh(x)"),
    ("sinh_over_cosh", "sinh(x) ** 3 / cosh(x)", "sinh(x) ** 3 / cosh(x)"),
    ("softmax_of_equal_entries", "logsumexp(zeros(n))", "log(n)"),
    ("distribute_broadcast", "sum(x - mean(x))", "0"),
    ("double_logistic_is_tanh", "2 * sigmoid(2 * x) - 1", "tanh(x)"),
    ("one_minus_sigmoid_of_negative", "1 - sigmoid(-x)", "sigmoid(x)"),
    ("softplus_of_both_signs", "y + 2 * softplus(-x) - 2 * softplus(x)", "y - 2 * x"),
    ("exp_of_log", "exp(log(s))", "s"),
    ("sign_squared", "sign(x) * abs(x)", "x"),
    ("sign_squared", "sign(x) / abs(x)", "1 / x"),
    ("sign_squared", "sign(x) ** 2 * abs(x) * y", "y * abs(x)"),
    ("sign_squared", "sign(x) / abs(x) ** 2", "sign(x) / abs(x) ** 2"),
    ("reshape_of_ones", "reshape(x, n, 1)", "x[:, None]"),
    ("reshape_undone", "reshape(reshape(X, d, n), n, d) + X", "2 * X"),
    ("reshape_undone", "reshape(ones(n, d), d, n) * W", "W"),
    ("reshape_undone", 'einsum("ijkl->ik", reshape(eye(n * d), n, d, n, d)) @ x', "d * x"),
    ("sinh_over_cosh", "sinh(x) / cosh(x)", "tanh(x)"),
    ("known_where_it_counts", "relu(x) * step(x)", "relu(x)"),
    (
        "known_where_it_counts",
        "maximum(0, x - y) ** 2 * (1 + sign(x - y)) * y",
        "2 * y * maximum(0, x - y) ** 2",
    ),
    ("known_where_it_counts", "minimum(0, x) * (1 - sign(x)) * abs(x)", "-2 * x * minimum(0, x)"),
    ("known_where_it_counts", "maximum(y - x, 0) * step(2 * x - 2 * y)", "zeros(n)"),
    ("step_of_cut", "step(1 - maximum(x, -1)) * y", "y * step(1 - x)"),
    ("step_of_cut", "step(2 * minimum(x, 3) - 1) * y", "y * step(2 * x - 1)"),
    ("step_of_cut", "step(maximum(x, 2) - 2) * y", "y * step(x - 2)"),
    ("step_of_cut", "step(maximum(x, 2) - 1) * y", "y * step(maximum(x, 2) - 1)"),
    ("powers_of_step", "step(x) ** 2", "step(x)"),
    ("inverse_of_product", "A @ inv(B @ A)", "inv(B)"),
    ("inverse_of_product", "inv(A @ B @ C) @ A", "inv(B @ C)"),
    ("inverse_of_product", "S @ inv(S @ A)", "S @ inv(S @ A)"),
    ("simplex_sums_to_one", "x * sum(p)", "x"),
    ("distribute_powers", "s * (1 - 1 / s ** 2)", "s - 1 / s"),
    ("total_of_terms", "sum(a * (x - mean(x)) + y)", "sum(y)"),
    ("total_of_terms", "sum(S * (inv(S) / a - outer(x, x)))", "n / a - x @ S @ x"),
    ("inverse_of_multiple", "inv(a * A) @ x", "inv(A) @ x / a"),
    ("inverse_of_inverses", "inv(A @ inv(B)) @ x", "B @ inv(A) @ x"),
    ("inverse_of_inverses", "inv(inv(A) @ C @ inv(B)) @ x", "B @ inv(C) @ A @ x"),
    ("inverse_of_inverses", "inv(A @ inv(B).T).T @ x", "inv(A).T @ B @ x"),
    ("inverse_of_inverses", "inv(A @ inv(B) @ C) @ x", "inv(A @ inv(B) @ C) @ x"),
    ("inverse_times_sum", "inv(A) @ (A @ B - C)", "B - inv(A) @ C"),
    ("inverse_times_sum", "(eye(n) - B @ inv(A)) @ inv(B)", "inv(B) - B @ inv(A) @ inv(B)"),
    ("inverse_takes_denominator", "inv(A / a + eye(n)) @ x / a", "inv(A + a * eye(n)) @ x"),
    ("scalar_out_of_power", "(A @ x / (1 + a)) / (A @ x / (1 + a)) ** 2", "(1 + a) / (A @ x)"),
    ("constants_out_of_mean", "p @ (x - logsumexp(x)) + logsumexp(x)", "x @ p"),
    ("constants_out_of_mean", "y @ (x + a * z) - a", "y @ (a * z + x) - a"),
    ("branches_within_branches", "where(x, where(x, y, z), y * z)", "where(x, y, y * z)"),
    ("branches_within_branches", "where(x, y, z) * where(x, z, 1)", "where(x, y * z, z)"),
    ("branches_within_branches", "where(x, where(y, x, z), z)", "where(x, where(y, x, z), z)"),
    ("distribute_powers", "(y * (x / y - 1) / z ** 2) @ A", "A.T @ ((x - y) / z ** 2)"),
    ("distribute_broadcast", "sum(A + a / n, axis=1)", "sum(A, axis=1) + a"),
    (
        "complementary_sigmoids",
        "(sigmoid(x) - 1) * sigmoid(-x) * y - sigmoid(x)",
        "-y * (sigmoid(x) - 1) ** 2 - sigmoid(x)",
    ),
    ("sum_of_placed", "sum(place(x[1:], (n,), (0, n - 1, 1))) * y", "sum(x[1:]) * y"),
    ("sum_of_placed", "sum(place(a, (n,), 0)) * y", "a * y"),
    (
        "sum_of_placed",
        "sum(place(x[1:], (n,), (0, n - 1, 1)) * z) * y",
        "(z @ place(x[1:], (n,), (0, n - 1, 1))) * y",
    ),
    (
        "differences_turned",
        'einsum("ki,kij->ij", S, X[:, None, :] - X) - einsum("ik,ikj->ij", S, X[:, None, :] - X)',
        '-2 * einsum("ikj,ik->ij", X[:, None, :] - X, S)',
    ),
    (
        "differences_turned",
        'einsum("ki,kij->ij", A, X[:, None, :] - X)',
        '-einsum("ikj,ki->ij", X[:, None, :] - X, A)',
    ),
    ("branches_together", "where(x, 2, 0) * y + where(x, 0, a) * z", "where(x, 2 * y, a * z)"),
]


def equal(a: Node, b: Node) -> bool:
    """Whether both have the same values on random data of several sizes."""
    pairs = [values([a, b], binding, seed, Float()) for seed, binding in enumerate(bindings(a, b))]
    known = [pair for pair in pairs if pair is not None]
    assert known
    return all(gap(*pair) < 1e-10 for pair in known)


@pytest.mark.parametrize(("rule", "stated", "printed"), IDENTITIES)
def test_identity(rule: str, stated: str, printed: str) -> None:
    """Left side and right side."""
    assert getattr(identities, rule) in RULES
    node = parse_node(stated, VARIABLES)
    assert notation.text(node) == printed
    assert equal(node, simplify(node))


@pytest.mark.parametrize("seed", range(5))
def test_order_of_rules(seed: int) -> None:
    """The order of the table does not matter for the meaning, and here not for the result."""
    rules = list(RULES)
    Random(seed).shuffle(rules)
    for _, stated, _ in IDENTITIES:
        node = parse_node(stated, VARIABLES)
        assert simplify(node, tuple(rules)) is simplify(node)


def test_not_where_it_does_not_hold() -> None:
    """Neighbours of the identities that are no identities stay as they are."""
    for stated, printed in (
        ("relu(x) * step(y)", "relu(x) * step(y)"),
        ("maximum(y, x) * (1 + sign(x))", "maximum(y, x) * (1 + sign(x))"),
        ("(1 + sign(x)) ** 2", "(1 + sign(x)) ** 2"),
        ("sinh(x) / cosh(y)", "sinh(x) / cosh(y)"),
        ("inv(A @ B) @ B", "inv(A @ B) @ B"),
        ("sum(p * x)", "x @ p"),
        ("inv(X @ W) @ X", "inv(X @ W) @ X"),
        ("sum(softmax(X, axis=1), axis=0)", "sum(softmax(X, axis=1), axis=0)"),
        ("sign(x) * abs(y)", "sign(x) * abs(y)"),
    ):
        assert notation.text(parse_node(stated, VARIABLES)) == printed
