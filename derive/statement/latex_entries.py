"""Names and subscripts in LaTeX formulas: what a name stands for, and which entries an index picks.

x_i        an entry of a vector, or row i of a matrix as a column; also row i of X where x is not declared
W_{ij}     an entry
\\Sigma_k  matrix k of a declared tensor
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import sympy

from ..build import einsum, number
from ..errors import (
    AmbiguityError,
    DeriveError,
    LimitError,
    ParseError,
    SizeError,
    UnsupportedError,
)
from ..limits import NODES
from ..sizes import Size, as_size, same_size
from . import latex_values as lv
from .functions import FUNCTIONS
from .indexing import Span, index
from .latex_names import Label, Name, Names, Unbound
from .latex_tree import Tree
from .latex_values import Value
from .position import at
from .signature import bounded

#: Different constants such as √2 in one formula; those such as 1/(n + 1) count tenfold. SymPy takes its time.
CONSTANTS = 200


class Entries:
    """The values of the parts of one formula. `local` holds names that are defined behind it."""

    def __init__(self, text: str, names: Names, local: Mapping[str, Tree] | None = None) -> None:
        self.text, self.names = text, names
        self.local = dict(local or {})
        self.indices: dict[str, tuple[str, ...]] = {}  # of names that are defined entry by entry, p_i = …
        self.picked: set[str] = set()  # names from which the formula picks entries
        self.done: dict[str, Value] = {}
        self.under_way: list[str] = []
        self.scope: dict[str, Size] = {}  # indices that run, and over how many places
        self.first: dict[str, int] = {}  # where they begin, counted from 0
        self.work = self.cost = 0
        self.constants: set[sympy.Expr] = set()

    def value(self, tree: Tree) -> Value:
        """The value of a part; errors say where it stands."""
        self.work += 1
        if self.work > NODES:
            raise at(LimitError("the formula has too many parts"), self.text, tree.start)
        try:
            method = getattr(self, f"_{tree.kind}")
            found: Value = method(tree)
            bounded(found.node, "the formula")
            self.count(lv.constant(found))
            return found
        except AmbiguityError as error:
            if error.text:
                raise
            raise AmbiguityError(error.problem, error.readings, self.text, tree.start, error.remedy) from None
        except ParseError:
            raise
        except DeriveError as error:
            if getattr(error, "text", ""):
                raise
            raise at(error, self.text, tree.start, self.text[tree.start : tree.end]) from None
        except (OverflowError, ZeroDivisionError, ValueError, TypeError, MemoryError) as error:
            problem = LimitError(f"a constant that cannot be worked out ({type(error).__name__})")
            raise at(problem, self.text, tree.start, self.text[tree.start : tree.end]) from None

    def count(self, constant: sympy.Expr | None) -> None:
        """Count the different constants that are no fractions."""
        if constant is None or constant.is_Rational or constant.is_Symbol or constant in self.constants:
            return
        self.constants.add(constant)
        self.cost += 10 if constant.has(sympy.Add) else 1
        if self.cost > CONSTANTS:
            raise LimitError("too many constants that are no fractions")

    def spelled(self, tree: Tree) -> str:
        """A part in the text language where it is a name; as it is written otherwise."""
        while tree.kind == "group":
            tree = tree.args[0]
        if tree.kind == "name":
            return self.names.lookup(tree.data) or tree.data.shown
        return " ".join(self.text[tree.start : tree.end].split())[:60]

    # ------------------------------------------------------------ names

    def _number(self, tree: Tree) -> Value:
        return Value(number(tree.data), "scalar")

    def _declared(self, tree: Tree) -> Value:
        return self.by_name(str(tree.data))

    def by_name(self, name: str) -> Value:
        """A declared variable or size."""
        if name in self.names.variables:
            return lv.value_of(self.names.variables[name])
        return Value(number(self.names.sizes[name]), "scalar")

    def find(self, name: Name, position: int) -> Value | None:
        """What a name stands for, or None."""
        key = name.shown
        if key in self.local:
            if self.names.lookup(name, self.text, position) is not None:
                raise AmbiguityError(
                    f"`{key}` is declared and defined in the formula",
                    (),
                    self.text,
                    position,
                    "rename one of them",
                )
            return self.defined(key, position)
        declared = self.names.lookup(name, self.text, position)
        if declared is not None and (declared in self.names.variables or declared in self.names.sizes):
            return self.by_name(declared)
        return None

    def defined(self, key: str, position: int) -> Value:
        """The value of a name that is defined behind the formula."""
        if key not in self.done:
            if key in self.under_way:
                raise ParseError(f"`{key}` is defined by itself", self.text, position)
            self.under_way.append(key)
            scope, self.scope = self.scope, {}  # no index of the formula means anything there
            self.done[key] = self.by_entries(self.local[key], self.indices.get(key, ()))
            self.scope = scope
            self.under_way.pop()
        return self.done[key]

    def by_entries(self, tree: Tree, indices: tuple[str, ...], bound: tuple[str, ...] = ()) -> Value:
        """The array of what a formula gives for every value of the indices; they run as far as they pick."""
        if not indices:
            value = self.value(tree)
            if not bound:
                return value
            node = lv.arranged(value, bound, self.scope)
            return Value(node, {1: "column", 2: "matrix"}.get(node.order, "tensor"))
        outer = self.scope
        problem = SizeError(f"nothing says how far {indices[0]} runs")
        for size in self.axes_of(tree, indices[0]):
            self.scope = {**outer, indices[0]: size}
            try:
                return self.by_entries(tree, indices[1:], (*bound, indices[0]))
            except SizeError as error:
                problem = error
            finally:
                self.scope = outer
        raise at(problem, self.text, tree.start)

    def axes_of(self, body: Tree, name: str) -> list[Size]:
        """The sizes of the axes that an index picks from."""
        raise NotImplementedError

    def _name(self, tree: Tree) -> Value:
        name: Name = tree.data
        found = self.find(name, tree.start)
        if found is not None:
            return found
        if not name.accent and not name.mark:
            if name.base == "pi":
                return Value(number(sympy.pi), "scalar")
            if name.base == "I":
                return lv.identity(None)
            if name.base == "e":
                return Value(number(sympy.E), "scalar")
            if name.base in self.scope:
                problem = UnsupportedError(f"the index {name.base} as a number")
                raise at(problem, self.text, tree.start)
        if name.accent == "bar" and (mean := self.mean_of(name, tree)) is not None:
            return mean
        if name.mark == "prime":
            raise self.names.unknown(name, self.text, tree.start)
        raise self.names.unknown(name, self.text, tree.start)

    def mean_of(self, name: Name, tree: Tree) -> Value | None:
        """`\\bar x` where the formula picks x_i: the mean of what i runs over; None where no x is declared."""
        plain, capital = (
            None if key in self.names.sizes and key not in self.names.variables else self.find(n, tree.start)
            for n in (Name(name.base), Name(name.base).capital())
            for key in [self.names.lookup(n)]
        )
        rows = capital if name.capital().base != name.base and capital and capital.kind == "matrix" else None
        readings = [(f"mean({name.base})", plain)] if plain and plain.kind == "column" else []
        readings += [(f"mean({name.capital().base}, axis=0)", rows)] if rows else []
        if len(readings) == 1 and name.base in self.picked:
            value = readings[0][1]
            assert value is not None
            kind = "column" if value.kind == "matrix" else "scalar"
            return Value(FUNCTIONS["mean"](value.node, axis=0), kind)
        if not readings and (plain is None or plain.kind == "scalar"):
            return None
        x = self.names.lookup(Name(name.base)) or name.base
        choices = [text for text, _ in readings] or [f"mean({x})"]
        raise AmbiguityError(
            f"`{name.shown}` could be the mean of {x}, or a name of its own",
            (*choices, f"{x}_bar"),
            self.text,
            tree.start,
            f"declare {x}_bar, or define it: …, \\bar {name.base} = \\frac1n\\sum_i {name.base}_i",
        )

    def _ones(self, tree: Tree) -> Value:
        return lv.ones_vector(None)

    def _zeros(self, tree: Tree) -> Value:
        return lv.zeros_vector(None)

    def _prime(self, tree: Tree) -> Value:
        base = tree.args[0]
        if base.kind == "name":
            marked = Name(base.data.base, base.data.accent, "prime")
            found = self.find(marked, tree.start)
            if found is not None:
                return found
        x, value = self.spelled(base), self.value(base)
        if value.kind in ("column", "row", "matrix"):
            return lv.transposed(value)  # no such name is declared: nothing else can be meant
        raise AmbiguityError(
            f"`{self.text[tree.start : tree.end]}` could be the transpose, or a name of its own",
            (f"{x}.T", f"{x}_prime"),
            self.text,
            tree.start,
            "write ^\\top for the transpose",
        )

    def _star(self, tree: Tree) -> Value:
        raise UnsupportedError("`^*` behind something that is not a name")

    # ------------------------------------------------------------ subscripts

    def base_of(self, tree: Tree) -> tuple[Value, bool]:
        """The value a subscript picks from, and whether it was found under its capital name."""
        base = tree.args[0]
        while base.kind == "group" and base.data == "brace":
            base = base.args[0]
        if base.kind == "name":
            found = self.find(base.data, base.start)
            capital = self.find(base.data.capital(), base.start)
            rows = capital is not None and len(capital.core) >= 2
            local = base.data.shown in self.local
            if rows and found and not local and self.names.lookup(base.data) not in self.names.variables:
                found = None  # a size has no entries: k_j beside a size k is row j of K
            if found is not None and not (rows and self.only_rows(found, capital, tree)):
                return found, False
            if capital is not None and rows:
                return capital, True
        return self.value(base), False

    def only_rows(self, vector: Value, matrix: Value | None, tree: Tree) -> bool:
        """Whether x_i can be row i of X alone, since the index runs beyond the vector x that is declared too."""
        if tree.kind != "sub" or matrix is None or len(tree.data) != 1 or vector.kind != "column":
            return False
        label = tree.data[0]
        if label.kind != "name" or label.text not in self.scope:
            return False
        runs = self.scope[label.text]
        return not same_size(vector.core[0], runs) and same_size(matrix.core[0], runs)

    def _sub(self, tree: Tree) -> Value:
        base, labels = tree.args[0], tuple[Label, ...](tree.data)
        if base.kind in ("ones", "zeros", "number"):
            return self._sized(base, labels)
        if base.kind == "name":
            joined = self.names.joined(base.data, labels)
            if joined is not None:
                if any(label.text in self.scope for label in labels):
                    raise AmbiguityError(
                        f"`{self.text[tree.start : tree.end]}` could be the name {joined} or an entry",
                        (joined, f"{base.data.base}[…]"),
                        self.text,
                        tree.start,
                        "rename the index",
                    )
                return self.by_name(joined)
            if base.data == Name("I") and self.find(base.data, base.start) is None and len(labels) == 1:
                return lv.identity(self.size_of(labels[0]))
        for label in labels:
            if label.kind == "other":
                problem = UnsupportedError(
                    f"`{label.text}` in a subscript: entries are picked by letters and numbers"
                )
                raise at(problem, self.text, label.position)
        value, _ = self.base_of(tree)
        return self.entry(value, labels, tree)

    def _sized(self, base: Tree, labels: tuple[Label, ...]) -> Value:
        """`\\mathbf 1_n`, `\\mathbf 0_{n \\times d}` written as two labels, `1_n`."""
        if base.kind == "number" and base.data not in (0, 1):
            raise SizeError("a number has no entries")
        sizes = [self.size_of(label) for label in labels if label.text != "\\times"]
        zeros = base.kind == "zeros" or (base.kind == "number" and base.data == 0)
        if len(sizes) == 1:
            return lv.zeros_vector(sizes[0]) if zeros else lv.ones_vector(sizes[0])
        if len(sizes) != 2:
            raise SizeError("a vector or matrix of ones has one or two sizes")
        column, row = lv.ones_vector(sizes[0]), lv.transposed(lv.ones_vector(sizes[1]))
        found = lv.product(column, row)
        return lv.add([(1, found), (-1, found)]) if zeros else found

    def size_of(self, label: Label) -> Size:
        """A label as a size."""
        if label.kind == "number":
            if int(label.text) < 1:
                raise SizeError("a size is at least 1; a vector of ones or zeros has its size as subscript")
            return as_size(int(label.text))
        declared = self.names.lookup(Name(label.text), self.text, label.position)
        if declared in self.names.sizes and declared is not None:
            return self.names.sizes[declared]
        known = ", ".join(sorted(self.names.sizes))
        raise ParseError(f"`{label.text}` is not a size", self.text, label.position, f"sizes: {known}")

    def entry(self, value: Value, labels: Sequence[Label], tree: Tree) -> Value:
        """Entries, rows or matrices picked by indices."""
        core = value.core
        if value.kind == "scalar":
            raise SizeError(
                "a number has no entries" + (": is the index picked twice?" if value.indices else "")
            )
        if any(lv.is_unknown(s) for s in core):
            raise SizeError("an entry of an array whose size is not known; write I_n or \\mathbf 1_n")
        if len(labels) > len(core):
            raise SizeError(f"{len(labels)} indices for {value.shown}")
        if len(core) == 2 and len(labels) == 1 and labels[0].kind == "number" and len(labels[0].text) == 2:
            i, j = tuple(labels[0].text)
            raise AmbiguityError(
                f"the subscript {i}{j} could be row {i}{j}, or the entry ({i}, {j})",
                (f"X[{int(i + j) - 1}]", f"X[{int(i) - 1}, {int(j) - 1}]"),
                hint=f"write _{{{i},{j}}}",
            )
        axes = list(range(len(labels)))
        if len(core) == 2 and len(labels) == 1 and labels[0].kind == "name" and labels[0].text in self.scope:
            runs = self.scope[labels[0].text]
            if not same_size(core[0], runs) and same_size(core[1], runs):
                axes = [1]
        names = list(value.indices)
        picks: dict[int, str] = {}
        fixed: dict[int, Size | Span] = {}
        for axis, label in zip(axes, labels, strict=True):
            if label.kind == "all":
                continue
            if label.kind == "name" and label.text in self.scope:
                part = self.part(label, core[axis], value)
                if part is not None:
                    fixed[axis] = part
                picks[axis] = label.text
            else:
                fixed[axis] = self.fixed(label, core[axis])
        if fixed:
            n = len(value.indices)
            entries = [*(Span() for _ in range(n)), *(fixed.get(k, Span()) for k in range(len(core)))]
            node = index(value.node, entries)
            kept = [k for k in range(len(core)) if k not in fixed or isinstance(fixed[k], Span)]
        else:
            node, kept = value.node, list(range(len(core)))
        label_of = {name: 1000 + k for k, name in enumerate(dict.fromkeys([*names, *picks.values()]))}
        left = [k for k in kept if k not in picks]
        inputs = (*(label_of[i] for i in names), *(label_of[picks[k]] if k in picks else k for k in kept))
        found = einsum([(node, inputs)], (*label_of.values(), *left))
        kind = {0: "scalar", 1: "column", 2: "matrix"}.get(len(left), "tensor")
        return Value(found, kind, tuple(label_of))

    def part(self, label: Label, size: Size, value: Value) -> Span | None:
        """The part of an axis over which an index runs, None for all of it: i + 1 from i = 1 to n − 1."""
        runs, start = self.scope[label.text], self.first.get(label.text, 0) + label.offset
        if start == 0 and same_size(size, runs):
            return None
        stop = sympy.expand(start + runs)
        if start < 0 or not sympy.expand(size - stop).is_nonnegative:
            shift = f" {'+' if label.offset > 0 else '-'} {abs(label.offset)}" if label.offset else ""
            raise SizeError(
                f"index {label.text}{shift} runs to {stop}, but the axis of {value.shown} has size {size}"
                if start >= 0
                else f"index {label.text}{shift} begins at {start + 1}; entries are counted from 1"
            )
        return Span(sympy.Integer(start), stop)

    def fixed(self, label: Label, size: Size) -> Size:
        """A position, counted from 1, from a number or from the name of the last one."""
        if label.offset:
            raise ParseError(f"the index `{label.text}` is not bound by any sum", self.text, label.position)
        if label.kind == "number":
            if int(label.text) == 0:
                raise ParseError("entries are counted from 1", self.text, label.position)
            return sympy.Integer(int(label.text) - 1)
        declared = self.names.lookup(Name(label.text))
        if declared in self.names.sizes and same_size(self.names.sizes[str(declared)], size):
            return sympy.expand(size - 1)
        hint = f"write \\sum_{label.text}, or declare the name" if len(label.text) < 20 else ""
        raise Unbound(label.text, self.text, label.position, hint)
