"""Data maps inside a statement get names: f(Xw) becomes f(z) with z = Xw.

What is named are the largest parts that are affine in the unknowns and stand inside an operator that is not. Only
so has ½‖Xw − y‖² + λ‖w‖₁ a dual in closed form (Rockafellar, Convex Analysis, §31: Fenchel's duality).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

from ..build import negate, split_scale
from ..differentiate import substitute
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
    named: dict[Variable, Node] = {}
    wanted: dict[Node, Node] = {}
    for node in topological([objective]):
        if not isinstance(node, Apply) or degree[node] < 2:
            continue
        parts = [p for p in node.operands if degree[p] == 1 and not _plain(p, unknowns)]
        common = _common(parts, degree) if len(parts) > 1 else None
        for part in parts:
            if part not in wanted:
                core = part if common is None else common
                if not any(known is core or known is negate(core) for known in named.values()):
                    named[variable(fresh_name("z", taken), core.shape)] = core
                z = next(z for z, known in named.items() if known is core or known is negate(core))
                stand_in = z if named[z] is core else negate(z)  # y − Xw where Xw − y has a name
                wanted[part] = stand_in if core is part else _with(part, core, stand_in, degree)
    new: dict[Node, Node] = {}
    for node in topological([objective]):
        inside = isinstance(node, Apply) and degree[node] == 2
        new[node] = rebuild(node, tuple((inside and wanted.get(o)) or new[o] for o in node.operands))
    return Split(new[objective], named)


def _common(parts: Sequence[Node], degree: dict[Node, int]) -> Node | None:
    """The one array of which all parts are multiples entry by entry: that of max(τ r, (τ − 1) r) is r."""
    cores = [_moving(p, degree) for p in parts]
    first = cores[0]
    return first if all(c is first or c is negate(first) for c in cores) else None


def _moving(part: Node, degree: dict[Node, int]) -> Node:
    """The factor that holds the unknowns, where the others weigh its entries."""
    core = split_scale(part)[1]
    if isinstance(core, Einsum) and not core.summed:
        moving = [(o, ls) for o, ls in core.factors if degree.get(o, 0)]
        if len(moving) == 1 and moving[0][1] == core.output:
            return moving[0][0]
    return core


def _with(part: Node, core: Node, z: Node, degree: dict[Node, int]) -> Node:
    """The part as a multiple of z, which stands for the core or, with the other sign, for what the part holds."""
    own = _moving(part, degree)
    return substitute(part, {own: z if own is core else negate(z)})


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
