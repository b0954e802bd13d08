"""A kernel with its data: the fast path, and one pass over the data in parts.

The data are checked once, by `Kernel.bind`. A call checks the unknowns' shapes, always, because compiled code
does not look; it then enters compiled code through the wrapper that numba made for exactly these argument
types, so that numba does not work out the types again. What a first call learns (sizes, shapes, the entry)
is fixed from then on.

With several threads, with data that compiled code cannot read as they are, and with data in Dask, the rows are cut
into the same chunks, and the chunks' sums are added in the same order, as compiled code does on one thread: the
result has the same bits.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, final

import numpy as np

from ..domains import Array
from ..errors import DataError, UnsupportedError
from ..evaluate import bind
from ..sizes import Binding
from .calls import Face, face
from .cluster import clustered, is_lazy
from .streams import CHUNK_ROWS, CHUNKS, chunk_sums, is_read, readable, streamed
from .threads import combined, single_blas_thread

if TYPE_CHECKING:
    from ..node import Variable
    from .compile import Kernel

Unknowns = Mapping[str, Any]
#: Data of fewer entries than this stay on one thread: handing out the work would cost more than it saves.
WORTH_THREADS = 1 << 18
#: Data of fewer entries than this are done with in some microseconds: the call itself is what counts.
BRIEF = 1 << 14

__all__ = ["CHUNKS", "CHUNK_ROWS", "Bound", "as_argument"]


def as_argument(array: Array, dtype: np.dtype[Any]) -> Any:
    """A float, or an array in row-major order; the array itself where it is one."""
    if array.ndim == 0:
        return float(array)
    return readable(np.require(np.asarray(array), dtype, ["C", "A"]))


@final
class Bound:
    """A kernel with its data. Calling it with the unknowns is the fast path.

    setup_seconds  what binding cost
    moments        whether the data were compressed (see `moments`)
    threads        how many threads large data are spread over; results do not depend on it
    """

    # A place of its own in every instance: a call then goes straight to what stands there, machine code perhaps.
    __slots__ = ("__call__", "__dict__", "__weakref__")
    __call__: Callable[..., dict[str, Any]]

    def __init__(
        self,
        kernel: Kernel,
        arrays: dict[str, Array],
        binding: Binding,
        threads: int = 1,
        setup_seconds: float = 0.0,
    ) -> None:
        self.kernel, self.binding, self.threads = kernel, binding, threads
        self.setup_seconds = setup_seconds
        self.moments = False
        self.shorter: Bound | None = None  # the same on fewer rows, for calls; `partial` has all rows
        self.checks: dict[int, Variable] = {}  # inputs that are checked at every call, while they are read
        self.arrays = arrays
        self.dtype = kernel.dtype
        self._names = kernel.unknowns
        self._shapes: tuple[tuple[int, ...], ...] = ()
        self._first: tuple[Any, ...] = ()
        self._last: tuple[Any, ...] = ()
        self._at_once = False  # one entry into compiled code does it all
        self._fast: Callable[[Unknowns], dict[str, Any]] | None = None
        self.__call__ = self._usual

    def _usual(self, mapping: Unknowns | None = None, /, **unknowns: Any) -> dict[str, Any]:
        """The outputs at these unknowns."""
        if mapping is not None:
            unknowns = {**mapping, **unknowns}
        fast = self._fast
        if fast is None:
            fast = self._prepare(unknowns)
            self.__call__ = (self.shorter or self)._brief()
        return fast(unknowns)

    # ---------------------------------------------------------------- the first call

    def _prepare(self, unknowns: Unknowns) -> Callable[[Unknowns], dict[str, Any]]:
        """Shapes, fixed arguments and the compiled entry, from a first set of unknowns."""
        kernel = self.kernel
        self._check_names(unknowns)
        wanted = [kernel.variables[u] for u in self._names]
        given = {u: unknowns[u] for u in self._names}
        found, _ = bind(wanted, given, dtype=self.dtype, check_facts=False)
        for v in wanted:
            self.binding.learn(v.name, v.shape, found[v.name].shape)
        local = {k: a for k, a in self.arrays.items() if not is_lazy(a)}
        kernel.check_access({**local, **found}, self.binding)
        self._shapes = tuple(found[u].shape for u in self._names)
        if kernel.backend == "numpy":
            self._fast = self._interpret
            return self._fast
        kernel.expect(self.binding)
        program = kernel.program
        count = len(program.inputs) - len(self._names)
        known = [self.arrays[v.name] for v in program.inputs[:count]]
        known = [np.asarray(a) if isinstance(a, np.ndarray) else a for a in known]  # no subclasses
        self._blocks = kernel.blocks or ()
        single = any(self._reads(k, a) and a.dtype != self.dtype for k, a in enumerate(known) if np.ndim(a))
        self._first = tuple(self._argument(k, a, single) for k, a in enumerate(known))
        self._last = tuple(int(self.binding.number(s) or 0) for s in program.size_inputs)
        self._sizes = tuple(int(self.binding.number(s) or 0) for s in program.sizes.names)
        self._fast = self.shorter._prepare(unknowns) if self.shorter else self._entrance()
        return self._fast

    def _reads(self, k: int, array: Any) -> bool:
        """Whether compiled code reads the array as it is."""
        return (
            k in self._blocks
            and isinstance(array, np.ndarray)
            and is_read(self.kernel.module, k, array, self.dtype)
        )

    def _argument(self, k: int, array: Any, single: bool) -> Any:
        """What compiled code is given. Beside a matrix that stays in single precision vectors are converted."""
        if self._reads(k, array):
            return readable(array)
        if k in self._blocks and not (single and isinstance(array, np.ndarray) and array.ndim == 1):
            return array
        return as_argument(array, self.dtype)

    def _entrance(self) -> Callable[[Unknowns], dict[str, Any]]:
        """The way into compiled code that suits this kernel."""
        kernel = self.kernel
        if kernel.backend == "python":
            return self._uncompiled
        rows = {k: self._first[k] for k in self._blocks if k < len(self._first)}
        if any(map(is_lazy, rows.values())):
            return self._clustered
        large = sum(a.size for a in self.arrays.values()) >= WORTH_THREADS
        spread = large and self.threads > 1 and hasattr(kernel.module, "part") and self._rows() > CHUNK_ROWS
        if self.checks or spread or not all(self._reads(k, a) for k, a in rows.items()):
            return partial(self._streamed, self.threads if spread else 1)
        call = self._face()
        return partial(self._limited, call) if large and kernel.uses_blas else call

    def _made(self) -> dict[int, tuple[int, ...]]:
        """The shapes of the results that the caller allocates."""
        outputs = self.kernel.program.outputs
        return {k: self.binding.shape(outputs[k].node.shape) for k in self.kernel.module.INTO}

    def _brief(self) -> Callable[..., dict[str, Any]]:
        """The way in for calls to come: where the data are few, one around Python."""
        outputs, kernel = self.kernel.program.outputs, self.kernel
        if not self._at_once or any(np.ndim(a) and a.dtype != self.dtype for a in self._first):
            return self._usual
        if sum(map(np.size, self._first)) + sum(map(math.prod, self._shapes)) >= BRIEF:
            return self._usual
        from .entrance import entrance, is_possible

        made = self._made()
        if any(o.node.order and k not in made for k, o in enumerate(outputs)) or not is_possible():
            return self._usual
        return entrance(
            kernel.module.evaluate_into if made else kernel.module.evaluate,
            otherwise=self._usual,
            **self._described(made),
        )

    def _face(self) -> Face:
        """The way in on the caller's thread."""
        kernel, self._at_once = self.kernel, True
        made = self._made()
        point = [np.empty(shape, self.dtype) if shape else 0.0 for shape in self._shapes]
        arrays = [np.empty(shape, self.dtype) for shape in made.values()]
        arguments = [*self._first, *point, *self._last, *arrays]
        return face(
            kernel.entry(arguments, "evaluate_into" if made else "evaluate"),
            numbers=kernel.numbers,
            checked=self._point,
            **self._described(made),
        )

    def _described(self, made: dict[int, tuple[int, ...]]) -> dict[str, Any]:
        """What a way in is told of a call: the arguments around the unknowns, these, and the results."""
        return {
            "first": self._first,
            "last": self._last,
            "unknowns": self._names,
            "shapes": self._shapes,
            "results": self.kernel.names,
            "made": made,
            "dtype": self.dtype,
        }

    def _check_names(self, unknowns: Unknowns) -> None:
        missing = [u for u in self._names if u not in unknowns]
        if missing:
            raise DataError(f"no array was given for {', '.join(missing)}")
        extra = [u for u in unknowns if u not in self._names and u not in self.kernel.unused]
        if extra:
            expected = ", ".join(self._names) or "none"
            raise DataError(f"{', '.join(extra)} is no unknown of this kernel; expected: {expected}")

    def _point(self, unknowns: Unknowns) -> list[Any]:
        """The unknowns as arguments. Shapes are always checked: compiled code does not look."""
        if len(unknowns) != len(self._names) or any(name not in unknowns for name in self._names):
            self._check_names(unknowns)
        dtype = self.dtype
        point: list[Any] = []
        for name, shape in zip(self._names, self._shapes, strict=True):
            value = unknowns[name]
            if not shape and value.__class__ is float:
                point.append(value)
                continue
            if value.__class__ is not np.ndarray or value.dtype is not dtype or not value.flags.carray:
                value = self._converted(name, value)
            if value.shape != shape:
                raise DataError(f"{name} has shape {value.shape}, not {shape}")
            point.append(value if shape else float(value))
        return point

    def _converted(self, name: str, value: Any) -> Any:
        """An array of the kernel's kind of numbers, as compiled code reads it."""
        try:
            array = np.asarray(value)
        except ValueError as error:
            raise DataError(f"{name} is not an array of numbers: {error}") from None
        if array.dtype.kind not in "biuf":
            raise DataError(f"{name} has entries of type {array.dtype}, not real numbers")
        return np.require(array, self.dtype, ["C", "A"])

    # ---------------------------------------------------------------- ways in

    def _limited(self, call: Face, unknowns: Unknowns) -> dict[str, Any]:
        """Large products: BLAS on one thread, so that the result does not depend on how many there are."""
        with single_blas_thread():
            return call(unknowns)

    def _streamed(self, threads: int, unknowns: Unknowns) -> dict[str, Any]:
        """Chunks of rows one after the other or on a pool of threads, added up in the order of the rows."""
        kernel, inputs = self.kernel, [*self._first, *self._point(unknowns)]
        with single_blas_thread():
            values = streamed(
                kernel.module,
                self._rows(),
                self._sizes,
                inputs,
                self.dtype,
                threads=threads,
                checks=self.checks,
            )
        return kernel.named(values)

    def _clustered(self, unknowns: Unknowns) -> dict[str, Any]:
        """Chunks of rows as tasks of Dask, which check their entries on the way."""
        kernel, inputs = self.kernel, [*self._first, *self._point(unknowns)]
        names = {k: kernel.program.inputs[k] for k in self._blocks}
        checked = {k: (v.name, tuple(map(str, v.shape)), tuple(v.facts)) for k, v in names.items()}
        values = clustered(kernel.source, self._rows(), self._sizes, inputs, self.dtype, checked)
        return kernel.named(values)

    def _uncompiled(self, unknowns: Unknowns) -> dict[str, Any]:
        kernel = self.kernel
        return kernel.named(kernel.call([*self._first, *self._point(unknowns), *self._last]))

    def _interpret(self, unknowns: Unknowns) -> dict[str, Any]:
        point = zip(self._names, self._point(unknowns), strict=True)
        found = {u: np.asarray(p, dtype=self.dtype) for u, p in point}
        return self.kernel.run({**self.arrays, **found}, self.binding)

    # ---------------------------------------------------------------- a pass in parts

    def _rows(self) -> int:
        size = self.kernel.program.data_size
        return 0 if size is None else int(self.binding.number(size) or 0)

    def _part_inputs(self, unknowns: Unknowns) -> list[Any]:
        """The inputs of the module's `part` and `finish`."""
        kernel = self.kernel
        if kernel.backend == "numpy":
            raise UnsupportedError("the interpreter has no passes; compile with backend='numba'")
        if not hasattr(kernel.module, "part"):
            raise UnsupportedError(
                "only kernels with one pass over the data, and no output as long as the data, go in parts"
            )
        if self._fast is None:
            self._prepare(unknowns)
        return [*self._first, *self._point(unknowns)]

    def partial(self, rows: slice, /, **unknowns: Any) -> Array:
        """The sums over some rows of the data, as one flat array that can be added to others."""
        if self._fast is None:
            self._prepare(unknowns)
        count = self._rows()
        start, stop, step = rows.indices(count)
        if step != 1 or not start < stop:
            raise DataError(f"{rows} is not a range of rows between 0 and {count}")
        inputs, module = self._part_inputs(unknowns), self.kernel.module
        state = module.begin(*self._sizes, *inputs)
        return chunk_sums(module, start, stop, state, self._sizes, inputs, self.dtype)

    def reduce(self, parts: Sequence[Array], /, **unknowns: Any) -> dict[str, Any]:
        """The outputs from the sums over all rows, given in the order of the rows."""
        if not parts:
            raise DataError("there is nothing to reduce")
        inputs, module = self._part_inputs(unknowns), self.kernel.module
        state = module.begin(*self._sizes, *inputs)
        return self.kernel.named(module.finish(combined(parts), state, *self._sizes, *inputs))
