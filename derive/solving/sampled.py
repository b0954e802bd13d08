"""Objectives that are sums over many rows: their Hessian from a sample of the rows.

The estimate is (share) · (terms with data) + (the other terms), of which only the first depend on the rows: for a sum
over n rows of which m are used, share = n/m; for a mean it is 1. It only has to be good enough as a metric, so that
nothing has to be proved about the terms.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, final

import numpy as np

from ..build import add, is_zero, multiply
from ..differentiate import gradients
from ..node import Node, Sum, Variable, topological, variable
from ..second import second_derivative
from ..sizes import ONE, Binding, Coefficient, tidy

if TYPE_CHECKING:
    from .instance import Instance

#: Rows per unknown that are wanted, rows in all at least, and at most this share of the rows. Where the share has fewer
#: rows per unknown than the last number, whole Hessians are taken.
ROWS_PER_UNKNOWN, LEAST, SHARE, FEWEST = 40, 1000, 1 / 3, 8
#: The first of two samples is so many times smaller.
FIRST = 4
#: Data of up to so many numbers are copied in single precision, half of a gigabyte of doubles and half as much again.
COPIED = 2**26
#: Data of fewer numbers are read so fast that the whole Hessian is taken, unless it takes so many products.
WORTH, DEAR = 200_000, 20_000_000


@final
class Sampled:
    """Kernels for value and gradient on all rows and on some, and for these with the Hessian on some."""

    def __init__(self, objective: Node, unknowns: tuple[Variable, ...], given: tuple[Variable, ...]) -> None:
        self.unknowns, self.given = unknowns, given
        self.rows = _rows(given)
        self.share = variable("_share", (), ["positive"])
        self.objective = objective
        self.scaled = None if self.rows is None else self._scaled()
        self._made: dict[tuple[int, bool], Any] = {}

    def _scaled(self) -> Node | None:
        """The objective with its data terms multiplied by the share; None where they are of several kinds."""
        found, kinds = [], set()
        for c, node in _terms(self.objective):
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

    def counts(self, binding: Binding) -> list[int]:
        """The rows of each sample; none where sampling does not pay."""
        amount, count = (_amount(variables, binding) for variables in (self.given, self.unknowns))
        if self.scaled is None or (amount < WORTH and amount * count < DEAR):
            return []
        n = int(binding.values[self.rows])
        m = max(LEAST, min(ROWS_PER_UNKNOWN * count, int(SHARE * n)), n // 10)
        if m > SHARE * n or m < FEWEST * count:
            return []
        few = max(LEAST, ROWS_PER_UNKNOWN * count // FIRST)
        return [few, m] if 2 * few <= m else [m]

    def are_ample(self, binding: Binding) -> bool:
        """Whether there are so many rows that Newton's steps with samples take less than a quasi-Newton method."""
        return len(self.counts(binding)) == 2

    def sets(
        self, instance: Instance, arrays: Mapping[str, Any], kept: bool = False, single: bool = False
    ) -> list[tuple[dict[str, Any], Binding]]:
        """The data of the samples that `counts` names, from small to large, and then all rows.

        kept    whether they serve for many runs: then a copy of all rows in single precision may pay, before the rows
        single  whether samples are in single precision too
        """
        counts = self.counts(instance.binding)
        n, given = int(instance.binding.values[self.rows]), self.given
        spread = _spread(n, counts[-1])
        chosen = {v.name: _taken(arrays[v.name], v, self.rows, spread) for v in given}
        chosen = self._in_single(chosen) if single else chosen
        found = []
        for m in counts:
            share = np.asarray(1.0 if self.mean else n / m)
            part = {v.name: _taken(chosen[v.name], v, self.rows, slice(m)) for v in given}
            binding = Binding({**instance.binding.values, self.rows: m})
            found.append(({**part, self.share.name: share}, binding))
        whole = {**arrays, self.share.name: np.asarray(1.0)}
        if kept and self.copies(instance.binding):
            found.append((self._in_single(whole), instance.binding))
        return [*found, (whole, instance.binding)]

    def copies(self, binding: Binding) -> bool:
        """Whether a copy of all rows in single precision may pay: where products alone read most of the data."""
        amount = _amount(self.given, binding)
        if amount > COPIED or not self.are_ample(binding):
            return False
        first = self._first_kernel()
        first.expect(binding)
        return 2 * _amount([v for v in self.given if v.name in first.singles], binding) > amount

    def _in_single(self, arrays: Mapping[str, Any]) -> dict[str, Any]:
        """These, but in single precision what products alone read."""
        singles = self._first_kernel().singles
        return {k: np.asarray(a, np.float32) if k in singles else a for k, a in arrays.items()}

    def estimates(self, sets: Sequence[tuple[Mapping[str, Any], Binding]], layout: Any) -> tuple[Any, Any]:
        """Of set k at the flat vector x: value and gradient, and these with the Hessian, as functions of (x, k)."""

        def bound(kernel: Any, data: Mapping[str, Any], binding: Binding) -> Any:
            sizes = {s.name: number for s, number in binding.values.items()}
            given = {k: a for k, a in {**sizes, **data}.items() if k in _wanted(kernel)}
            return kernel.bind(given, checked=True)

        first, second = self.kernels()
        firsts = [_flat(bound(first, *each), layout) for each in sets]
        few = [each for each in sets if each[1].values[self.rows] < sets[-1][1].values[self.rows]]
        seconds = [self._model(bound(second, *each), layout) for each in few]
        return lambda x, k: firsts[k](x), lambda x, k: seconds[k](x)

    def kernels(self, rough: bool = False) -> tuple[Any, ...]:
        """Value and gradient of the objective with shares, and these with the Hessian.

        rough  both with long products in single precision, and the first as it is
        """
        if rough:
            return self._first_kernel(True), self._second_kernel(True), self._first_kernel()
        return self._first_kernel(), self._second_kernel()

    def _model(self, all_three: Any, layout: Any) -> Any:
        """Value, gradient and Hessian as functions of the flat vector."""
        from ..kernels.oracle import assemble, hessian_key

        names, sizes = layout.names, dict(zip(layout.names, layout.sizes, strict=True))
        whole = hessian_key(names[0], names[0])
        first = _parts(layout)

        def model(x: Any) -> tuple[float, Any, Any]:
            found = dict(all_three(layout.unpack(x)))
            value, slope = first(found)
            if len(names) == 1 and whole in found and found[whole].ndim == 2:
                return value, slope, found[whole]
            for i, a in enumerate(names):
                for b in names[i:]:
                    if hessian_key(a, b) not in found:
                        found[hessian_key(a, b)] = np.zeros((sizes[a], sizes[b]))
            return value, slope, assemble(layout, found)

        return model

    def bind_first(self, instance: Instance, arrays: Mapping[str, Any], layout: Any) -> Any:
        """`value_gradient(x)` on all rows."""
        kernel = self._first_kernel()
        given = {**instance.sizes, **arrays, self.share.name: np.asarray(1.0)}
        wanted = {k: a for k, a in given.items() if k in _wanted(kernel)}
        return _flat(kernel.bind(wanted, checked=True), layout)

    def _first_kernel(self, rough: bool = False) -> Any:
        return self._kernel(1, rough, self._first_outputs)

    def _second_kernel(self, rough: bool = False) -> Any:
        return self._kernel(2, rough, self._second_outputs)

    def _kernel(self, order: int, rough: bool, outputs: Callable[[], dict[str, Node]]) -> Any:
        from ..kernels.compile import compile_nodes

        if (order, rough) not in self._made:
            names = [v.name for v in self.unknowns]
            self._made[order, rough] = compile_nodes(outputs(), unknowns=names, rough=rough)
        return self._made[order, rough]

    def _first_outputs(self) -> dict[str, Node]:
        from ..kernels.oracle import VALUE, gradient_key

        stated = self.objective if self.scaled is None else self.scaled
        slopes = zip(self.unknowns, gradients(stated, self.unknowns), strict=True)
        return {VALUE: stated, **{gradient_key(v.name): g for v, g in slopes}}

    def _second_outputs(self) -> dict[str, Node]:
        from ..kernels.oracle import hessian_key

        assert self.scaled is not None
        outputs = self._first_outputs()
        rates = gradients(self.scaled, self.unknowns)
        for i, v in enumerate(self.unknowns):
            for u in self.unknowns[i:]:
                block = second_derivative(rates[i], v, u)
                if not is_zero(block):
                    outputs[hessian_key(v.name, u.name)] = block
        return outputs


def _flat(value_gradient: Any, layout: Any) -> Any:
    """Value and gradient as a function of the flat vector."""
    parts, names = _parts(layout), layout.names
    if len(names) == 1 and len(layout.shapes[0]) == 1:
        return lambda x: parts(value_gradient({names[0]: x}))
    return lambda x: parts(value_gradient(layout.unpack(x)))


def _parts(layout: Any) -> Any:
    """Of what a kernel returns: the value, and the gradient as a flat vector."""
    from ..kernels.oracle import VALUE, gradient_key

    keys = [gradient_key(a) for a in layout.names]
    if len(keys) == 1 and len(layout.shapes[0]) == 1:
        return lambda out: (float(out[VALUE]), out[keys[0]])
    return lambda out: (float(out[VALUE]), np.concatenate([np.ravel(out[k]) for k in keys]))


def _terms(node: Node) -> list[tuple[Coefficient, Node]]:
    """The terms of a sum, of sums within it as well."""
    if not isinstance(node, Sum) or node.order:
        return [(ONE, node)]
    return [(tidy(c * inner), leaf) for c, each in node.terms for inner, leaf in _terms(each)]


def _spread(n: int, m: int) -> Any:
    """m of n rows such that however many of the first are about evenly spread: multiples of the golden ratio.

    No two are the same for m ≤ n/3: the fractions of k multiples are at least 0.38/k apart.
    """
    golden = (5.0**0.5 - 1.0) / 2.0
    return np.floor(n * (np.arange(m) * golden % 1.0)).astype(np.int64)


def _taken(array: Any, v: Variable, rows: Any, chosen: Any) -> Any:
    """The chosen rows of an array, along each axis that is as long as the data."""
    for axis, size in enumerate(v.shape):
        if size == rows:
            array = array[(slice(None),) * axis + (chosen,)]
    return np.ascontiguousarray(array) if v.order else array


def _amount(variables: Sequence[Variable], binding: Binding) -> int:
    """How many numbers they hold."""
    return sum(math.prod(binding.shape(v.shape)) for v in variables)


def _rows(given: tuple[Variable, ...]) -> Any:
    """The size that the first axes of the largest data arrays share."""
    votes: dict[Any, int] = {}
    for v in given:
        if v.order and v.shape[0].is_Symbol:
            votes[v.shape[0]] = votes.get(v.shape[0], 0) + 4**v.order
    return max(votes, key=lambda s: (votes[s], str(s)), default=None)


def _wanted(kernel: Any) -> set[str]:
    return (set(kernel.variables) - set(kernel.unknowns)) | {s.name for s in kernel.symbols}
