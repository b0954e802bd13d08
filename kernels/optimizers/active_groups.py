"""Smooth functions with weights on norms of groups: proximal gradient until the groups settle, then Newton's method.

    minimise F(x) = f(x) + Σ λᵢ|xᵢ| + Σ_g ω_g ‖x_g‖₂

FISTA finds which groups are zero. On the others F is smooth, with the gradient ∇f + λ sign(x) + ω x_g/‖x_g‖ and the
Hessian ∇²f + ω (I − uuᵀ)/‖x_g‖, u = x_g/‖x_g‖, so that a few steps of Newton's method there give the last digits. Where
a sign or a group would have to change, or a group that is zero is not optimal, FISTA goes on from there.
Sources: Yuan & Lin, J. R. Stat. Soc. B 68 (2006), for the conditions; Beck & Teboulle, SIAM J. Imaging Sci. 2 (2009);
Lewis, SIAM J. Optim. 13 (2002), for the smooth manifold that is identified.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..oracle import Array
from .block_descent import blocks, descend
from .fista import CONVERGED, STEPS, fista
from .penalties import PENALTIES, lengths

ROUNDS = 12  # of FISTA and Newton in turn
SWEEPS = 300  # of block coordinate descent on one model
EPS = 2.220446049250313e-16


def solve(
    value_gradient: Callable[[Array], tuple[float, Array]],
    hessian: Callable[[Array], Array] | None,
    l1: Array,
    group: Array,
    weights: Array,
    x: Array,
    *,
    tol: float,
    most: int,
    watch: Callable[[int, Array, float, float], bool] | None = None,
    lipschitz: float = np.inf,
) -> tuple[Array, float, int, int, int]:
    """What `fista` returns; without a Hessian FISTA goes all the way."""
    penalty = PENALTIES["groups"].of(l1, group, weights)
    begun, iterations, evaluations, aim = np.inf, 0, 0, tol if hessian is None else max(tol, 1e-3)
    for k in range(ROUNDS):
        x, first, status, count, tried = fista(
            value_gradient, penalty, x, tol=aim, most=most - iterations, watch=watch, lipschitz=lipschitz
        )
        begun = first if k == 0 else begun
        iterations, evaluations = iterations + count, evaluations + tried
        if status != CONVERGED or hessian is None or iterations >= most:
            return x, begun, status, iterations, evaluations
        x, count = newton(value_gradient, hessian, l1, group, weights, x)
        evaluations += count
        f, g = value_gradient(x)
        total = f + penalty.value(x)
        error = float((penalty.distance(g, x) * np.maximum(1.0, np.abs(x))).max())
        stop = watch is not None and watch(iterations, x, total, error)
        if error <= tol * max(1.0, abs(total)):
            return x, begun, CONVERGED, iterations + count, evaluations
        if stop:
            return x, begun, STEPS, iterations, evaluations
        aim = max(0.1 * aim, tol)
    return x, begun, STEPS, iterations, evaluations


def proximal_newton(
    oracle: Callable[[Array], tuple[float, Array, Array]],
    l1: Array,
    group: Array,
    weights: Array,
    x: Array,
    *,
    tol: float,
    most: int,
    watch: Callable[[int, Array, float, float], bool] | None = None,
) -> tuple[Array, bool, int]:
    """For few unknowns: block descent on quadratic models, then `newton`: the point, whether done, evaluations.

    `oracle` gives value, gradient and Hessian.
    """
    penalty = PENALTIES["groups"].of(l1, group, weights)
    parts = blocks(group, weights)
    f, g, h = oracle(x)
    evaluations = 1
    for k in range(most):
        total = f + penalty.value(x)
        if watch is not None:
            reach = penalty.distance(g, x) * np.maximum(1.0, np.abs(x))
            if watch(k, x, total, float(reach.max(initial=0.0))):
                return x, False, evaluations
        if not (np.isfinite(total) and np.isfinite(g).all() and np.isfinite(h).all()):
            return x, False, evaluations
        z, size = x.copy(), max(abs(total), 1.0)
        descend(h, h @ x - g, l1, *parts, z, 1e-14 * size, SWEEPS)
        p = z - x
        model = float(g @ p) + penalty.value(z) - penalty.value(x)
        t = 1.0
        for _ in range(40):
            ahead = x + t * p
            f_new, g_new, h_new = oracle(ahead)
            evaluations += 1
            if f_new + penalty.value(ahead) <= total + 1e-4 * t * model + 1e-14 * size:
                x, f, g, h = ahead, f_new, g_new, h_new
                break
            t *= 0.5
        else:
            return x, False, evaluations
        if -model <= 1e-6 * size:  # near enough for Newton's method
            enough = 0.1 * tol * size
            once = _Once(oracle)
            x, count = newton(once.value_gradient, once.hessian, l1, group, weights, x, enough)
            f, g, h = once(x)
            evaluations += count + 1
            reach = penalty.distance(g, x) * np.maximum(1.0, np.abs(x))
            if float(reach.max(initial=0.0)) <= tol * size:
                return x, True, evaluations
    return x, False, evaluations


class _Once:
    """Value, gradient and Hessian come together: the Hessian at the last point is there already."""

    def __init__(self, oracle: Callable[[Array], tuple[float, Array, Array]]) -> None:
        self.oracle = oracle
        self.last: tuple[Array, tuple[float, Array, Array]] | None = None

    def __call__(self, x: Array) -> tuple[float, Array, Array]:
        if self.last is None or self.last[0] is not x:
            self.last = (x, self.oracle(x))
        return self.last[1]

    def value_gradient(self, x: Array) -> tuple[float, Array]:
        return self(x)[:2]

    def hessian(self, x: Array) -> Array:
        return self(x)[2]


def newton(
    value_gradient: Callable[[Array], tuple[float, Array]],
    hessian: Callable[[Array], Array],
    l1: Array,
    group: Array,
    weights: Array,
    x: Array,
    enough: float = 0.0,
) -> tuple[Array, int]:
    """Newton's method on the entries that are free, as long as it gets nearer: the point, and the evaluations.

    It ends where the distance to the subdifferential there is `enough`.
    """
    penalty = PENALTIES["groups"].of(l1, group, weights)
    f, g = value_gradient(x)
    total, tried = f + penalty.value(x), 1
    alive = np.append(lengths(x, group, weights.size) > 0.0, True)[group]
    free = np.flatnonzero(alive & ((x != 0.0) | (l1 == 0.0)))
    if not free.size:
        return x, tried
    before = float(penalty.distance(g, x)[free].max())
    for _ in range(30):
        slope, bent = curved(g, hessian(x), l1, group, weights, x, free)
        if not (np.isfinite(slope).all() and np.isfinite(bent).all()):
            break
        step = bending_step(bent, slope)
        if not slope @ step < 0.0:
            break
        t, better = 1.0, False
        for _ in range(30):
            ahead = x.copy()
            ahead[free] += t * step
            if not (((ahead * x < 0.0) & (l1 > 0.0)).any()):
                f_new, g_new = value_gradient(ahead)
                tried += 1
                total_new = f_new + penalty.value(ahead)
                after = float(penalty.distance(g_new, ahead)[free].max())
                close = abs(total_new - total) <= 1e-12 * abs(total)
                if total_new <= total + 1e-4 * t * float(slope @ step) or (close and after < 0.9 * before):
                    better = True
                    break
            t *= 0.5
        if not better:
            break
        x, g, total, before = ahead, g_new, total_new, after
        if before <= enough:
            break
    return x, tried


def bending_step(bent: Array, slope: Array) -> Array:
    """Newton's step along what bends by more than rounding; along the rest it would be noise, however long."""
    diagonal = np.diagonal(bent)
    unit = 1.0 / np.sqrt(np.where(diagonal > 0.0, diagonal, 1.0))
    scaled, rounding = bent * unit[:, None] * unit, 16.0 * slope.size * EPS
    try:
        if np.diagonal(np.linalg.cholesky(scaled)).min() ** 2 > rounding:
            return np.asarray(-np.linalg.solve(bent, slope))
    except np.linalg.LinAlgError:
        pass  # not definite
    values, vectors = np.linalg.eigh(scaled)
    bends = values > rounding * float(values[-1])
    way = vectors[:, bends]
    return np.asarray(-unit * (way @ ((unit * slope) @ way / values[bends])))


def curved(
    g: Array, h: Array, l1: Array, group: Array, weights: Array, x: Array, free: Array
) -> tuple[Array, Array]:
    """Gradient and Hessian of F in the free entries."""
    mine = group[free]
    size = np.append(lengths(x, group, weights.size), 1.0)[mine]
    pull = np.append(weights, 0.0)[mine] / size
    u = x[free] / size
    slope = g[free] + l1[free] * np.sign(x[free]) + pull * x[free]
    together = (mine[:, None] == mine[None, :]) & (mine >= 0)[:, None]
    return slope, h[np.ix_(free, free)] + np.diag(pull) - np.where(
        together, pull[:, None] * np.outer(u, u), 0.0
    )
