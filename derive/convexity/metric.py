"""Forms that are squares in the metric of a psd matrix: Σ c_kl u_kᵀ M u_l ≥ 0 where (c_kl) is psd.

It covers 2 dᵀS⁻¹d − 4 dᵀS⁻¹DS⁻¹x + 2 xᵀS⁻¹DS⁻¹DS⁻¹x = 2 ‖d − DS⁻¹x‖² in the metric S⁻¹, the second derivative of
xᵀS⁻¹x in x and S together.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import final

import sympy

from .. import notation
from ..build import Factor, add, einsum
from ..node import Node
from .signs import Prover, Step


@final
@dataclass(frozen=True)
class Product:
    """A term c · Π factors, summed over all labels."""

    coefficient: sympy.Expr
    factors: tuple[Factor, ...]

    @property
    def node(self) -> Node:
        """The product without its coefficient."""
        return einsum(self.factors, ())


def by_metric(prover: Prover, products: list[Product]) -> Step | None:
    """A proof that the sum of the products is nonnegative, or None."""
    if not all(p.coefficient.is_number for p in products):
        return None
    metrics = dict.fromkeys(n for n, ls in products[0].factors if len(ls) == 2 and "psd" in n.facts)
    for metric in metrics:
        if prover.moving(metric):
            continue
        halves = [list(_halves(p, metric)) for p in products]
        known = list(dict.fromkeys(u for each in halves for u, v in each if u is v))
        table = sympy.zeros(len(known), len(known))
        for p, each in zip(products, halves, strict=True):
            pair = next(((u, v) for u, v in each if u in known and v in known), None)
            if pair is None:
                break
            i, j = (known.index(u) for u in pair)
            table[i, j] += p.coefficient / 2
            table[j, i] += p.coefficient / 2
        else:
            if known and table.is_positive_semidefinite:
                whole = add([(p.coefficient, p.node) for p in products], ())
                claim = f"{notation.text(prover.plain(whole))} >= 0"
                return Step(claim, f"a square in the metric of {notation.text(prover.plain(metric))}")
    return None


def _halves(product: Product, metric: Node) -> Iterator[tuple[Node, Node]]:
    """All u, v with product = uᵀ M v; equal halves first."""
    found = []
    for k, (node, labels) in enumerate(product.factors):
        if node is not metric or labels[0] == labels[1]:
            continue
        rest = [f for i, f in enumerate(product.factors) if i != k]
        left, right = (_reached(rest, label) for label in labels)
        if len(left) + len(right) == len(rest) and not set(map(id, left)) & set(map(id, right)):
            u, v = (einsum(half, (label,)) for half, label in ((left, labels[0]), (right, labels[1])))
            found.append((u, v))
    yield from sorted(found, key=lambda pair: pair[0] is not pair[1])


def _reached(factors: list[Factor], label: int) -> list[Factor]:
    """The factors that hang together with a label, in the order of their distance, symmetric ones turned its way."""
    found: list[Factor] = []
    left, seen = list(factors), {label}
    while True:
        factor = next((f for f in left if seen & set(f[1])), None)
        if factor is None:
            return found
        left.remove(factor)
        node, labels = factor
        if len(labels) == 2 and labels[0] not in seen and "symmetric" in node.facts:
            labels = (labels[1], labels[0])
        seen |= set(labels)
        found.append((node, labels))
