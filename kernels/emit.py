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

from ..sizes import Size, product, tuple_text
from .access import loops_of
from .functions import Function
from .loops import Scope
from .parts import block_arrays, faces, single_arrays
from .program import LINE, Nest, Pass, Program, Step
from .statements import Item
from .sweeps import inside, nest_lines
from .tiles import carried

_HEADER = '''"""Generated kernel: {summary}."""

import math

import numpy as np

from derive.kernels.{library} import (
    {imports},
)
'''
LIBRARY = (
    "accumulate acos acosh add_rows add_then_dot add_then_keep alongside asin asinh assign atan atanh cholesky clear "
    "compiled cos cosh cosigmoid cross_rows cross_rows_about cross_rows_symmetric digamma dot_rows eliminate empty "
    "erf erfc exp expm1 form_rows form_rows_about full_width gemm gemm_add gemm_add_ahead gemm_ahead inner larger "
    "lgamma log log1p mirror mix_rows moments_rows moments_rows_about polygamma potrf potri potrs room_alongside "
    "shaped sigmoid sin sinh smaller softplus sqrt syrk syrk_ahead take taken tan tanh trigamma turn_rows "
    "twice_weighted_products weighted_products"
).split()


def source(program: Program, dtype: str = "float64", library: str = "library") -> str:
    """The text of the module, and where the functions come from that it calls: `library`, `plain` or `rough`."""
    return _Module(program, dtype, rough=library == "rough").text(library)


def functions_alone(program: Program) -> str:
    """The functions for a file that has none of our library, with fewer of them: each costs a tenth of a second there.

    There is no `evaluate_into`, and nothing for threads.
    """
    return _Module(program, "float64", alone=True).body()


def _added_up(counts: Mapping[str, int]) -> str:
    """The text of a sum of texts; SymPy would sort it first, which takes a while for many."""
    number = sum(int(text) * times for text, times in counts.items() if text.isdigit())
    parts = []
    for text, times in counts.items():
        if not text.isdigit():
            parts.append(text if times == 1 else f"{times}*({text})" if " " in text else f"{times}*{text}")
    return " + ".join([*parts, str(number)] if number or not parts else parts)


class _Module:
    def __init__(self, program: Program, dtype: str, alone: bool = False, rough: bool = False) -> None:
        self.program, self.dtype, self.alone, self.rough = program, dtype, alone, rough
        self.names = program.names
        self.functions: list[tuple[Function, str]] = []
        self.driver: list[str] = []
        self.passed: set[str] = set()
        self._block = ""
        self._places: dict[tuple[Item, ...], list[tuple[Item, str, str]]] = {}

    def body(self) -> str:
        """The functions of `functions_alone`."""
        self._all()
        return "\n\n\n".join(
            [*loops_of(self.program.statements.values()), *(f.text(comment) for f, comment in self.functions)]
        )

    def _all(self) -> Function:
        """All functions; returns `evaluate`."""
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
        return self._evaluate()

    def text(self, library: str) -> str:
        program, evaluate = self.program, self._all()
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
            functions = {f.name: f for f, _ in self.functions}
            blocks = block_arrays(program, self.names, functions)
            constants.append(f"BLOCKS = {blocks!r}  # the inputs that may be given block by block")
            singles = single_arrays(program, self.names, functions, blocks or ())
            constants.append(f"SINGLES = {singles!r}  # those that may be in single precision")
        parts.append("\n".join(constants))
        body = "\n\n\n".join(parts)
        words = set(re.findall(r"\w+", body))
        used = [name for name in LIBRARY if name in words]
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
                source = self.names[item]
                lines.append(f"{name} = {source}.copy()" if self.alone else f"assign({name}, {source})")
        return lines

    def _evaluate(self) -> Function:
        """The functions that do everything."""
        program, into = self.program, self._into()
        results = [self._result(item) for item in program.outputs]
        inputs = [self.names[Item(v)] for v in program.inputs]
        inputs += [program.sizes.names[s] for s in program.size_inputs]
        comment = "Everything: rows in chunks, chunks reduced in a fixed tree"
        body = [*self._prelude(), *self.driver]
        if self.alone:
            made = [line for line in self._made() if line[0] != "o"]  # sums are copied where they are known
            body = [*self._prelude(), *made, *self.driver, *self._copied()]
            results = [into.get(k, r) for k, r in enumerate(results)]
        elif into:
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
        return tuple_text([self._size(s) for s in sizes])

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
        return Scope(self.program, self.dtype, block, self.rough)

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
        text = inside(sweep, scope, fetching=not self.alone)
        self._block = text.rows
        scalars = [i for i in sweep.sums if i.node.order == 0]
        offsets = {item: start for item, start, _ in self._offsets(sweep.sums)}
        lines = [f"{self.names[i]} = 0.0" for i in scalars] + text.lines
        lines += [f"acc[{offsets[i]}] += {self.names[i]}" for i in scalars]
        body = [*([] if self.alone else ["full_width()"]), *self._unpacked(sweep.sums, whole=False)]
        body += [f"block = {text.rows}", *scope.declarations]
        body += [*text.head, "for b in range(lo, hi, block):", "    m = min(block, hi - b)"]
        body += [f"    {line}" for line in [*lines, *text.tail]] + text.end
        function = Function(f"partial{suffix}", body, [], ["lo", "hi", "acc"])
        for item in sweep.written:
            name = "v" + self.names[item][1:]
            function.body = [re.sub(rf"\bout_{name}\b", f"w{name[1:]}", line) for line in function.body]
        extra = [f"w{self.names[item][1:]}" for item in sweep.written]
        function.arguments = [*function.arguments, *extra]
        self.functions.append((function, "Rows lo to hi, added into acc."))
        self._sweep(sweep, function)

    def _sweep(self, sweep: Pass, function: Function) -> None:
        """The driver's lines for one pass: chunks in order, combined as a binary tree."""
        assert self.program.data_size is not None
        n = self._size(self.program.data_size)
        add = self.driver.append
        for item in sweep.written:
            number = self.names[item][1:]
            add(f"w{number} = empty({self._shape(item.node.shape)}, np.{self.dtype})")
        add(f"chunks = max(1, min(64, {n} // 1024))")
        add("chunks -= chunks % (8 if chunks > 15 else 2 if chunks > 1 else 1)")
        add(f"rows = -(-{n} // (8 * chunks)) * 8")
        add(f"chunks = -(-{n} // rows)")
        # Explicit loops: array expressions would cost a second of compile time for their error messages.
        add(f"width = {self._room(sweep.sums)}")
        add("tree = empty((1 if chunks == 1 else 8, width), np.float64)")
        add("depth = 0")
        add("for chunk in range(chunks):")
        add("    clear(tree[depth])")
        call = function.call(lo="chunk * rows", hi=f"min({n}, (chunk + 1) * rows)", acc="tree[depth]")
        add(f"    {call}")
        if self.alone:
            add("    depth = combined(tree, depth + 1, chunk, chunks)")
            add("acc = tree[0]")
            for item in sweep.written:
                add(f"{self.names[item]} = w{self.names[item][1:]}")
            return
        add("    depth += 1")
        add("    pairs = chunk + 1")
        add("    while depth > 1 and (pairs % 2 == 0 or chunk == chunks - 1):")
        add("        accumulate(tree[depth - 2], tree[depth - 1])")
        add("        depth -= 1")
        add("        pairs //= 2")
        add("acc = tree[0]")
        for item in sweep.written:
            add(f"{self.names[item]} = w{self.names[item][1:]}")
