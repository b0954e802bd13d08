"""Kernels written by hand for one problem each: the yardstick for generated code.

Logistic regression and least squares read the data once, in blocks of 32 rows, four rows at a time. The
elementary functions are the library's own, so that loops are compared and not polynomials.
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
    def logistic(X: Any, y: Any, w: Any, lam: float) -> Any:
        g, z = lam * w, np.empty(32)
        value = 0.0
        for j in range(len(w)):
            value += 0.5 * lam * w[j] * w[j]
        for lo in range(0, len(X), 32):
            hi = min(lo + 32, len(X))
            block, labels = X[lo:hi], y[lo:hi]
            times(block, w, z)
            part = 0.0
            for i in range(hi - lo):
                part += softplus(z[i]) - labels[i] * z[i]
                z[i] = sigmoid(z[i]) - labels[i]
            value += part
            back(block, z, g)
        return value, g

    @compiled
    def least_squares(X: Any, y: Any, w: Any) -> Any:
        g, z = 0.0 * w, np.empty(32)
        value = 0.0
        for lo in range(0, len(X), 32):
            hi = min(lo + 32, len(X))
            block, target = X[lo:hi], y[lo:hi]
            times(block, w, z)
            for i in range(hi - lo):
                z[i] -= target[i]
                value += 0.5 * z[i] * z[i]
            back(block, z, g)
        return value, g

    return logistic, least_squares


def yardsticks() -> dict[str, Any]:
    """By model: a function of the arrays that returns value and gradient."""
    logistic, least_squares = _loops()
    return {"logistic": logistic, "least_squares": least_squares}
