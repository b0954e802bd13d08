"""Symmetric indefinite matrices in plain loops: factors with pivots of one and two rows, the signs of eigenvalues.

    P A Pᵀ = L D Lᵀ,   L unit lower triangular, D of blocks of size 1 and 2

The pivot is the largest entry that is left, on the diagonal or beside it (complete pivoting), so entries of L stay
small. D has as many negative eigenvalues as A, and a block of size 2 has one.
Source: Bunch & Parlett, SIAM J. Numer. Anal. 8 (1971).
"""

from __future__ import annotations

from ..apart import apart, inner
from ..oracle import Array

#: A pivot on the diagonal is taken if it is at least this share of the largest entry beside it: (1 + √17)/8.
SHARE = 0.6403882032022076


@inner
def exchanged(A: Array, order: Array, k: int, r: int) -> None:
    """Rows and columns k ≤ r change places, in the lower triangle."""
    n = A.shape[0]
    if k != r:
        for j in range(k):
            A[k, j], A[r, j] = A[r, j], A[k, j]
        for j in range(k + 1, r):
            A[j, k], A[r, j] = A[r, j], A[j, k]
        for i in range(r + 1, n):
            A[i, k], A[i, r] = A[i, r], A[i, k]
        A[k, k], A[r, r] = A[r, r], A[k, k]
        order[k], order[r] = order[r], order[k]


@apart
def factor_indefinite(A: Array, order: Array, beside: Array) -> int:
    """L and the diagonal of D in place of the lower triangle, P in `order`, D beside the diagonal; eigenvalues < 0."""
    n = A.shape[0]
    for i in range(n):
        order[i], beside[i] = i, 0.0
    negative, k = 0, 0
    while k < n:
        r, p, q = k, k, k
        top, most = abs(A[k, k]), 0.0
        for i in range(k + 1, n):
            row = A[i]
            if abs(row[i]) > top:
                top, r = abs(row[i]), i
            for j in range(k, i):
                if abs(row[j]) > most:
                    most, p, q = abs(row[j]), i, j
        if top == 0.0 and most == 0.0:
            break
        if top >= SHARE * most:
            exchanged(A, order, k, r)
            d = A[k, k]
            if d < 0.0:
                negative += 1
            for i in range(k + 1, n):
                row, t = A[i], A[i, k] / d
                if t != 0.0:
                    for j in range(k + 1, i + 1):
                        row[j] -= t * A[j, k]
            for i in range(k + 1, n):
                A[i, k] /= d
            k += 1
        else:
            exchanged(A, order, k, q)
            exchanged(A, order, k + 1, p)
            a, b, c = A[k, k], A[k + 1, k], A[k + 1, k + 1]
            det = a * c - b * b
            negative += 1
            for i in range(k + 2, n):
                row = A[i]
                x, y = row[k], row[k + 1]
                u, v = (c * x - b * y) / det, (a * y - b * x) / det
                for j in range(k + 2, i + 1):
                    row[j] -= u * A[j, k] + v * A[j, k + 1]
            for i in range(k + 2, n):
                row = A[i]
                x, y = row[k], row[k + 1]
                row[k], row[k + 1] = (c * x - b * y) / det, (a * y - b * x) / det
            A[k + 1, k], beside[k] = 0.0, b
            k += 2
    return negative


@apart
def solve_indefinite(A: Array, order: Array, beside: Array, x: Array) -> None:
    """x becomes A⁻¹x, A given by its factors; directions in which A vanishes are left out."""
    n = A.shape[0]
    y = x.copy()
    for i in range(n):
        t, row = y[order[i]], A[i]
        for j in range(i):
            t -= row[j] * x[j]
        x[i] = t
    k = 0
    while k < n:
        if k + 1 < n and beside[k] != 0.0:
            a, b, c = A[k, k], beside[k], A[k + 1, k + 1]
            det, u, v = a * c - b * b, x[k], x[k + 1]
            x[k], x[k + 1] = (c * u - b * v) / det, (a * v - b * u) / det
            k += 2
        else:
            x[k] = x[k] / A[k, k] if A[k, k] != 0.0 else 0.0
            k += 1
    for i in range(n - 1, -1, -1):
        row, t = A[i], x[i]
        for j in range(i):
            x[j] -= row[j] * t
    for i in range(n):
        y[i] = x[i]
    for i in range(n):
        x[order[i]] = y[i]
