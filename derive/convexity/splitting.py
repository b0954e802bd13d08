"""Data maps inside a statement get names: f(Xw) becomes f(z) with z = Xw.

What is named are the largest parts that are affine in the unknowns and stand inside an operator that is not. Only
so has ½‖Xw − y‖² + λ‖w‖₁ a dual in closed form (Rockafellar, Convex Analysis, §31: Fenchel's duality).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

from ..build import split_scale
from ..node import Apply, Einsum, Node, Sum, Variable, topological, variable, variables
from ..operators import is_linear, rebuild


@final
@dataclass(frozen=True)
class Split:
    """The objective in terms of `named[z] = affine part`."""

    objective: Node
    named: dict[Variable, Node]


def split(objective: Node, unknowns: Sequence[Variable], taken: set[str]) -> Split:
    """The objective with its data maps named z, z_2, …; `taken` are names that are in use."""
    degree: dict[Node, int] = {}  # 0: constant, 1: affine, 2: neither
    for node in topological([objective]):
        degree[node] = _degree(node, degree, unknowns)
    wanted: dict[Node, Variable] = {}
    for node in topological([objective]):
        if not isinstance(node, Apply) or degree[node] < 2:
            continue
        for part in node.operands:
            if degree[part] == 1 and part not in wanted and not _plain(part, unknowns):
                wanted[part] = variable(fresh_name("z", taken), part.shape)
    new: dict[Node, Node] = {}
    for node in topological([objective]):
        inside = isinstance(node, Apply) and degree[node] == 2
        new[node] = rebuild(node, tuple((inside and wanted.get(o)) or new[o] for o in node.operands))
    return Split(new[objective], {z: part for part, z in wanted.items()})


def _degree(node: Node, degree: dict[Node, int], unknowns: Sequence[Variable]) -> int:
    if isinstance(node, Variable):
        return int(node in unknowns)
    inside = [degree[o] for o in node.operands]
    if isinstance(node, Sum):
        return max(inside, default=0)
    if isinstance(node, Einsum):
        return min(2, sum(inside))
    if not any(inside):
        return 0
    return max(inside) if is_linear(node) else 2


def _plain(part: Node, unknowns: Sequence[Variable]) -> bool:
    """Whether the part is an unknown, times a number, plus constants."""
    core = split_scale(part)[1]
    if isinstance(core, Sum):
        moving = [t for t in core.operands if any(v in unknowns for v in variables(t))]
        return len(moving) == 1 and isinstance(split_scale(moving[0])[1], Variable)
    return isinstance(core, Variable)


def fresh_name(stem: str, taken: set[str]) -> str:
    """`stem`, or `stem_2`, … where that is taken; the name is then taken."""
    name, count = stem, 1
    while name in taken:
        count += 1
        name = f"{stem}_{count}"
    taken.add(name)
    return name
