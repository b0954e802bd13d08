"""The conditions of an optimum where penalties and constraints act entry by entry, and their proof.

For    minimise f(x) + Σᵢ λᵢ|xᵢ|    subject to   low ≤ x ≤ high    a point is stationary when −∇f lies in the
subdifferential of what acts on each entry,

    xᵢ > 0:  −gᵢ = λᵢ        xᵢ = 0:  |gᵢ| ≤ λᵢ        at low:  −gᵢ ≤ …        at high:  −gᵢ ≥ …

The distance to it, in the units of `natural`, is the stationarity of the certificate. Multipliers
are read off, so their signs and complementarity hold by construction. Unlike the conditions of the form with slack
variables this needs no Jacobians, and is as cheap as one gradient.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .certificate import TOLERANCE
from .kkt import EPS, KktCertificate, nowhere
from .neighbourhood import along_a_valley, along_itself, falls_along, spectrum
from .optimizers.penalties import separable_distance
from .oracle import Layout, Matrix, Vector
from .penalised import certificate_of, sizes_of


def certify_separable(
    f: float,
    g: Vector,
    h: Matrix | None,
    l1: Vector,
    low: Vector,
    high: Vector,
    x: Vector,
    *,
    statement_value: float,
    tolerance: float = TOLERANCE,
    layout: Layout | None = None,
    proved: bool = False,
    gradient_at: Callable[[Vector], Vector] | None = None,
    slope_at: Callable[[Vector], Vector] | None = None,
) -> KktCertificate:
    """The certificate from values that the caller has recomputed by the interpreter.

    `proved` says that a stationary point is proved to be a global minimum: then no Hessian is needed. With
    `gradient_at`, that of the smooth part, points that run away are recognised without one as well; with `slope_at`,
    the same, how far a step along the slope would go.
    """
    total = f + float(l1 @ np.abs(x))
    lengthless = h is None and slope_at is not None and not l1.all()
    bend = _bend(slope_at, g, x) if lengthless and slope_at is not None else 0.0
    sizes = sizes_of(total, g, x, statement_value, l1, h=h, layout=layout, bend=bend)
    if sizes is None:
        return nowhere(tolerance)
    size, lengths = sizes.objective, sizes.lengths
    broken = np.maximum(np.maximum(low - x, x - high), 0.0)
    gaps = separable_distance(g, x, l1, low, high)
    curvature = None
    if h is not None:
        gaps = np.maximum(gaps - 4.0 * EPS * (np.abs(h) @ np.abs(x) + l1), 0.0)
        curvature, flat = _curvature(h, low, high, l1, x, lengths, size)
        if flat is not None and gradient_at is not None and not proved and not l1.any():
            inside = (x - 0.1 * np.abs(flat) >= low) & (x + 0.1 * np.abs(flat) <= high)
            if inside.all() and falls_along(gradient_at, x, flat, size):
                curvature = -1.0
        # At a bound without a slope, the way inwards must not be downhill either.
        resting = ((x <= low) | (x >= high)) & (low < high) & (l1 == 0.0)
        resting &= np.abs(g) * lengths <= tolerance * size
        bends = (np.diagonal(h) * lengths**2)[resting] / max(size, float(np.abs(h).max(initial=0.0)))
        if bends.size and bends.min() < 0.0:
            curvature = min(float(bends.min()), 0.0 if curvature is None else curvature)
    drift = 0.0
    if not l1.all() and (h is not None or gradient_at is not None):
        endless = (low < x) & (x < high) & np.isinf(np.where(x > 0.0, high, low))
        way = np.where(endless, x, 0.0)
        rounding = 4.0 * EPS * (np.abs(g) + l1)
        if h is not None:
            rounding += EPS / 2 * (np.abs(h) @ np.abs(x))
        slope = g + l1 * np.sign(x)
        drift = along_itself(slope, x, rounding, h, gradient_at, way)
        if h is not None and gradient_at is not None and not l1.any():
            drift = max(drift, along_a_valley(slope, x, rounding, h, size, gradient_at, endless))
    ahead = (
        0.0 if h is not None or slope_at is None else _ahead(slope_at, g, np.where(l1 > 0.0, 0.0, gaps), x)
    )
    held = np.maximum(np.abs(x), np.minimum(lengths, sizes.reach))
    primal = float((broken / held).max(initial=0.0))
    where = layout.place_of(int(np.argmax(broken))) if layout is not None and primal > tolerance else ""
    return certificate_of(
        gaps,
        sizes,
        total,
        statement_value=statement_value,
        primal=primal,
        curvature=curvature,
        where=where,
        tolerance=tolerance,
        drift=drift,
        ahead=ahead / sizes.objective,
        proved=proved,
    )


def _bend(slope_at: Callable[[Vector], Vector], g: Vector, x: Vector) -> float:
    """|xᵀ∇²f x| by a difference of the slope."""
    found = abs(float(x @ (slope_at((1.0 + 1e-4) * x) - g))) / 1e-4
    return found if np.isfinite(found) else 0.0


def _ahead(slope_at: Callable[[Vector], Vector], g: Vector, gaps: Vector, x: Vector) -> float:
    """What the best step along the slope would lower f by, in entries where nothing else tells how long it is."""
    way = np.where(gaps > 0.0, -g, 0.0)
    steepest = float(np.abs(way).max(initial=0.0))
    if steepest == 0.0:
        return 0.0
    share = 1e-3 * (float(np.abs(x).max(initial=0.0)) or 1.0) / steepest
    bend = float(way @ (slope_at(x + share * way) - g)) / share
    gain = float(way @ way) ** 2
    return gain / (2.0 * bend) if bend > 0.0 else np.inf


def _curvature(
    h: Matrix, low: Vector, high: Vector, l1: Vector, x: Vector, lengths: Vector, size: float
) -> tuple[float | None, Vector | None]:
    """The smallest eigenvalue of the Hessian in the entries that are free, and a direction without curvature."""
    free = (x > low) & (x < high) & ((x != 0.0) | (l1 == 0.0))
    count = int(free.sum())
    if count == 0 or count > 400 or not np.isfinite(h).all():
        return None, None
    part = h if count == x.size else h[np.ix_(free, free)]
    smallest, _, direction = spectrum(part, lengths[free], size)
    flat = None
    if direction is not None:
        flat = np.zeros(x.size)
        flat[free] = lengths[free] * direction
    scaled = np.abs(part) * np.multiply.outer(lengths[free], lengths[free]) / size
    return smallest / max(1.0, float(scaled.max())), flat
