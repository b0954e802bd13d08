"""What a step of a sparse quadratic program factorises: which numbers are added where, what is eliminated when.

Slacks, and variables that meet no other in K, are eliminated at once: of those in equalities each takes a multiple of
eeᵀ off the second block, and a slack with the direction b moves −ρab into each equality where it has the entry a.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse

from ..oracle import Array
from .elimination_order import in_turn, variables_first
from .quasidefinite import Rows, entries, nearly_full, positions, symbols
from .sparse_system import Core, Directions, Lines

#: The most entries of a direction, and of a variable that is eliminated at once in the equalities.
SHORT = 32
#: Products of one factorisation at most; how many dense ones take as long as one that looks up its place.
MOST, DEAR = 2_000_000, 8
#: Variables without any curvature of their own count as having this share of the largest.
FREE = 1e-9
#: Variables and equalities are eliminated in turn where it takes no more than this share of the time.
QUICKER = 0.7


def rows_of(A: Any) -> Rows:
    """A sparse matrix as compiled code takes it."""
    A = scipy.sparse.csr_array(A)
    A.sort_indices()
    return (
        A.indptr.astype(np.uint32),
        A.indices.astype(np.uint32),
        np.ascontiguousarray(A.data, dtype=np.float64),
    )


def lines_of(A: Any) -> Lines:
    """The same of equalities, with steps."""
    begins, places, values = rows_of(A)
    steps = np.zeros(begins.size - 1, np.int64)
    for i, (a, b) in enumerate(itertools.pairwise(begins.tolist())):
        apart_by = np.diff(places[a:b])
        if b - a > 1 and (apart_by == apart_by[0]).all() and (values[a:b] == values[a]).all():
            steps[i] = apart_by[0]
    return begins, places, values, steps


def squared(base: Any, node: Array) -> tuple[Array, Array, Array, Array]:
    """Of each row of a matrix the products of two of its entries: the row; where they are added; the product."""
    parts: tuple[list[Array], ...] = [], [], [], []
    counts = np.diff(base.indptr)
    for size in range(1, SHORT + 1):
        which = np.flatnonzero(counts == size)
        at = base.indptr[which][:, None] + np.arange(size)
        a, b = np.tril_indices(size)
        i, j, v = node[base.indices[at][:, a]], node[base.indices[at][:, b]], base.data[at]
        found = np.repeat(which, a.size), np.maximum(i, j), np.minimum(i, j), v[:, a] * v[:, b]
        for part, more in zip(parts, found, strict=True):
            part.append(more.reshape(-1))
    which, low, high, products = (np.concatenate(part) for part in parts)
    return which, low, high, products


class Matrix(NamedTuple):
    """The matrix, before there is an order.

    some    the variables that are not eliminated at once
    stored  its entries left of the diagonal that stay the same, as rows of variables, then of equalities
    base    the directions
    others  the equalities' entries of slacks and of variables that are eliminated at once
    slack   of what slacks move into equalities the slack, the equality, the variable, the entry to be taken −ρ times
    """

    some: Array
    stored: Any
    base: Any
    others: Any
    slack: tuple[Array, Array, Array, Array]

    @classmethod
    def of(cls, H: Any, E: Any, rows: Directions) -> Matrix:
        """That of the Hessian of the r variables that are no slacks."""
        starts, places, values = rows[0]
        r, n = H.shape[0], E.shape[1]
        slack = slack_entries(E, rows, r)
        joined = np.bincount(np.concatenate([places, slack[2]]).astype(np.int64), minlength=r) > 0
        few = np.bincount(E.indices, minlength=n)[:r] <= SHORT
        some = (np.diff(H.indptr) > (H.diagonal() != 0.0)) | joined | ~few
        kept = np.concatenate([some, np.zeros(n - r, bool)])
        of_some, others = (E @ scipy.sparse.diags_array(each.astype(float)) for each in (kept, ~kept))
        others.eliminate_zeros()
        stored = scipy.sparse.coo_array(scipy.sparse.vstack([scipy.sparse.tril(H, -1), of_some[:, :r]]))
        stored.eliminate_zeros()
        base = scipy.sparse.csr_array((values, places, starts), shape=(starts.size - 1, r))
        return cls(some, stored, base, others, slack)

    @property
    def patterns(self) -> tuple[Any, Any, Any]:
        """Those of K, of E with what slacks move, and of what eliminating the others joins."""
        r, q = self.some.size, self.others.shape[0]
        stored = scipy.sparse.csr_array(self.stored)
        _, equality, variable, entry = self.slack
        moved = scipy.sparse.coo_array((entry, (equality, variable)), shape=(q, r))
        base, others = abs(self.base), abs(self.others)
        K = abs(stored[:r]) + abs(stored[:r]).T + base.T @ base
        return K, abs(stored[r:]) + abs(moved), others @ others.T

    def listed(self, node: Array) -> tuple[Rows, tuple[Array, Array, Array, Array]]:
        """Its rows in the order given, left of the diagonal; what weights add: of which, where, how many times."""
        r, n, count = self.some.size, self.others.shape[1], self.base.shape[0]
        slack, equality, variable, entry = self.slack
        more = squared(scipy.sparse.csr_array(self.others.T), node[r:])
        ends = node[r + equality], node[variable]
        parts = (
            squared(self.base, node[:r]),
            (count + r + 1 + more[0], *more[1:]),
            (count + r + 1 + n + slack, np.maximum(*ends), np.minimum(*ends), entry),
        )
        which, low, high, products = (np.concatenate(part) for part in zip(*parts, strict=True))
        i, j, off = node[self.stored.row], node[self.stored.col], low != high
        every = np.concatenate([np.maximum(i, j), low[off]]), np.concatenate([np.minimum(i, j), high[off]])
        numbers = np.concatenate([self.stored.data, np.zeros(np.count_nonzero(off))])
        size = np.count_nonzero(node >= 0)
        left = rows_of(scipy.sparse.coo_array((numbers, every), shape=(size, size)))
        return left, (which, low, high, products)


def slack_entries(E: Any, rows: Directions, r: int) -> tuple[Array, Array, Array, Array]:
    """As `Matrix.slack` has them; slacks are the columns from r on."""
    (starts, places, values), line = rows[0], rows[5]
    count = starts.size - 1
    there = scipy.sparse.coo_array(E[:, r:])
    parts: list[tuple[Array, ...]] = [(np.zeros(0, np.int64),) * 3 + (np.zeros(0),)]
    for i, s, a in zip(there.row.tolist(), there.col.tolist(), there.data.tolist(), strict=True):
        q = line[s]
        of, by = np.array([q - count])[: int(q < count + r)], np.ones(int(q < count + r))
        if q < count:
            of, by = places[starts[q] : starts[q + 1]], values[starts[q] : starts[q + 1]]
        parts.append((np.full(of.size, s), np.full(of.size, i), of.astype(np.int64), a * by))
    slack, equality, variable, entry = (np.concatenate(part) for part in zip(*parts, strict=True))
    return slack, equality, variable, entry


def cores_of(H: Any, E: Any, rows: Directions, dense: int) -> Iterator[Core]:
    """What is factorised, in the orders that suit, the quicker first; none if dense matrices are as good.

    H      of the variables that are no slacks; E of all
    dense  how many products these take
    """
    place = rows[1]
    r, count = H.shape[0], rows[0][0].size - 1
    if np.diff(rows[0][0]).max(initial=0) > SHORT:
        return
    matrix = Matrix.of(H, E, rows)
    single = place[(place >= count) & (place < count + r)] - count
    met = np.bincount(single, minlength=r) + np.bincount(rows[0][1], minlength=r)
    least = np.where((H.diagonal() == 0.0) & (met == 0), FREE * (1.0 + np.abs(H.data).max(initial=0.0)), 0.0)
    patterns = *matrix.patterns, matrix.some
    found = [_core(matrix, H, least, variables_first(*patterns), int(np.count_nonzero(matrix.some)))]
    both = E.shape[0] > 0 and matrix.some.any()
    turns = in_turn(*patterns, E[:, :r], met == 0) if both else None
    if turns is not None:
        found.insert(0, _core(matrix, H, least, turns, -1))
    best = min((made[0] for made in found[-1:] if made is not None), default=np.inf)
    for made in found:
        if made is not None and made[0] < dense and (made is found[-1] or made[0] < QUICKER * best):
            yield made[1]


def _core(matrix: Matrix, H: Any, least: Array, node: Array, first: int) -> tuple[int, Core] | None:
    """How many products it takes, and the core; None where they are too many.

    first  how many variables are eliminated before all equalities, −1 where these are among them
    """
    r = H.shape[0]
    left, lists = matrix.listed(node)
    size, end = left[0].size - 1, nearly_full(*left[:2])
    if first < 0:
        node = variables_ahead(node, r, size - end)
        left, lists = matrix.listed(node)
    own = int(np.count_nonzero(node[:r] >= size - end))
    kept = symbols(left[0], left[1], np.array([end, own, first]), MOST)
    if kept[3][0] < 0:
        return None
    which, low, high, products = lists
    given, off = entries(kept, *left), low != high
    targets = given.size + low
    targets[off] = positions(kept, low[off], high[off])
    squares = which.astype(np.uint32), targets.astype(np.uint32), products
    kept = (*(a.astype(np.uint32) for a in kept[:3]), kept[3])
    cost = sparse_cost(kept, which.size + matrix.others.nnz, matrix.base.nnz)
    return cost, (
        rows_of(H), H.diagonal(), least, node, given, squares, lines_of(matrix.others), kept,
    )  # fmt: skip


def variables_ahead(node: Array, r: int, start: int) -> Array:
    """The places with those from `start` on given to variables first."""
    found = node.copy()
    last = np.flatnonzero(node >= start)
    found[last[np.lexsort((node[last], last >= r))]] = start + np.arange(last.size)
    return found


def sparse_cost(kept: Any, squares: int, filled: int) -> int:
    """How long a step takes, in products; `filled` are entries of directions."""
    end = int(kept[3][0])
    count: int = DEAR * (squares + 6 * filled + kept[2].size + 8 * kept[1].size) + end**3 // 6 + 6 * end**2
    return count


def dense_cost(full: int, count: int, n: int, q: int) -> int:
    """The same with dense matrices, of how many variables and directions these have."""
    return (
        full * full * (count // 2 + full // 6 + q // 2) + q * q * n // 2 + 6 * (full * (count + full) + q * n)
    )
