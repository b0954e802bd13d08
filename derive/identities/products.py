"""Sums and products over labelled axes: broadcasts, deltas and vanishing terms multiplied out, axes of size 1."""

from __future__ import annotations

import sympy

from ..build import add, constant_value, einsum, full, is_zero, scale, split_power, split_scale
from ..node import Apply, Delta, Einsum, Node, Ones, Sum, delta, ones, transform
from ..operators import apply, rebuild
from .distributions import open_all, sums_to_one
from .inverses import inverses_gone, inverts


def distribute_broadcast(node: Node) -> Node | None:
    """Σᵢ uᵢ (a − c 1)ᵢ -> Σᵢ uᵢ aᵢ − c Σᵢ uᵢ, where a sum holds something repeated along a summed axis

    and the result then collapses to fewer terms than it had.
    """
    if not isinstance(node, Einsum):
        return None
    factors = list(node.factors)
    if any(o.order > 2 for o in node.operands):
        return None
    for k, (inner, labels) in enumerate(factors):
        if not isinstance(inner, Sum) or len(inner.operands) > 4:
            continue
        if not any(i not in node.output for i in labels):
            continue
        if not any(_has_broadcast(t) for t in inner.operands):
            continue
        rest = factors[:k] + factors[k + 1 :]
        pieces = [(c, einsum([(t, labels), *rest], node.output, open_all)) for c, t in inner.terms]
        result = add(pieces, node.shape)
        core = split_scale(result)[1]
        shorter = result.weight < node.weight or not isinstance(core, Sum) or not core.operands
        paid = zip(inner.terms, pieces, strict=True)  # Σⱼ (A + c/k)ᵢⱼ -> Σⱼ Aᵢⱼ + c
        sizes = any(c.free_symbols and not (k * split_scale(p)[0]).free_symbols for (c, _), (k, p) in paid)
        if shorter or sizes or not any(_sums(split_scale(piece)[1]) for _, piece in pieces):
            return result
    return None


def _sums(node: Node) -> bool:
    """Whether the node is a product that is summed over axes, or holds one."""
    if isinstance(node, Einsum):
        return bool(node.summed) or any(map(_sums, node.operands))
    return isinstance(node, Sum) and any(map(_sums, node.operands))


def opened_where_terms_cancel(node: Node) -> Node | None:
    """u p + (v − u) p -> v p: a product with a sum multiplied out, where terms then cancel or fall together"""
    if not isinstance(node, Sum) or not 2 <= len(node.operands) <= 8:
        return None
    for k, (c, product) in enumerate(node.terms):
        if not isinstance(product, Einsum):
            continue
        sums = [m for m, o in enumerate(product.operands) if isinstance(o, Sum) and 2 <= len(o.operands) <= 4]
        for m in sums:
            total, labels = product.factors[m]
            assert isinstance(total, Sum)
            beside = [*product.factors[:m], *product.factors[m + 1 :]]
            if not any(o.order for o, _ in beside) or any(map(_has_delta, total.operands)):
                continue
            pieces = [
                (c * b, einsum([*beside, (t, labels)], product.output, open_all)) for b, t in total.terms
            ]
            rest = [t for j, t in enumerate(node.terms) if j != k]
            result = add([*rest, *pieces], node.shape)
            if _terms(result) <= len(rest) and result.weight < node.weight:
                return result
    return None


def _terms(node: Node) -> int:
    core = split_scale(node)[1]
    return len(core.operands) if isinstance(core, Sum) else 1


def distribute_deltas(node: Node) -> Node | None:
    """(a δ + b) c -> a δ c + b c in results of order three and more, where the delta then renames an axis"""
    if not isinstance(node, Einsum) or node.order < 3:
        return None
    factors = list(node.factors)
    for k, (inner, labels) in enumerate(factors):
        if isinstance(inner, Sum) and any(_has_delta(t) for t in inner.operands):
            rest = factors[:k] + factors[k + 1 :]
            return add(
                [(c, einsum([(t, labels), *rest], node.output, open_all)) for c, t in inner.terms],
                node.shape,
            )
    return None


def permute_terms(node: Node) -> Node | None:
    """axes of a sum permuted -> the sum of the permuted terms, in results of order three and more"""
    if isinstance(node, Einsum) and node.order > 2 and len(node.operands) == 1 and not node.summed:
        inner, labels = node.operands[0], node.inputs[0]
        if isinstance(inner, Sum) and len(inner.operands) > 1:
            return add(
                [(c, einsum([(t, labels)], node.output, open_all)) for c, t in inner.terms], node.shape
            )
    return None


def _has_delta(node: Node) -> bool:
    return isinstance(node, Delta) or (
        isinstance(node, Einsum) and any(isinstance(o, Delta) for o in node.operands)
    )


def _has_broadcast(node: Node) -> bool:
    if isinstance(node, Ones):
        return True
    return isinstance(node, Einsum) and any(isinstance(o, Ones | Delta) for o in node.operands)


def reshape_of_ones(node: Node) -> Node | None:
    """A reshape that only adds or drops axes of size 1 -> the same with those axes summed, or ones put there"""
    if not isinstance(node, Apply) or node.op != "reshape":
        return None
    inner = node.operands[0]
    longer = [s for s in inner.shape if s != 1]
    if longer != [s for s in node.shape if s != 1]:
        return None
    kept = [k for k, s in enumerate(node.shape) if s != 1]
    names = iter(kept)
    labels = tuple(next(names) if s != 1 else 1000 + k for k, s in enumerate(inner.shape))
    new = [(ones((node.shape[k],)), (k,)) for k in range(node.order) if k not in kept]
    return einsum([(inner, labels), *new], tuple(range(node.order)))


def reshape_undone(node: Node) -> Node | None:
    """reshape(reshape(A)) -> A or one reshape; reshape(c 1) -> c 1; reshape(I) -> δᵢₖ δⱼₗ"""
    if not isinstance(node, Apply) or node.op != "reshape":
        return None
    c, inner = split_scale(node.operands[0])
    value = constant_value(inner)
    if value is not None:
        return scale(c * value, full(node.shape))
    if isinstance(inner, Delta) and node.order == 4 and node.shape[:2] == node.shape[2:]:
        p, q = node.shape[:2]
        return scale(c, einsum([(delta(p), (0, 2)), (delta(q), (1, 3))], (0, 1, 2, 3)))
    if isinstance(inner, Apply) and inner.op == "reshape":
        first = inner.operands[0]
        same = first.shape == node.shape
        return scale(c, first if same else apply("reshape", first, **dict(node.params)))
    return None


def distribute_powers(node: Node) -> Node | None:
    """v (1 − v⁻²) -> v − v⁻¹, where a factor and the terms of a sum share a base and that is shorter"""
    if not isinstance(node, Einsum):
        return None
    factors = list(node.factors)
    for k, (inner, labels) in enumerate(factors):
        if not isinstance(inner, Sum) or len(inner.operands) > 4:
            continue
        rest = factors[:k] + factors[k + 1 :]
        bases = {split_power(o)[0] for o, _ in rest}
        below = {
            split_power(o)[0]
            for t in inner.operands
            for o in (t.operands if isinstance(t, Einsum) else (t,))
            if split_power(o)[1].is_negative
        }
        if bases.isdisjoint(below):
            continue
        over = [f for f in rest if split_power(f[0])[0] in below and set(f[1]) <= set(labels)]
        axes = tuple(range(inner.order))
        beside = [(o, tuple(labels.index(i) for i in ls)) for o, ls in over]
        within = add([(c, einsum([(t, axes), *beside], axes, open_all)) for c, t in inner.terms], inner.shape)
        if (
            len(set(labels)) == len(labels)
            and over
            and within.weight < inner.weight + sum(o.weight for o, _ in over)
        ):
            return einsum([(within, labels), *(f for f in rest if f not in over)], node.output)
        result = add(
            [(c, einsum([(t, labels), *rest], node.output, open_all)) for c, t in inner.terms], node.shape
        )
        if result.weight <= node.weight:
            return result
    return None


def total_of_terms(node: Node) -> Node | None:
    """Σᵢ (a (v − v̄) + b)ᵢ -> Σᵢ bᵢ, where summed over an axis of its own some term of a sum vanishes

    or becomes a number: Σ A ∘ (A⁻¹ − B) -> n − Σ A ∘ B.
    """
    if not isinstance(node, Einsum):
        return None
    factors = list(node.factors)
    for k, (inner, labels) in enumerate(factors):
        if not isinstance(inner, Sum) or len(inner.operands) > 4:
            continue
        elsewhere = {i for j, (_, ls) in enumerate(factors) if j != k for i in ls} | set(node.output)
        rest = factors[:k] + factors[k + 1 :]
        if elsewhere.issuperset(labels) and not any(inverts(t, o) for t in inner.operands for o, _ in rest):
            continue
        pieces = []
        vanished = False
        among_arrays = any(o.order for o, _ in rest)
        for c, t in inner.terms:
            piece = einsum([(t, labels), *rest], node.output, open_all)
            known = sums_to_one(piece)  # Σⱼ (A + softmax(z))ᵢⱼ -> Σⱼ Aᵢⱼ + 1
            piece = known or distribute_broadcast(piece) or total_of_terms(piece) or inverses_gone(piece)
            vanished = vanished or is_zero(piece) or (among_arrays and not _has_arrays(piece))
            vanished = vanished or known is not None
            pieces.append((c, piece))
        if vanished:
            return add(pieces, node.shape)
    return None


def _has_arrays(node: Node) -> bool:
    """Whether the node is more than numbers, sizes, ones and scalars."""
    core = split_scale(node)[1]
    factors = core.operands if isinstance(core, Einsum) else (core,)
    return any((o.order and not isinstance(o, Ones)) or isinstance(o, Sum) for o in factors)


def opened(node: Node, operands: tuple[Node, ...]) -> Node:
    """Rebuild a node with every inner product of a product opened."""
    if isinstance(node, Einsum):
        return einsum(list(zip(operands, node.inputs, strict=True)), node.output, open_all)
    return rebuild(node, operands)


def multiplied_out(root: Node, most: int) -> Node:
    """Every product of sums as a sum of products."""

    def rewrite(node: Node, operands: tuple[Node, ...]) -> Node:
        current = opened(node, operands)
        if isinstance(current, Sum):
            return _flat(current)
        if not isinstance(current, Einsum):
            return current
        terms: list[tuple[sympy.Expr, list[tuple[Node, tuple[int, ...]]]]] = [(sympy.S.One, [])]
        for operand, labels in current.factors:
            choices = operand.terms if isinstance(operand, Sum) else ((sympy.S.One, operand),)
            terms = [(c * k, [*fs, (t, labels)]) for c, fs in terms for k, t in choices]
            if len(terms) > most:
                return current
        pieces = [(c, einsum(fs, current.output, open_all)) for c, fs in terms]
        return _flat(add(pieces, current.shape))

    return transform([root], rewrite)[0]


def _flat(node: Node) -> Node:
    """a (b x + c y) -> a b x + a c y: every coefficient at its term"""
    terms = [(sympy.S.One, node)]
    while any(isinstance(t, Sum) for _, t in terms):
        terms = [
            (c * k, s) for c, t in terms for k, s in (t.terms if isinstance(t, Sum) else ((sympy.S.One, t),))
        ]
    return add(terms, node.shape)
