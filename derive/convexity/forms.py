"""Proofs that the quadratic form of a Hessian is nonnegative.

The form is first taken as it is; then multiplied out; then with its parts (data times direction, sums that do
not change) named, so that (Xd)ᵢ is one number and Xw − y is one vector. A form with negative terms is proved

- entry by entry, where all terms are sums over the same axes: quadratic forms of two or three numbers,
  by their principal minors (x²/s over s > 0, relative entropy);
- as a square in the metric of a psd matrix, ‖Σ cₖ uₖ‖²_M (`metric`: xᵀS⁻¹x in x and S together);
- by Cauchy–Schwarz, (Σ f b)² ≤ (Σ f²/h)(Σ h b²), with a positive term that has the sum on the right
  (log-sum-exp: Σ p b² − (Σ p b)² ≥ 0 since Σ p = 1; norms).
"""

from __future__ import annotations

import sympy

from .. import notation
from ..build import Factor, add, einsum, power, split_power, split_scale
from ..node import Apply, Delta, Einsum, Labels, Node, Ones, Sum, Variable, ones, transform, variable
from ..operators import rebuild
from ..simplify import expand, simplify
from .grams import Gram, grams
from .metric import Product, by_metric
from .signs import Prover, Step, Term

_HEAVY = 4000


def prove_form(prover: Prover, form: Node) -> Step | None:
    """A proof that the scalar is ≥ 0 for all values of the directions, or None."""
    found = prover.prove(form)
    if found is not None:
        return found
    found = _each(prover, form, flat(form))
    if found is not None or form.weight > _HEAVY:
        return found
    for view in (expand(form), expand(_named(prover, form))):
        terms = flat(view)
        found = _each(prover, form, terms)
        if found is not None:
            return found
        products = [_product(t) for t in terms]
        for strategy in (_by_entries, _by_schwarz, by_metric):
            found = strategy(prover, products)
            if found is not None:
                return found
    return None


def _each(prover: Prover, form: Node, terms: list[Term]) -> Step | None:
    """Every term by itself."""
    steps = []
    for term in terms:
        step = prover.prove(add([term], ()))
        if step is None:
            return None
        steps.append(step)
    return Step(_claim(prover, form), "a sum of such", tuple(steps))


def _claim(prover: Prover, node: Node) -> str:
    return f"{notation.text(prover.plain(node))} >= 0"


def flat(node: Node) -> list[Term]:
    """The terms of a nested sum."""
    found: list[Term] = []
    stack: list[Term] = [(sympy.S.One, node)]
    while stack:
        c, n = stack.pop()
        if isinstance(n, Sum):
            stack.extend((c * k, t) for k, t in reversed(n.terms))
        else:
            found.append((c, n))
    return found


def _product(term: Term) -> Product:
    c, node = term
    if isinstance(node, Einsum):
        return Product(c, node.factors)
    return Product(c, ((node, ()),))


def _named(prover: Prover, form: Node) -> Node:
    """The form with variables in place of its larger parts; what they stand for is in `prover.defined`."""
    names: dict[Node, Variable] = {}

    def name(node: Node) -> Variable:
        if node not in names:
            facts = node.facts & {"positive", "nonnegative", "nonzero", "symmetric", "psd", "pd"}
            fresh = variable(f"_v{len(prover.defined)}", node.shape, facts)
            prover.defined[fresh] = node
            names[node] = fresh
        return names[node]

    def rewrite(node: Node, operands: tuple[Node, ...]) -> Node:
        new = rebuild(node, operands)
        if isinstance(new, Variable | Ones | Delta) or not new.order:
            return new
        if not prover.moving(new):
            core = split_scale(new)[1]
            bare = isinstance(core, Apply) or (isinstance(core, Einsum) and not core.summed)
            return new if bare or isinstance(core, Variable | Ones) else name(new)
        if isinstance(new, Einsum) and new.summed and _linear_map(prover, new):
            return name(new)
        return new

    return transform([form], rewrite)[0]


def _linear_map(prover: Prover, node: Einsum) -> bool:
    """Data times a direction, the data being no psd matrix."""
    moving = [o for o in node.operands if prover.moving(o)]
    others = [o for o in node.operands if not prover.moving(o)]
    plain = all(isinstance(o, Variable | Ones | Delta) and o not in prover.defined for o in others)
    return (
        plain
        and len(moving) == 1
        and isinstance(moving[0], Variable)
        and not any("psd" in o.facts for o in others)
    )


# ---------------------------------------------------------------- entry by entry


def _by_entries(prover: Prover, products: list[Product]) -> Step | None:
    """Σᵢ (all terms at i) with every entry nonnegative."""
    groups: dict[tuple[sympy.Expr, ...], list[Term]] = {}
    steps: list[Step] = []
    for p in products:
        sizes = _sizes(p.factors)
        order = [i for _, ls in p.factors for i in ls]
        labels = sorted(dict.fromkeys(order), key=lambda i: (str(sizes[i]), order.index(i)))
        place = {i: k for k, i in enumerate(labels)}
        key = tuple(sizes[i] for i in labels)
        factors = [(n, tuple(place[i] for i in ls)) for n, ls in p.factors]
        inside = einsum(factors, tuple(range(len(labels)))) if labels else p.node
        groups.setdefault(key, []).append((p.coefficient, inside))
    for key, terms in groups.items():
        entry = add(terms, key)
        step = prover.prove(entry)
        if step is None:
            return None
        steps.append(Step(step.claim, f"in every entry: {step.reason}", step.premises))
    whole = add([(p.coefficient, p.node) for p in products], ())
    return Step(_claim(prover, whole), "sums of nonnegative entries", tuple(steps))


def _sizes(factors: tuple[Factor, ...]) -> dict[int, sympy.Expr]:
    return {i: s for n, ls in factors for i, s in zip(ls, n.shape, strict=True)}


# ---------------------------------------------------------------- Cauchy–Schwarz


def _by_schwarz(prover: Prover, products: list[Product]) -> Step | None:
    """Every negative term is bounded by a positive one."""
    positive, negative = [], []
    for p in products:
        if p.coefficient.is_nonnegative:
            positive.append(p)
        elif p.coefficient.is_nonpositive:
            negative.append(p)
        else:
            return None
    steps: list[Step] = []
    for term in negative:
        for k, partner in enumerate(positive):
            step = _bounded(prover, term, partner)
            if step is not None:
                steps.append(step)
                del positive[k]
                break
        else:
            return None
    for p in positive:
        rest = prover.prove(p.node)
        if rest is None:
            return None
        steps.append(rest)
    whole = add([(p.coefficient, p.node) for p in products], ())
    return Step(_claim(prover, whole), "negative terms are dominated", tuple(steps))


def _squares_opened(factors: tuple[Factor, ...], prover: Prover) -> list[Factor]:
    """Factors with even powers of sums, (Σ f b)², written as two products with labels of their own."""
    out: list[Factor] = []
    fresh = 1000
    for node, labels in factors:
        base, exponent = split_power(node)
        if exponent == 2 and isinstance(base, Einsum) and base.summed and prover.moving(base):
            for _ in range(2):
                place = dict(enumerate(labels))
                for i in base.summed:
                    place[i], fresh = fresh, fresh + 1
                out += [(o, tuple(place[i] for i in ls)) for o, ls in base.factors]
        else:
            out.append((node, labels))
    return out


def _bounded(prover: Prover, term: Product, partner: Product) -> Step | None:
    """−k Σ_B g (Σ_a f b)² + c Σ_B g' (Σ_a h b²) ≥ 0 by (Σ f b)² ≤ (Σ f²/h)(Σ h b²)."""
    factors = _squares_opened(term.factors, prover)
    labels = {i for _, ls in factors for i in ls}
    for batch in _batches(factors, labels):
        for gram in grams(factors, batch, lambda n: False, lambda n: prover.prove(n) is not None):
            if gram.kernels:
                continue
            step = _compared(prover, term, partner, gram, batch)
            if step is not None:
                return step
    return None


def _batches(factors: list[Factor], labels: set[int]) -> list[Labels]:
    """Labels that may stay fixed: none, or one."""
    return [(), *((i,) for i in sorted(labels))]


def _compared(prover: Prover, term: Product, partner: Product, gram: Gram, batch: Labels) -> Step | None:
    moving = [f for f in gram.side if prover.moving(f[0])]
    if len(moving) != 1:
        return None
    b, b_labels = moving[0]
    others = [f for f in gram.side if f is not moving[0]]
    summed = {i for _, ls in gram.side for i in ls if gram.mirror.get(i, i) != i}
    if not summed <= set(b_labels):
        return None
    for place, (node, there) in enumerate(partner.factors):
        base, exponent = split_power(node)
        if base is not b or exponent != 2 or len(set(there)) != len(there):
            continue
        names = dict(zip(there, b_labels, strict=True))
        rest = [f for k, f in enumerate(partner.factors) if k != place]
        if not all(i in names for _, ls in rest for i in ls):
            continue
        mapped = [(n, tuple(names[i] for i in ls)) for n, ls in rest]
        inner = [f for f in mapped if set(f[1]) & summed]
        outer = [f for f in mapped if not set(f[1]) & summed]
        if any(prover.moving(n) for n, _ in (*others, *gram.shared, *mapped)):
            continue
        if not all(prover.prove(n, True) for n, _ in inner):
            continue
        kept = tuple(i for i in b_labels if i not in summed)
        sizes = _sizes(partner.factors) | dict(zip(b_labels, b.shape, strict=True))
        fill: list[Factor] = [(ones((sizes[i],)), (i,)) for i in (*kept, *sorted(summed))]
        squares = [(power(n, sympy.Integer(2)), ls) for n, ls in others]
        inverse = [(power(n, sympy.S.NegativeOne), ls) for n, ls in inner]
        if any(i not in kept for _, ls in gram.shared for i in ls):
            continue
        extent = simplify(einsum([*squares, *inverse, *fill], kept))
        bound = einsum([*gram.shared, (extent, kept)], kept)
        ahead = einsum([*outer, *((ones((sizes[i],)), (i,)) for i in kept)], kept)
        margin = add([(partner.coefficient, ahead), (term.coefficient, bound)], ahead.shape)
        proof = prover.prove(margin)
        if proof is None:
            continue
        whole = add([(partner.coefficient, partner.node), (term.coefficient, term.node)], ())
        reason = (
            f"Cauchy–Schwarz, (Σ f b)² ≤ (Σ f²/h)(Σ h b²) with Σ f²/h = {notation.text(prover.plain(extent))}"
        )
        return Step(_claim(prover, whole), reason, (proof,))
    return None
