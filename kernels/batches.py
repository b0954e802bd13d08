"""Mini-batches: gradients estimated from the same row blocks that full passes are made of.

A bound kernel adds the sums over some rows (`Bound.partial`) and makes its outputs from the sums over all of them
(`Bound.reduce`). The sums of a batch of m rows, times n/m, take the place of the full ones: terms without data, such
as a penalty, keep their weight, and where the outputs are linear in the sums the estimate has no bias.

Rows are put into a new order at the start of every epoch, in a copy of the data, so that a batch is a block. The
order is drawn from (seed, epoch) alone: the same seed gives the same run, on any machine.
"""

from __future__ import annotations

from typing import Any, final

import numpy as np

from derive.errors import ArgumentError, UnsupportedError
from derive.sizes import Binding

from .bound import Bound
from .oracle import Layout, Vector, gradient_key, joined


@final
class RowBatches:
    """The batches of one bound kernel; an instance of `oracle.Batches`."""

    def __init__(self, bound: Bound, layout: Layout) -> None:
        kernel = bound.kernel
        rows = None if kernel.backend == "numpy" else kernel.program.data_size
        if rows is None or not hasattr(kernel.module, "part"):
            raise UnsupportedError(
                "mini-batches need an objective that is one sum over the rows of the data, compiled by numba; "
                "use a method for the whole data, such as lbfgs"
            )
        self.layout = layout
        axes = {v.name: v.shape.index(rows) for v in kernel.variables.values() if rows in v.shape}
        self.axes = {name: axis for name, axis in axes.items() if name in bound.arrays}
        self.original = {name: bound.arrays[name] for name in self.axes}
        self.copies = {name: np.array(array, order="C") for name, array in self.original.items()}
        self.bound = Bound(kernel, {**bound.arrays, **self.copies}, Binding(dict(bound.binding.values)))
        self.rows = int(bound.binding.number(rows) or 0)
        self.size, self.seed, self.shuffle, self.epoch = self.rows, 0, True, -1

    def prepare(self, size: int, seed: int, shuffle: bool) -> int:
        """Choose the rows per batch and the order; returns the number of batches of an epoch."""
        if size < 1:
            raise ArgumentError(f"a batch has at least one row, not {size}")
        self.size, self.seed, self.shuffle, self.epoch = min(size, self.rows), seed, shuffle, -1
        return -(-self.rows // self.size)

    def gradient(self, x: Vector, epoch: int, batch: int) -> Vector:
        """The gradient estimated from one batch."""
        if epoch != self.epoch:
            self._reorder(epoch)
        low = batch * self.size
        high = min(low + self.size, self.rows)
        unknowns: dict[str, Any] = self.layout.unpack(x)
        sums = self.bound.partial(slice(low, high), **unknowns)
        out = self.bound.reduce([sums * (self.rows / (high - low))], **unknowns)
        return joined([out[gradient_key(name)] for name in self.layout.names], self.layout)

    def _reorder(self, epoch: int) -> None:
        """The rows in the order of that epoch."""
        self.epoch = epoch
        if not self.shuffle and epoch > 0:
            return
        order = np.arange(self.rows)
        if self.shuffle:
            np.random.default_rng([self.seed, epoch]).shuffle(order)
        for name, axis in self.axes.items():
            np.take(self.original[name], order, axis=axis, out=self.copies[name])
