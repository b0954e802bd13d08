"""Small identities by which results become shorter in print: a table of named rewrite rules.

Each rule is a function `Node -> Node | None` with its identity in the docstring. They never apply to what is
computed, only to what is printed; the order of the table does not matter for the meaning.
"""

from __future__ import annotations

from collections.abc import Callable

import sympy

from .build import (
    add,
    constant_value,
    einsum,
    full,
    is_zero,
    negate,
    power,
    scale,
    split_power,
    split_scale,
)
from .node import Apply, Delta, Einsum, Node, Ones, Sum, delta, ones, topological, transform
from .operators import apply, rebuild
from .sizes import is_negative, product

Rule = Callable[[Node], Node | None]


def inverse_times_matrix(node: Node) -> Node | None:
    """A⁻¹ A -> I, A A⁻¹ -> I"""
    if not isinstance(node, Einsum):
        return None
    factors = list(zip(node.operands, node.inputs, strict=True))
    uses: dict[int, int] = {}
    for _, labels in factors:
        for i in labels:
            uses[i] = uses.get(i, 0) + 1
    for a, (inverse, la) in enumerate(factors):
        if not isinstance(inverse, Apply) or inverse.op != "inv" or inverse.order != 2:
            continue
        matrix = inverse.operands[0]
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


def distribute_broadcast(node: Node) -> Node | None:
    """Σᵢ uᵢ (a − c 1)ᵢ -> Σᵢ uᵢ aᵢ − c Σᵢ uᵢ, where a sum holds something repeated along a summed axis

    and the result then collapses to fewer terms than it had.
    """
    if not isinstance(node, Einsum):
        return None
    factors = list(zip(node.operands, node.inputs, strict=True))
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
        pieces = [(c, einsum([(t, labels), *rest], node.output, _open_all)) for c, t in inner.terms]
        result = add(pieces, node.shape)
        core = split_scale(result)[1]
        if result.weight < node.weight or not isinstance(core, Sum) or not core.operands:
            return result
    return None


def distribute_deltas(node: Node) -> Node | None:
    """(a δ + b) c -> a δ c + b c in results of order three and more, where the delta then renames an axis"""
    if not isinstance(node, Einsum) or node.order < 3:
        return None
    factors = list(zip(node.operands, node.inputs, strict=True))
    for k, (inner, labels) in enumerate(factors):
        if isinstance(inner, Sum) and any(_has_delta(t) for t in inner.operands):
            rest = factors[:k] + factors[k + 1 :]
            return add(
                [(c, einsum([(t, labels), *rest], node.output, _open_all)) for c, t in inner.terms],
                node.shape,
            )
    return None


def permute_terms(node: Node) -> Node | None:
    """axes of a sum permuted -> the sum of the permuted terms, in results of order three and more"""
    if isinstance(node, Einsum) and node.order > 2 and len(node.operands) == 1 and not node.summed:
        inner, labels = node.operands[0], node.inputs[0]
        if isinstance(inner, Sum) and len(inner.operands) > 1:
            return add(
                [(c, einsum([(t, labels)], node.output, _open_all)) for c, t in inner.terms], node.shape
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


def softmax_sums_to_one(node: Node) -> Node | None:
    """Σ softmax(z) over its axes -> 1"""
    if not isinstance(node, Einsum):
        return None
    factors = list(zip(node.operands, node.inputs, strict=True))
    for k, (s, labels) in enumerate(factors):
        if not isinstance(s, Apply) or s.op != "softmax":
            continue
        own = [labels[i] for i in s.param("axes")]
        elsewhere = {i for j, (_, ls) in enumerate(factors) if j != k for i in ls} | set(node.output)
        if own and len(set(labels)) == len(labels) and elsewhere.isdisjoint(own):
            kept = [i for i in labels if i not in own]
            bare = [(ones((s.shape[labels.index(i)],)), (i,)) for i in kept]
            return einsum([*factors[:k], *factors[k + 1 :], *bare], node.output)
    return None


def softmax_of_equal_entries(node: Node) -> Node | None:
    """softmax(c 1) -> 1/n,  log-sum-exp(c 1) -> c + log n"""
    if not isinstance(node, Apply) or node.op not in ("softmax", "logsumexp"):
        return None
    inside = node.operands[0]
    value = constant_value(inside)
    if value is None:
        return None
    count = product(inside.shape[k] for k in node.param("axes"))
    return scale(1 / count if node.op == "softmax" else value + sympy.log(count), full(node.shape))


def double_logistic_is_tanh(node: Node) -> Node | None:
    """2 σ(2z) − 1 -> tanh(z)"""
    if not isinstance(node, Sum):
        return None
    for k, (a, s) in enumerate(node.terms):
        if not isinstance(s, Apply) or s.op != "sigmoid":
            continue
        z = s.operands[0]
        for j, (b, one) in enumerate(node.terms):
            if j == k or constant_value(one) != 1 or a != -2 * b:
                continue
            half = scale(sympy.S.Half, z)
            if half.weight > z.weight:
                continue
            rest = [t for i, t in enumerate(node.terms) if i not in (j, k)]
            return add([*rest, (-b, apply("tanh", half))], node.shape)
    return None


def one_minus_sigmoid_of_negative(node: Node) -> Node | None:
    """1 − σ(−z) -> σ(z), where z is written without the minus"""
    if not isinstance(node, Sum) or len(node.operands) != 2:
        return None
    for (a, s), (b, one) in (node.terms, node.terms[::-1]):
        if isinstance(s, Apply) and s.op == "sigmoid" and a == -b and constant_value(one) == 1:
            c, _ = split_scale(s.operands[0])
            if is_negative(c):
                return scale(b, apply("sigmoid", negate(s.operands[0])))
    return None


def complementary_sigmoids(node: Node) -> Node | None:
    """a σ(z) + b σ(−z) -> a σ(z) + b (1 − σ(z)), where multiplying out then makes it shorter"""
    if not isinstance(node, Sum):
        return None
    found = {n for n in topological([node]) if isinstance(n, Apply) and n.op == "sigmoid"}
    pairs: dict[Node, Node] = {}
    for s in sorted(found, key=lambda n: n.sort_key):
        mirror = apply("sigmoid", negate(s.operands[0]))
        if mirror in found and mirror not in pairs and is_negative(split_scale(mirror.operands[0])[0]):
            pairs[mirror] = add([(sympy.S.One, full(s.shape)), (sympy.S.NegativeOne, s)], s.shape)
    if not pairs:
        return None
    (replaced,) = transform([node], rebuild, dict(pairs))
    better = multiplied_out(replaced, 60)
    return better if better.weight < node.weight else None


def exp_of_log(node: Node) -> Node | None:
    """exp(log x) -> x"""
    if isinstance(node, Apply) and node.op == "exp":
        inside = node.operands[0]
        if isinstance(inside, Apply) and inside.op == "log":
            return inside.operands[0]
    return None


def sign_squared(node: Node) -> Node | None:
    """sign(x)|x| -> x"""
    if not isinstance(node, Einsum):
        return None
    factors = list(zip(node.operands, node.inputs, strict=True))
    for a, (s, ls) in enumerate(factors):
        if isinstance(s, Apply) and s.op == "sign":
            for b, (m, lm) in enumerate(factors):
                base, exponent = split_power(m)
                if (
                    lm == ls
                    and isinstance(base, Apply)
                    and base.op == "abs"
                    and base.operands[0] is s.operands[0]
                    and exponent == 1
                ):
                    factors[a] = (s.operands[0], ls)
                    del factors[b]
                    return einsum(factors, node.output)
    return None


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


def sinh_over_cosh(node: Node) -> Node | None:
    """sinh(z) / cosh(z) -> tanh(z)"""
    return _pair_of_factors(node, "sinh", "cosh", lambda z, k: (apply("tanh", z), k + 1) if k <= -1 else None)


def relu_times_step(node: Node) -> Node | None:
    """relu(z) step(z) -> relu(z),  step(z)ᵏ -> step(z)"""
    whole, power_of_whole = split_power(node)
    if isinstance(whole, Apply) and whole.op == "step" and power_of_whole != 1 and power_of_whole.is_positive:
        return whole
    if not isinstance(node, Einsum):
        return None
    factors = list(zip(node.operands, node.inputs, strict=True))
    for a, (s, ls) in enumerate(factors):
        base, exponent = split_power(s)
        if not isinstance(base, Apply) or base.op != "step" or not exponent.is_positive:
            continue
        if exponent != 1:
            factors[a] = (base, ls)
            return einsum(factors, node.output)
        for m, lm in factors:
            base_m, exponent_m = split_power(m)
            fits = lm == ls and isinstance(base_m, Apply) and base_m.op == "relu" and exponent_m.is_positive
            if fits and base_m.operands[0] is base.operands[0]:
                return einsum([f for k, f in enumerate(factors) if k != a], node.output)
    return None


def _pair_of_factors(
    node: Node, first: str, second: str, merged: Callable[[Node, sympy.Expr], tuple[Node, sympy.Expr] | None]
) -> Node | None:
    """first(z) second(z)ᵏ with the same axes, replaced by what `merged(z, k)` says: (factor, new k)."""
    if not isinstance(node, Einsum):
        return None
    factors = list(zip(node.operands, node.inputs, strict=True))
    for a, (s, ls) in enumerate(factors):
        if not isinstance(s, Apply) or s.op != first:
            continue
        for b, (m, lm) in enumerate(factors):
            base, exponent = split_power(m)
            same = lm == ls and isinstance(base, Apply) and base.op == second
            found = merged(s.operands[0], exponent) if same and base.operands[0] is s.operands[0] else None
            if found is not None:
                factors[a] = (found[0], ls)
                factors[b] = (power(base, found[1]), lm)
                return einsum(factors, node.output)
    return None


def inverse_of_product(node: Node) -> Node | None:
    """(A B C)⁻¹ A -> (B C)⁻¹,  C (A B C)⁻¹ -> (A B)⁻¹, for square A and C"""
    if not isinstance(node, Einsum):
        return None
    factors = list(zip(node.operands, node.inputs, strict=True))
    uses: dict[int, int] = {}
    for _, labels in factors:
        for i in labels:
            uses[i] = uses.get(i, 0) + 1
    for a, (inverse, la) in enumerate(factors):
        if not isinstance(inverse, Apply) or inverse.op != "inv" or inverse.order != 2:
            continue
        product = inverse.operands[0]
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
                kept = [f for m, f in enumerate(zip(product.operands, product.inputs, strict=True)) if m != k]
                rest = einsum([(o, tuple(end if i == inner else i for i in ls)) for o, ls in kept], (0, 1))
                labels = (la[0], y) if end == 0 else (y, la[1])
                others = [f for m, f in enumerate(factors) if m not in (a, b)]
                return einsum([*others, (apply("inv", rest), labels)], node.output)
    return None


def simplex_sums_to_one(node: Node) -> Node | None:
    """Σ p over the last axis of a variable on the simplex -> 1"""
    if not isinstance(node, Einsum):
        return None
    factors = list(zip(node.operands, node.inputs, strict=True))
    for k, (p, labels) in enumerate(factors):
        if "simplex" not in p.facts or not labels or len(set(labels)) != len(labels):
            continue
        elsewhere = {i for j, (_, ls) in enumerate(factors) if j != k for i in ls} | set(node.output)
        if labels[-1] not in elsewhere:
            bare = [(ones((s,)), (i,)) for s, i in zip(p.shape[:-1], labels[:-1], strict=True)]
            return einsum([*factors[:k], *factors[k + 1 :], *bare], node.output)
    return None


def distribute_powers(node: Node) -> Node | None:
    """v (1 − v⁻²) -> v − v⁻¹, where a factor and the terms of a sum share a base and that is shorter"""
    if not isinstance(node, Einsum):
        return None
    factors = list(zip(node.operands, node.inputs, strict=True))
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
        result = add(
            [(c, einsum([(t, labels), *rest], node.output, _open_all)) for c, t in inner.terms], node.shape
        )
        if result.weight <= node.weight:
            return result
    return None


def inverse_of_multiple(node: Node) -> Node | None:
    """(t A)⁻¹ -> A⁻¹ / t, for a scalar t"""
    if not isinstance(node, Apply) or node.op != "inv" or node.order != 2:
        return None
    product = node.operands[0]
    if not isinstance(product, Einsum):
        return None
    factors = list(zip(product.operands, product.inputs, strict=True))
    scalars = [o for o, labels in factors if not labels]
    rest = [f for f in factors if f[1]]
    if not scalars or not rest:
        return None
    inverse = apply("inv", einsum(rest, product.output))
    return einsum([*((power(s, sympy.S.NegativeOne), ()) for s in scalars), (inverse, (0, 1))], (0, 1))


def branches_together(node: Node) -> Node | None:
    """where(c, a, 0) x + where(c, 0, b) y -> where(c, a x, b y)"""
    if not isinstance(node, Sum) or not node.order or len(node.operands) > 6:
        return None
    axes = tuple(range(node.order))
    by_condition: dict[Node, list[tuple[int, list[Node]]]] = {}
    for k, term in enumerate(node.operands):
        factors, output = [(term, axes)], axes
        if isinstance(term, Einsum):
            factors, output = list(zip(term.operands, term.inputs, strict=True)), term.output
        for j, (mask, labels) in enumerate(factors):
            if not isinstance(mask, Apply) or mask.op != "where" or labels != output:
                continue
            condition, *branches = mask.operands
            if sum(map(is_zero, branches)) == 1:
                rest = [*factors[:j], *factors[j + 1 :], (full(node.shape), output)]
                pair = [einsum([*rest, (b, output)], output) for b in branches]
                by_condition.setdefault(condition, []).append((k, pair))
                break
    for condition, found in by_condition.items():
        if len(found) < 2:
            continue
        sides = (
            add([(node.coefficients[k], pair[side]) for k, pair in found], node.shape) for side in (0, 1)
        )
        taken = {k for k, _ in found}
        others = [t for k, t in enumerate(node.terms) if k not in taken]
        return add([*others, (sympy.S.One, apply("where", condition, *sides))], node.shape)
    return None


def total_of_terms(node: Node) -> Node | None:
    """Σᵢ (a (v − v̄) + b)ᵢ -> Σᵢ bᵢ, where summed over an axis of its own some term of a sum vanishes

    or becomes a number: Σ A ∘ (A⁻¹ − B) -> n − Σ A ∘ B.
    """
    if not isinstance(node, Einsum):
        return None
    factors = list(zip(node.operands, node.inputs, strict=True))
    for k, (inner, labels) in enumerate(factors):
        if not isinstance(inner, Sum) or len(inner.operands) > 4:
            continue
        elsewhere = {i for j, (_, ls) in enumerate(factors) if j != k for i in ls} | set(node.output)
        rest = factors[:k] + factors[k + 1 :]
        if elsewhere.issuperset(labels) and not any(_inverts(t, o) for t in inner.operands for o, _ in rest):
            continue
        pieces = []
        vanished = False
        among_arrays = any(o.order for o, _ in rest)
        for c, t in inner.terms:
            piece = einsum([(t, labels), *rest], node.output, _open_all)
            piece = distribute_broadcast(piece) or total_of_terms(piece) or _inverses_gone(piece)
            vanished = vanished or is_zero(piece) or (among_arrays and not _has_arrays(piece))
            pieces.append((c, piece))
        if vanished:
            return add(pieces, node.shape)
    return None


def _has_arrays(node: Node) -> bool:
    """Whether the node is more than numbers, sizes, ones and scalars."""
    core = split_scale(node)[1]
    factors = core.operands if isinstance(core, Einsum) else (core,)
    return any((o.order and not isinstance(o, Ones)) or isinstance(o, Sum) for o in factors)


def _inverts(node: Node, matrix: Node) -> bool:
    """Whether the node is A⁻¹ for that A, perhaps times scalars."""
    factors = node.operands if isinstance(node, Einsum) else (node,)
    return any(isinstance(o, Apply) and o.op == "inv" and o.operands[0] is matrix for o in factors)


def _inverses_gone(node: Node) -> Node:
    """The product with every A⁻¹ A taken out."""
    while (better := inverse_times_matrix(node)) is not None:
        node = better
    return node


RULES: tuple[Rule, ...] = (
    inverse_times_matrix,
    inverse_of_multiple,
    branches_together,
    softmax_sums_to_one,
    softmax_of_equal_entries,
    distribute_broadcast,
    distribute_deltas,
    permute_terms,
    double_logistic_is_tanh,
    one_minus_sigmoid_of_negative,
    complementary_sigmoids,
    exp_of_log,
    sign_squared,
    reshape_of_ones,
    reshape_undone,
    sinh_over_cosh,
    relu_times_step,
    inverse_of_product,
    simplex_sums_to_one,
    distribute_powers,
    total_of_terms,
)


#: Inner products of more factors stay closed: a deep network would otherwise become one product of hundreds.
MOST_FACTORS = 10


def _open_all(node: Einsum) -> bool:
    return len(node.operands) <= MOST_FACTORS


def opened(node: Node, operands: tuple[Node, ...]) -> Node:
    """Rebuild a node with every inner product of a product opened."""
    if isinstance(node, Einsum):
        return einsum(list(zip(operands, node.inputs, strict=True)), node.output, _open_all)
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
        for operand, labels in zip(current.operands, current.inputs, strict=True):
            choices = operand.terms if isinstance(operand, Sum) else ((sympy.S.One, operand),)
            terms = [(c * k, [*fs, (t, labels)]) for c, fs in terms for k, t in choices]
            if len(terms) > most:
                return current
        pieces = [(c, einsum(fs, current.output, _open_all)) for c, fs in terms]
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
