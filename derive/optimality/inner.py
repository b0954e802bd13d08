"""The least value of h(v) + ⟨s, v⟩ over one block v of variables: −h*(−s), by the form of h.

    h = 0                     s = 0;  s ≥ 0 for v ≥ 0;  s ⪰ 0 for v ⪰ 0;  min s for v on the simplex
    Σ w φ(v), entry by entry  −Σ w φ*(−s/w), φ* derived by SymPy
    c ‖v‖₂                    0 for ‖s‖₂ ≤ c, over all axes or the last ones
    c max v                   0 for −s ≥ 0, Σ(−s) = c
    c max |v|                 0 for Σ|s| ≤ c
    c log Σ exp v             −c Σ p log p with p = −s/c on the simplex
    anything with a closed form: its value there (quadratic forms, −log det)

(Boyd & Vandenberghe, Convex Optimization, §3.3 and §5.1.)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import final

import sympy

from .. import notation
from ..build import (
    Factor,
    add,
    einsum,
    full,
    is_zero,
    multiply,
    negate,
    power,
    scale,
    split_scale,
    total,
    zero,
)
from ..convexity.by_cases import parameters
from ..convexity.entry_functions import entry, factors_of, weighted
from ..convexity.signs import Prover
from ..convexity.splitting import fresh_name
from ..differentiate import gradient, substitute
from ..errors import UnsupportedError
from ..node import Apply, Einsum, Labels, Node, Variable, depends_on, ones, transform, variable
from ..operators import apply, rebuild
from ..operators.scalar import to_node
from ..simplify import simplify
from ..sizes import ONE
from ..verify.canonical import canonical
from .affine import MINUS, constant_over
from .closed_form import closed_form
from .conjugate import U, conjugate
from .lagrangian import Relation

Terms = list[tuple[sympy.Expr, Node]]


@final
@dataclass(frozen=True)
class Inner:
    """The least value, where it is finite, and where it is attained (None: not unique or not known)."""

    value: Node
    relations: tuple[Relation, ...] = ()
    minimiser: Node | None = None
    conditions: tuple[str, ...] = ()
    reason: str = ""
    added: tuple[Variable, ...] = field(default=())


def inner_minimum(nonlinear: Terms, slope: Node, v: Variable, taken: set[str]) -> Inner:
    """The least value over `v` of the nonlinear terms plus ⟨slope, v⟩; raises where no form is known."""
    if not nonlinear:
        return _affine(slope, v, taken)
    reasons: list[UnsupportedError] = []
    for form in (_entries, _single_operator, _by_formula):
        try:
            return form(nonlinear, slope, v)
        except UnsupportedError as error:
            reasons.append(error)
    raise reasons[-1]


def _affine(slope: Node, v: Variable, taken: set[str]) -> Inner:
    nothing = zero(())
    name = v.name
    if "simplex" in v.facts:
        least = apply("min", slope, axes=(v.order - 1,))
        return Inner(
            total(least), (), None, (), f"the least of a linear function on the simplex, over {name}"
        )
    if "psd" in v.facts:
        slack = variable(fresh_name("Z", taken), v.shape, ["psd"])
        reason = f"linear in {name} psd: bounded below where its slope is psd"
        return Inner(nothing, (Relation(slope, "==", slack),), None, (), reason, (slack,))
    if v.facts & {"nonnegative", "positive"}:
        reason = f"linear in {name} >= 0: bounded below where its slope is nonnegative"
        return Inner(nothing, (Relation(slope, ">=", zero(())),), None, (), reason)
    if v.facts - {"symmetric"}:
        raise UnsupportedError(f"{name} is {', '.join(sorted(v.facts))}, which has no dual here")
    core = split_scale(simplify(slope))[1]
    reason = f"linear in {name}: bounded below where its slope is zero"
    return Inner(nothing, (Relation(core, "==", zero(())),), None, (), reason)


# ---------------------------------------------------------------- entry by entry


def _entries(nonlinear: Terms, slope: Node, v: Variable) -> Inner:
    if v.facts - {"positive", "nonnegative", "nonzero", "integer"}:
        raise UnsupportedError(f"{v.name} is {', '.join(sorted(v.facts))}: its entries are not free")
    parameter, weights = parameters()
    function = sympy.S.Zero
    for c, term in nonlinear:
        weight, phi = weighted(term, v, parameter)
        function += c * parameter(weight) * phi
    found = conjugate(function, entry(v))
    t = simplify(negate(slope))
    bindings: dict[sympy.Symbol, Node] = {U: t, **weights}
    value = negate(total(to_node(found.value, bindings, v.shape)))
    relations: list[Relation] = []
    if found.low == found.high:
        relations.append(_relation(t, "==", to_node(found.low, weights, v.shape)))
    else:
        if found.low.is_finite:
            relations.append(_relation(t, ">=", to_node(found.low, weights, v.shape)))
        if found.high.is_finite:
            relations.append(_relation(t, "<=", to_node(found.high, weights, v.shape)))
    at = found.slope
    minimiser = to_node(at, bindings, v.shape) if at.has(U) else None
    reason = f"the conjugate of {notation.text(add(nonlinear, ()))} is, entry by entry, {found}"
    return Inner(value, tuple(relations), minimiser, (), reason)


def _relation(t: Node, sign: str, bound: Node) -> Relation:
    """What is repeated on both sides once, and −ν <= 0 as ν >= 0."""
    right = narrow(bound)
    if right.order or narrow(t).order:
        return Relation(t, sign, right)
    c, core = split_scale(narrow(t))
    if c.is_number and c < 0 and is_zero(right):
        return Relation(core, {">=": "<=", "<=": ">=", "==": "=="}[sign], right)
    return Relation(narrow(t), sign, right)


def narrow(bound: Node) -> Node:
    """The number that an array repeats, so that it prints as a number; the array itself otherwise."""
    found = constant_over(bound, 0)
    return bound if found is None else found


# ---------------------------------------------------------------- norms, max, log-sum-exp


_DUAL_NORMS = {"nuclear_norm": "spectral_norm", "spectral_norm": "nuclear_norm"}


def _single_operator(nonlinear: Terms, slope: Node, v: Variable) -> Inner:
    if len(nonlinear) != 1:
        raise UnsupportedError(f"several coupled terms in {v.name}")
    c, term = nonlinear[0]
    factors = factors_of(term) if isinstance(term, Einsum) else [(term, ())]
    moving = [(n, ls) for n, ls in factors if depends_on(n, v)]
    if len(moving) != 1 or v.facts:
        raise UnsupportedError(f"no conjugate is known of {notation.text(term)}")
    node, labels = moving[0]
    lead = tuple(range(node.order))
    if len(set(labels)) != len(labels):
        raise UnsupportedError(f"no conjugate is known of {notation.text(term)}")
    place = {i: k for k, i in enumerate(labels)}
    rest = [(n, tuple(place.get(i, i + 100) for i in ls)) for n, ls in factors if n is not node]
    used = {i for _, ls in rest for i in ls}
    fill: list[Factor] = [(ones((node.shape[k],)), (k,)) for k in lead if k not in used]
    weight = scale(c, einsum([*rest, *fill], lead))
    if Prover().prove(weight) is None:
        raise UnsupportedError(f"the weight {notation.text(weight)} is not known to be nonnegative")
    axes = tuple(range(len(lead), v.order))
    if _is_norm(node, v, lead):
        length = power(einsum([(power(slope, sympy.Integer(2)), tuple(range(v.order)))], lead), sympy.S.Half)
        relation = Relation(length, "<=", narrow(weight))
        reason = f"the conjugate of a multiple of norm({v.name}) is the indicator of a ball"
        return Inner(zero(()), (relation,), None, (), reason)
    if isinstance(node, Apply) and node.op in _DUAL_NORMS and node.operands[0] is v:
        dual = _DUAL_NORMS[node.op]
        relation = Relation(apply(dual, slope), "<=", narrow(weight))
        reason = f"the conjugate of a multiple of {node.op}({v.name}) is the indicator of the ball of {dual}"
        return Inner(zero(()), (relation,), None, (), reason)
    plain = tuple(range(v.order))
    if not isinstance(node, Apply) or node.op not in ("max", "logsumexp"):
        raise UnsupportedError(f"no conjugate is known of {notation.text(term)}")
    if tuple(sorted(int(a) for a in node.param("axes"))) != axes:
        raise UnsupportedError(f"no conjugate is known of {notation.text(term)} over these axes")
    if node.op == "max" and node.operands[0] is apply("abs", v):
        length = einsum([(apply("abs", simplify(slope)), plain)], lead)
        reason = f"the conjugate of a multiple of max(abs({v.name})) is the indicator of the ball of norm 1"
        return Inner(zero(()), (Relation(length, "<=", narrow(weight)),), None, (), reason)
    if node.operands[0] is not v:
        raise UnsupportedError(f"no conjugate is known of {notation.text(term)}")
    t = simplify(negate(slope))
    relations = (Relation(t, ">=", zero(())), Relation(einsum([(t, plain)], lead), "==", narrow(weight)))
    if node.op == "max":
        reason = f"the conjugate of max({v.name}) is the indicator of the simplex"
        return Inner(zero(()), relations, None, (), reason)
    share = simplify(einsum([(t, plain), (power(weight, MINUS), lead)], plain))
    value = negate(total(multiply(t, apply("log", share))))
    reason = f"the conjugate of logsumexp({v.name}) is the negative entropy on the simplex"
    return Inner(value, relations, apply("log", share), (), reason)


def _is_norm(node: Node, v: Variable, lead: Labels) -> bool:
    squares = power(v, sympy.Integer(2))
    expected = power(einsum([(squares, tuple(range(v.order)))], lead), sympy.S.Half)
    return node is expected


# ---------------------------------------------------------------- by formula


def _by_formula(nonlinear: Terms, slope: Node, v: Variable) -> Inner:
    labels = tuple(range(v.order))
    whole = add([*nonlinear, (ONE, einsum([(slope, labels), (v, labels)], ()))], ())
    form = closed_form(whole, v)
    if not form.kind.startswith("a minimum"):
        raise UnsupportedError(f"the inner minimum over {v.name} is not proved to be one")
    best = form.node
    if form.affine is not None and form.multiplier is None:
        # ½⟨v, Hv⟩ − ⟨b, v⟩ + c has the value c − ½⟨b, H⁻¹b⟩
        b = simplify(negate(substitute(gradient(whole, v), {v: zero(v.shape)})))
        half = scale(-sympy.S.Half, einsum([(b, labels), (best, labels)], ()))
        value = add([(ONE, substitute(whole, {v: zero(v.shape)})), (ONE, half)], ())
    else:
        value = simplify(_lengths(canonical(substitute(whole, {v: best}))))
    conditions = (form.condition,) if form.condition else ()
    return Inner(value, (), best, conditions, f"minimised at {v.name} = {notation.text(best)}")


def _lengths(root: Node) -> Node:
    """x sign(x) -> |x| for numbers, which is x where x ≥ 0."""

    def rewrite(node: Node, operands: tuple[Node, ...]) -> Node:
        new = rebuild(node, operands)
        if not isinstance(new, Einsum) or new.order or any(ls for ls in new.inputs):
            return new
        for n in new.operands:
            sign = apply("sign", n)
            if sign in new.operands:
                rest = [(o, ()) for o in new.operands if o is not n and o is not sign]
                return einsum([*rest, (apply("abs", n), ())], ())
        return new

    return transform([root], rewrite)[0]


def parts(terms: Sequence[tuple[sympy.Expr, Node]], v: Variable) -> tuple[Terms, Node, Terms]:
    """Terms that are nonlinear in v, the slope of those that are linear in it, and the rest."""
    nonlinear: Terms = []
    linear: Terms = []
    rest: Terms = []
    for c, term in terms:
        if not depends_on(term, v):
            rest.append((c, term))
            continue
        factors = factors_of(term) if isinstance(term, Einsum) else [(term, ())]
        moving = [n for n, _ in factors if depends_on(n, v)]
        (linear if moving == [v] or term is v else nonlinear).append((c, term))
    if linear:
        bare = variable(v.name, v.shape)
        free = [(c, substitute(t, {v: bare})) for c, t in linear]
        slope = simplify(gradient(add(free, ()), bare))
        if "symmetric" in v.facts and v.order >= 2:
            slope = simplify(gradient(add(linear, ()), v))
    else:
        slope = scale(sympy.S.Zero, full(v.shape))
    return nonlinear, slope, rest


__all__ = ["Inner", "Terms", "inner_minimum", "narrow", "parts"]
