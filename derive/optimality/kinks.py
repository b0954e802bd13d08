"""What a derivative stands for at kinks: in conditions of optimality any subgradient counts, not the documented one.

    0 ∈ Xᵀ(Xw − y) + λ ∂‖w‖₁,     ∂|w| = sign w for w ≠ 0, [−1, 1] for w = 0

(Boyd & Vandenberghe, Subgradients, §2.) In print sign(0) stands for any number of that interval.
"""

from __future__ import annotations

from collections.abc import Iterable

import sympy

from ..build import split_power
from ..node import Apply, Einsum, Node, Variable, depends_on, topological

_AT_KINKS = {
    "sign": ("sign(0) is any number in [-1, 1]", r"\operatorname{sign}(0) \in [-1, 1]"),
    "step": ("step(0) is any number in [0, 1]", r"\mathbf{1}[z > 0] \in [0, 1] \text{ where } z = 0"),
    "max_share": (
        "max_share is any weights of the largest entries, nonnegative with the sum 1",
        r"\partial\max \text{ is any convex combination of the largest entries}",
    ),
    "min_share": (
        "min_share is any weights of the smallest entries, nonnegative with the sum 1",
        r"\partial\min \text{ is any convex combination of the smallest entries}",
    ),
    "norm": (
        "v / norm(v) is any vector of norm at most 1 where v = 0",
        r"v / \lVert v \rVert_2 \text{ is any vector of norm at most 1 where } v = 0",
    ),
}


def kinks(slopes: Iterable[Node], unknowns: Iterable[Variable]) -> list[tuple[str, str]]:
    """What is named in the slopes for more than one number, as text and as LaTeX."""
    over = list(unknowns)
    found = set[str]()
    for node in topological(slopes):
        if isinstance(node, Apply) and any(depends_on(node, v) for v in over):
            found.add("norm" if _is_over_norm(node) else node.op)
    return [words for name, words in _AT_KINKS.items() if name in found]


def _is_over_norm(node: Node) -> bool:
    """1 / ‖v‖ = (Σ v²)^(−1/2)"""
    base, exponent = split_power(node)
    if exponent != -sympy.S.Half or not isinstance(base, Einsum) or not base.summed:
        return False
    squares = [split_power(o)[1] for o in base.operands]
    return all(k == 2 for k in squares) or (len(base.operands) == 2 and base.operands[0] is base.operands[1])


__all__ = ["kinks"]
