"""A solver compiled whole: a loop with its kernels built in, so that no Python runs between iterations.

The generated module names the kernel's `evaluate`, wraps it as `oracle(x, data…)` on flat vectors, and holds the
loop with the data as further arguments (`inline`). It lives in the same cache on disk as the kernels.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, final

import numpy as np

from ..sizes import Binding
from .bound import as_argument
from .cache import load
from .compile import Kernel
from .inline import inlined
from .optimizers import proximal_newton as loop
from .oracle import VALUE, Array, Layout, gradient_key, hessian_key

_HEADER = '''"""Generated solver: proximal Newton with its kernel."""

import numpy as np

from derive.kernels.optimizers.box import NO_MINIMUM, OPTIMAL, box_quadratic, cholesky_solve
from derive.kernels.special import compiled
from {kernel} import evaluate

CONVERGED, STEPS, NO_MODEL, NOT_FINITE, NO_DESCENT = 0, 1, 2, 3, 4

'''


@final
class Whole:
    """The compiled loop for one kernel with the outputs value, gradients and blocks of the Hessian."""

    def __init__(self, kernel: Kernel, layout: Layout) -> None:
        self.kernel, self.layout = kernel, layout
        self.orders = tuple(len(s) for s in layout.shapes)
        program = kernel.program
        moving = set(kernel.unknowns)
        self.data = [v.name for v in program.inputs if v.name not in moving]
        self._arguments = [f"d{k}" for k in range(len(self.data))]
        self._sizes = [f"n{k}" for k in range(len(program.size_inputs))]
        self._lengths = [f"k{i}_{j}" for i, order in enumerate(self.orders) for j in range(order)]
        self.single = self.orders == (1,)
        if self.single:
            self._lengths = []
        evaluated = [v.name for v in program.inputs]
        position = {name: i for i, name in enumerate(layout.names)}
        inputs, lines = [], []
        starts = ["0"]
        for i, order in enumerate(self.orders):
            length = "*".join(f"k{i}_{j}" for j in range(order)) or "1"
            starts.append(f"{starts[-1]} + {length}" if starts[-1] != "0" else length)
        names = iter(self._arguments)
        for name in evaluated:
            if name not in moving:
                inputs.append(next(names))
            elif self.single:
                inputs.append("x")
            else:
                i = position[name]
                inputs.append(self._part(i, starts))
        results = [_identifier(k) for k in kernel.names]
        lines.append(f"    ({', '.join(results)},) = evaluate({', '.join([*inputs, *self._sizes])})")
        lines += self._gathered(starts)
        extra = [*self._arguments, *self._sizes, *self._lengths]
        head = f"@compiled\ndef oracle({', '.join(['x', *extra])}):\n"
        self.source = _HEADER.format(kernel=kernel.module.__name__) + head + "\n".join(lines)
        self.source += "\n\n\n" + inlined(loop.proximal_newton, {"oracle"}, extra) + "\n"
        self.module = load(self.source)
        self.extra = extra

    def _part(self, i: int, starts: list[str]) -> str:
        if self.orders[i] == 0:
            return f"x[{starts[i]}]"
        view = f"x[{starts[i]}:{starts[i + 1]}]"
        if self.orders[i] == 1:
            return view
        return f"{view}.reshape(({', '.join(f'k{i}_{j}' for j in range(self.orders[i]))}))"

    def _gathered(self, starts: list[str]) -> list[str]:
        """Lines that put gradient and Hessian into flat arrays."""
        names = self.layout.names
        if self.single:
            a = names[0]
            return [f"    return value, {_identifier(gradient_key(a))}, {_identifier(hessian_key(a, a))}"]
        lines = ["    size = x.size", "    g, h = np.zeros(size), np.zeros((size, size))"]

        def place(i: int) -> str:
            return f"{starts[i]}:{starts[i + 1]}" if self.orders[i] else starts[i]

        def flat(key: str, shape: list[int]) -> str:
            found = _identifier(key)
            kept = [i for i in shape if self.orders[i]]
            if not kept or all(self.orders[i] == 1 for i in kept):
                return found
            lengths = ["*".join(f"k{i}_{j}" for j in range(self.orders[i])) for i in kept]
            return f"{found}.reshape(({', '.join(lengths)},))"

        for i, a in enumerate(names):
            if gradient_key(a) in self.kernel.names:
                lines.append(f"    g[{place(i)}] = {flat(gradient_key(a), [i])}")
            for j, b in enumerate(names):
                if hessian_key(a, b) in self.kernel.names:
                    lines.append(f"    h[{place(i)}, {place(j)}] = {flat(hessian_key(a, b), [i, j])}")
                    if i != j:
                        turned = flat(hessian_key(a, b), [i, j])
                        turned += ".T" if self.orders[i] and self.orders[j] else ""
                        lines.append(f"    h[{place(j)}, {place(i)}] = {turned}")
        return [*lines, "    return value, g, h"]

    def bind(self, arrays: Mapping[str, Array], binding: Binding) -> Callable[..., Any]:
        """The loop on data: a function of `(x, l1, low, high, tol, most, quadratic)`."""
        fixed = [as_argument(np.asarray(arrays[name]), self.kernel.dtype) for name in self.data]
        fixed += [int(binding.number(s) or 0) for s in self.kernel.program.size_inputs]
        if not self.single:
            fixed += [k for shape in self.layout.shapes for k in shape]
        solver = self.module.proximal_newton
        return lambda *leading: solver(*leading, *fixed)


def _identifier(key: str) -> str:
    """An identifier for an output; users' names never reach the source."""
    return "value" if key == VALUE else "r" + "".join(f"{ord(c):x}" for c in key)
