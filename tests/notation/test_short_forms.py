"""Short forms of sums, products, slices and reshapes: what is stated, and what is printed for it."""

from __future__ import annotations

import pytest

from derive import notation
from derive.statement.declarations import declare
from derive.statement.text import parse_node
from tests.test_identities import equal

VARIABLES = declare(
    {
        **{name: ["n", "n"] for name in "AK"},
        **{name: ["n", "d"] for name in "XZ"},
        **{name: ["n"] for name in "xyu"},
        "B": ["d", "k"],
        "S": ["n", "n"],
        "T": ["m", "m"],
        "p": ["n"],
        "q": ["n"],
        "t": [],
        "s": [],
    },
    {"p": ["positive"], "q": ["positive"], "S": ["pd"], "s": ["positive"]},
)
FORMS = [
    # sums
    ("1 - u ** 2 / (1 + u ** 2)", "1 / (1 + u ** 2)"),
    ("s * (log(p) - 1) + x + s", "s * log(p) + x"),
    ("t * A + K", "K + t * A"),
    ("s * eye(n) + K", "K + s * eye(n)"),
    ("eye(n) - K", "eye(n) - K"),
    ("x / sqrt(s) - y / s ** (3 / 2)", "(x - y / s) / sqrt(s)"),
    ("sum(x - t) / s ** 2", "sum(x - t) / s ** 2"),
    ("s ** 3 - 2 * s ** 2 + s / 3 - 1", "s / 3 - 2 * s ** 2 + s ** 3 - 1"),
    ("t ** 4 / 4 - t ** 2 / 2 + 3 * t", "3 * t - t ** 2 / 2 + t ** 4 / 4"),
    ("x / (n - 1) ** 2", "x / (n - 1) ** 2"),
    ("x / (n * (n - 1))", "x / (n * (n - 1))"),
    ("t * (1 + u) + s * (1 + u) - t * u", "s * u + t + s"),
    ("t ** 2 * x / t", "t * x"),
    # common factors that stand with either sign, in whatever order their terms come
    ("x * (u * p + y * (1 - p) - q) - u * (u * p + y * (1 - p) - q)", "(y * (p - 1) - p * u + q) * (u - x)"),
    ("x * (u - y) + q * (y - u)", "(y - u) * (q - x)"),
    ("x @ (A @ u - y) - q @ (A @ u - y)", "(x - q) @ (A @ u - y)"),
    ("x @ A @ x + 2 * y @ x", "x @ A @ x + 2 * y @ x"),
    # what is the same for all entries of a softmax
    ("softmax(A @ K - x, axis=0)", "softmax(A @ K, axis=0)"),
    ("softmax(A @ K - x, axis=1)", "softmax(A @ K - x, axis=1)"),
    ("softmax(A @ K - logsumexp(A, axis=1)[:, None] / 2, axis=1)", "softmax(A @ K, axis=1)"),
    ("sum(A + softmax(K, axis=1), axis=1) - 1", "sum(A, axis=1)"),
    ("log(softmax(x))", "x - logsumexp(x)"),
    ("x ** (t - 1) * x", "x ** t"),
    ("softmax(A, axis=1) * (x[:, None] - A) - diag(x) @ softmax(A, axis=1)", "-A * softmax(A, axis=1)"),
    # transposes are more to read than a broadcast
    ("(softmax(A, axis=1).T * (x - A.T) - A.T).T", "(x[:, None] - A) * softmax(A, axis=1) - A"),
    # diag(t) - diag(t - 1) is the identity
    ("(A @ diag(x) - A @ diag(x - 1)) @ K", "A @ K"),
    ("sum(p) * x / sum(p) ** 2", "x / sum(p)"),
    ("outer(x, 2 * (x - y)) / 4", "outer(x, x - y) / 2"),
    ("(exp(X).T * (Z - t).T) @ x", "((Z - t) * exp(X)).T @ x"),
    ("x / sqrt(x @ x / n + 0.001)", "x / sqrt(x @ x / n + 1 / 1000)"),
    (
        "(y * x / sqrt(x @ x / n + 0.001) - u) * x / sqrt(x @ x / n + 0.001)",
        "x * (y * x / sqrt(x @ x / n + 1 / 1000) - u) / sqrt(x @ x / n + 1 / 1000)",
    ),
    ("x / sqrt(1 + 4 * p)", "x / sqrt(1 + 4 * p)"),
    ("X / sqrt(p[:, None] + t)", "diag(1 / sqrt(p + t)) @ X"),
    ("2 * t / (s ** 2 + 0.1)", "2 * t / (s ** 2 + 1 / 10)"),
    # quotients
    ("(sqrt(p) - sqrt(q)) / (2 * sqrt(p))", "(1 - sqrt(q / p)) / 2"),
    ("norm(X) ** 2", "sumsq(X)"),
    ("1 / (q * (1 + x / q))", "1 / (q + x)"),
    # inverses of differences from the identity, transposes outside
    ("x @ inv(t * A - eye(n)) @ u", "-x @ inv(eye(n) - t * A) @ u"),
    ("K @ inv(A.T) @ K", "K @ inv(A).T @ K"),
    ("(A.T @ A.T @ A.T) * K", "K * (A @ A @ A).T"),
    # what both terms of a transposed sum have in front
    ("A @ (2 * (K @ A - A) - 2 * S @ A).T / 2", "A @ ((K - S) @ A - A).T"),
    # traces
    ("tr(A - outer(x, y))", "tr(A) - y @ x"),
    ("tr(X.T @ A @ X)", "tr(X.T @ A @ X)"),
    ("sum(A * inv(K).T)", "tr(inv(K) @ A)"),
    ("diag(X @ X.T)", "sum(X ** 2, axis=1)"),
    # signs
    ("-(X - Z).T @ (X - Z)", "-(X - Z).T @ (X - Z)"),
    ("-(x - y) @ S @ (x - y)", "-(x - y) @ S @ (x - y)"),
    # repeated scalars
    ("abs(x) ** ((t - 1) * ones(n))", "abs(x) ** (t - 1)"),
    ("maximum(zeros(n), x)", "maximum(0, x)"),
    ("where(x, ones(n), y)", "where(x, 1, y)"),
    # conditions
    ("where(abs(x) <= t, x, y)", "where(abs(x) > t, y, x)"),
    ("where(1 > x + u, x, y)", "where(u + x < 1, x, y)"),
    ("where(x, y, 1)", "where(x, y, 1)"),
    # means
    ("X - sum(X, axis=0) / n", "X - mean(X, axis=0)"),
    # slices
    ("x[:n-1]", "x[:-1]"),
    ("x[n-1]", "x[-1]"),
    ("x[1:n-2]", "x[1:-2]"),
    ("x[:4]", "x[:4]"),
    # parts of arrays that are joined, reversed, put somewhere
    ("concatenate([x, u])[:n]", "x"),
    ("concatenate([x, u])[n + 1:]", "u[1:]"),
    ("(2 * stack([x, u]))[1]", "2 * u"),
    ("stack([s, t])", "stack(s, t)"),
    ("stack([x, u], axis=1)", "stack(x, u, axis=1)"),
    ("block([[A, K], [K, A]])[:n, n:]", "K"),
    ("x[1:][1:]", "x[2:]"),
    ("flip(flip(x))", "x"),
    ("flip(cumsum(flip(x)))", "cumsum(x, reverse=True)"),
    ("pad(x, 0, n) + t * pad(u, n, 0)", "concatenate(x, t * u)"),
    ("sum(A[:1], axis=0)", "A[0, :]"),
    # Kronecker products with a vector, row after row
    ("kron(inv(A), K) @ vec(S)", "vec(K @ S @ inv(A).T)"),
    ("logdet(kron(A, T))", "m * logdet(A) + n * logdet(T)"),
    # reshapes
    ("kron(A, B)", "kron(A, B)"),
    ("kron(A.T, 2 * B)", "2 * kron(A.T, B)"),
    ("kron(x, u)", "kron(x, u)"),
    ("vec(X)", "vec(X)"),
    ("vec(B.T)", "vec(B.T)"),
    ("reshape(X, d, n)", "reshape(X, d, n)"),
]


@pytest.mark.parametrize(("stated", "printed"), FORMS, ids=[stated for stated, _ in FORMS])
def test_form(stated: str, printed: str) -> None:
    """The short form, and equal numbers."""
    node = parse_node(stated, VARIABLES)
    assert notation.text(node) == printed
    assert equal(node, parse_node(printed, VARIABLES))
