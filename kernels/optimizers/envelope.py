"""Cholesky factors in plain loops that leave out what lies before the first entry of a row.

    P A Pᵀ = L Lᵀ,   P reverses the order

Fill stays inside the envelope of a matrix: diagonal and banded ones cost next to nothing. Slack variables come last in
the smooth form, each alone but for what it bounds; in reverse order they are eliminated first, and n of them beside d
unknowns cost n d² instead of n³.
Source: George & Liu, Computer Solution of Large Sparse Positive Definite Systems (1981), ch. 4.
"""

from __future__ import annotations

import numpy as np

from ..apart import apart, inner
from ..oracle import Array
from .normal_matrix import factor, substitute


@apart
def factor_envelope(A: Array, L: Array, first: Array) -> bool:
    """L, and the first column of each of its rows; False where A is not definite. A is symmetric.

    Where more than two thirds of the triangle are inside, in the order of A: the first of `first` is then −1.
    """
    n = A.shape[0]
    inside = 0
    for i in range(n):
        row, given = L[i], A[n - 1 - i]
        first[i] = i
        for j in range(i + 1):
            row[j] = given[n - 1 - j]
            if row[j] != 0.0 and first[i] == i:
                first[i] = j
        inside += i - first[i]
    if 3 * inside > n * n:
        for i in range(n):
            for j in range(i + 1):
                L[i, j] = A[i, j]
        first[0] = -1
        return bool(factor(L))
    for i in range(n):
        row, f = L[i], first[i]
        s = row[i]
        for j in range(f, i):
            other, t = L[j], row[j]
            for k in range(max(f, first[j]), j):
                t -= row[k] * other[k]
            t /= other[j]
            row[j] = t
            s -= t * t
        if not s > 0.0:
            return False
        row[i] = np.sqrt(s)
    return True


@inner
def forward_envelope(L: Array, first: Array, b: Array, y: Array) -> None:
    """y = L⁻¹Pb"""
    n = first.size
    for i in range(n):
        t, row = b[i] if first[0] < 0 else b[n - 1 - i], L[i]
        for k in range(0 if first[0] < 0 else first[i], i):
            t -= row[k] * y[k]
        y[i] = t / row[i]


@apart
def solve_envelope(L: Array, first: Array, b: Array) -> None:
    """b becomes A⁻¹b; b may be longer."""
    n = first.size
    if first[0] < 0:
        substitute(L, b)
        return
    y = np.empty(n)
    forward_envelope(L, first, b, y)
    for i in range(n - 1, -1, -1):
        row = L[i]
        t = y[i] / row[i]
        b[n - 1 - i] = t
        for k in range(first[i], i):
            y[k] -= row[k] * t
