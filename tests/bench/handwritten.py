"""Kernels written by hand for one problem each: the yardstick for generated code.

Logistic regression and least squares read the data once, in blocks of 32 rows, four rows at a time; where rows are
long, the products of one block share a loop with those of the block before. The elementary functions are the
library's own, so that loops are compared and not polynomials.
"""

from __future__ import annotations

from typing import Any

import numpy as np


def _loops() -> tuple[Any, Any]:
    from derive.kernels.special import compiled, sigmoid, softplus

    @compiled
    def times(block: Any, w: Any, z: Any) -> None:
        rows, d = block.shape
        for i in range(0, rows - 3, 4):
            p, q, r, s = block[i], block[i + 1], block[i + 2], block[i + 3]
            a = b = c = e = 0.0
            for j in range(d):
                a += p[j] * w[j]
                b += q[j] * w[j]
                c += r[j] * w[j]
                e += s[j] * w[j]
            z[i], z[i + 1], z[i + 2], z[i + 3] = a, b, c, e
        for i in range(rows // 4 * 4, rows):
            a = 0.0
            for j in range(d):
                a += block[i, j] * w[j]
            z[i] = a

    @compiled
    def back(block: Any, z: Any, g: Any) -> None:
        rows, d = block.shape
        for i in range(0, rows - 3, 4):
            p, q, r, s = block[i], block[i + 1], block[i + 2], block[i + 3]
            a, b, c, e = z[i], z[i + 1], z[i + 2], z[i + 3]
            for j in range(d):
                g[j] += a * p[j] + b * q[j] + c * r[j] + e * s[j]
        for i in range(rows // 4 * 4, rows):
            for j in range(d):
                g[j] += z[i] * block[i, j]

    @compiled
    def back_and_times(old: Any, r: Any, g: Any, new: Any, w: Any, z: Any) -> None:
        d = len(w)
        for i in range(0, 32, 4):
            p, q, s, t = old[i], old[i + 1], old[i + 2], old[i + 3]
            u, v, x, y = new[i], new[i + 1], new[i + 2], new[i + 3]
            r0, r1, r2, r3 = r[i], r[i + 1], r[i + 2], r[i + 3]
            a = b = c = e = 0.0
            for j in range(d):
                a += u[j] * w[j]
                b += v[j] * w[j]
                c += x[j] * w[j]
                e += y[j] * w[j]
                g[j] += (r0 * p[j] + r1 * q[j]) + (r2 * s[j] + r3 * t[j])
            z[i], z[i + 1], z[i + 2], z[i + 3] = a, b, c, e

    @compiled
    def next_block(X: Any, lo: int, hi: int, r: Any, g: Any, w: Any, z: Any) -> None:
        """The gradient's part of rows lo to hi, and the products of the rows that follow."""
        block, after = X[lo:hi], X[hi : min(hi + 32, len(X))]
        if len(w) > 400 and len(block) == 32 and len(after) == 32:
            back_and_times(block, r, g, after, w, z)
        else:
            back(block, r, g)
            times(after, w, z)

    @compiled
    def logistic(X: Any, y: Any, w: Any) -> Any:
        g, z, r = 0.0 * w, np.empty(32), np.empty(32)
        value = 0.0
        times(X[:32], w, z)
        for lo in range(0, len(X), 32):
            hi = min(lo + 32, len(X))
            labels = y[lo:hi]
            part = 0.0
            for i in range(hi - lo):
                part += softplus(z[i]) - labels[i] * z[i]
                r[i] = sigmoid(z[i]) - labels[i]
            value += part
            next_block(X, lo, hi, r, g, w, z)
        return value, g

    @compiled
    def least_squares(X: Any, y: Any, w: Any) -> Any:
        g, z, r = 0.0 * w, np.empty(32), np.empty(32)
        value = 0.0
        times(X[:32], w, z)
        for lo in range(0, len(X), 32):
            hi = min(lo + 32, len(X))
            target = y[lo:hi]
            for i in range(hi - lo):
                r[i] = z[i] - target[i]
                value += 0.5 * r[i] * r[i]
            next_block(X, lo, hi, r, g, w, z)
        return value, g

    return logistic, least_squares


def yardsticks() -> dict[str, Any]:
    """By model: a function of the arrays that returns value and gradient."""
    logistic, least_squares = _loops()
    return {"logistic": logistic, "least squares": least_squares}


def reader() -> Any:
    """One read of an array: the sum of its entries, by a loop that vectorises."""
    from derive.kernels.special import compiled

    @compiled
    def read(X: Any) -> Any:
        total = 0.0
        flat = X.reshape(-1)
        for i in range(flat.size):
            total += flat[i]
        return total

    return read
