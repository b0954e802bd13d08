"""Products with an inverse of a sum: (T + R)⁻¹ T -> I − (T + R)⁻¹ R for one chosen term T of the sum.

A product is a set of factors on labelled axes, so "T stands next to the inverse" means that the factors of T are among
them, joined in the same way; `match` looks for that. The same with D = T + R along axes, entry by entry:
D⁻¹ T -> 1 − D⁻¹ R.
Each rule removes an occurrence of the chosen term, which is the same one for every product with that inverse.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..build import add, einsum, full, power
from ..node import Apply, Delta, Einsum, Labels, Node, Ones, Sum, delta
from ..sizes import ONE, Coefficient

Factors = list[tuple[Node, Labels]]
Pattern = list[tuple[Node, Labels]]


def match(
    factors: Factors, output: Labels, skip: int, pattern: Pattern, ends: dict[int, int]
) -> tuple[set[int], dict[int, int]] | None:
    """The factors that are the product `pattern`, and its labels as labels of theirs.

    ends   labels of the pattern's output that are known already. Labels inside the pattern must belong to it alone.
    """
    inner = {i for _, ls in pattern for i in ls}

    def search(k: int, used: set[int], names: dict[int, int]) -> tuple[set[int], dict[int, int]] | None:
        if k == len(pattern):
            return (used, names) if _closed(factors, output, used, names, inner) else None
        wanted, labels = pattern[k]
        for m, (o, ls) in enumerate(factors):
            if m == skip or m in used or o is not wanted:
                continue
            for own in _readings(o, ls):
                more = _joined(names, labels, own)
                if more is not None:
                    found = search(k + 1, used | {m}, more)
                    if found is not None:
                        return found
        return None

    return search(0, set(), dict(ends))


def _readings(node: Node, labels: Labels) -> Iterator[Labels]:
    yield labels
    if "symmetric" in node.facts and len(labels) == 2 and labels[0] != labels[1]:
        yield labels[::-1]


def _joined(names: dict[int, int], labels: Labels, own: Labels) -> dict[int, int] | None:
    more = dict(names)
    for i, j in zip(labels, own, strict=True):
        if more.setdefault(i, j) != j:
            return None
    return more if len(set(more.values())) == len(more) else None


def _closed(factors: Factors, output: Labels, used: set[int], names: dict[int, int], inner: set[int]) -> bool:
    """Whether the labels that the pattern sums over occur in its factors alone."""
    outside = {j for m, (_, ls) in enumerate(factors) if m not in used for j in ls} | set(output)
    return all(names[i] not in outside for i in inner if i >= 0 and i in names)


def _pattern(term: Node) -> tuple[Pattern, list[int]]:
    """The factors of a term; its output axes are labelled −1, −2, …, so that they are told from summed labels."""
    ends = [-1 - k for k in range(term.order)]
    if not isinstance(term, Einsum):
        return [(term, tuple(ends))], ends
    change = {k: -1 - k for k in range(term.order)}
    return [(o, tuple(change.get(i, i) for i in ls)) for o, ls in term.factors], ends


def _chosen(terms: Sequence[tuple[Coefficient, Node]]) -> tuple[Coefficient, Node] | None:
    """The first term that is neither the identity nor a multiple of it."""
    for c, t in terms:
        bare = isinstance(t, Ones | Delta) or (
            isinstance(t, Einsum) and any(isinstance(o, Ones | Delta) for o in t.operands)
        )
        if not bare:
            return c, t
    return None


def inverse_of_sum(node: Node) -> Node | None:
    """(T + R)⁻¹ T -> I − (T + R)⁻¹ R, and T (T + R)⁻¹ the same, for one chosen term T"""
    if not isinstance(node, Einsum):
        return None
    factors = list(node.factors)
    for k, (inverse, labels) in enumerate(factors):
        if not isinstance(inverse, Apply) or inverse.op != "inv" or inverse.order != 2:
            continue
        i, j = labels
        matrix = inverse.operands[0]
        chosen: tuple[Coefficient, Node] | None = None
        if isinstance(matrix, Sum):
            chosen = _chosen(matrix.terms)
        elif isinstance(matrix, Einsum) and matrix.summed:
            chosen = (ONE, matrix)
        if chosen is None or i == j:
            continue
        c, term = chosen
        pattern, (first, second) = _pattern(term)
        rest_of_sum = add([(ONE, matrix), (-c, term)])
        # M⁻¹[i, j] T[j, e], T[e, i] M⁻¹[i, j]; for a symmetric M the sides of the inverse are the same.
        tries = [(first, j, second, i), (second, i, first, j)]
        if "symmetric" in matrix.facts:
            tries += [(first, i, second, j), (second, j, first, i)]
        for near, at, far, other in tries:
            if any(at in ls for m, (_, ls) in enumerate(factors) if m == k) and at in node.output:
                continue
            found = match(factors, node.output, k, pattern, {near: at})
            if found is None or _shared(factors, node.output, k, found[0], at):
                continue
            used, names = found
            end = names[far]
            left = [f for m, f in enumerate(factors) if m not in used and m != k]
            tie = (at, end) if near == first else (end, at)
            whole = einsum([*left, (delta(matrix.shape[0]), (other, end))], node.output)
            part = einsum([*left, factors[k], (rest_of_sum, tie)], node.output)
            return add([(1 / c, whole), (-1 / c, part)], node.shape)
    return None


def _shared(factors: Factors, output: Labels, skip: int, used: set[int], at: int) -> bool:
    """Whether the axis between inverse and term goes elsewhere, too."""
    return at in output or any(at in ls for m, (_, ls) in enumerate(factors) if m != skip and m not in used)


def reciprocal_of_sum(node: Node) -> Node | None:
    """D^−k D -> D^(1−k) for a product D with sums in it, and (T + R)^−k T -> (T + R)^(1−k) − (T + R)^−k R"""
    if not isinstance(node, Einsum):
        return None
    factors = list(node.factors)
    for k, (down, labels) in enumerate(factors):
        if not isinstance(down, Apply) or down.op != "power" or len(set(labels)) != len(labels):
            continue
        e, base = down.param("exponent"), down.operands[0]
        if not e.is_Rational or e >= 0 or not base.order:
            continue
        if isinstance(base, Sum):
            chosen = _chosen(base.terms)
        elif isinstance(base, Einsum) and base.summed:
            chosen = (ONE, base)
        else:
            continue
        if chosen is None:
            continue
        c, term = chosen
        pattern, ends = _pattern(term)
        if isinstance(term, Einsum) and {i for _, ls in pattern for i in ls if i < 0} != set(ends):
            continue
        found = match(factors, node.output, k, pattern, dict(zip(ends, labels, strict=True)))
        if found is None:
            continue
        left = [f for m, f in enumerate(factors) if m not in found[0] and m != k]
        bare = [(full((s,)), (i,)) for i, s in zip(labels, base.shape, strict=True)]
        whole = einsum([*left, (power(base, e + 1), labels), *bare], node.output)
        rest_of_sum = add([(ONE, base), (-c, term)], base.shape)
        part = einsum([*left, factors[k], (rest_of_sum, labels)], node.output)
        return add([(1 / c, whole), (-1 / c, part)], node.shape)
    return None


__all__ = ["inverse_of_sum", "match", "reciprocal_of_sum"]
