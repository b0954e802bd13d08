"""The interior point compiled whole: its loop with the kernels of a problem built in, for few unknowns.

The generated module names the `evaluate` of two kernels, wraps them as functions of flat vectors and of one tuple of
data (`flat_conditions`), and holds the text of the loop. What a step is made of is called by its symbol and compiled
once for all problems (`optimizers.interior_loops`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, final

import numpy as np

from ..sizes import Binding
from .bound import as_argument
from .cache import load
from .compile import Kernel, entry_of
from .flat_conditions import Call, FlatConditions
from .inline import on_data
from .optimizers.interior_point import interior_point
from .oracle import Array, Layout

#: Unknowns and equalities up to which a run is compiled whole, and entries of the Jacobians.
LARGEST, ENTRIES = 400, 400_000
HEAD = '''"""Generated solver: the interior point with its kernels."""

from __future__ import annotations

import numpy as np

from derive.kernels.apart import apart, inner
from derive.kernels.optimizers.interior_loops import (
    accepted, aimed, begin, ended, finite, moved_on, scaled_by, stepped,
)
from derive.kernels.optimizers.interior_point import ALPHA, CONVERGED, LIMIT, NOT_FINITE, SCALE, TOTAL
'''


def fits(size: int, equalities: int, inequalities: int) -> bool:
    """Whether a run on so many unknowns and rows of conditions is one for this code."""
    return size + equalities <= LARGEST and (equalities + inequalities) * size <= ENTRIES


@final
class Pair:
    """Kernels of first derivatives and of second ones, if there are any, and what they take beside the unknowns."""

    def __init__(self, first: Kernel, second: Kernel | None) -> None:
        kernels = [k for k in (first, second) if k is not None]
        moving = {name for k in kernels for name in k.unknowns}
        programs = [k.program for k in kernels]
        arrays = [v.name for p in programs for v in p.inputs if v.name not in moving]
        self.arrays = list(dict.fromkeys(arrays))
        self.sizes = list(dict.fromkeys(s for p in programs for s in p.size_inputs))
        self.dtype = first.dtype
        self.data = [*self.arrays, *(s.name for s in self.sizes)]
        named = zip(("first_evaluate", "second_evaluate"), kernels, strict=False)
        self.imports = ""
        self.calls: tuple[list[Call], list[Call]] = ([], [])
        for (name, kernel), calls in zip(named, self.calls, strict=False):
            program = kernel.program
            inputs = [v.name for v in program.inputs] + [s.name for s in program.size_inputs]
            self.imports += f"from {kernel.module.__name__} import evaluate as {name}\n"
            calls.append((name, inputs, kernel.names))

    def on(self, arrays: Mapping[str, Array], binding: Binding, lengths: Iterable[int]) -> tuple[Any, ...]:
        """The data as one tuple: arrays, sizes, then the lengths of unknowns and conditions."""
        data: list[Any] = [as_argument(np.asarray(arrays[name]), self.dtype) for name in self.arrays]
        data += [int(binding.number(s) or 0) for s in self.sizes]
        return tuple([*data, *lengths] or [0])


@final
class Joined:
    """The loop for two kernels: objective, conditions and all slopes; the Hessian of the Lagrangian.

    conditions  how many axes the conditions have, by kind
    """

    def __init__(self, pair: Pair, layout: Layout, conditions: Mapping[str, Sequence[int]]) -> None:
        self.pair = pair
        text = FlatConditions(layout.names, [len(s) for s in layout.shapes], conditions, pair.data)
        first, second = pair.calls
        functions = [
            "@inner\n" + text.conditions(*first),
            "@inner\n" + text.curvature(*second),
            "@apart\n" + on_data(interior_point, ("conditions", "curvature")),
        ]
        self.source = HEAD + pair.imports + "\n\n" + "\n\n\n".join(functions) + "\n"
        self.module = load(self.source)

    def bind(
        self,
        arrays: Mapping[str, Array],
        binding: Binding,
        layout: Layout,
        shapes: Mapping[str, Mapping[int, tuple[int, ...]]],
    ) -> Callable[..., int]:
        """The loop on data: a function of what `interior_point` takes after its functions."""
        all_shapes = [*layout.shapes, *(shape for each in shapes.values() for shape in each.values())]
        data = self.pair.on(arrays, binding, [k for shape in all_shapes for k in shape])
        x = np.empty(layout.size)
        entry = entry_of(self.module.interior_point, [data, (x,) * 4, (x,) * 3, x, x, 0.5, 1])
        return partial(entry, data)
