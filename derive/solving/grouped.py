"""An objective as a smooth part plus weights on norms of groups of unknowns: read off the derived statement.

    minimise f(x) + Σ λᵢ|xᵢ| + Σ_g ω_g ‖x_g‖₂,      the groups disjoint

Nothing here knows rows, slices or models. A root √S is the norm of groups where S is a quadratic form of one unknown
alone; it is replaced by a new array t, and where the derivative of the objective in t is free of all unknowns it is
the weight ω. Which entries belong to which group is read off the gradient of S once the sizes are known: with marks m,
∇(Σ mₖSₖ) at a point of ones is 2aᵢ times the mark of the group of entry i. S is evaluated at another point to see that
it is nothing but these squares.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

import numpy as np
import sympy

from ..build import inner, is_zero, zero
from ..differentiate import gradients, jacobian, substitute
from ..domains import Float
from ..evaluate import planned
from ..node import Apply, Node, Variable, topological, variable, variables
from ..stable import stabilise
from .composite import Composite
from .separable import Separable, separable

if TYPE_CHECKING:
    from .instance import Instance


@dataclass(frozen=True)
class Norms:
    """√S for an array S of sums of squares of entries of one unknown, and the weight of each."""

    unknown: Variable
    squares: Node
    weight: Node


@final
class Grouped:
    """The derived functions of one problem with norms of groups; the smooth part and the |x| are a `Composite`."""

    def __init__(self, rest: Separable, norms: Sequence[Norms], stated: Node) -> None:
        self.composite = Composite(rest, stated)
        self.norms = tuple(norms)
        nodes: list[Node] = []
        self._marks = [variable(f"_marks_{k}", n.squares.shape) for k, n in enumerate(norms)]
        for marks, n in zip(self._marks, norms, strict=True):
            nodes += [gradients(inner(marks, n.squares), [n.unknown])[0], n.squares, n.weight]
        self._nodes = stabilise(nodes)

    def describe(self) -> str:
        """What was recognised, in words."""
        names = ", ".join(dict.fromkeys(n.unknown.name for n in self.norms))
        kind = "quadratic" if self.composite.quadratic else "smooth"
        more = " + weights on |x|" if self.composite.structure.weights else ""
        return (
            f"{kind}{more} + weights on norms of groups of {names}: "
            "accelerated proximal gradient, Newton's method on the groups that are not zero"
        )

    def entries(self, instance: Instance, arrays: Mapping[str, Any]) -> tuple[Any, Any, Any] | None:
        """Weights of |x|, the number of the group of each entry (−1: none), and the weights of the groups.

        None where groups overlap, a root is not the norm of plain entries, or a weight is negative.
        """
        layout = self.composite.layout(instance)
        shapes = dict(zip(layout.names, layout.shapes, strict=True))
        l1 = self.composite.entries(instance, arrays)[0]
        group, weights = np.full(layout.size, -1), np.zeros(0)
        evaluate = instance.posed.remembered(
            ("groups", tuple(sorted(instance.sizes.items()))),
            lambda: planned(list(self._nodes), instance.binding, Float()),
        )
        rng = np.random.default_rng(0)
        tried = {v: rng.standard_normal(shape) for v, shape in shapes.items()}
        counted: dict[str, Any] = {}
        for marks, n in zip(self._marks, self.norms, strict=True):
            shape = instance.binding.shape(n.squares.shape)
            counted[marks.name] = 1.0 + np.arange(int(np.prod(shape, dtype=np.int64))).reshape(shape)
        point = {**arrays, **{v: np.ones(s) for v, s in shapes.items()}}
        alike = evaluate({**point, **{m: np.ones_like(a) for m, a in counted.items()}})
        apart, elsewhere = evaluate({**point, **counted}), evaluate({**point, **tried, **counted})
        for k, n in enumerate(self.norms):
            share, marked = np.ravel(alike[3 * k]), np.ravel(apart[3 * k])
            inside = share > 0.0
            number = np.rint(marked[inside] / share[inside]).astype(int) - 1
            sizes = np.ravel(elsewhere[3 * k + 1])
            weight = np.ravel(np.broadcast_to(elsewhere[3 * k + 2], np.shape(elsewhere[3 * k + 1])))
            squares = np.ravel(tried[n.unknown.name])[inside] ** 2
            if not np.allclose(np.bincount(number, 0.5 * share[inside] * squares, sizes.size), sizes):
                return None
            scale = np.zeros(sizes.size)
            scale[number] = share[inside] / 2.0
            place = layout.slices[n.unknown.name]
            mine = np.flatnonzero(inside) + place.start
            if not np.allclose(scale[number], share[inside] / 2.0) or (group[mine] >= 0).any():
                return None
            group[mine] = number + weights.size
            weights = np.append(weights, weight * np.sqrt(scale))
        if (weights < 0.0).any() or (l1 < 0.0).any():
            return None
        return l1, group, weights


def grouped(
    objective: Node, unknowns: Sequence[Variable], equalities: Sequence[Node], inequalities: Sequence[Node]
) -> Grouped | None:
    """The structure, or None where the problem is not of this kind."""
    if equalities or inequalities or any(v.facts for v in unknowns):
        return None
    smooth = objective
    norms: list[Norms] = []
    for node in topological([objective]):
        made = _norms(smooth, node, unknowns, len(norms))
        if made is not None:
            smooth, found = made
            norms.append(found)
    if not norms:
        return None
    rest = separable(smooth, unknowns, (), ())
    return None if rest is None else Grouped(rest, norms, objective)


def _norms(
    objective: Node, node: Node, unknowns: Sequence[Variable], count: int
) -> tuple[Node, Norms] | None:
    """The objective without the root √S, and what it is."""
    if not (isinstance(node, Apply) and node.op == "power" and node.param("exponent") == sympy.S.Half):
        return None
    (squares,) = node.operands
    if node not in set(topological([objective])) or len(set(variables(squares))) != 1:
        return None
    (v,) = set(variables(squares))
    if v not in unknowns:
        return None
    at_zero: dict[Node, Node] = {v: zero(v.shape)}
    slope = gradients(inner(variable("_any", squares.shape), squares), [v])[0]
    bent = jacobian(slope, v)
    if v in set(variables(bent)) or not all(is_zero(substitute(n, at_zero)) for n in (squares, slope)):
        return None
    t = variable(f"_norms_{count}", node.shape)
    moved = substitute(objective, {node: t})
    weight = gradients(moved, [t])[0]
    if {t, *unknowns} & set(variables(weight)):
        return None
    return substitute(moved, {t: zero(node.shape)}), Norms(v, squares, weight)
