"""An objective as a smooth part plus weights on nuclear norms of unknowns: read off the derived statement.

    minimise f(x) + Σ ω ‖X‖_* + Σ λᵢ|yᵢ|    subject to   low ≤ y ≤ high,     X and y different unknowns

Nothing here knows matrix completion or regression of low rank. The norm of an unknown is replaced by a new number t;
where the derivative in t is free of all unknowns it is the weight ω, and what remains at t = 0 is the rest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, final

import numpy as np

from ..build import zero
from ..differentiate import gradients, substitute
from ..domains import Float
from ..evaluate import planned
from ..node import Apply, Node, Variable, topological, variable, variables
from ..stable import stabilise
from .composite import Composite
from .separable import Separable, separable

if TYPE_CHECKING:
    from .instance import Instance


@final
class Nuclear:
    """The derived functions of one problem with nuclear norms; the smooth part and the rest are a `Composite`."""

    def __init__(self, rest: Separable, weights: Mapping[Variable, Node], stated: Node) -> None:
        self.composite = Composite(rest, stated)
        self.weights = dict(weights)
        self._ready = stabilise(list(self.weights.values()))

    def describe(self) -> str:
        """What was recognised, in words."""
        names = ", ".join(v.name for v in self.weights)
        kind = "quadratic" if self.composite.quadratic else "smooth"
        others = self.composite.structure
        more = " + weights on |x|" if others.weights else ""
        more += " + bounds" if others.bounds else ""
        return (
            f"{kind}{more} + weights on the nuclear norm of {names}: accelerated proximal gradient until the rank is "
            "found, Newton's method on the matrices of that rank"
        )

    def entries(self, instance: Instance, arrays: Mapping[str, Any]) -> tuple[Any, Any, Any, Any] | None:
        """The matrices, then weights of |x| and bounds; None where a weight is negative."""
        from ..kernels.optimizers.matrices import Matrices

        layout = self.composite.layout(instance)
        l1, low, high, _ = self.composite.entries(instance, arrays)
        evaluate = instance.posed.remembered(
            ("weights of nuclear norms", tuple(sorted(instance.sizes.items()))),
            lambda: planned(list(self._ready), instance.binding, Float()),
        )
        matrices = []
        for v, weight in zip(self.weights, evaluate(arrays), strict=True):
            *batch, m, n = instance.binding.shape(v.shape)
            each = np.broadcast_to(weight, tuple(batch)).ravel()
            begin = layout.slices[v.name].start
            matrices += [(begin + k * m * n, m, n, float(w)) for k, w in enumerate(each)]
        if (l1 < 0.0).any() or (low > high).any() or any(w < 0.0 for *_, w in matrices):
            return None
        return Matrices(matrices), l1, low, high


def nuclear(
    objective: Node, unknowns: Sequence[Variable], equalities: Sequence[Node], inequalities: Sequence[Node]
) -> Nuclear | None:
    """The structure, or None where the problem is not of this kind."""
    smooth, weights = objective, {}
    for node in topological([objective]):
        if not (isinstance(node, Apply) and node.op == "nuclear_norm"):
            continue
        (v,) = node.operands
        if not isinstance(v, Variable) or v not in unknowns or v.facts:
            return None
        t = variable(f"_norm_of_{v.name}_", node.shape)
        moved = substitute(smooth, {node: t})
        slope = gradients(moved, [t])[0]
        if {t, *unknowns} & set(variables(slope)):
            return None
        smooth, weights[v] = substitute(moved, {t: zero(node.shape)}), slope
    if not weights:
        return None
    rest = separable(smooth, unknowns, equalities, inequalities)
    if rest is None or set(rest.weights) & set(weights) or {b.unknown for b in rest.bounds} & set(weights):
        return None
    return Nuclear(rest, weights, objective)
