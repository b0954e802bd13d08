"""Compiled Hessians that come without their zeros: of one unknown as `Structured`, of several as a `BlockTable`.

All cores of all blocks are computed by one kernel, so that they share their work.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, final

import numpy as np

from ..errors import ArgumentError, SizeError
from ..evaluate import bind
from ..node import Node, Variable, ones
from ..sizes import Binding, same_shape, show_shape
from .blocks import BlockTable
from .compile import compile_nodes
from .structure import Cross, Term, cross, mirror_one_another, split
from .structured import Structured

Place = tuple[int, int]


@final
class StructuredKernel:
    """A compiled Hessian: only what is not zero by structure is computed.

    table   the blocks
    single  whether the result is the only block rather than a table
    """

    def __init__(
        self,
        table: Sequence[Sequence[Node]],
        declared: Sequence[Variable],
        backend: str,
        dtype: Any,
        *,
        single: bool = False,
    ) -> None:
        blocks = _different(table)
        self.single = single
        self.terms: dict[Place, tuple[Term, ...] | tuple[Cross, ...]] = {
            (i, j): split(node) if i == j else cross(node, table[i][i].order // 2)
            for (i, j), node in blocks.items()
        }
        self.layouts: dict[Place, Any] = {
            place: [(t.labels, t.tied if isinstance(t, Term) else t.ties) for t in terms]
            for place, terms in self.terms.items()
        }
        cores = [core for terms in self.terms.values() for t in terms for core in t.cores]
        # a Hessian that vanishes has no cores, and kernels compute something
        self._number = {core: k for k, core in enumerate(dict.fromkeys(cores or [ones(())]))}
        #: where in the results of the kernel the cores of every term are
        self.places = {
            place: [[self._number[core] for core in t.cores] for t in terms]
            for place, terms in self.terms.items()
        }
        self._shapes = [table[i][i].shape[: table[i][i].order // 2] for i in range(len(table))]
        self._declared = {v.name: v for v in declared}
        self._backend, self._dtype = backend, dtype
        self._kernels: dict[tuple[str, ...], Any] = {}

    def _kernel(self, unknowns: tuple[str, ...]) -> Any:
        if unknowns not in self._kernels:
            self._kernels[unknowns] = compile_nodes(
                {str(k): core for core, k in self._number.items()},
                unknowns=unknowns,
                backend=self._backend,
                dtype=self._dtype,
            )
        return self._kernels[unknowns]

    def __call__(self, arrays: Mapping[str, Any] | None = None, /, **more: Any) -> Structured | BlockTable:
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
        return BoundStructure(self, bound, sizes, self._declared)

    def shapes_at(self, sizes: Binding) -> tuple[tuple[int, ...], ...]:
        """The shapes of the unknowns in numbers."""
        return tuple(tuple(int(sizes.number(s) or 0) for s in shape) for shape in self._shapes)


def _different(table: Sequence[Sequence[Node]]) -> dict[Place, Node]:
    """The blocks on the diagonal and above, and those below that are not seen to be their mirror images."""
    count = len(table)
    if not count or any(len(row) != count for row in table):
        raise ArgumentError("a table of blocks has as many columns as rows")
    if any(table[k][k].order % 2 for k in range(count)):
        raise SizeError(
            "a Hessian has the axes of its variable twice: blocks on the diagonal have an even number"
        )
    shapes = [table[k][k].shape[: table[k][k].order // 2] for k in range(count)]
    found: dict[Place, Node] = {}
    for i, row in enumerate(table):
        for j, node in enumerate(row):
            if not same_shape(node.shape, (*shapes[i], *shapes[j])):
                raise SizeError(
                    f"block {i}, {j} has sizes {show_shape(node.shape)}, but those of the unknowns say "
                    f"{show_shape((*shapes[i], *shapes[j]))}"
                )
            if i <= j or not mirror_one_another(table[j][i], node, len(shapes[j])):
                found[i, j] = node
    return found


@final
class BoundStructure:
    """A structured Hessian with its data."""

    def __init__(
        self, kernel: StructuredKernel, bound: Any, sizes: Binding, declared: Mapping[str, Variable]
    ) -> None:
        self.kernel, self._bound, self._sizes, self._declared = kernel, bound, sizes, declared
        self._seen: dict[str, tuple[int, ...]] | None = None
        self._shapes: tuple[tuple[int, ...], ...] = ()
        self._wanted: tuple[str, ...] = bound.kernel.unknowns
        self._single = (kernel.layouts[0, 0], kernel.places[0, 0]) if kernel.single else None

    def __call__(
        self, mapping: Mapping[str, Any] | None = None, /, **unknowns: Any
    ) -> Structured | BlockTable:
        """The Hessian at these unknowns."""
        given = unknowns if mapping is None else {**mapping, **unknowns}
        seen = {k: a.shape if a.__class__ is np.ndarray else np.shape(a) for k, a in given.items()}
        if seen != self._seen:
            self._learn(seen)
        wanted = self._wanted
        if len(given) != len(wanted):
            given = {k: a for k, a in given.items() if k in wanted or k not in self._declared}
        results = [*self._bound(given).values()]
        if self._single is not None:
            return Structured.of(self._shapes[0], *self._single, results)
        return BlockTable(self._shapes, self.kernel.layouts, self.kernel.places, results)

    def _learn(self, seen: dict[str, tuple[int, ...]]) -> None:
        """The sizes, from the shapes of unknowns that drop out of the Hessian too."""
        for name in seen.keys() & self._declared.keys():
            self._sizes.learn(name, self._declared[name].shape, seen[name])
        self._seen, self._shapes = seen, self.kernel.shapes_at(self._sizes)
