"""Common factors leave a sum: Σₜ xᵢ bₜᵢⱼ becomes xᵢ Σₜ bₜᵢⱼ.

Second derivatives are sums of products as wide as all that they hold, although rows of the data, say, are a factor of
every term. Before the order of products is chosen, what all terms share is taken out, where an axis leaves the sum by
it. What is left is smaller by the length of that axis, and the factor meets the others of the product around it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from ..node import MATRIX_FACTS, Einsum, Labels, Node, Ones, Sum, ones, raw_einsum, raw_sum
from ..sizes import Size

Factor = tuple[Node, Labels]


def product_of(
    factors: Sequence[Factor], output: Labels, sizes: dict[int, Size], whole: Einsum | None = None
) -> Node:
    """A product in the labelling of nodes: output labels first, the others as they occur."""
    number = {label: k for k, label in enumerate(output)}
    ordered = sorted(factors, key=lambda f: (f[0].sort_key, f[1]))
    for _, labels in ordered:
        for label in labels:
            number.setdefault(label, len(number))
    if len(ordered) == 1 and ordered[0][1] == output:
        return ordered[0][0]
    return raw_einsum(
        tuple(sizes[i] for i in output),
        tuple(o for o, _ in ordered),
        tuple(tuple(number[i] for i in ls) for _, ls in ordered),
        whole.facts & MATRIX_FACTS if whole is not None else frozenset(),
    )


def factored(node: Sum, rows: Size | None) -> Einsum | None:
    """The sum with its common factors outside; None where no axis but that of the data would leave it."""
    if node.order < 3 or len(node.operands) < 2 or rows not in node.shape:
        return None
    terms: list[list[Factor]] = []
    for term in node.operands:
        if not isinstance(term, Einsum):
            return None
        terms.append(_factors(term, term.output, [node.order]))
    output = set(range(node.order))
    shared = Counter(terms[0])
    for other in terms[1:]:
        shared &= Counter(other)
    common = [f for f in shared.elements() if set(f[1]) <= output and f[1]]
    if not common:
        return None
    rests = [list((Counter(factors) - Counter(common)).elements()) for factors in terms]
    left = output & {i for rest in rests for _, ls in rest for i in ls}
    kept = tuple(sorted(left, key=lambda i: (node.shape[i] != rows, i)))
    if len(kept) == node.order or not kept:
        return None
    sizes: dict[int, Size] = dict(enumerate(node.shape))
    parts = []
    for coefficient, rest in zip(node.coefficients, rests, strict=True):
        own = {i for _, ls in rest for i in ls}
        filled = [*rest, *((ones((sizes[i],)), (i,)) for i in kept if i not in own)]
        for operand, labels in filled:
            sizes.update(zip(labels, operand.shape, strict=True))
        parts.append((coefficient, product_of(filled or [(ones(()), ())], kept, sizes)))
    inner = raw_sum(tuple(sizes[i] for i in kept), parts)
    bare = output - {i for _, ls in common for i in ls} - set(kept)  # axes along which all terms are constant
    outside = [*common, *((ones((sizes[i],)), (i,)) for i in sorted(bare))]
    found = product_of([*outside, (inner, kept)], tuple(range(node.order)), sizes)
    assert isinstance(found, Einsum)
    return found


def _factors(node: Einsum, labels: Labels, fresh: list[int]) -> list[Factor]:
    """The factors of a product, those of products inside it one by one; of sums what need not be summed.

    An axis of the product that no factor has is one along which it is constant.
    """
    names = dict(zip(node.output, labels, strict=True))
    for i in node.summed:
        names[i], fresh[0] = fresh[0], fresh[0] + 1
    found: list[Factor] = []
    for operand, own in node.factors:
        place = tuple(names[i] for i in own)
        if isinstance(operand, Einsum) and len(set(place)) == len(place):
            if not operand.summed:
                found += _factors(operand, place, fresh)
                continue
            outside, rest = _taken_out(operand)
            if rest is not None:
                found += [(o, tuple(place[i] for i in ls)) for o, ls in outside]
                operand, place = rest[0], tuple(place[i] for i in rest[1])
        bare = isinstance(operand, Ones) and not set(own) & set(
            node.summed
        )  # a sum of ones is a number of terms
        if not bare:
            found.append((operand, place))
    return found


def _taken_out(node: Einsum) -> tuple[list[Factor], Factor | None]:
    """The factors of a sum that are the same for all terms, and the sum over fewer axes; nothing if all axes stay."""
    summed = set(node.summed)
    factors = _factors(node, node.output, [1 + max(node.label_sizes())])
    outside = [f for f in factors if not summed & set(f[1]) and set(f[1]) <= set(node.output)]
    inside = [f for f in factors if f not in outside]
    kept = tuple(i for i in node.output if any(i in ls for _, ls in inside))
    if len(kept) == node.order or not inside:
        return [], None
    sizes = {i: s for o, ls in factors for i, s in zip(ls, o.shape, strict=True)}
    return outside, (product_of(inside, kept, sizes), kept)
