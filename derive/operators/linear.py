"""What linear operators along some axes have in common: coefficients and bystanders go outside.

An operator T that works along certain axes of an array, one slice like the other, obeys

    T(c A) = c T(A)        T(u_i B_ij) = u_i T(B)_ij        where T does not touch axis i.

Jacobians are products of deltas with the small thing that an operator touches; with these rules the deltas
stay outside, where they disappear, and T is applied to the small thing alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..build import Factor, einsum, is_zero, scale, split_scale, zero
from ..node import Einsum, Node
from ..sizes import Shape

#: The operator on a smaller array; it is told where the touched axes are now.
Again = Callable[[Node, tuple[int, ...]], Node]


def taken_out(
    node: Node, touched: Sequence[int], shape: Shape, axes: Sequence[Sequence[int]], again: Again
) -> Node | None:
    """T(node) with coefficients and untouched factors in front, or None when there are none.

    touched   the axes of the operand that T works along
    shape     the shape of the result
    axes      for every axis of the operand, the axes of the result that it becomes; those of a touched axis
              may be several or none
    again     T on an array that lacks some untouched axes
    """
    if is_zero(node):
        return zero(shape)
    c, core = split_scale(node)
    if c != 1:
        return scale(c, again(core, tuple(touched)))
    if not isinstance(core, Einsum):
        return None
    inside, outside = _parted(core, set(touched))
    if not outside:
        return None
    kept = tuple(i for i in core.output if i in touched or any(i in labels for _, labels in inside))
    small = einsum(inside, kept)
    places = tuple(kept.index(i) for i in touched)
    return einsum(
        [
            (again(small, places), _result_labels(kept, axes)),
            *((n, _renamed(ls, axes, touched)) for n, ls in outside),
        ],
        tuple(range(len(shape))),
    )


def _result_labels(kept: Sequence[int], axes: Sequence[Sequence[int]]) -> tuple[int, ...]:
    """The result's axes that the kept axes of the operand become, in the order of the result."""
    return tuple(sorted(place for i in kept for place in axes[i]))


def _renamed(labels: Sequence[int], axes: Sequence[Sequence[int]], touched: Sequence[int]) -> tuple[int, ...]:
    """Labels of a factor outside: axes of the result; summed labels stay what they are, out of the way."""
    return tuple(axes[i][0] if i < len(axes) else 1000 + i for i in labels)


def _parted(node: Einsum, touched: set[int]) -> tuple[list[Factor], list[Factor]]:
    """(factors tied to the touched axes, all others); a summed label ties the factors that share it."""
    factors = list(node.factors)
    summed = set(node.summed)
    tied = set(touched)
    while True:
        more = {i for _, ls in factors if tied & set(ls) for i in ls if i in summed} - tied
        if not more:
            break
        tied |= more
    inside = [f for f in factors if tied & set(f[1])]
    return inside, [f for f in factors if not tied & set(f[1])]
