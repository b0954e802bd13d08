"""Newton's method with a line search; the Hessian is shifted until its Cholesky factor exists.

    (H + τD²) d = −∇f,   D the square roots of the Hessian's diagonal,   τ = 0 where H is positive definite

τ grows tenfold until the factorisation succeeds, so that d descends; its length satisfies the strong Wolfe
conditions, tried at 1 first. A saddle at the start is not left, because the gradient vanishes there.
Source: Nocedal & Wright, Numerical Optimization (2nd ed.), algorithms 3.2 and 3.3.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .line_search import wolfe
from .state import NOT_FINITE, RUNNING, HessianOf, Matrix, ValueGradient, Vector, all_finite

SIGMA = 0.9


class NewtonCholeskyState(NamedTuple):
    """The common fields, then the Hessian and the last shift τ."""

    x: Vector
    f: float
    g: Vector
    status: int
    evaluations: int
    length: float
    h: Matrix
    shift: float


def start(x: Vector, f: float, g: Vector, h: Matrix) -> NewtonCholeskyState:
    """The state at the first point."""
    finite = all_finite(f, g) and np.isfinite(np.sum(h))
    return NewtonCholeskyState(x, f, g, RUNNING if finite else NOT_FINITE, 1, 0.0, h, 0.0)


def factor(a: Matrix) -> tuple[Matrix, bool]:
    """The lower Cholesky factor, and whether there is one (pivots beyond rounding)."""
    n = a.shape[0]
    l = np.zeros((n, n))
    least = 1e-14 * max(np.max(np.diag(a)), 0.0)
    for j in range(n):
        pivot = a[j, j] - np.dot(l[j, :j], l[j, :j])
        if not pivot > least:
            return l, False
        l[j, j] = np.sqrt(pivot)
        for i in range(j + 1, n):
            l[i, j] = (a[i, j] - np.dot(l[i, :j], l[j, :j])) / l[j, j]
    return l, True


def solved(l: Matrix, b: Vector) -> Vector:
    """The solution of L Lᵀ x = b."""
    n = b.size
    x = b.copy()
    for i in range(n):
        x[i] = (x[i] - np.dot(l[i, :i], x[:i])) / l[i, i]
    for k in range(n):
        i = n - 1 - k
        x[i] /= l[i, i]
        for j in range(i):
            x[j] -= l[i, j] * x[i]
    return x


def direction(h: Matrix, g: Vector, last: float) -> tuple[Vector, float]:
    """d with (H + τD²) d = −∇f, and τ."""
    d = np.sqrt(np.abs(np.diag(h)))
    d = np.where(d > 0.0, d, max(np.max(d), 1.0))
    scaled = h / np.outer(d, d)
    shift = 0.0
    for _ in range(40):
        l, good = factor(scaled + shift * np.eye(g.size))
        if good:
            return -solved(l, g / d) / d, shift
        shift = max(10.0 * shift, 0.1 * last, 1e-10)
    return -g / (d * d), shift


def step(
    state: NewtonCholeskyState, value_gradient: ValueGradient, hessian: HessianOf
) -> NewtonCholeskyState:
    """One iteration."""
    x, f, g = state.x, state.f, state.g
    d, shift = direction(state.h, g, state.shift)
    x_new, f_new, g_new, _, count, status = wolfe(value_gradient, x, f, g, d, 1.0, SIGMA)
    s = x_new - x
    length = np.sqrt(np.dot(s, s))
    evaluations = state.evaluations + count
    if status != RUNNING:
        return NewtonCholeskyState(x_new, f_new, g_new, status, evaluations, length, state.h, shift)
    h = hessian(x_new)
    if not np.isfinite(np.sum(h)):
        return NewtonCholeskyState(x_new, f_new, g_new, NOT_FINITE, evaluations, length, h, shift)
    return NewtonCholeskyState(x_new, f_new, g_new, RUNNING, evaluations, length, h, shift)
