"""Factors of sparse quasi-definite matrices, in an order that is found once.

    P A Pᵀ = L D Lᵀ,   A = [[ H, Bᵀ ], [ B, −G ]],   H and G positive definite,   D diagonal

Such factors exist in every order (`elimination_order`). What changes from one factorisation to the next is known
beforehand: columns of L are kept sparse up to where the rest is nearly full, and which entries each of them changes in
later ones is listed, so that factorising is a list of products. The dense end has its part of H first, and two Cholesky
factors: of that, with rows V below it, and of its part of G + VVᵀ.
Sources: Vanderbei, SIAM J. Optim. 5 (1995); Davis, Direct Methods for Sparse Linear Systems (2006), ch. 4.
"""

from __future__ import annotations

import numpy as np

from ..apart import apart, inner
from ..lapack import gemm_add, potrf_above
from ..machine import has_wide_vectors
from ..oracle import Array
from ..rowwise import add_rows, dot_rows
from ..special import within
from .normal_matrix import SMALL, substitute, substitute_back, substitute_forward

#: Rows of a matrix: where each begins, the columns of its entries, the entries.
Rows = tuple[Array, Array, Array]
#: What is known before numbers are: where columns of L begin, and the rows of their entries; the targets of the
#: products that columns are eliminated by; how many rows the dense end has, how many of them are of H, and how many H
#: has if all of it comes first, −1 if it does not.
Symbols = tuple[Array, Array, Array, Array]

#: The share of entries from which on the end of L is stored densely.
FULL = 0.7
#: Pivots that cancel to less than this share of what they were made of are rounding: those of H, those of −G.
ROUNDING, DEPENDENT = 1e-13, 1e-11
#: Columns of G + VVᵀ that are made together.
STRIPE = 16


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


@inner
def in_end(size: Array, row: int, column: int) -> int:
    """Where an entry of the dense end is stored in it: the columns of H row by row, then those of G."""
    end, own = size[0], size[1]
    if column < own:
        return int(row * own + column)
    return int(end * own + (row - own) * (end - own) + column - own)


@inner
def counted(begins: Array, places: Array) -> tuple[Array, Array]:
    """The elimination tree, and how many entries each column of L has below the diagonal, one column more with 0."""
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
    return parent, counts


@apart
def nearly_full(begins: Array, places: Array) -> int:
    """How many of the last rows of L are nearly full, of a matrix whose entries left of the diagonal are these."""
    _, counts = counted(begins, places)
    n = counts.size - 1
    end, inside = 0, 0
    for t in range(1, n + 1):
        inside += counts[n - t]
        if 2 * inside >= FULL * t * (t - 1):
            end = t
    return end


@apart
def symbols(begins: Array, places: Array, size: Array, most: int) -> Symbols:
    """Of a matrix whose entries left of the diagonal are these, in the order of elimination.

    size  of the dense end, of its part of H, and of H, as in `Symbols`
    Where there would be more than `most` products, the list of them is empty and the dense end is of size −1.
    """
    parent, counts = counted(begins, places)
    n, end, total = counts.size - 1, size[0], 0
    mark, size = np.empty(n, np.int64), size.copy()
    first = n - end
    starts, products = np.empty(first + 1, np.int64), 0
    for j in range(first):
        starts[j] = total
        total += counts[j]
        products += counts[j] * (counts[j] - 1) // 2
    starts[first] = total
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
                    targets[at] = total + in_end(size, rows[b] - first, column - first)
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
    first = starts.size - 1
    if column >= first:
        return int(rows.size + in_end(size, row - first, column - first))
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
    total, end, own = kept[1].size, kept[3][0], kept[3][1]
    found = np.zeros(total + end * own + (end - own) * (end - own))
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


@inner
def above_in_loops(a: Array, least: Array) -> None:
    """As `factor_above`, in plain loops."""
    rows, n = a.shape
    for j in range(n):
        pivot = a[j]
        s = pivot[j]
        for k in range(j):
            s -= pivot[k] * pivot[k]
        kept = s > least[j]
        root = np.sqrt(s) if kept else np.inf
        pivot[j] = root
        for i in range(j + 1, rows):
            row = a[i]
            t = row[j]
            for k in range(j):
                t -= row[k] * pivot[k]
            row[j] = t / root


def above(a: Array, least: Array) -> None:
    """The same, large ones by tiles."""
    if a.shape[1] > SMALL:
        potrf_above(a, least)
    else:
        above_in_loops(a, least)


#: The Cholesky factor of the first rows in place of their lower triangle; B below becomes B L⁻ᵀ. Columns whose pivots
#: are not above `least` are left out: ∞ on the diagonal, zeros below.
factor_above = inner(above) if has_wide_vectors() else above_in_loops


@within
def ends(kept: Symbols, L: Array) -> tuple[Array, Array]:
    """The dense end: the columns of H, and the square of G."""
    end, own = kept[3][0], kept[3][1]
    tall, rest = L[kept[1].size :][: end * own], L[kept[1].size + end * own :]
    return tall.reshape(end, own), rest[: (end - own) * (end - own)].reshape(end - own, end - own)


@within
def inverse(d: float, before: float) -> float:
    """1/d; 0 of a row of −G that depends on others: what is left of it is rounding."""
    return 0.0 if before < 0.0 and d > DEPENDENT * before else 1.0 / d


@within
def eliminated(starts: Array, rows: Array, targets: Array, L: Array, D: Array, j: int, at: int) -> int:
    """A column, of which D has the reciprocal of its pivot, taken off those after it; where its targets end."""
    for a in range(starts[j], starts[j + 1]):
        value = D[j] * L[a]
        D[rows[a]] -= value * L[a]
        for b in range(a + 1, starts[j + 1]):
            L[targets[at]] -= value * L[b]
            at += 1
        L[a] = value
    return at


@apart
def factor_sparse(kept: Symbols, L: Array, D: Array) -> bool:
    """The matrix as it is stored becomes L, its diagonal 1/D, which has the sign of H or −G. False where that is not
    definite.

    Pivots are compared with what they were before they began to shrink: where H comes first those of it at first, those
    of −G when H was eliminated; in other orders with the most that they were. Rows of −G that depend on others are
    known in the former alone.
    """
    starts, rows, targets, size = kept
    first, r = starts.size - 1, size[2]
    before, at = np.empty(D.size), 0
    for i in range(D.size):
        before[i] = D[i]
    for j in range(first if r >= 0 else 0):
        if j == r:
            for i in range(r, D.size):
                before[i] = D[i]
        if j < r and not D[j] > ROUNDING * before[j]:
            return False
        D[j] = inverse(D[j], before[j])
        at = eliminated(starts, rows, targets, L, D, j, at)
    for j in range(first if r < 0 else 0):
        least = (ROUNDING if before[j] > 0.0 else DEPENDENT) * before[j]
        if not abs(D[j]) > abs(least):
            return False
        D[j] = 1.0 / D[j]
        at = eliminated(starts, rows, targets, L, D, j, at)
        for a in range(starts[j], starts[j + 1]):
            i = rows[a]
            before[i] = D[i] if abs(D[i]) > abs(before[i]) else before[i]
    tall, square = ends(kept, L)
    own = tall.shape[1]
    for i in range(own):
        tall[i, i] = D[first + i]
        before[first + i] *= ROUNDING
    factor_above(tall, before[first : first + own])
    for i in range(own):
        if not tall[i, i] < np.inf:
            return False
    count = square.shape[0]
    for i in range(count):
        row = square[i]
        for j in range(i):
            row[j] = -row[j]
        row[i] = -D[first + own + i]
    below = tall[own:]
    for start in range(0, count if own > 0 else 0, STRIPE):
        stop = min(start + STRIPE, count)
        gemm_add(below[start:], below[start:stop].T, square[start:, start:stop])
    for i in range(count):
        pivot = square[i, i] if first <= r else -before[first + own + i]
        if r < 0:
            pivot = max(pivot, square[i, i])
        before[first + own + i] = DEPENDENT * pivot
    factor_above(square, before[first + own :])
    stands = True
    for i in range(count if r < 0 else 0):
        stands = stands and square[i, i] < np.inf
    return bool(stands)


@apart
def solve_sparse(kept: Symbols, L: Array, D: Array, x: Array) -> None:
    """x becomes A⁻¹x, in the order of elimination; D is of reciprocals."""
    starts, rows, _, _ = kept
    first = starts.size - 1
    for j in range(first):
        t = x[j]
        for a in range(starts[j], starts[j + 1]):
            x[rows[a]] -= L[a] * t
    tall, square = ends(kept, L)
    own, count = tall.shape[1], square.shape[0]
    below, of_h, of_g = tall[own:], x[first : first + own], x[first + own :]
    if own > 0:
        lack = np.empty(count)
        substitute_forward(tall[:own], of_h)
        dot_rows(below, of_h, lack)
        for i in range(count):
            of_g[i] -= lack[i]
    substitute(square, of_g)
    for i in range(count):
        of_g[i] = -of_g[i]
    if own > 0:
        pull = np.zeros(own)
        add_rows(below, of_g[:count], pull)
        for i in range(own):
            of_h[i] -= pull[i]
        substitute_back(tall[:own], of_h)
    for j in range(first - 1, -1, -1):
        t = D[j] * x[j]
        for a in range(starts[j], starts[j + 1]):
            t -= L[a] * x[rows[a]]
        x[j] = t
