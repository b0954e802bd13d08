"""Large convex quadratic programs that are small without their slack variables.

What `normal_matrix` eliminates is found in sparse matrices, and only what is left is stored densely: n absolute
deviations of d unknowns cost 2n × d numbers and systems of size d, whatever n. A Hessian D + LᵀSL (`Ranked`) is S in
u = Lz, as in `thin_program`, and not built: n rows of a dual support vector machine of d weights cost n × d numbers.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import scipy.sparse

from ..oracle import Array
from .interior_point import Functions
from .program_arranged import ENTRIES, LARGEST, at_zero, convex, thinned
from .slacks import SLACK_ROWS, directions
from .thin_program import FEW, LONG

#: Below this share of entries, sparse factors of many unknowns are the better way.
FULL = 0.1
MANY = 200


@dataclass(frozen=True)
class Ranked:
    """D + LᵀSL, as far as Hessians are asked; D and S are diagonals, L has few rows."""

    D: Array
    L: Array
    S: Array

    @property
    def shape(self) -> tuple[int, int]:
        return self.D.size, self.D.size

    def __matmul__(self, z: Array) -> Array:
        found: Array = self.D * z + self.L.T @ (self.S * (self.L @ z))
        return found

    def __abs__(self) -> Ranked:
        """No entry is larger."""
        return Ranked(abs(self.D), abs(self.L), abs(self.S))

    def toarray(self) -> Array:
        """All entries."""
        found: Array = self.L.T @ (self.S[:, None] * self.L) + np.diag(self.D)
        return found


def unfolded(H: Ranked, v: Any) -> tuple[Any, Any, Any, Array, Array]:
    """Hessian, E, C, e and c with a variable for each long row, where these are few, and then u behind the others; the
    equalities that say what they are come last, and in place of a long row its variable is not negative.
    """
    k, n, m = H.L.shape[0], H.D.size, v.c.size
    C = scipy.sparse.csr_array(v.C)
    long = np.flatnonzero(np.diff(C.indptr) > LONG)
    long = long if FEW * long.size <= n else long[:0]
    q = long.size
    size = np.maximum(np.abs(H.L).max(axis=1, initial=0.0), np.finfo(float).tiny)
    wide = scipy.sparse.diags_array(np.concatenate([H.D, np.zeros(q), H.S * size**2])).tocsr()
    rows = scipy.sparse.vstack([v.E, C[long], scipy.sparse.csr_array(H.L / size[:, None])])
    beside = scipy.sparse.vstack(
        [scipy.sparse.csr_array((v.e.size, q + k)), -scipy.sparse.eye_array(q + k, format="csr")]
    )
    stays = np.ones(m)
    stays[long] = 0.0
    bounds = scipy.sparse.csr_array((np.ones(q), (long, np.arange(q))), shape=(m, q + k))
    above = scipy.sparse.hstack([scipy.sparse.diags_array(stays) @ C, bounds], format="csr")
    above.eliminate_zeros()
    E = scipy.sparse.hstack([rows, beside], format="csr")
    return wide, E, above, np.concatenate([v.e, v.c[long], np.zeros(k)]), stays * v.c


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
    slope, e, c, rest = at_zero(v, H, z)
    C: Any = v.C
    E: Any = v.E
    own = 0
    if isinstance(H, Ranked):
        if H.D.min(initial=0.0) < 0.0 or H.S.min(initial=0.0) < 0.0:
            return None
        own = H.S.size
        H, E, C, e, c = unfolded(H, replace(v, e=e, c=c))
        slope = np.append(slope, np.zeros(len(e) - v.e.size))
    order, r, owner = slacks_last(H, C)
    order = np.concatenate([order[r - own : r], order[: r - own], order[r:]])
    n, m = slope.size, v.c.size
    if r > LARGEST or e.size > LARGEST or max(m * r, e.size * n) > ENTRIES:
        return None
    main = C[:, order[:r]]
    if r > MANY and main.nnz < FULL * m * r:
        return None
    core = np.ascontiguousarray(H[order[:r]][:, order[:r]].toarray())
    if not convex(core):
        return None
    entry = np.zeros(m)
    owned = np.flatnonzero(owner >= 0)
    entry[owned] = np.asarray(C[owned, order[owner[owned]]]).reshape(-1)
    equal = np.ascontiguousarray(E[:, order].toarray())
    rows = directions(np.ascontiguousarray(main.toarray()), entry, owner, n - r)
    parts = thinned(core, rows), H.diagonal()[order[r:]], slope[order], equal, e, rows, c, rest, own
    return order, parts
