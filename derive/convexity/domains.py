"""Where a statement is defined: that this set is convex is part of every certificate.

1/x² has a positive second derivative wherever it is defined and is not convex, because that set is not.
Each operator that is not defined everywhere has a condition on its argument g: positive for all points
(proved from facts), or g concave, so that {g > 0} is convex.
"""

from __future__ import annotations

from collections.abc import Callable

import sympy

from ..build import add, split_power, split_scale
from ..node import Apply, Node, Variable, topological
from ..operators import lookup
from ..operators.elementwise import Elementwise
from .curvature import Line, Undecided
from .forms import prove_form
from .signs import Prover

_POSITIVE = frozenset("lgamma digamma trigamma polygamma pow".split())
#: Facts on an unknown that describe no convex set.
_NOT_CONVEX = ("integer", "orthogonal", "nonzero", "invertible")


def check_unknown(v: Variable) -> None:
    """Raise unless the facts on the unknown describe a convex set."""
    for fact in _NOT_CONVEX:
        implied = (fact == "nonzero" and "positive" in v.facts) or (fact == "invertible" and "pd" in v.facts)
        if fact in v.facts and not implied:
            raise Undecided(f"the set of {fact} arrays, to which {v.name} is confined, is not convex")


def rounded(prover: Prover) -> Callable[[Node], bool]:
    """Whether a power is a root of something that may touch zero, where it has a convex kink as a norm has."""

    def ask(node: Node) -> bool:
        base, exponent = split_power(node)
        return bool(0 < exponent < 1) and prover.prove(base, True) is None and prover.prove(base) is not None

    return ask


def check_domain(root: Node, line: Line, values: Prover, forms: Prover) -> list[str]:
    """The conditions that describe the domain, each a convex set; raises `Undecided` where one is not."""
    found: list[str] = []
    for node in topological([root]):
        if isinstance(node, Apply) and line.active(node):
            condition = _condition(node, line, values, forms)
            if condition and condition not in found:
                found.append(condition)
    return found


def signed_where_defined(root: Node) -> tuple[set[Node], set[Node]]:
    """What is positive and what negative wherever the statement has a value: the arguments of logarithms and of
    fractional powers.

    A root may touch zero, where its argument is nonnegative; it is left out.
    """
    positive: set[Node] = set()
    negative: set[Node] = set()
    for node in topological([root]):
        if not isinstance(node, Apply):
            continue
        exponent = split_power(node)[1]
        if node.op == "log" or (
            node.op == "power" and exponent.is_number and not exponent.is_integer and exponent < 0
        ):
            base = node.operands[0]
            c, core = split_scale(base)
            positive.add(base)
            if c.is_positive:
                positive.add(core)
            elif c.is_negative:
                negative.add(core)
    return positive, negative


def _condition(node: Apply, line: Line, values: Prover, forms: Prover) -> str:
    op, base = node.op, node.operands[0]
    operator = lookup(op)
    if operator.everywhere or operator.linear or operator.kink:
        return ""
    if op == "power":
        exponent = split_power(node)[1]
        if (exponent.is_integer and exponent > 0) or values.prove(base, True):
            return ""
        if exponent.is_integer or not exponent.is_number:
            raise Undecided(f"{values.say(base, True)} is not known, where it is raised to {exponent}")
        if exponent > 0 and values.prove(base):
            return ""
        return _concave(base, line, values, forms)
    if op == "log":
        return "" if values.prove(base, True) else _concave(base, line, values, forms)
    if op in _POSITIVE:
        if values.prove(base, True) is None:
            raise Undecided(f"{values.say(base, True)} is not known, for {op}")
        return ""
    if op == "log1p":
        return _concave(base, line, values, forms, " + 1")
    if op in ("inv", "logdet"):
        if "pd" not in base.facts:
            raise Undecided(f"{op} of a matrix that is not known to be positive definite")
        return ""
    if op in ("arcsin", "arccos", "arctanh") and line.jets[base].curvature is None:
        return f"|{values.say(base)[:-5]}| <= 1"
    if isinstance(operator, Elementwise):
        raise Undecided(f"{op} is neither smooth nor convex nor concave, or not defined everywhere")
    raise Undecided(f"nothing is known of the curvature of {op}")


def _concave(base: Node, line: Line, values: Prover, forms: Prover, shift: str = "") -> str:
    """The condition g > 0 with g concave, so that the set is convex."""
    bend = line.jets[base].curvature
    if bend is not None:
        downward = add([(sympy.S.NegativeOne, bend)], bend.shape)
        proof = forms.prove(downward) if bend.order else prove_form(forms, downward)
        if proof is None:
            raise Undecided(f"{values.say(base)[:-5]}{shift} is neither positive nor concave for sure")
    return values.say(base, True)[:-4] + shift + " > 0"
