"""Makers of matrix products: inner products flattened, identities dropped, diagonals merged, numbers in front."""

from __future__ import annotations

import sympy

from ..sizes import ONE, is_negative
from .makers import even, flip, mul, transpose
from .term_order import minus_identity
from .tree import Tree, make, parts, rendering


def chain(*factors: Tree) -> Tree:
    """A matrix product; inner products flattened, identities dropped, scalars and numbers in front."""
    flat: list[Tree] = []
    coefficient: sympy.Expr = sympy.S.One
    scalars: list[Tree] = []
    below: list[Tree] = []
    for f in factors:
        c, nums, dens = parts(f)
        inner = [x for x in nums if x.order]
        if f.op == "mul" and not any(x.order for x in dens) and len(inner) == 1:
            coefficient = coefficient * c
            scalars += [x for x in nums if not x.order]
            below += dens
            f = inner[0]
        flat += list(f.args) if f.op == "chain" else [f]
    flat = _identities_positive(flat)
    order = (flat[0].order - 1) + (flat[-1].order - 1)
    if len(flat) > 1:
        kept = [f for f in flat if f.op != "eye"]
        flat = kept or flat[:1]
    body = flat[0] if len(flat) == 1 else make("chain", *_merge_diagonals(flat), order=order)
    if body.op == "chain" and len(body.args) == 1:
        body = body.args[0]
    if body.op == "chain" and order == 0 and len(body.args) > 1 and body.args[0] is body.args[-1]:
        v = even(body.args[0])
        body = make("chain", v, *body.args[1:-1], v)
    if body.op == "chain" and order == 2:
        outside = make("chain", *(transpose(x) for x in reversed(body.args)), order=2)
        turned = body.args[0].op == "T" and all(x is body.args[0] for x in body.args)  # (Aᵀ)³ is (A³)ᵀ
        if turned or make("T", outside, order=2).cost < body.cost:
            body = make("T", outside, order=2)
    return mul(coefficient, [*scalars, body], below)


def _identities_positive(factors: list[Tree]) -> list[Tree]:
    """(P − I) A (P − I) -> (I − P) A (I − P), two factors at a time"""
    found = [k for k, f in enumerate(factors) if f.op == "sum" and any(map(minus_identity, f.args))]
    turned = {k: flip(factors[k]) for k in found[: len(found) // 2 * 2]}
    return [turned.get(k) or f for k, f in enumerate(factors)] if all(turned.values()) else factors


def diagonal_matrix(v: Tree) -> Tree:
    """diag(v), a minus in front: −diag(v), not diag(−v)."""
    c, nums, dens = parts(v)
    if rendering.rooted and c.is_number and c != 1 and any(x.order for x in (*nums, *dens)):
        return mul(c, [make("diag", mul(ONE, nums, dens), order=2)])
    if not is_negative(c):
        return make("diag", v, order=2)
    return mul(-sympy.S.One, [make("diag", mul(-c, nums, dens), order=2)])


def _merge_diagonals(flat: list[Tree]) -> list[Tree]:
    """diag(u) diag(v) -> diag(u∘v);  diag(u) v -> u∘v at an end of the product"""
    out: list[Tree] = []
    for f in flat:
        if out and out[-1].op == "diag" and f.op == "diag":
            out[-1] = make("diag", mul(sympy.S.One, [out[-1].args[0], f.args[0]]), order=2)
        elif out and out[-1].op == "diag" and f.order == 1:
            out[-1] = mul(sympy.S.One, [out[-1].args[0], f])
        elif out and out[-1].order == 1 and f.op == "diag" and len(out) == 1:
            out[-1] = mul(sympy.S.One, [out[-1], f.args[0]])
        else:
            out.append(f)
    return out
