"""Expressions as kernels: compiled when they are first called, and bound to data for the fast path.

The kernels themselves are `derive.kernels`, which is loaded then and not before.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, final

import numpy as np

from .errors import ArgumentError
from .expression import Expression
from .given import merge_arrays, relevant
from .stable import recognise


def compile(
    outputs: Expression | Mapping[str, Expression] | Sequence[Sequence[Expression]],
    *,
    backend: str = "numba",
    dtype: Any = np.float64,
    structured: bool = False,
) -> Any:
    """A compiled kernel for one expression, or for several that share their work.

    One expression gives a kernel that returns its value; a mapping gives one that returns a dict.
    `backend` is "numba", or "numpy" for the interpreter; `dtype` float64 or float32.
    `structured=True` is for one Hessian: the result has `kind`, `dense()`, `diagonal()`, `@` and `solve`, and entries
    that are zero by structure are neither computed nor stored. Of several unknowns it takes the table of blocks that
    `hessian` gives; the result has the blocks (`H[0, 1]`), `dense()` as one matrix, and `@` on a list of arrays.

    >>> import derive as dv
    >>> w = dv.vector("w", "d")
    >>> kernel = dv.compile(dv.sumsq(w), backend="numpy")
    >>> float(kernel(w=[3.0, 4.0]))
    25.0
    >>> H = dv.compile(dv.hessian(dv.sum(dv.exp(w)), "w"), backend="numpy", structured=True)
    >>> H(w=[0.0, 0.0]).kind
    'diagonal'
    >>> U, V = dv.vector("U", "m"), dv.vector("V", "n")
    >>> table = dv.hessian(dv.sum(U) * dv.sumsq(V), [U, V])
    >>> dv.compile(table, backend="numpy", structured=True)(U=[1.0], V=[2.0, 3.0]).dense()
    array([[0., 4., 6.],
           [4., 2., 0.],
           [6., 0., 2.]])
    """
    if structured:
        from .kernels.structured_kernel import StructuredKernel

        single = isinstance(outputs, Expression)
        table = [[outputs]] if isinstance(outputs, Expression) else outputs
        if not isinstance(table, list | tuple) or not all(isinstance(row, list | tuple) for row in table):
            raise ArgumentError(
                "structured=True takes one Hessian, or the table of blocks of several unknowns"
            )
        if not all(isinstance(block, Expression) for row in table for block in row):
            raise ArgumentError("the blocks of a table are expressions, as hessian() gives them")
        nodes = [[recognise(block.node) for block in row] for row in table]
        declared = {v.name: v for row in table for block in row for v in block.declared}
        return StructuredKernel(nodes, list(declared.values()), backend, dtype, single=single)
    if isinstance(outputs, list | tuple):
        raise ArgumentError(
            "a table of blocks is compiled with structured=True, or as a mapping of its blocks"
        )
    if isinstance(outputs, Expression):
        return Compiled({"value": outputs}, True, backend, dtype)
    return Compiled(dict(outputs), False, backend, dtype)  # type: ignore[arg-type]


@final
class Compiled:
    """A kernel. Call it with all arrays (checked at every call), or `bind` the data once for the fast path."""

    def __init__(self, outputs: Mapping[str, Expression], single: bool, backend: str, dtype: Any) -> None:
        self._outputs, self._single, self._backend, self._dtype = dict(outputs), single, backend, dtype
        self._kernels: dict[tuple[str, ...], Any] = {}
        self._declared = tuple({v.name: v for e in self._outputs.values() for v in e.declared}.values())

    def _kernel(self, unknowns: tuple[str, ...]) -> Any:
        if unknowns not in self._kernels:
            from .kernels.compile import compile_nodes

            nodes = {name: recognise(e.node) for name, e in self._outputs.items()}
            self._kernels[unknowns] = compile_nodes(
                nodes, unknowns=unknowns, backend=self._backend, dtype=self._dtype
            )
        return self._kernels[unknowns]

    @property
    def source(self) -> str:
        """The generated source of the kernel that takes everything at each call."""
        return str(self._kernel(()).source)

    def _occurring(self, kernel: Any, data: Mapping[str, Any]) -> dict[str, Any]:
        """Without the arrays of the statement that dropped out of the outputs; they tell sizes all the same."""
        return relevant(self._declared, data, {*kernel.variables, *(s.name for s in kernel.symbols)})

    def __call__(self, arrays: Mapping[str, Any] | None = None, /, **more: Any) -> Any:
        """The outputs on these arrays."""
        kernel = self._kernel(())
        found = kernel(self._occurring(kernel, merge_arrays(arrays, more)))
        return found["value"] if self._single else found

    def bind(
        self,
        arrays: Mapping[str, Any] | None = None,
        /,
        *,
        threads: int = 1,
        moments: bool | None = None,
        convert: bool | None = None,
        **more: Any,
    ) -> Callable[..., Any]:
        """Data and facts checked once; the result is a function of the variables that were not given.

        threads  how many threads large data are spread over, 0 for one per processor; the result is the same, bit
                 for bit, for any number
        moments  data that enter only through sums of squares and products (least squares) are compressed first to a
                 triangular factor, which costs as much as some tens of evaluations; then a call no longer
                 depends on the number of rows. The factor keeps small residuals that XᵀX would lose. Small data are
                 compressed unless this is False
        convert  arrays that compiled code cannot read as they are (Fortran order, strides, other kinds of number) are
                 converted once; otherwise block by block at each call, which needs no copy of the data. Small ones are
                 converted unless this is False

        Arrays whose names are those of options are given in the mapping.

        >>> import numpy as np
        >>> import derive as dv
        >>> f = dv.parse("sumsq(X @ w - y)", variables={"X": ("n", "d"), "w": ("d",), "y": ("n",)})
        >>> X = np.array([[1.0, 0.0], [0.0, 2.0], [1.0, 1.0]])
        >>> at = dv.compile(f).bind(X=X, y=np.ones(3), moments=True)
        >>> round(float(at(w=np.ones(2))), 12)
        2.0
        """
        data = merge_arrays(arrays, more)
        kernel = self._kernel(tuple(sorted({v.name for v in self._declared if v.name not in data})))
        options = {"threads": threads, "moments": moments, "convert": convert}
        given = self._occurring(kernel, data)
        shown = {s for v in kernel.variables.values() for size in v.shape for s in size.free_symbols}
        if any(s not in shown and s.name not in given for s in kernel.symbols):
            bound = self._sized_by_calls(kernel, data, options)
        else:
            bound = kernel.bind(given, **options)
        if not self._single:
            return bound
        return lambda *mapping, **unknowns: bound(*mapping, **unknowns)["value"]

    def _sized_by_calls(
        self, kernel: Any, data: Mapping[str, Any], options: Mapping[str, Any]
    ) -> Callable[..., Any]:
        """The bound kernel where a size is that of an unknown which dropped out: bound once for each size."""
        known: dict[tuple[Any, ...], Any] = {}

        def call(mapping: Mapping[str, Any] | None = None, /, **unknowns: Any) -> Any:
            point = merge_arrays(mapping, unknowns)
            given = self._occurring(kernel, {**data, **point})
            key = tuple((s.name, given.get(s.name)) for s in kernel.symbols)
            if key not in known:
                fixed = {k: a for k, a in given.items() if k not in kernel.unknowns}
                known[key] = kernel.bind(fixed, **options)
            return known[key]({u: point[u] for u in kernel.unknowns if u in point})

        return call
