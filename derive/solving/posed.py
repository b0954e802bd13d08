"""A problem as bare nodes, with what has been derived about it: each thing once, when first asked for."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import cached_property
from typing import Any, final

from ..build import negate
from ..differentiate import substitute
from ..node import Apply, Node, Variable, size_symbols, topological, variable, variables
from ..operators import lookup
from ..optimality import Relation
from ..smoothing import has_kinks
from ..stable import for_derivatives
from ..statement.arithmetic import binary
from .composite import Composite
from .cones import SecondOrder, second_order
from .constrained import Constrained
from .facts import Facts
from .grouped import Grouped, grouped
from .loops import Loops
from .mixture import Mixture
from .nuclear import Nuclear, nuclear
from .pieces import Sided
from .separable import Separable, separable
from .squares import LeastSquares


@final
class Posed:
    """Objective, unknowns, relations and sense; `given` are the variables that data are needed for, `idle` those that
    are declared and occur nowhere: their data may be left out, and tell no more than sizes."""

    def __init__(
        self,
        objective: Node,
        unknowns: Sequence[Variable],
        relations: Sequence[Relation],
        sense: str,
        declared: Sequence[Variable],
    ) -> None:
        self.objective, self.unknowns = objective, tuple(unknowns)
        self.relations, self.sense = tuple(relations), sense
        sides = [side for r in self.relations for side in (r.left, r.right)]
        used = set(variables(objective, *sides))
        others = [v for v in declared if v not in self.unknowns]
        self.given = tuple(v for v in others if v in used)
        self.idle = tuple(v for v in others if v not in used)
        self.signs = ""  # of numbers among the data, where they were read off their values
        self.kernels: dict[Any, Any] = {}  # what has been compiled, by method and backend
        self._memory: dict[Hashable, Any] = {}

    def with_signs(self, signs: Mapping[Variable, str]) -> Posed:
        """The same problem with one more fact on each of some data."""
        to: dict[Node, Node] = {v: variable(v.name, v.shape, {*v.facts, fact}) for v, fact in signs.items()}
        relations = [
            Relation(substitute(r.left, to), r.sign, substitute(r.right, to)) for r in self.relations
        ]
        given = [made if isinstance(made := to.get(v, v), Variable) else v for v in self.given]
        found = Posed(substitute(self.objective, to), self.unknowns, relations, self.sense, given)
        words = {"positive": "> 0", "nonnegative": ">= 0"}
        found.signs = ", ".join(f"{v.name} {words[fact]}" for v, fact in signs.items())
        return found

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the unknowns."""
        return tuple(v.name for v in self.unknowns)

    @property
    def sign(self) -> float:
        """−1 for a maximum: the minimised objective is that times the stated one."""
        return -1.0 if self.sense == "maximize" else 1.0

    @cached_property
    def minimised(self) -> Node:
        """The objective as it is minimised, stable operators recognised."""
        objective = for_derivatives(self.objective)
        return negate(objective) if self.sense == "maximize" else objective

    @cached_property
    def symbols(self) -> tuple[Any, ...]:
        """All symbolic sizes."""
        sides = [side for r in self.relations for side in (r.left, r.right)]
        return size_symbols(*self.unknowns, *self.given, self.objective, *sides)

    @cached_property
    def equalities(self) -> tuple[Node, ...]:
        """Nodes that are to vanish."""
        return tuple(binary("-", r.left, r.right) for r in self.relations if r.sign == "==")

    @cached_property
    def inequalities(self) -> tuple[Node, ...]:
        """Nodes that are to be nonnegative."""
        found = []
        for r in self.relations:
            if r.sign != "==":
                above = binary("-", r.left, r.right)
                found.append(above if r.sign == ">=" else negate(above))
        return tuple(found)

    @cached_property
    def is_constrained(self) -> bool:
        """Whether the problem has constraints, kinks, or facts that no free form provides."""
        if self.relations:
            return True
        for v in self.unknowns:
            if "psd" in v.facts and "pd" not in v.facts:
                return True
            if "nonnegative" in v.facts and not v.facts & {"positive", "simplex"}:
                return True
        return has_kinks(self.minimised, self.unknowns)

    @property
    def is_smooth(self) -> bool:
        """Whether no operator that has kinks meets an unknown, wherever it stands."""
        return not self.kinked

    @cached_property
    def kinked(self) -> tuple[str, ...]:
        """The operators that have kinks and meet an unknown, wherever they stand."""
        moving = set(self.unknowns)
        found = (
            n.op
            for n in topological([self.minimised])
            if isinstance(n, Apply) and lookup(n.op).kink and moving & set(variables(n))
        )
        return tuple(dict.fromkeys(found))

    @cached_property
    def sided(self) -> Sided | None:
        """The objective by the sides of its kinks, where there are some and nothing else to be kept."""
        if self.relations or self.is_smooth or any(v.facts for v in self.unknowns):
            return None
        return Sided(self.minimised, tuple(self.unknowns))

    def remembered(self, key: Hashable, make: Callable[[], Any]) -> Any:
        """What `make` gives, made once for each key."""
        if key not in self._memory:
            if len(self._memory) > 64:  # many different sizes: start afresh
                self._memory.clear()
            self._memory[key] = make()
        return self._memory[key]

    @cached_property
    def composite(self) -> Composite | None:
        """The problem as smooth part, weights on |x| and bounds, if it is of that kind."""
        found = separable(self.minimised, self.unknowns, self.equalities, self.inequalities)
        return None if found is None else Composite(found, self.minimised)

    @cached_property
    def grouped(self) -> Grouped | None:
        """The problem as smooth part, weights on |x| and on norms of groups, if it is of that kind."""
        if self.relations or self.composite is not None:
            return None
        return grouped(self.minimised, self.unknowns, self.equalities, self.inequalities)

    @cached_property
    def nuclear(self) -> Nuclear | None:
        """The problem as smooth part and weights on nuclear norms, weights on |x| and bounds, if it is of that kind."""
        return nuclear(self.minimised, self.unknowns, self.equalities, self.inequalities)

    @cached_property
    def loops(self) -> Loops:
        """The loops of a composite problem, with what has been compiled for them."""
        assert self.composite is not None
        return Loops(self.composite)

    @cached_property
    def loops_on_pieces(self) -> Loops | None:
        """The loops of a problem with nothing but kinks, on the slopes that there are between them."""
        if self.sided is None:
            return None
        return Loops(Composite(Separable(self.minimised, tuple(self.unknowns), {}, ()), self.minimised))

    @cached_property
    def facts(self) -> Facts:
        """What the statement implies about its optimum."""
        return Facts(self)

    @cached_property
    def mixture(self) -> Mixture | None:
        """The mixture likelihood that the objective is, if it is one."""
        return None if self.relations else Mixture.of(self.minimised, self.unknowns)

    @cached_property
    def constrained(self) -> Constrained:
        """The smooth form with its derivatives."""
        return Constrained(self.minimised, self.unknowns, self.equalities, self.inequalities)

    @cached_property
    def cones(self) -> SecondOrder | None:
        """The smooth form with its norms as second-order cones, if all else is linear."""
        return second_order(self.constrained)

    @cached_property
    def quadratic_cones(self) -> SecondOrder | None:
        """The same with quadratic conditions as cones, if there are any."""
        return second_order(self.constrained, curved=True)

    @cached_property
    def squares(self) -> LeastSquares | None:
        """The sum of squares that the objective is, if it is one."""
        return LeastSquares.of(self.minimised, self.unknowns)
