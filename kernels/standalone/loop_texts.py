"""An optimizer's loop as compiled functions of a flat vector and the data, as text.

The file holds `value_gradient(x, data)`, `hessian(x, data)` and the like around its kernels, the optimizer's own step
with its functions put in (`inline.on_data`), and a loop of steps. All of it is machine code, kept on disk: nothing of
Python runs between iterations. The data are one tuple; its entries are `d0`, `d1`, …, then the lengths of the unknowns.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from types import FunctionType
from typing import Any, final

from ..flat import EVEN, Flat
from ..inline import on_data
from ..optimizers import Method
from ..optimizers.compiled import closure_of
from ..optimizers.state import scaled_gradient
from ..optimizers.vectors import dot, norm, turned_times
from ..oracle import VALUE, direction_name, gradient_key, hessian_key, hvp_key
from .kernel_texts import Kernels
from .vector_texts import VECTORS

#: What the functions of an oracle are called, in steps and in the file alike.
FUNCTIONS = ("value_gradient", "hessian", "hvp", "residual_jacobian")


@final
class Names:
    """Identifiers for outputs of kernels, by unknown: `value`, `g0`, `h0_1`, `p0`, `r0`, `J0_1`."""

    def __init__(self, unknowns: Sequence[str], terms: int = 0) -> None:
        numbered = list(enumerate(unknowns))
        self._known = {VALUE: "value"}
        self._known |= {gradient_key(a): f"g{i}" for i, a in numbered}
        self._known |= {hvp_key(a): f"p{i}" for i, a in numbered}
        self._known |= {hessian_key(a, b): f"h{i}_{j}" for i, a in numbered for j, b in numbered}
        self._known |= {f"residual {k}": f"r{k}" for k in range(terms)}
        self._known |= {f"jacobian {k} {a}": f"J{k}_{i}" for k in range(terms) for i, a in numbered}

    def __call__(self, key: str) -> str:
        """The identifier of that output."""
        return self._known[key]


@final
class FlatFunctions:
    """The kernels of a file as compiled functions of one flat vector `x` and `data`."""

    def __init__(
        self, kernels: Kernels, unknowns: Sequence[str], orders: Sequence[int], terms: int = 0
    ) -> None:
        self.kernels, self.unknowns = kernels, list(unknowns)
        self.names = Names(unknowns, terms)
        self.flat = Flat(unknowns, orders, self.names)
        moving = {*unknowns, *(direction_name(a) for a in unknowns)}
        alone = ("limits", "stated")  # kernels that are called by name, from Python
        lists = [inputs for label, inputs in kernels.inputs.items() if label not in alone]
        used = [name for inputs in lists for name in inputs if name not in moving]
        self.data = list(dict.fromkeys(used))
        self.roots = [f"root{k}" for k in range(terms)]
        self.texts: list[str] = []

    def _head(self, label: str, signature: str, meaning: str, vectors: Sequence[str] = ("x",)) -> list[str]:
        """The first lines of a function: the data by name, the unknowns, and the call of the kernel."""
        entries = [*(f"d{k}" for k in range(len(self.data))), *self.roots, *self.flat.lengths]
        lines = ["@strict", f"def {signature}:", f'    """{meaning}"""']
        lines.append(f"    ({', '.join(entries)},) = data")
        given = {name: f"d{k}" for k, name in enumerate(self.data)}
        for i, a in enumerate(self.unknowns):
            given[a] = self.flat.part(i)
            given[direction_name(a)] = "v" + self.flat.part(i)[1:]
        arguments = ", ".join(given[name] for name in self.kernels.inputs[label])
        results = ", ".join(map(self.names, self.kernels.outputs[label]))
        lines.append(f"    ({results},) = {label}_evaluate({arguments})")
        return [*lines, f"    size = {self.flat.starts[-1]}"]

    def _keep(self, lines: list[str]) -> None:
        self.texts.append("\n".join(lines))

    def value_gradient(self, label: str = "value_gradient") -> None:
        """f(x) and ∇f(x)."""
        lines = self._head(label, "value_gradient(x, data)", "f(x) and ∇f(x).")
        lines += [f"    {line}" for line in self.flat.gradient(gradient_key)]
        self._keep([*lines, "    return value, g"])

    def hessian(self, label: str = "hessian") -> None:
        """∇²f(x)."""
        lines = self._head(label, "hessian(x, data)", "∇²f(x), symmetric to the last bit.")
        lines += [f"    {line}" for line in self.flat.hessian(self.kernels.outputs[label])]
        self._keep([*lines, *EVEN.strip("\n").split("\n")])

    def oracle(self, label: str = "smooth") -> None:
        """f(x), ∇f(x) and ∇²f(x), which share one read of the data."""
        lines = self._head(label, "oracle(x, data)", "f(x), ∇f(x) and ∇²f(x) of the smooth part.")
        lines += [f"    {line}" for line in self.flat.gradient(gradient_key)]
        lines += [f"    {line}" for line in self.flat.hessian(self.kernels.outputs[label])]
        self._keep([*lines, "    return value, g, h"])

    def hvp(self, label: str = "hvp") -> None:
        """∇²f(x)·v."""
        lines = self._head(label, "hvp(x, v, data)", "∇²f(x)·v.")
        lines += [f"    {line}" for line in self.flat.gradient(hvp_key, "p")]
        self._keep([*lines, "    return p"])

    def squares(self, orders: Sequence[int], label: str = "residual") -> None:
        """r(x) and its Jacobian, for f = ½‖r‖², and f and ∇f from them; term k is weighted by `root{k}` of the data."""
        lines = self._head(label, "residual_jacobian(x, data)", "r(x) and its Jacobian.")
        outputs = self.kernels.outputs[label]
        sizes = [f"r{k}.size" if order else "1" for k, order in enumerate(orders)]
        total = " + ".join(sizes)
        lines.append(f"    r, J = np.empty({total}), np.zeros(({total}, size))")
        last = "0"
        for k, order in enumerate(orders):
            residual = f"r{k}.reshape((r{k}.size,))" if order > 1 else f"r{k}"
            if order:
                lines += [
                    f"    part{k} = {residual}",
                    f"    for i in range({sizes[k]}):",
                    f"        r[{last} + i] = root{k} * part{k}[i]",
                ]
            else:
                lines.append(f"    r[{last}] = root{k} * r{k}")
            for i, a in enumerate(self.unknowns):
                if f"jacobian {k} {a}" in outputs:
                    lines += self._jacobian(k, i, sizes[k], last, bool(order))
            last = sizes[k] if last == "0" else f"{last} + {sizes[k]}"
        self._keep([*lines, "    return r, J"])
        self._keep(
            [
                "@strict",
                "def value_gradient(x, data):",
                '    """½‖r(x)‖² and its gradient."""',
                "    r, J = residual_jacobian(x, data)",
                "    return 0.5 * dot(r, r), turned_times(J, r)",
            ]
        )

    def _jacobian(self, k: int, i: int, rows: str, last: str, many: bool) -> list[str]:
        """Lines that put the Jacobian of term k in unknown i where it belongs."""
        flat = self.flat
        if not many and not flat.orders[i]:
            return [f"    J[{last}, {flat.starts[i]}] = root{k} * J{k}_{i}"]
        return [
            f"    block{k}_{i} = J{k}_{i}.reshape(({rows}, {flat.count(i)}))",
            f"    for i in range({rows}):",
            f"        for j in range({flat.count(i)}):",
            f"            J[{last} + i, {flat.starts[i]} + j] = root{k} * block{k}_{i}[i, j]",
        ]


def step_functions(record: Method, compiled: bool = True, prefix: str = "") -> dict[str, str]:
    """The text of the step and of all that it calls, by name; `prefix` goes before that of the step.

    What takes or returns a state is compiled into the loop; the rest is kept on disk by itself. A class of states has
    no place in the index on disk, for it is another class when the file is imported than when it is run.
    compiled  False where the method only finishes what another has done, and takes longer to compile than to run
    """
    found: dict[Any, None] = {}
    for root in (scaled_gradient, norm, dot, turned_times, record.step):
        assert isinstance(root, FunctionType)
        found |= dict.fromkeys(closure_of(root))
    start = sys.modules[record.step.__module__].start
    found |= dict.fromkeys(f for f in closure_of(start) if f.__name__ in VECTORS)
    texts = {f: f"@{_decorator(f)}\n{_text(f)}" if compiled else on_data(f, FUNCTIONS) for f in found}
    own = record.step
    texts[own] = texts[own].replace(f"def {own.__name__}(", f"def {prefix}{own.__name__}(", 1)
    return {prefix * (f is own) + f.__name__: text for f, text in texts.items()}


def _text(function: FunctionType) -> str:
    loops = VECTORS.get(function.__name__)
    return on_data(function, FUNCTIONS) if loops is None else loops.strip("\n")


def _decorator(function: FunctionType) -> str:
    hints = " ".join(map(str, function.__annotations__.values()))
    return "inside" if "State" in hints else "strict"


def loop_text(record: Method, begin: str, compiled: bool = True, prefix: str = "") -> str:
    """`begin(x, data)` and `advance(state, …, data)`, with states as plain tuples between them and Python."""
    start = sys.modules[record.step.__module__].start
    state = start.__annotations__["return"]
    fields = list(sys.modules[record.step.__module__].__dict__[state]._fields)
    loop = LOOP if compiled else LOOP.replace("@strict\n", "")
    return loop.format(
        prefix=prefix,
        begin=begin,
        state=state,
        fields=", ".join(fields),
        parts=", ".join(f"s.{name}" for name in fields),
    )


LOOP = '''
def {prefix}begin(x, data):
    """The optimizer's first state."""
    f, g = value_gradient(x, data)
    return {prefix}start({begin})


@strict
def {prefix}advance(state, aim, first, best, least, most, data):
    """Up to `most` steps: (state, best point, its value, steps, scaled gradient).

    They end early where the scaled gradient is at most `aim`, where no step is possible, and where x or f run away.
    """
    ({fields},) = state
    s = {state}({fields})
    taken = 0
    while True:
        gain = first - least
        magnitude = min(1.0, gain) if np.isfinite(gain) and gain > 0.0 else 1.0
        measure = scaled_gradient(s.x, s.f, s.g, magnitude)
        lost = s.f < -1e20 * max(1.0, abs(first)) or norm(s.x) > 1e60
        if taken == most or s.status != RUNNING or measure <= aim or lost:
            break
        s = {prefix}step(s, data)
        taken += 1
        if not np.isfinite(least) or s.f <= least + 1e-12 * abs(least):
            best, least = s.x, s.f
    return ({parts}), best, least, taken, measure
'''
