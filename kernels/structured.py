"""Structured Hessians in numbers: entries, products and solves without the zeros.

What the structure is, `structure` found out; a kernel computes its cores.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, final

import numpy as np

from ..domains import Array
from ..errors import SizeError
from ..node import Labels

#: The labels of every term's cores, and its tied axes.
Layout = Sequence[tuple[tuple[Labels, ...], frozenset[int]]]


@final
@dataclass(frozen=True)
class _Part:
    arrays: tuple[Array, ...]
    labels: tuple[Labels, ...]
    tied: frozenset[int]


@final
class Structured:
    """A Hessian in numbers. `shape` is that of the variable; `kind` says what it is.

    >>> import numpy as np
    >>> H = Structured((2,), [((np.array([2.0, 4.0]),), ((0,),), frozenset({0}))])
    >>> H.kind
    'diagonal'
    >>> H.dense()
    array([[2., 0.],
           [0., 4.]])
    >>> H.solve(np.array([2.0, 4.0]))
    array([1., 1.])
    """

    def __init__(
        self,
        shape: Sequence[int],
        parts: Sequence[tuple[tuple[Array, ...], tuple[Labels, ...], frozenset[int]]],
    ) -> None:
        self.shape = tuple(shape)
        self._layout: Layout = [(labels, tied) for _, labels, tied in parts]
        self._arrays = [a for arrays, _, _ in parts for a in arrays]
        places = iter(range(len(self._arrays)))
        self._places: Sequence[Sequence[int]] = [[next(places) for _ in arrays] for arrays, _, _ in parts]

    @classmethod
    def of(
        cls, shape: tuple[int, ...], layout: Layout, places: Sequence[Sequence[int]], arrays: list[Array]
    ) -> Structured:
        """The same from arrays, and where among them those of every term are; nothing is done before it is asked."""
        made = cls.__new__(cls)
        made.shape, made._layout, made._places, made._arrays = shape, layout, places, arrays
        return made

    @cached_property
    def parts(self) -> list[_Part]:
        """The terms."""
        terms = zip(self._layout, self._places, strict=True)
        return [_Part(tuple(np.asarray(self._arrays[k]) for k in own), *form) for form, own in terms]

    @property
    def tied(self) -> frozenset[int]:
        """The axes along which all terms are diagonal."""
        everything = frozenset(range(len(self.shape)))
        return frozenset.intersection(everything, *(p.tied for p in self.parts))

    @property
    def kind(self) -> str:
        """`diagonal`, `block diagonal`, `Kronecker product`, `diagonal plus low rank` or `dense`."""
        r = len(self.shape)
        if len(self.tied) == r:
            return "diagonal"
        if self.tied:
            constant = all(not {i for ls in p.labels for i in ls} & self.tied for p in self.parts)
            return "Kronecker product" if constant else "block diagonal"
        if any(len(p.labels) == 2 for p in self.parts) and all(
            len(p.labels) == 2 or len(p.tied) == r for p in self.parts
        ):
            return "diagonal plus low rank"
        return "dense"

    @property
    def size(self) -> int:
        """The number of stored entries."""
        return sum(a.size for p in self.parts for a in p.arrays)

    def __repr__(self) -> str:
        entries = math.prod(self.shape) ** 2
        return f"Structured({self.shape}, {self.kind}: {self.size} numbers for {entries} entries)"

    def _core(self, part: _Part, order: Labels) -> Array:
        """The core over these labels; axes that it does not have are of length 1."""
        if len(part.arrays) == 2:
            (left, right), (rows, columns) = part.arrays, part.labels
            core, labels = np.multiply.outer(left, right), (*rows, *columns)
        else:
            (core,), (labels,) = part.arrays, part.labels
        kept = [i for i in order if i in labels]
        core = np.transpose(core, [labels.index(i) for i in kept])
        return core.reshape([core.shape[kept.index(i)] if i in kept else 1 for i in order])

    def _entries(self, tied: frozenset[int]) -> tuple[Array, Labels]:
        """All terms added up as an array over the rows and the columns that are not tied."""
        r = len(self.shape)
        order = tuple(i for i in range(2 * r) if i - r not in tied)
        out = np.zeros([self.shape[i % r] for i in order])
        self._add(out, order, tied)
        return out, order

    def _add(self, out: Array, order: Labels, tied: frozenset[int]) -> None:
        r = len(self.shape)
        for part in self.parts:
            view = out
            left = list(order)
            for k in part.tied - tied:  # entries off the diagonal of a further axis are zero
                view = diagonal_of(view, left.index(k), left.index(k + r))
                left.remove(k + r)
            view += self._core(part, tuple(left))

    def dense(self) -> Array:
        """All entries: the axes of the variable, twice."""
        return self._entries(frozenset())[0]

    def add_to(self, out: Array) -> None:
        """All entries, added to an array with the axes of the variable, twice."""
        self._add(out, tuple(range(2 * len(self.shape))), frozenset())

    def diagonal(self) -> Array:
        """The entries on the diagonal, in the shape of the variable."""
        r = len(self.shape)
        out = np.zeros(self.shape)
        for part in self.parts:
            labels = [tuple(i % r for i in ls) for ls in part.labels]
            kept = tuple(sorted({i for ls in labels for i in ls}))
            operands = [x for a, ls in zip(part.arrays, labels, strict=True) for x in (a, list(ls))]
            core = np.einsum(*operands, list(kept))
            out += core.reshape([self.shape[i] if i in kept else 1 for i in range(r)])
        return out

    def __matmul__(self, vector: Any) -> Array:
        """H v, with v and the result in the shape of the variable."""
        v = self._checked(vector)
        r = len(self.shape)
        out = np.zeros(self.shape)
        for part in self.parts:
            columns = [k if k in part.tied else k + r for k in range(r)]
            rows = [i for i in range(r) if i in part.tied or any(i in ls for ls in part.labels)]
            operands = [x for a, ls in zip(part.arrays, part.labels, strict=True) for x in (a, list(ls))]
            product = np.einsum(*operands, v, columns, rows, optimize=len(part.arrays) > 1)
            out += product.reshape([self.shape[i] if i in rows else 1 for i in range(r)])
        return out

    def solve(self, right: Any) -> Array:
        """H⁻¹ times an array of the shape of the variable, block by block; `LinAlgError` where H is singular."""
        v = self._checked(right)
        r, tied = len(self.shape), self.tied
        if self.kind == "diagonal plus low rank":
            return self._woodbury(v)
        entries, order = self._entries(tied)
        batch = [k for k in range(r) if k in tied]
        free = [k for k in range(r) if k not in tied]
        if not free:
            if not np.all(entries):
                raise np.linalg.LinAlgError("Singular matrix")
            return np.asarray(v / entries)
        axes = [order.index(k) for k in (*batch, *free)] + [order.index(k + r) for k in free]
        count = int(np.prod([self.shape[k] for k in free]))
        lead = [self.shape[k] for k in batch]
        blocks = np.transpose(entries, axes).reshape([*lead, count, count])
        given = np.transpose(v, (*batch, *free)).reshape([*lead, count, 1])
        found = np.linalg.solve(blocks, given).reshape([self.shape[k] for k in (*batch, *free)])
        return np.transpose(found, np.argsort((*batch, *free)))

    def _woodbury(self, v: Array) -> Array:
        """(D + A Bᵀ)⁻¹ v = D⁻¹v − D⁻¹A (I + BᵀD⁻¹A)⁻¹ BᵀD⁻¹v."""
        pairs = [p for p in self.parts if len(p.labels) == 2]
        others = [(p.arrays, p.labels, p.tied) for p in self.parts if len(p.labels) == 1]
        d = Structured(self.shape, others).diagonal().reshape(-1)
        if not np.all(d):
            return np.linalg.solve(self.dense().reshape(d.size, d.size), v.reshape(-1)).reshape(self.shape)
        r = len(self.shape)

        def column(array: Array, labels: Labels) -> Array:
            kept = [i % r for i in labels]
            shaped = array.reshape([self.shape[i] if i in kept else 1 for i in range(r)])
            return np.broadcast_to(shaped, self.shape).reshape(-1)

        A = np.stack([column(p.arrays[0], p.labels[0]) for p in pairs], axis=1)
        B = np.stack([column(p.arrays[1], p.labels[1]) for p in pairs], axis=1)
        scaled = A / d[:, None]
        first = v.reshape(-1) / d
        small = np.eye(len(pairs)) + B.T @ scaled
        return (first - scaled @ np.linalg.solve(small, B.T @ first)).reshape(self.shape)

    def _checked(self, vector: Any) -> Array:
        v = np.asarray(vector, dtype=np.float64)
        if v.shape != self.shape:
            raise SizeError(f"the Hessian is that of a variable of shape {self.shape}, not {v.shape}")
        return v


def diagonal_of(array: Array, first: int, second: int) -> Array:
    """A writable view on which two axes of one length run together, in the place of the first."""
    strides, shape = list(array.strides), list(array.shape)
    strides[first] += strides[second]
    del strides[second], shape[second]
    return np.lib.stride_tricks.as_strided(array, shape, strides)
