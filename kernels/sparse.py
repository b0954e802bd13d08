"""Matrices put together from blocks without the zeros that their structure shows.

A block is a derivative with axes of rows and axes of columns. Its terms are products in which deltas tie columns to
rows (`structure.cross`): only the cores are computed, and their entries go where the ties say. So the Jacobian of
n conditions |xᵢᵀw − yᵢ| ≤ tᵢ takes n (d + 1) numbers, not n (d + n). What slices put somewhere in an array, as
those of xᵢ₊₁ ≥ xᵢ, has cores and ties of its own, and goes where the slices say.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import scipy.sparse
import sympy

from ..build import add
from ..domains import Array
from ..node import Apply, Node, Sum
from ..sizes import Binding, Coefficient, Size
from .blocks import spread
from .structure import Cross, cross

Shape = tuple[int, ...]
#: For every axis ("at", place) or ("range", start, count, step), as slices have it.
Index = tuple[tuple[Any, ...], ...]


@final
@dataclass(frozen=True)
class _Part:
    """A term of a block, and where it lies: its axes are those that are ranges; None: the block's."""

    term: Cross
    index: Index | None


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
        self.nodes = dict(nodes)
        self.parts: dict[str, tuple[_Part, ...]] = {
            key: _parts(node, rows[key]) for key, node in nodes.items()
        }
        self.cores: dict[str, Node] = {
            _name(key, k, c): core
            for key, parts in self.parts.items()
            for k, part in enumerate(parts)
            for c, core in enumerate(part.term.cores)
        }

    def __contains__(self, key: object) -> bool:
        return key in self.parts

    def size(self, key: str, rows: Shape, columns: Shape) -> int:
        """The number of entries that are stored."""
        known = self._known(key, rows, columns)
        return sum(
            math.prod(_extents(part.term, *_own(part, rows, columns, known))[1]) for part in self.parts[key]
        )

    def matrix(self, found: Mapping[str, Array], key: str, rows: Shape, columns: Shape) -> Any:
        """One block as a sparse matrix, from the values of the cores."""
        shape = (math.prod(rows), math.prod(columns))
        known = self._known(key, rows, columns)
        places: list[tuple[Array, Array]] = []
        entries: list[Array] = []
        for k, part in enumerate(self.parts[key]):
            term, (inner, outer) = part.term, _own(part, rows, columns, known)
            order, sizes = _extents(term, inner, outer)
            grid = np.indices(sizes, sparse=True)
            index = dict(zip(order, grid, strict=True))
            ties = dict(term.ties)
            own = [index[ties.get(i, i)] for i in range(len(inner) + len(outer))]
            at = own if part.index is None else _moved(own, part.index, known)
            row, column = _flat(at[: len(rows)], rows, sizes), _flat(at[len(rows) :], columns, sizes)
            value: Any = 1.0
            for c, labels in enumerate(term.labels):
                value = value * spread(np.asarray(found[_name(key, k, c)]), labels, order)
            places.append((row, column))
            entries.append(np.broadcast_to(value, sizes).reshape(-1))
        if not entries:
            return scipy.sparse.csr_array(shape)
        where = tuple(np.concatenate(each) for each in zip(*places, strict=True))
        return scipy.sparse.csr_array((np.concatenate(entries), where), shape=shape)

    def _known(self, key: str, rows: Shape, columns: Shape) -> Binding:
        """The sizes that the shape of a block tells; of n - k and n the first after the second."""
        binding = Binding({})
        for _ in range(2):
            binding.learn(key, self.nodes[key].shape, (*rows, *columns))
        return binding


def _parts(node: Node, rows: int) -> tuple[_Part, ...]:
    """The terms of a block, those that slices put somewhere apart from the others."""
    found: dict[Index | None, list[tuple[Coefficient, Node]]] = {}
    _collect(node, sympy.S.One, None, found)
    if not {s for index in found for s in _symbols(index)} <= _told(node.shape):
        found = {None: [(sympy.S.One, node)]}  # nobody knows how far the slices go
    parts: list[_Part] = []
    for index, terms in found.items():
        inner = rows if index is None else sum(entry[0] == "range" for entry in index[:rows])
        parts += [_Part(term, index) for term in cross(add(terms), inner)]
    return tuple(parts)


def _symbols(index: Index | None) -> set[Any]:
    return {s for entry in index or () for size in entry[1:] for s in sympy.sympify(size).free_symbols}


def _told(shape: Sequence[Size]) -> set[Any]:
    """The symbols whose numbers follow from that of each size."""
    alone = {size for size in shape if size.is_Symbol}
    left = [size.free_symbols - alone for size in shape]
    return alone.union(*(symbols for symbols in left if len(symbols) == 1))


def _collect(
    node: Node,
    coefficient: Coefficient,
    index: Index | None,
    found: dict[Index | None, list[tuple[Coefficient, Node]]],
) -> None:
    if isinstance(node, Sum):
        for c, term in node.terms:
            _collect(term, coefficient * c, index, found)
    elif isinstance(node, Apply) and node.op == "place":
        own = node.param("index")
        _collect(node.operands[0], coefficient, own if index is None else _inside(index, own), found)
    else:
        found.setdefault(index, []).append((coefficient, node))


def _inside(outer: Index, inner: Index) -> Index:
    """Where a part of a part lies."""
    entries, left = [], iter(inner)
    for entry in outer:
        if entry[0] == "at":
            entries.append(entry)
            continue
        (_, start, _, step), (kind, place, *rest) = entry, next(left)
        moved = start + step * place
        entries.append((kind, moved) if kind == "at" else (kind, moved, rest[0], step * rest[1]))
    return tuple(entries)


def _own(part: _Part, rows: Shape, columns: Shape, known: Binding) -> tuple[Shape, Shape]:
    """The lengths of the axes of a term."""
    if part.index is None:
        return rows, columns
    ends = part.index[: len(rows)], part.index[len(rows) :]
    first, second = (tuple(_number(e[2], known) for e in end if e[0] == "range") for end in ends)
    return first, second


def _moved(own: list[Array], index: Index, known: Binding) -> list[Any]:
    """For each axis of the block its places, from those on the axes of a term."""
    left = iter(own)
    return [
        _number(entry[1], known)
        if entry[0] == "at"
        else _number(entry[1], known) + _number(entry[3], known) * next(left)
        for entry in index
    ]


def _number(size: Any, known: Binding) -> int:
    number = known.number(size, default=None)
    assert number is not None
    return number


def _name(key: str, term: int, core: int) -> str:
    return f"{key} {term} {core}"


def _extents(term: Cross, rows: Shape, columns: Shape) -> tuple[list[int], Shape]:
    """The labels that entries run over, and their sizes: the rows, and the columns that are not tied to one."""
    tied = {column for column, _ in term.ties}
    r = len(rows)
    order = [*range(r), *(i for i in range(r, r + len(columns)) if i not in tied)]
    return order, tuple((*rows, *columns)[i] for i in order)


def _flat(index: list[Any], shape: Shape, sizes: Shape) -> Array:
    """Positions in a flattened array of this shape, over a grid of these sizes."""
    flat: Any = np.zeros((), dtype=np.int64)
    for i, n in zip(index, shape, strict=True):
        flat = flat * n + i
    return np.broadcast_to(flat, sizes).reshape(-1)
