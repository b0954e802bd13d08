"""The interior point compiled whole: its loop with the kernels of a problem built in, for few unknowns.

The generated module names the `evaluate` of two kernels, wraps them as functions of flat vectors and of one tuple of
data (`flat_conditions`), and holds the text of the loop. What a step is made of is called by its symbol and compiled
once for all problems (`optimizers.interior_loops`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
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
class Joined:
    """The loop for two kernels: objective, conditions and all slopes; the Hessian of the Lagrangian, if it has one.

    conditions  how many axes the conditions have, by kind
    """

    def __init__(
        self, first: Kernel, second: Kernel | None, layout: Layout, conditions: Mapping[str, Sequence[int]]
    ) -> None:
        kernels = [k for k in (first, second) if k is not None]
        moving = {name for k in kernels for name in k.unknowns}
        programs = [k.program for k in kernels]
        arrays = [v.name for p in programs for v in p.inputs if v.name not in moving]
        self.arrays = list(dict.fromkeys(arrays))
        self.sizes = list(dict.fromkeys(s for p in programs for s in p.size_inputs))
        self.dtype = first.dtype
        data = [*self.arrays, *(s.name for s in self.sizes)]
        text = FlatConditions(layout.names, [len(s) for s in layout.shapes], conditions, data)

        def call(name: str, kernel: Kernel) -> Call:
            program = kernel.program
            inputs = [v.name for v in program.inputs] + [s.name for s in program.size_inputs]
            return name, inputs, kernel.names

        names = [f"from {first.module.__name__} import evaluate as first_evaluate\n"]
        calls = []
        if second is not None:
            names.append(f"from {second.module.__name__} import evaluate as second_evaluate\n")
            calls.append(call("second_evaluate", second))
        functions = [
            "@inner\n" + text.conditions(call("first_evaluate", first)),
            "@inner\n" + text.curvature(*calls),
            "@apart\n" + on_data(interior_point, ("conditions", "curvature")),
        ]
        self.source = HEAD + "".join(names) + "\n\n" + "\n\n\n".join(functions) + "\n"
        self.module = load(self.source)

    def bind(
        self,
        arrays: Mapping[str, Array],
        binding: Binding,
        layout: Layout,
        shapes: Mapping[str, Mapping[int, tuple[int, ...]]],
    ) -> Callable[..., int]:
        """The loop on data: a function of what `interior_point` takes after its functions."""
        data: list[Any] = [as_argument(np.asarray(arrays[name]), self.dtype) for name in self.arrays]
        data += [int(binding.number(s) or 0) for s in self.sizes]
        data += [k for shape in layout.shapes for k in shape]
        data += [k for each in shapes.values() for shape in each.values() for k in shape]
        x, data = np.empty(layout.size), data or [0]
        entry = entry_of(self.module.interior_point, [tuple(data), (x,) * 4, (x,) * 3, x, x, 0.5, 1])
        return partial(entry, tuple(data))
