"""The meaning of comparisons in LaTeX formulas: indicators, cases, and relations between indices."""

from __future__ import annotations

import sympy

from ..build import add, einsum, number, transpose
from ..errors import ParseError, SizeError, UnsupportedError
from ..node import Node, delta, ones
from ..operators import apply
from ..sizes import ONE, Size, same_size
from . import latex_values as lv
from .conditions import choose, indicator
from .latex_entries import Entries
from .latex_names import Name, Unbound
from .latex_tree import Tree
from .latex_values import Value

_MINUS = -ONE
_OPPOSITE = {"<": ">=", ">=": "<", ">": "<=", "<=": ">", "==": "!=", "!=": "=="}
_MIRRORED = {"<": ">", ">": "<", "<=": ">=", ">=": "<=", "==": "==", "!=": "!="}


class Relations(Entries):
    """The values of parts that compare."""

    def _indicator(self, tree: Tree) -> Value:
        """1 where all relations hold, else 0."""
        found: Value | None = None
        for k, sign in enumerate(tree.data):
            one = self.compared(tree.args[k], sign, tree.args[k + 1])
            if found is None:
                found = one
            elif found.kind == one.kind == "scalar":
                found = lv.scaled(found, one)
            else:
                found = lv.hadamard(found, one)
        assert found is not None
        return found

    def compared(self, left: Tree, sign: str, right: Tree) -> Value:
        """The indicator of one relation."""
        i, j = self.running(left), self.running(right)
        if i is not None and j is not None:
            return self.between(i, sign, j)
        if i is not None or j is not None:
            raise UnsupportedError("an index compared with something that is no index")
        values = [self.value(left), self.value(right)]
        nodes, indices, kind = lv.together(values, "a comparison")
        return Value(indicator(nodes[0], sign, nodes[1]), kind, indices, kind != "scalar")

    def running(self, tree: Tree) -> str | None:
        """The index that a side of a relation is, if it is one."""
        if tree.kind != "name" or self.find(tree.data, tree.start) is not None:
            return None
        return tree.data.shown if tree.data.shown in self.scope else None

    def between(self, i: str, sign: str, j: str) -> Value:
        """i < j and the like, over two indices of one range."""
        size, other = self.scope[i], self.scope[j]
        shift = self.first.get(i, 0) - self.first.get(j, 0)
        if i == j:
            raise SizeError(f"the index {i} compared with itself")
        if same_size(size, other) and not shift:
            return Value(_order(sign, size), "scalar", (i, j))
        if not sympy.expand(size - other).is_Integer or sign in ("==", "!="):
            raise SizeError(f"the indices {i} and {j} run over different ranges")
        every = einsum([(ones((size,)), (0,)), (ones((other,)), (1,))], (0, 1))
        below = apply("tril", every, k=shift - (1 if sign in (">", "<=") else 0))  # i > j, or i >= j
        return Value(below if sign[0] == ">" else add([(ONE, every), (_MINUS, below)]), "scalar", (i, j))

    def _cases(self, tree: Tree) -> Value:
        """The first value whose condition holds; the last one where none does."""
        values = [self.value(t) for t in tree.args[::2]]
        conditions = list(tree.args[1::2])
        if len(conditions) == len(values):
            if not (len(values) == 2 and self.complementary(*conditions)):
                raise ParseError(
                    "the cases may leave something out",
                    self.text,
                    conditions[-1].start,
                    "write \\text{otherwise} for the last one",
                )
            conditions.pop()
        found = values[-1]
        for value, condition in zip(reversed(values[:-1]), reversed(conditions), strict=True):
            found = self.chosen(self.value(condition), value, found)
        return found

    def chosen(self, condition: Value, value: Value, other: Value) -> Value:
        """`value` where the condition is 1, `other` where it is 0."""
        if condition.kind == "scalar" and value.kind == other.kind != "scalar":
            rest = lv.add([(1, Value(number(1), "scalar")), (-1, condition)])
            return lv.add([(1, lv.scaled(condition, value)), (1, lv.scaled(rest, other))])
        nodes, indices, kind = lv.together([condition, value, other], "cases")
        return Value(choose(nodes[0], nodes[1], nodes[2]), kind, indices, kind != "scalar")

    def _sub(self, tree: Tree) -> Value:
        """An entry; δ_{ij} and I_{ij} of two indices that run, where no δ and I are declared, are 1 where i = j."""
        base, labels = tree.args[0], tree.data
        names = [label.text for label in labels if label.kind == "name" and not label.offset]
        plain = base.kind == "name" and base.data in (Name("delta"), Name("I")) and len(labels) == 2
        if not plain or len(set(names)) < 2 or self.find(base.data, base.start) is not None:
            return super()._sub(tree)
        for label in labels:
            if label.text not in self.scope:
                raise Unbound(label.text, self.text, label.position, f"write \\sum_{label.text}")
        sizes = [self.scope[name] for name in names]
        if not same_size(*sizes):
            raise SizeError(f"the indices {names[0]} and {names[1]} run over {sizes[0]} and {sizes[1]}")
        return Value(delta(sizes[0]), "scalar", tuple(names))

    def complementary(self, a: Tree, b: Tree) -> bool:
        """Whether one condition holds exactly where the other does not."""
        if len(a.data) != 1 or len(b.data) != 1:
            return False
        p, q = [self.value(t).node for t in a.args], [self.value(t).node for t in b.args]
        straight = p[0] is q[0] and p[1] is q[1] and b.data[0] == _OPPOSITE[a.data[0]]
        crossed = p[0] is q[1] and p[1] is q[0] and _MIRRORED[b.data[0]] == _OPPOSITE[a.data[0]]
        return straight or crossed


def _order(sign: str, size: Size) -> Node:
    """The matrix of 1 where the row number stands in that relation to the column number, else 0."""
    every = einsum([(ones((size,)), (0,)), (ones((size,)), (1,))], (0, 1))
    match sign:
        case "==":
            return delta(size)
        case "!=":
            return add([(ONE, every), (_MINUS, delta(size))])
        case ">":
            return apply("tril", every, k=-1)
        case ">=":
            return apply("tril", every, k=0)
    return transpose(_order(_MIRRORED[sign], size))
