"""A solver compiled whole: a loop with its kernels built in, so that no Python runs between iterations.

The generated module names the kernels' `evaluate`, wraps each as a function of a flat vector and the data, and holds
the loop with the data as its first arguments (`inline`), so that `partial` binds them. It lives in the same cache on
disk as the kernels.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, final

import numpy as np

from ..sizes import Binding
from .bound import as_argument
from .cache import load
from .compile import Kernel, entry_of
from .flat import Flat, identifier
from .inline import inlined
from .optimizers import descent, proximal_newton, quadratic, sampled_newton
from .oracle import Array, Layout

#: Arrays by name, and the sizes that they imply.
Data = tuple[Mapping[str, Array], Binding]


@dataclass(frozen=True)
class Loop:
    """A loop to be compiled with its kernels.

    function   the loop; its first parameters are the oracles, the last ones are x, tolerance, most steps
    oracles    the names of those parameters, whether they give the Hessian, and which of the kernels serves each set
               of data; where there are several, the loop says which one behind x
    moving     whether the kernels take the point x
    leading    how many axes the arrays have that stand before x
    imports    what the loop uses, as import statements
    """

    function: Callable[..., Any]
    oracles: tuple[tuple[str, bool, tuple[int, ...]], ...]
    moving: bool
    leading: tuple[int, ...]
    imports: str

    @property
    def sets(self) -> int:
        """How many sets of data there are."""
        return max(len(served) for *_, served in self.oracles)


NEWTON = Loop(
    proximal_newton.proximal_newton,
    (("oracle", True, (0,)),),
    True,
    (1, 1, 1),
    "from derive.kernels.optimizers.proximal_newton import (\n"
    "    CONVERGED, NO_DESCENT, STEPS, begun, direction, move, weighted,\n"
    ")\n",
)
QUADRATIC = Loop(
    quadratic.solve_quadratic,
    (("moments", True, (0,)),),
    False,
    (2,),
    "from derive.kernels.optimizers.quadratic import minimum\n",
)
DESCENT = Loop(
    descent.descent,
    (("value_gradient", False, (0,)),),
    True,
    (1, 1, 1),
    "from derive.kernels.optimizers.descent import CONVERGED, NO_DESCENT, NOT_FINITE, ROUNDING, STEPS\n",
)
SAMPLED = Loop(
    sampled_newton.sampled_newton,
    (("estimate", False, (0, 0, 0, 0)), ("model", True, (1, 1))),
    True,
    (1, 1),
    "import math\n"
    "from derive.kernels.optimizers.sampled_newton import (\n"
    "    AGREES, CONVERGED, ENOUGH, EXACT, HERE, MEMORY, MUCH, NO_DESCENT, NO_MODEL, NOT_FINITE, PAIRS, REFRESH,\n"
    "    RENEWALS, STALE, STEP, STEPS, TRIAL, WORTH, advance, definite,\n"
    ")\n",
)
#: The same where the first two kernels are rough, which serve all but the data themselves.
ROUGH = replace(SAMPLED, oracles=(("estimate", False, (0, 0, 0, 2)), ("model", True, (1, 1))))


@final
class Whole:
    """The compiled loop for kernels with the outputs value, gradients and, if wanted, blocks of the Hessian."""

    def __init__(self, kernels: Sequence[Kernel], layout: Layout, loop: Loop) -> None:
        self.kernels, self.layout, self.loop = tuple(kernels), layout, loop
        programs = [kernel.program for kernel in self.kernels]
        moving = set(self.kernels[0].unknowns)
        inputs = dict.fromkeys(v.name for p in programs for v in p.inputs)
        self.data = [name for name in inputs if name not in moving]
        self.sizes = list(dict.fromkeys(s for p in programs for s in p.size_inputs))
        self.single = tuple(len(s) for s in layout.shapes) == (1,)
        flat = Flat(layout.names, [len(s) for s in layout.shapes])
        lengths = [] if self.single else flat.lengths
        chosen = [*(f"d{k}" for k in range(len(self.data))), *(f"n{k}" for k in range(len(self.sizes)))]
        given = dict(zip([*self.data, *self.sizes], chosen, strict=True))
        for i, name in enumerate(layout.names):
            given[name] = "x" if self.single else flat.part(i)
        several = (
            [[f"{name}_{k}" for name in chosen] for k in range(loop.sets)] if loop.sets > 1 else [chosen]
        )
        extra = [*(name for each in several for name in each), *lengths]
        parts = [
            '"""Generated solver: a loop with its kernels."""\n\nimport numpy as np\n\n',
            loop.imports,
            "from derive.kernels.special import compiled\n",
            *(
                f"from {kernel.module.__name__} import evaluate as evaluate{k}\n"
                for k, kernel in enumerate(self.kernels)
            ),
        ]
        point = ["x"] if loop.moving else []
        for name, second, served in loop.oracles:
            wrapped = {k: f"{name}_by_{k}" if loop.sets > 1 else name for k in served}
            for k, function in wrapped.items():
                kernel = self.kernels[k]
                results = ", ".join(identifier(key) for key in kernel.names)
                arguments = [given[v.name] for v in kernel.program.inputs]
                arguments += [given[s] for s in kernel.program.size_inputs]
                body = [f"({results},) = evaluate{k}({', '.join(arguments)})"]
                body += flat.gathered(kernel.names, self.single, second)
                parts.append(_function(function, [*point, *chosen, *lengths], body))
            if loop.sets > 1:
                calls = [
                    f"return {wrapped[k]}({', '.join([*point, *each, *lengths])})"
                    for k, each in zip(served, several, strict=False)
                ]
                choice = [f"if k == {k}:\n        {call}" for k, call in enumerate(calls[:-1])]
                parts.append(_function(name, [*point, "k", *extra], [*choice, calls[-1]]))
        parts.append("\n\n" + inlined(loop.function, {name for name, *_ in loop.oracles}, extra) + "\n")
        self.source = "".join(parts)
        self.module = load(self.source)

    def moments(self, data: Data, layout: Layout) -> Any:
        """What the wrapped kernel of a quadratic gives."""
        return getattr(self.module, self.loop.oracles[0][0])(*self._fixed([data], layout))

    def _fixed(self, sets: Sequence[Data], layout: Layout) -> list[Any]:
        fixed: list[Any] = []
        for arrays, binding in sets:
            fixed += [self._argument(name, np.asarray(arrays[name])) for name in self.data]
            fixed += [int(binding.number(s) or 0) for s in self.sizes]
        if not self.single:
            fixed += [k for shape in layout.shapes for k in shape]
        return fixed

    def _argument(self, name: str, array: Array) -> Any:
        """An array as compiled code takes it: what products alone read may be in single precision."""
        kernel = self.kernels[0]
        single = array.dtype == np.float32 and name in kernel.singles
        return as_argument(array, np.dtype(np.float32) if single else kernel.dtype)

    def bind(self, sets: Sequence[Data], layout: Layout) -> Callable[..., Any]:
        """The loop on data: a function of the leading arrays, x, tolerance and most steps."""
        fixed = self._fixed(sets, layout)
        x = np.empty(layout.size)
        leading = [np.empty((1,) * axes) for axes in self.loop.leading]
        entry = entry_of(getattr(self.module, self.loop.function.__name__), [*fixed, *leading, x, 0.5, 1])
        return partial(entry, *fixed)


def _function(name: str, parameters: Sequence[str], body: Sequence[str]) -> str:
    text = "\n".join(f"    {line}" for line in body)
    return f"\n\n@compiled\ndef {name}({', '.join(parameters)}):\n{text}\n"
