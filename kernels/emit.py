"""Program -> readable, deterministic Python source within the subset that numba compiles.

The text uses names of our own only: `v…` arrays and numbers, `n…` sizes, `i…` loop indices, `b` the first
row of a block and `m` its length. One module holds

    before(…)            small work that needs no data of full length
    partial(lo, hi, …)   rows lo to hi, block by block, added into the flat array `acc`
    after(…)             small work on the sums
    evaluate_into(…)     all of it: rows in chunks, chunks reduced in a fixed tree, into given arrays
    evaluate(…)          the same into new arrays

With several passes over the data the functions of pass k carry the suffix `_k`.
Nothing here decides what is computed where; that is in `schedule` and `program`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from ..node import Variable
from ..sizes import Size, product
from .access import called, cholesky_factors, gathered, loops_of, put_together, running, scattered
from .axes import along_axes
from .functions import Function
from .gram import NARROW
from .loops import Scope, fused, reshaped
from .matrices import matrix_functions
from .parts import block_arrays, faces
from .products import product_lines
from .program import LINE, Nest, Pass, Program, Step
from .reuse import reusable
from .sampled import chains
from .statements import Item
from .symmetric import gram_lines
from .tiles import carried, lag_of
from .turned import Joined, joined, turned_rows

_HEADER = '''"""Generated kernel: {summary}."""

import math

import numpy as np

from derive.kernels.{library} import (
    {imports},
)
'''
_LIBRARY = (
    "accumulate acos acosh add_rows add_then_dot asin asinh assign atan atanh cholesky clear compiled cos "
    "cosh cosigmoid cross_rows cross_rows_about cross_rows_symmetric digamma dot_rows eliminate empty erf "
    "erfc exp expm1 form_rows form_rows_about full_width gemm gemm_add gemm_add_ahead gemm_ahead inner "
    "larger lgamma log log1p mirror mix_rows moments_rows moments_rows_about polygamma potrf potri potrs "
    "shaped sigmoid sin sinh smaller softplus sqrt syrk syrk_ahead take taken tan tanh trigamma turn_rows "
    "twice_weighted_products weighted_products"
).split()
#: Rows of a block for a symmetric update by BLAS: OpenBLAS takes a sixth longer where they are a multiple of 256.
GRAM_ROWS = 176


def source(program: Program, dtype: str = "float64", library: str = "library") -> str:
    """The text of the module."""
    return _Module(program, dtype).text(library)


def nest_lines(nest: Nest, scope: Scope) -> list[str]:
    """The lines of a nest."""
    first = nest.statements[0]
    turned = turned_rows(first, scope) if len(nest.statements) == 1 else None
    if turned is not None:
        return turned
    if first.kind == "map" or (first.kind == "sum" and nest.orders[0]):
        return fused(nest, scope)
    if first.kind == "rows":
        name, given = scope.names[first.target], scope.names[first.reads[0].item]
        return [f"{name} = {given}[b:b + m]"]
    if first.kind == "sum":
        return product_lines(first, scope)
    if first.kind == "gram":
        return gram_lines(first, scope)
    if first.kind == "pieces":
        return put_together(first, scope)
    if first.kind == "gather":
        return gathered(first, scope)
    if first.kind == "scatter":
        return scattered(first, scope)
    if first.kind == "call":
        return called(first, scope)
    if first.op in ("cumsum", "cumsum_back"):
        return running(first, scope)
    if first.op == "cholesky":
        return cholesky_factors(first, scope)
    if first.kind == "axis":
        return along_axes(nest.statements, scope)
    if first.kind == "matrix":
        return matrix_functions(nest, scope)
    assert first.kind == "reshape"
    return reshaped(first, scope)


def _added_up(counts: Mapping[str, int]) -> str:
    """The text of a sum of texts; SymPy would sort it first, which takes a while for many."""
    number = sum(int(text) * times for text, times in counts.items() if text.isdigit())
    parts = []
    for text, times in counts.items():
        if not text.isdigit():
            parts.append(text if times == 1 else f"{times}*({text})" if " " in text else f"{times}*{text}")
    return " + ".join([*parts, str(number)] if number or not parts else parts)


class _Module:
    def __init__(self, program: Program, dtype: str) -> None:
        self.program, self.dtype = program, dtype
        self.names = program.names
        self.functions: list[tuple[Function, str]] = []
        self.driver: list[str] = []
        self.passed: set[str] = set()
        self._block = ""
        self._places: dict[tuple[Item, ...], list[tuple[Item, str, str]]] = {}

    def text(self, library: str) -> str:
        program = self.program
        several = sum(step.sweep is not None for step in program.steps) > 1
        pending: list[Item] = []  # sums of the last pass, still inside `acc`
        for k, step in enumerate(program.steps):
            last = k == len(program.steps) - 1
            suffix = f"_{k}" if several else ""
            self._small(step, pending, last, k, suffix)
            pending = []
            if step.sweep is not None:
                self._pass(step.sweep, suffix)
                pending = step.sweep.sums
        evaluate = self._evaluate()
        parts = loops_of(program.statements.values())
        parts += [f.text(comment) for f, comment in self.functions]
        in_parts = self._parts(evaluate)
        parts += in_parts
        constants = [f"INTO = {tuple(self._into())!r}  # the results that evaluate_into takes arrays for"]
        if in_parts:
            (sweep,) = (step.sweep for step in program.steps if step.sweep is not None)
            told = carried(sweep)
            places = tuple(k for k, v in enumerate(program.inputs) if v in told)
            constants.append(f"CARRIES = {places!r}  # the inputs of which every entry is in a sum")
            blocks = block_arrays(program, self.names, {f.name: f for f, _ in self.functions})
            constants.append(f"BLOCKS = {blocks!r}  # the inputs that may be given block by block")
        parts.append("\n".join(constants))
        body = "\n\n\n".join(parts)
        words = set(re.findall(r"\w+", body))
        used = [name for name in _LIBRARY if name in words]
        header = _HEADER.format(summary=self._summary(), library=library, imports=",\n    ".join(used))
        return header + "\n\n" + body + "\n"

    def _into(self) -> dict[int, str]:
        """The results for which the caller may allocate, by position, and the names of their arrays."""
        found: dict[str, int] = {}
        for k, item in enumerate(self.program.outputs):
            if self.names[item] in self.passed:
                found.setdefault(self.names[item], k)
            elif item.node.order and self._is_sum(item):
                found.setdefault(f"o{self.names[item][1:]}", k)
        return {k: name for name, k in found.items()}

    def _is_sum(self, item: Item) -> bool:
        statement = self.program.statements.get(item)
        return statement is not None and statement.accumulates

    def _made(self) -> list[str]:
        """New arrays for them."""
        shapes = {k: self._shape(self.program.outputs[k].node.shape) for k in self._into()}
        return [f"{name} = empty({shapes[k]}, np.{self.dtype})" for k, name in self._into().items()]

    def _copied(self) -> list[str]:
        """Sums that are results, copied out of `acc`: they would keep all of it alive."""
        lines = []
        for k, name in self._into().items():
            item = self.program.outputs[k]
            if name != self.names[item]:
                lines.append(f"assign({name}, {self.names[item]})")
        return lines

    def _evaluate(self) -> Function:
        """The functions that do everything."""
        program, into = self.program, self._into()
        results = [self._result(item) for item in program.outputs]
        inputs = [self.names[Item(v)] for v in program.inputs]
        inputs += [program.sizes.names[s] for s in program.size_inputs]
        comment = "Everything: rows in chunks, chunks reduced in a fixed tree"
        body = [*self._prelude(), *self.driver]
        if into:
            others = [r for k, r in enumerate(results) if k not in into]
            inner = Function("evaluate_into", [*body, *self._copied()], others)
            inner.arguments = [*inputs, *into.values()]
            self.functions.append((inner, f"{comment}; some results into given arrays."))
            results = [into.get(k, f"r{k}") for k in range(len(results))]
            inner.results = [r for k, r in enumerate(results) if k not in into]
            body = [*self._prelude(), *self._made(), inner.call()]
            inner.results = others
        evaluate = Function("evaluate", body, results)
        evaluate.arguments = inputs
        self.functions.append((evaluate, f"{comment}."))
        return evaluate

    def _parts(self, evaluate: Function) -> list[str]:
        """The functions for a single pass in parts; none where there are more, or results as long as the data."""
        sweeps = [step.sweep for step in self.program.steps if step.sweep is not None]
        if len(sweeps) != 1 or sweeps[0].written:
            return []
        functions = {f.name: f for f, _ in self.functions}
        before = functions.get("before")
        arguments = evaluate.arguments[: len(self.program.inputs)]
        return faces(
            functions,
            inputs=", ".join([*self.program.sizes.names.values(), *arguments]),
            made=self._made(),
            state=[*(before.results if before else []), *self._into().values()],
            sums=self._unpacked(sweeps[0].sums, whole=True),
            results=[self._result(item) for item in self.program.outputs],
            room=f"{self._room(sweeps[0].sums)}, {self._block}",
        )

    def _summary(self) -> str:
        passes = sum(step.sweep is not None for step in self.program.steps)
        inputs, outputs = len(self.program.inputs), len(self.program.outputs)
        return f"{outputs} result(s) from {inputs} array(s) in {passes} pass(es) over the data"

    def _result(self, item: Item) -> str:
        name = self.names[item]
        if Item(item.node) in {Item(v) for v in self.program.inputs}:
            return f"{name}.copy()" if item.node.order else name
        return name

    # ---------------------------------------------------------------- sizes and shapes

    def _prelude(self) -> list[str]:
        """Sizes, learnt from the arrays."""
        program = self.program
        lines: list[str] = []
        told = set(program.size_inputs)
        for v in program.inputs:
            for axis, size in enumerate(v.shape):
                if size.is_Symbol and size not in told:
                    told.add(size)
                    lines.append(f"{program.sizes.names[size]} = {self.names[Item(v)]}.shape[{axis}]")
        return lines

    def _size(self, size: Size) -> str:
        return self.program.sizes.integer(size)

    def _shape(self, sizes: Iterable[Size]) -> str:
        parts = [self._size(s) for s in sizes]
        return "(" + ", ".join(parts) + ("," if len(parts) == 1 else "") + ")"

    def _offsets(self, sums: Sequence[Item]) -> list[tuple[Item, str, str]]:
        """(item, text of its first place in `acc`, text of its end), arrays before numbers.

        So the first array begins on the boundary of a cache line, and with it all whose lengths fill lines.
        """
        known = self._places.get(tuple(sums))
        if known is not None:
            return known
        found = []
        counts: Counter[str] = Counter()
        start = "0"
        for item in sorted(sums, key=lambda item: item.node.order == 0):
            counts[self._size(product(item.node.shape))] += 1
            stop = _added_up(counts)
            found.append((item, start, stop))
            start = stop
        self._places[tuple(sums)] = found
        return found

    def _room(self, sums: Sequence[Item]) -> str:
        """The text of how many numbers `acc` has: whole lines, so that those of further chunks begin on one too."""
        places = self._offsets(sums)
        return f"({places[-1][2]} + {LINE - 1}) // {LINE} * {LINE}" if places else "0"

    def _unpacked(self, sums: Sequence[Item], whole: bool) -> list[str]:
        """Lines that name the sums inside `acc`; scalars only where they are read, not added to."""
        lines = []
        for item, start, stop in self._offsets(sums):
            name = self.names[item]
            if item.node.order == 0:
                if whole:
                    lines.append(f"{name} = acc[{start}]")
                continue
            view = f"acc[{start}:{stop}]"
            if item.node.order > 1:
                view = f"shaped({view}, {self._shape(item.node.shape)})"
            if whole and self.dtype != "float64":
                view += f".astype(np.{self.dtype})"
            lines.append(f"{name} = {view}")
            if whole and self.program.statements[item].kind == "gram":
                lines.append(f"mirror({name})")
        return lines

    # ---------------------------------------------------------------- small work

    def _scope(self, block: str | None) -> Scope:
        return Scope(self.program, self.dtype, block)

    def _small(self, step: Step, pending: list[Item], last: bool, k: int, suffix: str) -> None:
        scope = self._scope(None)
        body = self._unpacked(pending, whole=True)
        lines: list[str] = []
        for nest in step.small:
            lines += nest_lines(nest, scope)
        body += scope.declarations + lines
        if not body:
            return
        defined = [*pending, *(s.target for nest in step.small for s in nest.statements)]
        wanted = self._wanted_later(k, last)
        self.passed |= scope.passed
        results = [self.names[i] for i in defined if i in wanted and self.names[i] not in scope.passed]
        name = ("after" if pending and last else "before" if not pending else "between") + suffix
        comment = "Small work on the sums." if pending else "Small work, before any data are read."
        function = Function(name, body, results, ["acc"] if pending else [])
        if results or scope.passed:
            self.functions.append((function, comment))
            self.driver.append(function.call())

    def _wanted_later(self, k: int, last: bool) -> set[Item]:
        """Items that are read after the small work of step k."""
        program = self.program
        wanted = set(program.outputs)
        for j in range(k, len(program.steps)):
            step = program.steps[j]
            groups: list[Nest] = list(step.small) if j > k else []
            if step.sweep is not None:
                groups += step.sweep.nests
            wanted |= {r.item for nest in groups for s in nest.statements for r in s.reads}
        return wanted

    # ---------------------------------------------------------------- passes

    def _pass(self, sweep: Pass, suffix: str) -> None:
        scope = self._scope("block")
        inner: list[str] = []
        head, tail = self._lagged(sweep, scope)
        lag = lag_of(sweep)
        scope.ahead = self._streamed(sweep)
        read = {r.item for nest in sweep.nests for s in nest.statements for r in s.reads}
        scope.placed = {i for i in sweep.written if i.storage == tuple(range(i.node.order)) and i not in read}
        scope.placed &= {s.target for nest in sweep.nests for s in nest.statements if s.kind == "map"}
        pairs = joined(sweep, self.program, self.dtype)
        through = chains(sweep, self.program, self.dtype)
        skipped = pairs.skipped | through.skipped
        if lag is None and not skipped:  # nothing is computed elsewhere than it stands
            scope.reused = reusable(sweep, self.program.used)
        for nest in sweep.nests:
            first = nest.statements[0]
            if (lag is None or not lag.covers(nest)) and first.target not in skipped:
                inner += pairs.lines(first, scope) or through.lines(first, scope) or nest_lines(nest, scope)
        for item in sweep.written:
            if item not in scope.placed:
                inner += self._written(item)
        scalars = [i for i in sweep.sums if i.node.order == 0]
        offsets = {item: start for item, start, _ in self._offsets(sweep.sums)}
        inner = [f"{self.names[i]} = 0.0" for i in scalars] + inner
        inner += [f"acc[{offsets[i]}] += {self.names[i]}" for i in scalars]
        body = ["full_width()", *self._unpacked(sweep.sums, whole=False)]
        self._block = self._block_rows(sweep, scope, pairs)
        body += [f"block = {self._block}", *scope.declarations]
        body += [*head, "for b in range(lo, hi, block):", "    m = min(block, hi - b)"]
        body += [f"    {line}" for line in [*inner, *tail]]
        function = Function(f"partial{suffix}", body, [], ["lo", "hi", "acc"])
        for item in sweep.written:
            name = "v" + self.names[item][1:]
            function.body = [re.sub(rf"\bout_{name}\b", f"w{name[1:]}", line) for line in function.body]
        extra = [f"w{self.names[item][1:]}" for item in sweep.written]
        function.arguments = [*function.arguments, *extra]
        self.functions.append((function, "Rows lo to hi, added into acc."))
        self._sweep(sweep, function)

    def _streamed(self, sweep: Pass) -> list[str]:
        """The blocks of data whose successors products may fetch."""
        blocks = [s for nest in sweep.nests for s in nest.statements if isinstance(s.target.node, Variable)]
        reads = [s.reads[0].item for s in blocks if s.target.row == 0]
        return [f"{self.names[item]}[b:b + m]" for item in reads if item.node.order == 2]

    def _lagged(self, sweep: Pass, scope: Scope) -> tuple[list[str], list[str]]:
        """The products of a lag: the first block's before the loop, the next block's at its end."""
        lag = lag_of(sweep)
        if lag is None:
            return [], []
        (first,), (second,) = lag.dot.statements, lag.add.statements
        scope.declare_target(first)
        names = self.names
        rows, w, r = (names[i] for i in (Item(lag.rows.item.node), lag.by.item, lag.weights.item))
        z, g = names[first.target], names[second.target]
        head = [
            f"# {z}: {first.note}, of the first block",
            f"dot_rows({rows}[lo:min(hi, lo + block)], {w}, {z})",
        ]
        tail = [
            f"# {g}: {second.note}; {z}: {first.note}, of the next block",
            "e = b + m",
            f"add_then_dot({rows}[b:e], {r}, {g}, {rows}[e:min(hi, e + block)], {w}, {z})",
        ]
        return head, tail

    def _block_rows(self, sweep: Pass, scope: Scope, pairs: Joined) -> str:
        """Rows per block: the block stays in the first cache, or in the second where BLAS wants bulk."""
        width: Size = product(())
        for item in sweep.buffers:
            if item not in self.program.used or item in pairs.skipped or item in scope.reused:
                continue  # it lives in a register, or in memory that is counted already
            width = width + product(s for k, s in enumerate(item.node.shape) if k != item.row)
        if any(item.turned for item in sweep.buffers) and not scope.uses_dot:
            return f"max(64, min(224, 8192 // ({self._size(width)}))) // 32 * 32"
        room = 65536 if scope.uses_dot else 4096
        if any(item.node.order > 2 for item in sweep.buffers):  # a row may fill the cache by itself
            return f"max(1, min(256, {room} // ({self._size(width)})))"
        most = "256"
        for statement in (nest.statements[0] for nest in sweep.nests):
            if statement.kind == "gram":
                columns = self._size(statement.sizes[statement.output[0]])
                most = f"({GRAM_ROWS} if {columns} > {NARROW} else 256)"
        return f"max(16, min({most}, {room} // ({self._size(width)}))) // 8 * 8"

    def _written(self, item: Item) -> list[str]:
        """A block copied into the array that is returned."""
        name = self.names[item]
        stored = item.storage
        indices = {axis: f"i{position}" for position, axis in enumerate(stored)}
        lines = []
        for position, axis in enumerate(stored):
            size = "m" if axis == item.row else self._size(item.node.shape[axis])
            lines.append("    " * position + f"for i{position} in range({size}):")
        indices[item.row or 0] = f"b + {indices[item.row or 0]}"
        left = ", ".join(indices[k] for k in range(item.node.order))
        right = ", ".join(f"i{p}" for p in range(item.node.order))
        lines.append("    " * len(stored) + f"out_{name}[{left}] = {name}[{right}]")
        return lines

    def _sweep(self, sweep: Pass, function: Function) -> None:
        """The driver's lines for one pass: chunks in order, combined as a binary tree."""
        assert self.program.data_size is not None
        n = self._size(self.program.data_size)
        add = self.driver.append
        for item in sweep.written:
            number = self.names[item][1:]
            add(f"w{number} = empty({self._shape(item.node.shape)}, np.{self.dtype})")
        add(f"rows = max(1024, -(-{n} // 64))")
        add(f"chunks = -(-{n} // rows)")
        # Explicit loops: array expressions would cost a second of compile time for their error messages.
        add(f"width = {self._room(sweep.sums)}")
        add("tree = empty((1 if chunks == 1 else 8, width), np.float64)")
        add("depth = 0")
        add("for chunk in range(chunks):")
        add("    clear(tree[depth])")
        call = function.call(lo="chunk * rows", hi=f"min({n}, (chunk + 1) * rows)", acc="tree[depth]")
        add(f"    {call}")
        add("    depth += 1")
        add("    pairs = chunk + 1")
        add("    while depth > 1 and (pairs % 2 == 0 or chunk == chunks - 1):")
        add("        accumulate(tree[depth - 2], tree[depth - 1])")
        add("        depth -= 1")
        add("        pairs //= 2")
        add("acc = tree[0]")
        for item in sweep.written:
            add(f"{self.names[item]} = w{self.names[item][1:]}")
