"""A quadratic program with positive semidefinite unknowns in the units and coordinates of its compiled loop."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.linalg

from ..oracle import Array, Vector
from .different_rows import different
from .free_unknowns import Determined, determined
from .halves import Block, Halves
from .interior_point import CONVERGED, STALLED, Answer, Functions

#: Steps at most; what is accepted where rounding does not let the conditions come nearer.
MOST, ENOUGH = 100, 1e-9
#: What is rounding beside the largest entry of Q.
ROUNDING = 1e-14
#: Rows that meet so many unknowns are added up entry by entry.
SHORT = 8
#: A row is one of the others if so much of it is left beside them.
LEFT = 1e-10


@dataclass(frozen=True)
class Arranged:
    """The program, its blocks, whether K⁻¹ is known; and what leads back to the unknowns and rows as they were.

    reach, unit   of unknowns and objective
    kept, sizes   the equalities that are not made of others, and how long their rows were
    order, heights   the inequalities in their new order, each once, and how long their rows were
    dual             E and c, where the program is the dual one
    """

    program: tuple[Array, ...]
    blocks: tuple[Array, ...]
    known: bool
    halves: Halves
    others: Determined
    reach: float
    unit: float
    kept: Array
    sizes: Array
    order: Array
    heights: Array
    counts: tuple[int, int]
    dual: tuple[Array, Array] | None = None

    def solve(self, tolerance: float) -> tuple[Answer, Vector]:
        """The answer, and Λ as a vector that is zero outside of the blocks."""
        from .semidefinite_program import interior

        enough, total = max(ENOUGH, tolerance), 0
        for known in (True, False) if self.known else (False,):  # a known inverse may lose more digits
            x, nu, lam, y, error, steps = interior(self.program, self.blocks, known, tolerance, enough, MOST)
            total += int(steps)
            if error <= enough:
                break
        if self.dual is not None:
            E, c = self.dual
            x, y = y, x
            nu = np.linalg.lstsq(E.T, c - y, rcond=None)[0]
        slope = self.unit / self.reach
        all_nu, all_lam = np.zeros(self.counts[0]), np.zeros(self.counts[1])
        all_nu[self.kept] = slope * nu / self.sizes
        all_lam[self.order] = slope * lam / self.heights
        point, all_nu = self.others.back(self.reach * x, all_nu, all_lam)
        status = CONVERGED if error <= enough else STALLED
        cone = self.halves.open(slope * self.others.spread(y))
        return Answer(self.halves.open(point), all_nu, all_lam, status, total), cone


def arranged_semidefinite(functions: Functions, z: Vector, blocks: Sequence[Block]) -> Arranged | None:
    """The program of functions that are quadratic, with linear conditions; None where it is not convex."""
    zero = np.zeros(z.size)
    v = functions.values(zero)
    h = functions.hessian(zero, np.zeros(v.e.size), np.zeros(v.c.size))
    halves = Halves.of(z.size, blocks)
    places = np.searchsorted(halves.first, [start for start, _ in blocks]).astype(np.int64)
    sides = np.array([side for _, side in blocks], np.int64)
    inside = _inside(halves.first.size, places, sides)
    stated = halves.square(h), halves.shut(v.g), halves.shut(v.E.T).T, v.e, halves.shut(v.C.T).T, v.c
    others = determined(stated, ~inside)
    places, inside = np.searchsorted(others.rest, places).astype(np.int64), inside[others.rest]
    Q, c, E, e, C, r = others.program
    E, e, sizes, kept = _independent(E, e)
    C, heights, order = different(C, r)
    r = r[order] / heights
    reach = max(float(np.abs(e).max(initial=0.0)), float(np.abs(r).max(initial=0.0)))
    if not reach:  # the size of a minimum without conditions
        reach = float(np.abs(c).max(initial=0.0)) / (float(np.abs(Q).max(initial=0.0)) or np.inf) or 1.0
    unit = reach * max(float(np.abs(c).max(initial=0.0)), reach * float(np.abs(Q).max(initial=0.0))) or 1.0
    Q, c, e, r = Q * (reach**2 / unit), c * (reach / unit), e / reach, r / reach
    if not _is_convex(Q):
        return None
    met = np.count_nonzero(C, axis=1)
    turn = np.argsort(met <= SHORT, kind="stable")
    C, r, heights, order, met = C[turn], r[turn], heights[turn], order[turn], met[turn]
    many = int((met > SHORT).sum())
    rows_of, where = np.nonzero(C[many:])
    first = np.searchsorted(rows_of, np.arange(len(C) - many + 1))
    bound: Array = np.asarray(C.any(axis=0))
    own = np.diagonal(Q).copy()
    diagonal = bool(np.abs(Q - np.diag(own)).max(initial=0.0) <= ROUNDING * own.max(initial=0.0))
    even = True
    for place, side in zip(places, sides, strict=True):
        part = own[place : place + side * (side + 1) // 2]
        even &= bool(np.ptp(part) <= ROUNDING * part.max())
        if even:
            part[:] = part.mean()
    firm = inside | bound | (np.diagonal(Q) > 0.0)
    known = bool(diagonal and even and (met == 1).all() and not bound[inside].any() and firm.all())
    dual = None
    if not Q.any() and not len(C) and inside.all() and 2 * len(E) > c.size > len(E):
        dual, (c, E, e) = (E, c), _dual(c, E, e)
    if not firm.all() and len(E):  # the same optimum and multipliers
        Q, c, diagonal = Q + E.T @ E, c + E.T @ e, False
    program = (
        np.ascontiguousarray(own[:, None]) if diagonal else np.ascontiguousarray(Q),
        np.ascontiguousarray(c),
        np.ascontiguousarray(E),
        np.ascontiguousarray(e),
        np.ascontiguousarray(C[:many]),
        np.ascontiguousarray(r),
        first.astype(np.int64),
        where.astype(np.int64),
        np.ascontiguousarray(C[many:][rows_of, where]),
    )
    matrices = np.concatenate([[0], np.cumsum(sides**2)[:-1]]).astype(np.int64)
    rows = np.concatenate([[0], np.cumsum(sides)[:-1]]).astype(np.int64)
    return Arranged(
        program, (sides, places, matrices, rows), known, halves, others, reach, unit, kept, sizes, order, heights,
        (others.program[3].size, v.c.size), dual,
    )  # fmt: skip


def _inside(count: int, places: Array, sides: Array) -> Array:
    """Which coordinates are those of blocks."""
    found = np.zeros(count, bool)
    for place, side in zip(places, sides, strict=True):
        found[place : place + side * (side + 1) // 2] = True
    return found


def _dual(c: Array, E: Array, e: Array) -> tuple[Array, Array, Array]:
    """Of min cᵀx, Ex + e = 0, x in the cone, which leaves few directions B: min sᵀy, Bᵀy = Bᵀc, y in the cone.

    With x = s + Bw on the equalities c − Eᵀν = y is what presses on x, and s − Bμ = x is what presses on y.
    """
    turn = scipy.linalg.qr(E.T)[0]
    s, B = -np.linalg.lstsq(E, e, rcond=None)[0], turn[:, len(E) :]
    return s, np.ascontiguousarray(B.T), -(B.T @ c)


def _is_convex(Q: Array) -> bool:
    """Whether no eigenvalue is negative beyond rounding."""
    if not np.count_nonzero(Q - np.diag(np.diagonal(Q))):
        return bool((np.diagonal(Q) >= 0.0).all())
    values = np.linalg.eigvalsh(Q)
    return bool(values[0] >= -1e-12 * max(1.0, float(values[-1])))


def _independent(E: Array, e: Array) -> tuple[Array, Array, Array, Array]:
    """Rows of length 1 that span the others, their constants, how long they were, and which they are.

    All of them where others say something else: the loop finds no point then.
    """
    sizes = np.linalg.norm(E, axis=1)
    sizes[sizes <= 1e-14 * sizes.max(initial=0.0)] = 1.0
    rows, e, kept = E / sizes[:, None], e / sizes, np.arange(len(E))
    if len(rows):
        _, triangle, pivots = scipy.linalg.qr(rows.T, mode="economic", pivoting=True)
        chosen = np.sort(pivots[: int((np.abs(np.diagonal(triangle)) > LEFT).sum())])
        point = np.linalg.lstsq(rows[chosen], e[chosen], rcond=None)[0]
        if np.abs(rows @ point - e).max() <= LEFT * max(1.0, float(np.abs(e).max())):
            rows, e, kept = rows[chosen], e[chosen], chosen
    return rows, e, sizes[kept], kept
