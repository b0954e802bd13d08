"""Running sums, windows, gathers, Cholesky factors: what NumPy means, identities, and errors that name the fault."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import sympy
from numpy.lib.stride_tricks import sliding_window_view

import derive as dv
from derive.build import einsum, ones, scale
from derive.errors import ArgumentError, DataError, SizeError
from derive.node import delta, size_symbols, variable
from derive.operators import apply
from derive.operators.cumulative import cumsum
from derive.operators.windows import overlap_add, window_count, windows
from derive.sizes import sizes
from derive.statement.functions import FUNCTIONS
from derive.statement.text import parse_node

n, d, k = sizes("n d k")
SHAPES: dict[str, list[Any]] = {
    "X": ["n", "d"],
    "Y": ["n", "d"],
    "x": ["n"],
    "w": ["k"],
    "T": ["k", "d", "n"],
    "F": ["n", "d", 2],
    "S": ["d", "d"],
    "J": ["k"],
}
FACTS = {"S": ["pd"], "J": ["integer", "nonnegative"]}
RNG = np.random.default_rng(5)
NUMBERS = {"n": 5, "d": 3, "k": 2}
DATA = {name: RNG.standard_normal([NUMBERS.get(s, s) for s in shape]) for name, shape in SHAPES.items()}
DATA["S"] = DATA["S"] @ DATA["S"].T + np.eye(3)
DATA["J"] = np.array([2.0, 0.0])
X, Y, x, w, T, F, S, J = DATA.values()
PICK = J.astype(int)


def conv(z: Any, kernel: Any) -> Any:
    """The cross-correlation of the last axis, channels summed."""
    return np.einsum("bcir,ocr->boi", sliding_window_view(z, kernel.shape[-1], -1), kernel)


SPELLINGS: list[tuple[str, Callable[[], Any]]] = [
    ("cumsum(X, axis=0)", lambda: np.cumsum(X, axis=0)),
    ("cumsum(X)", lambda: np.cumsum(X)),
    ("cumsum(T, axis=-1, reverse=True)", lambda: np.cumsum(T[..., ::-1], axis=-1)[..., ::-1]),
    ("diff(X, axis=0)", lambda: np.diff(X, axis=0)),
    ("diff(x)", lambda: np.diff(x)),
    ("flip(X)", lambda: np.flip(X)),
    ("flip(T, axis=(0, 2))", lambda: np.flip(T, (0, 2))),
    ("roll(X, 1, axis=0)", lambda: np.roll(X, 1, axis=0)),
    ("roll(x, -2)", lambda: np.roll(x, -2)),
    ("swapaxes(T, 0, -1)", lambda: np.swapaxes(T, 0, -1)),
    ("transpose(T, 0, 2, 1)", lambda: np.transpose(T, (0, 2, 1))),
    ("stack(X, Y)", lambda: np.stack([X, Y])),
    ("stack((X, Y), axis=-1)", lambda: np.stack([X, Y], axis=-1)),
    ("block((S, X.T), (X, X @ X.T))", lambda: np.block([[S, X.T], [X, X @ X.T]])),
    ("pad(X, 1, 2, axis=0)", lambda: np.pad(X, ((1, 2), (0, 0)))),
    ("windows(x, k)", lambda: sliding_window_view(x, 2)),
    ("windows(X, 3, axis=0, stride=2)", lambda: sliding_window_view(X, 3, 0)[::2]),
    ("conv1d(x, w)", lambda: np.correlate(x, w, "valid")),
    ("conv1d(T, F)", lambda: conv(T, F)),
    ("conv1d(T, F, stride=2)", lambda: conv(T, F)[..., ::2]),
    ("max_pool(T, 2)", lambda: np.maximum(T[..., 0:4:2], T[..., 1:4:2])),
    ("avg_pool(X, 2, axis=(0, 1))", lambda: sliding_window_view(X, (2, 2))[::2, ::2].mean((-1, -2))),
    ("max_pool(x, 3, stride=1)", lambda: sliding_window_view(x, 3).max(-1)),
    ("take(X, J, axis=0)", lambda: X[PICK]),
    ("take(X, J, axis=1)", lambda: X[:, PICK]),
    ("take(X, J)", lambda: X.ravel()[PICK]),
    ("take(eye(n), J, axis=0)", lambda: np.eye(5)[PICK]),
    ("scatter_add(take(X, J, axis=0), J, n)", lambda: np.eye(5)[:, PICK] @ X[PICK]),
    ("cholesky(S)", lambda: np.linalg.cholesky(S)),
    ("var(X, axis=0)", lambda: X.var(axis=0)),
    ("var(T, axis=(0, 2), ddof=1, keepdims=True)", lambda: T.var(axis=(0, 2), ddof=1, keepdims=True)),
    ("std(X, axis=1)", lambda: X.std(axis=1)),
    ("mean(T, axis=(0, 2), keepdims=True)", lambda: T.mean(axis=(0, 2), keepdims=True)),
    ("floor(n / 2) + ceiling(n / 2)", lambda: 5),
]


def declared() -> dict[str, Any]:
    return {"variables": SHAPES, "facts": FACTS}


def given(expression: dv.Expression) -> dict[str, Any]:
    """The arrays that occur, and the sizes."""
    arrays = {name: DATA[name] for name in expression.variables}
    return arrays | {s.name: NUMBERS[s.name] for s in size_symbols(expression.node)}


@pytest.mark.parametrize(("text", "meaning"), SPELLINGS, ids=[t for t, _ in SPELLINGS])
def test_means_what_numpy_means(text: str, meaning: Callable[[], Any]) -> None:
    """Interpreter and kernel source give NumPy's values."""
    expression = dv.parse(text, **declared())
    wanted = meaning()
    data = given(expression)
    assert np.allclose(expression.evaluate(data), wanted, rtol=1e-12)
    assert np.allclose(dv.compile(expression, backend="python")(data), wanted, rtol=1e-12)


@pytest.mark.parametrize("text", [t for t, _ in SPELLINGS])
def test_prints_in_its_own_language(text: str) -> None:
    """Text → node → text → node is the same; so are the values of every gradient's text."""
    expression = dv.parse(text, **declared())
    assert dv.parse(str(expression), **declared()).same_as(expression)
    for name in sorted(set(expression.variables) - {"J"}):
        gradient = dv.gradient(dv.sumsq(expression), name)
        again = dv.parse(str(gradient), **declared())
        assert np.allclose(*(e.evaluate(given(e)) for e in (gradient, again))), str(gradient)
        assert gradient.latex()


def test_every_operator_is_a_function_of_the_language() -> None:
    """What derivatives contain can be written."""
    assert {"cumsum", "windows", "overlap_add", "take", "scatter_add", "cholesky", "tril", "place"} <= set(
        FUNCTIONS
    )


# ---------------------------------------------------------------- identities


def test_window_counts() -> None:
    """⌊(n − k)/s⌋ + 1; one window when k = n; side by side ⌊n/k⌋."""
    assert window_count(n, k, sympy.S.One) == n - k + 1
    assert window_count(n, n, sympy.Integer(3)) == 1
    assert window_count(n, k, k) == sympy.floor(n / k)
    assert window_count(sympy.Integer(7), sympy.Integer(2), sympy.Integer(2)) == 3


def test_coefficients_and_bystanders_go_outside() -> None:
    """T(c A) = c T(A), T(u_i B_j) = u_i T(B)_j."""
    A, u, B = variable("A", (n, d)), variable("u", (n,)), variable("B", (d,))
    two = sympy.Integer(2)
    outer = einsum([(u, (0,)), (B, (1,))], (0, 1))
    J_ = variable("J", (k,), ("integer",))
    for act in (
        lambda a, axis: cumsum(a, axis),
        lambda a, axis: windows(a, two, axis),
        lambda a, axis: apply("take", a, J_, axis=axis),
        lambda a, axis: apply("scatter_add", a, variable("I", (d,), ("integer",)), axis=axis, size=k),
    ):
        assert act(scale(two, A), 1) is scale(two, act(A, 1))
        small = act(B, 0)
        labels = tuple(range(1, 1 + small.order))
        assert act(outer, 1) is einsum([(u, (0,)), (small, labels)], (0, *labels))


def test_cholesky_identities() -> None:
    """chol(cA) = √c chol(A), chol I = I, chol diag(v) = diag(√v), d‖L‖²/dA = I."""
    S_ = variable("S", (n, n), ("pd",))
    assert apply("cholesky", scale(sympy.Integer(4), S_)) is scale(sympy.Integer(2), apply("cholesky", S_))
    assert apply("cholesky", delta(n)) is delta(n)
    assert str(dv.gradient(dv.parse("sumsq(cholesky(S))", **declared()), "S")) == "eye(d)"
    assert str(dv.parse("cholesky(diag(exp(w)))", **declared())) in ("diag(sqrt(exp(w)))", "diag(exp(w / 2))")


def test_one_window_is_its_own_overlap() -> None:
    """The adjoint of the adjoint is the map; an axis of size 1 is its own running sum."""
    one = variable("A", (sympy.S.One, d))
    assert cumsum(one, 0) is one
    W = windows(variable("A", (n, d)), k, 0)
    assert overlap_add(W, n, 0).shape == (n, d)
    assert cumsum(ones((n,)), 0).facts >= {"positive", "integer"}


# ---------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("text", "error", "words"),
    [
        ("windows(x, n + 1)", SizeError, "n \\+ 1 does not fit an axis of size n"),
        ("take(X, x, axis=0)", ArgumentError, "whole numbers"),
        ("take(X, J, axis=2)", SizeError, "axis 2"),
        ("stack(X, x)", SizeError, "differ"),
        ("pad(x, -1, 0)", ArgumentError, "≥ 0"),
        ("conv1d(x, F)", SizeError, "with channels"),
        ("conv1d(swapaxes(T, 0, 1), F)", SizeError, "k and d are not known to be equal"),
        ("cholesky(X)", SizeError, "square"),
        ("overlap_add(X, n)", SizeError, "do not make"),
        ("floor(x)", Exception, "sizes"),
    ],
)
def test_errors_name_the_fault(text: str, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        parse_node(text, {v: e.node for v, e in ((m, _tensor(m)) for m in SHAPES)})


def _tensor(name: str) -> dv.Expression:
    return dv.tensor(name, *SHAPES[name], **dict.fromkeys(FACTS.get(name, ()), True))


@pytest.mark.parametrize("backend", ["python", "numpy", "numba"])
def test_windows_longer_than_the_data(backend: str) -> None:
    """k > n is an error naming both, whatever computes; k = n and size 1 are fine."""
    kernel = dv.compile(dv.parse("sumsq(conv1d(x, w))", **declared()), backend=backend)
    with pytest.raises(SizeError, match="window of size 5 does not fit axis 0 of length 3"):
        kernel(x=np.ones(3), w=np.ones(5))
    assert kernel(x=np.ones(3), w=np.ones(3)) == 9
    assert kernel(x=np.ones(1), w=np.ones(1)) == 1


@pytest.mark.parametrize("backend", ["python", "numpy"])
def test_indices_are_checked_at_the_door(backend: str) -> None:
    """The entry that is out of range is named."""
    kernel = dv.compile(dv.parse("sum(take(X, J, axis=0))", **declared()), backend=backend)
    with pytest.raises(DataError, match="index 5 at entry 1 is not one of 0 to 4"):
        kernel(X=X, J=[0, 5])
    with pytest.raises(DataError, match="J was declared integer"):
        kernel(X=X, J=[0, 0.5])
    bound = kernel.bind(X=X)
    with pytest.raises(DataError, match="index 7"):
        bound(J=np.array([0.0, 7.0]))


def test_sizes_are_learnt_through_windows() -> None:
    """From y : (n − k + 1,) and x : (n,) follows k; an array that does not fit is refused."""
    shapes = {"x": ("n",), "y": ("n - k + 1",)}
    expression = dv.parse("sum(x) + k * sum(y)", variables=shapes)
    assert expression.evaluate(x=np.ones(5), y=np.ones(4)) == 5 + 2 * 4
    with pytest.raises(SizeError, match="-k \\+ n \\+ 1"):
        dv.parse("sum(x) + sum(w) + sum(y)", variables={**shapes, "w": ("k",)}).evaluate(
            x=np.ones(5), y=np.ones(5), w=np.ones(2)
        )
