"""Products that are visibly squares: Σ F(a, c) F(b, c) P₁(a₁, b₁) P₂(a₂, b₂)… w(c) with P psd and w ≥ 0.

A product over labelled axes is nonnegative if some exchange of its summed labels leaves it unchanged, splits
its factors into a half and its mirror image, and what connects the halves are psd matrices (their Kronecker
product is psd) or shared labels with nonnegative weights. It covers vᵀXᵀDXv, dᵀSd, tr(A⁻¹DA⁻¹D) and
Schur products.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import final

from ..build import Factor
from ..node import Labels, Node

_MOST = 12


@final
@dataclass(frozen=True)
class Gram:
    """The halves of a product: `side` are the factors of one half, `shared` the weights, `kernels` the psd ones."""

    side: tuple[Factor, ...]
    shared: tuple[Factor, ...]
    kernels: tuple[Factor, ...]
    mirror: dict[int, int]


def grams(
    factors: list[Factor], output: Labels, psd: Callable[[Node], bool], weight: Callable[[Node], bool] | None
) -> Iterator[Gram]:
    """All ways to see the product as a square; `weight` says whether a shared factor is nonnegative."""
    if len(factors) > _MOST:
        return
    mirror = {i: i for i in output}
    yield from _search(factors, list(range(len(factors))), mirror, [], [], [], psd, weight)


def _search(
    factors: list[Factor],
    left: list[int],
    mirror: dict[int, int],
    pairs: list[tuple[int, int]],
    shared: list[int],
    kernels: list[int],
    psd: Callable[[Node], bool],
    weight: Callable[[Node], bool] | None,
) -> Iterator[Gram]:
    if not left:
        found = _halves(factors, mirror, pairs, shared, kernels)
        if found is not None:
            yield found
        return
    k, rest = left[0], left[1:]
    node, labels = factors[k]
    for j in rest:
        if factors[j][0] is node:
            for other in _orders(node, factors[j][1]):
                joined = _join(mirror, labels, other)
                if joined is not None:
                    remaining = [i for i in rest if i != j]
                    yield from _search(
                        factors, remaining, joined, [*pairs, (k, j)], shared, kernels, psd, weight
                    )
    if len(labels) == 2 and labels[0] != labels[1] and psd(node):
        joined = _join(mirror, labels, (labels[1], labels[0]))
        if joined is not None:
            yield from _search(factors, rest, joined, pairs, shared, [*kernels, k], psd, weight)
    if weight is None or weight(node):
        joined = _join(mirror, labels, labels)
        if joined is not None:
            yield from _search(factors, rest, joined, pairs, [*shared, k], kernels, psd, weight)


def _orders(node: Node, labels: Labels) -> list[Labels]:
    if len(labels) >= 2 and "symmetric" in node.facts:
        return [labels, (*labels[:-2], labels[-1], labels[-2])]
    return [labels]


def _join(mirror: dict[int, int], labels: Labels, images: Labels) -> dict[int, int] | None:
    """The exchange extended by labels -> images, or None where it contradicts itself."""
    found = dict(mirror)
    for a, b in zip(labels, images, strict=True):
        if found.setdefault(a, b) != b or found.setdefault(b, a) != a:
            return None
    return found


def _halves(
    factors: list[Factor],
    mirror: dict[int, int],
    pairs: list[tuple[int, int]],
    shared: list[int],
    kernels: list[int],
) -> Gram | None:
    """Choose one factor of each pair so that no half holds a label and its mirror image."""
    side: dict[int, int] = {}  # label -> half
    chosen: list[int] = []
    waiting = list(pairs)
    while waiting:
        progress = False
        for pair in list(waiting):
            known = {side[i] for i in factors[pair[0]][1] if i in side}
            if len(known) == 2:
                return None
            if known or (not progress and pair is waiting[0] and not _linked(factors, waiting, side)):
                half = known.pop() if known else 0
                for i in factors[pair[0]][1]:
                    if mirror[i] != i:
                        side[i], side[mirror[i]] = half, 1 - half
                chosen.append(pair[half])
                waiting.remove(pair)
                progress = True
                break
        if not progress:
            return None
    # every factor must lie in one half
    for a, b in pairs:
        for k in (a, b):
            if len({side[i] for i in factors[k][1] if i in side}) == 2:
                return None
    return Gram(
        tuple(factors[k] for k in chosen),
        tuple(factors[k] for k in shared),
        tuple(factors[k] for k in kernels),
        mirror,
    )


def _linked(factors: list[Factor], waiting: list[tuple[int, int]], side: dict[int, int]) -> bool:
    """Whether some waiting pair touches a label whose half is known."""
    return any(i in side for a, _ in waiting for i in factors[a][1])
