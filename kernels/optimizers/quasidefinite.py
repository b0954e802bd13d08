"""Factors of sparse quasi-definite matrices, in an order that is found once.

    P A Pᵀ = L D Lᵀ,   A = [[ H, Bᵀ ], [ B, −G ]],   H and G positive definite,   D diagonal

Such factors exist in every order; here P leaves H before G. What changes from one factorisation to the next is known
beforehand: columns of L are kept sparse up to where the rest is nearly full, and which entries each of them changes in
later ones is listed, so that factorising is a list of products. The dense end is kept by columns of L, which are rows
of DLᵀ, so that each is the sum of multiples of those above.
Sources: Vanderbei, SIAM J. Optim. 5 (1995); Davis, Direct Methods for Sparse Linear Systems (2006), ch. 4.
"""

from __future__ import annotations

import numpy as np

from ..apart import apart, inner
from ..oracle import Array
from ..rowwise import add_rows
from .program_vectors import copied, product

#: Rows of a matrix: where each begins, the columns of its entries, the entries.
Rows = tuple[Array, Array, Array]
#: What is known before numbers are: where columns of L begin, and the rows of their entries; the targets of the
#: products that columns are eliminated by; how many rows the dense end has.
Symbols = tuple[Array, Array, Array, Array]

#: The share of entries from which on the end of L is stored densely.
FULL = 0.7
#: Pivots that cancel to less than this share of what they were made of are rounding: those of H, those of −G.
ROUNDING, DEPENDENT = 1e-13, 1e-11


@inner
def ancestors(begins: Array, places: Array) -> Array:
    """The elimination tree: for each column the first later one that it changes, −1 for none.

    begins, places  the entries left of the diagonal, row by row
    """
    n = begins.size - 1
    parent, jump = np.empty(n, np.int64), np.empty(n, np.int64)
    for i in range(n):
        parent[i], jump[i] = -1, -1
        for a in range(begins[i], begins[i + 1]):
            j = places[a]
            while j != -1 and j < i:
                after = jump[j]
                jump[j] = i
                if after == -1:
                    parent[j] = i
                j = after
    return parent


@apart
def symbols(begins: Array, places: Array, most: int) -> Symbols:
    """Of a matrix whose entries left of the diagonal are these, in the order of elimination.

    Where there would be more than `most` products, the list of them is empty and the dense end is of size −1.
    """
    n = begins.size - 1
    parent = ancestors(begins, places)
    counts, mark = np.empty(n + 1, np.int64), np.empty(n, np.int64)
    for j in range(n):
        counts[j], mark[j] = 0, -1
    counts[n] = 0
    for i in range(n):  # row i of L: all columns on the ways up the tree from the entries of row i of A
        mark[i] = i
        for a in range(begins[i], begins[i + 1]):
            j = places[a]
            while mark[j] != i:
                mark[j] = i
                counts[j] += 1
                j = parent[j]
    end, inside, total = 0, 0, 0
    for t in range(1, n + 1):
        inside += counts[n - t]
        if 2 * inside >= FULL * t * (t - 1):
            end = t
    first = n - end
    starts, products = np.empty(first + 1, np.int64), 0
    for j in range(first):
        starts[j] = total
        total += counts[j]
        products += counts[j] * (counts[j] - 1) // 2
    starts[first] = total
    size = np.empty(1, np.int64)
    size[0] = end
    if products > most:
        size[0] = -1
        return starts, np.empty(0, np.int64), np.empty(0, np.int64), size
    rows, filled = np.empty(total, np.int64), np.empty(first, np.int64)
    for j in range(first):
        filled[j], mark[j] = starts[j], -1
    for j in range(n):
        mark[j] = -1
    for i in range(n):
        mark[i] = i
        for a in range(begins[i], begins[i + 1]):
            j = places[a]
            while mark[j] != i:
                mark[j] = i
                if j < first:
                    rows[filled[j]] = i
                    filled[j] += 1
                j = parent[j]
    targets, at = np.empty(products, np.int64), 0
    for j in range(first):
        for a in range(starts[j], starts[j + 1]):
            column = rows[a]
            where = starts[column] if column < first else 0
            for b in range(a + 1, starts[j + 1]):
                if column >= first:
                    targets[at] = total + (column - first) * end + rows[b] - first
                else:
                    while rows[where] != rows[b]:
                        where += 1
                    targets[at] = where
                at += 1
    return starts, rows, targets, size


@inner
def located(kept: Symbols, row: int, column: int) -> int:
    """Where an entry of L is stored, which is there."""
    starts, rows, _, size = kept
    first, end = starts.size - 1, size[0]
    if column >= first:
        return int(rows.size + (column - first) * end + row - first)
    low, high = starts[column], starts[column + 1] - 1
    while low < high:
        middle = (low + high) // 2
        if rows[middle] < row:
            low = middle + 1
        else:
            high = middle
    return int(low)


@apart
def entries(kept: Symbols, begins: Array, places: Array, values: Array) -> Array:
    """The matrix left of its diagonal as it is stored, before the first column is eliminated."""
    total, end = kept[1].size, kept[3][0]
    found = np.zeros(total + end * end)
    for i in range(begins.size - 1):
        for a in range(begins[i], begins[i + 1]):
            found[located(kept, i, places[a])] += values[a]
    return found


@apart
def positions(kept: Symbols, rows: Array, columns: Array) -> Array:
    """Where these entries are stored."""
    found = np.empty(rows.size, np.int64)
    for a in range(rows.size):
        found[a] = located(kept, rows[a], columns[a])
    return found


@apart
def factor_sparse(kept: Symbols, L: Array, D: Array, r: int) -> bool:
    """The matrix as it is stored becomes L, in its dense end DLᵀ, and its diagonal 1/D; H has r rows.

    False where H is not definite, to rounding.

    Pivots are compared with what they were before they began to shrink: those of H at first, those of −G when H was
    eliminated.
    """
    starts, rows, targets, size = kept
    first, end, total = starts.size - 1, size[0], rows.size
    before, at = np.empty(D.size), 0
    for i in range(D.size):
        before[i] = D[i]
    for j in range(first):
        if j == r:
            for i in range(r, D.size):
                before[i] = D[i]
        if j < r and not D[j] > ROUNDING * before[j]:
            return False
        D[j] = inverse(D[j], before[j])
        for a in range(starts[j], starts[j + 1]):
            value = D[j] * L[a]
            D[rows[a]] -= value * L[a]
            for b in range(a + 1, starts[j + 1]):
                L[targets[at]] -= value * L[b]
                at += 1
            L[a] = value
    block, column, shares = L[total:].reshape(end, end), np.empty(end), np.empty(end)
    half = end // 2
    right = np.empty((end, end - half))  # of the later rows the half that is not done yet
    for i in range(end):
        row, d = block[i], D[first + i]
        for k in range(i):
            column[k] = block[k, i]
            shares[k] = -D[first + k] * column[k]
        cut = min(max(r - first, 0), i)
        d += product(shares[:cut], column)
        if first <= r and r <= first + i:
            before[first + i] = d
        d += product(shares[cut:i], column[cut:])
        if first + i < r and not d > ROUNDING * before[first + i]:
            return False
        D[first + i] = inverse(d, before[first + i])
        if i > 0 and i < half:
            add_rows(block[:i], shares[:i], row)
        elif i > 0 and i + 1 < end:
            add_rows(right[:i], shares[:i], row[half:])
        copied(row[half:], right[i])
    return True


@inner
def inverse(d: float, before: float) -> float:
    """1/d; 0 of a row of −G that depends on others: what is left of it is rounding."""
    return 0.0 if before < 0.0 and d > DEPENDENT * before else 1.0 / d


@apart
def solve_sparse(kept: Symbols, L: Array, D: Array, x: Array) -> None:
    """x becomes A⁻¹x, in the order of elimination; D is of reciprocals."""
    starts, rows, _, size = kept
    first, end, total = starts.size - 1, size[0], rows.size
    block, rest = L[total:].reshape(end, end), x[first:]
    for j in range(first):
        t = x[j]
        for a in range(starts[j], starts[j + 1]):
            x[rows[a]] -= L[a] * t
    for i in range(end):
        row, t = block[i], D[first + i] * rest[i]
        for k in range(i + 1, end):
            rest[k] -= row[k] * t
        rest[i] = t
    for i in range(end - 1, -1, -1):
        row, t = block[i], 0.0
        for k in range(i + 1, end):
            t += row[k] * rest[k]
        rest[i] -= D[first + i] * t
    for j in range(first - 1, -1, -1):
        t = D[j] * x[j]
        for a in range(starts[j], starts[j + 1]):
            t -= L[a] * x[rows[a]]
        x[j] = t
