"""Proofs that an array is nonnegative in every entry, as trees of named steps.

The rules: facts and ranges of operators; sums and products of nonnegative parts; squares and psd forms
(`grams`); elementwise expressions and small quadratic forms of them (`scalar`); and the inequality of Cauchy
and Schwarz, (Σ f b)² ≤ (Σ f²/h)(Σ h b²), which is what makes diag(p) − ppᵀ psd.
A proof holds for all sizes and all data that satisfy the declared facts. No proof means nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import final

import sympy

from .. import notation
from ..build import Factor, add, constant_value, einsum, split_power
from ..node import Apply, Delta, Einsum, Labels, Node, Ones, Sum, Variable, topological, transform
from ..operators import lookup, rebuild
from ..operators.elementwise import Elementwise
from .grams import grams
from .scalar import nonnegative, psd

Term = tuple[sympy.Expr, Node]
#: Operators with values in [−1, 1] and in [0, 1].
_AT_MOST_ONE = frozenset("sign tanh erf sin cos sigmoid step softmax max_share".split())
_KEEPS_SIGN = frozenset("sinh tanh arctan arcsinh erf expm1 log1p arcsin arctanh cumsum slice take".split())


@final
@dataclass(frozen=True)
class Step:
    """One line of a proof: what holds, why, and from what."""

    claim: str
    reason: str
    premises: tuple[Step, ...] = ()

    def lines(self, depth: int = 0) -> list[str]:
        """The tree, premises indented below."""
        out = ["  " * depth + f"{self.claim}    [{self.reason}]"]
        for premise in self.premises:
            out += premise.lines(depth + 1)
        return out


@final
class Prover:
    """Proofs about the nodes of one statement; `directions` are the variables in which forms are quadratic."""

    def __init__(self, directions: Iterable[Variable] = ()) -> None:
        self.directions = frozenset(directions)
        self.kinks: frozenset[Variable] = frozenset()  # measures that kinks add to a second derivative
        self.defined: dict[Variable, Node] = {}  # atoms and what they stand for
        self.positive: set[Node] = set()  # positive wherever the statement is defined
        self.negative: set[Node] = set()
        self._known: dict[tuple[Node, bool], Step | None] = {}
        self._moving: dict[Node, bool] = {}

    # ------------------------------------------------------------ entries

    def prove(self, node: Node, strict: bool = False) -> Step | None:
        """A proof that every entry is ≥ 0 (> 0), or None."""
        key = (node, strict)
        if key not in self._known:
            self._known[key] = None  # no circles
            self._known[key] = self._prove(node, strict)
        return self._known[key]

    def say(self, node: Node, strict: bool = False) -> str:
        """The claim in words."""
        return f"{notation.text(self.plain(node))} {'>' if strict else '>='} 0"

    def _why(self, node: Node) -> str:
        if isinstance(node, Variable):
            return "a convex kink" if node in self.kinks else "declared"
        if isinstance(node, Apply):
            exponent = split_power(node)[1]
            if node.op == "power" and exponent.is_even:
                return "an even power"
            return f"{node.op} is so"
        return "from the facts of its parts"

    def plain(self, node: Node) -> Node:
        """The node with the atoms written out."""
        for _ in range(5):
            if not any(v in self.defined for v in topological([node])):
                return node
            (node,) = transform([node], rebuild, dict(self.defined))  # type: ignore[arg-type]
        return node

    def _prove(self, node: Node, strict: bool) -> Step | None:
        def done(reason: str, *premises: Step) -> Step:
            return Step(self.say(node, strict), reason, premises)

        constant = constant_value(node)
        if constant is not None:
            good = constant.is_positive if strict else constant.is_nonnegative
            return done("a number") if good else None
        if ("positive" if strict else "nonnegative") in node.facts or (
            not strict and "simplex" in node.facts
        ):
            return done(self._why(node))
        if node in self.positive:
            return done("where the statement is defined")
        if isinstance(node, Variable) and node in self.defined:
            return self.prove(self.defined[node], strict)
        if isinstance(node, Sum):
            found = self._terms(list(node.terms), strict)
            if found is not None:
                return (
                    found[0]
                    if len(found) == 1 and node.coefficients[0] == 1
                    else done("a sum of such", *found)
                )
            if not strict and self._outweighed(list(node.terms)):
                return done("what may be negative is at most as large as the number before it")
        if isinstance(node, Einsum):
            parts = [self.prove(o, strict) for o in node.operands]
            if all(p is not None for p in parts):
                return done("a product of such", *(p for p in parts if p is not None))
            if not strict and self.form(list(node.factors), node.output):
                return done("a square, or a psd form of equal halves")
            if len(node.operands) == 1 and isinstance(node.operands[0], Sum):
                inner = self.prove(node.operands[0], strict)
                return done("entries or sums of such", inner) if inner else None
        if isinstance(node, Apply):
            if node.op == "power" and not split_power(node)[1].is_integer and not strict:
                return done("a root, where it is real")
            if node.op == "maximum":
                inner = next((p for o in node.operands if (p := self.prove(o, strict))), None)
                if inner:
                    return done("at least as large as an argument", inner)
            if node.op == "minimum":
                parts = [self.prove(o, strict) for o in node.operands]
                if all(parts):
                    return done("one of such", *(p for p in parts if p is not None))
            if node.op == "power" or node.op in _KEEPS_SIGN or node.op in ("max", "min"):
                inner = self.prove(node.operands[0], strict)
                if inner:
                    return done("has the sign of its argument", inner)
        if self._scalar(node, strict):
            return done("sign of an elementwise expression")
        return None

    def _terms(self, terms: list[Term], strict: bool) -> list[Step] | None:
        """Proofs that every term is nonnegative, one of them positive if strict."""
        found: list[Step] = []
        some = False
        for c, t in terms:
            if c.is_nonnegative:
                step = self.prove(t, False)
                some = some or bool(strict and c.is_positive and self.prove(t, True))
            elif c.is_nonpositive:
                step = self.opposite(t)
            else:
                step = None
            if step is None:
                return None
            found.append(step)
        return found if some or not strict else None

    def _outweighed(self, terms: list[Term]) -> bool:
        """c + Σ cᵢ tᵢ with |tᵢ| ≤ 1 and c ≥ Σ |cᵢ|, up to terms that are nonnegative."""
        least = sympy.S.Zero
        for c, t in terms:
            number = constant_value(t)
            if number is not None:
                least += c * number
            elif isinstance(t, Apply) and t.op in _AT_MOST_ONE and c.is_number:
                least -= abs(c)
            elif not (c.is_nonnegative and self.prove(t)):
                return False
        return bool(least.is_nonnegative)

    def opposite(self, node: Node) -> Step | None:
        """A proof that every entry is ≤ 0."""
        below = self._below(node)
        if below is not None:
            return below
        if isinstance(node, Sum) or any(isinstance(o, Sum) for o in node.operands):
            negative = add([(sympy.S.NegativeOne, node)], node.shape)
            parts_below = (
                self._terms([(-c, t) for c, t in node.terms], False) if isinstance(node, Sum) else None
            )
            if parts_below is not None:
                return Step(self.say(negative), "a sum of such", tuple(parts_below))
            if isinstance(node, Sum) and self._outweighed([(-c, t) for c, t in node.terms]):
                return Step(
                    self.say(negative), "what may be negative is at most as large as the number before it"
                )
            if isinstance(node, Einsum):  # −Σ(a − b)c as Σ(b − a)c
                for k, o in enumerate(node.operands):
                    if isinstance(o, Sum):
                        flipped = add([(sympy.S.NegativeOne * c, t) for c, t in o.terms], o.shape)
                        parts = [self.prove(flipped if j == k else p) for j, p in enumerate(node.operands)]
                        if all(parts):
                            premises = tuple(p for p in parts if p is not None)
                            return Step(self.say(negative), "a product of such", premises)
            if self._scalar(negative, False):
                return Step(self.say(negative), "sign of an elementwise expression")
        return None

    def _below(self, node: Node) -> Step | None:
        """≤ 0 for c where −c > 0 wherever the statement is defined, for its odd powers, and products with it."""
        negative = add([(sympy.S.NegativeOne, node)], node.shape)
        if node in self.negative:
            return Step(self.say(negative, True), "where the statement is defined")
        base, exponent = split_power(node)
        if base is not node and exponent.is_odd:
            inner = self._below(base)
            return Step(self.say(negative), "has the sign of its argument", (inner,)) if inner else None
        if isinstance(node, Einsum) and self.negative:
            below = [self._below(o) for o in node.operands]
            if sum(b is not None for b in below) == 1:
                parts = [b or self.prove(o) for b, o in zip(below, node.operands, strict=True)]
                if all(parts):
                    return Step(
                        self.say(negative), "a product of such", tuple(p for p in parts if p is not None)
                    )
        return None

    def form(self, factors: list[Factor], output: Labels) -> bool:
        """Whether the product is a square or a psd form."""
        found = grams(
            factors, output, lambda n: "psd" in n.facts or self._psd(n), lambda n: self.prove(n) is not None
        )
        return next(found, None) is not None

    def _psd(self, node: Node) -> bool:
        return node in self.defined and "psd" in self.defined[node].facts

    def moving(self, node: Node) -> bool:
        """Whether a direction occurs in the node."""
        if node not in self._moving:
            self._moving[node] = any(
                n in self.directions or (n in self.defined and self.moving(self.defined[n]))
                for n in topological([node])
            )
        return self._moving[node]

    # ------------------------------------------------------------ elementwise

    def _scalar(self, node: Node, strict: bool) -> bool:
        """The sign of an expression in numbers, its parts that are none being unknown numbers."""
        if node.order and isinstance(node, Delta):
            return False
        names: dict[tuple[Node, Labels], sympy.Symbol] = {}
        try:
            e = self._symbolic(node, tuple(range(node.order)), names, node)
        except RecursionError:
            return False
        if len(names) > 8 or sympy.count_ops(e) > 300 or e.has(sympy.Piecewise):
            return False
        d = [s for (n, _), s in names.items() if self.moving(n)]
        if not d:
            return nonnegative(e, strict)
        return not strict and self._quadratic(e, d)

    def _quadratic(self, e: sympy.Expr, d: list[sympy.Symbol]) -> bool:
        """A quadratic form in the directions by its principal minors."""
        slopes = [sympy.diff(e, x) for x in d]
        origin = dict.fromkeys(d, sympy.S.Zero)
        matrix = sympy.Matrix([[sympy.diff(s, x) / 2 for x in d] for s in slopes])
        if matrix.free_symbols & set(d) or any(s.xreplace(origin) != 0 for s in slopes):
            return False
        rest = e.xreplace(origin)
        if rest != 0 and not nonnegative(rest):
            return False
        return psd(matrix)

    def _symbolic(
        self, node: Node, labels: Labels, names: dict[tuple[Node, Labels], sympy.Symbol], root: Node
    ) -> sympy.Expr:
        if isinstance(node, Variable) and node in self.defined and not self.moving(node):
            return self._symbolic(self.defined[node], labels, names, root)
        if isinstance(node, Ones):
            return sympy.S.One
        if isinstance(node, Sum):
            parts = [c * self._symbolic(t, labels, names, root) for c, t in node.terms]
            return sympy.Add(*parts)
        if isinstance(node, Einsum):
            if not node.summed and not any(isinstance(o, Delta) for o in node.operands):
                place = dict(enumerate(labels))
                return sympy.Mul(
                    *(self._symbolic(o, tuple(place[i] for i in ls), names, root) for o, ls in node.factors)
                )
            parts_ = components(node, labels)
            if len(parts_) > 1:
                return sympy.Mul(*(self._symbolic(n, ls, names, root) for n, ls in parts_))
        if isinstance(node, Apply):
            operator = lookup(node.op)
            if isinstance(operator, Elementwise) and node.op not in ("where", "abs", "relu", "sign", "step"):
                inside = [self._symbolic(o, labels, names, root) for o in node.operands]
                return operator.scalar(node.params)(*inside)
        key = (node, labels)
        if key not in names:
            facts = {"positive": True} if node is not root and self.prove(node, True) else {"real": True}
            if "positive" not in facts and node is not root and self.prove(node):
                facts = {"nonnegative": True}
            names[key] = sympy.Symbol(f"a{len(names)}", **facts)
        return names[key]


def components(node: Einsum, labels: Labels) -> list[tuple[Node, Labels]]:
    """A product as a product of parts that share no summed label."""
    groups: list[tuple[set[int], list[Factor]]] = []
    summed = set(node.summed)
    for operand, ls in node.factors:
        own = set(ls) & summed
        factors: list[Factor] = [(operand, ls)]
        kept: list[tuple[set[int], list[Factor]]] = []
        for found, members in groups:
            if found & own:
                own |= found
                factors = members + factors
            else:
                kept.append((found, members))
        groups = [*kept, (own, factors)]
    place = dict(enumerate(labels))
    out: list[tuple[Node, Labels]] = []
    for own, factors in groups:
        open_labels = tuple(sorted({i for _, ls in factors for i in ls} - own))
        out.append((einsum(factors, open_labels), tuple(place[i] for i in open_labels)))
    return out
