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
        self.declared = {v.name: v for v in declared}
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
        unknowns = tuple(sorted(name for name in self.declared if name not in data))
        kernel = self._kernel(unknowns)
        idle = [v for name, v in self.declared.items() if name in data and name not in kernel.variables]
        _, sizes = bind(idle, {v.name: data[v.name] for v in idle}, dtype=self._dtype)
        return BoundStructure(self, kernel, data, sizes)

    def occurring(self, kernel: Any, data: Mapping[str, Any]) -> dict[str, Any]:
        """Without the arrays that dropped out of the Hessian; they tell sizes all the same."""
        hidden = hidden_sizes(kernel)
        used = {*kernel.variables, *(s.name for s in kernel.symbols)}
        shown = Binding()
        for v in (*self.declared.values(), *self.declared.values()):  # twice: a size such as h*d waits for d
            if v.name in data:
                shown.learn(v.name, v.shape, np.shape(data[v.name]))
        kept = {k: a for k, a in data.items() if k in used or k not in self.declared}
        return {**{s.name: n for s, n in shown.values.items() if s in hidden}, **kept}

    def shapes_at(self, sizes: Binding) -> tuple[tuple[int, ...], ...]:
        """The shapes of the unknowns in numbers."""
        return tuple(tuple(int(sizes.number(s) or 0) for s in shape) for shape in self._shapes)


def hidden_sizes(kernel: Any) -> set[Any]:
    """The sizes of a kernel that none of its arrays tells."""
    shown = {s for v in kernel.variables.values() for size in v.shape for s in size.free_symbols}
    return {s for s in kernel.symbols if s not in shown}


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
        self, structure: StructuredKernel, kernel: Any, data: Mapping[str, Any], sizes: Binding
    ) -> None:
        self.structure, self.kernel = structure, kernel
        self._data, self._sizes = data, sizes
        self._seen: dict[str, tuple[int, ...]] | None = None
        self._shapes: tuple[tuple[int, ...], ...] = ()
        self._wanted: tuple[str, ...] = kernel.unknowns
        self._single = (structure.layouts[0, 0], structure.places[0, 0]) if structure.single else None
        given = structure.occurring(kernel, data)
        #: whether a size is that of an unknown which dropped out: the data are bound when it is told
        self._sized_by_calls = any(s.name not in given for s in hidden_sizes(kernel))
        if not self._sized_by_calls:
            self._bind(given)

    def _bind(self, given: Mapping[str, Any]) -> None:
        self._bound = self.kernel.bind({k: a for k, a in given.items() if k not in self._wanted})
        for symbol, number in self._bound.binding.values.items():
            self._sizes.values.setdefault(symbol, number)

    def __call__(
        self, mapping: Mapping[str, Any] | None = None, /, **unknowns: Any
    ) -> Structured | BlockTable:
        """The Hessian at these unknowns."""
        given = unknowns if mapping is None else {**mapping, **unknowns}
        seen = {k: a.shape if a.__class__ is np.ndarray else np.shape(a) for k, a in given.items()}
        if seen != self._seen:
            self._learn(seen, given)
        wanted = self._wanted
        if len(given) != len(wanted):
            given = {k: a for k, a in given.items() if k in wanted or k not in self.structure.declared}
        results = [*self._bound(given).values()]
        if self._single is not None:
            return Structured.of(self._shapes[0], *self._single, results)
        return BlockTable(self._shapes, self.structure.layouts, self.structure.places, results)

    def _learn(self, seen: dict[str, tuple[int, ...]], given: Mapping[str, Any]) -> None:
        """The sizes, from the shapes of unknowns that drop out of the Hessian too."""
        declared = self.structure.declared
        for name in seen.keys() & declared.keys():
            self._sizes.learn(name, declared[name].shape, seen[name])
        if self._sized_by_calls:
            self._bind(self.structure.occurring(self.kernel, {**self._data, **given}))
        self._seen, self._shapes = seen, self.structure.shapes_at(self._sizes)
