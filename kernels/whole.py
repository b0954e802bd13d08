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
from .inline import inlined
from .optimizers import proximal_newton, quadratic
from .oracle import VALUE, Array, Layout, gradient_key, hessian_key


@dataclass(frozen=True)
class Loop:
    """A loop to be compiled with a kernel.

    function   the loop; its first parameter `oracle` is the kernel, the others λ, low, high, x, tolerance, most steps
    oracle     the name of that parameter
    moving     whether the kernel takes the point x
    imports    what the loop uses, as import statements
    """

    function: Callable[..., Any]
    oracle: str
    moving: bool
    imports: str


NEWTON = Loop(
    proximal_newton.proximal_newton,
    "oracle",
    True,
    "from derive.kernels.optimizers.box import NO_MINIMUM, box_quadratic, cholesky_solve\n"
    "from derive.kernels.optimizers.proximal_newton import CONVERGED, NO_DESCENT, NO_MODEL, NOT_FINITE, STEPS\n",
)
QUADRATIC = Loop(
    quadratic.solve_quadratic,
    "moments",
    False,
    "from derive.kernels.optimizers.quadratic import minimum\n",
)


@final
class Whole:
    """The compiled loop for one kernel with the outputs value, gradients and blocks of the Hessian."""

    def __init__(self, kernel: Kernel, layout: Layout, loop: Loop) -> None:
        self.kernel, self.layout, self.loop = kernel, layout, loop
        program = kernel.program
        moving = set(kernel.unknowns)
        self.data = [v.name for v in program.inputs if v.name not in moving]
        self.single = tuple(len(s) for s in layout.shapes) == (1,)
        given = {name: f"d{k}" for k, name in enumerate(self.data)}
        sizes = [f"n{k}" for k in range(len(program.size_inputs))]
        flat = _Flat(layout)
        lengths = [] if self.single else flat.lengths
        for i, name in enumerate(layout.names):
            given[name] = "x" if self.single else flat.part(i)
        inputs = [given[v.name] for v in program.inputs] + sizes
        results = ", ".join(_identifier(k) for k in kernel.names)
        extra = [*(f"d{k}" for k in range(len(self.data))), *sizes, *lengths]
        body = [f"({results},) = evaluate({', '.join(inputs)})", *flat.gathered(kernel.names, self.single)]
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
        """The loop on data: a function of `(l1, low, high, x, tol, most)` of exactly these types."""
        fixed = self._fixed(arrays, binding, layout)
        x = np.empty(layout.size)
        entry = entry_of(getattr(self.module, self.loop.function.__name__), [*fixed, x, x, x, x, 0.5, 1])
        return partial(entry, *fixed)


class _Flat:
    """Source text for the parts of a flat vector; `k0_1` is the second length of the first unknown."""

    def __init__(self, layout: Layout) -> None:
        self.names = layout.names
        self.orders = [len(s) for s in layout.shapes]
        self.lengths = [f"k{i}_{j}" for i, order in enumerate(self.orders) for j in range(order)]
        self.starts = ["0"]
        for i in range(len(self.orders)):
            before = "" if self.starts[-1] == "0" else self.starts[-1] + " + "
            self.starts.append(before + self.count(i))

    def count(self, i: int) -> str:
        """The number of entries of an unknown."""
        return "*".join(f"k{i}_{j}" for j in range(self.orders[i])) or "1"

    def place(self, i: int) -> str:
        """Its index or slice."""
        return f"{self.starts[i]}:{self.starts[i + 1]}" if self.orders[i] else self.starts[i]

    def part(self, i: int) -> str:
        """The unknown itself, in its shape."""
        view = f"x[{self.place(i)}]"
        if self.orders[i] < 2:
            return view
        return f"{view}.reshape(({', '.join(f'k{i}_{j}' for j in range(self.orders[i]))}))"

    def gathered(self, outputs: tuple[str, ...], single: bool) -> list[str]:
        """Lines that put gradient and Hessian into flat arrays and return them."""
        first = ["value"] if VALUE in outputs else []
        if single:
            a = self.names[0]
            made = [_identifier(gradient_key(a)), _identifier(hessian_key(a, a))]
            if hessian_key(a, a) in outputs:
                return [f"return {', '.join([*first, *made])}"]
            return [f"g = {made[0]}", f"return {', '.join([*first, 'g', 'np.zeros((g.size, g.size))'])}"]
        lines = [f"size = {self.starts[-1]}", "g, h = np.zeros(size), np.zeros((size, size))"]
        for i, a in enumerate(self.names):
            lines.append(f"g[{self.place(i)}] = {self._flat(gradient_key(a), [i])}")
            for j, b in enumerate(self.names):
                if hessian_key(a, b) in outputs:
                    block = self._flat(hessian_key(a, b), [i, j])
                    lines.append(f"h[{self.place(i)}, {self.place(j)}] = {block}")
                    if i != j:
                        turned = f"{block}.T" if self.orders[i] and self.orders[j] else block
                        lines.append(f"h[{self.place(j)}, {self.place(i)}] = {turned}")
        return [*lines, f"return {', '.join([*first, 'g', 'h'])}"]

    def _flat(self, key: str, unknowns: list[int]) -> str:
        kept = [i for i in unknowns if self.orders[i]]
        if all(self.orders[i] == 1 for i in kept):
            return _identifier(key)
        return f"{_identifier(key)}.reshape(({', '.join(self.count(i) for i in kept)},))"


def _identifier(key: str) -> str:
    """An identifier for an output; users' names never reach the source."""
    return "value" if key == VALUE else "r" + "".join(f"{ord(c):x}" for c in key)
