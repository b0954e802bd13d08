"""Products in which one factor vanishes off a condition: there the others are known.

    max(0, u), relu(u) and step(u) vanish unless u > 0, where sign(u) = step(u) = 1 and |u| = u;
    min(0, u) vanishes unless u < 0, where sign(u) = −1, step(u) = 0 and |u| = −u.

So max(0, u) (1 + sign(u)) is 2 max(0, u), and relu(u)² step(u) is relu(u)².
"""

from __future__ import annotations

from collections.abc import Callable

import sympy

from ..build import add, constant_value, einsum, full, negate, scale, split_power, split_scale
from ..node import Apply, Einsum, Node, Sum
from ..operators import Elementwise, apply, lookup

#: Factors are looked into no deeper than this.
DEPTH = 4


def known_where_it_counts(node: Node) -> Node | None:
    """max(0, u) (1 + sign(u)) -> 2 max(0, u),  relu(u) step(u) -> relu(u),  min(0, u) sign(u) -> -min(0, u)"""
    if not isinstance(node, Einsum):
        return None
    factors = list(node.factors)
    for k, (factor, labels) in enumerate(factors):
        u = _positive_where(factor)
        for j, (other, others) in enumerate(factors):
            known = _known(other, u, DEPTH) if u is not None and j != k and others == labels else other
            if known is not other:
                return einsum([*factors[:j], (known, labels), *factors[j + 1 :]], node.output)
    return None


def branches_within_branches(node: Node) -> Node | None:
    """where(c, where(c, a, b), d) -> where(c, a, d);  where(c, a, b) where(c, x, y) -> where(c, a x, b y)"""
    if isinstance(node, Apply) and node.op == "where":
        condition, *branches = node.operands
        opened = [_branch(condition, b, k) for k, b in enumerate(branches)]
        changed = any(a is not b for a, b in zip(opened, branches, strict=True))
        return apply("where", condition, *opened) if changed else None
    if not isinstance(node, Einsum):
        return None
    factors = list(node.factors)
    for k, (first, labels) in enumerate(factors):
        for j, (other, others) in enumerate(factors[k + 1 :], k + 1):
            alike = isinstance(first, Apply) and isinstance(other, Apply) and first.op == other.op == "where"
            if alike and labels == others and first.operands[0] is other.operands[0]:
                axes = tuple(range(first.order))
                pairs = zip(first.operands[1:], other.operands[1:], strict=True)
                both = [einsum([(a, axes), (b, axes)], axes) for a, b in pairs]
                merged = (apply("where", first.operands[0], *both), labels)
                return einsum([*factors[:k], merged, *factors[k + 1 : j], *factors[j + 1 :]], node.output)
    return None


def _branch(condition: Node, branch: Node, k: int) -> Node:
    """The branch where it is taken: the k-th of a choice on the same condition, also within a product."""
    if isinstance(branch, Apply) and branch.op == "where" and branch.operands[0] is condition:
        return branch.operands[1 + k]
    c, core = split_scale(branch)
    if isinstance(core, Einsum) and not core.summed:
        found = [_branch(condition, o, k) if ls == core.output else o for o, ls in core.factors]
        if any(a is not b for a, b in zip(found, core.operands, strict=True)):
            return scale(c, einsum(list(zip(found, core.inputs, strict=True)), core.output))
    return branch


def powers_of_step(node: Node) -> Node | None:
    """step(z)ᵏ -> step(z)"""
    whole, exponent = split_power(node)
    if isinstance(whole, Apply) and whole.op == "step" and exponent != 1 and exponent.is_positive:
        return whole
    if not isinstance(node, Einsum):
        return None
    bases = [powers_of_step(o) for o in node.operands]
    if not any(bases):
        return None
    found = [b or o for b, o in zip(bases, node.operands, strict=True)]
    return einsum(list(zip(found, node.inputs, strict=True)), node.output)


def step_of_cut(node: Node) -> Node | None:
    """step(c − max(x, k)) -> step(c − x) for numbers k < c,  step(max(x, k) − c) for k <= c; min(x, k) likewise"""
    if not isinstance(node, Apply) or node.op != "step":
        return None
    outer, inside = split_scale(node.operands[0])
    if not isinstance(inside, Sum) or len(inside.operands) != 2:
        return None
    for (a, cut), (b, one) in (inside.terms, inside.terms[::-1]):
        number = constant_value(one)
        if not isinstance(cut, Apply) or cut.op not in ("maximum", "minimum") or number is None:
            continue
        levels = [constant_value(o) for o in cut.operands]
        if (levels[0] is None) == (levels[1] is None):
            continue
        x, level = cut.operands[levels[1] is None], levels[levels[0] is None]
        gap = outer * (a * level + b * number)  # the sign of what is inside where x is cut off
        loses = outer * a * (1 if cut.op == "maximum" else -1)  # whether larger cuts make it larger
        if (loses.is_negative and gap.is_positive) or (loses.is_positive and gap.is_nonpositive):
            return apply("step", scale(outer, add([(a, x), (b, one)], inside.shape)))
    return None


def _positive_where(factor: Node) -> Node | None:
    """u, if the factor vanishes unless u > 0."""
    base, exponent = split_power(split_scale(factor)[1])
    if not isinstance(base, Apply) or not exponent.is_positive:
        return None
    if base.op in ("relu", "step"):
        return base.operands[0]
    if base.op in ("maximum", "minimum"):
        rest = [o for o in base.operands if constant_value(o) != 0]
        if len(rest) == 1:
            return rest[0] if base.op == "maximum" else negate(rest[0])
    return None


#: What a function of c u is where u > 0, given c u and the sign of c.
_VALUES: dict[str, Callable[[Node, int], Node]] = {
    "sign": lambda v, c: scale(sympy.Integer(c), full(v.shape)),
    "step": lambda v, c: scale(sympy.Integer(max(c, 0)), full(v.shape)),
    "abs": lambda v, c: v if c > 0 else negate(v),
}


def _known(node: Node, u: Node, depth: int) -> Node:
    """The node with its functions of multiples of u as they are where u > 0, entry by entry."""
    if isinstance(node, Apply) and node.op in _VALUES:
        c = _sign_of_ratio(node.operands[0], u)
        if c:
            return _VALUES[node.op](node.operands[0], c)
    if depth == 0:
        return node
    if isinstance(node, Sum):
        known = [_known(t, u, depth - 1) for t in node.operands]
        if all(a is b for a, b in zip(known, node.operands, strict=True)):
            return node
        return add(list(zip(node.coefficients, known, strict=True)), node.shape)
    if isinstance(node, Einsum):
        same = [ls == node.output for ls in node.inputs]
        known = [_known(o, u, depth - 1) if fits else o for o, fits in zip(node.operands, same, strict=True)]
        if all(a is b for a, b in zip(known, node.operands, strict=True)):
            return node
        return einsum(list(zip(known, node.inputs, strict=True)), node.output)
    if isinstance(node, Apply) and isinstance(lookup(node.op), Elementwise):
        known = [_known(o, u, depth - 1) for o in node.operands]
        if any(a is not b for a, b in zip(known, node.operands, strict=True)):
            return apply(node.op, *known, **dict(node.params))
    return node


def _sign_of_ratio(v: Node, u: Node) -> int:
    """The sign of c where v = c u, 0 where v is no known multiple of u."""
    for side, w in ((1, v), (-1, negate(v))):
        (c, core), (k, other) = split_scale(w), split_scale(u)
        if core is other and (c / k).is_positive:
            return side
    return 0
