"""Running sums along an axis.

    cumsum(A)_i = Σ_{j ≤ i} A_j          reverse:  Σ_{j ≥ i} A_j

Each is the adjoint of the other: Σᵢ Gᵢ Σ_{j ≤ i} A_j = Σⱼ A_j Σ_{i ≥ j} Gᵢ.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import final

import numpy as np

from ..domains import Array, Domain
from ..errors import SizeError
from ..node import Apply, Node, Params
from ..sizes import Shape, show_shape
from .base import Operator, Option, apply, param, register, spelled
from .linear import taken_out


def cumsum(node: Node, axis: int, reverse: bool = False) -> Node:
    """The running sum along an axis, from the front or (`reverse`) from the back."""
    return apply("cumsum", node, axis=axis, reverse=reverse)


@final
class CumulativeSum(Operator):
    """The running sum along an axis."""

    name = "cumsum"
    options = (Option("axis", "axis"), Option("reverse", "flag", False))
    linear = True
    source = spelled(
        "{m}.cumsum({0}, {axis_value})",
        reverse="{m}.flip({m}.cumsum({m}.flip({0}, ({axis_value},)), {axis_value}), ({axis_value},))",
    )

    def shape(self, operands: Sequence[Node], params: Params) -> Shape:
        shape, axis = operands[0].shape, param(params, "axis")
        if not 0 <= axis < len(shape):
            raise SizeError(f"cumsum along axis {axis} of an array of sizes {show_shape(shape)}")
        return shape

    def facts(self, operands: Sequence[Node], params: Params) -> Iterable[str]:
        found = operands[0].facts & {"nonnegative", "integer", "positive"}
        return found | ({"nonzero"} if "positive" in found else set())

    def rewrite(self, operands: Sequence[Node], params: Params) -> Node | None:
        """Coefficients and factors without the axis go outside; one entry is its own sum."""
        node, axis = operands[0], param(params, "axis")
        if node.shape[axis] == 1:
            return node
        reverse = param(params, "reverse", False)
        same = [(k,) for k in range(node.order)]
        return taken_out(node, (axis,), node.shape, same, lambda a, at: cumsum(a, at[0], reverse))

    def value(self, arrays: list[Array], params: Params, domain: Domain) -> Array:
        (x,), axis = arrays, param(params, "axis")
        if param(params, "reverse", False):
            return np.asarray(np.flip(np.cumsum(np.flip(x, axis), axis=axis), axis), dtype=x.dtype)
        return np.asarray(np.cumsum(x, axis=axis), dtype=x.dtype)

    def vjp(self, node: Apply, index: int, adjoint: Node) -> Node:
        lead = adjoint.order - node.order
        return cumsum(adjoint, lead + node.param("axis"), not node.param("reverse", False))


register(CumulativeSum())
