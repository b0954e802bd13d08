"""NumPy's functions on symbolic arrays mean what they mean on arrays.

Each function is called twice, on symbols and on numbers; the symbolic result, evaluated, is the numeric one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.special

import derive as dv
from derive.errors import ArgumentError, DeriveError, UnsupportedError
from derive.node import size_symbols

SIZES = {"n": 4, "d": 3, "k": 2}
RNG = np.random.default_rng(11)
_A = RNG.standard_normal((4, 4))
ARRAYS: dict[str, Any] = {
    "X": RNG.standard_normal((4, 3)),
    "Z": RNG.standard_normal((4, 3)),
    "S": _A @ _A.T + 4 * np.eye(4),
    "T": RNG.standard_normal((2, 4, 3)),
    "x": RNG.standard_normal(4),
    "y": RNG.standard_normal(4),
    "p": RNG.uniform(0.2, 0.8, 4),
    "w": RNG.standard_normal(3),
    "row": RNG.standard_normal((1, 3)),
    "t": np.float64(0.7),
}
SYMBOLS: dict[str, Any] = {
    "X": dv.matrix("X", "n", "d"),
    "Z": dv.matrix("Z", "n", "d"),
    "S": dv.matrix("S", "n", "n"),
    "T": dv.tensor("T", "k", "n", "d"),
    "x": dv.vector("x", "n"),
    "y": dv.vector("y", "n"),
    "p": dv.vector("p", "n"),
    "w": dv.vector("w", "d"),
    "row": dv.matrix("row", 1, "d"),
    "t": dv.scalar("t"),
}

Call = Callable[..., Any]
CALLS: list[Call] = [
    # operators and ufuncs
    lambda X, w, y: X @ w - y,
    lambda X, row: X + row,
    lambda x, t: np.add(x, t),
    lambda x, y: np.subtract(x, y),
    lambda X, Z: np.multiply(X, Z),
    lambda x, p: np.divide(x, p),
    lambda p, y: np.power(p, y),
    lambda x: np.float_power(x, 2),
    lambda X, w: np.matmul(X, w),
    lambda x: np.negative(x),
    lambda x: np.positive(x),
    lambda x: np.square(x),
    lambda p: np.sqrt(p),
    lambda p: np.reciprocal(p),
    lambda x: np.abs(x),
    lambda x: np.fabs(x),
    lambda x: np.exp(x),
    lambda x: np.exp2(x),
    lambda p: np.log(p),
    lambda p: np.log2(p),
    lambda p: np.log10(p),
    lambda p: np.log1p(p),
    lambda x: np.expm1(x),
    lambda x: np.sin(x) + np.cos(x) + np.tan(x),
    lambda x: np.sinh(x) + np.cosh(x) + np.tanh(x),
    lambda p: np.arcsin(p) + np.arccos(p) + np.arctan(p),
    lambda p: np.arcsinh(p) + np.arccosh(1 + p) + np.arctanh(p),
    lambda x: np.sign(x),
    lambda x, y: np.maximum(x, y),
    lambda x: np.minimum(x, 0.1),
    lambda x, y: np.fmax(x, y) + np.fmin(x, y),
    lambda x, y: np.hypot(x, y),
    lambda x, y: np.logaddexp(x, y),
    lambda x: np.logaddexp(0, -x),
    lambda x: np.heaviside(x, 0.5),
    lambda x: scipy.special.expit(x),
    lambda x: scipy.special.erf(x) + scipy.special.erfc(x),
    lambda p: scipy.special.gammaln(p) + scipy.special.psi(p),
    lambda x: scipy.special.log_expit(x),
    lambda T: np.add.reduce(T),
    lambda T: np.add.reduce(T, axis=-1),
    lambda X: np.logaddexp.reduce(X, axis=1),
    lambda X: np.maximum.reduce(X, axis=0),
    lambda x, w: np.multiply.outer(x, w),
    # reductions
    lambda X: np.sum(X),
    lambda X: np.sum(X, axis=0),
    lambda X: np.sum(X, axis=-1, keepdims=True),
    lambda T: np.sum(T, axis=(0, 2)),
    lambda X: X.sum(axis=1, keepdims=True),
    lambda X: np.mean(X, axis=0),
    lambda X: X.mean(),
    lambda X: np.max(X, axis=1),
    lambda X: np.amin(X),
    lambda X: X.max(axis=0) + X.min(axis=0),
    lambda X: np.var(X, axis=0, ddof=1),
    lambda X: X.std(axis=1),
    lambda x, p: np.average(x, weights=p),
    lambda x: np.average(x),
    lambda x: np.log1p(np.exp(x)).mean(),
    # products
    lambda x, y: np.dot(x, y),
    lambda X, w: np.dot(X, w),
    lambda X, w: X.dot(w),
    lambda x, t: np.dot(x, t),
    lambda T, w: np.dot(T, w),
    lambda T, X: np.dot(T, X.T),
    lambda X, T: np.dot(X.T, T),
    lambda X, Z: np.vdot(X, Z),
    lambda X, Z: np.inner(X, Z),
    lambda X, w: np.outer(X, w),
    lambda X, Z: np.tensordot(X, Z),
    lambda X, Z: np.tensordot(X, Z, axes=([0], [0])),
    lambda T, X: np.tensordot(T, X.T, axes=1),
    lambda X, Z: np.einsum("ij,kj->ik", X, Z),
    lambda S: np.einsum("ii", S),
    lambda X, w: np.einsum("ij,j", X, w, optimize=True),
    lambda X, w: np.einsum(X, [0, 1], w, [1], [0]),
    lambda X, Z: np.kron(X, Z),
    lambda X, Z: np.vecdot(X, Z),
    # shapes and parts
    lambda X: X.T,
    lambda T: np.transpose(T, (1, 0, 2)),
    lambda T: T.transpose(2, 0, 1),
    lambda T: np.swapaxes(T, 0, 2),
    lambda T: np.moveaxis(T, 0, -1),
    lambda T: T.mT,
    lambda X: np.reshape(X, -1),
    lambda X: X.reshape(X.shape[1], -1),
    lambda X: X.ravel(),
    lambda X: X.flatten(),
    lambda X: np.ravel(X, order="F"),
    lambda row: np.squeeze(row),
    lambda x: np.expand_dims(x, 1) * np.ones_like(x),
    lambda x, X: np.broadcast_to(x[:, None], X.shape),
    lambda X: X[0] + X[-1],
    lambda X: X[1:-1],
    lambda x: x[::-1] + x[:, None],
    lambda X: X[..., 0] + X[0, ..., None][0],
    lambda X: np.einsum("...i,...i->...", X, X),
    lambda X: np.flip(X) + np.flip(X, axis=0) + np.flipud(X) + np.fliplr(X),
    lambda x: np.roll(x, -2) + np.roll(x, 1),
    lambda x: np.diff(x, 2),
    lambda X: np.pad(X, ((1, 0), (0, 2))),
    lambda x: np.pad(x, (1, 2)),
    lambda p: np.prod(np.exp(p)),
    lambda X, Z: np.concatenate([X, Z], axis=1),
    lambda X, x: np.concatenate((X, x), axis=None),
    lambda x, y: np.stack([x, y], axis=1),
    lambda x, y: np.hstack([x, y]),
    lambda X, Z: np.hstack([X, Z]),
    lambda X, row: np.vstack([X, row]),
    lambda x, X: np.column_stack([x, X]),
    lambda x: np.diag(x),
    lambda S: np.diag(S) + np.diagonal(S) + S.diagonal(),
    lambda X: np.diagflat(X[:2, 0]),
    lambda S: np.trace(S) + S.trace(),
    lambda S: np.tril(S, -1) + np.triu(S),
    lambda X: np.zeros_like(X) + np.full_like(X, 2.0),
    lambda X: X / X.shape[0] / X.size,
    lambda x: x / np.shape(x)[0] + np.ndim(x) + np.size(x),
    # choices
    lambda x, y: np.where(x > 0, x, y),
    lambda x, y: np.where(x >= y, x, 0),
    lambda x: np.where(x < 0.3, -1, x),
    lambda x, y: np.where(x <= y, x, y),
    lambda x: np.where(x > 1, x, 1),
    lambda x: (x > 0) * x,
    lambda x: np.where((x > -0.5) & ~(x >= 0.5), x, 0),
    lambda x: np.where((x < -0.5) | (x > 0.5), x, 0),
    lambda x: np.where(np.logical_and(x > -0.5, x < 0.5), x, 0),
    lambda x: abs(x) + np.cbrt(x),
    lambda x: np.clip(x, -0.5, 0.5),
    lambda x: x.clip(min=0),
    # linear algebra
    lambda x: np.linalg.norm(x),
    lambda x: np.linalg.norm(x, 1),
    lambda x: np.linalg.norm(x, 3),
    lambda x: np.linalg.norm(x, np.inf) + np.linalg.norm(x, -np.inf),
    lambda X: np.linalg.norm(X),
    lambda X: np.linalg.norm(X, "fro"),
    lambda X: np.linalg.norm(X, axis=1),
    lambda X: np.linalg.norm(X, ord=1, axis=0, keepdims=True),
    lambda T: np.linalg.norm(T),
    lambda X: np.linalg.vector_norm(X),
    lambda S: np.linalg.slogdet(S)[0],
    lambda S: np.linalg.slogdet(S)[1],
    lambda S: np.linalg.det(S),
    lambda S: np.linalg.inv(S),
    lambda S, X: np.linalg.solve(S, X),
    lambda S, X: np.linalg.multi_dot([X.T, S, X]),
    lambda S: np.linalg.matrix_power(S, 3) + np.linalg.matrix_power(S, -1),
    lambda S: np.linalg.trace(S),
]


def _names(function: Call) -> list[str]:
    return list(function.__code__.co_varnames[: function.__code__.co_argcount])


def _label(function: Call) -> str:
    import inspect

    text = inspect.getsource(function).strip().rstrip(",")
    return text.split(": ", 1)[-1][:60]


@pytest.mark.parametrize("function", CALLS, ids=[f"{k}" for k in range(len(CALLS))])
def test_meaning(function: Call) -> None:
    """f(symbols), evaluated, is f(arrays)."""
    names = _names(function)
    symbolic = function(*(SYMBOLS[v] for v in names))
    numeric = function(*(ARRAYS[v] for v in names))
    sizes = {s.name: SIZES[s.name] for s in size_symbols(symbolic.node)}
    found = symbolic.evaluate({v: ARRAYS[v] for v in symbolic.variables}, **sizes)
    assert np.shape(found) == np.shape(numeric), _label(function)
    np.testing.assert_allclose(found, numeric, rtol=1e-12, atol=1e-12, err_msg=_label(function))


X, w, x, S, T = (SYMBOLS[v] for v in ("X", "w", "x", "S", "T"))


@pytest.mark.parametrize(
    ("function", "word"),
    [
        (lambda: np.linalg.norm(X, 1), "operator norm"),
        (lambda: np.linalg.norm(X, -2), "operator norm"),
        (lambda: np.linalg.eigvalsh(S), "np.linalg.eigvalsh"),
        (lambda: np.sort(x), "np.sort"),
        (lambda: np.median(x), "np.median"),
        (lambda: np.floor(x), "np.floor"),
        (lambda: np.sum(x, initial=3), "initial"),
        (lambda: np.sum(x, where=False), "where"),
        (lambda: np.exp(x, out=np.zeros(4)), "array of shape"),
        (lambda: np.trace(S, offset=1), "diagonal"),
        (lambda: np.where(x > 0), "positions"),
        (lambda: np.add.accumulate(x), "accumulate"),
        (lambda: x + np.arange(4), "declare a variable"),
    ],
)
def test_refused(function: Callable[[], Any], word: str) -> None:
    """What has no symbolic form is refused by name, never answered."""
    with pytest.raises(DeriveError, match=word):
        function()


def test_lengths() -> None:
    """A symbolic length is an error that says what to write; a fixed one is a number."""
    with pytest.raises(TypeError, match=r"write x\.shape\[0\]"):
        len(x)
    with pytest.raises(TypeError, match="scalar"):
        len(SYMBOLS["t"])
    assert len(dv.vector("q", 3)) == 3
    a, b = dv.vector("q", 2)
    assert (a * b).evaluate(q=[2.0, 5.0]) == 10
    with pytest.raises(TypeError, match="iterated"):
        list(x)


def test_truth_values() -> None:
    """A comparison is a condition, not a truth value."""
    with pytest.raises(TypeError, match="truth value"):
        bool(x > 0)
    with pytest.raises(TypeError, match="truth value"):
        bool(x)


def test_strict_inequalities_are_no_constraints() -> None:
    """min f subject to w > 0 has no minimiser to speak of; w >= 0 has."""
    with pytest.raises(ArgumentError, match="strict"):
        dv.minimize(dv.sumsq(w), over=w, subject_to=[w > 0])


def test_arrays_do_not_become_symbols() -> None:
    """np.asarray of a symbol says what to do instead."""
    with pytest.raises(TypeError, match="evaluate"):
        np.asarray(x)


# ---------------------------------------------------------------- whole functions


def logistic(X: Any, y: Any, w: Any) -> Any:
    """The mean logistic loss with a ridge."""
    z = X @ w
    return np.mean(np.log1p(np.exp(-y * z))) + 0.1 * np.linalg.norm(w) ** 2


def gaussian(X: Any, mu: Any, Sigma: Any) -> Any:
    """The negative log-likelihood of a Gaussian."""
    n, d = X.shape
    R = X - mu
    _, logdet = np.linalg.slogdet(Sigma)
    return 0.5 * np.trace(R @ np.linalg.inv(Sigma) @ R.T) + n / 2 * logdet + n * d / 2 * np.log(2 * np.pi)


def network(X: Any, Y: Any, W1: Any, b1: Any, W2: Any) -> Any:
    """A small network with a log-softmax output."""
    H = np.where(X @ W1 + b1 > 0, X @ W1 + b1, 0)
    Z = H @ W2
    return -np.sum(Y * (Z - np.logaddexp.reduce(Z, axis=1, keepdims=True))) / X.shape[0]


@pytest.mark.parametrize(
    ("function", "shapes"),
    [
        (logistic, {"X": ("n", "d"), "y": ("n",), "w": ("d",)}),
        (gaussian, {"X": ("n", "d"), "mu": ("d",), "Sigma": ("d", "d")}),
        (network, {"X": ("n", "d"), "Y": ("n", "k"), "W1": ("d", "h"), "b1": ("h",), "W2": ("h", "k")}),
    ],
)
def test_state(function: Callable[..., Any], shapes: dict[str, tuple[str, ...]]) -> None:
    """An ordinary NumPy loss becomes a statement with the same value, and a gradient that differences confirm."""
    rng = np.random.default_rng(3)
    sizes = {"n": 6, "d": 3, "k": 2, "h": 5}
    data = {name: rng.standard_normal([sizes[s] for s in shape]) for name, shape in shapes.items()}
    if "Sigma" in data:
        data["Sigma"] = data["Sigma"] @ data["Sigma"].T + np.eye(3)
    statement = dv.state(function, **shapes)
    assert statement.evaluate(data) == pytest.approx(function(**data), rel=1e-13)
    last = list(shapes)[-1]
    slope = dv.gradient(statement, last).evaluate(data)
    step = rng.standard_normal(data[last].shape)
    ahead, behind = ({**data, last: data[last] + s * 1e-6 * step} for s in (1, -1))
    difference = (function(**ahead) - function(**behind)) / 2e-6
    assert np.sum(slope * step) == pytest.approx(difference, rel=1e-6)


def test_state_refuses_what_it_cannot_trace() -> None:
    """A function that needs numbers is refused with the reason."""
    with pytest.raises(UnsupportedError, match="symbolic"):
        dv.state(lambda x: float(x[0]), x=("n",))
    stated = dv.state(lambda S, x: x @ S @ x, S=("n", "n"), x=("n",), facts={"S": ["symmetric"]})
    assert str(dv.gradient(stated, "x")) == "2 * S @ x"
    with pytest.raises(UnsupportedError, match=r"X\.shape\[1\] \*\* 0\.5"):
        dv.state(lambda X: np.sum(X) / np.sqrt(X.shape[1]), X=("n", "d"))
    with pytest.raises(UnsupportedError, match=r"dv\.eye"):
        dv.state(lambda K: np.sum(K + np.eye(K.shape[0])), K=("n", "n"))
    with pytest.raises(UnsupportedError, match=r"shape\[0\]"):
        dv.state(lambda x: np.sum(x) / len(x), x=("n",))


def test_functions_of_the_language_take_what_numpys_take() -> None:
    """Conditions among them; arrays of numbers are refused with what to do instead."""
    x, y = dv.vector("x", "n"), dv.vector("y", "n")
    assert dv.where(x >= y, x, 0).same_as(np.where(x >= y, x, 0))
    assert dv.where(x > 0, x, y).same_as(np.where(x > 0, x, y))
    with pytest.raises(UnsupportedError, match="declare a variable and give it as data"):
        dv.sumsq(np.ones(3))
