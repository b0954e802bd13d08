"""From nodes to a callable: source, content-hashed module file, compiled functions, checked calls.

`compile_nodes` gives a `Kernel`, which checks everything on each call; `Kernel.bind` checks the data once and
gives a `Bound`, whose call is one entry into compiled code. The files live in the private cache of `cache`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from types import ModuleType
from typing import Any, final

import numpy as np

from ..domains import Array, Float
from ..errors import ArgumentError, DataError, UnsupportedError
from ..evaluate import bind, check_access, check_entries, has_access, run
from ..node import Apply, Node, size_symbols, topological, variables
from ..operators import spelled_out
from ..sizes import Binding, Size
from ..stable import stabilise
from .bound import BRIEF, WORTH_THREADS, Bound, as_argument
from .cache import cache_clear, cache_info, load
from .clock import standing
from .cluster import as_rows, is_lazy, stand_in
from .emit import source
from .lowering import has_rule
from .moments import compressed, compressible
from .program import Program, build
from .schedule import find_data_axis
from .threads import combined, thread_count

#: Operators that a singular or indefinite matrix makes undefined.
_INVERTING = ("inv", "cholesky", "logdet", "det")
BACKENDS = ("numba", "numpy", "python")


def compile_nodes(
    outputs: Mapping[str, Node],
    *,
    unknowns: Sequence[str] = (),
    dtype: Any = np.float64,
    backend: str = "numba",
    rough: bool = False,
) -> Kernel:
    """A kernel that computes the named nodes together, sharing all common work.

    unknowns  names of the variables that change from call to call of a bound kernel
    dtype     float64 or float32
    backend   "numba" compiles; "python" runs the same source uncompiled; "numpy" is the interpreter
    rough     compiled, with long products in single precision (see `rough`)
    """
    if backend not in BACKENDS:
        raise ArgumentError(f"backend is one of {', '.join(BACKENDS)}, not {backend!r}")
    if not outputs:
        raise ArgumentError("a kernel needs at least one expression")
    kind = np.dtype(dtype)
    if kind not in (np.dtype(np.float64), np.dtype(np.float32)):
        raise ArgumentError(f"kernels compute in float64 or float32, not {kind}")
    original = list(outputs.values())
    nodes = dict(zip(outputs, stabilise(spelled_out(original, has_rule)), strict=True))
    names = {v.name for v in variables(*original)}
    strangers = [u for u in unknowns if u not in names]
    if strangers:
        unknowns = [u for u in unknowns if u in names]
    return Kernel(nodes, original, tuple(unknowns), tuple(strangers), kind, backend, rough)


def entry_of(function: Any, arguments: Sequence[Any]) -> Callable[..., Any]:
    """The compiled code of a function for arguments of these types; see `Kernel.entry`."""
    with standing():
        from numba import typeof, types

    def kind(value: Any) -> Any:
        if isinstance(value, np.ndarray):
            return types.Array(typeof(value).dtype, value.ndim, "C")
        if isinstance(value, tuple):
            return types.Tuple([kind(part) for part in value])
        return typeof(value)

    signature = tuple(kind(a) for a in arguments)
    with standing():
        function.compile(signature)
    found: Callable[..., Any] = function.overloads[signature].entry_point
    return found


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
        rough: bool,
    ) -> None:
        self.nodes, self.unknowns, self.dtype, self.backend = nodes, unknowns, dtype, backend
        self.rough = rough
        self.unused = unused  # unknowns that do not occur; accepted and ignored
        self.variables = {v.name: v for v in variables(*original)}
        self.symbols = size_symbols(*original)
        self.names = tuple(nodes)
        applied = (node for node in topological(list(nodes.values())) if isinstance(node, Apply))
        self._inverts = any(node.op in _INVERTING for node in applied)
        self._reaches = has_access(list(nodes.values()))
        self.numbers = tuple(name for name, node in nodes.items() if not node.order)
        self._program: Program | None = None
        self._lengths: dict[Any, int] = {}
        self._compressible: dict[tuple[Any, ...], bool] = {}
        self._source: str | None = None
        self._module: ModuleType | None = None

    def expect(self, binding: Binding) -> None:
        """Sizes to plan for, unless the program is there already."""
        self._lengths = dict(binding.values)

    @property
    def program(self) -> Program:
        """The loop-level program."""
        if self._program is None:
            with standing():
                self._program = build(list(self.nodes.values()), self.unknowns, self._lengths)
        return self._program

    @property
    def source(self) -> str:
        """The generated source."""
        if self._source is None:
            library = "plain" if self.backend == "python" else "rough" if self.rough else "library"
            self._source = source(self.program, self.dtype.name, library)
        return self._source

    @property
    def module(self) -> ModuleType:
        """The module of the generated source, with its function `evaluate`."""
        if self._module is None:
            with standing():
                self._module = self._made()
        return self._module

    def _made(self) -> ModuleType:
        """The module from its source, or from disk."""
        if self.backend == "python":
            made = ModuleType("derive_kernel")
            exec(compile(self.source, "<kernel>", "exec"), made.__dict__)  # our own text only
            return made
        return load(self.source)

    def _split(self, given: Mapping[str, Any] | None, named: dict[str, Any]) -> dict[str, Any]:
        data = {**(given or {}), **named}
        return {k: v for k, v in data.items() if k not in self.unused}

    def __call__(self, mapping: Mapping[str, Any] | None = None, /, **arrays: Any) -> dict[str, Any]:
        """Everything checked, then computed; entries of large data are checked while they are read."""
        data = self._split(mapping, arrays)
        if self.backend == "numba" and any(_is_long(value) for value in data.values()):
            return self._checked_on_the_way(data)
        found, binding = bind(self.variables.values(), data, sizes=self.symbols, dtype=self.dtype)
        self.check_access(found, binding)
        outputs = self.run(found, binding)
        if self._inverts and any(np.isnan(v).any() for v in outputs.values()):
            # Compiled code gives NaN for a singular matrix; the interpreter raises and says which it was.
            run(list(self.nodes.values()), found, binding, Float(self.dtype))
        return outputs

    def _checked_on_the_way(self, data: Mapping[str, Any]) -> dict[str, Any]:
        point = {name: data[name] for name in self.unknowns if name in data}
        bound = self._bound({k: v for k, v in data.items() if k not in point}, check=False)
        outputs = bound(point)
        if self._inverts and any(np.isnan(v).any() for v in outputs.values()):
            found, binding = bind(self.variables.values(), data, sizes=self.symbols, dtype=self.dtype)
            run(list(self.nodes.values()), found, binding, Float(self.dtype))
        return outputs

    def check_access(self, arrays: Mapping[str, Array], binding: Binding) -> None:
        """Slices and windows fit, and indices are in range: compiled code does not look."""
        if self._reaches:
            check_access(list(self.nodes.values()), arrays, binding)

    def run(self, arrays: Mapping[str, Array], binding: Binding) -> dict[str, Any]:
        """The outputs for arrays that have been checked."""
        if self.backend == "numpy":
            values: Sequence[Any] = run(list(self.nodes.values()), arrays, binding, Float(self.dtype))
        else:
            self.expect(binding)
            values = self.call(self.arguments(arrays, binding))
        return self.named(values)

    def call(self, arguments: Sequence[Any]) -> Sequence[Any]:
        """One call of the module's `evaluate`."""
        result: Sequence[Any]
        if self.backend == "python":
            with np.errstate(all="ignore"):
                result = self.module.evaluate(*arguments)
        else:
            result = self.module.evaluate(*arguments)
        return result

    def named(self, values: Sequence[Any]) -> dict[str, Any]:
        """The results by name; numbers as NumPy's scalars."""
        found = dict(zip(self.names, values, strict=True))
        made = self.dtype.type
        for name in self.numbers:
            found[name] = made(found[name])
        return found

    @property
    def uses_blas(self) -> bool:
        """Whether the source calls BLAS."""
        return "gemm" in self.source or "syrk" in self.source

    def entry(self, arguments: Sequence[Any], name: str = "evaluate") -> Callable[..., Any]:
        """The compiled code of one function for arguments of these types, without numba's search for the types.

        Every array that is passed must have the type, the number of axes and the C order of the one here;
        nobody checks it. Whether arrays are read-only does not matter: inputs are never written to.
        """
        return entry_of(getattr(self.module, name), arguments)

    def arguments(self, arrays: Mapping[str, Array], binding: Binding) -> list[Any]:
        """What `evaluate` of the module takes, in its order, in the layout it expects."""
        program = self.program
        found: list[Any] = [as_argument(arrays[v.name], self.dtype) for v in program.inputs]
        found += [int(binding.number(s) or 0) for s in program.size_inputs]
        return found

    def bind(
        self,
        mapping: Mapping[str, Any] | None = None,
        /,
        *,
        threads: int = 1,
        moments: bool | None = False,
        convert: bool | None = False,
        checked: bool = False,
        **data: Any,
    ) -> Bound:
        """Data, sizes and facts checked once; the unknowns are left to the calls.

        threads  how many threads large data are spread over; 0 means one per processor. The result is the
                 same, bit for bit, for any number.
        moments  data that enter only through sums of squares and products are compressed first, at the price
                 of some tens of evaluations (`Bound.setup_seconds`); `Bound.moments` says whether they were.
                 None leaves it to the data: few, and of rows that are about as long as one another
        convert  arrays in memory that compiled code cannot read as they are (Fortran order, strides, another kind of
                 number) are converted once; else block by block at each call, without a copy of the data. None:
                 small ones are converted
        checked  the entries of the rows have been looked at before
        """
        began = time.perf_counter()
        given = self._split(mapping, data)
        clash = [u for u in self.unknowns if u in given]
        if clash:
            raise DataError(
                f"{', '.join(clash)} is an unknown of this kernel: give it to the calls, not to bind"
            )
        bound = self._bound(given, threads, bool(moments), convert=convert, checked=checked)
        if moments is None:
            bound.shorter = self._shorter(bound, given)
            bound.moments = bound.shorter is not None
        bound.setup_seconds = time.perf_counter() - began
        return bound

    def _bound(
        self,
        given: Mapping[str, Any],
        threads: int = 1,
        moments: bool = False,
        check: bool = True,
        convert: bool | None = False,
        checked: bool = False,
    ) -> Bound:
        """Arrays of rows stay as they are, in memory, in a file or in Dask; all others are converted.

        check  look at the entries of the rows now, once for all calls; else they are looked at while they are
               read. Dask's rows are always looked at then.
        """
        known = {name: v for name, v in self.variables.items() if name not in self.unknowns}
        lazy = {k: as_rows(k, a) for k, a in given.items() if k in known and is_lazy(a)}
        plain = {**given, **{k: stand_in(a) for k, a in lazy.items()}}
        size = self._data_axis(plain) if self.backend == "numba" else None
        rows = [k for k, v in known.items() if size is not None and v.order and v.shape[0] == size]
        rows = [k for k in rows if k in lazy or isinstance(given.get(k), np.ndarray)]
        arrays, binding = bind(known.values(), plain, sizes=self.symbols, dtype=self.dtype, rows=rows)
        if rows:
            self.expect(binding)
            blocks = [self.program.inputs[k].name for k in self.blocks or ()]
            lost = [k for k in lazy if k not in blocks]
            if lost:
                raise UnsupportedError(
                    f"{', '.join(lost)} cannot be read block by block by this kernel; give NumPy arrays instead"
                )
            for k in rows:
                if not checked and (k not in blocks or (check and k not in lazy)):
                    check_entries(known[k], arrays[k])
                here = k not in lazy and not isinstance(arrays[k], np.memmap)
                wanted = here and (arrays[k].size < BRIEF if convert is None else convert)
                if k not in blocks or wanted:
                    arrays[k] = np.require(arrays[k], self.dtype, ["C", "A"])
        small = self._compressed(arrays) if moments and not lazy else None
        if small is not None:
            arrays, binding = self._bound_again(plain, small)
        bound = Bound(self, {**arrays, **lazy}, binding, thread_count(threads))
        bound.moments = small is not None
        if rows and not check:
            bound.checks = {k: self.program.inputs[k] for k in self.blocks or ()}
        return bound

    def _bound_again(
        self, given: Mapping[str, Any], small: Mapping[str, Array]
    ) -> tuple[dict[str, Array], Binding]:
        """Arrays and sizes with compressed data, which have another number of rows than was given."""
        known = [v for name, v in self.variables.items() if name not in self.unknowns]
        rest = {k: a for k, a in given.items() if k != str(self._data_axis(given))}
        return bind(known, {**rest, **small}, sizes=self.symbols, dtype=self.dtype)

    def _shorter(self, bound: Bound, given: Mapping[str, Any]) -> Bound | None:
        """The same on compressed data, where these are so few that nobody waits, and none of their digits gets lost."""
        arrays = bound.arrays
        if self.backend != "numba" or self.dtype != np.float64 or any(map(is_lazy, arrays.values())):
            return None
        if sum(map(np.size, arrays.values())) >= BRIEF:
            return None
        small = self._compressed(arrays, even=True)
        if small is None:
            return None
        return Bound(self, *self._bound_again(given, small))

    @property
    def blocks(self) -> tuple[int, ...] | None:
        """The inputs that are read in blocks of rows and in no other way; None if the pass looks further."""
        found: tuple[int, ...] | None = getattr(self.module, "BLOCKS", None)
        return found

    @property
    def singles(self) -> set[str]:
        """The arrays that may be in single precision, as products alone read them."""
        return {self.program.inputs[k].name for k in getattr(self.module, "SINGLES", ())}

    def _data_axis(self, arrays: Mapping[str, Any]) -> Size | None:
        """The rows: those of the program if there is one already, else as the sizes of these arrays suggest."""
        if self._program is not None:
            return self._program.data_size
        at: dict[Size, int] = {}
        for name, v in self.variables.items():
            if name in arrays:
                at.update(s for s in zip(v.shape, np.shape(arrays[name]), strict=False) if s[0].is_Symbol)
        return find_data_axis(self.variables.values(), self.unknowns, self.nodes.values(), at)

    def _compressed(self, arrays: Mapping[str, Array], even: bool = False) -> dict[str, Array] | None:
        """The data behind a common triangular factor, if no result changes."""
        rows = self._data_axis(arrays)
        if rows is None:
            return None
        asked = (rows, *sorted(arrays))
        if asked not in self._compressible:
            self._compressible[asked] = compressible(list(self.nodes.values()), arrays.keys(), rows)
        if not self._compressible[asked]:
            return None
        axes = {name: v.shape.index(rows) for name, v in self.variables.items() if rows in v.shape}
        found = compressed(arrays, axes, even)
        return None if found is None else {name: found[name] for name in axes}


def _is_long(value: Any) -> bool:
    """Whether looking at the entries first would be a second read of the data."""
    return is_lazy(value) or (isinstance(value, np.ndarray) and value.size >= WORTH_THREADS)


__all__ = ["Bound", "Kernel", "cache_clear", "cache_info", "combined", "compile_nodes"]
