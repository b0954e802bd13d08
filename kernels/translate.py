"""Plain loops to LLVM in one walk over their text.

numba translates a function in eleven passes: bytecode, its own instructions, single assignments, types, and then LLVM
instructions, which count references of every array at every step, so that LLVM has twice the code to look at. Generated
text and the loops of solvers need little of this. They are loops, numbers and arrays in which types are seen as the
text is read. What is written otherwise, or has a type that changes on the way, is left to numba as before (`Beyond`).

Functions that are called are found and typed by numba. Numbers mean what they mean to numba, with its error model of
NumPy. Here is what numba's compiler has to do with it; the walk itself is `walk`.
"""

from __future__ import annotations

import ast
import linecache
from functools import lru_cache
from typing import Any

from numba.core.compiler import CompilerBase, DefaultPassBuilder, _LowerResult
from numba.core.compiler_machinery import PassManager
from numba.core.typed_passes import NoPythonBackend

from .expressions import Carried
from .values import Beyond
from .walk import Walk


@lru_cache(maxsize=64)
def _functions(file: str) -> dict[str, ast.FunctionDef | None]:
    """The functions of a file by name; None where two have the same."""
    tree = ast.parse("".join(linecache.getlines(file)))
    found: dict[str, ast.FunctionDef | None] = {}
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            found[node.name] = None if node.name in found else node
    return found


def _written(function: Any) -> ast.FunctionDef:
    code = function.__code__
    node = _functions(code.co_filename).get(function.__name__)
    if node is None or function.__closure__ or function.__defaults__ or function.__kwdefaults__:
        raise Beyond("text")
    if tuple(a.arg for a in node.args.args) != code.co_varnames[: code.co_argcount] or node.args.vararg:
        raise Beyond("parameters")
    return node


def translated(state: Any) -> bool:
    """Whether the function that numba is about to compile has been, into `state`, up to its machine code."""
    carried: set[str] = set()
    try:
        node = _written(state.func_id.func)
        while True:
            try:
                _finish(state, _walked(state, node, carried))
                return True
            except Carried as found:
                if found.name in carried:
                    return False
                carried |= _with(node, found.name)
    except Beyond:
        return False


def _with(node: ast.FunctionDef, name: str) -> set[str]:
    """The name and those that are given together with it."""
    found = {name}
    for target in ast.walk(node):
        if isinstance(target, ast.Tuple) and isinstance(target.ctx, ast.Store):
            names = {e.id for e in target.elts if isinstance(e, ast.Name)}
            found |= names if name in names else set()
    return found


def _walked(state: Any, node: ast.FunctionDef, carried: set[str]) -> Walk:
    """The function as LLVM's text, in a library of its own."""
    library = state.targetctx.codegen().create_library(state.func_id.func_qualname)
    library.enable_object_caching()
    library._reload_init.update(state.reload_init)
    with state.targetctx.push_code_library(library):
        walk = Walk(state, library, node, carried)
        walk.run()
    return walk


def _finish(state: Any, walk: Walk) -> None:
    """Machine code, with a way in from Python where one is wanted."""
    library, described = walk.library, walk.described
    if not state.flags.no_cpython_wrapper:
        with state.targetctx.push_code_library(library):
            walk.context.create_cpython_wrapper(
                library, described, walk.environment, walk.helper, release_gil=state.flags.release_gil
            )
    entry = state.targetctx.get_executable(library, described, walk.environment)
    state.targetctx.insert_user_function(entry, described, [library])
    state.reload_init.extend(library._reload_init)
    state.library, state.return_type, state.type_annotation = library, described.restype, ""
    state["cr"] = _LowerResult(described, walk.helper, cfunc=entry, env=walk.environment)


class Loops(CompilerBase):  # type: ignore[misc]
    """numba's compiler for functions in our own modules, which are looked at here first."""

    def define_pipelines(self) -> list[Any]:
        if not translated(self.state):
            return [DefaultPassBuilder.define_nopython_pipeline(self.state)]
        passes = PassManager("plain loops")
        passes.add_pass(NoPythonBackend, "what numba's dispatcher wants to know")
        passes.finalize()
        return [passes]
