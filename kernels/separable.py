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
from typing import Any

import numpy as np

from .certificate import TOLERANCE, by_name
from .kkt import CURVED, EPS, KktCertificate, nowhere
from .neighbourhood import Spectrum, along_a_valley, along_itself, falls_along, falls_outwards
from .optimizers.penalties import separable_distance
from .oracle import Layout, Matrix, Vector
from .penalised import certificate_of, sizes_of
from .plateau import Plateau
from .settled import NO_END, STRICT_MINIMUM, UNTOLD


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
    attained: bool = False,
    at: Callable[[Vector], tuple[float, Vector]] | None = None,
    settles: Callable[[Vector, Matrix], int] | None = None,
    quadratic: bool = False,
) -> KktCertificate:
    """The certificate from values that the caller has recomputed by the interpreter.

    `proved` says that a stationary point is proved to be a global minimum: then no Hessian is needed; `attained`, that
    there is one. With `at`, value and gradient of the smooth part elsewhere, points that run away are recognised
    without one as well, plateaus, and how far a step along the slope would go. `settles` tells in many digits what a
    point without curvature is along some directions (`settled`).
    A `quadratic` has no plateaus.
    """

    def slope_at(point: Vector) -> Vector:
        assert at is not None
        return at(point)[1]

    gradient_at = None if at is None or (proved and attained) else slope_at
    total = f + float(l1 @ np.abs(x))
    bend = _bend(slope_at, g, x) if h is None and at is not None and not l1.all() else 0.0
    sizes = sizes_of(total, g, x, statement_value, l1, h=h, layout=layout, bend=bend)
    if sizes is None:
        return nowhere(tolerance)
    size, lengths = sizes.objective, sizes.lengths
    held = np.maximum(np.abs(x), np.minimum(lengths, sizes.reach))
    broken = np.maximum(np.maximum(low - x, x - high), 0.0)
    gaps = separable_distance(g, x, l1, low, high)
    curvature, condition, flats, rests, ahead = None, None, np.zeros((x.size, 0)), False, 0.0
    if h is not None:
        gaps = np.maximum(gaps - 4.0 * EPS * (np.abs(h) @ np.abs(x) + l1), 0.0)
        free = (x > low) & (x < high) & ((x != 0.0) | (l1 == 0.0))
        bends, flats = _curvature(h, free, lengths, size)
        if bends is not None:
            condition = bends.condition
            curvature = bends.smallest / max(1.0, float(np.abs(bends.scaled).max()))
            if at is not None:
                whole = _moved(_whole(at, l1), x, free, low, high)
                ahead = bends.lowered(whole, total, (g + l1 * np.sign(x))[free], tolerance)
        if flats.shape[1] > 0 and gradient_at is not None and not proved and not l1.any():
            flat = lengths * flats[:, 0]
            inside = (x - 0.1 * np.abs(flat) >= low) & (x + 0.1 * np.abs(flat) <= high)
            if inside.all() and falls_along(gradient_at, x, flat, size):
                curvature = -1.0
        # At a bound without a slope, the way inwards must not be downhill either.
        resting = ((x <= low) | (x >= high)) & (low < high) & (l1 == 0.0)
        resting &= np.abs(g) * lengths <= tolerance * size
        if not proved and resting.any() and (free | resting).sum() <= CURVED and np.isfinite(h).all():
            bend = _inward(h, free, np.where(resting, np.where(x <= low, 1.0, -1.0), 0.0), held)
            if bend < 0.0:
                curvature = min(bend, 0.0 if curvature is None else curvature)
        flats, rests = _curvature(h, free | resting, held, size)[1], bool(resting.any())
    drift, level, below = 0.0, False, None
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
    still = bool((gaps * lengths <= tolerance**0.5 * size).all())
    if still and at is not None and not (quadratic or attained):

        def within(point: Vector) -> float:
            return _whole(at, l1)(point)[0] if ((low <= point) & (point <= high)).all() else np.inf

        drift = np.inf if falls_outwards(within, x, tolerance * size) else drift
    if at is not None and gradient_at is not None and flats.shape[1] > 0 and still and not quadratic:
        end = UNTOLD if settles is None or rests or l1.any() else settles(x, np.eye(x.size)[~free])
        if end != STRICT_MINIMUM:
            plateau = Plateau(_whole(at, l1), x, held, size, lambda point: np.clip(point, low, high))
            below = plateau.explore(flats, proved).lower
            level = plateau.vague or below is not None or (end != UNTOLD and not proved)
            if plateau.endless or (end == NO_END and proved):
                drift = np.inf
    if h is None and at is not None:
        ahead = _ahead(slope_at, g, np.where(l1 > 0.0, 0.0, gaps), x) / size
    primal = float(np.where(broken > 0.0, broken / held, 0.0).max(initial=0.0))
    where = layout.place_of(int(np.argmax(broken))) if layout is not None and primal > tolerance else ""
    return certificate_of(
        gaps,
        sizes,
        total,
        statement_value=statement_value,
        primal=primal,
        curvature=curvature,
        condition=condition,
        where=where,
        tolerance=tolerance,
        drift=drift,
        plateau=level,
        below=by_name(below, layout),
        ahead=ahead,
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


def _inward(h: Matrix, free: Any, inward: Vector, lengths: Vector) -> float:
    """The least vᵀHv / max |H| that is found, in units of the lengths, over v of length 1 that point inwards.

    `inward` is the sign that entries resting at a bound may take, 0 for others. Whether a matrix is copositive is a
    hard question; projected gradients from single entries, pairs of them and the eigenvectors find what there is.
    """
    moving = free | (inward != 0.0)
    sides = inward[moving]
    part = h[np.ix_(moving, moving)] * np.multiply.outer(lengths[moving], lengths[moving])
    largest = float(np.abs(part).max(initial=0.0))
    if largest == 0.0:
        return 0.0
    part = part / largest
    n = len(part)

    def inside(v: Vector) -> Vector:
        v = np.where(sides != 0.0, np.where(v * sides > 0.0, v, 0.0), v)
        return np.asarray(v / (float(np.sqrt(v @ v)) or 1.0))

    vectors = np.linalg.eigh(part)[1][:, :4].T
    pairs = np.argsort(part + np.diag(np.full(n, np.inf)), axis=None)[:8]
    starts = [*vectors, *-vectors, np.where(sides != 0.0, sides, 1.0)]
    for i in np.argsort(np.diagonal(part))[:4]:
        starts.append(np.where(np.arange(n) == i, np.where(sides != 0.0, sides, 1.0), 0.0))
    for k in pairs:
        i, j = divmod(int(k), n)
        starts.append(
            np.where((np.arange(n) == i) | (np.arange(n) == j), np.where(sides != 0.0, sides, 1.0), 0.0)
        )
    least = 0.0
    for v in starts:
        v = inside(v)
        for _ in range(30):
            least = min(least, float(v @ part @ v))
            v = inside(v - part @ v / n)
    return least if least < -1e-10 else 0.0


def _whole(
    at: Callable[[Vector], tuple[float, Vector]], l1: Vector
) -> Callable[[Vector], tuple[float, Vector]]:
    """Value and steepest slope of f + Σ λᵢ|xᵢ|."""

    def whole(point: Vector) -> tuple[float, Vector]:
        f, g = at(point)
        at_zero = np.sign(g) * np.maximum(np.abs(g) - l1, 0.0)
        return f + float(l1 @ np.abs(point)), np.where(point == 0.0, at_zero, g + l1 * np.sign(point))

    return whole


def _moved(
    whole: Callable[[Vector], tuple[float, Vector]], x: Vector, free: Any, low: Vector, high: Vector
) -> Callable[[Vector], float]:
    """The objective after a step of the free entries, as far as bounds let it."""

    def value_at(step: Vector) -> float:
        point = x.copy()
        point[free] += step
        return whole(np.clip(point, low, high))[0]

    return value_at


def _curvature(h: Matrix, free: Any, lengths: Vector, size: float) -> tuple[Spectrum | None, Matrix]:
    """The spectrum of the Hessian in the entries that are free, and the directions without curvature."""
    count = int(free.sum())
    flats = np.zeros((free.size, 0))
    if count == 0 or count > CURVED or not np.isfinite(h).all():
        return None, flats
    found = Spectrum(h if count == free.size else h[np.ix_(free, free)], lengths[free], size)
    flats = np.zeros((free.size, found.flats.shape[1]))
    flats[free] = found.flats
    return found, flats
