"""Constant matrices between which the Hessian lies: lower ≤ ∇²f ≤ upper for all values of the unknown.

The part of the second derivative that holds no unknown is a lower bound when the rest is proved nonnegative;
an upper bound follows by replacing weights of squares by their largest values (σ(z) σ(−z) ≤ 1/4, σ ≤ 1).
λ_min(lower) is the strong convexity constant and λ_max(upper) the Lipschitz constant of the gradient:
for ridge-logistic regression λ I ≤ ∇²f ≤ λ I + Xᵀdiag(y²)X / 4. The bounds are found as quadratic forms in the
directions, so that several unknowns have them too.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import sympy

from ..build import Factor, add, constant_value, einsum, is_zero, negate, power, split_power
from ..differentiate import gradient, jacobian
from ..node import Apply, Einsum, Node, Sum, Variable, ones, variables
from ..operators import apply
from ..simplify import expand, simplify
from ..sizes import ONE
from .forms import flat, prove_form
from .signs import Prover, Term

_AT_MOST_ONE = frozenset({"sigmoid", "softmax", "max_share"})


def form_bounds(
    form: Node, directions: Mapping[Variable, Variable], kinks: Collection[Variable], prover: Prover
) -> tuple[Node | None, Node | None]:
    """(lower, upper): quadratic forms in the directions, free of the unknowns, between which the form lies.

    `prover` is the one that proved the form nonnegative. None stands for a bound that was not found. Kinks are
    nonnegative measures: they spoil the upper bound alone.
    """
    moving = {*directions, *kinks}

    def split(terms: list[Term]) -> tuple[list[Term], list[Term]]:
        rest = [(c, t) for c, t in terms if moving & set(variables(t))]
        return rest, [(c, t) for c, t in terms if not moving & set(variables(t))]

    rest, fixed = split(_logistic_pairs(flat(expand(form))))
    lower: Node | None = None
    for moved, still in ((rest, fixed), split(flat(form))):  # multiplied out, a form may no longer be proved
        remainder = add(moved, ())
        if is_zero(remainder) or prove_form(prover, remainder) is not None:
            lower = add(still, ())
            break
    above: list[tuple[sympy.Expr, Node]] = list(fixed)
    for c, t in rest:
        if c.is_nonpositive and prover.prove(t) is not None:
            continue
        bound = _bounded(prover, t, moving) if c.is_nonnegative else None
        if bound is None:
            return lower, None
        above.append((c * bound[0], bound[1]))
    return lower, add(above, ())


def _logistic_pairs(terms: list[Term]) -> list[Term]:
    """c σ r − c σ² r as c σ(z) σ(−z) r."""
    found = list(terms)
    for c, t in terms:
        factors = list(t.factors) if isinstance(t, Einsum) else []
        for k, (node, labels) in enumerate(factors):
            if not (isinstance(node, Apply) and node.op == "sigmoid" and (c, t) in found):
                continue
            output = t.output if isinstance(t, Einsum) else ()
            others = [f for j, f in enumerate(factors) if j != k]
            squared = einsum([*others, (power(node, sympy.Integer(2)), labels)], output)
            if (-c, squared) in found:
                mirror = apply("sigmoid", negate(node.operands[0]))
                found.remove((c, t))
                found.remove((-c, squared))
                found.append((c, einsum([*factors, (mirror, labels)], output)))
                break
    return found


def matrix_of(form: Node, rows: Variable, columns: Variable | None = None) -> Node:
    """The matrix of a quadratic form, or its block for two directions."""
    return simplify(add([(sympy.S.Half, jacobian(gradient(form, rows), columns or rows))]))


def _largest(prover: Prover, node: Node) -> sympy.Expr | None:
    """The largest value of (c + u)⁻ᵖ with u ≥ 0 and c > 0, which is c⁻ᵖ."""
    base, exponent = split_power(node)
    if not (exponent.is_number and exponent < 0 and isinstance(base, Sum)):
        return None
    numbers = [(c, constant_value(t)) for c, t in base.terms]
    least = sum((c * k for c, k in numbers if k is not None), sympy.S.Zero)
    rest = [(c, t) for (c, t), (_, k) in zip(base.terms, numbers, strict=True) if k is None]
    if not least.is_positive or not all(c.is_nonnegative and prover.prove(t) for c, t in rest):
        return None
    return least**exponent


def _bounded(prover: Prover, term: Node, moving: Collection[Variable]) -> tuple[sympy.Expr, Node] | None:
    """The term with the factors that hold the unknown replaced by their largest values."""
    if not isinstance(term, Einsum):
        return None
    factors: list[Factor] = list(term.factors)
    scale = ONE
    weights = [f for f in factors if set(moving) & set(variables(f[0]))]
    others = [f for f in factors if f not in weights]
    waiting = list(weights)
    while waiting:
        node, labels = waiting.pop()
        largest = _largest(prover, node)
        if largest is not None:
            scale = scale * largest
            continue
        if not (isinstance(node, Apply) and node.op in _AT_MOST_ONE):
            return None
        if node.op == "sigmoid":
            mirror = apply("sigmoid", negate(node.operands[0]))
            partner = next((f for f in waiting if f[0] is mirror and f[1] == labels), None)
            if partner is not None:
                waiting.remove(partner)
                scale = scale / 4
    kept = tuple(sorted({i for _, ls in weights for i in ls}))
    sizes = term.label_sizes()
    fill: list[Factor] = [(ones((sizes[i],)), (i,)) for i in kept]
    if not prover.form(others, kept) and not all(prover.prove(n) for n, _ in others):
        return None
    return scale, einsum([*others, *fill], ())


def spherical(bound: Node, directions: Sequence[Variable]) -> dict[Variable, Node] | None:
    """Numbers c_v with Σ c_v ‖d_v‖² ≤ bound, read off its terms; None where the rest is not proved nonnegative.

    This part of a lower bound needs no eigenvalues, and as a rule no data.
    """
    found: dict[Variable, list[Term]] = {v: [] for v in directions}
    rest: list[Term] = []
    for c, t in flat(expand(bound)):
        part = _sphere(t, directions)
        if part is None:
            rest.append((c, t))
        else:
            found[part[0]].append((c, part[1]))
    remainder = add(rest, ())
    if not is_zero(remainder) and prove_form(Prover(directions), remainder) is None:
        return None
    return {v: simplify(add(terms, ())) for v, terms in found.items()}


def _sphere(term: Node, directions: Sequence[Variable]) -> tuple[Variable, Node] | None:
    """d and s, for a term s ‖d‖²."""
    factors: list[Factor] = [(term, ())]
    if isinstance(term, Einsum):
        factors = list(term.factors)
    for v in directions:
        square = power(v, sympy.Integer(2))
        own = [f for f in factors if f[0] in (v, square)]
        others = [f for f in factors if f not in own]
        whole = len(own) == (1 if any(n is square for n, _ in own) else 2)
        labels = {ls for _, ls in own}
        if not own or not whole or len(labels) != 1 or any(ls for _, ls in others):
            continue
        if len(set(own[0][1])) == v.order:
            return v, einsum(others, ())
    return None
