"""An objective as a smooth part plus weights on |x|, constraints as bounds: read off the derived statement.

    minimise f(x) + Σ λᵢ|xᵢ|    subject to   low ≤ x ≤ high

Nothing here knows lasso or support vector machines. |x| of an unknown is replaced by a new array t; where the
derivative in t is free of all unknowns it is the weight λ, and what remains at t = 0 is f. A condition is a
bound where it is s∘x + b ≥ 0 with s and b free of unknowns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sympy

from ..build import add, broadcast, inner, is_zero, multiply, negate, zero
from ..differentiate import gradients, substitute
from ..node import Node, Variable, ones, topological, variable, variables
from ..operators import apply
from ..sizes import ONE, same_size
from ..smoothing import has_kinks

MINUS = sympy.S.NegativeOne
#: Facts on an unknown that bounds express.
_PLAIN = frozenset({"nonnegative"})


@dataclass(frozen=True)
class Bound:
    """slope ∘ unknown + offset ≥ 0; both are free of unknowns."""

    unknown: Variable
    slope: Node
    offset: Node


@dataclass(frozen=True)
class Separable:
    """The smooth part, the weights of |x| by unknown, and the bounds."""

    smooth: Node
    unknowns: tuple[Variable, ...]
    weights: dict[Variable, Node]
    bounds: tuple[Bound, ...]

    @property
    def is_plain(self) -> bool:
        """Whether there are neither weights nor bounds."""
        return not self.weights and not self.bounds


def separable(
    objective: Node, unknowns: Sequence[Variable], equalities: Sequence[Node], inequalities: Sequence[Node]
) -> Separable | None:
    """The structure, or None where the problem is not of this kind."""
    if equalities or any(v.facts - _PLAIN for v in unknowns):
        return None
    bounds = [Bound(v, ones(v.shape), zero(v.shape)) for v in unknowns if "nonnegative" in v.facts]
    for node in inequalities:
        found = _bounds(node, unknowns)
        if found is None:
            return None
        bounds += found
    smooth, weights = objective, {}
    for v in unknowns:
        made = _weight(smooth, v, unknowns)
        if made is not None:
            smooth, weights[v] = made
    if has_kinks(smooth, unknowns, inequalities):
        return None
    return Separable(smooth, tuple(unknowns), weights, tuple(bounds))


def _free(node: Node, unknowns: Sequence[Variable]) -> bool:
    return not set(unknowns) & set(variables(node))


def _weight(objective: Node, v: Variable, unknowns: Sequence[Variable]) -> tuple[Node, Node] | None:
    """The objective without |v|, and the weight of |v| in it."""
    size = apply("abs", v)
    if size not in set(topological([objective])):
        return None
    taken = {u.name for u in variables(objective)}
    name = f"_size_of_{v.name}"
    while name in taken:
        name += "_"
    t = variable(name, v.shape)
    moved = substitute(objective, {size: t})
    slope = gradients(moved, [t])[0]
    if not _free(slope, [t, *unknowns]):
        return None
    return substitute(moved, {t: zero(v.shape)}), slope


def _bounds(node: Node, unknowns: Sequence[Variable]) -> list[Bound] | None:
    """The bounds that a condition node ≥ 0 states; None where it is none."""
    inside = [v for v in unknowns if v in set(variables(node))]
    if not inside:
        return None
    if len(inside) != 1:
        return None
    (v,) = inside
    if len(node.shape) != v.order or not all(map(same_size, node.shape, v.shape)):
        return None
    radius = _around_zero(node, v, unknowns)
    if radius is not None:  # b − s|v| ≥ 0 with s > 0 fixed
        return [Bound(v, ones(v.shape), radius), Bound(v, negate(ones(v.shape)), radius)]
    offset = substitute(node, {v: zero(v.shape)})
    marks = variable("_marks", node.shape)
    slope = gradients(inner(marks, node), [v])[0]
    if not _free(slope, unknowns):
        return None
    rate = substitute(slope, {marks: broadcast(ones(()), node.shape)})
    rest = add([(ONE, node), (MINUS, offset), (MINUS, multiply(rate, v))], node.shape)
    return [Bound(v, rate, offset)] if is_zero(rest) else None


def _around_zero(node: Node, v: Variable, unknowns: Sequence[Variable]) -> Node | None:
    """b, for a condition b − |v| ≥ 0."""
    size = apply("abs", v)
    rest = add([(ONE, node), (ONE, size)])
    return rest if size in set(topological([node])) and _free(rest, unknowns) else None
