"""Expectation and maximisation: a mixture's likelihood bounded by its tangent in the log-sum-exp.

    −log Σₖ exp gₖ(θ) ≤ −Σₖ Rₖ gₖ(θ) − Σₖ Rₖ log(1/Rₖ),     R = softmax(g(θ')) = ∇ log Σ exp at g(θ')

with equality at θ = θ'. The E-step is the gradient of the log-sum-exp, the responsibilities; the M-step minimises
the right side, in which the logarithm of the sum is gone, so that it has closed forms where −log Σ exp has none
(Dempster, Laird, Rubin 1977; as a majorisation: Hunter & Lange, A Tutorial on MM Algorithms, 2004, §3).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

from ..build import einsum, negate
from ..convexity.signs import Prover
from ..convexity.splitting import fresh_name
from ..differentiate import gradient, substitute
from ..errors import UnsupportedError
from ..node import Apply, Node, Variable, depends_on, size_symbols, topological, variable, variables
from ..operators import apply
from ..simplify import simplify


@final
@dataclass(frozen=True)
class Surrogate:
    """`objective` in the unknowns and the responsibilities; `responsibilities[R]` is R at the present point."""

    objective: Node
    responsibilities: dict[Variable, Node]


def surrogate(minimised: Node, unknowns: Sequence[Variable]) -> Surrogate:
    """The majoriser of an objective (to be minimised) that falls in its log-sum-exps.

    Raises `UnsupportedError` where it holds none of the unknowns, or rises in one.
    """
    found: dict[Variable, Node] = {}
    taken = {v.name for v in variables(minimised)} | {s.name for s in size_symbols(minimised)}
    objective = minimised
    for node in list(topological([minimised])):
        if not (
            isinstance(node, Apply) and node.op == "logsumexp" and any(depends_on(node, v) for v in unknowns)
        ):
            continue
        stand_in = variable("_lse", node.shape)
        slope = gradient(substitute(objective, {node: stand_in}), stand_in)
        if (
            any(depends_on(slope, v) for v in (stand_in, *unknowns))
            or Prover().prove(simplify(negate(slope))) is None
        ):
            raise UnsupportedError(
                "the objective does not fall in its log-sum-exp with a weight free of unknowns"
            )
        (g,) = node.operands
        axes = {int(a) for a in node.param("axes")}
        facts = ["positive", "simplex"] if axes == {g.order - 1} else ["positive"]
        share = variable(fresh_name("R", taken), g.shape, facts)
        kept = tuple(i for i in range(g.order) if i not in axes)
        labels = tuple(range(g.order))
        tangent = einsum([(share, labels), (g, labels)], kept)
        objective = substitute(objective, {node: tangent})
        found[share] = apply("softmax", g, axes=tuple(sorted(axes)))
    if not found:
        raise UnsupportedError("there is no log-sum-exp of the unknowns: nothing to take an expectation of")
    return Surrogate(objective, found)


__all__ = ["Surrogate", "surrogate"]
