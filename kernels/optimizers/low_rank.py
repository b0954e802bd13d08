"""Norms of singular values: proximal gradient finds the rank, Newton's method the matrix of that rank.

    minimise f(x) + Σ ω ‖X‖_* + Σ λᵢ|xᵢ|    subject to   low ≤ x ≤ high,     the X matrices of their own

The proximal step sets singular values to zero, so that after some steps the rank is that of the optimum. With
X = L Rᵀ of that rank, ‖X‖_* = min ½(‖L‖² + ‖R‖²), so that

    f(L Rᵀ) + ½ω(‖L‖² + ‖R‖²)

is smooth, has the same minima, and is minimised by Newton's method with conjugate gradients, the other entries free
where they are neither zero nor at a bound. Its curvature along column k is about hσ_k + ω, h that of f, by which steps
are scaled. Columns too many shrink to nothing. Whether the rank is right tells the distance to the subdifferential of
the whole, and if it is not, the proximal gradient goes on from there.
Sources: Srebro, Rennie & Jaakkola, NeurIPS 2004, for the factors; Liang, Fadili & Peyré, J. Optim. Theory Appl. 172
(2017), for ranks found in finitely many steps.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from ..oracle import Matrix, Vector
from .fista import CONVERGED, STEPS, fista
from .matrices import Matrices
from .penalties import PENALTIES

#: Steps of the proximal gradient that leave the rank as it is before Newton's method is tried; steps of that, and
#: products with the Hessian in one of them.
PATIENCE, NEWTON, PRODUCTS = 8, 12, 250


@dataclass(frozen=True)
class Factors:
    """The smooth problem around a point: factors of its matrices, and the other entries that are free."""

    x: Vector
    matrices: Matrices
    ranks: Sequence[int]
    free: Any
    pull: Vector  # λ sign(x) of those
    quadratic: bool  # whether f is: then its slope is linear

    @classmethod
    def of(
        cls, x: Vector, matrices: Matrices, l1: Vector, low: Vector, high: Vector, quadratic: bool = False
    ) -> Factors:
        """The ranks and free entries of a point."""
        inside = np.ones(x.size, dtype=bool)
        for at, m, n, _ in matrices.parts:
            inside[at : at + m * n] = False
        free = np.flatnonzero(inside & (x > low) & (x < high) & ((x != 0.0) | (l1 == 0.0)))
        return cls(x, matrices, matrices.ranks(x), free, l1[free] * np.sign(x[free]), quadratic)

    def point(self) -> Vector:
        """The factors U√σ and V√σ, then the free entries."""
        parts = []
        for _, (u, s, v) in self.matrices.factors(self.x):
            parts += [(u * np.sqrt(s)).ravel(), (v.T * np.sqrt(s)).ravel()]
        return np.concatenate([*parts, self.x[self.free]])

    def split(self, p: Vector) -> list[tuple[Matrix, Matrix]]:
        """L and R of each matrix."""
        found, at = [], 0
        for (_, m, n, _), r in zip(self.matrices.parts, self.ranks, strict=True):
            left, right = p[at : at + m * r].reshape(m, r), p[at + m * r : at + (m + n) * r].reshape(n, r)
            found.append((left, right))
            at += (m + n) * r
        return found

    def opened(self, p: Vector) -> Vector:
        """The unknowns: L Rᵀ, and the free entries where they are."""
        x = self.x.copy()
        for (at, m, n, _), (left, right) in zip(self.matrices.parts, self.split(p), strict=True):
            x[at : at + m * n] = (left @ right.T).ravel()
        x[self.free] = p[p.size - self.free.size :]
        return x

    def moved(self, p: Vector, d: Vector) -> Vector:
        """The first-order change of the unknowns."""
        dx = np.zeros(self.x.size)
        for (at, m, n, _), (left, right), (dl, dr) in zip(
            self.matrices.parts, self.split(p), self.split(d), strict=True
        ):
            dx[at : at + m * n] = (dl @ right.T + left @ dr.T).ravel()
        dx[self.free] = d[d.size - self.free.size :]
        return dx

    def shut(self, g: Vector, p: Vector) -> Vector:
        """G R and GᵀL for a slope in the unknowns, and its free entries."""
        parts = []
        for (at, m, n, _), (left, right) in zip(self.matrices.parts, self.split(p), strict=True):
            slope = g[at : at + m * n].reshape(m, n)
            parts += [(slope @ right).ravel(), (slope.T @ left).ravel()]
        return np.concatenate([*parts, g[self.free]])

    def weights(self) -> Vector:
        """ω for each entry of the factors, 0 for the others."""
        sizes = [(m + n) * r for (_, m, n, _), r in zip(self.matrices.parts, self.ranks, strict=True)]
        each = [np.full(k, w) for k, (*_, w) in zip(sizes, self.matrices.parts, strict=True)]
        return np.concatenate([*each, np.zeros(self.free.size)])

    def smooth(self, value_gradient: Any) -> tuple[Any, Any]:
        """Value and gradient, and products with the Hessian, in the factors."""
        weights, linear = self.weights(), np.zeros(self.x.size)
        linear[self.free] = self.pull
        last: list[Any] = [None, None, None, None]

        def slope(p: Vector) -> tuple[float, Vector]:
            if last[0] is None or not np.array_equal(last[0], p):
                last[:3] = [p.copy(), *value_gradient(self.opened(p))]
            return last[1], last[2]

        def value(p: Vector) -> tuple[float, Vector]:
            f, g = slope(p)
            extra = 0.5 * float(weights @ (p * p)) + float(self.pull @ p[p.size - self.free.size :])
            return f + extra, self.shut(g + linear, p) + weights * p

        def bent(x: Vector, dx: Vector) -> Vector:
            """The Hessian of f times dx: by the linear slope, or by differences."""
            if self.quadratic:
                if last[3] is None:
                    last[3] = value_gradient(np.zeros(x.size))[1]
                return np.asarray(value_gradient(dx)[1] - last[3])
            size = float(np.abs(dx).max(initial=0.0))
            if size == 0.0:
                return np.zeros(x.size)
            h = 1e-4 * max(1.0, float(np.abs(x).max())) / size
            return np.asarray((value_gradient(x + h * dx)[1] - value_gradient(x - h * dx)[1]) / (2.0 * h))

        def product(p: Vector, d: Vector) -> Vector:
            _, g = slope(p)
            bend = bent(self.opened(p), self.moved(p, d))
            return self.shut(bend, p) + self.shut(g, d) - self.only_free(g) + weights * d

        return value, product

    def curvature(self, h: float) -> Vector:
        """hσ + ω for each entry of the factors, h for the others, where f bends by h."""
        parts = []
        for (_, m, n, w), (_, s, _) in self.matrices.factors(self.x):
            parts.append(np.broadcast_to(h * s + w, (m + n, s.size)).ravel())
        return np.concatenate([*parts, np.full(self.free.size, h)])

    def only_free(self, g: Vector) -> Vector:
        """The free entries of a slope behind zeros: what `shut` says of them twice."""
        count = sum((m + n) * r for (_, m, n, _), r in zip(self.matrices.parts, self.ranks, strict=True))
        return np.concatenate([np.zeros(count), g[self.free]])


def _direction(
    product: Callable[[Vector], Vector], g: Vector, scale: Vector, share: float
) -> tuple[Vector, int]:
    """Newton's step by conjugate gradients, and the number of products; shorter where there is no curvature."""
    d, r = np.zeros(g.size), -g
    p = r / scale
    rr, target = float(r @ p), share * share * float(r @ r)
    for k in range(PRODUCTS):
        bent = product(p)
        bend = float(p @ bent)
        if not bend > 0.0:
            return (d if k else p), k + 1
        d = d + (rr / bend) * p
        r = r - (rr / bend) * bent
        if float(r @ r) <= target:
            return d, k + 1
        scaled = r / scale
        before, rr = rr, float(r @ scaled)
        p = scaled + (rr / before) * p
    return d, PRODUCTS


def on_rank(
    value_gradient: Any, x: Vector, parameters: tuple[Any, ...], ended: Callable[[], bool]
) -> tuple[Vector, int]:
    """Newton's method on the matrices of the rank of x, the signs of other entries kept; x itself where it fails."""
    factors = Factors.of(x, *parameters)
    value, product = factors.smooth(value_gradient)
    p = factors.point()
    if p.size == 0:
        return x, 0
    _, l1, low, high, _ = parameters
    kept, bound = factors.free, l1[factors.free] > 0.0
    f, g = value(p)
    evaluations, first = 1, float(np.sqrt(g @ g))
    moved = factors.moved(p, p)
    bend = float(p @ (product(p, p) - factors.weights() * p)) / max(float(moved @ moved), 1e-300)
    scale = factors.curvature(max(bend, 1e-12))
    for _ in range(NEWTON):
        norm = float(np.sqrt(g @ g))
        if norm <= 1e-15 * max(1.0, abs(f)) or ended():
            break
        d, count = _direction(partial(product, p), g, scale, min(0.1, np.sqrt(norm / first)))
        evaluations += 2 * count + 1
        t = 1.0
        for _ in range(4):
            f_new, g_new = value(p + t * d)
            less = float(np.sqrt(g_new @ g_new)) < norm
            if np.isfinite(f_new) and (f_new < f - 1e-13 * abs(f) or less):
                break
            t *= 0.25
        else:
            break
        if count == PRODUCTS and not float(np.sqrt(g_new @ g_new)) < 0.1 * norm:
            p = p + t * d  # rounding, or a rank that is wrong
            break
        p, f, g = p + t * d, f_new, g_new
        held = p[p.size - kept.size :]
        turned = bound & (held * factors.x[kept] <= 0.0)
        if turned.any() or (held < low[kept]).any() or (held > high[kept]).any():
            return x, evaluations
    return factors.opened(p), evaluations


def solve(
    value_gradient: Callable[[Vector], tuple[float, Vector]],
    matrices: Matrices,
    l1: Vector,
    low: Vector,
    high: Vector,
    x: Vector,
    *,
    tol: float,
    most: int,
    quadratic: bool = False,
    watch: Callable[[int, Vector, float, float], bool] | None = None,
) -> tuple[Vector, int, int, int]:
    """`(x, status, steps, evaluations)`; the statuses are those of `fista`."""
    parameters = (matrices, l1, low, high)
    penalty = PENALTIES["nuclear"].of(*parameters)
    place = (*parameters, quadratic)
    steps, evaluations, patience, status = 0, 0, PATIENCE, STEPS
    over: list[bool] = []
    seen: list[Any] = [None, 0]  # the ranks, and for how many steps they have been so

    def watched(iteration: int, at: Vector, value: float, error: float) -> bool:
        ranks = matrices.ranks(at)
        seen[:] = [ranks, seen[1] + 1 if ranks == seen[0] else 0]
        if watch is not None and watch(iteration, at, value, error):
            over.append(True)
        full = all(r == min(m, n) for r, (_, m, n, _) in zip(ranks, matrices.parts, strict=True))
        return bool(over) or seen[1] >= (5 * patience if full else patience)

    def judged(at: Vector) -> tuple[float, float]:
        f, g = value_gradient(at)
        total = f + penalty.value(at)
        reach = np.maximum(1.0, np.abs(at))
        return total, float((penalty.distance(g, at) * reach).max(initial=0.0)) / max(1.0, abs(total))

    while steps < most:
        seen[1] = 0
        x, _, status, count, tried = fista(
            value_gradient, penalty, x, tol=tol, most=most - steps, watch=watched
        )
        steps, evaluations = steps + count, evaluations + tried
        if status != STEPS or over or steps >= most:
            break
        y, tried = on_rank(value_gradient, x, place, lambda: bool(over))
        evaluations += tried + 2
        (total, error), (before, _) = judged(y), judged(x)
        if np.isfinite(total) and total <= before + 1e-12 * abs(before):
            x = y
        patience *= 2
        if error <= tol:
            x, status, steps = y, CONVERGED, steps + 1
            watched(steps, x, total, error * max(1.0, abs(total)))
            break
    return x, status, steps, evaluations
