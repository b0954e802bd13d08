"""Matrices put together from blocks without the zeros that their structure shows.

A block is a derivative with axes of rows and axes of columns. Its terms are products in which deltas tie columns to
rows (`structure.cross`): only the cores are computed, and their entries go where the ties say. So the Jacobian of
n conditions |xᵢᵀw − yᵢ| ≤ tᵢ takes n (d + 1) numbers, not n (d + n).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, final

import numpy as np
import scipy.sparse

from ..domains import Array
from ..node import Node
from .blocks import spread
from .structure import Cross, cross

Shape = tuple[int, ...]


@final
class Blocks:
    """Named blocks, each with the number of its axes that are rows; `cores` is what is to be evaluated.

    >>> import derive as dv
    >>> n, d = dv.sizes("n d")
    >>> X, w, t = dv.matrix("X", n, d), dv.vector("w", d), dv.vector("t", n)
    >>> blocks = Blocks({v.name: dv.jacobian(t - X @ w, v).node for v in (w, t)}, {"w": 1, "t": 1})
    >>> [core.order for core in blocks.cores.values()]  # -X, and the number 1
    [2, 0]
    """

    def __init__(self, nodes: Mapping[str, Node], rows: Mapping[str, int]) -> None:
        self.terms: dict[str, tuple[Cross, ...]] = {
            key: cross(node, rows[key]) for key, node in nodes.items()
        }
        self.cores: dict[str, Node] = {
            _name(key, k, c): core
            for key, terms in self.terms.items()
            for k, term in enumerate(terms)
            for c, core in enumerate(term.cores)
        }

    def __contains__(self, key: object) -> bool:
        return key in self.terms

    def size(self, key: str, rows: Shape, columns: Shape) -> int:
        """The number of entries that are stored."""
        return sum(math.prod(_extents(t, rows, columns)[1]) for t in self.terms[key])

    def matrix(self, found: Mapping[str, Array], key: str, rows: Shape, columns: Shape) -> Any:
        """One block as a sparse matrix, from the values of the cores."""
        shape = (math.prod(rows), math.prod(columns))
        places: list[tuple[Array, Array]] = []
        entries: list[Array] = []
        for k, term in enumerate(self.terms[key]):
            order, sizes = _extents(term, rows, columns)
            grid = np.indices(sizes, sparse=True)
            index = dict(zip(order, grid, strict=True))
            ties = dict(term.ties)
            columns_at = [index[ties.get(i, i)] for i in range(len(rows), len(rows) + len(columns))]
            row = _flat([index[i] for i in range(len(rows))], rows, sizes)
            column = _flat(columns_at, columns, sizes)
            value: Any = 1.0
            for c, labels in enumerate(term.labels):
                value = value * spread(np.asarray(found[_name(key, k, c)]), labels, order)
            places.append((row, column))
            entries.append(np.broadcast_to(value, sizes).reshape(-1))
        if not entries:
            return scipy.sparse.csr_array(shape)
        at = tuple(np.concatenate(part) for part in zip(*places, strict=True))
        return scipy.sparse.csr_array((np.concatenate(entries), at), shape=shape)


def _name(key: str, term: int, core: int) -> str:
    return f"{key} {term} {core}"


def _extents(term: Cross, rows: Shape, columns: Shape) -> tuple[list[int], Shape]:
    """The labels that entries run over, and their sizes: the rows, and the columns that are not tied to one."""
    tied = {column for column, _ in term.ties}
    r = len(rows)
    order = [*range(r), *(i for i in range(r, r + len(columns)) if i not in tied)]
    return order, tuple((*rows, *columns)[i] for i in order)


def _flat(index: list[Array], shape: Shape, sizes: Shape) -> Array:
    """Positions in a flattened array of this shape, over a grid of these sizes."""
    flat: Any = np.zeros((), dtype=np.int64)
    for i, n in zip(index, shape, strict=True):
        flat = flat * n + i
    return np.broadcast_to(flat, sizes).reshape(-1)
