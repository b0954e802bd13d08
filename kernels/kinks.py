"""Whether a point is a local minimum of an objective with kinks inside (`optimizers.pieces`).

Where kinks uⱼ = 0 hold and the objective rises with them, weights 0 ≤ θⱼ ≤ 1 that make ∇F(x; θ) = 0 prove 0 to be a
subgradient. Those strictly between are held: along the manifold uⱼ = 0 the objective is smooth and has to bend upwards,
which are the conditions of Karush, Kuhn and Tucker of F(x; θ) − Σ θⱼcⱼuⱼ under equalities with multipliers −θⱼcⱼ
(Lewis, SIAM J. Optim. 13, 2002, theorem 2.9). A kink whose weight is 0 or 1 is left on that side: on the other the
objective rises. With a kink at which it does not rise no point is certified: on its other side it may fall.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy.optimize import lsq_linear

from .certificate import TOLERANCE
from .invariance import Symmetries
from .kkt import KktCertificate, certify_kkt
from .optimizers.interior_point import Functions, Values
from .optimizers.pieces import Pieces, slopes_of
from .oracle import Array, Layout

#: Arguments over the largest of all up to which a kink may be one at which the point is.
NEAR = 1e-8
#: Slopes in kinks over the largest that are none.
LEVEL = 1e-12
#: Weights nearer to 0 or 1 are there.
STRICT = 1e-6
#: How often weights are found anew, and by which shares of a step; changes of them that are rounding.
AGAIN, SHARES, SAME = 30, (1.0, 0.5, 0.25, 0.1), 1e-12
#: What has to be left of the gradient at most, or it has been enough after so many times.
SLOW, PATIENCE = 0.9, 4


@dataclass(frozen=True)
class KinkCertificate(KktCertificate):
    """Of a point at `active` kinks."""

    active: int = 0
    falling: int = 0  # kinks at which the point is and with which the objective does not rise

    def faults(self) -> list[str]:
        """The conditions that do not hold, in words."""
        found = super().faults()
        if self.falling:
            found.append(f"the objective does not rise with {self.falling} kink(s) at which the point is")
        return found

    def reason(self) -> str:
        """Why the point is (not) certified, in words."""
        said = super().reason()
        if not self.ok() or not self.active:
            return said
        return f"a local minimum at {self.active} kink(s): {said}"


def certify_on_pieces(
    p: Pieces,
    layout: Layout,
    x: Array,
    *,
    statement_value: float | None = None,
    tolerance: float = TOLERANCE,
    symmetries: Symmetries | None = None,
) -> KinkCertificate:
    """The certificate of a point; `p` must be that of the interpreter."""
    side, held, fixed = _subgradient(p, x)
    rises = p.at(x, side)[2]
    rise, met = rises[held], np.array([*held, *fixed], dtype=np.int64)
    level = met[np.abs(rises[met]) <= LEVEL * np.abs(rises).max(initial=0.0)]
    falling = int((rises[np.setdiff1d(met, level)] < 0.0).sum()) + _bent_down(p, x, side, level)
    E = slopes_of(p, x, side, held) / np.where(rise > 0.0, rise, 1.0)[:, None]
    nu = -side[held] * rise
    none, empty = np.zeros((0, x.size)), np.zeros(0)

    def sides(z: Array) -> tuple[Array, Array]:
        there = p.sides(z)
        chosen = (there > 0.0) * 1.0
        if np.array_equal(z, x):
            chosen[fixed] = side[fixed]
        chosen[held] = side[held]
        return there[held], chosen

    def values(z: Array) -> Values:
        e, chosen = sides(z)
        f, g, _ = p.at(z, chosen)
        return Values(f + float(nu @ e), g + E.T @ nu, e, E, empty, none)

    def hessian(z: Array, _: Array, __: Array) -> Array:
        return p.hessian(z, sides(z)[1])

    def at(z: Array) -> tuple[float, Array]:
        return p.at(z, (p.sides(z) > 0.0) * 1.0)[:2]

    proof = certify_kkt(
        Functions(x.size, values, hessian),
        layout,
        x,
        nu,
        empty,
        statement_value=statement_value,
        tolerance=tolerance,
        unseen=None if symmetries is None else partial(symmetries.left, at, layout),
    )
    return KinkCertificate(**vars(proof), active=held.size, falling=falling)


def _bent_down(p: Pieces, x: Array, side: Array, level: Array) -> int:
    """How many kinks are met with which the objective neither rises nor falls, as a squared hinge, if it bends down on
    their other sides."""
    if not level.size:
        return 0
    other = side.copy()
    other[level] = 1.0 - np.round(side[level])
    bends = np.linalg.eigvalsh(p.hessian(x, other))
    return int(level.size) if bends[0] < -NEAR * np.abs(bends).max() else 0


def _subgradient(p: Pieces, x: Array) -> tuple[Array, Array, Array]:
    """A side of each kink for which the gradient is least: weights of those that are held, whose indices come next, and
    those of kinks that x is at and that are not.

    With one weight what another does changes, where kinks are inside kinks: so steps are shortened, and repeated.
    """
    u, lengths = p.sides(x), np.maximum(np.abs(x), 1.0)
    near = np.flatnonzero(np.abs(u) <= NEAR * np.abs(u).max(initial=0.0))
    side = (u > 0.0) * 1.0
    side[near] = 0.5
    held = near[p.at(x, side)[2][near] > 0.0]
    side[near] = u[near] > 0.0
    side[held] = 0.5
    _, slope, rise = p.at(x, side)
    least = float(np.abs(slope * lengths).max(initial=0.0))
    best = least, side.copy(), held
    for again in range(AGAIN if near.size else 0):
        held = near[rise[near] > 0.0]
        rows, before = slopes_of(p, x, side, held), side[held]
        way = _weights(slope - rows.T @ before, rows, lengths) - before
        for share in SHARES:
            there = side.copy()
            there[near] = u[near] > 0.0
            there[held] = before + share * way
            _, slope, rise = p.at(x, there)
            left = float(np.abs(slope * lengths).max(initial=0.0))
            if left < least:
                break
        slow, least, side = left > SLOW * least, left, there
        if left < best[0]:
            best = left, side.copy(), held
        if slow and (again >= PATIENCE or np.abs(way).max(initial=0.0) <= SAME):
            break
    _, side, held = best
    strict = (side[held] > STRICT) & (side[held] < 1.0 - STRICT)
    side[held[~strict]] = np.round(side[held[~strict]])
    return side, held[strict], np.setdiff1d(near, held[strict])


def _weights(slope: Array, rows: Array, lengths: Array) -> Array:
    """Weights between 0 and 1 that make slope + rowsᵀθ smallest, entry by entry over the lengths."""
    if not len(rows):
        return np.zeros(0)
    found: Array = lsq_linear(rows.T * lengths[:, None], -slope * lengths, (0.0, 1.0), method="bvls").x
    return found


__all__ = ["KinkCertificate", "certify_on_pieces"]
