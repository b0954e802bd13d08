"""Slips within one product: a factor dropped, transposed, taken for another, or multiplied in another way."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..build import einsum, full, multiply, negate
from ..node import Apply, Delta, Einsum, Labels, Node, Ones, Sum, Variable, delta
from ..sizes import same_shape, same_size
from .edit import Edit

Factor = tuple[Node, Labels]
_MOST = 8  # factors of a product whose pairs are looked at


def of_product(node: Einsum, pool: Sequence[Node]) -> Iterator[Edit]:
    """All slips of one product; `pool` holds what may have been mistaken for a factor."""
    factors = list(node.factors)
    for k, (o, ls) in enumerate(factors):
        if isinstance(o, Ones | Delta):
            continue
        rest = factors[:k] + factors[k + 1 :]
        yield from _without(node, o, ls, rest)
        if o.order == 2 and same_size(*o.shape) and "symmetric" not in o.facts:
            yield Edit("transpose", node, einsum([*rest, (o, (ls[1], ls[0]))], node.output), o, cost=1)
        for other in pool if isinstance(o, Variable) else ():
            if not isinstance(other, Variable) or other is o:
                continue
            if same_shape(other.shape, o.shape):  # here only
                yield Edit("operand", node, einsum([*rest, (other, ls)], node.output), o, cost=3)
            if o.order == 2 and same_shape(other.shape, o.shape[::-1]):
                yield Edit("operand", node, einsum([*rest, (other, ls[::-1])], node.output), o, cost=3)
        if isinstance(o, Apply) and len(o.operands) == 1 and o.op not in ("inv", "power"):
            (inside,) = o.operands
            if same_shape(inside.shape, o.shape):  # here only, and not where the function stands elsewhere
                yield Edit("function", node, einsum([*rest, (inside, ls)], node.output), o, cost=3)
        yield from _other_axis(node, o, ls, rest)
        for m in range(k):
            other, lm = factors[m]
            if other is not o and same_shape(other.shape, o.shape) and not isinstance(other, Ones | Delta):
                swapped = list(factors)
                swapped[k], swapped[m] = (other, ls), (o, lm)
                yield Edit("order", node, einsum(swapped, node.output), o, cost=2)
    if len(factors) <= _MOST:
        yield from _pairs(node, factors)


def _without(node: Einsum, o: Node, ls: Labels, rest: list[Factor]) -> Iterator[Edit]:
    """The product without a factor; a square matrix leaves the identity behind."""
    used = {i for _, other in rest for i in other}
    bare = [(full((s,)), (i,)) for i, s in zip(ls, o.shape, strict=True) if i not in used]
    # An axis that only this factor had is not summed over: dropping a factor is no sum of ones.
    if rest and (not bare or all(i in node.output for _, (i,) in bare)):
        after = einsum([*rest, *bare], node.output)
        yield Edit("extra factor", node, after, o, cost=2)
        if any(isinstance(n, Sum) for n in (o, *o.operands)):  # 1 − s is written −(s − 1)
            yield Edit("extra factor", node, negate(after), negate(o), cost=2)
    if rest and _is_matrix(o, ls):
        yield Edit("extra factor", node, einsum([*rest, (delta(o.shape[0]), ls)], node.output), o, cost=2)


def _is_matrix(o: Node, ls: Labels) -> bool:
    return o.order == 2 and ls[0] != ls[1] and same_size(*o.shape) and not isinstance(o, Delta)


def _other_axis(node: Einsum, o: Node, ls: Labels, rest: list[Factor]) -> Iterator[Edit]:
    """Sums over the rows where there should be sums over the columns: Σⱼ Zᵢⱼ repeated along j."""
    if o.order != 1 or not isinstance(o, Einsum) or len(o.summed) != 1:
        return
    (gone,) = o.summed
    (kept,) = o.output
    pairs = list(o.factors)
    sizes = {i: s for operand, labels in pairs for i, s in zip(labels, operand.shape, strict=True)}
    turned = einsum(pairs, (gone,))
    shapes = {i: s for operand, labels in rest for i, s in zip(labels, operand.shape, strict=True)}
    for i in node.output:
        if i != ls[0] and i in shapes and same_size(shapes[i], sizes[gone]):
            bare = [(full((sizes[kept],)), ls)] if ls[0] in node.output else []
            yield Edit("index", node, einsum([*rest, *bare, (turned, (i,))], node.output), o, cost=3)


def _pairs(node: Einsum, factors: list[Factor]) -> Iterator[Edit]:
    fresh = 1 + max((i for _, ls in factors for i in ls), default=0)
    for k, (a, la) in enumerate(factors):
        for m in range(k):
            b, lb = factors[m]
            if la == lb and a.order == 1 and not isinstance(a, Ones) and not isinstance(b, Ones):
                rest = [f for j, f in enumerate(factors) if j not in (k, m)]
                if any(la[0] in ls for _, ls in rest):
                    yield Edit("extra factor", node, einsum(rest, node.output), multiply(a, b), cost=3)
            if a.order != 2 or b.order != 2 or la[0] == la[1] or lb[0] == lb[1]:
                continue
            rest = [f for j, f in enumerate(factors) if j not in (k, m)]
            if rest and _is_matrix(a, la) and _is_matrix(b, lb):
                ties = [(delta(a.shape[0]), la), (delta(b.shape[0]), lb)]
                yield Edit("extra factor", node, einsum([*rest, *ties], node.output), a, cost=3)
            yield from _linked(node, (a, la), (b, lb), rest)
            if la == lb and same_size(*a.shape):  # A ∘ B for A B
                chains = ((la[0], fresh), (fresh, la[1]))
                for first, second in ((a, b), (b, a)):
                    after = einsum([*rest, (first, chains[0]), (second, chains[1])], node.output)
                    yield Edit("product", node, after, a, cost=3)


def _linked(node: Einsum, first: Factor, second: Factor, rest: list[Factor]) -> Iterator[Edit]:
    """Two factors A B that share one summed axis: dropped together, transposed together, or multiplied entrywise."""
    (a, la), (b, lb) = first, second
    shared = set(la) & set(lb)
    if len(shared) != 1:
        return
    (s,) = shared
    if s in node.output or any(s in ls for _, ls in rest):
        return
    p, q = (i for i in (*lb, *la) if i != s)
    if {p, q} <= {i for _, ls in rest for i in ls}:  # AᵀB beside C entry by entry
        yield Edit("extra factor", node, einsum(rest, node.output), a, cost=3)
    size_p, size_q = b.shape[lb.index(p)], a.shape[la.index(q)]
    if not same_size(size_p, size_q):
        return
    if rest:
        yield Edit("extra factor", node, einsum([*rest, (delta(size_p), (p, q))], node.output), a, cost=3)
    flip = {p: q, q: p}
    turned = [(o, tuple(flip.get(i, i) for i in ls)) for o, ls in (first, second)]
    yield Edit("transpose", node, einsum([*rest, *turned], node.output), a, cost=2)
    if same_size(a.shape[la.index(s)], size_p):
        entrywise = [(b, tuple({s: q}.get(i, i) for i in lb)), (a, tuple({s: p}.get(i, i) for i in la))]
        yield Edit("product", node, einsum([*rest, *entrywise], node.output), a, cost=3)


__all__ = ["of_product"]
