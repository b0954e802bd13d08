"""A kernel with its data: the fast path, and one pass over the data in parts.

The data are checked once, by `Kernel.bind`. A call checks the unknowns' shapes, always, because compiled code
does not look; it then enters compiled code through the wrapper that numba made for exactly these argument
types, so that numba does not work out the types again. What a first call learns (sizes, shapes, the entry)
is fixed from then on.

With several threads the rows are cut into the same chunks, and the chunks' sums are added in the same order,
as compiled code does on one thread: the result has the same bits for any number of threads.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, final

import numpy as np

from ..domains import Array
from ..errors import DataError, UnsupportedError
from ..evaluate import bind
from ..sizes import Binding
from .threads import combined, mapped, single_blas_thread

if TYPE_CHECKING:
    from .compile import Kernel

Unknowns = Mapping[str, Any]
#: Data of fewer entries than this stay on one thread: handing out the work would cost more than it saves.
WORTH_THREADS = 1 << 18
#: Rows per chunk at least, and chunks at most; the generated driver says the same.
CHUNK_ROWS, CHUNKS = 2048, 64


def as_argument(array: Array, dtype: np.dtype[Any]) -> Any:
    """A float, or an array in row-major order; the array itself where it is one."""
    if array.ndim == 0:
        return float(array)
    return np.require(array, dtype, ["C", "A"])


@final
class Bound:
    """A kernel with its data. Calling it with the unknowns is the fast path.

    setup_seconds  what binding cost
    moments        whether the data were compressed (see `moments`)
    threads        how many threads large data are spread over; results do not depend on it
    """

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
        self.arrays = {k: np.require(a, None, ["C", "A"]) if a.ndim else a for k, a in arrays.items()}
        self.dtype = kernel.dtype
        self._names = kernel.unknowns
        self._shapes: tuple[tuple[int, ...], ...] = ()
        self._first: tuple[Any, ...] = ()
        self._last: tuple[Any, ...] = ()
        self._fast: Callable[[Unknowns], dict[str, Any]] | None = None

    def __call__(self, mapping: Unknowns | None = None, /, **unknowns: Any) -> dict[str, Any]:
        """The outputs at these unknowns."""
        if mapping is not None:
            unknowns = {**mapping, **unknowns}
        fast = self._fast
        if fast is None:
            fast = self._prepare(unknowns)
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
        kernel.check_access({**self.arrays, **found}, self.binding)
        self._shapes = tuple(found[u].shape for u in self._names)
        if kernel.backend == "numpy":
            self._fast = self._interpret
            return self._fast
        kernel.expect(self.binding)
        program = kernel.program
        count = len(program.inputs) - len(self._names)
        self._first = tuple(as_argument(self.arrays[v.name], self.dtype) for v in program.inputs[:count])
        self._last = tuple(int(self.binding.number(s) or 0) for s in program.size_inputs)
        self._fast = self._entrance()
        return self._fast

    def _entrance(self) -> Callable[[Unknowns], dict[str, Any]]:
        """The way into compiled code that suits this kernel."""
        kernel = self.kernel
        if kernel.backend == "python":
            return self._uncompiled
        large = sum(a.size for a in self.arrays.values()) >= WORTH_THREADS
        if large and self.threads > 1 and hasattr(kernel.module, "part") and self._rows() > CHUNK_ROWS:
            return self._threaded
        point = [np.empty(shape, self.dtype) if shape else 0.0 for shape in self._shapes]
        entry = kernel.entry([*self._first, *point, *self._last])
        if large and kernel.uses_blas:
            return partial(self._limited, entry)
        if len(self._names) == 1 and self._shapes[0] and not self._last:
            return self._of_one(entry)
        return partial(self._general, entry)

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
            if not shape:
                point.append(float(value))
                continue
            if value.__class__ is not np.ndarray or value.dtype is not dtype or not value.flags.carray:
                value = np.require(value, dtype, ["C", "A"])
            if value.shape != shape:
                raise DataError(f"{name} has shape {value.shape}, not {shape}")
            point.append(value)
        return point

    # ---------------------------------------------------------------- ways in

    def _of_one(self, entry: Callable[..., Any]) -> Callable[[Unknowns], dict[str, Any]]:
        """One unknown array: everything that can be looked up beforehand is."""
        kernel, dtype, known = self.kernel, self.dtype, np.ndarray
        (name,), (shape,) = self._names, self._shapes
        fixed = partial(entry, *self._first)
        named, general = kernel.named, self._point
        names, made = kernel.names, dtype.type
        number = kernel.numbers[0] if len(kernel.numbers) == 1 else None

        def call(unknowns: Unknowns) -> dict[str, Any]:
            value = unknowns.get(name)
            if (
                value.__class__ is known
                and value.dtype is dtype
                and value.shape == shape
                and len(unknowns) == 1
                and value.flags.carray
            ):
                values = fixed(value)
                if number is None:
                    return named(values)
                found = dict(zip(names, values))  # noqa: B905  as many as compiled code returns
                found[number] = made(found[number])
                return found
            return named(fixed(*general(unknowns)))

        return call

    def _general(self, entry: Callable[..., Any], unknowns: Unknowns) -> dict[str, Any]:
        return self.kernel.named(entry(*self._first, *self._point(unknowns), *self._last))

    def _limited(self, entry: Callable[..., Any], unknowns: Unknowns) -> dict[str, Any]:
        """Large products: BLAS on one thread, so that the result does not depend on how many there are."""
        with single_blas_thread():
            return self._general(entry, unknowns)

    def _threaded(self, unknowns: Unknowns) -> dict[str, Any]:
        """Chunks of rows on a pool of threads, added up in the order of the rows."""
        arguments = (*self._first, *self._point(unknowns), *self._last)
        module, count = self.kernel.module, self._rows()
        rows = max(CHUNK_ROWS, -(-count // CHUNKS))

        def chunk(start: int) -> Array:
            acc: Array = module.part(start, min(count, start + rows), *arguments)
            return acc

        with single_blas_thread():
            parts = mapped(chunk, range(0, count, rows), self.threads)
            return self.kernel.named(module.finish(combined(parts), *arguments))

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

    def _in_parts(self, name: str, unknowns: Unknowns, *leading: Any) -> Any:
        """Call the module's `part` or `finish`."""
        kernel = self.kernel
        if kernel.backend == "numpy":
            raise UnsupportedError("the interpreter has no passes; compile with backend='numba'")
        function = getattr(kernel.module, name, None)
        if function is None:
            raise UnsupportedError(
                "only kernels with one pass over the data, and no output as long as the data, go in parts"
            )
        if self._fast is None:
            self._prepare(unknowns)
        return function(*leading, *self._first, *self._point(unknowns), *self._last)

    def partial(self, rows: slice, /, **unknowns: Any) -> Array:
        """The sums over some rows of the data, as one flat array that can be added to others."""
        if self._fast is None:
            self._prepare(unknowns)
        count = self._rows()
        start, stop, step = rows.indices(count)
        if step != 1 or not start < stop:
            raise DataError(f"{rows} is not a range of rows between 0 and {count}")
        acc: Array = self._in_parts("part", unknowns, start, stop)
        return acc

    def reduce(self, parts: Sequence[Array], /, **unknowns: Any) -> dict[str, Any]:
        """The outputs from the sums over all rows, given in the order of the rows."""
        if not parts:
            raise DataError("there is nothing to reduce")
        return self.kernel.named(self._in_parts("finish", unknowns, combined(parts)))
