"""Losses that are stated by cases, entry by entry: Huber's, the expectile loss, smoothed hinges.

    Σ where(|z| ≤ δ, z²/2, δ(|z| − δ/2))

is convex if the function of one number is: between its kinks, and because its slope rises at them (`kinked`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import sympy

from .. import notation
from ..build import add, constant_value, split_power, split_scale
from ..errors import UnsupportedError
from ..node import Apply, Einsum, Node, Ones, Variable, depends_on, topological
from ..shifting import repeated
from ..sizes import ONE
from ..sums import flat_terms
from .entry_functions import entry, factors_of, weighted
from .kinked import convex_pieces
from .signs import Prover, Step

Terms = list[tuple[sympy.Expr, Node]]


def without_cases(root: Node, unknowns: Sequence[Variable]) -> tuple[Node, list[Step]] | None:
    """What is left of a sum without its terms by cases, and the proofs that these are convex; None without them."""
    cases: dict[Variable, Terms] = {}
    rest: Terms = []
    for c, term in flat_terms(root):
        moving = [v for v in unknowns if depends_on(term, v)]
        if not any(isinstance(n, Apply) and n.op in ("where", "step") for n in topological([term])):
            rest.append((c, term))
        elif len(moving) == 1:
            cases.setdefault(moving[0], []).append((c, term))
        else:
            return None
    try:
        proofs = [_proof(terms, v) for v, terms in cases.items()]
    except UnsupportedError:
        return None
    return (add(rest, ()), proofs) if proofs else None


def _proof(terms: Terms, v: Variable) -> Step:
    """That the terms are convex in v, as functions of its entries."""
    if v.facts - {"positive", "nonnegative"}:
        raise UnsupportedError(f"the entries of {v.name} are not free")
    function = entry_function(terms, v)
    pieces = convex_pieces(function, entry(v))
    kinks = ", ".join(str(p.low) for p in pieces[1:])
    claim = f"{notation.text(add(terms, ()))} is convex in {v.name}"
    return Step(
        claim, f"entry by entry: between {kinks}, and the slope rises there" if kinks else "entry by entry"
    )


def entry_function(terms: Terms, v: Variable) -> sympy.Expr:
    """The terms as one function of an entry of v, with symbols for whatever else is in them."""
    parameter, _ = parameters()
    function = sympy.S.Zero
    for c, term in terms:
        weight, phi = weighted(term, v, parameter)
        function += c * parameter(weight) * phi
    return function


def parameters() -> tuple[Callable[[Node], sympy.Expr], dict[sympy.Symbol, Node]]:
    """Symbols for arrays without the unknown, with the signs that are proved of them, and what each stands for."""
    prover, known = Prover(), dict[Node, sympy.Symbol]()
    weights: dict[sympy.Symbol, Node] = {}

    def parameter(node: Node) -> sympy.Expr:
        number = constant_value(node)
        if number is not None:
            return number
        c, core = split_scale(node)
        found = _product(core)
        if c != 1 or len(found) > 1 or found[0][1] != 1:  # c, 1/c and c² are one parameter
            return c * sympy.Mul(*(parameter(base) ** exponent for base, exponent in found))
        if node not in known:
            sign = {"positive": True} if prover.prove(node, True) else {"real": True}
            known[node] = sympy.Symbol(_called(node, len(known)), **sign)
            weights[known[node]] = node
        return known[node]

    return parameter, weights


def _product(node: Node) -> list[tuple[Node, sympy.Expr]]:
    """The arrays, with their exponents, of which an array is the product entry by entry."""
    if not isinstance(node, Einsum) or node.summed:
        return [split_power(node)]
    found: list[tuple[Node, sympy.Expr]] = []
    for f, ls in node.factors:
        if not isinstance(f, Ones):
            base, exponent = split_power(f)
            found.append((repeated([(base, ls)], node.output, node.shape), exponent))
    return found or [(node, ONE)]


def _called(weight: Node, count: int) -> str:
    """The name of the number that a weight repeats, or a made-up one."""
    c, core = split_scale(weight)
    named = [n for n, _ in factors_of(core) if not isinstance(n, Ones)]
    if c == 1 and len(named) == 1 and isinstance(named[0], Variable) and named[0].name not in ("u", "z"):
        return named[0].name
    return f"a{count}"


__all__ = ["parameters", "without_cases"]
