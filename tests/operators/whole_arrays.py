"""Two operators on whole arrays as somebody would add them: each is one record and nothing else.

reverse(A)_i = A_{n−1−i}                     linear, defined by a slice; no kernel, no source of its own
logcumsumexp(A)_i = log Σ_{j ≤ i} exp A_j    loops of its own, the spellings of three libraries
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import final

import numpy as np
import sympy

from derive.build import einsum, negate
from derive.domains import Array, Domain
from derive.node import Apply, Node, Params
from derive.operators import Operator, Option, apply
from derive.operators.base import param, spelled
from derive.sizes import ONE, ZERO, Shape


@final
class Reverse(Operator):
    """The entries in reverse order along an axis."""

    name = "reverse"
    options = (Option("axis", "axis"),)
    linear = True

    def shape(self, operands: Sequence[Node], params: Params) -> Shape:
        return operands[0].shape

    def facts(self, operands: Sequence[Node], params: Params) -> Iterable[str]:
        return operands[0].facts & {"positive", "nonnegative", "nonzero", "integer"}

    def value(self, arrays: list[Array], params: Params, domain: Domain) -> Array:
        return np.flip(arrays[0], param(params, "axis"))

    def vjp(self, node: Apply, index: int, adjoint: Node) -> Node:
        return apply("reverse", adjoint, axis=adjoint.order - node.order + node.param("axis"))

    def definition(self, operands: Sequence[Node], params: Params) -> Node:
        (a,), axis = operands, param(params, "axis")
        index = [
            ("range", s - 1, s, -ONE) if k == axis else ("range", ZERO, s, ONE) for k, s in enumerate(a.shape)
        ]
        return apply("slice", a, index=tuple(index))


@final
class LogCumulativeSumExp(Operator):
    """log Σ exp of the entries up to each along an axis, or (`reverse`) from each on."""

    name = "logcumsumexp"
    latex = "\\operatorname{lcse}"
    options = (Option("axis", "axis"), Option("reverse", "flag", False))
    everywhere, curvature = True, 1
    source = spelled(
        numpy="np.logaddexp.accumulate({0}, {axis_value})",
        jax="jax.lax.cumlogsumexp({0}, {axis_value})",
        torch="torch.logcumsumexp({0}, {axis_value})",
        numpy_reverse="np.flip(np.logaddexp.accumulate(np.flip({0}, {axis_value}), {axis_value}), {axis_value})",
        jax_reverse="jax.lax.cumlogsumexp({0}, {axis_value}, reverse=True)",
        torch_reverse="torch.flip(torch.logcumsumexp(torch.flip({0}, ({axis_value},)), {axis_value}), ({axis_value},))",
    )
    loops = """
def loops(x, out, axis, reverse):
    before, n = 1, x.shape[axis]
    for k in range(axis):
        before *= x.shape[k]
    behind = x.size // (before * n)
    given, found = x.reshape((before, n, behind)), out.reshape((before, n, behind))
    for i in range(before):
        for j in range(behind):
            high, rest = -math.inf, 0.0
            for step in range(n):
                k = n - 1 - step if reverse else step
                z = given[i, k, j]
                if z > high:
                    high, rest = z, rest * exp(high - z) + 1.0
                else:
                    rest += exp(z - high)
                found[i, k, j] = high + log(rest)
"""

    def shape(self, operands: Sequence[Node], params: Params) -> Shape:
        return operands[0].shape

    def apart(self, node: Apply, axis: int) -> bool:
        return bool(axis != node.param("axis"))

    def value(self, arrays: list[Array], params: Params, domain: Domain) -> Array:
        (x,), axis = arrays, param(params, "axis")
        x = np.flip(x, axis) if param(params, "reverse", False) else x
        high = np.max(x, axis=axis, keepdims=True) if domain.name != "sympy" else domain.array(0)
        total = np.cumsum(
            domain.elementwise(sympy.exp, np.exp, [np.asarray(x - high, dtype=x.dtype)]), axis=axis
        )
        found = domain.elementwise(sympy.log, np.log, [np.asarray(total, dtype=x.dtype)]) + high
        return np.asarray(np.flip(found, axis) if param(params, "reverse", False) else found, dtype=x.dtype)

    def vjp(self, node: Apply, index: int, adjoint: Node) -> Node:
        """Ḡ_j = exp(A_j) Σ_{i ≥ j} G_i exp(−f_i)"""
        labels, lead = tuple(range(adjoint.order)), adjoint.order - node.order
        inner = labels[lead:]
        weighted = einsum([(adjoint, labels), (apply("exp", negate(node)), inner)], labels)
        back = not node.param("reverse", False)
        running = apply("cumsum", weighted, axis=lead + node.param("axis"), reverse=back)
        return einsum([(running, labels), (apply("exp", node.operands[0]), inner)], labels)
