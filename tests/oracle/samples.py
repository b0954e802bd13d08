"""A sample expression for every operator, found from its arity, settings and size rule.

A new operator is tested without a new test; only one whose settings are no options of its record needs a row in
`SETTINGS`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import sympy

from derive.build import add, einsum, full, zero
from derive.errors import DeriveError, SizeError
from derive.node import Node, Variable, delta, depends_on, variable
from derive.operators import REGISTRY, Elementwise, Operator, apply
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
    "windows": [{"axis": 1, "size": TWO}, {"axis": 1, "size": d, "stride": TWO}, {"axis": 0, "size": n}],
    "overlap_add": [{"axis": 0, "size": n + d - 1}, {"axis": 0, "size": d + 2 * n - 2, "stride": TWO}],
    "take": [{"axis": 0}, {"axis": 1}],
    "scatter_add": [{"axis": 0, "size": n + 1}, {"axis": 1, "size": d}],
}
SHAPES = ((n, d), (n, n), (n,), (), (d, n, n))


def counting(size: Any) -> Node:
    """0, 1, …, size − 1: whole numbers that are no data."""
    running = apply("cumsum", full((size,)), axis=0)
    return add([(ONE, running), (-ONE, full((size,)))])


def _above_one(operands: list[Variable], settings: dict[str, Any]) -> list[Node]:
    return [add([(ONE, x), (ONE, full(x.shape))]) for x in operands]


def _definite(operands: list[Variable], settings: dict[str, Any]) -> list[Node]:
    """A matrix whose lower triangle is that of a positive definite one."""
    (x,) = operands
    batch = tuple(range(x.order - 2))
    eye = [(delta(x.shape[-1]), (50, 51)), *((full((s,)), (i,)) for i, s in enumerate(x.shape[:-2]))]
    return [add([(ONE, x), (sympy.Integer(3), einsum(eye, (*batch, 50, 51)))])]


def _numbered(operands: list[Variable], settings: dict[str, Any]) -> list[Node]:
    """An array, and places on it: different ones on its first axis, the same on others."""
    x, axis = operands[0], settings["axis"]
    return [x, zero(x.shape[axis : axis + 1]) if axis else counting(x.shape[axis])]


def _few(operands: list[Variable], settings: dict[str, Any]) -> list[Node]:
    """3 I, its first column moved by that of a matrix: as few symbols as show every rule."""
    x, one = operands[0], ("range", ZERO, ONE, ONE)
    if not (x.order == 2 and x.shape[0] == x.shape[1]):
        raise SizeError("a square matrix")
    part = (("range", ZERO, x.shape[0], ONE), one)
    column = apply("place", apply("slice", x, index=part), index=part, shape=x.shape)
    return [add([(ONE, column), (sympy.Integer(3), delta(x.shape[0]))])]


def _short(operands: list[Variable], settings: dict[str, Any]) -> list[Node]:
    """A square matrix, one entry of a second, one column of a third."""
    one = ("range", ZERO, ONE, ONE)
    whole = ("range", ZERO, operands[2].shape[0], ONE)
    entry = apply("slice", operands[1], index=(one, one))
    return [*_few(operands, settings), entry, apply("slice", operands[2], index=(whole, one))]


#: Arguments made of the operands, where the operands themselves would be outside the domain.
ARGUMENTS: dict[str, Callable[[list[Variable], dict[str, Any]], list[Node]]] = {
    **{o.name: _above_one for o in REGISTRY.values() if isinstance(o, Elementwise) and o.domain == "above 1"},
    "cholesky": _definite,
    "polar": _few,
    "leading_dyad": _few,
    "sylvester": _short,
    "take": _numbered,
    "scatter_add": _numbered,
}


def samples() -> Iterator[tuple[str, Node, list[Variable]]]:
    """(label, expression, its variables) for every operator and setting."""
    for name, operator in sorted(REGISTRY.items()):
        found = 0
        for settings in SETTINGS.get(name) or settings_of(operator):
            arity = operator.arity if operator.arity >= 0 else 2
            for shape in SHAPES:
                operands = [variable(f"x{i}", shape, ("positive",)) for i in range(arity)]
                try:
                    arguments = ARGUMENTS[name](operands, settings) if name in ARGUMENTS else operands
                    node = apply(name, *arguments, **settings)
                except (DeriveError, IndexError, TypeError):
                    continue
                label = f"{name}{list(settings.values()) or ''}"
                yield label, node, [x for x in operands if depends_on(node, x)]
                found += 1
                break
        assert found, f"no sample expression was found for {name}: give its settings in SETTINGS"


def settings_of(operator: Operator) -> list[dict[str, Any]]:
    """The options of a record: each in turn with every value that is tried of it, the others as they come first."""
    tried = {"axis": [0, 1], "flag": [False, True], "size": [ONE, TWO], "integer": [0, 1, -1]}
    options = operator.options or ()
    first = {o.name: tried[o.kind][0] for o in options}
    more = [first | {o.name: value} for o in options for value in tried[o.kind][1:]]
    return [first, *more]


def weighted(node: Node) -> Node:
    """Σ (c + 1)ᵢ nodeᵢ²/2 + …: a scalar in which every entry of the operator counts, linearly and squared."""
    labels = tuple(range(node.order))
    c = variable("c", node.shape, ("positive",))
    linear = einsum([(node, labels), (c, labels)], ())
    square = einsum([(node, labels), (node, labels)], ())
    return add([(ONE, linear), (sympy.S.Half, square)], ())


__all__ = ["NUMBERS", "Elementwise", "samples", "weighted"]
