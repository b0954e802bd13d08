"""A problem on some of its unknowns: the same statement with columns of the data left out.

Where the unknowns share a size with the data, as w and the columns of X do, the problem on the entries that are not
zero is the statement itself on fewer columns: same kernels, smaller arrays. That holds where an entry that is zero does
nothing to the others' gradient. Nobody proves it here: `working_set` looks at the gradient of the whole each round, and
the certificate is that of the whole.
"""

from __future__ import annotations

from typing import Any, final

import numpy as np

from ..sizes import Binding, Size
from . import costs
from .facts import Facts
from .instance import Instance
from .posed import Posed
from .sampled import _taken

#: Slices below which a problem is solved at once, and multiplications of a Hessian.
FEWEST, WORTH = 100, 1e7
#: Numbers of data over the square of unknowns beyond which one Hessian tells all at the price of a few reads.
TALL = 2


def shared_size(posed: Posed, binding: Binding, facts: Facts) -> Size | None:
    """The largest size that unknowns share with data; None where working sets do not pay, or are not proved safe.

    Safe is a convex smooth part: then the order in which unknowns are let in does not decide where the run ends.
    """
    shapes = [binding.shape(v.shape) for v in posed.unknowns]
    amount = sum(int(np.prod(binding.shape(v.shape), dtype=np.int64)) for v in posed.given)
    count = sum(int(np.prod(shape, dtype=np.int64)) for shape in shapes)
    if costs.hessian(shapes, amount) < WORTH or amount > TALL * count**2:
        return None
    every = [size for v in (*posed.unknowns, *posed.given) for size in v.shape]
    shared = {s for v in posed.given for s in v.shape}
    own = [s for v in posed.unknowns for s in v.shape if s.is_Symbol and s in shared]
    found: Size | None = max(own, key=lambda s: (binding.values[s], str(s)), default=None)
    if found is None or binding.values[found] < FEWEST or any(s != found and s.has(found) for s in every):
        return None
    part = facts.smooth_part
    return found if facts.is_convex or (part is not None and part.status == "convex") else None


@final
class Reduced:
    """The problems on some slices along one size of the unknowns."""

    def __init__(self, instance: Instance, size: Size) -> None:
        self.instance, self.size = instance, size
        self.count = int(instance.binding.values[size])
        self.slices = np.concatenate([self._slices(v.shape) for v in instance.posed.unknowns])
        self._made: tuple[bytes, Instance] = (b"", instance)

    @staticmethod
    def of(instance: Instance) -> Reduced | None:
        """The problems on some slices, where it is worth it."""
        found = shared_size(instance.posed, instance.binding, instance.facts)
        return None if found is None else Reduced(instance, found)

    def _slices(self, shape: tuple[Size, ...]) -> Any:
        """The slice of each entry of an unknown, −1 where it has no axis of that size."""
        lengths = self.instance.binding.shape(shape)
        if self.size not in shape:
            return np.full(int(np.prod(lengths, dtype=np.int64)), -1)
        axis = shape.index(self.size)
        along = np.arange(self.count).reshape([-1 if k == axis else 1 for k in range(len(shape))])
        return np.broadcast_to(along, lengths).reshape(-1).copy()

    def on(self, chosen: Any) -> Instance:
        """The problem on some slices."""
        key = np.asarray(chosen).tobytes()
        if self._made[0] != key:
            whole = self.instance
            data: dict[str, Any] = {s: n for s, n in whole.sizes.items() if s != str(self.size)}
            for v in whole.posed.given:
                data[v.name] = _taken(whole.checked[v.name], v, self.size, chosen)
            self._made = (key, Instance(whole.posed, {**data, str(self.size): len(chosen)}, {}))
        return self._made[1]
