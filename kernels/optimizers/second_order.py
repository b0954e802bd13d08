"""Products of the nonnegative orthant and second-order cones: the algebra that an interior point needs.

Vectors hold the m entries of the orthant first, then cone after cone, each (t, u) with t ≥ ‖u‖ and its t ahead. The
product is (t, u) ∘ (r, v) = (tr + uᵀv, tv + ru), with the unit e = (1, 0). Nesterov and Todd's scaling W of s and z
is the symmetric one with W z = W⁻¹ s = λ,

    W = η (−J + (e + w̄)(e + w̄)ᵀ/(1 + w̄₀)) on a cone,   W = √(s/z) on the orthant,   J = diag(1, −1, …).

All cones are handled at once, their entries added up between the places where they begin.
Sources: Nesterov & Todd, SIAM J. Optim. 8 (1998); Vandenberghe, The CVXOPT linear and quadratic cone program solvers
(2010).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, final

import numpy as np
import scipy.sparse

from ..oracle import Array, Matrix, Vector

#: Columns with at most so many entries may be slacks of kinks.
THIN = 4


@final
class Cones:
    """Where the cones lie; `sizes` are those of the second-order ones, behind `orthant` entries."""

    def __init__(self, orthant: int, sizes: Sequence[int]) -> None:
        self.orthant, self.sizes = orthant, np.asarray(sizes, dtype=np.intp)
        self.size = orthant + int(self.sizes.sum())
        self.starts = np.cumsum(self.sizes) - self.sizes  # within the second part
        self.heads = orthant + self.starts
        self.owner = np.repeat(np.arange(self.sizes.size), self.sizes)
        self.sign = -np.ones(self.size - orthant)
        self.sign[self.starts] = 1.0
        self.degree = orthant + self.sizes.size
        self.unit = np.ones(self.size)
        self.unit[orthant:] = np.maximum(self.sign, 0.0)
        self._gram: Gram | None = None

    def gram(self, G: Matrix) -> Gram:
        """What is known of one G, made once."""
        if self._gram is None or self._gram.whole is not G:
            self._gram = Gram(G, self)
        return self._gram

    def added(self, x: Array) -> Array:
        """Sums over each second-order cone."""
        found: Array = np.add.reduceat(x, self.starts, axis=0) if self.sizes.size else x[:0]
        return found

    def largest(self, x: Vector) -> Vector:
        """The largest entry of each second-order cone."""
        found: Vector = np.maximum.reduceat(x, self.starts) if self.sizes.size else x[:0]
        return found

    def met(self, G: Matrix) -> Array:
        """Which columns the rows of each second-order cone behind its head meet."""
        there = G[self.orthant :] != 0.0
        there[self.starts] = False
        found: Array = np.logical_or.reduceat(there, self.starts, axis=0) if self.sizes.size else there[:0]
        return found

    def product(self, x: Vector, y: Vector) -> Vector:
        """x ∘ y"""
        m = self.orthant
        found = x * y
        a, b = x[m:], y[m:]
        found[m:] = a[self.starts][self.owner] * b + b[self.starts][self.owner] * a
        found[self.heads] = self.added(a * b)
        return found

    def quotient(self, d: Vector, x: Vector) -> Vector:
        """The y with x ∘ y = d, for x inside."""
        m = self.orthant
        found = np.empty(self.size)
        found[:m] = d[:m] / x[:m]
        a, b = x[m:], d[m:]
        head, first = a[self.starts], self.added(self.sign * a * b) / self.norms(a)
        found[m:] = (b - first[self.owner] * a) / head[self.owner]
        found[self.heads] = first
        return found

    def bounded(self, x: Vector, least: float, most: float) -> Vector:
        """x with its eigenvalues t ± ‖u‖ brought between two numbers."""
        m = self.orthant
        found = np.clip(x, least, most)
        head = x[self.heads]
        length = np.sqrt(np.maximum(self.added(x[m:] * x[m:]) - head * head, 0.0))
        low, high = np.clip(head - length, least, most), np.clip(head + length, least, most)
        share = 0.5 * (high - low) / np.where(length > 0.0, length, 1.0)
        found[m:] = share[self.owner] * x[m:]
        found[self.heads] = 0.5 * (low + high)
        return found

    def smooth(self, s: Vector, z: Vector, goal: float) -> None:
        """s and z become those inside with s ∘ z = goal e whose difference is as before: of each eigenvalue d of that
        they have ½(√(d² + 4 goal) ± d).
        """
        m = self.orthant
        d = s - z
        head = d[self.heads]
        length = np.sqrt(np.maximum(self.added(d[m:] * d[m:]) - head * head, 0.0))
        for x, sign in ((s, 1.0), (z, -1.0)):
            x[:m] = above(sign * d[:m], goal)
            low, high = above(sign * (head - length), goal), above(sign * (head + length), goal)
            share = 0.5 * (high - low) / np.where(length > 0.0, length, 1.0)
            x[m:] = share[self.owner] * d[m:]
            x[self.heads] = 0.5 * (low + high)

    def norms(self, x: Vector) -> Vector:
        """t² − ‖u‖² of each cone of the second part, as (t − ‖u‖)(t + ‖u‖)."""
        head = x[self.starts]
        rest = np.sqrt(np.maximum(self.added(x * x) - head * head, 0.0))
        return np.asarray((head - rest) * (head + rest))

    def depths(self, x: Vector) -> Vector:
        """For each cone the largest a for which x − a e lies in it; negative outside."""
        m = self.orthant
        head = x[self.heads]
        rest = np.sqrt(np.maximum(self.added(x[m:] * x[m:]) - head * head, 0.0))
        return np.concatenate([x[:m], head - rest])

    def depth(self, x: Vector) -> float:
        """The least of the depths."""
        return float(self.depths(x).min(initial=np.inf))

    def longest(self, x: Vector, dx: Vector) -> float:
        """The longest step along dx that stays in the cones, at most 1/ε."""
        m = self.orthant
        with np.errstate(all="ignore"):
            falling = dx[:m] < 0.0
            best = float(np.min(-x[:m][falling] / dx[:m][falling], initial=np.inf))
            if self.sizes.size:
                a, b = x[m:], dx[m:]
                square, mixed, rest = self.norms(b), self.added(self.sign * a * b), self.norms(a)
                root = np.sqrt(np.maximum(mixed * mixed - square * rest, 0.0))
                # the first root above 0 of square t² + 2 mixed t + rest, and of the heads
                t = np.where(mixed < 0.0, rest / (root - mixed), -(mixed + root) / square)
                real = (mixed * mixed >= square * rest) & (t > 0.0)
                best = min(best, float(np.min(t[real], initial=np.inf)))
                head, move = a[self.starts], b[self.starts]
                best = min(best, float(np.min(-head[move < 0.0] / move[move < 0.0], initial=np.inf)))
        return best


def above(d: Vector, goal: float) -> Vector:
    """½(d + √(d² + 4 goal)), without cancellation."""
    large = 0.5 * (np.abs(d) + np.sqrt(d * d + 4.0 * goal))
    found: Vector = np.where(d > 0.0, large, goal / large)
    return found


@final
class Scaling:
    """W at a pair of points inside the cones."""

    def __init__(self, cones: Cones, roots: Vector, mean: Vector, eta: Vector) -> None:
        self.cones, self.roots, self.mean, self.eta = cones, roots, mean, eta

    @classmethod
    def at(cls, cones: Cones, s: Vector, z: Vector) -> Scaling:
        """That of s and z."""
        m = cones.orthant
        roots = np.sqrt(s[:m] / z[:m])
        a, b = s[m:], z[m:]
        size, other = np.sqrt(cones.norms(a)), np.sqrt(cones.norms(b))
        a, b = a / size[cones.owner], b / other[cones.owner]
        gamma = np.sqrt(0.5 * (1.0 + cones.added(a * b)))
        mean = (a + cones.sign * b) / (2.0 * gamma)[cones.owner]  # w̄
        head = mean[cones.starts]
        rest = cones.added(mean * mean) - head * head
        mean[cones.starts] = np.sqrt(1.0 + rest)  # of length 1 to rounding
        return cls(cones, roots, mean, np.sqrt(size / other))

    def times(self, x: Array, inverse: bool = False) -> Array:
        """W x, or W⁻¹ x; x may have columns."""
        cones, m = self.cones, self.cones.orthant
        found = np.empty(x.shape)
        roots = 1.0 / self.roots if inverse else self.roots
        found[:m] = (x[:m].T * roots).T
        if cones.sizes.size:
            found[m:] = self.turned(x[m:], inverse)
        return found

    def turned(self, x: Array, inverse: bool = False) -> Array:
        """The same for the second part alone: W̄ = −J + q qᵀ/q₀ with q = e + w̄, whose inverse is J W̄ J."""
        cones = self.cones
        q = self.mean.copy()
        q[cones.starts] += 1.0
        eta = 1.0 / self.eta if inverse else self.eta
        if inverse:
            q = cones.sign * q
        inner = cones.added((x.T * q).T)
        factor = (inner.T / q[cones.starts]).T
        moved = (factor[cones.owner].T * q).T - (x.T * cones.sign).T
        return np.asarray((moved.T * eta[cones.owner]).T)


@final
class Gram:
    """Gᵀ W⁻² G for one G, of cones as a product of W⁻¹G with itself, which does not cancel.

    Slacks of kinks are columns of which a row of the orthant meets one at most: their part is diagonal, and what they
    share with the others has an entry for each row.
    """

    def __init__(self, G: Matrix, cones: Cones) -> None:
        self.cones, self.whole, m = cones, G, cones.orthant
        self.linear, self.round = G[:m], G[m:]
        met = self.linear != 0.0
        thin = met.sum(axis=0) <= THIN
        self.thin = np.flatnonzero(thin) if met[:, thin].sum(axis=1).max(initial=0) <= 1 else np.zeros(0, int)
        self.slacks: Any = None
        if self.thin.size >= 0.5 * G.shape[1]:
            self.wide = np.setdiff1d(np.arange(G.shape[1]), self.thin)
            self.slacks = scipy.sparse.csr_array(self.linear[:, self.thin].T)
            self.squares = self.slacks.power(2)
            self.dense = np.ascontiguousarray(self.linear[:, self.wide])

    def scaled(self, scaling: Scaling) -> Matrix:
        """The matrix for W."""
        n, weight = self.linear.shape[1], 1.0 / scaling.roots**2
        if self.slacks is not None:
            found = np.zeros((n, n))
            weighted = weight[:, None] * self.dense
            beside = self.slacks @ weighted
            found[np.ix_(self.wide, self.wide)] = self.dense.T @ weighted
            found[np.ix_(self.thin, self.wide)] = beside
            found[np.ix_(self.wide, self.thin)] = beside.T
            found[self.thin, self.thin] = self.squares @ weight
        else:
            scaled = (self.linear.T / scaling.roots).T
            found = np.asarray(scaled.T @ scaled)
        if self.cones.sizes.size:
            turned = scaling.turned(self.round, inverse=True)
            found += turned.T @ turned
        return found
