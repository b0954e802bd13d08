"""From nodes to a callable: source, content-hashed module file, compiled functions, checked calls.

`compile_nodes` gives a `Kernel`, which checks everything on each call; `Kernel.bind` checks the data once and
gives a `Bound`, whose call is one entry into compiled code. The files live in the private cache of `cache`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any, final

import numpy as np

from ..domains import Array, Float
from ..errors import ArgumentError, DataError, UnsupportedError
from ..evaluate import bind, check_access, has_access, run
from ..node import Node, size_symbols, variables
from ..sizes import Binding
from ..stable import stabilise
from .cache import cache_clear, cache_info, load
from .emit import source
from .program import Program, build

BACKENDS = ("numba", "numpy", "python")


def compile_nodes(
    outputs: Mapping[str, Node],
    *,
    unknowns: Sequence[str] = (),
    dtype: Any = np.float64,
    backend: str = "numba",
) -> Kernel:
    """A kernel that computes the named nodes together, sharing all common work.

    unknowns  names of the variables that change from call to call of a bound kernel
    dtype     float64 or float32
    backend   "numba" compiles; "python" runs the same source uncompiled; "numpy" is the interpreter
    """
    if backend not in BACKENDS:
        raise ArgumentError(f"backend is one of {', '.join(BACKENDS)}, not {backend!r}")
    if not outputs:
        raise ArgumentError("a kernel needs at least one expression")
    kind = np.dtype(dtype)
    if kind not in (np.dtype(np.float64), np.dtype(np.float32)):
        raise ArgumentError(f"kernels compute in float64 or float32, not {kind}")
    nodes = dict(zip(outputs, stabilise(list(outputs.values())), strict=True))
    original = list(outputs.values())
    names = {v.name for v in variables(*original)}
    strangers = [u for u in unknowns if u not in names]
    if strangers:
        unknowns = [u for u in unknowns if u in names]
    return Kernel(nodes, original, tuple(unknowns), tuple(strangers), kind, backend)


@final
class Kernel:
    """Compiled expressions. Call it with all arrays by name; the result is a dict of arrays and numbers."""

    def __init__(
        self,
        nodes: dict[str, Node],
        original: Sequence[Node],
        unknowns: tuple[str, ...],
        unused: tuple[str, ...],
        dtype: np.dtype[Any],
        backend: str,
    ) -> None:
        self.nodes, self.unknowns, self.dtype, self.backend = nodes, unknowns, dtype, backend
        self.unused = unused  # unknowns that do not occur; accepted and ignored
        self.variables = {v.name: v for v in variables(*original)}
        self.symbols = size_symbols(*original)
        self.names = tuple(nodes)
        self._reaches = has_access(list(nodes.values()))
        self._orders = tuple((name, node.order) for name, node in nodes.items())
        self._program: Program | None = None
        self._source: str | None = None
        self._module: ModuleType | None = None

    @property
    def program(self) -> Program:
        """The loop-level program."""
        if self._program is None:
            self._program = build(list(self.nodes.values()), self.unknowns)
        return self._program

    @property
    def source(self) -> str:
        """The generated source."""
        if self._source is None:
            library = "plain" if self.backend == "python" else "special"
            self._source = source(self.program, self.dtype.name, library)
        return self._source

    @property
    def module(self) -> ModuleType:
        """The module of the generated source, with its function `evaluate`."""
        if self._module is None:
            if self.backend == "python":
                self._module = ModuleType("derive_kernel")
                exec(compile(self.source, "<kernel>", "exec"), self._module.__dict__)  # our own text only
            else:
                self._module = load(self.source)
        return self._module

    def _split(self, given: Mapping[str, Any] | None, named: dict[str, Any]) -> dict[str, Any]:
        data = {**(given or {}), **named}
        return {k: v for k, v in data.items() if k not in self.unused}

    def __call__(self, mapping: Mapping[str, Any] | None = None, /, **arrays: Any) -> dict[str, Any]:
        """Everything checked, then computed."""
        data = self._split(mapping, arrays)
        found, binding = bind(self.variables.values(), data, sizes=self.symbols, dtype=self.dtype)
        self.check_access(found, binding)
        return self._run(found, binding)

    def check_access(self, arrays: Mapping[str, Array], binding: Binding) -> None:
        """Slices and windows fit, and indices are in range: compiled code does not look."""
        if self._reaches:
            check_access(list(self.nodes.values()), arrays, binding)

    def _run(self, arrays: Mapping[str, Array], binding: Binding) -> dict[str, Any]:
        if self.backend == "numpy":
            values: Sequence[Any] = run(list(self.nodes.values()), arrays, binding, Float(self.dtype))
        else:
            values = self._call(self.arguments(arrays, binding))
        return self._named(values)

    def _call(self, arguments: Sequence[Any]) -> Sequence[Any]:
        result: Sequence[Any]
        if self.backend == "python":
            with np.errstate(all="ignore"):
                result = self.module.evaluate(*arguments)
        else:
            result = self.module.evaluate(*arguments)
        return result

    def _named(self, values: Sequence[Any]) -> dict[str, Any]:
        made = self.dtype.type
        return {k: v if order else made(v) for (k, order), v in zip(self._orders, values, strict=True)}

    def arguments(self, arrays: Mapping[str, Array], binding: Binding) -> list[Any]:
        """What `evaluate` of the module takes, in its order, in the layout it expects."""
        program = self.program
        found: list[Any] = [as_argument(arrays[v.name], self.dtype) for v in program.inputs]
        found += [int(binding.number(s) or 0) for s in program.size_inputs]
        return found

    def bind(self, mapping: Mapping[str, Any] | None = None, /, **data: Any) -> Bound:
        """Data, sizes and facts checked once; the unknowns are left to the calls."""
        given = self._split(mapping, data)
        clash = [u for u in self.unknowns if u in given]
        if clash:
            raise DataError(
                f"{', '.join(clash)} is an unknown of this kernel: give it to the calls, not to bind"
            )
        known = [v for name, v in self.variables.items() if name not in self.unknowns]
        arrays, binding = bind(known, given, sizes=self.symbols, dtype=self.dtype)
        return Bound(self, arrays, binding)


def as_argument(array: Array, dtype: np.dtype[Any]) -> Any:
    """A float, or an array in row-major order."""
    if array.ndim == 0:
        return float(array)
    return np.ascontiguousarray(array, dtype=dtype)


@final
class Bound:
    """A kernel with its data. Calling it with the unknowns is the fast path.

    Sizes that only the unknowns tell are learnt at the first call and then fixed.
    """

    def __init__(self, kernel: Kernel, arrays: dict[str, Array], binding: Binding) -> None:
        self.kernel, self.binding = kernel, binding
        self.arrays = {k: np.ascontiguousarray(a) if a.ndim else a for k, a in arrays.items()}
        self.dtype = kernel.dtype
        self._names = kernel.unknowns
        self._ready: tuple[Any, ...] | None = None

    def _prepare(self, unknowns: Mapping[str, Any]) -> tuple[Any, ...]:
        """Shapes, fixed arguments and the compiled entry, from a first set of unknowns."""
        kernel = self.kernel
        self._check_names(unknowns)
        wanted = [kernel.variables[u] for u in self._names]
        given = {u: unknowns[u] for u in self._names}
        found, _ = bind(wanted, given, dtype=self.dtype, check_facts=False)
        for v in wanted:
            self.binding.learn(v.name, v.shape, found[v.name].shape)
        kernel.check_access({**self.arrays, **found}, self.binding)
        shapes = tuple(found[u].shape for u in self._names)
        if kernel.backend == "numpy":
            self._ready = (shapes, None, (), ())
            return self._ready
        program = kernel.program
        count = len(program.inputs) - len(self._names)
        first = tuple(as_argument(self.arrays[v.name], self.dtype) for v in program.inputs[:count])
        last = tuple(int(self.binding.number(s) or 0) for s in program.size_inputs)
        self._ready = (shapes, kernel.module.evaluate, first, last)
        return self._ready

    def _check_names(self, unknowns: Mapping[str, Any]) -> None:
        missing = [u for u in self._names if u not in unknowns]
        if missing:
            raise DataError(f"no array was given for {', '.join(missing)}")
        extra = [u for u in unknowns if u not in self._names and u not in self.kernel.unused]
        if extra:
            expected = ", ".join(self._names) or "none"
            raise DataError(f"{', '.join(extra)} is no unknown of this kernel; expected: {expected}")

    def _point(self, unknowns: Mapping[str, Any], shapes: tuple[tuple[int, ...], ...]) -> list[Any]:
        """The unknowns as arguments. Shapes are always checked: compiled code does not look."""
        if len(unknowns) != len(self._names) or any(name not in unknowns for name in self._names):
            self._check_names(unknowns)
        dtype = self.dtype
        point: list[Any] = []
        for name, shape in zip(self._names, shapes, strict=True):
            value = unknowns[name]
            if not shape:
                point.append(float(value))
                continue
            if value.__class__ is not np.ndarray or value.dtype is not dtype or not value.flags.c_contiguous:
                value = np.ascontiguousarray(value, dtype=dtype)
            if value.shape != shape:
                raise DataError(f"{name} has shape {value.shape}, not {shape}")
            point.append(value)
        return point

    def __call__(self, mapping: Mapping[str, Any] | None = None, /, **unknowns: Any) -> dict[str, Any]:
        """The outputs at these unknowns."""
        if mapping is not None:
            unknowns = {**mapping, **unknowns}
        shapes, entry, first, last = self._ready or self._prepare(unknowns)
        point = self._point(unknowns, shapes)
        kernel = self.kernel
        if entry is None:
            found = {u: np.asarray(p, dtype=self.dtype) for u, p in zip(self._names, point, strict=True)}
            return kernel._run({**self.arrays, **found}, self.binding)
        if kernel.backend == "python":
            return kernel._named(kernel._call([*first, *point, *last]))
        return kernel._named(entry(*first, *point, *last))

    # ---------------------------------------------------------------- a pass in parts

    def _in_parts(self, name: str, unknowns: Mapping[str, Any], *leading: Any) -> Any:
        """Call the module's `part` or `finish`."""
        kernel = self.kernel
        if kernel.backend == "numpy":
            raise UnsupportedError("the interpreter has no passes; compile with backend='numba'")
        function = getattr(kernel.module, name, None)
        if function is None:
            raise UnsupportedError(
                "only kernels with one pass over the data, and no output as long as the data, go in parts"
            )
        shapes, _, first, last = self._ready or self._prepare(unknowns)
        return function(*leading, *first, *self._point(unknowns, shapes), *last)

    def partial(self, rows: slice, /, **unknowns: Any) -> Array:
        """The sums over some rows of the data, as one flat array that can be added to others."""
        self._ready or self._prepare(unknowns)
        size = self.kernel.program.data_size
        count = 0 if size is None else int(self.binding.number(size) or 0)
        start, stop, step = rows.indices(count)
        if step != 1 or not start < stop:
            raise DataError(f"{rows} is not a range of rows between 0 and {count}")
        acc: Array = self._in_parts("part", unknowns, start, stop)
        return acc

    def reduce(self, parts: Sequence[Array], /, **unknowns: Any) -> dict[str, Any]:
        """The outputs from the sums over all rows, given in the order of the rows."""
        if not parts:
            raise DataError("there is nothing to reduce")
        return self.kernel._named(self._in_parts("finish", unknowns, combined(parts)))


def combined(parts: Sequence[Array]) -> Array:
    """The sum of parts, in the order of a binary tree: the same for the same parts, whoever computed them."""
    tree: list[Array] = []
    for k, part in enumerate(parts):
        tree.append(np.array(part, dtype=np.float64))
        pairs = k + 1
        while len(tree) > 1 and (pairs % 2 == 0 or k == len(parts) - 1):
            last = tree.pop()
            tree[-1] += last
            pairs //= 2
    return tree[0]


__all__ = ["Bound", "Kernel", "cache_clear", "cache_info", "compile_nodes"]
