"""Single edits of a formula, the slips of a hand derivation, smallest first.

Every edit replaces one subformula by another of the same shape. It is described by what is there and what
is put in its place, so that one generator serves both ways: an edit of the claim that gives the right
formula, and an edit of the right formula that gives the claim.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress

import sympy

from ..build import add, constant_value, einsum, full, is_zero, multiply, negate, power, scale, swap_last
from ..errors import DeriveError
from ..node import Apply, Delta, Einsum, Node, Ones, Sum, Variable, delta, depends_on, topological
from ..operators import Elementwise, apply, lookup
from ..sizes import ONE, same_shape, same_size
from .edit import Edit
from .products import of_product

#: Functions that are taken for one another.
_RELATED = (
    ("sigmoid", "tanh", "exp", "softplus", "relu", "step"),
    ("sin", "cos", "tan"),
    ("log", "sqrt", "exp", "log1p"),
    ("abs", "sign", "relu", "step"),
    ("digamma", "lgamma", "trigamma"),
    ("erf", "exp"),
    ("sinh", "cosh", "tanh"),
)
_MOST = 400  # places that are edited


def edits(root: Node, pool: Sequence[Node]) -> list[Edit]:
    """All single edits of a formula; `pool` holds what may have been forgotten or mistaken."""
    found: list[Edit] = []
    places = list(topological([root]))[-_MOST:]
    for node in places:
        try:
            found += _of_one(node, root, pool)
        except (DeriveError, ValueError, ZeroDivisionError):
            continue
    seen: set[tuple[Node, Node]] = set()
    unique = []
    for e in sorted(found, key=lambda e: e.cost):
        if e.after is e.before or constant_value(e.after) is not None:
            continue  # nothing is left of what was there
        if e.part is not None and e.kind.startswith("missing") and depends_on(e.part, e.before):
            continue
        if (e.before, e.after) not in seen:
            seen.add((e.before, e.after))
            unique.append(e)
    return unique


def _of_one(node: Node, root: Node, pool: Sequence[Node]) -> Iterator[Edit]:
    if isinstance(node, Ones | Delta) or is_zero(node):
        return
    if node is not root:
        yield Edit("sign", node, negate(node), cost=1)
    yield from _as_matrix(node)
    if isinstance(node, Variable):
        for other in pool:
            if isinstance(other, Variable) and other is not node and same_shape(other.shape, node.shape):
                yield Edit("operand", node, other, cost=3)
    if isinstance(node, Sum):
        yield from _of_sum(node, pool)
    if isinstance(node, Einsum):
        yield from of_product(node, pool)
    if isinstance(node, Apply):
        yield from _of_operator(node)
    if not isinstance(node, Sum):
        for c in pool:
            if same_shape(c.shape, node.shape) and not isinstance(c, Ones) and node is not root:
                yield Edit("missing term", node, add([(ONE, node), (ONE, c)]), c, cost=5)
                yield Edit("missing term", node, add([(ONE, node), (-ONE, c)]), negate(c), cost=5)
    if node.order:
        yield Edit("power", node, power(node, sympy.Integer(2)), cost=4)
        yield from _times(node, pool)


def _as_matrix(node: Node) -> Iterator[Edit]:
    """Transposes, inverses and diagonals of square matrices."""
    if node.order < 2 or not same_size(node.shape[-1], node.shape[-2]):
        return
    if "symmetric" not in node.facts:
        yield Edit("transpose", node, swap_last(node), cost=1)
    if isinstance(node, Variable):
        yield Edit("inverse", node, apply("inv", node), cost=2)
    if isinstance(node, Apply) and node.op == "inv":
        yield Edit("inverse", node, node.operands[0], cost=2)
    if node.order == 2:
        labels = (0, 1)
        if "diagonal" not in node.facts:
            diagonal = einsum([(node, labels), (delta(node.shape[0]), labels)], labels)
            yield Edit("diagonal", node, diagonal, cost=2)
            yield Edit("diagonal", node, add([(ONE, node), (-ONE, diagonal)]), cost=4)


def _of_sum(node: Sum, pool: Sequence[Node]) -> Iterator[Edit]:
    pairs = list(node.terms)
    for k, (c, t) in enumerate(pairs):
        term = scale(c, t)
        rest = [p for j, p in enumerate(pairs) if j != k]
        if rest:
            yield Edit("extra term", node, add(rest, node.shape), term, cost=2)
            yield Edit("sign", node, add([*rest, (-c, t)], node.shape), term, cost=1)
        for factor in (2, sympy.S.Half):
            yield Edit("term factor", node, add([*rest, (c * factor, t)], node.shape), term, cost=3)
        for old in sorted(c.free_symbols, key=str):
            yield Edit("size", node, add([*rest, (c.subs(old, 1), t)], node.shape), term, cost=3)
            for new in sorted({s for p in pool for s in _symbols(p)} - {old}, key=str):
                yield Edit("size", node, add([*rest, (c.subs(old, new), t)], node.shape), term, cost=2)
        if not c.is_Rational:
            yield Edit("factor", node, add([*rest, (sympy.S.One, t)], node.shape), term, cost=3)
    for c in pool:
        if same_shape(c.shape, node.shape) and all(c is not t for _, t in pairs) and not isinstance(c, Ones):
            yield Edit("missing term", node, add([(ONE, node), (ONE, c)]), c, cost=4)
            yield Edit("missing term", node, add([(ONE, node), (-ONE, c)]), negate(c), cost=4)


def _symbols(node: Node) -> set[sympy.Symbol]:
    return {s for size in node.shape for s in size.free_symbols}


def _of_operator(node: Apply) -> Iterator[Edit]:
    operator = lookup(node.op)
    if node.op == "power":
        base, e = node.operands[0], node.param("exponent")
        for other in (e + 1, e - 1, 2 * e, e / 2, -e, ONE):
            if other != 0:
                yield Edit("power", node, power(base, other), cost=3)
        return
    first = node.operands[0]
    for name in sorted({n for group in _RELATED if node.op in group for n in group} - {node.op}):
        with suppress(DeriveError, KeyError):  # not every name is an operator of its own
            yield Edit("function", node, _function(name, first), cost=3)
    if node.op == "expm1":
        yield Edit("function", node, add([(ONE, first), (-ONE, full(first.shape))]), cost=3)
    if len(node.operands) == 1 and same_shape(first.shape, node.shape) and node.op != "inv":
        yield Edit("function", node, first, cost=3)
    if isinstance(operator, Elementwise) and len(node.operands) == 1:
        yield Edit("function", node, operator.partial(0, node.operands, node.params), cost=3)
    if node.op == "softmax":
        yield Edit("normalisation", node, apply("exp", first), cost=2)
        yield Edit("function", node, apply("sigmoid", first), cost=3)
    if (
        node.op in ("softmax", "logsumexp", "max", "min")
        and first.order == 2
        and len(node.param("axes")) == 1
    ):
        (axis,) = node.param("axes")
        yield Edit("index", node, apply(node.op, first, axes=(1 - axis,)), cost=2)


def _function(name: str, argument: Node) -> Node:
    return power(argument, sympy.S.Half) if name == "sqrt" else apply(name, argument)


def _times(node: Node, pool: Sequence[Node]) -> Iterator[Edit]:
    """Entry by entry, a forgotten factor: of the same shape, or along some of the axes."""
    labels = tuple(range(node.order))
    for c in pool:
        if isinstance(c, Ones | Delta):
            continue
        if same_shape(c.shape, node.shape):
            yield Edit("missing factor", node, multiply(node, c), c, cost=3)
        elif c.order == 1 and node.order == 2:
            for axis in (0, 1):
                if same_size(c.shape[0], node.shape[axis]):
                    yield Edit(
                        "missing factor", node, einsum([(node, labels), (c, (axis,))], labels), c, cost=4
                    )
        elif c.order == 0 and not isinstance(c, Sum):
            yield Edit("missing factor", node, einsum([(node, labels), (c, ())], labels), c, cost=4)
            yield Edit("missing factor", node, einsum([(node, labels), (power(c, -ONE), ())], labels),
                       power(c, -ONE), cost=4)  # fmt: skip


def pool(*roots: Node) -> list[Node]:
    """What a derivation handles: variables, functions of them and their derivatives, residuals; few and light."""
    found: list[Node] = []
    for node in topological(roots):
        if isinstance(node, Variable | Apply) or (isinstance(node, Sum | Einsum) and node.weight <= 12):
            found.append(node)
        if isinstance(node, Apply) and len(node.operands) == 1:
            operator = lookup(node.op)
            if isinstance(operator, Elementwise) and node.op not in ("power", "log", "sign", "step"):
                try:
                    found.append(operator.partial(0, node.operands, node.params))
                except (DeriveError, ValueError):
                    continue
    return sorted(dict.fromkeys(found), key=lambda n: n.weight)[:60]
