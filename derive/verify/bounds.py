"""How long the axes must be for one exact test to speak for all sizes, and how likely it is to be wrong.

**Sizes.** Write an expression as Num/Den, Den a product of scalars, Num a sum of products over labelled axes
whose factors are entries of variables, free symbols, and rational functions of those at one tuple of indices.
If no product has more than L labels of an axis size s (those of the output and those summed over), then as
a function of what sits at the indices of s, Num at one output index is a sum of functions of at most L index
values at a time. Such a function is determined by its values at points where all but L indices are copies
of one of them (the anchored decomposition F(x) = Σ_{|T| ≤ L} Σ_{U ⊆ T} (−1)^{|T∖U|} F(x_U, the rest equal)),
and copies of an index are one index with a weight. So if the weighted expression with L + 1 indices vanishes for all
entries and weights, Num vanishes for every length of the axis. Arguments of free symbols must be told apart
at these sizes whenever they differ at any: that asks for the labels of two arguments at once.

**Error.** A rational function of degree D that is not zero vanishes at a random point of the field with
probability at most D/p (Schwartz, Zippel).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from math import prod

import sympy

from ..node import Apply, Delta, Einsum, Node, Ones, Sum, Variable, topological
from ..sums import flat_terms
from .exponents import EXPONENTIAL, elementwise, logarithmic, pointwise
from .modular import DENOMINATOR

Count = Counter[sympy.Expr]
_SHARED = ("softmax", "logsumexp")  # along axes: one free symbol per remaining index


@dataclass
class Labels:
    """Num/Den: summed labels of a product in Num, and the scalars in Den with their powers."""

    num: Count = field(default_factory=Counter)
    den: dict[Node, int] = field(default_factory=dict)


class Bounds:
    """Bounds for all the nodes of one expression."""

    def __init__(self, root: Node) -> None:
        self.root = root
        self.labels: dict[Node, Labels] = {}
        self.weight: dict[Node, Count] = {}  # labels of a scalar that stands in denominators
        self.order = list(topological([root]))
        for node in self.order:
            self.labels[node] = self._labels(node)

    # ------------------------------------------------------------ labels

    def _all(self, found: Labels) -> Count:
        """Labels of Num, and those of Den."""
        total = Counter(found.num)
        for a, k in found.den.items():
            total += _times(self.weight[a], k)
        return total

    def _labels(self, node: Node) -> Labels:
        if isinstance(node, Variable | Ones | Delta):
            return Labels()
        if isinstance(node, Sum):
            return self._sum([self.labels[o] for o in node.operands])
        if isinstance(node, Einsum):
            found = self._product([self.labels[o] for o in node.operands])
            sizes = node.label_sizes()
            found.num += Counter(sizes[i] for i in node.summed)
            return found
        assert isinstance(node, Apply)
        if node.op == "power" and node.param("exponent").is_Rational:
            whole = int(sympy.floor(node.param("exponent")))
            if whole >= 0 or node.operands[0].order == 0:
                return self._power(node.operands[0], self.labels[node.operands[0]], whole)
            return Labels()
        if node.op in EXPONENTIAL:
            parts = []
            for c, u in logarithmic(node.operands[0]) if node.op in ("exp", "expm1") else ():
                inside = self._logged(u)
                parts.append(self._power(u, inside, c) if c >= 0 or u.order == 0 else Labels())
            return self._product(parts)
        if node.op == "softmax" and len(node.param("axes")) == node.order:
            return self._power(node, self._logged(node), -1)
        return Labels()

    def _logged(self, node: Apply) -> Labels:
        """The labels of u in log u, of Σ exp z in a softmax or log-sum-exp."""
        if node.op in ("log", "log1p"):
            return self.labels[node.operands[0]]
        z = node.operands[0]
        parts = [
            self._power(u, self._logged(u), c) if c >= 0 or u.order == 0 else Labels()
            for c, u in logarithmic(z)
        ]
        found = self._product(parts)
        if node.op == "softplus":
            return self._sum([found, Labels()])  # 1 + exp z
        found.num += Counter(z.shape[k] for k in node.param("axes"))
        return found

    def _sum(self, parts: list[Labels]) -> Labels:
        den: dict[Node, int] = {}
        for part in parts:
            for a, k in part.den.items():
                den[a] = max(den.get(a, 0), k)
        num: Count = Counter()
        for part in parts:
            own = Counter(part.num)
            for a, k in den.items():
                own += _times(self.weight[a], k - part.den.get(a, 0))
            num |= own
        return Labels(num, den)

    def _product(self, parts: Iterable[Labels]) -> Labels:
        found = Labels()
        for part in parts:
            found.num += part.num
            for a, k in part.den.items():
                found.den[a] = found.den.get(a, 0) + k
        return found

    def _power(self, node: Node, inside: Labels, k: int) -> Labels:
        if k >= 0:
            return self._product([inside] * k)
        self.weight[node] = Counter(inside.num)
        found = Labels(den={node: -k})
        for a, m in inside.den.items():
            found.num += _times(self.weight[a], -k * m)
        return found

    def lengths(self) -> dict[sympy.Expr, int]:
        """For every symbolic axis size, a length that speaks for all.

        Two arguments a/b and c/d are one if ad − cb vanishes: the numerators and denominators of all arguments are
        bounded, and both bounds count. Entries are compared at two tuples of indices, arrays at one.
        """
        num: Count = Counter()
        den: Count = Counter()
        axes: Count = Counter()
        for node in self.order:
            if not isinstance(node, Apply):
                continue
            compared: list[tuple[Labels, Count]] = []
            separate = elementwise(node) or node.op in _SHARED
            for operand in node.operands:
                own = Counter(operand.shape)
                compared.append((self.labels[operand], own + own if separate else own))
                if node.op in _SHARED or node.op in EXPONENTIAL or node.op == "softplus":
                    compared += [(self.labels[term], own + own) for _, term in flat_terms(operand)]
            if node.op in _SHARED:
                rest = Counter(s for k, s in enumerate(node.operands[0].shape) if k not in node.param("axes"))
                compared.append((self._logged(node), rest + rest))
            for labels, indices in compared:
                num |= labels.num
                den |= self._all(Labels(den=labels.den))
                axes |= indices
        need = (self._all(self.labels[self.root]) + Counter(self.root.shape)) | (num + den + axes)
        sizes = {s for n in self.order for s in n.shape if not s.is_Integer}
        return {s: need[s] + 1 for s in sizes}

    # ------------------------------------------------------------ degrees

    def degree(self, lengths: dict[sympy.Expr, int]) -> int:
        """A bound for the degree of any entry (numerator or denominator), times the pairs of symbols."""
        found: dict[Node, tuple[int, int]] = {}
        worst, entries = 1, 1
        for node in self.order:
            a, b = self._degree(node, found, lengths)
            found[node] = (a + 1, b)
            worst = max(worst, a + b + 1)
            entries += prod(int(s) if s.is_Integer else lengths[s] for s in node.shape)
        return worst * entries * entries

    def _degree(
        self, node: Node, found: dict[Node, tuple[int, int]], lengths: dict[sympy.Expr, int]
    ) -> tuple[int, int]:
        inner = [found[o] for o in node.operands]
        if isinstance(node, Sum):
            own = 2 * max((_size(c) for c in node.coefficients), default=1)
            down = sum(b for _, b in inner) + own * len(inner)
            return max((a for a, _ in inner), default=1) + down + own, down
        if isinstance(node, Einsum):
            sizes = node.label_sizes()
            count = prod(
                lengths.get(sizes[i], 1) if not sizes[i].is_Integer else int(sizes[i]) for i in node.summed
            )
            down = count * sum(b for _, b in inner)
            return sum(a for a, _ in inner) + down + 2 * len(node.summed), down
        if isinstance(node, Apply):
            up = max(a + b for a, b in inner)
            if node.op == "power" and node.param("exponent").is_Rational:
                k = abs(int(sympy.floor(node.param("exponent")))) + 1
                return k * up + 10, k * up + 10
            if node.op in EXPONENTIAL or node.op in _SHARED or node.op == "softplus":
                count = prod(lengths.get(s, int(s) if s.is_Integer else 1) for s in node.operands[0].shape)
                size = sum(
                    2 * DENOMINATOR * (int(abs(c.as_coeff_Mul()[0])) + 1)
                    for c, _ in flat_terms(node.operands[0])
                )
                return count * (size + 200 * up), count * (size + 200 * up)
        return 1, 1


def _size(c: sympy.Expr) -> int:
    """A bound for the degree of a coefficient in the sizes."""
    return int(1 + sympy.count_ops(c)) * (
        1 + max((abs(int(k)) for k in c.atoms(sympy.Integer)), default=1) if c.free_symbols else 1
    )


def _times(count: Count, k: int) -> Count:
    return Counter({s: n * k for s, n in count.items()})


def speaks_for_all(root: Node) -> bool:
    """Whether the argument about sizes applies: identity matrices only between axes of a whole array."""
    return _whole(root)


def _whole(node: Node) -> bool:
    """Identity matrices may stand between the output axes."""
    if isinstance(node, Delta):
        return True
    if isinstance(node, Sum):
        return all(_whole(o) for o in node.operands)
    if isinstance(node, Einsum):
        for o, ls in node.factors:
            if isinstance(o, Delta):
                if not set(ls) <= set(node.output):
                    return False
            elif not _without(o):
                return False
        return True
    return _without(node)


def _without(node: Node) -> bool:
    """No identity matrix, but inside operators that take the whole array."""
    stack, seen = [node], set()
    while stack:
        n = stack.pop()
        if n in seen:
            continue
        seen.add(n)
        if isinstance(n, Delta):
            return False
        if isinstance(n, Apply) and not elementwise(n) and n.op not in _SHARED:
            if not all(_whole(o) for o in n.operands):
                return False
            continue
        stack.extend(n.operands)
    return True


__all__ = ["Bounds", "pointwise", "speaks_for_all"]
