"""The Hessian of several unknowns in numbers, as a table of blocks without their zeros.

Blocks on the diagonal are `Structured`; the others are `CrossBlock`: sums of products of cores, with axes of the rows
tied to axes of the columns. What the structure is, `structure` found out; a kernel computes the cores.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property
from typing import Any, final

import numpy as np

from ..domains import Array
from ..errors import ArgumentError, SizeError
from ..node import Labels
from .structured import Layout, Structured, diagonal_of

#: The labels of every term's cores, and the rows that its columns are tied to.
CrossLayout = Sequence[tuple[tuple[Labels, ...], tuple[tuple[int, int], ...]]]
Shape = tuple[int, ...]


@final
class CrossBlock:
    """The mixed second derivatives of two unknowns, of shapes `rows` and `columns`.

    >>> import numpy as np
    >>> H = CrossBlock((2,), (2,), [(((0,),), ((1, 0),))], [[np.array([3.0, 4.0])]])  # a diagonal
    >>> H @ np.array([1.0, 2.0])
    array([3., 8.])
    """

    def __init__(
        self, rows: Shape, columns: Shape, layout: CrossLayout, arrays: Sequence[Sequence[Array]]
    ) -> None:
        self.rows, self.columns = rows, columns
        self.terms = [
            (tuple(map(np.asarray, given)), labels, dict(ties))
            for (labels, ties), given in zip(layout, arrays, strict=True)
        ]

    @property
    def size(self) -> int:
        """The number of stored entries."""
        return sum(a.size for arrays, _, _ in self.terms for a in arrays)

    def __repr__(self) -> str:
        entries = math.prod((*self.rows, *self.columns))
        return f"CrossBlock({self.rows}, {self.columns}: {self.size} numbers for {entries} entries)"

    @property
    def T(self) -> CrossBlock:
        """The block on the other side of the diagonal."""
        r, s = len(self.rows), len(self.columns)
        layout, kept = [], []
        for arrays, labels, ties in self.terms:
            new = {i: s + i if i < r else i - r for i in range(r + s)}
            new |= {row: column - r for column, row in ties.items()}
            layout.append(
                (
                    tuple(tuple(new[i] for i in ls) for ls in labels),
                    tuple((s + row, c - r) for c, row in ties.items()),
                )
            )
            kept.append(arrays)
        return CrossBlock(self.columns, self.rows, layout, kept)

    def dense(self) -> Array:
        """All entries: the axes of the rows, then those of the columns."""
        out = np.zeros((*self.rows, *self.columns))
        self.add_to(out)
        return out

    def add_to(self, out: Array) -> None:
        """All entries, added to an array with those axes."""
        for arrays, labels, ties in self.terms:
            view, left = out, list(range(out.ndim))
            for column, row in ties.items():
                view = diagonal_of(view, left.index(row), left.index(column))
                left.remove(column)
            cores = [spread(a, ls, left) for a, ls in zip(arrays, labels, strict=True)]
            view += math.prod(cores[1:], start=cores[0])

    def __matmul__(self, vector: Any) -> Array:
        """The block times an array of the shape of the columns: an array of the shape of the rows."""
        v = np.asarray(vector, dtype=np.float64)
        if v.shape != self.columns:
            raise SizeError(f"the columns of this block are an array of shape {self.columns}, not {v.shape}")
        r = len(self.rows)
        out = np.zeros(self.rows)
        for arrays, labels, ties in self.terms:
            columns = [ties.get(r + k, r + k) for k in range(len(self.columns))]
            kept = [i for i in range(r) if i in ties.values() or any(i in ls for ls in labels)]
            operands = [x for a, ls in zip(arrays, labels, strict=True) for x in (a, list(ls))]
            product = np.einsum(*operands, v, columns, kept, optimize=len(arrays) > 1)
            out += product.reshape([self.rows[i] if i in kept else 1 for i in range(r)])
        return out


def spread(array: Array, labels: Labels, order: Sequence[int]) -> Array:
    """An array over these labels; axes that it does not have are of length 1."""
    kept = [i for i in order if i in labels]
    turned = np.transpose(array, [labels.index(i) for i in kept])
    return turned.reshape([turned.shape[kept.index(i)] if i in kept else 1 for i in order])


@final
class BlockTable:
    """The Hessian of several unknowns. `table[i, j]` is the block of the i-th and the j-th; `shapes` are theirs.

    `layouts` has an entry for every block on the diagonal and above; those below that it lacks are mirrored. `places`
    says which of the arrays every term of a block is made of.
    """

    def __init__(
        self,
        shapes: Sequence[Shape],
        layouts: dict[tuple[int, int], Any],
        places: dict[tuple[int, int], list[list[int]]],
        arrays: list[Array],
    ) -> None:
        self.shapes = tuple(shapes)
        self._layouts, self._places, self._arrays = layouts, places, arrays

    @cached_property
    def _blocks(self) -> dict[tuple[int, int], Structured | CrossBlock]:
        found: dict[tuple[int, int], Structured | CrossBlock] = {}
        for (i, j), layout in self._layouts.items():
            places = self._places[i, j]
            if i == j:
                found[i, j] = Structured.of(self.shapes[i], layout, places, self._arrays)
            else:
                arrays = [[self._arrays[k] for k in term] for term in places]
                found[i, j] = block = CrossBlock(self.shapes[i], self.shapes[j], layout, arrays)
                if (j, i) not in self._layouts:
                    found[j, i] = block.T
        return found

    def __getitem__(self, place: tuple[int, int]) -> Structured | CrossBlock:
        count = len(self.shapes)
        if place not in self._blocks:
            raise ArgumentError(f"there is no block {place}: the table has {count} × {count} blocks, H[i, j]")
        return self._blocks[place]

    def __repr__(self) -> str:
        entries = sum(math.prod(shape) for shape in self.shapes) ** 2
        return f"BlockTable({', '.join(map(str, self.shapes))}: {self.size} numbers for {entries} entries)"

    @property
    def size(self) -> int:
        """The number of stored entries, those of mirrored blocks once."""
        return sum(self._blocks[place].size for place in self._layouts)

    def dense(self) -> Array:
        """All entries as one symmetric matrix: the unknowns one after the other, each flattened."""
        ends = np.cumsum([0, *(math.prod(shape) for shape in self.shapes)])
        out = np.zeros((ends[-1], ends[-1]))
        for i, j in self._blocks:
            part = out[ends[i] : ends[i + 1], ends[j] : ends[j + 1]]
            self._blocks[i, j].add_to(part.reshape((*self.shapes[i], *self.shapes[j])))
        return out

    def __matmul__(self, vectors: Any) -> list[Array]:
        """H v for one array per unknown, in their shapes; so is the result."""
        count = len(self.shapes)
        if not isinstance(vectors, list | tuple) or len(vectors) != count:
            raise ArgumentError(f"give a list of {count} arrays, one for each unknown")
        blocks = self._blocks
        return [
            sum((blocks[i, j] @ vectors[j] for j in range(count)), np.zeros(self.shapes[i]))
            for i in range(count)
        ]


__all__ = ["BlockTable", "CrossBlock", "CrossLayout", "Layout"]
