"""Arrays whose axes carry labels: the common ground of SymPy's matrices and of its index notation.

A value is a node and one label per axis. Products, sums and functions align axes by label, as Einstein notation
does, so that `Sum(X[i, j]*w[j], (j, 0, d - 1))` and `X*w` are read by the same few operations.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import final

import sympy

from ..build import add as weighted_sum
from ..build import einsum
from ..node import Node, ones
from ..sizes import ONE, Size

Label = Hashable

_fresh = itertools.count()


def fresh() -> Label:
    """A label that occurs nowhere else."""
    return ("fresh", next(_fresh))


@final
@dataclass(frozen=True)
class Labelled:
    """A node and the labels of its axes, each at most once."""

    node: Node
    labels: tuple[Label, ...] = ()

    def sizes(self) -> dict[Label, Size]:
        """The size of every label."""
        return dict(zip(self.labels, self.node.shape, strict=True))

    def renamed(self, names: dict[Label, Label]) -> Labelled:
        """The value with labels renamed; labels that become equal make a diagonal."""
        labels = tuple(names.get(i, i) for i in self.labels)
        if len(set(labels)) == len(labels):
            return Labelled(self.node, labels)
        return contract([Labelled(self.node, labels)], tuple(dict.fromkeys(labels)))

    def ordered(self, labels: Iterable[Label]) -> Node:
        """The node with its axes in that order."""
        return contract([self], tuple(labels)).node


def contract(factors: Sequence[Labelled], output: Sequence[Label]) -> Labelled:
    """The product of the factors, summed over every label that is not in `output`."""
    number: dict[Label, int] = {}
    for label in (*output, *(i for f in factors for i in f.labels)):
        number.setdefault(label, len(number))
    numbered = [(f.node, tuple(number[i] for i in f.labels)) for f in factors]
    return Labelled(einsum(numbered, tuple(number[i] for i in output)), tuple(output))


def union(values: Iterable[Labelled]) -> dict[Label, Size]:
    """All labels of the values with their sizes, in the order of their first use."""
    found: dict[Label, Size] = {}
    for value in values:
        for label, size in value.sizes().items():
            found.setdefault(label, size)
    return found


def spread(value: Labelled, labels: dict[Label, Size]) -> Node:
    """The value repeated along the labels that it does not have, with its axes in their order."""
    missing = [
        Labelled(ones((size,)), (label,)) for label, size in labels.items() if label not in value.labels
    ]
    return contract([value, *missing], tuple(labels)).node


def product(values: Sequence[Labelled]) -> Labelled:
    """The product, entry by entry; labels that only some factors have are repeated."""
    return contract(values, tuple(union(values)))


def total(values: Sequence[Labelled], coefficients: Sequence[sympy.Expr] | None = None) -> Labelled:
    """The weighted sum, entry by entry."""
    labels = union(values)
    weights = coefficients or [ONE] * len(values)
    terms = [(c, spread(v, labels)) for c, v in zip(weights, values, strict=True)]
    return Labelled(weighted_sum(terms, tuple(labels.values())), tuple(labels))


def entrywise(function: Callable[..., Node], *values: Labelled) -> Labelled:
    """A function of nodes of one shape, on the values aligned by label."""
    labels = union(values)
    return Labelled(function(*(spread(v, labels) for v in values)), tuple(labels))
