"""Every spelling of the language means what NumPy means by it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy.special import log_softmax, logsumexp, softmax

from derive.errors import AmbiguityError, ArgumentError, DeriveError, ParseError, SizeError, UnknownNameError
from derive.evaluate import evaluate
from derive.node import size_symbols
from derive.node import variables as occurring
from derive.statement.declarations import declare
from derive.statement.functions import FUNCTIONS
from derive.statement.text import parse_constraint, parse_node

n, d, k = 4, 3, 2
SIZES = {"n": n, "d": d, "k": k}
SHAPES: dict[str, list[Any]] = {
    "X": ["n", "d"],
    "A": ["n", "n"],
    "T": ["k", "n", "d"],
    "U": ["k", "d", "n"],
    "r": [1, "d"],
    "x": ["n"],
    "y": ["n"],
    "w": ["d"],
    "t": [],
}
VARIABLES = declare(SHAPES)
RNG = np.random.default_rng(7)
X, A, T, U, r, x, y, w, t = (
    np.asarray(RNG.standard_normal([s if isinstance(s, int) else SIZES[s] for s in shape]))
    for shape in SHAPES.values()
)
ARRAYS = {"X": X, "A": A, "T": T, "U": U, "r": r, "x": x, "y": y, "w": w, "t": t}


def relu(z: Any) -> Any:
    """max(z, 0)"""
    return np.maximum(z, 0)


def value(text: str) -> Any:
    """The value of a formula on the arrays above."""
    node = parse_node(text, VARIABLES)
    names = {v.name for v in occurring(node)}
    sizes = {s.name: SIZES[s.name] for s in size_symbols(node)}
    return evaluate(node, {**{name: ARRAYS[name] for name in names}, **sizes})


Meaning = Callable[[], Any]
SPELLINGS: list[tuple[str, Meaning]] = [
    ("1 + 2 * 3", lambda: 1 + 2 * 3),
    ("2 ** 3 ** 2 * t", lambda: 2**3**2 * t),
    ("-x ** 2", lambda: -(x**2)),
    ("2 ** -t", lambda: 2**-t),
    ("-2 ** 2 + t", lambda: -(2**2) + t),
    ("x / t / 2 * y", lambda: x / t / 2 * y),
    ("t / 2 * w @ w", lambda: t / 2 * w @ w),
    ("X @ w * x", lambda: X @ w * x),
    ("1e-3 * x + .5 - 2.", lambda: 1e-3 * x + 0.5 - 2.0),
    ("X.T @ x", lambda: X.T @ x),
    ("X .T @ x", lambda: X.T @ x),
    ("x.T @ y", lambda: x.T @ y),
    ("T.T", lambda: T.T),
    ("(X * w).T", lambda: (X * w).T),
    ("X + w", lambda: X + w),
    ("r + X", lambda: r + X),
    ("X - r", lambda: X - r),
    ("r * w", lambda: r * w),
    ("t * T - X", lambda: t * T - X),
    ("T @ w", lambda: T @ w),
    ("T @ U", lambda: T @ U),
    ("x @ X", lambda: x @ X),
    ("U @ T @ w", lambda: U @ T @ w),
    ("X @ U", lambda: X @ U),
    ("x @ A @ x", lambda: x @ A @ x),
    ("exp(x) ** t ** 2", lambda: np.exp(x) ** t**2),
    ("abs(x) ** t", lambda: np.abs(x) ** t),
    ("2 ** x", lambda: 2**x),
    ("abs(x) ** 2.5", lambda: np.abs(x) ** 2.5),
    ("pi * t", lambda: np.pi * t),
    ("n * t + d", lambda: n * t + d),
    ("x / n", lambda: x / n),
    ("X[0]", lambda: X[0]),
    ("X[-1]", lambda: X[-1]),
    ("X[:, 0]", lambda: X[:, 0]),
    ("X[1:, :-1]", lambda: X[1:, :-1]),
    ("X[1:n-1, d-1]", lambda: X[1 : n - 1, d - 1]),
    ("X[::-1]", lambda: X[::-1]),
    ("X[::2, 1]", lambda: X[::2, 1]),
    ("X[:, None, :]", lambda: X[:, None, :]),
    ("T[..., 0]", lambda: T[..., 0]),
    ("T[0, ...]", lambda: T[0, ...]),
    ("T[..., None] * t", lambda: T[..., None] * t),
    ("where(x > y, x, 2 * y)", lambda: np.where(x > y, x, 2 * y)),
    ("where(x <= 0, x, t)", lambda: np.where(x <= 0, x, t)),
    ("where(X >= w, X, 0)", lambda: np.where(w <= X, X, 0)),
    ("where(-1 < x <= 1, x, 0)", lambda: np.where((x > -1) & (x <= 1), x, 0)),
    ("where(sign(x) == 1, x, y)", lambda: np.where(np.sign(x) == 1, x, y)),
    ("where(sign(x) != 1, x, y)", lambda: np.where(np.sign(x) != 1, x, y)),
    ("clip(x, -1, t)", lambda: np.minimum(np.maximum(x, -1), t)),
    ("logaddexp(x, y) + logaddexp(0, x)", lambda: np.logaddexp(x, y) + np.logaddexp(0, x)),
    ("prod(exp(X), axis=1)", lambda: np.prod(np.exp(X), axis=1)),
    ("prod(X[:2, :2])", lambda: np.prod(X[:2, :2])),
    ("norm(x, 3)", lambda: np.linalg.norm(x, 3)),
    ("matrix_power(A, 3) + matrix_power(A, 0)", lambda: np.linalg.matrix_power(A, 3) + np.eye(4)),
    ("reshape(T, k, -1)", lambda: T.reshape(k, -1)),
    ("expand_dims(x, (0, -1))", lambda: np.expand_dims(x, (0, -1))),
    ("squeeze(r) + w", lambda: r[0] + w),
    ("broadcast_to(w, n, d)", lambda: np.broadcast_to(w, (n, d))),
    ('einsum("...i,...i->...", X, X)', lambda: np.einsum("...i,...i->...", X, X)),
    ('einsum("...ij,...jk", T, U)', lambda: np.einsum("...ij,...jk", T, U)),
    ("x[None] + X.T", lambda: x[None] + X.T),
    ("x[:, None] * w", lambda: x[:, None] * w),
    ("T[0, :, 1]", lambda: T[0, :, 1]),
    ("T[1]", lambda: T[1]),
    ("x[n - 1]", lambda: x[n - 1]),
    ("x[1:3]", lambda: x[1:3]),
    ("x[-3:-1]", lambda: x[-3:-1]),
    ("x[3:0:-1]", lambda: x[3:0:-1]),
    ("sum(X)", lambda: np.sum(X)),
    ("sum(X, axis=0)", lambda: np.sum(X, axis=0)),
    ("sum(X, 1)", lambda: np.sum(X, 1)),
    ("sum(T, axis=(0, 2))", lambda: np.sum(T, axis=(0, 2))),
    ("sum(T, axis=-1)", lambda: np.sum(T, axis=-1)),
    ("sum(X, axis=0, keepdims=True)", lambda: np.sum(X, axis=0, keepdims=True)),
    ("X - mean(X, axis=1, keepdims=True)", lambda: X - np.mean(X, axis=1, keepdims=True)),
    ("mean(x)", lambda: np.mean(x)),
    ("mean(T, axis=(0, 1))", lambda: np.mean(T, axis=(0, 1))),
    ("max(X, axis=0)", lambda: np.max(X, axis=0)),
    ("max(X)", lambda: np.max(X)),
    ("min(T, axis=(1, 2))", lambda: np.min(T, axis=(1, 2))),
    ("norm(x)", lambda: np.linalg.norm(x)),
    ("norm(X)", lambda: np.linalg.norm(X)),
    ("norm(X, 1)", lambda: np.abs(X).sum()),
    ("norm(x, 2)", lambda: np.linalg.norm(x)),
    ("norm(X, axis=1)", lambda: np.linalg.norm(X, axis=1)),
    ("norm(X, 1, axis=0)", lambda: np.abs(X).sum(axis=0)),
    ("sumsq(X - r)", lambda: ((X - r) ** 2).sum()),
    ("dot(x, y)", lambda: np.dot(x, y)),
    ("outer(x, w)", lambda: np.outer(x, w)),
    ("tr(A)", lambda: np.trace(A)),
    ("trace(A)", lambda: np.trace(A)),
    ("tr(T @ U)", lambda: np.einsum("kii->k", T @ U)),
    ("det(A)", lambda: np.linalg.det(A)),
    ("logdet(A)", lambda: np.linalg.slogdet(A)[1]),
    ("inv(A)", lambda: np.linalg.inv(A)),
    ("solve(A, x)", lambda: np.linalg.solve(A, x)),
    ("solve(A, X)", lambda: np.linalg.solve(A, X)),
    ("diag(x)", lambda: np.diag(x)),
    ("diag(A)", lambda: np.diag(A)),
    ("eye(n) + ones(n, n) - zeros((n, n))", lambda: np.eye(n) + 1),
    ("ones(n - 1)", lambda: np.ones(n - 1)),
    ("kron(A, X)", lambda: np.kron(A, X)),
    ("kron(x, w)", lambda: np.kron(x, w)),
    ("vec(X)", lambda: X.ravel(order="F")),
    ("tril(A)", lambda: np.tril(A)),
    ("tril(A, -1)", lambda: np.tril(A, -1)),
    ("triu(A, k=1)", lambda: np.triu(A, k=1)),
    ("where(X - X[0], X, 2)", lambda: np.where(X - X[0] != 0, X, 2)),
    ("maximum(X, 0)", lambda: np.maximum(X, 0)),
    ("minimum(x, y)", lambda: np.minimum(x, y)),
    ("transpose(T)", lambda: np.transpose(T)),
    ("transpose(T, 1, 2, 0)", lambda: T.transpose(1, 2, 0)),
    ("transpose(T, (2, 0, -2))", lambda: T.transpose(2, 0, -2)),
    ("reshape(X, d, n)", lambda: X.reshape(d, n)),
    ("reshape(T, (k * n, d))", lambda: np.reshape(T, (k * n, d))),
    ("concatenate(x, y)", lambda: np.concatenate([x, y])),
    ("concatenate((X, A), axis=1)", lambda: np.concatenate((X, A), axis=1)),
    ("sqrt(abs(x))", lambda: np.sqrt(np.abs(x))),
    ("square(x)", lambda: np.square(x)),
    ("power(x, 2)", lambda: np.power(x, 2)),
    (
        "relu(X) + sign(X) + exp(X) + sin(x)[:, None]",
        lambda: np.maximum(X, 0) + np.sign(X) + np.exp(X) + np.sin(x)[:, None],
    ),
    ("log1p(exp(t))", lambda: np.log1p(np.exp(t))),
    ('einsum("ij,kj->ik", X, X)', lambda: np.einsum("ij,kj->ik", X, X)),
    ("einsum('ii->i', A)", lambda: np.einsum("ii->i", A)),
    ('einsum("ij,jk", A, X)', lambda: np.einsum("ij,jk", A, X)),
    ('einsum("knd,kdm->nm", T, U)', lambda: np.einsum("knd,kdm->nm", T, U)),
    ("place(x[1:3], (n), (1, 2, 1))", lambda: np.array([0, x[1], x[2], 0])),
    ("place(t, (n, d), 0, 1)", lambda: np.array([[0, t, 0]] + [[0, 0, 0]] * 3)),
    ("softmax(X)", lambda: softmax(X)),
    ("softmax(X, axis=1)", lambda: softmax(X, axis=1)),
    ("log_softmax(X, axis=0)", lambda: log_softmax(X, axis=0)),
    ("log_softmax(x)", lambda: log_softmax(x)),
    ("logsumexp(X)", lambda: logsumexp(X)),
    ("logsumexp(T, axis=(0, 2))", lambda: logsumexp(T, axis=(0, 2))),
    ("logsumexp(X, axis=1, keepdims=True)", lambda: logsumexp(X, axis=1, keepdims=True)),
]


@pytest.mark.parametrize(("text", "meaning"), SPELLINGS, ids=[s for s, _ in SPELLINGS])
def test_means_what_numpy_means(text: str, meaning: Meaning) -> None:
    """The same shape, and the same numbers up to rounding."""
    found, expected = value(text), np.asarray(meaning())
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


def test_a_scalar_of_size_one_is_stretched() -> None:
    """Axes of size 1 are repeated, also in both operands at once: (1, d) with (n, 1)."""
    np.testing.assert_allclose(value("r * x[:, None]"), r * x[:, None])
    np.testing.assert_allclose(value("r + x[:, None]"), r + x[:, None])
    np.testing.assert_allclose(value("maximum(r, x[:, None])"), np.maximum(r, x[:, None]))


@pytest.mark.parametrize(
    ("text", "kind", "words"),
    [
        ("X @ y", SizeError, ["X @ y", "(n, d)", "(n,)", "^"]),
        ("sum(w) + X @ x", SizeError, ["X @ x", "(n, d)", "(n,)"]),
        ("A + X", SizeError, ["(n, n)", "(n, d)"]),
        ("x * X", SizeError, ["(n,)", "(n, d)"]),
        ("w + w + x", SizeError, ["(d,)", "(n,)", "column 7"]),
        ("t @ x", SizeError, ["()", "*"]),
        ("dot(X, X)", SizeError, ["dot", "sum(A * B)"]),
        ("dot(x, w)", SizeError, ["dot", "(n,)", "(d,)"]),
        ("inv(X)", SizeError, ["inv", "square", "(n, d)"]),
        ("diag(X)", SizeError, ["diag", "(n, d)"]),
        ("X[:, :, 0]", SizeError, ["3 indices", "(n, d)"]),
        ("ones(3)[3]", SizeError, ["out of range"]),
        ("x[n]", SizeError, ["out of range"]),
        ("x[2:2]", SizeError, ["empty"]),
        ("sum(x, axis=1)", SizeError, ["sum", "axis 1"]),
        ("reshape(X, n)", SizeError, ["reshape", "(n, d)"]),
        ("concatenate(x, X)", SizeError, ["concatenate"]),
        ('einsum("ij,j->i", X, x)', SizeError, ["einsum", "'j'", "d", "n"]),
        ('einsum("ij,j->i", X)', ArgumentError, ["einsum", "2 operand"]),
        ('einsum("i1", X)', ArgumentError, ["einsum", "letters"]),
        ("einsum(X, X)", ArgumentError, ["einsum", "quotes"]),
        ("norm(A, 2)", ArgumentError, ["norm", "singular value"]),
        ("norm(x, 0)", ArgumentError, ["norm", "above 0"]),
        ("max(x, y)", ArgumentError, ["maximum(a, b)"]),
        ("sum(x, axis=t)", ArgumentError, ["sum", "axis"]),
        ("sum()", ArgumentError, ["sum", "argument"]),
        ("exp(x, y)", ArgumentError, ["exp takes 1 argument, not 2"]),
        ("x[t]", ArgumentError, ["whole number"]),
        ("x[0.5]", ArgumentError, ["whole number"]),
        ("x(2)", ArgumentError, ["x is a variable, not a function"]),
        ("ones()", ArgumentError, ["ones", "size"]),
        ("2 w", ParseError, ["2 * w", "column 3"]),
        ("2w", ParseError, ["2 * w", "column 2"]),
        ("x y", ParseError, ["x * y"]),
        ("x (y)", ArgumentError, ["x is a variable"]),
        ("(x) (y)", ParseError, ["write *"]),
        ("w^2", ParseError, ["**"]),
        ("X^T @ w", ParseError, ["X.T"]),
        ("X.t() @ w", ParseError, ["X.T"]),
        ("A^-1 @ w", ParseError, ["inv(A)"]),
        ("sin w", ParseError, ["sin(w)"]),
        ("X w", ParseError, ["X @ w, or entry by entry X * w"]),
        ("2 w", ParseError, ["write 2 * w"]),
        ("sum(w) where(w, 1, 0)", ParseError, ["an operator is missing"]),
        ("sum(w) if w else 0", ParseError, ["where(x > 0, a, b)"]),
        ("sum(X[i] @ w)", UnknownNameError, ["there are no index letters"]),
        ("sum(w_i)", UnknownNameError, ["there are no index letters"]),
        ("sum([w, w])", ArgumentError, ["one array, not a list; stack(a, b)"]),
        ("[w, w] + 1", ParseError, ["stack([a, b]) makes one array"]),
        ("sum(w, axis=2)", SizeError, ["axis 2 of an array with 1 axis"]),
        ("w!", ParseError, ["lgamma(x + 1)"]),
        ("X'", ParseError, ["X.T"]),
        ("X.t", ParseError, ["the only thing that may follow a dot is T"]),
        ("sum(w", ParseError, ["never closed", "column 4"]),
        ("sum(w))", ParseError, ["closes nothing", "column 7"]),
        ("sum(w]", ParseError, ["closes nothing"]),
        ("sum(,w)", ParseError, ["column 5"]),
        ("sum(w,,)", ParseError, ["column 7"]),
        ("w +", ParseError, ["followed by nothing"]),
        ("x = 2", ParseError, ["=="]),
        ("sum(x) == 1", ParseError, ["constraint"]),
        ("x < y", ParseError, ["<="]),
        ("sum(x > 0)", ParseError, ["`>`", "where"]),
        ("(x > 0) * x", ParseError, ["`>`", "column 4"]),
        ("where(x, x > 0, y)", ParseError, ["`>`"]),
        ("x[..., ...]", ArgumentError, ["at most one"]),
        ("reshape(x, -1, -1)", ArgumentError, ["only one"]),
        ("matrix_power(A, 99)", DeriveError, ["32"]),
        ("prod(x)", DeriveError, ["positive"]),
        ("x if t else y", ParseError, ["`if`", "column 3"]),
        ("lambda z: z", ParseError, ["`lambda`", "column 1"]),
        ("1..2", ParseError, ["two decimal points"]),
        ("1_000", ParseError, ["separators"]),
        ("1e", ParseError, ["exponent"]),
        ("[x]", ParseError, ["column 1"]),
        ("(x, y)", ParseError, ["not an expression"]),
        ("(x, y) + 1", ParseError, ["not an array"]),
        ("None", ParseError, ["not an expression"]),
        ('"x"', ParseError, ["quotes"]),
        ("sum(x, axis=0, axis=0)", ParseError, ["twice"]),
        ("sum(axis=0, x)", ParseError, ["positional"]),
        ("sum", ParseError, ["function `sum`", "sum(A"]),
        ("lamda", UnknownNameError, ["lamda"]),
        ("summ(x)", UnknownNameError, ["did you mean `sum`?"]),
        ("Sum(x)", UnknownNameError, ["did you mean `sum`?"]),
        ("ln(x)", UnknownNameError, ["did you mean `log`?"]),
        ("np.sum(x)", ParseError, ["column 3", "sum(…), without np."]),
        ("np.linalg.norm(x)", ParseError, ["norm(…), without np."]),
        ("x.sum()", ParseError, ["column 2", "sum(…)"]),
        ("norm(x, inf)", UnknownNameError, ["max(abs(x))"]),
        ("max(x, 0)", AmbiguityError, ["max(x, axis=0)", "maximum(x, 0)"]),
        ("mean(x, axis=y)", ArgumentError, ["must be a whole number, not an array (line"]),
        ("w @ X", SizeError, ["(d,) @ (n, d)", ".T behind the matrix"]),
        ("X @ X", SizeError, [".T behind the left one"]),
        ("X + X.T", SizeError, [".T behind one of them"]),
        ("X * x", SizeError, ["v[:, None]"]),
    ],
)
def test_errors_name_the_place(text: str, kind: type[DeriveError], words: list[str]) -> None:
    """The kind of the error, the part of the formula, both sizes, the place, the remedy."""
    with pytest.raises(kind) as caught:
        parse_node(text, VARIABLES)
    message = str(caught.value)
    assert "(line 1, column" in message and "^" in message
    for word in words:
        assert word in message


def test_suggestions_come_from_what_is_declared() -> None:
    """unknown name `lamda`; did you mean `lam`?"""
    for name in ("lamda", "lambda"):
        with pytest.raises(UnknownNameError, match="did you mean `lam`"):
            parse_node(f"{name} * sum(w)", declare({"lam": [], "w": ["d"]}))


def test_numbers_are_exact() -> None:
    """0.1 is 1/10, and 0.1 + 0.2 is 3/10."""
    assert parse_node("0.1 + 0.2 - 3/10", {}) is parse_node("0", {})
    assert parse_node("1e-3 * 1000", {}) is parse_node("1", {})


def test_spellings_of_one_statement_are_one_node() -> None:
    """Whitespace, order of terms, parentheses and associativity do not matter."""
    first = parse_node("sumsq(X @ w - y)/2 + t/2*sumsq(w)", VARIABLES)
    assert parse_node("(t * sumsq(w) +\n  sumsq(-y + X@w)) / 2", VARIABLES) is first


def test_naive_spellings_become_stable_operators() -> None:
    """log(1 + exp z) is softplus(z); exp(x)/sum(exp(x)) is softmax(x)."""
    assert parse_node("log(1 + exp(x))", VARIABLES) is parse_node("softplus(x)", VARIABLES)
    assert parse_node("exp(x)/sum(exp(x))", VARIABLES) is parse_node("softmax(x)", VARIABLES)


def test_a_declared_name_wins_over_a_constant() -> None:
    """pi is 3.14… unless it is declared, as the weights of a mixture are."""
    weights = declare({"pi": ["k"]})
    assert parse_node("pi", weights) is weights["pi"]
    assert float(evaluate(parse_node("pi", {}), {})) == np.pi


def test_constraints() -> None:
    """a <= b, a >= b, a == b, and chains of two."""
    (one,) = parse_constraint("sum(x) == 1", VARIABLES)
    assert (one.sign, one.left, one.text) == ("==", parse_node("sum(x)", VARIABLES), "sum(x) == 1")
    lower, upper = parse_constraint("0 <= x <= t", VARIABLES)
    assert (lower.sign, upper.sign) == ("<=", "<=")
    assert lower.right is upper.left is VARIABLES["x"]
    with pytest.raises(SizeError, match="do not fit"):
        parse_constraint("X @ w <= w", VARIABLES)
    with pytest.raises(ParseError):
        parse_constraint("x", VARIABLES)
    with pytest.raises(ParseError):
        parse_constraint("x < t", VARIABLES)


@pytest.mark.parametrize("text", ["x[5]", "x[2:6]", "x[k+3]", "x[n-5]", "x[n-5:]"])
def test_indices_that_the_data_do_not_have(text: str) -> None:
    """Where the sizes do not decide it, the data do: an error, never a shorter slice."""
    with pytest.raises(SizeError):
        value(text)


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_every_function_is_documented_and_refuses_no_arguments(name: str) -> None:
    """Each record has a sentence and a usage, and a call without arguments says what is missing."""
    record = FUNCTIONS[name]
    assert record.doc.endswith(".") and record.usage.startswith(record.name)
    with pytest.raises(DeriveError, match=record.name):
        record()
