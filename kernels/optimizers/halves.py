"""Symmetric matrices inside a flat vector, by an orthonormal basis of half their entries.

A block Z of side k lies at start … start + k². Its coordinates are Zᵢᵢ and √2 Zᵢⱼ, i < j, so that inner products of
symmetric matrices are those of their coordinates.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from ..oracle import Array, Layout, Matrix, Vector

#: Where a block Z begins in the flat vector, and the length of its side.
Block = tuple[int, int]


@dataclass(frozen=True)
class Halves:
    """The symmetric vectors in an orthonormal basis: off-diagonal pairs of a block share one coordinate."""

    size: int
    first: Array
    second: Array
    weight: Vector

    @staticmethod
    def of(size: int, blocks: Sequence[Block]) -> Halves:
        """The basis for these blocks; entries outside of them stay as they are."""
        mirror = np.arange(size)
        for start, side in blocks:
            square = np.arange(start, start + side * side).reshape(side, side)
            mirror[start : start + side * side] = square.T.ravel()
        first = np.flatnonzero(np.arange(size) <= mirror)
        second = mirror[first]
        return Halves(size, first, second, np.where(first == second, 0.5, np.sqrt(0.5)))

    def shut(self, a: Array) -> Array:
        """Coordinates of a vector; of the columns of a matrix."""
        weight = self.weight if a.ndim == 1 else self.weight[:, None]
        return np.asarray(weight * (a[self.first] + a[self.second]))

    def square(self, a: Matrix) -> Matrix:
        """A symmetric form in these coordinates."""
        return self.shut(self.shut(a).T).T

    def kronecker(self, block: Block, a: Matrix, b: Matrix) -> tuple[slice, Matrix]:
        """½(A⊗B + B⊗A) of a block in these coordinates, and where its coordinates are; A and B symmetric."""
        start, side = block
        place = slice(*np.searchsorted(self.first, [start, start + side * side]))
        i, j = np.divmod(self.first[place] - start, side)
        weight = self.weight[place]
        ai, aj, bi, bj = a[i], a[j], b[i], b[j]
        found = ai.take(i, 1) * bj.take(j, 1)
        found += ai.take(j, 1) * bj.take(i, 1)
        found += aj.take(i, 1) * bi.take(j, 1)
        found += aj.take(j, 1) * bi.take(i, 1)
        found *= weight[:, None] * weight
        return place, found

    def open(self, u: Vector) -> Vector:
        """The vector with these coordinates."""
        found = np.zeros(self.size)
        found[self.first] += self.weight * u
        found[self.second] += self.weight * u
        return found


def blocks_of(layout: Layout, names: Collection[str]) -> list[Block]:
    """Where the matrices of these unknowns lie; of one with more axes, a stack of them."""
    found = []
    for name, shape in zip(layout.names, layout.shapes, strict=True):
        if name in names:
            place = layout.slices[name]
            found += [(start, shape[-1]) for start in range(place.start, place.stop, shape[-1] ** 2)]
    return found


def matrix_at(z: Vector, block: Block) -> Matrix:
    """The symmetric part of a block."""
    start, side = block
    a = z[start : start + side * side].reshape(side, side)
    return (a + a.T) / 2
