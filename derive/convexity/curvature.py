"""The second derivative of a statement along a line, dᵀ∇²f d, by Taylor's first three terms.

Every node carries value, slope and curvature along x + t d; sums add them, products obey Leibniz's rule,
and an operator's are derived from its record: with z' = t and z'' = s,

    f(z)' = ∂f·t,      f(z)'' = ∂²f·t·t + ∂f·s.

The result is the quadratic form of the Hessian in the direction d, written with the structure of the
statement: a proof that it is nonnegative reads off that structure.

A convex kink (|x|, max, relu) adds a nonnegative measure to the second derivative, written as a nonnegative
array of its own; a concave kink subtracts one (the second derivative of a convex function is a measure:
Evans & Gariepy, Measure Theory and Fine Properties of Functions, §6.3).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import final

import sympy

from ..build import add, einsum, is_zero
from ..differentiate import jvp, substitute
from ..node import Apply, Einsum, Node, Sum, Variable, size_symbols, topological, variable, variables
from ..operators import apply, lookup
from ..sizes import ONE

_SIGNS = frozenset({"positive", "nonnegative", "nonzero"})


class Undecided(Exception):
    """Why nothing can be said."""


@final
@dataclass(frozen=True)
class Jet:
    """Slope and curvature along the line; None stands for zero."""

    slope: Node | None = None
    curvature: Node | None = None


@final
class Line:
    """The jets of all nodes of a statement along the line with these directions."""

    def __init__(
        self,
        root: Node,
        directions: Mapping[Variable, Node],
        rounded: Callable[[Node], bool] = lambda node: False,
    ) -> None:
        """`rounded` says of a power whose exponent lies between 0 and 1 whether its base may touch zero."""
        self.jets: dict[Node, Jet] = {}
        self.depending: set[Node] = set(directions)
        #: The measures that kinks add, or that stand for the bend of an operator, each with that operator.
        self.kinks: dict[Variable, Node] = {}
        self.taken = {v.name for v in (*variables(root), *directions)} | {s.name for s in size_symbols(root)}
        self.rounded = rounded
        for node in topological([root]):
            if isinstance(node, Variable) and node in directions:
                self.jets[node] = Jet(directions[node])
            elif any(self.active(o) for o in node.operands):
                self.depending.add(node)
                self.jets[node] = self._jet(node)
            else:
                self.jets[node] = Jet()

    def active(self, node: Node) -> bool:
        """Whether the node depends on the unknowns at all, if only by jumps."""
        return node in self.depending

    def _jet(self, node: Node) -> Jet:
        if isinstance(node, Sum):
            return Jet(
                _total([(c, self.jets[t].slope) for c, t in node.terms], node),
                _total([(c, self.jets[t].curvature) for c, t in node.terms], node),
            )
        if isinstance(node, Einsum):
            return self._product(node)
        assert isinstance(node, Apply)
        return self._operator(node)

    def _product(self, node: Einsum) -> Jet:
        jets = [self.jets[o] for o in node.operands]

        def with_replaced(new: dict[int, Node]) -> Node:
            factors = [(new.get(k, o), ls) for k, (o, ls) in enumerate(node.factors)]
            return einsum(factors, node.output)

        slopes = {k: j.slope for k, j in enumerate(jets) if j.slope is not None}
        first = [(ONE, with_replaced({k: s})) for k, s in slopes.items()]
        second = [
            (ONE, with_replaced({k: j.curvature})) for k, j in enumerate(jets) if j.curvature is not None
        ]
        second += [
            (sympy.Integer(2), with_replaced({k: slopes[k], m: slopes[m]}))
            for k in slopes
            for m in slopes
            if k < m
        ]
        return Jet(_total(first, node), _total(second, node))

    def _operator(self, node: Apply) -> Jet:
        count = range(len(node.operands))
        moving = [k for k in count if self.active(node.operands[k])]
        if not all(lookup(node.op).differentiable(k) for k in moving):
            raise Undecided(f"{node.op} has jumps")
        z = [variable(f"_z{k}", o.shape, o.facts & _SIGNS) for k, o in enumerate(node.operands)]
        t = [variable(f"_t{k}", o.shape) for k, o in enumerate(node.operands)]
        value = apply(node.op, *z, **dict(node.params))
        back: dict[Node, Node] = {z[k]: node.operands[k] for k in count}
        partial = {k: jvp(value, z[k], t[k]) for k in moving}
        slopes: dict[Node, Node] = {
            t[k]: s for k in moving if (s := self.jets[node.operands[k]].slope) is not None
        }
        first: list[tuple[sympy.Expr, Node]] = []
        second: list[tuple[sympy.Expr, Node]] = []
        curvature = lookup(node.op).curvature
        if curvature and slopes:
            second.append((sympy.Integer(curvature), self._measure(node, "bend")))
        for k in moving:
            if t[k] in slopes:
                first.append((ONE, substitute(partial[k], {**back, **slopes})))
                second += (
                    []
                    if curvature
                    else [
                        (ONE, substitute(jvp(partial[k], z[m], t[m]), {**back, **slopes}))
                        for m in moving
                        if t[m] in slopes
                    ]
                )
            bend = self.jets[node.operands[k]].curvature
            if bend is not None:
                second.append((ONE, substitute(partial[k], {**back, t[k]: bend})))
        kink = lookup(node.op).kink or (1 if self.rounded(node) else 0)
        if kink:
            second.append((sympy.Integer(kink), self._measure(node)))
        return Jet(_total(first, node), _total(second, node))

    def _measure(self, node: Apply, word: str = "kink") -> Variable:
        """What bends an operator, at its kinks or as its record says: a nonnegative array with a name of its own."""
        count = len(self.kinks) + 1
        while f"{word}_{count}" in self.taken:
            count += 1
        measure = variable(f"{word}_{count}", node.shape, ["nonnegative"])
        self.taken.add(measure.name)
        self.kinks[measure] = node
        return measure


def _total(terms: Sequence[tuple[sympy.Expr, Node | None]], node: Node) -> Node | None:
    found = add([(c, t) for c, t in terms if t is not None], node.shape)
    return None if is_zero(found) else found
