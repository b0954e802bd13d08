"""A solver as one readable file: the statement and its derivatives, kernels, optimizer, certificate, command line.

The file needs NumPy, SciPy and numba, and nothing of this project. Kernels are the generated source of `emit`;
everything else is the source of functions that run here too (`bundle`). Names of the user's appear in the
docstring and as strings in tables, never as code. The same problem gives the same text, byte for byte.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sympy

from ..build import add, inner
from ..differentiate import gradients, jacobian
from ..errors import ArgumentError, UnsupportedError
from ..evaluate import has_access
from ..node import Node, Variable, variable
from ..problem import Problem
from ..reparametrise import Reparametrised, reparametrise
from ..sizes import ONE, Size
from . import standalone
from .bundle import Bundle
from .certificate import certify
from .compile import compile_nodes
from .kkt import certify_kkt, functions_of
from .optimizers import METHODS, interior_point, method
from .oracle import VALUE, Oracle, direction_name, gradient_key, hessian_key, hvp_key, oracle_of, stacked
from .standalone_text import CONSTRAINED, FREE, HEADER, LIBRARY, MAIN, SQUARES, TABLES

#: How a run of each method begins, in the names of the generated file.
BEGIN = {
    **dict.fromkeys(("newton", "newton-cholesky", "dogleg"), "start(x, f, g, oracle.hessian(x))"),
    **dict.fromkeys(("levenberg-marquardt", "gauss-newton"), "start(x, oracle.residual_jacobian)"),
    "newton-cg": "start(x, f, g)",
    "lbfgs": "start(x, f, g, np.ones(x.size), 10)",
    **dict.fromkeys(("bfgs", "gradient-descent"), "start(x, f, g, np.ones(x.size))"),
    **dict.fromkeys(
        (
            "nonlinear-cg",
            "nesterov",
            "gradient-descent-fixed",
            "gradient-descent-armijo",
            "gradient-descent-wolfe",
        ),
        "start(x, f, g, 1.0 / max(1.0, float(np.sqrt(g @ g))))",
    ),
}


def codegen(problem: Problem, *, method: str | None = None) -> str:
    """The text of a standalone solver for a problem.

    method  the optimizer, by our name or SciPy's; chosen from the structure of the problem if None

    Raises `UnsupportedError` for methods and shapes that a standalone file cannot have.

    >>> import derive as dv
    >>> loss = dv.parse("sumsq(X @ w - y)/2", variables={"X": ("n", "d"), "y": ("n",), "w": ("d",)})
    >>> text = dv.codegen(dv.minimize(loss, over="w"))
    >>> text.splitlines()[1]
    '\"\"\"A solver for one problem, generated from its statement.'
    """
    return _File(problem, method).text()


@dataclass
class _Kernels:
    """Generated kernels under names of their own, and the helper functions that they use."""

    texts: list[str] = field(default_factory=list)
    tables: list[str] = field(default_factory=list)
    used: set[str] = field(default_factory=set)
    checks: bool = False
    rows: str = ""

    def add(self, label: str, nodes: Mapping[str, Node], unknowns: Sequence[str], comment: str) -> None:
        """One kernel: its functions are called `label_…`, and its inputs and outputs are tables of strings."""
        kernel = compile_nodes(nodes, unknowns=list(unknowns))
        program = kernel.program
        self.checks |= has_access(list(nodes.values()))
        head, _, body = kernel.source.partition("\n\n\n")
        self.used |= set(re.findall(r"^    (\w+),?$", head.partition("import (")[2], re.M))
        for end in ("def part(", "INTO = "):  # what standalone files have no use for
            body = body.partition(f"\n\n\n{end}")[0].rstrip() + "\n"
        body = re.sub(
            r"\b(partial|before|between|after|evaluate_into|evaluate)((?:_\d+)?)\(",
            lambda m: f"{label}_{m.group(1)}{m.group(2)}(",
            body,
        )
        self.texts.append(f"# {comment}\n\n\n{body.rstrip()}")
        inputs = [v.name for v in program.inputs] + [s.name for s in program.size_inputs]
        self.tables.append(f"{label.upper()}_INPUTS = {_tuple(map(repr, inputs))}")
        self.tables.append(f"{label.upper()}_OUTPUTS = {_tuple(map(repr, nodes))}")
        if not self.rows and program.data_size is not None and program.data_size.is_Symbol:
            self.rows = program.data_size.name


class _File:
    """The file in the making."""

    def __init__(self, problem: Problem, wanted: str | None) -> None:
        self.problem, self.posed = problem, problem.posed
        self.kernels = _Kernels()
        errors = {
            name: inspect.getsource(getattr(standalone, name)).rstrip() for name in ("DataError", "SizeError")
        }
        self.bundle = Bundle(errors)
        self.bundle.add(standalone.DataError, standalone.SizeError)
        self.functions: tuple[str, ...] = ()
        constrained = ("interior-point", "trust-constr", "slsqp")
        if (wanted or "").lower() in constrained or (wanted is None and self._on_the_boundary()):
            self.method, self.tail = "interior-point", CONSTRAINED
            self._constrained()
            return
        if self.posed.relations:
            raise ArgumentError(f"method {wanted} takes no constraints; leave the choice to the plan")
        squares = self.posed.squares
        name = method(wanted).name if wanted else None
        if name in ("levenberg-marquardt", "gauss-newton") or (name is None and squares is not None):
            if squares is None:
                raise ArgumentError(f"method {wanted} is for sums of squares in vectors")
            self.method, self.tail = name or "levenberg-marquardt", SQUARES
            self._squares(squares)
        else:
            order = max(v.order for v in self.posed.unknowns)
            self.method, self.tail = name or ("newton" if order <= 1 else "lbfgs"), FREE
            self._free(reparametrise(self.posed.minimised, self.posed.unknowns))

    def _on_the_boundary(self) -> bool:
        """Whether there are constraints, or the optimum of a convex problem may lie where facts end."""
        if self.posed.is_constrained:
            return True
        inward = any(v.facts & {"simplex", "positive"} for v in self.posed.unknowns)
        return inward and self.problem.convexity().status == "convex"

    # ---------------------------------------------------------------- the three ways

    def _optimizer(self) -> None:
        record = METHODS[self.method]
        if self.method not in BEGIN:
            raise UnsupportedError(
                f"method {self.method} has no standalone form; those that have: {', '.join(BEGIN)}"
            )
        self.functions = record.functions
        module = sys.modules[record.step.__module__]
        self.bundle.add(module.start, record.step, certify, Oracle, standalone.descend)

    def _free(self, free: Reparametrised) -> None:
        self.free = free
        names, slopes = self._value_gradient(free)
        record = METHODS[self.method]
        if "hessian" in record.needs:
            self._hessian(free, slopes)
        if "hvp" in record.needs:
            directions = {v: variable(direction_name(v.name), v.shape) for v in free.unknowns}
            along = add(
                [(ONE, inner(g, directions[u])) for u, g in zip(free.unknowns, slopes, strict=True)], ()
            )
            products = dict(
                zip((hvp_key(n) for n in names), gradients(along, list(free.unknowns)), strict=True)
            )
            more = [d.name for d in directions.values()]
            self.kernels.add("hvp", products, [*names, *more], "The Hessian times a direction.")
        self._optimizer()
        self.bundle.add(oracle_of)

    def _value_gradient(self, free: Reparametrised) -> tuple[list[str], list[Node]]:
        names = [v.name for v in free.unknowns]
        slopes = gradients(free.objective, list(free.unknowns))
        nodes = {VALUE: free.objective, **dict(zip(map(gradient_key, names), slopes, strict=True))}
        self.kernels.add("value_gradient", nodes, names, "The objective and its gradient.")
        return names, slopes

    def _hessian(self, free: Reparametrised, slopes: Sequence[Node]) -> None:
        blocks = {
            hessian_key(v.name, u.name): jacobian(slopes[i], u)
            for i, v in enumerate(free.unknowns)
            for u in free.unknowns[i:]
        }
        self.kernels.add("hessian", blocks, [v.name for v in free.unknowns], "The Hessian, in blocks.")

    def _squares(self, squares: Any) -> None:
        self.free = squares.free
        names = [v.name for v in self.free.unknowns]
        self.kernels.add("residual", squares.outputs, names, "Residuals and their Jacobians.")
        self._hessian(self.free, gradients(self.free.objective, list(self.free.unknowns)))
        self.shapes = [t.node.shape for t in squares.terms]
        self.roots = [sympy.sqrt(2 * t.weight) for t in squares.terms]
        self._optimizer()
        self.bundle.add(stacked, oracle_of)

    def _constrained(self) -> None:
        derived = self.posed.constrained
        self.derived, self.free = derived, derived.free
        moving = [v.name for v in derived.problem.unknowns]
        duals = [v.name for v in derived.multipliers]
        add_ = self.kernels.add
        add_("first", derived.first, moving, "The objective, its gradient, and the constraints.")
        if derived.slopes:
            add_("slopes", derived.slopes, moving, "The Jacobians of the constraints.")
        if derived.second:
            add_("second", derived.second, [*moving, *duals], "The Hessian of the Lagrangian, in blocks.")
        wanted = [v.name for v in derived.wanted]
        add_("stated", {VALUE: derived.original}, wanted, "The objective as it was stated.")
        atoms = {str(k): kink.atom for k, kink in enumerate(derived.problem.kinks)}
        if atoms:
            add_("atoms", atoms, moving, "What the slack variables stand for.")
        signs = {str(k): kink.slope for k, kink in enumerate(derived.problem.kinks) if kink.slope is not None}
        if signs:
            add_("signs", signs, moving, "How the objective changes with them; must not be negative.")
        self.bundle.add(
            interior_point.solve, functions_of, certify_kkt, standalone.inside, interior_point.Functions
        )
        source = self.bundle.parts["solve"]
        self.bundle.parts["solve"] = source.replace("def solve(", "def interior_point(", 1)

    # ---------------------------------------------------------------- the text

    def text(self) -> str:
        """All of it."""
        self.bundle.add(
            *(
                getattr(standalone, name)
                for name in (
                    "Statement Solution checked starting_point free_point stated_point caller load_arrays "
                    "save_arrays numbers random_data difference_error"
                ).split()
            )
        )
        parts = [
            HEADER.format(about=self._about()) + "\n".join(self._imports()),
            _title("what kernels call") + self._library(),
            _title("kernels") + "\n\n\n".join(self.kernels.texts),
            _title(f"optimizer ({self.method}), certificate, files") + self.bundle.text(),
            _title("names") + self._tables(),
            _title("the solver") + self._tail(),
            MAIN.rstrip() + "\n",
        ]
        return "\n\n\n".join(part.strip("\n") for part in parts) + "\n"

    def _imports(self) -> list[str]:
        lines = self.bundle.imports
        lines |= {"import argparse", "import math", "import sys", "import numpy as np"}
        lines |= {"from numba import njit"}
        return self.bundle.import_lines()

    def _about(self) -> str:
        """The docstring's text: statement and formulas, nothing in it that could end the string."""
        from ..problem_files import write

        lines = ["The problem:", "", *_indented(write(self.problem)), ""]
        for title, found in (("Gradient", self.problem.gradient), ("Hessian", self.problem.hessian)):
            text = _formulas(found(), list(self.problem.unknowns), second=title == "Hessian")
            lines += [f"{title}:", "", *_indented(text), ""]
        convexity = self.problem.convexity().status
        lines.append(
            f"Method: {self.method}. The problem is {convexity}.".replace(
                "undecided", "of undecided convexity"
            )
        )
        return "\n".join(lines).replace("\\", "\\\\").replace('"""', '\\"\\"\\"')

    def _library(self) -> str:
        """The functions that kernels call, those that are used."""
        flags = '{"reassoc", "contract", "arcp", "nsz"}'
        checks = ", boundscheck=True" if self.kernels.checks else ""
        lines = [f'compiled = njit(fastmath={flags}, error_model="numpy", nogil=True, cache=True{checks})']
        plain = sorted(n for n in self.kernels.used if n in PLAIN)
        lines += [f"{name} = math.{name}" for name in plain]
        texts = ["\n".join(lines)]
        for name in sorted(self.kernels.used - set(plain) - {"compiled"}):
            texts.append(library_text(name))
        return "\n\n\n".join(texts)

    def _tables(self) -> str:
        facts = {v.name: _tuple(map(repr, sorted(v.facts))) for v in self.problem.declared if v.facts}
        freed = {p.constrained.name: repr((p.free.name, _kind(p, self.free))) for p in self.free.parts}
        statement = (
            "STATEMENT = Statement(\n"
            f"    data={_table({v.name: _shape(v) for v in self.posed.given})},\n"
            f"    unknowns={_table({v.name: _shape(v) for v in self.posed.unknowns})},\n"
            f"    facts={_table(facts)},\n"
            f"    free={_table(freed)},\n"
            f"    rows={self.kernels.rows!r},\n"
            f"    maximize={self.posed.sense == 'maximize'},\n"
            ")"
        )
        return TABLES.format(statement=statement, tables="\n".join(self.kernels.tables))

    def _tail(self) -> str:
        if self.tail is CONSTRAINED:
            derived = self.derived
            kinks = derived.problem.kinks
            shapes = {
                kind: "{" + ", ".join(f"{k}: {_sizes(node.shape)}" for k, node in enumerate(nodes)) + "}"
                for kind, nodes in derived.conditions.items()
            }
            return CONSTRAINED.format(
                unknowns=_table({v.name: _sizes(v.shape) for v in derived.problem.unknowns}, 8),
                multipliers=_table({v.name: _sizes(v.shape) for v in derived.multipliers}, 8),
                equality=shapes["equality"],
                inequality=shapes["inequality"],
                linear=derived.linear,
                quadratic=derived.quadratic,
                slopes=_called("slopes", bool(derived.slopes)),
                second=_called("second", bool(derived.second)),
                atoms=_called("atoms", bool(kinks)),
                signs=_called("signs", any(k.slope is not None for k in kinks)),
                slacks=_tuple(repr((k.slack.name, k.sign)) for k in kinks),
            )
        unknowns = _table({v.name: _sizes(v.shape) for v in self.free.unknowns}, 8)
        begin = BEGIN[self.method]
        names = _tuple(map(repr, self.functions))
        if self.tail is SQUARES:
            return SQUARES.format(
                unknowns=unknowns,
                begin=begin,
                functions=names,
                shapes=_tuple(map(_sizes, self.shapes)),
                roots=_tuple(f"float({_size(r)})" for r in self.roots),
            )
        return FREE.format(
            unknowns=unknowns,
            begin=begin,
            functions=names,
            hessian=_called("hessian", "hessian" in METHODS[self.method].needs, none="None"),
            hvp=_called("hvp", "hvp" in METHODS[self.method].needs, none="None"),
        )


PLAIN = (
    "acos acosh asin asinh atan atanh cos cosh erf erfc exp expm1 lgamma log log1p sin sinh sqrt tan tanh"
).split()


def library_text(name: str) -> str:
    """The source of a function that kernels call, without LLVM: that of the library where it is plain Python."""
    from . import library

    if name in LIBRARY:
        return LIBRARY[name].strip("\n")
    source = inspect.getsource(getattr(library, name).py_func)
    return "@compiled\n" + source[source.index("def ") :].rstrip()


def _called(label: str, there: bool, none: str = "lambda unknowns: {}") -> str:
    """The kernel of that label on the data, or what stands for one that is not needed."""
    upper = label.upper()
    return f"caller({label}_evaluate, {upper}_INPUTS, {upper}_OUTPUTS, given)" if there else none


def _kind(part: Any, free: Reparametrised) -> str:
    """How an unknown is freed: "" where it is as stated."""
    facts = part.constrained.facts
    if part.free is part.constrained or part.free.name == part.constrained.name:
        return ""
    return next(k for k in ("simplex", "positive", "pd") if k in facts)


def _shape(v: Variable) -> str:
    entries = []
    for size in v.shape:
        if size.is_Symbol:
            entries.append(repr(size.name))
        elif size.is_Integer:
            entries.append(str(int(size)))
        else:
            raise UnsupportedError(
                f"{v.name} has the size {size}; a standalone file takes names and numbers alone: declare a name for it"
            )
    return _tuple(entries)


def _size(size: Any) -> str:
    """A number made of sizes, as source; names of sizes are strings in it."""
    symbols = sorted(size.free_symbols, key=str)
    marks = {s: sympy.Symbol(f"size{k}mark", positive=True, integer=True) for k, s in enumerate(symbols)}
    text = sympy.pycode(size.xreplace(marks), fully_qualified_modules=True)
    for s, mark in marks.items():
        text = re.sub(rf"\b{mark.name}\b", lambda _, s=s: f"sizes[{s.name!r}]", text)  # type: ignore[misc]
    return str(text)


def _sizes(shape: Sequence[Size]) -> str:
    return _tuple(map(_size, shape))


def _tuple(texts: Any) -> str:
    found = list(texts)
    return "(" + ", ".join(found) + ("," if len(found) == 1 else "") + ")"


def _table(entries: Mapping[str, str], indent: int = 4) -> str:
    """A dict as text: names as strings, values as given."""
    if not entries:
        return "{}"
    pad = " " * indent
    return "{\n" + "".join(f"{pad}    {name!r}: {text},\n" for name, text in entries.items()) + pad + "}"


def _indented(text: str) -> list[str]:
    return [f"    {line}".rstrip() for line in text.rstrip().split("\n")]


def _title(words: str) -> str:
    return f"# {'-' * 70} {words}\n\n"


def _formulas(found: Any, names: Sequence[str], second: bool) -> str:
    """Derivatives as text, several with a label each."""
    if not isinstance(found, list):
        return "\n".join(found.lines())
    lines = []
    for i, name in enumerate(names):
        row = found[i] if second else [found[i]]
        for j, block in enumerate(row):
            label = f"{name}, {names[j]}" if second else name
            if not second or j >= i:
                lines.append(f"{label}: " + "\n".join(block.lines()))
    return "\n".join(lines)
