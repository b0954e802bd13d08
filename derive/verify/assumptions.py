"""Conditions that come with a claim: `assuming=["sum(y) == 1", "A == A.T"]`.

A condition changes how data are drawn (they satisfy it exactly), may declare a fact (`A == A.T` makes A
symmetric), and may serve a proof (a sum that has a value, y² = 1).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import sympy

from ..build import constant_value, swap_last
from ..differentiate import substitute
from ..domains import Array
from ..errors import UnsupportedError
from ..node import Apply, Delta, Einsum, Node, Variable, variable, variables
from ..statement.text import parse_node
from .conditional import Rule, of_orthonormal_columns, of_signs, of_zeros_and_ones
from .conditions import binary, centred, normalised, orthonormal, signs, unit
from .sampling import Point

Change = Callable[[Array], Array]
_RELATION = re.compile(r"(==|>=|<=|>|<)")
_SIDES = {">": "positive", ">=": "nonnegative"}


@dataclass
class Assumptions:
    """What is assumed: changes of the data by name, sums with values and rules for proofs, facts by name."""

    texts: list[str] = field(default_factory=list)
    changes: dict[str, list[Change]] = field(default_factory=dict)
    sums: dict[Node, sympy.Expr] = field(default_factory=dict)
    facts: dict[str, set[str]] = field(default_factory=dict)
    rules: list[Rule] = field(default_factory=list)

    def apply(self, point: Point) -> Point:
        """The point with data that satisfy the conditions."""
        if not self.changes:
            return point
        arrays = dict(point.arrays)
        for name, changes in self.changes.items():
            if name in arrays:
                for change in changes:
                    arrays[name] = change(arrays[name])
        return Point(point.binding, arrays)

    def declare(self, nodes: Sequence[Node]) -> list[Node]:
        """The expressions over variables that carry the assumed facts."""
        known: dict[Node, Node] = {
            v: variable(v.name, v.shape, v.facts | self.facts[v.name])
            for v in variables(*nodes)
            if v.name in self.facts
        }
        return [substitute(n, known) for n in nodes] if known else list(nodes)

    def under(self) -> str:
        """The conditions as words."""
        return f", assuming {' and '.join(self.texts)}" if self.texts else ""


def read(conditions: Iterable[object], names: Mapping[str, Variable]) -> Assumptions:
    """Conditions as text (or constraints, by their text)."""
    found = Assumptions()
    for condition in conditions:
        text = str(condition)
        parts = _RELATION.split(text)
        if len(parts) != 3:
            raise UnsupportedError(f"the condition {text!r} is no equation and no inequality")
        left, right = parse_node(parts[0], names), parse_node(parts[2], names)
        relation = parts[1]
        if relation in ("<", "<="):
            left, right, relation = right, left, {"<": ">", "<=": ">="}[relation]
        if not _read(found, left, relation, right) and not (
            relation == "==" and _read(found, right, "==", left)
        ):
            raise UnsupportedError(
                f"the condition {text!r} is not understood; conditions are sums with a value (sum(y) == 1), "
                "symmetry (A == A.T), orthonormal columns (W.T @ W == eye(k)), unit length (dot(x, x) == 1), "
                "signs (x > 0), and y ** 2 == y or y ** 2 == 1 for entries 0, 1 or -1, 1"
            )
        found.texts.append(text.strip())
    return found


def _read(found: Assumptions, left: Node, relation: str, right: Node) -> bool:
    value = constant_value(right)
    if relation in _SIDES:
        if isinstance(left, Variable) and value == 0:
            found.facts.setdefault(left.name, set()).add(_SIDES[relation])
            return True
        return False
    if isinstance(left, Variable) and left.order == 2 and right is swap_last(left):
        found.facts.setdefault(left.name, set()).add("symmetric")
        return True
    if isinstance(left, Apply) and left.op == "power" and left.param("exponent") == 2:
        return _square(found, left.operands[0], right, value)
    if isinstance(left, Einsum):
        return _product(found, left, right, value)
    return False


def _square(found: Assumptions, base: Node, right: Node, value: sympy.Expr | None) -> bool:
    """y² = y, y² = 1."""
    if not isinstance(base, Variable):
        return False
    if value == 1:
        found.changes.setdefault(base.name, []).append(signs)
        found.rules.append(of_signs(base.name))
        return True
    if right is base:
        found.changes.setdefault(base.name, []).append(binary)
        found.rules.append(of_zeros_and_ones(base.name))
        return True
    return False


def _product(found: Assumptions, left: Einsum, right: Node, value: sympy.Expr | None) -> bool:
    """Σ y = c, xᵀx = 1, WᵀW = I."""
    operands = set(left.operands)
    if len(left.operands) == 1 and isinstance(left.operands[0], Variable):
        (v,), (labels,) = left.operands, left.inputs
        assert isinstance(v, Variable)
        if value is not None and len(set(labels)) == len(labels) and left.summed:
            axes = tuple(k for k, i in enumerate(labels) if i not in left.output)
            if value == 0:
                found.changes.setdefault(v.name, []).append(lambda a: centred(a, axes))
            elif value.is_Rational:
                found.changes.setdefault(v.name, []).append(lambda a: normalised(a, axes) * value)
            else:
                return False
            found.sums[left] = value
            return True
    if len(operands) == 1 and len(left.operands) == 2:
        (v,) = operands
        if not isinstance(v, Variable) or v.order != 2:
            return False
        if isinstance(right, Delta) and left.inputs[0][0] == left.inputs[1][0]:
            found.changes.setdefault(v.name, []).append(orthonormal)
            found.rules.append(of_orthonormal_columns(v.name))
            return True
    if len(left.operands) == 1 and value == 1 and not left.order:
        (inside,) = left.operands
        if isinstance(inside, Apply) and inside.op == "power" and inside.param("exponent") == 2:
            base = inside.operands[0]
            if isinstance(base, Variable) and base.order == 1:
                found.changes.setdefault(base.name, []).append(unit)
                found.sums[left] = sympy.S.One
                return True
    return False
