"""The rules of a worked solution: what the differential of a node is in terms of those of its operands.

Sums and products follow from their own kind; an operator contributes what its record says, through the same
derivatives that gradients are made of. The identity of a rule is derived on generic variables, not typed in.
"""

from __future__ import annotations

from typing import final

import sympy

from .. import notation
from ..build import add, constant_value, einsum, full, power, scale, split_power, zero
from ..differentiate import jvp
from ..node import Apply, Einsum, Labels, Node, Sum, Variable, transform, variable, variables
from ..notation.names import latex_name
from ..operators import Elementwise, apply, is_linear, lookup, rebuild
from ..sizes import ONE
from .names import Names

Rule = tuple[str, str, str]
_RULES = {
    "logdet": "log-determinant",
    "det": "determinant",
    "inv": "inverse",
    "logsumexp": "log-sum-exp",
    "max": "largest entry",
    "min": "smallest entry",
}
LINEARITY = ("linearity", "d(A @ u + b) = A @ du", "\\mathrm{d}(A u + b) = A \\, \\mathrm{d}u")
PRODUCT = (
    "product rule",
    "d(u * v) = du * v + u * dv",
    "\\mathrm{d}(u v) = \\mathrm{d}u \\, v + u \\, \\mathrm{d}v",
)
QUOTIENT = (
    "quotient rule",
    "d(u / v) = (du - u * dv / v) / v",
    "\\mathrm{d}(u / v) = (\\mathrm{d}u - u \\, \\mathrm{d}v / v) / v",
)


@final
class Rules:
    """The rules for the nodes of one statement."""

    def __init__(self, names: Names) -> None:
        self.names = names

    def is_linear(self, node: Node) -> bool:
        """Whether the node is linear in its active operands, each used once."""
        if isinstance(node, Sum):
            return True
        if isinstance(node, Apply):
            return is_linear(node)
        if isinstance(node, Einsum):
            active = [o for o in node.operands if o in self.names.active]
            return len(active) == 1 and not self.is_open_power(active[0])
        return False

    def is_open_power(self, node: Node) -> bool:
        """A power that is worked out together with the product it stands in, as r² in Σ r²."""
        return node not in self.names.names and isinstance(node, Apply) and node.op == "power"

    def rule(self, node: Node) -> tuple[str, str, str]:
        """(name, identity, identity in LaTeX) of the rule for the differential of a node."""
        if self.is_linear(node):
            return LINEARITY
        if isinstance(node, Einsum):
            active = [o for o in node.operands if o in self.names.active]
            if len(active) > 1:
                divided = any(split_power(o)[1] == -1 for o in active)
                return QUOTIENT if divided and len(active) == 2 else PRODUCT
            base, exponent = split_power(active[0])
            if len(node.operands) == 1 and exponent == 2 and not node.order:
                return self.identity(
                    "squared norm", einsum([(power(_generic("u", base), exponent), node.inputs[0])], ())
                )
            return self.identity("power rule", power(_generic("u", base, 1), exponent))
        assert isinstance(node, Apply)
        if isinstance(lookup(node.op), Elementwise):
            letters = "uvs"
            generic = [_generic(letters[k], o, 1) for k, o in enumerate(node.operands)]
            numbers = [constant_value(o) for o in node.operands]  # beside a number a rule of its own may hold
            operands = [
                u if c is None else scale(c, full(u.shape)) for u, c in zip(generic, numbers, strict=True)
            ]
            name = "power rule" if node.op == "power" else "chain rule"
            return self.identity(name, apply(node.op, *operands, **dict(node.params)))
        operands = [_generic("UV"[k] if o.order > 1 else "uv"[k], o) for k, o in enumerate(node.operands)]
        return self.identity(_RULES.get(node.op, node.op), apply(node.op, *operands, **dict(node.params)))

    def identity(self, name: str, left: Node) -> tuple[str, str, str]:
        """The rule's identity, derived on generic variables: d f(u) = f'(u) du."""
        tangents = {}
        for u in variables(left):
            du = variable(f"d{u.name}", u.shape)
            tangents[u] = du
        right = add([(ONE, jvp(left, u, du)) for u, du in tangents.items()], left.shape)
        hidden = self.names.latex_of
        self.names.latex_of = {du.name: f"\\mathrm{{d}}{latex_name(u.name)}" for u, du in tangents.items()}
        text = f"d({notation.text(left)}) = {notation.text(right)}"
        latex = f"\\mathrm{{d}}\\left({self.names.latex(left)}\\right) = {self.names.latex(right)}"
        self.names.latex_of = hidden
        return name, text, latex

    def expand(self, node: Node) -> Node:
        """d(node) in terms of the differentials of its operands; through unnamed linear parts in one go."""
        if self.is_linear(node):
            return self.linear(node)
        if isinstance(node, Einsum):
            return add(
                [
                    (ONE, self.in_product(node, k))
                    for k, o in enumerate(node.operands)
                    if o in self.names.active
                ],
                node.shape,
            )
        assert isinstance(node, Apply)
        terms = []
        for k, operand in enumerate(node.operands):
            if operand in self.names.active and lookup(node.op).differentiable(k):
                terms.append((ONE, self.through(node, k)))
        return add(terms, node.shape)

    def linear(self, node: Node) -> Node:
        """The differential through linear parts, up to what has a name or needs another rule."""
        if not self.is_linear(node):
            return self.names.differential(node)

        def inside(operand: Node) -> Node:
            if operand not in self.names.active:
                return zero(operand.shape)
            return (
                self.names.differential(operand)
                if operand in self.names.names or operand is self.names.wrt
                else self.linear(operand)
            )

        if isinstance(node, Einsum):
            factors = [
                (inside(o) if o in self.names.active else self.names.shown(o), ls) for o, ls in node.factors
            ]
            return einsum(factors, node.output)
        if isinstance(node, Sum):
            return add([(c, inside(t)) for c, t in node.terms if t in self.names.active], node.shape)
        assert isinstance(node, Apply)
        moving = lookup(node.op).differentiable
        return rebuild(
            node,
            tuple(inside(o) if moving(k) else self.names.shown(o) for k, o in enumerate(node.operands)),
        )

    def in_product(self, node: Einsum, index: int) -> Node:
        """A product with one factor replaced by its differential."""
        factors: list[tuple[Node, Labels]] = []
        coefficient = ONE
        for k, (operand, labels) in enumerate(node.factors):
            if k != index:
                factors.append((self.names.shown(operand), labels))
            elif self.is_open_power(operand):
                base, exponent = split_power(operand)
                coefficient = exponent
                factors += [
                    (power(self.names.shown(base), exponent - 1), labels),
                    (self.names.differential(base), labels),
                ]
            elif operand in self.names.names or operand is self.names.wrt:
                factors.append((self.names.differential(operand), labels))
            else:
                factors.append((self.linear(operand), labels))
        return scale(coefficient, einsum(factors, node.output))

    def through(self, node: Apply, index: int) -> Node:
        """What one operand contributes to the differential of an operator, from the operator's own record."""
        operands = tuple(self.names.shown(o) for o in node.operands)
        operator = lookup(node.op)
        d = self.names.differential(node.operands[index])
        if isinstance(operator, Elementwise):
            labels = tuple(range(node.order))
            return einsum([(operator.partial(index, operands, node.params), labels), (d, labels)], labels)
        u = variable("_operand", node.operands[index].shape)
        opened = apply(
            node.op, *(u if k == index else o for k, o in enumerate(operands)), **dict(node.params)
        )
        return transform([jvp(opened, u, d)], rebuild, {u: operands[index]})[0]


def _generic(name: str, like: Node, order: int | None = None) -> Variable:
    """A variable for an identity: of the shape of a node, or a vector for what acts entry by entry."""
    return variable(
        name, like.shape if order is None else (sympy.Symbol("n", integer=True, positive=True),) * order
    )
