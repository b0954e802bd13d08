"""A diagonal and few matrices of rank one, D + Σ tⱼvⱼvⱼᵀ: factors and solutions by Sherman and Morrison's formula.

Projections to balls and cones, norms beside bounds and few equations: a program over few long cones has nothing else,
where Q and the Gram matrices are diagonals and rows of the orthant meet one unknown each. A step takes as many
operations as there are unknowns, not their cube.
Source: Goldfarb & Scheinberg, Math. Program. 103 (2005), for the product form and how it behaves.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..apart import inner
from ..oracle import Array
from .cone_groups import SHARED, kinds_of
from .cone_problem import ConeProgram
from .program_vectors import moved, product
from .slacks import Directions

#: So many unknowns there are at least for each cone.
FOR_EACH = 4
#: vⱼ; D⁻¹vⱼ with all those before; tⱼ, and how much of it is taken.
Ranks = tuple[Array, Array, Array]


def is_diagonal(program: ConeProgram, directed: Directions) -> bool:
    """Whether the matrix of a program is of this kind. Where heads meet shared unknowns, a difference of large matrices
    would be among them.
    """
    r, cones = program.c.size - program.slacks - program.heads, program.cones
    if FOR_EACH * cones.sizes.size > r or (kinds_of(program) == SHARED).any():
        return False
    if directed[0].size or (directed[5] < 0).any():
        return False
    Q = program.Q[:r, :r]
    tails: Any = np.delete(program.G[cones.orthant :, :r], cones.starts, axis=0)
    crossed = (np.count_nonzero(tails, axis=1) > 1).any() or np.count_nonzero(Q - np.diag(np.diagonal(Q)))
    return not crossed


@inner
def stored(ranks: Ranks, at: int, mine: Array, slots: int, count: int, t: Array, v: Array) -> int:
    """tvvᵀ of the cones of a group as the next of all; where those after them begin."""
    V, _, weights = ranks
    for k in range(count):
        row = V[at + k]
        for i in range(row.size):
            row[i] = 0.0
        for a in range(slots):
            row[mine[a * count + k]] = v[a * count + k]
        weights[at + k, 0] = t[k]
    return at + count


@inner
def factor_ranks(D: Array, ranks: Ranks) -> bool:
    """The factors; False where there are none. D is a column."""
    V, P, weights = ranks
    for i in range(D.shape[0]):
        if not D[i, 0] > 0.0:
            return False
    for j in range(V.shape[0]):
        v, p = V[j], P[j]
        for i in range(p.size):
            p[i] = v[i] / D[i, 0]
        for k in range(j):
            share = weights[k, 1] * product(P[k], v)
            for i in range(p.size):
                p[i] -= share * P[k, i]
        pivot = 1.0 + weights[j, 0] * product(p, v)
        if not pivot > 0.0:
            return False
        weights[j, 1] = weights[j, 0] / pivot
    return True


@inner
def solve_ranks(D: Array, ranks: Ranks, b: Array) -> None:
    """b becomes the solution, refined once: where t is large few digits of vᵀx are right. b may be longer."""
    V, P, weights = ranks
    r, count = D.shape[0], V.shape[0]
    left, share = np.empty(r), np.empty(count)
    for i in range(r):
        left[i] = b[i]
    for turn in range(2):
        for j in range(count):
            share[j] = weights[j, 1] * product(P[j], left)
        for i in range(r):
            left[i] /= D[i, 0]
        for j in range(count):
            moved(left, -share[j], P[j])
        if turn == 0:
            for j in range(count):
                share[j] = weights[j, 0] * product(V[j], left)
            for i in range(r):
                x = left[i]
                left[i] = b[i] - D[i, 0] * x
                b[i] = x
            for j in range(count):
                moved(left, -share[j], V[j])
    for i in range(r):
        b[i] += left[i]
