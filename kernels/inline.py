"""One source for a loop under Python and compiled: a loop's text with its kernels built in.

numba keeps a function on disk only if the functions it calls are those of its module, not arguments. So a loop
written as `loop(oracle, x, …)` is rewritten: the parameters that are functions go, each call of them is given the
data as further arguments, and the data become the first parameters of the loop. Nothing else changes.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable, Collection, Sequence
from typing import Any


class _WithData(ast.NodeTransformer):
    def __init__(self, functions: Collection[str], data: Sequence[str]) -> None:
        self.functions, self.data = functions, data

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.func, ast.Name) and node.func.id in self.functions:
            node.args += [ast.Name(d, ast.Load()) for d in self.data]
        return node


def inlined(loop: Callable[..., Any], functions: Collection[str], data: Sequence[str]) -> str:
    """The source of `loop` without type hints, its parameters `functions` replaced by names of the module."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(loop)))
    (made,) = tree.body
    assert isinstance(made, ast.FunctionDef)
    made.decorator_list = [ast.Name("compiled", ast.Load())]
    made.returns = None
    others = [a.arg for a in made.args.args if a.arg not in functions]
    made.args.args = [ast.arg(name) for name in (*data, *others)]
    return ast.unparse(ast.fix_missing_locations(_WithData(functions, data).visit(tree)))
