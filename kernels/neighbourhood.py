"""What a certificate looks for around a point: curvature, rounding, and ways along which the objective falls for ever.

All of it comes from gradients and Hessians that the caller has recomputed by the interpreter.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .oracle import Matrix, Vector

EPS = float(np.finfo(np.float64).eps)
#: Curvature that proves nothing, over the largest.
UNPROVED = 1e-7
#: Steps of Lanczos' method; as many unknowns or fewer, and the whole spectrum is found.
LANCZOS = 20
#: Unknowns of which all curvature is found by differences, where it is needed.
FEW = 60


class Spectrum:
    """Eigenvalues and eigenvectors of a Hessian in units of F / (X_i X_j)."""

    def __init__(self, hessian: Matrix, lengths: Vector, size: float) -> None:
        self.lengths, self.size = lengths, size
        self.scaled = hessian * lengths[:, None] * lengths[None, :] / size
        self.values, self.vectors = np.linalg.eigh(self.scaled)

    @property
    def smallest(self) -> float:
        """The smallest eigenvalue."""
        return float(self.values[0])

    @property
    def condition(self) -> float:
        """The condition number."""
        bends = np.abs(self.values)
        return float(bends.max()) / float(bends.min()) if bends.min() > 0.0 else float("inf")

    @property
    def flats(self) -> Matrix:
        """The directions without curvature."""
        return level_part(self.values, self.vectors)

    def lowered(
        self, value_at: Callable[[Vector], float], value: float, gradient: Vector, least: float
    ) -> float:
        """What Newton's step really lowers the objective by, over its size; 0 where it would be no more than `least`.

        `value_at` takes the step. Curvature may be hardly more than rounding: what is lower proves itself.
        """
        slope = self.vectors.T @ (gradient * self.lengths / self.size)
        found = 0.0
        for beyond in (EPS, 1e-12):
            bent = self.values > beyond * float(self.values[-1])
            steps = np.where(bent, -slope / np.where(bent, self.values, 1.0), 0.0)
            if not -float(slope @ steps) / 2 > least:
                break
            lower = value_at(self.lengths * (self.vectors @ steps))
            if np.isfinite(lower):
                found = max(found, (value - lower) / self.size)
        return found


def level_part(values: Vector, vectors: Matrix) -> Matrix:
    """The eigenvectors of a scaled Hessian whose curvature proves nothing, one per column, the least bent first."""
    bends = np.abs(values)
    flat = np.argsort(bends, kind="stable")[
        : int((bends <= UNPROVED * max(float(bends.max(initial=0.0)), 1e-3)).sum())
    ]
    return np.asarray(vectors[:, flat])


def falls_along(gradient_at: Callable[[Vector], Vector], x: Vector, direction: Vector, size: float) -> bool:
    """Whether slopes along a direction without curvature point downhill away from x."""
    for t in (1e-2, 1e-1):
        ahead, behind = (float(gradient_at(x + s * t * direction) @ direction) for s in (1.0, -1.0))
        if ahead < -1e-7 * size or behind > 1e-7 * size:
            return True
    return False


#: How far along the ray through a point its objective is looked at: beside a minimum it rises first.
OUTWARDS = (1.0, 1.001, 1.01, 1.1, 2.0, 10.0, 100.0, 1000.0)


def falls_outwards(value_at: Callable[[Vector], float], x: Vector, least: float) -> bool:
    """Whether the objective falls from x on along the ray from 0, all the way, by more than `least` or half of it."""
    values = np.array([value_at(t * x) for t in OUTWARDS])
    falls = np.diff(values)
    near = bool((falls[:4] < -8.0 * EPS * abs(float(values[0]))).all())
    return (
        near
        and bool((falls[4:] <= 0.0).all())
        and float(-falls.sum()) > min(least, abs(float(values[0])) / 2)
    )


#: How much longer than steps of Newton's method entry by entry a point may be where it bends the objective by rounding.
ENDLESS = 1e12


def beyond_curvature(gradient_at: Callable[[Vector], Vector], x: Vector, hessian: Matrix) -> bool:
    """Whether the objective falls from 0 to x along a line that bends by rounding alone, far beyond the steps that
    the diagonal of the Hessian would make: as of a quadratic that has no minimum."""
    sizes = np.abs(x) @ np.abs(hessian) @ np.abs(x)
    if not 0.0 < sizes < np.inf or abs(float(x @ hessian @ x)) > 1e3 * EPS * float(sizes):
        return False
    roots = np.sqrt(np.maximum(np.diagonal(hessian), 0.0))
    g = gradient_at(np.zeros(x.size))
    if not np.isfinite(g).all() or not float(g @ x) < 0.0:
        return False
    steps = np.abs(g[roots > 0.0]) / roots[roots > 0.0]
    return bool(np.abs(roots * x).max(initial=0.0) > ENDLESS * float(steps.max(initial=0.0)))


def lanczos(product: Callable[[Vector], Vector], v: Vector, steps: int) -> tuple[Vector, Matrix]:
    """Ritz values and vectors of a symmetric operator on the space that so many products reach from v; none where a
    product is not finite."""
    basis = [v / np.sqrt(v @ v)]
    diagonal: list[float] = []
    beside: list[float] = []
    for _ in range(steps):
        v = basis[-1]
        w = product(v)
        if not np.isfinite(w).all():
            return np.zeros(0), np.zeros((v.size, 0))
        diagonal.append(float(w @ v))
        for u in [*basis, *basis]:  # orthogonal to all, twice: rounding would bring them back
            w = w - (w @ u) * u
        norm = float(np.sqrt(w @ w))
        if norm <= 1e-10 * max(abs(d) for d in [*diagonal, 1e-300]):
            break
        beside.append(norm)
        basis.append(w / norm)
    m = len(diagonal)
    off = np.array(beside[: m - 1])
    values, vectors = np.linalg.eigh(np.diag(diagonal) + np.diag(off, 1) + np.diag(off, -1))
    return values, np.array(basis[:m]).T @ vectors


def by_differences(
    gradient_at: Callable[[Vector], Vector],
    x: Vector,
    lengths: Vector,
    compiled: Callable[[Vector], Vector] | None = None,
) -> Callable[[Vector], Vector]:
    """Products of the Hessian in units of the lengths with a vector, by central differences of the gradient.

    The first is that of `gradient_at`; where `compiled` gives the same, the others are left to it.
    """
    ways = [gradient_at]

    def product(v: Vector) -> Vector:
        h = 1e-4 / float(np.abs(v).max())

        def change(gradient: Callable[[Vector], Vector]) -> Vector:
            return (gradient(x + h * lengths * v) - gradient(x - h * lengths * v)) * lengths / (2.0 * h)

        w = change(ways[-1])
        if compiled is not None and len(ways) == 1:
            same = float(np.abs(change(compiled) - w).max()) <= 1e-6 * float(np.abs(w).max())
            ways.append(compiled if same else gradient_at)
        return w

    return product


def curvature_by_differences(
    gradient_at: Callable[[Vector], Vector], x: Vector, compiled: Callable[[Vector], Vector] | None = None
) -> float | None:
    """The smallest eigenvalue of the Hessian over the largest, in units of max(1, |x_i|); None if not finite.

    Lanczos' method from a random vector. What is negative by less than the differences can tell is 0.
    """
    product = by_differences(gradient_at, x, np.maximum(1.0, np.abs(x)), compiled)
    values, _ = lanczos(product, np.random.default_rng(0).standard_normal(x.size), min(x.size, LANCZOS))
    if not values.size:
        return None
    largest = float(np.abs(values).max())
    found = float(values[0]) / largest if largest > 0.0 else 0.0
    return found if found < -1e-5 or found > 0.0 else 0.0


def hessian_by_differences(
    gradient_at: Callable[[Vector], Vector], x: Vector, lengths: Vector
) -> Matrix | None:
    """∂²f / ∂xᵢ∂xⱼ times the lengths of both, by central differences of the gradient; None if not finite."""
    found = np.empty((x.size, x.size))
    for i in range(x.size):
        step = np.zeros(x.size)
        step[i] = 1e-5 * lengths[i]
        found[i] = (gradient_at(x + step) - gradient_at(x - step)) / 2e-5 * lengths
    return (found + found.T) / 2 if np.isfinite(found).all() else None


def level_by_differences(
    gradient_at: Callable[[Vector], Vector], x: Vector, lengths: Vector, size: float
) -> Matrix:
    """Directions without curvature, in units of the lengths: all of few unknowns, of many that towards 0."""
    if x.size <= LANCZOS:
        h = hessian_by_differences(gradient_at, x, lengths)
        if h is None:
            return np.zeros((x.size, 0))
        values, vectors = np.linalg.eigh(h / size)
        return np.asarray(vectors[:, np.abs(values) <= UNPROVED * max(float(np.abs(values).max()), 1e-3)])
    way = x / lengths
    if not way.any():
        return np.zeros((x.size, 0))
    ahead, behind = (gradient_at(x + s * 1e-5 * x) for s in (1.0, -1.0))
    bends = float(np.abs((ahead - behind) * lengths).max()) / 2e-5 <= 1e-12 * size
    return (way / np.sqrt(way @ way))[:, None] if bends else np.zeros((x.size, 0))


def rounding_of(
    gradient: Vector,
    x: Vector,
    hessian: Matrix | None,
    gradient_at: Callable[[Vector], Vector] | None,
) -> Vector:
    """How much each entry of the gradient changes over changes of x by half a unit in the last place."""
    if hessian is not None:
        return np.asarray(EPS / 2 * (np.abs(hessian) @ np.abs(x)))
    found = np.zeros(x.size)
    if gradient_at is None:
        return found
    random = np.random.default_rng(0)
    for _ in range(2):
        changed = gradient_at(x * (1.0 + EPS * random.choice([-1.0, 1.0], size=x.size)))
        if np.isfinite(changed).all():
            found = np.maximum(found, np.abs(changed - gradient) / 2)
    return found


#: Unknowns over their lengths that are 0 but for rounding.
VANISHING = 1e-8


def at_rest(
    x: Vector, lengths: Vector, hessian: Matrix | None, gradient_at: Callable[[Vector], Vector] | None
) -> bool:
    """Whether x is 0 but for rounding, and the way along x bends as much at larger distances: what runs away is far
    from 0, and of x³ only x bends what is near 0."""
    share = float((np.abs(x) / lengths).max(initial=0.0))
    if gradient_at is None or not 0.0 < share <= VANISHING:
        return False
    along = x / share  # before squares, which vanish where x is all but 0

    def bend(length: float) -> float:
        way = length * along
        ahead, behind = (float(gradient_at(s * way) @ way) for s in (1.0, -1.0))
        return (ahead - behind) / (2.0 * length**2)

    expected = bend(1e-4) if hessian is None else float(along @ hessian @ along)
    if not expected > 0.0:
        return False
    further = bend(1e-2)
    return further > 0.0 and 0.5 < further / expected < 2.0


def along_itself(
    gradient: Vector,
    x: Vector,
    rounding: Vector,
    hessian: Matrix | None,
    gradient_at: Callable[[Vector], Vector] | None,
    way: Vector | None = None,
) -> float:
    """|gᵀx| / |xᵀHx|: Newton's step along x, or along what of x can move. 0 where both are at rounding level."""
    way = x if way is None else way
    along = float(gradient @ way)
    noise = float((rounding + EPS * np.abs(gradient)) @ np.abs(way))
    if hessian is not None:
        bend = float(way @ hessian @ way)
    elif gradient_at is not None:
        change = 1e-3
        slopes = [float(gradient_at(x + s * change * way) @ way) for s in (1, -1)]
        bend = (slopes[0] - slopes[1]) / (2 * change)
        noise += 1e-10 * max(abs(s) for s in slopes)
    else:
        return 0.0
    if not np.isfinite(bend) or max(abs(along), abs(bend)) <= 1e3 * noise:
        return 0.0
    return abs(along) / max(abs(bend), 1e-300)


def along_a_valley(
    gradient: Vector,
    x: Vector,
    rounding: Vector,
    hessian: Matrix | None,
    size: float,
    gradient_at: Callable[[Vector], Vector],
    movable: Any = None,
    since: Sequence[Vector] = (),
) -> float:
    """Newton's step over x along a way that hardly bends the objective, if the slope on it falls like an exponential
    and does not come to an end: as of data that are separable but for some rows. Else 0.

    The ways are the part of x that hardly bends it, by the Hessian, or of few unknowns by differences where the slope
    is more than rounding; and the last parts of a run, from the points `since`, for in the end what is slow is left.
    Curvature is that of relative changes of x; `movable` says which entries of x may change.
    """
    lengths = np.maximum(np.abs(x), 1e-8 * float(np.abs(x).max(initial=0.0)))
    if movable is not None:
        lengths = np.where(movable, lengths, 0.0)
    if not lengths.any():
        return 0.0
    pulls = float(np.abs(gradient) @ lengths) > 1e3 * (float(rounding @ lengths) + EPS * size)
    flat = np.zeros((x.size, 0))
    if hessian is not None:
        values, vectors = np.linalg.eigh(hessian * lengths[:, None] * lengths[None, :])
        flat = vectors[:, values < 1e-5 * size]
    elif pulls and x.size <= FEW:
        values, vectors = lanczos(by_differences(gradient_at, x, lengths), np.sign(x), x.size)
        flat = vectors[:, values < 1e-5 * size]
    found = _falling(gradient, x, rounding, size, gradient_at, lengths * (flat @ (flat.T @ np.sign(x))))
    for point in since:
        way = x - point
        if float(np.abs(way).max(initial=0.0)) > 1e-3 * float(np.abs(x).max(initial=0.0)):
            found = max(found, _falling(gradient, x, rounding, size, gradient_at, way))
    return found


def _falling(
    gradient: Vector,
    x: Vector,
    rounding: Vector,
    size: float,
    gradient_at: Callable[[Vector], Vector],
    way: Vector,
) -> float:
    """Newton's step over the way, if the slope along it falls like an exponential up to x and behind it; else 0.

    The logarithm of a sum of exponentials is convex; that of a slope that reaches 0, at a minimum or at the edge of a
    plateau, is concave near it.
    """
    noise = 10.0 * float((rounding + EPS * np.abs(gradient)) @ np.abs(way)) + EPS * size
    if not np.abs(way).max(initial=0.0) > 0.0:
        return 0.0
    if not float(gradient_at(x + way) @ way) <= 1e3 * noise:  # it rises behind the point, as mostly
        return 0.0
    logs: list[float] = []
    for t in np.linspace(-0.9, 0.0, 19):
        slope = float(gradient_at(x + t * way) @ way)
        if not slope < -1e3 * noise:
            break
        logs.append(float(np.log(-slope)))
    last = np.array(logs[-5:])
    if last.size < 5 or np.diff(last, 2).min() < -0.05 or not last[-1] < last[-2] - 0.1:
        return 0.0
    return 0.05 / float(last[-2] - last[-1])
