"""An expression in SymPy's index notation: `Sum`, `Indexed`, `KroneckerDelta`, one entry at a time.

The free indices are `Idx` objects i, j, k, … with the sizes of the axes as their ranges, in alphabetical order.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import final

import sympy

from ..errors import UnsupportedError
from ..node import Apply, Delta, Einsum, Node, Ones, Sum, Variable, size_symbols, variables
from ..operators import Elementwise, lookup
from ..operators.scalar import SYMPY_FUNCTIONS

Entry = tuple[sympy.Expr, ...]


def symbol(v: Variable) -> sympy.Symbol:
    """A scalar variable as a symbol that assumes its facts."""
    signs = {fact: True for fact in ("positive", "nonnegative", "nonzero", "integer") if fact in v.facts}
    return sympy.Symbol(v.name, real=True, **signs)


def indexed(node: Node, matrix_form: Callable[[Node], sympy.MatrixExpr]) -> sympy.Expr:
    """The entry of the expression at its free indices."""
    return _Writer(node, matrix_form).root()


@final
class _Writer:
    """One rendering; every summation index is used once."""

    def __init__(self, node: Node, matrix_form: Callable[[Node], sympy.MatrixExpr]) -> None:
        self.node, self.matrix_form = node, matrix_form
        self.taken = {v.name for v in variables(node)} | {s.name for s in size_symbols(node)}
        self.done: dict[tuple[Node, Entry], sympy.Expr] = {}

    def root(self) -> sympy.Expr:
        free = [sympy.Idx(name, size) for name, size in zip(self.free_names(), self.node.shape, strict=False)]
        return self.entry(self.node, tuple(free))

    def free_names(self) -> list[str]:
        """Names in alphabetical order, so that they say the order of the axes."""
        letters = [c for c in "ijklmnopqrstuvwxyz" if c not in self.taken]
        if len(letters) < self.node.order:
            letters = [f"i{k}" for k in range(100, 1000) if f"i{k}" not in self.taken]
        self.taken |= set(letters[: self.node.order])
        return letters[: self.node.order]

    def fresh(self) -> sympy.Symbol:
        name = next(f"s{k}" for k in range(1, 100_000) if f"s{k}" not in self.taken)
        self.taken.add(name)
        return sympy.Symbol(name, integer=True)

    def entry(self, node: Node, at: Entry) -> sympy.Expr:
        """The entry of a node at the indices."""
        key = (node, at)
        if key not in self.done:
            self.done[key] = self.work(node, at)
        return self.done[key]

    def work(self, node: Node, at: Entry) -> sympy.Expr:
        if isinstance(node, Variable):
            return sympy.IndexedBase(node.name, shape=node.shape)[at] if at else symbol(node)
        if isinstance(node, Ones):
            return sympy.S.One
        if isinstance(node, Delta):
            return sympy.KroneckerDelta(*at)
        if isinstance(node, Sum):
            return sympy.Add(*(c * self.entry(t, at) for c, t in node.terms))
        if isinstance(node, Einsum):
            names: dict[int, sympy.Expr] = dict(enumerate(at))
            sizes = node.label_sizes()
            for label in node.summed:
                names[label] = self.fresh()
            factors = [self.entry(o, tuple(names[i] for i in ls)) for o, ls in node.factors]
            return self.sum(sympy.Mul(*factors), [(names[i], sizes[i]) for i in node.summed])
        assert isinstance(node, Apply)
        return self.application(node, at)

    def sum(self, body: sympy.Expr, ranges: list[tuple[sympy.Expr, sympy.Expr]]) -> sympy.Expr:
        return sympy.Sum(body, *((i, 0, size - 1) for i, size in ranges)) if ranges else body

    def application(self, node: Apply, at: Entry) -> sympy.Expr:
        operator = lookup(node.op)
        if node.op == "power":
            return self.entry(node.operands[0], at) ** node.param("exponent")
        if isinstance(operator, Elementwise):
            words = [self.entry(o, at) for o in node.operands]
            if node.op in SYMPY_FUNCTIONS and not node.params:
                return SYMPY_FUNCTIONS[node.op](*words)
            return operator.scalar(node.params)(*words)
        operand = node.operands[0]
        if node.op in ("logsumexp", "softmax"):
            return self.exponentials(node, at)
        if node.op in ("inv", "det", "logdet") and operand.order == 2:
            matrix = self.matrix_form(operand)
            if node.op == "inv":
                return sympy.Inverse(matrix)[at]
            det = sympy.Determinant(matrix)
            return det if node.op == "det" else sympy.log(sympy.Abs(det, evaluate=False))
        if node.op == "slice":
            return self.slice(node, at)
        raise UnsupportedError(f"{node.op} has no form in SymPy")

    def exponentials(self, node: Apply, at: Entry) -> sympy.Expr:
        (z,), axes = node.operands, node.param("axes")
        free = list(at)
        inner: list[sympy.Expr] = []
        ranges = []
        for k in range(z.order):
            if k in axes:
                inner.append(self.fresh())
                ranges.append((inner[-1], z.shape[k]))
                if node.op == "softmax":
                    free.pop(0)
            else:
                inner.append(free.pop(0))
        total = self.sum(sympy.exp(self.entry(z, tuple(inner))), ranges)
        return sympy.log(total) if node.op == "logsumexp" else sympy.exp(self.entry(z, at)) / total

    def slice(self, node: Apply, at: Entry) -> sympy.Expr:
        free = list(at)
        inner: list[sympy.Expr] = []
        for pick, size in zip(node.param("index"), node.operands[0].shape, strict=True):
            if pick[0] == "at":
                inner.append(pick[1])
            elif pick[1:] == (0, size, 1):
                inner.append(free.pop(0))
            else:
                raise UnsupportedError("a slice of part of an axis has no form in SymPy")
        return self.entry(node.operands[0], tuple(inner))
