"""A sample expression for every operator, found from its arity, settings and size rule.

A new operator is tested without a new test; only one with settings of its own needs a row in `SETTINGS`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sympy

from derive.build import add, einsum, full
from derive.errors import DeriveError
from derive.node import Node, Variable, variable
from derive.operators import REGISTRY, Elementwise, apply
from derive.sizes import sizes

n, d = sizes("n d")
NUMBERS = {n: 2, d: 3}
ZERO, ONE, TWO = sympy.S.Zero, sympy.S.One, sympy.Integer(2)

#: Settings to try, by operator. The shapes of the operands are found by trying.
SETTINGS: dict[str, list[dict[str, Any]]] = {
    "power": [{"exponent": sympy.Rational(p, q)} for p, q in ((2, 1), (3, 1), (-1, 1), (1, 2), (-3, 2))],
    "polygamma": [{"order": TWO}, {"order": sympy.Integer(3)}],
    **{
        name: [{"axes": (0,)}, {"axes": (1,)}]
        for name in ("logsumexp", "softmax", "max", "min", "max_share", "min_share")
    },
    "reshape": [{"shape": (d, n)}, {"shape": (n * d,)}],
    "slice": [
        {"index": (("range", ZERO, n - 1, ONE), ("range", d - 1, d, -ONE))},
        {"index": (("at", n - 1), ("range", ZERO, d, ONE))},
    ],
    "place": [{"index": (("range", ONE, n, ONE), ("range", ZERO, d, TWO)), "shape": (n + 1, 2 * d)}],
    "concatenate": [{"axis": 0}, {"axis": 1}],
}
SHAPES = ((n, d), (n, n), (n,), (), (d, n, n))
#: Where an argument between 0 and 1 is outside the domain.
ABOVE_ONE = {"arccosh"}


def samples() -> Iterator[tuple[str, Node, list[Variable]]]:
    """(label, expression, its variables) for every operator and setting."""
    for name, operator in sorted(REGISTRY.items()):
        found = 0
        for settings in SETTINGS.get(name, [{}]):
            arity = operator.arity if operator.arity >= 0 else 2
            for shape in SHAPES:
                operands = [variable(f"x{i}", shape, ("positive",)) for i in range(arity)]
                arguments: list[Node] = list(operands)
                if name in ABOVE_ONE:
                    arguments = [add([(ONE, x), (ONE, full(shape))]) for x in operands]
                try:
                    node = apply(name, *arguments, **settings)
                except (DeriveError, IndexError, TypeError):
                    continue
                yield f"{name}{list(settings.values()) or ''}", node, operands
                found += 1
                break
        assert found, f"no sample expression was found for {name}: give its settings in SETTINGS"


def weighted(node: Node) -> Node:
    """Σ (c + 1)ᵢ nodeᵢ²/2 + …: a scalar in which every entry of the operator counts, linearly and squared."""
    labels = tuple(range(node.order))
    c = variable("c", node.shape, ("positive",))
    linear = einsum([(node, labels), (c, labels)], ())
    square = einsum([(node, labels), (node, labels)], ())
    return add([(ONE, linear), (sympy.S.Half, square)], ())


__all__ = ["NUMBERS", "Elementwise", "samples", "weighted"]
