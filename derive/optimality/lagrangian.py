"""The Lagrangian of a problem, with one named multiplier per constraint.

    minimise f(x)  subject to  g(x) ≤ 0,  h(x) = 0,  S ⪰ 0
    L = f + ⟨λ, g⟩ + ⟨ν, h⟩ − ⟨Λ, S⟩,      λ ≥ 0,  Λ ⪰ 0

For a maximum the signs of the added terms turn, so that multipliers of inequalities are nonnegative there
too (Boyd & Vandenberghe, Convex Optimization, §5.1 and §5.9). Each multiplier has the shape of its
constraint; where both sides of an equation are symmetric matrices, it is symmetric. Facts on an unknown are
constraints: nonnegative, simplex and psd get multipliers; positive and pd describe open sets, on which a
multiplier would be zero.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import final

import sympy

from ..build import add, einsum, inner
from ..differentiate import substitute
from ..errors import ArgumentError, DeclarationError, UnsupportedError
from ..node import Node, Variable, delta, ones, size_symbols, variable, variables
from ..sizes import ONE, check_name
from ..statement.arithmetic import sub

MINUS = sympy.S.NegativeOne
#: Facts on an unknown that no smooth condition expresses.
_WITHOUT_CONDITION = ("integer", "nonzero", "invertible")


@final
@dataclass(frozen=True)
class Relation:
    """`left <= right`, `left >= right` or `left == right`, entry by entry, as it was stated."""

    left: Node
    sign: str
    right: Node


@final
@dataclass(frozen=True)
class Condition:
    """One constraint in standard form with its multiplier.

    kind         "<=": residual ≤ 0;  "==": residual = 0;  "psd": residual ⪰ 0;
                 "open": residual > 0, entry by entry or as a matrix, without multiplier
    statement    the relation as stated, None for a fact
    """

    kind: str
    residual: Node
    multiplier: Variable | None
    statement: Relation | None = None

    @property
    def orientation(self) -> sympy.Expr:
        """The sign of the multiplier's term in the Lagrangian of a minimum."""
        return MINUS if self.kind == "psd" else ONE


@final
@dataclass(frozen=True)
class Lagrangian:
    """The Lagrangian, its parts, and the unknowns."""

    objective: Node
    unknowns: tuple[Variable, ...]
    conditions: tuple[Condition, ...]
    sense: str

    @property
    def multipliers(self) -> tuple[Variable, ...]:
        """The multipliers, in the order of the constraints."""
        return tuple(c.multiplier for c in self.conditions if c.multiplier is not None)

    @property
    def node(self) -> Node:
        """L as an expression in the unknowns and the multipliers."""
        side = ONE if self.sense == "minimize" else MINUS
        terms = [(ONE, self.objective)]
        for c in self.conditions:
            if c.multiplier is not None:
                terms.append((side * c.orientation, inner(c.multiplier, c.residual)))
        return add(terms, ())


def lagrangian(
    objective: Node,
    unknowns: Sequence[Variable],
    relations: Iterable[Relation] = (),
    sense: str = "minimize",
    names: Sequence[str] | Mapping[int, str] | None = None,
) -> Lagrangian:
    """The Lagrangian of `objective` over `unknowns`.

    `names` are names for the multipliers in the order of the constraints, those of facts last; by default
    lambda_1, lambda_2, … for inequalities, nu_1, … for equations, Lambda_1, … for S ⪰ 0.
    """
    raw: list[tuple[str, Node, Relation | None]] = [(*_standard(r), r) for r in relations]
    for v in unknowns:
        raw += [(kind, node, None) for kind, node in _facts(v)]
    taken = {v.name for _, node, _ in raw for v in variables(node)} | {v.name for v in variables(objective)}
    taken |= {s.name for s in size_symbols(objective, *(node for _, node, _ in raw))}
    give = _Names(taken, names)
    found = tuple(Condition(kind, node, give(kind, node), r) for kind, node, r in raw)
    give.check_used()
    return Lagrangian(objective, tuple(unknowns), found, sense)


def without_simplex(stated: Lagrangian) -> Lagrangian | None:
    """The same with Σp = 1 as a stated equation and p ≥ 0 alone as a fact; None where no unknown is on a simplex."""
    new: dict[Node, Node] = {}
    sums: list[Relation] = []
    for v in stated.unknowns:
        if "simplex" in v.facts:
            sign = "positive" if "positive" in v.facts else "nonnegative"
            new[v] = variable(v.name, v.shape, {*(v.facts - {"simplex"}), sign})
            axes = tuple(range(v.order))
            sums.append(Relation(einsum([(new[v], axes)], axes[:-1]), "==", ones(v.shape[:-1])))
    if not new:
        return None
    kept = [
        Relation(substitute(c.statement.left, new), c.statement.sign, substitute(c.statement.right, new))
        for c in stated.conditions
        if c.statement is not None
    ]
    names = [
        c.multiplier.name for c in stated.conditions if c.statement is not None and c.multiplier is not None
    ]
    unknowns = [new.get(v, v) for v in stated.unknowns]
    return lagrangian(substitute(stated.objective, new), unknowns, [*kept, *sums], stated.sense, names)  # type: ignore[arg-type]


def _standard(r: Relation) -> tuple[str, Node]:
    """The residual of a relation: `g ≤ 0` or `h = 0`."""
    if r.sign not in ("<=", ">=", "=="):
        raise ArgumentError(f"{r.sign} makes no constraint; write <=, >= or ==")
    left, right = (r.right, r.left) if r.sign == ">=" else (r.left, r.right)
    residual = sub(left, right)
    if not variables(residual):
        raise ArgumentError("a constraint holds no variable: it is always true or never")
    return ("==" if r.sign == "==" else "<="), residual


def _facts(v: Variable) -> list[tuple[str, Node]]:
    """The constraints that the facts on an unknown state."""
    for fact in _WITHOUT_CONDITION:
        implied = fact == "nonzero" and "positive" in v.facts
        implied |= fact == "invertible" and bool(v.facts & {"pd", "orthogonal"})
        if fact in v.facts and not implied:
            raise UnsupportedError(
                f"the unknown {v.name} is {fact}, and the set of such arrays has no first-order conditions"
            )
    if "diagonal" in v.facts:
        raise UnsupportedError(f"the unknown {v.name} is diagonal: declare a vector v and write diag(v)")
    found: list[tuple[str, Node]] = []
    if "orthogonal" in v.facts:
        if v.order != 2:
            raise UnsupportedError(
                f"the unknown {v.name} is a stack of orthogonal matrices: state one matrix"
            )
        gram = einsum([(v, (2, 0)), (v, (2, 1))], (0, 1))
        found.append(("==", sub(gram, delta(v.shape[-1]))))
    if "simplex" in v.facts:
        axes = tuple(range(v.order))
        sums = einsum([(v, axes)], axes[:-1])
        found.append(("open" if "positive" in v.facts else "<=", v if "positive" in v.facts else _negated(v)))
        found.append(("==", sub(sums, ones(()))))
    elif "positive" in v.facts:
        found.append(("open", v))
    elif "nonnegative" in v.facts:
        found.append(("<=", _negated(v)))
    if "pd" in v.facts:
        found.append(("open", v))
    elif "psd" in v.facts:
        found.append(("psd", v))
    return found


def _negated(v: Variable) -> Node:
    return add([(MINUS, v)], v.shape)


class _Names:
    """Names for multipliers that clash with nothing."""

    def __init__(self, taken: set[str], wanted: Sequence[str] | Mapping[int, str] | None) -> None:
        self.taken, self.count = taken, {"lambda": 0, "nu": 0, "Lambda": 0}
        items = wanted.items() if isinstance(wanted, Mapping) else enumerate(wanted or ())
        self.wanted, self.position = dict(items), 0

    def __call__(self, kind: str, residual: Node) -> Variable | None:
        if kind == "open":
            return None
        facts = {"<=": {"nonnegative"}, "==": set[str](), "psd": {"psd"}}[kind]
        if "symmetric" in residual.facts and residual.order >= 2:
            facts.add("symmetric")
        return variable(self._next(kind), residual.shape, facts)

    def _next(self, kind: str) -> str:
        name = self.wanted.pop(self.position, None)
        self.position += 1
        if name is not None:
            check_name(name, "multiplier")
            if name in self.taken:
                raise DeclarationError(f"a multiplier cannot be called {name}: the name is taken")
        stem = {"<=": "lambda", "==": "nu", "psd": "Lambda"}[kind]
        while name is None or name in self.taken:
            self.count[stem] += 1
            name = f"{stem}_{self.count[stem]}"
        self.taken.add(name)
        return name

    def check_used(self) -> None:
        if self.wanted:
            raise ArgumentError(f"there are {self.position} multipliers, but more names were given")
