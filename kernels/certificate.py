"""The answer's proof: how far the point is from satisfying the conditions of an optimum.

Stationarity is measured in units that do not depend on those of the data or of the unknowns,

    max_i |g_i| X_i / F,

with F the size of the objective, max(|f|, min(1, its gain since the start)), and X_i the length over which
the i-th unknown changes the objective by its own size: √(F / h_ii) where the Hessian is known and h_ii > 0,
else max(1, |x_i|) (Dennis & Schnabel 1983, eq. 7.2.5). With Hessian, 10⁻⁸ means that no single unknown
can lower the objective by more than ½·10⁻¹⁶ of its size.

Floating point sets a limit: `resolution` is the stationarity that rounding x to double precision makes
all by itself, max_i |Δg_i| X_i / F over changes of x in the last place. A point is also certified when it
is at that limit and no worse than √tolerance; the text of the certificate then says so.

What is judged is recomputed from the statement by the interpreter, independently of kernels and solver. Where the
statement is proved to be convex, a vanishing gradient is a global minimum and no curvature is looked for; with
∇²f ≥ μ > 0 a minimum exists, so that no point can run away, and X_i is at most √(F / μ), which needs no Hessian.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from derive.errors import DataError
from derive.evaluate import bind, evaluate_bound
from derive.node import Node, size_symbols, variables
from derive.stable import stabilise

from .invariance import symmetries_of
from .neighbourhood import (
    LANCZOS,
    Spectrum,
    along_a_valley,
    along_itself,
    at_rest,
    beyond_curvature,
    curvature_by_differences,
    falls_along,
    level_by_differences,
    rounding_of,
)
from .oracle import VALUE, Array, Layout, Matrix, Vector, assemble, gradient_key
from .plateau import Plateau
from .settled import NO_END, STRICT_MINIMUM, UNTOLD, Settling

TOLERANCE = 1e-8
#: Condition numbers from which a point may lie in a valley without end.
DOUBTFUL = 1e5
#: Curvature is looked for without a Hessian where that costs no more than so many numbers read.
PROBED = 4_000_000


#: What is said of a point that only looks stationary.
PLATEAU = (
    "no minimum is seen: on a plateau the derivatives vanish in double precision, and prove nothing; start elsewhere, "
    "or add tighter bounds"
)


class Guaranteed:
    """What a statement implies beyond the neighbourhood of the answer, as far as `guarantee` knows."""

    guarantee: Any

    @property
    def gap(self) -> float | None:
        """How far the objective is above a lower bound of the optimum, if one is known."""
        return None if self.guarantee is None else self.guarantee.gap

    @property
    def distance(self) -> float | None:
        """A bound of the Euclidean distance to the optimum, if one is known."""
        return None if self.guarantee is None else self.guarantee.distance


@dataclass(frozen=True)
class Certificate(Guaranteed):
    """The measured conditions of an unconstrained optimum at one point.

    stationarity  : scaled gradient norm (see the module)
    resolution    : the stationarity that rounding of x alone accounts for
    drift         : |gᵀx| / |xᵀHx|, Newton's step along x relative to x; near 1/‖x‖, not 0, when the
                    objective has no minimum and falls for ever in the direction of x; infinite where
                    rounding alone bends it
    ahead         : what Newton's step lowers the objective by, over its size, where that is more than the tolerance
    curvature     : smallest eigenvalue of the Hessian scaled to unit diagonal, None if not computed
    falls         : whether the objective falls along a direction without curvature (x³ at 0)
    plateau       : whether derivatives vanish by lack of digits alone (`plateau`)
    below         : a point that is lower, and that is reached from this one without a rise
    gradient_norm : the plain max_i |g_i|
    where         : the unknown with the largest scaled gradient entry
    proved        : whether a stationary point is proved to be a global minimum, as of a convex statement
    stopped       : whether the run was ended before its end: then a long step ahead proves nothing
    guarantee     : what else the statement implies, worked out when it is asked for: `.gap`, `.distance`, `.lines()`
    """

    value: float
    gradient_norm: float
    stationarity: float
    resolution: float = 0.0
    drift: float = 0.0
    ahead: float = 0.0
    curvature: float | None = None
    condition: float | None = None
    falls: bool = False
    plateau: bool = False
    below: Mapping[str, Array] | None = field(default=None, repr=False, compare=False)
    where: str = ""
    tolerance: float = TOLERANCE
    proved: bool = False
    stopped: bool = False
    guarantee: Any = field(default=None, repr=False, compare=False)

    def at_resolution(self, tolerance: float | None = None) -> bool:
        """Whether the point is stationary as far as double precision can tell, and sensibly so."""
        bound = self.tolerance if tolerance is None else tolerance
        return self.stationarity <= 10.0 * self.resolution and self.stationarity <= bound**0.5

    def stationary(self, tolerance: float | None = None) -> bool:
        """Whether the gradient vanishes, to the tolerance or to the limit of double precision."""
        bound = self.tolerance if tolerance is None else tolerance
        return self.stationarity <= bound or self.at_resolution(bound)

    def saddle(self) -> bool:
        """Whether the objective falls on both sides, or on one: curvature that is negative beyond rounding, or none."""
        if self.proved:
            return False  # what is negative is rounding
        return self.falls or self.plateau or (self.curvature is not None and self.curvature < -1e-7)

    def runs_away(self) -> bool:
        """Whether the gradient vanishes only because the point runs off to infinity."""
        return self.drift > 1e-3

    def ok(self, tolerance: float | None = None) -> bool:
        """Whether the point is certified: stationary, attained, and not a saddle as far as is known."""
        return (
            bool(np.isfinite(self.value))
            and self.stationary(tolerance)
            and not self.saddle()
            and not self.runs_away()
            and not self.ahead > (self.tolerance if tolerance is None else tolerance)
        )

    def reason(self) -> str:
        """Why the point is (not) certified, in words."""
        if not np.isfinite(self.value):
            return f"the objective is {self.value} there"
        if self.runs_away() and self.stationarity <= self.tolerance ** (1.0 if self.stopped else 0.5):
            return (
                "no minimum is attained: the objective keeps falling while the unknowns grow without bound "
                "(separable data, or a term that nothing holds back?); add a penalty or a constraint"
            )
        if not self.stationary():
            at = f", largest at {self.where}" if self.where else ""
            return f"scaled gradient {self.stationarity:.1e} exceeds {self.tolerance:.0e}{at}"
        if self.ahead > self.tolerance:
            return f"Newton's step lowers the objective by {self.ahead:.1e} of its size"
        if self.plateau:
            return PLATEAU
        if self.falls:
            return "stationary, but no minimum: the objective falls along a direction in which it has no curvature"
        if self.saddle():
            return f"a saddle point: the scaled Hessian has the eigenvalue {self.curvature:.2e}"
        if self.stationarity > self.tolerance:
            return f"stationary to the limit of double precision ({self.stationarity:.1e})"
        return f"scaled gradient {self.stationarity:.1e} ≤ {self.tolerance:.0e}"

    def __str__(self) -> str:
        lines = [
            f"{'certified' if self.ok() else 'not certified'}: {self.reason()}",
            f"  objective            {self.value:.15g}",
            f"  largest |gradient|   {self.gradient_norm:.2e}",
            f"  scaled gradient      {self.stationarity:.2e}"
            + (f"   (rounding of x alone: {self.resolution:.1e})" if self.resolution > 0.0 else ""),
        ]
        if self.curvature is not None:
            lines.append(f"  smallest eigenvalue  {self.curvature:.2e}   (Hessian scaled to unit diagonal)")
        if self.condition is not None:
            lines.append(f"  condition number     {self.condition:.1e}   (of the same)")
        if self.guarantee is not None:
            lines += self.guarantee.lines()
        return "\n".join(lines)


def certify(
    value: float,
    gradient: Vector,
    x: Vector,
    *,
    hessian: Matrix | None = None,
    at: Callable[[Vector], tuple[float, Vector]] | None = None,
    compiled: Callable[[Vector], Vector] | None = None,
    magnitude: float = 0.0,
    tolerance: float = TOLERANCE,
    layout: Layout | None = None,
    probe: bool = True,
    proved: bool = False,
    attained: bool = False,
    strong: float = 0.0,
    convex: Callable[[], bool] | None = None,
    settles: Callable[[Vector], int] | None = None,
    unseen: Callable[..., Matrix] | None = None,
    quadratic: bool = False,
    since: Sequence[Vector] = (),
) -> Certificate:
    """The certificate of a point from values that the caller has recomputed.

    `magnitude` is the typical size of an objective that vanishes at its minimum: 1, or the gain since the
    start where that is less (a far start must not make the proof easier).
    `at`, value and gradient elsewhere, serves to measure resolution and drift, and to look beyond plateaus; with
    `probe` and where no Hessian is given, curvature as well: there `compiled`, the same gradient, takes over once it
    has agreed with it.
    `proved` says that a stationary point is a global minimum, `attained` that there is one, and ∇²f ≥ `strong`.
    `convex` tells as much of stationary points, and is asked where there are directions without curvature.
    `settles` tells in many digits what a point without curvature is (`settled`), `unseen` which part of such directions
    no symmetry explains, along which nothing need be explored (`invariance.Symmetries.left`).
    A `quadratic` has no plateaus. `since` are points of the run at which all but what is slow may have been done.
    """
    if not np.isfinite(value) or not np.isfinite(gradient).all():
        return Certificate(value, float("nan"), float("nan"), tolerance=tolerance)

    def slope(point: Vector) -> Vector:
        assert at is not None
        return at(point)[1]

    gradient_at = None if at is None else slope
    size = max(abs(value), magnitude if magnitude > 0.0 else 1.0, 1e-300)
    lengths = np.maximum(1.0, np.abs(x))
    if hessian is not None and np.isfinite(hessian).all():
        diagonal = np.diagonal(hessian)
        known = diagonal > 1e-14 * size / lengths**2
        lengths = np.where(known, np.sqrt(size / np.where(known, diagonal, 1.0)), lengths)
    else:
        hessian = None
        if strong > 0.0:
            lengths = np.minimum(lengths, np.sqrt(size / strong))
    parts = np.abs(gradient) * lengths / size
    worst = int(np.argmax(parts)) if x.size else 0
    settled = proved and attained and bool(parts.max(initial=0.0) <= tolerance)
    rounding = np.zeros(x.size) if settled else rounding_of(gradient, x, hessian, gradient_at)
    curvature, condition, flats, ahead = None, None, np.zeros((x.size, 0)), 0.0
    if hessian is not None:
        bends = Spectrum(hessian, lengths, size)
        curvature, condition, flats = bends.smallest, bends.condition, bends.flats
        if at is not None and parts.max() <= tolerance**0.5:
            ahead = bends.lowered(lambda step: at(x + step)[0], value, gradient, tolerance)
    elif gradient_at is not None and probe and not attained and parts.max(initial=0.0) <= tolerance**0.5:
        curvature = None if proved else curvature_by_differences(gradient_at, x, compiled)
        flats = level_by_differences(gradient_at, x, lengths, size)
    drift = 0.0
    if not (proved and attained) and not at_rest(x, lengths, hessian, gradient_at):
        drift = along_itself(gradient, x, rounding, hessian, gradient_at)
    near = tolerance**0.5 if hessian is not None else tolerance
    if gradient_at is not None and not attained and parts.max() <= near:
        way = gradient_at if compiled is None else compiled
        valley = along_a_valley(gradient, x, rounding, hessian, size, way, since=since)
        # further on its slope is rounding, and nothing more would be seen
        drift = max(drift, np.inf if valley > 0.0 and parts.max() <= tolerance else valley)
    if not (attained or hessian is None or gradient_at is None) and beyond_curvature(gradient_at, x, hessian):
        drift = np.inf
    falls, level, below = False, False, None
    still = at is not None and not quadratic and parts.max() <= tolerance**0.5
    doubtful = condition is not None and condition > DOUBTFUL and not (proved or attained)
    if still and flats.shape[1] == 0 and doubtful and settles is not None:
        level = settles(x) not in (STRICT_MINIMUM, UNTOLD)
    if still and flats.shape[1] > 0:
        proved = proved or (convex is not None and convex())
        if unseen is not None and not proved:
            flats = unseen(at, layout, x, lengths, flats)
    if at is not None and still and flats.shape[1] > 0:
        end = UNTOLD if settles is None or attained else settles(x)
        falls = end == UNTOLD and not proved and falls_along(slope, x, lengths * flats[:, 0], size)
        if end != STRICT_MINIMUM and not falls:
            plateau = Plateau(at, x, lengths, size).explore(flats, proved)
            below = plateau.lower
            level = plateau.vague or below is not None or (end != UNTOLD and not proved)
            if (plateau.endless or (end == NO_END and proved)) and not attained:
                drift = np.inf
    return Certificate(
        value=float(value),
        gradient_norm=float(np.abs(gradient).max()),
        stationarity=float(parts.max()),
        resolution=float((rounding * lengths / size).max()),
        drift=drift,
        ahead=ahead,
        curvature=curvature,
        condition=condition,
        falls=falls,
        plateau=level,
        below=by_name(below, layout),
        where=layout.place_of(worst) if layout is not None else "",
        tolerance=tolerance,
        proved=proved,
    )


def by_name(point: Vector | None, layout: Layout | None) -> dict[str, Array] | None:
    """A point as arrays by name, as far as names are known."""
    if point is None:
        return None
    return {} if layout is None else layout.unpack(point)


def certify_statement(
    nodes: Mapping[str, Node],
    data: Mapping[str, Any],
    solution: Mapping[str, Any],
    *,
    compiled: Callable[[Vector], Vector] | None = None,
    magnitude: float = 0.0,
    tolerance: float = TOLERANCE,
    proved: bool = False,
    attained: bool = False,
    strong: float = 0.0,
    quadratic: bool = False,
    since: Sequence[Vector] = (),
) -> Certificate:
    """The certificate recomputed from the statement by the interpreter.

    `nodes` holds the objective under `VALUE`, a gradient under `gradient_key(a)` for every unknown a of
    `solution` and, where wanted, the Hessian's blocks under `hessian_key(a, b)`. `compiled` is a
    gradient in the flat vector; it counts for curvature alone, and only where the interpreter agrees with it.
    """
    layout = Layout.of({name: np.shape(value) for name, value in solution.items()})
    x = layout.pack(solution)
    keys = [VALUE, *(gradient_key(a) for a in layout.names)]
    blocks = [key for key in nodes if key.startswith("hessian ")]
    computed = dict(zip([*keys, *blocks], stabilise([nodes[k] for k in [*keys, *blocks]]), strict=True))
    wanted = variables(*computed.values())
    sizes = size_symbols(*computed.values())
    given = {**data, **layout.unpack(x)}
    arrays, binding = bind(wanted, given, sizes=sizes, extra=True, check_facts=False)

    settling = Settling(nodes, data, layout)

    def found(point: Vector, names: list[str]) -> list[np.ndarray[Any, Any]]:
        moved = {**arrays, **layout.unpack(point)}
        return evaluate_bound([computed[k] for k in names], moved, binding)

    def at(point: Vector) -> tuple[float, Vector]:
        try:
            value, *slopes = found(point, keys)
        except DataError:
            return float("nan"), np.full(layout.size, np.nan)
        return float(value), layout.pack(dict(zip(layout.names, slopes, strict=True)))

    hessian = None
    value, gradient = at(x)
    try:
        if blocks:
            hessian = assemble(layout, dict(zip(blocks, found(x, blocks), strict=True)))
            hessian = (hessian + hessian.T) / 2
    except DataError:
        value = float("nan")
    return certify(
        value,
        gradient,
        x,
        hessian=hessian,
        at=at,
        compiled=compiled,
        magnitude=magnitude,
        tolerance=tolerance,
        layout=layout,
        probe=min(x.size, LANCZOS) * sum(np.size(a) for a in arrays.values()) <= PROBED,
        proved=proved,
        attained=attained,
        strong=strong,
        settles=settling.at,
        unseen=symmetries_of(computed, layout.names).left,
        quadratic=quadratic,
        since=since,
    )
