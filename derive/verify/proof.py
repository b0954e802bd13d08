"""Proof by normal form: two expressions are equal if their difference multiplies out to zero.

The rules that bring an expression to its normal form are identities for all sizes (linearity, the algebra of
sums over labelled axes, A⁻¹A = I, facts such as symmetry), so a difference that vanishes under them is zero
wherever both sides are defined. Nothing follows from a difference that does not vanish.
"""

from __future__ import annotations

import sympy

from ..build import add, is_zero
from ..node import Node, variables
from ..simplify import expand
from ..sizes import ONE
from ..stable import recognise

_USED = ("symmetric", "psd", "pd", "diagonal", "orthogonal", "positive", "nonnegative", "simplex")


def proof(claim: Node, right: Node) -> str | None:
    """Why the two are equal for all sizes, or None where the normal forms do not show it."""
    difference = add([(ONE, recognise(claim)), (sympy.S.NegativeOne, recognise(right))], right.shape)
    if not is_zero(difference) and not is_zero(expand(difference)):
        return None
    facts = sorted(f"{v.name} is {fact}" for v in variables(claim, right) for fact in _USED if fact in v.facts)
    under = f", given that {', '.join(facts)}" if facts else ""
    return f"their difference multiplies out to zero, for all sizes{under}"
