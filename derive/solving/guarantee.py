"""What the statement implies about an answer beyond its neighbourhood: worked out when it is asked for.

    the problem is convex                a stationary point is a global minimum
    ∇²f ≥ μ > 0                          ‖x − x*‖ ≤ ‖g‖/μ  and  f(x) − f* ≤ ‖g‖²/2μ,  g in ∂f(x) of least length
    a dual point α, feasible             f(x) − f* ≤ f(x) − g(α)
    both                                 ‖x − x*‖ ≤ √(2 (f(x) − g(α)) / μ)

(Nesterov, Lectures on Convex Optimization, 2018, theorem 2.1.10; Boyd & Vandenberghe, Convex Optimization, §5.5.1.)
The dual point comes from the answer itself, the slope of the loss at the data map, and from the multipliers of the
constraints; where these do not determine it well, the dual is solved. All numbers are the interpreter's.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING, Any, final

import numpy as np

from ..differentiate import gradients
from ..domains import Float
from ..errors import DeriveError
from ..evaluate import planned
from ..optimality.gap import bound, candidate, feasible
from ..stable import stabilise
from .facts import Constants
from .options import Options

if TYPE_CHECKING:
    from .instance import Instance

EPS = float(np.finfo(np.float64).eps)
#: A gap above this share of the objective is worth solving the dual, if it has no more unknowns than that.
LOOSE, SOLVED = 1e-8, 600


@final
class Guarantee:
    """Of one answer on its data: `.convex`, `.constants`, `.distance`, `.gap` and where they come from."""

    def __init__(
        self,
        instance: Instance,
        found: Mapping[str, Any],
        value: float,
        multipliers: Any = None,
        closed: str = "",
    ) -> None:
        """`closed` says why the answer is a global optimum, where a closed form gave it."""
        self._instance, self._multipliers = instance, multipliers
        self._found = {k: np.array(a, dtype=np.float64) for k, a in found.items()}
        self._value, self._closed = value, closed

    @cached_property
    def unchanged(self) -> bool:
        """Whether the arrays still hold the data of the answer; where not, nothing can be said."""
        try:
            (again,) = self._numbers([self._instance.posed.minimised])
        except (DeriveError, np.linalg.LinAlgError):
            return False
        return bool(abs(float(again) - self._value) <= 1e-9 * max(1.0, abs(self._value)))

    @property
    def convex(self) -> bool:
        """Whether the problem is proved to be convex."""
        return self._instance.facts.is_convex

    @cached_property
    def constants(self) -> Constants:
        """Strong convexity μ and smoothness L on these data."""
        if not self.convex or not self.unchanged:
            return Constants()
        return self._instance.constants

    @cached_property
    def slope(self) -> float | None:
        """The length of the shortest element of the subdifferential, rounding included; None under constraints."""
        from ..kernels.optimizers.penalties import PENALTIES
        from ..kernels.oracle import Layout

        instance = self._instance
        posed, arrays = instance.posed, instance.numbers
        layout = Layout.of(instance.shapes)
        x = layout.pack(self._found)
        if posed.composite is not None:
            structure = posed.composite.structure
            nodes, limits = structure.smooth, posed.composite.entries(instance, arrays)[:3]
        elif not posed.is_constrained:
            nodes, limits = posed.minimised, None
        else:
            return None
        ready = planned(stabilise(gradients(nodes, posed.unknowns)), instance.binding, Float())

        def slopes(x: Any) -> Any:
            parts = dict(zip(posed.names, ready({**arrays, **layout.unpack(x)}), strict=True))
            return np.concatenate(
                [np.broadcast_to(parts[a], s).reshape(-1) for a, s in instance.shapes.items()]
            )

        with np.errstate(all="ignore"):
            g = slopes(x)
            signs = np.random.default_rng(0).choice([-1.0, 1.0], size=x.size)
            noise = float(np.linalg.norm(slopes(x * (1.0 + EPS * signs)) - g)) + EPS * float(
                np.linalg.norm(g)
            )
            if limits is not None:
                g = PENALTIES["separable"].distance(g, x, *limits)
        found = float(np.linalg.norm(g)) + noise
        return found if np.isfinite(found) else None

    @property
    def _distance(self) -> tuple[float, str] | None:
        strong = self.constants.strong
        if not strong:
            return None
        found = []
        if self.slope is not None:
            found.append((self.slope / strong, "‖∇f‖/μ"))
        if self.gap is not None:
            found.append((float(np.sqrt(2.0 * self.gap / strong)), "√(2 gap/μ)"))
        return min(found, default=None)

    @property
    def distance(self) -> float | None:
        """A bound of the Euclidean distance to the optimum; None without strong convexity."""
        return None if self._distance is None else self._distance[0]

    @cached_property
    def _bounds(self) -> list[tuple[float, str]]:
        """Lower bounds of the optimum and their sources, the dual's first."""
        found: list[tuple[float, str]] = []
        if not self.convex or not self.unchanged:
            return found
        with suppress(DeriveError, np.linalg.LinAlgError, MemoryError):
            found += self._of_dual()
        strong = self.constants.strong
        if strong and self.slope is not None:
            found.append((self._value - self.slope**2 / (2.0 * strong), "strong convexity, ‖∇f‖²/2μ"))
        return [each for each in found if np.isfinite(each[0])]

    @property
    def bound(self) -> float | None:
        """The best lower bound of the optimum (of a maximum, upper bound)."""
        if not self._bounds:
            return None
        return self._instance.posed.sign * max(self._bounds)[0]

    @property
    def gap(self) -> float | None:
        """The value minus the best lower bound; not below what rounding hides."""
        if not self._bounds:
            return None
        least = max(self._bounds)[0]
        return max(self._value - least, 4.0 * EPS * max(abs(self._value), abs(least)))

    @property
    def source(self) -> str:
        """Where the gap comes from."""
        return max(self._bounds)[1] if self._bounds else ""

    def _of_dual(self) -> list[tuple[float, str]]:
        dual = self._instance.facts.dual
        if dual is None:
            return []
        arrays = {**self._instance.arrays, **self._found}
        found: list[tuple[float, str]] = []
        point = candidate(dual, arrays, self._named_multipliers())
        if point is not None:
            whence = "slope of the loss" if dual.multipliers else "multipliers of the constraints"
            if dual.multipliers and set(dual.multipliers) != set(dual.unknowns):
                whence += " and multipliers of the constraints"
            found.append((bound(dual, {**arrays, **point}), f"the dual at the {whence}"))
        worth = LOOSE * max(1.0, abs(self._value))
        if not found or self._value - found[0][0] > worth:
            solved = self._solved(arrays)
            if solved is not None:
                found.append((solved, "the dual, solved"))
        return found

    def _solved(self, arrays: Mapping[str, Any]) -> float | None:
        """The value of the dual where a solver finds its optimum."""
        from .posed import Posed
        from .route import solve

        dual = self._instance.facts.dual
        assert dual is not None
        given = [v for v in self._instance.posed.given if v not in dual.unknowns]
        posed = Posed(dual.objective, dual.unknowns, dual.relations, dual.sense, given)
        names = {v.name for v in posed.given} | {s.name for s in posed.symbols}
        data = {k: a for k, a in {**self._instance.arrays}.items() if k in names}
        shapes = [self._instance.binding.shape(v.shape) for v in dual.unknowns]
        if sum(int(np.prod(s, dtype=np.int64)) for s in shapes) > SOLVED:
            return None
        result = solve(posed, data, None, Options(backend="numpy"), guaranteed=False)
        point = feasible(dual, {v.name: np.asarray(result[v.name]) for v in dual.unknowns}, arrays)
        return None if point is None else bound(dual, {**arrays, **point})

    def _named_multipliers(self) -> dict[str, Any]:
        """The solver's multipliers by the names they have in the dual.

        The solver's Lagrangian is f − νᵀe − λᵀc with c ≥ 0, that of the dual f + νᵀh + λᵀg with g ≤ 0.
        """
        if self._multipliers is None:
            return {}
        conditions = [c for c in self._instance.facts.stated.conditions if c.statement is not None]
        found = {}
        for kind, sign, key in (("==", -1.0, "equality"), ("<=", 1.0, "inequality")):
            stated = [c.multiplier for c in conditions if c.kind == kind and c.multiplier is not None]
            values = list(self._multipliers.get(key, []))
            values = values[len(values) - len(stated) :] if len(values) >= len(stated) else []
            for v, a in zip(stated, values, strict=False):
                if np.shape(a) == self._instance.binding.shape(v.shape):
                    found[v.name] = sign * np.asarray(a)
        return found

    def _numbers(self, nodes: list[Any]) -> list[Any]:
        evaluate = planned(stabilise(nodes), self._instance.binding, Float())
        return evaluate({**self._instance.numbers, **self._found})

    def lines(self) -> list[str]:
        """What is guaranteed, for print."""
        if not self.convex:
            return [f"  global optimum       proved: {self._closed}"] if self._closed else []
        maximum = self._instance.posed.sign < 0
        kind = "concave" if maximum else "convex"
        what = f"the problem is {kind}" if self._instance.posed.relations else f"the objective is {kind}"
        signs = self._instance.facts.posed.signs
        found = [f"  global optimum       proved: {what}" + (f" for {signs}" if signs else "")]
        if not self.unchanged:
            return [*found, "  the data have been changed since: no gap and no distance"]
        found += self.constants.lines()
        if self._distance is not None:
            far, whence = self._distance
            found.append(f"  distance             {far:.2e}   (to the optimum at most: {whence})")
        if self.gap is not None:
            found.append(f"  optimality gap       {self.gap:.2e}   (at most: {self.source})")
        return found

    def __str__(self) -> str:
        return "\n".join(self.lines())

    def __reduce__(self) -> Any:
        return _Lines, (self.lines(), self.convex, self.distance, self.gap, self.source)


@final
class _Lines:
    """A guarantee without its data: what pickling keeps."""

    def __init__(self, lines: list[str], convex: bool, distance: Any, gap: Any, source: str) -> None:
        self._lines, self.convex, self.distance, self.gap, self.source = lines, convex, distance, gap, source

    def lines(self) -> list[str]:
        """What is guaranteed, for print."""
        return self._lines

    def __str__(self) -> str:
        return "\n".join(self.lines())


__all__ = ["Guarantee"]
