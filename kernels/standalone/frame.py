"""What stands around kernels and optimizer in a solver file: docstring, functions that kernels call, tables."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Collection, Sequence
from typing import Any

from ...errors import UnsupportedError
from ...problem import Problem
from ...reparametrise import Reparametrised
from . import once
from .kernel_texts import Kernels
from .library import PLAIN, library_text
from .templates import TABLES
from .writing import formulas, in_table, in_tuple, indented, kind_of, stated_shape

#: What the functions of `once` mention.
IMPORTS = {
    "import copy",
    "import hashlib",
    "import llvmlite.binding",
    "from functools import partial",
    "from pathlib import Path",
    "from numba import njit, types",
    "from numba.core.registry import CPUDispatcher",
    "from collections.abc import Callable",
    "from typing import Any",
}

#: How functions are compiled. The loop keeps the order of operations; what takes states is not kept on disk by itself.
DECORATORS = """
FAST = dict(fastmath={{"reassoc", "contract", "arcp", "nsz"}}, error_model="numpy"{checks})
STRICT = dict(error_model="numpy")
compiled = once(**FAST, nogil=True)  # kernels and their parts; NaN and infinity keep their meaning
strict = once(**STRICT, nogil=True)  # the optimizer: every operation in its order
inner_compiled = once(**FAST, no_cpython_wrapper=True)  # parts of kernels, called by compiled code alone
inner_strict = once(**STRICT, no_cpython_wrapper=True)  # parts of the optimizer, called by compiled code alone
short = njit(**FAST, no_cfunc_wrapper=True)  # compiled into what calls it
inside = njit(**STRICT, no_cfunc_wrapper=True, inline="always")  # put into what calls it, states and all
"""


#: Short functions that are compiled once all the same.
ONCE = ("empty", "combined", "clear")
#: The decorators among these names.
MARKS = set(re.findall(r"^(\w+) = (?:once|njit)", DECORATORS, re.M))


def about(problem: Problem, method: str) -> str:
    """The docstring's text: statement and formulas, nothing in it that could end the string."""
    from ...problem_files import write

    lines = ["The problem:", "", *indented(write(problem)), ""]
    for name, found in (("Gradient", problem.gradient), ("Hessian", problem.hessian)):
        text = formulas(found(), list(problem.unknowns), second=name == "Hessian")
        lines += [f"{name}:", "", *indented(text), ""]
    convexity = problem.convexity().status.replace("undecided", "of undecided convexity")
    lines.append(f"Method: {method}. The problem is {convexity}.")
    return "\n".join(lines).replace("\\", "\\\\").replace('"""', '\\"\\"\\"')


def compiling() -> str:
    """How functions are compiled once, not in every caller."""
    source = inspect.getsource(once)
    return source[source.index("#: The text of this file") :].rstrip().replace("  # type: ignore[misc]", "")


def library(used: Collection[str], checks: bool) -> str:
    """The decorators, and the functions that kernels call, those that are used.

    Short ones are compiled into their callers, where they become vectors; those with loops in loops once.
    """
    plain = sorted(n for n in used if n in PLAIN)
    lines = [DECORATORS.strip("\n").format(checks=", boundscheck=True" if checks else "")]
    lines += [f"{name} = math.{name}" for name in plain]
    texts = ["\n".join(lines)]
    for name in sorted(set(used) - set(plain) - {"compiled"}):
        text = library_text(name)
        texts.append(text if _nested(text) or name in ONCE else text.replace("@compiled\n", "@short\n", 1))
    return "\n\n\n".join(texts)


def with_ways_in(text: str) -> str:
    """The text of a file, where what Python does not mention by name is compiled without a way in from Python."""
    tree, lines = ast.parse(text), text.split("\n")
    marked = {f: d.id for f in tree.body for d in getattr(f, "decorator_list", ()) if isinstance(d, ast.Name)}
    python = [n for n in tree.body if marked.get(n) not in MARKS]
    called = {n.id for each in python for n in ast.walk(each) if isinstance(n, ast.Name)}
    for f, mark in marked.items():
        if isinstance(f, ast.FunctionDef) and mark in ("compiled", "strict") and f.name not in called:
            lines[f.lineno - 2] = f"@inner_{mark}"
    used = {line[1:] for line in lines if line.startswith("@")}
    made = re.compile(rf"({'|'.join(MARKS - used) or '-'}) = ")
    kept = "\n".join(line for line in lines if not made.match(line))
    _no_name_twice(ast.parse(kept))
    return kept


def _no_name_twice(tree: ast.Module) -> None:
    """Refuse a file whose parts, gathered from several places, would give one name two meanings."""
    names = [f.name for f in tree.body if isinstance(f, ast.FunctionDef | ast.ClassDef)]
    targets = [t for a in tree.body if isinstance(a, ast.Assign) for t in a.targets]
    names += [n.id for t in targets for n in ast.walk(t) if isinstance(n, ast.Name)]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UnsupportedError(f"the standalone file would need two meanings of {', '.join(twice)}")


def _nested(text: str) -> bool:
    """Whether there is a loop inside a loop."""
    loops = [n for n in ast.walk(ast.parse(text)) if isinstance(n, ast.For | ast.While)]
    return any(isinstance(n, ast.For | ast.While) for loop in loops for n in ast.walk(loop) if n is not loop)


def tables(problem: Problem, free: Reparametrised, kernels: Kernels, more: Sequence[str]) -> str:
    """Names and shapes of the statement, as strings, and the further tables of the file."""
    posed = problem.posed
    facts = {v.name: in_tuple(map(repr, sorted(v.facts))) for v in problem.declared if v.facts}
    freed: dict[str, Any] = {p.constrained.name: repr((p.free.name, kind_of(p, free))) for p in free.parts}
    statement = (
        "STATEMENT = Statement(\n"
        f"    data={in_table({v.name: stated_shape(v) for v in posed.given})},\n"
        f"    unknowns={in_table({v.name: stated_shape(v) for v in posed.unknowns})},\n"
        f"    facts={in_table(facts)},\n"
        f"    free={in_table(freed)},\n"
        f"    rows={kernels.rows!r},\n"
        f"    maximize={posed.sense == 'maximize'},\n"
        f"    idle={in_table({v.name: stated_shape(v) for v in posed.idle})},\n"
        ")"
    )
    return TABLES.format(statement=statement, tables="\n".join([*kernels.tables, *more]))
