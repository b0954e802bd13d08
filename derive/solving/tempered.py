"""First points where log-sum-exp and softplus have large arguments: by way of softer ones.

log Σ exp(z) is a maximum with corners that are rounded within 1 of each other. Where z is in the millions Newton's
model holds for steps of a millionth, and runs end among their corners. T log Σ exp(z/T) is the same at T = 1, and of
moderate curvature at T as large as z; its minimiser moves continuously with T, so that a few steps lead from one T to
the next smaller one. Weights on |x| and bounds stay as they are.
Source: Nesterov, Math. Program. 103 (2005), § 4.4, for T log Σ exp(z/T) in place of the maximum.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import sympy

from ..build import broadcast, multiply, power
from ..node import Apply, Node, topological, transform, variable, variables
from ..operators import rebuild
from ..stable import recognise
from .composite import LARGEST
from .instance import Instance
from .posed import Posed

#: Functions f for which T f(z/T) is softer; T from as large down to 1, by this factor; steps for each.
SOFT = {"logsumexp", "softplus"}
LARGE, FACTOR, STEPS = 4.0**15, 4.0, 30
#: How near to the minimiser the point for one T has to be.
NEAR = 1e-6
MINUS = sympy.S.NegativeOne


def has_soft(posed: Posed) -> bool:
    """Whether there is such a function of the unknowns."""
    moving = set(posed.unknowns)
    nodes = topological([posed.minimised])
    return any(isinstance(n, Apply) and n.op in SOFT and moving & set(variables(n)) for n in nodes)


def first_point(instance: Instance, point: Mapping[str, Any], left: float | None) -> dict[str, Any] | None:
    """The point to which ever smaller T lead; None where there is nothing to be softened, or time is up.

    Where no minimum is proved to exist, as of separable data, the path would lead far out on a plateau.
    """
    from ..kernels.clock import now
    from ..kernels.optimizers.proximal_newton import proximal_newton

    posed = instance.posed
    if posed.composite is None or instance.count > LARGEST or not has_soft(posed):
        return None
    if not (instance.facts.is_convex and instance.facts.sphere(instance) > 0.0):
        return None
    began = now()
    name, softer = posed.remembered("softer", lambda: _softer(posed))
    composite = softer.composite
    if composite is None:
        return None
    own = Instance(softer, {**instance.data, name: 1.0}, instance.start)
    layout = composite.layout(own)
    x, T = layout.pack(point), LARGE
    with np.errstate(all="ignore"):
        l1, low, high = composite.entries(own, own.numbers)[:3]
        while T > 1.0:
            if left is not None and now() - began > left:
                return None
            oracle, ahead = _oracle(composite.judge(own, {**own.numbers, name: np.asarray(T)})), x.copy()
            value = proximal_newton(oracle, l1, low, high, ahead, NEAR, STEPS)[0]
            if np.isfinite(value) and np.isfinite(ahead).all():
                x = ahead
            T /= FACTOR
    return dict(layout.unpack(x))


def _oracle(judge: Any) -> Callable[[Any], Any]:
    """Value, gradient and Hessian of the smooth part."""
    return lambda x: judge(x)[:3]


def _softer(posed: Posed) -> tuple[str, Posed]:
    """The name of T, and the problem with it."""
    name, taken = "_temperature", {v.name for v in (*posed.unknowns, *posed.given)}
    while name in taken:
        name += "_"
    number, moving = variable(name, (), {"positive"}), set(posed.unknowns)

    def soften(node: Node, operands: tuple[Node, ...]) -> Node:
        if not (isinstance(node, Apply) and node.op in SOFT and moving & set(variables(node))):
            return rebuild(node, operands)
        (inside,) = operands
        cooler = multiply(broadcast(power(number, MINUS), inside.shape), inside)
        return multiply(broadcast(number, node.shape), rebuild(node, (cooler,)))

    objective = transform([recognise(posed.objective)], soften)[0]
    return name, Posed(objective, posed.unknowns, posed.relations, posed.sense, [*posed.given, number])


__all__ = ["first_point", "has_soft"]
