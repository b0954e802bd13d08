"""In which order the rows of sparse quasi-definite matrices are eliminated, so that their factors stay sparse.

    [ K   Eᵀ ]
    [ E   −ε ]

The pivot of an equality is what variables have left there that are eliminated before it. *Variables first* is always an
order; it fills up where these meet one another along a chain and each joins equalities. *In turn* an equality is
eliminated as soon as all its variables are, or one that is its own and has no conditions: the weight λ/s of a variable
at its bound, carried on to the others by an equality, would outweigh what they had, and is no pivot for that.
Sources: Vanderbei, SIAM J. Optim. 5 (1995), for priorities; George & Liu, SIAM Review 31 (1989), for minimum degree.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse
import scipy.sparse.csgraph
import scipy.sparse.linalg

from ..apart import apart
from ..oracle import Array

#: An equality is held by a variable of its own with at least this share of its largest entry.
HELD = 0.1
#: Up to so many rows an order in turn is looked for.
MOST = 4096


def by_degree(pattern: Any) -> Array:
    """The places of rows and columns in an order of minimum degree, of a symmetric matrix."""
    n = pattern.shape[0]
    if n < 3:
        return np.arange(n)
    full = scipy.sparse.csc_array(abs(pattern) + scipy.sparse.diags_array(np.ones(n)))
    full.data[:] = 1.0
    full.setdiag(n + 1.0)
    options = {"SymmetricMode": True}
    lu = scipy.sparse.linalg.splu(full, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options=options)
    return np.asarray(lu.perm_c, dtype=np.int64)


def variables_first(K: Any, E: Any, others: Any, some: Array) -> Array:
    """The places of some of the variables and of all equalities in the order of elimination; −1 for the others.

    K, E    as patterns; E of all variables
    others  a pattern of the equalities, of what eliminating the others joins
    """
    first = np.full(some.size, -1)
    first[some] = by_degree(K[some][:, some])
    return np.concatenate([first, np.count_nonzero(some) + by_degree(E @ E.T + others)])


def in_turn(K: Any, E: Any, others: Any, some: Array, stated: Any, free: Array) -> Array | None:
    """The same in an order of minimum degree of both; None where there are too many.

    stated  the equalities before slacks were eliminated
    free    whether a variable meets no condition
    """
    place = np.cumsum(some) - 1
    n, q = int(np.count_nonzero(some)), E.shape[0]
    if n + q > MOST:
        return None
    near = np.zeros((n + q, n + q), np.uint8)
    beside = E[:, some].toarray() != 0.0
    near[:n, :n], near[n:, :n], near[:n, n:] = K[some][:, some].toarray() != 0.0, beside, beside.T
    near[n:, n:] = others.toarray() != 0.0
    waits = beside.copy()
    for which in (free & ~some, free & some):
        own = held_by(stated, which)
        open_to = (own >= 0) & (waits == beside).all(axis=1)
        waits[open_to] = False
        if (which & some).any():
            rows = np.flatnonzero(open_to)
            waits[rows, place[own[rows]]] = True
    begins = np.concatenate([[0], np.cumsum(np.count_nonzero(waits, axis=0)), np.zeros(q, np.int64)])
    begins[n + 1 :] = begins[n]
    count = np.concatenate([np.zeros(n, np.int64), np.count_nonzero(waits, axis=1)])
    found = least_degrees(near, count, begins.astype(np.int64), n + np.nonzero(waits.T)[1].astype(np.int64))
    node = np.full(some.size + q, -1)
    node[np.concatenate([some, np.ones(q, bool)])] = found
    return node


def held_by(E: Any, which: Array) -> Array:
    """Of each equality one of these variables that no other equality has for its own, −1 where there is none."""
    size = abs(E).max(axis=1).toarray().reshape(-1)
    all_of = scipy.sparse.coo_array(E)
    kept = which[all_of.col] & (np.abs(all_of.data) >= HELD * size[all_of.row]) & (all_of.data != 0.0)
    entries = all_of.data[kept], (all_of.row[kept], all_of.col[kept])
    large = scipy.sparse.csr_array(entries, shape=E.shape)
    found: Array = scipy.sparse.csgraph.maximum_bipartite_matching(large, perm_type="column")
    return found


@apart
def least_degrees(near: Array, waits: Array, begins: Array, followers: Array) -> Array:
    """The places of rows in an order of minimum degree among those that wait for none; `near` is 1 where rows meet.

    waits              for how many others each row waits
    begins, followers  of each row those that wait for it
    """
    n = near.shape[0]
    place, degree = np.empty(n, np.int64), np.empty(n, np.int64)
    for i in range(n):
        near[i, i] = 0
        place[i], degree[i] = -1, 0
        for k in range(n):
            degree[i] += near[i, k]
    for turn in range(n):
        best = -1
        for i in range(n):
            if place[i] < 0 and waits[i] == 0 and (best < 0 or degree[i] < degree[best]):
                best = i
        place[best] = turn
        here = near[best]
        for i in range(n):
            if here[i] == 1:
                row, count = near[i], 0
                for k in range(n):
                    row[k] |= here[k]
                row[i], row[best] = 0, 0
                for k in range(n):
                    count += row[k]
                degree[i] = count
        for a in range(begins[best], begins[best + 1]):
            waits[followers[a]] -= 1
    return place
