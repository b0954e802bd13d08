"""Large convex quadratic programs that are small without their slack variables.

What `normal_matrix` eliminates is found in sparse matrices, and only what is left is stored densely: n absolute
deviations of d unknowns cost 2n × d numbers and systems of size d, whatever n.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..oracle import Array
from .interior_point import Functions
from .program_arranged import ENTRIES, LARGEST, at_zero, convex, thinned
from .slacks import SLACK_ROWS, directions

#: Below this share of entries, sparse factors of many unknowns are the better way.
FULL = 0.1
MANY = 200


def slacks_last(H: Any, C: Any) -> tuple[Array, int, Array]:
    """`(order, r, owner)` as of `slacks.arranged`, of sparse matrices."""
    n, m = H.shape[0], C.shape[0]
    coupled = (H != 0).astype(np.int64)
    coupled.setdiag(0)
    alone = (np.asarray(coupled.sum(axis=1)).reshape(-1) == 0) & (H.diagonal() >= 0.0)
    columns = C.tocsc()
    columns.eliminate_zeros()
    owner = np.full(m, -1)
    slacks: list[int] = []
    for j in range(n - 1, -1, -1):
        rows = columns.indices[columns.indptr[j] : columns.indptr[j + 1]]
        if alone[j] and 0 < rows.size <= SLACK_ROWS and (owner[rows] < 0).all():
            owner[rows] = len(slacks)
            slacks.append(j)
    rest = np.setdiff1d(np.arange(n), slacks)
    owner = np.where(owner >= 0, n - 1 - owner, -1)
    return np.concatenate([rest, np.asarray(slacks[::-1], dtype=np.int64)]), rest.size, owner


def condensed(functions: Functions, z: Array) -> tuple[Array, tuple[Any, ...]] | None:
    """The order of the variables, slacks last, and what `interior` takes before the start; None if not for it."""
    v = functions.values(z)
    if not v.finite() or not v.c.size:
        return None
    H: Any = functions.hessian(z, np.zeros(v.e.size), np.zeros(v.c.size))
    C: Any = v.C
    E: Any = v.E
    order, r, owner = slacks_last(H, C)
    n, m = z.size, v.c.size
    if r > LARGEST or v.e.size > LARGEST or max(m * r, v.e.size * n) > ENTRIES:
        return None
    main = C[:, order[:r]]
    if r > MANY and main.nnz < FULL * m * r:
        return None
    core = np.ascontiguousarray(H[order[:r]][:, order[:r]].toarray())
    if not convex(core):
        return None
    own = np.zeros(m)
    owned = np.flatnonzero(owner >= 0)
    own[owned] = np.asarray(C[owned, order[owner[owned]]]).reshape(-1)
    slope, e, c, rest = at_zero(v, H, z)
    equal = np.ascontiguousarray(E[:, order].toarray())
    rows = directions(np.ascontiguousarray(main.toarray()), own, owner, n - r)
    parts = thinned(core, rows), H.diagonal()[order[r:]], slope[order], equal, e, rows, c, rest, 0
    return order, parts
