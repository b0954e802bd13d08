"""Eigenvalues of symmetric matrices of a few rows as plain loops, which a call of LAPACK would outlast.

A matrix is made tridiagonal by reflections. All eigenvalues with their vectors come from implicit steps of QL, the
least one alone from counting the negative pivots of T − xI.
Sources: Wilkinson & Reinsch, Linear Algebra (1971), II/2 to II/4; Barth, Martin & Wilkinson, Numer. Math. 9 (1967).
"""

from __future__ import annotations

import numpy as np

from ..apart import inner
from ..oracle import Array
from .program_vectors import moved, product

EPS = 2.220446049250313e-16
#: How far off the least eigenvalue may be, relative to itself.
NEAR = 1.0 / 256.0


@inner
def tridiagonal(a: Array, d: Array, e: Array, turn: Array) -> None:
    """The diagonal and what is beside it of a symmetric matrix, which is lost; and the rows that turn it so, if asked.

    turn  of no rows, or of as many as `a`: T = turn a turnᵀ
    """
    n = d.size
    v, w, weight = np.empty((n, n)), np.empty(n), np.empty(n)
    for k in range(n - 2):
        rest = a[k, k + 1 :]
        far = product(rest[1:], rest[1:])
        head = rest[0]
        weight[k] = 0.0
        e[k] = head
        if far == 0.0:
            continue
        length = np.sqrt(head * head + far)
        e[k] = -length if head > 0.0 else length
        line, near = v[k, k + 1 :], w[k + 1 :]
        for j in range(rest.size):
            line[j] = rest[j]
        line[0] = head - e[k]
        weight[k] = 2.0 / (far + line[0] * line[0])
        for i in range(rest.size):
            near[i] = weight[k] * product(a[k + 1 + i, k + 1 :], line)
        half = 0.5 * weight[k] * product(near, line)
        moved(near, -half, line)
        for i in range(rest.size):
            row, p, q = a[k + 1 + i, k + 1 :], line[i], near[i]
            for j in range(rest.size):
                row[j] -= p * near[j] + q * line[j]
    for i in range(n):
        d[i] = a[i, i]
    if n > 1:
        e[n - 2] = a[n - 2, n - 1]
    if turn.shape[0] == 0:
        return
    for i in range(n):
        for j in range(n):
            turn[i, j] = 1.0 if i == j else 0.0
    for k in range(n - 3, -1, -1):
        line = v[k, k + 1 :]
        if weight[k] != 0.0:
            for i in range(k + 1, n):
                row = turn[i, k + 1 :]
                moved(row, -weight[k] * product(row, line), line)


@inner
def eigen(a: Array, d: Array, turn: Array) -> bool:
    """The eigenvalues of a symmetric matrix, which is lost, and its eigenvectors as rows; False if they do not come."""
    n = d.size
    e = np.zeros(n)
    tridiagonal(a, d, e, turn)
    for first in range(n):
        for _ in range(60):
            last = first
            while last < n - 1 and abs(e[last]) > EPS * (abs(d[last]) + abs(d[last + 1])):
                last += 1
            if last == first:
                break
            shift = (d[first + 1] - d[first]) / (2.0 * e[first])
            length = np.sqrt(1.0 + shift * shift)
            g = d[last] - d[first] + e[first] / (shift + (length if shift >= 0.0 else -length))
            sine, cosine, p, whole = 1.0, 1.0, 0.0, True
            for i in range(last - 1, first - 1, -1):
                f, b = sine * e[i], cosine * e[i]
                length = np.sqrt(f * f + g * g)
                e[i + 1] = length
                if length == 0.0:
                    d[i + 1] -= p
                    e[last] = 0.0
                    whole = False
                    break
                sine, cosine = f / length, g / length
                g = d[i + 1] - p
                length = (d[i] - g) * sine + 2.0 * cosine * b
                p = sine * length
                d[i + 1] = g + p
                g = cosine * length - b
                above, below = turn[i], turn[i + 1]
                for j in range(n):
                    f = below[j]
                    below[j] = sine * above[j] + cosine * f
                    above[j] = cosine * above[j] - sine * f
            if whole:
                d[first] -= p
                e[first] = g
                e[last] = 0.0
        if first < n - 1 and abs(e[first]) > EPS * (abs(d[first]) + abs(d[first + 1])):
            return False
    return True


@inner
def least(a: Array, enough: float) -> float:
    """The least eigenvalue of a symmetric matrix, which is lost, from below; near −enough and above, a bound alone."""
    n = a.shape[0]
    d, e = np.empty(n), np.zeros(n)
    tridiagonal(a, d, e, a[:0])
    low, high = np.inf, np.inf
    for i in range(n):
        low = min(low, d[i] - abs(e[i]) - (abs(e[i - 1]) if i > 0 else 0.0))
        high = min(high, d[i])
    for i in range(n - 1):
        e[i] *= e[i]
    while high - low > NEAR * abs(low) and low < -enough:
        middle, pivot, found = 0.5 * (low + high), 1.0, False
        for i in range(n):
            pivot = d[i] - middle - (e[i - 1] / pivot if i > 0 else 0.0)
            if pivot <= 0.0:
                found = True
                break
        if found:
            high = middle
        else:
            low = middle
    return low
