"""A solver compiled whole: a loop with its kernels built in, so that no Python runs between iterations.

The generated module names the kernel's `evaluate`, wraps it as a function of a flat vector and the data, and holds the
loop with the data as its first arguments (`inline`), so that `partial` binds them. It lives in the same cache on disk
as the kernels.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, final

import numpy as np

from ..sizes import Binding
from .bound import as_argument
from .cache import load
from .compile import Kernel, entry_of
from .flat import Flat, identifier
from .inline import inlined
from .optimizers import descent, proximal_newton, quadratic
from .oracle import Array, Layout


@dataclass(frozen=True)
class Loop:
    """A loop to be compiled with a kernel.

    function   the loop; its first parameter `oracle` is the kernel, the last ones are x, tolerance, most steps
    oracle     the name of that parameter
    moving     whether the kernel takes the point x
    limits     whether λ, low and high, before the point, are the rows of one array, rather than three vectors
    second     whether the kernel gives the Hessian
    imports    what the loop uses, as import statements
    """

    function: Callable[..., Any]
    oracle: str
    moving: bool
    limits: bool
    second: bool
    imports: str


NEWTON = Loop(
    proximal_newton.proximal_newton,
    "oracle",
    True,
    False,
    True,
    "from derive.kernels.optimizers.box import NO_MINIMUM, box_quadratic, cholesky_solve\n"
    "from derive.kernels.optimizers.proximal_newton import CONVERGED, NO_DESCENT, NO_MODEL, NOT_FINITE, STEPS\n",
)
QUADRATIC = Loop(
    quadratic.solve_quadratic,
    "moments",
    False,
    True,
    True,
    "from derive.kernels.optimizers.quadratic import minimum\n",
)
DESCENT = Loop(
    descent.descent,
    "value_gradient",
    True,
    False,
    False,
    "from derive.kernels.optimizers.descent import CONVERGED, NO_DESCENT, NOT_FINITE, ROUNDING, STEPS\n",
)


@final
class Whole:
    """The compiled loop for one kernel with the outputs value, gradients and, if wanted, blocks of the Hessian."""

    def __init__(self, kernel: Kernel, layout: Layout, loop: Loop) -> None:
        self.kernel, self.layout, self.loop = kernel, layout, loop
        program = kernel.program
        moving = set(kernel.unknowns)
        self.data = [v.name for v in program.inputs if v.name not in moving]
        self.single = tuple(len(s) for s in layout.shapes) == (1,)
        given = {name: f"d{k}" for k, name in enumerate(self.data)}
        sizes = [f"n{k}" for k in range(len(program.size_inputs))]
        flat = Flat(layout.names, [len(s) for s in layout.shapes])
        lengths = [] if self.single else flat.lengths
        for i, name in enumerate(layout.names):
            given[name] = "x" if self.single else flat.part(i)
        inputs = [given[v.name] for v in program.inputs] + sizes
        results = ", ".join(identifier(k) for k in kernel.names)
        extra = [*(f"d{k}" for k in range(len(self.data))), *sizes, *lengths]
        body = [
            f"({results},) = evaluate({', '.join(inputs)})",
            *flat.gathered(kernel.names, self.single, loop.second),
        ]
        parameters = ["x", *extra] if loop.moving else extra
        parts = [
            '"""Generated solver: a loop with its kernel."""\n\nimport numpy as np\n\n',
            loop.imports,
            f"from derive.kernels.special import compiled\nfrom {kernel.module.__name__} import evaluate\n\n\n",
            f"@compiled\ndef {loop.oracle}({', '.join(parameters)}):\n",
            "\n".join(f"    {line}" for line in body),
            "\n\n\n" + inlined(loop.function, {loop.oracle}, extra) + "\n",
        ]
        self.source = "".join(parts)
        self.module = load(self.source)

    def moments(self, arrays: Mapping[str, Array], binding: Binding, layout: Layout) -> Any:
        """What the wrapped kernel of a quadratic gives."""
        return getattr(self.module, self.loop.oracle)(*self._fixed(arrays, binding, layout))

    def _fixed(self, arrays: Mapping[str, Array], binding: Binding, layout: Layout) -> list[Any]:
        fixed: list[Any] = [as_argument(np.asarray(arrays[name]), self.kernel.dtype) for name in self.data]
        fixed += [int(binding.number(s) or 0) for s in self.kernel.program.size_inputs]
        if not self.single:
            fixed += [k for shape in layout.shapes for k in shape]
        return fixed

    def bind(self, arrays: Mapping[str, Array], binding: Binding, layout: Layout) -> Callable[..., Any]:
        """The loop on data: a function of `(l1, low, high, x, tol, most)`, the limits as one array or three."""
        fixed = self._fixed(arrays, binding, layout)
        x = np.empty(layout.size)
        limits = [np.empty((3, layout.size))] if self.loop.limits else [x, x, x]
        entry = entry_of(getattr(self.module, self.loop.function.__name__), [*fixed, *limits, x, 0.5, 1])
        return partial(entry, *fixed)
