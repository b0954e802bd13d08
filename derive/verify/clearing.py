"""Denominators cleared: a difference times what it is divided by vanishes exactly if the difference does.

    M⁻¹ U − V = 0   ⟺   U − M V = 0          D⁻¹ u − v = 0   ⟺   u − D v = 0    (D entry by entry along output axes)

So identities of inverses (push-through, Woodbury) and of normalised rows become identities of
products, which multiply out.
Both steps hold wherever the inverse is defined.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ..build import einsum, is_zero, power
from ..node import Apply, Einsum, Labels, Node, Variable, topological
from ..sums import flat_terms
from .points import Points

_STEPS = 40  # multiplications tried
_DEEPEST = 5  # denominators cleared one after the other
_HEAVIEST = 4000


def vanishes_when_cleared(root: Node, canonical: Callable[[Node], Node]) -> bool:
    """Whether the expression, in normal form, vanishes after some of its denominators are cleared."""
    seen: set[Node] = {root}
    waiting: list[tuple[int, Node]] = [(0, root)]
    steps = 0
    while waiting:
        waiting.sort(key=lambda item: item[1].weight)  # the lightest first
        depth, node = waiting.pop(0)
        if depth == _DEEPEST:
            continue
        for multiplied in _cleared(node):
            steps += 1
            if steps > _STEPS:
                return False
            better = canonical(multiplied)
            if is_zero(better):
                return _all_regular(root)
            if better not in seen and better.weight < _HEAVIEST:
                seen.add(better)
                waiting.append((depth + 1, better))
    return False


def _all_regular(root: Node) -> bool:
    """Whether the denominators have values somewhere: what is divided by zero everywhere is equal to nothing."""
    down = [
        n
        for n in topological([root])
        if isinstance(n, Apply) and (n.op == "inv" or (n.op == "power" and n.param("exponent").is_negative))
    ]
    points = Points(down, 0, {})
    return any(points.determined(p) for p in points.generic(1))


def _cleared(root: Node) -> Iterator[Node]:
    """The expression times one of its denominators, for each."""
    done: set[tuple[Node, object]] = set()
    for _, term in flat_terms(root):
        for factor, labels in _factors(term):
            if not isinstance(factor, Apply) or not all(i < root.order for i in labels[:1]):
                continue
            if factor.op == "inv" and factor.order == 2:
                yield from _times_matrix(root, factor.operands[0], labels, done)
            elif factor.op == "power" and _is_denominator(factor, labels, root.order):
                base, k = factor.operands[0], -factor.param("exponent")
                if (base, labels) not in done:
                    done.add((base, labels))
                    own = tuple(range(root.order))
                    yield einsum([(root, own), (power(base, k), labels)], own)


def _factors(term: Node) -> list[tuple[Node, Labels]]:
    if isinstance(term, Einsum):
        found = list(term.factors)
        # An inverse is looked at from both of its sides.
        return found + [(o, ls[::-1]) for o, ls in found if isinstance(o, Apply) and o.op == "inv"]
    own = tuple(range(term.order))
    return [(term, own), (term, own[::-1])]


def _is_denominator(factor: Apply, labels: Labels, order: int) -> bool:
    """A negative power along axes of the output."""
    if not all(i < order for i in labels) or len(set(labels)) != len(labels):
        return False
    exponent = factor.param("exponent")
    return bool(exponent.is_Rational and exponent < 0 and not isinstance(factor.operands[0], Variable))


def _times_matrix(root: Node, matrix: Node, labels: Labels, done: set[tuple[Node, object]]) -> Iterator[Node]:
    """M times the expression, along the axis at which its inverse stands: M⁻¹[i, j] by M[k, i] or by M[i, k]."""
    axis = labels[0]
    own = tuple(range(root.order))
    fresh = root.order
    moved = tuple(fresh if i == axis else i for i in own)
    # Output k takes the place of the axis; the old axis is summed.
    for side in ((axis, fresh), (fresh, axis)):
        key = (axis, side[0] == axis)
        if (matrix, key) in done:
            continue
        done.add((matrix, key))
        yield einsum([(root, moved), (matrix, side)], own)


__all__ = ["vanishes_when_cleared"]
