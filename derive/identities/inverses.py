"""Products with inverses: A⁻¹ A, inverses of products and of multiples."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import sympy

from ..build import add, einsum, power, split_power
from ..node import Apply, Einsum, Labels, Node, Sum, delta
from ..operators import apply


def _inverses(factors: Sequence[tuple[Node, Labels]]) -> Iterator[tuple[int, Labels, Node]]:
    """Which factors are inverses of matrices: their place, labels and the matrix."""
    for k, (node, labels) in enumerate(factors):
        if isinstance(node, Apply) and node.op == "inv" and node.order == 2:
            yield k, labels, node.operands[0]


def inverse_times_matrix(node: Node) -> Node | None:
    """A⁻¹ A -> I, A A⁻¹ -> I"""
    if not isinstance(node, Einsum):
        return None
    factors = list(node.factors)
    uses = node.uses
    for a, la, matrix in _inverses(factors):
        for b, (other, lb) in enumerate(factors):
            if other is not matrix or a == b:
                continue
            for p, q in ((1, 0), (0, 1)):
                shared = la[p]
                flips = (0, 1) if "symmetric" in matrix.facts else (0,)
                for f in flips:
                    if lb[q ^ f] == shared and uses[shared] == 2 and shared not in node.output:
                        rest = [x for k, x in enumerate(factors) if k not in (a, b)]
                        return einsum(
                            [*rest, (delta(matrix.shape[0]), (la[1 - p], lb[1 - (q ^ f)]))], node.output
                        )
    return None


def inverse_times_sum(node: Node) -> Node | None:
    """A⁻¹ (A B − C) -> B − A⁻¹ C, where that is shorter"""
    factors = list(node.factors) if isinstance(node, Einsum) else []
    inverted = {matrix for _, _, matrix in _inverses(factors)}
    for k, (inner, labels) in enumerate(factors):
        if not isinstance(inner, Sum) or len(inner.operands) > 4 or not isinstance(node, Einsum):
            continue
        if not any(inverted & set(t.operands if isinstance(t, Einsum) else (t,)) for t in inner.operands):
            continue
        rest = [*factors[:k], *factors[k + 1 :]]
        pieces = [
            (c, inverses_gone(einsum([(t, labels), *rest], node.output, lambda product: True)))
            for c, t in inner.terms
        ]
        found = add(pieces, node.shape)
        if found.weight < node.weight:
            return found
    return None


def inverse_of_product(node: Node) -> Node | None:
    """(A B C)⁻¹ A -> (B C)⁻¹,  C (A B C)⁻¹ -> (A B)⁻¹, for square A and C"""
    if not isinstance(node, Einsum):
        return None
    factors = list(node.factors)
    uses = node.uses
    for a, la, product in _inverses(factors):
        if not isinstance(product, Einsum) or any(len(ls) != 2 for ls in product.inputs):
            continue
        for end in (0, 1):
            k = next(k for k, ls in enumerate(product.inputs) if end in ls)
            outer, lo = product.operands[k], product.inputs[k]
            if outer.shape[0] != outer.shape[1] or set(lo) == {0, 1}:
                continue
            inner = lo[1 - lo.index(end)]
            # end 0: product = outer[0, inner] rest[inner, 1]; (product)⁻¹[·, x] outer[x, y] = rest⁻¹[·, y]
            x = la[1 - end]
            for b, (other, lb) in enumerate(factors):
                if other is not outer or a == b or x in node.output or uses[x] != 2 or x not in lb:
                    continue
                flips = (False, True) if "symmetric" in outer.facts else (False,)
                if not any((lb.index(x) ^ f) == lo.index(end) for f in flips):
                    continue
                y = lb[1 - lb.index(x)]
                kept = [f for m, f in enumerate(product.factors) if m != k]
                rest = einsum([(o, tuple(end if i == inner else i for i in ls)) for o, ls in kept], (0, 1))
                labels = (la[0], y) if end == 0 else (y, la[1])
                others = [f for m, f in enumerate(factors) if m not in (a, b)]
                return einsum([*others, (apply("inv", rest), labels)], node.output)
    return None


def inverse_of_inverses(node: Node) -> Node | None:
    """(A B⁻¹)⁻¹ -> B A⁻¹, for square factors, where fewer inverses are left"""
    product = node.operands[0] if isinstance(node, Apply) and node.op == "inv" and node.order == 2 else None
    if not isinstance(product, Einsum) or any(len(ls) != 2 for ls in product.inputs):
        return None
    left, at, turned, inverses = list(product.factors), 0, list[tuple[Node, Labels]](), 0
    swap = {0: 1, 1: 0}
    while left:  # from the left
        k = next((k for k, (_, ls) in enumerate(left) if at in ls), None)
        if k is None or left[k][0].shape[0] != left[k][0].shape[1]:
            return None
        factor, labels = left.pop(k)
        at = labels[1 - labels.index(at)]
        inverted = isinstance(factor, Apply) and factor.op == "inv"
        inverses += inverted
        other = factor.operands[0] if inverted else apply("inv", factor)
        turned.append((other, tuple(swap.get(i, i) for i in reversed(labels))))
    return einsum(turned, (0, 1)) if at == 1 and len(turned) < 1 + 2 * inverses else None


def inverse_takes_denominator(node: Node) -> Node | None:
    """(A/s + I)⁻¹ / s -> (A + s I)⁻¹, for a scalar s"""
    if not isinstance(node, Einsum):
        return None
    factors = list(node.factors)
    for k, labels, matrix in _inverses(factors):
        if not isinstance(matrix, Sum):
            continue
        for j, (s, none) in enumerate(factors):
            base, exponent = split_power(s)
            if none or not exponent.is_negative or not any(s in t.operands for t in matrix.operands):
                continue
            axes = (0, 1)
            opened = [(c, einsum([(t, axes), (power(base, -exponent), ())], axes)) for c, t in matrix.terms]
            cleared = apply("inv", add(opened, matrix.shape))
            return einsum(
                [*(f for m, f in enumerate(factors) if m not in (k, j)), (cleared, labels)], node.output
            )
    return None


def inverse_of_multiple(node: Node) -> Node | None:
    """(t A)⁻¹ -> A⁻¹ / t, for a scalar t"""
    if not isinstance(node, Apply) or node.op != "inv" or node.order != 2:
        return None
    product = node.operands[0]
    if not isinstance(product, Einsum):
        return None
    factors = list(product.factors)
    scalars = [o for o, labels in factors if not labels]
    rest = [f for f in factors if f[1]]
    if not scalars or not rest:
        return None
    inverse = apply("inv", einsum(rest, product.output))
    return einsum([*((power(s, sympy.S.NegativeOne), ()) for s in scalars), (inverse, (0, 1))], (0, 1))


def inverts(node: Node, matrix: Node) -> bool:
    """Whether the node is A⁻¹ for that A, perhaps times scalars."""
    factors = node.operands if isinstance(node, Einsum) else (node,)
    return any(isinstance(o, Apply) and o.op == "inv" and o.operands[0] is matrix for o in factors)


def inverses_gone(node: Node) -> Node:
    """The product with every A⁻¹ A taken out."""
    while (better := inverse_times_matrix(node)) is not None:
        node = better
    return node
