"""Kernels written by hand for one problem each: the yardstick for generated code.

Logistic regression and least squares read the data once, in blocks of 32 rows, four rows at a time; where rows are
long, the products of one block share a loop with those of the block before. Models with several columns take blocks of
128 rows through matrix products, with classes and components outside and rows inside, so that all loops vectorise.
The elementary functions and the products with a short side are the library's own, so that loops and what lies between
them are compared, not polynomials and tiles.
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


BLOCK = 128


def _networks() -> tuple[Any, Any]:
    from derive.kernels.lapack import gemm, gemm_add
    from derive.kernels.special import compiled, cosigmoid, exp, log, sigmoid, tanh

    @compiled
    def shares(Z: Any, top: Any, total: Any, Y: Any, lo: int, m: int) -> Any:
        """The value of a block; scores become shares minus labels."""
        value = 0.0
        for i in range(m):
            top[i] = -np.inf
            total[i] = 0.0
        for c in range(len(Z)):
            for i in range(m):
                value -= Y[lo + i, c] * Z[c, i]
                top[i] = max(top[i], Z[c, i])
        for c in range(len(Z)):
            for i in range(m):
                e = exp(Z[c, i] - top[i])
                Z[c, i] = e
                total[i] += e
        for i in range(m):
            value += top[i] + log(total[i])
            total[i] = 1.0 / total[i]
        for c in range(len(Z)):
            for i in range(m):
                Z[c, i] = Z[c, i] * total[i] - Y[lo + i, c]
        return value

    @compiled
    def softmax_regression(X: Any, Y: Any, W: Any) -> Any:
        n, k = Y.shape
        G = np.zeros(W.shape)
        Z, top, total = np.empty((k, BLOCK)), np.empty(BLOCK), np.empty(BLOCK)
        value = 0.0
        for lo in range(0, n, BLOCK):
            m = min(BLOCK, n - lo)
            rows = X[lo : lo + m]
            gemm(W.T, rows.T, Z[:, :m])
            value += shares(Z, top, total, Y, lo, m)
            gemm_add(rows.T, Z[:, :m].T, G)
        return value, G

    @compiled
    def network(X: Any, Y: Any, W1: Any, b1: Any, W2: Any, b2: Any) -> Any:
        n, k = Y.shape
        h = len(b1)
        G1, g1, G2, g2 = np.zeros(W1.shape), np.zeros(h), np.zeros(W2.shape), np.zeros(k)
        H, S, B = np.empty((BLOCK, h)), np.empty((BLOCK, h)), np.empty((BLOCK, h))
        Z, top, total = np.empty((k, BLOCK)), np.empty(BLOCK), np.empty(BLOCK)
        value = 0.0
        for lo in range(0, n, BLOCK):
            m = min(BLOCK, n - lo)
            rows = X[lo : lo + m]
            gemm(rows, W1, H[:m])
            for i in range(m):
                for j in range(h):
                    a = H[i, j] + b1[j]
                    H[i, j] = tanh(a)
                    S[i, j] = 4.0 * sigmoid(2.0 * a) * cosigmoid(2.0 * a)
            gemm(W2.T, H[:m].T, Z[:, :m])
            for c in range(k):
                for i in range(m):
                    Z[c, i] += b2[c]
            value += shares(Z, top, total, Y, lo, m)
            gemm(Z[:, :m].T, W2.T, B[:m])
            gemm_add(H[:m].T, Z[:, :m].T, G2)
            for c in range(k):
                part = 0.0
                for i in range(m):
                    part += Z[c, i]
                g2[c] += part
            for i in range(m):
                for j in range(h):
                    t = B[i, j] * S[i, j]
                    B[i, j] = t
                    g1[j] += t
            gemm_add(rows.T, B[:m], G1)
        return value, G1, g1, G2, g2

    return softmax_regression, network


def _mixture() -> Any:
    from derive.kernels.special import compiled, exp, log

    @compiled
    def mixture(X: Any, alpha: Any, mu: Any, Sigma: Any) -> Any:
        n, d = X.shape
        k = len(alpha)
        P, constant = np.empty((k, d, d)), np.empty(k)
        for j in range(k):
            P[j] = np.linalg.inv(Sigma[j])
            constant[j] = np.log(alpha[j]) - 0.5 * np.linalg.slogdet(Sigma[j])[1]
        count, first, second = np.zeros(k), np.zeros((k, d)), np.zeros((k, d, d))
        R, L, top, total = np.empty((k, d, BLOCK)), np.empty((k, BLOCK)), np.empty(BLOCK), np.empty(BLOCK)
        weighted = np.empty(BLOCK)
        value = 0.0
        for lo in range(0, n, BLOCK):
            m = min(BLOCK, n - lo)
            for j in range(k):
                for a in range(d):
                    row = R[j, a]
                    for i in range(m):
                        row[i] = X[lo + i, a] - mu[j, a]
            for i in range(m):
                top[i] = -np.inf
                total[i] = 0.0
            for j in range(k):
                logs = L[j]
                for i in range(m):
                    logs[i] = constant[j]
                for a in range(d):
                    row = R[j, a]
                    for b in range(a + 1):
                        other, weight = R[j, b], P[j, a, b] if b < a else 0.5 * P[j, a, a]
                        for i in range(m):
                            logs[i] -= weight * row[i] * other[i]
                for i in range(m):
                    top[i] = max(top[i], logs[i])
            for j in range(k):
                for i in range(m):
                    e = exp(L[j, i] - top[i])
                    L[j, i] = e
                    total[i] += e
            for i in range(m):
                value -= top[i] + log(total[i])
                total[i] = 1.0 / total[i]
            for j in range(k):
                part = 0.0
                for i in range(m):
                    L[j, i] *= total[i]
                    part += L[j, i]
                count[j] += part
                for a in range(d):
                    row, part = R[j, a], 0.0
                    for i in range(m):
                        weighted[i] = L[j, i] * row[i]
                        part += weighted[i]
                    first[j, a] += part
                    for b in range(a + 1):
                        other, part = R[j, b], 0.0
                        for i in range(m):
                            part += weighted[i] * other[i]
                        second[j, a, b] += part
        G_mu, G_sigma = np.empty((k, d)), np.empty((k, d, d))
        for j in range(k):
            for a in range(d):
                for b in range(a):
                    second[j, b, a] = second[j, a, b]
            G_mu[j] = -(P[j] @ first[j])
            G_sigma[j] = 0.5 * (count[j] * P[j] - P[j] @ second[j] @ P[j])
        return value, -count / alpha, G_mu, G_sigma

    return mixture


def yardsticks() -> dict[str, Any]:
    """By model: a function of the arrays that returns value and gradient."""
    logistic, least_squares = _loops()
    softmax_regression, network = _networks()
    return {
        "logistic": logistic,
        "least squares": least_squares,
        "softmax regression": softmax_regression,
        "network": network,
        "mixture, covariances": _mixture(),
    }


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
