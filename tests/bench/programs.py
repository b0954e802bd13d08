"""Quadratic programs of other shapes than rows of data: signals, chains, transports, kernels, portfolios.

Stated as those of `constrained` are, for our solvers and for CVXPY with Clarabel and OSQP.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .constrained import Statement

#: OSQP's answers to linear programs lack 10⁻⁵, after minutes.
CLARABEL, BOTH = ("CLARABEL",), ("CLARABEL", "OSQP")

Array = np.ndarray[Any, Any]


def _differences(n: int, order: int) -> Array:
    return np.diff(np.eye(n), n=order, axis=0)


def _signal(rng: np.random.Generator, n: int) -> Array:
    return np.repeat(rng.standard_normal(n // 20), 20) + 0.3 * rng.standard_normal(n)


def isotonic(rng: np.random.Generator) -> Statement:
    n = 200
    y, D = np.linspace(0.0, 3.0, n) + rng.standard_normal(n), _differences(n, 1)
    return Statement(
        "200 points, increasing", n, "sumsq(x - y)/2", ["D @ x >= 0"], {"D": D, "y": y},
        lambda cp, x: (cp.sum_squares(x - y) / 2, [cp.diff(x) >= 0]),
    )  # fmt: skip


def convex(rng: np.random.Generator) -> Statement:
    n = 100
    y, D = np.linspace(-1.0, 1.0, n) ** 2 + 0.1 * rng.standard_normal(n), _differences(n, 2)
    return Statement(
        "100 points, convex", n, "sumsq(x - y)/2", ["D @ x >= 0"], {"D": D, "y": y},
        lambda cp, x: (cp.sum_squares(x - y) / 2, [cp.diff(x, 2) >= 0]),
    )  # fmt: skip


def variation(rng: np.random.Generator, order: int = 1) -> Statement:
    n = 200
    y, D = _signal(rng, n), _differences(n, order)
    return Statement(
        f"200 points, differences of order {order}", n, "sumsq(x - y)/2 + r*norm(D @ x, 1)", [],
        {"D": D, "y": y, "r": 1.0},
        lambda cp, x: (cp.sum_squares(x - y) / 2 + cp.norm1(cp.diff(x, order)), []),
        {"r": ("positive",)},
    )  # fmt: skip


def trend(rng: np.random.Generator) -> Statement:
    return variation(rng, 2)


def control(rng: np.random.Generator) -> Statement:
    """Position and speed for 60 steps, pushed; all in x, one after the other."""
    steps, dt = 60, 0.1
    A, B = np.array([[1.0, dt], [0.0, 1.0]]), np.array([dt * dt / 2, dt])
    E, e = np.zeros((2 * steps, 3 * steps)), np.zeros(2 * steps)
    e[:2] = A[:, 0]
    for k in range(steps):
        now = slice(2 * k, 2 * k + 2)
        E[now, now], E[now, 2 * steps + k] = np.eye(2), -B
        if k:
            E[now, 2 * k - 2 : 2 * k] = -A
    return Statement(
        "60 steps, 180 unknowns", 3 * steps, "sumsq(x)/2", ["E @ x == e", "x >= -2", "x <= 2"], {"E": E, "e": e},
        lambda cp, x: (cp.sum_squares(x) / 2, [E @ x == e, x >= -2, x <= 2]),
    )  # fmt: skip


def transport(rng: np.random.Generator) -> Statement:
    M = rng.random((20, 25))
    p, q = np.full(20, 1 / 20), np.full(25, 1 / 25)
    return Statement(
        "20 × 25", M.shape, "sum(M*x)", ["x >= 0", "sum(x, axis=1) == p", "sum(x, axis=0) == q"],
        {"M": M, "p": p, "q": q},
        lambda cp, x: (
            cp.sum(cp.multiply(M, x)), [x >= 0, cp.sum(x, axis=1) == p, cp.sum(x, axis=0) == q]
        ),
    )  # fmt: skip


def intercept(rng: np.random.Generator) -> Statement:
    X = rng.standard_normal((500, 10))
    t = np.sign(X @ rng.standard_normal(10) + 0.5 * rng.standard_normal(500))
    return Statement(
        "SVM dual with intercept, 500×10", 500, "sumsq(X.T @ (x*t))/2 - sum(x)",
        ["x >= 0", "x <= 1", "dot(x, t) == 0"], {"X": X, "t": t},
        lambda cp, x: (cp.sum_squares(X.T @ cp.multiply(x, t)) / 2 - cp.sum(x), [x >= 0, x <= 1, x @ t == 0]),
    )  # fmt: skip


def kernel(rng: np.random.Generator) -> Statement:
    X = rng.standard_normal((300, 5))
    t = np.sign(X @ rng.standard_normal(5) + 0.5 * rng.standard_normal(300))
    K = np.exp(-((X[:, None] - X[None]) ** 2).sum(-1) / 5)
    return Statement(
        "SVM dual, Gaussian kernel, 300", 300, "dot(x*t, K @ (x*t))/2 - sum(x)",
        ["x >= 0", "x <= 1", "dot(x, t) == 0"], {"K": K, "t": t},
        lambda cp, x: (
            cp.quad_form(cp.multiply(x, t), cp.psd_wrap(K)) / 2 - cp.sum(x), [x >= 0, x <= 1, x @ t == 0]
        ),
        {"K": ("psd",)},
    )  # fmt: skip


def weights(rng: np.random.Generator) -> Statement:
    n = 400
    S, c = np.cov(rng.standard_normal((2 * n, n)) * (rng.random(n) + 0.5), rowvar=False), 0.1 * rng.random(n)
    return Statement(
        "portfolio of 400", n, "dot(x, S @ x) - dot(c, x)", ["x >= 0", "sum(x) == 1"], {"S": S, "c": c},
        lambda cp, x: (cp.quad_form(x, cp.psd_wrap(S)) - c @ x, [x >= 0, cp.sum(x) == 1]),
        {"S": ("psd",)},
    )  # fmt: skip


PROGRAMS = {
    f.__name__: (f, CLARABEL if f is transport else BOTH)
    for f in (isotonic, convex, variation, trend, control, transport, intercept, kernel, weights)
}
