"""Cholesky factors in plain loops that leave out what lies before the first entry of a row.

    A = L Lᵀ,   or   P A Pᵀ = L Lᵀ,   P reverses the order

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

#: Entries that are looked at together.
STRIDE = 16


@inner
def first_entry(row: Array, end: int) -> int:
    """The first place before `end` that is not 0, `end` if there is none; many at a time, for mostly there is none."""
    f = 0
    while f + STRIDE <= end:
        there = 0.0
        for k in range(STRIDE):
            there += abs(row[f + k])
        if there != 0.0:
            break
        f += STRIDE
    while f < end and row[f] == 0.0:
        f += 1
    return f


@inner
def factor_inside(L: Array, first: Array) -> bool:
    """L in place of the lower triangle that is there, of which the rows begin at `first`; False where it has none.

    On the diagonal are reciprocals: each row waits for the one before it, and a division takes four times a product.
    """
    for i in range(L.shape[0]):
        row, f = L[i], first[i]
        s = row[i]
        for j in range(f, i):
            other, t = L[j], row[j]
            for k in range(max(f, first[j]), j):
                t -= row[k] * other[k]
            t *= other[j]
            row[j] = t
            s -= t * t
        if not s > 0.0:
            return False
        row[i] = 1.0 / np.sqrt(s)
    return True


@inner
def factor_all(A: Array, L: Array, first: Array) -> bool:
    """L of the whole triangle, in the order of A, which `first` tells by its −1."""
    for i in range(A.shape[0]):
        for j in range(i + 1):
            L[i, j] = A[i, j]
    first[0] = -1
    found: bool = factor(L)
    return found


@inner
def factor_profile(A: Array, L: Array, last: Array) -> bool:
    """The factor of the lower triangle of A, whose column i ends at the row `last[i]`; False where it has none.

    Columns end one after the other, so nothing fills. They lie in the rows of L and are those of LD, A = LDLᵀ; on the
    diagonal is D⁻¹. No root stands between two pivots, and each changes what comes after it at once. Where the first of
    `last` is −1, L is the factor of the whole matrix.
    """
    n = last.size
    if n > 0 and last[0] < 0:
        for i in range(n):
            for j in range(i + 1):
                L[i, j] = A[i, j]
        found: bool = factor(L)
        return found
    for i in range(n):
        for k in range(i, last[i] + 1):
            L[i, k] = A[k, i]
    pivot = L[0, 0] if n > 0 else 1.0
    for i in range(n):
        row, end = L[i], last[i] + 1
        if not pivot > 0.0:
            return False
        inverse = 1.0 / pivot
        row[i] = inverse
        if end > i + 1:  # the next pivot at once: everything waits for it
            below, share = L[i + 1], row[i + 1] * inverse
            pivot = below[i + 1] - share * row[i + 1]
            for j in range(i + 2, end):
                below[j] -= share * row[j]
        elif i + 1 < n:
            pivot = L[i + 1, i + 1]
        for k in range(i + 2, end):
            below, share = L[k], row[k] * inverse
            for j in range(k, end):
                below[j] -= share * row[j]
    return True


@inner
def solve_profile(L: Array, last: Array, b: Array) -> None:
    """b becomes A⁻¹b, of `factor_profile`; b may be longer."""
    n = last.size
    if n > 0 and last[0] < 0:
        substitute(L, b)
        return
    here = b[0] if n > 0 else 0.0
    for i in range(n):  # what comes next is not read again from memory
        row, end = L[i], last[i] + 1
        t = here * row[i]
        b[i] = t
        if i + 1 < n:
            here = b[i + 1]
        if end > i + 1:
            here -= row[i + 1] * t
        for k in range(i + 2, end):
            b[k] -= row[k] * t
    here = 0.0
    for i in range(n - 1, -1, -1):
        row, t = L[i], 0.0
        for k in range(i + 2, last[i] + 1):
            t += row[k] * b[k]
        if last[i] > i:
            t += row[i + 1] * here
        here = b[i] - row[i] * t
        b[i] = here


@apart
def factor_envelope(A: Array, L: Array, first: Array) -> bool:
    """L, and the first column of each of its rows; False where A is not definite. A is symmetric.

    Where more than two thirds of the triangle are inside, in the order of A: the first of `first` is then −1.
    """
    n = A.shape[0]
    inside = 0
    for i in range(n):
        row, given = L[i], A[n - 1 - i]
        for j in range(i + 1):
            row[j] = given[n - 1 - j]
        first[i] = first_entry(row, i)
        inside += i - first[i]
    found: bool = factor_all(A, L, first) if 3 * inside > n * n else factor_inside(L, first)
    return found


@inner
def forward_envelope(L: Array, first: Array, b: Array, y: Array) -> None:
    """y = L⁻¹Pb"""
    n = first.size
    for i in range(n):
        t, row = b[i] if first[0] < 0 else b[n - 1 - i], L[i]
        for k in range(0 if first[0] < 0 else first[i], i):
            t -= row[k] * y[k]
        y[i] = t / row[i] if first[0] < 0 else t * row[i]


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
        t = y[i] * row[i]
        b[n - 1 - i] = t
        for k in range(first[i], i):
            y[k] -= row[k] * t
