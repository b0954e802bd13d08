"""Facts on unknowns, for methods that take constraints: as conditions, or as a free form.

`nonnegative`, `positive` and `simplex` are conditions. Unknowns that are `pd`, and `psd` ones that a log-determinant
keeps inside, go through their factors; other `psd` ones stay in their cone by the method.
"""

from __future__ import annotations

from collections.abc import Sequence

import sympy

from ..build import add, einsum, number
from ..differentiate import substitute
from ..node import Apply, Node, Variable, topological, variable
from ..reparametrise import Reparametrised, reparametrise
from ..sizes import ONE

MINUS = sympy.S.NegativeOne


def free_form(objective: Node, unknowns: Sequence[Variable]) -> tuple[Reparametrised, list[Variable]]:
    """Positive definite unknowns by their factors; all others as they are, with fewer facts.

    What is `psd` and may be singular is left as a symmetric matrix, for a method that keeps it in its cone.
    """
    inside = {
        o
        for node in topological([objective])
        if isinstance(node, Apply) and node.op in ("logdet", "inv")
        for o in node.operands
    }
    plain: dict[Node, Node] = {}
    bare: list[Variable] = []
    for v in unknowns:
        keep = {"symmetric"} & v.facts
        if "pd" in v.facts or ("psd" in v.facts and v in inside):
            keep = {"pd"}
        elif "psd" in v.facts:
            keep = {"symmetric"}
        made = variable(v.name, v.shape, keep)
        plain[v] = made
        bare.append(made)
    return reparametrise(substitute(objective, plain), bare), bare


def conditions_of_facts(unknowns: Sequence[Variable]) -> tuple[list[Node], list[Node]]:
    """Equalities and inequalities that the facts on the unknowns state."""
    equalities: list[Node] = []
    inequalities: list[Node] = []
    for v in unknowns:
        if "nonnegative" in v.facts or "simplex" in v.facts or "positive" in v.facts:
            inequalities.append(v)
        if "simplex" in v.facts:
            kept = tuple(range(v.order - 1))
            sums = einsum([(v, tuple(range(v.order)))], kept)
            equalities.append(add([(ONE, sums), (MINUS, number(1, sums.shape))]))
    return equalities, inequalities
