"""What a pattern of closed forms looks at: a problem in one unknown, and its derived stationarity."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import final

from ..build import einsum, zero
from ..differentiate import gradient
from ..errors import UnsupportedError
from ..node import Einsum, Node, Variable, delta
from ..simplify import simplify
from ..stable import recognise
from ..verify.proof import proof
from .lagrangian import Condition


@final
@dataclass(frozen=True)
class Case:
    """Minimise `objective` over one unknown under the conditions, the variables `fixed` being held fixed."""

    objective: Node
    unknown: Variable
    conditions: tuple[Condition, ...]
    fixed: tuple[str, ...] = ()

    @staticmethod
    def of(
        objective: Node, unknown: Variable, conditions: Sequence[Condition], fixed: Sequence[Variable]
    ) -> Case:
        """The case for an objective as stated."""
        return Case(recognise(objective), unknown, tuple(conditions), tuple(v.name for v in fixed))

    @cached_property
    def slope(self) -> Node:
        """The derived gradient, simplified."""
        return simplify(gradient(self.objective, self.unknown))

    @property
    def binding(self) -> tuple[Condition, ...]:
        """The conditions other than open ones, which hold no multiplier."""
        return tuple(c for c in self.conditions if c.kind != "open")

    def free(self) -> None:
        """Raise where there are conditions with multipliers."""
        if self.binding:
            raise UnsupportedError("this closed form is for an unknown without constraints")


def stationary(left: Node) -> str:
    """Why `left` is zero; raises where that is not shown."""
    why = proof(left, zero(left.shape))
    if why is None:
        raise UnsupportedError("the candidate could not be shown to satisfy the derived stationarity")
    return f"put into the derived stationarity, it makes it zero: {why}"


def orthonormal(node: Node, unknown: Variable, rows: bool = False) -> Node | None:
    """WᵀW -> I inside a product; WWᵀ -> I too with `rows`."""
    if not isinstance(node, Einsum):
        return None
    order = unknown.order
    factors = list(node.factors)
    uses = node.uses
    places = [k for k, (n, _) in enumerate(factors) if n is unknown]
    for a in places:
        for b in places:
            if a >= b:
                continue
            la, lb = factors[a][1], factors[b][1]
            for side in (0, 1) if rows and order == 2 else (0,):
                shared = la[side]
                if lb[side] != shared or uses[shared] != 2 or shared in node.output:
                    continue
                rest = [f for k, f in enumerate(factors) if k not in (a, b)]
                if order == 1:
                    return einsum(rest, node.output)
                ends = (la[1 - side], lb[1 - side])
                return einsum([*rest, (delta(unknown.shape[1 - side]), ends)], node.output)
    return None
