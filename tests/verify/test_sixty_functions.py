"""Sixty functions with their gradients: none of the right ones is accused, each spoiled one is caught."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import special

from derive import check_gradient

rng = np.random.default_rng(0)
A, y, S = rng.standard_normal((30, 6)), rng.standard_normal(30), rng.standard_normal((6, 6))
S = S @ S.T + np.eye(6)
x6 = rng.standard_normal(6)
p6 = np.abs(x6) + 0.3


def sig(z: Any) -> Any:
    return special.expit(z)


def sm(z: Any) -> Any:
    e = np.exp(z - z.max())
    return e / e.sum()


Case = tuple[str, Callable[[Any], Any], Callable[[Any], Any], Any]
FUNCTIONS: list[Case] = [
    ("quad", lambda x: 0.5 * x @ S @ x, lambda x: S @ x, x6),
    ("ls", lambda x: 0.5 * np.sum((A @ x - y) ** 2), lambda x: A.T @ (A @ x - y), x6),
    (
        "logistic",
        lambda x: np.sum(np.logaddexp(0, A @ x)) - y @ (A @ x),
        lambda x: A.T @ (sig(A @ x) - y),
        x6,
    ),
    (
        "logistic big",
        lambda x: np.sum(np.logaddexp(0, A @ x)),
        lambda x: A.T @ special.expit(A @ x),
        1e4 * x6,
    ),
    ("lse", lambda x: special.logsumexp(x), lambda x: sm(x), x6),
    ("lse big", lambda x: special.logsumexp(x), lambda x: sm(x), 1e4 * x6),
    ("exp", lambda x: np.exp(x).sum(), np.exp, x6),
    ("sin", lambda x: np.sin(x).sum(), np.cos, x6),
    ("sinfast", lambda x: np.sin(100 * x).sum(), lambda x: 100 * np.cos(100 * x), x6),
    ("log", lambda x: np.log(x).sum(), lambda x: 1 / x, p6),
    ("xlogx", lambda x: (x * np.log(x)).sum(), lambda x: np.log(x) + 1, p6),
    ("sqrt", lambda x: np.sqrt(x).sum(), lambda x: 0.5 / np.sqrt(x), p6),
    ("cube 1e-300?", lambda x: np.sum(x**2), lambda x: 2 * x, 1e-100 * x6),
    ("lin tiny", lambda x: np.sum(3 * x), lambda x: 3 + 0 * x, 1e-300 * p6),
    ("lin tiny2", lambda x: np.sum(x), lambda x: 1 + 0 * x, 1e-300 * x6),
    ("tiny f", lambda x: 1e-300 * np.sum(np.sin(x)), lambda x: 1e-300 * np.cos(x), x6),
    ("huge f", lambda x: 1e200 * np.sum(np.sin(x)), lambda x: 1e200 * np.cos(x), x6),
    ("abs", lambda x: np.abs(x).sum(), np.sign, x6),
    ("abs near kink", lambda x: np.abs(x).sum(), np.sign, 1e-9 * x6),
    ("abs at kink", lambda x: np.abs(x).sum(), np.sign, np.array([0.0, 1, -2])),
    (
        "relu near",
        lambda x: np.maximum(x, 0).sum(),
        lambda x: (x > 0) * 1.0,
        np.array([1e-7, -1e-7, 1.0, -1]),
    ),
    ("relu at", lambda x: np.maximum(x, 0).sum(), lambda x: (x > 0) * 1.0, np.array([0, 1.0, -1])),
    ("max", lambda x: x.max(), lambda x: (x == x.max()) * 1.0, x6),
    ("norm", lambda x: np.linalg.norm(x), lambda x: x / np.linalg.norm(x), x6),
    ("norm big", lambda x: np.linalg.norm(x), lambda x: x / np.linalg.norm(x), 1e8 * x6),
    ("hinge", lambda x: np.maximum(0, 1 - A @ x).sum(), lambda x: -A.T @ ((1 - A @ x > 0) * 1.0), x6),
    (
        "huber",
        lambda x: np.where(np.abs(x) < 1, 0.5 * x**2, np.abs(x) - 0.5).sum(),
        lambda x: np.clip(x, -1, 1),
        x6 * 2,
    ),
    ("tanh sat", lambda x: np.tanh(x).sum(), lambda x: 1 / np.cosh(x) ** 2, np.array([20.0, -30, 0.5, 1])),
    ("prod", lambda x: np.prod(x), lambda x: np.prod(x) / x, p6),
    ("logdet", lambda X: np.linalg.slogdet(X)[1], lambda X: np.linalg.inv(X).T, S),
    ("trinv", lambda X: np.trace(np.linalg.inv(X)), lambda X: -(np.linalg.inv(X) @ np.linalg.inv(X)).T, S),
    ("gamma", lambda x: special.gammaln(x).sum(), special.digamma, p6),
    ("erf", lambda x: special.erf(x).sum(), lambda x: 2 / np.sqrt(np.pi) * np.exp(-(x**2)), x6),
    (
        "rosen",
        lambda x: np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2),
        lambda x: (
            np.r_[-400 * x[:-1] * (x[1:] - x[:-1] ** 2) - 2 * (1 - x[:-1]), 0]
            + np.r_[0, 200 * (x[1:] - x[:-1] ** 2)]
        ),
        x6,
    ),
    ("const", lambda x: 1.0, lambda x: 0 * x, x6),
    ("scalar", lambda x: float(x) ** 3, lambda x: 3 * x**2, np.array(1.7)),
    ("float32", lambda x: np.float32(np.sum(np.float32(x) ** 2)), lambda x: 2 * x, x6),
    ("cancel", lambda x: 1e8 + np.sum(x**2), lambda x: 2 * x, x6),
    (
        "mixed scale",
        lambda x: np.sum(np.array([1e-6, 1, 1e6]) * x**2),
        lambda x: 2 * np.array([1e-6, 1, 1e6]) * x,
        np.array([1.0, 2, 3]),
    ),
    ("mixed x", lambda x: np.sum(np.sin(x)), np.cos, np.array([1e-8, 1e-3, 1, 50.0])),
    ("10000", lambda x: 0.5 * np.sum(x**2), lambda x: x, rng.standard_normal(10000)),
    ("sum4", lambda x: np.sum(x**4), lambda x: 4 * x**3, x6),
    ("1/x", lambda x: np.sum(1 / x), lambda x: -1 / x**2, p6),
    (
        "entropy softmax",
        lambda x: special.logsumexp(x) - x @ sm(x),
        lambda x: sm(x) - sm(x) - sm(x) * (x - x @ sm(x)),
        x6,
    ),
    ("cos mix", lambda x: np.sum(np.cos(x) * x), lambda x: np.cos(x) - x * np.sin(x), x6),
    ("softmax ce", lambda x: special.logsumexp(x) - x[2], lambda x: sm(x) - np.eye(6)[2], x6),
    ("poisson", lambda x: np.sum(np.exp(A @ x) - y * (A @ x)), lambda x: A.T @ (np.exp(A @ x) - y), 0.3 * x6),
    ("quartic form", lambda x: (x @ S @ x) ** 2, lambda x: 4 * (x @ S @ x) * (S @ x), x6),
    (
        "rayleigh",
        lambda x: (x @ S @ x) / (x @ x),
        lambda x: 2 * (S @ x - (x @ S @ x) / (x @ x) * x) / (x @ x),
        x6,
    ),
    ("frobenius", lambda X: np.sum((X @ X.T - S) ** 2), lambda X: 4 * (X @ X.T - S) @ X, S[:, :2] * 0.3),
    (
        "cauchy",
        lambda x: np.sum(np.log1p((A @ x - y) ** 2)),
        lambda x: A.T @ (2 * (A @ x - y) / (1 + (A @ x - y) ** 2)),
        x6,
    ),
    ("arctan", lambda x: np.arctan(x).sum(), lambda x: 1 / (1 + x**2), x6),
    ("sinh", lambda x: np.sinh(x).sum(), np.cosh, x6),
    ("power", lambda x: np.sum(x**1.5), lambda x: 1.5 * np.sqrt(x), p6),
    ("variance", lambda x: np.var(x), lambda x: 2 * (x - x.mean()) / x.size, x6),
    (
        "total variation",
        lambda x: np.abs(np.diff(x)).sum(),
        lambda x: -np.diff(np.sign(np.diff(x)), prepend=0, append=0),
        x6,
    ),
    ("max of rows", lambda X: X.max(axis=1).sum(), lambda X: (X.max(axis=1, keepdims=True) == X) * 1.0, S),
    (
        "beta",
        lambda x: special.betaln(x, 2.0).sum(),
        lambda x: special.digamma(x) - special.digamma(x + 2),
        p6,
    ),
    ("besselish", lambda x: special.j0(x).sum(), lambda x: -special.j1(x), x6),
    (
        "kinked far",
        lambda x: np.maximum(x - 1e4, 0).sum(),
        lambda x: (x > 1e4) * 1.0,
        np.array([1e4 + 1, 1e4 - 1, 0.0]),
    ),
]


@pytest.mark.parametrize("case", FUNCTIONS, ids=[c[0] for c in FUNCTIONS])
@pytest.mark.filterwarnings("ignore")
def test_right_and_wrong(case: Case) -> None:
    name, f, gradient, x = case
    right = np.asarray(gradient(x), dtype=float)
    assert check_gradient(f, right, x).status == "agrees", name
    one_off = right.copy()
    k = int(np.abs(right).argmax()) if right.ndim else 0
    one_off.flat[k] = 1.03 * right.flat[k] if np.any(right) else 1e-3
    assert check_gradient(f, one_off, x).status == "refuted", name
    if np.any(right):
        assert check_gradient(f, -right, x).status == "refuted", name
        error = 1.01 if name == "float32" else 1.001  # single precision leaves few digits
        assert check_gradient(f, error * right, x).status == "refuted", name


def test_there_are_sixty() -> None:
    assert len(FUNCTIONS) >= 60
