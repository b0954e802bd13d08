"""Derivatives: one rule per node kind, applied in reverse.

An adjoint has the axes of the differentiated output in front. For a scalar output there are none and the
sweep is ordinary reverse mode; for any other output the seed is a product of deltas, which `build` then
removes wherever it can, so that Jacobians need no rules of their own
(Laue, Mitterreiter, Giesen, A Simple and Efficient Tensor Calculus, AAAI 2020).

Shapes: gradient like the variable; Jacobian output axes, then variable axes; Hessian the variable's axes twice.
The gradient with respect to a symmetric variable is the symmetric part of the unconstrained one.
"""

from __future__ import annotations

from collections.abc import Sequence

import sympy

from .build import add, einsum, inner, swap_last, zero
from .errors import SizeError
from .node import Apply, Einsum, Node, Sum, Variable, delta, ones, topological, transform, variable
from .operators import lookup, rebuild
from .sizes import ONE, Shape, show_shape


def _seed(shape: Shape) -> Node:
    """The identity map on arrays of this shape: δ on every axis."""
    if not shape:
        return ones(())
    k = len(shape)
    return einsum([(delta(s), (i, k + i)) for i, s in enumerate(shape)], tuple(range(2 * k)))


def reverse(output: Node, targets: Sequence[Node], seed: Node | None = None) -> list[Node]:
    """Adjoints of the targets: axes of `seed` beyond those of `output` stay in front.

    Without a seed this gives the Jacobian; with a seed of the output's shape the vector–Jacobian product.
    """
    start = _seed(output.shape) if seed is None else seed
    lead = start.order - output.order
    order = list(topological([output]))
    active: set[Node] = set()
    wanted = set(targets)
    for node in order:
        if node in wanted or any(o in active for o in node.operands):
            active.add(node)
    pending: dict[Node, list[tuple[sympy.Expr, Node]]] = {output: [(ONE, start)]}
    found: dict[Node, Node] = {}
    for node in reversed(order):
        if node not in active or node not in pending:
            continue
        adjoint = add(pending.pop(node), start.shape[:lead] + node.shape)
        if node in wanted:
            found[node] = adjoint
        for index, operand in enumerate(node.operands):
            if operand in active:
                piece = _pull_back(node, index, adjoint, lead)
                if piece is not None:
                    pending.setdefault(operand, []).append(piece)
    return [found.get(t, zero(start.shape[:lead] + t.shape)) for t in targets]


def _pull_back(node: Node, index: int, adjoint: Node, lead: int) -> tuple[sympy.Expr, Node] | None:
    """The contribution of one operand's use to its adjoint."""
    if isinstance(node, Sum):
        return node.coefficients[index], adjoint
    if isinstance(node, Einsum):
        return ONE, _pull_back_product(node, index, adjoint, lead)
    assert isinstance(node, Apply)
    operator = lookup(node.op)
    if not operator.differentiable(index):
        return None
    return ONE, operator.vjp(node, index, adjoint)


def _pull_back_product(node: Einsum, index: int, adjoint: Node, lead: int) -> Node:
    """The adjoint of one factor: the adjoint times all other factors, summed over what is not its axes."""
    front = tuple(range(10_000, 10_000 + lead))
    factors = [(adjoint, (*front, *node.output))]
    for k, (operand, labels) in enumerate(node.factors):
        if k != index:
            factors.append((operand, labels))
    wanted: list[int] = []
    for axis, label in enumerate(node.inputs[index]):
        size = node.operands[index].shape[axis]
        if label in wanted:  # a diagonal: off the diagonal the adjoint is 0
            extra = 20_000 + axis
            factors.append((delta(size), (label, extra)))
            wanted.append(extra)
        else:
            factors.append((ones((size,)), (label,)))  # vanishes where the label occurs elsewhere
            wanted.append(label)
    return einsum(factors, (*front, *wanted))


def _respect_facts(derivative: Node, variable_: Node) -> Node:
    if "symmetric" in variable_.facts and variable_.order >= 2:
        half = sympy.S.Half
        return add([(half, derivative), (half, swap_last(derivative))], derivative.shape)
    return derivative


def gradient(output: Node, wrt: Variable) -> Node:
    """∇ of a scalar expression; the shape of the variable."""
    return gradients(output, [wrt])[0]


def gradients(output: Node, wrt: Sequence[Variable]) -> list[Node]:
    """The gradients with respect to several variables, in one sweep."""
    if output.order:
        raise SizeError(
            f"a gradient needs a scalar objective, got shape {show_shape(output.shape)}; "
            "use jacobian, or sum over its entries"
        )
    return [_respect_facts(g, v) for g, v in zip(reverse(output, wrt), wrt, strict=True)]


def jacobian(output: Node, wrt: Variable) -> Node:
    """∂output/∂variable; axes of the output first, then of the variable."""
    return _respect_facts(reverse(output, [wrt])[0], wrt)


def vjp(output: Node, wrt: Variable, cotangent: Node) -> Node:
    """cotangentᵀ · Jacobian; the shape of the variable."""
    return _respect_facts(reverse(output, [wrt], cotangent)[0], wrt)


def jvp(output: Node, wrt: Variable, tangent: Node) -> Node:
    """Jacobian · tangent; the shape of the output.

    Reverse mode twice: u ↦ uᵀJ is linear, and its own adjoint is J.
    """
    dummy = variable("_cotangent", output.shape)
    pulled = vjp(output, wrt, dummy)
    return reverse(inner(pulled, tangent), [dummy])[0]


def hvp(output: Node, wrt: Variable, direction: Node) -> Node:
    """Hessian · direction, in the shape of the variable, without building the Hessian."""
    dummy = variable("_direction", wrt.shape)
    along = inner(gradient(output, wrt), dummy)
    return substitute(gradient(along, wrt), {dummy: direction})


def substitute(root: Node, replacements: dict[Node, Node]) -> Node:
    """The expression with nodes replaced by others of the same shape."""
    return transform([root], rebuild, dict(replacements))[0]
