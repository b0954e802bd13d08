"""One source for a loop under Python and compiled: a loop's text with its kernels built in.

numba keeps a function on disk only if the functions it calls are those of its module, not arguments. So a loop
written as `loop(oracle, x, …)` is rewritten: the parameters that are functions go, each call of them is given the
data as further arguments, and the data become the first parameters of the loop. Nothing else changes.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable, Collection, Iterator, Sequence
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


def on_data(function: Callable[..., Any], functions: Collection[str]) -> str:
    """The source of `function`, comments and all, where the parameters `functions` give way to one tuple `data`.

    A call of one of them is given the data as its last argument; handed on to another function, they become the data.
    """
    lines = [line.encode() for line in textwrap.dedent(inspect.getsource(function)).splitlines(keepends=True)]
    starts = [sum(map(len, lines[:k])) for k in range(len(lines))]
    text = b"".join(lines)
    edits: list[tuple[int, int, bytes]] = []
    (made,) = ast.parse(text.decode()).body
    assert isinstance(made, ast.FunctionDef)

    def span(node: ast.AST) -> tuple[int, int]:
        place: Any = node
        return starts[place.lineno - 1] + place.col_offset, starts[
            place.end_lineno - 1
        ] + place.end_col_offset

    def swapped(nodes: Sequence[ast.AST], chosen: Sequence[bool]) -> Iterator[tuple[int, int, bytes]]:
        before, seen = 0, False
        for node, mine in zip(nodes, chosen, strict=True):
            begin, end = span(node)
            if mine and seen:
                yield before, end, b""
            elif mine:
                yield begin, end, b"data"
                seen = True
            before = end

    edits += swapped(made.args.args, [a.arg in functions for a in made.args.args])
    for node in ast.walk(made):
        if not isinstance(node, ast.Call):
            continue
        if isinstance(node.func, ast.Name) and node.func.id in functions:
            end = span(node.args[-1])[1]
            edits.append((end, end, b", data"))
        edits += swapped(node.args, [isinstance(a, ast.Name) and a.id in functions for a in node.args])
    for begin, end, new in sorted(edits, reverse=True):
        text = text[:begin] + new + text[end:]
    return text[starts[made.lineno - 1] :].decode().rstrip()
