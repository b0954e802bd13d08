"""Objectives that are sums over many rows: their Hessian from a sample of the rows.

The estimate is (share) · (terms with data) + (the other terms), of which only the first depend on the rows: for a sum
over n rows of which m are used, share = n/m; for a mean it is 1. It only has to be good enough as a metric, so that
nothing has to be proved about the terms.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, final

import numpy as np

from ..build import add, is_zero, multiply
from ..differentiate import gradients, jacobian
from ..node import Node, Sum, Variable, topological, variable
from ..sizes import ONE

if TYPE_CHECKING:
    from .instance import Instance

#: Rows per unknown at least, rows in all at least, and at most this share of the rows, for a sample to pay.
ROWS_PER_UNKNOWN, LEAST, SHARE = 40, 1000, 0.2
#: Data of fewer numbers are read so fast that the whole Hessian is taken.
WORTH = 200_000


@final
class Sampled:
    """Kernels for value and gradient on all rows, and for the Hessian on some."""

    def __init__(self, objective: Node, unknowns: tuple[Variable, ...], given: tuple[Variable, ...]) -> None:
        self.unknowns = unknowns
        self.rows = _rows(given)
        self.share = variable("_share", (), ["positive"])
        self.objective = objective
        self.scaled = None if self.rows is None else self._scaled()
        self._first: Any = None
        self._second: Any = None

    def _scaled(self) -> Node | None:
        """The objective with its data terms multiplied by the share; None where they are of several kinds."""
        terms = self.objective.terms if isinstance(self.objective, Sum) else ((ONE, self.objective),)
        found, kinds = [], set()
        for c, node in terms:
            if self.rows in {
                s for each in topological([node]) for size in each.shape for s in size.free_symbols
            }:
                kinds.add(bool(c.has(self.rows)))
                found.append((c, multiply(self.share, node)))
            else:
                found.append((c, node))
        if len(kinds) != 1:
            return None
        self.mean = kinds.pop()
        return add(found)

    def count(self, instance: Instance) -> int | None:
        """How many rows to take; None where sampling does not pay."""
        if self.scaled is None or instance.amount < WORTH:
            return None
        n = int(instance.binding.values[self.rows])
        m = max(LEAST, ROWS_PER_UNKNOWN * instance.count)
        return max(m, n // 25) if m <= SHARE * n + 0.5 else None

    def bind(self, instance: Instance, arrays: Mapping[str, Any], layout: Any, m: int) -> tuple[Any, Any]:
        """`value_gradient(x)` on all rows and `sampled_hessian(x, rough)`, rough from a quarter of the m rows."""
        from ..kernels.oracle import assemble, hessian_key

        second = self._second_kernel()
        n = int(instance.binding.values[self.rows])

        def part(m: int) -> dict[str, Any]:
            step, found = n // m, {}
            for v in instance.posed.given:
                cut = tuple(
                    slice(0, step * m, step) if size == self.rows else slice(None) for size in v.shape
                )
                found[v.name] = np.ascontiguousarray(arrays[v.name][cut]) if v.order else arrays[v.name]
            found[self.share.name] = np.asarray(1.0 if self.mean else n / m)
            return found

        names = layout.names
        sizes = {k: n for k, n in instance.sizes.items() if k != str(self.rows)}
        hessian, rough_hessian = (
            second.bind({k: a for k, a in {**sizes, **part(rows)}.items() if k in _wanted(second)})
            for rows in (m, m // 4)
        )

        def sampled(x: Any, rough: bool) -> Any:
            found = dict((rough_hessian if rough else hessian)(layout.unpack(x)))
            for i, a in enumerate(names):
                for b in names[i:]:
                    if hessian_key(a, b) not in found:
                        sizes = dict(zip(names, layout.sizes, strict=True))
                        found[hessian_key(a, b)] = np.zeros((sizes[a], sizes[b]))
            return assemble(layout, found)

        return self.bind_first(instance, arrays, layout), sampled

    def bind_first(self, instance: Instance, arrays: Mapping[str, Any], layout: Any) -> Any:
        """`value_gradient(x)` on all rows."""
        kernel = self._first_kernel()
        given = {**instance.sizes, **arrays}
        return _flat(kernel.bind({k: a for k, a in given.items() if k in _wanted(kernel)}), layout)

    def _first_kernel(self) -> Any:
        from ..kernels.compile import compile_nodes
        from ..kernels.oracle import VALUE, gradient_key

        if self._first is None:
            names = [v.name for v in self.unknowns]
            slopes = gradients(self.objective, self.unknowns)
            outputs = {VALUE: self.objective}
            outputs |= {gradient_key(a): g for a, g in zip(names, slopes, strict=True)}
            self._first = compile_nodes(outputs, unknowns=names)
        return self._first

    def _second_kernel(self) -> Any:
        from ..kernels.compile import compile_nodes
        from ..kernels.oracle import hessian_key

        if self._second is None:
            assert self.scaled is not None
            blocks = {}
            rates = gradients(self.scaled, self.unknowns)
            for i, v in enumerate(self.unknowns):
                for u in self.unknowns[i:]:
                    block = jacobian(rates[i], u)
                    if not is_zero(block):
                        blocks[hessian_key(v.name, u.name)] = block
            self._second = compile_nodes(blocks, unknowns=[v.name for v in self.unknowns])
        return self._second


def _flat(value_gradient: Any, layout: Any) -> Any:
    """Value and gradient as a function of the flat vector."""
    from ..kernels.oracle import VALUE, gradient_key

    names = layout.names
    first = names[0]
    single = len(names) == 1 and len(layout.shapes[0]) == 1

    def both(x: Any) -> tuple[float, Any]:
        if single:
            out = value_gradient({first: x})
            return float(out[VALUE]), out[gradient_key(first)]
        out = value_gradient(layout.unpack(x))
        return float(out[VALUE]), np.concatenate([np.ravel(out[gradient_key(a)]) for a in names])

    return both


def _rows(given: tuple[Variable, ...]) -> Any:
    """The size that the first axes of the largest data arrays share."""
    votes: dict[Any, int] = {}
    for v in given:
        if v.order and v.shape[0].is_Symbol:
            votes[v.shape[0]] = votes.get(v.shape[0], 0) + 4**v.order
    return max(votes, key=lambda s: (votes[s], str(s)), default=None)


def _wanted(kernel: Any) -> set[str]:
    return (set(kernel.variables) - set(kernel.unknowns)) | {s.name for s in kernel.symbols}
