"""Structured Hessians in numbers: entries, products and solves without the zeros.

What the structure is, `structure` found out; a kernel computes its cores.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from ..domains import Array
from ..errors import SizeError
from ..evaluate import bind
from ..node import Labels, Node, Variable
from ..sizes import Binding
from .compile import compile_nodes
from .structure import split


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
        self.parts = [_Part(*p) for p in parts]

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
        for part in self.parts:
            view = out
            left = list(order)
            for k in part.tied - tied:  # entries off the diagonal of a further axis are zero
                view = _diagonal(view, left.index(k), left.index(k + r))
                left.remove(k + r)
            view += self._core(part, tuple(left))
        return out, order

    def dense(self) -> Array:
        """All entries: the axes of the variable, twice."""
        return self._entries(frozenset())[0]

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
        v = self._given(vector)
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
        v = self._given(right)
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

    def _given(self, vector: Any) -> Array:
        v = np.asarray(vector, dtype=np.float64)
        if v.shape != self.shape:
            raise SizeError(f"the Hessian is that of a variable of shape {self.shape}, not {v.shape}")
        return v


def _diagonal(array: Array, first: int, second: int) -> Array:
    """A writable view on which two axes of one length run together, in the place of the first."""
    strides, shape = list(array.strides), list(array.shape)
    strides[first] += strides[second]
    del strides[second], shape[second]
    return np.lib.stride_tricks.as_strided(array, shape, strides)


@final
class StructuredKernel:
    """A compiled Hessian that comes as a `Structured`: only what is not zero by structure is computed."""

    def __init__(self, node: Node, declared: Sequence[Variable], backend: str, dtype: Any) -> None:
        self.terms = split(node)
        self._shape = node.shape[: node.order // 2]
        self._declared = {v.name: v for v in declared}
        self._cores = {(k, j): core for k, t in enumerate(self.terms) for j, core in enumerate(t.cores)}
        self._backend, self._dtype = backend, dtype
        self._kernels: dict[tuple[str, ...], Any] = {}

    def _kernel(self, unknowns: tuple[str, ...]) -> Any:
        if unknowns not in self._kernels:
            outputs = {f"{k} {j}": core for (k, j), core in self._cores.items()}
            self._kernels[unknowns] = compile_nodes(
                outputs, unknowns=unknowns, backend=self._backend, dtype=self._dtype
            )
        return self._kernels[unknowns]

    def __call__(self, arrays: Mapping[str, Any] | None = None, /, **more: Any) -> Structured:
        """The Hessian on these arrays."""
        return self.bind(arrays, **more)()

    def bind(self, arrays: Mapping[str, Any] | None = None, /, **more: Any) -> BoundStructure:
        """Data checked once; the result takes the variables that were not given."""
        data = {**(arrays or {}), **more}
        unknowns = tuple(sorted(name for name in self._declared if name not in data))
        kernel = self._kernel(unknowns)
        used = {*kernel.variables, *(s.name for s in kernel.symbols)}
        bound = kernel.bind({k: a for k, a in data.items() if k in used or k not in self._declared})
        idle = [v for name, v in self._declared.items() if name in data and name not in kernel.variables]
        _, sizes = bind(idle, {v.name: data[v.name] for v in idle}, dtype=self._dtype)
        for symbol, number in bound.binding.values.items():
            sizes.values.setdefault(symbol, number)
        return BoundStructure(self, bound, sizes)

    def shape_at(self, sizes: Binding) -> tuple[int, ...]:
        """The shape of the variable in numbers."""
        return tuple(int(sizes.number(s) or 0) for s in self._shape)

    def assembled(self, results: Mapping[str, Any], shape: tuple[int, ...]) -> Structured:
        """The Hessian from the cores."""
        parts = [
            (tuple(np.asarray(results[f"{k} {j}"]) for j in range(len(t.cores))), t.labels, t.tied)
            for k, t in enumerate(self.terms)
        ]
        return Structured(shape, parts)


@final
class BoundStructure:
    """A structured Hessian with its data."""

    def __init__(self, kernel: StructuredKernel, bound: Any, sizes: Binding) -> None:
        self.kernel, self._bound, self._sizes = kernel, bound, sizes
        self._declared = kernel._declared
        self._seen: dict[str, tuple[int, ...]] | None = None
        self._shape: tuple[int, ...] = ()

    def __call__(self, mapping: Mapping[str, Any] | None = None, /, **unknowns: Any) -> Structured:
        """The Hessian at these unknowns."""
        given = {**(mapping or {}), **unknowns}
        shapes = {name: np.shape(value) for name, value in given.items()}
        if shapes != self._seen:
            for name in shapes.keys() & self._declared.keys():
                self._sizes.learn(name, self._declared[name].shape, shapes[name])
            self._seen, self._shape = shapes, self.kernel.shape_at(self._sizes)
        wanted = self._bound.kernel.unknowns
        used = {k: a for k, a in given.items() if k in wanted or k not in self._declared}
        return self.kernel.assembled(self._bound(used), self._shape)
