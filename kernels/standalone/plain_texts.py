"""Expressions as NumPy source in a solver file: for what is evaluated a few times, and not worth a compilation.

The source is that of `notation.code`, under names of our own: names of the user's are strings in the file.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping

from ...node import Node
from ...notation.code import named_code
from ...notation.matrix import to_tree
from ...notation.text import write
from .writing import in_tuple

#: Longer formulas are left out.
LONGEST = 88


class _Renamed(ast.NodeTransformer):
    def __init__(self, names: Mapping[str, str]) -> None:
        self.names = names

    def visit_Name(self, node: ast.Name) -> ast.AST:
        return ast.Name(self.names.get(node.id, node.id), node.ctx)

    def visit_arg(self, node: ast.arg) -> ast.AST:
        return ast.arg(self.names.get(node.arg, node.arg))


def plain_functions(label: str, nodes: Mapping[str, Node]) -> tuple[str, list[str], set[str]]:
    """A function for each output and `label_evaluate` for all: text, the user's names of its inputs, imports."""
    made = [named_code(node, "numpy", f"{label}_{k}") for k, node in enumerate(nodes.values())]
    users = sorted({name for _, names in made for name in names.values()})
    ours = {name: f"v{k}" for k, name in enumerate(users)}
    helpers: dict[str, str] = {}
    imports: set[str] = set()
    functions, calls, needed = [], [], set()
    for node, (text, names) in zip(nodes.values(), made, strict=True):
        for part in ast.parse(text).body:
            if isinstance(part, ast.Import | ast.ImportFrom):
                imports.add(ast.unparse(part))
            elif isinstance(part, ast.FunctionDef) and not part.name.startswith(f"{label}_"):
                helpers[part.name] = ast.unparse(part)
            else:
                assert isinstance(part, ast.FunctionDef)
                text, given = _in_our_names(
                    part, {i: ours[name] for i, name in names.items()}, _formula(node)
                )
                functions.append(text)
                needed |= set(given)
                calls.append(f"{part.name}({', '.join(given)})")
    inputs = [name for name in users if ours[name] in needed]
    head = f"def {label}_evaluate({', '.join(ours[name] for name in inputs)}):"
    told = ", ".join(f"{ours[name]} is {name}" for name in inputs) or "there is nothing to tell"
    evaluate = f'{head}\n    """All of these; {told}."""\n    return {in_tuple(calls)}'
    return "\n\n\n".join([*helpers.values(), *functions, evaluate]), inputs, imports


def _in_our_names(function: ast.FunctionDef, known: Mapping[str, str], formula: str) -> tuple[str, list[str]]:
    """The text of a function whose names are `v…` for inputs and `t…` for parts, and its parameters."""
    stored = [n.id for n in ast.walk(function) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)]
    parts = [name for name in dict.fromkeys(stored) if name not in known]
    names = {**known, **{name: f"t{k}" for k, name in enumerate(parts)}}
    function.args.args += function.args.kwonlyargs
    function.args.kwonlyargs, function.args.kw_defaults = [], []
    function.body[0] = ast.Expr(ast.Constant(formula))
    renamed = _Renamed(names).visit(function)
    return ast.unparse(ast.fix_missing_locations(renamed)), [a.arg for a in renamed.args.args]


def _formula(node: Node) -> str:
    formula = write(to_tree(node)) if node.weight <= 24 else ""
    return formula if 0 < len(formula) <= LONGEST else "A longer formula."
