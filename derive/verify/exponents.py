"""What stands in an exponent or under an inverse: logarithms, operators entry by entry, sums over axes.

`modular` evaluates by it, `bounds` counts by it.
"""

from __future__ import annotations

from collections.abc import Iterable

import sympy

from ..node import Apply, Einsum, Node, Ones, Sum
from ..sums import flat_terms

LOGARITHMS = frozenset("log log1p softplus logsumexp".split())
#: Rational functions of a free symbol at the same entry: no axis is summed inside, whatever the argument is.
EXPONENTIAL = frozenset("exp expm1 sigmoid tanh sinh cosh sin cos tan".split())


def elementwise(node: Apply) -> bool:
    """Whether every entry of the result depends on the same entry of the operands alone."""
    from ..operators import Elementwise, lookup

    return isinstance(lookup(node.op), Elementwise)


def logarithm(c: sympy.Expr, term: Node) -> tuple[Apply, tuple[int, ...]] | None:
    """log u or log Σ exp z, with its axes, when `c · term` is a whole multiple of one."""
    inner = _repeated(term) if c.is_Integer and abs(c) < 100 else None
    return inner if inner is not None and inner[0].op in LOGARITHMS else None


def logarithmic(z: Node) -> Iterable[tuple[int, Apply]]:
    """The whole multiples of logarithms among the terms of an exponent."""
    for c, term in flat_terms(z):
        inner = logarithm(c, term)
        if inner is not None:
            yield int(c), inner[0]


def is_local(node: Apply) -> bool:
    """Whether u in the node log u depends on one tuple of indices alone, so that its reciprocal is no free symbol."""
    if node.op == "softplus":
        return not any(logarithmic(node.operands[0]))
    return node.op != "logsumexp" and pointwise(node.operands[0])


def _repeated(term: Node) -> tuple[Apply, tuple[int, ...]] | None:
    """(f, its axes) when the term is an operator, perhaps repeated along further axes."""
    if isinstance(term, Apply):
        return term, tuple(range(term.order))
    if isinstance(term, Einsum):
        rigid = [(o, ls) for o, ls in term.factors if not isinstance(o, Ones)]
        if len(rigid) == 1 and isinstance(rigid[0][0], Apply):
            labels = rigid[0][1]
            if list(labels) == sorted(set(labels)) and all(i in term.output for i in labels):
                return rigid[0][0], labels
    return None


def pointwise(node: Node) -> bool:
    """Whether no axis of symbolic size is summed in the expression, outside of free symbols."""
    seen: set[Node] = set()
    stack = [node]
    while stack:
        n = stack.pop()
        if n in seen:
            continue
        seen.add(n)
        if isinstance(n, Einsum) and any(not n.label_sizes()[i].is_Integer for i in n.summed):
            return False
        if isinstance(n, Einsum | Sum) or (isinstance(n, Apply) and n.op == "power"):
            stack.extend(n.operands)
        elif isinstance(n, Apply) and n.op == "softmax" and len(n.param("axes")) == n.order:
            return False  # a true reciprocal of a sum over axes
        elif isinstance(n, Apply) and n.op in EXPONENTIAL and any(logarithmic(n.operands[0])):
            return False  # exp(log u) is u, in which axes may be summed
    return True
